/**
 * `npm run build`: the three release modules, the host's recorder, the HALs' copy of the ABI's
 * numbers, the host package.
 *
 *     assembly/  ─ asc ─→  build/*.wasm  ─ wasm-opt ─→  dist/wasm/linger-{tiny,default,host}.wasm
 *     hal/recorder/  ─ asc ─→  dist/wasm/recorder*.wasm
 *     assembly/core/abi.ts  ─→  hal/host/abi.ts, hal/wamr/include/linger-abi.h
 *     hal/host/  ─ tsc ─→  dist/host/
 *
 * Prints what each module takes. `node scripts/build.mjs wasm` leaves the host package out, `node
 * scripts/build.mjs host` the modules. Ends with one line on standard error and status 1 when
 * something fails. Tests nothing: `tests/binaries.test.ts` judges the modules.
 */

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { generateAbi, generateAbiHeader } from "./generate-abi.mjs";
import { WASM_FEATURES, WASM_OPTIMIZATIONS } from "./wasm-optimizations.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PROFILES = ["tiny", "default", "host"];
/** Targets of hal/recorder/asconfig.json, the names in dist/wasm, by their sources. */
const RECORDER = Object.entries({
  recorder: "hal/recorder/index.ts",
  "recorder-imports": "hal/recorder/imports.ts",
});
const ASC = "node_modules/assemblyscript/bin/asc.js";
const WASM_OPT = "node_modules/binaryen/bin/wasm-opt";
const TSC = "node_modules/typescript/bin/tsc";

/** A failure whose message says everything that the user needs. */
class BuildError extends Error {}

/** Runs a program of node_modules; rejects with what it said when it fails. */
function run(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    child.stdout.on("data", (text) => (said += text));
    child.stderr.on("data", (text) => (said += text));
    child.on("error", (error) => reject(new BuildError(`${program}: ${error.message}`)));
    child.on("close", (code, signal) => {
      if (code === 0) return resolve();
      const end = signal ? `was ended by ${signal}` : `failed with status ${code}`;
      reject(new BuildError(`${said.trimEnd()}\nbuild: ${program} ${args.join(" ")} ${end}`));
    });
  });
}

/** Writes a file unless it says the same already, so that watchers and tests see no change. */
function writeIfChanged(path, text) {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  writeFileSync(path, text);
}

async function buildModule(profile) {
  const raw = `build/linger-${profile}.wasm`;
  const optimized = `dist/wasm/linger-${profile}.wasm`;
  // An absolute path, because asc resolves the preset's transform against it.
  await run(ASC, ["--config", join(ROOT, "asconfig.json"), "--target", profile, "--noColors"]);
  await run(WASM_OPT, [raw, ...WASM_FEATURES, ...WASM_OPTIMIZATIONS[profile], "-o", optimized]);
}

/** A module for V8 alone, which optimizes by itself. */
async function buildRecorder([target, entry]) {
  const config = ["--config", join(ROOT, "hal/recorder/asconfig.json"), "--target", target];
  const output = ["--noColors", "-o", join(ROOT, `dist/wasm/${target}.wasm`)];
  await run(ASC, [entry, ...config, ...output]);
}

/** What a module takes, asked from the module itself. */
async function measure(profile, limits) {
  const path = join(ROOT, `dist/wasm/linger-${profile}.wasm`);
  const hal = { transmit: () => 0, entropy: () => 0 };
  const { instance } = await WebAssembly.instantiate(readFileSync(path), { hal });
  const { memory, limit, __heap_base: heapBase } = instance.exports;
  if (typeof limit !== "function") throw new BuildError(`build: ${path} does not export limit`);
  return {
    profile,
    "module octets": statSync(path).size,
    __heap_base: heapBase.value,
    "memory octets": memory.buffer.byteLength,
    connections: limit(limits.CONNECTION_COUNT),
    "TCB octets": limit(limits.TCB_SIZE),
    "TIME-WAIT octets": limit(limits.TIME_WAIT_SIZE),
    "half-open octets": limit(limits.HALF_OPEN_SIZE),
  };
}

/** One row per module, one column per measure, numbers to the right. */
function formatTable(rows) {
  const columns = Object.keys(rows[0]);
  const cells = [columns, ...rows.map((row) => columns.map((column) => format(row[column])))];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const line = (row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ");
  return cells.map(line).join("\n");
}

function format(value) {
  return typeof value === "number" ? value.toLocaleString("en-US") : value;
}

/** The numbers of `Limit`, read from the generated file without a TypeScript loader. */
function readLimits(abi) {
  const body = /export const Limit = \{([\s\S]*?)\} as const;/.exec(abi)[1];
  return Object.fromEntries([...body.matchAll(/(\w+): (\d+),/g)].map((m) => [m[1], Number(m[2])]));
}

async function main() {
  const what = process.argv[2];
  if (process.argv.length > 3 || ![undefined, "wasm", "host"].includes(what)) {
    throw new BuildError("build: the only argument may be wasm or host");
  }
  if (!existsSync(join(ROOT, ASC))) throw new BuildError("build: run npm install first");
  const source = readFileSync(join(ROOT, "assembly/core/abi.ts"), "utf8");
  const abi = generateAbi(source);
  writeIfChanged(join(ROOT, "hal/host/abi.ts"), abi);
  writeIfChanged(join(ROOT, "hal/wamr/include/linger-abi.h"), generateAbiHeader(source));
  mkdirSync(join(ROOT, "build"), { recursive: true });
  mkdirSync(join(ROOT, "dist/wasm"), { recursive: true });
  const jobs = [];
  if (what !== "host") jobs.push(...PROFILES.map(buildModule), ...RECORDER.map(buildRecorder));
  if (what !== "wasm") jobs.push(run(TSC, ["-p", "tsconfig.json"]));
  await Promise.all(jobs);
  if (what === "host") return;
  const limits = readLimits(abi);
  console.log(formatTable(await Promise.all(PROFILES.map((profile) => measure(profile, limits)))));
}

try {
  await main();
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
