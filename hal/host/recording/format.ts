/**
 * The format of recordings: what `docs/recording.md` describes, as numbers.
 *
 * Used by the recorder, the reader and the replay. Knows octets, never what they are for.
 */
import type { ApplicationCalls, LingerCalls } from "../module.ts";

/** First bit set, both line ends, DOS end-of-file: a copy made as text does not keep it. */
export const MAGIC = Uint8Array.of(0x89, 0x4c, 0x52, 0x45, 0x43, 0x0d, 0x0a, 0x1a);
export const VERSION = 1;

/** Places in the header, little-endian. */
export const HEADER = {
  VERSION: 8,
  LENGTH: 10,
  ABI_VERSION: 12,
  MODULE_SHA256: 16,
  START_MS: 48,
  IMAGE_OCTETS: 56,
  SKIP_BEGIN: 60,
  SKIP_END: 64,
  LIMIT_COUNT: 68,
  NAME_OCTETS: 69,
  LIMITS: 72,
} as const;

export const SHA256_OCTETS = 32;

/** Kinds of records. Those below FIRST_KIND are calls, by their number. */
export const Kind = {
  /** The call answered 0. */
  RETURN_ZERO: 64,
  RETURN: 65,
  TRAP: 66,
  SENT: 67,
  BUSY: 68,
  ENTROPY: 69,
  HASH: 70,
  CHECK: 71,
  END: 72,
} as const;

export type CallName = keyof LingerCalls | keyof ApplicationCalls;

interface CallShape {
  readonly name: CallName;
  readonly parameters: number;
  /** Which parameter is the time: written as the difference to the one before. */
  readonly time?: number;
  /** Which parameter says how many octets the host wrote: they follow. */
  readonly data?: number;
  /** The result is a place in memory, which another build of the module may choose otherwise. */
  readonly isAddress?: true;
}

/** The calls by number, from 1 on. New ones come at the end; a number never changes. */
const CALLS: readonly CallShape[] = [
  { name: "init", parameters: 2, time: 0 },
  { name: "setLinkAddress", parameters: 2 },
  { name: "setAddress", parameters: 3 },
  { name: "setParameter", parameters: 2 },
  { name: "frameReceived", parameters: 3, time: 2, data: 1 },
  { name: "poll", parameters: 1, time: 0 },
  { name: "tcpListen", parameters: 3 },
  { name: "tcpAccept", parameters: 1 },
  { name: "tcpConnect", parameters: 4 },
  { name: "tcpReserve", parameters: 1 },
  { name: "tcpReservedAddress", parameters: 1, isAddress: true },
  { name: "tcpCommit", parameters: 2, data: 1 },
  { name: "tcpUrgent", parameters: 1 },
  { name: "tcpPeek", parameters: 1 },
  { name: "tcpPeekedAddress", parameters: 1, isAddress: true },
  { name: "tcpConsume", parameters: 2 },
  { name: "tcpCloseWrite", parameters: 1 },
  { name: "tcpClose", parameters: 1 },
  { name: "tcpAbort", parameters: 1 },
  { name: "tcpRelease", parameters: 1 },
  { name: "tcpSetOption", parameters: 3 },
  { name: "tcpStatus", parameters: 1, isAddress: true },
  { name: "tcpStatusAt", parameters: 1, isAddress: true },
  { name: "tcpLookup", parameters: 3 },
  { name: "nextReady", parameters: 0 },
  { name: "takeEvents", parameters: 1 },
  { name: "pingSend", parameters: 3 },
  { name: "pingTake", parameters: 0 },
  { name: "appInit", parameters: 0 },
  { name: "appPoll", parameters: 1, time: 0 },
];

const NUMBERS = new Map<string, number>(CALLS.map(({ name }, index) => [name, index + 1]));

/** The shape of a call by its number, or undefined where there is none. */
export function callShape(number: number): CallShape | undefined {
  return CALLS[number - 1];
}

/** Undefined for what always answers the same and changes nothing: that is not recorded. */
export function callNumber(name: string): number | undefined {
  return NUMBERS.get(name);
}

const MIX = 0x9e3779b1;

/**
 * The check of some octets, u32: over their little-endian words, the last one filled up with zeros.
 * Cheap without tables on a small processor; against accidents, not against an enemy.
 */
export function checkOf(octets: Uint8Array): number {
  const { length } = octets;
  const view = new DataView(octets.buffer, octets.byteOffset, length);
  const whole = length & ~3;
  let sum = length;
  for (let at = 0; at < whole; at += 4) sum = mixed(sum, view.getUint32(at, true));
  let rest = 0;
  for (let at = whole; at < length; at++) rest |= view.getUint8(at) << (8 * (at - whole));
  if (whole < length) sum = mixed(sum, rest);
  return sum >>> 0;
}

function mixed(sum: number, word: number): number {
  const product = Math.imul(sum ^ word, MIX);
  return product ^ (product >>> 15);
}
