/**
 * The network's order of octets: numbers swapped, and big-endian access at any alignment, for
 * fields whose place is found at run time.
 *
 * Used by `wire/`, `netif/` and `tcp/`. Fields at a fixed place of a header are read in `wire/` by
 * `load<T>(at, OFFSET)` with a constant offset, which costs one operation less. Wasm has no
 * instruction that swaps, and asc's `bswap` is a call each time.
 */

/** The lower 16 bits in the other order of octets, and none above. */
@inline export function swap16(value: u32): u32 {
  return ((value & 0xff) << 8) | ((value >> 8) & 0xff);
}

/** A word in the other order of octets. */
@inline export function swap32(value: u32): u32 {
  return (rotl<u32>(value, 8) & 0x00ff_00ff) | (rotl<u32>(value, 24) & 0xff00_ff00);
}

/** Eight octets in the other order: octets, pairs and fours, each time all neighbours at once. */
@inline export function swap64(value: u64): u64 {
  value = ((value & 0x00ff_00ff_00ff_00ff) << 8) | ((value >> 8) & 0x00ff_00ff_00ff_00ff);
  value = ((value & 0x0000_ffff_0000_ffff) << 16) | ((value >> 16) & 0x0000_ffff_0000_ffff);
  return rotl<u64>(value, 32);
}

import { HAS_NATIVE_COPY, HAS_STRAIGHT, NATIVE_OCTETS_MIN } from "../config";
import { copy } from "../hal";

/** Copies text, as much as a segment holds; the blocks may overlap. */
@inline export function copyOctets(to: usize, from: usize, octets: usize): void {
  if (HAS_NATIVE_COPY && octets >= NATIVE_OCTETS_MIN) copy(to, from, <u32>octets);
  // A key that was pressed: compilers make a call of each copy, which takes V8 5 ns.
  else if (HAS_STRAIGHT && octets == 1) store<u8>(to, load<u8>(from));
  else memory.copy(to, from, octets);
}

/** The unsigned 16-bit number at `at + offset`. */
@inline export function get16(at: usize, offset: usize = 0): u32 {
  return swap16(load<u16>(at + offset));
}

/** The unsigned 32-bit number at `at + offset`. */
@inline export function get32(at: usize, offset: usize = 0): u32 {
  return swap32(load<u32>(at + offset));
}

/** Stores `value` at `at + offset`. */
@inline export function put32(at: usize, offset: usize, value: u32): void {
  store<u32>(at + offset, swap32(value));
}
