/**
 * The straight way in: the common segment, taken without detours.
 *
 * RFC 9293 §3.10.7.4 for the segment that header prediction expects: for a connection in
 * ESTABLISHED about which nothing is unusual, without options, in order, with text or with an
 * acknowledgement or both. Everything else is left untouched to the general way (netif/ingress),
 * and what is done here is what that would do: tests/tcp/straight.test.ts compares the two on
 * random traffic. Called by `index` for each frame, before any other.
 *
 * What it saves, in instructions of WAMR's fast interpreter: calls (each costs about 240, so there
 * are next to none here), accesses to memory (each about 22, so headers are loaded by eight octets,
 * and the connection's template answers most checks in a comparison), swaps of octets. A pure
 * acknowledgement took 37,600 of them and takes 2,300 (`npm run bench`, S4).
 */
import { FRAME_OCTETS_MAX, HAS_SACK, RECEIVE_RING_OCTETS, SEND_RING_OCTETS } from "../config";
import { Counter, Event, State, Work } from "../core/abi";
import { sumOfText } from "../core/checksum";
import { setNow } from "../core/clock";
import { count } from "../core/counters";
import { copyOctets, swap16, swap32 } from "../core/octets";
import { advanceOffset } from "../core/ring";
import { openWindow } from "../tcp/congestion";
import { bucketOfRaw } from "../tcp/demux";
import { FLOW_POOL, FlowKind } from "../tcp/flow";
import { noteHeard, stopKeepAlive, superviseKeepAlive } from "../tcp/keep-alive";
import { wantOutput } from "../tcp/pending";
import { noteProgress } from "../tcp/pmtud";
import { isProbing } from "../tcp/rack";
import { connectionEntry, enqueueReady } from "../tcp/ready";
import { acknowledgeText, isRingFullWith } from "../tcp/receive";
import { takeRttSample } from "../tcp/rtt";
import { seqGt } from "../tcp/seq";
import { noteStall } from "../tcp/stall";
import { Flag, Tcb, Timer, indexOfTcb, receiveRingOf } from "../tcp/tcb";
import {
  FRAME_SENDER,
  FRAME_TUPLE,
  expectedNumbers,
  lastConnection,
  numbersOf,
  remember,
  templateOf,
} from "../tcp/template";
import { TEXT_TIMERS, startTextTimers } from "../tcp/timers";
import { noteAnswer } from "../tcp/trouble";
import { linkAddress } from "./interface";

/** Where the octets of a frame without options in either header stand, eight at a time. */
@inline const IP_FIRST: usize = 14; // version, header length, TOS, total length, id, fragment
@inline const IP_SECOND: usize = 22; // TTL, protocol, checksum, the peer's address
@inline const SEQ_AND_ACK: usize = 38;
@inline const CONTROL: usize = 46; // data offset, control bits, window, checksum, urgent pointer
@inline const TEXT: usize = 54;
@inline const HEADERS_OCTETS: u32 = 40;
/** The total length of a datagram without text, as it lies there. */
@inline const NO_TEXT: u32 = HEADERS_OCTETS << 8;

/** Version and header length; more-fragments and fragment offset. */
@inline const FIRST_MASK: u64 = 0xff3f_0000_0000_00ff;
@inline const WHOLE_IPV4: u64 = 0x45;
@inline const PROTOCOL_MASK: u64 = 0xff00;
@inline const TCP: u64 = 0x0600;
/** The protocol, and what makes the datagram's length that of the segment: its header taken off. */
@inline const TCP_AND_LESS_HEADER: u64 = TCP + 0xffff - (20 << 8);
/** The control word but for PSH: all of it, and its first half with 20 octets of header, ACK. */
@inline const CONTROL_MASK: u32 = 0xffff_f7ff;
@inline const FLAGS_MASK: u32 = 0xf7ff;
@inline const JUST_ACK: u32 = 0x1050;
@inline const LOW: u64 = 0xffff_ffff;

/** `Flow.stateAndKind` of a connection in ESTABLISHED. */
@inline const ESTABLISHED: u32 = (FlowKind.CONNECTION << 4) | State.ESTABLISHED;
/** What makes a connection unusual for this way. */
@inline const UNUSUAL: u32 =
  Flag.SEND_CLOSED | Flag.RECEIVE_CLOSED | Flag.RELEASED | Flag.PEER_CLOSED | Flag.FIN_SEEN |
  Flag.RESET_DUE | Flag.RETRANSMIT_DUE | Flag.PROBE_DUE | Flag.PERSISTING | Flag.RECOVERING |
  Flag.UNACCEPTED | Flag.FLUSHED | Flag.TIMESTAMPS | Flag.ECN | Flag.URGENT |
  Flag.SYN_OUTSTANDING | Flag.KEEP_ALIVE_DUE;

