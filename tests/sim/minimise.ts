/**
 * The least of a scenario that still breaks the same invariant: hosts, sessions, attacks, phases
 * and oddities are taken away, and the time is cut, as long as it fails alike.
 *
 * Called by main.ts for seeds that failed. What is left keeps its own dice, so that taking one
 * thing away leaves the rest as it was.
 */
import { Coverage } from "./coverage.ts";
import type { Scenario } from "./plan.ts";
import { type Failure, runScenario } from "./run-seed.ts";
import type { Shelf } from "./shelf.ts";

const RUNS_MAX = 400;
const ACTIVE_MIN_MS = 100;

/** A way of making a scenario smaller; undefined if there is nothing left to take. */
type Cut = (scenario: Scenario) => Scenario | undefined;

export interface Minimised {
  scenario: Scenario;
  failure: Failure;
  runs: number;
}

/** Cuts until nothing can go any more. `failure`: what the whole scenario comes to. */
export function minimise(scenario: Scenario, failure: Failure, shelf: Shelf): Minimised {
  const found: Minimised = { scenario, failure, runs: 0 };
  for (let hasShrunk = true; hasShrunk && found.runs < RUNS_MAX;) {
    hasShrunk = false;
    for (const cut of cutsOf(found.scenario)) {
      if (found.runs >= RUNS_MAX) break;
      const smaller = cut(found.scenario);
      if (smaller === undefined) continue;
      found.runs += 1;
      const outcome = runScenario(smaller, shelf, new Coverage());
      if (outcome.failure?.code !== failure.code) continue;
      found.scenario = smaller;
      found.failure = outcome.failure;
      hasShrunk = true;
    }
  }
  return found;
}

/** Large cuts come first. */
function cutsOf(scenario: Scenario): Cut[] {
  const ids = (things: readonly { id: number }[]): number[] => things.map(({ id }) => id);
  return [
    (now) => without(now, "attacks", ids(now.attacks)),
    (now) => without(now, "phases", ids(now.phases)),
    (now) => without(now, "sessions", ids(now.sessions).slice(now.sessions.length >> 1)),
    (now) => without(now, "sessions", ids(now.sessions).slice(0, now.sessions.length >> 1)),
    ...ids(scenario.hosts).map(
      (id): Cut =>
        (now) =>
          withoutHost(now, id),
    ),
    ...(["attacks", "phases", "sessions"] as const).flatMap((part) => {
      return ids(scenario[part]).map(
        (id): Cut =>
          (now) =>
            without(now, part, [id]),
      );
    }),
    ...ids(scenario.hosts).flatMap((id) => {
      return SIMPLER.map(
        (simpler): Cut =>
          (now) =>
            withHost(now, id, simpler),
      );
    }),
    ...ids(scenario.sessions).map(
      (id): Cut =>
        (now) =>
          withoutRepeats(now, id),
    ),
    (now) => shorter(now, now.activeMs >> 1),
    (now) => shorter(now, Math.floor(now.activeMs * 0.9)),
    (now) => (now.latencyMs === 0 ? undefined : { ...now, latencyMs: 0 }),
  ];
}

function without(
  scenario: Scenario,
  part: "attacks" | "phases" | "sessions",
  gone: readonly number[],
): Scenario | undefined {
  const left = scenario[part].filter(({ id }) => !gone.includes(id));
  return left.length === scenario[part].length ? undefined : { ...scenario, [part]: left };
}

/** And with it everything that has to do with it. */
function withoutHost(scenario: Scenario, id: number): Scenario | undefined {
  const hosts = scenario.hosts.filter((host) => host.id !== id);
  if (hosts.length === scenario.hosts.length || hosts.length === 0) return undefined;
  return {
    ...scenario,
    hosts,
    sessions: scenario.sessions.filter(({ client, server }) => client !== id && server !== id),
    attacks: scenario.attacks.filter(({ victim }) => victim !== id),
    phases: scenario.phases.filter(({ from, to }) => from !== id && to !== id),
  };
}

type HostPlan = Scenario["hosts"][number];

/** A host without one of its oddities. */
const SIMPLER: readonly Partial<HostPlan>[] = [
  { crashes: [] },
  { sleeps: [] },
  { jumps: [] },
  { pauses: [] },
  { skewPpm: 0 },
  { lateShare: 0 },
  { busyShare: 0, txQueueFrames: 0 },
  { rxQueueFrames: 64 },
  { acceptEveryMs: 0 },
  { ecn: 0 },
  { rtoMinMs: 0 },
  { startMs: 0 },
];

function withHost(
  scenario: Scenario,
  id: number,
  simpler: Partial<HostPlan>,
): Scenario | undefined {
  const host = scenario.hosts.find((one) => one.id === id);
  if (host === undefined) return undefined;
  const isSimple = Object.entries(simpler).every(([key, value]) => {
    return JSON.stringify(host[key as keyof HostPlan]) === JSON.stringify(value);
  });
  if (isSimple) return undefined;
  const hosts = scenario.hosts.map((one) => (one.id === id ? { ...one, ...simpler } : one));
  return { ...scenario, hosts };
}

function withoutRepeats(scenario: Scenario, id: number): Scenario | undefined {
  const session = scenario.sessions.find((one) => one.id === id);
  if (session === undefined || session.repeats === 0) return undefined;
  const sessions = scenario.sessions.map((one) => (one.id === id ? { ...one, repeats: 0 } : one));
  return { ...scenario, sessions };
}

/** The active time ends sooner; what was to begin later does not. */
function shorter(scenario: Scenario, activeMs: number): Scenario | undefined {
  if (activeMs < ACTIVE_MIN_MS) return undefined;
  const begins = ({ fromMs }: { fromMs: number }): boolean => fromMs < activeMs;
  const cut = <T extends { untilMs: number }>(part: T): T => {
    return { ...part, untilMs: Math.min(part.untilMs, activeMs) };
  };
  const happens = ({ atMs }: { atMs: number }): boolean => atMs < activeMs;
  return {
    ...scenario,
    activeMs,
    hosts: scenario.hosts.map((host) => ({
      ...host,
      jumps: host.jumps.filter(happens),
      crashes: host.crashes.filter(happens),
      sleeps: host.sleeps.filter(happens),
      pauses: host.pauses.filter(happens),
    })),
    sessions: scenario.sessions.filter(happens),
    phases: scenario.phases.filter(begins).map(cut),
    attacks: scenario.attacks.filter(begins).map(cut),
  };
}
