/**
 * Loss recovery with selective acknowledgements: what is in flight, what goes next.
 *
 * RFC 6675 §4 (SetPipe, NextSeg), where RFC 8985 says what is lost (tcp/rack). Without SACK,
 * tcp/congestion recovers by RFC 6582. Called by tcp/output for the next segment.
 */
import { hasReports, missingBetween } from "./scoreboard";
import { firstLost, lostFrom, lostOctets } from "./rack";
import { seqGe } from "./seq";
import { Flag, Tcb, has, usesSack } from "./tcb";

/**
 * Whether the octets in flight are counted by what the peer reports. After a time-out they are not:
 * everything behind the cursor counts as lost then.
 */
export function isPipeKnown(tcb: Tcb): bool {
  if (!usesSack(tcb) || tcb.sndCursor != tcb.sndNxt) return false;
  return has(tcb, Flag.RECOVERING) || hasReports(tcb);
}

/** SetPipe: octets that are still in the network, as far as can be known. */
export function pipeOf(tcb: Tcb): u32 {
  return missingBetween(tcb, tcb.sndUna, tcb.sndNxt) - lostOctets(tcb);
}

/** A place to send again: `octets` from `seq` on, 0 if there is none. */
@unmanaged @final export class Hole {
  seq: u32;
  octets: u32;
}
const HOLE: usize = memory.data(offsetof<Hole>(), 4);

/** NextSeg, rule (1): the first lost octets, at most one segment of them. */
export function findHole(tcb: Tcb): Hole {
  const hole = changetype<Hole>(HOLE);
  hole.seq = firstLost(tcb);
  hole.octets =
    hole.seq == tcb.sndNxt ? 0 : min(lostFrom(tcb, hole.seq), <u32>tcb.sndMss);
  return hole;
}

/** Whether the recovery at hand is this one's. */
@inline export function isSackRecovering(tcb: Tcb): bool {
  return usesSack(tcb) && has(tcb, Flag.RECOVERING);
}

/** Whether the acknowledgement ends the recovery: everything sent before it began is there. */
export function isRecovered(tcb: Tcb): bool {
  return seqGe(tcb.sndUna, tcb.recover);
}
