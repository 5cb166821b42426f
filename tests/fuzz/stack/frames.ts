/**
 * Frames put together fast, in one buffer: what hal/host/packet builds from objects, and anything
 * else that a fuzzer wants. Every field may be wrong; what `seal` computes is right unless it is
 * spoilt afterwards.
 *
 *     0 Ethernet 14 IPv4 34 TCP, ICMP or data …
 *
 * Called by scene.ts and grammar.ts.
 */

export const FRAME_OCTETS_MAX = 1_514;
export const IP = 14;
export const TRANSPORT = 34;
/** Room for what is longer than any frame. */
const BUFFER_OCTETS = 4_096;
const NOISE_OCTETS = 8_192;

/** What stands at a place of any stream, by its sequence number: senders never contradict. */
const NOISE = new Uint8Array(2 * NOISE_OCTETS).map(
  (_, i) => Math.imul(i % NOISE_OCTETS, 0x9e37_79b1) >>> 23,
);

/** The octet of a stream under a sequence number. */
export function noiseAt(seq: number): number {
  return NOISE[seq & (NOISE_OCTETS - 1)]!;
}

export class FrameBuffer {
  readonly octets = new Uint8Array(BUFFER_OCTETS);
  length = 0;

  u16(at: number, value: number): void {
    this.octets[at] = value >>> 8;
    this.octets[at + 1] = value;
  }

  u32(at: number, value: number): void {
    this.octets[at] = value >>> 24;
    this.octets[at + 1] = value >>> 16;
    this.octets[at + 2] = value >>> 8;
    this.octets[at + 3] = value;
  }

  readU16(at: number): number {
    return (this.octets[at]! << 8) | this.octets[at + 1]!;
  }

  readU32(at: number): number {
    return ((this.readU16(at) << 16) | this.readU16(at + 2)) >>> 0;
  }

  /** Data of a stream that begins with the number `seq`. */
  fill(at: number, seq: number, octets: number): void {
    const from = seq & (NOISE_OCTETS - 1);
    this.octets.set(NOISE.subarray(from, from + octets), at);
  }

  ethernet(destination: number, source: number, type: number): void {
    this.#mac(0, destination);
    this.#mac(6, source);
    this.u16(12, type);
  }

  /** A header without options; lengths and checksum come with `seal`. */
  ipv4(source: number, destination: number, protocol: number): void {
    const { octets } = this;
    octets[IP] = 0x45;
    octets[IP + 1] = 0;
    this.u32(IP + 4, 0x4000); // no identification, DF
    octets[IP + 8] = 64;
    octets[IP + 9] = protocol;
    this.u32(IP + 12, source);
    this.u32(IP + 16, destination);
  }

  /** Sets the IPv4 length for what `length` says, and both checksums. */
  seal(): void {
    const header = (this.octets[IP]! & 15) * 4;
    this.u16(IP + 2, this.length - IP);
    this.sealTransport(IP + header);
    this.sealIpv4();
  }

  sealIpv4(): void {
    this.u16(IP + 10, 0);
    this.u16(IP + 10, checksumOf(this.octets, IP, IP + (this.octets[IP]! & 15) * 4, 0));
  }

  /** The checksum of the TCP segment or ICMP message that goes from `at` to the end. */
  sealTransport(at: number): void {
    const octets = this.length - at;
    const protocol = this.octets[IP + 9];
    if (protocol === 6 && octets >= 18) {
      this.u16(at + 16, 0);
      const pseudo = 6 + octets + sumOf(this.octets, IP + 12, IP + 20);
      this.u16(at + 16, checksumOf(this.octets, at, this.length, pseudo));
    } else if (protocol === 1 && octets >= 4) {
      this.u16(at + 2, 0);
      this.u16(at + 2, checksumOf(this.octets, at, this.length, 0));
    }
  }

  /** 02:00:00:00:00:XX; all ones for everybody. */
  #mac(at: number, station: number): void {
    const { octets } = this;
    octets[at] = station === EVERYBODY ? 255 : 2;
    for (let i = 1; i < 5; i++) octets[at + i] = station === EVERYBODY ? 255 : 0;
    octets[at + 5] = station;
  }
}

/** The station number that stands for the broadcast address. */
export const EVERYBODY = 255;

/** Big-endian 16-bit words added up, an odd last octet padded with zero (RFC 1071). */
export function sumOf(octets: Uint8Array, from: number, to: number): number {
  let sum = 0;
  const even = to - ((to - from) & 1);
  for (let at = from; at < even; at += 2) sum += (octets[at]! << 8) | octets[at + 1]!;
  return even === to ? sum : sum + (octets[even]! << 8);
}

function checksumOf(octets: Uint8Array, from: number, to: number, initial: number): number {
  let sum = initial + sumOf(octets, from, to);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
}
