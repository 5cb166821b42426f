/**
 * `npm run bench`: what a segment costs, beside lwIP, in each engine.
 *
 *     npm run bench                                  every engine, every scenario
 *     npm run bench -- --engine wamr-fast --scenario S1,S4
 *     npm run bench -- --json FILE                   and the results as data
 *     npm run bench -- --functions --scenario S1     and what each function executes
 *     npm run bench -- --store-budget                what tests/bench holds from now on
 *     npm run bench -- --end-to-end                  what passes in a second, over a TAP
 *
 * First every frame that both sides send in the scenarios is judged (verify.ts); then they are
 * measured in turn. A run of everything writes docs/performance.md and its plots. The exit status
 * is 1 if something cannot be built or is wrong, 2 for a wrong argument.
 */
import { availableParallelism } from "node:os";
import { openJson, readOptions, runProgram, UsageError } from "../command.ts";
import { runEndToEnd } from "../end-to-end/run.ts";
import { storeBudget } from "./budget.ts";
import { formatFunctions, writeDocument } from "./document.ts";
import { verifyOnM3 } from "./cortex-m3.ts";
import { type Engine, ENGINES, type Subject } from "./engines.ts";
import { buildLinger } from "./linger.ts";
import { buildLwip } from "./lwip.ts";
import { countOperations, type Work } from "./operations.ts";
import { type Cost, type Costs, formatTable } from "./report.ts";
import { LIMITS, type Scenario, SCENARIOS, type Side } from "./scenarios.ts";
import { measureModules, measureSizes } from "./sizes.ts";
import { BenchError, checkNeeds, mapConcurrently } from "./tools.ts";
import { type Judge, verify } from "./verify.ts";

const HELP = `usage: npm run bench [-- OPTIONS]

  --engine NAMES    of ${ENGINES.map(({ name }) => name).join(", ")}; separated by commas
  --scenario NAMES  of ${SCENARIOS.map(({ name }) => name).join(", ")}
  --functions       and what each function of Linger executes
  --json FILE       writes the results as data
  --store-budget    stores what Linger costs as what the tests hold, and stops
  --end-to-end      measures Linger in the host emulator, and lwIP, against the kernel over a TAP
                    in a private network, writes that section of docs/performance.md, and stops

Without --engine and --scenario docs/performance.md is written anew.`;

/** Whose functions the page has. */
const SHOWN_BY_FUNCTION = ["S1", "S4", "S5", "S6-passive"];

interface Arguments {
  engines: readonly Engine[];
  scenarios: readonly Scenario[];
  json?: string;
  help: boolean;
  functions: boolean;
  storesBudget: boolean;
  isEndToEnd: boolean;
  isWhole: boolean;
}

function choose<T extends { name: string }>(
  option: string,
  text: string | undefined,
  all: readonly T[],
): readonly T[] {
  if (text === undefined) return all;
  const names = text.split(",");
  for (const name of names) {
    if (all.some((one) => one.name === name)) continue;
    const known = all.map((one) => one.name).join(", ");
    throw new UsageError(`--${option} takes ${known}; not ${name}`);
  }
  return all.filter((one) => names.includes(one.name));
}

function readArguments(args: string[]): Arguments {
  const options = {
    engine: { type: "string" },
    scenario: { type: "string" },
    json: { type: "string" },
    functions: { type: "boolean" },
    "store-budget": { type: "boolean" },
    "end-to-end": { type: "boolean" },
    help: { type: "boolean", short: "h" },
  } as const;
  const { values } = readOptions({ args, options });
  const { engine, scenario, json, functions = false, help = false } = values;
  const read = {
    engines: choose("engine", engine, ENGINES),
    scenarios: choose("scenario", scenario, SCENARIOS),
    functions,
    storesBudget: values["store-budget"] ?? false,
    isEndToEnd: values["end-to-end"] ?? false,
    isWhole: engine === undefined && scenario === undefined,
    help,
  };
  return json === undefined ? read : { ...read, json };
}

