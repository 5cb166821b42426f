/**
 * TIME-WAIT: a compact record that keeps the tuple quiet for 2MSL, without rings or timers.
 *
 * RFC 9293 §3.6.1, §3.10.7.4 (TIME-WAIT), MUST-13; RFC 1337.
 *
 *     queue:  oldest ─ … ─ newest      all wait 2MSL, so they expire in the order of the queue;
 *                                      a retransmitted FIN moves its record to the end
 *
 * DEVIATION: RST is ignored here (RFC 1337 §3, fix 1), where RFC 9293 would end TIME-WAIT: an old
 * duplicate draws an ACK that the closed peer answers with just such an RST. It costs no one a
 * wait, since a fresh SYN reopens the tuple (MAY-2).
 * Called by tcp/arrives, tcp/calls and, when the deadline is reached, by `index`.
 */
import { EXPIRY_BUDGET, HAS_MARKS, HAS_TIMESTAMPS, TIME_WAIT_COUNT } from "../config";
import { Counter, EndReason, State } from "../core/abi";
import { isBefore, now } from "../core/clock";
import { count } from "../core/counters";
import { TIME_WAIT_DEADLINE, armDeadline } from "../core/deadlines";
import { Ctl } from "../wire/tcp";
import { takeChallenge } from "./challenge";
import { insertFlow, removeFlow } from "./demux";
import { detachTcb, reclaimTcb } from "./end";
import {
  FlowKind,
  FlowList,
  ListedFlow,
  TIME_WAIT_OFFSET,
  TIME_WAIT_SIZE,
  appendFlow,
  copyTuple,
  flowAt,
  flowAtOffset,
  linkTo,
  unlinkFlow,
} from "./flow";
import { receiveWindow } from "./receive";
import { timestampOffset, tupleHash } from "./isn";
import { reply, replyWith } from "./reply";
import { Segment } from "./segment";
import { Flag, Tcb, has, indexOfTcb, setState, tcbAt, usesTimestamps } from "./tcb";
import { recentTimestamp, stamp } from "./timestamps";
import { isAcceptable } from "./seq";

@unmanaged @final export class TimeWait extends ListedFlow {
  sndNxt: u32;
  rcvNxt: u32;
  expiresAt: u32;
  tsRecent: u32;
  rcvWnd: u16;
  /** Index + 1 of the TCB whose handle the user still holds, or 0. */
  owner: u16;
  /** TTL and TOS (tcp/marks). */
  marks: u16;
  hasTimestamps: bool;
}
if (offsetof<TimeWait>() > TIME_WAIT_SIZE) ERROR("TimeWait layout");

/** The records in order of expiry; with the free ones, and the time they stay. */
@unmanaged @final class Queue extends FlowList {
  twoMslMs: u32;
  free: u16;
}
const QUEUE: usize = memory.data(offsetof<Queue>(), 8);

@inline function queue(): Queue {
  return changetype<Queue>(QUEUE);
}

/** All records free. `mslMs`: the maximum segment lifetime (RFC 9293 §3.4.2). */
export function resetTimeWait(mslMs: u32): void {
  memory.fill(QUEUE, 0, offsetof<Queue>());
  queue().twoMslMs = 2 * mslMs;
  for (let i = TIME_WAIT_COUNT; i > 0; --i) {
    const record = flowAtOffset(TIME_WAIT_OFFSET + (i - 1) * TIME_WAIT_SIZE);
    record.hashNext = queue().free;
    queue().free = <u16>linkTo(record);
  }
}

/**
 * Moves a connection whose two FINs are acknowledged into a record; the TCB keeps what was read.
 */
