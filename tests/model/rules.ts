/**
 * What must hold: for each step of one host, and for both hosts and the wire together.
 *
 * Local rules see the host before and after; they hold for RFC 9293's variables (§3.3.1), its state
 * diagram (Figure 5), TIME-WAIT (MUST-13), the timers, and what the application is told. Global
 * rules compare the two ends. Called by locals.ts for each new step and by search.ts for each new
 * state; both get a sentence that says what is wrong, or undefined.
 */
import { EndReason, State } from "../../hal/host/abi.ts";
import { Flag, parseFrame, segmentLength, type TcpSegment } from "../../hal/host/packet/index.ts";
import { type App, hasCalled } from "./application.ts";
import type { Look } from "./image.ts";
import type { HostEvent, Moment, Outcome } from "./machine.ts";

const RING_OCTETS = 536;
const TWO_MSL_MS = 60_000;
/** tcp/challenge.ts: the limit is part of no state here, so it must not be reached. */
const CHALLENGES_MAX = 9;
const S = State;

/**
 * The arrows of RFC 9293 Figure 5 with its notes; from each state what one segment, call or
 * time-out may lead to, in one step or by several of them (a FIN may come with what completes the
 * handshake). ABORT, RST and time-outs lead to CLOSED, or back to LISTEN where that goes on.
 */
const NEXT: Readonly<Record<number, readonly number[]>> = {
  [S.CLOSED]: [S.LISTEN, S.SYN_SENT],
  [S.LISTEN]: [S.CLOSED, S.SYN_RECEIVED],
  [S.SYN_SENT]: [S.SYN_RECEIVED, S.ESTABLISHED, S.CLOSED, S.FIN_WAIT_1, S.CLOSE_WAIT, S.CLOSING],
  [S.SYN_RECEIVED]: [
    ...[S.ESTABLISHED, S.FIN_WAIT_1, S.LISTEN, S.CLOSED, S.CLOSE_WAIT, S.FIN_WAIT_2, S.CLOSING],
  ],
  [S.ESTABLISHED]: [S.FIN_WAIT_1, S.CLOSE_WAIT, S.CLOSED, S.LISTEN],
  [S.FIN_WAIT_1]: [S.FIN_WAIT_2, S.CLOSING, S.TIME_WAIT, S.CLOSED, S.LISTEN],
  [S.FIN_WAIT_2]: [S.TIME_WAIT, S.CLOSED, S.LISTEN],
  [S.CLOSE_WAIT]: [S.LAST_ACK, S.CLOSED, S.LISTEN],
  [S.CLOSING]: [S.TIME_WAIT, S.CLOSED, S.LISTEN],
  [S.LAST_ACK]: [S.CLOSED, S.LISTEN],
  // A SYN that is newer may reopen the tuple (MAY-2).
  [S.TIME_WAIT]: [S.CLOSED, S.LISTEN, S.SYN_RECEIVED],
};

const le = (a: number, b: number) => ((b - a) | 0) >= 0;

/** One step of one host. */
export function judgeStep(from: Moment, event: HostEvent, to: Outcome): string | undefined {
  if (to.fault !== undefined) return to.fault;
  const before = from.look;
  const after = to.look;
  if (before.state !== after.state && !NEXT[before.state]!.includes(after.state)) {
    return `from ${nameOf(before.state)} to ${nameOf(after.state)} there is no way`;
  }
  return (
    judgeTimers(before, event, after) ??
    judgeReset(before, event, after) ??
    judgeTcb(after) ??
    judgeEdges(before, after) ??
    judgeTold(to.app, after) ??
    judgeFrames(before, after, to.frames)
  );
}

export function nameOf(state: number): string {
  const name = Object.entries(State).find(([, value]) => value === state)?.[0] ?? "?";
  return name.replaceAll("_", "-");
}

