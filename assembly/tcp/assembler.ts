/**
 * The ranges of sequence numbers that arrived ahead of RCV.NXT: sorted, disjoint, not adjacent.
 *
 * RFC 9293 §3.10.7.4 (SHLD-31). The octets lie at their final place in the receive ring, so that a
 * filled hole needs no copy, and one connection's disorder takes nothing from another. Called by
 * tcp/receive, which copies the octets. When the list is full, a range that touches none is
 * refused: the peer will send it again.
 */
import { ASSEMBLER_RANGE_COUNT } from "../config";
import { seqGe, seqGt, seqLe, seqLt, seqMax, seqMin } from "./seq";
import { Tcb, rangeAt } from "./tcb";

/** Adds start … end (exclusive); false if the list has no room for it. */
export function addRange(tcb: Tcb, start: u32, end: u32): bool {
  const count = <u32>tcb.rangeCount;
  // The ranges from `first` up to `last` touch the new one.
  let first: u32 = 0;
  while (first < count && seqLt(rangeAt(tcb, first).end, start)) ++first;
  let last = first;
  while (last < count && seqLe(rangeAt(tcb, last).start, end)) ++last;
  if (first == last) return insertRange(tcb, first, start, end);
  const merged = rangeAt(tcb, first);
  merged.start = seqMin(merged.start, start);
  merged.end = seqMax(rangeAt(tcb, last - 1).end, end);
  removeRanges(tcb, first + 1, last);
  return true;
}

/** The number after the octets that follow `next` without a hole; forgets what lies before. */
export function joinRanges(tcb: Tcb, next: u32): u32 {
  let joined: u32 = 0;
  while (joined < <u32>tcb.rangeCount && seqLe(rangeAt(tcb, joined).start, next)) {
    next = seqMax(next, rangeAt(tcb, joined).end);
    ++joined;
  }
  removeRanges(tcb, 0, joined);
  return next;
}

/** Forgets what lies at or after `limit`: nothing follows a FIN. */
export function truncateRanges(tcb: Tcb, limit: u32): void {
  while (tcb.rangeCount > 0 && seqGe(rangeAt(tcb, tcb.rangeCount - 1).start, limit)) {
    tcb.rangeCount -= 1;
  }
  if (tcb.rangeCount == 0) return;
  const last = rangeAt(tcb, tcb.rangeCount - 1);
  if (seqGt(last.end, limit)) last.end = limit;
}

function insertRange(tcb: Tcb, index: u32, start: u32, end: u32): bool {
  const count = <u32>tcb.rangeCount;
  if (count == ASSEMBLER_RANGE_COUNT) return false;
  for (let i = count; i > index; --i) copyRange(tcb, i - 1, i);
  const range = rangeAt(tcb, index);
  range.start = start;
  range.end = end;
  tcb.rangeCount = <u8>(count + 1);
  return true;
}

/** Removes the ranges from `first` up to, not including, `last`. */
function removeRanges(tcb: Tcb, first: u32, last: u32): void {
  const count = <u32>tcb.rangeCount;
  for (let i = last; i < count; ++i) copyRange(tcb, i, first + i - last);
  tcb.rangeCount = <u8>(count - (last - first));
}

@inline function copyRange(tcb: Tcb, from: u32, to: u32): void {
  const source = rangeAt(tcb, from);
  const target = rangeAt(tcb, to);
  target.start = source.start;
  target.end = source.end;
}
