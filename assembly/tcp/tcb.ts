/**
 * The transmission control block: everything a connection needs, in one fixed record beside its two
 * fixed rings; its pool; and the state diagram, asserted.
 *
 * RFC 9293 §3.3.1 (variables), §3.3.2 (states). A TCB lives from OPEN (or the completed handshake
 * of a passive one) until its handle is released and nothing is left to send. It never touches
 * frames.
 *
 * Sequence numbers on the send side, in order:
 *
 *     sndUna … acknowledged up to here       sndEnd … after the last octet the user sent;
 *     sndCursor … the next to be sent, behind         our FIN, once CLOSE was called,
 *                 sndNxt after a time-out or probe    has the number sndEnd
 *     sndNxt … sent up to here
 */
import {
  CONNECTION_COUNT,
  HAS_OUT_OF_ORDER,
  HAS_SACK,
  HAS_STRAIGHT,
  HAS_TIMESTAMPS,
  RECEIVE_RING_OCTETS,
  SEND_RING_OCTETS,
} from "../config";
import { EndReason, State } from "../core/abi";
import { FIRST_CONNECTION_DEADLINE } from "../core/deadlines";
import { forgetExpected } from "./expected";
import { connectionEntry, enqueueReady, withdrawReady } from "./ready";
import { seqLe, seqLt } from "./seq";
import { RangeList } from "./ranges";
import { randomWord } from "../core/random";
import { FlowKind, ListedFlow, TCB_OFFSET, flowAt, flowAtOffset, linkTo, offsetOf } from "./flow";
import { RECEIVED_OFFSET, TCB_FIELDS_SIZE, TCB_SIZE } from "./tcb-layout";

/**
 * Bits of `Tcb.flags`, those first that most places name: a small constant is short in Wasm.
 */
export const enum Flag {
  /** CLOSE was called: our FIN follows the last octet sent. */
  SEND_CLOSED = 1 << 0,
  /**
   * The retransmission deadline is the persist timer's: a window or a SEND too small is waited for.
   */
  PERSISTING = 1 << 1,
  /** Full close: the user will not RECEIVE any more. */
  RECEIVE_CLOSED = 1 << 2,
  /** Completed its handshake for a listener, not yet accepted. */
  UNACCEPTED = 1 << 3,
  /** Our SYN is not acknowledged: SND.UNA is the ISS, and the text begins one behind it. */
  SYN_OUTSTANDING = 1 << 4,
  /** The handle was given back, the record is freed as soon as the connection allows. */
  RELEASED = 1 << 5,
  /** An RST is to be sent, and is the last thing to be sent. */
  RESET_DUE = 1 << 6,
  /** The segment that begins at `rttSeq` is being timed. */
  TIMING = 1 << 7,
  /** A window probe is to be sent (RFC 9293 §3.8.6.1). */
  PROBE_DUE = 1 << 8,
  /** A SEND was refused or cut short: the user waits for WRITABLE. */
  WRITE_BLOCKED = 1 << 9,
  /** The peer's FIN was received in order. */
  PEER_CLOSED = 1 << 10,
  /** The peer's FIN came, perhaps ahead of missing data; `rcvFin` is its sequence number. */
  FIN_SEEN = 1 << 11,
  /** Our SYN had to be sent again (RFC 6298 §5.7). */
  SYN_REPEATED = 1 << 12,
  /** The last SEND filled the ring: the user goes on as soon as there is room. */
  SEND_CUT = 1 << 13,
  NO_DELAY = 1 << 14,
  /** A probe of keep-alive is to be sent, which a wake asks for too (RFC 9293 §3.8.4). */
  KEEP_ALIVE_DUE = 1 << 15,
  /** The data received is void: after a reset, a time-out or an abort. */
  FLUSHED = 1 << 16,
  /** The user wants each acknowledgement at once. */
  NO_DELAYED_ACK = 1 << 17,
  /** The user does not want to hear of soft errors. */
  QUIET = 1 << 18,
  /** One segment from SND.UNA is to be sent again at once (RFC 5681 §3.2). */
  RETRANSMIT_DUE = 1 << 19,
  /** Both SYNs carried a window scale (RFC 7323 §2.2). */
  WINDOW_SCALE = 1 << 20,
  /** Between a fast retransmit and the acknowledgement of `recover` (RFC 6582). */
  RECOVERING = 1 << 21,
  /** Both SYNs carried timestamps (RFC 7323 §3.2). */
  TIMESTAMPS = 1 << 22,
  /** Both SYNs permitted SACK (RFC 2018 §2). */
  SACK = 1 << 23,
  /** Both SYNs spoke of ECN, or ours asks for it (tcp/ecn). */
  ECN = 1 << 24,
  /** Text came that the network had marked: every ACK says so until CWR comes. */
  ECE_DUE = 1 << 25,
  /** The window was cut: the next new text says so. */
  CWR_DUE = 1 << 26,
  /** Urgent data is not acknowledged yet: up to SND.UP (tcp/urgent). */
  URGENT = 1 << 27,
  /** The user wants keep-alive probes (RFC 9293 §3.8.4). */
  KEEP_ALIVE = 1 << 28,
  /** R1 was reached: the next hop is to be asked whether it is there (tcp/trouble). */
  NEXT_HOP_IN_DOUBT = 1 << 29,
  /** The rescue retransmission of this recovery was sent (RFC 6675 §4, NextSeg rule 4). */
  RESCUED = 1 << 30,
  /** What its frames look like is not known, or nothing may be expected (tcp/template). */
  UNLEARNT = 1 << 31,
}

