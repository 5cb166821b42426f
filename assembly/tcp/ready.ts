/**
 * The handles whose events wait for the application, in the order in which they were raised.
 *
 * RFC 9293 §3.9.1: signals to the user. The stack never calls an application; it asks `nextReady`
 * and `takeEvents`. Connections and listeners share one queue, a circle of entries in fixed memory:
 * entry 0 is its start, then come the connections, then the listeners.
 * Written throughout tcp/, read by socket/. Events of released connections are dropped.
 */
import { CONNECTION_COUNT, HAS_STRAIGHT, LISTENER_COUNT } from "../config";

@inline const ENTRY_COUNT: u32 = 1 + CONNECTION_COUNT + LISTENER_COUNT;
/** The first entry that is a listener's. */
@inline export const FIRST_LISTENER_ENTRY: u32 = 1 + CONNECTION_COUNT;

/** Neighbours in the queue; both 0 and not `isListed` outside of it. */
@unmanaged @final class Link {
  next: u16;
  previous: u16;
  isListed: bool;
}
/** The fields and one octet that keeps the next entry aligned. */
@inline export const READY_ENTRY_SIZE: u32 = 6;
if (offsetof<Link>() != READY_ENTRY_SIZE - 1) ERROR("Link layout");
const LINKS: usize = memory.data(READY_ENTRY_SIZE * ENTRY_COUNT, 2);

@inline function linkAt(entry: u32): Link {
  return changetype<Link>(LINKS + entry * READY_ENTRY_SIZE);
}

export function resetReady(): void {
  memory.fill(LINKS, 0, READY_ENTRY_SIZE * ENTRY_COUNT);
}

@inline export function connectionEntry(index: u32): u32 {
  return 1 + index;
}

@inline export function listenerEntry(index: u32): u32 {
  return FIRST_LISTENER_ENTRY + index;
}

/** Puts an entry at the end of the queue, unless it is in it. */
@inline export function enqueueReady(entry: u32): void {
  const link = linkAt(entry);
  if (link.isListed) return;
  const start = linkAt(0);
  const last = <u32>start.previous;
  link.isListed = true;
  store<u32>(changetype<usize>(link), last << 16); // next is 0, previous is the last
  linkAt(last).next = <u16>entry;
  start.previous = <u16>entry;
}

/** Takes an entry out of the queue, if it is in it. */
@inline export function withdrawReady(entry: u32): void {
  const link = linkAt(entry);
  if (!link.isListed) return;
  linkAt(link.previous).next = link.next;
  linkAt(link.next).previous = link.previous;
  link.isListed = false;
}

/** Takes the first entry out of the queue, or returns 0. */
@inline export function takeReady(): u32 {
  const entry = <u32>linkAt(0).next;
  if (!HAS_STRAIGHT) {
    if (entry != 0) withdrawReady(entry);
    return entry;
  }
  // The first one has the start before it, which saves a third of the accesses.
  if (entry == 0) return 0;
  const link = linkAt(entry);
  const next = <u32>link.next;
  linkAt(0).next = <u16>next;
  linkAt(next).previous = 0;
  link.isListed = false;
  return entry;
}
