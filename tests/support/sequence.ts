/**
 * Sequence numbers modulo 2^32 for the tests (RFC 9293 §3.4), written apart from the stack's own.
 *
 * Called by the rest of tests/support.
 */

/** How far `to` lies after `from`, going up. */
export function seqDistance(from: number, to: number): number {
  return (to - from) >>> 0;
}

/** Whether `a` comes after `b`, both being less than 2^31 apart. */
export function seqAfter(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

/** The later of two. */
export function seqMax(a: number, b: number): number {
  return seqAfter(a, b) ? a : b;
}
