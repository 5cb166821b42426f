/**
 * The options of a TCP header (RFC 9293 §3.1, §3.2): parsed in one pass into one static record.
 *
 * Every segment may carry options (MUST-5), at any alignment (MUST-64), in any order; unknown ones
 * are skipped by their length (MUST-6), an illegal length ends the parsing without harm (MUST-7).
 * What is behind End of Option List is padding (MUST-69). RFC 7323 §2.2, §3.2: window scale and
 * timestamps; RFC 2018: SACK. Called by `tcp/` to read, by `netif/` to write. Knows no connection.
 */

import { HAS_SACK, HAS_TIMESTAMPS, HAS_WINDOW_SCALE } from "../config";
import { get16, get32, put32, swap32 } from "../core/octets";

const enum Kind {
  END_OF_LIST = 0,
  NO_OPERATION = 1,
  MAXIMUM_SEGMENT_SIZE = 2,
  WINDOW_SCALE = 3,
  SACK_PERMITTED = 4,
  SACK = 5,
  TIMESTAMPS = 8,
}

/** Octets of each option as it is written, with the padding that keeps the next one aligned. */
@inline export const MSS_OPTION_OCTETS: u32 = 4;
@inline export const WINDOW_SCALE_OPTION_OCTETS: u32 = 4;
@inline export const TIMESTAMPS_OPTION_OCTETS: u32 = 12;
@inline export const SACK_PERMITTED_OPTION_OCTETS: u32 = 4;
@inline export const SACK_HEAD_OCTETS: u32 = 4;
@inline export const SACK_BLOCK_OCTETS: u32 = 8;
/** The 40 octets of options hold four blocks, or three beside timestamps (RFC 2018 §3). */
@inline export const SACK_BLOCKS_MAX: u32 = 4;

/** Octets of each option as it stands on the wire. */
@inline const WINDOW_SCALE_OCTETS: usize = 3;
@inline const SACK_PERMITTED_OCTETS: usize = 2;
@inline const TIMESTAMPS_OCTETS: usize = 10;

/** The first word of a timestamps option behind two No-Operations, as nearly everybody sends it. */
@inline const ALIGNED_TIMESTAMPS: u32 = 0x0101_080a;
/** RFC 7323 §2.3: a larger shift is taken for this one. */
@inline const WINDOW_SHIFT_MAX: u32 = 14;

/** What the options of the segment parsed last said. */
@unmanaged @final export class TcpOptions {
  /** Maximum Segment Size in octets as the peer sent it; 0 when it sent none. */
  mss: u32;
  /** TSval and TSecr, where `hasTimestamps`. */
  tsVal: u32;
  tsEcr: u32;
  /** 0 … 14, where `hasWindowScale`. */
  windowShift: u8;
  hasWindowScale: bool;
  hasTimestamps: bool;
  isSackPermitted: bool;
  /** How many blocks of 8 octets lie at `sackBlocks`. */
  sackCount: u8;
  sackBlocks: usize;
}
@inline const OPTIONS: usize = memory.data(24, 4);
if (offsetof<TcpOptions>() > 24) ERROR("TcpOptions layout");

/** What `parseOptions` said last. */
@inline export function parsedOptions(): TcpOptions {
  return changetype<TcpOptions>(OPTIONS);
}

/** Parses `octets` octets of options (0 … 40) at `at`. The record stands until the next call. */
export function parseOptions(at: usize, octets: u32): TcpOptions {
  const options = parsedOptions();
  options.mss = 0;
  options.hasWindowScale = false;
  options.hasTimestamps = false;
  options.isSackPermitted = false;
  options.sackCount = 0;
  if (HAS_TIMESTAMPS && octets == TIMESTAMPS_OPTION_OCTETS && get32(at) == ALIGNED_TIMESTAMPS) {
    takeTimestamps(options, at + 2);
    return options;
  }
  const end = at + octets;
  while (at < end) {
    const kind = <u32>load<u8>(at);
    if (kind == Kind.END_OF_LIST) break;
    if (kind == Kind.NO_OPERATION) {
      ++at;
      continue;
    }
    // Kind and length must both be there, and the length must cover both and end within the header.
    if (end - at < 2) break;
    const length = <usize>load<u8>(at, 1);
    if (length < 2 || length > end - at) break;
    if (kind == Kind.MAXIMUM_SEGMENT_SIZE && length == MSS_OPTION_OCTETS) {
      options.mss = get16(at, 2);
    } else if (HAS_WINDOW_SCALE && kind == Kind.WINDOW_SCALE && length == WINDOW_SCALE_OCTETS) {
      options.windowShift = <u8>min(<u32>load<u8>(at, 2), WINDOW_SHIFT_MAX);
      options.hasWindowScale = true;
    } else if (HAS_SACK && kind == Kind.SACK_PERMITTED && length == SACK_PERMITTED_OCTETS) {
      options.isSackPermitted = true;
    } else if (HAS_SACK && kind == Kind.SACK && (length & 7) == 2) {
      options.sackBlocks = at + 2;
      options.sackCount = <u8>(length / SACK_BLOCK_OCTETS);
    } else if (HAS_TIMESTAMPS && kind == Kind.TIMESTAMPS && length == TIMESTAMPS_OCTETS) {
      takeTimestamps(options, at);
    }
    at += length;
  }
  return options;
}

@inline
function takeTimestamps(options: TcpOptions, at: usize): void {
  options.tsVal = get32(at, 2);
  options.tsEcr = get32(at, 6);
  options.hasTimestamps = true;
}

/** Writes the four octets of a Maximum Segment Size option. */
@inline export function emitMss(at: usize, mss: u32): void {
  store<u32>(at, swap32(0x0204_0000 | mss));
}

/** Writes a Window Scale option behind a No-Operation. `shift`: 0 … 14. */
@inline
export function emitWindowScale(at: usize, shift: u32): void {
  put32(at, 0, 0x0103_0300 | shift);
}

/** Writes a Timestamps option behind two No-Operations (RFC 7323 Appendix A). */
@inline
export function emitTimestamps(at: usize, tsVal: u32, tsEcr: u32): void {
  put32(at, 0, ALIGNED_TIMESTAMPS);
  put32(at, 4, tsVal);
  put32(at, 8, tsEcr);
}

/** Writes a SACK-Permitted option behind two No-Operations. */
@inline
export function emitSackPermitted(at: usize): void {
  put32(at, 0, 0x0101_0402);
}

/** Writes the head of a SACK option with `blocks` blocks behind two No-Operations. */
@inline
export function emitSackHead(at: usize, blocks: u32): void {
  put32(at, 0, 0x0101_0500 | (2 + SACK_BLOCK_OCTETS * blocks));
}

/** Writes one block: its left edge, and the number after its last octet. */
@inline
export function emitSackBlock(at: usize, start: u32, end: u32): void {
  put32(at, 0, start);
  put32(at, 4, end);
}
