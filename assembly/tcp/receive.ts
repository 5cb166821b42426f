/**
 * The receiver's side: trimming to the window, text into the ring, the peer's FIN, when and with
 * which window to acknowledge.
 *
 * RFC 9293 §3.10.7.4 (first, seventh and eighth check), §3.8.6.2.2 (silly window avoidance),
 * §3.8.6.3 (delayed ACK). Called by tcp/arrives, and by tcp/calls when the user has read. Each
 * octet is copied once, from the frame to its place in the ring.
 */
import {
  FRAME_OCTETS_MAX, HAS_EVICTION, HAS_OUT_OF_ORDER, HAS_SACK, MTU_OCTETS,
  RECEIVE_RING_OCTETS,
} from "../config";
import { Counter, Event, State } from "../core/abi";
import { count } from "../core/counters";
import { copyOctets } from "../core/octets";
import { advanceOffset, contiguousOctets } from "../core/ring";
import { Ctl } from "../wire/tcp";
import { addRange, isHeld, joinRanges, truncateRanges } from "./ranges";
import { wantOutput } from "./pending";
import { Segment } from "./segment";
import { noteDuplicate, noteRecent } from "./sack";
import { noteStall } from "./stall";
import { seqGe, seqGt, seqLt, seqMin } from "./seq";
import {
  Flag,
  Tcb,
  Timer,
  has,
  isTextAhead,
  raiseFlag,
  receiveRingOf,
  receivedRanges,
  setState,
  signal,
  stateOfTcb,
} from "./tcb";
import { isRunning, startDelayedAck, stopTimer } from "./timers";

/** What we can take in one segment, and say so in our SYN (RFC 9293 §3.7.1): MTU less 40. */
@inline export const RCV_MSS: u32 = MTU_OCTETS - 40;
if (RCV_MSS + 54 != FRAME_OCTETS_MAX) ERROR("RCV_MSS does not fill the frame");
/** Rcv.Wind.Shift (RFC 7323 §2.2): our window fits the field as it is, the peer's may not. */
@inline export const RCV_WINDOW_SHIFT: u32 = 0;
/** Our window when a connection opens. */
@inline export const INITIAL_RCV_WND: u32 = RECEIVE_RING_OCTETS;
/** RFC 9293 MUST-40: below 500 ms; shorter, so that a peer's small window moves. */
@inline const DELAYED_ACK_MS: u32 = 100;
/** What counts as full-sized at least: the default MSS (RFC 9293 §3.7.1). */
@inline export const FULL_SIZED_MIN: u32 = 536;
/** Several duplicates tell the peer how much has arrived; more than this tells nothing new. */
@inline const DUPLICATE_ACKS_MAX: u8 = 8;

/** By how much the right edge of the window moves at least (RFC 9293 §3.8.6.2.2). */
@inline const WORTHWHILE_STEP: i32 =
  RECEIVE_RING_OCTETS / 2 < RCV_MSS ? RECEIVE_RING_OCTETS / 2 : RCV_MSS;

/** RCV.WND as the peer knows it. */
@inline export function receiveWindow(tcb: Tcb): u32 {
  return tcb.rcvAdv - tcb.rcvNxt;
}

/**
 * The window to advertise: up to the free part of the ring, but the right edge moves only by a
 * segment or half the ring at least, and never to the left.
 */
@inline export function windowToAdvertise(tcb: Tcb): u32 {
  const step = windowStep(tcb, tcb.rcvRead);
  return receiveWindow(tcb) + (step >= WORTHWHILE_STEP ? step : 0);
}

/** By how much the right edge of the window could move, now that the user has all up to `read`. */
@inline function windowStep(tcb: Tcb, read: u32): i32 {
  return read + RECEIVE_RING_OCTETS - tcb.rcvAdv;
}

/** With so many octets in the ring there is so little room that the window stays closed. */
@inline const FULL_RING: u32 = RECEIVE_RING_OCTETS + 1 - WORTHWHILE_STEP;

/** Whether the user has left so little room. */
@inline export function isRingFull(tcb: Tcb): bool {
  return tcb.rcvNxt - tcb.rcvRead >= FULL_RING;
}

/** Whether a ring that held so many octets and was not full is full with so many more. */
@inline export function isRingFilledBy(held: u32, octets: u32): bool {
  // Below FULL_RING the difference is a huge number.
  return held + octets - FULL_RING < octets;
}

