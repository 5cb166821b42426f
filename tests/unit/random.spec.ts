/**
 * SipHash-2-4 against its published vectors, and what is drawn from entropy.
 */

import {
  demuxMultiplier,
  randomWord,
  seedRandom,
  sipHash,
  sipHashWithKey,
} from "../../assembly/core/random";
import { entropy } from "../../assembly/hal";
import { SCRATCH, nextRandom, seed } from "./scratch";

/** The key of the published vectors: the octets 00 … 0f. */
const KEY_0: u64 = 0x0706_0504_0302_0100;
const KEY_1: u64 = 0x0f0e_0d0c_0b0a_0908;

let v0: u64 = 0;
let v1: u64 = 0;
let v2: u64 = 0;
let v3: u64 = 0;

/** One SipRound, as the paper draws it (Figure 2.1). */
function sipRound(): void {
  v0 += v1;
  v1 = rotl<u64>(v1, 13) ^ v0;
  v0 = rotl<u64>(v0, 32);
  v2 += v3;
  v3 = rotl<u64>(v3, 16) ^ v2;
  v0 += v3;
  v3 = rotl<u64>(v3, 21) ^ v0;
  v2 += v1;
  v1 = rotl<u64>(v1, 17) ^ v2;
  v2 = rotl<u64>(v2, 32);
}

function absorb(word: u64): void {
  v3 ^= word;
  sipRound();
  sipRound();
  v0 ^= word;
}

/** SipHash-2-4 of any number of octets: general, slow, and apart from what is tested. */
function plainSipHash(key0: u64, key1: u64, at: usize, octets: u32): u64 {
  v0 = key0 ^ 0x736f6d6570736575;
  v1 = key1 ^ 0x646f72616e646f6d;
  v2 = key0 ^ 0x6c7967656e657261;
  v3 = key1 ^ 0x7465646279746573;
  let i: u32 = 0;
  for (; i + 8 <= octets; i += 8) absorb(load<u64>(at + i));
  let last: u64 = (<u64>octets) << 56;
  for (let shift: u64 = 0; i < octets; ++i, shift += 8) last |= (<u64>load<u8>(at + i)) << shift;
  absorb(last);
  v2 ^= 0xff;
  for (let round = 0; round < 4; ++round) sipRound();
  return v0 ^ v1 ^ v2 ^ v3;
}

function fillIndexes(): void {
  for (let i: u32 = 0; i < 64; ++i) store<u8>(SCRATCH + i, <u8>i);
}

describe("SipHash-2-4", () => {
  test("the plain one agrees with the published vectors", () => {
    fillIndexes();
    expect<u64>(plainSipHash(KEY_0, KEY_1, SCRATCH, 0)).toBe(0x726f_db47_dd0e_0e31);
    expect<u64>(plainSipHash(KEY_0, KEY_1, SCRATCH, 8)).toBe(0x93f5_f579_9a93_2462);
    // The paper's appendix A.
    expect<u64>(plainSipHash(KEY_0, KEY_1, SCRATCH, 15)).toBe(0xa129_ca61_49be_45e5);
  });

  test("agrees with the published vector of 16 octets", () => {
    expect<u64>(sipHashWithKey(KEY_0, KEY_1, KEY_0, KEY_1)).toBe(0x3f2a_cc7f_57c2_9bdb);
  });

  test("agrees with the plain one for random keys and messages", () => {
    seed(7);
    for (let i = 0; i < 500; ++i) {
      for (let j: u32 = 0; j < 8; ++j) store<u32>(SCRATCH + j * 4, nextRandom());
      const key0 = load<u64>(SCRATCH);
      const key1 = load<u64>(SCRATCH + 8);
      const hash = sipHashWithKey(key0, key1, load<u64>(SCRATCH + 16), load<u64>(SCRATCH + 24));
      expect<u64>(hash).toBe(plainSipHash(key0, key1, SCRATCH + 16, 16));
    }
  });
});

describe("secrets", () => {
  test("seedRandom draws exactly eight words", () => {
    const before = entropy();
    seedRandom();
    expect<u32>(entropy()).toBe(before + 9);
  });

  test("the hash is keyed by the first four words", () => {
    const first = <u64>(entropy() + 1);
    seedRandom();
    const key0 = first | ((first + 1) << 32);
    const key1 = (first + 2) | ((first + 3) << 32);
    expect<u64>(sipHash(11, 22)).toBe(sipHashWithKey(key0, key1, 11, 22));
  });

  test("other entropy gives other secrets, and the factor is odd", () => {
    for (let i = 0; i < 50; ++i) {
      seedRandom();
      const factor = demuxMultiplier();
      const hash = sipHash(1, 2);
      const word = randomWord();
      expect<u64>(factor & 1).toBe(1);
      // Small words of entropy must not leave the upper half empty.
      expect<bool>(factor >> 32 != 0).toBe(true);
      seedRandom();
      expect<bool>(demuxMultiplier() == factor).toBe(false);
      expect<bool>(sipHash(1, 2) == hash).toBe(false);
      expect<bool>(randomWord() == word).toBe(false);
    }
  });
});

describe("generator", () => {
  test("every bit is set about half of the time", () => {
    seedRandom();
    for (let bit: u32 = 0; bit < 32; ++bit) {
      let ones = 0;
      for (let i = 0; i < 2000; ++i) ones += (randomWord() >> bit) & 1;
      // Six standard deviations of 2,000 throws are 134.
      expect<bool>(ones > 866 && ones < 1134).toBe(true);
    }
  });

  test("no short cycle", () => {
    const first = randomWord();
    const second = randomWord();
    let repeated = false;
    let before = second;
    for (let i = 0; i < 20000; ++i) {
      const word = randomWord();
      if (before == first && word == second) repeated = true;
      before = word;
    }
    expect<bool>(repeated).toBe(false);
  });
});
