/**
 * Where a scenario is played: makes calls on both ends, lets segments go one by one, reads both
 * states after each, and prints the ladder as it grows.
 *
 * Used by the scenarios. Judges nothing: what was seen is in `rows`.
 */
import {
  formatLadderHead,
  formatRow,
  formatStates,
  type Flight,
  type LadderFrame,
  type LadderRow,
  otherSide,
  type SequenceBases,
  type Side,
  type StateName,
  type StatePair,
} from "../../ladder/index.ts";
import { Flag, segmentLength, type TcpSegment } from "../../packet/index.ts";
import type { HeldFrame, HeldWire } from "./held-wire.ts";
import type { TcpEnd } from "./tcp-end.ts";

interface StageSetup {
  wire: HeldWire;
  left: TcpEnd;
  right: TcpEnd;
  columns: number;
  print: (line: string) => void;
}

/** The ports of the connection that is shown, and who opened it. */
export interface Tuple {
  leftPort: number;
  rightPort: number;
  client: Side | "both";
}

/** What a scenario waited for in vain. */
class StageError extends Error {
  override readonly name = "StageError";
}

/** Longest wait for anything that must happen; nothing here takes half as long. */
const PATIENCE_MS = 15_000;
/** How often the countdown of TIME-WAIT shows what is left. */
const COUNTDOWN_STEP_MS = 500;
/** Rounds of waiting for what two ends that were reset still have to say. */
const FLUSH_ROUNDS = 4;
/** Printed numbers start where those of the RFC's figures do. */
const SHOWN_ISS = { left: 100, right: 300 } as const;

export class Stage {
  readonly left: TcpEnd;
  readonly right: TcpEnd;
  readonly tuple: Tuple;
  readonly print: (line: string) => void;
  start: StatePair = { left: "?", right: "?" };
  rows: LadderRow[] = [];
  readonly #wire: HeldWire;
  readonly #frame: LadderFrame;
  readonly #iss: Partial<SequenceBases> = {};
  /** The number after all that an end sent, and the highest that reached it as acknowledged. */
  readonly #sent: Partial<SequenceBases> = {};
  readonly #acked: Partial<SequenceBases> = {};
  readonly #alive = { left: false, right: false };

