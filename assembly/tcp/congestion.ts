/**
 * Congestion control: how much may be in flight.
 *
 * RFC 5681 (slow start, congestion avoidance, fast retransmit and fast recovery, restart after idle
 * time, limited transmit of RFC 3042) with the initial window of RFC 6928, the byte counting of RFC
 * 3465, and the recovery of RFC 6582 (NewReno), or where SACK is on that of RFC 6675 with the
 * losses of RFC 8985 (tcp/recovery, tcp/rack). Called by tcp/ack, tcp/timeouts and tcp/output.
 * Decides what goes again and when; what is sent is tcp/output's.
 */
import { HAS_FAST_RETRANSMIT } from "../config";
import { Counter } from "../core/abi";
import { isBefore, now } from "../core/clock";
import { count } from "../core/counters";
import { holdForEcn, isEchoNews, isWithinCut, keepCutClose, noteCut, resetEcn } from "./ecn";
import { currentRto } from "./rtt";
import { wantOutput } from "./pending";
import { abandonRack, detectLosses, recoveryEnded } from "./rack";
import { isRecovered } from "./recovery";
import { forgetReports } from "./scoreboard";
import { seqGe, seqGt, seqLe } from "./seq";
import { Flag, Tcb, clearFlag, has, raiseFlag, usesSack } from "./tcb";

/** RFC 5681 §3.2: this many duplicates are taken for a loss. */
@inline const DUPLICATE_ACKS: u32 = 3;
/** Beyond any window without scaling, so it never limits before the first loss. */
@inline const SSTHRESH_INITIAL: u32 = 0x4000_0000;
/** Keeps cwnd from wrapping, whatever a peer acknowledges. */
@inline const CWND_MAX: u32 = 0x4000_0000;
/** RFC 6928 §2: min(10·MSS, max(2·MSS, 14,600)). */
@inline const INITIAL_WINDOW_OCTETS: u32 = 14600;
@inline const INITIAL_WINDOW_SEGMENTS: u32 = 10;
/** RFC 3465 §2.2, L: by how many segments one acknowledgement may open the window. */
@inline const BYTE_COUNTING_SEGMENTS: u32 = 2;

function initialWindow(mss: u32): u32 {
  return min(INITIAL_WINDOW_SEGMENTS * mss, max(2 * mss, INITIAL_WINDOW_OCTETS));
}

/** Sets the windows of a connection whose MSS is known now; a lost SYN costs the initial window. */
export function startCongestion(tcb: Tcb): void {
  const mss = <u32>tcb.sndMss;
  tcb.cwnd = has(tcb, Flag.SYN_REPEATED) ? mss : initialWindow(mss);
  tcb.ssthresh = SSTHRESH_INITIAL;
  tcb.recover = tcb.iss;
  resetEcn(tcb);
}

/**
 * Half of what is in flight, at least two segments (RFC 5681 equation 4). What went beyond cwnd by
 * limited transmit does not count. Whole segments only: a part of one is never sent, and would have
 * to be acknowledged all the same before the window grows.
 * `flight`: FlightSize before the acknowledgement that tells of the loss. One that answers a burst
 * takes most of it, and says nothing of how much the network bore.
 */
function lossThreshold(tcb: Tcb, flight: u32): u32 {
  if (isWithinCut(tcb)) return tcb.ssthresh; // one window is cut once (RFC 3168 §6.1.2)
  const mss = <u32>tcb.sndMss;
  const half = min(flight, tcb.cwnd) >> 1;
  return max(half - (half % mss), 2 * mss);
}

/** New data was acknowledged. `flight`: octets in flight before. SND.UNA has moved. */
@inline export function growWindow(tcb: Tcb, acked: u32, flight: u32): void {
  if (HAS_FAST_RETRANSMIT && has(tcb, Flag.RECOVERING)) {
    continueRecovery(tcb, acked);
    return;
  }
  keepCutClose(tcb);
  openWindow(tcb, acked, flight);
}

