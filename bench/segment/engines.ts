/**
 * The engines: what a unit of each scenario costs either side, in each of them.
 *
 * Used by main.ts. Each one builds what it needs when it is first asked.
 */
import { buildLinger } from "./linger.ts";
import { buildLwip } from "./lwip.ts";
import { CALIBRATION, type Scenario, type Side } from "./scenarios.ts";
import { BenchError } from "./tools.ts";
import { timeInV8 } from "./v8.ts";
import { buildWamrHost, countInWamr } from "./wamr.ts";

export interface Engine {
  name: string;
  what: string;
  unit: "instructions" | "ns";
  /** What one unit of a scenario costs. */
  measure(side: Side, scenario: Scenario): number;
}

/** Counts a scenario, and takes off what starting and stopping the count has added. */
class Counter {
  readonly #count: (side: Side, scenario: Scenario) => number;
  readonly #marks = new Map<Side, number>();

  constructor(count: (side: Side, scenario: Scenario) => number) {
    this.#count = count;
  }

  measure(side: Side, scenario: Scenario): number {
    const perUnit = this.#count(side, scenario) / scenario.count;
    return perUnit - this.#markOf(side) * scenario.marks[side];
  }

  #markOf(side: Side): number {
    let mark = this.#marks.get(side);
    if (mark === undefined) {
      mark = this.#count(side, CALIBRATION) / CALIBRATION.count / CALIBRATION.marks[side];
      this.#marks.set(side, mark);
    }
    return mark;
  }
}

function counting(name: string, what: string, count: Counter): Engine {
  const measure = (side: Side, scenario: Scenario) => count.measure(side, scenario);
  return { name, what, unit: "instructions", measure };
}

const wamrFast = new Counter((side, scenario) =>
  countInWamr(buildWamrHost(), side === "linger" ? buildLinger("default") : buildLwip(), scenario),
);

export const ENGINES: readonly Engine[] = [
  counting("wamr-fast", "WAMR 2.4.3, fast interpreter, software bounds checks", wamrFast),
  {
    name: "v8",
    what: `V8 of Node ${process.versions.node}, optimizing compiler only, best of many runs`,
    unit: "ns",
    measure(side, scenario) {
      const module = side === "linger" ? buildLinger("host") : buildLwip();
      const { best, errors } = timeInV8(side, module, scenario);
      if (errors !== 0) throw new BenchError(`v8, ${scenario.name}: ${side} made ${errors} errors`);
      return best;
    },
  },
];
