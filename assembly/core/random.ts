/**
 * Keyed hashing and random numbers, from the eight words of entropy that `init` draws.
 *
 * SipHash-2-4 (Aumasson, Bernstein 2012) keys ISNs (RFC 6528) and ephemeral ports (RFC 6056); the
 * table of tuples has a cheaper secret of its own; SplitMix64 (Steele, Lea, Flood 2014) gives
 * numbers that only need to differ: jitter, first choices. Called by `tcp/` and `netif/`, and by
 * `index`, for which alone it draws entropy.
 */

import { entropy } from "../hal";

/** Layout of the secrets, in octets. */
@inline const KEY_0: usize = 0;
@inline const KEY_1: usize = 8;
@inline const DEMUX_MULTIPLIER: usize = 16;
@inline const GENERATOR: usize = 24;
@inline const SECRETS: usize = memory.data(32, 8);

/** SplitMix64's increment (2^64 divided by the golden ratio) and the factors of its mixing. */
@inline const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
@inline const MIX_1: u64 = 0xbf58_476d_1ce4_e5b9;
@inline const MIX_2: u64 = 0x94d0_49bb_1331_11eb;

/** Draws all secrets. Calls `entropy` exactly eight times, in the order of the layout. */
export function seedRandom(): void {
  store<u64>(SECRETS, entropy64(), KEY_0);
  store<u64>(SECRETS, entropy64(), KEY_1);
  // A multiplier must be odd: an even one would throw bits away.
  store<u64>(SECRETS, mix(entropy64()) | 1, DEMUX_MULTIPLIER);
  store<u64>(SECRETS, entropy64(), GENERATOR);
}

/** Has the generator go on elsewhere than it would have: draws two words. The keys stay. */
export function stirRandom(): void {
  store<u64>(SECRETS, load<u64>(SECRETS, GENERATOR) ^ entropy64(), GENERATOR);
}

/** Two words of entropy in one; the first is the low one. */
function entropy64(): u64 {
  const low = <u64>entropy();
  return low | (<u64>entropy() << 32);
}

/** The secret odd factor of the tuple table's hash. */
@inline export function demuxMultiplier(): u64 {
  return load<u64>(SECRETS, DEMUX_MULTIPLIER);
}

/** The next number of the generator. Not for secrets: four in a row tell its state. */
export function randomWord(): u32 {
  const state = load<u64>(SECRETS, GENERATOR) + GOLDEN_GAMMA;
  store<u64>(SECRETS, state, GENERATOR);
  return <u32>(mix(state) >> 32);
}

/** SplitMix64's mixing: every bit of the argument changes about half of the result. */
function mix(word: u64): u64 {
  word = (word ^ (word >> 30)) * MIX_1;
  word = (word ^ (word >> 27)) * MIX_2;
  return word ^ (word >> 31);
}

/** SipHash-2-4 of the 16 octets `first`, `second` (each little-endian) under the secret key. */
export function sipHash(first: u64, second: u64): u64 {
  return sipHashWithKey(load<u64>(SECRETS, KEY_0), load<u64>(SECRETS, KEY_1), first, second);
}

/** SipHash-2-4 of 16 octets under a given key. Apart for the published test vectors. */
export function sipHashWithKey(key0: u64, key1: u64, first: u64, second: u64): u64 {
  // The four words of state: the key, xored with "somepseudorandomlygeneratedbytes".
  let v0: u64 = key0 ^ 0x736f_6d65_7073_6575;
  let v1: u64 = key1 ^ 0x646f_7261_6e64_6f6d;
  let v2: u64 = key0 ^ 0x6c79_6765_6e65_7261;
  let v3: u64 = key1 ^ 0x7465_6462_7974_6573;
  // Two rounds for each word, the third being the message's length; then four, of no word.
  let word = first;
  let turn = 0;
  do {
    v3 ^= word;
    let round = 2;
    do {
      v0 += v1;
      v2 += v3;
      v1 = rotl<u64>(v1, 13) ^ v0;
      v3 = rotl<u64>(v3, 16) ^ v2;
      v0 = rotl<u64>(v0, 32) + v3;
      v2 += v1;
      v1 = rotl<u64>(v1, 17) ^ v2;
      v3 = rotl<u64>(v3, 21) ^ v0;
      v2 = rotl<u64>(v2, 32);
    } while (--round != 0);
    v0 ^= word;
    word = turn == 0 ? second : turn == 1 ? MESSAGE_LENGTH : 0;
    if (turn == 2) v2 ^= 0xff;
  } while (++turn != 5);
  return v0 ^ v1 ^ v2 ^ v3;
}

/** The last word of a 16-octet message: its length in the topmost octet, no octets left over. */
@inline const MESSAGE_LENGTH: u64 = 16 << 56;
