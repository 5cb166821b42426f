/**
 * What goes straight in, from the numbers on: is it the segment that is expected, and what it
 * changes.
 *
 * The checks of RFC 9293 §3.10.7.4 for a connection about which nothing is unusual, by the options
 * that its segments have; what is done here is what tcp/ack and tcp/receive would do. Called by
 * netif/straight-in and straight-stamped, which know whose segment it is.
 */
import { HAS_SACK, RECEIVE_RING_OCTETS, SEND_RING_OCTETS } from "../config";
import { Event, Work } from "../core/abi";
import { copyAndSum, sum } from "../core/checksum";
import { now } from "../core/clock";
import { copyOctets, swap32 } from "../core/octets";
import { advanceOffset } from "../core/ring";
import { openWindow } from "../tcp/congestion";
import { superviseKeepAlive } from "../tcp/keep-alive";
import { wantOutput } from "../tcp/pending";
import { noteProgress } from "../tcp/pmtud";
import { isFlightOrderly, scheduleLossProbe, takeOrderlyAck } from "../tcp/rack";
import { connectionEntry, enqueueReady } from "../tcp/ready";
import { acknowledgeText, isRingFilledBy, takeFin } from "../tcp/receive";
import { takeRttSample } from "../tcp/rtt";
import { seqGt } from "../tcp/seq";
import { noteStall } from "../tcp/stall";
import {
  Flag, Tcb, Timer, clearFlag, has, indexOfTcb, receiveRingOf, usesSack,
} from "../tcp/tcb";
import { numbersOf, templateOf } from "../tcp/template";
import { TEXT_TIMERS, startTextTimers } from "../tcp/timers";
import { isEchoOfTimed, rememberOrderly } from "../tcp/timestamps";
import { noteAnswer } from "../tcp/trouble";
import {
  CONTROL, CONTROL_MASK, JUST_ACK, PLAIN, SEQ_AND_ACK, TEXT, isRight, isWindowOpen, noteArrival,
  sumOf, takeWindow,
} from "./plain-segment";
import { echoOf, stampOf, stampSum } from "./plain-stamp";

/** The options of a segment that has none. */
@unmanaged @final export class Bare {}

/**
 * Takes a segment of a PLAIN frame, whose text of `octets` octets is there and within the window;
 * `total`: the sum of the pseudo-header, the ports and nothing else. PLAIN: nothing has changed but
 * octets of the ring that hold nothing. The clock is set.
 *
 * `O`: how its options lie there, Bare or Stamp: known when this is compiled, so they cost the
 * others nothing. While text is in flight, a segment that brings neither text nor an
 * acknowledgement of some may be a duplicate.
 */
@inline export function takeSegment<O>(tcb: Tcb, frame: usize, octets: u32, total: u64): i32 {
  const isStamped = offsetof<O>() != 0;
  const time = now();
  const seq = tcb.rcvNxt;
  const numbers = load<u64>(frame, SEQ_AND_ACK);
  const una = tcb.sndUna;
  let ack = una;
  const flight = tcb.sndNxt - una;
  const expected = numbersOf(tcb);
  if (numbers != expected) {
    ack = swap32(<u32>(numbers >> 32));
    if (<u32>numbers != <u32>expected || ack - una > flight) return PLAIN;
  }
  if (flight != 0) {
    if (!isFlightPlain(tcb, una + flight, ack - una) || (octets | (ack - una)) == 0) return PLAIN;
  }
  const last = load<u64>(frame, CONTROL);
  const control = last & CONTROL_MASK;
  const isWindowNew = control != <u64>templateOf(tcb).control;
  if (isWindowNew) {
    if (!isWindowOpen(tcb, control, JUST_ACK + (offsetof<O>() << 2))) return PLAIN;
  }
  const held = seq - tcb.rcvRead;
  if (isStamped) total += stampSum(frame);
  if (octets != 0) total += putText(tcb, held, frame + TEXT + offsetof<O>(), octets);
  if (!isRight(total + sumOf(numbers, last))) return PLAIN;
  noteArrival(tcb, seq, time);
  if (isStamped) rememberOrderly(tcb, stampOf(frame));
  let events: u32 = 0;
  if (ack != una) {
    if (isStamped) leaveUnmeasured(tcb, ack, echoOf(frame));
    events = advance(tcb, ack, flight, time);
    templateOf(tcb).ack = <u32>(numbers >> 32);
  }
  if (isWindowNew) events |= takeWindow(tcb, control);
  const isUnfinished = ack != tcb.sndEnd;
  if (isUnfinished) wantOutput(tcb);
  if (octets != 0) events |= takeText(tcb, seq, held, octets);
  if (events != 0) raise(tcb, events);
  return events != 0 || isUnfinished ? Work.ASKED : Work.NONE;
}

