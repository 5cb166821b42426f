/**
 * Where unpredictable words come from: the system, or a seed when a run must be repeatable.
 *
 * Used by Stack for the module's `entropy` import, and by the impairment of wires.
 */
import { randomBytes, randomInt } from "node:crypto";

/** A source of 32-bit words. */
export interface Entropy {
  /** A number from 0 to 2^32 − 1. */
  word(): number;
}

/** The system's cryptographic generator: what a stack on a real network must have. */
export class SystemEntropy implements Entropy {
  word(): number {
    return randomBytes(4).readUInt32LE(0);
  }
}

/**
 * A generator that gives the same words for the same seed on every machine. Predictable, so for
 * tests and simulations only.
 */
export class SeededEntropy implements Entropy {
  /** The seed, to be printed when a run fails. */
  readonly seed: number;
  #state: number;

  /** Any integer; its low 32 bits count. Without one it is drawn, and can be read back. */
  constructor(seed: number = randomInt(2 ** 32)) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /**
   * A counter with an odd step, its bits mixed by two multiply-xorshift rounds (C. Wellons'
   * constants).
   */
  word(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** A number from 0 up to, but not, 1. */
  fraction(): number {
    return this.word() / 2 ** 32;
  }

  /** An integer from 0 to `limit` − 1. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }
}
