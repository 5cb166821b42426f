/**
 * Initial sequence numbers (RFC 6528) and ephemeral ports (RFC 6056).
 */

import { setNow } from "../../assembly/core/clock";
import { seedRandom } from "../../assembly/core/random";
import {
  EPHEMERAL_COUNT,
  EPHEMERAL_FIRST,
  chooseIsn,
  portOffset,
  resetIsn,
  tupleHash,
} from "../../assembly/tcp/isn";

describe("ISN", () => {
  test("one tuple: rises by 250 per millisecond, across both wraps", () => {
    seedRandom();
    const times: StaticArray<u32> = [0, 1, 1000, 0xffff_ffff, 0x7fff_ffff];
    for (let i = 0; i < times.length; ++i) {
      setNow(times[i]);
      resetIsn();
      const isn = chooseIsn(tupleHash(1, 2, 3));
      setNow(times[i] + 4);
      expect<u32>(chooseIsn(tupleHash(1, 2, 3)) - isn).toBe(1000);
      expect<u32>(chooseIsn(tupleHash(1, 2, 3)) - isn).toBe(1001);
    }
  });

  test("each part of the tuple changes it", () => {
    seedRandom();
    setNow(5);
    const isn = chooseIsn(tupleHash(0x0a09_0002, 0x0a09_0001, 0x1f90_c000));
    expect<bool>(isn == chooseIsn(tupleHash(0x0a09_0003, 0x0a09_0001, 0x1f90_c000))).toBe(false);
    expect<bool>(isn == chooseIsn(tupleHash(0x0a09_0002, 0x0a09_0003, 0x1f90_c000))).toBe(false);
    expect<bool>(isn == chooseIsn(tupleHash(0x0a09_0002, 0x0a09_0001, 0x1f91_c000))).toBe(false);
    expect<bool>(isn == chooseIsn(tupleHash(0x0a09_0002, 0x0a09_0001, 0x1f90_c001))).toBe(false);
  });

  test("another secret gives another one", () => {
    setNow(5);
    seedRandom();
    const isn = chooseIsn(tupleHash(1, 2, 3));
    seedRandom();
    expect<bool>(isn == chooseIsn(tupleHash(1, 2, 3))).toBe(false);
  });
});

describe("ephemeral ports", () => {
  test("are the dynamic ones of RFC 6335", () => {
    expect<u32>(EPHEMERAL_FIRST).toBe(49_152);
    expect<u32>(EPHEMERAL_FIRST + EPHEMERAL_COUNT).toBe(65_536);
  });

  test("each peer has its own start, which does not tell the ISN", () => {
    seedRandom();
    setNow(0);
    const offset = portOffset(1, 2, 80);
    expect<bool>(offset == portOffset(1, 3, 80)).toBe(false);
    expect<bool>(offset == portOffset(1, 2, 81)).toBe(false);
    expect<bool>(offset == portOffset(2, 2, 80)).toBe(false);
    expect<bool>(offset == chooseIsn(tupleHash(1, 2, 80))).toBe(false);
    expect<u32>(portOffset(1, 2, 80)).toBe(offset);
  });
});
