/**
 * The one transmit frame, and how it leaves.
 *
 * Every frame of the stack is built here in place and handed to the HAL before the next one is
 * begun. Called by the rest of `netif/`. Decides nothing: who is asked for a frame, and when, is
 * known to `ingress` (stateless replies) and `egress` (everything else).
 */

import {
  FRAME_OCTETS_MAX, HAS_ECN, HAS_MARKS, HAS_SACK, HAS_TIMESTAMPS, HAS_URGENT, HAS_WINDOW_SCALE,
} from "../config";
import { Counter, Parameter } from "../core/abi";
import { count, countBoth } from "../core/counters";
import { copyOctets } from "../core/octets";
import { randomWord } from "../core/random";
import { transmit } from "../hal";
import { tosOf, ttlOf } from "../tcp/marks";
import { parameter } from "../tcp/parameters";
import { RCV_WINDOW_SHIFT } from "../tcp/receive";
import { OutSegment, sackBlockAt } from "../tcp/segment";
import { EtherType, ETHERNET_HEADER_OCTETS, emitEthernet } from "../wire/ethernet";
import {
  IPV4_HEADER_OCTETS, Protocol, allowFragments, emitIpv4, ipv4Kind,
} from "../wire/ipv4";
import { TCP_HEADER_OCTETS, emitTcp, emitUrgentPointer, sealTcp, tcpControl } from "../wire/tcp";
import {
  MSS_OPTION_OCTETS, SACK_BLOCK_OCTETS, SACK_HEAD_OCTETS, SACK_PERMITTED_OPTION_OCTETS,
  TIMESTAMPS_OPTION_OCTETS, WINDOW_SCALE_OPTION_OCTETS, emitMss, emitSackBlock, emitSackHead,
  emitSackPermitted, emitTimestamps, emitWindowScale,
} from "../wire/tcp-options";
import { linkAddress } from "./interface";
import { forgetHeader } from "./standing-header";

/** Begins at 2 mod 4, so that the IPv4 header behind the 14 octets of Ethernet is aligned. */
@inline export const FRAME: usize = memory.data(<i32>FRAME_OCTETS_MAX + 2, 4) + 2;
/** Where the packet of an Ethernet frame begins. */
@inline export const PACKET: usize = FRAME + <usize>ETHERNET_HEADER_OCTETS;
/** Where the payload of an IPv4 datagram without options begins. */
@inline export const PAYLOAD: usize = PACKET + <usize>IPV4_HEADER_OCTETS;

/** u32: the identification that was given last to a datagram that routers may fragment. */
const IDENTIFICATION: usize = memory.data(4, 4);

/** Begins where nobody can tell. */
export function resetTransmitter(): void {
  store<u32>(IDENTIFICATION, randomWord());
  forgetHeader();
}

/** Counted, so that none comes again within 65,535 datagrams (RFC 6864 §4.3). */
function nextIdentification(): u32 {
  const next = load<u32>(IDENTIFICATION) + 1;
  store<u32>(IDENTIFICATION, next);
  return next;
}

/**
 * Sends the `octets` octets that stand at PACKET to the station `mac`. Returns false, and counts,
 * when the transmitter is BUSY.
 */
@inline export function sendPacket(mac: u64, type: EtherType, octets: u32): bool {
  forgetHeader();
  emitEthernet(FRAME, mac, linkAddress(), type);
  return sendFrame(ETHERNET_HEADER_OCTETS + octets);
}

/** Sends the first `octets` of the transmit frame. False, and counted, when BUSY. */
@inline function sendFrame(octets: u32): bool {
  if (transmit(FRAME, octets) != 0) {
    count(Counter.TRANSMIT_BUSY);
    return false;
  }
  count(Counter.FRAMES_OUT);
  return true;
}

