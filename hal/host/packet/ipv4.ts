/**
 * IPv4 datagrams (RFC 791).
 *
 * Called by frame.ts, by icmpv4.ts for the datagram that an error quotes, and by tests. Never
 * reassembles fragments.
 */
import { checksumHolds, internetChecksum } from "./checksum.ts";
import {
  joinOctets,
  malformed,
  parsed,
  type Parsed,
  readU16,
  readU32,
  toOctets,
  writeU16,
  writeU32,
} from "./octets.ts";

export const IPV4_HEADER_OCTETS = 20;
export const IpProtocol = { ICMP: 1, TCP: 6, UDP: 17 } as const;

export interface Ipv4Packet {
  version: number;
  /** Octets, options included: 20 … 60. */
  headerLength: number;
  typeOfService: number;
  totalLength: number;
  identification: number;
  dontFragment: boolean;
  moreFragments: boolean;
  /** Octets, a multiple of 8. */
  fragmentOffset: number;
  ttl: number;
  protocol: number;
  checksum: number;
  checksumOk: boolean;
  source: number;
  destination: number;
  options: Uint8Array;
  /** At most what totalLength says: padding of the link is cut off. */
  payload: Uint8Array;
}

/**
 * What a builder fills in unless given: version 4, lengths, TTL 64, protocol TCP, DF set and the
 * header checksum. A given `headerLength`, `totalLength` or `checksum` is written as it is.
 */
export type Ipv4Input = Partial<Omit<Ipv4Packet, "checksumOk" | "payload">> & {
  payload?: Uint8Array | string;
};

export interface Ipv4ParseOptions {
  /** Accept a datagram cut short, as ICMP errors quote it. */
  cutShort?: boolean;
}

export function parseIpv4(octets: Uint8Array, options: Ipv4ParseOptions = {}): Parsed<Ipv4Packet> {
  if (octets.length < IPV4_HEADER_OCTETS) {
    return malformed(`IPv4: ${octets.length} octets are no header`);
  }
  const version = octets[0]! >>> 4;
  if (version !== 4) return malformed(`IPv4: version ${version}`);
  const headerLength = (octets[0]! & 15) * 4;
  if (headerLength < IPV4_HEADER_OCTETS || headerLength > octets.length) {
    return malformed(`IPv4: header length ${headerLength} of ${octets.length} octets`);
  }
  const totalLength = readU16(octets, 2);
  const tooLong = totalLength > octets.length && options.cutShort !== true;
  if (totalLength < headerLength || tooLong) {
    return malformed(`IPv4: total length ${totalLength} of ${octets.length} octets`);
  }
  const fragment = readU16(octets, 6);
  return parsed({
    version,
    headerLength,
    typeOfService: octets[1]!,
    totalLength,
    identification: readU16(octets, 4),
    dontFragment: (fragment & 0x4000) !== 0,
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset: (fragment & 0x1fff) * 8,
    ttl: octets[8]!,
    protocol: octets[9]!,
    checksum: readU16(octets, 10),
    checksumOk: checksumHolds(octets.subarray(0, headerLength)),
    source: readU32(octets, 12),
    destination: readU32(octets, 16),
    options: octets.subarray(IPV4_HEADER_OCTETS, headerLength),
    payload: octets.subarray(headerLength, Math.min(totalLength, octets.length)),
  });
}

export function buildIpv4(input: Ipv4Input): Uint8Array {
  const options = padToWords(input.options ?? new Uint8Array(0));
  const payload = toOctets(input.payload);
  const header = new Uint8Array(IPV4_HEADER_OCTETS + options.length);
  header[0] = ((input.version ?? 4) << 4) | (((input.headerLength ?? header.length) >>> 2) & 15);
  header[1] = input.typeOfService ?? 0;
  writeU16(header, 2, input.totalLength ?? header.length + payload.length);
  writeU16(header, 4, input.identification ?? 0);
  writeU16(header, 6, fragmentField(input));
  header[8] = input.ttl ?? 64;
  header[9] = input.protocol ?? IpProtocol.TCP;
  writeU32(header, 12, input.source ?? 0);
  writeU32(header, 16, input.destination ?? 0);
  header.set(options, IPV4_HEADER_OCTETS);
  writeU16(header, 10, input.checksum ?? internetChecksum(header));
  return joinOctets(header, payload);
}

/** Whether the datagram is a piece of a larger one. */
export function isFragment(packet: Ipv4Packet): boolean {
  return packet.moreFragments || packet.fragmentOffset !== 0;
}

/** Don't Fragment is on for a whole datagram unless the caller says otherwise. */
function fragmentField(input: Ipv4Input): number {
  const offset = input.fragmentOffset ?? 0;
  const moreFragments = input.moreFragments ?? false;
  const dontFragment = input.dontFragment ?? (offset === 0 && !moreFragments);
  return (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0) | ((offset >>> 3) & 0x1fff);
}

/** Options fill whole 32-bit words; end-of-list octets (0) make up the rest. */
function padToWords(options: Uint8Array): Uint8Array {
  if (options.length % 4 === 0) return options;
  return joinOctets(options, new Uint8Array(4 - (options.length % 4)));
}
