/**
 * The options of a TCP header (RFC 9293 §3.1, §3.2): parsed in one pass into one static record.
 *
 * Every segment may carry options (MUST-5), at any alignment (MUST-64), in any order; unknown ones
 * are skipped by their length (MUST-6), an illegal length ends the parsing without harm (MUST-7).
 * What is behind End of Option List is padding (MUST-69). Called by `tcp/`. Options of later RFCs
 * become further fields here.
 */

import { get16 } from "../core/octets";

const enum Kind {
  END_OF_LIST = 0,
  NO_OPERATION = 1,
  MAXIMUM_SEGMENT_SIZE = 2,
}

@inline export const MSS_OPTION_OCTETS: u32 = 4;

/** What the options of the segment parsed last said. */
@unmanaged @final export class TcpOptions {
  /** Maximum Segment Size in octets as the peer sent it; 0 when it sent none. */
  mss: u32;
}
@inline const OPTIONS: usize = memory.data(4, 4);
if (offsetof<TcpOptions>() != 4) ERROR("TcpOptions layout");

/** Parses `octets` octets of options (0 … 40) at `at`. The record stands until the next call. */
export function parseOptions(at: usize, octets: u32): TcpOptions {
  const options = changetype<TcpOptions>(OPTIONS);
  options.mss = 0;
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
    }
    at += length;
  }
  return options;
}

/** Writes the four octets of a Maximum Segment Size option. */
@inline export function emitMss(at: usize, mss: u32): void {
  store<u32>(at, bswap<u32>(0x0204_0000 | mss));
}