/** What is said of a frame that is for the general way, instead of its `Work`. */
@inline export const NOT_STRAIGHT: i32 = -1;

/** Whether data that holds its own checksum has this sum: a multiple of 65,535. */
@inline function isRight(total: u64): bool {
  return <u32>((total + rotl<u64>(total, 32)) >> 32) % 0xffff == 0;
}

/** Whether this is a connection in ESTABLISHED whose template has these addresses and ports. */
@inline function isOf(tcb: Tcb, source: u32, tuple: u64): bool {
  if (<u32>tcb.stateAndKind != ESTABLISHED) return false;
  // Other records are shorter: only a connection has a template.
  return templateOf(tcb).tuple == tuple && templateOf(tcb).source == source;
}

/** The connection with these addresses and ports, or 0. */
@inline function findStraight(source: u32, tuple: u64): usize {
  let link = <u32>load<u16>(bucketOfRaw((tuple & ~LOW) | <u64>source));
  while (link != 0) {
    const tcb = changetype<Tcb>(FLOW_POOL + (link << 3));
    if (isOf(tcb, source, tuple)) return changetype<usize>(tcb);
    link = <u32>tcb.hashNext;
  }
  return 0;
}

/**
 * Takes a frame, if it can be taken this way; otherwise nothing has changed.
 *
 * The checks are those of netif/ingress, wire/ipv4, wire/tcp and the first four of §3.10.7.4. What
 * was loaded is added up at once, so that a compiler need not keep it.
 */
export function takeStraight(frame: usize, length: u32, nowMs: u32): i32 {
  if (length - <u32>TEXT > FRAME_OCTETS_MAX - <u32>TEXT) return NOT_STRAIGHT; // too short or long
  if ((load<u64>(frame) ^ linkAddress()) << 16 != 0) return NOT_STRAIGHT;
  const first = load<u64>(frame, IP_FIRST);
  if ((first & FIRST_MASK) != WHOLE_IPV4) return NOT_STRAIGHT;
  const second = load<u64>(frame, IP_SECOND);
  if ((second & PROTOCOL_MASK) != TCP) return NOT_STRAIGHT;
  const tuple = load<u64>(frame, FRAME_TUPLE);
  const source = <u32>(second >> 32);
  // Both sums have the addresses.
  const addresses = <u64>source + (tuple & LOW);
  if (!isRight(addresses + (first & LOW) + (first >> 32) + (second & LOW))) return NOT_STRAIGHT;
  const rawOctets = <u32>first >> 16;
  let total = addresses + TCP_AND_LESS_HEADER + <u64>rawOctets + (tuple >> 32);
  let found = lastConnection();
  let expected = expectedNumbers();
  if (!isOf(changetype<Tcb>(found), source, tuple)) {
    found = findStraight(source, tuple);
    if (found == 0) return NOT_STRAIGHT;
    expected = numbersOf(changetype<Tcb>(found));
  }
  const tcb = changetype<Tcb>(found);
  if (load<u64>(frame, FRAME_SENDER) != templateOf(tcb).sender) return NOT_STRAIGHT;
  if (tcb.flags & UNUSUAL) return NOT_STRAIGHT;
  const octets: u32 = rawOctets == NO_TEXT ? 0 : swap16(rawOctets) - HEADERS_OCTETS;
  if (octets > length - <u32>TEXT) return NOT_STRAIGHT;
  const numbers = load<u64>(frame, SEQ_AND_ACK);
  if (<u32>numbers != <u32>expected) return NOT_STRAIGHT;
  total += (numbers & LOW) + (numbers >> 32);
  const una = tcb.sndUna;
  const ack = numbers == expected ? una : swap32(<u32>(numbers >> 32));
  if (!isExpected(tcb, ack - una, octets)) return NOT_STRAIGHT;
  const last = load<u64>(frame, CONTROL);
  const control = <u32>last & CONTROL_MASK;
  const isWindowNew = control != templateOf(tcb).control;
  if (isWindowNew && !isWindowOpen(tcb, control)) return NOT_STRAIGHT;
  total += (last & LOW) + (last >> 32);
  if (octets != 0) total += sumOfText(frame + TEXT, octets);
  if (!isRight(total)) return NOT_STRAIGHT;
  noteArrival(tcb, nowMs);
  let events: u32 = ack != una ? advance(tcb, ack, nowMs) : 0;
  if (isWindowNew) takeWindow(tcb, control);
  tcb.sndWl1 = tcb.rcvNxt;
  tcb.sndWl2 = ack;
  const isUnfinished = ack != tcb.sndEnd;
  if (isUnfinished) wantOutput(tcb);
  if (octets != 0) {
    takeText(tcb, frame + TEXT, octets);
    events |= Event.READABLE;
    remember(found, (numbers & ~LOW) | <u64>swap32(tcb.rcvNxt));
  } else {
    remember(found, numbers);
  }
  if (events != 0) raise(tcb, events);
  return (events | <u32>isUnfinished | <u32>isWindowNew) != 0 ? Work.ASKED : Work.NONE;
}

