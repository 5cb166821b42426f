/**
 * Big-endian access to memory at every alignment, and nothing beside it touched.
 */

import { get16, get32, put32 } from "../../assembly/core/octets";
import { SCRATCH } from "./scratch";

describe("octets", () => {
  test("reads the most significant octet first, at any alignment", () => {
    for (let i: u32 = 0; i < 16; ++i) store<u8>(SCRATCH + i, <u8>(0xf0 + i));
    for (let i: u32 = 0; i < 8; ++i) {
      const first: u32 = 0xf0 + i;
      expect<u32>(get16(SCRATCH, i)).toBe((first << 8) | (first + 1));
      const word = (first << 24) | ((first + 1) << 16) | ((first + 2) << 8) | (first + 3);
      expect<u32>(get32(SCRATCH, i)).toBe(word);
    }
  });

  test("writes what it reads, and nothing beside it", () => {
    for (let i: u32 = 1; i < 9; ++i) {
      memory.fill(SCRATCH, 0x55, 32);
      put32(SCRATCH, i, 0x8123_4567);
      expect<u32>(get32(SCRATCH, i)).toBe(0x8123_4567);
      expect<u32>(load<u8>(SCRATCH + i)).toBe(0x81);
      expect<u32>(load<u8>(SCRATCH + i - 1)).toBe(0x55);
      expect<u32>(load<u8>(SCRATCH + i + 4)).toBe(0x55);
    }
  });
});
