/**
 * What an active and a passive opening have in common: the variables of a TCB that begins.
 *
 * RFC 9293 §3.3.1, §3.10.1, §3.10.7.2. Called by tcp/calls, tcp/half-open and tcp/arrives.
 */
import { now } from "../core/clock";
import { resetKeepAlive } from "./keep-alive";
import { FULL_SIZED_MIN, INITIAL_RCV_WND } from "./receive";
import { noteStall } from "./stall";
import { Tcb } from "./tcb";
import { USER_TIMEOUT_DEFAULT_MS } from "./timers";

/** `seq` is the next number to be sent, and `rto` the time-out of what takes it. */
export function beginSending(tcb: Tcb, seq: u32, rto: u32): void {
  tcb.sndUna = seq;
  tcb.sndCursor = seq;
  tcb.sndNxt = seq;
  tcb.sndEnd = seq;
  tcb.rto = rto;
  tcb.lastSentAt = now();
  tcb.userTimeoutMs = USER_TIMEOUT_DEFAULT_MS;
  resetKeepAlive(tcb);
  noteStall(tcb);
}

/** The peer's SYN has the number `irs`. */
export function beginReceiving(tcb: Tcb, irs: u32): void {
  const next = irs + 1;
  tcb.irs = irs;
  tcb.rcvNxt = next;
  tcb.rcvRead = next;
  tcb.rcvAcked = next;
  tcb.rcvAdv = next + INITIAL_RCV_WND;
  tcb.rcvMss = <u16>FULL_SIZED_MIN;
}
