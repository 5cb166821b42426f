/**
 * SEND and RECEIVE as RFC 9293 has them, with a buffer of the application's: one call each.
 *
 * For applications in the module, which import them from here; only there an address means
 * something to both sides, so they are no exports. A call checks the handle once and copies once,
 * also around the end of a ring; what can work in the rings themselves needs no copy
 * (`tcpReserve`, `tcpPeek`).
 */
import { Status } from "../core/abi";
import * as calls from "../tcp/calls";
import { tcbOf } from "./handles";

/**
 * SEND (RFC 9293 §3.10.2): takes as many of the `octets` at `from` as there is room for, and says
 * how many. WOULD_BLOCK while there is none, and `Event.WRITABLE` follows, as it does after a part;
 * CONNECTION_CLOSING after CLOSE, CONNECTION_ENDED, BAD_HANDLE.
 */
export function tcpSend(handle: i32, from: usize, octets: u32): i32 {
  const tcb = tcbOf(handle);
  return tcb == null ? Status.BAD_HANDLE : calls.send(tcb, from, octets);
}

/**
 * RECEIVE (RFC 9293 §3.10.3): puts what has come, at most `octets` (1 or more), to `to`, and says
 * how many; 0 is end-of-file. Fewer than asked for means that no more has come. WOULD_BLOCK while
 * there is nothing, and `Event.READABLE` follows; CONNECTION_ENDED, BAD_ARGUMENT, BAD_HANDLE.
 */
export function tcpReceive(handle: i32, to: usize, octets: u32): i32 {
  if (octets == 0) return Status.BAD_ARGUMENT;
  const tcb = tcbOf(handle);
  return tcb == null ? Status.BAD_HANDLE : calls.receive(tcb, to, octets);
}
