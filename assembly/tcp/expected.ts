/**
 * The connection that had the last frame: the next one is likely to be its too.
 *
 * Only a connection with a template, about which nothing is unusual, is kept here, and only until
 * something else than a straight way may have changed that: a frame on the general way, a state,
 * an address of ours, one of the flags that tcp/tcb calls UNUSUAL. So netif/straight-in, which
 * asks, need not look at these again, nor make up the numbers that the next segment has; that saves
 * some 170 instructions of an interpreter.
 */
import { HAS_STRAIGHT } from "../config";

@unmanaged @final class Expected {
  /** Its TCB. Memory begins with 0, where no connection is. */
  tcb: usize;
  /** RCV.NXT, and SND.UNA in the upper half, as they lie in a frame. */
  numbers: u64;
}
const EXPECTED: usize = HAS_STRAIGHT ? memory.data(16, 8) : 0;

@inline function expected(): Expected {
  return changetype<Expected>(EXPECTED);
}

/** The connection that had the last frame, maybe this one's too; 0 if nothing is known. */
@inline export function lastConnection(): usize {
  return expected().tcb;
}

/** SEG.SEQ and SEG.ACK, as they lie in its next frame, if that acknowledges nothing new. */
@inline export function expectedNumbers(): u64 {
  return expected().numbers;
}

/** This connection had a frame. */
@inline export function expectConnection(tcb: usize, numbers: u64): void {
  expected().tcb = tcb;
  expected().numbers = numbers;
}

/** Its next frame has these numbers. */
@inline export function expectNumbers(numbers: u64): void {
  expected().numbers = numbers;
}

/** Something may have become unusual. */
@inline export function forgetExpected(): void {
  if (HAS_STRAIGHT) expected().tcb = 0;
}
