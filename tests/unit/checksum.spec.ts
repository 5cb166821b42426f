/**
 * The checksum against a plain reading of RFC 1071 §1, over every length and alignment.
 */

import { checksumOf, copyAndSum, fold, sum } from "../../assembly/core/checksum";
import { COPY, OCTETS_MAX, SCRATCH, nextRandom, seedRandomOctets } from "./scratch";

/** RFC 1071 §1, one halfword after the other, folded, in memory order. */
function plainSum(at: usize, octets: u32): u32 {
  let total: u32 = 0;
  for (let i: u32 = 0; i < octets; ++i) {
    const octet = <u32>load<u8>(at + i);
    total += i & 1 ? octet << 8 : octet;
    total = (total & 0xffff) + (total >> 16);
  }
  return total;
}

/** Lengths at which both differ at some alignment (0 to 7), or -1. */
function firstDifference(from: u32, to: u32): i32 {
  for (let octets = from; octets <= to; ++octets) {
    for (let alignment: u32 = 0; alignment < 8; ++alignment) {
      const at = SCRATCH + alignment;
      const expected = plainSum(at, octets);
      if (fold(sum(at, octets)) != expected) return octets;
    }
  }
  return -1;
}

/**
 * A length at which `copyAndSum` has another sum, another copy, or has written beside it, between
 * any alignments; or -1.
 */
function firstBadCopy(from: u32, to: u32): i32 {
  for (let octets = from; octets <= to; ++octets) {
    for (let alignment: u32 = 0; alignment < 8; ++alignment) {
      const at = SCRATCH + alignment;
      const target = COPY + ((alignment * 5 + octets) & 7) + 8;
      memory.fill(COPY, 0xa5, octets + 32);
      if (fold(copyAndSum(target, at, octets)) != plainSum(at, octets)) return octets;
      if (memory.compare(target, at, octets) != 0) return octets;
      if (load<u64>(target - 8) != 0xa5a5_a5a5_a5a5_a5a5) return octets;
      if (load<u64>(target + octets) != 0xa5a5_a5a5_a5a5_a5a5) return octets;
    }
  }
  return -1;
}

describe("checksum", () => {
  test("equals the plain sum for short lengths over random octets", () => {
    seedRandomOctets(1, 0);
    expect<i32>(firstDifference(0, 260)).toBe(-1);
    expect<i32>(firstBadCopy(1, 260)).toBe(-1);
  });

  test("equals the plain sum around a full frame", () => {
    seedRandomOctets(2, 0);
    expect<i32>(firstDifference(1440, 1514)).toBe(-1);
    expect<i32>(firstBadCopy(1440, 1460)).toBe(-1);
  });

  test("carries: octets that are nearly all ones", () => {
    seedRandomOctets(3, 7);
    expect<i32>(firstDifference(1, 300)).toBe(-1);
    expect<i32>(firstBadCopy(1, 300)).toBe(-1);
    expect<i32>(firstDifference(1500, 1514)).toBe(-1);
    expect<i32>(firstDifference(3560, 3584)).toBe(-1);
  });

  test("carries: words of ones among zeros, at every place of a block", () => {
    for (let place: u32 = 0; place < 224; ++place) {
      memory.fill(SCRATCH, 0, OCTETS_MAX);
      memory.fill(SCRATCH + place, 0xff, 9);
      expect<i32>(firstDifference(225, 232)).toBe(-1);
      expect<i32>(firstBadCopy(225, 232)).toBe(-1);
    }
  });

  test("sums the longest run that it promises", () => {
    memory.fill(SCRATCH, 0xff, OCTETS_MAX);
    expect<u32>(fold(sum(SCRATCH, 3584))).toBe(0xffff);
    expect<u32>(fold(sum(SCRATCH, 3583))).toBe(plainSum(SCRATCH, 3583));
  });

  test("is 0 over nothing and over zeros", () => {
    memory.fill(SCRATCH, 0, OCTETS_MAX);
    expect<u32>(fold(sum(SCRATCH, 0))).toBe(0);
    expect<u32>(fold(sum(SCRATCH, 1000))).toBe(0);
  });

  test("parts of even length add up to the whole, the last may be odd", () => {
    seedRandomOctets(4, 0);
    for (let i = 0; i < 200; ++i) {
      const octets = nextRandom() % 1500;
      const cut = (nextRandom() % (octets + 1)) & ~1;
      const parts = sum(SCRATCH, cut) + sum(SCRATCH + cut, octets - cut);
      expect<u32>(fold(parts)).toBe(plainSum(SCRATCH, octets));
    }
  });

  test("reads no octet beyond the data", () => {
    seedRandomOctets(5, 0);
    for (let octets: u32 = 1; octets < 250; ++octets) {
      const before = sum(SCRATCH, octets);
      store<u8>(SCRATCH + octets, load<u8>(SCRATCH + octets) ^ 0xff);
      expect<u64>(sum(SCRATCH, octets)).toBe(before);
    }
  });

  test("the checksum of the example in RFC 1071 §3", () => {
    const words: StaticArray<u8> = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    // Sum ddf2 in network order, so the checksum's octets in memory are 22 0d.
    expect<u32>(checksumOf(sum(changetype<usize>(words), 8))).toBe(0x0d22);
  });

  test("data that hold their checksum sum up to ones", () => {
    seedRandomOctets(6, 0);
    for (let octets: u32 = 2; octets < 400; ++octets) {
      store<u16>(SCRATCH, 0);
      store<u16>(SCRATCH, <u16>checksumOf(sum(SCRATCH, octets)));
      expect<u32>(fold(sum(SCRATCH, octets))).toBe(0xffff);
      store<u8>(SCRATCH + octets - 1, load<u8>(SCRATCH + octets - 1) ^ 0x10);
      expect<u32>(fold(sum(SCRATCH, octets))).not.toBe(0xffff);
    }
  });
});
