/**
 * The results as docs/performance.md has them, with its plots.
 *
 * Called by main.ts after a run of everything.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readSection, withSection } from "../end-to-end/run.ts";
import type { Engine } from "./engines.ts";
import type { Work } from "./operations.ts";
import { plotBars, plotLines } from "./plot.ts";
import { type Cost, type Costs, formatNumber, formatRatio, targetOf } from "./report.ts";
import { LIMITS, type Scenario, SCENARIOS } from "./scenarios.ts";
import { formatSizes, type Sizes } from "./sizes.ts";
import { ROOT } from "./tools.ts";

const DOCUMENT = join(ROOT, "docs/performance.md");
const PLOTS = join(ROOT, "docs/performance");
const PLOTTED = ["S1", "S2", "S3", "S4", "S4x64", "S4n", "S5", "S6-passive", "S6-expiry"];
const RATIO_MAX = 2;
/** Functions that take less than this share of a scenario are left out. */
const SHARE_MIN = 0.02;

export interface Results {
  engines: readonly Engine[];
  costs: Costs;
  limits: Readonly<Record<string, Record<string, number>>>;
  sizes: Sizes;
  /** By scenario: what each function executes. */
  functions: ReadonlyMap<Scenario, ReadonlyMap<string, Work>>;
}

function formatRows(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, i) => (i === 0 ? "---" : "---:"));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function formatEngine(engine: Engine, costs: Readonly<Record<string, Cost>>): string {
  const rows = SCENARIOS.map((scenario) => {
    const { name, what } = scenario;
    const { linger, lwip, alike, ratio } = costs[name]!;
    const target = targetOf(engine.name, name);
    return [
      `${name}: ${what}`,
      formatRatio(ratio),
      target === undefined ? "" : `${target}`,
      formatRatio(alike / lwip),
      ...[linger, alike, lwip].map(formatNumber),
    ];
  });
  const head = ["scenario", "ratio", "aim", "alike", "Linger", "Linger alike", "lwIP"];
  const title = `### ${engine.name}: ${engine.what}`;
  return `${title}\n\n${engine.unit} per unit.\n\n${formatRows(head, rows)}`;
}

function formatFunctionsOf(scenario: Scenario, functions: ReadonlyMap<string, Work>): string {
  const sorted = [...functions].sort(([, a], [, b]) => b.operations - a.operations);
  const total = sorted.reduce((sum, [, { operations }]) => sum + operations, 0);
  const shown = sorted.filter(([, { operations }]) => operations / total >= SHARE_MIN);
  const rows = shown.map(([name, { operations, calls }]) => [
    `\`${name.replace(/^assembly\//, "").replace(/^bench\/segment\/linger\//, "")}\``,
    calls.toFixed(2),
    formatNumber(operations),
    `${((100 * operations) / total).toFixed(0)} %`,
  ]);
  const head = ["function", "calls", "operations", "share"];
  const title = `**${scenario.name}**, ${scenario.what}: ${formatNumber(total)}`;
  return `${title}\n\n${formatRows(head, rows)}`;
}

/** What each function executes, by scenario. */
export function formatFunctions(all: ReadonlyMap<Scenario, ReadonlyMap<string, Work>>): string {
  return [...all].map(([scenario, one]) => formatFunctionsOf(scenario, one)).join("\n\n");
}

function writePlots({ engines, costs }: Results): void {
  mkdirSync(PLOTS, { recursive: true });
  const ratios = engines.map(({ name }) => ({
    name,
    values: PLOTTED.map((scenario) => costs[name]![scenario]!.ratio),
  }));
  const title = "Linger's cost, lwIP's being 1";
  const bars = plotBars({ title, groups: PLOTTED, series: ratios }, RATIO_MAX);
  writeFileSync(join(PLOTS, "engines.svg"), bars);
  const wasm = costs["wasm"]!;
  const groups = ["S4", "S4x64", "S4x1000"];
  const series = [
    { name: "Linger", values: groups.map((name) => wasm[name]!.linger) },
    { name: "lwIP", values: groups.map((name) => wasm[name]!.lwip) },
  ];
  const plot = {
    title: "A pure acknowledgement, by connections: operations of Wasm",
    groups: ["1", "64", "1,000 (lwIP: 64)"],
    series,
  };
  writeFileSync(join(PLOTS, "connections.svg"), plotLines(plot, 2, 4));
}

function formatLimits({ engines, limits }: Results): string {
  const rows = engines.map((engine) => [
    engine.name,
    ...LIMITS.map(({ name }) => formatNumber(limits[engine.name]![name]!)),
  ]);
  return formatRows(["engine", ...LIMITS.map(({ what }) => what)], rows);
}

