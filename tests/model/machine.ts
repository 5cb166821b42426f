/**
 * One module that lives the lives of both hosts: an image is loaded, one thing happens to it, and
 * the image that comes of it is read again. Nothing else is ever changed in a memory.
 *
 * The environment of a host: entropy that is always the same, a link on which ARP is answered at
 * once, a driver that polls after each frame, call and time-out, and an application that takes its
 * events. Called by locals.ts and replay.ts.
 */
import { EndReason, State } from "../../hal/host/abi.ts";
import { WebAssembly, type WasmModule } from "../../hal/host/web-assembly.ts";
import type { ModuleExports } from "../support/modules.ts";
import {
  type App,
  type Call,
  FRESH,
  makeCall,
  Misbehaviour,
  PORTS,
  type Script,
  takeEvents,
} from "./application.ts";
import { ImageReader, type Look } from "./image.ts";
import { Layout } from "./layout.ts";

/** What happens to a host. */
export type HostEvent =
  | { readonly kind: "call"; readonly call: Call }
  /** Time passes up to the host's next time-out. */
  | { readonly kind: "time" }
  | { readonly kind: "frame"; readonly octets: Uint8Array };

export interface Moment {
  readonly image: Uint8Array;
  readonly app: App;
  readonly key: string;
  readonly look: Look;
}

export interface Outcome extends Moment {
  /** Frames that left, in order. */
  readonly frames: readonly Uint8Array[];
  /** What a call or the module itself did wrong. */
  readonly fault?: string;
}

/** Addresses and numbers of the two hosts; entropy is drawn from them. */
export const ADDRESSES = [0x0a09_0001, 0x0a09_0002] as const;
const MACS = [
  { high: 0x0200, low: 0x0000_0001 },
  { high: 0x0200, low: 0x0000_0002 },
] as const;
const PREFIX_LENGTH = 24;
const BACKLOG = 1;
const POLLS_MAX = 4;
const ETHERTYPE_ARP = 0x0806;
const MSL_MS = 30_000;
/** The second in which challenge ACKs are counted is over. */
const AT_REST_MS = 1024;

export class Machine {
  readonly reader: ImageReader;
  readonly #exports: ModuleExports;
  readonly #memory: Uint8Array;
  readonly #blank: Uint8Array;
  readonly #slot: number;
  #frames: Uint8Array[] = [];
  #hasAsked = false;
  #words = 0;
  /** What the last poll answered. */
  #sleepMs = 0;

