/**
 * Sequence number arithmetic near 2^32 (RFC 9293 §3.4), and the acceptance test of a segment.
 */

import { isAcceptable, seqGe, seqGt, seqLe, seqLt, seqMax, seqMin } from "../../assembly/tcp/seq";

/** Where numbers are compared: around 0, around 2^31 and at other places. */
const STARTS: StaticArray<u32> = [
  0, 1, 2, 0x7fff_fffe, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff,
  0x1234_5678,
];
const DISTANCES: StaticArray<u32> = [1, 2, 65_535, 0x4000_0000, 0x7fff_fffe, 0x7fff_ffff];

/**
 * The four cases of RFC 9293 §3.10.7.4, octet by octet, without arithmetic on bounds; and the
 * deviation that seq.ts names: without length, the right edge itself is acceptable too.
 */
function plainAcceptable(seq: u32, length: u32, next: u32, window: u32): bool {
  if (length == 0) return seq == next + window || isIn(seq, next, window);
  if (window == 0) return false;
  return isIn(seq, next, window) || isIn(seq + length - 1, next, window);
}

function isIn(number: u32, next: u32, window: u32): bool {
  for (let i: u32 = 0; i < window; ++i) {
    if (next + i == number) return true;
  }
  return false;
}

describe("sequence numbers", () => {
  test("a number is neither before nor after itself", () => {
    for (let i = 0; i < STARTS.length; ++i) {
      const a = STARTS[i];
      expect<bool>(seqLt(a, a)).toBe(false);
      expect<bool>(seqGt(a, a)).toBe(false);
      expect<bool>(seqLe(a, a)).toBe(true);
      expect<bool>(seqGe(a, a)).toBe(true);
    }
  });

  test("order holds across the wrap", () => {
    for (let i = 0; i < STARTS.length; ++i) {
      for (let j = 0; j < DISTANCES.length; ++j) {
        const a = STARTS[i];
        const b = a + DISTANCES[j];
        expect<bool>(seqLt(a, b)).toBe(true);
        expect<bool>(seqLe(a, b)).toBe(true);
        expect<bool>(seqGt(b, a)).toBe(true);
        expect<bool>(seqGe(b, a)).toBe(true);
        expect<bool>(seqLt(b, a)).toBe(false);
        expect<bool>(seqLe(b, a)).toBe(false);
        expect<bool>(seqGt(a, b)).toBe(false);
        expect<bool>(seqGe(a, b)).toBe(false);
      }
    }
  });

  test("minimum and maximum follow that order", () => {
    expect<u32>(seqMax(0xffff_fff0, 0x10)).toBe(0x10);
    expect<u32>(seqMin(0xffff_fff0, 0x10)).toBe(0xffff_fff0);
    expect<u32>(seqMax(0x10, 0xffff_fff0)).toBe(0x10);
    expect<u32>(seqMin(0x10, 0xffff_fff0)).toBe(0xffff_fff0);
    expect<u32>(seqMax(7, 7)).toBe(7);
    expect<u32>(seqMin(7, 7)).toBe(7);
  });

  test("a segment is acceptable in the RFC's four cases, near the wrap and elsewhere", () => {
    for (let i = 0; i < STARTS.length; ++i) {
      const next = STARTS[i];
      for (let window: u32 = 0; window < 6; ++window) {
        for (let length: u32 = 0; length < 6; ++length) {
          for (let ahead: u32 = 0; ahead < 20; ++ahead) {
            const seq = next + ahead - 10;
            const wanted = plainAcceptable(seq, length, next, window);
            expect<bool>(isAcceptable(seq, length, next, window)).toBe(wanted);
          }
        }
      }
    }
  });
});
