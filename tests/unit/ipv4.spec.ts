/**
 * The IPv4 header: emission, every truncation, lengths that lie, the pseudo-header.
 */

import { fold, sum } from "../../assembly/core/checksum";
import { get16, put32 } from "../../assembly/core/octets";
import {
  IPV4_HEADER_OCTETS,
  Protocol,
  allowFragments,
  checkIpv4,
  checkQuotedIpv4,
  emitIpv4,
  fragmentOffset,
  hasMoreFragments,
  ipv4Kind,
  ipv4Destination,
  ipv4Protocol,
  ipv4Source,
  ipv4TotalOctets,
  isFragment,
  isIpv4ChecksumRight,
  isSameDatagram,
  makeWhole,
  pseudoSum,
} from "../../assembly/wire/ipv4";
import { SCRATCH, flipBit, nextRandom, put16, seed, seedRandomOctets } from "./scratch";

const ADDRESSES: u64 = 0x0a09_0002_0a09_0001;

/** A header of `words` words over `total` octets, the options random. */
function emitWithOptions(at: usize, words: u32, total: u32): void {
  emitIpv4(at, total, ipv4Kind(0, 64, Protocol.TCP), ADDRESSES);
  store<u8>(at, <u8>(0x40 | words));
}

describe("IPv4 header", () => {
  test("is written as RFC 791 has it, do not fragment, TTL 64", () => {
    seedRandomOctets(1, 0);
    emitIpv4(SCRATCH, 0x1234, ipv4Kind(0, 64, Protocol.TCP), ADDRESSES);
    const octets: StaticArray<u8> = [
      0x45, 0x00, 0x12, 0x34, 0x00, 0x00, 0x40, 0x00, 0x40, 0x06, 0x14, 0xb0, 0x0a, 0x09, 0x00,
      0x02, 0x0a, 0x09, 0x00, 0x01,
    ];
    expect<i32>(memory.compare(SCRATCH, changetype<usize>(octets), 20)).toBe(0);
    expect<bool>(isIpv4ChecksumRight(SCRATCH, 20)).toBe(true);
  });

  test("has the type of service and the time to live that it is told", () => {
    seedRandomOctets(3, 0);
    emitIpv4(SCRATCH, 40, ipv4Kind(0xb9, 255, Protocol.TCP), ADDRESSES);
    expect<u32>(load<u8>(SCRATCH)).toBe(0x45);
    expect<u32>(load<u8>(SCRATCH + 1)).toBe(0xb9);
    expect<u32>(load<u8>(SCRATCH + 8)).toBe(255);
    expect<u32>(load<u8>(SCRATCH + 9)).toBe(6);
    expect<bool>(isIpv4ChecksumRight(SCRATCH, 20)).toBe(true);
  });

  test("is read at any alignment", () => {
    for (let alignment: u32 = 0; alignment < 8; ++alignment) {
      const at = SCRATCH + alignment;
      emitIpv4(at, 40, ipv4Kind(0, 64, Protocol.ICMP), ADDRESSES);
      expect<u32>(checkIpv4(at, 40)).toBe(20);
      expect<u32>(ipv4TotalOctets(at)).toBe(40);
      expect<u32>(ipv4Protocol(at)).toBe(1);
      expect<u32>(ipv4Source(at)).toBe(0x0a09_0002);
      expect<u32>(ipv4Destination(at)).toBe(0x0a09_0001);
      expect<bool>(isFragment(at)).toBe(false);
    }
  });

  test("every truncation is refused, padding is not", () => {
    emitIpv4(SCRATCH, 40, ipv4Kind(0, 64, Protocol.TCP), ADDRESSES);
    for (let octets: u32 = 0; octets < 40; ++octets)
      expect<u32>(checkIpv4(SCRATCH, octets)).toBe(0);
    for (let octets: u32 = 40; octets < 60; ++octets)
      expect<u32>(checkIpv4(SCRATCH, octets)).toBe(20);
  });

  test("versions other than 4 are refused", () => {
    for (let version: u32 = 0; version < 16; ++version) {
      emitIpv4(SCRATCH, 40, ipv4Kind(0, 64, Protocol.TCP), ADDRESSES);
      store<u8>(SCRATCH, <u8>((version << 4) | 5));
      expect<u32>(checkIpv4(SCRATCH, 40)).toBe(version == 4 ? 20 : 0);
      expect<u32>(checkQuotedIpv4(SCRATCH, 40)).toBe(version == 4 ? 20 : 0);
    }
  });

  test("header lengths below five words or beyond the datagram are refused", () => {
    for (let words: u32 = 0; words < 16; ++words) {
      for (let total: u32 = 20; total < 64; total += 4) {
        emitWithOptions(SCRATCH, words, total);
        const wanted = words >= 5 && words * 4 <= total ? words * 4 : 0;
        expect<u32>(checkIpv4(SCRATCH, 64)).toBe(wanted);
      }
    }
  });

  test("total lengths below the header's or beyond the frame are refused", () => {
    for (let total: u32 = 0; total < 70; ++total) {
      emitIpv4(SCRATCH, total, ipv4Kind(0, 64, Protocol.TCP), ADDRESSES);
      expect<u32>(checkIpv4(SCRATCH, 50)).toBe(total >= 20 && total <= 50 ? 20 : 0);
    }
    emitIpv4(SCRATCH, 0xffff, ipv4Kind(0, 64, Protocol.TCP), ADDRESSES);
    expect<u32>(checkIpv4(SCRATCH, 1500)).toBe(0);
  });

  test("a quoted header may promise more than is there, but must be whole itself", () => {
    emitIpv4(SCRATCH, 1500, ipv4Kind(0, 64, Protocol.TCP), ADDRESSES);
    for (let octets: u32 = 0; octets < 20; ++octets) {
      expect<u32>(checkQuotedIpv4(SCRATCH, octets)).toBe(0);
    }
    expect<u32>(checkQuotedIpv4(SCRATCH, 28)).toBe(20);
    emitWithOptions(SCRATCH, 15, 1500);
    expect<u32>(checkQuotedIpv4(SCRATCH, 59)).toBe(0);
    expect<u32>(checkQuotedIpv4(SCRATCH, 60)).toBe(60);
  });

  test("more fragments or an offset make a fragment, the other flags do not", () => {
    emitIpv4(SCRATCH, 40, ipv4Kind(0, 64, Protocol.TCP), ADDRESSES);
    for (let bit: u32 = 0; bit < 16; ++bit) {
      put16(SCRATCH, 6, (<u32>1) << bit);
      expect<bool>(isFragment(SCRATCH)).toBe(bit < 14);
    }
  });

  test("fragments are read as RFC 791 has them, and are one datagram's by four fields", () => {
    const other = SCRATCH + 64;
    emitIpv4(SCRATCH, 40, ipv4Kind(0, 64, Protocol.TCP), ADDRESSES);
    put16(SCRATCH, 6, 0x3fff);
    expect<u32>(fragmentOffset(SCRATCH)).toBe(65528);
    expect<bool>(hasMoreFragments(SCRATCH)).toBe(true);
    put16(SCRATCH, 6, 0xc001);
    expect<u32>(fragmentOffset(SCRATCH)).toBe(8);
    expect<bool>(hasMoreFragments(SCRATCH)).toBe(false);
    for (let octet: u32 = 0; octet < 20; ++octet) {
      memory.copy(other, SCRATCH, 20);
      store<u8>(other + octet, load<u8>(other + octet) ^ 0x10);
      const isOfIt = octet == 4 || octet == 5 || octet == 9 || octet >= 12;
      expect<bool>(isSameDatagram(SCRATCH, other)).toBe(!isOfIt);
    }
    makeWhole(SCRATCH, 1500);
    expect<bool>(isFragment(SCRATCH)).toBe(false);
    expect<u32>(ipv4TotalOctets(SCRATCH)).toBe(1500);
  });

  test("a datagram that may be fragmented has its identification and a right checksum", () => {
    emitIpv4(SCRATCH, 40, ipv4Kind(0, 64, Protocol.TCP), ADDRESSES);
    allowFragments(SCRATCH, 0x12345);
    expect<u32>(get16(SCRATCH, 4)).toBe(0x2345);
    expect<u32>(get16(SCRATCH, 6)).toBe(0);
    expect<bool>(isIpv4ChecksumRight(SCRATCH, 20)).toBe(true);
  });

  test("any flipped bit breaks the checksum", () => {
    for (let bit: u32 = 0; bit < 160; ++bit) {
      emitIpv4(SCRATCH, 40, ipv4Kind(0, 64, Protocol.TCP), ADDRESSES);
      flipBit(SCRATCH, bit);
      expect<bool>(isIpv4ChecksumRight(SCRATCH, 20)).toBe(false);
    }
  });

  test("the checksum covers options", () => {
    seedRandomOctets(2, 0);
    emitWithOptions(SCRATCH, 7, 40);
    put16(SCRATCH, 10, 0);
    let total: u32 = 0;
    for (let i: u32 = 0; i < 28; i += 2) total += get16(SCRATCH, i);
    while (total >> 16 != 0) total = (total & 0xffff) + (total >> 16);
    put16(SCRATCH, 10, ~total);
    expect<bool>(isIpv4ChecksumRight(SCRATCH, 28)).toBe(true);
    store<u8>(SCRATCH + 27, load<u8>(SCRATCH + 27) ^ 1);
    expect<bool>(isIpv4ChecksumRight(SCRATCH, 28)).toBe(false);
  });

  test("the pseudo-header's sum is that of its twelve octets", () => {
    seed(9);
    const pseudo = SCRATCH + 64;
    for (let i = 0; i < 300; ++i) {
      const source = nextRandom();
      const destination = nextRandom();
      const octets = nextRandom() & 0xffff;
      emitIpv4(SCRATCH, 40, ipv4Kind(0, 64, Protocol.TCP), ((<u64>source) << 32) | destination);
      put32(pseudo, 0, source);
      put32(pseudo, 4, destination);
      put16(pseudo, 8, 6);
      put16(pseudo, 10, octets);
      const wanted = fold(sum(pseudo, 12));
      expect<u32>(fold(pseudoSum(SCRATCH, Protocol.TCP, octets))).toBe(wanted);
    }
    expect<u32>(IPV4_HEADER_OCTETS).toBe(20);
  });
});
