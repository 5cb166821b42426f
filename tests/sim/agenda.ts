/**
 * The world's clock and what is to happen: a heap of things that are due, by time, and in the order
 * in which they were entered where the time is the same.
 *
 * Called by everything that waits. Knows nothing of what it runs.
 */

/** Something that happens at its time. Entered once at a time. */
export interface Due {
  /** Both are set by the agenda. */
  atMs: number;
  order: number;
  happen(): void;
}

export class Agenda {
  nowMs = 0;
  readonly #heap: Due[] = [];
  #entered = 0;

  /** Enters it; what would have to happen in the past happens now. */
  enter(due: Due, atMs: number): void {
    due.atMs = Math.max(atMs, this.nowMs);
    due.order = this.#entered++;
    const heap = this.#heap;
    let at = heap.length;
    heap.push(due);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(due, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = due;
  }

  /** The same for a function. */
  at(atMs: number, happen: () => void): void {
    this.enter({ atMs, order: 0, happen }, atMs);
  }

  /** Lets everything happen that is due up to `untilMs`; the clock stands there then. */
  run(untilMs: number): void {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.atMs > untilMs) break;
      this.#takeFirst();
      this.nowMs = first.atMs;
      first.happen();
    }
    this.nowMs = untilMs;
  }

  #takeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
      if (!isBefore(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
