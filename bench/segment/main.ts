/**
 * `npm run bench`: what a segment costs, beside lwIP, in each engine.
 *
 *     npm run bench                                  every engine, every scenario
 *     npm run bench -- --engine wamr-fast --scenario S1,S4
 *     npm run bench -- --json FILE                   and the results as data
 *     npm run bench -- --functions --scenario S1     and what each function executes
 *     npm run bench -- --store-budget                what tests/bench holds from now on
 *
 * First every frame that both sides send in the scenarios is judged (verify.ts); then they are
 * measured in turn. A run of everything writes docs/performance.md and its plots. The exit status
 * is 1 if something cannot be built or is wrong, 2 for a wrong argument.
 */
import { openJson, readOptions, runProgram, UsageError } from "../command.ts";
import { storeBudget } from "./budget.ts";
import { formatFunctions, writeDocument } from "./document.ts";
import { type Engine, ENGINES } from "./engines.ts";
import { buildLinger, moduleSize } from "./linger.ts";
import { buildLwip } from "./lwip.ts";
import { countOperations, type Work } from "./operations.ts";
import { type Cost, type Costs, formatTable } from "./report.ts";
import { LIMITS, type Scenario, SCENARIOS, type Side } from "./scenarios.ts";
import { BenchError } from "./tools.ts";
import { verify } from "./verify.ts";

const HELP = `usage: npm run bench [-- OPTIONS]

  --engine NAMES    of ${ENGINES.map(({ name }) => name).join(", ")}; separated by commas
  --scenario NAMES  of ${SCENARIOS.map(({ name }) => name).join(", ")}
  --functions       and what each function of Linger executes
  --json FILE       writes the results as data
  --store-budget    stores what Linger costs as what the tests hold, and stops

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
    help: { type: "boolean", short: "h" },
  } as const;
  const { values } = readOptions({ args, options });
  const { engine, scenario, json, functions = false, help = false } = values;
  const read = {
    engines: choose("engine", engine, ENGINES),
    scenarios: choose("scenario", scenario, SCENARIOS),
    functions,
    storesBudget: values["store-budget"] ?? false,
    isWhole: engine === undefined && scenario === undefined,
    help,
  };
  return json === undefined ? read : { ...read, json };
}

/** Judges what both sides send. */
function verifyAll(scenarios: readonly Scenario[]): void {
  const modules: [Side, string][] = [
    ["linger", buildLinger("default")],
    ["linger", buildLinger("host")],
    ["lwip", buildLwip()],
  ];
  let frames = 0;
  for (const [side, module] of modules) {
    for (const scenario of scenarios) {
      const judge = verify(module, scenario);
      frames += judge.frames;
      const [complaint] = judge.complaints;
      if (complaint !== undefined) throw new BenchError(`${scenario.name}, ${side}: ${complaint}`);
    }
  }
  console.log(`${frames} frames judged: checksums, numbers, windows and texts are right\n`);
}

/** Measures one engine, both sides in turn. */
function measure(engine: Engine, scenarios: readonly Scenario[]): Record<string, Cost> {
  const ofLwip = new Map<string, number>();
  const lwipOf = (name: string) => {
    const known = ofLwip.get(name);
    if (known !== undefined) return known;
    const scenario = SCENARIOS.find((one) => one.name === name)!;
    const cost = engine.measure("lwip", scenario);
    ofLwip.set(name, cost);
    return cost;
  };
  const costs = scenarios.map((scenario): [string, Cost] => {
    const linger = engine.measure("linger", scenario);
    const alike = engine.measure("like-lwip", scenario);
    const lwip = lwipOf(scenario.lwipAs ?? scenario.name);
    return [scenario.name, { linger, alike, lwip, ratio: linger / lwip }];
  });
  return Object.fromEntries(costs);
}

function measureLimits(engine: Engine): Record<string, number> {
  return Object.fromEntries(LIMITS.map((limit) => [limit.name, engine.measure("lwip", limit)]));
}

/** What each function executes, for scenarios by which one sees most. */
function countFunctions(scenarios: readonly Scenario[]): Map<Scenario, Map<string, Work>> {
  const module = buildLinger("default", "named");
  return new Map(scenarios.map((scenario) => [scenario, countOperations(module, scenario)]));
}

function main(args: string[]): number {
  const { engines: chosen, scenarios, json, ...options } = readArguments(args);
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  if (options.storesBudget) {
    storeBudget();
    return 0;
  }
  const writeJson = openJson(json);
  verifyAll(scenarios);
  const costs: Costs = {};
  const limits: Record<string, Record<string, number>> = {};
  for (const engine of chosen) {
    costs[engine.name] = measure(engine, scenarios);
    limits[engine.name] = measureLimits(engine);
    console.log(`${formatTable(engine, scenarios, costs[engine.name]!)}\n`);
  }
  const profiles = ["tiny", "default", "host"] as const;
  const sizes = Object.fromEntries(profiles.map((profile) => [profile, moduleSize(profile)]));
  writeJson({ engines: costs, limits, sizes });
  if (options.functions) console.log(formatFunctions(countFunctions(scenarios)));
  if (options.isWhole) {
    const shown = scenarios.filter(({ name }) => SHOWN_BY_FUNCTION.includes(name));
    writeDocument({ engines: chosen, costs, limits, sizes, functions: countFunctions(shown) });
  }
  return 0;
}

await runProgram("bench", main);
