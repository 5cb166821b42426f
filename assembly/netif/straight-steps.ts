/**
 * What a segment changes that goes straight in, once it is known whose it is and that it is right:
 * the fifth, seventh and eighth check of RFC 9293 §3.10.7.4, where nothing is unusual.
 *
 * Shared by netif/straight-in and straight-stamped. What is done here is what tcp/ack and
 * tcp/receive would do.
 */
import { HAS_SACK, RECEIVE_RING_OCTETS, SEND_RING_OCTETS } from "../config";
import { Event } from "../core/abi";
import { copyAndSum, sum } from "../core/checksum";
import { copyOctets } from "../core/octets";
import { advanceOffset } from "../core/ring";
import { openWindow } from "../tcp/congestion";
import { superviseKeepAlive } from "../tcp/keep-alive";
import { noteProgress } from "../tcp/pmtud";
import { isFlightOrderly, scheduleLossProbe, takeOrderlyAck } from "../tcp/rack";
import { connectionEntry, enqueueReady } from "../tcp/ready";
import { acknowledgeText, isRingFilledBy, takeFin } from "../tcp/receive";
import { takeRttSample } from "../tcp/rtt";
import { seqGt } from "../tcp/seq";
import { noteStall } from "../tcp/stall";
import { Flag, Tcb, Timer, indexOfTcb, receiveRingOf, usesSack } from "../tcp/tcb";
import { TEXT_TIMERS, startTextTimers } from "../tcp/timers";
import { noteAnswer } from "../tcp/trouble";

/**
 * Whether an acknowledgement of so many octets of what is in flight, up to SND.NXT `next`, is as
 * usual: all of that was sent once. With SACK, one that takes nothing is none of these: it may
 * have to restart the wait for a probe.
 */
@inline export function isFlightPlain(tcb: Tcb, next: u32, acked: u32): bool {
  if (tcb.sndCursor != next) return false;
  return !usesSack(tcb) || (acked != 0 && isFlightOrderly(tcb));
}

/**
 * SND.UNA < SEG.ACK =< SND.NXT, as tcp/ack's advanceUna, with so many octets in flight before; what
 * the user is told of it.
 */
@inline export function advance(tcb: Tcb, ack: u32, flight: u32, time: u32): u32 {
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
@inline export function putText(tcb: Tcb, held: u32, text: usize, octets: u32): u64 {
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
@inline export function takeText(tcb: Tcb, seq: u32, held: u32, octets: u32): Event {
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
@inline export function raise(tcb: Tcb, events: u32): void {
  if (events & Event.PEER_CLOSED) takeFin(tcb);
  tcb.events |= <u16>events;
  enqueueReady(connectionEntry(indexOfTcb(tcb)));
}
