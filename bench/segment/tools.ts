/**
 * Programs that the benchmark needs, and steps that are done once and again when their inputs have
 * changed.
 *
 * Everything is made below build/bench. Used by lwip.ts, linger.ts and the engines.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findObstacle } from "../../scripts/test/needs.mjs";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The benchmark's own sources. */
export const SOURCES = join(ROOT, "bench/segment");
/** Where everything is put that is made. */
export const BUILD = join(ROOT, "build/bench");

/** Something that stands in the way, in words for the user. */
export class BenchError extends Error {}

interface Options {
  cwd?: string;
  timeoutS?: number;
}

const TIMEOUT_S = 600;
const OUTPUT_MAX = 64 * 1024 * 1024;
/** Lines of what a program has said that a message shows. */
const LINES_SHOWN = 20;

/** What is missing for some work, and how to get it, in one line; or nothing is. */
export function checkNeeds(needs: readonly string[], what: string): void {
  for (const need of needs) {
    const obstacle = findObstacle(need);
    if (obstacle === undefined) continue;
    throw new BenchError(`${what}: ${obstacle.reason}; get it: ${obstacle.get}`);
  }
}

/** How a program has ended. */
interface Ending {
  status: number | null;
  signal: string | null;
  said: string;
}

/** What it said; a failure is a BenchError with that. */
function judge(program: string, { status, signal, said }: Ending): string {
  if (status === 0) return said;
  const end = signal === null ? `status ${status}` : `signal ${signal}`;
  const shown = said.trim().split("\n").slice(-LINES_SHOWN).join("\n");
  throw new BenchError(`${shown}\n${program} ended with ${end}`);
}

function explain(program: string, error: Error): BenchError {
  const isMissing = "code" in error && error.code === "ENOENT";
  return new BenchError(`${program}: ${isMissing ? "is not installed" : error.message}`);
}

/** Runs a program to its end and returns what it said; a failure is a BenchError with that. */
export function run(program: string, args: readonly string[], options: Options = {}): string {
  const result = spawnSync(program, args, {
    encoding: "utf8",
    cwd: options.cwd ?? ROOT,
    timeout: (options.timeoutS ?? TIMEOUT_S) * 1000,
    maxBuffer: OUTPUT_MAX,
  });
  const { status, signal, error, stdout, stderr } = result;
  if (error !== undefined) throw explain(program, error);
  return judge(program, { status, signal, said: `${stdout}${stderr}` });
}

/** The same beside other work. */
export async function runAsync(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_S * 1000);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  }
  try {
    const [status, signal] = (await once(child, "close")) as [number | null, string | null];
    return judge(program, { status, signal, said });
  } catch (error) {
    throw error instanceof BenchError ? error : explain(program, error as Error);
  } finally {
    clearTimeout(timer);
  }
}

/** Does work for each item, so many at a time; the results in the order of the items. */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const workOn = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: most }, workOn));
  return results;
}

/** Runs a tool of node_modules. */
export function runTool(path: string, args: readonly string[]): string {
  return run(process.execPath, [join(ROOT, "node_modules", path), ...args]);
}

/** What this process has made, or has found to be there already. */
const made = new Set<string>();

/**
 * Makes `target` by `make`, unless it is there and was made from the same `inputs`: files, folders,
 * and words that matter.
 */
export function makeOnce(target: string, inputs: readonly string[], make: () => void): string {
  const path = join(BUILD, target);
  if (made.has(target)) return path;
  const stamp = `${path}.stamp`;
  const digest = digestOf(inputs);
  const isThere = existsSync(path) && existsSync(stamp) && readFileSync(stamp, "utf8") === digest;
  if (!isThere) {
    mkdirSync(BUILD, { recursive: true });
    make();
    writeFileSync(stamp, digest);
  }
  made.add(target);
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
