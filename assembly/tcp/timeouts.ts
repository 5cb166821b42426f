/**
 * What the expiry of a connection's timers means.
 *
 * RFC 9293 §3.10.8 (USER TIMEOUT, RETRANSMISSION TIMEOUT), §3.8.6.1 (probes), §3.8.6.3 (delayed
 * ACK); RFC 6298 §5. Called by `index` when the connection's entry in core/deadlines fires, which
 * may be early. Sends nothing itself.
 */
import { EndReason, State } from "../core/abi";
import { isBefore, now } from "../core/clock";
import { collapseWindow } from "./congestion";
import { endConnection } from "./end";
import { wantOutput } from "./pending";
import { acknowledgeNow } from "./receive";
import { backOff } from "./rtt";
import { Flag, Tcb, Timer, has, raiseFlag, stateOfTcb, tcbAt } from "./tcb";
import { isRunning, scheduleTimers, startRetransmission, startUserTimeout } from "./timers";
import { stopTimer } from "./timers";

/** The entry of the TCB with this index fired. */
export function connectionDeadlineReached(index: u32): void {
  const tcb = tcbAt(index);
  if (isDue(tcb, Timer.USER_TIMEOUT, tcb.userTimeoutAt)) {
    // The reason tells whether the network had an explanation (MUST-47, SHLD-25).
    endConnection(tcb, has(tcb, Flag.SOFT_ERROR) ? EndReason.UNREACHABLE : EndReason.TIMED_OUT);
    return;
  }
  if (isDue(tcb, Timer.DELAYED_ACK, tcb.delayedAckAt)) {
    stopTimer(tcb, Timer.DELAYED_ACK);
    acknowledgeNow(tcb);
  }
  if (isDue(tcb, Timer.RETRANSMISSION, tcb.retransmissionAt)) {
    stopTimer(tcb, Timer.RETRANSMISSION);
    if (has(tcb, Flag.PERSISTING)) probeWindow(tcb);
    else retransmit(tcb);
  }
  scheduleTimers(tcb);
}

@inline function isDue(tcb: Tcb, timer: Timer, deadline: u32): bool {
  return isRunning(tcb, timer) && !isBefore(now(), deadline);
}

/** RETRANSMISSION TIMEOUT: everything unacknowledged goes again, with twice the patience. */
function retransmit(tcb: Tcb): void {
  const state = stateOfTcb(tcb);
  if (state == State.SYN_SENT || state == State.SYN_RECEIVED) raiseFlag(tcb, Flag.SYN_REPEATED);
  collapseWindow(tcb);
  backOff(tcb);
  wantOutput(tcb);
}

/** The window stayed closed, or too small, for the whole time-out (SHLD-29, SHLD-30). */
function probeWindow(tcb: Tcb): void {
  raiseFlag(tcb, Flag.PROBE_DUE);
  if (!isRunning(tcb, Timer.USER_TIMEOUT)) startUserTimeout(tcb);
  backOff(tcb);
  startRetransmission(tcb);
  wantOutput(tcb);
}