/**
 * What makes a connection unusual: while one of these is up, its segments do not go straight, or
 * not the way of the others (netif/straight-in).
 */
@inline export const UNUSUAL: u32 =
  Flag.SEND_CLOSED | Flag.RECEIVE_CLOSED | Flag.RELEASED | Flag.PEER_CLOSED | Flag.FIN_SEEN |
  Flag.RESET_DUE | Flag.RETRANSMIT_DUE | Flag.PROBE_DUE | Flag.PERSISTING | Flag.RECOVERING |
  Flag.UNACCEPTED | Flag.FLUSHED | Flag.TIMESTAMPS | Flag.ECN | Flag.URGENT |
  Flag.SYN_OUTSTANDING | Flag.KEEP_ALIVE_DUE | Flag.UNLEARNT;

/** Bits of `Tcb.timers`: which of its deadlines run. */
export const enum Timer {
  RETRANSMISSION = 1,
  DELAYED_ACK = 2,
  USER_TIMEOUT = 4,
  /** In the place of the user timeout, while nothing is outstanding (tcp/keep-alive). */
  KEEP_ALIVE = 8,
  /** The end of a reordering window, or a tail loss probe (tcp/rack). */
  LOSS = 16,
  /** The retransmission timer holds new text back as well (tcp/ecn). */
  ECN_HOLD = 32,
}

@unmanaged @final export class Tcb extends ListedFlow {
  // Send sequence variables.
  iss: u32;
  sndUna: u32;
  sndCursor: u32;
  sndNxt: u32;
  sndEnd: u32;
  sndWnd: u32;
  sndWl1: u32;
  /**
   * The largest window the peer ever offered: MAX.SND.WND of RFC 5961, Fs of RFC 9293 §3.8.6.2.1.
   */
  sndWndMax: u32;

  // Receive sequence variables.
  irs: u32;
  rcvNxt: u32;
  /** The right edge that was advertised: RCV.NXT + RCV.WND. */
  rcvAdv: u32;
  /** The next octet that the user will RECEIVE. */
  rcvRead: u32;
  rcvFin: u32;
  /** The acknowledgement number last sent. */
  rcvAcked: u32;

  // What most places name stands within the first 128 octets: a small offset is short in Wasm.
  flags: u32;
  sndMss: u16;
  /**
   * The largest segment the peer has sent, at least 536 from its SYN on: what "full-sized" means
   * for the delayed ACK.
   */
  rcvMss: u16;
  /** Offsets into the rings: of the octet SND.UNA, and of the octet `rcvRead`. */
  sendOffset: u16;
  receiveOffset: u16;

  generation: u16;
  /** Next in the listener's queue of connections to accept. */
  acceptNext: u16;
  /** The TIME-WAIT record of this connection while both exist. */
  timeWait: u16;

  /** Bits of Event that the user has not taken. */
  events: u16;
  /** TTL and TOS of its segments (tcp/marks). */
  marks: u16;
  /** Since when it has got nowhere, in units of tcp/stall. */
  stalledAt: u16;
  timers: u8;
  endReason: u8;
  duplicateAcks: u8;
  /** How often the RTO was doubled since the last valid RTT sample. */
  backoff: u8;
  /** Time-outs in a row without an answer of the peer. */
  expiries: u8;
  /** The error that the network reported last and no progress has disproved (tcp/trouble). */
  softError: u8;
  /** Acknowledgements to be sent at once; several only for out-of-order data. */
  acksDue: u8;
  /** Snd.Wind.Shift (RFC 7323 §2.2). */
  sndShift: u8;

  // Congestion control and retransmission, in octets and milliseconds.
  cwnd: u32;
  ssthresh: u32;
  /** Octets acknowledged since cwnd last grew in congestion avoidance (RFC 3465). */
  bytesAcked: u32;
  recover: u32;
  rttSeq: u32;
  rttStart: u32;
  /** SRTT × 8 and RTTVAR × 4, 0 before the first sample (RFC 6298 §2). */
  srtt8: u32;
  rttvar4: u32;
  rto: u32;
  lastSentAt: u32;
  retransmits: u32;

