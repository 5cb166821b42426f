/**
 * ARP packets: emission, and what is refused.
 */

import {
  ARP_OCTETS,
  ArpOperation,
  arpOperation,
  arpSenderAddress,
  arpSenderMac,
  arpTargetAddress,
  emitArp,
  emitArpSender,
  emitArpTarget,
  isArpForIpv4,
} from "../../assembly/wire/arp";
import { SCRATCH, flipBit, seedRandomOctets } from "./scratch";

const STATION: u64 = 0x01bb_aa00_0002; // 02:00:00:aa:bb:01
const OTHER: u64 = 0x8877_6655_4402; // 02:44:55:66:77:88

function emitReply(at: usize): void {
  emitArp(at, ArpOperation.REPLY);
  emitArpSender(at, STATION, 0x0a09_0002);
  emitArpTarget(at, OTHER, 0x0a09_0003);
}

describe("ARP packet", () => {
  test("is written as RFC 826 has it", () => {
    seedRandomOctets(1, 0);
    emitReply(SCRATCH + 1);
    const octets: StaticArray<u8> = [
      0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x02, 0x02, 0x00, 0x00, 0xaa, 0xbb, 0x01, 0x0a,
      0x09, 0x00, 0x02, 0x02, 0x44, 0x55, 0x66, 0x77, 0x88, 0x0a, 0x09, 0x00, 0x03,
    ];
    expect<i32>(octets.length).toBe(ARP_OCTETS);
    expect<i32>(memory.compare(SCRATCH + 1, changetype<usize>(octets), ARP_OCTETS)).toBe(0);
  });

  test("is read at any alignment", () => {
    for (let alignment: u32 = 0; alignment < 8; ++alignment) {
      const at = SCRATCH + alignment;
      emitReply(at);
      expect<bool>(isArpForIpv4(at, ARP_OCTETS)).toBe(true);
      expect<u32>(arpOperation(at)).toBe(ArpOperation.REPLY);
      expect<u64>(arpSenderMac(at)).toBe(STATION);
      expect<u32>(arpSenderAddress(at)).toBe(0x0a09_0002);
      expect<u32>(arpTargetAddress(at)).toBe(0x0a09_0003);
    }
  });

  test("every truncation is refused, padding is not", () => {
    emitReply(SCRATCH);
    for (let octets: u32 = 0; octets < ARP_OCTETS; ++octets) {
      expect<bool>(isArpForIpv4(SCRATCH, octets)).toBe(false);
    }
    expect<bool>(isArpForIpv4(SCRATCH, 46)).toBe(true);
  });

  test("any other hardware, protocol, length or operation is refused", () => {
    for (let bit: u32 = 0; bit < 64; ++bit) {
      emitReply(SCRATCH);
      flipBit(SCRATCH, bit);
      // Operation 2 without bit 1 is 0, with bit 0 it is 3: only 1 and 2 are spoken here.
      expect<bool>(isArpForIpv4(SCRATCH, ARP_OCTETS)).toBe(false);
    }
    emitReply(SCRATCH);
    store<u8>(SCRATCH + 7, 1);
    expect<bool>(isArpForIpv4(SCRATCH, ARP_OCTETS)).toBe(true);
  });
});
