/**
 * Big-endian access to octets at any alignment, for fields whose place is found at run time.
 *
 * Used by `wire/` and `netif/`. Fields at a fixed place of a header are read in `wire/` by
 * `load<T>(at, OFFSET)` with a constant offset, which costs one operation less.
 */

/** The unsigned 16-bit number at `at + offset`. */
@inline export function get16(at: usize, offset: usize = 0): u32 {
  return <u32>bswap<u16>(load<u16>(at + offset));
}

/** The unsigned 32-bit number at `at + offset`. */
@inline export function get32(at: usize, offset: usize = 0): u32 {
  return bswap<u32>(load<u32>(at + offset));
}

/** Stores `value` at `at + offset`. */
@inline export function put32(at: usize, offset: usize, value: u32): void {
  store<u32>(at + offset, bswap<u32>(value));
}