@inline function noteArrival(tcb: Tcb, time: u32): void {
  setNow(time);
  count(Counter.FRAMES_IN);
  count(Counter.SEGMENTS_IN);
  noteHeard(tcb, time);
}

/**
 * Header prediction: an acknowledgement of what is in flight, or with text of nothing new; text
 * that lies within the window, and none that is held ahead of it (tcp/template). With SACK the
 * sender's side has more to do than is done here, unless nothing is in flight.
 */
@inline function isExpected(tcb: Tcb, acked: u32, octets: u32): bool {
  const flight = tcb.sndNxt - tcb.sndUna;
  if (flight == 0) {
    if (acked != 0) return false;
    if (HAS_SACK && tcb.flags & Flag.SACK && isProbing(tcb)) return false;
  } else {
    if (acked > flight || tcb.sndCursor != tcb.sndNxt) return false;
    if (tcb.flags & Flag.SACK) return false;
    if (acked == 0 && octets == 0) return false; // a duplicate
  }
  return octets == 0 || octets <= tcb.rcvAdv - tcb.rcvNxt;
}

@inline function windowOf(tcb: Tcb, control: u32): u32 {
  return swap16(control >> 16) << tcb.sndShift;
}

/** Another control word than the last one: a plain ACK, and a window that takes a segment. */
function isWindowOpen(tcb: Tcb, control: u32): bool {
  return (control & FLAGS_MASK) == JUST_ACK && windowOf(tcb, control) >= <u32>tcb.sndMss;
}

function takeWindow(tcb: Tcb, control: u32): void {
  const window = windowOf(tcb, control);
  tcb.sndWnd = window;
  tcb.sndWndMax = max(tcb.sndWndMax, window);
  templateOf(tcb).control = control;
}

/** SND.UNA < SEG.ACK =< SND.NXT, as tcp/ack's advanceUna; what the user is told of it. */
@inline function advance(tcb: Tcb, ack: u32, time: u32): u32 {
  const una = tcb.sndUna;
  const acked = ack - una;
  const flight = tcb.sndCursor - una;
  tcb.sendOffset = <u16>advanceOffset(tcb.sendOffset, acked, SEND_RING_OCTETS);
  tcb.sndUna = ack;
  noteAnswer(tcb);
  let flags = tcb.flags;
  if (flags & Flag.TIMING && seqGt(ack, tcb.rttSeq)) {
    flags &= ~Flag.TIMING;
    takeRttSample(tcb, time - tcb.rttStart);
  }
  noteProgress(tcb, acked);
  openWindow(tcb, acked, flight);
  const queued = tcb.sndEnd - ack;
  let events: u32 = 0;
  if (flags & Flag.WRITE_BLOCKED && queued <= SEND_RING_OCTETS / 2) {
    flags &= ~Flag.WRITE_BLOCKED;
    events = Event.WRITABLE;
  }
  tcb.flags = flags;
  const timers = <u32>tcb.timers & ~TEXT_TIMERS;
  if (queued != 0) {
    if (timers & Timer.KEEP_ALIVE) stopKeepAlive(tcb);
    const which: u32 = flight != acked ? TEXT_TIMERS : Timer.USER_TIMEOUT;
    startTextTimers(tcb, timers & ~Timer.KEEP_ALIVE, which, time);
  } else {
    tcb.timers = <u8>timers;
    if (flags & Flag.KEEP_ALIVE) superviseKeepAlive(tcb);
    events |= Event.ALL_ACKNOWLEDGED;
  }
  return events;
}

/** Seventh check: text in order goes to its place in the ring. */
@inline function takeText(tcb: Tcb, text: usize, octets: u32): void {
  if (<u32>tcb.rcvMss < octets) tcb.rcvMss = <u16>octets;
  const ring = receiveRingOf(tcb);
  const next = tcb.rcvNxt;
  const held = next - tcb.rcvRead;
  const offset = advanceOffset(tcb.receiveOffset, held, RECEIVE_RING_OCTETS);
  const room = RECEIVE_RING_OCTETS - offset;
  if (octets <= room) {
    copyOctets(ring + offset, text, octets);
  } else {
    copyOctets(ring + offset, text, room);
    copyOctets(ring, text + room, octets - room);
  }
  tcb.rcvNxt = next + octets;
  acknowledgeText(tcb);
  if (isRingFullWith(held + octets)) {
    if (!isRingFullWith(held)) noteStall(tcb);
  }
}

/** As tcp/tcb's signal: this one is accepted and was not released. */
@inline function raise(tcb: Tcb, events: u32): void {
  tcb.events |= <u16>events;
  enqueueReady(connectionEntry(indexOfTcb(tcb)));
}