/**
 * Whether an acknowledgement of so many octets of what is in flight, up to SND.NXT `next`, is as
 * usual: all of that was sent once. With SACK, one that takes nothing is none of these: it may
 * have to restart the wait for a probe.
 */
@inline function isFlightPlain(tcb: Tcb, next: u32, acked: u32): bool {
  if (tcb.sndCursor != next) return false;
  return !usesSack(tcb) || (acked != 0 && isFlightOrderly(tcb));
}

/**
 * SND.UNA < SEG.ACK =< SND.NXT, as tcp/ack's advanceUna, with so many octets in flight before; what
 * the user is told of it.
 */
@inline function advance(tcb: Tcb, ack: u32, flight: u32, time: u32): u32 {
  const acked = ack - tcb.sndUna;
  let flags = tcb.flags;
  if (HAS_SACK && flags & Flag.SACK) takeOrderlyAck(tcb, ack);
  tcb.sendOffset = <u16>advanceOffset(tcb.sendOffset, acked, SEND_RING_OCTETS);
  tcb.sndUna = ack;
  noteAnswer(tcb);
  if (flags & Flag.TIMING && seqGt(ack, tcb.rttSeq)) {
    flags &= ~Flag.TIMING;
    takeRttSample(tcb, time - tcb.rttStart);
  }
  noteProgress(tcb, acked);
  openWindow(tcb, acked, flight);
  const queued = tcb.sndEnd - ack;
  let events: u32 = 0;
  if (flags & Flag.WRITE_BLOCKED && queued <= SEND_RING_OCTETS / 2) {
    flags &= ~Flag.WRITE_BLOCKED;
    events = Event.WRITABLE;
  }
  tcb.flags = flags;
  const timers = <u32>tcb.timers & ~TEXT_TIMERS;
  if (queued != 0) {
    const which: u32 = flight != acked ? TEXT_TIMERS : Timer.USER_TIMEOUT;
    startTextTimers(tcb, timers & ~Timer.KEEP_ALIVE, which, time);
  } else {
    tcb.timers = <u8>timers;
    if (flags & Flag.KEEP_ALIVE) superviseKeepAlive(tcb);
    events |= Event.ALL_ACKNOWLEDGED;
  }
  if (HAS_SACK && flags & Flag.SACK) scheduleLossProbe(tcb);
  return events;
}

/**
 * Puts text into the ring, behind the octets that it holds, and returns its sum. It need not be
 * known to be right: it is within the window, so there is room, nobody reads there before RCV.NXT
 * says so, and no text that came early lies there, since then nothing goes straight (tcp/template).
 */
@inline function putText(tcb: Tcb, held: u32, text: usize, octets: u32): u64 {
  const ring = receiveRingOf(tcb);
  const offset = advanceOffset(tcb.receiveOffset, held, RECEIVE_RING_OCTETS);
  const room = RECEIVE_RING_OCTETS - offset;
  if (octets <= room) return copyAndSum(ring + offset, text, octets);
  copyOctets(ring + offset, text, room);
  copyOctets(ring, text + room, octets - room);
  return sum(text, octets);
}

/**
 * Seventh check: text in order, at RCV.NXT `seq`, is in the ring behind what that held; what the
 * user is told of it.
 */
@inline function takeText(tcb: Tcb, seq: u32, held: u32, octets: u32): Event {
  let mss = <u32>tcb.rcvMss;
  if (mss < octets) {
    mss = octets;
    tcb.rcvMss = <u16>octets;
  }
  const next = seq + octets;
  tcb.rcvNxt = next;
  acknowledgeText(tcb, next, mss);
  if (isRingFilledBy(held, octets)) noteStall(tcb);
  return Event.READABLE;
}

/** Eighth check: the FIN; and as tcp/tcb's signal: this one is accepted and was not released. */
@inline function raise(tcb: Tcb, events: u32): void {
  if (events & Event.PEER_CLOSED) takeFin(tcb);
  tcb.events |= <u16>events;
  enqueueReady(connectionEntry(indexOfTcb(tcb)));
}

/** Where the timed segment is acknowledged, but an older one is echoed, nothing is measured. */
@inline function leaveUnmeasured(tcb: Tcb, ack: u32, tsEcr: u32): void {
  if (!has(tcb, Flag.TIMING) || !seqGt(ack, tcb.rttSeq)) return;
  if (!isEchoOfTimed(tcb, tsEcr)) clearFlag(tcb, Flag.TIMING);
}
