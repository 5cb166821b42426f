/**
 * Half-open records: passive opens between the peer's SYN and its ACK of ours (SYN-RECEIVED).
 *
 * RFC 9293 §3.10.7.2 (LISTEN), §3.10.7.4 (SYN-RECEIVED after a passive OPEN); RFC 4987. A SYN costs
 * a small record, not a TCB: only the completed handshake gets one. The record never becomes known
 * to the user; a reset returns it to LISTEN (MUST-11), which here means that it vanishes.
 * A record knows its SYN and our SYN, so the numbered checks are few; they stand in the RFC's
 * order. Our SYN is the stateless reply to the peer's, so a record is on no list of pending flows.
 * Called by tcp/arrives, tcp/syn-cookies, and by `index` when a deadline is reached.
 */
import {
  HALF_OPEN_COUNT, HAS_ECN, HAS_MARKS, HAS_SACK, HAS_SYN_COOKIES, HAS_TIMESTAMPS,
  HAS_WINDOW_SCALE,
} from "../config";
import { Counter, Event, State } from "../core/abi";
import { isBefore, now } from "../core/clock";
import { count } from "../core/counters";
import {
  FIRST_HALF_OPEN_DEADLINE,
  armDeadline,
  armDeadlineFor,
  dueTime,
} from "../core/deadlines";
import { TcpOptions } from "../wire/tcp-options";
import { Ctl } from "../wire/tcp";
import { setSendWindow } from "./ack";
import { beginReceiving, beginSending } from "./begin";
import { startCongestion } from "./congestion";
import { findFlow, findOlderFlow, insertFlow, removeFlow, replaceFlow } from "./demux";
import { agreesToEcn } from "./ecn";
import { takeTcb } from "./eviction";
import {
  Flow,
  FlowKind,
  HALF_OPEN_OFFSET,
  HALF_OPEN_SIZE,
  copyTuple,
  flowAt,
  flowAtOffset,
  linkTo,
  offsetOf,
} from "./flow";
import { Listener, enqueueAcceptable, indexOfListener, listenerAt } from "./listener";
import { INITIAL_RCV_WND, RCV_MSS } from "./receive";
import { timestampOffset, tupleHash } from "./isn";
import { beginReply, reply, replyReset, replyWith } from "./reply";
import { setTimestampOffset, stamp, startTimestamps } from "./timestamps";
import { RTO_AFTER_SYN_LOSS_MS, RTO_INITIAL_MS, RTO_MAX_MS } from "./rtt";
import { OutSegment, Segment, beginSegment, optionsOf } from "./segment";
import { isAcceptable, seqLt } from "./seq";
import { Flag, Tcb, raiseFlag, setState, signal } from "./tcb";
import { TimeWait, dropTimeWait } from "./time-wait";
import { startUserTimeout } from "./timers";

/** MUST-15: what a peer that sends no MSS option can take. */
@inline export const SND_MSS_DEFAULT: u32 = 536;
/** DEVIATION from MUST-16: a peer that asks for less would make us send little but headers. */
@inline const SND_MSS_MIN: u32 = 64;
/** 1 + 2 + 4 + 8 + 16 + 32 + 60 + 60 s: at least the 3 minutes of MUST-23. */
@inline const SYN_ACK_TRIES: u32 = 8;

/** Answers to segments between two time-outs: RFC 5961 §7, counted as coarsely as 4 bits allow. */
@inline const ANSWERS_PER_TIMEOUT: u32 = 10;

/** Bits of `HalfOpen.agreed`: what both SYNs carry, above the peer's window shift. */
const enum Agreed {
  SHIFT_MASK = 0x0f,
  WINDOW_SCALE = 0x10,
  TIMESTAMPS = 0x20,
  SACK = 0x40,
  ECN = 0x80,
}

@unmanaged @final export class HalfOpen extends Flow {
  irs: u32;
  iss: u32;
  tsRecent: u32;
  sndMss: u16;
  /** How often our SYN was sent on our own account in bits 0 … 3, answers since then in 4 … 7. */
  triesAndAnswers: u8;
  agreed: u8;

  @inline get tries(): u32 {
    return this.triesAndAnswers & 0x0f;
  }

  @inline has(option: Agreed): bool {
    return (this.agreed & <u8>option) != 0;
  }
}
if (offsetof<HalfOpen>() != HALF_OPEN_SIZE) ERROR("HalfOpen layout");
if (SYN_ACK_TRIES > 15 || ANSWERS_PER_TIMEOUT > 15) ERROR("HalfOpen layout: 4 bits each");

