/**
 * ICMP: answers echo requests, sends and awaits our own, and passes errors on to those concerned.
 *
 * RFC 792; RFC 1122 §3.2.2, §4.2.3.9; RFC 5927 (what a quotation must match); RFC 6633 (source
 * quench is ignored). Called by ingress, by egress for the echo request that waits, and by `index`
 * for `pingSend` and `pingTake`. Sends no ICMP errors: TCP answers with RST, and nothing else is
 * spoken here. Never sees broadcasts: ingress drops them.
 */

import { HAS_PING, HAS_PMTUD, MTU_OCTETS } from "../config";
import { Counter, Status } from "../core/abi";
import { disturb } from "../core/due";
import { now } from "../core/clock";
import { count } from "../core/counters";
import { copyOctets } from "../core/octets";
import { randomWord } from "../core/random";
import { icmpErrorArrives, tooBigArrives } from "../tcp/icmp-error";
import {
  ICMP_HEADER_OCTETS,
  IcmpType,
  UnreachableCode,
  emitEcho,
  icmpCode,
  icmpIdentifier,
  icmpNextHopMtu,
  icmpSequence,
  icmpType,
  isIcmpRight,
  sealIcmp,
} from "../wire/icmpv4";
import {
  Protocol,
  checkQuotedIpv4,
  ipv4Destination,
  ipv4Protocol,
  ipv4Source,
  ipv4TotalOctets,
} from "../wire/ipv4";
import { tcpPorts, tcpSeq } from "../wire/tcp";
import {
  interfaceAddress,
  isConfigured,
  isLocalAddress,
  isUsablePeer,
  nextHopOf,
} from "./interface";
import { NEIGHBOUR_FAILED, neighbourMac, resolve } from "./arp";
import { PAYLOAD, sendIcmp } from "./transmitter";

/** Answers that may be given at once; one more is earned each millisecond, 1,000 in a second. */
@inline const ECHO_CREDIT_MAX: u32 = 100;
/** Echo data in one frame: MTU − 20 − 8. */
@inline const ECHO_DATA_OCTETS_MAX: u32 = MTU_OCTETS - 28;
/** What an error must quote beyond the IPv4 header (RFC 792). */
@inline const QUOTED_OCTETS_MIN: u32 = 8;

/** Where our own echo request is on its way. */
const enum Ping {
  IDLE = 0,
  WAITING = 1,
  SENT = 2,
  ANSWERED = 3,
  UNREACHABLE = 4,
}

@unmanaged @final class Icmp {
  /** Echo replies that may be sent now, as of `creditAt`. */
  credit: u32;
  creditAt: u32;
  /** `Ping`, and whom it asks. */
  ping: u32;
  remoteAddress: u32;
  /** Identifier << 16 | sequence number. */
  identity: u32;
  /** Octets of data. */
  octets: u32;
}
@inline const ICMP_STATE_OCTETS: usize = 24;
if (offsetof<Icmp>() != ICMP_STATE_OCTETS) ERROR("Icmp layout");
@inline const ICMP_STATE: usize = memory.data(<i32>ICMP_STATE_OCTETS, 4);

@inline function icmp(): Icmp {
  return changetype<Icmp>(ICMP_STATE);
}

/** Forgets the echo request that is under way. */
export function resetIcmp(): void {
  memory.fill(ICMP_STATE, 0, ICMP_STATE_OCTETS);
  icmp().credit = ECHO_CREDIT_MAX;
  icmp().creditAt = now();
}

/**
 * Takes the message of `octets` octets at `message`, which came in the datagram `ip` from the
 * station `mac`.
 */
