/**
 * Timestamps: which segments carry them, what they say, and which old duplicates they expose.
 *
 * RFC 7323 §3 (option), §4 (RTT), §5 (PAWS). Our clock is the stack's milliseconds plus an offset
 * that differs from tuple to tuple, so that it tells nobody how long we have been up (§7.1).
 * Called by tcp/arrives and tcp/ack for what comes, by tcp/output and tcp/reply's users for what
 * goes, and by the straight ways (netif/plain-stamp) for both.
 */
import { HAS_TIMESTAMPS } from "../config";
import { now } from "../core/clock";
import { Ctl } from "../wire/tcp";
import { TIMESTAMPS_OPTION_OCTETS } from "../wire/tcp-options";
import { OutSegment, Segment } from "./segment";
import { Flag, Tcb, isAckPlausible, raiseFlag, usesTimestamps } from "./tcb";
import { TIMESTAMPS_OFFSET, TIMESTAMPS_SIZE } from "./tcb-layout";
import { seqGt, seqLe, seqLt } from "./seq";

/** RFC 7323 §5.5: after 24 days TS.Recent may have wrapped and is void. */
@inline const RECENT_VALID_MS: u32 = 24 * 86_400_000;

/** The part of a TCB that timestamps need. */
@unmanaged @final class Timestamps {
  /** TS.Recent (§4.3), and when it was taken (§5.5). */
  recent: u32;
  recentAt: u32;
  /** What our clock adds to the stack's milliseconds. */
  offset: u32;
}
if (HAS_TIMESTAMPS && offsetof<Timestamps>() != TIMESTAMPS_SIZE) ERROR("Timestamps layout");

@inline function timestampsOf(tcb: Tcb): Timestamps {
  return changetype<Timestamps>(changetype<usize>(tcb) + TIMESTAMPS_OFFSET);
}

/** Gives our clock its offset, before the first segment. */
export function setTimestampOffset(tcb: Tcb, offset: u32): void {
  if (HAS_TIMESTAMPS) timestampsOf(tcb).offset = offset;
}

/** TS.Recent, for the record in TIME-WAIT. */
@inline export function recentTimestamp(tcb: Tcb): u32 {
  return HAS_TIMESTAMPS ? timestampsOf(tcb).recent : 0;
}

/** The peer's SYN carries the option, as ours does: both use it from now on (§3.2). */
export function startTimestamps(tcb: Tcb, tsVal: u32): void {
  if (!HAS_TIMESTAMPS) return;
  raiseFlag(tcb, Flag.TIMESTAMPS);
  setRecent(tcb, tsVal);
  // The option takes its place from each segment (RFC 9293 MUST-16).
  tcb.sndMss -= <u16>TIMESTAMPS_OPTION_OCTETS;
}

@inline function setRecent(tcb: Tcb, tsVal: u32): void {
  timestampsOf(tcb).recent = tsVal;
  timestampsOf(tcb).recentAt = now();
}

/** Puts the option into a connection's segment: also into its SYN, which offers it. */
export function stampSegment(tcb: Tcb, out: OutSegment): void {
  if (HAS_TIMESTAMPS) stamp(out, timestampsOf(tcb).offset, timestampsOf(tcb).recent);
}

/** Puts the option into a segment to be sent. */
export function stamp(out: OutSegment, offset: u32, recent: u32): void {
  out.hasTimestamps = true;
  out.tsVal = now() + offset;
  out.tsEcr = recent;
}

/** PAWS: whether the segment's timestamp is from before TS.Recent. RST is exempt (§5.2). */
export function isOldDuplicate(tcb: Tcb, segment: Segment): bool {
  if (!segment.hasTimestamps || !isBeforeRecent(tcb, segment.tsVal)) return false;
  return now() - timestampsOf(tcb).recentAt < RECENT_VALID_MS;
}

/**
 * TS.Recent from a segment that is acceptable and begins no later than what was acknowledged last
 * (§4.3), so that the echo is that of the oldest segment a delayed ACK answers. Before trimming.
 */
export function rememberTimestamp(tcb: Tcb, segment: Segment): void {
  if (!usesTimestamps(tcb) || !segment.hasTimestamps) return;
  if (!seqLe(segment.seq, tcb.rcvAcked)) return;
  // What the fifth check will drop must not move it: a forged one would shut the peer out.
  if (!segment.has(Ctl.ACK) || !isAckPlausible(tcb, segment.ack)) return;
  setRecent(tcb, segment.tsVal);
}

/** Whether this is before TS.Recent. */
@inline export function isBeforeRecent(tcb: Tcb, tsVal: u32): bool {
  return seqLt(tsVal, timestampsOf(tcb).recent);
}

/** As `rememberTimestamp`, where all that was checked: the segment begins at RCV.NXT. */
@inline export function rememberOrderly(tcb: Tcb, tsVal: u32): void {
  if (tcb.rcvNxt == tcb.rcvAcked) setRecent(tcb, tsVal);
}

/** What the option says in a segment that leaves at `time`, which is now: TSval. */
@inline export function timestampAt(tcb: Tcb, time: u32): u32 {
  return time + timestampsOf(tcb).offset;
}

/**
 * Whether the acknowledgement of the timed segment measures a round trip. A segment that was sent
 * twice may be timed where timestamps are on, because the echo tells the copies apart: one from
 * before the timed copy left answers another one.
 */
export function closesRoundTrip(tcb: Tcb, segment: Segment): bool {
  if (!usesTimestamps(tcb)) return true;
  if (!segment.hasTimestamps) return false;
  return isEchoOfTimed(tcb, segment.tsEcr);
}

/** Whether what is echoed is no older than the segment that is timed. */
@inline export function isEchoOfTimed(tcb: Tcb, tsEcr: u32): bool {
  return now() + timestampsOf(tcb).offset - tsEcr <= now() - tcb.rttStart;
}

/** Whether the segment echoes something from before `sentAt`: it answers an earlier copy. */
export function isEchoBefore(tcb: Tcb, segment: Segment, sentAt: u32): bool {
  return segment.hasTimestamps && seqLt(segment.tsEcr, sentAt + timestampsOf(tcb).offset);
}

/** RFC 6191: whether a SYN with this timestamp is newer than everything a TIME-WAIT record saw. */
export function isNewerIncarnation(segment: Segment, recent: u32, isSeqNewer: bool): bool {
  return seqGt(segment.tsVal, recent) || (segment.tsVal == recent && isSeqNewer);
}
