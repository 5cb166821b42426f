/**
 * Which way a connection must have gone between two looks at it: the shortest one along the arrows
 * of the state diagram, which between two steps is the only one there is.
 *
 * Called by watch.ts. The arrows are those of coverage.ts, written apart from the stack's own.
 */
import { State } from "../../hal/host/abi.ts";
import { ARROWS, STATE_NAMES, type StateName } from "./coverage.ts";

/** States that have no TCB, and arrows that begin or end there. */
const WITHOUT_TCB: readonly StateName[] = ["LISTEN"];

const PATHS = new Map<number, readonly StateName[]>();

for (const from of STATE_NAMES) explore(from);

function explore(from: StateName): void {
  const waiting: StateName[][] = [[from]];
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    const last = path.at(-1)!;
    for (const [start, next] of ARROWS) {
      if (start !== last || WITHOUT_TCB.includes(next)) continue;
      if (start === "TIME_WAIT" && next !== "CLOSED") continue;
      // CLOSED is the end of a TCB; what begins there is another one.
      if (last === "CLOSED" && path.length > 1) continue;
      const key = keyOf(State[from], State[next]);
      if (PATHS.has(key)) continue;
      PATHS.set(key, [...path, next]);
      waiting.push([...path, next]);
    }
  }
}

function keyOf(from: number, to: number): number {
  return from * 16 + to;
}

/** The states from one to another, both included; undefined if there is no way. */
export function pathBetween(from: number, to: number): readonly StateName[] | undefined {
  return PATHS.get(keyOf(from, to));
}
