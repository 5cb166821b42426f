/**
 * Whether all that can happen ends: from every state that was reached, with no more faults, both
 * ends come to CLOSED, whatever the order, as long as nobody is held up for ever.
 *
 * Looks at the moves without faults only. Tarjan's algorithm finds the sets of nodes that reach one
 * another. A node alone that leads nowhere must be an end: both hosts CLOSED, all pools full,
 * nothing under way. A set of several is left by fairness, if one kind of move is possible in each
 * of its nodes and always leads out of it; the user's calls are such a kind, for a user that does
 * not call will see no end. Then from every node an end is reached, and under fair delivery every
 * run reaches one. Called by explore.ts.
 */
import { EndReason } from "../../hal/host/abi.ts";
import { Grown } from "./grown.ts";
import type { Local } from "./locals.ts";
import { type Complaint, kindOf, Move, type Search } from "./search.ts";

export interface Endings {
  readonly complaint: Complaint | undefined;
  /** Nodes in which all is over. */
  readonly ends: number;
  /** Sets of several nodes that reach one another, and the nodes in them. */
  readonly loops: number;
  readonly inLoops: number;
  /** How both ends learned that it was over, by how many nodes. */
  readonly reasons: ReadonlyMap<string, number>;
}

const KINDS = Object.values(Move).flatMap((move) => [0, 1].map((side) => kindOf(side, move)));
const UNSEEN = 0;
const DONE = -1;

export class Graph {
  readonly #search: Search;
  /** Tarjan's numbers: 0 unseen, -1 in a set that is complete. */
  readonly #order: Int32Array;
  readonly #low: Int32Array;
  readonly #stack = new Grown(Int32Array);
  #stacked = 0;
  #ends = 0;
  #loops = 0;
  #inLoops = 0;
  #complaint: Complaint | undefined;
  readonly #reasons = new Map<string, number>();

  constructor(search: Search) {
    this.#search = search;
    this.#order = new Int32Array(search.nodeCount);
    this.#low = new Int32Array(search.nodeCount);
  }

  judge(): Endings {
    let counter = 0;
    for (let root = 0; root < this.#search.nodeCount; root++) {
      if (this.#order[root] === UNSEEN) counter = this.#walk(root, counter);
    }
    return {
      complaint: this.#complaint,
      ends: this.#ends,
      loops: this.#loops,
      inLoops: this.#inLoops,
      reasons: this.#reasons,
    };
  }

  /** Depth first, with a stack of its own: ways are longer than the language's stack is deep. */
  #walk(root: number, counter: number): number {
    const { firstEdges, edgeCounts, targets } = this.#search;
    const path: number[] = [root];
    const edges: number[] = [0];
    this.#enter(root, ++counter);
    while (path.length > 0) {
      const node = path.at(-1)!;
      const edge = edges.at(-1)!;
      if (edge === edgeCounts.at(node)) {
        this.#leave(node);
        path.pop();
        edges.pop();
        const parent = path.at(-1);
        if (parent !== undefined) this.#lower(parent, this.#low[node]!);
        continue;
      }
      edges[edges.length - 1] = edge + 1;
      const at = firstEdges.at(node) + edge;
      const target = targets.at(at);
      if (this.#order[target] === UNSEEN) {
        this.#enter(target, ++counter);
        path.push(target);
        edges.push(0);
      } else if (this.#order[target] !== DONE) this.#lower(node, this.#order[target]!);
    }
    return counter;
  }

  #enter(node: number, number: number): void {
    this.#order[node] = number;
    this.#low[node] = number;
    if (this.#stacked === this.#stack.length) this.#stack.push(node);
    else this.#stack.set(this.#stacked, node);
    this.#stacked += 1;
  }

  #lower(node: number, number: number): void {
    if (this.#low[node] === DONE || number === DONE) return;
    this.#low[node] = Math.min(this.#low[node]!, number);
  }

  /** A node is finished; if it is the first of its set, the set is. */
  #leave(node: number): void {
    if (this.#low[node] !== this.#order[node]) return;
    const members: number[] = [];
    for (;;) {
      const member = this.#stack.at(--this.#stacked);
      members.push(member);
      if (member === node) break;
    }
    if (members.length > 1) this.#judgeLoop(members);
    else if (!this.#leadsOn(node)) this.#judgeEnd(node);
    for (const member of members) this.#order[member] = DONE;
    this.#low[node] = DONE;
  }

  /** Whether a node has a move that leads to another one. */
  #leadsOn(node: number): boolean {
    const first = this.#search.firstEdges.at(node);
    for (let edge = first; edge < first + this.#search.edgeCounts.at(node); edge++) {
      if (this.#search.targets.at(edge) !== node) return true;
    }
    return false;
  }

  #complain(text: string, node: number): void {
    this.#complaint ??= { text, node, move: undefined };
  }

  #judgeEnd(node: number): void {
    const { left, right, toLeft, toRight } = this.#search.place(node);
    const { hosts } = this.#search.world;
    const ends = [hosts[0].list[left]!, hosts[1].list[right]!] as const;
    if (toLeft !== 0 || toRight !== 0) this.#complain("something stays under way for ever", node);
    const open = ends.find((end) => !isOver(end));
    if (open !== undefined) this.#complain("nothing happens any more, and an end is open", node);
    this.#ends += 1;
    const key = ends.map(({ app }) => outcomeOf(app.reason)).join(" / ");
    this.#reasons.set(key, (this.#reasons.get(key) ?? 0) + 1);
  }

  /** A set that nothing forces to be left is a livelock. */
  #judgeLoop(members: readonly number[]): void {
    this.#loops += 1;
    this.#inLoops += members.length;
    const inside = new Set(members);
    let leaving = new Set(KINDS);
    for (const member of members) {
      const out = this.#kindsThatLeave(member, inside);
      leaving = new Set([...leaving].filter((kind) => out.has(kind)));
      if (leaving.size === 0) break;
    }
    if (leaving.size === 0)
      this.#complain("a loop that nothing forces to be left", members.at(-1)!);
  }

  /**
   * The kinds of move, by side, that are possible here and always lead out of a set. Where a host's
   * moves are put off (search.ts, `moversAt`) its calls are possible all the same.
   */
  #kindsThatLeave(node: number, inside: ReadonlySet<number>): Set<number> {
    const possible = new Set<number>();
    const staying = new Set<number>();
    const first = this.#search.firstEdges.at(node);
    for (let edge = first; edge < first + this.#search.edgeCounts.at(node); edge++) {
      const kind = this.#search.edgeKinds.at(edge);
      possible.add(kind);
      if (inside.has(this.#search.targets.at(edge))) staying.add(kind);
    }
    const place = this.#search.place(node);
    const movers = this.#search.moversAt(place);
    for (const side of [0, 1]) {
      const local = side === 0 ? place.left : place.right;
      const hasCalls = this.#search.world.hosts[side]!.callsIn(local).length > 0;
      if (!movers.includes(side) && hasCalls) possible.add(kindOf(side, Move.CALL));
    }
    return new Set([...possible].filter((kind) => !staying.has(kind)));
  }
}

/** CLOSED, or LISTEN as at the start; no record is taken, no handle held. */
function isOver({ look, app }: Local): boolean {
  return !look.hasTcb && !look.isHalfOpen && !look.isTimeWait && app.handle === 0;
}

function outcomeOf(reason: number): string {
  const name = Object.entries(EndReason).find(([, value]) => value === reason)?.[0] ?? "?";
  return name === "NONE" ? "not told" : name.replaceAll("_", "-");
}
