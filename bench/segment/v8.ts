/**
 * V8: nanoseconds, best and median. Times drift on a machine that does other things as well, so
 * both sides run in turn, in one go, and the ratio is what counts.
 */
import { join } from "node:path";
import { CALIBRATION, type Scenario, type Side } from "./scenarios.ts";
import { ROOT, runAsync } from "./tools.ts";

interface Timed {
  best: number;
  median: number;
  errors: number;
}

/** What starting and stopping takes, by module: measured once. */
const markNs = new Map<string, Promise<number>>();

async function timeOne(side: Side, module: string, order: object): Promise<Timed> {
  const child = join(ROOT, "bench/segment/v8-child.mjs");
  const args = ["--no-liftoff", child, module, side, JSON.stringify(order)];
  return JSON.parse(await runAsync(process.execPath, args)) as Timed;
}

function markOf(side: Side, module: string): Promise<number> {
  let mark = markNs.get(module);
  if (mark === undefined) {
    const order = { scenario: CALIBRATION, markNs: 0 };
    mark = timeOne(side, module, order).then(({ median }) => median / CALIBRATION.marks[side]);
    markNs.set(module, mark);
  }
  return mark;
}

/** Nanoseconds per unit of a scenario. */
export async function timeInV8(side: Side, module: string, scenario: Scenario): Promise<Timed> {
  return timeOne(side, module, { scenario, markNs: await markOf(side, module) });
}