/** The free records, linked by `hashNext`. */
const FREE_HALF_OPENS: usize = memory.data(2, 2);

export function resetHalfOpens(): void {
  store<u16>(FREE_HALF_OPENS, 0);
  for (let i = HALF_OPEN_COUNT; i > 0; --i) freeHalfOpen(halfOpenAt(i - 1));
}

@inline function halfOpenAt(index: u32): HalfOpen {
  return changetype<HalfOpen>(flowAtOffset(HALF_OPEN_OFFSET + index * HALF_OPEN_SIZE));
}

@inline function deadlineOf(half: HalfOpen): u32 {
  return FIRST_HALF_OPEN_DEADLINE + (offsetOf(half) - HALF_OPEN_OFFSET) / HALF_OPEN_SIZE;
}

/** What a peer's MSS option allows us to send (RFC 9293 §3.7.1, MUST-15 and MUST-16). */
export function sendMssFrom(options: TcpOptions): u32 {
  if (options.mss == 0) return SND_MSS_DEFAULT;
  return min(max(options.mss, SND_MSS_MIN), RCV_MSS);
}

/** Whether one more SYN gets a record; otherwise tcp/syn-cookies is asked. */
export function canOpenHalf(listener: Listener): bool {
  if (load<u16>(FREE_HALF_OPENS) == 0) return false;
  return <u32>listener.halfOpen + <u32>listener.unaccepted < <u32>listener.backlog;
}

/** LISTEN takes a SYN (§3.10.7.2, third check). `canOpenHalf` has been asked. */
export function openHalf(listener: Listener, segment: Segment, iss: u32): void {
  const half = changetype<HalfOpen>(flowAt(load<u16>(FREE_HALF_OPENS)));
  store<u16>(FREE_HALF_OPENS, half.hashNext);
  memory.fill(changetype<usize>(half), 0, HALF_OPEN_SIZE);
  half.stateAndKind = <u8>((FlowKind.HALF_OPEN << 4) | State.SYN_RECEIVED);
  half.remoteAddress = segment.remoteAddress;
  half.localAddress = segment.localAddress;
  half.ports = segment.ports;
  half.listener = <u8>indexOfListener(listener);
  half.irs = segment.seq;
  half.iss = iss;
  takeOptions(half, segment);
  listener.halfOpen += 1;
  insertFlow(half);
  awaitAck(half);
  fillSynAck(half, beginReply(segment));
}

/** What the peer's SYN offers, we agree to. */
@inline function takeOptions(half: HalfOpen, segment: Segment): void {
  const options = optionsOf(segment);
  half.sndMss = <u16>sendMssFrom(options);
  half.agreed = 0;
  if (HAS_WINDOW_SCALE && options.hasWindowScale) {
    half.agreed = options.windowShift | <u8>Agreed.WINDOW_SCALE;
  }
  if (HAS_TIMESTAMPS && options.hasTimestamps) half.agreed |= <u8>Agreed.TIMESTAMPS;
  if (HAS_SACK && options.isSackPermitted) half.agreed |= <u8>Agreed.SACK;
  if (HAS_ECN && agreesToEcn(segment)) half.agreed |= <u8>Agreed.ECN;
  if (HAS_TIMESTAMPS) half.tsRecent = options.tsVal;
}

/** Back to LISTEN: the record goes, and with it its place in the backlog. */
function dropHalfOpen(half: HalfOpen): void {
  removeFlow(half);
  giveBack(half);
}

/** The record and its place in the backlog are free. */
function giveBack(half: HalfOpen): void {
  listenerAt(half.listener).halfOpen -= 1;
  freeHalfOpen(half);
}

/** All half-open records of a listener that stops listening. */
export function dropHalfOpensOf(listener: Listener): void {
  for (let i: u32 = 0; i < HALF_OPEN_COUNT; ++i) {
    const half = halfOpenAt(i);
    if (half.kind == FlowKind.HALF_OPEN && <u32>half.listener == indexOfListener(listener)) {
      dropHalfOpen(half);
    }
  }
}

/**
 * SEGMENT ARRIVES in SYN-RECEIVED after a passive OPEN (§3.10.7.4). Returns the TCB of the
 * completed handshake, which then takes the rest of the segment, or null.
 */