  // Deadlines, valid where `timers` has the bit.
  retransmissionAt: u32;
  delayedAckAt: u32;
  /** Also the deadline of keep-alive, while that runs. */
  userTimeoutAt: u32;
  userTimeoutMs: u32;
}
if (offsetof<Tcb>() > TCB_FIELDS_SIZE) ERROR("Tcb layout");

/**
 * The rings are the bulk of the memory. Within functions, because asc lays those out behind all
 * constants: so the small records have small addresses, which take less code.
 */
function sendRings(): usize {
  return memory.data(SEND_RING_OCTETS * CONNECTION_COUNT, 8);
}

function receiveRings(): usize {
  return memory.data(RECEIVE_RING_OCTETS * CONNECTION_COUNT, 8);
}

/** The free TCBs, linked by `hashNext`. */
const FREE_TCBS: usize = memory.data(2, 2);

/** All TCBs free, with drawn generations, so that handles from before do not fit. */
export function resetTcbs(): void {
  store<u16>(FREE_TCBS, 0);
  for (let i = CONNECTION_COUNT; i > 0; --i) {
    const tcb = tcbAt(i - 1);
    tcb.generation = <u16>randomWord();
    tcb.hashNext = load<u16>(FREE_TCBS);
    store<u16>(FREE_TCBS, <u16>linkTo(tcb));
  }
}

/** A wiped TCB in CLOSED with its tuple set, or null when all are taken. */
export function allocateTcb(): Tcb | null {
  const link = <u32>load<u16>(FREE_TCBS);
  if (link == 0) return null;
  const tcb = changetype<Tcb>(flowAt(link));
  store<u16>(FREE_TCBS, tcb.hashNext);
  const generation = tcb.generation;
  memory.fill(changetype<usize>(tcb), 0, TCB_SIZE);
  tcb.generation = generation;
  tcb.kind = <u8>FlowKind.CONNECTION;
  if (HAS_STRAIGHT) tcb.flags = Flag.UNLEARNT;
  return tcb;
}

/** Whether `allocateTcb` would find one. */
export function isTcbFree(): bool {
  return load<u16>(FREE_TCBS) != 0;
}

/** Gives a TCB back to the pool; no list or table may know it any more. */
export function freeTcb(tcb: Tcb): void {
  assert(stateOfTcb(tcb) == State.CLOSED || stateOfTcb(tcb) == State.TIME_WAIT);
  assert(!tcb.isListed);
  withdrawReady(connectionEntry(indexOfTcb(tcb)));
  tcb.generation += 1;
  tcb.kind = <u8>FlowKind.FREE;
  tcb.state = <u8>State.CLOSED;
  tcb.hashNext = load<u16>(FREE_TCBS);
  store<u16>(FREE_TCBS, <u16>linkTo(tcb));
}

@inline export function tcbAt(index: u32): Tcb {
  return changetype<Tcb>(flowAtOffset(TCB_OFFSET + index * TCB_SIZE));
}

@inline export function indexOfTcb(tcb: Tcb): u32 {
  return (offsetOf(tcb) - TCB_OFFSET) / TCB_SIZE;
}

@inline export function deadlineOf(tcb: Tcb): u32 {
  return FIRST_CONNECTION_DEADLINE + indexOfTcb(tcb);
}

@inline export function sendRingOf(tcb: Tcb): usize {
  return sendRings() + indexOfTcb(tcb) * SEND_RING_OCTETS;
}

@inline export function receiveRingOf(tcb: Tcb): usize {
  return receiveRings() + indexOfTcb(tcb) * RECEIVE_RING_OCTETS;
}

/** What arrived ahead of RCV.NXT. */
@inline export function receivedRanges(tcb: Tcb): RangeList {
  return changetype<RangeList>(changetype<usize>(tcb) + RECEIVED_OFFSET);
}

/** Whether something is there behind a hole. */
@inline export function isTextAhead(tcb: Tcb): bool {
  return HAS_OUT_OF_ORDER && receivedRanges(tcb).count != 0;
}

@inline export function has(tcb: Tcb, flag: Flag): bool {
  return (tcb.flags & flag) != 0;
}

@inline export function raiseFlag(tcb: Tcb, flag: Flag): void {
  tcb.flags |= flag;
  if (flag & UNUSUAL) forgetExpected();
}

@inline export function clearFlag(tcb: Tcb, flag: Flag): void {
  tcb.flags &= ~flag;
}

/** Whether both sides agreed on timestamps; never in a build without them. */
@inline export function usesTimestamps(tcb: Tcb): bool {
  return HAS_TIMESTAMPS && has(tcb, Flag.TIMESTAMPS);
}

