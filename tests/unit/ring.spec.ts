/**
 * Ring arithmetic against a walk octet by octet.
 */

import { advanceOffset, contiguousOctets } from "../../assembly/core/ring";

describe("ring", () => {
  test("advances as a walk octet by octet does", () => {
    for (let size: u32 = 1; size < 20; ++size) {
      for (let offset: u32 = 0; offset < size; ++offset) {
        let walk = offset;
        for (let octets: u32 = 0; octets <= size; ++octets) {
          expect<u32>(advanceOffset(offset, octets, size)).toBe(walk);
          walk = walk + 1 == size ? 0 : walk + 1;
        }
      }
    }
  });

  test("a span ends at the ring's end, or where the octets end", () => {
    for (let size: u32 = 1; size < 20; ++size) {
      for (let offset: u32 = 0; offset < size; ++offset) {
        for (let octets: u32 = 0; octets <= size; ++octets) {
          let walk: u32 = 0;
          while (walk < octets && offset + walk < size) ++walk;
          expect<u32>(contiguousOctets(offset, octets, size)).toBe(walk);
        }
      }
    }
  });

  test("holds at the largest size, 65,535", () => {
    expect<u32>(advanceOffset(65_534, 1, 65_535)).toBe(0);
    expect<u32>(advanceOffset(65_534, 65_535, 65_535)).toBe(65_534);
    expect<u32>(contiguousOctets(65_534, 65_535, 65_535)).toBe(1);
  });
});
