/**
 * The connections that have something to send, in the order in which they take turns, and those
 * that wait for a link address. Records without a TCB are never here: what they say is a reply to a
 * segment, or leaves with their deadline.
 *
 * User calls and arriving segments only put a flow on the list; netif/egress pulls segments out of
 * it within `poll`. No packet waits for ARP: a flow whose next hop is unresolved is parked, and
 * when any address resolves all parked flows are asked again, at the cost of one splice.
 */
import { HAS_STRAIGHT } from "../config";
import { PENDING_LIST, disturb } from "../core/due";
import { FlowList, ListedFlow, appendFlow, linkTo, listedAt, unlinkFlow } from "./flow";

/** Where a flow has its two neighbours. */
@inline const NEIGHBOURS: usize = offsetof<ListedFlow>("listNext");
@inline const LIST_SIZE: usize = 4;
if (offsetof<FlowList>() != LIST_SIZE) ERROR("FlowList layout");
@inline const PENDING: usize = PENDING_LIST;
const PARKED: usize = memory.data(<i32>LIST_SIZE, 4);

@inline function pending(): FlowList {
  return changetype<FlowList>(PENDING);
}

@inline function parked(): FlowList {
  return changetype<FlowList>(PARKED);
}

export function resetPending(): void {
  store<u32>(PENDING, 0);
  store<u32>(PARKED, 0);
}

/** A list, as a word, on which a flow is alone: most often it is, and then no neighbour changes. */
@inline function aloneWith(link: u32): u32 {
  return link * 0x1_0001;
}

/** Puts a flow at the end of the pending list, unless it is on one of the lists already. */
export function wantOutput(flow: ListedFlow): void {
  if (flow.isListed) return;
  flow.isListed = true;
  if (HAS_STRAIGHT && load<u32>(PENDING) == 0) {
    store<u32>(changetype<usize>(flow), 0, NEIGHBOURS); // none
    store<u32>(PENDING, aloneWith(linkTo(flow)));
  } else {
    appendFlow(pending(), flow);
  }
}

/** Whether a flow waits for its turn. */
@inline export function isAnyPending(): bool {
  return load<u32>(PENDING) != 0;
}

/** The flow whose turn it is, or 0. It stays on the list. */
@inline export function nextPendingFlow(): usize {
  return isAnyPending() ? firstPendingFlow() : 0;
}

/** The same where one waits. */
@inline export function firstPendingFlow(): usize {
  return changetype<usize>(listedAt(pending().first));
}

/** Takes a flow off the list: it has nothing more to send. */
export function finishFlow(flow: usize): void {
  withdrawFlow(changetype<ListedFlow>(flow));
}

/** The same; without a call where it is the only one, as most often. */
@inline export function finishAlone(flow: usize): void {
  const alone = aloneWith(linkTo(changetype<ListedFlow>(flow)));
  if (load<u32>(PENDING) != alone) return finishFlow(flow);
  store<u32>(PENDING, 0);
  changetype<ListedFlow>(flow).isListed = false;
}

/** Moves a flow to the end, so that the next one gets its turn; not one that has just ended. */
export function rotateFlow(flow: usize): void {
  if (!changetype<ListedFlow>(flow).isListed) return;
  withdrawFlow(changetype<ListedFlow>(flow));
  wantOutput(changetype<ListedFlow>(flow));
}

/** Moves a flow to the parked list: its next hop is not resolved. Not one that has just ended. */
export function parkFlow(flow: usize): void {
  const parting = changetype<ListedFlow>(flow);
  if (!parting.isListed) return;
  withdrawFlow(parting);
  parting.isListed = true;
  appendFlow(parked(), parting);
}

/** Asks all parked flows again: an address resolved, or may be asked for once more. */
export function unparkFlows(): void {
  disturb();
  const first = <u32>parked().first;
  if (first == 0) return;
  const last = <u32>pending().last;
  if (last == 0) pending().first = <u16>first;
  else listedAt(last).listNext = <u16>first;
  listedAt(first).listPrevious = <u16>last;
  pending().last = parked().last;
  store<u32>(PARKED, 0);
}

/** Takes a flow off whichever list it is on, if any. */
export function withdrawFlow(flow: ListedFlow): void {
  if (!flow.isListed) return;
  flow.isListed = false;
  const link = linkTo(flow);
  // Which list it is matters at its ends only.
  const isParked = parked().first == link || parked().last == link;
  unlinkFlow(isParked ? parked() : pending(), flow);
}
