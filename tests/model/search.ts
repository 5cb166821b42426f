/**
 * The search over both hosts and the wire between them, to exhaustion: a breadth-first walk,
 * ordered by the number of faults, so that the first way to a state is one with the fewest faults
 * and, among those, the shortest.
 *
 * A state of the whole is four numbers (both hosts, both directions), kept as they are: no two are
 * ever taken for one. A node is a state with the faults that led to it; a state that was reached
 * with no more faults of any kind is not looked at again. Called by main.ts and model.test.ts; what
 * it leaves, graph.ts asks whether it ends.
 */
import type { Family } from "./families.ts";
import { type Local, type Locals, FIRST_FRAME, type Step, TIME } from "./locals.ts";
import { judgePair } from "./rules.ts";
import { Grown } from "./grown.ts";
import type { Frames, Wires } from "./wires.ts";

/** What one step of the whole is. The fault-free ones come first. */
export const Move = {
  CALL: 0,
  TIME: 1,
  ARRIVE: 2,
  ARRIVE_LATE: 3,
  LOSE: 4,
  DUPLICATE: 5,
  HOLD: 6,
} as const;
const FIRST_FAULT: number = Move.LOSE;

/** Who moves, and what, in one small number. */
export function kindOf(side: number, move: number): number {
  return 2 * move + side;
}

/** A move by number: who moves (for a fault: who should have got the frame), what, and which. */
function moveNumber(side: number, move: number, which = 0): number {
  return (side << 15) | (move << 8) | which;
}
export const sideOf = (number: number) => number >> 15;
export const moveOf = (number: number) => (number >> 8) & 0x7f;
export const whichOf = (number: number) => number & 0xff;

export interface Complaint {
  readonly text: string;
  /** The node before, and the move that breaks the rule; none for a rule of the state itself. */
  readonly node: number;
  readonly move: number | undefined;
}

export interface World {
  readonly family: Family;
  readonly hosts: readonly [Locals, Locals];
  readonly wires: Wires;
  readonly frames: Frames;
}

const LEFT: readonly number[] = [0];
const RIGHT: readonly number[] = [1];
const BOTH: readonly number[] = [0, 1];
const ROOM = 1 << 16;
const NOBODY = -1;
const PROGRESS_NODES = 1 << 18;

/** The faults of a node, two bits each. */
const LOSS = 1;
const DUPLICATION = 1 << 2;
const REORDERING = 1 << 4;

export class Search {
  readonly world: World;
  readonly complaints: Complaint[] = [];
  /** Per state: both hosts, both directions (to the left host, to the right one). */
  readonly parts = new Grown(Int32Array);
  /** Per node. */
  readonly states = new Grown(Int32Array);
  readonly parents = new Grown(Int32Array);
  readonly moves = new Grown(Uint16Array);
  readonly firstEdges = new Grown(Int32Array);
  /** Per move without a fault, those of one node together: where it leads, and its kind. */
  readonly targets = new Grown(Int32Array);
  readonly edgeKinds = new Grown(Uint8Array);
  /** How many of its edges are of each node. */
  readonly edgeCounts = new Grown(Uint8Array);
  /** Nodes whose moves are known, and how many moves those are, faults and all. */
  expanded = 0;
  transitions = 0;
  readonly #faults = new Grown(Uint8Array);
  /** Per state its latest node, per node the one before for the same state. */
  readonly #lastNodes = new Grown(Int32Array);
  readonly #earlier = new Grown(Int32Array);
  #table = new Int32Array(4 * ROOM).fill(NOBODY);
  /** Nodes that wait, by how many faults led to them. */
  readonly #waiting: Grown<Int32Array>[];

  constructor(world: World) {
    this.world = world;
    const { losses, duplications, reorderings } = world.family.bounds;
    const most = losses + duplications + reorderings;
    this.#waiting = Array.from({ length: most + 1 }, () => new Grown(Int32Array));
    const { hosts, wires } = world;
    const toLeft = wires.push(0, hosts[1].firstBurst);
    const toRight = wires.push(0, hosts[0].firstBurst);
    this.#reach({ left: 0, right: 0, toLeft, toRight }, NOBODY, 0, 0);
  }

  get stateCount(): number {
    return this.parts.length / 4;
  }

  get nodeCount(): number {
    return this.states.length;
  }

  /** The longest of the ways that the search has found. */
  get depth(): number {
    const depths = new Uint16Array(this.nodeCount);
    let most = 0;
    for (let node = 1; node < this.nodeCount; node++) {
      const depth = depths[this.parents.at(node)]! + 1;
      depths[node] = depth;
      most = Math.max(most, depth);
    }
    return most;
  }

