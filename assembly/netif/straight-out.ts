/**
 * The straight way out: a full segment, the last one of what was sent, or a plain acknowledgement.
 *
 * For a connection in ESTABLISHED about which nothing is unusual, whose template is known
 * (tcp/template), so that addresses and ports are copied as they lie there and their sum is at
 * hand. What is sent, and what having sent it changes, is what tcp/output would do, to which
 * everything else is left untouched: tests/tcp/straight.test.ts compares the two. Called by
 * netif/egress for each flow whose turn it is.
 *
 * What it saves is calls, of which the general way makes about eighty for a segment, the
 * OutSegment, and the second look at a flow that has nothing more to say.
 */
import { HAS_PMTUD, HAS_SACK, SEND_RING_OCTETS } from "../config";
import { Counter, State } from "../core/abi";
import { checksumOf, sum } from "../core/checksum";
import { now } from "../core/clock";
import { count } from "../core/counters";
import { copyOctets, swap16, swap32 } from "../core/octets";
import { FlowKind } from "../tcp/flow";
import { ttlOf } from "../tcp/marks";
import { rotateFlow, withdrawFlow } from "../tcp/pending";
import { mayFragment, noteFullSegment } from "../tcp/pmtud";
import { windowToAdvertise } from "../tcp/receive";
import { isDuplicateDue } from "../tcp/sack";
import { Flag, Tcb, Timer, sendRingOf } from "../tcp/tcb";
import { templateOf } from "../tcp/template";
import { startRetransmission, startUserTimeout } from "../tcp/timers";
import { NEIGHBOUR_FAILED, neighbourMac, resolve } from "./arp";
import { linkAddress, nextHopOf } from "./interface";
import { FRAME, sendFrame } from "./transmitter";

/** `Flow.stateAndKind` of a connection in ESTABLISHED. */
@inline const ESTABLISHED: u32 = (FlowKind.CONNECTION << 4) | State.ESTABLISHED;
/** What makes a connection unusual for this way; with SACK only acknowledgements go it. */
@inline const UNUSUAL: u32 =
  Flag.SEND_CLOSED | Flag.RELEASED | Flag.PEER_CLOSED | Flag.RESET_DUE | Flag.RETRANSMIT_DUE |
  Flag.PROBE_DUE | Flag.PERSISTING | Flag.RECOVERING | Flag.UNACCEPTED | Flag.TIMESTAMPS |
  Flag.ECN | Flag.ECE_DUE | Flag.URGENT | Flag.SYN_OUTSTANDING | Flag.KEEP_ALIVE |
  Flag.KEEP_ALIVE_DUE | Flag.NEXT_HOP_IN_DOUBT;

/** What came of an attempt. */
export const enum Straight {
  /** Nothing has changed: it is for the general way. */
  NOT = 0,
  SENT = 1,
  BUSY = 2,
}

@inline const TEXT: usize = 54;
@inline const HEADERS_OCTETS: u32 = 40;
/** Version 4, five words, identification 0, DF, as in wire/ipv4. */
@inline const FIRST_WORDS: u64 = 0x0040_0000_0000_0045;
@inline const TCP: u32 = 0x0600;
@inline const IPV4_TYPE: u64 = 0x0008 << 48;
/** Data offset of 20 octets with ACK, as they lie there, and PSH. */
@inline const JUST_ACK: u32 = 0x1050;
@inline const PUSH: u32 = 0x0800;
@inline const LOW: u64 = 0xffff_ffff;

/** Sends one segment of a flow, if it can be sent this way. */
export function sendStraight(flow: usize): Straight {
  const tcb = changetype<Tcb>(flow);
  if (<u32>tcb.stateAndKind != ESTABLISHED || tcb.flags & UNUSUAL) return Straight.NOT;
  // Without a template there may be text that came early, of which an acknowledgement has to tell.
  if (templateOf(tcb).sender == 0 || mayFragment(tcb)) return Straight.NOT;
  const cursor = tcb.sndCursor;
  const unsent = tcb.sndEnd - cursor;
  let octets: u32 = 0;
  if (unsent != 0) {
    octets = textToSend(tcb, cursor, unsent);
    if (octets == 0) return Straight.NOT;
  } else if (!isPlainAckDue(tcb)) {
    return Straight.NOT;
  }
  const neighbour = resolve(nextHopOf(tcb.remoteAddress));
  if (neighbour <= NEIGHBOUR_FAILED) return Straight.NOT;
  const window = windowToAdvertise(tcb);
  emit(tcb, octets, window, neighbourMac(neighbour));
  if (!sendFrame(<u32>TEXT + octets)) return Straight.BUSY;
  count(Counter.SEGMENTS_OUT);
  const ack = tcb.rcvNxt;
  tcb.rcvAcked = ack;
  tcb.rcvAdv = ack + window;
  tcb.acksDue = 0;
  tcb.timers &= ~(<u8>Timer.DELAYED_ACK);
  if (octets != 0) commitText(tcb, cursor, octets);
  if (tcb.sndCursor == tcb.sndEnd) withdrawFlow(tcb);
  else rotateFlow(flow);
  return Straight.SENT;
}

