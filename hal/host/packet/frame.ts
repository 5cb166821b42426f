/**
 * A whole Ethernet frame, taken apart down to ARP, ICMP or TCP, or put together from there.
 *
 * Called by the ladder, the command line and tests. Never throws on received octets: what could
 * not be read is said in `error`, the layers above it are there.
 */
import { type ArpInput, type ArpPacket, buildArp, parseArp } from "./arp.ts";
import {
  BROADCAST_MAC,
  buildEthernet,
  type EthernetFrame,
  type EthernetInput,
  EtherType,
  parseEthernet,
} from "./ethernet.ts";
import { buildIcmp, type IcmpInput, type IcmpMessage, parseIcmp } from "./icmpv4.ts";
import {
  buildIpv4,
  type Ipv4Input,
  type Ipv4Packet,
  IpProtocol,
  isFragment,
  parseIpv4,
} from "./ipv4.ts";
import { buildTcp, parseTcp, type TcpInput, type TcpSegment } from "./tcp.ts";

export interface Frame {
  ethernet?: EthernetFrame;
  arp?: ArpPacket;
  ipv4?: Ipv4Packet;
  icmp?: IcmpMessage;
  tcp?: TcpSegment;
  /** Why the innermost layer could not be read; absent for protocols that are not looked into. */
  error?: string;
}

/** One of `arp`, `icmp`, `tcp`, or `ipv4` alone with its payload. */
export interface FrameInput {
  ethernet?: EthernetInput;
  arp?: ArpInput;
  ipv4?: Ipv4Input;
  icmp?: IcmpInput;
  tcp?: TcpInput;
}

export function parseFrame(octets: Uint8Array): Frame {
  const ethernet = parseEthernet(octets);
  if (!ethernet.ok) return { error: ethernet.reason };
  const frame: Frame = { ethernet: ethernet.value };
  if (ethernet.value.etherType === EtherType.ARP) {
    const arp = parseArp(ethernet.value.payload);
    if (arp.ok) frame.arp = arp.value;
    else frame.error = arp.reason;
  } else if (ethernet.value.etherType === EtherType.IPV4) {
    const ipv4 = parseIpv4(ethernet.value.payload);
    if (ipv4.ok) readTransport(frame, ipv4.value);
    else frame.error = ipv4.reason;
  }
  return frame;
}

/** Fragments are not looked into: the first lacks its end, the others their header. */
function readTransport(frame: Frame, ipv4: Ipv4Packet): void {
  frame.ipv4 = ipv4;
  if (isFragment(ipv4)) return;
  if (ipv4.protocol === IpProtocol.TCP) {
    const tcp = parseTcp(ipv4.payload, ipv4);
    if (tcp.ok) frame.tcp = tcp.value;
    else frame.error = tcp.reason;
  } else if (ipv4.protocol === IpProtocol.ICMP) {
    const icmp = parseIcmp(ipv4.payload);
    if (icmp.ok) frame.icmp = icmp.value;
    else frame.error = icmp.reason;
  }
}

/** The octets of a frame; every length, checksum and type is filled in unless given. */
export function buildFrame(input: FrameInput): Uint8Array {
  if (input.arp !== undefined) {
    return buildEthernet({
      destination: BROADCAST_MAC,
      ...(input.arp.senderMac === undefined ? {} : { source: input.arp.senderMac }),
      etherType: EtherType.ARP,
      payload: buildArp(input.arp),
      ...input.ethernet,
    });
  }
  const addresses = {
    source: input.ipv4?.source ?? 0,
    destination: input.ipv4?.destination ?? 0,
  };
  const ipv4: Ipv4Input = { ...input.ipv4 };
  if (input.tcp !== undefined) {
    ipv4.protocol ??= IpProtocol.TCP;
    ipv4.payload ??= buildTcp(input.tcp, addresses);
  } else if (input.icmp !== undefined) {
    ipv4.protocol ??= IpProtocol.ICMP;
    ipv4.payload ??= buildIcmp(input.icmp);
  }
  return buildEthernet({ etherType: EtherType.IPV4, payload: buildIpv4(ipv4), ...input.ethernet });
}
