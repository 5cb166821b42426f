/**
 * A small HTTP/1.1 server (RFC 9112), application and stack in one module: one page that tells how
 * long it has been up, its reader how far away he is, who else is connected, and what the stack has
 * counted. Keep-alive and pipelining; GET and HEAD; requests with a body are refused.
 *
 * Started by a HAL: `appInit` once, `appPoll` after each poll of the stack. Each connection has a
 * session: the line of the request that is being read, and the answer that is being sent. While an
 * answer waits for room nothing is read, so a peer that does not read closes its own window.
 */
export * from "linger-tcp/assembly";
import {
  counterAddress,
  nextReady,
  takeEvents,
  tcpAbort,
  tcpAccept,
  tcpCloseWrite,
  tcpConsume,
  tcpListen,
  tcpPeek,
  tcpPeekedAddress,
  tcpRelease,
  tcpSetOption,
  tcpStatus,
  tcpStatusAt,
} from "linger-tcp/assembly";
import { CONNECTION_COUNT, RECEIVE_RING_OCTETS } from "linger-tcp/assembly/config";
import { Counter, Event, Option, State, StatusField } from "linger-tcp/assembly/core/abi";
import { tcpSend } from "linger-tcp/assembly/socket/copying";
import { putNumber, putText, startsWith } from "./text";

@inline const PORT: u32 = 80;
/** Connections that may wait to be accepted, half-open ones included. */
@inline const BACKLOG: u32 = 4;
/** Connections that are served at once; the others wait in the backlog. */
@inline const SESSION_COUNT: i32 = 4;
@inline const HANDLES_PER_POLL: u32 = 16;
/** What is kept of each line of a request; the rest of a longer one is not looked at. */
@inline const LINE_OCTETS: i32 = 64;
/** Request line and header fields together. */
@inline const HEAD_OCTETS_MAX: u32 = 4096;
/** Connections that the page shows, at most. */
@inline const SHOWN_COUNT: u32 = 8;
/** The longest answer, with its head. */
@inline const ANSWER_OCTETS: i32 = 960;
/** A connection that is silent for so long is cut off: its session is needed. */
@inline const IDLE_MS: u32 = 30_000;
@inline const AGAIN_MS: u32 = 0;
@inline const NEVER_MS: u32 = 0xffffffff;
@inline const LINE_FEED: u32 = 0x0a;
@inline const CARRIAGE_RETURN: u32 = 0x0d;

/** What the request line asked for. */
const enum Asked {
  NOTHING = 0,
  PAGE = 1,
  OTHER_PAGE = 2,
  OTHER_METHOD = 3,
  NONSENSE = 4,
}

@unmanaged @final class Session {
  /** 0 while nobody uses the session. */
  handle: i32;
  /** Octets of the request's head so far. */
  headLength: u32;
  /** Octets of the line so far, those beyond LINE_OCTETS included. */
  lineLength: u32;
  answerLength: u32;
  answerSent: u32;
  /** When something last happened on it. */
  activeMs: u32;
  asked: Asked;
  isHead: bool;
  /** Close after this answer. */
  isLast: bool;
  isRefused: bool;
}

@inline const SESSION_SIZE: i32 = 64;
@inline const SESSION_STRIDE: i32 = SESSION_SIZE + LINE_OCTETS + ANSWER_OCTETS;
const SESSIONS: usize = memory.data(SESSION_STRIDE * SESSION_COUNT, 8);
/** The listener, the time of the start, the time now, and the number of answers. */
const LISTENER: usize = memory.data(16, 4);
@inline const STARTED_MS: usize = 4;
@inline const NOW_MS: usize = 8;
@inline const SERVED: usize = 12;
/** Room for a page before its length is known. */
@inline const BODY_OCTETS: i32 = 800;
const BODY: usize = memory.data(BODY_OCTETS, 8);

if (offsetof<Session>() > <usize>SESSION_SIZE) ERROR("SESSION_SIZE");

@inline function sessionAt(index: i32): Session {
  return changetype<Session>(SESSIONS + index * SESSION_STRIDE);
}

@inline function lineOf(session: Session): usize {
  return changetype<usize>(session) + SESSION_SIZE;
}

@inline function answerOf(session: Session): usize {
  return lineOf(session) + LINE_OCTETS;
}

/** Called once, after the addresses are set. Below 0 is a refusal: the port cannot be had. */
export function appInit(): i32 {
  const listener = tcpListen(0, PORT, BACKLOG);
  if (listener < 0) return listener;
  store<i32>(LISTENER, listener);
  return 0;
}

/** Called after each poll. Returns how long it may take until the next call, in ms. */
export function appPoll(nowMs: u32): u32 {
  if (load<u32>(LISTENER, STARTED_MS) == 0) store<u32>(LISTENER, nowMs, STARTED_MS);
  store<u32>(LISTENER, nowMs, NOW_MS);
  for (let i: u32 = 0; i < HANDLES_PER_POLL; ++i) {
    const handle = nextReady();
    if (handle == 0) return endIdle(nowMs);
    const events = takeEvents(handle);
    if (events & Event.ACCEPTABLE) acceptSome();
    else if (events & Event.ENDED) endSession(handle);
    else serveHandle(handle);
  }
  return AGAIN_MS;
}

