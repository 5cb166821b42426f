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
 * acknowledgement took 37,600 of them and takes 4,000 (`npm run bench`, S4).
 */
import { FRAME_OCTETS_MAX, HAS_SACK, RECEIVE_RING_OCTETS, SEND_RING_OCTETS } from "../config";
import { Counter, Event, State } from "../core/abi";
import { sum } from "../core/checksum";
import { now, setNow } from "../core/clock";
import { count } from "../core/counters";
import { copyOctets, swap16, swap32 } from "../core/octets";
import { growWindow } from "../tcp/congestion";
import { bucketOfRaw } from "../tcp/demux";
import { FLOW_POOL, FlowKind } from "../tcp/flow";
import { noteHeard } from "../tcp/keep-alive";
import { wantOutput } from "../tcp/pending";
import { noteProgress } from "../tcp/pmtud";
import { isProbing } from "../tcp/rack";
import { acknowledgeText, isRingFullWith } from "../tcp/receive";
import { takeRttSample } from "../tcp/rtt";
import { seqGt } from "../tcp/seq";
import { noteStall } from "../tcp/stall";
import { Flag, Tcb, Timer, receiveRingOf, signal } from "../tcp/tcb";
import {
  FRAME_SENDER,
  FRAME_TUPLE,
  expectNumbers,
  expectedNumbers,
  lastTcb,
  rememberLast,
  templateOf,
} from "../tcp/template";
import { startRetransmission, startUserTimeout, superviseUserTimeout } from "../tcp/timers";
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
  Flag.SYN_OUTSTANDING;

/** Whether data that holds its own checksum has this sum: a multiple of 65,535. */
@inline function isRight(total: u64): bool {
  return <u32>((total + rotl<u64>(total, 32)) >> 32) % 0xffff == 0;
}

/** Whether this is a connection in ESTABLISHED whose template has these addresses and ports. */
@inline function isOf(tcb: Tcb, source: u64, tuple: u64): bool {
  return (
    <u32>tcb.stateAndKind == ESTABLISHED &&
    // Other records are shorter: only a connection has a template.
    templateOf(tcb).tuple == tuple &&
    templateOf(tcb).source == <u32>source
  );
}

/** Makes the connection with these addresses and ports `lastTcb`; false if there is none. */
function findStraight(source: u64, tuple: u64): bool {
  let link = <u32>load<u16>(bucketOfRaw((tuple & ~LOW) | source));
  while (link != 0) {
    const tcb = changetype<Tcb>(FLOW_POOL + (link << 3));
    if (isOf(tcb, source, tuple)) {
      rememberLast(tcb);
      return true;
    }
    link = <u32>tcb.hashNext;
  }
  return false;
}

/**
 * Takes a frame, if it can be taken this way; otherwise nothing has changed.
 *
 * The checks are those of netif/ingress, wire/ipv4, wire/tcp and the first four of §3.10.7.4.
 */
export function takeStraight(frame: usize, length: u32, nowMs: u32): bool {
  if (length - <u32>TEXT > FRAME_OCTETS_MAX - <u32>TEXT) return false; // too short or too long
  const second = load<u64>(frame, IP_SECOND);
  const tuple = load<u64>(frame, FRAME_TUPLE);
  const source = second >> 32;
  if (!isOf(lastTcb(), source, tuple) && !findStraight(source, tuple)) return false;
  const tcb = lastTcb();
  if (load<u64>(frame, FRAME_SENDER) != templateOf(tcb).sender) return false;
  if ((load<u64>(frame) ^ linkAddress()) << 16 != 0) return false;
  const first = load<u64>(frame, IP_FIRST);
  if ((first & FIRST_MASK) != WHOLE_IPV4 || (second & PROTOCOL_MASK) != TCP) return false;
  if (tcb.flags & UNUSUAL) return false;
  const rawOctets = <u32>first >> 16;
  const octets: u32 = rawOctets == NO_TEXT ? 0 : swap16(rawOctets) - HEADERS_OCTETS;
  if (octets > length - <u32>TEXT) return false;
  const numbers = load<u64>(frame, SEQ_AND_ACK);
  const expected = expectedNumbers();
  if (<u32>numbers != <u32>expected) return false;
  const ack = numbers == expected ? tcb.sndUna : swap32(<u32>(numbers >> 32));
  if (!isExpected(tcb, ack, octets)) return false;
  const last = load<u64>(frame, CONTROL);
  const control = <u32>last & CONTROL_MASK;
  const isWindowNew = control != templateOf(tcb).control;
  if (isWindowNew && !isWindowOpen(tcb, control)) return false;
  // Both sums have the addresses. A number whose octets are swapped counts 256 times as much.
  const addresses = source + (tuple & LOW);
  const ipSum = addresses + (first & LOW) + (first >> 32) + (second & LOW);
  const tcpSum =
    addresses + TCP_AND_LESS_HEADER + <u64>rawOctets + (tuple >> 32) +
    (numbers & LOW) + (numbers >> 32) + (last & LOW) + (last >> 32);
  if (!isRight(ipSum)) return false;
  if (!isRight(octets == 0 ? tcpSum : tcpSum + sum(frame + TEXT, octets))) return false;
  setNow(nowMs);
  count(Counter.FRAMES_IN);
  count(Counter.SEGMENTS_IN);
  noteHeard(tcb);
  if (ack != tcb.sndUna) advance(tcb, ack);
  if (isWindowNew) takeWindow(tcb, control);
  tcb.sndWl1 = tcb.rcvNxt;
  tcb.sndWl2 = ack;
  if (ack != tcb.sndEnd) wantOutput(tcb);
  if (octets != 0) {
    takeText(tcb, frame + TEXT, octets);
    expectNumbers((numbers & ~LOW) | <u64>swap32(tcb.rcvNxt));
  } else {
    expectNumbers(numbers);
  }
  return true;
}

