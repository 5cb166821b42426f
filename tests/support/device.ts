/**
 * One release module under virtual time, driven through its raw ABI as `hal/README.md` asks: frames
 * in, polls, user calls. Every frame that comes out is judged by the Inspector, and so is when it
 * comes: from `poll`, at most one from `frameReceived`, none from a user call.
 *
 * Called by rig.ts, pair.ts and tests of the boundary itself. Knows no peer and answers nothing.
 */
import assert from "node:assert/strict";
import {
  Counter,
  EndReason,
  Event,
  Feature,
  Limit,
  State,
  Status,
  StatusField,
} from "../../hal/host/abi.ts";
import { type Frame, macOctets } from "../../hal/host/packet/index.ts";
import { Inspector } from "./inspector.ts";
import {
  borrow,
  instantiate,
  discard,
  type Holder,
  type Loan,
  type ModuleExports,
  type Profile,
} from "./modules.ts";

export interface DeviceOptions {
  profile: Profile;
  /** The u32 that `init` and the first calls are told. */
  startMs?: number;
  /** 0 takes the default of 30 s. */
  mslMs?: number;
  seed?: number;
  /** Takes an instance that nobody has used before. */
  isNew?: boolean;
  mac?: string;
  address?: number;
  prefixLength?: number;
  gateway?: number;
}

/** A frame that the module has emitted. */
export interface Emitted {
  /** Virtual ms since the device started. */
  atMs: number;
  octets: Uint8Array;
  frame: Frame;
}

/** `poll` says so when nothing is due. */
export const NEVER_MS = 0xffff_ffff;
export const LINGER_MAC = "02:00:00:00:00:01";
export const LINGER_ADDRESS = 0x0a09_0002;

type NumberOf<T extends Record<string, number>> = keyof T & string;
export type StateName = NumberOf<typeof State>;
export type StatusName = NumberOf<typeof Status>;
export type ReasonName = NumberOf<typeof EndReason>;
export type EventName = NumberOf<typeof Event>;
export type FeatureName = NumberOf<typeof Feature>;
export type CounterName = Exclude<NumberOf<typeof Counter>, "COUNT">;
export type LimitName = NumberOf<typeof Limit>;
export type FieldName = Exclude<NumberOf<typeof StatusField>, "COUNT">;

/** The exports that take numbers and return a Status. */
export type CallName = {
  [K in keyof ModuleExports]: ModuleExports[K] extends (...args: never[]) => number ? K : never;
}[keyof ModuleExports];

/** How many polls may in a row ask for another one at once. */
const POLLS_MAX = 10_000;

/** After so many refusals in a row the transmitter is taken to be busy for the rest of the ms. */
const REFUSALS_MAX = 20;

type Phase = "idle" | "poll" | "frame" | "call";

export class Device {
  readonly profile: Profile;
  readonly mac: string;
  /** The interface's, which `readdress` changes. */
  address: number;
  /** Those before: connections keep the address that they began with. */
  readonly formerAddresses: number[] = [];
  readonly inspector: Inspector;
  /** What came out and nobody has taken yet. */
  readonly emitted: Emitted[] = [];
  /** Refuses frames while it returns true. */
  isBusy: (octets: Uint8Array) => boolean = () => false;
  /** Virtual ms since the start. */
  nowMs = 0;
  readonly #startMs: number;
  readonly #holder: Holder;
  readonly #loan: Loan;
  #entropy: number;
  #phase: Phase = "idle";
  #emittedInPhase = 0;
  /** Frames refused in a row. */
  #refusals = 0;

