/**
 * What a connection would send next, and what having sent it changes.
 *
 * RFC 9293 §3.8.6.2.1 (silly window avoidance), §3.7.4 (Nagle), §3.8.6.1 (probes), §3.8.4
 * (keep-alive), §3.10.4 and §3.10.5 (FIN, RST). `prepareSegment` fills the OutSegment and, beyond
 * that, only starts the timers that waiting needs; `commitSegment` makes it a fact once the
 * transmitter has taken it, so that a segment which a BUSY transmitter refuses stays unsent.
 * Called by netif/egress within `poll`, for the connections of tcp/pending.
 */
import {
  HAS_ECN, HAS_FAST_RETRANSMIT, HAS_PMTUD, HAS_SACK, HAS_URGENT,
  HAS_WINDOW_SCALE, SEND_RING_OCTETS,
} from "../config";
import { Counter, State } from "../core/abi";
import { now } from "../core/clock";
import { count } from "../core/counters";
import { advanceOffset, contiguousOctets } from "../core/ring";
import { Ctl } from "../wire/tcp";
import { SACK_BLOCKS_MAX } from "../wire/tcp-options";
import { limitedTransmit, restartAfterIdle } from "./congestion";
import { echoBit, isEcnHeld, markNewText, synBits } from "./ecn";
import { reclaimTcb } from "./end";
import { noteSent } from "./flight";
import { INITIAL_RCV_WND, RCV_MSS, windowToAdvertise } from "./receive";
import { mayFragment, noteFullSegment } from "./pmtud";
import { beginFlight, isLossProbeDue, noteLossProbe, scheduleLossProbe } from "./rack";
import { findHole, isPipeKnown, isSackRecovering, pipeOf } from "./recovery";
import { afterLastReport, afterReported, missingFrom } from "./scoreboard";
import { OutSegment, Plan, beginSegment, outSegment } from "./segment";
import { seqGe, seqLt, seqMax } from "./seq";
import { forgetDuplicate, reportRanges } from "./sack";
import { stampSegment } from "./timestamps";
import {
  Flag,
  Tcb,
  Timer,
  clearFlag,
  firstTextSeq,
  has,
  isTextAhead,
  queuedOctets,
  raiseFlag,
  sendLimit,
  sendRingOf,
  setState,
  stateOfTcb,
  usesSack,
  usesTimestamps,
} from "./tcb";
import {
  isRunning,
  startRetransmission,
  stopRetransmission,
  stopTimer,
  superviseUserTimeout,
} from "./timers";
import { pointToUrgent } from "./urgent";

/** Fills the OutSegment with what this connection has to say now; false if there is nothing. */
export function prepareSegment(flow: usize): bool {
  const tcb = changetype<Tcb>(flow);
  const out = beginSegment(tcb.localAddress, tcb.remoteAddress, tcb.ports, tcb.marks);
  if (has(tcb, Flag.RESET_DUE)) return planReset(tcb, out);
  const state = stateOfTcb(tcb);
  if (state == State.CLOSED || state == State.TIME_WAIT) return false;
  superviseUserTimeout(tcb);
  if (has(tcb, Flag.SYN_OUTSTANDING) && tcb.sndCursor == tcb.iss) return planSyn(tcb, out);
  if (maySendText(state)) {
    if (HAS_FAST_RETRANSMIT && has(tcb, Flag.RETRANSMIT_DUE)) {
      if (planRetransmit(tcb, out)) return true;
    }
    if (isSackRecovering(tcb) ? planRecovery(tcb, out) : planText(tcb, out)) return true;
    if (isLossProbeDue(tcb) && planLossProbe(tcb, out)) return true;
    if (has(tcb, Flag.PROBE_DUE)) return planProbe(tcb, out);
    persistIfStuck(tcb);
  }
  return planAck(tcb, out);
}