/** The same for a frame with a segment, which counts too. */
@inline export function sendSegmentFrame(octets: u32): bool {
  if (transmit(FRAME, octets) != 0) {
    count(Counter.TRANSMIT_BUSY);
    return false;
  }
  countBoth(Counter.FRAMES_OUT); // and SEGMENTS_OUT
  return true;
}

/**
 * Sends the ICMP message of `octets` octets that stands at PAYLOAD. `addresses`: source << 32 |
 * destination. False when BUSY.
 */
export function sendIcmp(mac: u64, addresses: u64, octets: u32): bool {
  const total = IPV4_HEADER_OCTETS + octets;
  emitIpv4(PACKET, total, ipv4Kind(0, parameter(Parameter.TTL), Protocol.ICMP), addresses);
  return sendPacket(mac, EtherType.IPV4, total);
}

/** Builds the segment around its text, which is copied once, and sends it. False when BUSY. */
export function sendSegment(mac: u64, segment: OutSegment): bool {
  let headerOctets = TCP_HEADER_OCTETS;
  if (segment.mss != 0) {
    emitMss(PAYLOAD + headerOctets, segment.mss);
    headerOctets += MSS_OPTION_OCTETS;
  }
  if (HAS_WINDOW_SCALE && segment.hasWindowScale) {
    emitWindowScale(PAYLOAD + headerOctets, RCV_WINDOW_SHIFT);
    headerOctets += WINDOW_SCALE_OPTION_OCTETS;
  }
  if (HAS_SACK && segment.isSackPermitted) {
    emitSackPermitted(PAYLOAD + headerOctets);
    headerOctets += SACK_PERMITTED_OPTION_OCTETS;
  }
  if (HAS_TIMESTAMPS && segment.hasTimestamps) {
    emitTimestamps(PAYLOAD + headerOctets, segment.tsVal, segment.tsEcr);
    headerOctets += TIMESTAMPS_OPTION_OCTETS;
  }
  if (HAS_SACK && segment.sackCount != 0) {
    headerOctets += emitSack(PAYLOAD + headerOctets, segment.sackCount);
  }
  const text = PAYLOAD + headerOctets;
  const firstOctets = segment.textOctets;
  if (firstOctets != 0) {
    copyOctets(text, segment.text, firstOctets);
    if (segment.moreTextOctets != 0) {
      copyOctets(text + firstOctets, segment.moreText, segment.moreTextOctets);
    }
  }
  const control = tcpControl(headerOctets, segment.flags, segment.wnd);
  // A flow has the remote port in the upper half; what we send goes from the local port.
  const ports = rotl<u32>(segment.ports, 16);
  emitTcp(PAYLOAD, ports, (<u64>segment.seq << 32) | segment.ack, control);
  if (HAS_URGENT) emitUrgentPointer(PAYLOAD, segment.urgentPointer);
  const octets = headerOctets + firstOctets + segment.moreTextOctets;
  const total = IPV4_HEADER_OCTETS + octets;
  const addresses = (<u64>segment.localAddress << 32) | segment.remoteAddress;
  const marks: u32 = HAS_MARKS || HAS_ECN ? <u32>segment.marks : 0;
  emitIpv4(PACKET, total, ipv4Kind(tosOf(marks), ttlOf(marks), Protocol.TCP), addresses);
  if (segment.mayFragment) allowFragments(PACKET, nextIdentification());
  sealTcp(PAYLOAD, octets, PACKET);
  if (!sendPacket(mac, EtherType.IPV4, total)) return false;
  count(Counter.SEGMENTS_OUT);
  return true;
}

/** Writes the blocks of tcp/segment as one SACK option; returns its octets. */
function emitSack(at: usize, blocks: u32): u32 {
  emitSackHead(at, blocks);
  for (let i: u32 = 0; i < blocks; ++i) {
    const block = sackBlockAt(i);
    emitSackBlock(at + SACK_HEAD_OCTETS + i * SACK_BLOCK_OCTETS, block.start, block.end);
  }
  return SACK_HEAD_OCTETS + blocks * SACK_BLOCK_OCTETS;
}
