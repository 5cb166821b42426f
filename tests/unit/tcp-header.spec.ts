/**
 * The TCP header: emission, every truncation, data offsets that lie, the checksum with its
 * pseudo-header.
 */

import { get16 } from "../../assembly/core/octets";
import { Protocol, emitIpv4, ipv4Kind } from "../../assembly/wire/ipv4";
import {
  Ctl,
  checkTcp,
  emitTcp,
  isTcpChecksumRight,
  sealTcp,
  tcpAck,
  tcpControl,
  tcpDataOffset,
  tcpFlags,
  tcpPorts,
  tcpSeq,
  tcpWindow,
} from "../../assembly/wire/tcp";
import { SCRATCH, flipBit, nextRandom, put16, seed, seedRandomOctets } from "./scratch";

const IP: usize = SCRATCH;
const TCP: usize = SCRATCH + 20;
const SOURCE: u32 = 0x0a09_0002;
const DESTINATION: u32 = 0xc0a8_fffe;

function emitSegment(octets: u32): void {
  emitIpv4(IP, 20 + octets, ipv4Kind(0, 64, Protocol.TCP), ((<u64>SOURCE) << 32) | DESTINATION);
  emitTcp(TCP, 0x1f90_c001, 0x8000_0001_ffff_fffe, tcpControl(20, Ctl.ACK | Ctl.PSH, 0xfedc));
  sealTcp(TCP, octets, IP);
}

/** RFC 9293 §3.1: the sum over pseudo-header and segment, halfword by halfword in network order. */
function plainFold(octets: u32): u32 {
  let total: u32 =
    (SOURCE >> 16) + (SOURCE & 0xffff) + (DESTINATION >> 16) + (DESTINATION & 0xffff);
  total += 6 + octets;
  for (let i: u32 = 0; i < octets; ++i) {
    const octet = <u32>load<u8>(TCP + i);
    total += i & 1 ? octet : octet << 8;
  }
  while (total >> 16 != 0) total = (total & 0xffff) + (total >> 16);
  return total;
}

describe("TCP header", () => {
  test("is written as RFC 9293 §3.1 has it", () => {
    memory.fill(SCRATCH, 0xee, 64);
    emitSegment(20);
    const octets: StaticArray<u8> = [
      0x1f, 0x90, 0xc0, 0x01, 0x80, 0x00, 0x00, 0x01, 0xff, 0xff, 0xff, 0xfe, 0x50, 0x18, 0xfe,
      0xdc,
    ];
    expect<i32>(memory.compare(TCP, changetype<usize>(octets), 16)).toBe(0);
    expect<u32>(get16(TCP, 18)).toBe(0); // urgent pointer
    expect<u32>(load<u8>(TCP + 20)).toBe(0xee);
  });

  test("is read at any alignment", () => {
    for (let alignment: u32 = 0; alignment < 8; ++alignment) {
      const at = SCRATCH + alignment;
      emitTcp(at, 0x1f90_c001, 0x8000_0001_ffff_fffe, tcpControl(24, Ctl.SYN | Ctl.CWR, 0xfedc));
      expect<u32>(tcpPorts(at)).toBe(0x1f90_c001);
      expect<u32>(tcpSeq(at)).toBe(0x8000_0001);
      expect<u32>(tcpAck(at)).toBe(0xffff_fffe);
      expect<u32>(tcpDataOffset(at)).toBe(24);
      expect<u32>(tcpFlags(at)).toBe(Ctl.SYN | Ctl.CWR);
      expect<u32>(tcpWindow(at)).toBe(0xfedc);
    }
  });

  test("each control bit is where RFC 9293 has it", () => {
    const names: StaticArray<u32> = [
      Ctl.FIN,
      Ctl.SYN,
      Ctl.RST,
      Ctl.PSH,
      Ctl.ACK,
      Ctl.URG,
      Ctl.ECE,
      Ctl.CWR,
    ];
    for (let bit = 0; bit < 8; ++bit) expect<u32>(names[bit]).toBe(1 << bit);
  });

  test("every truncation of the header is refused, at any data offset", () => {
    for (let words: u32 = 0; words < 16; ++words) {
      for (let octets: u32 = 0; octets < 80; ++octets) {
        emitTcp(TCP, 1, 2, tcpControl(words << 2, Ctl.ACK, 3));
        const wanted = words >= 5 && words << 2 <= octets ? words << 2 : 0;
        expect<u32>(checkTcp(TCP, octets)).toBe(wanted);
      }
    }
  });

  test("reserved bits do not change the data offset", () => {
    emitTcp(TCP, 1, 2, tcpControl(20, Ctl.ACK, 3));
    store<u8>(TCP + 12, load<u8>(TCP + 12) | 0x0f);
    expect<u32>(checkTcp(TCP, 20)).toBe(20);
  });

  test("the checksum is that of RFC 9293 §3.1, for odd and even lengths", () => {
    for (let octets: u32 = 20; octets < 200; ++octets) {
      seedRandomOctets(octets, 2);
      emitSegment(octets);
      expect<u32>(plainFold(octets)).toBe(0xffff);
      expect<bool>(isTcpChecksumRight(TCP, octets, IP)).toBe(true);
    }
    seedRandomOctets(1, 0);
    emitSegment(1480);
    expect<u32>(plainFold(1480)).toBe(0xffff);
  });

  test("any flipped bit, of addresses too, breaks the checksum", () => {
    seedRandomOctets(5, 0);
    emitSegment(61);
    for (let bit: u32 = 12 * 8; bit < (20 + 61) * 8; ++bit) {
      flipBit(IP, bit);
      expect<bool>(isTcpChecksumRight(TCP, 61, IP)).toBe(false);
      flipBit(IP, bit);
    }
    expect<bool>(isTcpChecksumRight(TCP, 61, IP)).toBe(true);
  });

  test("another length breaks the checksum", () => {
    seed(3);
    memory.fill(SCRATCH, 0, 128);
    emitSegment(40);
    for (let octets: u32 = 20; octets < 60; ++octets) {
      if (octets != 40) expect<bool>(isTcpChecksumRight(TCP, octets, IP)).toBe(false);
    }
  });

  test("a checksum of 0 is one like any other", () => {
    seed(11);
    for (let i = 0; i < 50; ++i) {
      seedRandomOctets(nextRandom() | 1, 0);
      put16(TCP, 38, 0);
      emitSegment(40);
      // Moved into the text, the checksum leaves a sum of ffff, whose checksum is 0.
      put16(TCP, 38, get16(TCP, 16));
      put16(TCP, 16, 0);
      sealTcp(TCP, 40, IP);
      expect<u32>(get16(TCP, 16)).toBe(0);
      expect<bool>(isTcpChecksumRight(TCP, 40, IP)).toBe(true);
    }
  });
});
