/**
 * How a connection ends: out of every table, the user told why, the record given back.
 *
 * RFC 9293 §3.10 ("delete the TCB, enter the CLOSED state, and return"). Called wherever §3.10 says
 * so. TIME-WAIT, where the record outlives the connection, is tcp/time-wait.
 */
import { HAS_OUT_OF_ORDER } from "../config";
import { EndReason, Event, State } from "../core/abi";
import { removeFlow } from "./demux";
import { wantOutput, withdrawFlow } from "./pending";
import {
  Flag,
  Tcb,
  freeTcb,
  has,
  raiseFlag,
  receivedRanges,
  setState,
  signal,
  stateOfTcb,
} from "./tcb";

/**
 * CLOSED, for `reason`. Unless the end was a normal one, received data that the user has not read
 * is void. An RST that is due still goes out.
 */
export function endConnection(tcb: Tcb, reason: EndReason): void {
  assert(stateOfTcb(tcb) != State.CLOSED);
  setState(tcb, State.CLOSED);
  detachTcb(tcb, reason);
  reclaimTcb(tcb);
}

/** RST to the peer and CLOSED: ABORT, or data lost in a full close. */
export function resetConnection(tcb: Tcb, reason: EndReason): void {
  raiseFlag(tcb, Flag.RESET_DUE);
  endConnection(tcb, reason);
  wantOutput(tcb);
}

/** Takes the connection out of all tables and tells the user. */
@inline export function detachTcb(tcb: Tcb, reason: EndReason): void {
  tcb.timers = 0;
  removeFlow(tcb);
  withdrawFlow(tcb);
  tcb.acksDue = 0;
  if (HAS_OUT_OF_ORDER) receivedRanges(tcb).count = 0;
  tcb.endReason = <u8>reason;
  if (reason != EndReason.CLOSED) raiseFlag(tcb, Flag.FLUSHED);
  signal(tcb, Event.ENDED);
}

/** Frees the record if nobody needs it: the user has released it and no RST waits. */
@inline export function reclaimTcb(tcb: Tcb): void {
  const state = stateOfTcb(tcb);
  if (state != State.CLOSED && state != State.TIME_WAIT) return;
  if (!has(tcb, Flag.RELEASED) || has(tcb, Flag.RESET_DUE)) return;
  withdrawFlow(tcb);
  freeTcb(tcb);
}
