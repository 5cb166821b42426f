/**
 * One instrumented module under virtual time, and the log of what was done to it.
 *
 * Everything that a fuzzer does to a module goes through here: frames, polls, user calls, time, a
 * transmitter that is BUSY. Each step can be logged as a line of text, and a log can be played
 * again. What must hold of each call is judged here: no trap, no more work than its bound, a
 * result that the contract knows, frames out of `poll` and at most one out of `frameReceived`.
 *
 * Called by scene.ts and the fuzzers. Knows nothing of what frames mean.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Status } from "../../../hal/host/abi.ts";
import { WebAssembly } from "../../../hal/host/web-assembly.ts";
import { type Instrumented, instrument, type Phase, Tank } from "../../support/counted-module.ts";
import type { ModuleExports } from "../../support/modules.ts";
import { compileStraight } from "../../support/straight-module.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** `straight`: `default` with the straight ways. */
export const PROFILES = ["default", "straight", "tiny"] as const;
export type FuzzedProfile = (typeof PROFILES)[number];

/** What a fuzzer looks for: its message is one line. */
export class Finding extends Error {
  override readonly name = "Finding";
}

/** The exports that take numbers and give one. */
export type CallName = Exclude<keyof ModuleExports, "memory" | "poll" | "frameReceived">;

/** Sees each frame that leaves, in the module's memory: whether it is taken. */
export type Outlet = (at: number, length: number) => boolean;

/** `poll` may ask so often in a row to be called again at once, while the transmitter takes all. */
const POLLS_MAX = 500;
const NEVER_MS = 0xffff_ffff;
/** Two calls must not lie further apart (hal/README.md). */
const STEP_MS_MAX = 2 ** 30;
const STATUS_MIN = Math.min(...Object.values(Status));
const FRAME_OCTETS_MAX = 1_514;
/** Calls that give a handle. */
const GIVING: ReadonlySet<CallName> = new Set(["tcpListen", "tcpConnect", "tcpAccept"]);
const shared = new Map<FuzzedProfile, Instrumented>();

function readModule(profile: FuzzedProfile): Uint8Array {
  if (profile === "straight") return compileStraight();
  return readFileSync(join(ROOT, `dist/wasm/linger-${profile}.wasm`));
}

export class Machine {
  readonly profile: FuzzedProfile;
  readonly exports: ModuleExports;
  /** All of the memory, the module's own and what the instrumentation added. */
  readonly octets: Uint8Array;
  readonly view: DataView;
  /** Octets of the module's own state. */
  readonly stateOctets: number;
  readonly slot: number;
  readonly branches: Uint8Array;
  /** The u32 that the module is told. */
  clock = 0;
  /** Refuses every frame while true. */
  isBusy = false;
  outlet: Outlet = () => true;
  /** What was done, one line for each step; undefined while nobody wants it. */
  log: string[] | undefined;
  frameCount = 0;
  /** The handles that calls gave and none has given back. */
  handles: number[] = [];
  /** Those of listeners that were ever given. */
  readonly listeners = new Set<number>();
  #entropy = 1;
  readonly #tank: Tank;
  #phase: Phase | "idle" = "idle";
  #emitted = 0;
  #finding: Finding | undefined;