/** The OutSegment was transmitted. */
export function commitSegment(flow: usize): void {
  const out = outSegment();
  const tcb = changetype<Tcb>(flow);
  if (out.plan == Plan.RESET) {
    count(Counter.RESETS_OUT);
    clearFlag(tcb, Flag.RESET_DUE);
    reclaimTcb(tcb);
    return;
  }
  if (out.flags & Ctl.ACK) commitAck(tcb, out);
  if (out.plan == Plan.KEEP_ALIVE) {
    count(Counter.KEEP_ALIVE_PROBES);
    clearFlag(tcb, Flag.KEEP_ALIVE_DUE);
  } else if (out.plan != Plan.ACK) {
    commitSequence(tcb, out);
  }
}

/** What makes a connection speak again that has sent all its text. */
@inline const SPEAKS_AGAIN: u32 =
  Flag.RESET_DUE | Flag.RETRANSMIT_DUE | Flag.PROBE_DUE | Flag.KEEP_ALIVE_DUE | Flag.RECOVERING;

/**
 * Whether `prepareSegment`, asked again, would find nothing to say and no timer to start: that
 * question costs an interpreter 2,500 instructions.
 */
@inline export function hasSaidAll(flow: usize): bool {
  const tcb = changetype<Tcb>(flow);
  const limit = sendLimit(tcb);
  if (tcb.sndCursor != limit || tcb.acksDue != 0 || tcb.flags & SPEAKS_AGAIN) return false;
  // A probe whose text has left stood in for the user timeout.
  if (tcb.sndUna != limit && !isRunning(tcb, Timer.USER_TIMEOUT)) return false;
  return !isLossProbeDue(tcb);
}

/** The states in which octets and FIN are sent, or sent again. */
@inline function maySendText(state: State): bool {
  return (
    ((1 << state) &
      ((1 << State.ESTABLISHED) |
        (1 << State.CLOSE_WAIT) |
        (1 << State.FIN_WAIT_1) |
        (1 << State.CLOSING) |
        (1 << State.LAST_ACK))) !=
    0
  );
}

/** `<SEQ=SND.NXT><CTL=RST>`: the user's ABORT, or a full close that lost data. */
function planReset(tcb: Tcb, out: OutSegment): bool {
  out.plan = Plan.RESET;
  out.seq = bareSeq(tcb);
  out.ack = 0;
  out.flags = Ctl.RST;
  out.wnd = 0;
  return true;
}

/** SYN, or SYN and ACK once the peer's SYN is here (simultaneous open). */
function planSyn(tcb: Tcb, out: OutSegment): bool {
  out.plan = Plan.TEXT;
  out.seq = tcb.iss;
  out.mss = RCV_MSS;
  if (stateOfTcb(tcb) == State.SYN_SENT) {
    if (HAS_WINDOW_SCALE) out.hasWindowScale = true;
    if (HAS_SACK) out.isSackPermitted = true;
    stampSegment(tcb, out);
    out.flags = Ctl.SYN | synBits(tcb);
    out.ack = 0;
    out.wnd = INITIAL_RCV_WND;
  } else {
    fillAck(tcb, out, Ctl.SYN | synBits(tcb));
    if (HAS_WINDOW_SCALE) out.hasWindowScale = has(tcb, Flag.WINDOW_SCALE);
    if (HAS_SACK) out.isSackPermitted = usesSack(tcb);
  }
  return true;
}

/** `<ACK=RCV.NXT><CTL=ACK>` with the window, and more control bits. */
@inline function fillAck(tcb: Tcb, out: OutSegment, flags: u32): void {
  out.ack = tcb.rcvNxt;
  out.wnd = windowToAdvertise(tcb);
  out.flags = Ctl.ACK | flags | echoBit(tcb);
  if (usesTimestamps(tcb)) stampSegment(tcb, out);
  if (HAS_URGENT && has(tcb, Flag.URGENT) && (flags & Ctl.SYN) == 0) pointToUrgent(tcb, out);
}

/**
 * The next segment from the cursor on, as far as the peer's window and the congestion window allow
 * and silly-window avoidance and Nagle's algorithm find it worth sending.
 */
