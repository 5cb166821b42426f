/**
 * The format of recordings: what `docs/recording.md` describes, as numbers.
 *
 * Used by the recorder, the reader and the replay. Knows octets, never what they are for.
 */
import type { ApplicationCalls, LingerCalls } from "../module.ts";

/** First bit set, both line ends, DOS end-of-file: a copy made as text does not keep it. */
export const MAGIC = Uint8Array.of(0x89, 0x4c, 0x52, 0x45, 0x43, 0x0d, 0x0a, 0x1a);
export const VERSION = 1;
/** Of a recording that begins with an image: who does not know those must not take it for whole. */
export const VERSION_WITH_IMAGE = 2;

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

/** Kinds of records. Those below OF_KNOWN are calls, by their number. */
export const Kind = {
  /** No record: what brings the next one to a word. */
  NOTHING: 0,
  /** Added to a call's number: its first argument is the last answer of `nextReady`, or time. */
  OF_KNOWN: 32,
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
  CRC: 73,
  SUM: 74,
  /** A piece of what the memory began with. */
  IMAGE: 75,
  RETURN_WORD: 76,
  SENT_WORD: 77,
  BUSY_WORD: 78,
  /** Calls whose arguments are in one word or less. */
  FRAME: 79,
  COMMIT: 80,
  CONSUME: 81,
} as const;

/** So many octets from a place in the memory on. */
export interface ImageRun {
  readonly begin: number;
  readonly octets: Uint8Array;
}

/** Makes an image of its runs: what is in none is 0. */
export function pasteRuns(image: Uint8Array, runs: Iterable<ImageRun>): void {
  image.fill(0);
  for (const { begin, octets } of runs) image.set(octets, begin);
}

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
  /** Whether a call that answers this has changed nothing, so that it is no input. */
  readonly isQuestion?: (result: number) => boolean;
}

const always = (): boolean => true;
/** A refusal is remembered, and an event follows. */
const unlessRefused = (result: number): boolean => result > 0;
const ifNone = (result: number): boolean => result === 0;

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
  { name: "tcpReserve", parameters: 1, isQuestion: unlessRefused },
  { name: "tcpReservedAddress", parameters: 1, isAddress: true, isQuestion: unlessRefused },
  { name: "tcpCommit", parameters: 2, data: 1 },
  { name: "tcpUrgent", parameters: 1 },
  { name: "tcpPeek", parameters: 1, isQuestion: always },
  { name: "tcpPeekedAddress", parameters: 1, isAddress: true, isQuestion: always },
  { name: "tcpConsume", parameters: 2 },
  { name: "tcpCloseWrite", parameters: 1 },
  { name: "tcpClose", parameters: 1 },
  { name: "tcpAbort", parameters: 1 },
  { name: "tcpRelease", parameters: 1 },
  { name: "tcpSetOption", parameters: 3 },
  { name: "tcpStatus", parameters: 1, isAddress: true },
  { name: "tcpStatusAt", parameters: 1, isAddress: true },
  { name: "tcpLookup", parameters: 3, isQuestion: always },
  { name: "nextReady", parameters: 0, isQuestion: ifNone },
  { name: "takeEvents", parameters: 1 },
  { name: "pingSend", parameters: 3 },
  { name: "pingTake", parameters: 0 },
  { name: "appInit", parameters: 0 },
  { name: "appPoll", parameters: 1, time: 0 },
  { name: "wake", parameters: 0 },
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

/**
 * So many octets of a frame that left are checked: all headers, and in them the checksum of the
 * rest, so that a long frame costs no more than a short one.
 */
export const FRAME_CHECK_OCTETS = 64;

/** Where the word of a frame ends that says it is the same: a segment's window and checksum. */
const FRAME_WORD_END = 52;

/** The word of a frame in the place of its check, for a HAL that counts its instructions. */
export function frameWord(frame: Uint8Array): number {
  const end = Math.min(frame.length, FRAME_WORD_END);
  return Buffer.from(frame.subarray(end - 4, end)).readUInt32LE();
}

const MIX = 0x9e3779b1;

/**
 * The check of some octets, u32: over their little-endian words, the last one filled up with zeros,
 * dealt out to four lanes, so that a fast processor need not wait for each product. Cheap without
 * tables on a small one; against accidents, not against an enemy.
 */
export function checkOf(octets: Uint8Array): number {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  return checkRange(view, 0, octets.length);
}

/** The same, of a part of memory: the recorder asks so often that views would cost something. */
export function checkRange(view: DataView, begin: number, length: number): number {
  const rows = begin + (length & ~15);
  const end = begin + length;
  let a = length;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let at = begin; at < rows; at += 16) {
    a = mixed(a, view.getInt32(at, true));
    b = mixed(b, view.getInt32(at + 4, true));
    c = mixed(c, view.getInt32(at + 8, true));
    d = mixed(d, view.getInt32(at + 12, true));
  }
  if (rows < end) a = mixed(a, wordAt(view, rows, end));
  if (rows + 4 < end) b = mixed(b, wordAt(view, rows + 4, end));
  if (rows + 8 < end) c = mixed(c, wordAt(view, rows + 8, end));
  if (rows + 12 < end) d = mixed(d, wordAt(view, rows + 12, end));
  return mixed(mixed(mixed(a, b), c), d) >>> 0;
}

const SUM_LANES = 16;
const SUM_BLOCK_OCTETS = 16_384;

/** The sum of some octets, u32: of kind SUM, for a processor that adds four words at once. */
export function sumOf(octets: Uint8Array): number {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  let sum = octets.length;
  for (let block = 0; block < octets.length; block += SUM_BLOCK_OCTETS) {
    const end = Math.min(block + SUM_BLOCK_OCTETS, octets.length);
    const lanes = new Int32Array(SUM_LANES);
    for (let at = block, lane = 0; at < end; at += 4, lane = (lane + 1) % SUM_LANES) {
      lanes[lane]! += wordAt(view, at, end);
    }
    sum = lanes.reduce(mixed, sum);
  }
  return sum >>> 0;
}

/** Filled up with zeros at the end. */
function wordAt(view: DataView, at: number, end: number): number {
  if (at + 4 <= end) return view.getInt32(at, true);
  let word = 0;
  for (let octet = at; octet < end; octet++) word |= view.getUint8(octet) << (8 * (octet - at));
  return word;
}

function mixed(sum: number, word: number): number {
  const product = Math.imul(sum ^ word, MIX);
  return product ^ (product >>> 15);
}
