/**
 * The one stateless reply that an arriving segment may draw: RST, a record's SYN and ACK, or an ACK
 * from a record that has no TCB.
 *
 * RFC 9293 §3.10.7. Written by tcp/arrives and its leaves into the OutSegment, which nobody else
 * uses until netif/ingress has emitted it, before the next frame. A reply that the transmitter
 * refuses is lost, as the network might lose it.
 */
import { Counter } from "../core/abi";
import { count } from "../core/counters";
import { Ctl } from "../wire/tcp";
import { OutSegment, Segment, beginSegment, outSegment } from "./segment";

/** The reply that `replyWith` or `beginReply` has begun. */
@inline export function reply(): OutSegment {
  return outSegment();
}

/** Begins a reply to `segment`: its addresses are set, and that it has neither options nor text. */
export function beginReply(segment: Segment): OutSegment {
  const out = beginSegment(
    segment.localAddress,
    segment.remoteAddress,
    segment.ports,
    segment.answerMarks,
  );
  out.isReply = true;
  return out;
}

/** Answers `segment` with `flags`; `seq` and `ack` as given, an empty window. */
export function replyWith(segment: Segment, flags: u32, seq: u32, ack: u32): void {
  const out = beginReply(segment);
  out.seq = seq;
  out.ack = ack;
  out.flags = flags;
  out.wnd = 0;
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
