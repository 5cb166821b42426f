/**
 * Both ends' state machines (RFC 9293 §3.3.2, Figure 5), followed from nothing but the segments
 * that passed: what an end sent and what reached it. User calls cannot be seen; a FIN shows that
 * CLOSE was called.
 *
 * Called by `linger trace` and tests. Where the trace cannot tell, the state is "?".
 */
import { Flag, segmentLength, type TcpSegment } from "../packet/index.ts";
import type { TracedConnection } from "./connections.ts";
import { planFlights } from "./plan-flights.ts";
import type { LadderRow } from "./rows.ts";
import { otherSide, type Side, type StateName, type StatePair } from "./states.ts";

export interface InferOptions {
  /** 2MSL that is assumed for the end of TIME-WAIT, in ms; default 60,000, as Linux has it. */
  timeWaitMs?: number;
  /** When the trace ends, in ms: TIME-WAIT that outlasts it is left open. */
  traceEndMs?: number;
}

interface EarlyRange {
  from: number;
  to: number;
  fin: boolean;
}

/** Ranges behind holes that are remembered: a bound on the work that a trace can cause. */
const EARLY_COUNT_MAX = 64;

/** What is known of one end. */
interface End {
  state: StateName;
  /** The sequence number after everything that it sent; undefined before its first segment. */
  sndNxt?: number;
  /** Where its FIN ended: acknowledged when the other's ACK reaches it. */
  finEnd?: number;
  /** Next number that it expects; undefined before the first segment reached it. */
  rcvNxt?: number;
  /** Received beyond rcvNxt: [from, to), the FIN among them. */
  early: EarlyRange[];
  timeWaitSince?: number;
}

/** a - b as a signed 32-bit distance (RFC 9293 §3.4). */
function distance(a: number, b: number): number {
  return (a - b) | 0;
}

/** A connection with its states. */
export interface InferredLadder {
  /** The states before the first segment. */
  start: StatePair;
  rows: LadderRow[];
}

/** The rows of one connection, its states inferred. */
export function inferStates(
  connection: TracedConnection,
  options: InferOptions = {},
): InferredLadder {
  const ends = startingEnds(connection);
  const start: StatePair = { left: ends.left.state, right: ends.right.state };
  const rows: LadderRow[] = [];
  for (const event of planFlights(connection.segments, believableSenders(connection))) {
    const { from, segment } = event.traced;
    const previousMs = rows.at(-1)?.timeMs ?? event.traced.timeMs;
    const timeMs = event.flight === "arrives" ? previousMs : event.traced.timeMs;
    if (event.flight !== "arrives") depart(ends[from], segment);
    if (event.flight === "whole" || event.flight === "arrives") {
      arrive(ends[otherSide(from)], segment, event.synAnswered);
    }
    for (const side of ["left", "right"] as const) watchTimeWait(ends[side], segment, timeMs);
    const states: StatePair = { left: ends.left.state, right: ends.right.state };
    rows.push({ kind: "segment", timeMs, from, flight: event.flight, segment, states });
  }
  return { start, rows: [...rows, ...timeWaitEnds(ends, options)] };
}

/** Ends before the first segment. One that answers SYN with SYN,ACK was in LISTEN. */
function startingEnds(connection: TracedConnection): Record<Side, End> {
  const first = connection.segments[0];
  const opening = first !== undefined && (first.segment.flags & Flag.SYN) !== 0;
  if (!opening) return { left: { state: "?", early: [] }, right: { state: "?", early: [] } };
  const answers = connection.segments.filter(({ from }) => from === "right");
  let right: StateName = answers.length === 0 ? "?" : "CLOSED";
  if (answers.some(({ segment }) => isSynAck(segment))) right = "LISTEN";
  if (answers.some(({ segment }) => isBareSyn(segment))) right = "CLOSED";
  // A trace that begins with SYN,ACK: the SYN before it is not there, but was sent.
  const left: StateName = isSynAck(first.segment) ? "SYN-SENT" : "CLOSED";
  const ends: Record<Side, End> = {
    left: { state: left, early: [] },
    right: { state: right, early: [] },
  };
  if (isSynAck(first.segment)) ends.left.sndNxt = first.segment.ack;
  return ends;
}

