/**
 * Loss recovery with selective acknowledgements: what is lost, what is in flight, what goes next.
 *
 * RFC 6675 over the scoreboard of tcp/ranges: the octets the peer says it has. All octets of one
 * hole between two ranges share one fate, so each question is a walk over at most RANGE_COUNT + 1
 * holes. Without SACK, tcp/congestion recovers by RFC 6582.
 * Called by tcp/ack with each acknowledgement and by tcp/output for the next segment.
 */
import { SACK_BLOCK_OCTETS } from "../wire/tcp-options";
import { get32 } from "../core/octets";
import { RangeList, addRange, isHeld, joinRanges, rangeAt } from "./ranges";
import { Segment } from "./segment";
import { seqGe, seqGt, seqLe, seqLt, seqMax, seqMin } from "./seq";
import { Flag, Tcb, has, sackedRanges } from "./tcb";

/** RFC 6675 §2: DupThresh. */
@inline const DUP_THRESH: u32 = 3;

/**
 * Takes the blocks of an acknowledgement into the scoreboard and drops what SND.UNA has passed.
 * Returns whether one of them told something new (RFC 6675 §2, "duplicate acknowledgement").
 */
export function takeSackBlocks(tcb: Tcb, segment: Segment): bool {
  const sacked = sackedRanges(tcb);
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
    above += rangeAt(sacked, i).end - rangeAt(sacked, i).start;
  }
  return above > (DUP_THRESH - 1) * <u32>tcb.sndMss;
}

/** Whether the first unacknowledged octet is lost. */
export function isFirstLost(tcb: Tcb): bool {
  const sacked = sackedRanges(tcb);
  return sacked.count != 0 && isHoleLost(tcb, sacked, 0);
}

/** RFC 6675 §4, SetPipe: octets that are still in the network, as far as can be known. */
export function pipeOf(tcb: Tcb): u32 {
  const sacked = sackedRanges(tcb);
  let pipe: u32 = 0;
  let from = tcb.sndUna;
  for (let i: u32 = 0; i < sacked.count; ++i) {
    const range = rangeAt(sacked, i);
    if (!isHoleLost(tcb, sacked, i)) pipe += range.start - from;
    if (seqGt(tcb.highRxt, from)) pipe += seqMin(tcb.highRxt, range.start) - from;
    from = range.end;
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
  const sacked = sackedRanges(tcb);
  let from = seqMax(tcb.sndUna, tcb.highRxt);
  for (let i: u32 = 0; i < sacked.count; ++i) {
    const range = rangeAt(sacked, i);
    if (seqLt(from, range.start)) {
      if (!anyHole && !isHoleLost(tcb, sacked, i)) return hole;
      hole.seq = from;
      hole.octets = min(range.start - from, <u32>tcb.sndMss);
      return hole;
    }
    from = seqMax(from, range.end);
  }
  return hole;
}

/** How many octets from `seq` on the peer has not reported yet; 0 where it has. */
export function missingFrom(tcb: Tcb, seq: u32): u32 {
  const sacked = sackedRanges(tcb);
  for (let i: u32 = 0; i < sacked.count; ++i) {
    const range = rangeAt(sacked, i);
    if (seqLt(seq, range.start)) return range.start - seq;
    if (seqLt(seq, range.end)) return 0;
  }
  return u32.MAX_VALUE;
}

/** The number after the reported range in which `seq` lies. */
export function afterReported(tcb: Tcb, seq: u32): u32 {
  const sacked = sackedRanges(tcb);
  for (let i: u32 = 0; i < sacked.count; ++i) {
    const range = rangeAt(sacked, i);
    if (seqLe(range.start, seq) && seqLt(seq, range.end)) return range.end;
  }
  return seq;
}

/** The number after all that the peer has reported. */
export function afterLastReport(tcb: Tcb): u32 {
  const sacked = sackedRanges(tcb);
  return sacked.count == 0 ? tcb.sndUna : rangeAt(sacked, sacked.count - 1).end;
}

/** Whether the recovery at hand is this one's. */
export function isSackRecovering(tcb: Tcb): bool {
  return has(tcb, Flag.SACK) && has(tcb, Flag.RECOVERING);
}

/** Whether the acknowledgement ends the recovery: everything sent before it began is there. */
export function isRecovered(tcb: Tcb): bool {
  return seqGe(tcb.sndUna, tcb.recover);
}