/** Accepts as long as there are sessions; the others are accepted when one ends. */
function acceptSome(): void {
  for (let i = 0; i < SESSION_COUNT; ++i) {
    const session = sessionAt(i);
    if (session.handle != 0) continue;
    const handle = tcpAccept(load<i32>(LISTENER));
    if (handle < 0) return;
    memory.fill(changetype<usize>(session), 0, SESSION_SIZE);
    session.handle = handle;
    tcpSetOption(handle, Option.NO_DELAY, 1); // an answer's last segment waits for nobody
    serve(session);
  }
}

/** Cuts off who was silent for too long; returns when the next one will have been, in ms. */
function endIdle(nowMs: u32): u32 {
  let nextMs = NEVER_MS;
  for (let i = 0; i < SESSION_COUNT; ++i) {
    const session = sessionAt(i);
    if (session.handle == 0) continue;
    const silentMs = nowMs - session.activeMs;
    if (silentMs >= IDLE_MS) tcpAbort(session.handle);
    else nextMs = min(nextMs, IDLE_MS - silentMs);
  }
  return nextMs;
}

function endSession(handle: i32): void {
  for (let i = 0; i < SESSION_COUNT; ++i) {
    if (sessionAt(i).handle == handle) sessionAt(i).handle = 0;
  }
  tcpRelease(handle);
  acceptSome();
}

function serveHandle(handle: i32): void {
  for (let i = 0; i < SESSION_COUNT; ++i) {
    if (sessionAt(i).handle == handle) serve(sessionAt(i));
  }
}

/** Sends what waits, then reads on, until one of them has to wait for an event. */
function serve(session: Session): void {
  session.activeMs = load<u32>(LISTENER, NOW_MS);
  // Each round reads at least one octet of what the ring holds, or is the last.
  for (let round: u32 = 0; round <= RECEIVE_RING_OCTETS; ++round) {
    if (!sendAnswer(session)) return;
    // After the last answer what comes is thrown away: a reset could overtake the answer.
    if (!(session.isLast ? discard(session) : readSome(session))) return;
  }
}

/** False while the answer, or a part of it, waits for room. */
function sendAnswer(session: Session): bool {
  const handle = session.handle;
  while (session.answerSent < session.answerLength) {
    const from = answerOf(session) + session.answerSent;
    const taken = tcpSend(handle, from, session.answerLength - session.answerSent);
    if (taken < 0) return false;
    session.answerSent += taken;
  }
  if (session.answerLength != 0 && session.isLast) tcpCloseWrite(handle);
  session.answerLength = 0;
  session.answerSent = 0;
  return true;
}

/** False when there is nothing more to throw away for now. */
function discard(session: Session): bool {
  const unread = tcpPeek(session.handle);
  if (unread <= 0) return false;
  tcpConsume(session.handle, unread);
  return true;
}

/** Reads up to the end of a request or of what is there. False when there is nothing for now. */
function readSome(session: Session): bool {
  const handle = session.handle;
  const unread = tcpPeek(handle);
  if (unread == 0) {
    session.isLast = true;
    tcpCloseWrite(handle);
  }
  if (unread <= 0) return false;
  const from = tcpPeekedAddress(handle);
  let taken: i32 = 0;
  while (taken < unread && session.answerLength == 0) {
    takeOctet(session, load<u8>(from + taken));
    ++taken;
  }
  tcpConsume(handle, taken);
  return true;
}

function takeOctet(session: Session, octet: u32): void {
  if (++session.headLength > HEAD_OCTETS_MAX) {
    session.isLast = true;
    answer(session, "431 Request Header Fields Too Large", "The request is too long.\n");
    return;
  }
  if (octet == CARRIAGE_RETURN) return;
  if (octet != LINE_FEED) {
    const at = session.lineLength;
    if (at < <u32>LINE_OCTETS) store<u8>(lineOf(session) + at, octet);
    session.lineLength = at + 1;
    return;
  }
  if (session.lineLength > 0) takeLine(session);
  else if (session.asked != Asked.NOTHING) answerRequest(session);
  session.lineLength = 0;
}

function takeLine(session: Session): void {
  const line = lineOf(session);
  const length = min(<usize>session.lineLength, <usize>LINE_OCTETS);
  if (session.asked == Asked.NOTHING) {
    takeRequestLine(session, line, length);
  } else if (startsWith(line, length, "connection: close")) {
    session.isLast = true;
  } else if (startsWith(line, length, "content-length:")) {
    if (!startsWith(line, length, "content-length: 0")) session.isRefused = true;
  } else if (startsWith(line, length, "transfer-encoding:")) {
    session.isRefused = true;
  }
}

