/**
 * Makes a checkout ready to run: installs from npm what is missing or stale, builds what is
 * outdated.
 *
 * Called by `npm start` and `npm test`, so that both work on a fresh clone. Needs nothing but Node:
 * it runs before anything is installed. Whether a build is outdated is told by contents, not by
 * times: a checkout of an older commit makes files new. Never removes a dependency on its own.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What the build reads, as files and folders. */
const INPUTS = [
  "assembly",
  "hal/host",
  "hal/recorder",
  "scripts/build.mjs",
  "scripts/asc-transform.mjs",
  "scripts/generate-abi.mjs",
  "asconfig.json",
  "asconfig.app.json",
  "tsconfig.json",
  "package-lock.json",
];
/** What it writes. The generated copy of the ABI lies among the inputs and is compared as one. */
const OUTPUTS = ["dist"];
const NEEDED = [
  "hal/host/abi.ts",
  "hal/wamr/include/linger-abi.h",
  "dist/host/index.js",
  "dist/wasm/linger-tiny.wasm",
  "dist/wasm/linger-default.wasm",
  "dist/wasm/linger-host.wasm",
  "dist/wasm/recorder.wasm",
  "dist/wasm/recorder-imports.wasm",
];
/** As package.json's "engines" says. */
const NODE_MAJOR_MIN = 20;
/** Remembers which inputs gave which outputs. */
const STAMP = "build/ready.json";

/** A failure whose message says everything that the user needs. */
export class ReadyError extends Error {}

/** Installs and builds what is needed. `say` is told, in one line each, what takes its time. */
export function makeReady(say) {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < NODE_MAJOR_MIN) {
    const text = `Linger needs Node ${NODE_MAJOR_MIN} or newer, this is ${process.version}`;
    throw new ReadyError(text);
  }
  if (!isInstalled()) {
    say("installing dependencies from npm …");
    install();
  }
  if (!isBuilt()) {
    say("building …");
    build();
  }
}

/** True if every package of the lock file is there in its version; optional ones may be missing. */
function isInstalled() {
  const installed = join(ROOT, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return false;
  const wanted = readPackages(join(ROOT, "package-lock.json"));
  const present = readPackages(installed);
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === "") return true;
    if (present[path] === undefined) return optional === true;
    return present[path].version === version && existsSync(join(ROOT, path));
  });
}

function readPackages(path) {
  return JSON.parse(readFileSync(path, "utf8")).packages;
}

function install() {
  // `ci` empties node_modules first, which a folder that is merely behind does not need.
  const command = existsSync(join(ROOT, "node_modules")) ? "install" : "ci";
  const args = [command, "--no-audit", "--no-fund"];
  run("npm", args, `npm ${command} failed: is the registry reachable?`);
}

function isBuilt() {
  if (!existsSync(join(ROOT, STAMP)) || !NEEDED.every((path) => existsSync(join(ROOT, path)))) {
    return false;
  }
  const stamp = readFileSync(join(ROOT, STAMP), "utf8");
  return stamp === makeStamp(digest(INPUTS));
}

function build() {
  // The inputs as they are now: an edit during the build makes the next run build again.
  const inputs = existsSync(join(ROOT, "hal/host/abi.ts")) ? digest(INPUTS) : undefined;
  run(process.execPath, ["scripts/build.mjs"], "the build failed");
  mkdirSync(join(ROOT, "build"), { recursive: true });
  writeFileSync(join(ROOT, STAMP), makeStamp(inputs ?? digest(INPUTS)));
}

function makeStamp(inputs) {
  return JSON.stringify({ inputs, outputs: digest(OUTPUTS) });
}

/** One number over the paths and contents of files and folders. */
function digest(roots) {
  const hash = createHash("sha256");
  for (const path of roots.flatMap((root) => listFiles(root))) {
    const octets = readFileSync(join(ROOT, path));
    hash.update(`${path}\0${octets.length}\0`).update(octets);
  }
  return hash.digest("hex");
}

function listFiles(path) {
  const stat = statSync(join(ROOT, path), { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return [path];
  const names = readdirSync(join(ROOT, path)).sort();
  return names.flatMap((name) => listFiles(`${path}/${name}`));
}

/** Runs a program whose output is shown only if it fails. */
function run(program, args, failure) {
  const options = { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] };
  const { status, stdout, stderr, error } = spawnSync(program, args, options);
  if (error !== undefined) throw new ReadyError(`${program}: ${error.message}`);
  if (status !== 0) throw new ReadyError(`${stdout}${stderr}\n${failure}`.trim());
}
