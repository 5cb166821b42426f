/**
 * What must hold of every frame that leaves the module, whatever came in: lengths, addresses,
 * checksums, reserved bits and control bits. Looks at the octets where they lie; one frame in
 * SHARE, and every one of a replay, is also taken apart by hal/host/packet.
 *
 * Called by scene.ts. Says what is wrong, in a few words, or nothing.
 */
import { Flag, formatFrame, parseFrame } from "../../../hal/host/packet/index.ts";
import { IP, sumOf, TRANSPORT } from "./frames.ts";

const SHARE = 8;
const TYPE_IPV4 = 0x0800;
const TYPE_ARP = 0x0806;
const ARP_FRAME_OCTETS = 42;
const ALL_ONES = 0xffff;

export class Judge {
  /** Takes every frame apart. */
  isThorough = false;
  readonly #address: number;
  #count = 0;

  /** The module has the MAC address 02:00:00:00:00:01 and this IPv4 address. */
  constructor(address: number) {
    this.#address = address;
  }

  /** What is wrong with the frame of `length` octets at `at`, or undefined. */
  judge(octets: Uint8Array, at: number, length: number): string | undefined {
    this.#count += 1;
    const fault = this.#look(octets, at, length);
    if (fault !== undefined) return `${fault}: ${describe(octets, at, length)}`;
    if (!this.isThorough && this.#count % SHARE !== 0) return undefined;
    const frame = parseFrame(octets.slice(at, at + length));
    const { tcp, icmp, arp, ipv4 } = frame;
    const isRight =
      frame.error === undefined &&
      (arp !== undefined ||
        (ipv4?.checksumOk === true &&
          (icmp?.checksumOk === true || (tcp?.checksumOk === true && !tcp.optionsError))));
    return isRight ? undefined : `cannot be parsed: ${describe(octets, at, length)}`;
  }

  #look(octets: Uint8Array, at: number, length: number): string | undefined {
    if (!isOurMac(octets, at + 6)) return "source MAC";
    if (isOurMac(octets, at)) return "to ourselves";
    const type = u16(octets, at + 12);
    if (type === TYPE_ARP) return this.#lookAtArp(octets, at, length);
    if (type !== TYPE_IPV4) return "EtherType";
    if ((octets[at]! & 1) !== 0) return "IPv4 to a group";
    if (octets[at + IP] !== 0x45) return "IPv4 version or options";
    if (u16(octets, at + IP + 2) !== length - IP) return "IPv4 length";
    if ((u16(octets, at + IP + 6) & 0xbfff) !== 0) return "IPv4 fragment field";
    if (u32(octets, at + IP + 12) !== this.#address) return "IPv4 source";
    if (u32(octets, at + IP + 16) === this.#address) return "IPv4 to ourselves";
    if (fold(sumOf(octets, at + IP, at + TRANSPORT)) !== ALL_ONES) return "IPv4 checksum";
    const protocol = octets[at + IP + 9]!;
    const end = at + length;
    if (protocol === 6) return lookAtTcp(octets, at, length);
    if (protocol !== 1) return "IPv4 protocol";
    return fold(sumOf(octets, at + TRANSPORT, end)) === ALL_ONES ? undefined : "ICMP checksum";
  }

  #lookAtArp(octets: Uint8Array, at: number, length: number): string | undefined {
    if (length !== ARP_FRAME_OCTETS) return "ARP length";
    if (u32(octets, at + 14) !== 0x0001_0800 || u16(octets, at + 18) !== 0x0604) return "ARP types";
    const operation = u16(octets, at + 20);
    if (operation !== 1 && operation !== 2) return "ARP operation";
    if (!isOurMac(octets, at + 22) || u32(octets, at + 28) !== this.#address) return "ARP sender";
    return undefined;
  }
}

function lookAtTcp(octets: Uint8Array, at: number, length: number): string | undefined {
  const tcp = at + TRANSPORT;
  const header = (octets[tcp + 12]! >>> 4) * 4;
  if (length < TRANSPORT + 20 || header < 20 || TRANSPORT + header > length) return "TCP header";
  if ((octets[tcp + 12]! & 15) !== 0) return "TCP reserved bits";
  const pseudo = sumOf(octets, at + IP + 12, at + IP + 20) + 6 + length - TRANSPORT;
  if (fold(sumOf(octets, tcp, at + length) + pseudo) !== ALL_ONES) return "TCP checksum";
  const flags = octets[tcp + 13]!;
  const kinds = flags & (Flag.SYN | Flag.RST | Flag.FIN);
  if ((kinds & (kinds - 1)) !== 0) return "TCP: two of SYN, RST and FIN";
  if ((flags & (Flag.SYN | Flag.RST | Flag.ACK)) === 0) return "TCP without ACK";
  const hasText = length > TRANSPORT + header;
  if (hasText && (flags & (Flag.SYN | Flag.RST)) !== 0) return "TCP: text with SYN or RST";
  return undefined;
}

function describe(octets: Uint8Array, at: number, length: number): string {
  return formatFrame(parseFrame(octets.slice(at, at + length)));
}

function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

function isOurMac(octets: Uint8Array, at: number): boolean {
  return octets[at] === 2 && u32(octets, at + 1) === 0 && octets[at + 5] === 1;
}

function u16(octets: Uint8Array, at: number): number {
  return (octets[at]! << 8) | octets[at + 1]!;
}

function u32(octets: Uint8Array, at: number): number {
  return ((u16(octets, at) << 16) | u16(octets, at + 2)) >>> 0;
}