/** Acknowledges with the next poll. */
@inline export function acknowledgeNow(tcb: Tcb): void {
  if (tcb.acksDue == 0) tcb.acksDue = 1;
  wantOutput(tcb);
}

/**
 * The user has read up to `read`: tells the peer, if the window may open by a worthwhile step. But
 * while two segments fit, nothing holds the peer back, and the acknowledgement of the second one
 * tells it of a step below two segments.
 */
@inline export function offerWindow(tcb: Tcb, read: u32): void {
  const step = windowStep(tcb, read);
  if (step < WORTHWHILE_STEP || has(tcb, Flag.PEER_CLOSED)) return;
  const state = stateOfTcb(tcb);
  if (state == State.CLOSED || state == State.TIME_WAIT) return;
  if (step < <i32>(2 * RCV_MSS) && receiveWindow(tcb) >= 2 * RCV_MSS) return;
  acknowledgeNow(tcb);
}

/** The part of a segment that lies before RCV.NXT was received twice (RFC 2883). */
export function noteDuplicateText(tcb: Tcb, segment: Segment): void {
  if (!HAS_SACK) return;
  const end = seqMin(segment.seq + segment.textOctets, tcb.rcvNxt);
  if (segment.textOctets != 0) noteDuplicate(tcb, segment.seq, end);
}

/**
 * Cuts off what lies outside the receive window. The segment is acceptable, so something of it, if
 * only its ACK field, remains.
 */
@inline export function trimToWindow(tcb: Tcb, segment: Segment): void {
  if (seqLt(segment.seq, tcb.rcvNxt)) {
    noteDuplicateText(tcb, segment);
    const before = tcb.rcvNxt - segment.seq;
    segment.seq = tcb.rcvNxt;
    segment.text += before;
    segment.textOctets -= before;
  }
  const room = tcb.rcvAdv - segment.seq;
  if (segment.textOctets > room) {
    // What is cut off takes the FIN with it. A FIN alone needs no room: it is taken at the edge.
    segment.flags &= ~Ctl.FIN;
    segment.textOctets = room;
    // Text ahead of a hole draws its own acknowledgement, and one segment never two (RFC 5681
    // §4.2).
    if (segment.seq == tcb.rcvNxt) acknowledgeNow(tcb);
  }
}

/** Takes note of where the peer's FIN lies, before the text: nothing beyond it counts. */
export function noteFin(tcb: Tcb, segment: Segment): void {
  if (!segment.has(Ctl.FIN) || has(tcb, Flag.FIN_SEEN)) return;
  tcb.rcvFin = segment.seq + segment.textOctets;
  raiseFlag(tcb, Flag.FIN_SEEN);
  if (HAS_OUT_OF_ORDER) truncateRanges(receivedRanges(tcb), tcb.rcvFin);
}

/** Seventh check: the text. The segment is trimmed and the state allows text. */
export function receiveText(tcb: Tcb, segment: Segment): void {
  let octets = segment.textOctets;
  if (has(tcb, Flag.FIN_SEEN) && seqGt(segment.seq + octets, tcb.rcvFin)) {
    octets = seqLt(segment.seq, tcb.rcvFin) ? tcb.rcvFin - segment.seq : 0;
  }
  if (octets == 0) return;
  tcb.rcvMss = <u16>max(<u32>tcb.rcvMss, octets);
  if (segment.seq != tcb.rcvNxt) {
    receiveAhead(tcb, segment, octets);
    return;
  }
  copyToRing(tcb, segment, octets);
  const wasFull = HAS_EVICTION && isRingFull(tcb);
  tcb.rcvNxt += octets;
  if (isTextAhead(tcb)) {
    // It fills a hole, in whole or in part: the peer must know at once (RFC 5681 §4.2).
    tcb.rcvNxt = joinRanges(receivedRanges(tcb), tcb.rcvNxt);
    tcb.acksDue = 1;
    wantOutput(tcb);
  } else {
    acknowledgeText(tcb, tcb.rcvNxt, tcb.rcvMss);
  }
  if (HAS_EVICTION && !wasFull && isRingFull(tcb)) noteStall(tcb);
  signal(tcb, Event.READABLE);
}

