/**
 * Many seeds against given modules, in this thread: the first one that fails.
 *
 * Called by worker.ts for `npm run sim`, and by whoever wants to know whether the simulator notices
 * something: all that it needs is a folder with one or more of linger-{tiny,default,host}.wasm.
 */
import type { Profile } from "../support/modules.ts";
import { Coverage } from "./coverage.ts";
import { planFromSeed } from "./plan-from-seed.ts";
import { type Failure, type Outcome, runScenario } from "./run-seed.ts";
import { Shelf } from "./shelf.ts";

export interface Search {
  /** The first seed, and how many. */
  from: number;
  count: number;
  /** Where the modules are; default: the release's. */
  modules?: string;
  /** Default: all that are there. */
  profiles?: readonly Profile[];
}

/** Plays the seeds one after the other until one fails. */
export function findFailure({ from, count, modules, profiles }: Search): Failure | undefined {
  const shelf = new Shelf(modules, profiles);
  for (let seed = from; seed < from + count; seed++) {
    const { failure } = runSeed(seed, shelf, new Coverage());
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** Plays one seed. */
export function runSeed(seed: number, shelf: Shelf, coverage: Coverage): Outcome {
  return runScenario(planFromSeed(seed, shelf.profiles), shelf, coverage);
}
