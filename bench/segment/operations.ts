/**
 * What a module executes, counted in operations of Wasm, by function: the same on every machine.
 *
 * Binaryen gives the module's code one instruction a line. Each function gets a global to count in,
 * and each stretch of code without a branch adds what it holds. What only says where a value comes
 * from or where a block ends does not count, since no engine executes it: `local.get`, constants,
 * `drop`, `block`, `loop`, `else`, `end`.
 *
 * Called by engines.ts, by main.ts for the table of functions, and by tests/bench.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import binaryen from "binaryen";
import { WASM_FEATURES } from "../../scripts/wasm-optimizations.mjs";
import { BenchInstance } from "./run-scenario.ts";
import type { Scenario } from "./scenarios.ts";
import { BenchError, BUILD, makeOnce, runTool } from "./tools.ts";

const FREE = /^(local\.get|[if](32|64)\.const|drop|nop|block|loop|else|end)\b/;
/** Behind these another stretch begins. */
const BRANCH = /^(block|loop|if|else|end|br|br_if|br_table|return|unreachable)\b/;
const FUNCTION = /^ \(func \$("[^"]*"|\S+)/;
/** What stands before a function's first instruction. */
const HEAD = /^\((local|export|type|func)\b/;

/** How often something was executed: operations, and calls of the function. */
export interface Work {
  operations: number;
  calls: number;
}

interface Counted {
  /** The names of the functions, in the order of their counters. */
  names: string[];
  wasm: string;
}

/** The lines of one function with its counting. */
function countFunction(lines: readonly string[], index: number): string[] {
  const out: string[] = [];
  let stretch: string[] = [];
  let operations = 0;
  const flush = () => {
    if (operations > 0) out.push(add(`$operations${index}`, operations));
    out.push(...stretch);
    stretch = [];
    operations = 0;
  };
  let isHead = true;
  for (const line of lines) {
    const text = line.trim();
    if (isHead && !HEAD.test(text)) {
      isHead = false;
      flush();
      out.push(add(`$calls${index}`, 1));
    }
    stretch.push(line);
    if (!isHead && text !== ")" && !FREE.test(text)) ++operations;
    if (BRANCH.test(text)) flush();
  }
  flush();
  return out;
}

function add(global: string, value: number): string {
  return `global.get ${global} f64.const ${value} f64.add global.set ${global}`;
}

/** A module's text with counting, and the names of its functions. */
function addCounting(text: string): { text: string; names: string[] } {
  const lines = text.split("\n");
  const names: string[] = [];
  const out: string[] = [];
  for (let i = 0; i < lines.length; ++i) {
    const name = FUNCTION.exec(lines[i]!)?.[1];
    if (name === undefined) {
      out.push(lines[i]!);
      continue;
    }
    const end = lines.indexOf(" )", i);
    out.push(...countFunction(lines.slice(i, end), names.length), lines[end]!);
    names.push(name.replaceAll('"', ""));
    i = end;
  }
  const globals = names.flatMap((_, i) => [
    ` (global $operations${i} (export "operations${i}") (mut f64) (f64.const 0))`,
    ` (global $calls${i} (export "calls${i}") (mut f64) (f64.const 0))`,
  ]);
  const last = out.lastIndexOf(")");
  out.splice(last, 0, ...globals);
  return { text: out.join("\n"), names };
}

function makeCounted(module: string): Counted {
  const name = `counted-${module.split("/").at(-1)!}`;
  const wasm = join(BUILD, name);
  const about = `${wasm}.json`;
  makeOnce(name, [module, import.meta.filename], () => {
    const parsed = binaryen.readBinary(readFileSync(module));
    const { text, names } = addCounting(parsed.emitStackIR());
    parsed.dispose();
    writeFileSync(`${wasm}.wat`, text);
    runTool("binaryen/bin/wasm-opt", [`${wasm}.wat`, ...WASM_FEATURES, "-o", wasm]);
    writeFileSync(about, JSON.stringify(names));
  });
  if (!existsSync(about)) throw new BenchError(`${about} is missing: remove ${BUILD}`);
  return { wasm, names: JSON.parse(readFileSync(about, "utf8")) as string[] };
}

/** What one unit of a scenario executes, by function; those with nothing to do are left out. */
export function countOperations(module: string, scenario: Scenario): Map<string, Work> {
  const { wasm, names } = makeCounted(module);
  const work = names.map(() => ({ operations: 0, calls: 0 }));
  const tally = (sign: number) =>
    work.forEach((one, i) => {
      one.operations += sign * instance.global(`operations${i}`);
      one.calls += sign * instance.global(`calls${i}`);
    });
  let isCounted = false;
  const instance = new BenchInstance(readFileSync(wasm), {
    started: () => isCounted && tally(-1),
    stopped: () => isCounted && tally(1),
  });
  const errors = instance.run({ ...scenario, count: scenario.warmUp }, scenario.mode);
  isCounted = true;
  if (errors + instance.goOn(scenario.count) !== 0) {
    throw new BenchError(`${scenario.name}: the driver of ${module} has counted errors`);
  }
  const perUnit = work.map(({ operations, calls }, i): [string, Work] => [
    names[i]!,
    { operations: operations / scenario.count, calls: calls / scenario.count },
  ]);
  return new Map(perUnit.filter(([, { operations }]) => operations > 0));
}

/** All operations of one unit. */
export function totalOperations(module: string, scenario: Scenario): number {
  let total = 0;
  for (const { operations } of countOperations(module, scenario).values()) total += operations;
  return total;
}