/** Text beyond a hole: kept at its place, and each such segment answered by a duplicate ACK. */
function receiveAhead(tcb: Tcb, segment: Segment, octets: u32): void {
  const end = segment.seq + octets;
  if (!HAS_OUT_OF_ORDER) {
    count(Counter.DROP_OUT_OF_ORDER);
  } else if (isHeld(receivedRanges(tcb), segment.seq, end)) {
    noteDuplicate(tcb, segment.seq, end);
    noteRecent(tcb, segment.seq); // the range around it comes second (RFC 2883 §4)
  } else if (addRange(receivedRanges(tcb), segment.seq, end)) {
    copyToRing(tcb, segment, octets);
    noteRecent(tcb, segment.seq);
  } else {
    count(Counter.DROP_OUT_OF_ORDER);
  }
  if (tcb.acksDue < DUPLICATE_ACKS_MAX) tcb.acksDue += 1;
  wantOutput(tcb);
}

function copyToRing(tcb: Tcb, segment: Segment, octets: u32): void {
  const ring = receiveRingOf(tcb);
  const ahead = segment.seq - tcb.rcvRead;
  assert(ahead + octets <= RECEIVE_RING_OCTETS);
  const offset = advanceOffset(tcb.receiveOffset, ahead, RECEIVE_RING_OCTETS);
  const first = contiguousOctets(offset, octets, RECEIVE_RING_OCTETS);
  copyOctets(ring + offset, segment.text, first);
  if (first < octets) copyOctets(ring, segment.text + first, octets - first);
}

/**
 * In-order text up to RCV.NXT `next`, of a peer that sends segments of up to `mss` octets (536 or
 * more): every second full-sized one is acknowledged at once, and each one while the window is
 * below two segments, since the peer cannot send the second (RFC 9293 §3.8.6.3).
 */
@inline export function acknowledgeText(tcb: Tcb, next: u32, mss: u32): void {
  const two = mss << 1;
  if (next - tcb.rcvAcked >= two || tcb.rcvAdv - next < two) {
    acknowledgeNow(tcb);
  } else if (!isRunning(tcb, Timer.DELAYED_ACK)) {
    if (has(tcb, Flag.NO_DELAYED_ACK)) acknowledgeNow(tcb);
    else startDelayedAck(tcb, DELAYED_ACK_MS);
  }
}

/** The user may have turned the delay of acknowledgements off: one that waits goes at once. */
export function hastenAck(tcb: Tcb): void {
  if (has(tcb, Flag.NO_DELAYED_ACK) && isRunning(tcb, Timer.DELAYED_ACK)) acknowledgeNow(tcb);
}

/**
 * Eighth check: the FIN bit. Returns whether the peer's FIN is now the next octet and was taken; a
 * FIN ahead of missing text is remembered until the text has come.
 */
export function receiveFin(tcb: Tcb, segment: Segment): bool {
  if (!has(tcb, Flag.FIN_SEEN)) return false;
  if (tcb.rcvNxt != tcb.rcvFin) {
    if (segment.has(Ctl.FIN)) acknowledgeNow(tcb);
    return false;
  }
  takeFin(tcb);
  signal(tcb, Event.PEER_CLOSED | Event.READABLE);
  return true;
}

/**
 * Eighth check: the peer's FIN has RCV.NXT. It is taken, acknowledged at once, and the state is
 * another one; but for TIME-WAIT, which needs another record.
 */
export function takeFin(tcb: Tcb): void {
  tcb.rcvFin = tcb.rcvNxt;
  tcb.rcvNxt += 1;
  // The octet that the FIN takes leaves the window to the right of it unchanged.
  if (seqLt(tcb.rcvAdv, tcb.rcvNxt)) tcb.rcvAdv = tcb.rcvNxt;
  raiseFlag(tcb, Flag.FIN_SEEN | Flag.PEER_CLOSED);
  stopTimer(tcb, Timer.DELAYED_ACK);
  const state = stateOfTcb(tcb);
  if (state != State.FIN_WAIT_2) {
    // Our FIN's acknowledgement would have led from FIN-WAIT-1 to FIN-WAIT-2 in the fifth check.
    setState(tcb, state == State.ESTABLISHED ? State.CLOSE_WAIT : State.CLOSING);
  }
  acknowledgeNow(tcb);
}