export function enterTimeWait(tcb: Tcb): void {
  setState(tcb, State.TIME_WAIT);
  const window = receiveWindow(tcb);
  detachTcb(tcb, EndReason.CLOSED);
  if (queue().free == 0) {
    count(Counter.TIME_WAIT_RECYCLED);
    dropTimeWait(changetype<TimeWait>(flowAt(queue().first)));
  }
  const record = changetype<TimeWait>(flowAt(queue().free));
  queue().free = record.hashNext;
  memory.fill(changetype<usize>(record), 0, TIME_WAIT_SIZE);
  record.kind = <u8>FlowKind.TIME_WAIT;
  record.state = <u8>State.TIME_WAIT;
  copyTuple(record, tcb);
  record.sndNxt = tcb.sndNxt;
  record.rcvNxt = tcb.rcvNxt;
  record.rcvWnd = <u16>window;
  if (HAS_MARKS) record.marks = tcb.marks;
  if (HAS_TIMESTAMPS) {
    record.hasTimestamps = usesTimestamps(tcb);
    record.tsRecent = recentTimestamp(tcb);
  }
  insertFlow(record);
  appendRecord(record);
  if (has(tcb, Flag.RELEASED)) {
    reclaimTcb(tcb);
  } else {
    record.owner = <u16>(indexOfTcb(tcb) + 1);
    tcb.timeWait = <u16>linkTo(record);
  }
}

/** The TCB's user has released the handle: the record goes on alone. */
export function disownTimeWait(tcb: Tcb): void {
  if (tcb.timeWait == 0) return;
  changetype<TimeWait>(flowAt(tcb.timeWait)).owner = 0;
  tcb.timeWait = 0;
}

/** Ends a record: its time is over, its place is needed, or its tuple lives again. */
export function dropTimeWait(record: TimeWait): void {
  removeFlow(record);
  unlinkFlow(queue(), record);
  record.kind = <u8>FlowKind.FREE;
  record.hashNext = queue().free;
  queue().free = <u16>linkTo(record);
  if (record.owner == 0) return;
  const tcb = tcbAt(record.owner - 1);
  tcb.timeWait = 0;
  setState(tcb, State.CLOSED);
}

/** TIME-WAIT TIMEOUT (RFC 9293 §3.10.8) of all records that are due, a bounded number at once. */
export function timeWaitDeadlineReached(): void {
  for (let i: u32 = 0; i < EXPIRY_BUDGET && queue().first != 0; ++i) {
    const record = changetype<TimeWait>(flowAt(queue().first));
    if (isBefore(now(), record.expiresAt)) break;
    dropTimeWait(record);
  }
  armOldest();
}

/**
 * A segment for a tuple in TIME-WAIT, other than a SYN that reopens it. Every answer is the ACK of
 * the peer's FIN; only that FIN, sent again, is always answered and restarts the 2MSL.
 */
export function arrivesInTimeWait(record: TimeWait, segment: Segment): void {
  if (segment.has(Ctl.RST)) return;
  if (isFinalFin(record, segment)) {
    unlinkFlow(queue(), record);
    appendRecord(record);
    acknowledgeFrom(record, segment);
    return;
  }
  if (!isAcceptable(segment.seq, segment.length, record.rcvNxt, record.rcvWnd)) {
    count(Counter.DROP_OUT_OF_WINDOW);
  } else if (!segment.has(Ctl.SYN)) {
    return; // nothing else that fits the window means anything any more
  }
  if (!takeChallenge(record)) return;
  count(Counter.CHALLENGE_ACKS_OUT);
  acknowledgeFrom(record, segment);
}

/** Whether this is the FIN that TIME-WAIT has acknowledged: its sender has not heard of it. */
export function isFinalFin(record: TimeWait, segment: Segment): bool {
  return segment.has(Ctl.FIN) && segment.seq + segment.length == record.rcvNxt;
}

/** `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`, as the connection would have sent it. */
function acknowledgeFrom(record: TimeWait, segment: Segment): void {
  replyWith(segment, Ctl.ACK, record.sndNxt, record.rcvNxt);
  reply().wnd = record.rcvWnd;
  if (!HAS_TIMESTAMPS || !record.hasTimestamps) return;
  const hash = tupleHash(record.localAddress, record.remoteAddress, record.ports);
  stamp(reply(), timestampOffset(hash), record.tsRecent);
}

function appendRecord(record: TimeWait): void {
  record.expiresAt = now() + queue().twoMslMs;
  appendFlow(queue(), record);
  armOldest();
}

function armOldest(): void {
  if (queue().first == 0) return;
  armDeadline(TIME_WAIT_DEADLINE, changetype<TimeWait>(flowAt(queue().first)).expiresAt);
}
