/**
 * One family, searched to exhaustion within bounds: the search, whether all of it ends, whether
 * what was taken for the same is, and what there is to report. Called by main.ts and by
 * model.test.ts.
 */
import type { WasmModule } from "../../hal/host/web-assembly.ts";
import type { Bounds, Family } from "./families.ts";
import { type Endings, Graph } from "./graph.ts";
import { Locals } from "./locals.ts";
import { Machine } from "./machine.ts";
import { replay, type Replayed } from "./replay.ts";
import { type Complaint, Search } from "./search.ts";
import { Frames, Wires } from "./wires.ts";

/** Both clocks begin a second before they wrap. */
const START_MS = 2 ** 32 - 1000;

export interface Limits {
  readonly bounds: Bounds;
  /** Nodes after which the search gives up. */
  readonly nodes: number;
  progress?(search: Search): void;
}

export interface Found {
  readonly family: string;
  readonly bounds: Bounds;
  readonly isExhausted: boolean;
  /** Pairs of hosts with what is under way; nodes tell how many faults led there as well. */
  readonly states: number;
  readonly nodes: number;
  readonly transitions: number;
  readonly depth: number;
  /** States of either host, and steps that the module has executed for them. */
  readonly hostStates: readonly [number, number];
  readonly executed: number;
  readonly frames: number;
  readonly storedOctets: number;
  /** States that were met in a second image, which was tried as well. */
  readonly twins: number;
  readonly arrows: ReadonlySet<string>;
  readonly endings: Endings | undefined;
  readonly failure: { readonly complaint: Complaint; readonly replayed: Replayed } | undefined;
}

/** Searches a family; throws if the search itself is wrong. */
export function explore(module: WasmModule, family: Family, limits: Limits): Found {
  const { bounds, nodes, progress = () => undefined } = limits;
  const machine = new Machine(module);
  const frames = new Frames();
  const [left, right] = family.scripts.map(
    (script) => new Locals(machine, frames, script, START_MS),
  ) as [Locals, Locals];
  const hosts = [left, right] as const;
  const search = new Search({
    family: { ...family, bounds },
    hosts,
    wires: new Wires(frames),
    frames,
  });
  const isExhausted = search.run(nodes, progress);
  let [complaint] = search.complaints;
  let endings: Endings | undefined;
  if (complaint === undefined && isExhausted) {
    endings = new Graph(search).judge();
    complaint = endings.complaint;
    const wrong = left.checkTwins() ?? right.checkTwins();
    if (wrong !== undefined) throw new Error(`${family.name}: ${wrong} (tests/model/meaning.ts)`);
  }
  return {
    family: family.name,
    bounds,
    isExhausted,
    states: search.stateCount,
    nodes: search.nodeCount,
    transitions: search.targets.length,
    depth: search.depth,
    hostStates: [left.list.length, right.list.length],
    executed: left.executed + right.executed,
    frames: frames.count,
    storedOctets: left.stored + right.stored,
    twins: left.twinCount + right.twinCount,
    arrows: new Set([...left.arrows, ...right.arrows]),
    endings,
    failure:
      complaint === undefined
        ? undefined
        : { complaint, replayed: replay(search, machine, { complaint, nowMs: START_MS }) },
  };
}