export function icmpArrives(mac: u64, ip: usize, message: usize, octets: u32): void {
  if (!isIcmpRight(message, octets)) {
    count(Counter.DROP_ICMP_MALFORMED);
    return;
  }
  switch (icmpType(message)) {
    case IcmpType.ECHO_REQUEST: {
      answerEcho(mac, ipv4Source(ip), message, octets);
      return;
    }
    case IcmpType.ECHO_REPLY: {
      if (HAS_PING) echoReplyArrives(ipv4Source(ip), message, octets);
      else count(Counter.DROP_ICMP_TYPE);
      return;
    }
    case IcmpType.DESTINATION_UNREACHABLE:
    case IcmpType.TIME_EXCEEDED:
    case IcmpType.PARAMETER_PROBLEM: {
      errorArrives(message, octets);
      return;
    }
    case IcmpType.SOURCE_QUENCH: {
      // RFC 6633 §4, RFC 9293 §3.9.2.2: silently discarded.
      count(Counter.ICMP_ERRORS_IN);
      return;
    }
    default: {
      count(Counter.DROP_ICMP_TYPE);
    }
  }
}

/** Sends the message back as it came, with another type (RFC 1122 §3.2.2.6). */
function answerEcho(mac: u64, source: u32, message: usize, octets: u32): void {
  if (!takeEchoCredit()) {
    count(Counter.DROP_ICMP_RATE);
    return;
  }
  copyOctets(PAYLOAD, message, octets);
  emitEcho(PAYLOAD, IcmpType.ECHO_REPLY, (icmpIdentifier(message) << 16) | icmpSequence(message));
  sealIcmp(PAYLOAD, octets);
  sendIcmp(mac, addressesTo(source), octets);
}

/** Whether one more answer may be given now. */
function takeEchoCredit(): bool {
  const self = icmp();
  const earned = min<u32>(now() - self.creditAt, ECHO_CREDIT_MAX);
  self.creditAt = now();
  self.credit = min<u32>(self.credit + earned, ECHO_CREDIT_MAX);
  if (self.credit == 0) return false;
  self.credit -= 1;
  return true;
}

@inline function addressesTo(destination: u32): u64 {
  return (<u64>interfaceAddress() << 32) | destination;
}

// ── Errors ───────────────────────────────────────────────────────────────────────────────────────

/** Finds out what the error is about. What quotes nothing that we sent is counted and dropped. */
function errorArrives(message: usize, octets: u32): void {
  count(Counter.ICMP_ERRORS_IN);
  const ip = message + ICMP_HEADER_OCTETS;
  const left = octets - ICMP_HEADER_OCTETS;
  const headerOctets = checkQuotedIpv4(ip, left);
  let known = false;
  if (
    headerOctets != 0 && left >= headerOctets + QUOTED_OCTETS_MIN && isLocalAddress(ipv4Source(ip))
  ) {
    const quoted = ip + headerOctets;
    const remoteAddress = ipv4Destination(ip);
    const addresses = (<u64>ipv4Source(ip) << 32) | remoteAddress;
    if (ipv4Protocol(ip) == Protocol.TCP) {
      // What we sent went from the local port; a flow has the remote port in the upper half.
      const ports = rotl<u32>(tcpPorts(quoted), 16);
      const seq = tcpSeq(quoted);
      known = isTooBig(message)
        ? tooBigArrives(addresses, ports, seq, sizesOf(message, ip))
        : icmpErrorArrives(errorOf(message), addresses, ports, seq);
    } else if (HAS_PING && ipv4Protocol(ip) == Protocol.ICMP) {
      known = pingFails(remoteAddress, quoted);
    }
  }
  if (!known) count(Counter.DROP_ICMP_QUOTE);
}

/** ICMP's type << 8 | code. */
@inline function errorOf(message: usize): u32 {
  return (icmpType(message) << 8) | icmpCode(message);
}

/** Whether it is for path MTU discovery: "fragmentation needed". */
@inline function isTooBig(message: usize): bool {
  if (!HAS_PMTUD || icmpType(message) != IcmpType.DESTINATION_UNREACHABLE) return false;
  return icmpCode(message) == UnreachableCode.FRAGMENTATION_NEEDED;
}

/** The MTU that is told << 16 | the length of the datagram that was too long for it. */
@inline function sizesOf(message: usize, quotedIp: usize): u32 {
  return (icmpNextHopMtu(message) << 16) | ipv4TotalOctets(quotedIp);
}

/** Whether the quoted message is our echo request; then it has failed. */
function pingFails(remoteAddress: u32, quoted: usize): bool {
  if (icmpType(quoted) != IcmpType.ECHO_REQUEST || !isAwaited(remoteAddress, quoted)) return false;
  icmp().ping = Ping.UNREACHABLE;
  return true;
}

