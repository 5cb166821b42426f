/**
 * V8: nanoseconds, best and median. Times drift on a machine that does other things as well, so
 * both sides run in turn, in one go, and the ratio is what counts.
 */
import { join } from "node:path";
import { CALIBRATION, type Scenario, type Side } from "./scenarios.ts";
import { ROOT, runAsync } from "./tools.ts";

export interface Timed {
  best: number;
  median: number;
  errors: number;
}

/** Nanoseconds per unit of a scenario. */
export async function timeInV8(side: Side, module: string, scenario: Scenario): Promise<Timed> {
  const list = JSON.stringify({ calibration: CALIBRATION, scenarios: [scenario] });
  const args = ["--no-liftoff", join(ROOT, "bench/segment/v8-child.mjs"), module, side, list];
  return (JSON.parse(await runAsync(process.execPath, args)) as Timed[])[0]!;
}
