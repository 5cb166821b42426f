/**
 * SEGMENT ARRIVES: the state machine's one home for what comes from the network.
 *
 * RFC 9293 §3.10.7, in its order: CLOSED, LISTEN, SYN-SENT, then the numbered checks of the other
 * states. Each check is a function named for its step; it changes the TCB and says whether the next
 * one follows. The records without a TCB take their segments in tcp/half-open and tcp/time-wait.
 * Called by netif/ingress with a segment whose checksum and lengths are right. Sends nothing: it
 * leaves a stateless reply in tcp/reply, or puts the connection on the list of pending ones.
 */
import { HAS_ECN, HAS_MARKS, HAS_SACK, HAS_TIMESTAMPS, HAS_WINDOW_SCALE } from "../config";
import { Counter, EndReason, Event, State } from "../core/abi";
import { now } from "../core/clock";
import { count } from "../core/counters";
import { Ctl } from "../wire/tcp";
import { advanceUna, challenge, receiveAck, setSendWindow } from "./ack";
import { beginReceiving } from "./begin";
import { startCongestion } from "./congestion";
import { findFlow, findOlderFlow } from "./demux";
import { concludeEcn, echoBit, takeMark } from "./ecn";
import { endConnection, resetConnection } from "./end";
import { Flow, FlowKind } from "./flow";
import { HalfOpen, arrivesHalfOpen, canOpenHalf, openHalf, sendMssFrom } from "./half-open";
import { chooseIsn, tupleHash } from "./isn";
import { noteHeard } from "./keep-alive";
import { findListener } from "./listener";
import { marksOf } from "./marks";
import { wantOutput } from "./pending";
import {
  acknowledgeNow,
  noteDuplicateText,
  noteFin,
  receiveFin,
  receiveText,
  receiveWindow,
  trimToWindow,
} from "./receive";
import { reply, replyReset, replyWith } from "./reply";
import { RTO_AFTER_SYN_LOSS_MS } from "./rtt";
import { Segment, optionsOf, parseSegment } from "./segment";
import { isAcceptable, seqGt, seqLe, seqLt } from "./seq";
import {
  Flag,
  Tcb,
  clearFlag,
  has,
  isFinAcknowledged,
  raiseFlag,
  setState,
  signal,
  stateOfTcb,
  usesTimestamps,
} from "./tcb";
import { hasCookie, offerCookie, takeCookie } from "./syn-cookies";
import {
  isNewerIncarnation,
  isOldDuplicate,
  rememberTimestamp,
  stampSegment,
  startTimestamps,
} from "./timestamps";
import { TimeWait, arrivesInTimeWait, enterTimeWait, isFinalFin } from "./time-wait";
import { superviseUserTimeout } from "./timers";
import { takeUrgent } from "./urgent";

/** How far above the old incarnation's numbers a reopened tuple starts, at the least (MAY-2). */
@inline const ISS_STEP: u32 = 0x1_0000;

/**
 * Takes one segment. `addresses`: source << 32 | destination of the datagram, `isCe` whether the
 * network has marked it; `header` is where its TCP header lies, `octets` counts header and text.
 * Returns the record that it came to, which may be free by then, or null.
 */
export function segmentArrives(
  addresses: u64,
  header: usize,
  octets: u32,
  isCe: bool,
): Flow | null {
  const source = <u32>(addresses >> 32);
  const destination = <u32>addresses;
  const segment = parseSegment(header, octets);
  segment.remoteAddress = source;
  segment.localAddress = destination;
  if (HAS_ECN) segment.isCe = isCe;
  // Port 0 names nobody (RFC 6335 §6): there is nothing to answer.
  const ports = segment.ports;
  if (ports >> 16 == 0 || (ports & 0xffff) == 0) {
    count(Counter.DROP_TCP_HEADER);
    return null;
  }
  const flow = findFlow(destination, source, ports);
  if (HAS_MARKS) segment.answerMarks = flow == null ? 0 : marksOf(flow);
  if (flow == null) {
    arrivesWithoutRecord(segment);
  } else if (flow.kind == FlowKind.CONNECTION) {
    arrivesForConnection(changetype<Tcb>(flow), segment);
  } else if (flow.kind == FlowKind.HALF_OPEN) {
    return arrivesForHalfOpen(changetype<HalfOpen>(flow), segment);
  } else {
    const record = changetype<TimeWait>(flow);
    if (!reopensTimeWait(record, segment)) arrivesInTimeWait(record, segment);
  }
  return flow;
}

