/**
 * ICMP errors that quote a segment of ours.
 *
 * RFC 9293 §3.9.2.2, RFC 5461, RFC 5927. The quoted sequence number must be one that is in flight,
 * or a stranger's guess would do. A hard error refuses a connection that is being opened; once it is
 * synchronized every error is soft: remembered, and given as the reason if the user timeout follows.
 * Called by netif/icmp.
 */
import { EndReason, State } from "../core/abi";
import { findFlow } from "./demux";
import { endConnection } from "./end";
import { Flow, FlowKind } from "./flow";
import { seqGe, seqLt } from "./seq";
import { Flag, Tcb, raiseFlag, stateOfTcb } from "./tcb";

/**
 * @param hard port or protocol unreachable
 * @param ports remote port in the upper half, local port in the lower
 * @param seq the sequence number of the quoted segment
 * @returns false if it quotes nothing that is in flight
 */
export function icmpErrorArrives(hard: bool, remoteAddress: u32, ports: u32, seq: u32): bool {
  const flow = findFlow(remoteAddress, ports);
  if (flow == null || flow.kind != FlowKind.CONNECTION) return false;
  const tcb = changetype<Tcb>(flow);
  if (!(seqGe(seq, tcb.sndUna) && seqLt(seq, tcb.sndNxt))) return false;
  if (hard && stateOfTcb(tcb) == State.SYN_SENT) endConnection(tcb, EndReason.REFUSED);
  else raiseFlag(tcb, Flag.SOFT_ERROR);
  return true;
}

/** The next hop of this flow does not answer ARP: a soft error, if it has a user. */
export function flowUnreachable(flow: usize): void {
  if (changetype<Flow>(flow).kind != FlowKind.CONNECTION) return;
  raiseFlag(changetype<Tcb>(flow), Flag.SOFT_ERROR);
}
