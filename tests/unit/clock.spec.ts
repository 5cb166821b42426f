/**
 * Time that wraps at 2^32 ms: order holds on either side of the wrap.
 */

import { isBefore, now, setNow } from "../../assembly/core/clock";

describe("clock", () => {
  test("answers the time that was set", () => {
    setNow(0xffff_fff0);
    expect<u32>(now()).toBe(0xffff_fff0);
    setNow(0);
    expect<u32>(now()).toBe(0);
  });

  test("orders times on either side of the wrap", () => {
    for (let i: u32 = 1; i < 64; ++i) {
      const earlier = <u32>0 - i;
      for (let j: u32 = 0; j < 64; ++j) {
        expect<bool>(isBefore(earlier, j)).toBe(true);
        expect<bool>(isBefore(j, earlier)).toBe(false);
      }
    }
  });

  test("orders times up to 2^31 - 1 ms apart, wherever they lie", () => {
    const distances: StaticArray<u32> = [1, 2, 1000, 0x4000_0000, 0x7fff_ffff];
    const starts: StaticArray<u32> = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xc000_0000, 0xffff_ffff];
    for (let i = 0; i < distances.length; ++i) {
      for (let j = 0; j < starts.length; ++j) {
        const later = starts[j] + distances[i];
        expect<bool>(isBefore(starts[j], later)).toBe(true);
        expect<bool>(isBefore(later, starts[j])).toBe(false);
      }
    }
  });

  test("a time is not before itself", () => {
    expect<bool>(isBefore(0, 0)).toBe(false);
    expect<bool>(isBefore(0xffff_ffff, 0xffff_ffff)).toBe(false);
  });
});