// ── Our own echo request ─────────────────────────────────────────────────────────────────────────

/** Prepares an echo request for the next `poll`; see `hal/README.md`. */
export function pingSend(remoteAddress: u32, sequence: u32, octets: u32): Status {
  if (!isConfigured()) return Status.NOT_CONFIGURED;
  if (!HAS_PING) return Status.NOT_SUPPORTED;
  if (sequence > 0xffff || octets > ECHO_DATA_OCTETS_MAX) return Status.BAD_ARGUMENT;
  if (!isUsablePeer(remoteAddress)) return Status.BAD_ADDRESS;
  const self = icmp();
  if (self.ping == Ping.WAITING) return Status.WOULD_BLOCK;
  self.ping = Ping.WAITING;
  disturb();
  self.remoteAddress = remoteAddress;
  // A fresh identifier each time, so that a late answer to an earlier request is not taken for
  // this.
  self.identity = (randomWord() << 16) | sequence;
  self.octets = octets;
  return Status.OK;
}

/** The sequence number of the request that was answered, or a `Status`; see `hal/README.md`. */
export function pingTake(): i32 {
  if (!HAS_PING) return Status.NOT_SUPPORTED;
  const self = icmp();
  if (self.ping == Ping.ANSWERED) {
    self.ping = Ping.IDLE;
    return <i32>(self.identity & 0xffff);
  }
  if (self.ping == Ping.UNREACHABLE) {
    self.ping = Ping.IDLE;
    return Status.UNREACHABLE;
  }
  return Status.WOULD_BLOCK;
}

/** Whether a request waits. */
@inline export function isPingOwed(): bool {
  return HAS_PING && icmp().ping == <u32>Ping.WAITING;
}

/** Sends the request that `isPingOwed`, if the neighbour is known. False when BUSY. */
export function sendOwedPing(): bool {
  const self = icmp();
  const nextHop = nextHopOf(self.remoteAddress);
  const neighbour = nextHop == 0 ? NEIGHBOUR_FAILED : resolve(nextHop);
  if (neighbour == 0) return true;
  if (neighbour == NEIGHBOUR_FAILED) {
    self.ping = Ping.UNREACHABLE;
    return true;
  }
  emitEcho(PAYLOAD, IcmpType.ECHO_REQUEST, self.identity);
  fillData(PAYLOAD + ICMP_HEADER_OCTETS, self.octets);
  const octets = ICMP_HEADER_OCTETS + self.octets;
  sealIcmp(PAYLOAD, octets);
  if (!sendIcmp(neighbourMac(neighbour), addressesTo(self.remoteAddress), octets)) return false;
  self.ping = Ping.SENT;
  return true;
}

/** Takes an echo reply: any but the awaited one, octet for octet, is dropped. */
function echoReplyArrives(source: u32, message: usize, octets: u32): void {
  const self = icmp();
  const isAnswer =
    isAwaited(source, message) &&
    octets == ICMP_HEADER_OCTETS + self.octets &&
    isData(message + ICMP_HEADER_OCTETS, self.octets);
  if (isAnswer) self.ping = Ping.ANSWERED;
  else count(Counter.DROP_ICMP_QUOTE);
}

/** Whether the echo message belongs to the request that was sent to that address. */
function isAwaited(remoteAddress: u32, message: usize): bool {
  const self = icmp();
  const identity = (icmpIdentifier(message) << 16) | icmpSequence(message);
  return self.ping == Ping.SENT && self.remoteAddress == remoteAddress && self.identity == identity;
}

/** Writes the data of a request: each octet is its own index. */
function fillData(at: usize, octets: u32): void {
  for (let i: u32 = 0; i < octets; ++i) store<u8>(at + i, <u8>i);
}

/** Whether the data are as `fillData` wrote them. */
function isData(at: usize, octets: u32): bool {
  for (let i: u32 = 0; i < octets; ++i) {
    if (load<u8>(at + i) != <u8>i) return false;
  }
  return true;
}
