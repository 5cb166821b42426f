/**
 * `npm run sim`: hosts that run the release modules on a simulated network, everything from one
 * seed, and what must hold after every step.
 *
 * Plays the seeds in threads, reports what they reached, cuts the seeds that failed down to what
 * the failure needs, and writes those down. Exit status 1 if one failed, 2 for a wrong argument.
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, openJson, readOptions, runProgram, UsageError } from "../../bench/command.ts";
import { Limit } from "../../hal/host/abi.ts";
import { type Profile, PROFILES } from "../support/modules.ts";
import { Coverage } from "./coverage.ts";
import { play, type Results } from "./crew.ts";
import { writeEvidence } from "./evidence.ts";
import { minimise } from "./minimise.ts";
import type { Scenario } from "./plan.ts";
import { planFromSeed } from "./plan-from-seed.ts";
import { type Abilities, formatCoverage, formatMissing } from "./report.ts";
import { type Failure, runScenario } from "./run-seed.ts";
import { RELEASE_FOLDER, Shelf } from "./shelf.ts";

const HELP = `npm run sim -- [options]

Plays scenarios on a simulated network: 2 to 8 hosts that run the modules, their applications, a
network that does what networks do, crashes, clocks that jump, hostile stations. The same seed
plays the same scenario. After each step it is checked that everything is as it must be.

  --seeds N        how many (200)
  --seed S         the first of them (1)
  --json FILE      the results as data
  --modules DIR    where linger-{tiny,default,host}.wasm are, one of them at least (dist/wasm)
  --profiles LIST  only these of them, as in tiny,default
  --threads N      play in so many threads (2, or the processors there are)
  --first          stop at the first seed that fails
  --as-is          do not cut failing seeds down to what the failure needs
  --scenario FILE  play this scenario, as a failure leaves it behind, instead of seeds
  --out DIR        where the evidence of failures goes (build/sim)
  --help`;

const OPTIONS = {
  seeds: { type: "string" },
  seed: { type: "string" },
  json: { type: "string" },
  modules: { type: "string" },
  profiles: { type: "string" },
  threads: { type: "string" },
  first: { type: "boolean" },
  "as-is": { type: "boolean" },
  scenario: { type: "string" },
  out: { type: "string" },
  help: { type: "boolean" },
} as const;
type Values = ReturnType<typeof readOptions<{ options: typeof OPTIONS }>>["values"];

const SEEDS_DEFAULT = 200;
const SEEDS_MAX = 10_000_000;
const SEED_MAX = 2 ** 32 - 1;
const THREADS_MAX = 64;
const OUT_DEFAULT = fileURLToPath(new URL("../../build/sim", import.meta.url));
/** Failures of the same kind are the same bug more often than not. */
const EXAMPLES_PER_CODE = 1;
const BAR_COLUMNS = 30;

function readArguments(args: string[]): Values {
  return readOptions({ args, options: OPTIONS }).values;
}

function integer(name: string, text: string | undefined, fallback: number, max: number): number {
  if (text === undefined) return fallback;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (value >= 1 && value <= max) return value;
  throw new UsageError(`--${name} takes a whole number from 1 to ${max}, not ${text}`);
}

function chooseProfiles(list: string | undefined): readonly Profile[] {
  if (list === undefined) return PROFILES;
  return list.split(",").map((name) => {
    const profile = PROFILES.find((one) => one === name);
    if (profile !== undefined) return profile;
    throw new UsageError(`--profiles knows ${PROFILES.join(", ")}, not ${name}`);
  });
}

