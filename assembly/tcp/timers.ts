/**
 * The deadlines of one connection: set, stopped, and entered into the common queue.
 *
 * RFC 9293 §3.8.3 (user timeout), §3.8.6.3 (delayed ACK), RFC 6298 §5. A TCB has one entry in
 * core/deadlines for all its timers, armed no later than the earliest. Stopping a timer or pushing
 * it back touches the TCB only; the entry then fires early and tcp/timeouts arms it again.
 */
import { HAS_SACK } from "../config";
import { isBefore, now } from "../core/clock";
import { armDeadline } from "../core/deadlines";
import { State } from "../core/abi";
import { stopKeepAlive, superviseKeepAlive } from "./keep-alive";
import { lossTimerAt } from "./rack";
import { currentRto } from "./rtt";
import { Flag, Tcb, Timer, clearFlag, deadlineOf, has, sendLimit, stateOfTcb } from "./tcb";

/** R2 (RFC 9293 §3.8.3): the default user timeout of §3.9.1.1, above the 3 minutes of MUST-23. */
@inline export const USER_TIMEOUT_DEFAULT_MS: u32 = 300_000;

@inline export function isRunning(tcb: Tcb, timer: Timer): bool {
  return (tcb.timers & timer) != 0;
}

@inline export function stopTimer(tcb: Tcb, timer: Timer): void {
  tcb.timers &= ~(<u8>timer);
}

/** (Re)starts the retransmission timer with the timeout in force. */
@inline export function startRetransmission(tcb: Tcb): void {
  tcb.retransmissionAt = now() + currentRto(tcb);
  tcb.timers |= <u8>Timer.RETRANSMISSION;
  armDeadline(deadlineOf(tcb), tcb.retransmissionAt);
}

/** Stops the retransmission timer, also where it serves as persist timer; no probe is due then. */
export function stopRetransmission(tcb: Tcb): void {
  stopTimer(tcb, Timer.RETRANSMISSION);
  if (!has(tcb, Flag.PERSISTING)) return;
  clearFlag(tcb, Flag.PERSISTING | Flag.PROBE_DUE);
  tcb.backoff = 0; // the probes' backoff says nothing about the round trip
}

/** What runs while text is outstanding. */
@inline export const TEXT_TIMERS: u32 = Timer.RETRANSMISSION | Timer.USER_TIMEOUT;

/**
 * (Re)starts those of TEXT_TIMERS that `which` names, at `time`, which is now; `running` are all
 * that run, and keep-alive does not. One entry serves both: it is armed once, for the earlier one.
 */
@inline export function startTextTimers(tcb: Tcb, running: u32, which: u32, time: u32): void {
  const timers = running | which;
  tcb.timers = <u8>timers;
  if (which & Timer.RETRANSMISSION) tcb.retransmissionAt = time + currentRto(tcb);
  if (which & Timer.USER_TIMEOUT) tcb.userTimeoutAt = time + tcb.userTimeoutMs;
  let due = tcb.userTimeoutAt;
  if (timers & Timer.RETRANSMISSION && isBefore(tcb.retransmissionAt, due)) {
    due = tcb.retransmissionAt;
  }
  armDeadline(deadlineOf(tcb), due);
}

/** Starts the delayed-ACK timer, which does not run. */
@inline export function startDelayedAck(tcb: Tcb, delayMs: u32): void {
  tcb.delayedAckAt = now() + delayMs;
  tcb.timers |= <u8>Timer.DELAYED_ACK;
  armDeadline(deadlineOf(tcb), tcb.delayedAckAt);
}

/** (Re)starts the user timeout: there was progress, or the wait has just begun. */
@inline export function startUserTimeout(tcb: Tcb): void {
  stopKeepAlive(tcb);
  tcb.userTimeoutAt = now() + tcb.userTimeoutMs;
  tcb.timers |= <u8>Timer.USER_TIMEOUT;
  armDeadline(deadlineOf(tcb), tcb.userTimeoutAt);
}

/**
 * Whether the user timeout must run: something is to be sent or acknowledged, a fully closed
 * connection waits in FIN-WAIT-2 for a FIN that may never come, or nobody has accepted it.
 */
@inline export function isWaitingForPeer(tcb: Tcb): bool {
  if (tcb.sndUna != sendLimit(tcb) || has(tcb, Flag.UNACCEPTED)) return true;
  return stateOfTcb(tcb) == State.FIN_WAIT_2 && has(tcb, Flag.RECEIVE_CLOSED);
}

/**
 * Starts or stops the user timeout as the state asks, without restarting a running one; while
 * nothing is waited for, keep-alive has its place. While a
 * closed window is probed it runs from a probe to its answer only; but nobody waits for the window
 * of a peer on behalf of a connection that was closed in full.
 */
@inline export function superviseUserTimeout(tcb: Tcb): void {
  settleUserTimeout(tcb, isWaitingForPeer(tcb));
}

/** The same, where it is known whether it must run. */
@inline export function settleUserTimeout(tcb: Tcb, isWaiting: bool): void {
  if (has(tcb, Flag.PERSISTING) && !has(tcb, Flag.RECEIVE_CLOSED)) return;
  if (!isWaiting) {
    stopTimer(tcb, Timer.USER_TIMEOUT);
    superviseKeepAlive(tcb);
  } else if (!isRunning(tcb, Timer.USER_TIMEOUT)) {
    startUserTimeout(tcb);
  }
}

/** Changes R2 (RFC 9293 MUST-21), of a running user timeout as well. */
export function setUserTimeout(tcb: Tcb, timeoutMs: u32): void {
  const difference = timeoutMs - tcb.userTimeoutMs;
  tcb.userTimeoutMs = timeoutMs;
  if (!isRunning(tcb, Timer.USER_TIMEOUT)) return;
  tcb.userTimeoutAt += difference;
  armDeadline(deadlineOf(tcb), tcb.userTimeoutAt);
}

/** Arms the connection's entry for the earliest of its running timers. */
export function scheduleTimers(tcb: Tcb): void {
  const id = deadlineOf(tcb);
  if (isRunning(tcb, Timer.RETRANSMISSION)) armDeadline(id, tcb.retransmissionAt);
  if (isRunning(tcb, Timer.DELAYED_ACK)) armDeadline(id, tcb.delayedAckAt);
  if ((tcb.timers & (Timer.USER_TIMEOUT | Timer.KEEP_ALIVE)) != 0) {
    armDeadline(id, tcb.userTimeoutAt);
  }
  if (HAS_SACK && isRunning(tcb, Timer.LOSS)) armDeadline(id, lossTimerAt(tcb));
}
