/**
 * A wire around another one that treats its frames badly: loss, duplication, reordering, delay and
 * jitter, corruption, a rate limit, and single frames dropped, doubled or held by choice. Each
 * direction has its own settings.
 *
 * Used by tests and by the command line's `--impair`. The same seed, settings and frames give the
 * same fate for every frame, whatever the other direction does.
 */
import type { Clock } from "../clock.ts";
import { SeededEntropy } from "../entropy.ts";
import { LingerError } from "../errors.ts";
import type { Wire } from "../wire.ts";

/** What can happen to the frames of one direction. Probabilities are 0 to 1, default 0. */
export interface Impairment {
  /** Probability that a frame is lost. */
  loss?: number;
  /** Probability that a frame arrives twice, the copy delayed for itself. */
  duplicate?: number;
  /** Probability that a frame is held back for `reorderMs`, so that later ones overtake it. */
  reorder?: number;
  /** How long a reordered frame is held back; default 5. */
  reorderMs?: number;
  /** Probability that one bit of a frame is flipped. */
  corrupt?: number;
  /** Delay of every frame, in ms. */
  delayMs?: number;
  /** Up to this much is added to the delay, drawn evenly for each frame: it reorders, too. */
  jitterMs?: number;
  /** Bits per second; frames queue for their turn. */
  rateBitsPerSecond?: number;
  /** Frames that may wait for their turn; those beyond are lost. Default 1,000. */
  queueFrames?: number;
  /**
   * Decides over a frame before chance does; for tests that aim at one segment. `number` counts the
   * frames of this direction from 1. See `dropNth`, `duplicateNth` and `delayNth`.
   */
  choose?: (frame: Uint8Array, number: number) => FrameFate;
}

/** What `choose` wants: "pass" leaves the frame to chance; a number holds it for so many ms. */
export type FrameFate = "pass" | "drop" | "duplicate" | number;

export interface ImpairmentOptions {
  clock: Clock;
  /** Default 1. */
  seed?: number;
  /** For frames sent into the wire. */
  outbound?: Impairment;
  /** For frames received from the wire. */
  inbound?: Impairment;
}

/** How many frames of a direction met which fate. */
export interface ImpairmentCounts {
  frames: number;
  lost: number;
  duplicated: number;
  reordered: number;
  corrupted: number;
  /** Lost because `queueFrames` were waiting already. */
  overflowed: number;
}

/** An impaired wire; its settings can be replaced while it runs. */
export interface ImpairedWire extends Wire {
  readonly outbound: Readonly<ImpairmentCounts>;
  readonly inbound: Readonly<ImpairmentCounts>;
  /** New settings for frames from now on; a direction left out keeps the ones it has. */
  setImpairment(settings: { outbound?: Impairment; inbound?: Impairment }): void;
}

/** Puts an impairment around a wire. Closing it closes the wire inside. */
export function impair(inner: Wire, options: ImpairmentOptions): ImpairedWire {
  const { clock, seed = 1 } = options;
  // Two generators, so that the traffic of one direction does not change the other's fate.
  const outbound = new Lane(clock, new SeededEntropy(seed), options.outbound);
  const inbound = new Lane(clock, new SeededEntropy(seed ^ 0x5bd1e995), options.inbound);
  let closed = false;
  const outlet = new Outlet(inner, clock);
  outbound.deliver = (frame) => outlet.send(frame);
  inner.onFrame((frame) => inbound.accept(frame));
  const wire: ImpairedWire = {
    outbound: outbound.counts,
    inbound: inbound.counts,
    setImpairment(settings) {
      if (settings.outbound !== undefined) outbound.settings = checkImpairment(settings.outbound);
      if (settings.inbound !== undefined) inbound.settings = checkImpairment(settings.inbound);
    },
    send(frame) {
      if (!closed) outbound.accept(new Uint8Array(frame));
      return true;
    },
    onFrame(callback) {
      inbound.deliver = callback;
    },
    onClose: (callback) => inner.onClose(callback),
    close() {
      closed = true;
      outbound.stop();
      inbound.stop();
      inner.close();
    },
  };
  return wire;
}

/** Drops the `n`th frame (from 1) for which `matches` holds, and passes all others. */
export function dropNth(
  n: number,
  matches: (frame: Uint8Array) => boolean = () => true,
): (frame: Uint8Array) => FrameFate {
  return fateOfNth("drop", n, matches);
}

/** Sends the `n`th matching frame twice. */
export function duplicateNth(
  n: number,
  matches: (frame: Uint8Array) => boolean = () => true,
): (frame: Uint8Array) => FrameFate {
  return fateOfNth("duplicate", n, matches);
}

/** Holds the `n`th matching frame for `delayMs` more. */
export function delayNth(
  n: number,
  delayMs: number,
  matches: (frame: Uint8Array) => boolean = () => true,
): (frame: Uint8Array) => FrameFate {
  return fateOfNth(delayMs, n, matches);
}

function fateOfNth(
  fate: FrameFate,
  n: number,
  matches: (frame: Uint8Array) => boolean,
): (frame: Uint8Array) => FrameFate {
  let seen = 0;
  return (frame) => (matches(frame) && ++seen === n ? fate : "pass");
}

const PROBABILITIES = ["loss", "duplicate", "reorder", "corrupt"] as const;
const AMOUNTS = ["reorderMs", "delayMs", "jitterMs", "queueFrames"] as const;

