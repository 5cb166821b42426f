/**
 * The user calls: OPEN, SEND, RECEIVE, CLOSE, ABORT, STATUS.
 *
 * RFC 9293 §3.10.1 to §3.10.6. Called by socket/, which has checked handles and addresses. A call
 * never transmits and never starts a timer: it changes the TCB and puts it on the list of those
 * that have something to say, because only `poll` knows the time.
 */
import { HAS_TIMESTAMPS, HAS_URGENT, RECEIVE_RING_OCTETS, SEND_RING_OCTETS } from "../config";
import { EndReason, State, Status } from "../core/abi";
import { copyOctets } from "../core/octets";
import { advanceOffset, contiguousOctets } from "../core/ring";
import { beginSending } from "./begin";
import { startCongestion } from "./congestion";
import { findFlow, insertFlow } from "./demux";
import { offerEcn } from "./ecn";
import { endConnection, reclaimTcb, resetConnection } from "./end";
import { takeTcb } from "./eviction";
import { flowAt } from "./flow";
import { SND_MSS_DEFAULT, dropHalfOpensOf } from "./half-open";
import {
  EPHEMERAL_COUNT,
  EPHEMERAL_FIRST,
  chooseIsn,
  portOffset,
  timestampOffset,
  tupleHash,
} from "./isn";
import { Listener, dequeueAcceptable, findListener, freeListener } from "./listener";
import { wantOutput } from "./pending";
import { offerWindow } from "./receive";
import { connectionEntry, enqueueReady, withdrawReady } from "./ready";
import { RTO_INITIAL_MS } from "./rtt";
import {
  Flag,
  Tcb,
  Timer,
  clearFlag,
  has,
  indexOfTcb,
  isTextAhead,
  queuedOctets,
  raiseFlag,
  readableOctets,
  receiveRingOf,
  sendRingOf,
  setState,
  stateOfTcb,
} from "./tcb";
import { TimeWait, disownTimeWait, dropTimeWait } from "./time-wait";
import { noteStall, noteUse } from "./stall";
import { stopTimer } from "./timers";
import { setTimestampOffset } from "./timestamps";
import { makeUrgent, readUrgent } from "./urgent";

/** The counter of RFC 6056 algorithm 3: the next port to the same peer is another one. */
const NEXT_EPHEMERAL: usize = memory.data(4, 4);

export function resetCalls(): void {
  store<u32>(NEXT_EPHEMERAL, 0);
}

/** A local port that makes a tuple with this peer which no record has, or 0 if all are taken. */
export function chooseLocalPort(localAddress: u32, remoteAddress: u32, remotePort: u32): u32 {
  const offset = portOffset(localAddress, remoteAddress, remotePort);
  for (let tries: u32 = 0; tries < EPHEMERAL_COUNT; ++tries) {
    const next = load<u32>(NEXT_EPHEMERAL);
    store<u32>(NEXT_EPHEMERAL, next + 1);
    const port = EPHEMERAL_FIRST + ((offset + next) % EPHEMERAL_COUNT);
    if (findFlow(localAddress, remoteAddress, (remotePort << 16) | port) != null) continue;
    if (findListener(localAddress, port) == null) return port;
  }
  return 0;
}

/** Active OPEN (§3.10.1): a TCB in SYN-SENT, or null if none is free. The tuple must be free. */
export function openActive(localAddress: u32, remoteAddress: u32, ports: u32): Tcb | null {
  const tcb = takeTcb();
  if (tcb == null) return null;
  tcb.localAddress = localAddress;
  tcb.remoteAddress = remoteAddress;
  tcb.ports = ports;
  const hash = tupleHash(localAddress, remoteAddress, ports);
  const iss = chooseIsn(hash);
  tcb.iss = iss;
  beginSending(tcb, iss, RTO_INITIAL_MS);
  tcb.sndEnd = iss + 1; // the text follows our SYN
  if (HAS_TIMESTAMPS) setTimestampOffset(tcb, timestampOffset(hash));
  raiseFlag(tcb, Flag.SYN_OUTSTANDING);
  offerEcn(tcb);
  tcb.sndMss = <u16>SND_MSS_DEFAULT;
  startCongestion(tcb);
  setState(tcb, State.SYN_SENT);
  insertFlow(tcb);
  wantOutput(tcb);
  return tcb;
}

/** The first part of SEND (§3.10.2): the contiguous room in the send ring, or a Status. */
@inline export function reserve(tcb: Tcb): i32 {
  const room = roomOf(tcb);
  return room < 0 ? room : <i32>contiguousOctets(writeOffset(tcb), room, SEND_RING_OCTETS);
}

/** All the room there is, or a Status. */
@inline function roomOf(tcb: Tcb): i32 {
  if (has(tcb, Flag.SEND_CLOSED)) return Status.CONNECTION_CLOSING;
  if (stateOfTcb(tcb) == State.CLOSED) return Status.CONNECTION_ENDED;
  const room = SEND_RING_OCTETS - queuedOctets(tcb);
  if (room != 0) return <i32>room;
  raiseFlag(tcb, Flag.WRITE_BLOCKED | Flag.SEND_CUT);
  return Status.WOULD_BLOCK;
}

