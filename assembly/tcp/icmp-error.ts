/**
 * ICMP errors that quote a segment of ours.
 *
 * RFC 9293 §3.9.2.2, RFC 5461, RFC 5927. The quoted sequence number must be one that is in flight,
 * or a stranger's guess would do. A hard error refuses a connection that is being opened; once it
 * is synchronized every error is soft: the user is told, and it is the reason if the user timeout
 * follows. Called by netif/icmp and netif/egress.
 */
import { EndReason, SoftError, State } from "../core/abi";
import { IcmpType, UnreachableCode } from "../wire/icmpv4";
import { findFlow } from "./demux";
import { endConnection, reclaimTcb } from "./end";
import { FlowKind } from "./flow";
import { isOfKeepAlive } from "./keep-alive";
import { takeTooBig } from "./pmtud";
import { seqGe, seqLt } from "./seq";
import { withdrawFlow } from "./pending";
import { Flag, Tcb, clearFlag, has, stateOfTcb } from "./tcb";
import { noteSoftError } from "./trouble";

/**
 * @param error ICMP's type << 8 | code
 * @param addresses our address in the upper half, the remote one in the lower
 * @param ports remote port in the upper half, local port in the lower
 * @param seq the sequence number of the quoted segment
 * @returns false if it quotes nothing that is in flight
 */
export function icmpErrorArrives(error: u32, addresses: u64, ports: u32, seq: u32): bool {
  const tcb = findQuoted(addresses, ports, seq);
  if (tcb == null) return false;
  const state = stateOfTcb(tcb);
  const isOpening = state == State.SYN_SENT || state == State.SYN_RECEIVED;
  if (isOpening && isHard(error)) endConnection(tcb, EndReason.REFUSED);
  else noteSoftError(tcb, error);
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
 * Whether the host itself refuses (RFC 1122 §4.2.3.9). "Fragmentation needed", the third code named
 * there, tells of the path, not of the peer (RFC 1191).
 */
function isHard(error: u32): bool {
  if (error >> 8 != IcmpType.DESTINATION_UNREACHABLE) return false;
  const code = error & 0xff;
  return code == UnreachableCode.PROTOCOL || code == UnreachableCode.PORT;
}

/**
 * The next hop of this connection does not answer ARP: a soft error. An RST that cannot leave is
 * given up, since the connection behind it has ended and its record is wanted.
 */
export function flowUnreachable(flow: usize): void {
  const tcb = changetype<Tcb>(flow);
  noteSoftError(tcb, SoftError.NO_NEIGHBOUR);
  if (!has(tcb, Flag.RESET_DUE)) return;
  clearFlag(tcb, Flag.RESET_DUE);
  withdrawFlow(tcb);
  reclaimTcb(tcb);
}
