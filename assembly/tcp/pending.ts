/**
 * The connections that have something to send, in the order in which they take turns, and those
 * that wait for a link address. Records without a TCB are never here: what they say is a reply to a
 * segment, or leaves with their deadline.
 *
 * User calls and arriving segments only put a flow on the list; netif/egress pulls segments out of
 * it within `poll`. No packet waits for ARP: a flow whose next hop is unresolved is parked, and
 * when any address resolves all parked flows are asked again, at the cost of one splice.
 */
import { ListedFlow, linkTo, listedAt } from "./flow";

/** The first and last flow of each list, as links. */
@unmanaged @final class Lists {
  pendingFirst: u16;
  pendingLast: u16;
  parkedFirst: u16;
  parkedLast: u16;
}
const LISTS: usize = memory.data(offsetof<Lists>(), 8);

@inline function lists(): Lists {
  return changetype<Lists>(LISTS);
}

export function resetPending(): void {
  memory.fill(LISTS, 0, offsetof<Lists>());
}

/** Puts a flow at the end of the pending list, unless it is on one of the lists already. */
export function wantOutput(flow: ListedFlow): void {
  if (flow.isListed) return;
  const all = lists();
  all.pendingLast = append(flow, all.pendingLast);
  if (all.pendingFirst == 0) all.pendingFirst = all.pendingLast;
}

/** The flow whose turn it is, or 0. It stays on the list. */
export function nextPendingFlow(): usize {
  const first = <u32>lists().pendingFirst;
  return first == 0 ? 0 : changetype<usize>(listedAt(first));
}

/** Takes a flow off the list: it has nothing more to send. */
export function finishFlow(flow: usize): void {
  withdrawFlow(changetype<ListedFlow>(flow));
}

/** Moves a flow to the end, so that the next one gets its turn; not one that has just ended. */
export function rotateFlow(flow: usize): void {
  if (!changetype<ListedFlow>(flow).isListed) return;
  withdrawFlow(changetype<ListedFlow>(flow));
  wantOutput(changetype<ListedFlow>(flow));
}

/** Moves a flow to the parked list: its next hop is not resolved. Not one that has just ended. */
export function parkFlow(flow: usize): void {
  const parked = changetype<ListedFlow>(flow);
  if (!parked.isListed) return;
  withdrawFlow(parked);
  const all = lists();
  all.parkedLast = append(parked, all.parkedLast);
  if (all.parkedFirst == 0) all.parkedFirst = all.parkedLast;
}

/** Asks all parked flows again: an address resolved, or may be asked for once more. */
export function unparkFlows(): void {
  const all = lists();
  if (all.parkedFirst == 0) return;
  if (all.pendingFirst == 0) {
    all.pendingFirst = all.parkedFirst;
  } else {
    listedAt(all.pendingLast).listNext = all.parkedFirst;
    listedAt(all.parkedFirst).listPrevious = all.pendingLast;
  }
  all.pendingLast = all.parkedLast;
  all.parkedFirst = 0;
  all.parkedLast = 0;
}

/** Takes a flow off whichever list it is on, if any. */
export function withdrawFlow(flow: ListedFlow): void {
  if (!flow.isListed) return;
  const all = lists();
  const link = linkTo(flow);
  const next = flow.listNext;
  const previous = flow.listPrevious;
  if (previous != 0) listedAt(previous).listNext = next;
  else if (all.pendingFirst == link) all.pendingFirst = next;
  else all.parkedFirst = next;
  if (next != 0) listedAt(next).listPrevious = previous;
  else if (all.pendingLast == link) all.pendingLast = previous;
  else all.parkedLast = previous;
  flow.isListed = false;
}

/** Links `flow` behind `last` and returns it as the list's new last link. */
function append(flow: ListedFlow, last: u16): u16 {
  const link = linkTo(flow);
  flow.isListed = true;
  flow.listNext = 0;
  flow.listPrevious = last;
  if (last != 0) listedAt(last).listNext = link;
  return link;
}
