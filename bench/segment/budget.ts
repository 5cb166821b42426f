/**
 * What Linger may cost: operations of Wasm per unit of each scenario, as they were when they were
 * last stored (`npm run bench -- --store-budget`).
 *
 * tests/bench holds them, in both directions: what has become cheaper is to be stored as well.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildLinger } from "./linger.ts";
import { totalOperations } from "./operations.ts";
import { SCENARIOS } from "./scenarios.ts";
import { SOURCES } from "./tools.ts";

const FILE = join(SOURCES, "budget.json");
const DIGITS = 1;
/** How far a count may be off. Operations are counted exactly: 2 % is what a change may cost. */
export const TOLERANCE = 0.02;

/** By scenario. */
export type Budget = Record<string, number>;

export function readBudget(): Budget {
  return JSON.parse(readFileSync(FILE, "utf8")) as Budget;
}

export function measureBudget(): Budget {
  const module = buildLinger();
  const costs = SCENARIOS.map((scenario): [string, number] => [
    scenario.name,
    Number(totalOperations(module, scenario).toFixed(DIGITS)),
  ]);
  return Object.fromEntries(costs);
}

export function storeBudget(): void {
  writeFileSync(FILE, `${JSON.stringify(measureBudget(), null, 2)}\n`);
}
