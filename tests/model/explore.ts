/**
 * One family, searched to exhaustion within bounds: the search, whether all of it ends, whether
 * what was taken for the same is, and what there is to report. Called by main.ts and by
 * model.test.ts.
 */
import type { WasmModule } from "../../hal/host/web-assembly.ts";
import type { Script } from "./application.ts";
import type { Bounds, Family } from "./families.ts";
import { type Endings, Graph } from "./graph.ts";
import { Locals } from "./locals.ts";
import { Machine } from "./machine.ts";
import { replay, type Replayed } from "./replay.ts";
import { segmentOf } from "./rules.ts";
import { type Complaint, Search } from "./search.ts";
import { Frames, Wires } from "./wires.ts";

/** The right clock begins a second before it wraps. */
const BEFORE_WRAP_MS = 2 ** 32 - 1000;
/** tcp/isn.ts: the ISN's clock. */
const ISN_STEPS_PER_MS = 250n;
const NUMBERS = 2n ** 32n;
/** Both sides of the equation are halved, since the clock's step is even. */
const HALF_BITS = 31;

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
  const startMs = [startBeforeIssWraps(machine, family.scripts[0]), BEFORE_WRAP_MS];
  const [left, right] = family.scripts.map(
    (script, side) => new Locals(machine, frames, script, startMs[side]!),
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
    transitions: search.transitions,
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
        : { complaint, replayed: replay(search, machine, { complaint, startMs }) },
  };
}

/**
 * A time at which the left host's SYN takes one of the last two numbers, so that its text wraps:
 * its ISS is 250 times the time, and what the tuple adds.
 */
function startBeforeIssWraps(machine: Machine, script: Script): number {
  const [syn] = machine.start({ ...script, opens: "at once" }, 0).frames;
  const ofTuple = BigInt(segmentOf(syn!).seq);
  const half = BigInt.asUintN(HALF_BITS, (NUMBERS - 2n + (ofTuple & 1n) - ofTuple) / 2n);
  return Number(BigInt.asUintN(HALF_BITS, half * inverseOf(ISN_STEPS_PER_MS / 2n)));
}

/** By what an odd number must be multiplied to give 1, modulo 2^31 (Newton). */
function inverseOf(odd: bigint): bigint {
  let found = 1n;
  while (BigInt.asUintN(HALF_BITS, odd * found) !== 1n) {
    found = BigInt.asUintN(HALF_BITS, found * (2n - odd * found));
  }
  return found;
}
