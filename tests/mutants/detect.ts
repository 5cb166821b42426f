/**
 * Detectors: what might notice a fault, from the tests of one file to the fuzzer, each in a process
 * that is ended with its first failure.
 *
 * Called by main.ts and the tests.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Far above what any detector takes: what has not ended by then never will. */
const LIMIT_S = 600;
const FUZZED_FRAMES = 300_000;
const SEEDS = 100;
/** Folders whose test files are asked, one after the other. */
const FOLDERS = ["tests/tcp", "tests/tcp/states", "tests/netif"];

interface Detector {
  /** The path of a test file, or a lane's name. */
  name: string;
  args: string[];
  /** Reads the name of what failed from a line of the output. */
  failed: RegExp;
}

/** A test that noticed the fault, or undefined. */
export interface Catch {
  detector: string;
  test: string;
}

/** All detectors, those that are named first, then from cheap to dear. */
export function detectors(first: readonly string[], folder: string): Detector[] {
  const files = FOLDERS.flatMap((path) => {
    const names = readdirSync(join(folder, path)).filter((name) => name.endsWith(".test.ts"));
    return names.sort().map((name) => `${path}/${name}`);
  });
  return [...new Set([...first, ...files, "unit", "fuzz", "sim"])].map(detectorOf);
}

/** The detector of a name. */
function detectorOf(name: string): Detector {
  if (name === "unit") {
    return { name, args: ["scripts/test-unit.mjs"], failed: /^\s*(?:✖|\[Fail\]:?|✘)\s*(.+)$/ };
  }
  if (name === "fuzz") {
    const frames = ["--frames", String(FUZZED_FRAMES), "--workers", "1"];
    const args = ["--import", "tsx", "tests/fuzz/main.ts", ...frames];
    return { name, args, failed: /^found \d+ times: (.+)$/ };
  }
  if (name === "sim") {
    const seeds = ["--seeds", String(SEEDS), "--profiles", "default", "--threads", "1"];
    const args = ["--import", "tsx", "tests/sim/main.ts", ...seeds, "--first", "--as-is"];
    return { name, args, failed: /^(seed \d+ fails .+)$/ };
  }
  const args = ["--import", "tsx", "--test-reporter=tap", name];
  return { name, args, failed: /^\s*not ok \d+ - (.+?)(?: # .*)?$/ };
}

/** Runs a detector in a folder; what it catches, or undefined if it ends well. */
export function detect({ name, args, failed }: Detector, cwd: string): Promise<Catch | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, detached: true, env: plainEnvironment() });
    let caught: string | undefined;
    let rest = "";
    const end = (why: string): void => {
      caught ??= why;
      endGroup(child.pid);
    };
    const timer = setTimeout(() => end("it does not end"), LIMIT_S * 1_000);
    const read = (chunk: Buffer): void => {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const found = failed.exec(line)?.[1];
        if (found !== undefined) return end(found);
      }
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      endGroup(child.pid);
      if (code !== 0) caught ??= "it fails as a whole";
      resolve(caught === undefined ? undefined : { detector: name, test: caught });
    });
  });
}

/** As a shell would start it, and not as a part of the tests that may be running. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: "1" };
  delete environment["FORCE_COLOR"];
  delete environment["NODE_TEST_CONTEXT"];
  return environment;
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
