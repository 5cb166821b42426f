/**
 * The sender's side of an arriving segment: the acknowledgement and the window.
 *
 * RFC 9293 §3.10.7.4, fifth check; RFC 5961 §5; RFC 6298 §5; RFC 5681 §3.2. Called by tcp/arrives
 * in synchronized states. Changes the TCB only; what it makes possible to send is sent within
 * `poll`.
 */
import { HAS_EVICTION, HAS_FAST_RETRANSMIT, SEND_RING_OCTETS } from "../config";
import { Counter, Event } from "../core/abi";
import { now } from "../core/clock";
import { count } from "../core/counters";
import { advanceOffset } from "../core/ring";
import { Ctl } from "../wire/tcp";
import { takeChallenge } from "./challenge";
import {
  findLosses,
  growWindow,
  reduceForEcho,
  reduceForProbe,
  takeDuplicateAck,
} from "./congestion";
import { isEcnHeld, usesEcn } from "./ecn";
import { dropRuns } from "./flight";
import { wantOutput } from "./pending";
import { noteProgress } from "./pmtud";
import { acknowledgeNow } from "./receive";
import { beginAck, concludeLossProbe, scheduleLossProbe, widenWindow } from "./rack";
import { takeRttSample } from "./rtt";
import { isDuplicateReported, takeCumulativeAck, takeSackBlocks } from "./scoreboard";
import { Segment } from "./segment";
import { seqGe, seqGt, seqLe, seqLt, seqMax } from "./seq";
import { forgetWindow } from "./template";
import { closesRoundTrip } from "./timestamps";
import {
  Flag,
  Tcb,
  Timer,
  clearFlag,
  has,
  isAckPlausible,
  isWindowClosed,
  queuedOctets,
  sendLimit,
  signal,
  usesSack,
} from "./tcb";
import {
  isWaitingForPeer,
  settleUserTimeout,
  startRetransmission,
  startUserTimeout,
  stopRetransmission,
  stopTimer,
} from "./timers";
import { noteAnswer } from "./trouble";
import { noteStall } from "./stall";
import { settleUrgent } from "./urgent";

/** Takes SEG.ACK and SEG.WND; false if the segment is to be dropped. */
export function receiveAck(tcb: Tcb, segment: Segment): bool {
  const ack = segment.ack;
  if (!isAckPlausible(tcb, ack)) {
    count(Counter.DROP_ACK_INVALID);
    challenge(tcb);
    return false;
  }
  const isNew = seqGt(ack, tcb.sndUna);
  const flight = tcb.sndNxt - tcb.sndUna;
  const cwnd = tcb.cwnd;
  if (usesSack(tcb)) beginAck(tcb);
  if (isNew) advanceUna(tcb, segment);
  if (usesSack(tcb)) takeReports(tcb, segment, flight);
  else if (HAS_FAST_RETRANSMIT && !isNew && isDuplicateAck(tcb, segment)) takeDuplicateAck(tcb);
  if (usesEcn(tcb) && segment.has(Ctl.ECE)) reduceForEcho(tcb, flight, cwnd);
  updateSendWindow(tcb, segment, isNew);
  // An answered probe shows that the peer lives, for as long as somebody here cares (MUST-37).
  if (has(tcb, Flag.PERSISTING)) {
    noteAnswer(tcb);
    if (!has(tcb, Flag.RECEIVE_CLOSED)) stopTimer(tcb, Timer.USER_TIMEOUT);
  }
  if (tcb.sndUna != sendLimit(tcb)) wantOutput(tcb);
  return true;
}

/**
 * What the peer reports beyond SEG.ACK, and what is lost by that (RFC 6675 §5, RFC 8985 §6, §7).
 * `flight`: octets in flight before this acknowledgement, which may have come to a whole burst.
 */
function takeReports(tcb: Tcb, segment: Segment, flight: u32): void {
  const isNew = flight != tcb.sndNxt - tcb.sndUna;
  const isNews = takeSackBlocks(tcb, segment);
  const isDuplicate = isDuplicateReported(tcb, segment);
  if (isDuplicate) {
    count(Counter.SPURIOUS_RETRANSMITS);
    widenWindow(tcb);
  }
  if (concludeLossProbe(tcb, segment, isDuplicate, isNew)) reduceForProbe(tcb, flight);
  if (isNew || isNews) findLosses(tcb, flight);
  scheduleLossProbe(tcb);
}

/** Answers a suspicious segment with the state of things, within the limit of RFC 5961 §7. */
export function challenge(tcb: Tcb): void {
  if (!takeChallenge(tcb)) return;
  count(Counter.CHALLENGE_ACKS_OUT);
  acknowledgeNow(tcb);
}

/**
 * RFC 5681 §2: it acknowledges nothing new, brings nothing, and something is outstanding. The
 * answer to a window probe looks the same and means nothing.
 */