/** Judges what both sides send, in V8 and, if that is measured, on a Cortex-M3. */
async function verifyAll(engines: readonly Engine[], scenarios: readonly Scenario[]) {
  const modules: [side: Side, module: string][] = [
    ["linger", buildLinger()],
    ["linger", buildLinger("native-checksum")],
    ["lwip", buildLwip()],
    ["lwip", buildLwip("native-checksum")],
  ];
  const programs = ["ahead-linger-told", "lwip-native-told"] as const;
  const isOnM3 = engines.some(({ name }) => name.startsWith("m3-"));
  let frames = 0;
  const hear = (who: string, scenario: Scenario, judge: Judge) => {
    frames += judge.frames;
    const [complaint] = judge.complaints;
    if (complaint !== undefined) throw new BenchError(`${scenario.name}, ${who}: ${complaint}`);
  };
  for (const scenario of scenarios) {
    for (const [side, module] of modules) hear(side, scenario, verify(module, scenario));
    const onM3 = isOnM3 ? programs : [];
    await mapConcurrently(onM3, availableParallelism(), async (program) =>
      hear(program, scenario, await verifyOnM3(program, scenario)),
    );
  }
  console.log(`${frames} frames judged: checksums, numbers, windows and texts are right\n`);
}

/** Measures one engine, both sides in turn. */
async function measure(
  engine: Engine,
  scenarios: readonly Scenario[],
): Promise<Record<string, Cost>> {
  const find = (name: string) => SCENARIOS.find((one) => one.name === name)!;
  const ofLwip = new Set(scenarios.map(({ name, lwipAs }) => lwipAs ?? name));
  const jobs = [
    ...scenarios.flatMap((scenario) => [
      { subject: "linger" as const, scenario },
      { subject: "like-lwip" as const, scenario },
      ...(ofLwip.delete(scenario.name) ? [{ subject: "lwip" as const, scenario }] : []),
    ]),
  ];
  jobs.push(...[...ofLwip].map((name) => ({ subject: "lwip" as const, scenario: find(name) })));
  const results = await measureAll(engine, jobs);
  const costOf = (subject: Subject, name: string) =>
    results[jobs.findIndex((job) => job.subject === subject && job.scenario.name === name)]!;
  const costs = scenarios.map(({ name, lwipAs }): [string, Cost] => {
    const lwip = costOf("lwip", lwipAs ?? name);
    const linger = costOf("linger", name);
    return [name, { linger, alike: costOf("like-lwip", name), lwip, ratio: linger / lwip }];
  });
  return Object.fromEntries(costs);
}

interface Job {
  subject: Subject;
  scenario: Scenario;
}

/** What is counted may run beside other work. */
function measureAll(engine: Engine, jobs: readonly Job[]): Promise<number[]> {
  const most = engine.isTimed ? 1 : availableParallelism();
  return mapConcurrently(jobs, most, ({ subject, scenario }) => engine.measure(subject, scenario));
}

async function measureLimits(engine: Engine): Promise<Record<string, number>> {
  const jobs = LIMITS.map((scenario) => ({ subject: "lwip" as const, scenario }));
  const costs = await measureAll(engine, jobs);
  return Object.fromEntries(jobs.map(({ scenario }, i) => [scenario.name, costs[i]!]));
}

/** What each function executes, for scenarios by which one sees most. */
function countFunctions(scenarios: readonly Scenario[]): Map<Scenario, Map<string, Work>> {
  const module = buildLinger("named");
  return new Map(scenarios.map((scenario) => [scenario, countOperations(module, scenario)]));
}

async function main(args: string[]): Promise<number> {
  const { engines: chosen, scenarios, json, ...options } = readArguments(args);
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  if (options.storesBudget) {
    storeBudget();
    return 0;
  }
  if (options.isEndToEnd) return runEndToEnd(args, openJson(json));
  for (const engine of chosen) checkNeeds(engine.needs, `the engine ${engine.name}`);
  const writeJson = openJson(json);
  await verifyAll(chosen, scenarios);
  const costs: Costs = {};
  const limits: Record<string, Record<string, number>> = {};
  for (const engine of chosen) {
    costs[engine.name] = await measure(engine, scenarios);
    limits[engine.name] = await measureLimits(engine);
    console.log(`${formatTable(engine, scenarios, costs[engine.name]!)}\n`);
  }
  const sizes = options.isWhole ? measureSizes() : undefined;
  writeJson({ engines: costs, limits, sizes: sizes ?? { modules: measureModules() } });
  if (options.functions) console.log(formatFunctions(countFunctions(scenarios)));
  if (sizes !== undefined) {
    const shown = scenarios.filter(({ name }) => SHOWN_BY_FUNCTION.includes(name));
    writeDocument({ engines: chosen, costs, limits, sizes, functions: countFunctions(shown) });
  }
  return 0;
}

await runProgram("bench", main);
