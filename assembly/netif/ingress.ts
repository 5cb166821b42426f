/**
 * The way in: a frame is checked layer by layer, and what survives reaches TCP, ICMP or ARP.
 *
 * RFC 894, RFC 791, RFC 1122 §2.3.3, §3.2.1. Called by `index` for each received frame. Changes
 * nothing in the frame; bad input is counted and dropped, whatever it is. Sends at most one frame,
 * the stateless reply, to the station from which the frame came.
 */

import { FRAME_OCTETS_MAX, HAS_ECN, HAS_STRAIGHT, REASSEMBLY_COUNT } from "../config";
import { Counter } from "../core/abi";
import { disturb } from "../core/due";
import { count } from "../core/counters";
import { segmentArrives } from "../tcp/arrives";
import { Flow } from "../tcp/flow";
import { outSegment } from "../tcp/segment";
import { forgetExpected } from "../tcp/expected";
import { learnTemplate } from "../tcp/template";
import {
  ETHERNET_HEADER_OCTETS,
  EtherType,
  MAC_BROADCAST,
  ethernetDestination,
  ethernetSource,
  ethernetType,
  isGroupMac,
} from "../wire/ethernet";
import {
  IPV4_HEADER_OCTETS,
  Protocol,
  checkIpv4,
  ipv4Destination,
  ipv4Protocol,
  ipv4Source,
  ipv4TotalOctets,
  isCongestionMarked,
  isFragment,
  isIpv4ChecksumRight,
} from "../wire/ipv4";
import { checkTcp, isTcpChecksumRight } from "../wire/tcp";
import { arpArrives } from "./arp";
import { icmpArrives } from "./icmp";
import { isConfigured, isLocalAddress, isUsablePeer, linkAddress } from "./interface";
import { fragmentArrives } from "./reassembly";
import { isOfLastStation, noteStation } from "./last-station";
import { forgetHeader } from "./standing-header";
import { sendSegment } from "./transmitter";

/**
 * Takes a frame that netif/straight-in has found to be PLAIN: where the rest of it is as usual,
 * half of the checks are done. That saves an interpreter some 1,400 instructions for each segment
 * that opens or closes a connection.
 */
export function plainFrameArrives(frame: usize, length: u32): void {
  const ip = frame + ETHERNET_HEADER_OCTETS;
  const octets = ipv4TotalOctets(ip) - IPV4_HEADER_OCTETS;
  const isWhole = octets <= length - (ETHERNET_HEADER_OCTETS + IPV4_HEADER_OCTETS);
  if (!isWhole || !(isOfLastStation(frame) || isFromUsual(frame))) {
    frameArrives(frame, length); // finds out what is wrong
    return;
  }
  beginFrame();
  const segment = ip + IPV4_HEADER_OCTETS;
  learnTemplate(tcpArrives(ethernetSource(frame), ip, segment, octets), frame);
}

/** Whether it is an IPv4 datagram for us, from who may send: then this is the last station. */
function isFromUsual(frame: usize): bool {
  const mac = ethernetSource(frame);
  if (isGroupMac(mac) || mac == 0 || mac == linkAddress()) return false;
  if (ethernetType(frame) != EtherType.IPV4 || !isConfigured()) return false;
  const ip = frame + ETHERNET_HEADER_OCTETS;
  if (!isLocalAddress(ipv4Destination(ip)) || !isUsablePeer(ipv4Source(ip))) return false;
  noteStation(frame);
  return true;
}

@inline function beginFrame(): void {
  forgetExpected();
  forgetHeader(); // where a connection was, there may be another one afterwards
  count(Counter.FRAMES_IN);
}