  constructor(module: WasmModule) {
    const layout = new Layout(module);
    const hal = {
      transmit: (frame: number, length: number) => this.#transmit(frame >>> 0, length),
      entropy: () => (this.#words = Math.imul(this.#words, 0x9e37_79b1) + 0x7f4a_7c15) | 0,
    };
    const { exports } = new WebAssembly.Instance(module, { hal });
    this.#exports = exports as unknown as ModuleExports;
    const heapBase = (exports["__heap_base"] as { value: number }).value;
    this.#memory = new Uint8Array(this.#exports.memory.buffer, 0, heapBase);
    this.#blank = this.#memory.slice();
    this.reader = new ImageReader(layout, this.#memory);
    this.#slot = this.#exports.rxSlotAddress(0);
  }

  get imageOctets(): number {
    return this.#memory.length;
  }

  /** A host that has just started, knows its neighbour, and has opened as its script says. */
  start(script: Script, nowMs: number): Outcome {
    const { side } = script;
    this.#frames = [];
    this.#memory.set(this.#blank);
    this.#words = 0x1234_5678 + side;
    const own = MACS[side];
    this.#exports.init(nowMs, MSL_MS);
    this.#exports.setLinkAddress(own.high, own.low);
    this.#exports.setAddress(ADDRESSES[side], PREFIX_LENGTH, 0);
    this.#answerArp(side, nowMs);
    const app: App = { ...FRESH };
    if (script.opens === "passively") {
      app.listener = this.#exports.tcpListen(0, PORTS[side], BACKLOG);
    }
    if (script.opens === "at once") makeCall(this.#exports, script, app, "OPEN");
    this.#poll(side, nowMs);
    return { ...this.#moment(app, this.reader.look()), frames: this.#frames };
  }

  /** Lets something happen at a moment; undefined if it cannot. */
  run(script: Script, from: Moment, event: HostEvent): Outcome | undefined {
    this.#memory.set(from.image);
    this.#frames = [];
    const app = { ...from.app };
    let fault: string | undefined;
    try {
      if (!this.#happen(script, from, { event, app })) return undefined;
      takeEvents(this.#exports, app);
    } catch (error) {
      fault = describe(error);
    }
    const look = this.reader.look();
    if (event.kind === "time") noteLapse(from.look, look, app);
    this.#noteArrived(from.look, look, app);
    fault ??= this.#judgeSleep(look);
    const moment = { ...this.#moment(app, look), frames: this.#frames };
    return fault === undefined ? moment : { ...moment, fault };
  }

  #happen(script: Script, from: Moment, { event, app }: { event: HostEvent; app: App }): boolean {
    let { now } = this.reader;
    if (event.kind === "call") {
      if (!makeCall(this.#exports, script, app, event.call)) return false;
    } else if (event.kind === "time") {
      const ms = Math.min(from.look.shortMs, from.look.longMs);
      if (ms === Infinity) return false;
      now = (now + Math.max(0, ms)) >>> 0;
    } else {
      if (isAtRest(from.look)) now = (now + AT_REST_MS) >>> 0;
      this.#memory.set(event.octets, this.#slot);
      this.#exports.frameReceived(0, event.octets.length, now | 0);
    }
    this.#poll(script.side, now);
    return true;
  }

  #poll(side: number, nowMs: number): void {
    for (let polls = 0; polls < POLLS_MAX; polls++) {
      this.#sleepMs = this.#exports.poll(nowMs | 0) >>> 0;
      if (this.#hasAsked) this.#answerArp(side, nowMs);
      else if (this.#sleepMs !== 0) return;
    }
    throw new Misbehaviour(`poll answers 0 after ${POLLS_MAX} calls`);
  }

  /** ARP's answer of the other host. */
  #answerArp(side: number, nowMs: number): void {
    this.#hasAsked = false;
    const other = 1 - side;
    const frame = new DataView(new ArrayBuffer(42));
    const putMac = (at: number, { high, low }: { high: number; low: number }) => {
      frame.setUint16(at, high);
      frame.setUint32(at + 2, low);
    };
    putMac(0, MACS[side]!);
    putMac(6, MACS[other]!);
    frame.setUint16(12, ETHERTYPE_ARP);
    frame.setUint32(14, 0x0001_0800);
    frame.setUint32(18, 0x0604_0002);
    putMac(22, MACS[other]!);
    frame.setUint32(28, ADDRESSES[other]!);
    putMac(32, MACS[side]!);
    frame.setUint32(38, ADDRESSES[side]!);
    this.#memory.set(new Uint8Array(frame.buffer), this.#slot);
    this.#exports.frameReceived(0, 42, nowMs | 0);
  }

  #transmit(frame: number, length: number): number {
    const octets = this.#memory.slice(frame, frame + length);
    if (((octets[12]! << 8) | octets[13]!) === ETHERTYPE_ARP) this.#hasAsked = true;
    else this.#frames.push(octets);
    return 0;
  }

  #moment(app: App, look: Look): Moment {
    return { image: this.#memory.slice(), app, key: this.reader.key(), look };
  }

  #noteArrived(before: Look, after: Look, app: App): void {
    const { reader } = this;
    const { tcb } = reader;
    if (!after.hasTcb || !(before.isAlive || after.isAlive)) return;
    if (tcb.state === State.SYN_SENT) return;
    const fin = reader.hasFlag("PEER_CLOSED") ? 1 : 0;
    const octets = (tcb.get("rcvNxt") - tcb.get("irs") - 1 - fin) | 0;
    app.arrived = Math.max(app.arrived, octets);
  }

  /** `poll` may let the host wake early, but never late. */
  #judgeSleep({ shortMs, longMs }: Look): string | undefined {
    const dueMs = Math.min(shortMs, longMs);
    if (this.#sleepMs <= dueMs) return undefined;
    return `poll allows a sleep of ${this.#sleepMs} ms, but something is due in ${dueMs}`;
  }
}

function describe(error: unknown): string {
  if (error instanceof Misbehaviour) return error.message;
  return `the module traps: ${error instanceof Error ? error.message : String(error)}`;
}

/**
 * Whether time passes before the next segment. In TIME-WAIT it shows whether the 2 MSL begin anew,
 * and keeps challenge ACKs below their limit; where no connection is, the next one has another ISN.
 */
function isAtRest(look: Look): boolean {
  if (look.shortMs !== Infinity) return false;
  return look.isTimeWait || look.state === State.CLOSED || look.state === State.LISTEN;
}

/** Whether a long time-out has ended the connection, other than that of TIME-WAIT. */
function noteLapse(before: Look, after: Look, app: App): void {
  const wasOver = !before.isAlive;
  if (wasOver || after.isAlive) return;
  if (app.reason !== EndReason.CLOSED && app.reason !== EndReason.RESET) app.hasLapsed = true;
}
