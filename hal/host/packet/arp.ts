/**
 * ARP for IPv4 over Ethernet (RFC 826).
 *
 * Called by frame.ts and tests. Never keeps a table.
 */
import { formatMacAddress } from "./address.ts";
import { EtherType, macOctets } from "./ethernet.ts";
import { malformed, parsed, type Parsed, readU16, readU32, writeU16, writeU32 } from "./octets.ts";

export const ARP_OCTETS = 28;
export const ArpOperation = { REQUEST: 1, REPLY: 2 } as const;

export interface ArpPacket {
  hardwareType: number;
  protocolType: number;
  hardwareLength: number;
  protocolLength: number;
  operation: number;
  senderMac: string;
  senderAddress: number;
  targetMac: string;
  targetAddress: number;
}

/** Fields left out take the values of a well-formed request from and for nobody. */
export type ArpInput = Partial<ArpPacket>;

/** Reads any packet whose address lengths are 6 and 4; other values are shown, not refused. */
export function parseArp(octets: Uint8Array): Parsed<ArpPacket> {
  if (octets.length < ARP_OCTETS) return malformed(`ARP: ${octets.length} of ${ARP_OCTETS} octets`);
  const hardwareLength = octets[4]!;
  const protocolLength = octets[5]!;
  if (hardwareLength !== 6 || protocolLength !== 4) {
    return malformed(`ARP: address lengths ${hardwareLength} and ${protocolLength}`);
  }
  return parsed({
    hardwareType: readU16(octets, 0),
    protocolType: readU16(octets, 2),
    hardwareLength,
    protocolLength,
    operation: readU16(octets, 6),
    senderMac: formatMacAddress(octets.subarray(8, 14)),
    senderAddress: readU32(octets, 14),
    targetMac: formatMacAddress(octets.subarray(18, 24)),
    targetAddress: readU32(octets, 24),
  });
}

export function buildArp(input: ArpInput): Uint8Array {
  const octets = new Uint8Array(ARP_OCTETS);
  writeU16(octets, 0, input.hardwareType ?? 1);
  writeU16(octets, 2, input.protocolType ?? EtherType.IPV4);
  octets[4] = input.hardwareLength ?? 6;
  octets[5] = input.protocolLength ?? 4;
  writeU16(octets, 6, input.operation ?? ArpOperation.REQUEST);
  octets.set(macOctets(input.senderMac), 8);
  writeU32(octets, 14, input.senderAddress ?? 0);
  octets.set(macOctets(input.targetMac), 18);
  writeU32(octets, 24, input.targetAddress ?? 0);
  return octets;
}
