/**
 * How many instructions of the processor a run of the emulator takes, recorded or not.
 *
 * Used by `npm run recording` and by a test. Valgrind counts all that Node executes in user mode;
 * the difference between two lengths of the same traffic leaves out its start and what V8 compiles
 * (`docs/recording.md`, "What it costs").
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const TRAFFIC = fileURLToPath(new URL("./traffic.mjs", import.meta.url));
/** One thread and no chance; modules as V8 has them in the end, not after many calls. */
const NODE_FLAGS = ["--single-threaded", "--predictable", "--no-liftoff"];
/** Counts, and simulates no cache; V8 writes code where valgrind has translated some already. */
const VALGRIND_FLAGS = [
  ...["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"],
  "--smc-check=all-non-file",
];

export const MIXES = ["stream", "echo"] as const;
export const RECORDED_PROFILES = ["default", "host"] as const;

export interface Traffic {
  readonly profile: (typeof RECORDED_PROFILES)[number];
  readonly mix: (typeof MIXES)[number];
  /** So many frames before what is counted, and so many that are. */
  readonly frames: number;
}

/** Stacks, each with a recording. */
const ENDS = 2;

export interface Cost {
  /** Instructions for each frame that passes, on both ends together. */
  readonly off: number;
  readonly on: number;
  /** (on − off) / off. */
  readonly share: number;
}

/** What recording costs: four runs. */
export function countCost(traffic: Traffic): Cost {
  const folder = mkdtempSync(join(tmpdir(), "linger-recording-"));
  try {
    const off = perFrame(traffic, []);
    const on = perFrame(traffic, [folder]);
    checkRecordings(folder, traffic.frames);
    return { off, on, share: on / off - 1 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Each frame is in both: less than so much for each, and something was not recorded. */
const FRAME_OCTETS_MIN = 14;

function checkRecordings(folder: string, frames: number): void {
  const files = readdirSync(folder);
  const isThere = files.every(
    (file) => statSync(join(folder, file)).size > frames * FRAME_OCTETS_MIN,
  );
  if (files.length !== ENDS || !isThere) throw new Error(`not recorded: ${files.join(", ")}`);
}

function perFrame({ profile, mix, frames }: Traffic, folder: string[]): number {
  const [short, long] = [frames, 2 * frames].map((count) =>
    countRun([profile, mix, String(count), ...folder]),
  ) as [Run, Run];
  return (long.instructions - short.instructions) / (long.frames - short.frames);
}

interface Run {
  readonly instructions: number;
  readonly frames: number;
}

function countRun(args: string[]): Run {
  const command = [...VALGRIND_FLAGS, process.execPath, ...NODE_FLAGS, TRAFFIC, ...args];
  // Nothing of what the caller wants of Node: a debugger or a loader would be counted too.
  const env = { PATH: process.env["PATH"] };
  const ran = spawnSync("valgrind", command, { encoding: "utf8", env });
  if (ran.error !== undefined) throw new Error(`valgrind does not run: ${ran.error.message}`);
  const said = ran.stdout + ran.stderr;
  const instructions = /I +refs: +([\d,]+)/.exec(said)?.[1]?.replaceAll(",", "");
  const frames = /^\d+$/m.exec(said)?.[0];
  if (instructions === undefined || frames === undefined) {
    throw new Error(`valgrind counted nothing: ${said.trim().split("\n").at(-1)}`);
  }
  return { instructions: Number(instructions), frames: Number(frames) };
}