export function arrivesHalfOpen(half: HalfOpen, segment: Segment): Tcb | null {
  const rcvNxt = half.irs + 1;
  if (segment.has(Ctl.SYN) && !segment.has(Ctl.ACK) && segment.seq == half.irs) {
    // DEVIATION: the same SYN again says that our SYN was lost, so it goes again, where the RFC
    // would send an ACK that the peer cannot use.
    // Its options may have changed: some hosts try again without.
    takeOptions(half, segment);
    if (takeAnswer(half)) {
      count(Counter.RETRANSMITS);
      fillSynAck(half, beginReply(segment));
    }
    return null;
  }
  if (usesTimestamps(half) && !segment.has(Ctl.RST) && !isTimely(half, segment)) {
    count(Counter.DROP_TIMESTAMP);
    if (segment.hasTimestamps) challengeFrom(half, segment);
    return null;
  }
  if (!isAcceptable(segment.seq, segment.length, rcvNxt, INITIAL_RCV_WND)) {
    count(Counter.DROP_OUT_OF_WINDOW);
    if (!segment.has(Ctl.RST)) challengeFrom(half, segment);
    return null;
  }
  if (segment.has(Ctl.RST)) {
    if (segment.seq == rcvNxt) {
      count(Counter.RESETS_IN);
      dropHalfOpen(half);
    } else if (segment.seq - rcvNxt < INITIAL_RCV_WND) {
      challengeFrom(half, segment);
    } else {
      count(Counter.DROP_OUT_OF_WINDOW);
    }
    return null;
  }
  if (segment.has(Ctl.SYN)) {
    dropHalfOpen(half); // fourth check: a passive open returns to LISTEN
    return null;
  }
  if (!segment.has(Ctl.ACK)) {
    count(Counter.DROP_TCP_FLAGS);
    return null;
  }
  if (segment.ack != half.iss + 1) {
    count(Counter.DROP_ACK_INVALID);
    replyReset(segment);
    return null;
  }
  return establish(half, segment);
}

/** Whether both SYNs carried timestamps; never in a build without them. */
@inline function usesTimestamps(half: HalfOpen): bool {
  return HAS_TIMESTAMPS && half.has(Agreed.TIMESTAMPS);
}

/** Whether the segment carries the agreed timestamp, and none from before the SYN (RFC 7323 §5). */
function isTimely(half: HalfOpen, segment: Segment): bool {
  return segment.hasTimestamps && !seqLt(segment.tsVal, half.tsRecent);
}

/**
 * The ACK of our SYN is here: a TCB in ESTABLISHED. Or null, and the record stays, if none is free,
 * or if cookies have filled the backlog with connections to accept.
 */
export function establish(half: HalfOpen, segment: Segment): Tcb | null {
  const listener = listenerAt(half.listener);
  const tcb = listener.unaccepted < listener.backlog ? takeTcb() : null;
  if (tcb == null) {
    count(Counter.DROP_NO_TCB);
    return null;
  }
  copyTuple(tcb, half);
  tcb.listener = half.listener;
  setState(tcb, State.ESTABLISHED);
  const isSynRepeated = half.tries > 1;
  tcb.iss = half.iss;
  beginSending(tcb, half.iss + 1, isSynRepeated ? RTO_AFTER_SYN_LOSS_MS : RTO_INITIAL_MS);
  beginReceiving(tcb, half.irs);
  if (HAS_MARKS) tcb.marks = listener.marks;
  tcb.sndMss = half.sndMss;
  takeAgreed(tcb, half);
  if (isSynRepeated) raiseFlag(tcb, Flag.SYN_REPEATED);
  if (HAS_WINDOW_SCALE) segment.wnd <<= tcb.sndShift;
  setSendWindow(tcb, segment);
  startCongestion(tcb);
  // Only now does the incarnation before, if its TIME-WAIT was reopened, have to go (MAY-2).
  let before: Flow | null;
  if (HAS_SYN_COOKIES && half.kind != FlowKind.HALF_OPEN) {
    before = findFlow(tcb.localAddress, tcb.remoteAddress, tcb.ports); // a cookie has no record
    insertFlow(tcb);
  } else {
    before = findOlderFlow(half);
    replaceFlow(half, tcb);
    giveBack(half);
  }
  if (before != null) {
    assert(before.kind == FlowKind.TIME_WAIT);
    count(Counter.TIME_WAIT_REOPENED);
    dropTimeWait(changetype<TimeWait>(before));
  }
  raiseFlag(tcb, Flag.UNACCEPTED);
  startUserTimeout(tcb); // until somebody accepts it
  signal(tcb, Event.CONNECTED | Event.WRITABLE);
  enqueueAcceptable(listener, tcb);
  return tcb;
}