function isDuplicateAck(tcb: Tcb, segment: Segment): bool {
  return (
    segment.ack == tcb.sndUna &&
    segment.isBare &&
    segment.wnd == tcb.sndWnd &&
    tcb.sndUna != tcb.sndNxt &&
    !has(tcb, Flag.PERSISTING)
  );
}

/** SND.UNA < SEG.ACK =< SND.NXT: octets leave the retransmission queue. */
export function advanceUna(tcb: Tcb, segment: Segment): void {
  const ack = segment.ack;
  const queued = queuedOctets(tcb);
  const flight = tcb.sndCursor - tcb.sndUna;
  const acked = ack - tcb.sndUna;
  const hasSyn = has(tcb, Flag.SYN_OUTSTANDING);
  const isSynAlone = hasSyn && acked == 1;
  if (usesSack(tcb)) {
    takeCumulativeAck(tcb, segment);
    dropRuns(tcb, ack);
  }
  tcb.sndUna = ack;
  tcb.sndCursor = seqMax(tcb.sndCursor, ack);
  clearFlag(tcb, Flag.SYN_OUTSTANDING | Flag.RETRANSMIT_DUE);
  noteAnswer(tcb);
  // Neither SYN nor FIN has a place in the ring. Alone they do not open the window: behind the one
  // it begins, behind the other nothing is sent, for which no round trip is to be known either.
  const octets = min(acked - (hasSyn ? 1 : 0), queued);
  if (hasSyn || octets != 0) takeTiming(tcb, segment);
  if (octets != 0) {
    tcb.sendOffset = <u16>advanceOffset(tcb.sendOffset, octets, SEND_RING_OCTETS);
    settleUrgent(tcb);
    noteProgress(tcb, acked);
    growWindow(tcb, acked, flight);
  }
  settleSending(tcb, isSynAlone);
}

/** SND.UNA has moved: which timers run on, and what the user is told. */
export function settleSending(tcb: Tcb, isSynAlone: bool): void {
  // RFC 6298 §5.2 and §5.3: all acknowledged stops the timer, some of it starts it afresh.
  if (tcb.sndCursor == tcb.sndUna && !isEcnHeld(tcb)) stopRetransmission(tcb);
  else startRetransmission(tcb);
  // Nobody waits for a peer that takes little by little what is left of a released connection.
  const isWaiting = isWaitingForPeer(tcb);
  if (isWaiting && !has(tcb, Flag.RELEASED)) startUserTimeout(tcb);
  else settleUserTimeout(tcb, isWaiting);
  signalProgress(tcb, isSynAlone);
}

/** If the timed segment is acknowledged, a round trip is measured. */
@inline function takeTiming(tcb: Tcb, segment: Segment): void {
  if (!has(tcb, Flag.TIMING) || !seqGt(segment.ack, tcb.rttSeq)) return;
  clearFlag(tcb, Flag.TIMING);
  if (closesRoundTrip(tcb, segment)) takeRttSample(tcb, now() - tcb.rttStart);
}

/** Tells the user of room in the send ring, and of everything being acknowledged. */
function signalProgress(tcb: Tcb, isSynAlone: bool): void {
  let events: u32 = 0;
  if (has(tcb, Flag.WRITE_BLOCKED) && queuedOctets(tcb) <= SEND_RING_OCTETS / 2) {
    clearFlag(tcb, Flag.WRITE_BLOCKED);
    events |= Event.WRITABLE;
  }
  // The SYN alone is nothing that the user sent.
  if (tcb.sndUna == sendLimit(tcb) && !isSynAlone) events |= Event.ALL_ACKNOWLEDGED;
  if (events != 0) signal(tcb, events);
}

/**
 * The window of a segment that is not older than the one it was last taken from. SND.WL2 is not
 * kept: it is never beyond SND.UNA, below which no acknowledgement gets here.
 *
 * DEVIATION: a new acknowledgement brings its window whatever its number. Text that fills a hole
 * has a lower number than what came before it out of order, and still it is the peer's latest word.
 */
function updateSendWindow(tcb: Tcb, segment: Segment, isNewAck: bool): void {
  if (seqLt(segment.ack, tcb.sndUna)) return;
  const isNewer = isNewAck || seqLe(tcb.sndWl1, segment.seq);
  if (!isNewer) return;
  const before = tcb.sndWnd;
  setSendWindow(tcb, segment);
  if (before < tcb.sndWnd && has(tcb, Flag.PERSISTING)) {
    stopRetransmission(tcb);
    wantOutput(tcb);
  }
}

/** SND.WND and SND.WL1 from this segment. */
@inline export function setSendWindow(tcb: Tcb, segment: Segment): void {
  if (HAS_EVICTION && isWindowClosed(tcb, segment.wnd) && !isWindowClosed(tcb, tcb.sndWnd)) {
    noteStall(tcb);
  }
  tcb.sndWnd = segment.wnd;
  tcb.sndWl1 = segment.seq;
  tcb.sndWndMax = max(tcb.sndWndMax, segment.wnd);
  forgetWindow(tcb);
}
