/**
 * Ethernet II frames without FCS (RFC 894; IEEE 802.3 type encapsulation).
 *
 * Called by frame.ts and tests. Never looks into the payload.
 */
import { formatMacAddress, parseMacAddress } from "./address.ts";
import { joinOctets, malformed, parsed, type Parsed, readU16, toOctets } from "./octets.ts";

export const ETHERNET_HEADER_OCTETS = 14;
export const EtherType = { IPV4: 0x0800, ARP: 0x0806, IPV6: 0x86dd } as const;
export const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff";

export interface EthernetFrame {
  /** "02:00:00:aa:bb:01" */
  destination: string;
  source: string;
  etherType: number;
  /** Everything behind the header, padding included. */
  payload: Uint8Array;
}

/** What a builder needs; the text of a MAC address must be well-formed. */
export interface EthernetInput {
  destination?: string;
  source?: string;
  etherType?: number;
  payload?: Uint8Array | string;
}

export function parseEthernet(octets: Uint8Array): Parsed<EthernetFrame> {
  if (octets.length < ETHERNET_HEADER_OCTETS) {
    return malformed(`Ethernet: ${octets.length} octets are no header`);
  }
  return parsed({
    destination: formatMacAddress(octets.subarray(0, 6)),
    source: formatMacAddress(octets.subarray(6, 12)),
    etherType: readU16(octets, 12),
    payload: octets.subarray(ETHERNET_HEADER_OCTETS),
  });
}

/** Builds a frame, not padded; addresses default to zero, the type to IPv4. */
export function buildEthernet(input: EthernetInput): Uint8Array {
  const etherType = input.etherType ?? EtherType.IPV4;
  return joinOctets(
    macOctets(input.destination),
    macOctets(input.source),
    Uint8Array.of((etherType >>> 8) & 0xff, etherType & 0xff),
    toOctets(input.payload),
  );
}

/** Pads a frame with zeros to the 60 octets that a MAC puts on a cable. */
export function padFrame(frame: Uint8Array): Uint8Array {
  if (frame.length >= 60) return frame;
  const padded = new Uint8Array(60);
  padded.set(frame);
  return padded;
}

/** Six octets of a MAC address's text; RangeError when it is none. */
export function macOctets(text = "00:00:00:00:00:00"): Uint8Array {
  const octets = parseMacAddress(text);
  if (octets === undefined) throw new RangeError(`not a MAC address: ${text}`);
  return octets;
}
