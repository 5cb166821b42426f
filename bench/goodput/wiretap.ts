/**
 * What can be told of a sender from outside: each data segment it puts on the wire, whether that
 * was sent before, and whether sending it again was needed.
 *
 * Called by transfer.ts with each frame. Reads the few fields it needs in place, since a run has
 * ten thousands of frames; what it sees is checked by nobody but the modules' checksums.
 */
const ETHERTYPE = 12;
const TOTAL_LENGTH = 16;
const PROTOCOL = 23;
const TCP = 34;
const IPV4 = 0x0800;
const IP_HEADER_OCTETS = 20;
const PROTOCOL_TCP = 6;
const SYN = 0x02;

/** A data segment of the sender. Offsets count from the first octet of the stream. */
export interface Sent {
  /** −1 for the SYN. */
  offset: number;
  octets: number;
  isRepeated: boolean;
  /** Sent again although a copy of each octet had got through, or was about to. */
  isSpurious: boolean;
}

/** True for a frame that carries IPv4: chance befalls only those. */
export function isIpv4(frame: Uint8Array): boolean {
  return frame[ETHERTYPE]! * 256 + frame[ETHERTYPE + 1]! === IPV4;
}

export class Wiretap {
  readonly #carried: Uint8Array;
  #iss: number | undefined;
  #next = -1;

  /** `octets`: of the whole stream. */
  constructor(octets: number) {
    this.#carried = new Uint8Array(octets);
  }

  /** Looks at a frame of the sender; `isLost`: it will not arrive. */
  look(frame: Uint8Array, isLost: boolean): Sent | undefined {
    if (!isIpv4(frame) || frame[PROTOCOL] !== PROTOCOL_TCP) return undefined;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const seq = view.getUint32(TCP + 4);
    const headers = IP_HEADER_OCTETS + (view.getUint8(TCP + 12) >> 4) * 4;
    const octets = view.getUint16(TOTAL_LENGTH) - headers;
    const isSyn = (view.getUint8(TCP + 13) & SYN) !== 0;
    if (isSyn) this.#iss ??= seq;
    if (this.#iss === undefined || (octets === 0 && !isSyn)) return undefined;
    const offset = isSyn ? -1 : (seq - this.#iss - 1) >>> 0;
    return this.#note(offset, isSyn ? 1 : octets, isLost);
  }

  #note(offset: number, octets: number, isLost: boolean): Sent {
    const end = offset + octets;
    const from = Math.max(offset, 0);
    const isRepeated = offset < this.#next;
    const isSpurious = isRepeated && from < end && !this.#carried.subarray(from, end).includes(0);
    if (!isLost) this.#carried.fill(1, from, end);
    this.#next = Math.max(this.#next, end);
    return { offset, octets, isRepeated, isSpurious };
  }
}
