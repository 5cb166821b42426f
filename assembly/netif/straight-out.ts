/**
 * The straight way out: a full segment, the last one of what was sent, the FIN, or a plain
 * acknowledgement.
 *
 * For a connection in ESTABLISHED, or one that was closed there, about which nothing is unusual,
 * whose template is known (tcp/template), so that addresses and ports are copied as they lie there
 * and their sum is at hand. What is sent, and what having sent it changes, is what tcp/output
 * would do, to which everything else is left untouched: tests/tcp/straight*.test.ts compare the
 * two. Called by netif/egress where only connections have something to send.
 *
 * What it saves is calls, of which the general way makes about eighty for a segment, the
 * OutSegment, and the second look at a flow that has nothing more to say.
 */
import { HAS_KEEP_ALIVE, HAS_PMTUD, HAS_SACK, SEND_RING_OCTETS } from "../config";
import { State } from "../core/abi";
import { checksumOf, copyAndSum, sum } from "../core/checksum";
import { copyOctets, swap16 } from "../core/octets";
import { advanceOffset } from "../core/ring";
import { noteSentFirst } from "../tcp/flight";
import { FlowKind } from "../tcp/flow";
import { ttlOf } from "../tcp/marks";
import { finishAlone, rotateFlow } from "../tcp/pending";
import { mayFragment, noteFullSegment } from "../tcp/pmtud";
import { beginFlight, isFlightOrderly, scheduleLossProbe } from "../tcp/rack";
import { windowToAdvertise } from "../tcp/receive";
import { isDuplicateDue } from "../tcp/sack";
import {
  Flag, Tcb, Timer, has, isTextAhead, sendRingOf, setState, stateOfTcb, usesSack, usesTimestamps,
} from "../tcp/tcb";
import { templateOf } from "../tcp/template";
import { TEXT_TIMERS, startTextTimers, superviseUserTimeout } from "../tcp/timers";
import { NEIGHBOUR_FAILED, neighbourMac, resolve, useNeighbourAgain } from "./arp";
import { linkAddress, nextHopOf } from "./interface";
import { FIN, HEADERS_OCTETS, JUST_ACK, LOW, TEXT, rawNumbers } from "./plain-segment";
import { STAMPED_ACK, STAMPED_TEXT, emitStamp } from "./plain-stamp";
import { headerName, isHeaderStanding, noteHeader, standingSum } from "./standing-header";
import { FRAME, sendSegmentFrame } from "./transmitter";

/** `Flow.stateAndKind` of a connection in ESTABLISHED. */
@inline const ESTABLISHED: u32 = (FlowKind.CONNECTION << 4) | State.ESTABLISHED;
/** What comes with a CLOSE, of either side: then all that may go this way is the end. */
@inline const CLOSE: u32 = Flag.SEND_CLOSED | Flag.RELEASED | Flag.PEER_CLOSED;
/**
 * What makes a connection unusual for this way. Without a template there may be text that came
 * early, of which an acknowledgement has to tell.
 */
@inline const UNUSUAL: u32 =
  CLOSE | Flag.RESET_DUE | Flag.RETRANSMIT_DUE | Flag.PROBE_DUE | Flag.PERSISTING |
  Flag.RECOVERING | Flag.UNACCEPTED | Flag.ECN | Flag.ECE_DUE | Flag.URGENT |
  Flag.SYN_OUTSTANDING | Flag.KEEP_ALIVE_DUE | Flag.NEXT_HOP_IN_DOUBT | Flag.UNLEARNT;

/** What both sides may have agreed on, so that more is to be done. */
@inline const AGREED: u32 = Flag.SACK | Flag.TIMESTAMPS;

/** What came of an attempt. */
export const enum Straight {
  /** Nothing has changed: it is for the general way. */
  NOT = 0,
  SENT = 1,
  BUSY = 2,
}

/** Version 4, five words, identification 0, DF, as in wire/ipv4. */
@inline const FIRST_WORDS: u64 = 0x0040_0000_0000_0045;
@inline const TCP: u32 = 0x0600;
@inline const IPV4_TYPE: u64 = 0x0008 << 48;
/** PSH, as it lies there. */
@inline const PUSH: u32 = 0x0800;

