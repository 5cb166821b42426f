/**
 * Lists of ranges against a map of octets, at sequence numbers that wrap.
 */

import { RANGE_COUNT } from "../../assembly/config";
import {
  RANGE_LIST_SIZE,
  RangeList,
  addRange,
  isHeld,
  joinRanges,
  rangeEnd,
  rangeStart,
  truncateRanges,
} from "../../assembly/tcp/ranges";
import { SCRATCH, nextRandom, seed } from "./scratch";

/** Octets of sequence space that the map knows, from `origin` on; one map octet says "there". */
const SPACE: u32 = 120;
const ORIGINS: StaticArray<u32> = [0, 1000, 0x7fff_ffc0, 0xffff_ff80, 0xffff_ffff];

/** Where the list lies, and a guard of 8 octets before and behind it. */
const LIST: usize = SCRATCH + 1024;
const GUARD: u64 = 0x1122_3344_5566_7788;

function freshList(): RangeList {
  memory.fill(LIST, 0, RANGE_LIST_SIZE);
  store<u64>(LIST - 8, GUARD);
  store<u64>(LIST + RANGE_LIST_SIZE, GUARD);
  return changetype<RangeList>(LIST);
}

function isGuardWhole(): bool {
  return load<u64>(LIST - 8) == GUARD && load<u64>(LIST + RANGE_LIST_SIZE) == GUARD;
}

function mapFill(start: u32, end: u32): void {
  memory.fill(SCRATCH + start, 1, end - start);
}

/** Runs of the map from `from` on. */
function mapRunCount(from: u32): u32 {
  let runs: u32 = 0;
  for (let i = from; i < SPACE; ++i) {
    if (load<u8>(SCRATCH + i) && (i == from || !load<u8>(SCRATCH + i - 1))) ++runs;
  }
  return runs;
}

/** How many runs the map would have with start … end filled in too. */
function mapRunCountWith(start: u32, end: u32, from: u32): u32 {
  memory.copy(SCRATCH + 256, SCRATCH, SPACE);
  mapFill(start, end);
  const runs = mapRunCount(from);
  memory.copy(SCRATCH, SCRATCH + 256, SPACE);
  return runs;
}

/** Whether the ranges say exactly what the map says from `from` on, in order, disjoint. */
function agrees(list: RangeList, origin: u32, from: u32): bool {
  memory.fill(SCRATCH + 512, 0, SPACE);
  let before: u32 = from;
  for (let i: u32 = 0; i < list.count; ++i) {
    const start = rangeStart(list, i) - origin;
    const end = rangeEnd(list, i) - origin;
    if (start >= end || end > SPACE) return false;
    // Neither overlapping nor touching: they would be one.
    if (i > 0 && start <= before) return false;
    before = end;
    memory.fill(SCRATCH + 512 + start, 1, end - start);
  }
  return memory.compare(SCRATCH + from, SCRATCH + 512 + from, SPACE - from) == 0;
}

