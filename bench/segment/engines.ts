/**
 * The engines: what a unit of each scenario costs either side, in each of them.
 *
 * Used by main.ts. Each one builds what it needs when it is first asked.
 */
import { buildLinger } from "./linger.ts";
import { buildLwip } from "./lwip.ts";
import { totalOperations } from "./operations.ts";
import { CALIBRATION, type Scenario, type Side } from "./scenarios.ts";
import { BenchError } from "./tools.ts";
import { timeInV8 } from "./v8.ts";
import { buildWamrHost, countInWamr } from "./wamr.ts";

export interface Engine {
  name: string;
  what: string;
  unit: "instructions" | "operations" | "ns";
  /** What one unit of a scenario costs. */
  measure(subject: Subject, scenario: Scenario): number;
}

/** Both sides, and Linger without the features that lwIP lacks. */
export type Subject = Side | "like-lwip";

const VARIANTS = { linger: "whole", "like-lwip": "like-lwip" } as const;

/** The module in which an interpreter executes a subject. */
function moduleOf(subject: Subject): string {
  if (subject === "lwip") return buildLwip();
  return buildLinger("default", VARIANTS[subject]);
}

function sideOf(subject: Subject): Side {
  return subject === "lwip" ? "lwip" : "linger";
}

/** Counts a scenario in WAMR, and takes off what starting and stopping the count has added. */
class WamrCounter {
  readonly #marks = new Map<Subject, number>();

  measure(subject: Subject, scenario: Scenario): number {
    const perUnit = this.#count(subject, scenario) / scenario.count;
    return perUnit - this.#markOf(subject) * scenario.marks[sideOf(subject)];
  }

  #count(subject: Subject, scenario: Scenario): number {
    return countInWamr(buildWamrHost(), moduleOf(subject), scenario);
  }

  #markOf(subject: Subject): number {
    let mark = this.#marks.get(subject);
    if (mark === undefined) {
      mark = this.#count(subject, CALIBRATION) / CALIBRATION.count;
      mark /= CALIBRATION.marks[sideOf(subject)];
      this.#marks.set(subject, mark);
    }
    return mark;
  }
}

const wamrFast = new WamrCounter();

export const ENGINES: readonly Engine[] = [
  {
    name: "wasm",
    what: "operations of Wasm that are executed, whatever the engine",
    unit: "operations",
    measure: (subject, scenario) => totalOperations(moduleOf(subject), scenario),
  },
  {
    name: "wamr-fast",
    what: "WAMR 2.4.3, fast interpreter, software bounds checks",
    unit: "instructions",
    measure: (subject, scenario) => wamrFast.measure(subject, scenario),
  },
  {
    name: "v8",
    what: `V8 of Node ${process.versions.node}, optimizing compiler only, best of many runs`,
    unit: "ns",
    measure(subject, scenario) {
      const module = subject === "lwip" ? buildLwip() : buildLinger("host", VARIANTS[subject]);
      const { best, errors } = timeInV8(sideOf(subject), module, scenario);
      if (errors !== 0) throw new BenchError(`v8, ${scenario.name}: ${subject}: ${errors} errors`);
      return best;
    },
  },
];