function planText(tcb: Tcb, out: OutSegment): bool {
  if (seqLt(tcb.sndCursor, tcb.sndNxt)) tcb.sndCursor = afterReported(tcb, tcb.sndCursor);
  if (tcb.sndCursor == sendLimit(tcb)) return false;
  const isAgain = seqLt(tcb.sndCursor, tcb.sndNxt);
  const usable = usableWindow(tcb);
  if (usable == 0) return false;
  const unsent = tcb.sndEnd - tcb.sndCursor;
  let octets = min(min(unsent, <u32>tcb.sndMss), usable);
  if (isAgain) octets = min(octets, missingFrom(tcb, tcb.sndCursor));
  const takesFin = has(tcb, Flag.SEND_CLOSED) && octets == unsent && usable > octets;
  if (octets == 0 && !takesFin) return false;
  if (!isWorthSending(tcb, octets, takesFin)) return false;
  fillText(tcb, out, tcb.sndCursor, octets);
  if (takesFin) out.flags |= Ctl.FIN;
  if (!isAgain && octets != 0) markNewText(tcb, out);
  out.plan = Plan.TEXT;
  return true;
}

/** What the peer's window and the congestion window leave for new octets. */
function usableWindow(tcb: Tcb): u32 {
  const flight = tcb.sndCursor - tcb.sndUna;
  if (flight == 0) restartAfterIdle(tcb);
  if (isEcnHeld(tcb)) return 0;
  if (tcb.sndWnd <= flight) return 0; // a shrunken window may be smaller (MUST-34)
  const isKnown = isPipeKnown(tcb);
  const inNetwork = isKnown ? pipeOf(tcb) : flight;
  let congestionWindow = tcb.cwnd;
  if (HAS_FAST_RETRANSMIT && !isKnown) congestionWindow += limitedTransmit(tcb);
  if (isLossProbeDue(tcb)) congestionWindow += tcb.sndMss;
  if (congestionWindow <= inNetwork) return 0;
  return min(tcb.sndWnd - flight, congestionWindow - inNetwork);
}

/**
 * RFC 6675 §4, NextSeg: lost octets, new ones, or the rescue. What may only be late (rule 3) is
 * left to the reordering window.
 */
function planRecovery(tcb: Tcb, out: OutSegment): bool {
  if (tcb.cwnd < pipeOf(tcb) + <u32>tcb.sndMss) return false;
  if (planHole(tcb, out)) return true;
  if (planText(tcb, out)) return true;
  const from = afterLastReport(tcb);
  if (has(tcb, Flag.RESCUED) || seqGe(from, tcb.recover)) return false;
  const octets = min(tcb.recover - from, <u32>tcb.sndMss);
  fillAgain(tcb, out, tcb.recover - octets, octets);
  out.plan = Plan.RESCUE;
  return true;
}

/** The last segment in flight once more; new octets have gone before, if there were any to go. */
function planLossProbe(tcb: Tcb, out: OutSegment): bool {
  const octets = min(tcb.sndNxt - tcb.sndUna, <u32>tcb.sndMss);
  if (octets == 0) return false;
  fillAgain(tcb, out, tcb.sndNxt - octets, octets);
  out.plan = Plan.LOSS_PROBE;
  return true;
}

function planHole(tcb: Tcb, out: OutSegment): bool {
  const hole = findHole(tcb);
  if (hole.octets == 0) return false;
  fillAgain(tcb, out, hole.seq, hole.octets);
  out.plan = Plan.RETRANSMIT;
  return true;
}

/** Octets sent before, the FIN among them if it is the last of them. */
function fillAgain(tcb: Tcb, out: OutSegment, seq: u32, octets: u32): void {
  const text = seqLt(tcb.sndEnd, seq + octets) ? tcb.sndEnd - seq : octets;
  fillText(tcb, out, seq, text);
  if (text < octets) out.flags |= Ctl.FIN;
}

