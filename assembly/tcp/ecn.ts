/**
 * Explicit congestion notification: routers mark instead of dropping, the receiver echoes the mark,
 * the sender slows down as if it had lost something.
 *
 * RFC 3168 §6.1. ECT(0) goes on text that is sent for the first time and on nothing else (§6.1.4 to
 * §6.1.6); RFC 8311 would allow experiments with more, which this is not. A SYN that asks and stays
 * without an answer is repeated without asking (§6.1.1.1); a RST in answer to it is taken for what
 * it says. The window itself is cut by tcp/congestion.
 * Called by tcp/arrives, tcp/half-open, tcp/output, tcp/ack and tcp/congestion.
 */
import { HAS_ECN } from "../config";
import { Counter, Parameter, State } from "../core/abi";
import { count } from "../core/counters";
import { Ctl } from "../wire/tcp";
import { withEct } from "./marks";
import { parameter } from "./parameters";
import { wantOutput } from "./pending";
import { OutSegment, Segment } from "./segment";
import { seqGt, seqLe } from "./seq";
import { Flag, Tcb, Timer, clearFlag, has, raiseFlag, stateOfTcb } from "./tcb";
import { ECN_OFFSET, ECN_SIZE } from "./tcb-layout";
import { startRetransmission } from "./timers";

/** Values of Parameter.ECN. */
const enum Policy {
  NEVER = 0,
  AGREE = 1,
  ASK = 2,
}
@inline export const ECN_POLICY_MAX: u32 = Policy.ASK;

/** Both bits in a SYN ask for ECN; ECE alone in a SYN and ACK agrees (§6.1.1). */
@inline const SETUP: u32 = Ctl.ECE | Ctl.CWR;

/** The part of a TCB that ECN needs. */
@unmanaged @final class Ecn {
  /** SND.NXT when the window was last cut: until it is acknowledged there is no other cut. */
  cutEnd: u32;
}
if (HAS_ECN && offsetof<Ecn>() != ECN_SIZE) ERROR("Ecn layout");

@inline function ecnOf(tcb: Tcb): Ecn {
  return changetype<Ecn>(changetype<usize>(tcb) + ECN_OFFSET);
}

/** Whether both sides speak ECN, or in SYN-SENT our SYN asks for it. */
@inline export function usesEcn(tcb: Tcb): bool {
  return HAS_ECN && has(tcb, Flag.ECN);
}

/** Whether both sides have agreed. */
export function isEcnAgreed(tcb: Tcb): bool {
  return usesEcn(tcb) && stateOfTcb(tcb) != State.SYN_SENT;
}

/** Active OPEN: our SYN asks, if that is wanted. */
export function offerEcn(tcb: Tcb): void {
  if (HAS_ECN && parameter(Parameter.ECN) == Policy.ASK) raiseFlag(tcb, Flag.ECN);
}

/** Whether a SYN that arrives in LISTEN asks for ECN, and we agree. */
export function agreesToEcn(segment: Segment): bool {
  return HAS_ECN && parameter(Parameter.ECN) != Policy.NEVER && (segment.flags & SETUP) == SETUP;
}

/** The peer's SYN, with or without ACK, has come to our own: unless it agrees there is no ECN. */
export function concludeEcn(tcb: Tcb, segment: Segment): void {
  const agreement: u32 = segment.has(Ctl.ACK) ? Ctl.ECE : SETUP;
  if (usesEcn(tcb) && (segment.flags & SETUP) != agreement) clearFlag(tcb, Flag.ECN);
}

/** Our SYN stayed without an answer: perhaps something on the way takes offence at its bits. */
export function abandonEcnOffer(tcb: Tcb): void {
  if (HAS_ECN && stateOfTcb(tcb) == State.SYN_SENT) clearFlag(tcb, Flag.ECN);
}

/** What our SYN says of ECN, or our SYN and ACK when both open at once. */
export function synBits(tcb: Tcb): u32 {
  if (!usesEcn(tcb)) return 0;
  return stateOfTcb(tcb) == State.SYN_SENT ? SETUP : Ctl.ECE;
}

/** The connection begins: no window has been cut. */
export function resetEcn(tcb: Tcb): void {
  if (HAS_ECN) ecnOf(tcb).cutEnd = tcb.iss;
}

/** The receiver's side (§6.1.3): CWR ends the echo of earlier marks, CE on text begins it. */
export function takeMark(tcb: Tcb, segment: Segment): void {
  if (!usesEcn(tcb)) return;
  if (segment.has(Ctl.CWR)) clearFlag(tcb, Flag.ECE_DUE);
  if (!segment.isCe || segment.textOctets == 0) return;
  count(Counter.ECN_CE_IN);
  raiseFlag(tcb, Flag.ECE_DUE);
}

/** ECE for an acknowledgement, while marks are to be echoed. */
@inline export function echoBit(tcb: Tcb): u32 {
  return HAS_ECN && has(tcb, Flag.ECE_DUE) ? Ctl.ECE : 0;
}

/** Text that leaves for the first time may be marked, and tells that the window has been cut. */
export function markNewText(tcb: Tcb, out: OutSegment): void {
  if (!usesEcn(tcb)) return;
  out.marks = withEct(out.marks);
  if (has(tcb, Flag.CWR_DUE)) out.flags |= Ctl.CWR;
}

/** The window has been cut, for whatever reason (§6.1.2). */
export function noteCut(tcb: Tcb): void {
  if (!usesEcn(tcb)) return;
  ecnOf(tcb).cutEnd = tcb.sndNxt;
  raiseFlag(tcb, Flag.CWR_DUE);
}

/** Whether something that was in flight at the last cut is not acknowledged yet. */
export function isWithinCut(tcb: Tcb): bool {
  return usesEcn(tcb) && seqGt(ecnOf(tcb).cutEnd, tcb.sndUna);
}

/** Whether an echo is news: all that was in flight at the last cut, and more, is acknowledged. */
export function isEchoNews(tcb: Tcb): bool {
  return !seqLe(tcb.sndUna, ecnOf(tcb).cutEnd);
}

/** SND.UNA has moved. Left behind by 2^31 octets, the last cut would seem to lie ahead. */
export function keepCutClose(tcb: Tcb): void {
  if (!HAS_ECN) return;
  const ecn = ecnOf(tcb);
  if (seqGt(tcb.sndUna - 1, ecn.cutEnd)) ecn.cutEnd = tcb.sndUna - 1;
}

/** An echo at a window of one segment: nothing new until the retransmission timer expires. */
export function holdForEcn(tcb: Tcb): void {
  tcb.timers |= <u8>Timer.ECN_HOLD;
  startRetransmission(tcb);
}

@inline export function isEcnHeld(tcb: Tcb): bool {
  return HAS_ECN && (tcb.timers & Timer.ECN_HOLD) != 0;
}

/** The retransmission timer has expired; whether that was all that it was running for. */
export function releaseEcnHold(tcb: Tcb): bool {
  if (!isEcnHeld(tcb)) return false;
  tcb.timers &= ~(<u8>Timer.ECN_HOLD);
  if (tcb.sndUna != tcb.sndNxt) return false;
  wantOutput(tcb);
  return true;
}
