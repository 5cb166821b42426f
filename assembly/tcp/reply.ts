/**
 * The one stateless reply that an arriving segment may draw: RST, or an ACK from a record that has
 * no TCB.
 *
 * RFC 9293 §3.10.7. Written by tcp/arrives and its leaves, emitted and cleared by netif/ingress
 * before the next frame. A reply that the transmitter refuses is lost, as the network might lose
 * it.
 */
import { Counter } from "../core/abi";
import { count } from "../core/counters";
import { Ctl } from "../wire/tcp";
import { Segment } from "./segment";

@unmanaged @final export class Reply {
  /** 1 while a reply waits to be emitted. */
  pending: u32;
  localAddress: u32;
  remoteAddress: u32;
  ports: u32;
  seq: u32;
  ack: u32;
  flags: u32;
  wnd: u32;
  /** TTL and TOS (tcp/marks). */
  marks: u16;
  tsVal: u32;
  tsEcr: u32;
  hasTimestamps: bool;
}
const REPLY: usize = memory.data(offsetof<Reply>(), 8);

@inline export function reply(): Reply {
  return changetype<Reply>(REPLY);
}

/** Answers `segment` with `flags`; `seq` and `ack` as given, an empty window. */
export function replyWith(segment: Segment, flags: u32, seq: u32, ack: u32): void {
  const answer = reply();
  answer.pending = 1;
  answer.localAddress = segment.localAddress;
  answer.remoteAddress = segment.remoteAddress;
  answer.ports = segment.ports;
  answer.seq = seq;
  answer.ack = ack;
  answer.flags = flags;
  answer.wnd = 0;
  answer.marks = segment.answerMarks;
  answer.hasTimestamps = false;
}

/**
 * The reset of a segment that no connection wants (RFC 9293 §3.10.7.1): nothing for a RST, else an
 * RST with a sequence number that the sender must accept.
 */
export function replyReset(segment: Segment): void {
  if (segment.has(Ctl.RST)) return;
  count(Counter.RESETS_OUT);
  if (segment.has(Ctl.ACK)) replyWith(segment, Ctl.RST, segment.ack, 0);
  else replyWith(segment, Ctl.RST | Ctl.ACK, 0, segment.seq + segment.length);
}

/** Puts the timestamps option into the reply at hand. */
export function stampReply(tsVal: u32, tsEcr: u32): void {
  const answer = reply();
  answer.hasTimestamps = true;
  answer.tsVal = tsVal;
  answer.tsEcr = tsEcr;
}