/** RFC 9293 §3.8.6.2.1, conditions (1) to (4). */
function isWorthSending(tcb: Tcb, octets: u32, takesFin: bool): bool {
  if (octets == <u32>tcb.sndMss || takesFin) return true;
  if (seqLt(tcb.sndCursor, tcb.sndNxt)) return true; // sent before: nothing to save
  if (has(tcb, Flag.PROBE_DUE)) return true; // the override time is over
  if (isLossProbeDue(tcb)) return true;
  const isIdle = tcb.sndCursor == tcb.sndUna;
  if (!isIdle && !has(tcb, Flag.NO_DELAY)) return false;
  if (octets >= tcb.sndWndMax / 2) return true;
  return tcb.sndCursor + octets == tcb.sndEnd && (isIdle || !isSendGoingOn(tcb));
}

/**
 * Whether the queue ends in the middle of a SEND that the ring has cut, and there is room again.
 * What stands there is not PUSHed (RFC 9293 §3.8.6.2.1): the rest of the segment is about to come.
 */
function isSendGoingOn(tcb: Tcb): bool {
  return has(tcb, Flag.SEND_CUT) && queuedOctets(tcb) != SEND_RING_OCTETS;
}

/** `octets` of text at `seq` out of the send ring, PSH where the queue ends (MUST-61). */
function fillText(tcb: Tcb, out: OutSegment, seq: u32, octets: u32): void {
  const ring = sendRingOf(tcb);
  const offset = advanceOffset(tcb.sendOffset, seq - firstTextSeq(tcb), SEND_RING_OCTETS);
  out.seq = seq;
  out.text = ring + offset;
  out.textOctets = contiguousOctets(offset, octets, SEND_RING_OCTETS);
  out.moreText = ring;
  out.moreTextOctets = octets - out.textOctets;
  out.mayFragment = mayFragment(tcb);
  fillAck(tcb, out, octets != 0 && seq + octets == tcb.sndEnd ? Ctl.PSH : 0);
}

/** The first lost segment once more, whatever the windows say (RFC 5681 §3.2 step 3). */
function planRetransmit(tcb: Tcb, out: OutSegment): bool {
  if (usesSack(tcb)) return planHole(tcb, out);
  fillAgain(tcb, out, tcb.sndUna, min(tcb.sndNxt - tcb.sndUna, <u32>tcb.sndMss));
  out.plan = Plan.RETRANSMIT;
  return true;
}

/** One octet beyond a closed window, or the FIN when no octet is left: it draws an ACK. */
function planProbe(tcb: Tcb, out: OutSegment): bool {
  assert(tcb.sndCursor != sendLimit(tcb));
  const octets: u32 = tcb.sndCursor == tcb.sndEnd ? 0 : 1;
  fillText(tcb, out, tcb.sndCursor, octets);
  if (octets == 0) out.flags |= Ctl.FIN;
  out.plan = Plan.PROBE;
  return true;
}

/**
 * The number of a segment that takes none: SND.NXT. But a probe's octet, which the peer's closed
 * window has refused, must not count, or the peer finds the segment outside of its window.
 */
@inline function bareSeq(tcb: Tcb): u32 {
  return has(tcb, Flag.PERSISTING) ? tcb.sndCursor : tcb.sndNxt;
}

/**
 * An acknowledgement; or one with an old number, `<SEQ=SND.NXT-1><ACK=RCV.NXT><CTL=ACK>`, which
 * draws an acknowledgement (RFC 9293 §3.8.4).
 */
function planAck(tcb: Tcb, out: OutSegment): bool {
  const isOwed = tcb.acksDue != 0;
  if (!isOwed && !has(tcb, Flag.KEEP_ALIVE_DUE)) return false;
  out.seq = bareSeq(tcb) - (isOwed ? 0 : 1);
  fillAck(tcb, out, 0);
  // Only on acknowledgements without text, which may take the place of a whole segment otherwise.
  reportRanges(tcb, out, usesTimestamps(tcb) ? SACK_BLOCKS_MAX - 1 : SACK_BLOCKS_MAX);
  out.plan = isOwed ? Plan.ACK : Plan.KEEP_ALIVE;
  return true;
}

/**
 * Something waits, nothing is in flight whose acknowledgement would bring it on: probe in an RTO.
 */
