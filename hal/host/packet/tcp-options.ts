/**
 * The options of a TCP header (RFC 9293 §3.2, RFC 7323, RFC 2018): decoded and encoded.
 *
 * Called by tcp.ts and tests. Never decides what an option means for a connection.
 */
import { joinOctets, readU16, readU32, writeU16, writeU32 } from "./octets.ts";

export const TcpOptionKind = {
  END: 0,
  NO_OPERATION: 1,
  MSS: 2,
  WINDOW_SCALE: 3,
  SACK_PERMITTED: 4,
  SACK: 5,
  TIMESTAMPS: 8,
} as const;

/** One received block: sequence numbers left edge up to, not including, right edge. */
export interface SackBlock {
  left: number;
  right: number;
}

export type TcpOption =
  | { kind: "end" }
  | { kind: "nop" }
  | { kind: "mss"; value: number }
  | { kind: "window-scale"; shift: number }
  | { kind: "sack-permitted" }
  | { kind: "sack"; blocks: SackBlock[] }
  | { kind: "timestamps"; value: number; echo: number }
  | { kind: "unknown"; number: number; data: Uint8Array };

/** The options up to END or the first that is broken, and what is wrong with that one. */
export interface TcpOptions {
  list: TcpOption[];
  error?: string;
}

export function parseTcpOptions(octets: Uint8Array): TcpOptions {
  const list: TcpOption[] = [];
  let at = 0;
  while (at < octets.length) {
    const number = octets[at]!;
    if (number === TcpOptionKind.END) {
      list.push({ kind: "end" });
      break;
    }
    if (number === TcpOptionKind.NO_OPERATION) {
      list.push({ kind: "nop" });
      at += 1;
      continue;
    }
    const length = octets[at + 1];
    if (length === undefined) return { list, error: `option ${number}: no length` };
    if (length < 2 || at + length > octets.length) {
      return { list, error: `option ${number}: length ${length}` };
    }
    list.push(decodeOption(number, octets.subarray(at + 2, at + length)));
    at += length;
  }
  return { list };
}

/** A known kind with the wrong length is shown as unknown: its data cannot be trusted. */
function decodeOption(number: number, data: Uint8Array): TcpOption {
  if (number === TcpOptionKind.MSS && data.length === 2) {
    return { kind: "mss", value: readU16(data, 0) };
  }
  if (number === TcpOptionKind.WINDOW_SCALE && data.length === 1) {
    return { kind: "window-scale", shift: data[0]! };
  }
  if (number === TcpOptionKind.SACK_PERMITTED && data.length === 0) {
    return { kind: "sack-permitted" };
  }
  if (number === TcpOptionKind.SACK && data.length > 0 && data.length % 8 === 0) {
    const blocks: SackBlock[] = [];
    for (let at = 0; at < data.length; at += 8) {
      blocks.push({ left: readU32(data, at), right: readU32(data, at + 4) });
    }
    return { kind: "sack", blocks };
  }
  if (number === TcpOptionKind.TIMESTAMPS && data.length === 8) {
    return { kind: "timestamps", value: readU32(data, 0), echo: readU32(data, 4) };
  }
  return { kind: "unknown", number, data };
}

/** The options back to back, not padded. */
export function buildTcpOptions(options: readonly TcpOption[]): Uint8Array {
  return joinOctets(...options.map(encodeOption));
}

function encodeOption(option: TcpOption): Uint8Array {
  switch (option.kind) {
    case "end":
      return Uint8Array.of(TcpOptionKind.END);
    case "nop":
      return Uint8Array.of(TcpOptionKind.NO_OPERATION);
    case "mss":
      return withHeader(TcpOptionKind.MSS, u16(option.value));
    case "window-scale":
      return withHeader(TcpOptionKind.WINDOW_SCALE, Uint8Array.of(option.shift));
    case "sack-permitted":
      return withHeader(TcpOptionKind.SACK_PERMITTED, new Uint8Array(0));
    case "sack":
      return withHeader(
        TcpOptionKind.SACK,
        joinOctets(...option.blocks.map(({ left, right }) => joinOctets(u32(left), u32(right)))),
      );
    case "timestamps":
      return withHeader(TcpOptionKind.TIMESTAMPS, joinOctets(u32(option.value), u32(option.echo)));
    case "unknown":
      return withHeader(option.number, option.data);
  }
}

function withHeader(number: number, data: Uint8Array): Uint8Array {
  return joinOctets(Uint8Array.of(number, data.length + 2), data);
}

function u16(value: number): Uint8Array {
  const octets = new Uint8Array(2);
  writeU16(octets, 0, value);
  return octets;
}

function u32(value: number): Uint8Array {
  const octets = new Uint8Array(4);
  writeU32(octets, 0, value);
  return octets;
}
