/**
 * `npm run fuzz`: frames and calls that nobody should send, against the release modules; and
 * nonsense for the pcap reader, the wires and the command line.
 *
 *     npm run fuzz                                 a million frames
 *     npm run fuzz -- --frames 100000000 --workers 2 --json FILE
 *     npm run fuzz -- --replay tests/fuzz/failures/FILE.txt
 *
 * What finds something is made short and written into tests/fuzz/failures, which `npm test` plays.
 * The exit status is 1 if anything was found, 2 for a wrong argument.
 */
import { fork } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openJson, readOptions, runProgram, UsageError } from "../../bench/command.ts";
import { FUEL, type Phase } from "../support/counted-module.ts";
import { HOST_TARGETS } from "./host/index.ts";
import { keepFailure, replayFailure } from "./failures.ts";
import { Random } from "./random.ts";
import { type FuzzedProfile, PROFILES } from "./stack/machine.ts";
import type { Order, Progress } from "./worker.ts";

const HELP = `npm run fuzz -- [options]

Sends nonsense to modules (default, with and without the straight ways, and tiny) and to the host
library: frames at every layer, in every state, between user calls and time. Nothing may trap, hang
or leak, and connections that are not attacked live on. What is found is written into
tests/fuzz/failures.

  --frames N       frames to send, 1 to 10000000000 (1000000)
  --seed S         which ones, 0 to 4294967295 (1); with as many workers the same again
  --workers N      processes, 1 to 64 (one for each core, 4 at most)
  --json FILE      write the results as data too
  --replay FILE    play one failure that was kept, and say what it finds

Exit status: 0 if nothing was found, 1 if something was, 2 for a wrong argument.`;

const FRAMES_DEFAULT = 1_000_000;
const FRAMES_MAX = 10_000_000_000;
const SEED_MAX = 2 ** 32 - 1;
const WORKERS_MAX = 64;
const WORKERS_DEFAULT_MAX = 4;
const WORKER = fileURLToPath(new URL("./worker.ts", import.meta.url));
const SHOWN_MS = 5_000;
const INPUTS_PER_TURN = 16;

interface Arguments {
  help: boolean;
  frames: number;
  seed: number;
  workers: number;
  json: string | undefined;
  replay: string | undefined;
}

function readArguments(args: string[]): Arguments {
  const text = { type: "string" } as const;
  const numbers = { frames: text, seed: text, workers: text } as const;
  const options = { ...numbers, json: text, replay: text, help: { type: "boolean" } } as const;
  const { values } = readOptions({ args, options });
  const integer = (name: "frames" | "seed" | "workers", [min, max]: number[], other: number) => {
    const given = values[name];
    if (given === undefined) return other;
    const value = /^\d+$/.test(given) ? Number(given) : NaN;
    if (value >= min! && value <= max!) return value;
    throw new UsageError(`--${name} takes a whole number from ${min} to ${max}, not ${given}`);
  };
  const { json, replay } = values;
  if (replay !== undefined && !existsSync(replay)) throw new UsageError(`there is no ${replay}`);
  const cores = Math.min(availableParallelism(), WORKERS_DEFAULT_MAX);
  return {
    help: values.help === true,
    frames: integer("frames", [1, FRAMES_MAX], FRAMES_DEFAULT),
    seed: integer("seed", [0, SEED_MAX], 1),
    workers: integer("workers", [1, WORKERS_MAX], cores),
    json,
    replay,
  };
}

/** What was done and found, of all workers. */
class Tally {
  readonly #startedMs = performance.now();
  readonly #progress: (Progress | undefined)[];
  readonly findings = new Map<string, number>();
  readonly files: string[] = [];
  readonly inputs: Record<string, number> = {};

  constructor(workers: number) {
    this.#progress = Array.from({ length: workers }, () => undefined);
  }

  take(worker: number, progress: Progress): void {
    this.#progress[worker] = progress;
    for (const { kind, text } of progress.findings) this.found(kind, text);
  }

  found(kind: string, text: string): void {
    this.findings.set(kind, (this.findings.get(kind) ?? 0) + 1);
    if (text !== "") this.files.push(keepFailure(kind, text));
  }

  get frames(): number {
    return this.#sum((progress) => progress.frames);
  }

  get cases(): number {
    return this.#sum((progress) => progress.cases);
  }

  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1_000;
  }

  /** Branches of a profile's module that any worker has taken, and all of them. */
  branches(profile: FuzzedProfile): { reached: number; count: number } {
    const lists = this.#progress.flatMap((one) => one?.profiles[profile].reached ?? []);
    const count = this.#progress[0]?.profiles[profile].reached.length ?? 0;
    let reached = 0;
    for (let i = 0; i < count; i++) {
      if (this.#progress.some((one) => one?.profiles[profile].reached[i] === 1)) reached += 1;
    }
    return lists.length === 0 ? { reached: 0, count: 0 } : { reached, count };
  }

  burnt(phase: Phase): number {
    const all = this.#progress.flatMap((one) => PROFILES.map((p) => one?.profiles[p].burnt[phase]));
    return Math.max(...all.map((value) => value ?? 0));
  }

  line(): string {
    const { reached, count } = this.branches("default");
    const rate = format(Math.round(this.frames / this.seconds));
    return (
      `${format(this.frames)} frames in ${format(this.cases)} cases, ${rate} a second, ` +
      `${reached} of ${count} branches, ${this.findings.size} kinds of findings`
    );
  }

  #sum(of: (progress: Progress) => number): number {
    return this.#progress.reduce((sum, one) => sum + (one === undefined ? 0 : of(one)), 0);
  }
}

