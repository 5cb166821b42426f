/**
 * What a campaign has found and reached, in lines for people.
 *
 * Called by main.ts. The figures of docs/reliability.md come from here.
 */
import { type Profile, PROFILES } from "../support/modules.ts";
import {
  type Ability,
  ARROWS,
  COUNTER_NAMES,
  type Coverage,
  OPTION_NAMES,
  STATE_NAMES,
  UNREACHABLE,
} from "./coverage.ts";
import { Feature } from "../../hal/host/abi.ts";

const OPTION_PAIRS = (OPTION_NAMES.length * (OPTION_NAMES.length - 1) * 4) / 2;
/** Names of what is missing, before the rest is only counted. */
const MISSING_SHOWN = 12;

/** What the builds of a campaign can do, by profile. */
export type Abilities = Partial<Record<Profile, Ability>>;

export function formatCoverage(coverage: Coverage, abilities: Abilities): string {
  const { data } = coverage;
  const reached = ARROWS.filter(([from, to]) => (data.transitions[`${from} ${to}`] ?? 0) > 0);
  const lines = [
    `transitions   ${reached.length} of ${ARROWS.length}`,
    ...PROFILES.flatMap((profile) => formatCounters(coverage, profile, abilities[profile])),
    `option pairs  ${Object.keys(data.optionPairs).length} of ${OPTION_PAIRS}`,
    `ends          ${formatEnds(coverage)}`,
    `applications  ${formatCounts(data.applications)}`,
    `attacks       ${formatCounts(data.attacks)}`,
    `network       ${formatCounts(data.impairments)}`,
    `totals        ${formatCounts(data.totals)}`,
  ];
  return lines.join("\n");
}

/** What should have been reached: complete, or the names of what is missing. */
export function formatMissing(missing: readonly string[]): string {
  if (missing.length === 0) return "Everything that can be reached was reached.";
  const shown = missing.slice(0, MISSING_SHOWN).join(", ");
  const more = missing.length > MISSING_SHOWN ? ` and ${missing.length - MISSING_SHOWN} more` : "";
  return `Not reached: ${shown}${more}`;
}

function formatCounters(coverage: Coverage, profile: Profile, ability?: Ability): string[] {
  if (ability === undefined) return [];
  const counts = coverage.data.counters[profile] ?? [];
  const moved = counts.filter((count) => count > 0).length;
  const lacking = [
    ...(ability.reassembles ? [] : ["reassembly"]),
    ...Object.entries(Feature)
      .filter(([, bit]) => (ability.features & bit) === 0)
      .map(([name]) => name.toLowerCase().replace("_", " ")),
  ];
  const without = lacking.length === 0 ? "" : `; the build has no ${lacking.join(", ")}`;
  const out = Object.keys(UNREACHABLE[profile] ?? {});
  const why = out.length === 0 ? "" : `; out of reach: ${out.join(", ")}`;
  return [`counters      ${moved} of ${COUNTER_NAMES.length} of ${profile}${without}${why}`];
}

/** By state, the reasons that connections ended with there. */
function formatEnds(coverage: Coverage): string {
  const byState = STATE_NAMES.map((state) => {
    const reasons = Object.keys(coverage.data.ends)
      .filter((key) => key.startsWith(`${state} `) && !key.endsWith("NONE"))
      .map((key) => key.slice(state.length + 1));
    return reasons.length === 0 ? "" : `${state} ${reasons.length}`;
  });
  return `reasons by state: ${byState.filter((text) => text !== "").join(", ")}`;
}

function formatCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count.toLocaleString("en")}`)
    .join(", ");
}
