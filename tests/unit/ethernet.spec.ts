/**
 * The Ethernet header, and MAC addresses as numbers in memory order.
 */

import {
  EtherType,
  MAC_BROADCAST,
  emitEthernet,
  ethernetDestination,
  ethernetSource,
  ethernetType,
  isGroupMac,
  macAt,
  putMac,
} from "../../assembly/wire/ethernet";
import { SCRATCH, seedRandomOctets } from "./scratch";

/** 02:00:00:aa:bb:01 and 33:44:55:66:77:88, first octet lowest. */
const STATION: u64 = 0x01bb_aa00_0002;
const OTHER: u64 = 0x8877_6655_4433;

describe("Ethernet", () => {
  test("writes the fields where RFC 894 has them, and nothing else", () => {
    seedRandomOctets(1, 0);
    const before = load<u8>(SCRATCH + 14);
    emitEthernet(SCRATCH, OTHER, STATION, EtherType.ARP);
    const octets: StaticArray<u8> = [
      0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x02, 0x00, 0x00, 0xaa, 0xbb, 0x01, 0x08, 0x06,
    ];
    expect<i32>(memory.compare(SCRATCH, changetype<usize>(octets), 14)).toBe(0);
    expect<u32>(load<u8>(SCRATCH + 14)).toBe(before);
  });

  test("reads what it wrote, at any alignment", () => {
    for (let alignment: u32 = 0; alignment < 8; ++alignment) {
      const frame = SCRATCH + alignment;
      emitEthernet(frame, STATION, OTHER, EtherType.IPV4);
      expect<u64>(ethernetDestination(frame)).toBe(STATION);
      expect<u64>(ethernetSource(frame)).toBe(OTHER);
      expect<u32>(ethernetType(frame)).toBe(0x0800);
    }
  });

  test("a MAC address is read and written alone, without a seventh octet", () => {
    memory.fill(SCRATCH, 0x5a, 16);
    putMac(SCRATCH + 1, OTHER);
    expect<u64>(macAt(SCRATCH + 1)).toBe(OTHER);
    expect<u32>(load<u8>(SCRATCH)).toBe(0x5a);
    expect<u32>(load<u8>(SCRATCH + 7)).toBe(0x5a);
    expect<u32>(load<u8>(SCRATCH + 1)).toBe(0x33);
  });

  test("tells groups from stations by the first octet", () => {
    expect<bool>(isGroupMac(MAC_BROADCAST)).toBe(true);
    expect<bool>(isGroupMac(0x0100_005e_0001)).toBe(true); // 01:00:5e:00:00:01
    expect<bool>(isGroupMac(OTHER)).toBe(true); // 33:…
    expect<bool>(isGroupMac(STATION)).toBe(false);
  });
});
