/**
 * The threads that play seeds for `npm run sim`: batches go out, outcomes and coverage come back.
 *
 * Called by main.ts. Which thread plays a seed changes nothing in what comes of it.
 */
import { Worker } from "node:worker_threads";
import type { Profile } from "../support/modules.ts";
import { Coverage, type CoverageData } from "./coverage.ts";
import type { Failure } from "./run-seed.ts";

/** Seeds that a thread gets at a time: enough that nobody waits for messages. */
const BATCH_SEEDS = 10;

export interface WorkerSetup {
  modules: string;
  profiles: readonly Profile[];
}

/** Seeds to play. */
export interface ToWorker {
  from: number;
  count: number;
}

export type FromWorker =
  | { kind: "seed"; seed: number; failure: Failure | undefined }
  | { kind: "batch"; coverage: CoverageData };

export interface Campaign extends WorkerSetup {
  from: number;
  count: number;
  threads: number;
  /** Whether no more seeds are to be begun, asked after each batch. */
  isEnough: (failed: number) => boolean;
  /** Called after each seed. */
  onSeed: (played: number, failed: number) => void;
}

export interface Results {
  played: number;
  /** By seed. */
  failures: Failure[];
  coverage: Coverage;
}

/** Plays all seeds of a campaign. Rejects when a thread breaks. */
export async function play(campaign: Campaign): Promise<Results> {
  const results: Results = { played: 0, failures: [], coverage: new Coverage() };
  const batches = batchesOf(campaign);
  const { modules, profiles } = campaign;
  const threads = Array.from({ length: campaign.threads }, () => {
    return new Worker(new URL("./thread.mjs", import.meta.url), {
      workerData: { modules, profiles } satisfies WorkerSetup,
    });
  });
  try {
    await Promise.all(threads.map((thread) => employ(thread, batches, campaign, results)));
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  results.failures.sort((a, b) => a.seed - b.seed);
  return results;
}

function batchesOf({ from, count }: Campaign): ToWorker[] {
  const batches: ToWorker[] = [];
  for (let at = 0; at < count; at += BATCH_SEEDS) {
    batches.push({ from: from + at, count: Math.min(BATCH_SEEDS, count - at) });
  }
  return batches.reverse();
}

/** Gives a thread batches until there are none left. */
function employ(
  thread: Worker,
  batches: ToWorker[],
  campaign: Campaign,
  results: Results,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (): void => {
      const batch = campaign.isEnough(results.failures.length) ? undefined : batches.pop();
      if (batch === undefined) resolve();
      else thread.postMessage(batch);
    };
    thread.on("error", reject);
    thread.on("message", (message: FromWorker) => {
      if (message.kind === "batch") {
        results.coverage.merge(message.coverage);
        return next();
      }
      results.played += 1;
      if (message.failure !== undefined) results.failures.push(message.failure);
      campaign.onSeed(results.played, results.failures.length);
    });
    next();
  });
}
