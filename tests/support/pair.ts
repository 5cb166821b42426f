/**
 * Two modules back to back under one virtual clock, on a wire that does to chosen frames what
 * networks do: lose them, deliver them twice, late, out of order or damaged.
 *
 * Called by loss.test.ts and data tests. Every frame of both sides is judged by their Inspectors.
 */
import assert from "node:assert/strict";
import { type Frame, formatFrame } from "../../hal/host/packet/index.ts";
import { Device, type DeviceOptions, LINGER_ADDRESS, LINGER_MAC, NEVER_MS } from "./device.ts";
import type { Profile } from "./modules.ts";
import type { Program } from "./program.ts";
import { PEER_MAC } from "./rig.ts";
import { beginningOf, PEER_ADDRESS, type Variant } from "./variants.ts";

/** What happens to one frame: when its copies arrive, in ms after it was sent; none is a loss. */
export interface Fault {
  name: string;
  arrivals: readonly number[];
  /** Flips one bit in the middle of the frame. */
  damages?: boolean;
}

/** How long a frame takes. */
export const LINK_MS = 10;

interface Flight {
  atMs: number;
  to: Device;
  octets: Uint8Array;
}

/** More rounds without time passing would be a loop. */
const ROUNDS_MAX = 10_000;

export class Pair {
  readonly a: Device;
  readonly b: Device;
  nowMs = 0;
  /** Frames sent so far, by both. */
  frameCount = 0;
  /** What to do to frame number n, counted from 0; the rest arrives after LINK_MS. */
  readonly faults = new Map<number, Fault>();
  /** Chooses for frames that `faults` does not name. */
  chooseFault: (frame: Frame, from: Device) => Fault | undefined = () => undefined;
  readonly programs: Program[] = [];
  /** One line per frame, for messages. */
  readonly log: string[] = [];
  readonly #flights: Flight[] = [];
  #wakes: [number, number] = [0, 0];

  /** `profileOfB`: unless it is the variant's, too. */
  constructor(
    variant: Variant,
    options: Partial<DeviceOptions> = {},
    profileOfB: Profile = variant.profile,
  ) {
    const { startMs } = beginningOf(variant.numbers);
    const common = { ...options, profile: variant.profile, startMs };
    this.a = new Device({ ...common, mac: LINGER_MAC, address: LINGER_ADDRESS });
    const identity = { seed: 2, mac: PEER_MAC, address: PEER_ADDRESS, profile: profileOfB };
    this.b = new Device({ ...common, ...identity });
  }

  /** Lets time pass until `isDone`, or until `limitMs`; whether it was done. */
  run(limitMs: number, isDone: () => boolean = () => false): boolean {
    const end = this.nowMs + limitMs;
    for (;;) {
      this.#settle();
      if (isDone()) return true;
      const next = Math.min(
        this.#flights[0]?.atMs ?? Infinity,
        ...this.#wakes,
        this.#programWake(),
      );
      if (next > end) break;
      this.#setNow(Math.max(next, this.nowMs));
    }
    this.#setNow(end);
    this.#settle();
    return isDone();
  }

  /** Puts a frame of somebody else's on the wire. */
  inject(to: Device, octets: Uint8Array): void {
    this.#fly(to, octets, this.nowMs + LINK_MS);
  }

  /** Whether neither side will ever do anything by itself again, and nothing is on the wire. */
  get isQuiet(): boolean {
    return this.#flights.length === 0 && this.#wakes.every((wake) => wake === Infinity);
  }

  #programWake(): number {
    return Math.min(Infinity, ...this.programs.map((program) => program.wakeMs(this.nowMs)));
  }

  #setNow(ms: number): void {
    this.nowMs = ms;
    this.a.nowMs = ms;
    this.b.nowMs = ms;
  }

  /** Delivers what has arrived, polls, and lets the programs act, until nothing moves any more. */
  #settle(): void {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      while (this.#flights.length > 0 && this.#flights[0]!.atMs <= this.nowMs) {
        const { to, octets } = this.#flights.shift()!;
        to.receive(octets);
        this.#launch();
      }
      this.#wakes = [this.#poll(this.a), this.#poll(this.b)];
      const acted = this.programs.map((program) => program.act(this.nowMs)).includes(true);
      if (!acted && (this.#flights[0]?.atMs ?? Infinity) > this.nowMs) return;
    }
    throw new assert.AssertionError({ message: "time stands still" });
  }

  #poll(device: Device): number {
    const sleepMs = device.pollAll();
    this.#launch();
    return sleepMs === NEVER_MS ? Infinity : this.nowMs + sleepMs;
  }

  /** Puts what was emitted on the wire, with its fault. */
  #launch(): void {
    for (const device of [this.a, this.b]) {
      for (const { octets, frame } of device.emitted.splice(0)) {
        const fault = this.faults.get(this.frameCount) ?? this.chooseFault(frame, device);
        const name = device === this.a ? "A" : "B";
        const note = fault === undefined ? "" : `   ← ${fault.name}`;
        this.log.push(`${this.frameCount} ${this.nowMs} ms ${name}: ${formatFrame(frame)}${note}`);
        this.frameCount += 1;
        const to = device === this.a ? this.b : this.a;
        for (const afterMs of fault?.arrivals ?? [LINK_MS]) {
          this.#fly(to, fault?.damages ? damaged(octets) : octets, this.nowMs + afterMs);
        }
      }
    }
  }

  /** Frames that arrive at the same time keep their order. */
  #fly(to: Device, octets: Uint8Array, atMs: number): void {
    let at = this.#flights.length;
    while (at > 0 && this.#flights[at - 1]!.atMs > atMs) at -= 1;
    this.#flights.splice(at, 0, { atMs, to, octets });
  }
}

/** A copy with one bit flipped behind the addresses of Ethernet. */
function damaged(octets: Uint8Array): Uint8Array {
  const copy = octets.slice();
  copy[14 + ((octets.length - 14) >>> 1)]! ^= 0x04;
  return copy;
}