function arrivesForConnection(tcb: Tcb, segment: Segment): void {
  if (stateOfTcb(tcb) == State.SYN_SENT) arrivesInSynSent(tcb, segment);
  else arrivesInOtherStates(tcb, segment);
}

/**
 * A half-open record takes the segment, and hands it on with the completed handshake. But the FIN
 * of a TIME-WAIT that it covers is answered from there. If the covering SYN was an old duplicate,
 * the peer is still in LAST-ACK and gets the ACK it needs; if the FIN is one, the answer is
 * harmless.
 */
function arrivesForHalfOpen(half: HalfOpen, segment: Segment): Flow {
  const before = segment.has(Ctl.FIN) ? findOlderFlow(half) : null;
  if (before != null && isFinalFin(changetype<TimeWait>(before), segment)) {
    arrivesInTimeWait(changetype<TimeWait>(before), segment);
    return before;
  }
  const tcb = arrivesHalfOpen(half, segment);
  if (tcb == null) return half;
  completesHandshake(tcb, segment);
  return tcb;
}

/** §3.10.7.1 (CLOSED) and §3.10.7.2 (LISTEN). */
function arrivesWithoutRecord(segment: Segment): void {
  if (segment.has(Ctl.RST)) {
    count(Counter.RESETS_IN);
    return;
  }
  const listener = findListener(segment.localAddress, segment.ports & 0xffff);
  if (listener == null) {
    replyReset(segment);
  } else if (segment.has(Ctl.ACK)) {
    if (!segment.has(Ctl.SYN) && hasCookie(listener, segment)) {
      const tcb = takeCookie(segment);
      if (tcb != null) completesHandshake(tcb, segment);
    } else {
      replyReset(segment);
    }
  } else if (segment.has(Ctl.SYN)) {
    const iss = chooseIsn(hashOf(segment));
    if (canOpenHalf(listener)) openHalf(listener, segment, iss);
    else if (!offerCookie(listener, segment)) count(Counter.DROP_SYN_BACKLOG);
  } else {
    count(Counter.DROP_TCP_FLAGS);
  }
}

@inline function hashOf(segment: Segment): u64 {
  return tupleHash(segment.localAddress, segment.remoteAddress, segment.ports);
}

/**
 * MAY-2, RFC 6191: a SYN later than everything the old incarnation received, by its timestamp or
 * else by its sequence number, opens the tuple again, with an ISS above everything it sent. The
 * record stays until the handshake is done: an old duplicate SYN draws an RST from its supposed
 * sender, which leaves TIME-WAIT as it was.
 */
function reopensTimeWait(record: TimeWait, segment: Segment): bool {
  const isSyn = (segment.flags & (Ctl.SYN | Ctl.ACK | Ctl.RST)) == Ctl.SYN;
  if (!isSyn) return false;
  const isSeqNewer = seqGt(segment.seq, record.rcvNxt);
  // Timestamps on the new incarnation alone keep the old one's segments out: they carry none.
  const isNewer = !HAS_TIMESTAMPS || !segment.hasTimestamps
    ? isSeqNewer
    : !record.hasTimestamps || isNewerIncarnation(segment, record.tsRecent, isSeqNewer);
  if (!isNewer) return false;
  const listener = findListener(segment.localAddress, segment.ports & 0xffff);
  if (listener == null) return false;
  if (!canOpenHalf(listener)) {
    count(Counter.DROP_SYN_BACKLOG);
    return true;
  }
  const iss = chooseIsn(hashOf(segment));
  openHalf(listener, segment, seqGt(iss, record.sndNxt) ? iss : record.sndNxt + ISS_STEP);
  return true;
}

