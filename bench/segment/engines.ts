/**
 * The engines: what a unit of each scenario costs either side, in each of them.
 *
 * Used by main.ts and by tests. Each one builds what it needs when it is first asked.
 */
import { countOnM3, M3_NEEDS, type M3Program } from "./cortex-m3.ts";
import { buildLinger } from "./linger.ts";
import { buildLwip, LWIP_NEEDS } from "./lwip.ts";
import { totalOperations } from "./operations.ts";
import { CALIBRATION, type Scenario, type Side } from "./scenarios.ts";
import { BenchError } from "./tools.ts";
import { timeInV8 } from "./v8.ts";
import { buildWamrHost, countInWamr, WAMR_NEEDS } from "./wamr.ts";

export interface Engine {
  name: string;
  what: string;
  unit: "instructions" | "operations" | "ns";
  /** Whether it takes time, and so must run alone; the others count. */
  isTimed: boolean;
  /** Programs, as scripts/test/needs.mjs knows them. */
  needs: readonly string[];
  /** What one unit of a scenario costs. */
  measure(subject: Subject, scenario: Scenario): Promise<number>;
}

/** Both sides, and Linger without the features that lwIP lacks. */
export type Subject = Side | "like-lwip";

const VARIANTS = { linger: "whole", "like-lwip": "like-lwip" } as const;
const NATIVE_CHECKSUM = {
  linger: "native-checksum",
  "like-lwip": "like-lwip-native-checksum",
} as const;

const BOARDS = { linger: "boards", "like-lwip": "like-lwip-boards" } as const;

/** The module in which an interpreter executes a subject. */
function moduleOf(subject: Subject): string {
  if (subject === "lwip") return buildLwip();
  return buildLinger(VARIANTS[subject]);
}

function nativeChecksumModuleOf(subject: Subject): string {
  if (subject === "lwip") return buildLwip("native-checksum");
  return buildLinger(NATIVE_CHECKSUM[subject]);
}

function boardsModuleOf(subject: Subject): string {
  return subject === "lwip" ? buildLwip() : buildLinger(BOARDS[subject]);
}

function sideOf(subject: Subject): Side {
  return subject === "lwip" ? "lwip" : "linger";
}

/** Counts instructions for all units of a scenario. */
type Count = (subject: Subject, scenario: Scenario) => Promise<number>;

/** Takes off what starting and stopping the count has added. */
function withoutMarks(count: Count): Engine["measure"] {
  const marks = new Map<Subject, Promise<number>>();
  const markOf = (subject: Subject) => {
    let mark = marks.get(subject);
    if (mark === undefined) {
      const each = CALIBRATION.count * CALIBRATION.marks[sideOf(subject)];
      mark = count(subject, CALIBRATION).then((all) => all / each);
      marks.set(subject, mark);
    }
    return mark;
  };
  return async (subject, scenario) => {
    const perUnit = (await count(subject, scenario)) / scenario.count;
    return perUnit - (await markOf(subject)) * scenario.marks[sideOf(subject)];
  };
}

const AHEAD: Readonly<Record<Subject, M3Program>> = {
  linger: "ahead-linger",
  "like-lwip": "ahead-like-lwip",
  lwip: "ahead-lwip",
};
const AHEAD_AND_NATIVE = { ...AHEAD, lwip: "lwip-native" } as const;
const BOARDS_AND_NATIVE = {
  linger: "ahead-boards",
  "like-lwip": "ahead-boards-like-lwip",
  lwip: "lwip-native",
} as const;

async function measureInV8(subject: Subject, scenario: Scenario): Promise<number> {
  const module = moduleOf(subject);
  const { best, errors } = await timeInV8(sideOf(subject), module, scenario);
  if (errors !== 0) throw new BenchError(`v8, ${scenario.name}: ${subject}: ${errors} errors`);
  return best;
}

const counted = { unit: "instructions", isTimed: false } as const;
const onM3 = { ...counted, needs: [...LWIP_NEEDS, ...M3_NEEDS] };

export const ENGINES: readonly Engine[] = [
  {
    ...{ name: "wasm", what: "operations of Wasm that are executed, whatever the engine" },
    ...{ unit: "operations", isTimed: false, needs: LWIP_NEEDS },
    measure: (subject, scenario) => Promise.resolve(totalOperations(moduleOf(subject), scenario)),
  },
  {
    ...{ name: "wamr-fast", what: "WAMR 2.4.3, fast interpreter, software bounds checks" },
    ...{ ...counted, needs: [...LWIP_NEEDS, ...WAMR_NEEDS] },
    measure: withoutMarks((subject, scenario) =>
      countInWamr(buildWamrHost(), moduleOf(subject), scenario),
    ),
  },
  {
    name: "wamr-fast-native-checksum",
    what: "the same, both modules let the host sum 128 octets and more",
    ...{ ...counted, needs: [...LWIP_NEEDS, ...WAMR_NEEDS] },
    measure: withoutMarks((subject, scenario) =>
      countInWamr(buildWamrHost(), nativeChecksumModuleOf(subject), scenario),
    ),
  },
  {
    name: "wamr-fast-boards",
    what: "as wamr-fast, Linger with the profile `default`, compiled for size",
    ...{ ...counted, needs: [...LWIP_NEEDS, ...WAMR_NEEDS] },
    measure: withoutMarks((subject, scenario) =>
      countInWamr(buildWamrHost(), boardsModuleOf(subject), scenario),
    ),
  },
  {
    ...{ name: "m3-wasm2c", what: "Cortex-M3, ahead of time by wasm2c; lwIP native, gcc -O2" },
    ...onM3,
    measure: withoutMarks((subject, scenario) => countOnM3(AHEAD_AND_NATIVE[subject], scenario)),
  },
  {
    name: "m3-wasm2c-boards",
    what: "as m3-wasm2c, Linger with the profile `default`, compiled for size",
    ...onM3,
    measure: withoutMarks((subject, scenario) => countOnM3(BOARDS_AND_NATIVE[subject], scenario)),
  },
  {
    ...{ name: "m3-wasm2c-both", what: "Cortex-M3, both ahead of time by wasm2c" },
    ...onM3,
    measure: withoutMarks((subject, scenario) => countOnM3(AHEAD[subject], scenario)),
  },
  {
    ...{ name: "m3-wamr-fast", what: "Cortex-M3, both in WAMR's fast interpreter" },
    ...onM3,
    measure: withoutMarks((subject, scenario) => countOnM3("wamr", scenario, moduleOf(subject))),
  },
  {
    name: "v8",
    what: `V8 of Node ${process.versions.node}, optimizing compiler only, best of many runs`,
    ...{ unit: "ns", isTimed: true, needs: LWIP_NEEDS },
    measure: measureInV8,
  },
];
