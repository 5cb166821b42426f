/**
 * The states of one host: found once, numbered, and what each event makes of each remembered.
 *
 * A host's next state depends on nothing but its own and on what happens to it, so a step is
 * executed by the module once, however many states of the whole it is part of. States are told
 * apart by their whole canonical form, not by a hash of it. Of each only the words of its image
 * that differ from the first one are kept. Called by search.ts.
 */
import { State } from "../../hal/host/abi.ts";
import { arrowBetween, nameOfArrow } from "./arrows.ts";
import { CALLS, type Call, type App, keyOfApp, type Script } from "./application.ts";
import type { Look } from "./image.ts";
import type { HostEvent, Machine, Moment } from "./machine.ts";
import { judgeStep, nameOf } from "./rules.ts";
import type { Frames } from "./wires.ts";

/** What an event makes of a state. */
export interface Step {
  /** The state that follows. */
  readonly next: number;
  /** What left, by the number of the burst. */
  readonly burst: number;
  /** Which rule it breaks, if any. */
  readonly complaint: string | undefined;
}

/** What a state is, beside its image. */
export interface Local {
  readonly look: Look;
  readonly app: App;
}

/** Events by number: the calls, then time, then frames by theirs. */
export const TIME = CALLS.length;
export const FIRST_FRAME = TIME + 1;
const EVENTS_MAX = 2 ** 20;

export class Locals {
  readonly script: Script;
  readonly list: Local[] = [];
  /** Steps that the module has executed. */
  executed = 0;
  /** Changes of state that were seen, by name. */
  readonly arrows = new Set<string>();
  /** What leaves before anything happens, by the number of the burst. */
  readonly firstBurst: number;
  readonly #machine: Machine;
  readonly #frames: Frames;
  readonly #numbers = new Map<string, number>();
  readonly #steps = new Map<number, Step | null>();
  readonly #calls: (readonly { call: number; step: Step }[])[] = [];
  readonly #base: Uint32Array;
  readonly #deltas: Uint32Array[] = [];
  /** Another image of the same state, if one was met. */
  readonly #twins = new Map<number, Uint32Array>();

  constructor(machine: Machine, frames: Frames, script: Script, nowMs: number) {
    this.#machine = machine;
    this.#frames = frames;
    this.script = script;
    const first = machine.start(script, nowMs);
    this.#base = wordsOf(first.image);
    this.#number(first);
    this.firstBurst = frames.burstNumber(first.frames);
    // A script that has begun with its OPEN has left CLOSED behind.
    const { state } = first.look;
    if (state !== State.CLOSED) this.arrows.add(nameOfArrow(State.CLOSED, state));
  }

  get stored(): number {
    return this.#deltas.reduce((sum, delta) => sum + delta.byteLength, 0);
  }

  get twinCount(): number {
    return this.#twins.size;
  }

  /** The state of a moment, if it was met. */
  numberOf(moment: Moment): number | undefined {
    return this.#numbers.get(keyOf(moment));
  }

  /** The calls that can be made in a state, and what each leads to. */
  callsIn(local: number): readonly { call: number; step: Step }[] {
    const known = this.#calls[local];
    if (known !== undefined) return known;
    const found: { call: number; step: Step }[] = [];
    for (const call of this.script.calls) {
      const number = CALLS.indexOf(call);
      const step = this.step(local, number);
      if (step !== undefined) found.push({ call: number, step });
    }
    this.#calls[local] = found;
    return found;
  }

  /** What an event, by number, leads to; undefined if it cannot happen. */
  step(local: number, event: number): Step | undefined {
    const key = local * EVENTS_MAX + event;
    let step = this.#steps.get(key);
    if (step === undefined) {
      step = this.#execute(local, event);
      this.#steps.set(key, step);
    }
    return step ?? undefined;
  }