function persistIfStuck(tcb: Tcb): void {
  if (tcb.sndCursor == sendLimit(tcb) || tcb.sndCursor != tcb.sndUna) return;
  if (isRunning(tcb, Timer.RETRANSMISSION)) return;
  raiseFlag(tcb, Flag.PERSISTING);
  startRetransmission(tcb);
  if (!has(tcb, Flag.RECEIVE_CLOSED)) stopTimer(tcb, Timer.USER_TIMEOUT);
}

/** An acknowledgement left: that is what the peer knows from now on. */
function commitAck(tcb: Tcb, out: OutSegment): void {
  tcb.rcvAcked = out.ack;
  tcb.rcvAdv = out.ack + out.wnd;
  if (out.plan == Plan.ACK) {
    tcb.acksDue -= 1;
    forgetDuplicate(tcb);
  } else if (!isTextAhead(tcb)) {
    // Text carries it as well, unless there is a hole: an ACK with text reports no ranges, and
    // counts as no duplicate (RFC 5681 §2).
    tcb.acksDue = 0;
  }
  stopTimer(tcb, Timer.DELAYED_ACK);
}

/** Octets, SYN or FIN left. */
function commitSequence(tcb: Tcb, out: OutSegment): void {
  const octets = out.textOctets + out.moreTextOctets;
  const end = out.seq + octets + ((out.flags & Ctl.SYN) >> 1) + (out.flags & Ctl.FIN);
  const isRepeated = seqLt(out.seq, tcb.sndNxt);
  if (isRepeated && out.plan != Plan.PROBE) {
    tcb.retransmits += 1;
    count(Counter.RETRANSMITS);
  }
  if (out.plan == Plan.PROBE) count(Counter.WINDOW_PROBES);
  if (HAS_FAST_RETRANSMIT && out.plan == Plan.RETRANSMIT) count(Counter.FAST_RETRANSMITS);
  if (out.plan == Plan.TEXT) {
    // Without timestamps only a segment that is sent for the first time may be timed (Karn).
    if ((!isRepeated || usesTimestamps(tcb)) && !has(tcb, Flag.TIMING)) {
      raiseFlag(tcb, Flag.TIMING);
      tcb.rttSeq = out.seq;
      tcb.rttStart = now();
    }
    if (HAS_ECN && out.flags & Ctl.CWR) clearFlag(tcb, Flag.CWR_DUE);
    tcb.sndCursor = end;
    if (has(tcb, Flag.PERSISTING)) stopRetransmission(tcb);
  }
  if (HAS_SACK && out.plan == Plan.RESCUE) raiseFlag(tcb, Flag.RESCUED);
  clearFlag(tcb, Flag.RETRANSMIT_DUE | Flag.PROBE_DUE);
  if (HAS_PMTUD && octets == <u32>tcb.sndMss) noteFullSegment(tcb, end);
  // Text waits for the SYN to be acknowledged, so it is never in flight beside it.
  if (usesSack(tcb) && (out.flags & Ctl.SYN) == 0) {
    if (tcb.sndUna == tcb.sndNxt) beginFlight(tcb);
    noteSent(tcb, out.seq, end);
  }
  tcb.sndNxt = seqMax(tcb.sndNxt, end);
  tcb.lastSentAt = now();
  if (!isRunning(tcb, Timer.RETRANSMISSION)) startRetransmission(tcb);
  if (isLossProbeDue(tcb)) commitLossProbe(tcb, isRepeated);
  if (out.plan == Plan.TEXT) scheduleLossProbe(tcb);
  if (out.flags & Ctl.FIN && stateOfTcb(tcb) == State.CLOSE_WAIT) setState(tcb, State.LAST_ACK);
}

/** A tail loss probe left, and the retransmission time-out begins anew (RFC 8985 §7.3). */
function commitLossProbe(tcb: Tcb, isRepeated: bool): void {
  count(Counter.LOSS_PROBES);
  noteLossProbe(tcb, isRepeated);
  startRetransmission(tcb);
}
