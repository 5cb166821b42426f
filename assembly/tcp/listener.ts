/**
 * Listening ports, and their queues of connections that completed the handshake.
 *
 * RFC 9293 §3.10.1 (passive OPEN), state LISTEN. A listener is not a TCB: it never leaves LISTEN,
 * and each SYN makes a half-open record of its own. There are few listeners, so they are found by a
 * walk. Called by tcp/arrives, tcp/half-open and tcp/calls.
 */
import { LISTENER_COUNT } from "../config";
import { Event } from "../core/abi";
import { randomWord } from "../core/random";
import { enqueueReady, listenerEntry, withdrawReady } from "./ready";
import { Tcb, indexOfTcb, tcbAt } from "./tcb";

@unmanaged @final export class Listener {
  /** 0 for any of our addresses, and while the record is free. */
  localAddress: u32;
  /** 0 while the record is free. */
  localPort: u16;
  generation: u16;
  /** Connections to accept, as TCB index + 1, oldest first. */
  acceptFirst: u16;
  acceptLast: u16;
  backlog: u8;
  /** Half-open connections, and those not yet accepted: `backlog` together, or each if cookies. */
  halfOpen: u8;
  unaccepted: u8;
  events: u8;
  /** TTL and TOS of its connections' segments (tcp/marks). */
  marks: u16;
  private morePadding: u16;
}
@inline const LISTENER_SIZE: u32 = 20;
if (offsetof<Listener>() != LISTENER_SIZE) ERROR("Listener layout");
const LISTENERS: usize = memory.data(LISTENER_SIZE * LISTENER_COUNT, 8);
/** From so many records on it is worth knowing how far they were ever used. */
@inline const MANY: u32 = 8;
/** u32: the records from there on were never used. */
const EVER_USED: usize = LISTENER_COUNT > MANY ? memory.data(4, 4) : 0;

/** All listeners free, with drawn generations, so that handles from before do not fit. */
export function resetListeners(): void {
  memory.fill(LISTENERS, 0, LISTENER_SIZE * LISTENER_COUNT);
  if (LISTENER_COUNT > MANY) store<u32>(EVER_USED, 0);
  for (let i: u32 = 0; i < LISTENER_COUNT; ++i) listenerAt(i).generation = <u16>randomWord();
}

@inline export function listenerAt(index: u32): Listener {
  return changetype<Listener>(LISTENERS + index * LISTENER_SIZE);
}

@inline export function indexOfListener(listener: Listener): u32 {
  return <u32>((changetype<usize>(listener) - LISTENERS) / LISTENER_SIZE);
}

/** The listener that takes a SYN to this address and port: one bound to the address first. */
export function findListener(localAddress: u32, localPort: u32): Listener | null {
  const bound = findBound(localAddress, localPort);
  return bound != null ? bound : findBound(0, localPort);
}

@inline function usedCount(): u32 {
  return LISTENER_COUNT > MANY ? load<u32>(EVER_USED) : LISTENER_COUNT;
}

/** The listener with just this port, and this address or 0 for any. */
export function findBound(localAddress: u32, localPort: u32): Listener | null {
  for (let i: u32 = 0, end = usedCount(); i < end; ++i) {
    const listener = listenerAt(i);
    if (<u32>listener.localPort == localPort && listener.localAddress == localAddress) {
      return listener;
    }
  }
  return null;
}

/** A free listener record set to listen, or null when all are taken. */
export function allocateListener(
  localAddress: u32,
  localPort: u32,
  backlog: u32,
): Listener | null {
  const listener = findFree();
  if (listener == null) return null;
  listener.localAddress = localAddress;
  listener.localPort = <u16>localPort;
  listener.backlog = <u8>backlog;
  return listener;
}

@inline function findFree(): Listener | null {
  const listener = findBound(0, 0);
  if (LISTENER_COUNT <= MANY || listener != null) return listener;
  const index = load<u32>(EVER_USED);
  if (index == LISTENER_COUNT) return null;
  store<u32>(EVER_USED, index + 1);
  return listenerAt(index);
}

/** Gives a listener back; its half-open records and unaccepted connections are gone before. */
export function freeListener(listener: Listener): void {
  assert(listener.halfOpen == 0);
  assert(listener.unaccepted == 0);
  withdrawReady(listenerEntry(indexOfListener(listener)));
  const generation = listener.generation + 1;
  memory.fill(changetype<usize>(listener), 0, LISTENER_SIZE);
  listener.generation = generation;
}

/** Queues a connection that has completed its handshake and tells the listener's owner. */
export function enqueueAcceptable(listener: Listener, tcb: Tcb): void {
  const entry = <u16>(indexOfTcb(tcb) + 1);
  if (listener.acceptFirst == 0) listener.acceptFirst = entry;
  else tcbAt(listener.acceptLast - 1).acceptNext = entry;
  listener.acceptLast = entry;
  listener.unaccepted += 1;
  listener.events |= <u8>Event.ACCEPTABLE;
  enqueueReady(listenerEntry(indexOfListener(listener)));
}

/** Takes a connection out of the queue, wherever it stands. */
export function removeAcceptable(listener: Listener, tcb: Tcb): void {
  const entry = <u16>(indexOfTcb(tcb) + 1);
  let before: u16 = 0;
  let at = listener.acceptFirst;
  while (at != entry) {
    assert(at != 0);
    before = at;
    at = tcbAt(at - 1).acceptNext;
  }
  if (before == 0) listener.acceptFirst = tcb.acceptNext;
  else tcbAt(before - 1).acceptNext = tcb.acceptNext;
  if (listener.acceptLast == entry) listener.acceptLast = before;
  tcb.acceptNext = 0;
  listener.unaccepted -= 1;
}

/** The oldest connection to accept, taken off the queue, or null. */
export function dequeueAcceptable(listener: Listener): Tcb | null {
  const entry = <u32>listener.acceptFirst;
  if (entry == 0) return null;
  const tcb = tcbAt(entry - 1);
  listener.acceptFirst = tcb.acceptNext;
  tcb.acceptNext = 0;
  listener.unaccepted -= 1;
  return tcb;
}
