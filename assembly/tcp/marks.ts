/**
 * What a connection says to routers: TTL and type of service of its datagrams, in 16 bits.
 *
 *     | DSCP (6 bits) | ECN (2 bits) | TTL (8 bits), 0 for the stack's |
 *
 * RFC 9293 §3.9.1.9, §3.9.2; RFC 2474. Each record has marks, but a half-open one, whose listener's
 * hold. Set through socket/tcp, read by whoever fills a segment, taken apart by netif/transmitter.
 */
import { HAS_MARKS } from "../config";
import { Parameter } from "../core/abi";
import { Flow, FlowKind } from "./flow";
import { listenerAt } from "./listener";
import { parameter } from "./parameters";
import { Tcb } from "./tcb";
import { TimeWait } from "./time-wait";

@inline const ECT_0: u16 = 0x0200;
@inline const TTL_MASK: u32 = 0x00ff;
@inline const TOS_SHIFT: u32 = 8;
@inline const DSCP_SHIFT: u32 = 10;
@inline const DSCP_MASK: u32 = 0xfc00;

/** What the segments of this flow carry, as the user has set it. */
export function marksOf(flow: Flow): u16 {
  if (!HAS_MARKS) return 0;
  switch (<FlowKind>flow.kind) {
    case FlowKind.CONNECTION:
      return changetype<Tcb>(flow).marks;
    case FlowKind.HALF_OPEN:
      return listenerAt(flow.listener).marks;
    default:
      return changetype<TimeWait>(flow).marks;
  }
}

@inline export function withTtl(marks: u16, ttl: u32): u16 {
  return <u16>((<u32>marks & ~TTL_MASK) | ttl);
}

@inline export function withDscp(marks: u16, dscp: u32): u16 {
  return <u16>((<u32>marks & ~DSCP_MASK) | (dscp << DSCP_SHIFT));
}

/** With ECT(0), which says that the network may mark (RFC 3168 §5). */
@inline export function withEct(marks: u16): u16 {
  return marks | ECT_0;
}

/** Time to live: the connection's own, or the stack's. */
@inline export function ttlOf(marks: u32): u32 {
  const ttl = HAS_MARKS ? marks & TTL_MASK : 0;
  return ttl != 0 ? ttl : parameter(Parameter.TTL);
}

/** The second octet of the IPv4 header. */
@inline export function tosOf(marks: u32): u32 {
  return marks >> TOS_SHIFT;
}
