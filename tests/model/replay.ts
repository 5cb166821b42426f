/**
 * A way through the search, made again from its beginning: two hosts whose memories nobody saves or
 * loads in between other than as they are, and a ladder of what happened. It proves that a
 * complaint does not come from the search's own ways of taking states for the same.
 * Called by explore.ts.
 */
import {
  formatLadder,
  type LadderRow,
  type Side,
  type StateName,
} from "../../hal/host/ladder/index.ts";
import { CALLS } from "./application.ts";
import type { HostEvent, Machine, Moment, Outcome } from "./machine.ts";
import { judgePair, judgeStep, nameOf, segmentOf } from "./rules.ts";
import { type Complaint, Move, moveOf, type Search, sideOf, whichOf } from "./search.ts";

export interface Replayed {
  /** The ladder, line by line. */
  readonly lines: readonly string[];
  /** Whether the same rule is broken, or the same states are reached if it breaks none. */
  readonly isConfirmed: boolean;
}

interface InFlight {
  readonly octets: Uint8Array;
  /** The row that shows it leaving. */
  readonly row: number;
}

interface Wire {
  inOrder: InFlight[];
  late: InFlight[];
}

const SIDES: readonly Side[] = ["left", "right"];
const COLUMNS = 110;

class Replay {
  readonly rows: LadderRow[] = [];
  readonly moments: Moment[];
  said: string | undefined;
  readonly #search: Search;
  readonly #machine: Machine;
  /** Towards the left host, and towards the right one. */
  readonly #wires: Wire[] = [
    { inOrder: [], late: [] },
    { inOrder: [], late: [] },
  ];
  #steps = 0;

  constructor(search: Search, machine: Machine, startMs: readonly number[]) {
    this.#search = search;
    this.#machine = machine;
    const { scripts } = search.world.family;
    const started = scripts.map((script, side) => machine.start(script, startMs[side]!));
    this.moments = started;
    started.forEach((outcome, side) => this.#send(side, outcome.frames));
  }

  make(move: number): void {
    this.#steps += 1;
    const side = sideOf(move);
    const wire = this.#wires[side]!;
    switch (moveOf(move)) {
      case Move.CALL: {
        const call = CALLS[whichOf(move)]!;
        return this.#step(side, { kind: "call", call }, call);
      }
      case Move.TIME: {
        const { shortMs, longMs } = this.moments[side]!.look;
        const text = `time-out after ${Math.min(shortMs, longMs)} ms`;
        return this.#step(side, { kind: "time" }, text);
      }
      case Move.ARRIVE:
        return this.#arrive(side, wire.inOrder.shift()!);
      case Move.ARRIVE_LATE:
        return this.#arrive(side, this.#takeLate(wire, whichOf(move)));
      case Move.LOSE:
        return this.#lose(side, wire.inOrder.shift()!);
      case Move.DUPLICATE:
        wire.late.push(wire.inOrder[0]!);
        return this.#note(1 - side, "a copy is held back");
      default:
        wire.late.push(wire.inOrder.shift()!);
        return this.#note(1 - side, "it is held back");
    }
  }

  /** The search sorts what is late by the numbers of the frames. */
  #takeLate(wire: Wire, index: number): InFlight {
    const numberOf = ({ octets }: InFlight) => this.#search.world.frames.number(octets);
    const sorted = [...wire.late].sort((a, b) => numberOf(a) - numberOf(b));
    const frame = sorted[index]!;
    wire.late.splice(wire.late.indexOf(frame), 1);
    return frame;
  }

  #step(side: number, event: HostEvent, text: string): void {
    const outcome = this.#run(side, event);
    this.#note(side, text);
    this.#send(side, outcome?.frames ?? []);
  }

  #run(side: number, event: HostEvent): Outcome | undefined {
    const script = this.#search.world.family.scripts[side]!;
    const before = this.moments[side]!;
    const outcome = this.#machine.run(script, before, event);
    if (outcome === undefined) {
      this.said ??= "it cannot be made again";
      return undefined;
    }
    this.said ??= judgeStep(before, event, outcome);
    this.moments[side] = outcome;
    return outcome;
  }

  #arrive(side: number, { octets, row }: InFlight): void {
    const outcome = this.#run(side, { kind: "frame", octets });
    const last = this.rows[row];
    if (row === this.rows.length - 1 && last?.kind === "segment") {
      this.rows[row] = { ...last, flight: "whole", states: this.#states() };
    } else {
      this.#segment(1 - side, octets, "arrives");
    }
    this.#send(side, outcome?.frames ?? []);
  }

  #lose(side: number, { octets, row }: InFlight): void {
    const last = this.rows[row];
    if (row === this.rows.length - 1 && last?.kind === "segment") {
      this.rows[row] = { ...last, flight: "lost" };
    } else {
      this.#segment(1 - side, octets, "lost");
    }
  }

  #send(side: number, frames: readonly Uint8Array[]): void {
    for (const octets of frames) {
      this.#wires[1 - side]!.inOrder.push({ octets, row: this.rows.length });
      this.#segment(side, octets, "departs");
    }
  }

  #segment(from: number, octets: Uint8Array, flight: "departs" | "arrives" | "lost"): void {
    const segment = segmentOf(octets);
    const states = this.#states();
    const row = { kind: "segment", timeMs: this.#steps, from: SIDES[from]!, flight } as const;
    this.rows.push({ ...row, segment, states });
  }

  #note(side: number, text: string): void {
    const states = this.#states();
    this.rows.push({ kind: "note", timeMs: this.#steps, side: SIDES[side]!, text, states });
  }

  #states(): { left: StateName; right: StateName } {
    const [left, right] = this.moments.map(({ look }) => nameOf(look.state) as StateName);
    return { left: left!, right: right! };
  }
}

/** The moves that led to a node, from the beginning. */
function movesTo(search: Search, node: number): number[] {
  const moves: number[] = [];
  for (let at = node; at > 0; at = search.parents.at(at)) moves.unshift(search.moves.at(at));
  return moves;
}

/** Makes the way to a complaint again, and draws it. */
export function replay(
  search: Search,
  machine: Machine,
  { complaint, startMs }: { complaint: Complaint; startMs: readonly number[] },
): Replayed {
  const moves = movesTo(search, complaint.node);
  if (complaint.move !== undefined) moves.push(complaint.move);
  const again = new Replay(search, machine, startMs);
  for (const move of moves) again.make(move);
  const [left, right] = again.moments as [Moment, Moment];
  const start = { left: "CLOSED", right: "CLOSED" } as const;
  const frame = { left: "left", right: "right (time: steps)", columns: COLUMNS };
  const lines = formatLadder(start, again.rows, frame);
  return { lines, isConfirmed: isConfirmed(search, complaint, again, judgePair(left, right)) };
}

function isConfirmed(
  search: Search,
  complaint: Complaint,
  again: Replay,
  saidOfPair: string | undefined,
): boolean {
  const said = again.said ?? saidOfPair;
  if (said !== undefined) return said === complaint.text;
  // What the graph complains of is a place: the same one must be reached.
  const place = search.place(complaint.node);
  const [left, right] = search.world.hosts;
  const numbers = [left.numberOf(again.moments[0]!), right.numberOf(again.moments[1]!)];
  return numbers[0] === place.left && numbers[1] === place.right;
}
