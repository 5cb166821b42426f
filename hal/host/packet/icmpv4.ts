/**
 * ICMP for IPv4 (RFC 792): echo decoded, errors with the datagram that they quote.
 *
 * Called by frame.ts and tests. Never answers anything.
 */
import { checksumHolds, internetChecksum } from "./checksum.ts";
import { type Ipv4Packet, parseIpv4 } from "./ipv4.ts";
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

export const ICMP_HEADER_OCTETS = 8;
export const IcmpType = {
  ECHO_REPLY: 0,
  DESTINATION_UNREACHABLE: 3,
  SOURCE_QUENCH: 4,
  REDIRECT: 5,
  ECHO_REQUEST: 8,
  TIME_EXCEEDED: 11,
  PARAMETER_PROBLEM: 12,
} as const;

/** Codes of DESTINATION_UNREACHABLE. */
export const UnreachableCode = {
  NETWORK: 0,
  HOST: 1,
  PROTOCOL: 2,
  PORT: 3,
  FRAGMENTATION_NEEDED: 4,
} as const;

export interface IcmpMessage {
  type: number;
  code: number;
  checksum: number;
  checksumOk: boolean;
  /** The 32 bits behind the checksum, whatever the type makes of them. */
  rest: number;
  /** Upper half of `rest`: the identifier of an echo. */
  identifier: number;
  /** Lower half of `rest`: the sequence number of an echo, the MTU of FRAGMENTATION_NEEDED. */
  sequence: number;
  /** Echo data, or the start of the datagram that caused an error. */
  payload: Uint8Array;
  /** The datagram that an error quotes, if it parses; its payload is usually cut short. */
  quoted?: Ipv4Packet;
}

/** `rest` wins over `identifier` and `sequence`; the checksum is filled in unless given. */
export interface IcmpInput {
  type?: number;
  code?: number;
  checksum?: number;
  rest?: number;
  identifier?: number;
  sequence?: number;
  payload?: Uint8Array | string;
}

export function parseIcmp(octets: Uint8Array): Parsed<IcmpMessage> {
  if (octets.length < ICMP_HEADER_OCTETS) {
    return malformed(`ICMP: ${octets.length} octets are no header`);
  }
  const type = octets[0]!;
  const message: IcmpMessage = {
    type,
    code: octets[1]!,
    checksum: readU16(octets, 2),
    checksumOk: checksumHolds(octets),
    rest: readU32(octets, 4),
    identifier: readU16(octets, 4),
    sequence: readU16(octets, 6),
    payload: octets.subarray(ICMP_HEADER_OCTETS),
  };
  if (isIcmpError(type)) {
    const quoted = parseIpv4(message.payload, { cutShort: true });
    if (quoted.ok) message.quoted = quoted.value;
  }
  return parsed(message);
}

export function buildIcmp(input: IcmpInput): Uint8Array {
  const header = new Uint8Array(ICMP_HEADER_OCTETS);
  header[0] = input.type ?? IcmpType.ECHO_REQUEST;
  header[1] = input.code ?? 0;
  writeU16(header, 4, input.identifier ?? 0);
  writeU16(header, 6, input.sequence ?? 0);
  if (input.rest !== undefined) writeU32(header, 4, input.rest);
  const message = joinOctets(header, toOctets(input.payload));
  writeU16(message, 2, input.checksum ?? internetChecksum(message));
  return message;
}

/** Whether a message of this type reports an error about a datagram that it quotes. */
export function isIcmpError(type: number): boolean {
  return (
    (type >= IcmpType.DESTINATION_UNREACHABLE && type <= IcmpType.REDIRECT) ||
    type === IcmpType.TIME_EXCEEDED ||
    type === IcmpType.PARAMETER_PROBLEM
  );
}