/** The same outside of a recovery, for a connection without ECN. */
@inline export function openWindow(tcb: Tcb, acked: u32, flight: u32): void {
  if (HAS_FAST_RETRANSMIT) tcb.duplicateAcks = 0;
  // Kept close behind SND.UNA: left behind by 2^31 octets, it would seem to lie ahead.
  if (seqGt(tcb.sndUna - 1, tcb.recover)) tcb.recover = tcb.sndUna - 1;
  // A window that is not used says nothing about the path, so it does not grow.
  if (flight << 1 < tcb.cwnd) return;
  const mss = <u32>tcb.sndMss;
  if (tcb.cwnd < tcb.ssthresh) {
    // What a time-out sends again arrives in lumps that say little (RFC 3465 §2.3).
    tcb.cwnd += min(acked, isRecovered(tcb) ? BYTE_COUNTING_SEGMENTS * mss : mss);
    return;
  }
  tcb.bytesAcked += acked;
  if (tcb.bytesAcked < tcb.cwnd) return;
  tcb.bytesAcked -= tcb.cwnd;
  tcb.cwnd += mss;
}

/**
 * RFC 6582 §3.2 step 3: a full acknowledgement ends the recovery, a partial one shows a new hole.
 */
function continueRecovery(tcb: Tcb, acked: u32): void {
  const mss = <u32>tcb.sndMss;
  if (usesSack(tcb)) {
    // The pipe says what may go; cwnd stays at ssthresh until the end (RFC 6675 §5).
    if (!isRecovered(tcb)) return;
    endRecovery(tcb);
    recoveryEnded(tcb);
    return;
  }
  if (isRecovered(tcb)) {
    const flight = tcb.sndNxt - tcb.sndUna;
    tcb.cwnd = min(tcb.ssthresh, max(flight, mss) + mss);
    endRecovery(tcb);
    return;
  }
  tcb.cwnd = tcb.cwnd > acked ? tcb.cwnd - acked : 0;
  if (acked >= mss) tcb.cwnd += mss;
  tcb.cwnd = max(tcb.cwnd, mss);
  raiseFlag(tcb, Flag.RETRANSMIT_DUE);
}

function endRecovery(tcb: Tcb): void {
  tcb.cwnd = min(tcb.cwnd, tcb.ssthresh);
  tcb.duplicateAcks = 0;
  clearFlag(tcb, Flag.RECOVERING | Flag.RESCUED);
}

/**
 * RFC 3042: what the first two duplicates allow beyond cwnd, so that a third one can come of it.
 */
export function limitedTransmit(tcb: Tcb): u32 {
  if (has(tcb, Flag.RECOVERING) || <u32>tcb.duplicateAcks >= DUPLICATE_ACKS) return 0;
  if (tcb.sndCursor != tcb.sndNxt) return 0; // new octets only, not what a time-out sends again
  return <u32>tcb.duplicateAcks * <u32>tcb.sndMss;
}

/**
 * A duplicate acknowledgement without SACK: the third one starts fast retransmit (RFC 5681 §3.2).
 */
export function takeDuplicateAck(tcb: Tcb): void {
  const mss = <u32>tcb.sndMss;
  if (has(tcb, Flag.RECOVERING)) {
    // Each duplicate says that one more segment has left the network.
    tcb.cwnd = min(tcb.cwnd + mss, CWND_MAX);
    return;
  }
  if (tcb.duplicateAcks < 255) tcb.duplicateAcks += 1;
  // Duplicates of what was sent twice anyway say nothing (RFC 6582 §3.2 step 1).
  if (seqLe(tcb.sndUna, tcb.recover) || <u32>tcb.duplicateAcks != DUPLICATE_ACKS) return;
  tcb.ssthresh = lossThreshold(tcb, tcb.sndNxt - tcb.sndUna);
  beginRecovery(tcb, tcb.ssthresh + DUPLICATE_ACKS * mss);
}