function checkImpairment(settings: Impairment): Impairment {
  for (const name of PROBABILITIES) {
    const value = settings[name] ?? 0;
    if (!(value >= 0 && value <= 1)) {
      throw new LingerError("BAD_OPTION", `${name} is a probability from 0 to 1, not ${value}`);
    }
  }
  for (const name of AMOUNTS) {
    const value = settings[name] ?? 0;
    if (!(value >= 0 && value < Infinity)) {
      throw new LingerError("BAD_OPTION", `${name} must be 0 or more, not ${value}`);
    }
  }
  const rate = settings.rateBitsPerSecond;
  if (rate !== undefined && !(rate > 0)) {
    throw new LingerError("BAD_OPTION", `rateBitsPerSecond must be above 0, not ${rate}`);
  }
  return settings;
}

const REORDER_MS_DEFAULT = 5;
const QUEUE_FRAMES_DEFAULT = 1000;

/** One direction. */
class Lane {
  settings: Impairment;
  deliver: (frame: Uint8Array) => void = () => undefined;
  readonly counts: ImpairmentCounts = {
    frames: 0,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    corrupted: 0,
    overflowed: 0,
  };
  readonly #clock: Clock;
  readonly #entropy: SeededEntropy;
  #stopped = false;
  #queued = 0;
  /** When the frames accepted so far will have left the rate limit. */
  #busyUntilMs = -Infinity;

  constructor(clock: Clock, entropy: SeededEntropy, settings: Impairment = {}) {
    this.#clock = clock;
    this.#entropy = entropy;
    this.settings = checkImpairment(settings);
  }

  /** Takes over the frame's memory. */
  accept(frame: Uint8Array): void {
    const { settings, counts } = this;
    counts.frames++;
    const chosen = settings.choose?.(frame, counts.frames) ?? "pass";
    // Every frame draws the same number of words, so one setting does not shift another's fate.
    const drawn = {
      lost: this.#happens(settings.loss),
      duplicated: this.#happens(settings.duplicate),
      reordered: this.#happens(settings.reorder),
      corrupted: this.#happens(settings.corrupt),
      bit: this.#entropy.word(),
      jitter: this.#entropy.fraction(),
      copyJitter: this.#entropy.fraction(),
    };
    if (chosen === "drop" || drawn.lost) {
      counts.lost++;
      return;
    }
    if (drawn.corrupted) {
      counts.corrupted++;
      flipBit(frame, drawn.bit);
    }
    let holdMs = typeof chosen === "number" ? chosen : 0;
    if (drawn.reordered) {
      counts.reordered++;
      holdMs += settings.reorderMs ?? REORDER_MS_DEFAULT;
    }
    this.#queue(frame, holdMs, drawn.jitter);
    if (chosen === "duplicate" || drawn.duplicated) {
      counts.duplicated++;
      this.#queue(new Uint8Array(frame), holdMs, drawn.copyJitter);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  #happens(probability = 0): boolean {
    return this.#entropy.fraction() < probability;
  }

  /** Rate limit first, then the way: delay, jitter and what this frame is held back for. */
  #queue(frame: Uint8Array, holdMs: number, jitter: number): void {
    const { rateBitsPerSecond, delayMs = 0, jitterMs = 0, queueFrames } = this.settings;
    const nowMs = this.#clock.now();
    let leavesMs = nowMs;
    if (rateBitsPerSecond !== undefined) {
      if (this.#queued >= (queueFrames ?? QUEUE_FRAMES_DEFAULT)) {
        this.counts.overflowed++;
        return;
      }
      const durationMs = (frame.length * 8 * 1000) / rateBitsPerSecond;
      this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + durationMs;
      leavesMs = this.#busyUntilMs;
      this.#queued++;
      this.#clock.setTimer(leavesMs - nowMs, () => void this.#queued--);
    }
    const waitMs = leavesMs - nowMs + delayMs + jitter * jitterMs + holdMs;
    // At once, so that what a stack sends right before it closes the wire still leaves.
    if (waitMs <= 0) return this.deliver(frame);
    this.#clock.setTimer(waitMs, () => {
      if (!this.#stopped) this.deliver(frame);
    });
  }
}

const BUSY_RETRY_MS = 1;
const BUSY_FRAMES_MAX = 1000;

/** The way into the wire inside, where frames that found it BUSY wait for their turn. */
class Outlet {
  readonly #inner: Wire;
  readonly #clock: Clock;
  #waiting: Uint8Array[] = [];

  constructor(inner: Wire, clock: Clock) {
    this.#inner = inner;
    this.#clock = clock;
  }

  send(frame: Uint8Array): void {
    if (this.#waiting.length > 0) {
      if (this.#waiting.length < BUSY_FRAMES_MAX) this.#waiting.push(frame);
    } else if (!this.#inner.send(frame)) {
      this.#waiting.push(frame);
      this.#clock.setTimer(BUSY_RETRY_MS, () => this.#retry());
    }
  }

  #retry(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const frame of waiting) this.send(frame);
  }
}

function flipBit(frame: Uint8Array, word: number): void {
  const bit = word % (frame.length * 8);
  frame[bit >> 3] = frame[bit >> 3]! ^ (1 << (bit & 7));
}
