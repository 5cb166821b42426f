/**
 * The hash of a module's state: its memory below `__heap_base`, without the receive slots.
 *
 * Used by the recorder and the replay. A sum over pages (`docs/recording.md`, "State hash"), so
 * that only pages which changed since the last time are gone through again.
 */

/** What of the memory counts. */
export interface ImageExtent {
  /** So many octets from 0 on. */
  readonly octets: number;
  /** Words that begin within count as 0: received frames are inputs, and no state. */
  readonly skipBegin: number;
  readonly skipEnd: number;
}

const PAGE_OCTETS = 4096;
/** Compared at once, since a call costs more than a page. */
const BLOCK_OCTETS = 16 * PAGE_OCTETS;
/** Odd constants: the golden ratio, and the one of MurmurHash3's finaliser. */
const MIX_LOW = 0x9e3779b1;
const MIX_HIGH = 0x85ebca6b;

export class ImageHash {
  readonly #memory: Uint8Array;
  readonly #view: DataView;
  readonly #extent: ImageExtent;
  /** The memory as it was the last time; zero at first, when no page counts. */
  readonly #seen: Uint8Array;
  readonly #low: Uint32Array;
  readonly #high: Uint32Array;
  #sumLow = 0;
  #sumHigh = 0;

  constructor(memory: Uint8Array, extent: ImageExtent) {
    this.#memory = memory;
    this.#view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#extent = extent;
    this.#seen = new Uint8Array(extent.octets);
    const pages = Math.ceil(extent.octets / PAGE_OCTETS);
    this.#low = new Uint32Array(pages);
    this.#high = new Uint32Array(pages);
  }

  /** The hash of the present state: sixteen hexadecimal digits. */
  current(): string {
    const { octets } = this.#extent;
    for (let begin = 0; begin < octets; begin += BLOCK_OCTETS) {
      const end = Math.min(begin + BLOCK_OCTETS, octets);
      if (this.#changed(begin, end)) this.#renewBlock(begin, end);
    }
    return hex(this.#sumHigh) + hex(this.#sumLow);
  }

  #changed(begin: number, end: number): boolean {
    const now = this.#memory.subarray(begin, end);
    return Buffer.compare(now, this.#seen.subarray(begin, end)) !== 0;
  }

  #renewBlock(begin: number, end: number): void {
    for (let at = begin; at < end; at += PAGE_OCTETS) {
      const pageEnd = Math.min(at + PAGE_OCTETS, end);
      if (!this.#changed(at, pageEnd)) continue;
      this.#seen.set(this.#memory.subarray(at, pageEnd), at);
      this.#renewPage(at, pageEnd);
    }
  }

  #renewPage(begin: number, end: number): void {
    const page = begin / PAGE_OCTETS;
    const { skipBegin, skipEnd } = this.#extent;
    let low = 2 * page + 1;
    let high = low;
    let isZero = true;
    for (let at = begin; at < begin + PAGE_OCTETS; at += 4) {
      let word = at + 4 <= end ? this.#view.getUint32(at, true) : this.#wordAtEnd(at, end);
      if (at >= skipBegin && at < skipEnd) word = 0;
      if (word !== 0) isZero = false;
      low = Math.imul(low ^ word, MIX_LOW);
      low ^= low >>> 15;
      high = Math.imul(high ^ word, MIX_HIGH);
      high ^= high >>> 13;
    }
    if (isZero) low = high = 0;
    this.#sumLow = (this.#sumLow - this.#low[page]! + (low >>> 0)) >>> 0;
    this.#sumHigh = (this.#sumHigh - this.#high[page]! + (high >>> 0)) >>> 0;
    this.#low[page] = low;
    this.#high[page] = high;
  }

  /** Beyond the image there is nothing but zeros. */
  #wordAtEnd(at: number, end: number): number {
    let word = 0;
    for (let octet = at; octet < end; octet++) {
      word |= this.#memory[octet]! << (8 * (octet - at));
    }
    return word >>> 0;
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