  constructor(setup: StageSetup, tuple: Tuple) {
    this.left = setup.left;
    this.right = setup.right;
    this.print = setup.print;
    this.tuple = tuple;
    this.#wire = setup.wire;
    this.#frame = {
      left: this.#nameOf("left"),
      right: this.#nameOf("right"),
      columns: setup.columns,
      startMs: performance.now(),
    };
  }

  /** The address of the other end, as an end calls it. */
  hostOf(side: Side): string {
    return this[side].address;
  }

  /** Prints the names and the states in which both ends begin. */
  begin(): void {
    this.start = this.states();
    this.print(formatLadderHead(this.#frame));
    this.print(formatStates(this.start, this.#frame));
  }

  /** Both true states now. A listener that outlives its connection does not count as its state. */
  states(): StatePair {
    return { left: this.#stateOf("left"), right: this.#stateOf("right") };
  }

  /** A user call of one end, with its line in the ladder. */
  async call<T>(side: Side, name: string, act: () => Promise<T>): Promise<T> {
    const result = await act();
    await settle();
    this.note(side, name);
    return result;
  }

  /** A line without a segment. */
  note(side: Side, text: string): void {
    const states = this.states();
    this.#add({ kind: "note", timeMs: performance.now(), side, text, states });
  }

  /** Lets segments go, one by one, until both ends are in these states. */
  async reach(left: StateName, right: StateName): Promise<void> {
    await this.until(`${left} / ${right}`, () => {
      const now = this.states();
      return now.left === left && now.right === right;
    });
  }

  /** Lets segments go, one by one, until something holds. */
  async until(what: string, holds: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!holds()) {
      if (performance.now() > deadline) {
        const { left, right } = this.states();
        throw new StageError(`waited in vain for ${what}; the states are ${left} / ${right}`);
      }
      const held = this.#wire.peek();
      if (held === undefined) await this.#wire.waitForFrame(20);
      else await this.#release(held, "whole");
    }
  }

  /** Lets segments go until each end has acknowledged all that the other sent. */
  async acknowledged(): Promise<void> {
    await this.until("the acknowledgement of all data", () => {
      if (this.#wire.peek() !== undefined) return false;
      return (
        isReached(this.#acked.left, this.#sent.left) &&
        isReached(this.#acked.right, this.#sent.right)
      );
    });
  }

  /** TIME-WAIT TIMEOUT of one end, the time that is left shown while it runs. */
  async countDown(side: Side, twoMslMs: number): Promise<void> {
    const startMs = performance.now();
    let shownMs = startMs;
    await this.until("the end of TIME-WAIT", () => {
      const nowMs = performance.now();
      if (nowMs - shownMs >= COUNTDOWN_STEP_MS) {
        shownMs += COUNTDOWN_STEP_MS;
        const leftMs = Math.max(0, twoMslMs - (nowMs - startMs));
        const seconds = (leftMs / 1000).toFixed(1);
        if (leftMs > 0) this.print(`${" ".repeat(10)}TIME-WAIT: ${seconds} s of 2MSL left`);
      }
      return this.#stateOf(side) !== "TIME-WAIT";
    });
    this.note(side, "2MSL over");
  }

  /** After the scenario: whatever is still under way arrives, unseen. */
  async flush(): Promise<void> {
    for (let round = 0; round < FLUSH_ROUNDS; round++) {
      await this.#wire.waitForFrame(5);
      for (let held = this.#wire.peek(); held !== undefined; held = this.#wire.peek()) {
        this.#wire.take(held);
        this.#wire.deliver(held);
        await settle();
      }
    }
  }

  /** Waits for the next segment of one end and shows it leaving; it stays under way. */
  async depart(from: Side): Promise<HeldFrame> {
    const held = await this.#next(from);
    this.#wire.take(held);
    this.#addSegment(held, "departs");
    return held;
  }

  /** Lets a segment arrive that was under way. */
  async arrive(held: HeldFrame): Promise<void> {
    this.#wire.deliver(held);
    await settle();
    this.#addSegment(held, "arrives");
  }

  /** Waits for the next segment of one end and loses it. */
  async lose(from: Side): Promise<void> {
    const held = await this.#next(from);
    this.#wire.take(held);
    this.#addSegment(held, "lost");
  }

  async #next(from: Side): Promise<HeldFrame> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const held = this.#wire.peek(from);
      if (held !== undefined && this.#isOurs(held)) return held;
      if (held !== undefined) await this.#release(held, "whole");
      if (performance.now() > deadline) {
        throw new StageError(`waited in vain for a segment from ${this[from].name}`);
      }
      await this.#wire.waitForFrame(20);
    }
  }

  async #release(held: HeldFrame, flight: Flight): Promise<void> {
    this.#wire.take(held);
    // The sender's state is the one before anything new can reach it.
    const sender = this.#stateOf(held.from);
    this.#wire.deliver(held);
    await settle();
    if (this.#isOurs(held)) this.#addSegment(held, flight, sender);
  }

  #addSegment(held: HeldFrame, flight: Flight, sender?: StateName): void {
    const { from } = held;
    const segment = held.frame.tcp!;
    if ((segment.flags & Flag.SYN) !== 0) this.#iss[from] ??= segment.seq;
    this.#watchNumbers(from, segment, flight);
    const states = this.states();
    if (sender !== undefined) states[from] = sender;
    const timeMs = performance.now();
    this.#add({ kind: "segment", timeMs, from, flight, segment, states });
  }

  #watchNumbers(from: Side, segment: TcpSegment, flight: Flight): void {
    const end = (segment.seq + segmentLength(segment)) >>> 0;
    const isFirst = (segment.flags & Flag.SYN) !== 0;
    if (isFirst || !isReached(this.#sent[from], end)) this.#sent[from] = end;
    if (flight === "departs" || flight === "lost" || (segment.flags & Flag.ACK) === 0) return;
    this.#acked[otherSide(from)] = segment.ack;
  }

  #add(row: LadderRow): void {
    this.rows.push(row);
    this.#frame.bases = {
      left: ((this.#iss.left ?? SHOWN_ISS.left) - SHOWN_ISS.left) >>> 0,
      right: ((this.#iss.right ?? SHOWN_ISS.right) - SHOWN_ISS.right) >>> 0,
    };
    this.print(formatRow(row, this.#frame));
  }

  #isOurs(held: HeldFrame): boolean {
    const { sourcePort, destinationPort } = held.frame.tcp!;
    const { leftPort, rightPort } = this.tuple;
    return held.from === "left"
      ? sourcePort === leftPort && destinationPort === rightPort
      : sourcePort === rightPort && destinationPort === leftPort;
  }

  #stateOf(side: Side): StateName {
    const { leftPort, rightPort } = this.tuple;
    const [local, remote] = side === "left" ? [leftPort, rightPort] : [rightPort, leftPort];
    const state = this[side].stateOf(local, this[otherSide(side)].address, remote);
    if (state === "LISTEN" && this.#alive[side]) return "CLOSED";
    if (state !== "LISTEN" && state !== "CLOSED") this.#alive[side] = true;
    return state;
  }

  #nameOf(side: Side): string {
    const { tuple } = this;
    const port = side === "left" ? tuple.leftPort : tuple.rightPort;
    const role = roleOf(tuple, side);
    return `${this[side].name} ${this[side].address}:${port} (${role})`;
  }
}

/** Who opened the connection is its client. */
export function roleOf(tuple: Tuple, side: Side): string {
  if (tuple.client === "both") return "opens too";
  return tuple.client === side ? "client" : "server";
}

/** Whether `number` is at or behind `goal` in sequence space; both unknown counts as yes. */
function isReached(number: number | undefined, goal: number | undefined): boolean {
  if (goal === undefined) return true;
  return number !== undefined && ((number - goal) | 0) >= 0;
}

/** Two rounds of the event loop: what was handed to a stack or to a socket has been acted upon. */
async function settle(): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
