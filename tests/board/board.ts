/**
 * A board, in QEMU or as a process, as the tests of this folder see it: its log, its counters, its
 * cable.
 *
 * Used by all tests here. It runs in real time, so tests wait for what must happen (`until`) and
 * never for a time. Nothing is left behind: `close` ends the process, which must still be running.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import {
  buildImageWith,
  buildProcess,
  type BuiltImage,
  modulePath,
} from "../../bench/firmware/build.ts";
import { type Engine, findImage } from "../../bench/firmware/images.ts";
import { type BoardCommand, prepareBoard, QEMU } from "../../bench/firmware/machine.ts";
import {
  formatSettings,
  makeModulePartition,
  type Settings,
} from "../../bench/firmware/partitions.ts";
import { until } from "../interop/traffic.ts";

export const BOARD_ADDRESS = "10.9.0.2";
const MAC = "02:00:00:0a:09:02";
/** So TIME-WAIT lasts 400 ms. */
const MSL_MS = 200;
/** Linux tells processor time in hundredths of a second. */
const TICK_MS = 10;
const SETTINGS: Settings = { ip: `${BOARD_ADDRESS}/24`, mslMs: MSL_MS, seed: "board1" };

/** `watched`: fast, with a watchdog; `ring`: fast, with a MAC that writes into the slots. */
export type ProcessEngine = "fast" | "wasm2c" | "watched" | "recorded" | "ring";

export interface BoardSetup {
  /** Another module than the board's own, by path. */
  module?: string;
  /** Octets of the module's partition, or none, in the place of a good one. */
  partition?: Uint8Array | "erased";
  settings?: Partial<Settings>;
  /** QEMU's `-netdev`, without id. Default: none is heard. */
  netdev?: string;
  /** The file that is the board's flash for snapshots. */
  store?: string;
  /** The file that a recorder writes. */
  recording?: string;
}

/** What the board answers when a key is pressed. */
export interface BoardCounters {
  upMs: number;
  wakes: number;
  framesIn: number;
  framesOut: number;
  linkChanges: number;
  droppedLinkDown: number;
  traps: number;
}

const COUNTERS = new RegExp(
  [
    "up (\\d+) ms, (\\d+) wakes, (\\d+) frames in, (\\d+) out, (\\d+) busy, (\\d+) link changes",
    "(\\d+) dropped while it was down, (\\d+) traps",
  ].join(", "),
  "g",
);

/** An image by its name, built with the module that it shall run. */
export function build(name: string, module?: string): BuiltImage {
  const [, board = "", engine] = /^(.*)-(fast|classic|wasm2c)$/.exec(name) ?? [];
  const image = findImage(board, engine as Engine);
  assert.ok(image !== undefined, `there is no image ${name}`);
  return buildImageWith(image, module ?? modulePath(image.board.profile));
}

export class BoardMachine {
  readonly #process: ChildProcess;
  readonly #monitorPath: string;
  readonly #discard: () => void;
  #monitor: Socket | undefined;
  #log = "";

  static inQemu(built: BuiltImage, setup: BoardSetup = {}): BoardMachine {
    const { partition = makeModulePartition(readFileSync(built.module)) } = setup;
    const command = prepareBoard({
      built,
      module: partition === "erased" ? undefined : partition,
      settings: { ...SETTINGS, ...setup.settings },
      netdev: setup.netdev ?? "hubport,hubid=0",
      mac: MAC,
      ...(setup.store === undefined ? {} : { store: setup.store }),
      ...(setup.recording === undefined ? {} : { recording: setup.recording }),
    });
    return new BoardMachine(QEMU, command);
  }

  /** The board that is a process on Linux; `wire` in its own words. */
  static asProcess(
    engine: ProcessEngine,
    module: string,
    wire: string,
    file?: string | readonly [store: string, recording: string],
  ): BoardMachine {
    const args = [...(engine === "wasm2c" ? [] : [module]), wire, formatSettings(SETTINGS)];
    // One file is the flash, or a recorder's, which has no flash then.
    if (typeof file === "string") args.push(...(engine === "recorded" ? ["", file] : [file]));
    else if (file !== undefined) args.push(...file);
    const program = buildProcess(engine, module);
    return new BoardMachine(program, { args, monitor: "", discard: () => undefined });
  }

  private constructor(program: string, { args, monitor, discard }: BoardCommand) {
    this.#monitorPath = monitor;
    this.#discard = discard;
    this.#process = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    const collect = (chunk: Buffer) => void (this.#log += chunk.toString());
    this.#process.stdout!.on("data", collect);
    this.#process.stderr!.on("data", collect);
  }

  /** Everything that the board and QEMU have said. */
  get log(): string {
    return this.#log;
  }

  /** Milliseconds of processor time that it has used, for a board that is a process. */
  get processorMs(): number {
    const stat = readFileSync(`/proc/${this.#process.pid}/stat`, "latin1");
    // After the name, which may hold anything: state is the first, then 14 and 15 of proc(5).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }

  /** Waits until the log has this, so many times. */
  async says(text: string, times = 1): Promise<void> {
    const has = () => this.#log.split(text).length - 1;
    await until(
      `the board to say "${text}"`,
      () => this.#log,
      () => has() >= times,
    );
  }

  async counters(): Promise<BoardCounters> {
    const found = () => [...this.#log.matchAll(COUNTERS)];
    const before = found().length;
    this.#process.stdin!.write("s");
    await until(
      "the board's counters",
      () => this.#log,
      () => found().length > before,
    );
    const [, ...numbers] = found().at(-1)!;
    const [upMs, wakes, framesIn, framesOut, , linkChanges, droppedLinkDown, traps] = numbers.map(
      Number,
    ) as [number, number, number, number, number, number, number, number];
    return { upMs, wakes, framesIn, framesOut, linkChanges, droppedLinkDown, traps };
  }

  /** Gives QEMU an order (QMP): `stop`, `cont`, `set_link` … */
  async order(execute: string, options: Record<string, unknown> = {}): Promise<void> {
    if (this.#monitor === undefined) {
      this.#monitor = connect(this.#monitorPath);
      await this.#send("qmp_capabilities", {});
    }
    await this.#send(execute, options);
  }

  /** Waits for the answer to an order; what QEMU tells of its own accord has another form. */
  async #send(execute: string, options: Record<string, unknown>): Promise<void> {
    const monitor = this.#monitor!;
    let said = "";
    const collect = (chunk: Buffer) => void (said += chunk.toString());
    monitor.on("data", collect);
    monitor.write(`${JSON.stringify({ execute, arguments: options })}\n`);
    await until(
      `QEMU to ${execute}`,
      () => said,
      () => /^\{"(return|error)"/m.test(said),
    );
    monitor.off("data", collect);
    assert.doesNotMatch(said, /^\{"error"/m, said);
  }

  press(key: string): void {
    this.#process.stdin!.write(key);
  }

  /** Presses the key that puts the stack away, and takes the power when that is done. */
  async fallAsleep(): Promise<void> {
    this.press("z");
    await this.says("linger: asleep");
    await this.cutPower();
  }

  /** The board is gone, whatever it was about to do. */
  async cutPower(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode === null && signalCode === null) {
      const ended = once(this.#process, "exit");
      this.#process.kill("SIGKILL");
      await ended;
    }
    this.#monitor?.destroy();
    this.#discard();
  }

  async close(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    await this.cutPower();
    assert.deepEqual(
      [exitCode, signalCode],
      [null, null],
      `the board ended by itself: ${this.#log}`,
    );
  }
}
