/**
 * TCP segments (RFC 9293 §3.1): header, options, checksum with the pseudo-header.
 *
 * Called by frame.ts, the ladder and tests. Keeps no connection: one segment at a time. Written
 * apart from the stack's own parser, so that one checks the other.
 */
import { checksumHolds, internetChecksum, pseudoHeaderSum } from "./checksum.ts";
import { IpProtocol } from "./ipv4.ts";
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
import { buildTcpOptions, parseTcpOptions, type TcpOption } from "./tcp-options.ts";

export const TCP_HEADER_OCTETS = 20;

/** The control bits. */
export const Flag = {
  FIN: 1,
  SYN: 2,
  RST: 4,
  PSH: 8,
  ACK: 16,
  URG: 32,
  ECE: 64,
  CWR: 128,
} as const;

export type FlagName = keyof typeof Flag;

/** The order in which the RFC writes them: `<CTL=SYN,ACK>`, `<CTL=FIN,ACK>`. */
const FLAG_ORDER: readonly FlagName[] = ["SYN", "FIN", "RST", "PSH", "URG", "ACK", "ECE", "CWR"];

export interface TcpSegment {
  sourcePort: number;
  destinationPort: number;
  /** SEG.SEQ */
  seq: number;
  /** SEG.ACK, also when the ACK bit is off. */
  ack: number;
  /** Octets, options included: 20 … 60. */
  headerLength: number;
  /** The four reserved bits. */
  reserved: number;
  /** Control bits: see `Flag`. */
  flags: number;
  /** SEG.WND as it stands in the header, not scaled. */
  window: number;
  checksum: number;
  checksumOk: boolean;
  urgentPointer: number;
  options: TcpOption[];
  /** What is wrong with the options, if they could not be read to their end. */
  optionsError?: string;
  payload: Uint8Array;
}

/**
 * What a builder fills in unless given: header length, checksum, window 65,535, zero elsewhere. A
 * given `headerLength` or `checksum` is written as it is. `flags` may be text: "SYN,ACK".
 */
export type TcpInput = Partial<
  Omit<TcpSegment, "flags" | "payload" | "checksumOk" | "optionsError">
> & {
  flags?: number | string;
  payload?: Uint8Array | string;
  /** Raw options instead of `options`; padded with zeros to a multiple of four. */
  optionOctets?: Uint8Array;
};

/** The addresses that the pseudo-header needs. */
export interface AddressPair {
  source: number;
  destination: number;
}

export function parseTcp(octets: Uint8Array, addresses: AddressPair): Parsed<TcpSegment> {
  if (octets.length < TCP_HEADER_OCTETS) {
    return malformed(`TCP: ${octets.length} octets are no header`);
  }
  const headerLength = (octets[12]! >>> 4) * 4;
  if (headerLength < TCP_HEADER_OCTETS || headerLength > octets.length) {
    return malformed(`TCP: data offset ${headerLength} of ${octets.length} octets`);
  }
  const options = parseTcpOptions(octets.subarray(TCP_HEADER_OCTETS, headerLength));
  const segment: TcpSegment = {
    sourcePort: readU16(octets, 0),
    destinationPort: readU16(octets, 2),
    seq: readU32(octets, 4),
    ack: readU32(octets, 8),
    headerLength,
    reserved: octets[12]! & 15,
    flags: octets[13]!,
    window: readU16(octets, 14),
    checksum: readU16(octets, 16),
    checksumOk: checksumHolds(octets, pseudoSum(addresses, octets.length)),
    urgentPointer: readU16(octets, 18),
    options: options.list,
    payload: octets.subarray(headerLength),
  };
  if (options.error !== undefined) segment.optionsError = options.error;
  return parsed(segment);
}

export function buildTcp(input: TcpInput, addresses: AddressPair): Uint8Array {
  const options = padToWords(input.optionOctets ?? buildTcpOptions(input.options ?? []));
  const header = new Uint8Array(TCP_HEADER_OCTETS + options.length);
  writeU16(header, 0, input.sourcePort ?? 0);
  writeU16(header, 2, input.destinationPort ?? 0);
  writeU32(header, 4, input.seq ?? 0);
  writeU32(header, 8, input.ack ?? 0);
  const offsetWords = ((input.headerLength ?? header.length) >>> 2) & 15;
  header[12] = (offsetWords << 4) | ((input.reserved ?? 0) & 15);
  header[13] = typeof input.flags === "string" ? parseFlags(input.flags) : (input.flags ?? 0);
  writeU16(header, 14, input.window ?? 65_535);
  writeU16(header, 18, input.urgentPointer ?? 0);
  header.set(options, TCP_HEADER_OCTETS);
  const segment = joinOctets(header, toOctets(input.payload));
  const checksum = internetChecksum(segment, pseudoSum(addresses, segment.length));
  writeU16(segment, 16, input.checksum ?? checksum);
  return segment;
}

/** Reads "SYN,ACK" into control bits; RangeError for an unknown name. "" means none. */
export function parseFlags(text: string): number {
  let flags = 0;
  for (const name of text.split(",").filter((part) => part !== "")) {
    if (!Object.hasOwn(Flag, name)) throw new RangeError(`not a control bit: ${name}`);
    flags |= Flag[name as FlagName];
  }
  return flags;
}

/** Control bits → "SYN,ACK", in the order in which RFC 9293 writes them; "" for none. */
export function formatFlags(flags: number): string {
  return FLAG_ORDER.filter((name) => (flags & Flag[name]) !== 0).join(",");
}

/** SEG.LEN: octets of data, plus one each for SYN and FIN (RFC 9293 §3.4). */
export function segmentLength(segment: TcpSegment): number {
  const syn = (segment.flags & Flag.SYN) !== 0 ? 1 : 0;
  const fin = (segment.flags & Flag.FIN) !== 0 ? 1 : 0;
  return segment.payload.length + syn + fin;
}

/** The first option of a kind, typed: `findOption(segment, "mss")?.value`. */
export function findOption<K extends TcpOption["kind"]>(
  segment: TcpSegment,
  kind: K,
): Extract<TcpOption, { kind: K }> | undefined {
  return segment.options.find(
    (option): option is Extract<TcpOption, { kind: K }> => option.kind === kind,
  );
}

function pseudoSum(addresses: AddressPair, length: number): number {
  return pseudoHeaderSum(addresses.source, addresses.destination, IpProtocol.TCP, length);
}

function padToWords(options: Uint8Array): Uint8Array {
  if (options.length % 4 === 0) return options;
  return joinOctets(options, new Uint8Array(4 - (options.length % 4)));
}
