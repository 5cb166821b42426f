/**
 * ICMP messages: emission, every truncation, the checksum.
 */

import {
  ICMP_HEADER_OCTETS,
  IcmpType,
  emitEcho,
  icmpCode,
  icmpIdentifier,
  icmpSequence,
  icmpType,
  isIcmpRight,
  sealIcmp,
} from "../../assembly/wire/icmpv4";
import { SCRATCH, flipBit, seedRandomOctets } from "./scratch";

function emitRequest(at: usize, octets: u32): void {
  emitEcho(at, IcmpType.ECHO_REQUEST, 0x1234_5678);
  sealIcmp(at, octets);
}

describe("ICMP echo", () => {
  test("is written as RFC 792 has it", () => {
    memory.fill(SCRATCH, 0xee, 32);
    store<u32>(SCRATCH + 8, 0x0403_0201);
    emitRequest(SCRATCH, 12);
    const octets: StaticArray<u8> = [
      0x08, 0x00, 0x8b, 0x4d, 0x12, 0x34, 0x56, 0x78, 0x01, 0x02, 0x03, 0x04,
    ];
    expect<i32>(memory.compare(SCRATCH, changetype<usize>(octets), 12)).toBe(0);
  });

  test("is read at any alignment, of any length", () => {
    for (let alignment: u32 = 0; alignment < 8; ++alignment) {
      for (let octets: u32 = ICMP_HEADER_OCTETS; octets < 100; ++octets) {
        const at = SCRATCH + alignment;
        seedRandomOctets(octets, 0);
        emitRequest(at, octets);
        expect<bool>(isIcmpRight(at, octets)).toBe(true);
        expect<u32>(icmpType(at)).toBe(8);
        expect<u32>(icmpCode(at)).toBe(0);
        expect<u32>(icmpIdentifier(at)).toBe(0x1234);
        expect<u32>(icmpSequence(at)).toBe(0x5678);
      }
    }
  });

  test("what is shorter than a header is refused, whatever its checksum", () => {
    memory.fill(SCRATCH, 0xff, 16); // ones: every even part of them sums up right
    for (let octets: u32 = 0; octets < 8; ++octets) {
      expect<bool>(isIcmpRight(SCRATCH, octets)).toBe(false);
    }
    expect<bool>(isIcmpRight(SCRATCH, 8)).toBe(true);
  });

  test("truncations and flipped bits do not sum up", () => {
    seedRandomOctets(3, 0);
    // No octet is 0, or a truncation might sum up by chance.
    for (let i: u32 = 0; i < 64; ++i) store<u8>(SCRATCH + i, load<u8>(SCRATCH + i) | 1);
    emitRequest(SCRATCH, 64);
    for (let octets: u32 = 8; octets < 64; ++octets) {
      expect<bool>(isIcmpRight(SCRATCH, octets)).toBe(false);
    }
    for (let bit: u32 = 0; bit < 64 * 8; ++bit) {
      emitRequest(SCRATCH, 64);
      flipBit(SCRATCH, bit);
      expect<bool>(isIcmpRight(SCRATCH, 64)).toBe(false);
      flipBit(SCRATCH, bit);
    }
  });
});
