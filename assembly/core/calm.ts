/**
 * Whether the last poll has left nothing to be sent, and nothing has come up since but flows on the
 * pending list: then the next one needs to look at the time and at that list only.
 *
 * Part of the straight ways. Said by `index` after a poll; taken back by everything else that may
 * want to send: a frame that went the general way, a ping, a neighbour to be asked, flows that were
 * parked, a poll that could not send all.
 */
import { HAS_STRAIGHT } from "../config";

/** u32: 1 if so. Memory begins with 0, so that before `init` it is not. */
const CALM: usize = HAS_STRAIGHT ? memory.data(4, 4) : 0;

@inline export function isCalm(): bool {
  return load<u32>(CALM) != 0;
}

@inline export function noteCalm(isNow: bool): void {
  store<u32>(CALM, isNow);
}

/** Something may have to be sent. */
@inline export function disturb(): void {
  if (HAS_STRAIGHT) store<u32>(CALM, 0);
}
