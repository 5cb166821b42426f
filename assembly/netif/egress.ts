/**
 * The way out: what the stack owes to the network is pulled here, within `poll`, in a bounded
 * amount.
 *
 * Called by `index`. Each flow that has something to say sends one segment and goes to the end of
 * the line, so that all take turns; a flow whose neighbour is not resolved is parked, and the ARP
 * request that it needs leaves in the same call. When the transmitter is BUSY everything stays as
 * it is for the next `poll`. Only a half-open record's SYN and ACK waits for nothing: it leaves
 * when its time has come, or is lost until the next time-out.
 */

import { EGRESS_BUDGET, HAS_STRAIGHT } from "../config";
import { isNothingDue } from "../core/due";
import { flowUnreachable } from "../tcp/icmp-error";
import {
  finishFlow, firstPendingFlow, isAnyPending, nextPendingFlow, parkFlow, rotateFlow,
} from "../tcp/pending";
import { commitSegment, hasSaidAll, prepareSegment } from "../tcp/output";
import { OutSegment, outSegment } from "../tcp/segment";
import { takeDoubt } from "../tcp/trouble";
import {
  NEIGHBOUR_FAILED,
  doubtNeighbour,
  isArpOwed,
  neighbourMac,
  resolve,
  sendOwedArp,
} from "./arp";
import { isPingOwed, sendOwedPing } from "./icmp";
import { isConfigured, nextHopOf } from "./interface";
import { Straight, sendStraight } from "./straight-out";
import { sendSegment } from "./transmitter";

/**
 * Sends what can be sent. True when more is left: the budget ran out or the transmitter is BUSY.
 */
export function runEgress(): bool {
  if (!isConfigured()) return false;
  if (isPingOwed() && !sendOwedPing()) return true;
  let budget = EGRESS_BUDGET;
  while (budget != 0) {
    const flow = nextPendingFlow();
    if (flow == 0) break;
    if (!takeTurn(flow)) return true;
    --budget;
  }
  return !sendAllArp() || isAnyPending();
}

/** At most as many requests as the table has entries, and one defence. False when BUSY. */
function sendAllArp(): bool {
  while (isArpOwed()) {
    if (!sendOwedArp()) return false;
  }
  return true;
}

/**
 * The same where only flows want to send, and one does: each goes straight if it can. This is the
 * only place for that, so that compilers make no call of it, which saves an interpreter 150
 * instructions for each segment. SENT: that was all; BUSY: flows are left, for the next `poll`;
 * NOT: something else may be left, for `runEgress`.
 */
export function sendPending(nowMs: u32): Straight {
  for (let budget = EGRESS_BUDGET; budget != 0; --budget) {
    const flow = firstPendingFlow();
    const straight = sendStraight(flow, nowMs);
    if (straight == Straight.NOT ? !takeTurn(flow) : straight == Straight.BUSY) {
      return Straight.BUSY;
    }
    if (isNothingDue()) return Straight.SENT;
    if (!isAnyPending()) return Straight.NOT;
  }
  sendAllArp();
  return Straight.BUSY;
}

/** Sends the OutSegment that a deadline has filled, if that can be done now. */
export function sendAtOnce(): void {
  const segment = outSegment();
  const neighbour = neighbourOf(segment);
  if (neighbour > NEIGHBOUR_FAILED) sendSegment(neighbourMac(neighbour), segment);
}

/** What `resolve` says of the next hop. */
@inline function neighbourOf(segment: OutSegment): usize {
  const nextHop = nextHopOf(segment.remoteAddress);
  return nextHop == 0 ? NEIGHBOUR_FAILED : resolve(nextHop);
}

/** Sends one segment of a flow, or takes it off the list. False when the transmitter is BUSY. */
function takeTurn(flow: usize): bool {
  if (!prepareSegment(flow)) {
    finishFlow(flow);
    return true;
  }
  const segment = outSegment();
  const neighbour = neighbourOf(segment);
  if (neighbour <= NEIGHBOUR_FAILED) {
    if (neighbour == NEIGHBOUR_FAILED) flowUnreachable(flow);
    parkFlow(flow);
    return true;
  }
  if (!sendSegment(neighbourMac(neighbour), segment)) return false;
  if (takeDoubt(flow)) doubtNeighbour(neighbour);
  commitSegment(flow);
  if (HAS_STRAIGHT && hasSaidAll(flow)) finishFlow(flow);
  else rotateFlow(flow);
  return true;
}
