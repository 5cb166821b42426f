/**
 * The connection that had the last frame: the next one is likely to be its too.
 *
 * Only a connection with a template, about which nothing is unusual, is kept here, and only until
 * something else than a straight way may have changed that: a frame on the general way, a state,
 * an address of ours, one of the flags that tcp/tcb calls UNUSUAL. So netif/straight-in, which
 * asks, needs neither look for it nor look at these again; that saves an interpreter some 470
 * instructions, by which S4x64 costs more than S4 (`npm run bench`).
 */
import { HAS_STRAIGHT } from "../config";

/** The one without timestamps, and the one with: so each finds its way without a branch. */
@unmanaged @final class Expected {
  connection: usize;
  stamped: usize;
}
const EXPECTED: usize = HAS_STRAIGHT ? memory.data(offsetof<Expected>(), 8) : 0;
if (offsetof<Expected>() != 8) ERROR("Expected layout");

@inline function expected(): Expected {
  return changetype<Expected>(EXPECTED);
}

/**
 * The TCB of the connection without timestamps that had the last frame, maybe this one's too; 0 if
 * nothing is known: memory begins there, where no connection is.
 */
@inline export function lastConnection(): usize {
  return expected().connection;
}

/** This connection had a frame. */
@inline export function expectConnection(tcb: usize): void {
  expected().connection = tcb;
}

/** As `lastConnection`, of those with timestamps. */
@inline export function lastStamped(): usize {
  return expected().stamped;
}

/** This connection, which has timestamps, had a frame. */
@inline export function expectStamped(tcb: usize): void {
  expected().stamped = tcb;
}

/** Something may have become unusual. */
@inline export function forgetExpected(): void {
  if (HAS_STRAIGHT) store<u64>(EXPECTED, 0);
}
