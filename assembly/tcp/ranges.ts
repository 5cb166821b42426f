/**
 * Lists of ranges of sequence numbers: sorted, disjoint, not adjacent, in fixed memory.
 *
 *     | count | (padding) | start, end | start, end | …     RANGE_COUNT ranges at most
 *
 * A connection has two. What arrived ahead of RCV.NXT (RFC 9293 §3.10.7.4, SHLD-31): the octets lie
 * at their final place in the receive ring, so that a filled hole needs no copy. And what the peer
 * has selectively acknowledged ahead of SND.UNA (RFC 2018 §5). A full list refuses a range that
 * touches none, which costs a retransmission and nothing else.
 * Used by tcp/receive, tcp/sack and tcp/recovery. Knows no connection.
 */
import { RANGE_COUNT } from "../config";
import { seqGe, seqGt, seqLe, seqLt, seqMax, seqMin } from "./seq";

/** One run of numbers: from `start` up to, not including, `end`. */
@unmanaged @final export class Range {
  start: u32;
  end: u32;
}

@unmanaged @final export class RangeList {
  count: u32;
}
@inline const RANGES_OFFSET: usize = 8;
@inline const RANGE_SIZE: usize = 8;
@inline export const RANGE_LIST_SIZE: u32 = 8 + 8 * RANGE_COUNT;

@inline export function rangeAt(list: RangeList, index: u32): Range {
  assert(index < RANGE_COUNT);
  return changetype<Range>(changetype<usize>(list) + RANGES_OFFSET + <usize>index * RANGE_SIZE);
}

/** Adds start … end (exclusive); false if the list has no room for it. */
export function addRange(list: RangeList, start: u32, end: u32): bool {
  const count = list.count;
  // The ranges from `first` up to `last` touch the new one.
  let first: u32 = 0;
  while (first < count && seqLt(rangeAt(list, first).end, start)) ++first;
  let last = first;
  while (last < count && seqLe(rangeAt(list, last).start, end)) ++last;
  if (first == last) return insertRange(list, first, start, end);
  const merged = rangeAt(list, first);
  merged.start = seqMin(merged.start, start);
  merged.end = seqMax(rangeAt(list, last - 1).end, end);
  removeRanges(list, first + 1, last);
  return true;
}

/** Whether all of start … end is there already. */
export function isHeld(list: RangeList, start: u32, end: u32): bool {
  for (let i: u32 = 0; i < list.count; ++i) {
    const range = rangeAt(list, i);
    if (seqLe(range.start, start) && seqLe(end, range.end)) return true;
  }
  return false;
}

/** The number after the octets that follow `next` without a hole; forgets what lies before. */
export function joinRanges(list: RangeList, next: u32): u32 {
  let joined: u32 = 0;
  while (joined < list.count && seqLe(rangeAt(list, joined).start, next)) {
    next = seqMax(next, rangeAt(list, joined).end);
    ++joined;
  }
  removeRanges(list, 0, joined);
  return next;
}

/** Forgets what lies at or after `limit`: nothing follows a FIN. */
export function truncateRanges(list: RangeList, limit: u32): void {
  while (list.count > 0 && seqGe(rangeAt(list, list.count - 1).start, limit)) list.count -= 1;
  if (list.count == 0) return;
  const last = rangeAt(list, list.count - 1);
  if (seqGt(last.end, limit)) last.end = limit;
}

function insertRange(list: RangeList, index: u32, start: u32, end: u32): bool {
  const count = list.count;
  if (count == RANGE_COUNT) return false;
  for (let i = count; i > index; --i) copyRange(list, i - 1, i);
  const range = rangeAt(list, index);
  range.start = start;
  range.end = end;
  list.count = count + 1;
  return true;
}

/** Removes the ranges from `first` up to, not including, `last`. */
function removeRanges(list: RangeList, first: u32, last: u32): void {
  const count = list.count;
  for (let i = last; i < count; ++i) copyRange(list, i, first + i - last);
  list.count = count - (last - first);
}

@inline function copyRange(list: RangeList, from: u32, to: u32): void {
  const source = rangeAt(list, from);
  const target = rangeAt(list, to);
  target.start = source.start;
  target.end = source.end;
}
