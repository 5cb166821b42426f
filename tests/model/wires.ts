/**
 * What is under way in one direction: frames in their order, and those that were held back.
 *
 *     in order: next to arrive … last sent      late: a frame that others may overtake for as long
 *                                               as it likes, or the copy of one
 *
 * States of a direction are numbered when they are met, like frames, and what each change makes of
 * them is remembered. Called by search.ts.
 */

/** Frames by number, and what leaves at once, by number too; 0 is nothing. */
export class Frames {
  readonly #list: Uint8Array[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #bursts: (readonly number[])[] = [[]];
  readonly #burstNumbers = new Map<string, number>([["", 0]]);

  get count(): number {
    return this.#list.length;
  }

  octets(number: number): Uint8Array {
    return this.#list[number]!;
  }

  /** The frames of a burst. */
  burst(number: number): readonly number[] {
    return this.#bursts[number]!;
  }

  /** The number of frames that leave at once. */
  burstNumber(frames: readonly Uint8Array[]): number {
    const numbers = frames.map((octets) => this.number(octets));
    const key = numbers.join(" ");
    let number = this.#burstNumbers.get(key);
    if (number === undefined) {
      number = this.#bursts.length;
      this.#burstNumbers.set(key, number);
      this.#bursts.push(numbers);
    }
    return number;
  }

  /** Two that differ only in the IPv4 identification are the same. */
  number(octets: Uint8Array): number {
    const plain = Buffer.from(octets);
    plain.writeUInt16BE(0, 18);
    plain.writeUInt16BE(0, 24);
    const key = plain.toString("latin1");
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#list.length;
      this.#numbers.set(key, number);
      this.#list.push(octets);
    }
    return number;
  }
}

interface Wire {
  readonly inOrder: readonly number[];
  readonly late: readonly number[];
}

const NONE = -1;
const BURSTS_MAX = 2 ** 20;
/** Frames that can be held back at once. */
const LATE_MAX = 4;
/** What can be done to a wire, with the numbers under which it is remembered. */
const SHIFT = 0;
const HOLD = 1;
const COPY = 2;
const RELEASE = 3;
const CHANGES = RELEASE + LATE_MAX;

export class Wires {
  readonly #frames: Frames;
  readonly #list: Wire[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #changed: number[] = [];
  readonly #pushed = new Map<number, number>();

  constructor(frames: Frames) {
    this.#frames = frames;
    this.#number([], []);
  }

  get count(): number {
    return this.#list.length;
  }

  at(wire: number): Wire {
    return this.#list[wire]!;
  }

  /** The frame that arrives next, or -1. */
  head(wire: number): number {
    return this.#list[wire]!.inOrder[0] ?? NONE;
  }

  /** How many are under way in order. */
  length(wire: number): number {
    return this.#list[wire]!.inOrder.length;
  }

  /** A burst leaves. */
  push(wire: number, burst: number): number {
    if (burst === 0) return wire;
    const key = wire * BURSTS_MAX + burst;
    let number = this.#pushed.get(key);
    if (number === undefined) {
      const { inOrder, late } = this.at(wire);
      number = this.#number([...inOrder, ...this.#frames.burst(burst)], late);
      this.#pushed.set(key, number);
    }
    return number;
  }

  /** Without the next one: it has arrived, or was lost. */
  shift(wire: number): number {
    return this.#change(wire, SHIFT);
  }

  /** The next one is held back. */
  hold(wire: number): number {
    return this.#change(wire, HOLD);
  }

  /** A copy of the next one is held back. */
  copy(wire: number): number {
    return this.#change(wire, COPY);
  }

  /** One that was held back arrives. */
  release(wire: number, index: number): number {
    if (index >= LATE_MAX) throw new Error(`at most ${LATE_MAX} frames can be late`);
    return this.#change(wire, RELEASE + index);
  }

  #change(wire: number, change: number): number {
    const known = this.#changed[wire * CHANGES + change]!;
    if (known !== NONE) return known;
    const number = this.#make(wire, change);
    this.#changed[wire * CHANGES + change] = number;
    return number;
  }

  #make(wire: number, change: number): number {
    const { inOrder, late } = this.at(wire);
    const rest = inOrder.slice(1);
    const next = inOrder[0]!;
    if (change === SHIFT) return this.#number(rest, late);
    if (change === HOLD) return this.#number(rest, [...late, next]);
    if (change === COPY) return this.#number(inOrder, [...late, next]);
    return this.#number(
      inOrder,
      late.filter((_, i) => i !== change - RELEASE),
    );
  }

  #number(inOrder: readonly number[], late: readonly number[]): number {
    const sorted = [...late].sort((a, b) => a - b);
    const key = `${inOrder.join(" ")}|${sorted.join(" ")}`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#list.length;
      this.#numbers.set(key, number);
      this.#list.push({ inOrder, late: sorted });
      for (let i = 0; i < CHANGES; i++) this.#changed.push(NONE);
    }
    return number;
  }
}
