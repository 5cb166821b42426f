/**
 * What a TCB, a half-open record and a TIME-WAIT record have in common: the tuple that names the
 * connection, and the link of the table that holds all three kinds.
 *
 *     FLOW_POOL  | none | TCBs … | half-open records … | TIME-WAIT records … |
 *
 * The three pools lie in one block, so that a link is a u16: the distance from the block's start in
 * units of 8 octets, 0 meaning none. That halves what links cost in every record.
 * Used throughout tcp/. Knows no protocol.
 */
import { CONNECTION_COUNT, HALF_OPEN_COUNT, TIME_WAIT_COUNT } from "../config";
import { TCB_SIZE } from "./tcb-layout";

/** Which kind of record a flow is. */
export const enum FlowKind {
  FREE = 0,
  CONNECTION = 1,
  HALF_OPEN = 2,
  TIME_WAIT = 3,
}

@unmanaged export class Flow {
  remoteAddress: u32;
  /** Remote port in the upper half, local port in the lower. */
  ports: u32;
  localAddress: u32;
  /** Next flow in the bucket of the tuple table, or in the pool's free list. */
  hashNext: u16;
  /** A State in the lower half, a FlowKind in the upper: records are many, octets few. */
  stateAndKind: u8;
  /** The index of the listener of a half-open or not yet accepted connection. */
  listener: u8;

  @inline get state(): u8 {
    return this.stateAndKind & 0x0f;
  }

  @inline set state(state: u8) {
    this.stateAndKind = (this.stateAndKind & 0xf0) | state;
  }

  @inline get kind(): u8 {
    return this.stateAndKind >> 4;
  }

  @inline set kind(kind: u8) {
    this.stateAndKind = (this.stateAndKind & 0x0f) | (kind << 4);
  }

  @inline get remotePort(): u32 {
    return this.ports >> 16;
  }

  @inline get localPort(): u32 {
    return this.ports & 0xffff;
  }
}
/** Octets of the tuple, with which a flow begins. */
@inline const TUPLE_SIZE: u32 = 12;
@inline const FLOW_SIZE: u32 = 16;
if (offsetof<Flow>() != FLOW_SIZE) ERROR("Flow layout");
if (offsetof<Flow>("hashNext") != TUPLE_SIZE) ERROR("Flow layout: the tuple comes first");

/** What a TCB and a TIME-WAIT record have beyond: a half-open record is on no list. */
@unmanaged export class ListedFlow extends Flow {
  /** Neighbours in a list: of those that have something to send (tcp/pending), or in TIME-WAIT. */
  listNext: u16;
  listPrevious: u16;
  /** Whether it is on one of tcp/pending's lists. */
  isListed: bool;
  /** Challenge ACKs sent in the second that `challengeSecond` names (tcp/challenge). */
  challengesSent: u8;
  challengeSecond: u8;
}

/** The first and the last flow of a doubly linked list, as links. */
@unmanaged export class FlowList {
  first: u16;
  last: u16;
}

/** Record sizes: multiples of 8, checked where the classes are. The TCB's is in tcp/tcb-layout. */
@inline export const HALF_OPEN_SIZE: u32 = 32;
@inline export const TIME_WAIT_SIZE: u32 = 48;

@inline const LINK_UNIT: u32 = 8;
const FLOW_POOL: usize = memory.data(
  LINK_UNIT +
    CONNECTION_COUNT * TCB_SIZE +
    HALF_OPEN_COUNT * HALF_OPEN_SIZE +
    TIME_WAIT_COUNT * TIME_WAIT_SIZE,
  8,
);
@inline export const TCB_OFFSET: u32 = LINK_UNIT;
@inline export const HALF_OPEN_OFFSET: u32 = TCB_OFFSET + CONNECTION_COUNT * TCB_SIZE;
@inline export const TIME_WAIT_OFFSET: u32 = HALF_OPEN_OFFSET + HALF_OPEN_COUNT * HALF_OPEN_SIZE;
@inline const POOL_END: u32 = TIME_WAIT_OFFSET + TIME_WAIT_COUNT * TIME_WAIT_SIZE;
if (POOL_END > LINK_UNIT * 0xffff) ERROR("flow pool: a link has 16 bits");

/** The links of TCBs are below it. */
@inline export const TCB_LINKS_END: u32 = HALF_OPEN_OFFSET / LINK_UNIT;

/** Gives `to` the tuple of `from`. */
export function copyTuple(to: Flow, from: Flow): void {
  memory.copy(changetype<usize>(to), changetype<usize>(from), TUPLE_SIZE);
}

/** Wipes all three pools. */
export function resetFlows(): void {
  memory.fill(FLOW_POOL, 0, POOL_END);
}

/** The link that names `flow`. */
@inline export function linkTo(flow: Flow): u32 {
  return <u32>((changetype<usize>(flow) - FLOW_POOL) / LINK_UNIT);
}

/** The flow that a link names; the link must not be 0. */
@inline export function flowAt(link: u32): Flow {
  return changetype<Flow>(FLOW_POOL + link * LINK_UNIT);
}

/** The flow that a link names, of one of the kinds that lists hold. */
@inline export function listedAt(link: u32): ListedFlow {
  return changetype<ListedFlow>(flowAt(link));
}

/** Puts a flow that is on no list at the end of one. */
@inline export function appendFlow(list: FlowList, flow: ListedFlow): void {
  const link = linkTo(flow);
  const last = <u32>list.last;
  flow.listNext = 0;
  flow.listPrevious = <u16>last;
  if (last != 0) listedAt(last).listNext = <u16>link;
  else list.first = <u16>link;
  list.last = <u16>link;
}

/** Takes a flow off the list on which it is. */
@inline export function unlinkFlow(list: FlowList, flow: ListedFlow): void {
  const next = <u32>flow.listNext;
  const previous = <u32>flow.listPrevious;
  if (previous != 0) listedAt(previous).listNext = <u16>next;
  else list.first = <u16>next;
  if (next != 0) listedAt(next).listPrevious = <u16>previous;
  else list.last = <u16>previous;
}

/** The flow at a byte offset into the block, for the pools. */
@inline export function flowAtOffset(offset: u32): Flow {
  return changetype<Flow>(FLOW_POOL + offset);
}

/** The byte offset of `flow` in the block, for the pools. */
@inline export function offsetOf(flow: Flow): u32 {
  return <u32>(changetype<usize>(flow) - FLOW_POOL);
}
