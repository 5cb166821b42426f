/**
 * The fuzzers' dice: xorshift128 (Marsaglia 2003), fast, and the same on every machine.
 *
 * Used by everything in this folder that chooses. Not fit for secrets.
 */
export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  constructor(seed: number, stream = 0) {
    this.reseed(seed, stream);
  }

  /** Begins anew: each pair of numbers gives a sequence of its own. */
  reseed(seed: number, stream: number): void {
    this.#a = mix(seed ^ 0x9e37_79b9);
    this.#b = mix(stream ^ 0x85eb_ca6b);
    this.#c = mix(this.#a ^ stream);
    this.#d = mix(this.#b ^ seed) | 1;
    for (let i = 0; i < 4; i++) this.next();
  }

  /** A u32. */
  next(): number {
    let t = this.#a ^ (this.#a << 11);
    t ^= t >>> 8;
    this.#a = this.#b;
    this.#b = this.#c;
    this.#c = this.#d;
    this.#d = this.#d ^ (this.#d >>> 19) ^ t;
    return this.#d >>> 0;
  }

  /** From 0 to `end` − 1. */
  below(end: number): number {
    return this.next() % end;
  }

  /** From `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + (this.next() % (to - from + 1));
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.next() % times === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.next() % list.length]!;
  }
}

/** Mixes all bits of a u32 into each (the finalizer of MurmurHash3). */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}
