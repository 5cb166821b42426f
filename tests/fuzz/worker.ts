/**
 * One process of `npm run fuzz`: plays cases until its share of the frames is reached, and tells
 * the process that started it what it has done.
 *
 * Started by main.ts. Prints nothing.
 */
import { Cases, kindOf, minimise } from "./stack/cases.ts";
import { readCaptures } from "./stack/captures.ts";
import type { Phase } from "../support/counted-module.ts";
import { type FuzzedProfile, PROFILES } from "./stack/machine.ts";
import { type CaseRecord, formatRecord } from "./stack/records.ts";

/** What a worker is to do. */
export interface Order {
  seed: number;
  frames: number;
}

/** What it has done so far; findings are only those since the last time. */
export interface Progress {
  frames: number;
  cases: number;
  isDone: boolean;
  profiles: Record<FuzzedProfile, { reached: number[]; burnt: Record<Phase, number> }>;
  findings: { kind: string; text: string }[];
}

const REPORT_MS = 1_000;
/** Findings of one kind that are made short; more are only counted. */
const MINIMISED_MAX = 2;
async function work({ seed, frames }: Order): Promise<void> {
  const captures = readCaptures();
  const all = PROFILES.map((profile) => new Cases(profile, captures));
  const seen = new Map<string, number>();
  let findings: Progress["findings"] = [];
  let reportedMs = performance.now();
  const played = (): number => all.reduce((sum, one) => sum + one.scene.machine.frameCount, 0);
  for (let i = 0; played() < frames; i++) {
    const cases = all[i % all.length]!;
    const record = cases.run(seed);
    if (record !== undefined) findings.push(take(cases, record, seen));
    if (performance.now() - reportedMs < REPORT_MS && findings.length === 0) continue;
    reportedMs = performance.now();
    await tell(progressOf(all, findings, false));
    findings = [];
  }
  await tell(progressOf(all, findings, true));
  process.disconnect();
}

/** Waits until it is told: a full pipe is emptied only between two turns of the event loop. */
function tell(progress: Progress): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send!(progress, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
}

function take(
  cases: Cases,
  record: CaseRecord,
  seen: Map<string, number>,
): Progress["findings"][number] {
  const kind = kindOf(record.finding);
  const count = (seen.get(kind) ?? 0) + 1;
  seen.set(kind, count);
  const text = count > MINIMISED_MAX ? "" : formatRecord(minimise(cases, record));
  return { kind, text };
}

function progressOf(
  all: readonly Cases[],
  findings: Progress["findings"],
  isDone: boolean,
): Progress {
  const profiles = Object.fromEntries(
    all.map(({ profile, reached, scene }) => {
      return [profile, { reached: [...reached], burnt: { ...scene.machine.burnt } }];
    }),
  ) as Progress["profiles"];
  const frames = all.reduce((sum, { scene }) => sum + scene.machine.frameCount, 0);
  const cases = all.reduce((sum, { caseCount }) => sum + caseCount, 0);
  return { frames, cases, isDone, profiles, findings };
}

process.once("message", (order) => void work(order as Order));
