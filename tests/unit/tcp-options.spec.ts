/**
 * Options of every kind and length: MUST-4 to MUST-7, MUST-64, MUST-69 of RFC 9293.
 */

import { MSS_OPTION_OCTETS, emitMss, parseOptions } from "../../assembly/wire/tcp-options";
import { SCRATCH, nextRandom, seed } from "./scratch";

const OPTIONS_OCTETS_MAX: u32 = 40;

/** Writes octets from a list; returns how many. */
function write(octets: StaticArray<u8>): u32 {
  memory.copy(SCRATCH, changetype<usize>(octets), octets.length);
  return octets.length;
}

function mssOf(octets: StaticArray<u8>): u32 {
  return parseOptions(SCRATCH, write(octets)).mss;
}

describe("TCP options", () => {
  test("no options: no MSS", () => {
    emitMss(SCRATCH, 1460);
    expect<u32>(parseOptions(SCRATCH, 0).mss).toBe(0);
  });

  test("reads the MSS that it writes, at any alignment", () => {
    for (let alignment: u32 = 0; alignment < 8; ++alignment) {
      emitMss(SCRATCH + alignment, 0xfedc);
      expect<u32>(load<u8>(SCRATCH + alignment)).toBe(2);
      expect<u32>(load<u8>(SCRATCH + alignment + 1)).toBe(4);
      expect<u32>(parseOptions(SCRATCH + alignment, MSS_OPTION_OCTETS).mss).toBe(0xfedc);
    }
  });

  test("MSS behind any number of No-Operations, so at any alignment (MUST-64)", () => {
    for (let pad: u32 = 0; pad <= 36; ++pad) {
      memory.fill(SCRATCH, 1, OPTIONS_OCTETS_MAX);
      emitMss(SCRATCH + pad, 536 + pad);
      expect<u32>(parseOptions(SCRATCH, OPTIONS_OCTETS_MAX).mss).toBe(536 + pad);
    }
  });

  test("unknown kinds of every legal length are skipped (MUST-6)", () => {
    for (let kind: u32 = 3; kind < 256; ++kind) {
      for (let length: u32 = 2; length <= 36; ++length) {
        // Twos, which would be taken for an MSS if they were not skipped.
        memory.fill(SCRATCH, 2, OPTIONS_OCTETS_MAX);
        store<u8>(SCRATCH, <u8>kind);
        store<u8>(SCRATCH + 1, <u8>length);
        emitMss(SCRATCH + length, 1000);
        expect<u32>(parseOptions(SCRATCH, length + 4).mss).toBe(1000);
      }
    }
  });

  test("illegal lengths end the parsing and keep what was read (MUST-7)", () => {
    for (let length: u32 = 0; length < 256; ++length) {
      if (length >= 2 && length <= 36) continue;
      memory.fill(SCRATCH, 1, OPTIONS_OCTETS_MAX);
      emitMss(SCRATCH, 1200);
      store<u8>(SCRATCH + 4, 254);
      store<u8>(SCRATCH + 5, <u8>length);
      emitMss(SCRATCH + 6, 700);
      expect<u32>(parseOptions(SCRATCH, OPTIONS_OCTETS_MAX).mss).toBe(1200);
    }
  });

  test("an MSS of another length than 4 is skipped", () => {
    for (let length: u32 = 2; length <= 36; ++length) {
      memory.fill(SCRATCH, 1, OPTIONS_OCTETS_MAX);
      store<u8>(SCRATCH, 2);
      store<u8>(SCRATCH + 1, <u8>length);
      expect<u32>(parseOptions(SCRATCH, OPTIONS_OCTETS_MAX).mss).toBe(length == 4 ? 0x0101 : 0);
    }
  });

  test("every truncation of an MSS is no MSS, and nothing behind is read", () => {
    emitMss(SCRATCH, 1460);
    for (let octets: u32 = 0; octets < 4; ++octets) {
      expect<u32>(parseOptions(SCRATCH, octets).mss).toBe(0);
    }
  });

  test("a kind without room for its length ends the parsing", () => {
    expect<u32>(mssOf([2, 4, 5, 0, 254])).toBe(0x0500);
    expect<u32>(mssOf([1, 1, 1, 2])).toBe(0);
  });

  test("what is behind End of Option List is padding (MUST-69)", () => {
    expect<u32>(mssOf([0, 2, 4, 5, 180])).toBe(0);
    expect<u32>(mssOf([2, 4, 5, 180, 0, 2, 4, 1, 1])).toBe(1460);
  });

  test("the last MSS counts, and a new call forgets the one before", () => {
    expect<u32>(mssOf([2, 4, 5, 180, 2, 4, 2, 24])).toBe(536);
    expect<u32>(mssOf([1, 1, 1, 1])).toBe(0);
  });

  test("the options that Linux sends with a SYN", () => {
    // MSS, SACK permitted, timestamps, No-Operation, window scale.
    const mss = mssOf([2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7]);
    expect<u32>(mss).toBe(1460);
  });

  test("any octets end without a trap, for every length", () => {
    seed(5);
    let sum: u32 = 0;
    for (let round = 0; round < 2000; ++round) {
      for (let i: u32 = 0; i < OPTIONS_OCTETS_MAX; ++i) {
        const word = nextRandom();
        store<u8>(SCRATCH + i, <u8>(word & 0x100 ? word % 6 : word));
      }
      for (let octets: u32 = 0; octets <= OPTIONS_OCTETS_MAX; ++octets) {
        sum += parseOptions(SCRATCH, octets).mss;
      }
    }
    expect<bool>(sum != 0).toBe(true);
  });
});