/** §3.10.7.3, SYN-SENT. */
function arrivesInSynSent(tcb: Tcb, segment: Segment): void {
  const hasAck = segment.has(Ctl.ACK);
  // First: an ACK of anything but our SYN belongs to another incarnation.
  if (hasAck && !acknowledgesSyn(tcb, segment)) {
    count(Counter.DROP_ACK_INVALID);
    replyReset(segment);
    return;
  }
  // Second.
  if (segment.has(Ctl.RST)) {
    count(Counter.RESETS_IN);
    if (hasAck) endConnection(tcb, EndReason.REFUSED);
    return;
  }
  // Fourth.
  if (!segment.has(Ctl.SYN)) {
    count(Counter.DROP_TCP_FLAGS);
    return;
  }
  beginReceiving(tcb, segment.seq);
  const options = optionsOf(segment);
  tcb.sndMss = <u16>sendMssFrom(options);
  if (HAS_WINDOW_SCALE && options.hasWindowScale) {
    raiseFlag(tcb, Flag.WINDOW_SCALE);
    tcb.sndShift = options.windowShift;
  }
  if (HAS_SACK && options.isSackPermitted) raiseFlag(tcb, Flag.SACK);
  if (HAS_TIMESTAMPS && segment.hasTimestamps) startTimestamps(tcb, segment.tsVal);
  concludeEcn(tcb, segment);
  setSendWindow(tcb, segment);
  if (!hasAck) {
    // Simultaneous open: our SYN again, now with the ACK of the peer's. Text waits for its sender.
    setState(tcb, State.SYN_RECEIVED);
    tcb.sndCursor = tcb.iss;
    clearFlag(tcb, Flag.TIMING); // which of the two will be acknowledged cannot be told
    wantOutput(tcb);
    return;
  }
  enterEstablished(tcb, segment);
  noteHeard(tcb, now());
  acknowledgeNow(tcb);
  // What came with the SYN is processed from the sixth check on.
  segment.flags &= ~Ctl.SYN;
  segment.seq += 1;
  trimToWindow(tcb, segment);
  processRest(tcb, segment);
}

/** ISS < SEG.ACK =< SND.NXT. */
function acknowledgesSyn(tcb: Tcb, segment: Segment): bool {
  return seqGt(segment.ack, tcb.iss) && seqLe(segment.ack, tcb.sndNxt);
}

/** Our SYN is acknowledged: ESTABLISHED, or FIN-WAIT-1 if CLOSE came before. */
function enterEstablished(tcb: Tcb, segment: Segment): void {
  if (has(tcb, Flag.SYN_REPEATED)) tcb.rto = RTO_AFTER_SYN_LOSS_MS;
  advanceUna(tcb, segment);
  tcb.backoff = 0;
  startCongestion(tcb);
  wantOutput(tcb);
  if (stateOfTcb(tcb) == State.FIN_WAIT_1) return; // CLOSE came in SYN-RECEIVED
  setState(tcb, State.ESTABLISHED);
  signal(tcb, Event.CONNECTED | Event.WRITABLE);
  if (has(tcb, Flag.SEND_CLOSED)) setState(tcb, State.FIN_WAIT_1);
}

/** §3.10.7.4: the numbered checks, for a TCB in any synchronized state or in SYN-RECEIVED. */
function arrivesInOtherStates(tcb: Tcb, segment: Segment): void {
  // The window of a SYN is never scaled (RFC 7323 §2.2).
  if (HAS_WINDOW_SCALE && !segment.has(Ctl.SYN)) segment.wnd <<= tcb.sndShift;
  if (!checkTimestamps(tcb, segment)) return;
  if (!checkSequence(tcb, segment)) return;
  if (segment.has(Ctl.RST | Ctl.SYN)) {
    if (checkReset(tcb, segment)) checkSyn(tcb);
    return;
  }
  // Only now: RST and SYN are judged by their own numbers (RFC 5961 §3.2, §4.2).
  rememberTimestamp(tcb, segment);
  trimToWindow(tcb, segment);
  if (checkAck(tcb, segment)) takeAcceptable(tcb, segment);
}

