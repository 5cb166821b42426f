/**
 * The module's exports: the boundary that `hal/README.md` specifies. Functions only, no logic
 * beyond calling each layer in its turn.
 *
 * Called by the HAL, and re-exported by application modules. Nothing else in assembly/ imports it.
 */
import * as config from "./config";
import { Abi, Counter, Feature, Limit, Status } from "./core/abi";
import { now, setNow } from "./core/clock";
import { resetCounters } from "./core/counters";
import {
  ARP_DEADLINE,
  DEADLINE_ENTRY_SIZE,
  FIRST_CONNECTION_DEADLINE,
  FIRST_HALF_OPEN_DEADLINE,
  NEVER,
  TIME_WAIT_DEADLINE,
  nextDeadline,
  resetDeadlines,
  takeDueDeadline,
} from "./core/deadlines";
import { seedRandom } from "./core/random";
import { arpDeadlineReached, resetArp } from "./netif/arp";
import { runEgress, sendAtOnce } from "./netif/egress";
import { resetIcmp } from "./netif/icmp";
import { frameArrives } from "./netif/ingress";
import { bringInterfaceUp, isInterfaceUp, resetInterface } from "./netif/interface";
import { reassemblyDeadlineReached, resetReassembly } from "./netif/reassembly";
import { resetTransmitter } from "./netif/transmitter";
import { resetCalls } from "./tcp/calls";
import { resetDemux } from "./tcp/demux";
import { resetEviction } from "./tcp/eviction";
import { HALF_OPEN_SIZE, TIME_WAIT_SIZE, resetFlows } from "./tcp/flow";
import { halfOpenDeadlineReached, resetHalfOpens } from "./tcp/half-open";
import { resetListeners } from "./tcp/listener";
import { resetParameters } from "./tcp/parameters";
import { resetPending } from "./tcp/pending";
import { resetSynCookies } from "./tcp/syn-cookies";
import { READY_ENTRY_SIZE, resetReady } from "./tcp/ready";
import { resetTcbs } from "./tcp/tcb";
import { TCB_SIZE } from "./tcp/tcb-layout";
import { resetTimeWait, timeWaitDeadlineReached } from "./tcp/time-wait";
import { connectionDeadlineReached } from "./tcp/timeouts";

export { counterAddress } from "./core/counters";
export { pingSend, pingTake } from "./netif/icmp";
export { setAddress, setLinkAddress } from "./netif/interface";
export { setParameter } from "./socket/parameters";
export {
  nextReady,
  takeEvents,
  tcpAbort,
  tcpAccept,
  tcpClose,
  tcpCloseWrite,
  tcpCommit,
  tcpConnect,
  tcpConsume,
  tcpListen,
  tcpLookup,
  tcpPeek,
  tcpPeekedAddress,
  tcpRelease,
  tcpReserve,
  tcpReservedAddress,
  tcpSetOption,
  tcpStatus,
  tcpStatusAt,
  tcpUrgent,
} from "./socket/tcp";
export { __data_end, __heap_base };

/** RFC 9293 §3.4.2 takes 2 minutes; 30 s is what hosts use, and what a small pool can bear. */
@inline const MSL_DEFAULT_MS: u32 = 30_000;
@inline const MSL_MIN_MS: u32 = 100;
@inline const MSL_MAX_MS: u32 = 120_000;
/** How soon to poll again when the transmitter was BUSY or the budget ran out. */
@inline const AGAIN_MS: u32 = 0;

/** Slots begin at 2 mod 4, so that the IPv4 header behind 14 octets of Ethernet is aligned. */
const RX_SLOT_STRIDE: u32 = (config.FRAME_OCTETS_MAX + 2 + 3) & ~3;
const RX_SLOTS: usize = memory.data(RX_SLOT_STRIDE * config.RX_SLOT_COUNT, 4) + 2;

/** Mask of Feature. */
@inline const FEATURES: i32 =
  (config.HAS_TIMESTAMPS ? Feature.TIMESTAMPS : 0) |
  (config.HAS_SACK ? Feature.SACK : 0) |
  (config.HAS_KEEP_ALIVE ? Feature.KEEP_ALIVE : 0) |
  (config.HAS_URGENT ? Feature.URGENT : 0) |
  (config.HAS_SYN_COOKIES ? Feature.SYN_COOKIES : 0) |
  (config.HAS_PMTUD ? Feature.PATH_MTU : 0) |
  (config.HAS_ECN ? Feature.ECN : 0);

/** The version of the boundary. */
export function abiVersion(): u32 {
  return Abi.VERSION;
}

