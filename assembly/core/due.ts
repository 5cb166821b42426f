/**
 * What is due to be sent: eight octets, all of them 0 while nothing is. A HAL may look at them
 * (`dueAddress`), and leave out a poll that would do nothing.
 *
 *     0 … 3   1 if something may have come up but flows on the pending list
 *     4 … 7   the pending list, which tcp/pending keeps here
 *
 * The first word is cleared by `index` after a poll that has left nothing, and set by everything
 * that may want to send without being on that list: a frame that went the general way, a ping, a
 * neighbour to be asked, flows that were parked, a poll that could not send all.
 */
import { HAS_DUE } from "../config";

@inline const SOMETHING: u32 = 1;
/** Memory begins with 0: before `init` nothing is sent. */
const DUE: usize = HAS_DUE ? memory.data(8, 8) : memory.data<u32>([SOMETHING, 0]);
@inline export const PENDING_LIST: usize = DUE + 4;

/** Where a HAL finds these octets; a build without them always has a 1 there. */
export function dueAddress(): usize {
  return DUE;
}

/** Whether nothing waits to be sent. */
@inline export function isNothingDue(): bool {
  return load<u64>(DUE) == 0;
}

/** Whether only flows on the pending list may want to send. */
@inline export function isCalm(): bool {
  return load<u32>(DUE) == 0;
}

@inline export function noteCalm(isNow: bool): void {
  if (HAS_DUE) store<u32>(DUE, isNow ? 0 : SOMETHING);
}

/** Something may have to be sent. */
@inline export function disturb(): void {
  if (HAS_DUE) store<u32>(DUE, SOMETHING);
}
