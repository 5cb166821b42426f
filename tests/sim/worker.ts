/**
 * A thread of `npm run sim`: plays the seeds that it is sent, and says what came of each.
 *
 * Started by thread.mjs; ended by crew.ts when there is nothing more to play.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Coverage } from "./coverage.ts";
import type { FromWorker, ToWorker, WorkerSetup } from "./crew.ts";
import { runSeed } from "./search.ts";
import { Shelf } from "./shelf.ts";

const { modules, profiles } = workerData as WorkerSetup;
const shelf = new Shelf(modules, profiles);
const port = parentPort!;
const say = (message: FromWorker): void => port.postMessage(message);

port.on("message", ({ from, count }: ToWorker) => {
  const coverage = new Coverage();
  for (let seed = from; seed < from + count; seed++) {
    say({ kind: "seed", seed, failure: runSeed(seed, shelf, coverage).failure });
  }
  say({ kind: "batch", coverage: coverage.data });
});