/**
 * §3.10.7.4 for the ACK of our SYN, of which a record, or a cookie, has become a TCB: all that the
 * first five checks ask for is known.
 */
function completesHandshake(tcb: Tcb, segment: Segment): void {
  rememberTimestamp(tcb, segment);
  trimToWindow(tcb, segment);
  takeAcceptable(tcb, segment);
}

/** What a segment brings that has passed the first five checks. */
function takeAcceptable(tcb: Tcb, segment: Segment): void {
  takeMark(tcb, segment);
  processRest(tcb, segment);
}

/**
 * Before the first check: an old duplicate, or a segment without the agreed option (RFC 7323 §5).
 */
function checkTimestamps(tcb: Tcb, segment: Segment): bool {
  // A RST is exempt, and a SYN is challenged whatever it carries: its sender may have restarted.
  if (!usesTimestamps(tcb) || segment.has(Ctl.RST | Ctl.SYN)) return true;
  if (segment.hasTimestamps && !isOldDuplicate(tcb, segment)) return true;
  count(Counter.DROP_TIMESTAMP);
  if (!segment.hasTimestamps) return false;
  if (segment.isBare) challenge(tcb);
  else acknowledgeNow(tcb);
  return false;
}

/** First check: the sequence number. */
function checkSequence(tcb: Tcb, segment: Segment): bool {
  const isFirstSyn = isSynOnly(segment) && segment.seq == tcb.irs;
  if (isFirstSyn && has(tcb, Flag.SYN_OUTSTANDING)) {
    // The peer's own SYN again, or its SYN and ACK when both open at once (Figure 7, line 6).
    acknowledgeNow(tcb);
    concludeEcn(tcb, segment);
    if (!segment.has(Ctl.ACK) || !acknowledgesSyn(tcb, segment)) return false;
    segment.flags &= ~(Ctl.SYN | Ctl.ECE | Ctl.CWR);
    segment.seq += 1;
    return true;
  }
  if (!isAcceptable(segment.seq, segment.length, tcb.rcvNxt, receiveWindow(tcb))) {
    return allowZeroWindow(tcb, segment);
  }
  return true;
}

/** SYN without RST. */
function isSynOnly(segment: Segment): bool {
  return (segment.flags & (Ctl.SYN | Ctl.RST)) == Ctl.SYN;
}

/**
 * A segment that does not fit: with a closed window its ACK and RST still count if it is the next
 * one (MUST-66); otherwise it draws an ACK, a limited number where it carries nothing.
 *
 * DEVIATION: a FIN without text counts as well. It takes no room, and the peer would have to send
 * it until somebody here has read.
 */
function allowZeroWindow(tcb: Tcb, segment: Segment): bool {
  if (receiveWindow(tcb) == 0 && segment.seq == tcb.rcvNxt && !isSynOnly(segment)) {
    // What remains of it after trimming is its ACK, its RST, or a FIN that came without text.
    return true;
  }
  count(Counter.DROP_OUT_OF_WINDOW);
  if (segment.has(Ctl.RST)) return false;
  if (seqLt(segment.seq, tcb.rcvNxt)) noteDuplicateText(tcb, segment);
  if (segment.textOctets != 0 || segment.has(Ctl.FIN)) acknowledgeNow(tcb);
  else challenge(tcb);
  return false;
}

/** Second check: RST, exactly at RCV.NXT, or within the window and challenged (RFC 5961 §3). */
function checkReset(tcb: Tcb, segment: Segment): bool {
  if (!segment.has(Ctl.RST)) return true;
  if (segment.seq != tcb.rcvNxt) {
    // Where it begins counts, whatever its text made of the first check.
    if (segment.seq - tcb.rcvNxt < receiveWindow(tcb)) challenge(tcb);
    else count(Counter.DROP_OUT_OF_WINDOW);
    return false;
  }
  count(Counter.RESETS_IN);
  const state = stateOfTcb(tcb);
  endConnection(tcb, state == State.SYN_RECEIVED ? EndReason.REFUSED : EndReason.RESET);
  return false;
}