/** Sends one segment of a flow, if it can be sent this way; `time` is that of this call. */
export function sendStraight(flow: usize, time: u32): Straight {
  const tcb = changetype<Tcb>(flow);
  const flags = tcb.flags;
  const seq = tcb.sndCursor;
  // Asked at once: an `or` costs an interpreter less than another branch.
  const isUnusual = (flags & UNUSUAL) | (<u32>tcb.stateAndKind ^ ESTABLISHED) | (seq ^ tcb.sndNxt);
  const flight = seq - tcb.sndUna;
  const unsent = tcb.sndEnd - seq;
  let octets: u32 = 0;
  let fin: u32 = 0;
  let control = <u32>JUST_ACK;
  if (isUnusual | <u32>mayFragment(tcb)) {
    if (!isFinNext(tcb, flight, unsent, time)) return Straight.NOT;
    octets = unsent;
    fin = 1;
    control = <u32>(JUST_ACK | FIN);
  } else if (unsent != 0) {
    octets = textToSend(tcb, flight, unsent, time);
    if (octets == 0) return Straight.NOT;
  } else if (flight != 0 || !isPlainAckDue(tcb)) {
    return Straight.NOT;
  }
  if (octets != 0 && octets == unsent) control |= PUSH;
  let text: usize = TEXT;
  let stamp: u64 = 0;
  if (flags & AGREED) {
    if (usesSack(tcb) && octets + fin != 0 && !isFlightOrderly(tcb)) return Straight.NOT;
    if (usesTimestamps(tcb)) {
      text = STAMPED_TEXT;
      control += <u32>(STAMPED_ACK - JUST_ACK);
      stamp = emitStamp(tcb, FRAME, time);
    }
  }
  const length = <u32>text + octets;
  const name = headerName(flow, length);
  let total: u64;
  if (isHeaderStanding(name)) {
    useNeighbourAgain(time);
    total = standingSum();
  } else {
    const neighbour = resolve(nextHopOf(tcb.remoteAddress));
    if (neighbour <= NEIGHBOUR_FAILED) return Straight.NOT;
    total = noteHeader(name, emitHeader(tcb, neighbourMac(neighbour), length));
  }
  const ack = tcb.rcvNxt;
  const window = windowToAdvertise(tcb);
  total += stamp;
  if (octets != 0) total += putText(tcb, FRAME + text, flight, octets);
  emitControl(rawNumbers(seq, ack), control | (swap16(window) << 16), total);
  if (!sendSegmentFrame(length)) {
    superviseUserTimeout(tcb); // it bounds that, too
    return Straight.BUSY;
  }
  tcb.rcvAcked = ack;
  tcb.rcvAdv = ack + window;
  tcb.acksDue = 0;
  if (octets + fin == 0) {
    tcb.timers &= ~(<u8>Timer.DELAYED_ACK);
  } else {
    if ((flags & Flag.TIMING) == 0) timeText(tcb, seq, time);
    commitText(tcb, seq + octets + fin, octets, time);
    if (HAS_SACK && flags & Flag.SACK) noteFlight(tcb, flight);
    if (fin != 0 && stateOfTcb(tcb) == State.CLOSE_WAIT) setState(tcb, State.LAST_ACK);
  }
  if (octets == unsent) finishAlone(flow);
  else rotateFlow(flow);
  return Straight.SENT;
}

/**
 * One acknowledgement, of text without holes, while nothing is in flight or waits to be; and
 * keep-alive, where the user wants it, runs already.
 */
@inline function isPlainAckDue(tcb: Tcb): bool {
  if (tcb.acksDue != 1 || (HAS_SACK && isDuplicateDue(tcb))) return false;
  return !HAS_KEEP_ALIVE || !has(tcb, Flag.KEEP_ALIVE) || (tcb.timers & Timer.KEEP_ALIVE) != 0;
}

/**
 * How much text may leave: a full segment, or all there is while nothing is in flight (RFC 9293
 * §3.8.6.2.1); 0 where windows, silly-window avoidance, Nagle or a restart have to be looked at.
 */
@inline function textToSend(tcb: Tcb, flight: u32, unsent: u32, time: u32): u32 {
  if (tcb.duplicateAcks != 0) return 0;
  const mss = <u32>tcb.sndMss;
  if (flight == 0) {
    if (isRested(tcb, time)) return 0;
  } else if (unsent < mss) {
    return 0;
  }
  const octets = min(unsent, mss);
  return flight + octets <= tcb.sndWnd && flight + octets <= tcb.cwnd ? octets : 0;
}

/** Whether it begins anew, after a time-out or a pause (RFC 5681 §4.1). */
@inline function isRested(tcb: Tcb, time: u32): bool {
  return tcb.backoff != 0 || time - tcb.lastSentAt > tcb.rto;
}

/**
 * Whether all there is to send fits a segment, its FIN and both windows (RFC 9293 §3.10.4), and
 * nothing but the CLOSE is unusual.
 */