function judgeTimers(before: Look, event: HostEvent, after: Look): string | undefined {
  const dueMs = Math.min(after.shortMs, after.longMs);
  if (dueMs <= 0) return "a time-out is over, and nothing has come of it";
  if (after.wakesInMs === Infinity && (after.isAlive ? hasTimers(after) : after.isTimeWait)) {
    return "a time-out runs that the wheel does not know of, or too late";
  }
  if (after.isAlive && !after.isListed && after.tcb["sndUna"] !== after.tcb["sndNxt"]) {
    if (after.shortMs === Infinity) return "something is in flight, and no time-out runs";
  }
  if (after.isListed) return "something waits to be sent after the poll";
  if (after.isReplyLeft) return "a reply was not sent";
  if (after.challenges > CHALLENGES_MAX) return "challenge ACKs reach their limit";
  if (!after.isTimeWait) return undefined;
  if (!before.isTimeWait && after.timeWaitMs !== TWO_MSL_MS) return "TIME-WAIT is not 2 MSL";
  if (event.kind !== "frame" || !before.isTimeWait) return undefined;
  const segment = segmentOf(event.octets);
  const isFinal = (segment.flags & Flag.FIN) !== 0 && (segment.flags & Flag.RST) === 0;
  if (isFinal && after.state === S.TIME_WAIT && after.timeWaitMs !== TWO_MSL_MS) {
    return "the peer's FIN, sent again, has not restarted the 2 MSL";
  }
  return undefined;
}

/** RST at RCV.NXT ends what it meets, or leads back to LISTEN (MUST-11); TIME-WAIT ignores it. */
function judgeReset(before: Look, event: HostEvent, after: Look): string | undefined {
  if (event.kind !== "frame" || before.rcvNxt === undefined) return undefined;
  const { flags, seq } = segmentOf(event.octets);
  if ((flags & Flag.RST) === 0 || seq !== before.rcvNxt || after.rcvNxt === undefined)
    return undefined;
  return "an RST at RCV.NXT has ended nothing";
}

function hasTimers(look: Look): boolean {
  return look.tcb["timers"] !== 0;
}

/** RFC 9293 §3.3.1, Figures 3 and 4. */
function judgeTcb({ isAlive, tcb }: Look): string | undefined {
  const state = tcb["stateAndKind"]! & 15;
  if (!isAlive || state === S.CLOSED) return undefined;
  const { iss, sndUna, sndCursor, sndNxt, sndEnd, rcvRead, rcvNxt, rcvAdv } = tcb as Record<
    string,
    number
  >;
  const limit = sndEnd! + 1;
  const order = le(iss!, sndUna!) && le(sndUna!, sndCursor!) && le(sndCursor!, sndNxt!);
  if (!order || !le(sndNxt!, limit)) return "SND.UNA, SND.NXT and what was sent are out of order";
  if (((sndEnd! - sndUna!) | 0) > RING_OCTETS + 1) return "more is queued than the ring holds";
  if (state === S.SYN_SENT) return undefined;
  if (!le(rcvRead!, rcvNxt!) || !le(rcvNxt!, rcvAdv!)) return "RCV.NXT lies outside its window";
  if (((rcvAdv! - rcvRead!) | 0) > RING_OCTETS + 1) return "the window is larger than the ring";
  return undefined;
}

/** The right edge never moves to the left (RFC 9293 SHLD-14); RCV.NXT and SND.UNA neither. */
function judgeEdges(before: Look, after: Look): string | undefined {
  if (!before.isAlive || !after.isAlive || before.state === S.SYN_SENT) return undefined;
  if (before.state === S.CLOSED || after.state === S.CLOSED) return undefined;
  for (const name of ["rcvAdv", "rcvNxt", "sndUna", "sndNxt"]) {
    if (!le(before.tcb[name]!, after.tcb[name]!)) return `${name} goes back`;
  }
  return undefined;
}

/** Whoever holds the handle of a connection that is over has been told, and nobody else has. */
function judgeTold(app: App, { hasTcb, tcb }: Look): string | undefined {
  if (app.handle === 0) return undefined;
  if (!hasTcb) return "the TCB of a handle is gone";
  const state = tcb["stateAndKind"]! & 15;
  const isOver = state === S.CLOSED || state === S.TIME_WAIT;
  if (isOver && !app.isTold) return "the connection is over, and the user has not been told";
  if (!isOver && app.isTold) return "the user was told of an end, and the connection lives";
  return undefined;
}

export function segmentOf(frame: Uint8Array): TcpSegment {
  const { tcp } = parseFrame(frame);
  if (tcp === undefined) throw new Error("a frame without a segment");
  return tcp;
}

