/**
 * Lists of ranges of sequence numbers: sorted, disjoint, not adjacent, in fixed memory.
 *
 *     | base | count | start, end | start, end | …     RANGE_COUNT ranges at most
 *
 * A connection has one or two. What arrived ahead of RCV.NXT (RFC 9293 §3.10.7.4, SHLD-31): the
 * octets lie at their final place in the receive ring, so that a filled hole needs no copy. And
 * what the peer has selectively acknowledged ahead of SND.UNA (RFC 2018 §5). A full list refuses a
 * range that touches none, which costs a retransmission and nothing else.
 * All ranges of a list lie within one ring, so each edge is kept as its distance from `base`, in 16
 * bits. Used by tcp/receive, tcp/sack and tcp/recovery. Knows no connection.
 */
import { RANGE_COUNT } from "../config";
import { seqGe, seqGt, seqLe, seqLt, seqMax, seqMin } from "./seq";

/** Distances from the list's base: from `start` up to, not including, `end`. */
@unmanaged @final class Range {
  start: u16;
  end: u16;
}

@unmanaged @final export class RangeList {
  /** A number no later than the first range's. */
  base: u32;
  count: u32;
}
@inline const RANGES_OFFSET: usize = 8;
@inline const RANGE_SIZE: usize = 4;
@inline const DISTANCE_MAX: u32 = 0xffff;
@inline export const RANGE_LIST_SIZE: u32 = 8 + 4 * RANGE_COUNT;

@inline function rangeAt(list: RangeList, index: u32): Range {
  assert(index < RANGE_COUNT);
  return changetype<Range>(changetype<usize>(list) + RANGES_OFFSET + <usize>index * RANGE_SIZE);
}

/** The first number of range `index`. */
@inline export function rangeStart(list: RangeList, index: u32): u32 {
  return list.base + <u32>rangeAt(list, index).start;
}

/** The number after the last one of range `index`. */
@inline export function rangeEnd(list: RangeList, index: u32): u32 {
  return list.base + <u32>rangeAt(list, index).end;
}

/** Adds start … end (exclusive); false if the list has no room for it. */
export function addRange(list: RangeList, start: u32, end: u32): bool {
  const count = list.count;
  if (count == 0) list.base = start;
  else if (seqLt(start, list.base)) moveBase(list, start);
  // The ranges from `first` up to `last` touch the new one.
  let first: u32 = 0;
  while (first < count && seqLt(rangeEnd(list, first), start)) ++first;
  let last = first;
  while (last < count && seqLe(rangeStart(list, last), end)) ++last;
  if (first == last) return insertRange(list, first, start, end);
  setRange(
    list,
    first,
    seqMin(rangeStart(list, first), start),
    seqMax(rangeEnd(list, last - 1), end),
  );
  removeRanges(list, first + 1, last);
  return true;
}

/** The range in which `seq` lies, or `list.count`. */
export function findRange(list: RangeList, seq: u32): u32 {
  let index: u32 = 0;
  while (index < list.count && seqLe(rangeEnd(list, index), seq)) ++index;
  return index < list.count && seqLe(rangeStart(list, index), seq) ? index : list.count;
}

/** Whether all of start … end is there already. */
export function isHeld(list: RangeList, start: u32, end: u32): bool {
  const index = findRange(list, start);
  return index < list.count && seqLe(end, rangeEnd(list, index));
}

/** The number after the octets that follow `next` without a hole; forgets what lies before. */
export function joinRanges(list: RangeList, next: u32): u32 {
  let joined: u32 = 0;
  while (joined < list.count && seqLe(rangeStart(list, joined), next)) {
    next = seqMax(next, rangeEnd(list, joined));
    ++joined;
  }
  removeRanges(list, 0, joined);
  // The base follows, so that the distances stay those within one ring.
  if (list.count != 0) moveBase(list, rangeStart(list, 0));
  return next;
}

/** Forgets what lies at or after `limit`: nothing follows a FIN. */
export function truncateRanges(list: RangeList, limit: u32): void {
  while (list.count > 0 && seqGe(rangeStart(list, list.count - 1), limit)) list.count -= 1;
  if (list.count == 0) return;
  const last = list.count - 1;
  if (seqGt(rangeEnd(list, last), limit)) setRange(list, last, rangeStart(list, last), limit);
}

function insertRange(list: RangeList, index: u32, start: u32, end: u32): bool {
  const count = list.count;
  if (count == RANGE_COUNT) return false;
  for (let i = count; i > index; --i) copyRange(list, i - 1, i);
  setRange(list, index, start, end);
  list.count = count + 1;
  return true;
}

function setRange(list: RangeList, index: u32, start: u32, end: u32): void {
  assert(end - list.base <= DISTANCE_MAX);
  const range = rangeAt(list, index);
  range.start = <u16>(start - list.base);
  range.end = <u16>(end - list.base);
}

/** Counts all distances from another number, no later than the first range's. */
function moveBase(list: RangeList, base: u32): void {
  const before = list.base;
  if (before == base) return;
  for (let i: u32 = 0; i < list.count; ++i) {
    const start = before + <u32>rangeAt(list, i).start;
    const end = before + <u32>rangeAt(list, i).end;
    list.base = base;
    setRange(list, i, start, end);
  }
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
