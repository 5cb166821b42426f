/**
 * The Internet checksum (RFC 1071), the plain way: 16-bit words added one by one, carries folded
 * in. Written apart from the stack's own in assembly/core, so that one checks the other.
 *
 * Called by every parser and builder of this folder. Never reads outside the given octets.
 */

/** Adds the octets as big-endian 16-bit words to `sum`, an odd last octet padded with zero. */
export function sumWords(octets: Uint8Array, sum = 0): number {
  let total = sum;
  for (let at = 0; at < octets.length; at += 2) {
    total += (octets[at]! << 8) | (octets[at + 1] ?? 0);
  }
  return total;
}

/** Folds carries until the sum fits 16 bits. */
export function foldSum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return folded;
}

/** The checksum field's value over octets whose own checksum field is zero. */
export function internetChecksum(octets: Uint8Array, initialSum = 0): number {
  return ~foldSum(sumWords(octets, initialSum)) & 0xffff;
}

/** Whether octets that include their checksum add up (RFC 1071 §1: the sum is all ones). */
export function checksumHolds(octets: Uint8Array, initialSum = 0): boolean {
  return foldSum(sumWords(octets, initialSum)) === 0xffff;
}

/** The sum of TCP's pseudo-header (RFC 9293 §3.1): addresses, zero, protocol, TCP length. */
export function pseudoHeaderSum(
  source: number,
  destination: number,
  protocol: number,
  length: number,
): number {
  return (
    (source >>> 16) +
    (source & 0xffff) +
    (destination >>> 16) +
    (destination & 0xffff) +
    protocol +
    length
  );
}