  constructor(options: DeviceOptions) {
    this.profile = options.profile;
    this.mac = options.mac ?? LINGER_MAC;
    this.address = options.address ?? LINGER_ADDRESS;
    this.inspector = new Inspector(this);
    this.#startMs = options.startMs ?? 1_000;
    this.#entropy = options.seed ?? 1;
    this.#holder = {
      transmit: (at, length) => this.#transmit(at, length),
      entropy: () => this.#draw(),
    };
    const { profile, isNew = false } = options;
    this.#loan = isNew ? instantiate(profile, this.#holder) : borrow(profile, this.#holder);
    assert.equal(this.call("init", this.#startMs, options.mslMs ?? 0), Status.OK);
    const mac = Buffer.from(macOctets(this.mac));
    assert.equal(this.call("setLinkAddress", mac.readUInt16BE(0), mac.readUInt32BE(2)), Status.OK);
    const { prefixLength = 24, gateway = 0 } = options;
    assert.equal(this.call("setAddress", this.address, prefixLength, gateway), Status.OK);
  }

  /** The time as the module is told: u32, wrapping. */
  get clock(): number {
    return (this.#startMs + this.nowMs) >>> 0;
  }

  /** An export, called as an application or driver would; it must not emit anything. */
  call(name: CallName, ...args: number[]): number {
    const exports = this.#exports();
    const call: (...args: number[]) => number = exports[name];
    return this.#in("call", () => call(...args.map((arg) => arg | 0)));
  }

  /** Hands over one frame; the module may emit at most one reply. */
  receive(octets: Uint8Array): number {
    const exports = this.#exports();
    this.inspector.received(octets);
    const at = exports.rxSlotAddress(0);
    assert.equal(at % 4, 2, "a receive slot starts at 2 mod 4");
    new Uint8Array(exports.memory.buffer).set(octets, at);
    return this.#in("frame", () => exports.frameReceived(0, octets.length, this.clock | 0));
  }

  /** One poll; the ms until the next one at the latest. */
  poll(): number {
    const exports = this.#exports();
    return this.#in("poll", () => exports.poll(this.clock | 0)) >>> 0;
  }

  /**
   * Polls until the module has nothing more to do now. While the transmitter refuses everything a
   * driver would wait for it to be free: here until the next millisecond.
   */
  pollAll(): number {
    for (let polls = 0; polls < POLLS_MAX; polls++) {
      const sleepMs = this.poll();
      if (sleepMs !== 0) return sleepMs;
      if (this.#refusals >= REFUSALS_MAX) return 1;
    }
    throw new assert.AssertionError({ message: "poll asks to be called again for ever" });
  }

  /** Gives the interface another address in the same network. */
  readdress(address: number): void {
    assert.equal(this.call("setAddress", address, 24, 0), Status.OK);
    this.formerAddresses.push(this.address);
    this.address = address;
  }

  limit(name: LimitName): number {
    return this.#exports().limit(Limit[name]);
  }

  /** Whether this build has all of these. */
  has(...names: readonly FeatureName[]): boolean {
    const mask = this.limit("FEATURES");
    return names.every((name) => (mask & Feature[name]) !== 0);
  }

  counter(name: CounterName): number {
    return this.#u32(this.#exports().counterAddress() + 4 * Counter[name]);
  }

  /** One field of a handle's status block. */
  status(handle: number, field: FieldName): number {
    const at = this.call("tcpStatus", handle);
    assert.ok(at > 0, `tcpStatus: ${statusName(at)}`);
    return this.#u32(at + 4 * StatusField[field]);
  }

  lookup(remoteAddress: number, remotePort: number, localPort: number): StateName {
    return stateName(this.call("tcpLookup", remoteAddress, remotePort, localPort));
  }

  get memoryOctets(): number {
    return this.#exports().memory.buffer.byteLength;
  }

  /** Memory that the module has named, as a view. */
  view(at: number, octets: number): Uint8Array {
    return new Uint8Array(this.#exports().memory.buffer, at, octets);
  }

  #exports(): ModuleExports {
    assert.equal(this.#loan.holder, this.#holder, "the instance was lent to somebody else");
    return this.#loan.exports;
  }

  #in(phase: Phase, run: () => number): number {
    assert.equal(this.#phase, "idle", "the module is not re-entrant");
    this.#phase = phase;
    this.#emittedInPhase = 0;
    try {
      return run();
    } catch (error) {
      discard(this.profile, this.#loan);
      throw error;
    } finally {
      this.#phase = "idle";
    }
  }

  #transmit(at: number, length: number): number {
    const octets = this.#loan.exports.memory.buffer.slice(at, at + length);
    const copy = new Uint8Array(octets);
    assert.equal(copy.length, length, "transmit names memory beyond the module's");
    assert.ok(this.#phase === "poll" || this.#phase === "frame", `transmit in a ${this.#phase}`);
    this.#emittedInPhase += 1;
    if (this.#phase === "frame") assert.equal(this.#emittedInPhase, 1, "two replies to one frame");
    if (this.isBusy(copy)) {
      this.#refusals += 1;
      return 1;
    }
    this.#refusals = 0;
    const frame = this.inspector.sent(copy, this.#phase === "frame");
    this.emitted.push({ atMs: this.nowMs, octets: copy, frame });
    // The memory is the module's again, and what it held is nobody's business.
    return 0;
  }

  /** The next word of a linear congruential generator (Numerical Recipes' constants). */
  #draw(): number {
    this.#entropy = (Math.imul(this.#entropy, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#entropy;
  }

  #u32(at: number): number {
    return new DataView(this.#exports().memory.buffer).getUint32(at, true);
  }
}

/** The name of a Status, or the number itself for a success. */
export function statusName(value: number): StatusName | number {
  return value > 0 ? value : nameOf(Status, value);
}

export function stateName(value: number): StateName {
  return nameOf(State, value);
}

export function reasonName(value: number): ReasonName {
  return nameOf(EndReason, value);
}

/** The names of the bits of an event mask, in ABI order. */
export function eventNames(mask: number): EventName[] {
  const names = (Object.keys(Event) as EventName[]).filter((name) => (mask & Event[name]) !== 0);
  const known = names.reduce((sum, name) => sum | Event[name], 0);
  assert.equal(mask & ~known, 0, `unknown events ${mask}`);
  return names;
}

function nameOf<T extends Record<string, number>>(set: T, value: number): keyof T & string {
  const name = Object.keys(set).find((key) => set[key] === value);
  if (name === undefined) throw new assert.AssertionError({ message: `unknown value ${value}` });
  return name;
}
