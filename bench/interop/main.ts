/**
 * `npm run interop`: Linger against the Linux kernel, with every combination of the kernel's
 * options, over a clean wire and over bad ones; beside it the kernel against itself.
 *
 *     npm run interop              1 MB each way, as a table
 *     npm run interop -- --full    20 MB each way, and writes docs/interop.md
 *
 * Starts itself again inside a private network (`scripts/in-namespace.mjs`). The exit status is 1
 * if a transfer fails or takes too long, 2 for a wrong argument.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readOptions, runProgram } from "../command.ts";
import { FarKernel } from "./far.ts";
import { describeSwitches, GRID, prepareKernel } from "./grid.ts";
import { type Cell, measureCell } from "./measure.ts";
import { formatCell, formatDocument, formatHead } from "./report.ts";
import { prepareTransfers } from "./transfer.ts";

const DOCUMENT = fileURLToPath(new URL("../../docs/interop.md", import.meta.url));
const NEEDS = new URL("../../scripts/test/needs.mjs", import.meta.url).href;
const IN_NAMESPACE = fileURLToPath(new URL("../../scripts/in-namespace.mjs", import.meta.url));
const LENGTH = 1_000_000;
const LENGTH_FULL = 20_000_000;
/** One transfer may take so long, and all of them together. */
const LIMIT_MS = 180_000;
const TOTAL_LIMIT_MS = 3_600_000;

const HELP = `usage: npm run interop [-- --full]

Transfers 1 MB each way at once between Linger and the Linux kernel, in a private network, for each
combination of the kernel's SACK, timestamps, window scaling and ECN, over a clean wire and over bad
ones, and the same between two kernels. Prints the goodput of both.

  --full    20 MB each way, some ten minutes; writes docs/interop.md
  --help    this text`;

function readArguments(args: string[]): { full: boolean; help: boolean } {
  const options = { full: { type: "boolean" }, help: { type: "boolean" } } as const;
  const { full = false, help = false } = readOptions({ args, options }).values;
  return { full, help };
}

/** This program again, in a network of its own; its exit status. */
async function runInside(args: string[]): Promise<number> {
  const { findObstacle } = (await import(NEEDS)) as {
    findObstacle: (need: string) => { reason: string; get: string } | undefined;
  };
  const obstacle = findObstacle("namespace");
  if (obstacle !== undefined) throw new Error(`${obstacle.reason} (get it: ${obstacle.get})`);
  const command = [process.execPath, "--import", "tsx", fileURLToPath(import.meta.url), ...args];
  const child = spawn(process.execPath, [IN_NAMESPACE, ...command], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => child.kill("SIGTERM"));
  }
  return new Promise((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
}

async function runGrid(length: number): Promise<Cell[]> {
  prepareKernel();
  prepareTransfers(length);
  const far = await FarKernel.start(length);
  const endMs = performance.now() + TOTAL_LIMIT_MS;
  const cells: Cell[] = [];
  console.log(formatHead());
  for (const wire of GRID) {
    for (const switches of wire.combinations) {
      const limitMs = Math.min(LIMIT_MS, endMs - performance.now());
      try {
        if (limitMs <= 0) throw new Error("no time is left for it");
        const cell = await measureCell(wire, switches, { far, length, limitMs });
        cells.push(cell);
        console.log(formatCell(cell));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(`${wire.name}, ${describeSwitches(switches)}: ${why}`, { cause: error });
      }
    }
  }
  far.stop();
  return cells;
}

async function main(args: string[]): Promise<number> {
  const { full, help } = readArguments(args);
  if (help) {
    console.log(HELP);
    return 0;
  }
  if (process.env["LINGER_NAMESPACE"] === undefined) return runInside(args);
  const length = full ? LENGTH_FULL : LENGTH;
  const cells = await runGrid(length);
  if (full) writeFileSync(DOCUMENT, formatDocument(cells, length));
  return 0;
}

await runProgram("interop", main);
