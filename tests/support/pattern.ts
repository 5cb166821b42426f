/**
 * Data whose every octet tells its place in the stream, so that a test sees at once what was lost,
 * repeated or put elsewhere. Each direction has its own.
 *
 * Called by everything here that sends or checks data.
 */

/** Who sends the stream. */
export type Sender = "linger" | "peer";

const SALT: Record<Sender, number> = { linger: 0x5a, peer: 0xa5 };

/** The octet at `offset` of the sender's stream; neighbours and multiples of 256 differ. */
function patternOctet(sender: Sender, offset: number): number {
  return ((offset * 31 + (offset >>> 8) * 17 + (offset >>> 16) * 7) ^ SALT[sender]) & 0xff;
}

/** `length` octets of the sender's stream from `offset` on. */
export function patternOctets(sender: Sender, offset: number, length: number): Uint8Array {
  const octets = new Uint8Array(length);
  for (let i = 0; i < length; i++) octets[i] = patternOctet(sender, offset + i);
  return octets;
}

/** The first place where `octets` is not the sender's stream from `offset` on, or -1. */
export function patternMismatch(sender: Sender, offset: number, octets: Uint8Array): number {
  for (let i = 0; i < octets.length; i++) {
    if (octets[i] !== patternOctet(sender, offset + i)) return i;
  }
  return -1;
}

/** A small seeded generator (mulberry32) for tests that need disorder which repeats. */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** The next 32 bits. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer from 0 up to, not including, `limit`. */
  below(limit: number): number {
    return Math.floor((this.word() / 2 ** 32) * limit);
  }

  /** The items in another order. */
  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
    }
    return shuffled;
  }
}