/** What both SYNs carry is the connection's. */
@inline function takeAgreed(tcb: Tcb, half: HalfOpen): void {
  if (HAS_WINDOW_SCALE && half.has(Agreed.WINDOW_SCALE)) {
    raiseFlag(tcb, Flag.WINDOW_SCALE);
    tcb.sndShift = half.agreed & <u8>Agreed.SHIFT_MASK;
  }
  if (HAS_SACK && half.has(Agreed.SACK)) raiseFlag(tcb, Flag.SACK);
  if (HAS_ECN && half.has(Agreed.ECN)) raiseFlag(tcb, Flag.ECN);
  if (usesTimestamps(half)) {
    setTimestampOffset(tcb, offsetOfTimestamps(half));
    startTimestamps(tcb, half.tsRecent);
  }
}

/** `<SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>` with what was agreed. */
export function fillSynAck(half: HalfOpen, out: OutSegment): void {
  out.seq = half.iss;
  out.ack = half.irs + 1;
  out.flags = Ctl.SYN | Ctl.ACK | (HAS_ECN && half.has(Agreed.ECN) ? Ctl.ECE : 0);
  out.wnd = INITIAL_RCV_WND;
  if (HAS_MARKS) out.marks = listenerAt(half.listener).marks;
  out.mss = RCV_MSS;
  if (HAS_WINDOW_SCALE) out.hasWindowScale = half.has(Agreed.WINDOW_SCALE);
  if (HAS_SACK) out.isSackPermitted = half.has(Agreed.SACK);
  if (usesTimestamps(half)) stamp(out, offsetOfTimestamps(half), half.tsRecent);
}

/**
 * RETRANSMISSION TIMEOUT of the SYN-ACK: again, or back to LISTEN in silence. True if it stands in
 * the OutSegment: it leaves at once, or counts as lost.
 */
export function halfOpenDeadlineReached(index: u32): bool {
  const half = halfOpenAt(index);
  if (half.kind == FlowKind.FREE) return false;
  const dueAt = dueTime(deadlineOf(half));
  if (isBefore(now(), dueAt)) {
    armDeadline(deadlineOf(half), dueAt);
    return false;
  }
  if (half.tries == SYN_ACK_TRIES) {
    dropHalfOpen(half);
    return false;
  }
  awaitAck(half);
  count(Counter.RETRANSMITS);
  fillSynAck(half, beginSegment(half.localAddress, half.remoteAddress, half.ports, 0));
  return true;
}

/** One more try: the doubling time-out runs whether our SYN can leave or not. */
@inline function awaitAck(half: HalfOpen): void {
  armDeadlineFor(deadlineOf(half), now() + min(RTO_INITIAL_MS << half.tries, RTO_MAX_MS));
  half.triesAndAnswers = <u8>(half.tries + 1);
}

/** Whether one more segment may be answered before the next time-out; counts it. */
function takeAnswer(half: HalfOpen): bool {
  if (half.triesAndAnswers >> 4 >= <u8>ANSWERS_PER_TIMEOUT) return false;
  half.triesAndAnswers += 0x10;
  return true;
}

function challengeFrom(half: HalfOpen, segment: Segment): void {
  if (!takeAnswer(half)) return;
  count(Counter.CHALLENGE_ACKS_OUT);
  replyWith(segment, Ctl.ACK, half.iss + 1, half.irs + 1);
  reply().wnd = INITIAL_RCV_WND;
  if (usesTimestamps(half)) stamp(reply(), offsetOfTimestamps(half), half.tsRecent);
}

/** Computed afresh where it is needed: a record is small, and few segments ask. */
function offsetOfTimestamps(half: HalfOpen): u32 {
  return timestampOffset(tupleHash(half.localAddress, half.remoteAddress, half.ports));
}

function freeHalfOpen(half: HalfOpen): void {
  half.kind = <u8>FlowKind.FREE;
  half.state = <u8>State.CLOSED;
  half.hashNext = load<u16>(FREE_HALF_OPENS);
  store<u16>(FREE_HALF_OPENS, <u16>linkTo(half));
}
