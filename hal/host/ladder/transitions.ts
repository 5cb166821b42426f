/**
 * The transitions that a ladder shows, end by end: start state, action, next state. The actions
 * are in the words of RFC 9293's state diagram (Figure 5): "CLOSE, snd FIN", "rcv FIN",
 * "rcv ACK of FIN".
 *
 * Called by `linger demo`, for the table of each close, and by tests. Reads rows, changes nothing.
 */
import { Flag, segmentLength, type TcpSegment } from "../packet/index.ts";
import type { LadderRow, SegmentRow } from "./rows.ts";
import { otherSide, type Side, type StateName, type StatePair } from "./states.ts";

export interface Transition {
  side: Side;
  timeMs: number;
  start: StateName;
  action: string;
  next: StateName;
}

/** All changes of state in `rows`, in order. */
export function findTransitions(start: StatePair, rows: readonly LadderRow[]): Transition[] {
  const found: Transition[] = [];
  const finEnds: Partial<Record<Side, number>> = {};
  const acknowledged = new Set<Side>();
  let before = start;
  rows.forEach((row, index) => {
    if (row.kind === "segment" && (row.segment.flags & Flag.FIN) !== 0) {
      finEnds[row.from] = (row.segment.seq + segmentLength(row.segment)) >>> 0;
    } else if (row.kind === "segment" && (row.segment.flags & Flag.SYN) !== 0) {
      // Another incarnation of the tuple: its FIN is still to come.
      delete finEnds[row.from];
      acknowledged.delete(row.from);
    }
    for (const side of orderOf(row)) {
      if (row.states[side] === before[side]) continue;
      found.push({
        side,
        timeMs: row.timeMs,
        start: before[side],
        action: actionOf(rows, index, side, acknowledged.has(side) ? undefined : finEnds[side]),
        next: row.states[side],
      });
    }
    const receiver = row.kind === "segment" ? otherSide(row.from) : undefined;
    if (receiver !== undefined && touches(row, receiver)) {
      const { segment } = row as SegmentRow;
      if (coversFin(segment, finEnds[receiver])) acknowledged.add(receiver);
    }
    before = row.states;
  });
  return found;
}

/** A segment leaves before it arrives. */
function orderOf(row: LadderRow): readonly Side[] {
  const first = row.kind === "segment" ? row.from : row.side;
  return [first, otherSide(first)];
}

function actionOf(
  rows: readonly LadderRow[],
  index: number,
  side: Side,
  finEnd: number | undefined,
): string {
  const row = rows[index]!;
  if (row.kind === "note") {
    if (row.side !== side) return "(seen then)";
    const sent = nextSent(rows, index, side);
    return sent === undefined ? row.text : `${row.text}, snd ${controlsOf(sent.segment)}`;
  }
  if (row.from === side) {
    const call = callBefore(rows, index, side);
    const sent = `snd ${controlsOf(row.segment)}`;
    return call === undefined ? sent : `${call}, ${sent}`;
  }
  const received = `rcv ${receivedOf(row, finEnd)}`;
  // An application that closes as soon as it reads end-of-file is past CLOSE-WAIT already.
  if (row.states[side] === "LAST-ACK") return `${received}, CLOSE`;
  const answer = nextSent(rows, index, side);
  const resets = answer !== undefined && (answer.segment.flags & Flag.RST) !== 0;
  return resets ? `${received}, snd RST` : received;
}

/** The user call that this end made just before, if nothing else was sent or received since. */
function callBefore(rows: readonly LadderRow[], index: number, side: Side): string | undefined {
  for (let at = index - 1; at >= 0; at--) {
    const row = rows[at]!;
    if (row.kind === "note" && row.side === side) return row.text;
    if (touches(row, side)) return undefined;
  }
  return undefined;
}

/** What this end sends next, if it is what the note led to: SYN, FIN or RST. */
function nextSent(rows: readonly LadderRow[], index: number, side: Side): SegmentRow | undefined {
  const control = Flag.SYN | Flag.FIN | Flag.RST;
  for (const row of rows.slice(index + 1)) {
    if (row.kind === "note" && row.side === side) return undefined;
    if (row.kind !== "segment" || !touches(row, side)) continue;
    const leads = row.from === side && (row.segment.flags & control) !== 0;
    return leads ? row : undefined;
  }
  return undefined;
}

/** Whether a segment left or reached this end in this row. */
function touches(row: LadderRow, side: Side): boolean {
  if (row.kind === "note") return false;
  if (row.flight === "whole") return true;
  return row.from === side ? row.flight !== "arrives" : row.flight === "arrives";
}

function controlsOf(segment: TcpSegment): string {
  const { flags } = segment;
  if ((flags & Flag.RST) !== 0) return "RST";
  if ((flags & Flag.SYN) !== 0) return (flags & Flag.ACK) !== 0 ? "SYN,ACK" : "SYN";
  if ((flags & Flag.FIN) !== 0) return "FIN";
  return segment.payload.length > 0 ? "data" : "ACK";
}

function coversFin(segment: TcpSegment, finEnd: number | undefined): boolean {
  if (finEnd === undefined || (segment.flags & Flag.ACK) === 0) return false;
  return ((segment.ack - finEnd) | 0) >= 0;
}

function receivedOf(row: SegmentRow, finEnd: number | undefined): string {
  const { segment } = row;
  const { flags } = segment;
  const acksFin = coversFin(segment, finEnd);
  if ((flags & (Flag.RST | Flag.SYN)) !== 0) return controlsOf(segment);
  if ((flags & Flag.FIN) !== 0) return acksFin ? "FIN, ACK of FIN" : "FIN";
  if (acksFin) return "ACK of FIN";
  return segment.payload.length > 0 ? "data" : "ACK";
}