/**
 * Header prediction: an acknowledgement of what is in flight, or with text of nothing new; text
 * that lies within the window, and none that is held ahead of it (tcp/template). With SACK the
 * sender's side has more to do than is done here, unless nothing is in flight.
 */
@inline function isExpected(tcb: Tcb, ack: u32, octets: u32): bool {
  const flight = tcb.sndNxt - tcb.sndUna;
  if (flight == 0) {
    if (ack != tcb.sndUna) return false;
    if (HAS_SACK && tcb.flags & Flag.SACK && isProbing(tcb)) return false;
  } else {
    if (ack - tcb.sndUna > flight || tcb.sndCursor != tcb.sndNxt) return false;
    if (tcb.flags & Flag.SACK) return false;
    if (octets == 0 && ack == tcb.sndUna) return false; // a duplicate
  }
  return octets <= tcb.rcvAdv - tcb.rcvNxt;
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

/** SND.UNA < SEG.ACK =< SND.NXT, as tcp/ack's advanceUna. */
function advance(tcb: Tcb, ack: u32): void {
  const flight = tcb.sndCursor - tcb.sndUna;
  const acked = ack - tcb.sndUna;
  const offset = <u32>tcb.sendOffset + acked;
  tcb.sendOffset = <u16>(offset >= SEND_RING_OCTETS ? offset - SEND_RING_OCTETS : offset);
  tcb.sndUna = ack;
  noteAnswer(tcb);
  if (tcb.flags & Flag.TIMING && seqGt(ack, tcb.rttSeq)) {
    tcb.flags &= ~Flag.TIMING;
    takeRttSample(tcb, now() - tcb.rttStart);
  }
  noteProgress(tcb, acked);
  growWindow(tcb, acked, flight);
  if (tcb.sndNxt == ack) tcb.timers &= ~(<u8>Timer.RETRANSMISSION);
  else startRetransmission(tcb);
  let events: u32 = 0;
  const queued = tcb.sndEnd - ack;
  if (tcb.flags & Flag.WRITE_BLOCKED && queued <= SEND_RING_OCTETS / 2) {
    tcb.flags &= ~Flag.WRITE_BLOCKED;
    events = Event.WRITABLE;
  }
  if (queued != 0) {
    startUserTimeout(tcb);
  } else {
    superviseUserTimeout(tcb);
    events |= Event.ALL_ACKNOWLEDGED;
  }
  if (events != 0) signal(tcb, events);
}

/** Seventh check: text in order goes to its place in the ring. */
@inline function takeText(tcb: Tcb, text: usize, octets: u32): void {
  if (<u32>tcb.rcvMss < octets) tcb.rcvMss = <u16>octets;
  const ring = receiveRingOf(tcb);
  const held = tcb.rcvNxt - tcb.rcvRead;
  let offset = <u32>tcb.receiveOffset + held;
  if (offset >= RECEIVE_RING_OCTETS) offset -= RECEIVE_RING_OCTETS;
  const room = RECEIVE_RING_OCTETS - offset;
  if (octets <= room) {
    copyOctets(ring + offset, text, octets);
  } else {
    copyOctets(ring + offset, text, room);
    copyOctets(ring, text + room, octets - room);
  }
  tcb.rcvNxt += octets;
  acknowledgeText(tcb);
  if (isRingFullWith(held + octets) && !isRingFullWith(held)) noteStall(tcb);
  signal(tcb, Event.READABLE);
}
