/**
 * Programs that the benchmark needs, and steps that are done once and again when their inputs have
 * changed.
 *
 * Everything is made below build/bench. Used by lwip.ts, linger.ts and the engines.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The benchmark's own sources. */
export const SOURCES = join(ROOT, "bench/segment");
/** Where everything is put that is made. */
export const BUILD = join(ROOT, "build/bench");

/** Something that stands in the way, in words for the user. */
export class BenchError extends Error {}

/** What a program is for, where it comes from. */
const PACKAGES: Readonly<Record<string, string>> = {
  "clang-19": "clang-19",
  "wasm-ld-19": "lld-19",
  gcc: "gcc",
  cmake: "cmake",
  valgrind: "valgrind",
  cargo: "cargo",
  "apt-get": "apt, which only Debian and its like have",
  "dpkg-source": "dpkg-dev",
};

interface Options {
  cwd?: string;
  env?: Record<string, string>;
  timeoutS?: number;
}

/** Runs a program to its end and returns what it said; a failure is a BenchError with that. */
export function run(program: string, args: readonly string[], options: Options = {}): string {
  const result = spawnSync(program, args, {
    encoding: "utf8",
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
    timeout: (options.timeoutS ?? 600) * 1000,
    maxBuffer: 64 * 1024 * 1024,
  });
  const { status, signal, error, stdout, stderr } = result;
  if (error !== undefined && "code" in error && error.code === "ENOENT") {
    const from = PACKAGES[program] ?? "no package known";
    throw new BenchError(`${program} is not installed (${from})`);
  }
  if (error !== undefined) throw new BenchError(`${program}: ${error.message}`);
  if (status !== 0) {
    const end = signal === null ? `status ${status}` : `signal ${signal}`;
    const said = `${stdout}${stderr}`.trim().split("\n").slice(-20).join("\n");
    throw new BenchError(`${said}\n${program} ended with ${end}`);
  }
  return `${stdout}${stderr}`;
}

/** Runs a tool of node_modules. */
export function runTool(path: string, args: readonly string[]): string {
  return run(process.execPath, [join(ROOT, "node_modules", path), ...args]);
}

/**
 * Makes `target` by `make`, unless it is there and was made from the same `inputs`: files, folders,
 * and words that matter.
 */
export function makeOnce(target: string, inputs: readonly string[], make: () => void): string {
  const path = join(BUILD, target);
  const stamp = `${path}.stamp`;
  const digest = digestOf(inputs);
  if (existsSync(path) && existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return path;
  mkdirSync(BUILD, { recursive: true });
  make();
  writeFileSync(stamp, digest);
  return path;
}

function digestOf(inputs: readonly string[]): string {
  const hash = createHash("sha256");
  for (const input of inputs) {
    hash.update(input);
    for (const path of listFiles(input)) hash.update(path).update(readFileSync(path));
  }
  return hash.digest("hex");
}

function listFiles(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return [path];
  const names = readdirSync(path).sort();
  return names.flatMap((name) => listFiles(join(path, name)));
}
