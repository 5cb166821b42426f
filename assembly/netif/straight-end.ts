/**
 * The straight way to the end: the acknowledgement of our FIN, and the peer's FIN.
 *
 * RFC 9293 §3.10.7.4 in FIN-WAIT-1, FIN-WAIT-2 and LAST-ACK, for a connection about which nothing
 * is unusual but that it was closed: a segment without text, and without options but timestamps, in
 * order, acknowledges all there is. Everything else is left untouched to the general way, and what
 * is done here is what that would do (tests/tcp/straight-end.test.ts). Called by netif/straight-in,
 * which has found out whose segment it is: so nothing is parsed, looked up or asked twice, which
 * saves an interpreter 4,400 to 5,400 instructions for each of these segments.
 */
import { HAS_SACK, HAS_TIMESTAMPS } from "../config";
import { EndReason, Event, State, Work } from "../core/abi";
import { now } from "../core/clock";
import { settleSending } from "../tcp/ack";
import { endConnection } from "../tcp/end";
import { isFlightOrderly, takeOrderlyAck } from "../tcp/rack";
import { receiveWindow, takeFin } from "../tcp/receive";
import { beginSegment } from "../tcp/segment";
import { seqGt } from "../tcp/seq";
import {
  Flag, Tcb, Timer, UNUSUAL, has, setState, signal, stateOfTcb, usesSack, usesTimestamps,
} from "../tcp/tcb";
import { enterTimeWait } from "../tcp/time-wait";
import { isBeforeRecent, rememberOrderly, stampSegment } from "../tcp/timestamps";
import { stopTimer, superviseUserTimeout } from "../tcp/timers";
import { noteAnswer } from "../tcp/trouble";
import { ethernetSource } from "../wire/ethernet";
import { Ctl } from "../wire/tcp";
import {
  CONTROL, CONTROL_MASK, FIN, JUST_ACK, NO_TEXT, PLAIN, SEQ_AND_ACK, TOTAL_LENGTH, isRight,
  isWindowOpen, noteArrival, rawNumbers, sumOf, takeWindow,
} from "./plain-segment";
import { STAMPED_ACK, STAMP_OCTETS, hasStamp, stampOf, stampSum } from "./plain-stamp";
import { sendSegment } from "./transmitter";

/** What is up, or may be, on the way to the end. */
@inline const CLOSE: u32 =
  Flag.SEND_CLOSED | Flag.RECEIVE_CLOSED | Flag.RELEASED | Flag.PEER_CLOSED | Flag.FIN_SEEN |
  Flag.TIMESTAMPS;

/**
 * Takes a PLAIN frame of `length` octets, of a connection that was closed here, if it can be taken
 * this way; otherwise nothing has changed. `total`: the sum of the pseudo-header and the ports. The
 * clock is set.
 */
export function takeEnd(connection: usize, frame: usize, length: u32, total: u64): i32 {
  const tcb = changetype<Tcb>(connection);
  const flags = tcb.flags;
  if (flags & (UNUSUAL & ~CLOSE)) return PLAIN;
  if (HAS_SACK && flags & Flag.SACK && !isFlightOrderly(tcb)) return PLAIN;
  let justAck = JUST_ACK;
  let noText = NO_TEXT;
  if (HAS_TIMESTAMPS && flags & Flag.TIMESTAMPS) {
    if (!hasStamp(frame, length) || isBeforeRecent(tcb, stampOf(frame))) return PLAIN;
    total += stampSum(frame);
    justAck = STAMPED_ACK;
    noText += STAMP_OCTETS << 8;
  }
  if (<u64>load<u16>(frame, TOTAL_LENGTH) != noText) return PLAIN;
  const seq = tcb.rcvNxt;
  const end = tcb.sndEnd + 1; // behind our FIN
  const numbers = load<u64>(frame, SEQ_AND_ACK);
  if (numbers != rawNumbers(seq, end)) return PLAIN;
  const last = load<u64>(frame, CONTROL);
  const control = last & CONTROL_MASK;
  if (!isWindowOpen(tcb, control, justAck) || seqGt(tcb.sndWl1, seq)) return PLAIN;
  const isFin = (control & FIN) != 0;
  const isNews = tcb.sndUna != end;
  if (!isExpected(tcb, isNews, isFin) || !isRight(total + sumOf(numbers, last))) return PLAIN;
  noteArrival(tcb, seq, now());
  if (HAS_TIMESTAMPS && flags & Flag.TIMESTAMPS) rememberOrderly(tcb, stampOf(frame));
  takeWindow(tcb, control);
  if (isNews) takeFinAck(tcb, end);
  if (isFin) takePeersFin(tcb, ethernetSource(frame));
  return Work.ASKED;
}

/**
 * Whether this is what the state waits for: the acknowledgement of our FIN, which alone is in
 * flight, or the peer's FIN, or both. Where the peer's was seen before, it may have been at another
 * place.
 */
@inline function isExpected(tcb: Tcb, isNews: bool, isFin: bool): bool {
  if (isFin && has(tcb, Flag.FIN_SEEN)) return false;
  if (!isNews) return isFin; // in FIN-WAIT-2: no other state is left after that acknowledgement
  const state = stateOfTcb(tcb);
  if (tcb.sndUna != tcb.sndEnd || tcb.sndNxt == tcb.sndUna) return false;
  return state == State.FIN_WAIT_1 || state == State.LAST_ACK;
}

/** Fifth check: our FIN is acknowledged. */
@inline function takeFinAck(tcb: Tcb, end: u32): void {
  if (usesSack(tcb)) {
    takeOrderlyAck(tcb, end);
    stopTimer(tcb, Timer.LOSS); // nothing is left that a probe might be for
  }
  tcb.sndUna = end;
  tcb.sndCursor = end;
  noteAnswer(tcb);
  settleSending(tcb, false);
  if (stateOfTcb(tcb) == State.LAST_ACK) {
    endConnection(tcb, EndReason.CLOSED);
  } else {
    setState(tcb, State.FIN_WAIT_2);
    superviseUserTimeout(tcb); // it bounds this state after a full close
  }
}

/** Eighth check, in FIN-WAIT-2: it is acknowledged at once, since a record sends nothing. */
@inline function takePeersFin(tcb: Tcb, mac: u64): void {
  takeFin(tcb);
  signal(tcb, Event.PEER_CLOSED | Event.READABLE);
  const out = beginSegment(tcb.localAddress, tcb.remoteAddress, tcb.ports, tcb.marks);
  out.seq = tcb.sndNxt;
  out.ack = tcb.rcvNxt;
  out.flags = Ctl.ACK;
  out.wnd = receiveWindow(tcb);
  if (usesTimestamps(tcb)) stampSegment(tcb, out);
  enterTimeWait(tcb);
  sendSegment(mac, out);
}
