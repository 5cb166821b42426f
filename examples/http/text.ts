/**
 * Text in fixed memory: string literals are read where asc has put them, nothing is allocated.
 *
 * Called by http.ts. Characters are ASCII: one octet each.
 */

/** Writes a literal at `to` and returns where it ends. */
export function putText(to: usize, text: string): usize {
  const from = changetype<usize>(text);
  const length = <usize>text.length;
  for (let i: usize = 0; i < length; ++i) store<u8>(to + i, load<u16>(from + 2 * i));
  return to + length;
}

/** Writes a number in decimal and returns where it ends. */
export function putNumber(to: usize, value: u32): usize {
  let digits: usize = 1;
  for (let rest = value; rest >= 10; rest /= 10) ++digits;
  let left = value;
  for (let at = to + digits; at > to; left /= 10) store<u8>(--at, 0x30 + (left % 10));
  return to + digits;
}

/** Whether the octets at `at` begin with a literal in lower case; upper case counts as lower. */
export function startsWith(at: usize, length: usize, text: string): bool {
  const wanted = changetype<usize>(text);
  if (length < <usize>text.length) return false;
  for (let i: usize = 0; i < <usize>text.length; ++i) {
    let octet: u32 = load<u8>(at + i);
    if (octet - 0x41 < 26) octet += 0x20;
    if (octet != load<u16>(wanted + 2 * i)) return false;
  }
  return true;
}