  constructor(profile: FuzzedProfile) {
    const counted = shared.get(profile) ?? instrument(readModule(profile));
    shared.set(profile, counted);
    const hal = {
      transmit: (at: number, length: number) => this.#transmit(at, length),
      entropy: () => (this.#entropy = (Math.imul(this.#entropy, 1_664_525) + 1_013_904_223) | 0),
    };
    this.profile = profile;
    const { exports } = new WebAssembly.Instance(counted.module, { hal });
    this.exports = exports as unknown as ModuleExports;
    const { buffer } = this.exports.memory;
    this.octets = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.stateOctets = (exports["__heap_base"] as { value: number }).value;
    this.branches = new Uint8Array(buffer, counted.branchesAt, counted.branchCount);
    this.#tank = new Tank(buffer, counted);
    this.slot = this.exports.rxSlotAddress(0);
  }

  /** The most work that a call has taken, of each kind. */
  get burnt(): Readonly<Record<Phase, number>> {
    return this.#tank.burnt;
  }

  /** As before the first call, but for the clock. */
  reset(clock: number): void {
    this.octets.set(pristine(this.profile, this.stateOctets));
    this.#entropy = 1;
    this.clock = clock >>> 0;
    this.isBusy = false;
    this.handles = [];
    this.listeners.clear();
  }

  /** Hands over what stands in the slot. */
  deliver(length: number): void {
    if (this.log !== undefined) this.#logFrame(length);
    this.frameCount += 1;
    this.#begin("frame");
    let status;
    try {
      status = this.exports.frameReceived(0, length, this.clock);
    } catch (error) {
      throw this.#trapped(error, "frameReceived");
    }
    this.#end("frame", "frameReceived");
    if (status < Status.OK && status !== Status.NOT_CONFIGURED) {
      throw new Finding(`frameReceived answered ${status}`);
    }
  }

  /** Puts octets into the slot and hands them over. */
  deliverOctets(octets: Uint8Array): void {
    const length = Math.min(octets.length, FRAME_OCTETS_MAX);
    this.octets.set(length === octets.length ? octets : octets.subarray(0, length), this.slot);
    this.deliver(octets.length);
  }

  /** Polls until the module has no more to do now; the ms until it has. */
  poll(): number {
    if (this.log !== undefined) this.log.push("poll");
    for (let polls = 0; polls < POLLS_MAX; polls++) {
      this.#begin("poll");
      let sleepMs;
      try {
        sleepMs = this.exports.poll(this.clock) >>> 0;
      } catch (error) {
        throw this.#trapped(error, "poll");
      }
      this.#end("poll", "poll");
      if (sleepMs !== 0) return sleepMs;
      if (this.isBusy) return 1;
    }
    throw new Finding("poll asks to be called again for ever");
  }

  /** A user call; it must not transmit, and answers a success or a Status. */
  call(name: CallName, ...args: number[]): number {
    if (this.log !== undefined) this.log.push(["call", name, ...args].join(" "));
    const call: (...args: number[]) => number = this.exports[name];
    this.#begin("call");
    let result;
    try {
      result = call(...args);
    } catch (error) {
      throw this.#trapped(error, name);
    }
    this.#end("call", name);
    if (result < STATUS_MIN) throw new Finding(`${name} answered ${result}, which is no Status`);
    this.#keepHandles(name, args[0]! | 0, result);
    return result;
  }

  /** SEND: `octets` at most, each of them `octetAt(its place in this write)`. */
  write(handle: number, octets: number, octetAt: (index: number) => number): number {
    const log = this.log;
    if (log !== undefined) log.push(`write ${handle} ${octets}`);
    this.log = undefined;
    try {
      const room = this.call("tcpReserve", handle);
      if (room <= 0) return room;
      const count = Math.min(room, octets);
      const at = this.call("tcpReservedAddress", handle);
      if (at <= 0 || at + room > this.stateOctets) throw new Finding(`reserved ${room} at ${at}`);
      for (let i = 0; i < count; i++) this.octets[at + i] = octetAt(i);
      const status = this.call("tcpCommit", handle, count);
      if (status !== Status.OK) throw new Finding(`commit of ${count} in ${room}: ${status}`);
      return count;
    } finally {
      this.log = log;
    }
  }

  /** RECEIVE: `octets` at most, each shown to `see`. What tcpPeek answered if that is no data. */
  read(handle: number, octets: number, see: (index: number, octet: number) => void): number {
    const log = this.log;
    if (log !== undefined) log.push(`read ${handle} ${octets}`);
    this.log = undefined;
    try {
      const found = this.call("tcpPeek", handle);
      if (found <= 0) return found;
      const count = Math.min(found, octets);
      const at = this.call("tcpPeekedAddress", handle);
      if (at <= 0 || at + found > this.stateOctets) throw new Finding(`peeked ${found} at ${at}`);
      for (let i = 0; i < count; i++) see(i, this.octets[at + i]!);
      const status = this.call("tcpConsume", handle, count);
      if (status !== Status.OK) throw new Finding(`consume of ${count} of ${found}: ${status}`);
      return count;
    } finally {
      this.log = log;
    }
  }

  /** Lets time pass without polling. */
  advance(ms: number): void {
    const step = Math.min(ms, STEP_MS_MAX);
    if (this.log !== undefined) this.log.push(`advance ${step}`);
    this.clock = (this.clock + step) >>> 0;
  }

  setBusy(isBusy: boolean): void {
    if (this.log !== undefined && isBusy !== this.isBusy) this.log.push(isBusy ? "busy" : "free");
    this.isBusy = isBusy;
  }

  counter(index: number): number {
    return this.view.getUint32(this.exports.counterAddress() + 4 * index, true);
  }

  /** Something that went wrong where nothing may be thrown: said once the module has returned. */
  report(finding: Finding): void {
    this.#finding ??= finding;
  }

  /** A listener's handle goes back with its close. */
  #keepHandles(name: CallName, handle: number, result: number): void {
    if (GIVING.has(name)) {
      if (result > 0) this.handles.push(result);
      if (result > 0 && name === "tcpListen") this.listeners.add(result);
    } else if (name === "tcpRelease" || (name === "tcpClose" && this.listeners.has(handle))) {
      const index = this.handles.indexOf(handle);
      if (result === Status.OK && index >= 0) this.handles.splice(index, 1);
    }
  }