/** With SACK: octets are lost as soon as tcp/rack says so. */
export function findLosses(tcb: Tcb, flight: u32): void {
  // While a time-out sends everything again, losses are nothing new.
  if (tcb.sndCursor != tcb.sndNxt || !detectLosses(tcb)) return;
  wantOutput(tcb);
  if (has(tcb, Flag.RECOVERING)) return;
  // Within what a time-out has sent again the window is small already: one loss, one reduction.
  if (isRecovered(tcb)) {
    tcb.ssthresh = lossThreshold(tcb, flight);
    beginRecovery(tcb, tcb.ssthresh);
  } else {
    beginRecovery(tcb, tcb.cwnd);
  }
}

function beginRecovery(tcb: Tcb, cwnd: u32): void {
  tcb.cwnd = cwnd;
  tcb.bytesAcked = 0;
  tcb.recover = tcb.sndNxt;
  noteCut(tcb);
  raiseFlag(tcb, Flag.RECOVERING | Flag.RETRANSMIT_DUE);
  clearFlag(tcb, Flag.TIMING); // sent twice, it measures nothing (Karn)
}

/** A tail loss probe has repaired a loss that nobody saw: the window shrinks all the same. */
export function reduceForProbe(tcb: Tcb, flight: u32): void {
  if (has(tcb, Flag.RECOVERING)) return;
  tcb.ssthresh = lossThreshold(tcb, flight);
  tcb.cwnd = tcb.ssthresh;
  tcb.bytesAcked = 0;
  noteCut(tcb);
}

/**
 * The peer echoes a mark of the network: once per window that is as good as a loss, without
 * anything to send again. Such an acknowledgement does not open the window, which was `cwnd` before
 * it (RFC 3168 §6.1.2). Less than one segment is only a pause: an RTO with nothing new.
 */
export function reduceForEcho(tcb: Tcb, flight: u32, cwnd: u32): void {
  if (has(tcb, Flag.RECOVERING)) return;
  tcb.cwnd = min(tcb.cwnd, cwnd);
  if (!isEchoNews(tcb)) return;
  count(Counter.ECN_CUTS);
  tcb.ssthresh = lossThreshold(tcb, flight);
  tcb.bytesAcked = 0;
  if (tcb.cwnd <= <u32>tcb.sndMss) holdForEcn(tcb);
  tcb.cwnd = min(tcb.cwnd, tcb.ssthresh);
  noteCut(tcb);
}

/** The retransmission timer expired: back to one segment, everything unacknowledged goes again. */
export function collapseWindow(tcb: Tcb): void {
  // Repeated expiries are one loss (RFC 5681 §3.1).
  if (seqGe(tcb.sndUna, tcb.recover)) tcb.ssthresh = lossThreshold(tcb, tcb.sndNxt - tcb.sndUna);
  goBack(tcb);
  noteCut(tcb);
  forgetReports(tcb);
}

/**
 * What is in flight was too large for the path and is lost, but not to congestion: it goes again in
 * smaller segments. The window stays what it was, but slow start leads to it (RFC 1191 §6.5).
 */
export function restartWithSmallerSegments(tcb: Tcb): void {
  if (!has(tcb, Flag.RECOVERING)) tcb.ssthresh = max(tcb.ssthresh, tcb.cwnd);
  goBack(tcb);
}

/** The cursor stands at SND.UNA again, and one segment may go. */
function goBack(tcb: Tcb): void {
  tcb.cwnd = tcb.sndMss;
  tcb.bytesAcked = 0;
  tcb.recover = tcb.sndNxt;
  tcb.sndCursor = tcb.sndUna;
  if (HAS_FAST_RETRANSMIT) tcb.duplicateAcks = 0;
  // What is sent twice measures nothing (Karn).
  clearFlag(tcb, Flag.RECOVERING | Flag.RETRANSMIT_DUE | Flag.RESCUED | Flag.TIMING);
  abandonRack(tcb);
}

/** After an idle RTO the window says nothing about the path any more (RFC 5681 §4.1). */
export function restartAfterIdle(tcb: Tcb): void {
  if (isBefore(tcb.lastSentAt + currentRto(tcb), now())) {
    tcb.cwnd = min(tcb.cwnd, initialWindow(tcb.sndMss));
  }
}
