/**
 * The counters of `abi.ts`: what came, what went, and why something was dropped.
 *
 * Counted by every layer, read by the HAL in place (`counterAddress`). Nothing in the stack decides
 * by a counter.
 */

import { Counter } from "./abi";

/** Counter.COUNT times u32. */
@inline const COUNTERS: usize = memory.data(<i32>Counter.COUNT * 4, 4);

/** Adds one to a counter, which wraps at 2^32. */
@inline export function count(which: Counter): void {
  const at = COUNTERS + ((<usize>which) << 2);
  store<u32>(at, load<u32>(at) + 1);
}

/** Where the counters lie, in the order of `Counter`. */
export function counterAddress(): usize {
  return COUNTERS;
}

/** Sets all counters to 0. */
export function resetCounters(): void {
  memory.fill(COUNTERS, 0, <usize>Counter.COUNT * 4);
}