/**
 * A receiver drops segments with a bad checksum. But when most of what an end sends is so, the
 * trace was taken before its network card filled the checksums in: then they count.
 */
function believableSenders(connection: TracedConnection): Record<Side, boolean> {
  const believed = (side: Side): boolean => {
    const sent = connection.segments.filter(({ from }) => from === side);
    return sent.filter(({ segment }) => !segment.checksumOk).length * 2 > sent.length;
  };
  return { left: believed("left"), right: believed("right") };
}

/** What sending does to the sender. */
function depart(end: End, segment: TcpSegment): void {
  const sentEnd = (segment.seq + segmentLength(segment)) >>> 0;
  if ((segment.flags & Flag.RST) !== 0) {
    // A reset that answers a stray segment borrows its numbers and changes no state.
    const isOwn = end.sndNxt === undefined || segment.seq === end.sndNxt;
    const opening = end.state === "SYN-SENT" || end.state === "SYN-RECEIVED";
    if (end.state !== "LISTEN" && (isOwn || !opening)) end.state = "CLOSED";
    return;
  }
  if (end.sndNxt === undefined || distance(sentEnd, end.sndNxt) > 0) end.sndNxt = sentEnd;
  if ((segment.flags & Flag.SYN) !== 0) {
    if ((segment.flags & Flag.ACK) === 0) {
      if (end.state === "CLOSED" || end.state === "LISTEN") end.state = "SYN-SENT";
    } else if (end.state === "?" || !isSynchronized(end.state)) {
      end.state = "SYN-RECEIVED";
    }
  } else if (end.state === "?") {
    end.state = "ESTABLISHED";
  }
  if ((segment.flags & Flag.FIN) !== 0) {
    end.finEnd = sentEnd;
    if (end.state === "CLOSE-WAIT") end.state = "LAST-ACK";
    if (end.state === "ESTABLISHED" || end.state === "SYN-RECEIVED") end.state = "FIN-WAIT-1";
  }
}

/** What arriving does to the receiver. `answered`: a SYN that got its SYN,ACK. */
function arrive(end: End, segment: TcpSegment, answered: boolean): void {
  if ((segment.flags & Flag.RST) !== 0) {
    arriveReset(end, segment);
    return;
  }
  if ((segment.flags & Flag.SYN) !== 0) {
    arriveSyn(end, segment, answered);
    return;
  }
  if (end.state === "?") end.state = "ESTABLISHED";
  if ((segment.flags & Flag.ACK) !== 0) arriveAck(end, segment.ack);
  if (arriveText(end, segment)) arriveFin(end);
}

/** RFC 5961 §3.2: a reset counts at RCV.NXT exactly; in SYN-SENT when it acknowledges the SYN. */
function arriveReset(end: End, segment: TcpSegment): void {
  if (end.state === "SYN-SENT") {
    const acknowledges = (segment.flags & Flag.ACK) !== 0 && segment.ack === end.sndNxt;
    if (acknowledges) end.state = "CLOSED";
  } else if (end.rcvNxt === undefined || segment.seq === end.rcvNxt || end.early.length > 0) {
    if (end.state !== "LISTEN") end.state = "CLOSED";
  }
}

function arriveSyn(end: End, segment: TcpSegment, answered: boolean): void {
  const next = (segment.seq + 1) >>> 0;
  const acknowledged = (segment.flags & Flag.ACK) !== 0 && segment.ack === end.sndNxt;
  if (end.state === "SYN-SENT") {
    end.state = acknowledged ? "ESTABLISHED" : "SYN-RECEIVED";
    end.rcvNxt = next;
  } else if (end.state === "SYN-RECEIVED" && acknowledged) {
    end.state = "ESTABLISHED";
  } else if ((end.state === "LISTEN" || end.state === "CLOSED") && answered) {
    end.state = "SYN-RECEIVED";
    end.rcvNxt = next;
  }
}

