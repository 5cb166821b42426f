/**
 * Urgent data: how far it reaches, both ways. The octets themselves stay in line with the others.
 *
 * RFC 9293 §3.8.5, §3.10.7.4 (sixth check); RFC 6093. A pointer names the octet after the last
 * urgent one. Called by tcp/arrives and tcp/calls for the receiver's side, by tcp/calls, tcp/output
 * and tcp/ack for the sender's. Never drops or moves an octet.
 */
import { HAS_URGENT, SEND_RING_OCTETS } from "../config";
import { Event } from "../core/abi";
import { Ctl } from "../wire/tcp";
import { acknowledgeNow } from "./receive";
import { OutSegment, Segment } from "./segment";
import { seqGe, seqGt, seqLt } from "./seq";
import { Flag, Tcb, clearFlag, firstTextSeq, has, raiseFlag, signal } from "./tcb";
import { URGENT_OFFSET, URGENT_SIZE } from "./tcb-layout";

/** The part of a TCB that urgent data needs. */
@unmanaged @final class Urgent {
  /** SND.UP, where Flag.URGENT. */
  sndUp: u32;
  /** RCV.UP, as the distance from the next octet that the user will RECEIVE. */
  unread: u32;
}
if (HAS_URGENT && offsetof<Urgent>() != URGENT_SIZE) ERROR("Urgent layout");
if (HAS_URGENT && SEND_RING_OCTETS > 0xffff) ERROR("the urgent pointer has 16 bits");

@inline function urgentOf(tcb: Tcb): Urgent {
  return changetype<Urgent>(changetype<usize>(tcb) + URGENT_OFFSET);
}

/** Sixth check: RCV.UP from SEG.UP, and the user is told if that is news to him (MUST-32). */
export function takeUrgent(tcb: Tcb, segment: Segment): void {
  if (!HAS_URGENT || !segment.has(Ctl.URG)) return;
  const urgent = urgentOf(tcb);
  if (!seqGt(segment.urgentEnd, tcb.rcvRead + urgent.unread)) return;
  urgent.unread = segment.urgentEnd - tcb.rcvRead;
  signal(tcb, Event.URGENT);
}

/** The user has read so many octets, the urgent ones first (MUST-33). */
@inline export function readUrgent(tcb: Tcb, octets: u32): void {
  if (!HAS_URGENT) return;
  const unread = urgentOf(tcb).unread;
  if (unread != 0) urgentOf(tcb).unread = unread - min(unread, octets);
}

/** Octets up to RCV.UP that the user has not read, come or to come; none behind the peer's FIN. */
export function urgentUnread(tcb: Tcb): u32 {
  if (!HAS_URGENT || has(tcb, Flag.FLUSHED)) return 0;
  const unread = urgentOf(tcb).unread;
  return has(tcb, Flag.FIN_SEEN) ? min(unread, tcb.rcvFin - tcb.rcvRead) : unread;
}

/**
 * Everything sent so far is urgent. Where it cannot leave at once an empty segment says so, also
 * into a closed window.
 */
export function makeUrgent(tcb: Tcb): void {
  if (tcb.sndEnd == firstTextSeq(tcb)) return; // all of it has been acknowledged
  raiseFlag(tcb, Flag.URGENT);
  urgentOf(tcb).sndUp = tcb.sndEnd;
  if (has(tcb, Flag.SYN_OUTSTANDING) || !seqLt(tcb.sndCursor, tcb.sndEnd)) return;
  acknowledgeNow(tcb);
}

/** Puts the pointer into a segment that begins before SND.UP. */
export function pointToUrgent(tcb: Tcb, out: OutSegment): void {
  if (!seqGt(urgentOf(tcb).sndUp, out.seq)) return;
  out.flags |= Ctl.URG;
  out.urgentPointer = urgentOf(tcb).sndUp - out.seq;
}

/** SND.UNA has moved: urgent mode ends at SND.UP. */
export function settleUrgent(tcb: Tcb): void {
  if (!HAS_URGENT || !has(tcb, Flag.URGENT)) return;
  if (seqGe(tcb.sndUna, urgentOf(tcb).sndUp)) clearFlag(tcb, Flag.URGENT);
}