function openShelf(modules: string, profiles: readonly Profile[]): Shelf {
  try {
    return new Shelf(modules, profiles);
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** What each build can do, asked of an instance. */
function abilitiesOf(shelf: Shelf): Abilities {
  const abilities: Abilities = {};
  for (const profile of shelf.profiles) {
    const { exports } = shelf.borrow(profile, { transmit: () => 0, entropy: () => 0 });
    const features = exports.limit(Limit.FEATURES);
    abilities[profile] = { features, reassembles: exports.limit(Limit.REASSEMBLY_COUNT) > 0 };
  }
  return abilities;
}

/** A bar on a terminal, nothing elsewhere. */
function showProgress(count: number): (played: number, failed: number) => void {
  const { stderr } = process;
  if (!stderr.isTTY) return () => undefined;
  return (played, failed) => {
    const done = Math.floor((played / count) * BAR_COLUMNS);
    const bar = "█".repeat(done).padEnd(BAR_COLUMNS, "·");
    const end = played === count ? "\r\x1b[K" : "";
    stderr.write(`\r${bar} ${played} of ${count} seeds, ${failed} failed${end}`);
  };
}

async function playSeeds(values: Values): Promise<number> {
  const modules = values.modules === undefined ? RELEASE_FOLDER : resolve(values.modules);
  const count = integer("seeds", values.seeds, SEEDS_DEFAULT, SEEDS_MAX);
  const from = integer("seed", values.seed, 1, SEED_MAX - count);
  const threads = integer(
    "threads",
    values.threads,
    Math.min(2, availableParallelism()),
    THREADS_MAX,
  );
  const shelf = openShelf(modules, chooseProfiles(values.profiles));
  const { profiles } = shelf;
  const writeJson = openJson(values.json);
  const startedMs = performance.now();
  const onSeed = showProgress(count);
  // What was played by then is reported all the same.
  let isInterrupted = false;
  process.once("SIGINT", () => (isInterrupted = true));
  const isEnough = (failed: number) => isInterrupted || (values.first === true && failed > 0);
  const results = await play({ modules, profiles, from, count, threads, isEnough, onSeed });
  const seconds = (performance.now() - startedMs) / 1000;
  const abilities = abilitiesOf(shelf);
  const missing = results.coverage.missing(abilities);
  console.log(formatCoverage(results.coverage, abilities));
  console.log(formatMissing(missing));
  const { played, failures, coverage } = results;
  writeJson({ from, played, profiles, failures, missing, coverage: coverage.data });
  explainFailures(results, { shelf, values });
  const rate = Math.round((played / seconds) * 3600).toLocaleString("en");
  console.log(
    `${played} seeds from ${from} on, ${failures.length} failed; ` +
      `${seconds.toFixed(0)} s in ${threads} threads, ${rate} an hour`,
  );
  return failures.length === 0 ? 0 : 1;
}

interface Circumstances {
  shelf: Shelf;
  values: Values;
}

/** Each failure in a line; of each kind the first one, cut down, with its evidence. */
function explainFailures({ failures }: Results, circumstances: Circumstances): void {
  const seen = new Map<string, number>();
  for (const failure of failures) {
    const before = seen.get(failure.code) ?? 0;
    seen.set(failure.code, before + 1);
    console.log(`seed ${failure.seed} fails after ${failure.atMs} ms: ${failure.what}`);
    if (before < EXAMPLES_PER_CODE) explain(failure, circumstances);
  }
}

function explain(failure: Failure, { shelf, values }: Circumstances): void {
  const whole = planFromSeed(failure.seed, shelf.profiles);
  const found =
    values["as-is"] === true
      ? { scenario: whole, failure, runs: 0 }
      : minimise(whole, failure, shelf);
  const { scenario, runs } = found;
  const evidence = writeEvidence(scenario, found.failure, values.out ?? OUT_DEFAULT, shelf);
  const { hosts, sessions, phases, attacks, activeMs } = scenario;
  console.log(
    `  cut down in ${runs} runs to ${hosts.length} hosts, ${sessions.length} sessions, ` +
      `${phases.length} phases, ${attacks.length} attacks, ${activeMs} ms: ${found.failure.what}`,
  );
  console.log(`  frames:   ${evidence.pcapPath}\n  ladders:  ${evidence.ladderPath}`);
  console.log(`  again:    npm run sim -- --scenario ${evidence.scenarioPath}`);
}

function playScenario(path: string, values: Values): number {
  let scenario: Scenario;
  try {
    scenario = JSON.parse(readFileSync(path, "utf8")) as Scenario;
  } catch (error) {
    throw new UsageError(`--scenario cannot read ${path}: ${messageOf(error)}`);
  }
  const modules = values.modules === undefined ? RELEASE_FOLDER : resolve(values.modules);
  const shelf = openShelf(modules, chooseProfiles(values.profiles));
  const { failure, frames } = runScenario(scenario, shelf, new Coverage());
  if (failure === undefined) {
    console.log(`holds, ${frames} frames`);
    return 0;
  }
  console.log(`fails after ${failure.atMs} ms, ${frames} frames: ${failure.what}`);
  const evidence = writeEvidence(scenario, failure, values.out ?? OUT_DEFAULT, shelf);
  console.log(`  frames:   ${evidence.pcapPath}\n  ladders:  ${evidence.ladderPath}`);
  return 1;
}

async function main(): Promise<number> {
  const values = readArguments(process.argv.slice(2));
  if (values.help === true) {
    console.log(HELP);
    return 0;
  }
  return values.scenario === undefined ? playSeeds(values) : playScenario(values.scenario, values);
}

process.stdout.on("error", () => process.exit(0));
await runProgram("sim", main);