/** Fourth check: a SYN here is challenged, wherever it lies (RFC 5961 §4). */
function checkSyn(tcb: Tcb): void {
  challenge(tcb);
}

/** Fifth check: the ACK field, and what it means in each state. */
function checkAck(tcb: Tcb, segment: Segment): bool {
  if (!segment.has(Ctl.ACK)) {
    count(Counter.DROP_TCP_FLAGS);
    return false;
  }
  if (has(tcb, Flag.SYN_OUTSTANDING)) {
    // SYN-RECEIVED, or FIN-WAIT-1 after a CLOSE there: this must acknowledge our SYN.
    // DEVIATION: the RFC takes it in FIN-WAIT-1 as in ESTABLISHED, but before our SYN is
    // acknowledged nothing shows that the segment is of this connection.
    if (!acknowledgesSyn(tcb, segment)) {
      count(Counter.DROP_ACK_INVALID);
      replyReset(segment);
      return false;
    }
    setSendWindow(tcb, segment);
    enterEstablished(tcb, segment);
  } else if (!receiveAck(tcb, segment)) {
    return false;
  }
  noteHeard(tcb, now());
  if (!isFinAcknowledged(tcb)) return true;
  switch (stateOfTcb(tcb)) {
    case State.FIN_WAIT_1:
      setState(tcb, State.FIN_WAIT_2);
      superviseUserTimeout(tcb); // it bounds this state after a full close
      return true;
    case State.CLOSING:
      // The ACK of the peer's FIN may still be due, and the TCB will not send it any more.
      if (tcb.acksDue != 0) replyAck(tcb, segment);
      enterTimeWait(tcb);
      return false;
    case State.LAST_ACK:
      endConnection(tcb, EndReason.CLOSED);
      return false;
    default:
      return true;
  }
}

/** The states before the peer's FIN. */
@inline function expectsText(tcb: Tcb): bool {
  const state = stateOfTcb(tcb);
  return state == State.ESTABLISHED || state == State.FIN_WAIT_1 || state == State.FIN_WAIT_2;
}

/** From the sixth check on. The URG bit counts with a closed window too (MUST-66). */
function processRest(tcb: Tcb, segment: Segment): void {
  if (expectsText(tcb)) {
    takeUrgent(tcb, segment);
    if (!processText(tcb, segment)) return;
  }
  processFin(tcb, segment);
}

/** Seventh check: the text, where any is expected; false if that ended the connection. */
function processText(tcb: Tcb, segment: Segment): bool {
  noteFin(tcb, segment);
  if (segment.textOctets == 0) return true;
  if (has(tcb, Flag.RECEIVE_CLOSED)) {
    // Nobody will read it: the peer must learn that it is lost (RFC 1122 §4.2.2.13).
    resetConnection(tcb, EndReason.ABORTED);
    return false;
  }
  receiveText(tcb, segment);
  return true;
}

/** Eighth check: the FIN, now or remembered from before. */
function processFin(tcb: Tcb, segment: Segment): void {
  if (!receiveFin(tcb, segment) || stateOfTcb(tcb) != State.FIN_WAIT_2) return;
  replyAck(tcb, segment);
  enterTimeWait(tcb);
}

/**
 * The ACK that a TCB owes, sent at once: it leaves for TIME-WAIT, which takes no pending output.
 */
function replyAck(tcb: Tcb, segment: Segment): void {
  replyWith(segment, Ctl.ACK | echoBit(tcb), tcb.sndNxt, tcb.rcvNxt);
  reply().wnd = receiveWindow(tcb);
  if (usesTimestamps(tcb)) stampSegment(tcb, reply());
}
