/**
 * Since when a connection has got nowhere: what tcp/eviction goes by when TCBs run out.
 *
 * One time for both directions: it is set anew when the peer closes its window, when the receive
 * ring becomes full, when the user reads or accepts; the last time when the handle is released, and
 * nothing that the peer does after that makes it younger. Called throughout tcp/.
 */
import { HAS_EVICTION } from "../config";
import { now } from "../core/clock";
import { Flag, Tcb, has } from "./tcb";

/** A unit of 1,024 ms, so that a shift finds it, and 16 bits hold 18 hours. */
@inline const UNIT_SHIFT: u32 = 10;

/** From now on, unless the connection was released. */
@inline export function noteStall(tcb: Tcb): void {
  if (HAS_EVICTION && !has(tcb, Flag.RELEASED)) noteUse(tcb);
}

/** From now on: the user did something with a connection, which was not released then. */
@inline export function noteUse(tcb: Tcb): void {
  if (HAS_EVICTION) tcb.stalledAt = <u16>(now() >> UNIT_SHIFT);
}

/** Units since then; after 18 hours it seems young again, which harms nobody. */
export function stallAge(tcb: Tcb): u32 {
  return <u32>(<u16>((now() >> UNIT_SHIFT) - <u32>tcb.stalledAt));
}
