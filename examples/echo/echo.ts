/**
 * An echo server (RFC 862), application and stack in one module.
 *
 * Started by a HAL: `appInit` once, `appPoll` after each poll of the stack. It keeps nothing about
 * its connections: what was received stays in the receive ring until there is room to send it back,
 * so a peer that does not read closes its own window.
 */
export * from "linger-tcp/assembly";
import {
  nextReady,
  takeEvents,
  tcpAccept,
  tcpCloseWrite,
  tcpCommit,
  tcpConsume,
  tcpListen,
  tcpPeek,
  tcpPeekedAddress,
  tcpRelease,
  tcpReserve,
  tcpReservedAddress,
} from "linger-tcp/assembly";
import { Event } from "linger-tcp/assembly/core/abi";

@inline const PORT: u32 = 7;
/** Connections that may wait to be accepted, half-open ones included. */
@inline const BACKLOG: u32 = 4;
/** Handles looked at in one call; more makes it be called again at once. */
@inline const HANDLES_PER_POLL: u32 = 16;
/** Both rings can wrap: at most four contiguous pieces are copied from one into the other. */
@inline const PIECE_COUNT: u32 = 4;
@inline const AGAIN_MS: u32 = 0;
@inline const NEVER_MS: u32 = 0xffffffff;

/** Called once, after the addresses are set. Below 0 is a refusal: the port cannot be had. */
export function appInit(): i32 {
  const listener = tcpListen(0, PORT, BACKLOG);
  return listener < 0 ? listener : 0;
}

/** Called after each poll. Returns how long it may take until the next call, in ms. */
export function appPoll(nowMs: u32): u32 {
  for (let i: u32 = 0; i < HANDLES_PER_POLL; ++i) {
    const handle = nextReady();
    if (handle == 0) return NEVER_MS;
    const events = takeEvents(handle);
    if (events & Event.ACCEPTABLE) acceptAll(handle);
    else if (events & Event.ENDED) tcpRelease(handle);
    else sendBack(handle);
  }
  return AGAIN_MS;
}

/** Takes what waits in the backlog. What they have sent already is told as an event of theirs. */
function acceptAll(listener: i32): void {
  for (let i: u32 = 0; i < BACKLOG; ++i) {
    const handle = tcpAccept(listener);
    if (handle < 0) return;
    sendBack(handle);
  }
}

/** Moves what was received into the send ring, as far as there is room; then waits for an event. */
function sendBack(handle: i32): void {
  for (let piece: u32 = 0; piece < PIECE_COUNT; ++piece) {
    const unread = tcpPeek(handle);
    if (unread == 0) tcpCloseWrite(handle);
    if (unread <= 0) return;
    const room = tcpReserve(handle);
    if (room < 0) return;
    const octets = min(unread, room);
    memory.copy(tcpReservedAddress(handle), tcpPeekedAddress(handle), octets);
    tcpCommit(handle, octets);
    tcpConsume(handle, octets);
  }
}
