/**
 * Arithmetic for byte rings of any fixed size in static memory.
 *
 * A ring is an address and a size; its owner keeps the offset of its oldest octet. Sizes need not
 * be powers of two, because 2·MSS is the size that small boards want.
 * Called by tcp/ for both rings of a connection. Knows nothing of sequence numbers.
 */

/** The offset `octets` behind `offset`; both at most `size`. */
@inline export function advanceOffset(offset: u32, octets: u32, size: u32): u32 {
  const sum = offset + octets;
  return sum >= size ? sum - size : sum;
}

/** How many of `octets` from `offset` on lie before the ring's end. */
@inline export function contiguousOctets(offset: u32, octets: u32, size: u32): u32 {
  return min(octets, size - offset);
}
