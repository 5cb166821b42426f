/**
 * What a ladder is made of: rows, in the order of time. `infer-states.ts` makes them from a trace,
 * the demonstration from what it saw; `format-ladder.ts` draws them.
 */
import type { TcpSegment } from "../packet/index.ts";
import type { Side, StatePair } from "./states.ts";

/**
 * Which part of a segment's way a row shows. `whole`: it left and arrived, and the sender's state
 * is the one after it left, the receiver's the one after it arrived, as in the RFC's figures.
 */
export type Flight = "whole" | "departs" | "arrives" | "lost";

export interface SegmentRow {
  kind: "segment";
  timeMs: number;
  from: Side;
  flight: Flight;
  segment: TcpSegment;
  states: StatePair;
}

/** Something that happened to one end without a segment: a user call, a timer, an observation. */
export interface NoteRow {
  kind: "note";
  timeMs: number;
  side: Side;
  text: string;
  states: StatePair;
}

export type LadderRow = SegmentRow | NoteRow;

/** Numbers that are subtracted for printing: the ISS of each end, so that a SYN has SEQ=0. */
export interface SequenceBases {
  left: number;
  right: number;
}