  #logFrame(length: number): void {
    const end = this.slot + Math.min(length, FRAME_OCTETS_MAX);
    const hex = Buffer.from(this.octets.subarray(this.slot, end)).toString("hex");
    this.log!.push(length > FRAME_OCTETS_MAX ? `frame ${hex} ${length}` : `frame ${hex}`);
  }

  #begin(phase: Phase): void {
    this.#phase = phase;
    this.#emitted = 0;
    this.#tank.begin(phase);
  }

  #end(phase: Phase, name: string): void {
    this.#phase = "idle";
    this.#tank.end(phase);
    if (this.#finding === undefined) return;
    const finding = this.#finding;
    this.#finding = undefined;
    finding.message += `, during ${name}`;
    throw finding;
  }

  #trapped(error: unknown, name: string): Finding {
    const isHang = this.#tank.isEmpty;
    this.#phase = "idle";
    this.#tank.refill();
    const why = error instanceof Error ? error.message : String(error);
    return new Finding(isHang ? `${name} does not end` : `${name} trapped: ${why}`);
  }

  #transmit(at: number, length: number): number {
    const phase = this.#phase;
    this.#emitted += 1;
    if (phase !== "poll" && phase !== "frame") this.report(new Finding(`transmit in ${phase}`));
    if (phase === "frame" && this.#emitted > 1) this.report(new Finding("two replies to a frame"));
    if (at < 0 || length < 14 || length > FRAME_OCTETS_MAX || at + length > this.stateOctets) {
      this.report(new Finding(`transmit of ${length} octets at ${at}`));
      return 0;
    }
    if (this.isBusy) return 1;
    return this.outlet(at, length) ? 0 : 1;
  }
}

/** `poll` says so when nothing is due. */
export function isNever(sleepMs: number): boolean {
  return sleepMs === NEVER_MS;
}

const images = new Map<FuzzedProfile, Uint8Array>();

/** The memory of an instance that nobody has called yet. */
function pristine(profile: FuzzedProfile, octets: number): Uint8Array {
  let image = images.get(profile);
  if (image === undefined) {
    const hal = { transmit: () => 0, entropy: () => 0 };
    const instance = new WebAssembly.Instance(shared.get(profile)!.module, { hal });
    const { buffer } = (instance.exports as unknown as ModuleExports).memory;
    image = new Uint8Array(buffer, 0, octets).slice();
    images.set(profile, image);
  }
  return image;
}
