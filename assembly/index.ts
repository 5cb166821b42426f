/**
 * The module's exports: the boundary that `hal/README.md` specifies. Functions only, no logic
 * beyond calling each layer in its turn.
 *
 * Called by the HAL, and re-exported by application modules. Nothing else in assembly/ imports it.
 */
import * as config from "./config";
import { disturb, isCalm, isNothingDue, noteCalm } from "./core/due";
import { Abi, Counter, Feature, Limit, Status, Work } from "./core/abi";
import { setNow } from "./core/clock";
import { resetCounters } from "./core/counters";
import {
  ARP_DEADLINE,
  DEADLINE_ENTRY_SIZE,
  FIRST_CONNECTION_DEADLINE,
  FIRST_HALF_OPEN_DEADLINE,
  NEVER,
  TIME_WAIT_DEADLINE,
  isQuiet,
  moveWheel,
  nextDeadline,
  quietTime,
  resetDeadlines,
  takeDueDeadline,
} from "./core/deadlines";
import { seedRandom, stirRandom } from "./core/random";
import { arpDeadlineReached, isArpOwed, resetArp } from "./netif/arp";
import { runEgress, sendAtOnce, sendPending } from "./netif/egress";
import { isPingOwed, resetIcmp } from "./netif/icmp";
import { frameArrives, plainFrameArrives } from "./netif/ingress";
import { bringInterfaceUp, isInterfaceUp, resetInterface } from "./netif/interface";
import { PLAIN } from "./netif/plain-segment";
import { takeStraight } from "./netif/straight-in";
import { Straight } from "./netif/straight-out";
import { reassemblyDeadlineReached, resetReassembly } from "./netif/reassembly";
import { resetTransmitter } from "./netif/transmitter";
import { forgetHandle } from "./socket/handles";
import { resetCalls } from "./tcp/calls";
import { resetDemux } from "./tcp/demux";
import { resetEviction } from "./tcp/eviction";
import { HALF_OPEN_SIZE, TIME_WAIT_SIZE, resetFlows } from "./tcp/flow";
import { halfOpenDeadlineReached, resetHalfOpens } from "./tcp/half-open";
import { resetIsn } from "./tcp/isn";
import { resetListeners } from "./tcp/listener";
import { resetParameters } from "./tcp/parameters";
import { resetPending } from "./tcp/pending";
import { resetSynCookies } from "./tcp/syn-cookies";
import { READY_ENTRY_SIZE, resetReady } from "./tcp/ready";
import { resetTcbs } from "./tcp/tcb";
import { TCB_SIZE } from "./tcp/tcb-layout";
import { resetTimeWait, timeWaitDeadlineReached } from "./tcp/time-wait";
import { forgetExpected } from "./tcp/expected";
import { connectionDeadlineReached } from "./tcp/timeouts";
import { askPeers } from "./tcp/wake";

export { counterAddress } from "./core/counters";
export { dueAddress } from "./core/due";
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
  (config.HAS_ECN ? Feature.ECN : 0) |
  (config.HAS_WINDOW_SCALE ? Feature.WINDOW_SCALE : 0) |
  (config.HAS_OUT_OF_ORDER ? Feature.OUT_OF_ORDER : 0) |
  (config.HAS_FAST_RETRANSMIT ? Feature.FAST_RETRANSMIT : 0) |
  (config.HAS_EVICTION ? Feature.EVICTION : 0) |
  (config.HAS_PING ? Feature.PING : 0) |
  (config.HAS_MARKS ? Feature.MARKS : 0) |
  (config.HAS_TROUBLE ? Feature.TROUBLE : 0);

/** The version of the boundary. */
export function abiVersion(): u32 {
  return Abi.VERSION;
}

/** The limits in the order of `Limit`. */
const LIMITS: usize = memory.data<i32>([
  config.RX_SLOT_COUNT,
  config.FRAME_OCTETS_MAX,
  config.CONNECTION_COUNT,
  config.SEND_RING_OCTETS,
  config.RECEIVE_RING_OCTETS,
  config.HALF_OPEN_COUNT,
  config.TIME_WAIT_COUNT,
  config.LISTENER_COUNT,
  config.ARP_COUNT,
  TCB_SIZE + DEADLINE_ENTRY_SIZE + READY_ENTRY_SIZE,
  TIME_WAIT_SIZE,
  HALF_OPEN_SIZE + DEADLINE_ENTRY_SIZE,
  Counter.COUNT,
  config.REASSEMBLY_COUNT,
  FEATURES,
]);

