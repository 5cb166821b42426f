/**
 * Time: u32 milliseconds from any start, which wrap. The only place where times are ordered.
 *
 * `index` sets the time from the arguments of `poll` and `frameReceived`; every layer reads it.
 * Never reads a clock: the module knows no other time than what it was told.
 */

/** u32: the time of the last call that brought one. */
@inline const NOW_MS: usize = memory.data(4, 4);

/** The time of the running call, in milliseconds. */
@inline export function now(): u32 {
  return load<u32>(NOW_MS);
}

/** Sets the time that `now` answers until the next call brings another one. */
@inline export function setNow(ms: u32): void {
  store<u32>(NOW_MS, ms);
}

/** Whether `a` lies before `b`. Holds across the wrap while they are less than 2^31 ms apart. */
@inline export function isBefore(a: u32, b: u32): bool {
  return <i32>(a - b) < 0;
}
