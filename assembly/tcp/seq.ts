/**
 * Sequence number arithmetic modulo 2^32: the only place where sequence numbers are ordered.
 *
 * RFC 9293 §3.4. `a` and `b` compare correctly while they lie less than 2^31 apart, which windows
 * of at most 2^30 octets guarantee. A difference `b - a` in u32 needs no helper.
 */

@inline export function seqLt(a: u32, b: u32): bool {
  return <i32>(a - b) < 0;
}

@inline export function seqLe(a: u32, b: u32): bool {
  return <i32>(a - b) <= 0;
}

@inline export function seqGt(a: u32, b: u32): bool {
  return <i32>(a - b) > 0;
}

@inline export function seqGe(a: u32, b: u32): bool {
  return <i32>(a - b) >= 0;
}

@inline export function seqMax(a: u32, b: u32): u32 {
  return seqLt(a, b) ? b : a;
}

@inline export function seqMin(a: u32, b: u32): u32 {
  return seqLt(a, b) ? a : b;
}

/**
 * Whether a segment of `length` octets of sequence space at `seq` touches the window of `window`
 * octets at `next`: the four cases of RFC 9293 §3.10.7.4, first check.
 *
 * DEVIATION: a segment without length is acceptable at the window's right edge too. A peer that has
 * filled the window, but whose first segment is lost, acknowledges our data from there.
 */
export function isAcceptable(seq: u32, length: u32, next: u32, window: u32): bool {
  const offset = seq - next;
  if (length == 0) return offset <= window;
  return offset < window || (window != 0 && offset + length - 1 < window);
}
