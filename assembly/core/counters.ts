/**
 * The counters of `abi.ts`: what came, what went, and why something was dropped.
 *
 * Counted by every layer, read by the HAL in place (`counterAddress`). Nothing in the stack decides
 * by a counter.
 */

import { Counter } from "./abi";

/** Counter.COUNT times u32. */
@inline const COUNTERS: usize = memory.data(<i32>Counter.COUNT * 4, 8);

/** Adds one to a counter, which wraps at 2^32. */
@inline export function count(which: Counter): void {
  const at = COUNTERS + ((<usize>which) << 2);
  store<u32>(at, load<u32>(at) + 1);
}

/**
 * Adds one to this counter and to the next one, with one access for both: a third less for an
 * interpreter.
 */
@inline export function countBoth(first: Counter): void {
  const at = COUNTERS + ((<usize>first) << 2);
  const both = load<u64>(at) + 0x1_0000_0001;
  store<u64>(at, both);
  if (<u32>both != 0) return;
  store<u32>(at, load<u32>(at, 4) - 1, 4); // the first one has wrapped into the second
}

/** Where the counters lie, in the order of `Counter`. */
export function counterAddress(): usize {
  return COUNTERS;
}

/** Sets all counters to 0. */
export function resetCounters(): void {
  memory.fill(COUNTERS, 0, <usize>Counter.COUNT * 4);
}