function format(value: number): string {
  return value.toLocaleString("en-US");
}

/** Runs one worker to its end, or until `stop` says that it is enough. */
function runWorker(
  order: Order,
  onProgress: (progress: Progress) => void,
  stop: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(WORKER, { execArgv: ["--import", "tsx"], detached: true });
    stop.addEventListener("abort", () => child.kill());
    let isDone = false;
    child.on("message", (message) => {
      const progress = message as Progress;
      isDone ||= progress.isDone;
      onProgress(progress);
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if ((isDone && code === 0) || stop.aborted) resolve();
      else reject(new Error(`a worker ended with ${signal ?? `status ${code}`}`));
    });
    child.send(order);
  });
}

/** The host library's share of the inputs, one after the other. */
async function fuzzHost(
  { frames, seed }: Arguments,
  tally: Tally,
  stop: AbortSignal,
): Promise<void> {
  for (const [index, target] of HOST_TARGETS.entries()) {
    const random = new Random(seed, index);
    const count = Math.ceil((frames * target.perMillion) / 1_000_000);
    for (let i = 0; i < count && !stop.aborted; i++) {
      const input = target.make(random);
      const finding = await target.attempt(input);
      tally.inputs[target.name] = i + 1;
      if (i % INPUTS_PER_TURN === 0) await setImmediate(); // the workers want to be heard
      if (finding === undefined) continue;
      const kind = `${target.name} ${finding.split(/[":]/)[0]}`;
      const text = `target ${target.name}\nfinding ${finding}\n${input}\n`;
      tally.found(kind, tally.findings.has(kind) ? "" : text);
    }
  }
}

async function runAll(args: Arguments): Promise<number> {
  const writeJson = openJson(args.json);
  const tally = new Tally(args.workers);
  const ticker = setInterval(() => console.error(tally.line()), SHOWN_MS);
  // Who has seen enough still gets the report of what was done.
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => interrupt.abort());
  try {
    const share = Math.ceil(args.frames / args.workers);
    const workers = Array.from({ length: args.workers }, (_, i) => {
      const order = { seed: (args.seed + Math.imul(i, 0x9e37_79b1)) >>> 0, frames: share };
      return runWorker(order, (progress) => tally.take(i, progress), interrupt.signal);
    });
    await Promise.all([...workers, fuzzHost(args, tally, interrupt.signal)]);
  } finally {
    clearInterval(ticker);
  }
  report(args, tally);
  writeJson({
    frames: tally.frames,
    cases: tally.cases,
    seconds: Math.round(tally.seconds),
    seed: args.seed,
    workers: args.workers,
    branches: Object.fromEntries(PROFILES.map((profile) => [profile, tally.branches(profile)])),
    fuel: Object.fromEntries(phases().map((phase) => [phase, tally.burnt(phase)])),
    inputs: tally.inputs,
    findings: Object.fromEntries(tally.findings),
  });
  return tally.findings.size === 0 ? 0 : 1;
}

function phases(): Phase[] {
  return Object.keys(FUEL) as Phase[];
}

function report(args: Arguments, tally: Tally): void {
  console.log(`seed ${args.seed}, ${args.workers} workers, ${format(Math.round(tally.seconds))} s`);
  console.log(`${format(tally.frames)} frames in ${format(tally.cases)} cases`);
  for (const profile of PROFILES) {
    const { reached, count } = tally.branches(profile);
    console.log(`${profile}: ${format(reached)} of ${format(count)} branches reached`);
  }
  const fuel = phases().map((phase) => `${phase} ${tally.burnt(phase)} of ${FUEL[phase]}`);
  console.log(`calls and turns of loops at most: ${fuel.join(", ")}`);
  for (const [name, count] of Object.entries(tally.inputs)) {
    console.log(`${name}: ${format(count)} inputs`);
  }
  for (const [kind, count] of tally.findings) console.error(`found ${count} times: ${kind}`);
  for (const file of tally.files) console.error(`  ${file}`);
  if (tally.findings.size === 0) console.log("nothing was found");
}

async function main(): Promise<number> {
  const args = readArguments(process.argv.slice(2));
  if (args.help) {
    console.log(HELP);
    return 0;
  }
  if (args.replay === undefined) return runAll(args);
  const finding = await replayFailure(args.replay);
  console.log(finding ?? "nothing is found");
  return finding === undefined ? 0 : 1;
}

await runProgram("fuzz", main);
