/**
 * What the search found, as text: a line per family, the arrows of Figure 5, and for what was
 * found wrong the way to it as a ladder. Called by main.ts.
 */
import { ARROW_NAMES } from "./arrows.ts";
import type { Found } from "./explore.ts";

const number = (value: number) => value.toLocaleString("en-US");

/** What a family came to, in a few lines. */
export function formatFound(found: Found, seconds: number): string[] {
  const { losses, duplications, reorderings, underWay } = found.bounds;
  const [left, right] = found.hostStates;
  const extent = found.isExhausted ? "to exhaustion" : "NOT to exhaustion";
  return [
    `${found.family}: ${extent} with ${losses} losses, ${duplications} duplications, ` +
      `${reorderings} reorderings, ${underWay} under way at a time-out (${seconds.toFixed(0)} s)`,
    `  ${number(found.states)} states, ${number(found.transitions)} transitions, ` +
      `depth ${found.depth}`,
    `  of the hosts ${number(left)} and ${number(right)} states, ` +
      `${number(found.executed)} steps executed, ${number(found.storedOctets)} octets kept, ` +
      `${number(found.twins)} second images tried`,
    ...formatEndings(found),
    ...formatFailure(found),
  ];
}

function formatEndings({ endings }: Found): string[] {
  if (endings === undefined) return [];
  const reasons = [...endings.reasons].sort(([, a], [, b]) => b - a).map(([name]) => name);
  const loops = `${number(endings.loops)} loops, which fairness leaves`;
  return [
    `  every state leads to an end (${number(endings.ends)} ends, ${loops})`,
    `  ends, left / right: ${reasons.join(", ")}`,
  ];
}

function formatFailure({ failure }: Found): string[] {
  if (failure === undefined) return [];
  const { complaint, replayed } = failure;
  const confirmed = replayed.isConfirmed
    ? "two modules that run from the beginning do the same"
    : "TWO MODULES THAT RUN FROM THE BEGINNING DO NOT: the search is wrong";
  return [`  WRONG: ${complaint.text}`, ...replayed.lines, `  (${confirmed})`];
}

/** Which arrows of Figure 5 were seen, and which were not. */
export function formatArrows(seen: ReadonlySet<string>): string[] {
  const missing = missingArrows(seen);
  const count = ARROW_NAMES.length - missing.length;
  const line = `arrows of RFC 9293, Figure 5, that were seen: ${count} of ${ARROW_NAMES.length}`;
  return missing.length === 0 ? [line] : [line, ...missing.map((name) => `  not seen: ${name}`)];
}

export function missingArrows(seen: ReadonlySet<string>): string[] {
  return ARROW_NAMES.filter((name) => !seen.has(name));
}