/** A compile-time limit of this module, see `Limit`. */
export function limit(which: u32): i32 {
  if (which > <u32>Limit.FEATURES) return Status.BAD_ARGUMENT;
  return load<i32>(LIMITS + (which << 2));
}

/**
 * Forgets everything and starts at `nowMs`, with this maximum segment lifetime (0: the default).
 */
export function init(nowMs: u32, mslMs: u32): i32 {
  const msl = mslMs == 0 ? MSL_DEFAULT_MS : mslMs;
  setNow(nowMs);
  disturb();
  forgetExpected();
  forgetHandle();
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
  resetIsn();
  if (msl < MSL_MIN_MS || msl > MSL_MAX_MS) return Status.BAD_ARGUMENT;
  bringInterfaceUp();
  return Status.OK;
}

/** The memory was put away and is taken up again: new entropy, and all peers are asked. */
export function wake(): i32 {
  stirRandom();
  askPeers();
  return Status.OK;
}

/** Where to write the next received frame. */
export function rxSlotAddress(slot: u32): i32 {
  if (slot >= config.RX_SLOT_COUNT) return Status.BAD_ARGUMENT;
  return <i32>(RX_SLOTS + slot * RX_SLOT_STRIDE);
}

/** Takes a frame of `length` octets out of a slot; answers with a `Work`. */
export function frameReceived(slot: u32, length: u32, nowMs: u32): i32 {
  const frame = RX_SLOTS + slot * RX_SLOT_STRIDE;
  // Where a frame can go straight, the interface is up.
  if (config.HAS_STRAIGHT && slot < config.RX_SLOT_COUNT) {
    const work = takeStraight(frame, length, nowMs);
    if (work >= 0) return work;
    if (!isInterfaceUp()) return Status.NOT_CONFIGURED;
    if (work == PLAIN) {
      plainFrameArrives(frame, length);
      return Work.ASKED;
    }
  }
  if (!isInterfaceUp()) return Status.NOT_CONFIGURED;
  if (slot >= config.RX_SLOT_COUNT) return Status.BAD_ARGUMENT;
  setNow(nowMs);
  frameArrives(frame, length);
  return Work.ASKED;
}

/** Does what is due at `nowMs`, transmits, and returns the milliseconds to the next deadline. */
@inline export function poll(nowMs: u32): u32 {
  if (config.HAS_STRAIGHT && isNothingDue()) {
    // Asked apart: of both questions in one condition wasm-opt makes a value, which costs a copy.
    if (isQuiet(nowMs)) {
      setNow(nowMs);
      moveWheel(nowMs);
      return quietTime(nowMs);
    }
  }
  return pollDue(nowMs);
}

/** The same where something is due, or may be. */
function pollDue(nowMs: u32): u32 {
  if (config.HAS_STRAIGHT && isCalm() && isQuiet(nowMs)) {
    setNow(nowMs);
    moveWheel(nowMs);
    const straight = sendPending(nowMs);
    if (straight == Straight.SENT) return quietTime(nowMs);
    return straight == Straight.NOT ? pollThoroughly(nowMs) : AGAIN_MS;
  }
  if (!isInterfaceUp()) return NEVER;
  setNow(nowMs);
  return pollThoroughly(nowMs);
}

/** The deadlines that are due, and everything that is owed. */
function pollThoroughly(nowMs: u32): u32 {
  for (let i: u32 = 0; i < config.EXPIRY_BUDGET; ++i) {
    if (config.HAS_STRAIGHT && isQuiet(nowMs)) {
      moveWheel(nowMs);
      break;
    }
    const id = takeDueDeadline(nowMs);
    if (id == 0) break;
    deadlineReached(id);
  }
  if (runEgress()) {
    // A deadline may have brought what could not leave. Flows may go straight with the next poll.
    noteCalm(config.HAS_STRAIGHT && !isPingOwed() && !isArpOwed());
    return AGAIN_MS;
  }
  // Only a ping may still wait, for its neighbour's address.
  noteCalm(!isPingOwed());
  return config.HAS_STRAIGHT && isQuiet(nowMs) ? quietTime(nowMs) : nextDeadline(nowMs);
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
