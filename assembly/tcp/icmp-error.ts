/**
 * ICMP errors that quote a segment of ours.
 *
 * RFC 9293 §3.9.2.2, RFC 5461, RFC 5927. The quoted sequence number must be one that is in flight,
 * or a stranger's guess would do. A hard error refuses a connection that is being opened; once it
 * is synchronized every error is soft: remembered, and given as the reason if the user timeout
 * follows. Called by netif/icmp.
 */
import { EndReason, State } from "../core/abi";
import { findFlow } from "./demux";
import { endConnection, reclaimTcb } from "./end";
import { FlowKind } from "./flow";
import { isOfKeepAlive } from "./keep-alive";
import { takeTooBig } from "./pmtud";
import { seqGe, seqLt } from "./seq";
import { withdrawFlow } from "./pending";
import { Flag, Tcb, clearFlag, has, raiseFlag, stateOfTcb } from "./tcb";

/**
 * @param hard port or protocol unreachable
 * @param addresses our address in the upper half, the remote one in the lower
 * @param ports remote port in the upper half, local port in the lower
 * @param seq the sequence number of the quoted segment
 * @returns false if it quotes nothing that is in flight
 */
export function icmpErrorArrives(hard: bool, addresses: u64, ports: u32, seq: u32): bool {
  const tcb = findQuoted(addresses, ports, seq);
  if (tcb == null) return false;
  if (hard && stateOfTcb(tcb) == State.SYN_SENT) endConnection(tcb, EndReason.REFUSED);
  else raiseFlag(tcb, Flag.SOFT_ERROR);
  return true;
}

/** The same for "fragmentation needed". `sizes`: as tcp/pmtud takes them. */
export function tooBigArrives(addresses: u64, ports: u32, seq: u32, sizes: u32): bool {
  const tcb = findQuoted(addresses, ports, seq);
  return tcb != null && takeTooBig(tcb, seq, sizes);
}

/** The connection that has the quoted octet in flight, or null. */
function findQuoted(addresses: u64, ports: u32, seq: u32): Tcb | null {
  const flow = findFlow(<u32>(addresses >> 32), <u32>addresses, ports);
  if (flow == null || flow.kind != FlowKind.CONNECTION) return null;
  const tcb = changetype<Tcb>(flow);
  const isInFlight = seqGe(seq, tcb.sndUna) && seqLt(seq, tcb.sndNxt);
  return isInFlight || isOfKeepAlive(tcb, seq) ? tcb : null;
}

/**
 * The next hop of this connection does not answer ARP: a soft error. An RST that cannot leave is
 * given up, since the connection behind it has ended and its record is wanted.
 */
export function flowUnreachable(flow: usize): void {
  const tcb = changetype<Tcb>(flow);
  raiseFlag(tcb, Flag.SOFT_ERROR);
  if (!has(tcb, Flag.RESET_DUE)) return;
  clearFlag(tcb, Flag.RESET_DUE);
  withdrawFlow(tcb);
  reclaimTcb(tcb);
}