  /**
   * Whether meaning.ts is right: from another image of the same state, everything that was tried
   * must lead to the same state, and make the same leave. But for an ISN, which follows the clock
   * (RFC 9293 MUST-8): it is that of the first image. The first event that does not, in words.
   */
  checkTwins(): string | undefined {
    for (const [key, step] of this.#steps) {
      const local = Math.floor(key / EVENTS_MAX);
      const twin = this.#twins.get(local);
      if (twin === undefined) continue;
      const event = this.#eventOf(key % EVENTS_MAX);
      const outcome = this.#machine.run(this.script, this.#moment(local, twin), event);
      if (outcome !== undefined && choosesIsn(this.list[local]!.look, outcome.look)) continue;
      const next = outcome === undefined ? undefined : this.#numbers.get(keyOf(outcome));
      const burst = outcome === undefined ? undefined : this.#frames.burstNumber(outcome.frames);
      if (next === step?.next && burst === step?.burst) continue;
      const state = nameOf(this.list[local]!.look.state);
      return `two images of one state in ${state} part at ${describe(event)}`;
    }
    return undefined;
  }

  #eventOf(number: number): HostEvent {
    if (number < TIME) return { kind: "call", call: CALLS[number] as Call };
    if (number === TIME) return { kind: "time" };
    return { kind: "frame", octets: this.#frames.octets(number - FIRST_FRAME) };
  }

  #execute(local: number, number: number): Step | null {
    const from = this.#moment(local, this.#deltas[local]!);
    const event = this.#eventOf(number);
    const outcome = this.#machine.run(this.script, from, event);
    if (outcome === undefined) return null;
    this.executed += 1;
    const arrow = arrowBetween(from.look, outcome.look);
    if (arrow !== undefined) this.arrows.add(arrow);
    return {
      next: this.#number(outcome),
      burst: this.#frames.burstNumber(outcome.frames),
      complaint: judgeStep(from, event, outcome),
    };
  }

  /** The moment that stands for a state. */
  #moment(local: number, delta: Uint32Array): Moment {
    const words = this.#base.slice();
    for (let i = 0; i < delta.length; i += 2) words[delta[i]!] = delta[i + 1]!;
    const { look, app } = this.list[local]!;
    return { image: new Uint8Array(words.buffer), app, key: "", look };
  }

  #number(moment: Moment): number {
    const key = keyOf(moment);
    const known = this.#numbers.get(key);
    if (known !== undefined) {
      if (!this.#twins.has(known)) this.#keepTwin(known, moment);
      return known;
    }
    const number = this.list.length;
    this.#numbers.set(key, number);
    this.list.push({ look: moment.look, app: moment.app });
    this.#deltas.push(this.#deltaOf(moment.image));
    return number;
  }

  #keepTwin(local: number, { image, look }: Moment): void {
    const delta = this.#deltaOf(image);
    const first = this.#deltas[local]!;
    const isSame = delta.length === first.length && delta.every((word, i) => word === first[i]);
    // One of another time: that is where most can be forgotten.
    if (!isSame && look.now !== this.list[local]!.look.now) this.#twins.set(local, delta);
  }

  #deltaOf(image: Uint8Array): Uint32Array {
    const words = wordsOf(image);
    const found: number[] = [];
    for (let i = 0; i < words.length; i++) {
      if (words[i] !== this.#base[i]) found.push(i, words[i]!);
    }
    return Uint32Array.from(found);
  }
}

function keyOf({ key, app }: Moment): string {
  return key + keyOfApp(app);
}

function choosesIsn(before: Look, after: Look): boolean {
  const hadNone =
    before.state === State.CLOSED ||
    before.state === State.LISTEN ||
    before.state === State.TIME_WAIT;
  return hadNone && (after.state === State.SYN_SENT || after.state === State.SYN_RECEIVED);
}

function describe(event: HostEvent): string {
  return event.kind === "call" ? event.call : event.kind === "time" ? "a time-out" : "a segment";
}

function wordsOf(image: Uint8Array): Uint32Array {
  return new Uint32Array(image.slice().buffer, 0, image.length >> 2);
}