/** One acknowledgement, of text without holes, while nothing is in flight or waits to be. */
@inline function isPlainAckDue(tcb: Tcb): bool {
  return (
    tcb.acksDue == 1 && tcb.sndUna == tcb.sndNxt && tcb.sndCursor == tcb.sndNxt &&
    (!HAS_SACK || !isDuplicateDue(tcb))
  );
}

/**
 * How much text may leave: a full segment, or all there is while nothing is in flight (RFC 9293
 * §3.8.6.2.1); 0 where windows, silly-window avoidance, Nagle or a restart have to be looked at.
 */
@inline function textToSend(tcb: Tcb, cursor: u32, unsent: u32): u32 {
  if (tcb.flags & Flag.SACK || cursor != tcb.sndNxt || tcb.duplicateAcks != 0) return 0;
  const flight = cursor - tcb.sndUna;
  const mss = <u32>tcb.sndMss;
  if (flight == 0) {
    if (tcb.backoff != 0 || now() - tcb.lastSentAt > tcb.rto) return 0;
  } else if (unsent < mss) {
    return 0;
  }
  const octets = min(unsent, mss);
  if (flight + octets > tcb.sndWnd || flight + octets > tcb.cwnd) return 0;
  const offset = ringOffset(tcb, flight);
  return octets <= SEND_RING_OCTETS - offset ? octets : 0;
}

/** Where the octet `flight` behind SND.UNA lies in the send ring. */
@inline function ringOffset(tcb: Tcb, flight: u32): u32 {
  const offset = <u32>tcb.sendOffset + flight;
  return offset >= SEND_RING_OCTETS ? offset - SEND_RING_OCTETS : offset;
}

/** Writes the frame, the sums of what is written at hand. */
@inline function emit(tcb: Tcb, octets: u32, window: u32, mac: u64): void {
  const template = templateOf(tcb);
  const seq = tcb.sndCursor;
  const total = HEADERS_OCTETS + octets;
  const addresses = (template.tuple & LOW) + <u64>template.source;
  const ports = rotl<u32>(<u32>(template.tuple >> 32), 16);
  const marks = <u32>tcb.marks;
  const first = FIRST_WORDS | (<u64>(marks >> 8) << 8) | (<u64>swap16(total) << 16);
  const kind = TCP | ttlOf(marks);
  const numbers = <u64>swap32(seq) | (<u64>swap32(tcb.rcvNxt) << 32);
  let control = JUST_ACK | (swap16(window) << 16);
  if (octets != 0 && seq + octets == tcb.sndEnd) control |= PUSH;
  store<u64>(FRAME, mac);
  store<u64>(FRAME, linkAddress() | IPV4_TYPE, 6);
  store<u64>(FRAME, first, 14);
  const ipSum = addresses + (first & LOW) + (first >> 32) + <u64>kind;
  store<u32>(FRAME, kind | (checksumOf(ipSum) << 16), 22);
  store<u32>(FRAME, <u32>template.tuple, 26);
  store<u32>(FRAME, template.source, 30);
  store<u32>(FRAME, ports, 34);
  store<u64>(FRAME, numbers, 38);
  let tcpSum =
    addresses + TCP + <u64>swap16(total - 20) + <u64>ports + (numbers & LOW) + (numbers >> 32) +
    <u64>control;
  if (octets != 0) {
    const text = sendRingOf(tcb) + ringOffset(tcb, seq - tcb.sndUna);
    copyOctets(FRAME + TEXT, text, octets);
    tcpSum += sum(FRAME + TEXT, octets);
  }
  store<u64>(FRAME, <u64>control | (<u64>checksumOf(tcpSum) << 32), 46);
}

/** Text left: as tcp/output's commitSequence. */
@inline function commitText(tcb: Tcb, seq: u32, octets: u32): void {
  const end = seq + octets;
  if ((tcb.flags & Flag.TIMING) == 0) {
    tcb.flags |= Flag.TIMING;
    tcb.rttSeq = seq;
    tcb.rttStart = now();
  }
  tcb.sndCursor = end;
  tcb.sndNxt = end;
  tcb.lastSentAt = now();
  if (HAS_PMTUD && octets == <u32>tcb.sndMss) noteFullSegment(tcb, end);
  const timers = <u32>tcb.timers;
  if ((timers & Timer.USER_TIMEOUT) == 0) startUserTimeout(tcb);
  if ((timers & Timer.RETRANSMISSION) == 0) startRetransmission(tcb);
}
