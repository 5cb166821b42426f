/**
 * Loss recovery with selective acknowledgements: what is lost, what is in flight, what goes next.
 *
 * RFC 6675 over the scoreboard of tcp/ranges: the octets the peer says it has. All octets of one
 * hole between two ranges share one fate, so each question is a walk over at most RANGE_COUNT + 1
 * holes. Without SACK, tcp/congestion recovers by RFC 6582.
 * Called by tcp/ack with each acknowledgement and by tcp/output for the next segment.
 */
import { HAS_SACK } from "../config";
import { SACK_BLOCK_OCTETS } from "../wire/tcp-options";
import { get32 } from "../core/octets";
import {
  RangeList,
  addRange,
  findRange,
  isHeld,
  joinRanges,
  rangeEnd,
  rangeStart,
} from "./ranges";
import { sackOf } from "./sack";
import { Segment } from "./segment";
import { seqGe, seqGt, seqLe, seqLt, seqMax, seqMin } from "./seq";
import { Flag, Tcb, has, usesSack } from "./tcb";
import { REPORTED_OFFSET } from "./tcb-layout";

/** RFC 6675 §2: DupThresh. */
@inline const DUP_THRESH: u32 = 3;

/** What the peer has reported ahead of SND.UNA. */
@inline function reportedRanges(tcb: Tcb): RangeList {
  return changetype<RangeList>(changetype<usize>(tcb) + REPORTED_OFFSET);
}

/** Forgets the scoreboard: the peer may have dropped what it had reported (RFC 2018 §8). */
export function forgetReports(tcb: Tcb): void {
  if (HAS_SACK) reportedRanges(tcb).count = 0;
}

/** A recovery begins: nothing has been sent again. */
export function startSackRecovery(tcb: Tcb): void {
  if (HAS_SACK) sackOf(tcb).highRxt = tcb.sndUna;
}

/** Recovery has sent again everything up to `end`. */
export function noteRetransmitted(tcb: Tcb, end: u32): void {
  if (HAS_SACK) sackOf(tcb).highRxt = end;
}

/**
 * Takes the blocks of an acknowledgement into the scoreboard and drops what SND.UNA has passed.
 * Returns whether one of them told something new (RFC 6675 §2, "duplicate acknowledgement").
 */
export function takeSackBlocks(tcb: Tcb, segment: Segment): bool {
  const sacked = reportedRanges(tcb);
  joinRanges(sacked, tcb.sndUna);
  let isNews = false;
  for (let i: u32 = 0; i < segment.sackCount; ++i) {
    const at = segment.sackBlocks + <usize>(i * SACK_BLOCK_OCTETS);
    const start = get32(at);
    const end = get32(at, 4);
    // A block below SND.UNA reports a duplicate (RFC 2883); one beyond SND.NXT is a lie.
    if (!seqLt(start, end) || !seqGt(start, tcb.sndUna) || seqGt(end, tcb.sndNxt)) continue;
    if (isHeld(sacked, start, end)) continue;
    if (addRange(sacked, start, end)) isNews = true;
  }
  return isNews;
}

/** RFC 6675 §4, IsLost: enough was received above the hole that ends where range `index` begins. */
function isHoleLost(tcb: Tcb, sacked: RangeList, index: u32): bool {
  if (sacked.count - index >= DUP_THRESH) return true;
  let above: u32 = 0;
  for (let i = index; i < sacked.count; ++i) {
    above += rangeEnd(sacked, i) - rangeStart(sacked, i);
  }
  return above > (DUP_THRESH - 1) * <u32>tcb.sndMss;
}

/** Whether the first unacknowledged octet is lost. */
export function isFirstLost(tcb: Tcb): bool {
  const sacked = reportedRanges(tcb);
  return sacked.count != 0 && isHoleLost(tcb, sacked, 0);
}

/** RFC 6675 §4, SetPipe: octets that are still in the network, as far as can be known. */
export function pipeOf(tcb: Tcb): u32 {
  const sacked = reportedRanges(tcb);
  const highRxt = sackOf(tcb).highRxt;
  let pipe: u32 = 0;
  let from = tcb.sndUna;
  for (let i: u32 = 0; i < sacked.count; ++i) {
    const start = rangeStart(sacked, i);
    if (!isHoleLost(tcb, sacked, i)) pipe += start - from;
    if (seqGt(highRxt, from)) pipe += seqMin(highRxt, start) - from;
    from = rangeEnd(sacked, i);
  }
  return pipe + (tcb.sndNxt - from);
}

/** A place to send again: `octets` from `seq` on, 0 if there is none. */
@unmanaged @final export class Hole {
  seq: u32;
  octets: u32;
}
const HOLE: usize = memory.data(offsetof<Hole>(), 4);

/**
 * RFC 6675 §4, NextSeg, rules (1) and (3): the first hole above what was sent again already; a lost
 * one, or with `anyHole` one that may only be late. At most one segment of it.
 */
export function findHole(tcb: Tcb, anyHole: bool): Hole {
  const hole = changetype<Hole>(HOLE);
  hole.octets = 0;
  const sacked = reportedRanges(tcb);
  let from = seqMax(tcb.sndUna, sackOf(tcb).highRxt);
  for (let i: u32 = 0; i < sacked.count; ++i) {
    const start = rangeStart(sacked, i);
    if (seqLt(from, start)) {
      if (!anyHole && !isHoleLost(tcb, sacked, i)) return hole;
      hole.seq = from;
      hole.octets = min(start - from, <u32>tcb.sndMss);
      return hole;
    }
    from = seqMax(from, rangeEnd(sacked, i));
  }
  return hole;
}

/** How many octets from `seq` on the peer has not reported yet; 0 where it has. */
export function missingFrom(tcb: Tcb, seq: u32): u32 {
  if (!HAS_SACK) return u32.MAX_VALUE;
  const sacked = reportedRanges(tcb);
  for (let i: u32 = 0; i < sacked.count; ++i) {
    if (seqLt(seq, rangeStart(sacked, i))) return rangeStart(sacked, i) - seq;
    if (seqLt(seq, rangeEnd(sacked, i))) return 0;
  }
  return u32.MAX_VALUE;
}

/** The number after the reported range in which `seq` lies. */
export function afterReported(tcb: Tcb, seq: u32): u32 {
  if (!HAS_SACK) return seq;
  const sacked = reportedRanges(tcb);
  const index = findRange(sacked, seq);
  return index < sacked.count ? rangeEnd(sacked, index) : seq;
}

/** The number after all that the peer has reported. */
export function afterLastReport(tcb: Tcb): u32 {
  const sacked = reportedRanges(tcb);
  return sacked.count == 0 ? tcb.sndUna : rangeEnd(sacked, sacked.count - 1);
}

/** Whether the recovery at hand is this one's. */
export function isSackRecovering(tcb: Tcb): bool {
  return usesSack(tcb) && has(tcb, Flag.RECOVERING);
}

/** Whether the acknowledgement ends the recovery: everything sent before it began is there. */
export function isRecovered(tcb: Tcb): bool {
  return seqGe(tcb.sndUna, tcb.recover);
}
