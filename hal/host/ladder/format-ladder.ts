/**
 * Draws a ladder as plain text, after the figures of RFC 9293 §3.5 and §3.6: the state of the left
 * end, the segment between arrows, the state of the right end, and the time.
 *
 *      0.000 SYN-SENT     ─► <SEQ=0><CTL=SYN><MSS=1460>              ─► SYN-RECEIVED
 *      0.001 ESTABLISHED  ◄─ <SEQ=0><ACK=1><CTL=SYN,ACK><MSS=1460>   ◄─ SYN-RECEIVED
 *
 * A segment that is still under way ends in ·· , one that arrives later begins so, a lost one ends
 * in ×. Called by `linger trace`, `linger demo` and tests. Decides nothing about states.
 */
import { Flag, formatSegment, type NotationOptions } from "../packet/index.ts";
import type { LadderRow, NoteRow, SegmentRow, SequenceBases } from "./rows.ts";
import type { StatePair } from "./states.ts";

/** A ladder's parts that stay the same from row to row. */
export interface LadderFrame {
  /** Names of the ends, printed above them. */
  left: string;
  right: string;
  /** Numbers are printed relative to these; leave out for the numbers on the wire. */
  bases?: SequenceBases;
  /** Widest line, 80 or more; default 100. */
  columns?: number;
  /** The time that is printed as 0.000, in ms; default 0. */
  startMs?: number;
}

const TIME_COLUMNS = 9;
const STATE_COLUMNS = 12;
const ARROW_COLUMNS = 2;
const FIXED_COLUMNS = TIME_COLUMNS + 2 * STATE_COLUMNS + 2 * ARROW_COLUMNS + 5;

const ARROWS = {
  left: {
    whole: ["─►", "─►"],
    departs: ["─►", "··"],
    arrives: ["··", "─►"],
    lost: ["─►", " ×"],
  },
  right: {
    whole: ["◄─", "◄─"],
    departs: ["··", "◄─"],
    arrives: ["◄─", "··"],
    lost: ["× ", "◄─"],
  },
} as const;

/** The line above the rows: who is left, and who is right, above its states as far as it fits. */
export function formatLadderHead(frame: LadderFrame): string {
  const indent = " ".repeat(TIME_COLUMNS + 1);
  const wide = columnsOf(frame) - indent.length;
  const right = fit(frame.right, wide - 1);
  const room = wide - Math.max(STATE_COLUMNS, right.length);
  return `${indent}${fit(frame.left, room - 1).padEnd(room)}${right}`;
}

/** The states before the first row. */
export function formatStates(states: StatePair, frame: LadderFrame): string {
  const blank = " ".repeat(textColumns(frame) + 2 * ARROW_COLUMNS + 2);
  const left = states.left.padEnd(STATE_COLUMNS);
  return `${" ".repeat(TIME_COLUMNS)} ${left} ${blank} ${states.right}`;
}

/** One row as one line. */
export function formatRow(row: LadderRow, frame: LadderFrame): string {
  const seconds = ((row.timeMs - (frame.startMs ?? 0)) / 1000).toFixed(3).padStart(TIME_COLUMNS);
  const middle = row.kind === "segment" ? segmentText(row, frame) : noteText(row, frame);
  return `${seconds} ${row.states.left.padEnd(STATE_COLUMNS)} ${middle} ${row.states.right}`;
}

interface CollapseOptions {
  /**
   * Runs of segments longer than this that change no state and carry no control bit but ACK and
   * PSH are cut in the middle; default: never.
   */
  collapseAfter?: number;
}

/** The whole ladder: head, start states, rows. */
export function formatLadder(
  start: StatePair,
  rows: readonly LadderRow[],
  frame: LadderFrame & CollapseOptions,
): string[] {
  const lines = [formatLadderHead(frame), formatStates(start, frame)];
  const limit = frame.collapseAfter ?? Number.POSITIVE_INFINITY;
  let at = 0;
  while (at < rows.length) {
    const run = countUneventful(rows, at, at === 0 ? start : rows[at - 1]!.states);
    if (run <= limit) {
      const next = at + Math.max(1, run);
      for (const row of rows.slice(at, next)) lines.push(formatRow(row, frame));
      at = next;
      continue;
    }
    const shown = Math.max(1, Math.floor(limit / 2));
    for (const row of rows.slice(at, at + shown)) lines.push(formatRow(row, frame));
    lines.push(formatGap(rows.slice(at + shown, at + run - shown)));
    for (const row of rows.slice(at + run - shown, at + run)) lines.push(formatRow(row, frame));
    at += run;
  }
  return lines;
}

/** How many rows from `at` on only move data and acknowledgements. */
function countUneventful(rows: readonly LadderRow[], at: number, before: StatePair): number {
  const plain = Flag.ACK | Flag.PSH;
  let count = 0;
  for (let index = at; index < rows.length; index++, count++) {
    const row = rows[index]!;
    if (row.kind !== "segment" || row.flight !== "whole") break;
    if ((row.segment.flags & ~plain) !== 0) break;
    if (row.states.left !== before.left || row.states.right !== before.right) break;
  }
  return count;
}

function formatGap(rows: readonly LadderRow[]): string {
  const octets = { left: 0, right: 0 };
  for (const row of rows) {
    if (row.kind === "segment") octets[row.from] += row.segment.payload.length;
  }
  const sums = `${octets.left} octets ─►, ${octets.right} octets ◄─`;
  return `${"⋮".padStart(TIME_COLUMNS)} ${rows.length} more segments: ${sums}`;
}

function columnsOf(frame: LadderFrame): number {
  return Math.max(80, frame.columns ?? 100);
}

function textColumns(frame: LadderFrame): number {
  return columnsOf(frame) - FIXED_COLUMNS;
}

function segmentText(row: SegmentRow, frame: LadderFrame): string {
  const [first, second] = ARROWS[row.from][row.flight];
  const room = textColumns(frame);
  const text = notationThatFits(row, frame, room);
  return `${first} ${text.padEnd(room)} ${second}`;
}

/** All options if there is room, else the MSS alone, else none; at worst the end is cut. */
function notationThatFits(row: SegmentRow, frame: LadderFrame, room: number): string {
  const { segment } = row;
  const numbers: NotationOptions = {};
  if (frame.bases !== undefined) {
    numbers.seqBase = row.from === "left" ? frame.bases.left : frame.bases.right;
    numbers.ackBase = row.from === "left" ? frame.bases.right : frame.bases.left;
  }
  const mark = segment.checksumOk ? "" : "<BAD CHECKSUM>";
  const full = formatSegment(segment, numbers) + mark;
  if (full.length <= room) return full;
  const options = segment.options.filter(({ kind }) => kind === "mss");
  const shorter = formatSegment({ ...segment, options }, numbers) + mark;
  if (shorter.length <= room) return shorter;
  return fit(formatSegment(segment, { ...numbers, options: false }) + mark, room);
}

function noteText(row: NoteRow, frame: LadderFrame): string {
  const room = textColumns(frame) + 2 * ARROW_COLUMNS + 2;
  const text = fit(`(${row.text})`, room);
  return row.side === "left" ? text.padEnd(room) : text.padStart(room);
}

function fit(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, room - 1)}…`;
}
