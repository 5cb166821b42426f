/**
 * Memory and random octets for the unit tests, independent of what they test.
 */

export const OCTETS_MAX: u32 = 4096;
/** OCTETS_MAX octets, aligned to 8, with room to run over. */
export const SCRATCH: usize = memory.data(4096 + 64, 8);
/** As many, for a copy. */
export const COPY: usize = memory.data(4096 + 64, 8);

let state: u32 = 1;

/** xorshift32: the same numbers for the same seed, anywhere. */
export function nextRandom(): u32 {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

/** Begins a new sequence; the seed must not be 0. */
export function seed(value: u32): void {
  state = value * 2654435761;
}

/** Fills the scratch memory; `ones` of 8 octets (0 … 8) are 0xff, so that sums carry. */
export function seedRandomOctets(value: u32, ones: u32): void {
  seed(value);
  for (let i: u32 = 0; i < OCTETS_MAX + 64; ++i) {
    const octet = nextRandom();
    store<u8>(SCRATCH + i, octet % 8 < ones ? 0xff : <u8>(octet >> 8));
  }
}

/** Flips one bit of the octets at `at`. */
export function flipBit(at: usize, bit: u32): void {
  const octet = at + (bit >> 3);
  const mask: u32 = 1 << (bit & 7);
  store<u8>(octet, <u8>(load<u8>(octet) ^ mask));
}

/** Stores the low 16 bits of a number, the most significant octet first. */
export function put16(at: usize, offset: usize, value: u32): void {
  store<u8>(at + offset, <u8>(value >> 8));
  store<u8>(at + offset + 1, <u8>value);
}
