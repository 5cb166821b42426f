/**
 * `npm run modelcheck`: two modules of the profile `check`, and everything that can happen to them.
 *
 *     npm run modelcheck                      every family, within its bounds
 *     npm run modelcheck -- --quick           the share of `npm test`, some tens of seconds
 *     npm run modelcheck -- --family whole --losses 1 --duplications 0 --reorderings 0
 *     npm run modelcheck -- --module FILE     another module of that profile
 *
 * The exit status is 1 if something is wrong or a search was not exhausted, 2 for a wrong argument.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { openJson, readOptions, runProgram, UsageError } from "../../bench/command.ts";
import { WebAssembly, type WasmModule } from "../../hal/host/web-assembly.ts";
import { buildModules } from "./build-module.ts";
import { explore, type Found } from "./explore.ts";
import { type Bounds, FAMILIES, type Family } from "./families.ts";
import { formatArrows, formatFound, missingArrows } from "./report.ts";
import type { Search } from "./search.ts";

const NODES = 150_000_000;
/** What two bits hold, as the search keeps them. */
const FAULTS_MAX = 3;
const UNDER_WAY_MAX = 8;
const WASM_MAGIC = 0x6d73_6100;

const HELP = `usage: npm run modelcheck [-- OPTIONS]

Searches all that can happen to two hosts that run the stack, from OPEN to CLOSED: user calls,
segments and time-outs in every order, with losses, duplications and reorderings. Every state must
keep the rules of RFC 9293, and lead to CLOSED at both ends.

  --quick              smaller bounds, as in npm test
  --family NAME        only this one; may be given several times
  --losses N           0 to ${FAULTS_MAX}; like the next two, instead of the family's own bound
  --duplications N     0 to ${FAULTS_MAX}
  --reorderings N      0 to ${FAULTS_MAX}
  --under-way N        0 to ${UNDER_WAY_MAX}: segments under way when a short time-out may come
  --nodes N            give up after so many; default ${NODES.toLocaleString("en-US")}
  --module FILE        a module of the profile check, made with tests/model/layout-transform.mjs
  --build FILE         makes that file, and stops
  --json FILE          writes the figures there
  --help               this text

families:
${FAMILIES.map(({ name, about }) => `  ${name.padEnd(20)} ${about}`).join("\n")}`;

const OPTIONS = {
  quick: { type: "boolean", default: false },
  family: { type: "string", multiple: true },
  losses: { type: "string" },
  duplications: { type: "string" },
  reorderings: { type: "string" },
  "under-way": { type: "string" },
  nodes: { type: "string" },
  module: { type: "string" },
  build: { type: "string" },
  json: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

function parse(args: string[]) {
  return readOptions({ args, options: OPTIONS }).values;
}

type Values = ReturnType<typeof parse>;
type Numeric = "losses" | "duplications" | "reorderings" | "under-way" | "nodes";

function readNumber(values: Values, name: Numeric, most: number): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= most) return value;
  throw new UsageError(`--${name} must be a number from 0 to ${most}: ${text}`);
}

function chooseFamilies(values: Values): Family[] {
  const names = values.family ?? FAMILIES.map(({ name }) => name);
  return names.map((name) => {
    const family = FAMILIES.find((each) => each.name === name);
    if (family !== undefined) return family;
    const known = FAMILIES.map((each) => each.name).join(", ");
    throw new UsageError(`--family must be one of ${known}: ${name}`);
  });
}

function chooseBounds(values: Values, family: Family): Bounds {
  const own = values.quick ? family.quickBounds : family.bounds;
  return {
    losses: readNumber(values, "losses", FAULTS_MAX) ?? own.losses,
    duplications: readNumber(values, "duplications", FAULTS_MAX) ?? own.duplications,
    reorderings: readNumber(values, "reorderings", FAULTS_MAX) ?? own.reorderings,
    underWay: readNumber(values, "under-way", UNDER_WAY_MAX) ?? own.underWay,
  };
}

function loadModule(path: string): WasmModule {
  let octets: Buffer;
  try {
    octets = readFileSync(path);
  } catch {
    throw new UsageError(`--module cannot be read: ${path}`);
  }
  if (octets.length < 8 || octets.readUInt32LE(0) !== WASM_MAGIC) {
    throw new UsageError(`--module is no WebAssembly module: ${path}`);
  }
  return new WebAssembly.Module(octets);
}

/** One line that is written over and over, if there is somebody to see it. */
function showProgress(family: Family, startMs: number): (search: Search) => void {
  return ({ stateCount, expanded, nodeCount }) => {
    if (!process.stderr.isTTY) return;
    const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
    const text = `${family.name}: ${stateCount} states, ${expanded} of ${nodeCount} nodes`;
    process.stderr.write(`\r${text}, ${seconds} s `);
  };
}

function run(module: WasmModule, values: Values): Found[] {
  const nodes = readNumber(values, "nodes", 2 ** 30) ?? NODES;
  const all: Found[] = [];
  for (const family of chooseFamilies(values)) {
    const startMs = performance.now();
    const bounds = chooseBounds(values, family);
    const found = explore(module, family, {
      bounds,
      nodes,
      progress: showProgress(family, startMs),
    });
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
    console.log(formatFound(found, (performance.now() - startMs) / 1000).join("\n"));
    all.push(found);
    if (found.failure !== undefined) break;
  }
  return all;
}

function toData(found: Found): object {
  const { arrows, endings, failure, ...rest } = found;
  const reasons = Object.fromEntries(endings?.reasons ?? []);
  const { complaint, replayed } = failure ?? {};
  return {
    ...rest,
    arrows: [...arrows],
    endings: endings && { ...endings, reasons },
    complaint: complaint?.text,
    ladder: replayed?.lines,
  };
}

function main(args: string[]): number {
  const values = parse(args);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  chooseFamilies(values).forEach((family) => chooseBounds(values, family));
  if (values.build !== undefined) {
    writeFileSync(values.build, buildModules([[]])[0]!.octets);
    return 0;
  }
  const writeJson = openJson(values.json);
  const module =
    values.module === undefined ? buildModules([[]])[0]!.module : loadModule(values.module);
  const all = run(module, values);
  const seen = new Set(all.flatMap(({ arrows }) => [...arrows]));
  const isWhole = values.family === undefined && all.length === FAMILIES.length;
  if (isWhole) console.log(formatArrows(seen).join("\n"));
  writeJson(all.map(toData));
  const isRight = all.every(({ failure, isExhausted }) => failure === undefined && isExhausted);
  return isRight && (!isWhole || missingArrows(seen).length === 0) ? 0 : 1;
}

await runProgram("modelcheck", main);
