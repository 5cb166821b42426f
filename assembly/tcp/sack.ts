/**
 * Selective acknowledgement: what we tell the peer of data that arrived out of order, or twice.
 *
 * RFC 2018 §4 (which blocks, the most recent first), RFC 2883 (D-SACK: a duplicate in the first
 * block). The blocks are the ranges of tcp/receive, so nothing is kept twice. Called by
 * tcp/receive when data comes, by tcp/output when an acknowledgement goes.
 */
import { HAS_SACK } from "../config";
import { SACK_BLOCKS_MAX } from "../wire/tcp-options";
import { OutSegment, sackBlockAt } from "./segment";
import { findRange, rangeEnd, rangeStart } from "./ranges";
import { Tcb, receivedRanges, usesSack } from "./tcb";
import { SACK_OFFSET, SACK_SIZE } from "./tcb-layout";

/** How many of the ranges that were reported last are remembered: all that one option can hold. */
@inline const RECENT_COUNT: u32 = SACK_BLOCKS_MAX - 1;

/** The part of a TCB that reports need. */
@unmanaged @final class Sack {
  /** A duplicate that the next acknowledgement reports, if not empty. */
  duplicateStart: u32;
  duplicateEnd: u32;
  /**
   * A number in each of the ranges that grew last, the latest first: its lower half, since all lie
   * within one window.
   */
  recent0: u16;
  recent1: u16;
  recent2: u16;
}
@inline const RECENT_OFFSET: usize = 8;
if (HAS_SACK && offsetof<Sack>() > SACK_SIZE) ERROR("Sack layout");
if (offsetof<Sack>("recent0") != RECENT_OFFSET) ERROR("Sack layout");
if (RECENT_COUNT != 3) ERROR("Sack layout: recent0 … recent2");

@inline function sackOf(tcb: Tcb): Sack {
  return changetype<Sack>(changetype<usize>(tcb) + SACK_OFFSET);
}

/** `start` … `end` came although we had it: the next acknowledgement says so, once. */
export function noteDuplicate(tcb: Tcb, start: u32, end: u32): void {
  if (!HAS_SACK) return;
  sackOf(tcb).duplicateStart = start;
  sackOf(tcb).duplicateEnd = end;
}

/** The range that a segment beginning at `seq` has just made or changed goes first from now on. */
export function noteRecent(tcb: Tcb, seq: u32): void {
  if (!usesSack(tcb)) return;
  const sack = sackOf(tcb);
  const range = findRange(receivedRanges(tcb), seq);
  // Within the range that leads already the order stays as it is.
  if (findRange(receivedRanges(tcb), recentSeq(tcb, 0)) != range) {
    if (findRange(receivedRanges(tcb), recentSeq(tcb, 1)) != range) sack.recent2 = sack.recent1;
    sack.recent1 = sack.recent0;
  }
  sack.recent0 = <u16>seq;
}

/** Puts at most `room` blocks into an acknowledgement. */
export function reportRanges(tcb: Tcb, out: OutSegment, room: u32): void {
  if (!usesSack(tcb)) return;
  const blocks = min(room, SACK_BLOCKS_MAX);
  const sack = sackOf(tcb);
  if (sack.duplicateStart != sack.duplicateEnd) {
    addBlock(out, blocks, sack.duplicateStart, sack.duplicateEnd);
  }
  const ranges = receivedRanges(tcb);
  for (let i: u32 = 0; i < RECENT_COUNT; ++i) {
    const index = findRange(ranges, recentSeq(tcb, i));
    if (index < ranges.count) addRangeBlock(tcb, out, blocks, index);
  }
  // What nobody remembers the time of: from the right, the later ranges being newer mostly.
  for (let i = ranges.count; i > 0; --i) addRangeBlock(tcb, out, blocks, i - 1);
}

/** Whether the next acknowledgement has a duplicate to report. */
@inline export function isDuplicateDue(tcb: Tcb): bool {
  return sackOf(tcb).duplicateStart != sackOf(tcb).duplicateEnd;
}

/** The acknowledgement left: a duplicate is reported once. */
export function forgetDuplicate(tcb: Tcb): void {
  if (HAS_SACK) sackOf(tcb).duplicateEnd = sackOf(tcb).duplicateStart;
}

/** The number whose lower half is remembered as `index`: one within 65,536 from RCV.NXT on. */
function recentSeq(tcb: Tcb, index: u32): u32 {
  const low = load<u16>(changetype<usize>(sackOf(tcb)) + RECENT_OFFSET + (index << 1));
  return tcb.rcvNxt + <u32>(<u16>(<u32>low - tcb.rcvNxt));
}

/** Adds a range, unless it is there already; behind a duplicate it may say the same again. */
function addRangeBlock(tcb: Tcb, out: OutSegment, blocks: u32, index: u32): void {
  const start = rangeStart(receivedRanges(tcb), index);
  const sack = sackOf(tcb);
  let i: u32 = sack.duplicateStart != sack.duplicateEnd ? 1 : 0;
  for (; i < <u32>out.sackCount; ++i) if (sackBlockAt(i).start == start) return;
  addBlock(out, blocks, start, rangeEnd(receivedRanges(tcb), index));
}

function addBlock(out: OutSegment, blocks: u32, start: u32, end: u32): void {
  if (<u32>out.sackCount >= blocks) return;
  const block = sackBlockAt(out.sackCount);
  block.start = start;
  block.end = end;
  out.sackCount += 1;
}