/** `GET / HTTP/1.1`; a request of HTTP/1.0 is the last of its connection. */
function takeRequestLine(session: Session, line: usize, length: usize): void {
  session.isHead = startsWith(line, length, "head ");
  const isKnown = session.isHead || startsWith(line, length, "get ");
  const pathAt: usize = session.isHead ? 5 : 4;
  if (isKnown && startsWith(line + pathAt, length - pathAt, "/ http/1.")) {
    session.asked = Asked.PAGE;
  } else if (isKnown && startsWith(line + pathAt, length - pathAt, "/")) {
    session.asked = Asked.OTHER_PAGE;
  } else {
    session.asked = isKnown ? Asked.NONSENSE : Asked.OTHER_METHOD;
  }
  session.isLast = length > 8 && startsWith(line + length - 8, 8, "http/1.0");
}

function answerRequest(session: Session): void {
  if (session.isRefused) session.isLast = true;
  if (session.isRefused) {
    answer(session, "413 Content Too Large", "This server takes no bodies.\n");
  } else if (session.asked == Asked.PAGE) {
    answerPage(session);
  } else if (session.asked == Asked.OTHER_PAGE) {
    answer(session, "404 Not Found", "There is no such page.\n");
  } else if (session.asked == Asked.OTHER_METHOD) {
    answer(session, "405 Method Not Allowed\r\nAllow: GET, HEAD", "Pages can only be read.\n");
  } else {
    session.isLast = true;
    answer(session, "400 Bad Request", "This is no request.\n");
  }
  session.asked = Asked.NOTHING;
  session.isHead = false;
  session.isRefused = false;
  session.headLength = 0;
}

function answerPage(session: Session): void {
  const upMs = load<u32>(LISTENER, NOW_MS) - load<u32>(LISTENER, STARTED_MS);
  const served = load<u32>(LISTENER, SERVED) + 1;
  store<u32>(LISTENER, served, SERVED);
  let at = putText(BODY, "<!doctype html><title>Linger</title><h1>Linger</h1><p>Up for ");
  at = putNumber(at, upMs / 1000);
  at = putText(at, " s, this is page ");
  at = putNumber(at, served);
  at = putText(at, ", after ");
  at = putNumber(at, load<u32>(counterAddress() + 4 * Counter.SEGMENTS_IN));
  at = putText(at, " segments; you are ");
  const status = <usize>tcpStatus(session.handle);
  at = putNumber(at, load<u32>(status + 4 * StatusField.SRTT_MS));
  at = putText(at, " ms away.\n<h2>Connections</h2><pre>\n");
  at = putConnections(at);
  at = putText(at, "</pre><h2>Counters</h2><pre>\n");
  at = putCounter(at, "frames in ", Counter.FRAMES_IN);
  at = putCounter(at, "frames out ", Counter.FRAMES_OUT);
  at = putCounter(at, "segments sent again ", Counter.RETRANSMITS);
  at = putCounter(at, "resets in ", Counter.RESETS_IN);
  at = putText(at, "</pre>\n");
  compose(session, "200 OK", "text/html", <u32>(at - BODY));
}

/** A line for each connection of the stack, whoever holds it. */
function putConnections(to: usize): usize {
  let at = to;
  for (let index: u32 = 0; index < min(SHOWN_COUNT, <u32>CONNECTION_COUNT); ++index) {
    const status = <usize>tcpStatusAt(index);
    if (status == 0) continue;
    at = putAddress(at, load<u32>(status + 4 * StatusField.REMOTE_ADDRESS));
    at = putText(at, ":");
    at = putNumber(at, load<u32>(status + 4 * StatusField.REMOTE_PORT));
    at = putText(at, " to port ");
    at = putNumber(at, load<u32>(status + 4 * StatusField.LOCAL_PORT));
    const isOpen = load<u32>(status + 4 * StatusField.STATE) == State.ESTABLISHED;
    at = putText(at, isOpen ? "\n" : ", closing\n");
  }
  return at;
}

function putAddress(to: usize, address: u32): usize {
  let at = putNumber(to, address >> 24);
  for (let shift: i32 = 16; shift >= 0; shift -= 8) {
    at = putText(at, ".");
    at = putNumber(at, (address >> shift) & 0xff);
  }
  return at;
}

function putCounter(to: usize, name: string, which: u32): usize {
  let at = putText(to, name);
  at = putNumber(at, load<u32>(counterAddress() + 4 * which));
  return putText(at, "\n");
}

function answer(session: Session, status: string, text: string): void {
  const length = putText(BODY, text) - BODY;
  compose(session, status, "text/plain", <u32>length);
}

/** Puts head and body together; a request by HEAD gets the head alone. */
function compose(session: Session, status: string, type: string, length: u32): void {
  const start = answerOf(session);
  let at = putText(start, "HTTP/1.1 ");
  at = putText(at, status);
  at = putText(at, "\r\nContent-Type: ");
  at = putText(at, type);
  at = putText(at, "\r\nContent-Length: ");
  at = putNumber(at, length);
  at = putText(at, session.isLast ? "\r\nConnection: close" : "\r\nConnection: keep-alive");
  at = putText(at, "\r\n\r\n");
  if (!session.isHead) {
    memory.copy(at, BODY, length);
    at += length;
  }
  session.answerLength = <u32>(at - start);
}