/** Takes the Ethernet II frame of `length` octets, without FCS, at `frame`. */
export function frameArrives(frame: usize, length: u32): void {
  beginFrame();
  disturb();
  if (!isConfigured()) {
    count(Counter.DROP_NOT_CONFIGURED);
    return;
  }
  if (length < ETHERNET_HEADER_OCTETS || length > FRAME_OCTETS_MAX) {
    count(Counter.DROP_ETHERNET_LENGTH);
    return;
  }
  const destination = ethernetDestination(frame);
  const source = ethernetSource(frame);
  const isForUs = destination == linkAddress();
  if (
    (!isForUs && destination != MAC_BROADCAST) ||
    isGroupMac(source) || source == 0 || source == linkAddress()
  ) {
    count(Counter.DROP_ETHERNET_ADDRESS);
    return;
  }
  const packet = frame + ETHERNET_HEADER_OCTETS;
  const octets = length - ETHERNET_HEADER_OCTETS;
  const type = ethernetType(frame);
  if (type == EtherType.IPV4) {
    // An IPv4 datagram for one host in a broadcast frame is an error (RFC 1122 §3.3.6), one for
    // many is of no use: nothing that is spoken here is broadcast (RFC 9293 MUST-57).
    if (isForUs) datagramArrives(source, packet, octets);
    else count(Counter.DROP_IP_DESTINATION);
  } else if (type == EtherType.ARP) {
    arpArrives(packet, octets);
  } else {
    count(Counter.DROP_ETHERTYPE);
  }
}

/** Checks the IPv4 header and passes the payload on. */
function datagramArrives(mac: u64, ip: usize, octets: u32): void {
  const headerOctets = checkIpv4(ip, octets);
  if (headerOctets == 0) {
    count(Counter.DROP_IP_HEADER);
    return;
  }
  if (!isIpv4ChecksumRight(ip, headerOctets)) {
    count(Counter.DROP_IP_CHECKSUM);
    return;
  }
  if (!isLocalAddress(ipv4Destination(ip))) {
    count(Counter.DROP_IP_DESTINATION);
    return;
  }
  // MUST-63 of RFC 9293; among others our own address ("land" packets) cannot be a source.
  if (!isUsablePeer(ipv4Source(ip))) {
    count(Counter.DROP_IP_SOURCE);
    return;
  }
  const protocol = ipv4Protocol(ip);
  if (protocol != Protocol.TCP && protocol != Protocol.ICMP) {
    count(Counter.DROP_IP_PROTOCOL);
    return;
  }
  // DEVIATION: options are skipped. A source route that ends here asks for nothing but that replies
  // take it backwards (RFC 1122 §3.2.1.8, RFC 9293 MUST-53); networks drop such datagrams today.
  if (!isFragment(ip)) {
    const flow = payloadArrives(mac, ip, headerOctets);
    if (HAS_STRAIGHT) {
      const isPlain = headerOctets == IPV4_HEADER_OCTETS;
      learnTemplate(flow, isPlain ? ip - ETHERNET_HEADER_OCTETS : 0);
    }
  } else if (REASSEMBLY_COUNT != 0) {
    const whole = fragmentArrives(ip, headerOctets);
    if (whole == 0) return;
    const flow = payloadArrives(mac, whole, IPV4_HEADER_OCTETS);
    if (HAS_STRAIGHT) learnTemplate(flow, 0);
  } else {
    count(Counter.DROP_IP_FRAGMENT);
  }
}

/** Passes on what the datagram carries: TCP or ICMP. Returns whose segment it was, or null. */
function payloadArrives(mac: u64, ip: usize, headerOctets: u32): Flow | null {
  const payload = ip + headerOctets;
  const octets = ipv4TotalOctets(ip) - headerOctets;
  if (ipv4Protocol(ip) == Protocol.TCP) return tcpArrives(mac, ip, payload, octets);
  icmpArrives(mac, ip, payload, octets);
  return null;
}

/** Checks the segment, hands it to the state machine, and sends the reply that may come of it. */
function tcpArrives(mac: u64, ip: usize, segment: usize, octets: u32): Flow | null {
  count(Counter.SEGMENTS_IN);
  if (checkTcp(segment, octets) == 0) {
    count(Counter.DROP_TCP_HEADER);
    return null;
  }
  if (!isTcpChecksumRight(segment, octets, ip)) {
    count(Counter.DROP_TCP_CHECKSUM);
    return null;
  }
  const addresses = (<u64>ipv4Source(ip) << 32) | ipv4Destination(ip);
  const isCe = HAS_ECN && isCongestionMarked(ip);
  const flow = segmentArrives(addresses, segment, octets, isCe);
  if (outSegment().isReply) sendReply(mac);
  return flow;
}

/** Sends the reply and forgets it: when the transmitter is BUSY it is lost, and counted. */
function sendReply(mac: u64): void {
  outSegment().isReply = false;
  sendSegment(mac, outSegment());
}