/** What leaves is right in itself, and within the peer's window but for probes. */
function judgeFrames(before: Look, after: Look, frames: readonly Uint8Array[]): string | undefined {
  for (const frame of frames) {
    const parsed = parseFrame(frame);
    const { tcp } = parsed;
    if (tcp === undefined || parsed.error !== undefined) return "a frame that cannot be read";
    if (!tcp.checksumOk || parsed.ipv4?.checksumOk !== true) return "a frame with a wrong checksum";
    const carries = segmentLength(tcp);
    if (carries === 0 || !after.isAlive || after.state === S.CLOSED) continue;
    const { sndUna, sndWnd, sndNxt } = after.tcb as Record<string, number>;
    const end = (tcp.seq + carries) >>> 0;
    if ((tcp.flags & Flag.RST) !== 0) continue;
    if (!le(end, sndNxt!)) return "a segment beyond SND.NXT";
    if ((tcp.flags & Flag.SYN) !== 0 || before.state === S.LISTEN) continue;
    const edge = (sndUna! + Math.max(1, sndWnd!)) >>> 0;
    if (!le(end, edge)) return "a segment beyond the peer's window";
  }
  return undefined;
}

/** One end as the other end's rules see it. */
export interface End {
  readonly look: Look;
  readonly app: App;
}

/** Both ends: what one knows of the other is true, and each end learns how it ended. */
export function judgePair(left: End, right: End): string | undefined {
  return (
    judgeNumbers(left, right) ??
    judgeNumbers(right, left) ??
    judgeEnd(left, right) ??
    judgeEnd(right, left)
  );
}

/** What `own` has had acknowledged, the other one has; what it has, the other one has sent. */
function judgeNumbers({ look: own }: End, { look: other }: End): string | undefined {
  if (!isSynchronized(own) || !isSynchronized(other)) return undefined;
  if (own.tcb["irs"] !== other.tcb["iss"] || other.tcb["irs"] !== own.tcb["iss"]) return undefined;
  if (!le(own.tcb["sndUna"]!, other.tcb["rcvNxt"]!)) return "SND.UNA is beyond the peer's RCV.NXT";
  if (!le(own.tcb["rcvNxt"]!, other.tcb["sndNxt"]!)) return "RCV.NXT is beyond the peer's SND.NXT";
  const believed = (own.tcb["sndUna"]! + own.tcb["sndWnd"]!) >>> 0;
  if (!le(believed, other.tcb["rcvAdv"]!)) return "SND.WND reaches beyond what the peer offered";
  return undefined;
}

function isSynchronized(look: Look): boolean {
  return look.isAlive && look.state >= S.ESTABLISHED && look.state < S.TIME_WAIT;
}

const closes = (app: App) =>
  hasCalled(app, "CLOSE") || hasCalled(app, "full close") || hasCalled(app, "release");

/** A full close that leaves octets unread, now or later, is a reset (RFC 1122 §4.2.2.13). */
function losesData(app: App, other: App): boolean {
  const isFull = hasCalled(app, "full close") || hasCalled(app, "release");
  return isFull && other.written > app.read;
}

/** Why the other end's connection may be gone without both having closed. */
function mayReset(app: App, other: App): boolean {
  return (
    hasCalled(app, "ABORT") ||
    app.reason === EndReason.ABORTED || // CLOSE in SYN-SENT
    app.hasLapsed ||
    losesData(app, other) ||
    // Stopping to listen resets what was not accepted.
    hasCalled(app, "stop listening")
  );
}

function judgeEnd({ app }: End, { app: other }: End): string | undefined {
  if (!app.isTold) return undefined;
  switch (app.reason) {
    case EndReason.CLOSED:
      if (!closes(app) || !closes(other)) return "CLOSED, though not both ends have closed";
      if (app.arrived !== other.written) return "CLOSED, but not all has come that was sent";
      if (other.arrived !== app.written) return "CLOSED, but the peer has not got all";
      return undefined;
    case EndReason.RESET:
      return mayReset(other, app) ? undefined : "RESET, though the peer had no reason to";
    case EndReason.REFUSED:
      return mayReset(other, app) ? undefined : "REFUSED, though the peer was there";
    case EndReason.ABORTED:
      return hasCalled(app, "ABORT") || closes(app) ? undefined : "ABORTED, though nobody did";
    case EndReason.TIMED_OUT:
      return app.hasLapsed ? undefined : "TIMED-OUT, though no time-out was over";
    default:
      return `an end for reason ${app.reason}`;
  }
}