/** Where that room is. */
@inline export function reservedAddress(tcb: Tcb): usize {
  return sendRingOf(tcb) + writeOffset(tcb);
}

/** The second part of SEND: `octets` of the reserved room are the connection's now. */
export function commit(tcb: Tcb, octets: u32): i32 {
  const room = reserve(tcb);
  if (room < 0) return octets == 0 && room == Status.WOULD_BLOCK ? Status.OK : room;
  if (octets > <u32>room) return Status.BAD_ARGUMENT;
  if (octets == 0) return Status.OK;
  tcb.sndEnd += octets;
  noteSent(tcb, queuedOctets(tcb) == SEND_RING_OCTETS);
  return Status.OK;
}

/** Octets more are in the send ring. */
@inline function noteSent(tcb: Tcb, isFull: bool): void {
  clearFlag(tcb, Flag.SEND_CUT);
  if (isFull) raiseFlag(tcb, Flag.WRITE_BLOCKED | Flag.SEND_CUT);
  wantOutput(tcb);
}

/** SEND of what lies elsewhere: how many octets were taken, or a Status. */
export function send(tcb: Tcb, from: usize, octets: u32): i32 {
  const room = roomOf(tcb);
  if (room > 0) return octets != 0 ? append(tcb, from, octets, room) : 0;
  return octets == 0 && room == Status.WOULD_BLOCK ? 0 : room;
}

/** Puts as many of `octets` octets into the send ring as the `room` has, and says how many. */
@inline function append(tcb: Tcb, from: usize, octets: u32, room: u32): i32 {
  const ring = sendRingOf(tcb);
  const offset = advanceOffset(tcb.sendOffset, SEND_RING_OCTETS - room, SEND_RING_OCTETS);
  const taken = min(octets, room);
  const atEnd = SEND_RING_OCTETS - offset;
  if (taken <= atEnd) {
    copyOctets(ring + offset, from, taken);
  } else {
    copyOctets(ring + offset, from, atEnd);
    copyOctets(ring, from + atEnd, taken - atEnd);
  }
  tcb.sndEnd += taken;
  noteSent(tcb, taken == room);
  return <i32>taken;
}

/** SEND's urgent flag (§3.10.2): everything sent so far is urgent. */
export function sendUrgent(tcb: Tcb): i32 {
  if (!HAS_URGENT) return Status.NOT_SUPPORTED;
  if (has(tcb, Flag.SEND_CLOSED)) return Status.CONNECTION_CLOSING;
  if (stateOfTcb(tcb) == State.CLOSED) return Status.CONNECTION_ENDED;
  makeUrgent(tcb);
  return Status.OK;
}

@inline function writeOffset(tcb: Tcb): u32 {
  return advanceOffset(tcb.sendOffset, queuedOctets(tcb), SEND_RING_OCTETS);
}

/** The first part of RECEIVE (§3.10.3): contiguous octets, 0 at end-of-file, or a Status. */
@inline export function peek(tcb: Tcb): i32 {
  const readable = mayRead(tcb);
  if (readable <= 0) return readable;
  return <i32>contiguousOctets(tcb.receiveOffset, readable, RECEIVE_RING_OCTETS);
}

/** All the octets there are, 0 at end-of-file, or a Status. */
@inline function mayRead(tcb: Tcb): i32 {
  if (!has(tcb, Flag.FLUSHED | Flag.RECEIVE_CLOSED | Flag.PEER_CLOSED)) {
    const octets = tcb.rcvNxt - tcb.rcvRead;
    return octets != 0 ? <i32>octets : Status.WOULD_BLOCK;
  }
  const isVoid = has(tcb, Flag.FLUSHED | Flag.RECEIVE_CLOSED);
  return isVoid ? Status.CONNECTION_ENDED : <i32>readableOctets(tcb);
}

/** Where those octets are. */
@inline export function peekedAddress(tcb: Tcb): usize {
  return receiveRingOf(tcb) + tcb.receiveOffset;
}

/** The second part of RECEIVE: the user has `octets` of them. */
export function consume(tcb: Tcb, octets: u32): i32 {
  const available = peek(tcb);
  if (available < 0) return octets == 0 && available == Status.WOULD_BLOCK ? 0 : available;
  if (octets > <u32>available) return Status.BAD_ARGUMENT;
  if (octets != 0) {
    noteRead(tcb, octets, advanceOffset(tcb.receiveOffset, octets, RECEIVE_RING_OCTETS));
  }
  return Status.OK;
}

