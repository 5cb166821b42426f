/**
 * The benchmark's results in words: a table for people, the ratio first.
 */
import type { Engine } from "./engines.ts";
import type { Scenario } from "./scenarios.ts";

/** What one scenario costs in one engine. */
export interface Cost {
  linger: number;
  /** Linger without the features that lwIP lacks. */
  alike: number;
  lwip: number;
  ratio: number;
}

/** By engine and scenario. */
export type Costs = Record<string, Record<string, Cost>>;

/** Ratios that an engine must not exceed, by scenario. */
type Targets = Readonly<Record<string, number>>;

const ON_WAMR: Targets = {
  ...{ S1: 0.45, S2: 0.3, S3: 0.45, S4: 0.2, S4x64: 0.14, S4x1000: 0.14, S5: 0.32 },
  ...{ "S6-passive": 0.5, "S6-active": 0.5, "S6-expiry": 0.5 },
  ...{ "S7-64idle": 0.02, "S7-64tw": 0.3 },
};
/** What is aimed at. */
const TARGETS: Readonly<Record<string, Targets>> = {
  "wamr-fast": ON_WAMR,
  "wamr-fast-native-checksum": ON_WAMR,
  "m3-wasm2c": {
    ...{ S1: 1, S2: 0.6, S3: 1, S4: 0.35, S4x64: 0.25, S4x1000: 0.25, S5: 0.55 },
    ...{ "S6-passive": 1, "S6-active": 1, "S6-expiry": 1, "S7-64idle": 0.1, "S7-64tw": 0.5 },
  },
  v8: {
    ...{ S1: 0.6, S2: 0.35, S3: 0.6, S4: 0.18, S4x64: 0.1, S4x1000: 0.1, S5: 0.45 },
    ...{ "S6-passive": 0.6, "S6-active": 0.6, "S6-expiry": 0.6, "S7-64idle": 0.1, "S7-64tw": 0.5 },
  },
};

/** The ratio that is aimed at. */
export function targetOf(engine: string, scenario: string): number | undefined {
  return TARGETS[engine]?.[scenario];
}

/** A number with as many digits as it deserves. */
export function formatNumber(value: number): string {
  const digits = value < 100 ? 1 : 0;
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

export function formatRatio(ratio: number): string {
  if (ratio < 0.0005) return ratio.toFixed(5);
  return ratio < 0.0995 ? ratio.toFixed(3) : ratio.toFixed(2);
}

/** So many columns are numbers. */
const COLUMNS_RIGHT = 6;

/** One engine's table. */
export function formatTable(
  engine: Engine,
  scenarios: readonly Scenario[],
  costs: Readonly<Record<string, Cost>>,
): string {
  const rows = scenarios.flatMap((scenario) => {
    const cost = costs[scenario.name];
    if (cost === undefined) return [];
    const target = targetOf(engine.name, scenario.name);
    const aim = target === undefined ? "" : `≤ ${target}`;
    const mark = target === undefined ? "" : cost.ratio <= target ? "yes" : "no";
    const numbers = [cost.linger, cost.alike, cost.lwip].map(formatNumber);
    return [[formatRatio(cost.ratio), aim, mark, ...numbers, scenario.name, scenario.what]];
  });
  const head = ["ratio", "aim", "met", "Linger", "alike", "lwIP", "", `${engine.unit} per unit`];
  const table = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  const lines = table.map((row) =>
    row
      .map((cell, i) => (i < COLUMNS_RIGHT ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  "),
  );
  return [`${engine.name}: ${engine.what}`, ...lines].map((line) => line.trimEnd()).join("\n");
}
