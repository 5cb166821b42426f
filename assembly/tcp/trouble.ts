/**
 * What may be wrong with a connection that lives: whom it is told, and what is done about it.
 *
 * RFC 9293 §3.8.3 (R1: the user hears of it, and the next hop is asked again), §3.9.1.8 and
 * §3.9.2.2 (soft errors). Progress disproves all of it. Called by tcp/timeouts and tcp/icmp-error
 * when trouble comes, by tcp/ack when it goes, and by netif/egress, which knows the next hop.
 */
import { HAS_PMTUD, HAS_TROUBLE } from "../config";
import { EndReason, Event } from "../core/abi";
import { Flag, Tcb, clearFlag, has, raiseFlag, signal } from "./tcb";

/** R1: that many time-outs in a row (SHLD-10). */
@inline const R1: u8 = 3;
@inline const EXPIRIES_MAX: u8 = 255;
/** The halves of `Tcb.softError`. */
@inline const CODE_BITS: u32 = 4;
@inline const CODE_MAX: u32 = 15;

/** The network has reported an error: ICMP's `type << 8 | code`, or SoftError.NO_NEIGHBOUR. */
export function noteSoftError(tcb: Tcb, error: u32): void {
  if (!HAS_TROUBLE) return;
  tcb.softError = <u8>(((error >> 8) << CODE_BITS) | min(error & 0xff, CODE_MAX));
  tell(tcb, Event.SOFT_ERROR);
}

/** The error that stands, as it was reported; 0 if there is none. */
export function softErrorOf(tcb: Tcb): u32 {
  return ((<u32>tcb.softError >> CODE_BITS) << 8) | (<u32>tcb.softError & CODE_MAX);
}

/** A segment's time-out has expired, or a probe's, without an answer. */
export function noteExpiry(tcb: Tcb): void {
  if (!HAS_TROUBLE && !HAS_PMTUD) return;
  if (tcb.expiries != EXPIRIES_MAX) tcb.expiries += 1;
  if (!HAS_TROUBLE || tcb.expiries != R1) return;
  raiseFlag(tcb, Flag.NEXT_HOP_IN_DOUBT);
  tell(tcb, Event.TROUBLE);
}

/** Where a TCB has its expiries, and behind them the soft error. */
@inline const TROUBLES: usize = offsetof<Tcb>("expiries");

/** The peer has answered. */
@inline export function noteAnswer(tcb: Tcb): void {
  if (HAS_TROUBLE) store<u16>(changetype<usize>(tcb), 0, TROUBLES);
  else if (HAS_PMTUD) tcb.expiries = 0;
}

/** Whether the next hop of this connection is to be asked if it is there, once (MUST-20). */
export function takeDoubt(flow: usize): bool {
  const tcb = changetype<Tcb>(flow);
  if (!HAS_TROUBLE || !has(tcb, Flag.NEXT_HOP_IN_DOUBT)) return false;
  clearFlag(tcb, Flag.NEXT_HOP_IN_DOUBT);
  return true;
}

/** How a connection ends that was given up: whether the network had an explanation (SHLD-25). */
export function reasonToGiveUp(tcb: Tcb): EndReason {
  return HAS_TROUBLE && tcb.softError != 0 ? EndReason.UNREACHABLE : EndReason.TIMED_OUT;
}

/** Tells the user, unless he does not want to know (SHLD-20). */
function tell(tcb: Tcb, event: Event): void {
  if (!has(tcb, Flag.QUIET)) signal(tcb, event);
}
