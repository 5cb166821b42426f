/**
 * Runs a module of the benchmark, Linger's or lwIP's, in this process: for those who look at what
 * it does, not at how long it takes.
 *
 * Called by verify.ts and operations.ts.
 */
import { memoryImports } from "../../hal/host/memory-imports.ts";
import { type WasmGlobal, type WasmMemory, WebAssembly } from "../../hal/host/web-assembly.ts";
import type { Scenario } from "./scenarios.ts";

const PORTS_OFFSET = 34;
const SEQ_OFFSET = 38;
const STAMP_OFFSET = 70;

/** What the drivers export, and whatever else a module has. */
interface BenchExports {
  memory: WasmMemory;
  bench_setup(code: number, mode: number, connections: number): number;
  bench_run(count: number): number;
}

type Exports = BenchExports & Record<string, WasmGlobal>;

/** Whom to tell of what. */
export interface Observer {
  /** What is measured begins, and ends. */
  started?(): void;
  stopped?(): void;
  /** A frame is about to be handed over; only with Mode.VERIFY. */
  arrived?(frame: Uint8Array): void;
  sent?(frame: Uint8Array): void;
}

export class BenchInstance {
  readonly #exports: Exports;
  readonly #sent: [ports: number, seq: number, stamp: number][] = [];
  readonly #observer: Observer;
  #seed = 1;

  constructor(module: Uint8Array, observer: Observer) {
    this.#observer = observer;
    const env = {
      prof_start: () => (observer.started?.(), 0),
      prof_stop: () => (observer.stopped?.(), 0),
      arrived: (at: number, octets: number) => (observer.arrived?.(this.#frame(at, octets)), 0),
      sent_count: () => this.#sent.length,
      sent_ports: (index: number) => this.#sent[index]![0],
      sent_seq: (index: number) => this.#sent[index]![1],
      sent_stamp: (index: number) => this.#sent[index]![2],
    };
    const hal = {
      ...memoryImports(() => new Uint8Array(this.#exports.memory.buffer)),
      transmit: (at: number, octets: number) => this.#transmit(this.#frame(at, octets)),
      entropy: () => (this.#seed = (Math.imul(this.#seed, 1_103_515_245) + 12_345) | 0),
    };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module), { env, hal });
    this.#exports = instance.exports as unknown as Exports;
  }

  /** Plays a scenario: `count` units, behind what comes before. Returns how many errors it saw. */
  run({ code, connections, count }: Scenario, mode: number): number {
    return this.#exports.bench_setup(code, mode, connections) + this.#exports.bench_run(count);
  }

  /** Plays more units of it. */
  goOn(count: number): number {
    return this.#exports.bench_run(count);
  }

  /** An exported global. */
  global(name: string): number {
    return this.#exports[name]!.value;
  }

  #frame(at: number, octets: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, at, octets).slice();
  }

  #transmit(frame: Uint8Array): number {
    const view = new DataView(frame.buffer);
    const wordAt = (offset: number) => (frame.length < offset + 4 ? 0 : view.getUint32(offset));
    this.#sent.push([wordAt(PORTS_OFFSET), wordAt(SEQ_OFFSET), wordAt(STAMP_OFFSET)]);
    this.#observer.sent?.(frame);
    return 0;
  }
}
