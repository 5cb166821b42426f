/**
 * A frame on its way, and the few fields of it that the simulator reads at each step: in place,
 * since hal/host/packet would make a dozen objects of every frame.
 *
 * Called by the network, the stations and the judges. Packets are used again, see `Packets`.
 */
import {
  checksumHolds,
  internetChecksum,
  pseudoHeaderSum,
} from "../../hal/host/packet/checksum.ts";

export const Ctl = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 } as const;

const OCTETS_MAX = 2_048;
const ETHERNET = 14;
const IPV4_TYPE = 0x0800;
const TCP = 6;
const ICMP = 1;
const FRAGMENT_BITS = 0x3fff;

export class Packet {
  readonly octets = new Uint8Array(OCTETS_MAX);
  length = 0;
  /** Sent by a station that plays by no rules. */
  isHostile = false;
  /** The datagram that this is a fragment of. */
  whole: Uint8Array | undefined;

  take(octets: Uint8Array): this {
    this.octets.set(octets);
    this.length = octets.length;
    this.isHostile = false;
    this.whole = undefined;
    return this;
  }

  copyOf(other: Packet): this {
    this.octets.set(other.octets.subarray(0, other.length));
    this.length = other.length;
    this.isHostile = other.isHostile;
    this.whole = other.whole;
    return this;
  }

  get view(): Uint8Array {
    return this.octets.subarray(0, this.length);
  }

  u16(at: number): number {
    return (this.octets[at]! << 8) | this.octets[at + 1]!;
  }

  u32(at: number): number {
    return ((this.u16(at) << 16) | this.u16(at + 2)) >>> 0;
  }

  setU16(at: number, value: number): void {
    this.octets[at] = value >>> 8;
    this.octets[at + 1] = value;
  }

  get isBroadcast(): boolean {
    return (this.octets[0]! & 1) !== 0;
  }

  get isIpv4(): boolean {
    return this.length >= ETHERNET + 20 && this.u16(12) === IPV4_TYPE;
  }

  get ipHeaderOctets(): number {
    return (this.octets[ETHERNET]! & 15) * 4;
  }

  get ipOctets(): number {
    return this.u16(ETHERNET + 2);
  }

  get dontFragment(): boolean {
    return (this.octets[ETHERNET + 6]! & 0x40) !== 0;
  }

  get isFragment(): boolean {
    return (this.u16(ETHERNET + 6) & FRAGMENT_BITS) !== 0;
  }

  get source(): number {
    return this.u32(ETHERNET + 12);
  }

  get destination(): number {
    return this.u32(ETHERNET + 16);
  }

  /** Whether it is one whole datagram with a TCP header, as far as a glance can tell. */
  get isTcp(): boolean {
    if (!this.isIpv4 || this.octets[ETHERNET + 9] !== TCP || this.isFragment) return false;
    return this.length >= this.tcpAt + 20;
  }

  get tcpAt(): number {
    return ETHERNET + this.ipHeaderOctets;
  }

  get sourcePort(): number {
    return this.u16(this.tcpAt);
  }

  get destinationPort(): number {
    return this.u16(this.tcpAt + 2);
  }

  get seq(): number {
    return this.u32(this.tcpAt + 4);
  }

  get ack(): number {
    return this.u32(this.tcpAt + 8);
  }

  get flags(): number {
    return this.octets[this.tcpAt + 13]!;
  }

  get window(): number {
    return this.u16(this.tcpAt + 14);
  }

  get textOctets(): number {
    const header = (this.octets[this.tcpAt + 12]! >> 4) * 4;
    return Math.max(0, this.ipOctets - this.ipHeaderOctets - header);
  }

  /** SEG.LEN: text, SYN and FIN. */
  get sequenceLength(): number {
    const { flags } = this;
    return this.textOctets + ((flags >> 1) & 1) + (flags & 1);
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Whether both checksums hold, of whole datagrams of TCP and ICMP. */
  get isIntact(): boolean {
    if (!this.isIpv4) return false;
    const end = ETHERNET + this.ipOctets;
    const header = this.ipHeaderOctets;
    if (header < 20 || end > this.length || end < ETHERNET + header) return false;
    if (!checksumHolds(this.octets.subarray(ETHERNET, ETHERNET + header))) return false;
    const payload = this.octets.subarray(ETHERNET + header, end);
    const protocol = this.octets[ETHERNET + 9]!;
    if (this.isFragment || (protocol !== TCP && protocol !== ICMP)) return false;
    const { source, destination } = this;
    const pseudo = pseudoHeaderSum(source, destination, TCP, payload.length);
    return checksumHolds(payload, protocol === TCP ? pseudo : 0);
  }

  /** Marks it as RFC 3168 asks of a congested router, if its sender can understand that. */
  markCongestion(): boolean {
    if (!this.isIpv4 || (this.octets[ETHERNET + 1]! & 3) === 0) return false;
    this.octets[ETHERNET + 1]! |= 3;
    this.sealIpv4();
    return true;
  }

  /** The IPv4 header's checksum anew. */
  sealIpv4(): void {
    this.setU16(ETHERNET + 10, 0);
    const header = this.octets.subarray(ETHERNET, ETHERNET + this.ipHeaderOctets);
    this.setU16(ETHERNET + 10, internetChecksum(header));
  }
}

/** Packets that nobody holds, for those to come. */
export class Packets {
  readonly #free: Packet[] = [];

  get(): Packet {
    return this.#free.pop() ?? new Packet();
  }

  free(packet: Packet): void {
    this.#free.push(packet);
  }
}
