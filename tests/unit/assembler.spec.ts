/**
 * Reassembly against a map of octets, at sequence numbers that wrap.
 */

import { ASSEMBLER_RANGE_COUNT } from "../../assembly/config";
import { addRange, joinRanges, truncateRanges } from "../../assembly/tcp/assembler";
import { resetFlows } from "../../assembly/tcp/flow";
import { Tcb, allocateTcb, rangeAt, resetTcbs } from "../../assembly/tcp/tcb";
import { SCRATCH, nextRandom, seed } from "./scratch";

/** Octets of sequence space that the map knows, from `origin` on; one map octet says "there". */
const SPACE: u32 = 120;
const ORIGINS: StaticArray<u32> = [0, 1000, 0x7fff_ffc0, 0xffff_ff80, 0xffff_ffff];

function freshTcb(): Tcb {
  resetFlows();
  resetTcbs();
  return allocateTcb()!;
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
function agrees(tcb: Tcb, origin: u32, from: u32): bool {
  memory.fill(SCRATCH + 512, 0, SPACE);
  let before: u32 = from;
  for (let i: u32 = 0; i < <u32>tcb.rangeCount; ++i) {
    const start = rangeAt(tcb, i).start - origin;
    const end = rangeAt(tcb, i).end - origin;
    if (start >= end || end > SPACE) return false;
    // Neither overlapping nor touching: they would be one.
    if (i > 0 && start <= before) return false;
    before = end;
    memory.fill(SCRATCH + 512 + start, 1, end - start);
  }
  return memory.compare(SCRATCH + from, SCRATCH + 512 + from, SPACE - from) == 0;
}

describe("assembler", () => {
  test("random segments: the ranges are the map's runs, until no entry is left", () => {
    seed(21);
    let refused = 0;
    for (let round = 0; round < 400; ++round) {
      const origin = ORIGINS[nextRandom() % ORIGINS.length];
      const tcb = freshTcb();
      memory.fill(SCRATCH, 0, SPACE);
      for (let i = 0; i < 24; ++i) {
        const start = nextRandom() % (SPACE - 1);
        const end = start + 1 + (nextRandom() % min<u32>(20, SPACE - start - 1 + 1));
        if (end > SPACE) continue;
        const runs = mapRunCountWith(start, end, 0);
        const taken = addRange(tcb, origin + start, origin + end);
        // Refused only if it touches none and all entries are taken.
        const isNew = runs > mapRunCount(0);
        expect<bool>(taken).toBe(
          !(isNew && <u32>tcb.rangeCount == ASSEMBLER_RANGE_COUNT && runs > ASSEMBLER_RANGE_COUNT),
        );
        if (taken) mapFill(start, end);
        else ++refused;
        expect<bool>(agrees(tcb, origin, 0)).toBe(true);
      }
    }
    expect<bool>(refused > 100).toBe(true);
  });

  test("joining takes what follows without a hole, and forgets what lies before", () => {
    seed(22);
    for (let round = 0; round < 400; ++round) {
      const origin = ORIGINS[nextRandom() % ORIGINS.length];
      const tcb = freshTcb();
      memory.fill(SCRATCH, 0, SPACE);
      for (let i = 0; i < 6; ++i) {
        const start = 1 + (nextRandom() % (SPACE - 2));
        const end = min<u32>(SPACE, start + 1 + (nextRandom() % 12));
        if (addRange(tcb, origin + start, origin + end)) mapFill(start, end);
      }
      let next = nextRandom() % SPACE;
      const joined = joinRanges(tcb, origin + next) - origin;
      while (next < SPACE && load<u8>(SCRATCH + next)) ++next;
      expect<u32>(joined).toBe(next);
      memory.fill(SCRATCH, 0, next);
      expect<bool>(agrees(tcb, origin, next)).toBe(true);
    }
  });

  test("truncating leaves nothing at or after the limit", () => {
    seed(23);
    for (let round = 0; round < 400; ++round) {
      const origin = ORIGINS[nextRandom() % ORIGINS.length];
      const tcb = freshTcb();
      memory.fill(SCRATCH, 0, SPACE);
      for (let i = 0; i < 5; ++i) {
        const start = nextRandom() % (SPACE - 1);
        const end = min<u32>(SPACE, start + 1 + (nextRandom() % 20));
        if (addRange(tcb, origin + start, origin + end)) mapFill(start, end);
      }
      const limit = nextRandom() % SPACE;
      truncateRanges(tcb, origin + limit);
      memory.fill(SCRATCH + limit, 0, SPACE - limit);
      expect<bool>(agrees(tcb, origin, 0)).toBe(true);
    }
  });

  test("holes filled from the back, one octet each, end as one run", () => {
    const tcb = freshTcb();
    const origin: u32 = 0xffff_fffe;
    expect<bool>(addRange(tcb, origin + 5, origin + 6)).toBe(true);
    for (let i: u32 = 5; i > 0; --i) {
      expect<bool>(addRange(tcb, origin + i - 1, origin + i)).toBe(true);
      expect<u32>(tcb.rangeCount).toBe(1);
    }
    expect<u32>(joinRanges(tcb, origin)).toBe(origin + 6);
    expect<u32>(tcb.rangeCount).toBe(0);
  });
});
