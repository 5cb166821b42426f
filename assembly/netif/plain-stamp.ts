/**
 * The timestamps option as it lies in a PLAIN frame (netif/plain-segment): where RFC 7323
 * Appendix A has it, behind two No-Operations, and no other option.
 *
 * Shared by the straight ways, in (netif/straight-stamped, straight-end) and out (straight-out).
 */
import { swap32 } from "../core/octets";
import { Tcb } from "../tcp/tcb";
import { recentTimestamp, timestampAt } from "../tcp/timestamps";
import { JUST_ACK, TEXT } from "./plain-segment";

/** How it lies there: the No-Operations, kind and length; TSval; TSecr. */
@unmanaged @final export class Stamp {
  head: u32;
  value: u32;
  echo: u32;
}
@inline export const STAMP_OCTETS: u32 = offsetof<Stamp>();
/** Where the text stands behind it. */
@inline export const STAMPED_TEXT: usize = TEXT + STAMP_OCTETS;
/** What comes instead of JUST_ACK (netif/plain-segment): a longer header. */
@inline export const STAMPED_ACK: u64 = JUST_ACK + (STAMP_OCTETS << 2);
@inline const HEAD: u32 = 0x0a08_0101;
@inline const VALUE: usize = TEXT + offsetof<Stamp>("value");
@inline const ECHO: usize = TEXT + offsetof<Stamp>("echo");

/** Whether a frame of `length` octets has the option there. */
@inline export function hasStamp(frame: usize, length: u32): bool {
  return length >= <u32>STAMPED_TEXT && load<u32>(frame, TEXT) == HEAD;
}

/** What the option is of a checksum. */
@inline export function stampSum(frame: usize): u64 {
  return <u64>HEAD + <u64>load<u32>(frame, VALUE) + <u64>load<u32>(frame, ECHO);
}

/** TSval. */
@inline export function stampOf(frame: usize): u32 {
  return swap32(load<u32>(frame, VALUE));
}

/** TSecr. */
@inline export function echoOf(frame: usize): u32 {
  return swap32(load<u32>(frame, ECHO));
}

/** Writes the option of a segment that leaves at `time`, which is now; returns its sum. */
@inline export function emitStamp(tcb: Tcb, frame: usize, time: u32): u64 {
  const value = swap32(timestampAt(tcb, time));
  const echo = swap32(recentTimestamp(tcb));
  store<u32>(frame, HEAD, TEXT);
  store<u32>(frame, value, VALUE);
  store<u32>(frame, echo, ECHO);
  return <u64>HEAD + <u64>value + <u64>echo;
}
