/**
 * The handles whose events wait for the application, in the order in which they were raised.
 *
 * RFC 9293 §3.9.1: signals to the user. The stack never calls an application; it asks `nextReady`
 * and `takeEvents`. Connections and listeners share one queue, a circle of entries in fixed memory:
 * entry 0 is its start, then come the connections, then the listeners. Most often one entry is all
 * there is: then only the start tells of it.
 * Written throughout tcp/, read by socket/. Events of released connections are dropped.
 */
import { CONNECTION_COUNT, LISTENER_COUNT } from "../config";

@inline const ENTRY_COUNT: u32 = 1 + CONNECTION_COUNT + LISTENER_COUNT;
/** The first entry that is a listener's. */
@inline export const FIRST_LISTENER_ENTRY: u32 = 1 + CONNECTION_COUNT;

/** Neighbours in the queue; both 0 outside of it. */
@unmanaged @final class Link {
  next: u16;
  previous: u16;
  /** In the queue, and not alone. */
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

/** Both neighbours of the start: 0 if the queue is empty. */
@inline function ends(): u32 {
  return load<u32>(LINKS);
}

@inline function endsAlone(entry: u32): u32 {
  return entry * 0x1_0001;
}

/** Puts an entry at the end of the queue, unless it is in it. */
@inline export function enqueueReady(entry: u32): void {
  if (ends() == 0) store<u32>(LINKS, endsAlone(entry));
  else enqueueBehind(entry);
}

function enqueueBehind(entry: u32): void {
  const link = linkAt(entry);
  if (link.isListed || ends() == endsAlone(entry)) return;
  const start = linkAt(0);
  const last = <u32>start.previous;
  linkAt(last).isListed = true; // it was alone, maybe
  linkAt(last).next = <u16>entry;
  link.isListed = true;
  link.previous = <u16>last;
  link.next = 0;
  start.previous = <u16>entry;
}

/** Takes an entry out of the queue, if it is in it. */
@inline export function withdrawReady(entry: u32): void {
  if (ends() != 0) withdraw(entry);
}

function withdraw(entry: u32): void {
  const link = linkAt(entry);
  if (ends() == endsAlone(entry)) {
    store<u32>(LINKS, 0);
  } else if (link.isListed) {
    link.isListed = false;
    linkAt(link.previous).next = link.next;
    linkAt(link.next).previous = link.previous;
    store<u32>(changetype<usize>(link), 0);
    const first = ends() & 0xffff;
    if (ends() == endsAlone(first)) linkAt(first).isListed = false;
  }
}

/** Whether the queue has an entry. */
@inline export function isAnyReady(): bool {
  return ends() != 0;
}

/** Takes the first entry out of the queue, which has one. */
@inline export function takeReady(): u32 {
  const both = ends();
  const entry = both & 0xffff;
  if (both == endsAlone(entry)) store<u32>(LINKS, 0);
  else withdraw(entry);
  return entry;
}
