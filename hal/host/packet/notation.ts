/**
 * Segments in the RFC's notation: `<SEQ=100><ACK=300><CTL=FIN,ACK>`, and other frames in one line.
 *
 * Called by the ladder, the command line and test messages. Formats only, decides nothing.
 */
import { formatIpv4Address } from "./address.ts";
import { type ArpPacket, ArpOperation } from "./arp.ts";
import { EtherType } from "./ethernet.ts";
import type { Frame } from "./frame.ts";
import { type IcmpMessage, IcmpType, isIcmpError } from "./icmpv4.ts";
import { isFragment } from "./ipv4.ts";
import { Flag, formatFlags, type TcpSegment } from "./tcp.ts";
import type { TcpOption } from "./tcp-options.ts";

export interface NotationOptions {
  /** Subtracted from SEG.SEQ: the sender's ISS for relative numbers. Default 0. */
  seqBase?: number;
  /** Subtracted from SEG.ACK: the receiver's ISS. Default 0. */
  ackBase?: number;
  /** Print `<WND=…>`. Default: only when it is zero and the segment is neither SYN nor RST. */
  window?: boolean;
  /** Print options other than padding. Default true. */
  options?: boolean;
}

/** One segment in the notation of RFC 9293's figures; data as `<DATA=octets>`. */
export function formatSegment(segment: TcpSegment, options: NotationOptions = {}): string {
  const parts = [`SEQ=${(segment.seq - (options.seqBase ?? 0)) >>> 0}`];
  if ((segment.flags & Flag.ACK) !== 0) {
    parts.push(`ACK=${(segment.ack - (options.ackBase ?? 0)) >>> 0}`);
  }
  if (showsWindow(segment, options)) parts.push(`WND=${segment.window}`);
  parts.push(`CTL=${formatFlags(segment.flags)}`);
  if ((segment.flags & Flag.URG) !== 0) parts.push(`UP=${segment.urgentPointer}`);
  if (options.options ?? true) {
    parts.push(...segment.options.flatMap((option) => formatOption(option, options)));
  }
  if (segment.payload.length > 0) parts.push(`DATA=${segment.payload.length}`);
  return parts.map((part) => `<${part}>`).join("");
}

function showsWindow(segment: TcpSegment, options: NotationOptions): boolean {
  if (options.window !== undefined) return options.window;
  return segment.window === 0 && (segment.flags & (Flag.SYN | Flag.RST)) === 0;
}

function formatOption(option: TcpOption, options: NotationOptions): string[] {
  switch (option.kind) {
    case "end":
    case "nop":
      return [];
    case "mss":
      return [`MSS=${option.value}`];
    case "window-scale":
      return [`WS=${option.shift}`];
    case "sack-permitted":
      return ["SACK-OK"];
    case "sack": {
      const base = options.ackBase ?? 0;
      const blocks = option.blocks.map(
        ({ left, right }) => `${(left - base) >>> 0}-${(right - base) >>> 0}`,
      );
      return [`SACK=${blocks.join(",")}`];
    }
    case "timestamps":
      return [`TS=${option.value},${option.echo}`];
    case "unknown":
      return [`OPT${option.number}=${option.data.length + 2}`];
  }
}

/** One line for any frame: what it is, from whom and to whom. */
export function formatFrame(frame: Frame, options: NotationOptions = {}): string {
  if (frame.arp !== undefined) return formatArp(frame.arp);
  const { ipv4 } = frame;
  if (ipv4 === undefined) return frame.error ?? formatEtherType(frame.ethernet?.etherType ?? 0);
  const source = formatIpv4Address(ipv4.source);
  const destination = formatIpv4Address(ipv4.destination);
  if (frame.tcp !== undefined) {
    const { sourcePort, destinationPort } = frame.tcp;
    const ends = `${source}:${sourcePort} → ${destination}:${destinationPort}`;
    return `${ends} ${formatSegment(frame.tcp, options)}`;
  }
  const ends = `${source} → ${destination}`;
  if (frame.icmp !== undefined) return `${ends} ${formatIcmp(frame.icmp)}`;
  if (frame.error !== undefined) return `${ends} ${frame.error}`;
  if (isFragment(ipv4)) return `${ends} fragment at ${ipv4.fragmentOffset}`;
  return `${ends} protocol ${ipv4.protocol}, ${ipv4.payload.length} octets`;
}

function formatArp(arp: ArpPacket): string {
  const sender = formatIpv4Address(arp.senderAddress);
  const target = formatIpv4Address(arp.targetAddress);
  if (arp.operation === ArpOperation.REQUEST) {
    if (sender === target) return `ARP ${sender} announces ${arp.senderMac}`;
    return `ARP who has ${target}? tell ${sender}`;
  }
  if (arp.operation === ArpOperation.REPLY) return `ARP ${sender} is at ${arp.senderMac}`;
  return `ARP operation ${arp.operation}`;
}

function formatIcmp(icmp: IcmpMessage): string {
  const echo = `id=${icmp.identifier} seq=${icmp.sequence} ${icmp.payload.length} octets`;
  if (icmp.type === IcmpType.ECHO_REQUEST) return `ICMP echo request ${echo}`;
  if (icmp.type === IcmpType.ECHO_REPLY) return `ICMP echo reply ${echo}`;
  const kind = isIcmpError(icmp.type) ? "ICMP error" : "ICMP";
  return `${kind} type ${icmp.type} code ${icmp.code}`;
}

function formatEtherType(etherType: number): string {
  if (etherType === EtherType.IPV6) return "IPv6";
  return `EtherType 0x${etherType.toString(16).padStart(4, "0")}`;
}