  /**
   * Walks until nothing is left, or until a complaint; false if `limit` nodes were not enough.
   */
  run(limit: number, progress: (search: Search) => void): boolean {
    for (const waiting of this.#waiting) {
      for (let next = 0; next < waiting.length; next++) {
        if (this.complaints.length > 0) return true;
        if (this.nodeCount > limit) return false;
        this.#expand(waiting.at(next));
        if (this.expanded % PROGRESS_NODES === 0) progress(this);
      }
      waiting.forget();
    }
    return true;
  }

  /** The four numbers of a node's state. */
  place(node: number): Place {
    const at = 4 * this.states.at(node);
    return {
      left: this.parts.at(at),
      right: this.parts.at(at + 1),
      toLeft: this.parts.at(at + 2),
      toRight: this.parts.at(at + 3),
    };
  }

  #expand(node: number): void {
    const first = this.targets.length;
    this.firstEdges.set(node, first);
    this.expanded += 1;
    const place = this.place(node);
    this.#judge(node, place);
    for (const side of this.moversAt(place)) {
      this.#callsOf(node, place, side);
      this.#timeOf(node, place, side);
      this.#arrivalsOf(node, place, side);
      this.#faultsOf(node, place, side);
    }
    this.edgeCounts.set(node, this.targets.length - first);
  }

  /**
   * Who moves: both hosts; but while so many frames wait for one of them that no time-out may come
   * before one has arrived, that host alone. Until then nothing that the other one does can change
   * what this one may do, or the other way round, so the order between them makes no difference:
   * each move of the other is made later, with the same effect. It is not put off for ever, since
   * each host has finitely many calls, and its frames run out.
   */
  moversAt({ toLeft, toRight }: Place): readonly number[] {
    const { wires, family } = this.world;
    const { underWay } = family.bounds;
    if (wires.length(toLeft) > underWay) return LEFT;
    return wires.length(toRight) > underWay ? RIGHT : BOTH;
  }

  #judge(node: number, { left, right }: Place): void {
    const text = judgePair(this.#local(0, left), this.#local(1, right));
    if (text !== undefined) this.complaints.push({ text, node, move: undefined });
  }

  #local(side: number, local: number): Local {
    return this.world.hosts[side]!.list[local]!;
  }

  #callsOf(node: number, place: Place, side: number): void {
    const local = side === 0 ? place.left : place.right;
    for (const { call, step } of this.world.hosts[side]!.callsIn(local)) {
      this.#take(node, place, moveNumber(side, Move.CALL, call), step);
    }
  }

  /**
   * A time-out. A short one may come while as many frames are under way as the bounds allow; a long
   * one when all that is short is over: nothing is under way, not even late, and the other end's
   * connection waits for no short one. A half-open record may, since it tries for longer.
   */
  #timeOf(node: number, place: Place, side: number): void {
    const own = this.#local(side, side === 0 ? place.left : place.right).look;
    const other = this.#local(1 - side, side === 0 ? place.right : place.left).look;
    if (own.shortMs === Infinity && own.longMs === Infinity) return;
    const { wires, family } = this.world;
    if (own.shortMs <= own.longMs) {
      const underWay = wires.length(place.toLeft) + wires.length(place.toRight);
      if (underWay > family.bounds.underWay) return;
    } else {
      const isQuiet = place.toLeft === 0 && place.toRight === 0;
      if (!isQuiet || other.connectionMs !== Infinity) return;
    }
    const local = side === 0 ? place.left : place.right;
    const step = this.world.hosts[side]!.step(local, TIME);
    if (step !== undefined) this.#take(node, place, moveNumber(side, Move.TIME), step);
  }

  #arrivalsOf(node: number, place: Place, side: number): void {
    const { wires } = this.world;
    const wire = side === 0 ? place.toLeft : place.toRight;
    const head = wires.head(wire);
    if (head >= 0) {
      const rest = withWire(place, side, wires.shift(wire));
      this.#arrive(node, rest, moveNumber(side, Move.ARRIVE), head);
    }
    wires.at(wire).late.forEach((frame, index) => {
      const rest = withWire(place, side, wires.release(wire, index));
      this.#arrive(node, rest, moveNumber(side, Move.ARRIVE_LATE, index), frame);
    });
  }

  #arrive(node: number, place: Place, move: number, frame: number): void {
    const side = sideOf(move);
    const local = side === 0 ? place.left : place.right;
    const step = this.world.hosts[side]!.step(local, FIRST_FRAME + frame);
    if (step !== undefined) this.#take(node, place, move, step);
  }

  #faultsOf(node: number, place: Place, side: number): void {
    const { wires } = this.world;
    const wire = side === 0 ? place.toLeft : place.toRight;
    if (wires.head(wire) < 0) return;
    const { losses, duplications, reorderings } = this.world.family.bounds;
    const faults = this.#faults.at(node);
    const link = (move: number, changed: number, more: number) => {
      const next = withWire(place, side, changed);
      const number = moveNumber(side, move);
      this.#link(number, this.#reach(next, node, number, faults + more));
    };
    if ((faults & 3) < losses) link(Move.LOSE, wires.shift(wire), LOSS);
    if (((faults >> 2) & 3) < duplications) link(Move.DUPLICATE, wires.copy(wire), DUPLICATION);
    if (((faults >> 4) & 3) < reorderings) link(Move.HOLD, wires.hold(wire), REORDERING);
  }

  /** A host has made a step, and what it sent is under way. */
  #take(node: number, place: Place, move: number, step: Step): void {
    if (step.complaint !== undefined) {
      this.complaints.push({ text: step.complaint, node, move });
      return;
    }
    const side = sideOf(move);
    const { wires } = this.world;
    const next =
      side === 0
        ? { ...place, left: step.next, toRight: wires.push(place.toRight, step.burst) }
        : { ...place, right: step.next, toLeft: wires.push(place.toLeft, step.burst) };
    this.#link(move, this.#reach(next, node, move, this.#faults.at(node)));
  }

  #link(move: number, target: number): void {
    this.transitions += 1;
    if (moveOf(move) >= FIRST_FAULT) return;
    this.targets.push(target);
    this.edgeKinds.push(kindOf(sideOf(move), moveOf(move)));
  }

  /** The node of a state with these faults, or one with fewer; made if there is none. */
  #reach(place: Place, parent: number, move: number, faults: number): number {
    const state = this.#stateNumber(place);
    for (let node = this.#lastNodes.at(state); node !== NOBODY; node = this.#earlier.at(node)) {
      if (isWithin(this.#faults.at(node), faults)) return node;
    }
    const node = this.states.push(state);
    this.#earlier.push(this.#lastNodes.at(state));
    this.#lastNodes.set(state, node);
    this.parents.push(parent);
    this.moves.push(move);
    this.firstEdges.push(NOBODY);
    this.edgeCounts.push(0);
    this.#faults.push(faults);
    this.#waiting[totalOf(faults)]!.push(node);
    return node;
  }

  #stateNumber({ left, right, toLeft, toRight }: Place): number {
    if (2 * this.stateCount > this.#table.length) this.#growTable();
    const mask = this.#table.length - 1;
    const { parts } = this;
    for (let at = mix(left, right, toLeft, toRight) & mask; ; at = (at + 1) & mask) {
      const state = this.#table[at]!;
      if (state === NOBODY) {
        const number = this.stateCount;
        parts.push(left);
        parts.push(right);
        parts.push(toLeft);
        parts.push(toRight);
        this.#lastNodes.push(NOBODY);
        this.#table[at] = number;
        return number;
      }
      const i = 4 * state;
      if (parts.at(i) !== left || parts.at(i + 1) !== right) continue;
      if (parts.at(i + 2) === toLeft && parts.at(i + 3) === toRight) return state;
    }
  }

  #growTable(): void {
    const table = new Int32Array(2 * this.#table.length).fill(NOBODY);
    const mask = table.length - 1;
    const { parts } = this;
    for (let state = 0; state < this.stateCount; state++) {
      const i = 4 * state;
      let at = mix(parts.at(i), parts.at(i + 1), parts.at(i + 2), parts.at(i + 3)) & mask;
      while (table[at] !== NOBODY) at = (at + 1) & mask;
      table[at] = state;
    }
    this.#table = table;
  }
}

export interface Place {
  readonly left: number;
  readonly right: number;
  readonly toLeft: number;
  readonly toRight: number;
}

function withWire(place: Place, side: number, wire: number): Place {
  return side === 0 ? { ...place, toLeft: wire } : { ...place, toRight: wire };
}

function mix(a: number, b: number, c: number, d: number): number {
  let hash = Math.imul(a, 0x9e37_79b1) ^ Math.imul(b, 0x85eb_ca77);
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2_ae3d) ^ Math.imul(c, 0x27d4_eb2f);
  hash = Math.imul(hash ^ (hash >>> 13), 0x1656_67b1) ^ Math.imul(d, 0x9e37_79b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  return hash ^ (hash >>> 13);
}

function totalOf(faults: number): number {
  return (faults & 3) + ((faults >> 2) & 3) + ((faults >> 4) & 3);
}

/** Whether no kind of fault is more than in the other one. */
function isWithin(few: number, many: number): boolean {
  return (
    (few & 3) <= (many & 3) &&
    ((few >> 2) & 3) <= ((many >> 2) & 3) &&
    ((few >> 4) & 3) <= ((many >> 4) & 3)
  );
}
