/**
 * The scoreboard of selective acknowledgement: what the peer says it has ahead of SND.UNA.
 *
 * RFC 2018 §5, §8; RFC 2883 §4 (duplicates). All in one list of ranges (tcp/ranges) in fixed
 * memory. Called by tcp/ack with each acknowledgement; read by tcp/rack, tcp/recovery and
 * tcp/output. In a build without SACK nothing is ever reported.
 */
import { HAS_SACK } from "../config";
import { get32 } from "../core/octets";
import { SACK_BLOCK_OCTETS } from "../wire/tcp-options";
import {
  RangeList,
  addRange,
  findRange,
  isHeld,
  joinRanges,
  rangeEnd,
  rangeStart,
} from "./ranges";
import { Segment } from "./segment";
import { seqGe, seqLe, seqLt, seqMax, seqMin } from "./seq";
import { noteDelivered } from "./rack";
import { Tcb, usesSack } from "./tcb";
import { REPORTED_OFFSET } from "./tcb-layout";

@inline function reportedRanges(tcb: Tcb): RangeList {
  return changetype<RangeList>(changetype<usize>(tcb) + REPORTED_OFFSET);
}

/** Whether the peer has anything ahead of SND.UNA. */
@inline export function hasReports(tcb: Tcb): bool {
  return usesSack(tcb) && reportedRanges(tcb).count != 0;
}

/** Forgets all: the peer may have dropped what it had reported (RFC 2018 §8). */
export function forgetReports(tcb: Tcb): void {
  if (HAS_SACK) reportedRanges(tcb).count = 0;
}

/** Everything before `ack` was received: what nobody had reported yet is delivered now. */
export function takeCumulativeAck(tcb: Tcb, segment: Segment): void {
  deliver(tcb, segment, tcb.sndUna, segment.ack);
  joinRanges(reportedRanges(tcb), segment.ack);
}

/**
 * Takes the blocks of an acknowledgement, whose SEG.ACK SND.UNA has followed. Returns whether one
 * of them told something new (RFC 6675 §2, "duplicate acknowledgement").
 */
export function takeSackBlocks(tcb: Tcb, segment: Segment): bool {
  const reported = reportedRanges(tcb);
  let isNews = false;
  for (let i: u32 = 0; i < segment.sackCount; ++i) {
    const start = blockStart(segment, i);
    const end = blockEnd(segment, i);
    // A block below SND.UNA reports a duplicate (RFC 2883); one beyond SND.NXT is a lie. Distances
    // tell both, however far a liar goes; an order would only up to 2^31.
    const from = start - tcb.sndUna;
    const to = end - tcb.sndUna;
    if (from == 0 || from >= to || to > tcb.sndNxt - tcb.sndUna) continue;
    if (isHeld(reported, start, end)) continue;
    deliver(tcb, segment, start, end);
    if (addRange(reported, start, end)) isNews = true;
  }
  return isNews;
}

/** Whether the first block says that something came twice (RFC 2883 §4). */
export function isDuplicateReported(tcb: Tcb, segment: Segment): bool {
  if (segment.sackCount == 0) return false;
  const start = blockStart(segment, 0);
  const end = blockEnd(segment, 0);
  if (seqLe(end, segment.ack)) return true;
  if (segment.sackCount < 2) return false;
  return seqLe(blockStart(segment, 1), start) && seqGe(blockEnd(segment, 1), end);
}

@inline function blockStart(segment: Segment, index: u32): u32 {
  return get32(segment.sackBlocks + <usize>(index * SACK_BLOCK_OCTETS));
}

@inline function blockEnd(segment: Segment, index: u32): u32 {
  return get32(segment.sackBlocks + <usize>(index * SACK_BLOCK_OCTETS), 4);
}

/** Tells tcp/rack of the parts of start … end that were not reported before. */
function deliver(tcb: Tcb, segment: Segment, start: u32, end: u32): void {
  const reported = reportedRanges(tcb);
  let from = start;
  for (let i: u32 = 0; i < reported.count; ++i) {
    const rangeFrom = rangeStart(reported, i);
    if (seqGe(rangeFrom, end)) break;
    if (seqLt(from, rangeFrom)) noteDelivered(tcb, segment, from, rangeFrom);
    from = seqMax(from, rangeEnd(reported, i));
  }
  if (seqLt(from, end)) noteDelivered(tcb, segment, from, end);
}

/** How many of the octets start … end were not reported. */
export function missingBetween(tcb: Tcb, start: u32, end: u32): u32 {
  const reported = reportedRanges(tcb);
  let missing = end - start;
  for (let i: u32 = 0; i < reported.count; ++i) {
    const from = seqMax(start, rangeStart(reported, i));
    const to = seqMin(end, rangeEnd(reported, i));
    if (seqLt(from, to)) missing -= to - from;
  }
  return missing;
}

/** How many octets from `seq` on the peer has not reported yet; 0 where it has. */
export function missingFrom(tcb: Tcb, seq: u32): u32 {
  if (!HAS_SACK) return u32.MAX_VALUE;
  const reported = reportedRanges(tcb);
  for (let i: u32 = 0; i < reported.count; ++i) {
    if (seqLt(seq, rangeStart(reported, i))) return rangeStart(reported, i) - seq;
    if (seqLt(seq, rangeEnd(reported, i))) return 0;
  }
  return u32.MAX_VALUE;
}

/** The number after the reported range in which `seq` lies. */
export function afterReported(tcb: Tcb, seq: u32): u32 {
  if (!HAS_SACK) return seq;
  const reported = reportedRanges(tcb);
  const index = findRange(reported, seq);
  return index < reported.count ? rangeEnd(reported, index) : seq;
}

/** The number after all that the peer has reported. */
export function afterLastReport(tcb: Tcb): u32 {
  const reported = reportedRanges(tcb);
  return reported.count == 0 ? tcb.sndUna : rangeEnd(reported, reported.count - 1);
}

/** Whether as much was reported as three duplicates tell (RFC 6675 §4, IsLost; RFC 8985 §6.2). */
export function isMuchReported(tcb: Tcb): bool {
  const reported = reportedRanges(tcb);
  if (reported.count >= DUP_THRESH) return true;
  const span = afterLastReport(tcb) - tcb.sndUna;
  const octets = span - missingBetween(tcb, tcb.sndUna, tcb.sndUna + span);
  return octets > (DUP_THRESH - 1) * <u32>tcb.sndMss;
}

/** RFC 6675 §2: DupThresh. */
@inline const DUP_THRESH: u32 = 3;
