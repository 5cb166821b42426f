/**
 * Selective acknowledgement: what we tell the peer of data that arrived out of order, or twice.
 *
 * RFC 2018 §4 (which blocks, the most recent first), RFC 2883 (D-SACK: a duplicate in the first
 * block). The blocks are the ranges of tcp/receive, so nothing is kept twice. Called by
 * tcp/receive when data comes, by tcp/output when an acknowledgement goes.
 */
import { RANGE_COUNT } from "../config";
import { SACK_BLOCKS_MAX } from "../wire/tcp-options";
import { OutSegment, sackBlockAt } from "./segment";
import { rangeAt } from "./ranges";
import { seqLe, seqLt } from "./seq";
import { Flag, Tcb, has, receivedRanges } from "./tcb";

/** `start` … `end` came although we had it: the next acknowledgement says so, once. */
export function noteDuplicate(tcb: Tcb, start: u32, end: u32): void {
  tcb.duplicateStart = start;
  tcb.duplicateEnd = end;
}

/** The range that a segment beginning at `seq` has just made or changed goes first from now on. */
export function noteRecent(tcb: Tcb, seq: u32): void {
  tcb.recentSeq = seq;
}

/** Puts at most `room` blocks into an acknowledgement. */
export function reportRanges(tcb: Tcb, out: OutSegment, room: u32): void {
  out.sackCount = 0;
  if (!has(tcb, Flag.SACK)) return;
  const blocks = min(room, SACK_BLOCKS_MAX);
  if (tcb.duplicateStart != tcb.duplicateEnd) {
    addBlock(out, blocks, tcb.duplicateStart, tcb.duplicateEnd);
  }
  const recent = findRecent(tcb);
  if (recent < RANGE_COUNT) addRangeBlock(tcb, out, blocks, recent);
  // From the right: the later ranges are the newer ones in most streams.
  for (let i = receivedRanges(tcb).count; i > 0; --i) {
    if (i - 1 != recent) addRangeBlock(tcb, out, blocks, i - 1);
  }
}

/** The acknowledgement left: a duplicate is reported once. */
export function forgetDuplicate(tcb: Tcb): void {
  tcb.duplicateEnd = tcb.duplicateStart;
}

function findRecent(tcb: Tcb): u32 {
  for (let i: u32 = 0; i < receivedRanges(tcb).count; ++i) {
    const range = rangeAt(receivedRanges(tcb), i);
    if (seqLe(range.start, tcb.recentSeq) && seqLt(tcb.recentSeq, range.end)) return i;
  }
  return RANGE_COUNT;
}

function addRangeBlock(tcb: Tcb, out: OutSegment, blocks: u32, index: u32): void {
  const range = rangeAt(receivedRanges(tcb), index);
  addBlock(out, blocks, range.start, range.end);
}

function addBlock(out: OutSegment, blocks: u32, start: u32, end: u32): void {
  if (out.sackCount >= blocks) return;
  const block = sackBlockAt(out.sackCount);
  block.start = start;
  block.end = end;
  out.sackCount += 1;
}