/** Whether both sides agreed on selective acknowledgements; never in a build without them. */
@inline export function usesSack(tcb: Tcb): bool {
  return HAS_SACK && has(tcb, Flag.SACK);
}

@inline export function stateOfTcb(tcb: Tcb): State {
  return <State>tcb.state;
}

/**
 * Adds `events` (bits of Event) to what the user will be told; nobody is told of a released one.
 */
@inline export function signal(tcb: Tcb, events: u32): void {
  if (has(tcb, Flag.RELEASED)) return;
  tcb.events |= <u16>events;
  // A connection that nobody has accepted yet keeps its events until it has a handle.
  if (!has(tcb, Flag.UNACCEPTED)) enqueueReady(connectionEntry(indexOfTcb(tcb)));
}

/** The number of the first octet in the send ring. */
@inline export function firstTextSeq(tcb: Tcb): u32 {
  return tcb.sndUna + (has(tcb, Flag.SYN_OUTSTANDING) ? 1 : 0);
}

/** Octets in the send ring, sent and unsent: SYN and FIN have numbers but no place there. */
@inline export function queuedOctets(tcb: Tcb): u32 {
  const octets = tcb.sndEnd - firstTextSeq(tcb);
  // With our FIN acknowledged, SND.UNA is one beyond the data.
  return <i32>octets < 0 ? 0 : octets;
}

/** Octets that the user can RECEIVE: all up to RCV.NXT but the peer's FIN. */
@inline export function readableOctets(tcb: Tcb): u32 {
  return tcb.rcvNxt - tcb.rcvRead - (has(tcb, Flag.PEER_CLOSED) ? 1 : 0);
}

/** Neither of what was never sent, nor older than a peer of ours could send (RFC 5961 §5). */
export function isAckPlausible(tcb: Tcb, ack: u32): bool {
  return seqLe(ack, tcb.sndNxt) && !seqLt(ack, tcb.sndUna - tcb.sndWndMax);
}

/** Whether this window is none, or too small to be worth a segment (RFC 9293 §3.8.6.2.1). */
export function isWindowClosed(tcb: Tcb, wnd: u32): bool {
  return wnd == 0 || wnd < min<u32>(tcb.sndMss, tcb.sndWndMax >> 1);
}

/** Whether our FIN was sent and acknowledged. */
@inline export function isFinAcknowledged(tcb: Tcb): bool {
  return has(tcb, Flag.SEND_CLOSED) && tcb.sndUna == tcb.sndEnd + 1;
}

/** The number after everything the user asked to be sent, our FIN included. */
@inline export function sendLimit(tcb: Tcb): u32 {
  return tcb.sndEnd + (has(tcb, Flag.SEND_CLOSED) ? 1 : 0);
}

@inline const TO_CLOSED: i32 = 1 << State.CLOSED;
/**
 * The arrows of RFC 9293 Figure 5 out of each state, as masks of states in the order of State; with
 * the user's ABORT and the ends by RST and user timeout, which lead to CLOSED from everywhere.
 */
const NEXT_STATES: usize = memory.data<i32>([
  // CLOSED: the TCB of a passive open begins with the completed handshake.
  (1 << State.SYN_SENT) | (1 << State.ESTABLISHED),
  0, // LISTEN has no TCB
  (1 << State.SYN_RECEIVED) | (1 << State.ESTABLISHED) | TO_CLOSED, // SYN-SENT
  (1 << State.ESTABLISHED) | (1 << State.FIN_WAIT_1) | TO_CLOSED, // SYN-RECEIVED
  (1 << State.FIN_WAIT_1) | (1 << State.CLOSE_WAIT) | TO_CLOSED, // ESTABLISHED
  (1 << State.FIN_WAIT_2) | (1 << State.CLOSING) | TO_CLOSED, // FIN-WAIT-1
  (1 << State.TIME_WAIT) | TO_CLOSED, // FIN-WAIT-2
  (1 << State.LAST_ACK) | TO_CLOSED, // CLOSE-WAIT
  (1 << State.TIME_WAIT) | TO_CLOSED, // CLOSING
  TO_CLOSED, // LAST-ACK
  TO_CLOSED, // TIME-WAIT
]);

/** Whether RFC 9293 §3.3.2 has an arrow from one state to the other. */
export function isLegalTransition(from: State, to: State): bool {
  return ((load<i32>(NEXT_STATES + (<usize>from << 2)) >> to) & 1) != 0;
}

/** The only way to change a TCB's state. */
export function setState(tcb: Tcb, next: State): void {
  assert(isLegalTransition(stateOfTcb(tcb), next));
  tcb.state = <u8>next;
  forgetExpected();
}