/** RECEIVE into memory elsewhere: how many octets, 0 at end-of-file, or a Status. */
export function receive(tcb: Tcb, to: usize, octets: u32): i32 {
  const readable = mayRead(tcb);
  if (readable <= 0) return readable;
  const ring = receiveRingOf(tcb);
  const offset = <u32>tcb.receiveOffset;
  const taken = min(octets, <u32>readable);
  let next = offset + taken;
  if (next < RECEIVE_RING_OCTETS) {
    copyOctets(to, ring + offset, taken);
  } else {
    next -= RECEIVE_RING_OCTETS;
    copyOctets(to, ring + offset, taken - next);
    copyOctets(to + taken - next, ring, next);
  }
  noteRead(tcb, taken, next);
  return <i32>taken;
}

/** The user has the next `octets`, at least one, up to this offset in the ring. */
@inline function noteRead(tcb: Tcb, octets: u32, offset: u32): void {
  const read = tcb.rcvRead + octets;
  tcb.rcvRead = read;
  noteUse(tcb);
  readUrgent(tcb, octets);
  tcb.receiveOffset = <u16>offset;
  offerWindow(tcb, read);
}

/** CLOSE (§3.10.4): our FIN follows the last octet sent, RECEIVE goes on. */
@inline export function closeWrite(tcb: Tcb): i32 {
  if (has(tcb, Flag.SEND_CLOSED)) return Status.CONNECTION_CLOSING;
  const state = stateOfTcb(tcb);
  if (state == State.CLOSED) return Status.CONNECTION_ENDED;
  const hasText = queuedOctets(tcb) != 0;
  if (state == State.SYN_SENT && !hasText) {
    endConnection(tcb, EndReason.ABORTED);
    return Status.OK;
  }
  raiseFlag(tcb, Flag.SEND_CLOSED);
  // DEVIATION: in SYN-SENT the RFC drops what was sent; it waits for ESTABLISHED here, as it does
  // in SYN-RECEIVED, since all that was sent before CLOSE shall be delivered.
  if (state == State.ESTABLISHED || (state == State.SYN_RECEIVED && !hasText)) {
    setState(tcb, State.FIN_WAIT_1);
  }
  wantOutput(tcb);
  return Status.OK;
}

/** Full close: CLOSE, and what is unread or comes later is answered by RST (RFC 1122 §4.2.2.13). */
@inline export function closeFully(tcb: Tcb): i32 {
  if (has(tcb, Flag.RECEIVE_CLOSED)) return Status.CONNECTION_CLOSING;
  const state = stateOfTcb(tcb);
  if (state == State.CLOSED) return Status.CONNECTION_ENDED;
  raiseFlag(tcb, Flag.RECEIVE_CLOSED);
  if (state == State.TIME_WAIT) return Status.OK;
  const isUnread = readableOctets(tcb) != 0 || isTextAhead(tcb);
  if (isUnread) resetConnection(tcb, EndReason.ABORTED);
  else if (!has(tcb, Flag.SEND_CLOSED)) closeWrite(tcb);
  else wantOutput(tcb); // FIN-WAIT-2 is bounded from now on
  return Status.OK;
}

/** ABORT (§3.10.5): RST in the states where the peer has a connection to lose. */
export function abortConnection(tcb: Tcb): i32 {
  switch (stateOfTcb(tcb)) {
    case State.CLOSED:
      return Status.CONNECTION_ENDED;
    case State.SYN_SENT:
    case State.CLOSING:
    case State.LAST_ACK:
      endConnection(tcb, EndReason.ABORTED);
      return Status.OK;
    case State.TIME_WAIT:
      dropTimeWait(changetype<TimeWait>(flowAt(tcb.timeWait)));
      return Status.OK;
    default:
      resetConnection(tcb, EndReason.ABORTED);
      return Status.OK;
  }
}

/** The user gives the handle back; what is open is closed in full and ends by itself. */
export function release(tcb: Tcb): void {
  closeFully(tcb);
  noteStall(tcb);
  // The user timeout begins once more, and for the last time (tcp/ack).
  stopTimer(tcb, Timer.USER_TIMEOUT);
  wantOutput(tcb);
  raiseFlag(tcb, Flag.RELEASED);
  tcb.events = 0;
  withdrawReady(connectionEntry(indexOfTcb(tcb)));
  disownTimeWait(tcb);
  reclaimTcb(tcb);
}

/** The oldest connection that waits to be accepted, or null. */
export function accept(listener: Listener): Tcb | null {
  const tcb = dequeueAcceptable(listener);
  if (tcb == null) return null;
  clearFlag(tcb, Flag.UNACCEPTED);
  noteStall(tcb);
  stopTimer(tcb, Timer.USER_TIMEOUT);
  if (tcb.events != 0) enqueueReady(connectionEntry(indexOfTcb(tcb)));
  return tcb;
}

/** CLOSE of a listener: half-open records go, connections that nobody accepted are reset. */
export function closeListener(listener: Listener): void {
  dropHalfOpensOf(listener);
  for (let tcb = accept(listener); tcb != null; tcb = accept(listener)) {
    abortConnection(tcb);
    release(tcb);
  }
  freeListener(listener);
}