/** A compile-time limit of this module, see `Limit`. */
export function limit(which: u32): i32 {
  switch (which) {
    case Limit.RX_SLOT_COUNT:
      return config.RX_SLOT_COUNT;
    case Limit.RX_SLOT_SIZE:
      return config.FRAME_OCTETS_MAX;
    case Limit.CONNECTION_COUNT:
      return config.CONNECTION_COUNT;
    case Limit.SEND_RING_SIZE:
      return config.SEND_RING_OCTETS;
    case Limit.RECEIVE_RING_SIZE:
      return config.RECEIVE_RING_OCTETS;
    case Limit.HALF_OPEN_COUNT:
      return config.HALF_OPEN_COUNT;
    case Limit.TIME_WAIT_COUNT:
      return config.TIME_WAIT_COUNT;
    case Limit.LISTENER_COUNT:
      return config.LISTENER_COUNT;
    case Limit.ARP_COUNT:
      return config.ARP_COUNT;
    case Limit.TCB_SIZE:
      return TCB_SIZE + DEADLINE_ENTRY_SIZE + READY_ENTRY_SIZE;
    case Limit.TIME_WAIT_SIZE:
      return TIME_WAIT_SIZE;
    case Limit.HALF_OPEN_SIZE:
      return HALF_OPEN_SIZE + DEADLINE_ENTRY_SIZE;
    case Limit.COUNTER_COUNT:
      return Counter.COUNT;
    case Limit.REASSEMBLY_COUNT:
      return config.REASSEMBLY_COUNT;
    case Limit.FEATURES:
      return FEATURES;
    default:
      return Status.BAD_ARGUMENT;
  }
}

/**
 * Forgets everything and starts at `nowMs`, with this maximum segment lifetime (0: the default).
 */
export function init(nowMs: u32, mslMs: u32): i32 {
  const msl = mslMs == 0 ? MSL_DEFAULT_MS : mslMs;
  setNow(nowMs);
  seedRandom();
  resetCounters();
  resetDeadlines(nowMs);
  resetInterface();
  resetTransmitter();
  resetArp();
  resetIcmp();
  if (config.REASSEMBLY_COUNT != 0) resetReassembly();
  resetFlows();
  resetDemux();
  resetPending();
  resetReady();
  resetListeners();
  resetParameters();
  resetTcbs();
  resetEviction();
  resetHalfOpens();
  resetSynCookies();
  resetTimeWait(msl);
  resetCalls();
  if (msl < MSL_MIN_MS || msl > MSL_MAX_MS) return Status.BAD_ARGUMENT;
  bringInterfaceUp();
  return Status.OK;
}

/** Where to write the next received frame. */
export function rxSlotAddress(slot: u32): i32 {
  if (slot >= config.RX_SLOT_COUNT) return Status.BAD_ARGUMENT;
  return <i32>(RX_SLOTS + slot * RX_SLOT_STRIDE);
}

/** Takes a frame of `length` octets out of a slot. */
export function frameReceived(slot: u32, length: u32, nowMs: u32): i32 {
  if (!isInterfaceUp()) return Status.NOT_CONFIGURED;
  if (slot >= config.RX_SLOT_COUNT) return Status.BAD_ARGUMENT;
  setNow(nowMs);
  frameArrives(RX_SLOTS + slot * RX_SLOT_STRIDE, length);
  return Status.OK;
}

/** Does what is due at `nowMs`, transmits, and returns the milliseconds to the next deadline. */
export function poll(nowMs: u32): u32 {
  if (!isInterfaceUp()) return NEVER;
  setNow(nowMs);
  for (let i: u32 = 0; i < config.EXPIRY_BUDGET; ++i) {
    const id = takeDueDeadline(nowMs);
    if (id == 0) break;
    deadlineReached(id);
  }
  return runEgress() ? AGAIN_MS : nextDeadline(now());
}

/** Maps an expired entry of core/deadlines to its owner. */
function deadlineReached(id: u32): void {
  if (id >= FIRST_HALF_OPEN_DEADLINE) {
    if (halfOpenDeadlineReached(id - FIRST_HALF_OPEN_DEADLINE)) sendAtOnce();
  } else if (id >= FIRST_CONNECTION_DEADLINE) {
    connectionDeadlineReached(id - FIRST_CONNECTION_DEADLINE);
  } else if (id == TIME_WAIT_DEADLINE) timeWaitDeadlineReached();
  else if (id == ARP_DEADLINE) arpDeadlineReached();
  else if (config.REASSEMBLY_COUNT != 0) reassemblyDeadlineReached();
}
