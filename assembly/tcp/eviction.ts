/**
 * Room for a new connection when all TCBs are taken: which of the old ones has to go.
 *
 * RFC 6429 lets a host end connections that wait for a window when it runs out of resources. Only
 * what has got nowhere for a minute goes, and only one for each that finds no room, in this order:
 *
 *     1  ended before anybody accepted it (at once: nothing is lost)
 *     2  released, and closing since
 *     3  accepted by nobody
 *     4  its peer keeps the window closed to what waits to be sent
 *     5  its user does not read from a ring that is full
 *
 * and among equals the one that has waited longest. The peer gets RST, the user EndReason.EVICTED.
 * The TCB is free once that RST has left, in 4 and 5 once the user has released the handle: who
 * asked for it asks again. The walk over all TCBs is bounded, and made ten times a second at most.
 * Called by tcp/half-open and tcp/calls for a TCB, and by tcp/timeouts.
 */
import { CONNECTION_COUNT, HAS_EVICTION } from "../config";
import { Counter, EndReason, State } from "../core/abi";
import { now } from "../core/clock";
import { count } from "../core/counters";
import { endConnection, reclaimTcb, resetConnection } from "./end";
import { FlowKind } from "./flow";
import { listenerAt, removeAcceptable } from "./listener";
import { isRingFull } from "./receive";
import { stallAge } from "./stall";
import {
  Flag,
  Tcb,
  allocateTcb,
  clearFlag,
  has,
  isWindowClosed,
  raiseFlag,
  sendLimit,
  stateOfTcb,
  tcbAt,
} from "./tcb";

/** In units of tcp/stall: at least a minute. */
@inline const STALL_MIN: u32 = 60;
@inline const WALK_INTERVAL_MS: u32 = 100;
/** A rank is in the upper half, the age in the lower: the better victim has the higher number. */
@inline const RANK_SHIFT: u32 = 16;

/** u32: when all TCBs were looked at last. */
const WALKED_AT: usize = memory.data(4, 4);

export function resetEviction(): void {
  if (HAS_EVICTION) store<u32>(WALKED_AT, now() - WALK_INTERVAL_MS);
}

/** A wiped TCB; null when all are taken, though another try may find one. */
@inline export function takeTcb(): Tcb | null {
  const tcb = allocateTcb();
  return !HAS_EVICTION || tcb != null ? tcb : makeRoom();
}

/** The TCB of a connection that has to go, or null. */
function makeRoom(): Tcb | null {
  if (now() - load<u32>(WALKED_AT) < WALK_INTERVAL_MS) return null;
  store<u32>(WALKED_AT, now());
  const victim = findVictim();
  if (victim == null) return null;
  evict(victim);
  return allocateTcb();
}

function findVictim(): Tcb | null {
  let best: u32 = 0;
  let victim: Tcb | null = null;
  for (let i: u32 = 0; i < CONNECTION_COUNT; ++i) {
    const merit = meritOf(tcbAt(i));
    if (merit <= best) continue;
    best = merit;
    victim = tcbAt(i);
  }
  return victim;
}

/** 0 for a connection that stays, else more the sooner it has to go. */
function meritOf(tcb: Tcb): u32 {
  if (tcb.kind != FlowKind.CONNECTION) return 0;
  const state = stateOfTcb(tcb);
  if (state == State.CLOSED) return has(tcb, Flag.UNACCEPTED) ? 5 << RANK_SHIFT : 0;
  const age = stallAge(tcb);
  if (state == State.TIME_WAIT || age < STALL_MIN) return 0;
  if (has(tcb, Flag.RELEASED)) return (4 << RANK_SHIFT) + age;
  if (has(tcb, Flag.UNACCEPTED)) return (3 << RANK_SHIFT) + age;
  if (has(tcb, Flag.SYN_OUTSTANDING)) return 0;
  const waits = tcb.sndUna != sendLimit(tcb);
  if (waits && isWindowClosed(tcb, tcb.sndWnd)) return (2 << RANK_SHIFT) + age;
  return isRingFull(tcb) ? (1 << RANK_SHIFT) + age : 0;
}

/** Ends a connection for another one's sake. Nobody will ask for one that was not accepted. */
export function evict(tcb: Tcb): void {
  count(Counter.EVICTED);
  if (has(tcb, Flag.UNACCEPTED)) {
    removeAcceptable(listenerAt(tcb.listener), tcb);
    clearFlag(tcb, Flag.UNACCEPTED);
    raiseFlag(tcb, Flag.RELEASED);
  }
  const state = stateOfTcb(tcb);
  if (state == State.CLOSED) reclaimTcb(tcb);
  else if (state == State.SYN_SENT) endConnection(tcb, EndReason.EVICTED);
  else resetConnection(tcb, EndReason.EVICTED);
}