describe("ranges", () => {
  test("random segments: the ranges are the map's runs, until the list is full", () => {
    seed(21);
    let refused = 0;
    for (let round = 0; round < 400; ++round) {
      const origin = ORIGINS[nextRandom() % ORIGINS.length];
      const list = freshList();
      memory.fill(SCRATCH, 0, SPACE);
      for (let i = 0; i < 24; ++i) {
        const start = nextRandom() % (SPACE - 1);
        const end = start + 1 + (nextRandom() % min<u32>(20, SPACE - start - 1 + 1));
        if (end > SPACE) continue;
        const runs = mapRunCountWith(start, end, 0);
        const taken = addRange(list, origin + start, origin + end);
        // Refused only if it touches none and all entries are taken.
        const isNew = runs > mapRunCount(0);
        expect<bool>(taken).toBe(!(isNew && list.count == RANGE_COUNT && runs > RANGE_COUNT));
        if (taken) mapFill(start, end);
        else ++refused;
        expect<bool>(agrees(list, origin, 0)).toBe(true);
      }
    }
    expect<bool>(refused > 100).toBe(true);
    expect<bool>(isGuardWhole()).toBe(true);
  });

  test("joining takes what follows without a hole, and forgets what lies before", () => {
    seed(22);
    for (let round = 0; round < 400; ++round) {
      const origin = ORIGINS[nextRandom() % ORIGINS.length];
      const list = freshList();
      memory.fill(SCRATCH, 0, SPACE);
      for (let i = 0; i < 6; ++i) {
        const start = 1 + (nextRandom() % (SPACE - 2));
        const end = min<u32>(SPACE, start + 1 + (nextRandom() % 12));
        if (addRange(list, origin + start, origin + end)) mapFill(start, end);
      }
      let next = nextRandom() % SPACE;
      const joined = joinRanges(list, origin + next) - origin;
      while (next < SPACE && load<u8>(SCRATCH + next)) ++next;
      expect<u32>(joined).toBe(next);
      memory.fill(SCRATCH, 0, next);
      expect<bool>(agrees(list, origin, next)).toBe(true);
    }
  });

  test("truncating leaves nothing at or after the limit", () => {
    seed(23);
    for (let round = 0; round < 400; ++round) {
      const origin = ORIGINS[nextRandom() % ORIGINS.length];
      const list = freshList();
      memory.fill(SCRATCH, 0, SPACE);
      for (let i = 0; i < 5; ++i) {
        const start = nextRandom() % (SPACE - 1);
        const end = min<u32>(SPACE, start + 1 + (nextRandom() % 20));
        if (addRange(list, origin + start, origin + end)) mapFill(start, end);
      }
      const limit = nextRandom() % SPACE;
      truncateRanges(list, origin + limit);
      memory.fill(SCRATCH + limit, 0, SPACE - limit);
      expect<bool>(agrees(list, origin, 0)).toBe(true);
    }
  });

  test("what is held is what the map has without a hole, to both ends", () => {
    seed(24);
    let held = 0;
    for (let round = 0; round < 400; ++round) {
      const origin = ORIGINS[nextRandom() % ORIGINS.length];
      const list = freshList();
      memory.fill(SCRATCH, 0, SPACE);
      for (let i = 0; i < 6; ++i) {
        const start = nextRandom() % (SPACE - 1);
        const end = min<u32>(SPACE, start + 1 + (nextRandom() % 20));
        if (addRange(list, origin + start, origin + end)) mapFill(start, end);
      }
      for (let i = 0; i < 20; ++i) {
        const start = nextRandom() % (SPACE - 1);
        const end = min<u32>(SPACE, start + 1 + (nextRandom() % 10));
        let isThere = true;
        for (let at = start; at < end; ++at) if (!load<u8>(SCRATCH + at)) isThere = false;
        expect<bool>(isHeld(list, origin + start, origin + end)).toBe(isThere);
        if (isThere) ++held;
      }
      expect<bool>(agrees(list, origin, 0)).toBe(true);
    }
    expect<bool>(held > 400).toBe(true);
  });

  test("a full list still takes what touches a range, and merges what it joins", () => {
    const list = freshList();
    const origin: u32 = 0xffff_fff0;
    for (let i: u32 = 0; i < RANGE_COUNT; ++i) {
      expect<bool>(addRange(list, origin + 10 * i, origin + 10 * i + 4)).toBe(true);
    }
    expect<bool>(addRange(list, origin + 6, origin + 8)).toBe(false);
    expect<u32>(list.count).toBe(RANGE_COUNT);
    expect<bool>(addRange(list, origin + 4, origin + 6)).toBe(true);
    expect<u32>(list.count).toBe(RANGE_COUNT);
    expect<u32>(rangeEnd(list, 0)).toBe(origin + 6);
    expect<bool>(addRange(list, origin, origin + 10 * RANGE_COUNT)).toBe(true);
    expect<u32>(list.count).toBe(1);
    expect<u32>(rangeStart(list, 0)).toBe(origin);
    expect<u32>(rangeEnd(list, 0)).toBe(origin + 10 * RANGE_COUNT);
    expect<bool>(isGuardWhole()).toBe(true);
  });

  test("holes filled from the back, one octet each, end as one run", () => {
    const list = freshList();
    const origin: u32 = 0xffff_fffe;
    expect<bool>(addRange(list, origin + 5, origin + 6)).toBe(true);
    for (let i: u32 = 5; i > 0; --i) {
      expect<bool>(addRange(list, origin + i - 1, origin + i)).toBe(true);
      expect<u32>(list.count).toBe(1);
    }
    expect<u32>(joinRanges(list, origin)).toBe(origin + 6);
    expect<u32>(list.count).toBe(0);
  });
});
