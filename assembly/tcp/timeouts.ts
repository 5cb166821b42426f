/**
 * What the expiry of a connection's timers means.
 *
 * RFC 9293 §3.10.8 (USER TIMEOUT, RETRANSMISSION TIMEOUT), §3.8.4 (keep-alive), §3.8.6.1 (probes),
 * §3.8.6.3 (delayed ACK); RFC 6298 §5. Called by `index` when the connection's entry in
 * core/deadlines fires, which may be early. Sends nothing itself.
 */
import { HAS_KEEP_ALIVE, HAS_SACK } from "../config";
import { Counter } from "../core/abi";
import { isBefore, now } from "../core/clock";
import { count } from "../core/counters";
import { collapseWindow, findLosses } from "./congestion";
import { abandonEcnOffer, releaseEcnHold } from "./ecn";
import { endConnection } from "./end";
import { evict } from "./eviction";
import { keepAliveTimeout } from "./keep-alive";
import { wantOutput } from "./pending";
import { explainsTimeout } from "./pmtud";
import { lossTimerAt, lossTimerFires } from "./rack";
import { acknowledgeNow } from "./receive";
import { backOff, currentRto } from "./rtt";
import { Flag, Tcb, Timer, has, raiseFlag, tcbAt } from "./tcb";
import {
  isRunning,
  scheduleTimers,
  startRetransmission,
  startUserTimeout,
  stopTimer,
} from "./timers";
import { noteExpiry, reasonToGiveUp } from "./trouble";

/** The entry of the TCB with this index fired. */
export function connectionDeadlineReached(index: u32): void {
  const tcb = tcbAt(index);
  if (isGivenUp(tcb)) {
    if (has(tcb, Flag.UNACCEPTED)) evict(tcb);
    else endConnection(tcb, reasonToGiveUp(tcb));
    return;
  }
  if (isDue(tcb, Timer.DELAYED_ACK, tcb.delayedAckAt)) {
    stopTimer(tcb, Timer.DELAYED_ACK);
    acknowledgeNow(tcb);
  }
  if (isDue(tcb, Timer.RETRANSMISSION, tcb.retransmissionAt)) {
    stopTimer(tcb, Timer.RETRANSMISSION);
    if (has(tcb, Flag.PERSISTING)) probeWindow(tcb);
    else if (!releaseEcnHold(tcb)) retransmit(tcb);
  } else if (HAS_SACK && isDue(tcb, Timer.LOSS, lossTimerAt(tcb))) {
    if (lossTimerFires(tcb)) findLosses(tcb, tcb.sndNxt - tcb.sndUna);
    wantOutput(tcb);
  }
  scheduleTimers(tcb);
}

/** Whether the peer has been silent for too long: R2 (RFC 9293 §3.8.3), or keep-alive's count. */
function isGivenUp(tcb: Tcb): bool {
  if (isDue(tcb, Timer.USER_TIMEOUT, tcb.userTimeoutAt)) return !overslept(tcb);
  return (
    HAS_KEEP_ALIVE &&
    isDue(tcb, Timer.KEEP_ALIVE, tcb.userTimeoutAt) &&
    !keepAliveTimeout(tcb)
  );
}

/**
 * Whether a poll came so late that a retransmission from before the user timeout is still due: the
 * peer was not asked. It gets that one, and its time-out to answer.
 */
function overslept(tcb: Tcb): bool {
  if (!isRunning(tcb, Timer.RETRANSMISSION)) return false;
  if (!isBefore(tcb.retransmissionAt, tcb.userTimeoutAt)) return false;
  tcb.userTimeoutAt = now() + currentRto(tcb);
  return true;
}

@inline function isDue(tcb: Tcb, timer: Timer, deadline: u32): bool {
  return isRunning(tcb, timer) && !isBefore(now(), deadline);
}

/** RETRANSMISSION TIMEOUT: everything unacknowledged goes again, with twice the patience. */
function retransmit(tcb: Tcb): void {
  noteExpiry(tcb);
  abandonEcnOffer(tcb);
  count(Counter.RETRANSMISSION_TIMEOUTS);
  if (has(tcb, Flag.SYN_OUTSTANDING)) raiseFlag(tcb, Flag.SYN_REPEATED);
  else if (explainsTimeout(tcb)) return;
  collapseWindow(tcb);
  backOff(tcb);
  wantOutput(tcb);
}

/** The window stayed closed, or too small, for the whole time-out (SHLD-29, SHLD-30). */
function probeWindow(tcb: Tcb): void {
  raiseFlag(tcb, Flag.PROBE_DUE);
  // It runs since a probe that nobody has answered.
  if (isRunning(tcb, Timer.USER_TIMEOUT)) noteExpiry(tcb);
  else startUserTimeout(tcb);
  // Only a closed window is worth more and more patience; a small one is overridden (§3.8.6.2.1).
  if (tcb.sndWnd == 0) backOff(tcb);
  startRetransmission(tcb);
  wantOutput(tcb);
}