function arriveAck(end: End, ack: number): void {
  if (end.state === "SYN-RECEIVED" && ack === end.sndNxt) end.state = "ESTABLISHED";
  if (end.finEnd === undefined || distance(ack, end.finEnd) < 0) return;
  if (end.state === "FIN-WAIT-1") end.state = "FIN-WAIT-2";
  else if (end.state === "CLOSING") end.state = "TIME-WAIT";
  else if (end.state === "LAST-ACK") end.state = "CLOSED";
}

/** Moves rcvNxt over all that is there; true when the FIN is reached. */
function arriveText(end: End, segment: TcpSegment): boolean {
  const length = segmentLength(segment);
  if (length === 0) {
    end.rcvNxt ??= segment.seq;
    return false;
  }
  const to = (segment.seq + length) >>> 0;
  end.rcvNxt ??= segment.seq;
  keepEarly(end, { from: segment.seq, to, fin: (segment.flags & Flag.FIN) !== 0 });
  let reachedFin = false;
  let moved = true;
  while (moved) {
    moved = false;
    for (const range of end.early) {
      if (distance(range.from, end.rcvNxt) > 0 || distance(range.to, end.rcvNxt) <= 0) continue;
      end.rcvNxt = range.to;
      reachedFin ||= range.fin;
      moved = true;
    }
  }
  const rcvNxt = end.rcvNxt;
  end.early = end.early.filter((range) => distance(range.to, rcvNxt) > 0);
  return reachedFin;
}

/** Text in order behind a hole makes one range; of very many ranges the oldest are forgotten. */
function keepEarly(end: End, range: EarlyRange): void {
  const last = end.early.at(-1);
  if (last !== undefined && last.to === range.from && !last.fin) {
    last.to = range.to;
    last.fin = range.fin;
    return;
  }
  end.early.push(range);
  if (end.early.length > EARLY_COUNT_MAX) end.early.shift();
}

function arriveFin(end: End): void {
  if (end.state === "ESTABLISHED" || end.state === "SYN-RECEIVED") end.state = "CLOSE-WAIT";
  else if (end.state === "FIN-WAIT-1") end.state = "CLOSING";
  else if (end.state === "FIN-WAIT-2") end.state = "TIME-WAIT";
}

/** Every segment that finds or leaves an end in TIME-WAIT may have restarted its clock. */
function watchTimeWait(end: End, segment: TcpSegment, timeMs: number): void {
  if (end.state !== "TIME-WAIT") return;
  const repeatedFin = (segment.flags & Flag.FIN) !== 0;
  if (end.timeWaitSince === undefined || repeatedFin) end.timeWaitSince = timeMs;
}

/** TIME-WAIT TIMEOUT (RFC 9293 §3.10.8), as far as the trace reaches. */
function timeWaitEnds(ends: Record<Side, End>, options: InferOptions): LadderRow[] {
  const timeWaitMs = options.timeWaitMs ?? 60_000;
  const rows: LadderRow[] = [];
  const waiting = (["left", "right"] as const)
    .filter((side) => ends[side].timeWaitSince !== undefined && ends[side].state === "TIME-WAIT")
    .sort((a, b) => ends[a].timeWaitSince! - ends[b].timeWaitSince!);
  for (const side of waiting) {
    const timeMs = ends[side].timeWaitSince! + timeWaitMs;
    if (timeMs > (options.traceEndMs ?? Number.POSITIVE_INFINITY)) continue;
    ends[side].state = "CLOSED";
    rows.push({
      kind: "note",
      timeMs,
      side,
      text: `2MSL over (${timeWaitMs / 1000} s assumed)`,
      states: { left: ends.left.state, right: ends.right.state },
    });
  }
  return rows;
}

/** Whether both ISS are known and acknowledged (RFC 9293 §3.5.2). */
function isSynchronized(state: StateName): boolean {
  return !["CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED"].includes(state);
}

function isSynAck(segment: TcpSegment): boolean {
  const both = Flag.SYN | Flag.ACK;
  return (segment.flags & (both | Flag.RST)) === both;
}

function isBareSyn(segment: TcpSegment): boolean {
  return (segment.flags & (Flag.SYN | Flag.ACK | Flag.RST)) === Flag.SYN;
}