function isFinNext(tcb: Tcb, flight: u32, unsent: u32, time: u32): bool {
  const asked: u32 = (UNUSUAL & ~CLOSE) | Flag.SEND_CLOSED;
  if ((tcb.flags & asked) != Flag.SEND_CLOSED) return false;
  if (tcb.sndCursor != tcb.sndNxt || mayFragment(tcb)) return false;
  const state = stateOfTcb(tcb);
  if (state != State.CLOSE_WAIT && state != State.FIN_WAIT_1) return false;
  if (isTextAhead(tcb) || (flight == 0 && isRested(tcb, time))) return false;
  // Behind a FIN that was sent, there is less than nothing.
  if (unsent > <u32>tcb.sndMss) return false;
  return flight + unsent < min(tcb.sndWnd, tcb.cwnd);
}

/**
 * Writes both link addresses, the IPv4 header and the ports: what says from whom to whom. Returns
 * the sum of all that of it that TCP's checksum has, the pseudo-header's rest included.
 */
function emitHeader(tcb: Tcb, mac: u64, length: u32): u64 {
  const octets = length - (<u32>TEXT - HEADERS_OCTETS);
  const template = templateOf(tcb);
  const tuple = template.tuple;
  const source = template.source;
  const addresses = (tuple & LOW) + <u64>source;
  const ports = rotl<u32>(<u32>(tuple >> 32), 16);
  const marks = <u32>tcb.marks;
  const first =
    FIRST_WORDS | (<u64>(marks >> 8) << 8) | (<u64>swap16(octets) << 16);
  const kind = TCP | ttlOf(marks);
  const ipSum = addresses + (first & LOW) + (first >> 32) + <u64>kind;
  store<u64>(FRAME, mac);
  store<u64>(FRAME, linkAddress() | IPV4_TYPE, 6);
  store<u64>(FRAME, first, 14);
  store<u32>(FRAME, kind | (checksumOf(ipSum) << 16), 22);
  store<u32>(FRAME, <u32>tuple, 26);
  store<u32>(FRAME, source, 30);
  store<u32>(FRAME, ports, 34);
  return addresses + <u64>ports + TCP + <u64>swap16(octets - 20);
}

/** Copies text out of the ring, from behind what is in flight, and returns its sum. */
@inline function putText(tcb: Tcb, to: usize, flight: u32, octets: u32): u64 {
  const ring = sendRingOf(tcb);
  const offset = advanceOffset(tcb.sendOffset, flight, SEND_RING_OCTETS);
  const room = SEND_RING_OCTETS - offset;
  if (octets <= room) return copyAndSum(to, ring + offset, octets);
  copyOctets(to, ring + offset, room);
  copyOctets(to + room, ring, octets - room);
  return sum(to, octets);
}

/** Writes SEG.SEQ and SEG.ACK, the control word, and the checksum; `total` is the rest's sum. */
@inline function emitControl(numbers: u64, control: u32, total: u64): void {
  store<u64>(FRAME, numbers, 38);
  const checksum = checksumOf(total + (numbers & LOW) + (numbers >> 32) + <u64>control);
  store<u64>(FRAME, <u64>control | (<u64>checksum << 32), 46);
}

/** How long it takes until `seq` is acknowledged is measured from now on. */
@inline function timeText(tcb: Tcb, seq: u32, time: u32): void {
  tcb.flags |= Flag.TIMING;
  tcb.rttSeq = seq;
  tcb.rttStart = time;
}

/** With SACK it is kept when what left was sent; `flight` octets were in flight before. */
@inline function noteFlight(tcb: Tcb, flight: u32): void {
  if (flight == 0) beginFlight(tcb);
  noteSentFirst(tcb, tcb.sndNxt);
  scheduleLossProbe(tcb);
}

/**
 * Text of `octets` octets left, up to `end`, and with it the acknowledgement: as tcp/output's
 * commitSequence.
 */
@inline function commitText(tcb: Tcb, end: u32, octets: u32, time: u32): void {
  tcb.sndCursor = end;
  tcb.sndNxt = end;
  tcb.lastSentAt = time;
  if (HAS_PMTUD && octets == <u32>tcb.sndMss) noteFullSegment(tcb, end);
  const timers = <u32>tcb.timers & ~(Timer.DELAYED_ACK | Timer.KEEP_ALIVE);
  const stopped = ~timers & TEXT_TIMERS;
  if (stopped != 0) startTextTimers(tcb, timers, stopped, time);
  else tcb.timers = <u8>timers;
}