/** Whoever calls the host's checksum should be far below lwIP that does not. */
const PLAIN_AIM = 0.25;

function formatAgainstPlain({ costs }: Results): string {
  const native = costs["wamr-fast-native-checksum"]!;
  const plain = costs["wamr-fast"]!;
  const parts = ["S1", "S3"].map((name) => {
    return `${name} ${formatRatio(native[name]!.linger / plain[name]!.lwip)}`;
  });
  const shown = parts.join(", ");
  return `Linger with the host's checksum through lwIP without it: ${shown} (aim: ${PLAIN_AIM}).`;
}

/** How it was measured, and what that does not say. */
function formatIntroduction({ engines, costs }: Results): string {
  const met = engines.map(({ name }) => {
    const aims = SCENARIOS.filter((scenario) => targetOf(name, scenario.name) !== undefined);
    const reached = aims.filter(
      (scenario) => costs[name]![scenario.name]!.ratio <= targetOf(name, scenario.name)!,
    );
    return aims.length === 0 ? "" : `${name} ${reached.length} of ${aims.length}`;
  });
  return `# What a segment costs

Written by \`npm run bench\`: do not edit it by hand.

Linger and lwIP 2.1.3 play the same scenarios, in turn, in one run. Frames come in and go out by the
boundary that every HAL uses; checksums are computed both ways. Before anything is measured, code of
neither side judges each frame that is sent: checksums, numbers, window, text. lwIP is compiled to
Wasm at its best (\`-O3 -flto\`, its fastest checksum, \`wasm-opt -O3\`). Callgrind counts what WAMR
executes on a PC; on a Cortex-M3 in QEMU, time passes by instructions (\`-icount\`) and a timer of
the board counts them. All but V8's figures are the same in each run.
A frame that asks for nothing (\`Work.NONE\`) is followed by no \`poll\`, nor is one after which
nothing is due (\`dueAddress\`); each batch ends with one.

**What is measured** is the release module \`host\` with other pools: all protocol features, all
assertions, compiled for speed. \`tiny\` and \`default\` are compiled for size and leave the
straight ways (\`CONFIG_STRAIGHT\`) out, since WAMR keeps three octets of RAM for each octet of
code: they cost up to nine times as much. \`default\` stands below, too, as the engines that end
in \`-boards\`. With \`CONFIG_STRAIGHT=1\` it is 7 KB larger, and common segments cost about half of
that or less (\`hal/README.md\`).

- *ratio*: Linger's cost through lwIP's. *aim*: the ratio that is aimed at. Met so far:
  ${met.filter((one) => one !== "").join(", ")}.
- *alike*: Linger without timestamps, SACK, ECN, urgent data, SYN cookies,
  keep-alive and reassembly, which lwIP lacks here.
- S4x1000 is compared with lwIP and 64 connections, since lwIP searches a list: it would take a
  thousand steps.
- *-options*: the peer asks for SACK, timestamps and a window scale, as Linux does, and gets them.
  lwIP has none of them here, so its figures are those of the scenario without.

**What it does not say**: instructions are not cycles, and operations of Wasm are not instructions.
An interpreter takes some 9 instructions for an operation, 15 for an access to memory, 130 to 260
for a call. A Cortex-M3 loads several words in one instruction, which takes as many cycles as
words: a count of instructions does not show that. V8's nanoseconds are the least of many runs on a
shared machine, and differ from run to run. In \`m3-wasm2c\` lwIP is not in a sandbox and Linger is.
lwIP's checksum is the best that gcc makes of C; one in assembler would be shorter. It takes its
initial sequence numbers from a counter, Linger from the keyed hash of RFC 6528: that counts against
Linger in S6.`;
}

/** Writes the page and its plots. */
export function writeDocument(results: Results): void {
  const { engines, costs, sizes, functions } = results;
  writePlots(results);
  const text = `${formatIntroduction(results)}

![by engine](performance/engines.svg)

![by number of connections](performance/connections.svg)

## By engine

${engines.map((engine) => formatEngine(engine, costs[engine.name]!)).join("\n\n")}

${formatAgainstPlain(results)}

## What no stack goes below

For 1,460 octets, in the same engines:

${formatLimits(results)}

## Where the operations go

By function, those with a share of ${SHARE_MIN * 100} % or more. \`tests/bench\` holds each
scenario's sum within 2 %; \`npm run bench -- --functions --scenario S6-active\` shows another one.

${formatFunctions(functions)}

## Sizes

${formatSizes(sizes)}
`;
  writeFileSync(DOCUMENT, withSection(text, readSection()));
}
