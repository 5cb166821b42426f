/**
 * Whether a forged segment is one that the stack has to believe. An attacker may hit: then the
 * connection is tainted, and the judges ask less of it. Everything else must leave no trace.
 *
 * The test is the RFC's, with the numbers of the TCB at the moment of delivery: an RST with exactly
 * the number that is due (RFC 5961 §3), a SYN while a connection is being opened, a segment within
 * the window that acknowledges something plausible (§5), with the timestamps that were agreed on,
 * an ICMP error that quotes what is in flight. Called by watch.ts before each frame of a hostile
 * station.
 */
import { Negotiated, State } from "../../hal/host/abi.ts";
import { parseTcpOptions } from "../../hal/host/packet/index.ts";
import { seqDistance } from "../support/sequence.ts";
import type { Attempt } from "./attempts.ts";
import { Ctl, type Packet } from "./packet.ts";
import type { Station } from "./station.ts";
import type { Slot } from "./watch.ts";

const ETHERNET = 14;
const ICMP = 1;
const TCP_HEADER = 20;
const ICMP_HEADER = 8;
const WINDOW_MAX = 65_535;

export function noteForgery(station: Station, packet: Packet): void {
  if (!packet.isIpv4 || !packet.isIntact) return;
  if (packet.isTcp) noteSegment(station, packet);
  else if (packet.octets[ETHERNET + 9] === ICMP) noteIcmp(station, packet);
}

function noteSegment(station: Station, packet: Packet): void {
  const { source, sourcePort, destinationPort } = packet;
  const slot = station.watch.find(source, sourcePort, destinationPort);
  if (slot !== undefined) {
    if (isBelievable(slot, packet)) taint(station, slot.end?.attempt);
    return;
  }
  // No TCB: what a half-open record or a listener makes of it may spoil an opening.
  const tuple = {
    localAddress: source,
    localPort: sourcePort,
    remoteAddress: station.address,
    remotePort: destinationPort,
  };
  for (const attempt of station.world.attempts.openedBy(tuple)) {
    if (attempt.server === undefined) taint(station, attempt);
  }
}

/** Whether an attacker with these numbers has to be believed. */
export function isBelievable(slot: Slot, packet: Packet): boolean {
  const { seq, ack } = packet;
  if (slot.state === State.SYN_SENT) return packet.has(Ctl.SYN) || packet.has(Ctl.RST);
  if (packet.has(Ctl.RST)) return seq === slot.rcvNxt;
  if (packet.has(Ctl.SYN)) return slot.state === State.SYN_RECEIVED;
  if (!packet.has(Ctl.ACK)) return false;
  if ((slot.negotiated & Negotiated.TIMESTAMPS) !== 0 && !hasTimestamps(packet)) return false;
  const window = seqDistance(slot.rcvNxt, slot.rcvEdge);
  const begins = seqDistance(slot.rcvNxt, seq) <= window;
  const last = (seq + Math.max(packet.sequenceLength, 1) - 1) >>> 0;
  const ends = seqDistance(slot.rcvNxt, last) <= window;
  if (!begins && !ends) return false;
  const oldest = (slot.una - (WINDOW_MAX << slot.sndShift)) >>> 0;
  return seqDistance(oldest, ack) <= seqDistance(oldest, slot.nxt);
}

function hasTimestamps(packet: Packet): boolean {
  const header = (packet.octets[packet.tcpAt + 12]! >> 4) * 4;
  const area = packet.octets.subarray(packet.tcpAt + TCP_HEADER, packet.tcpAt + header);
  return parseTcpOptions(area).list.some(({ kind }) => kind === "timestamps");
}

/** An error ends a connection only while it is opened; later it is only told, or makes it slow. */
function noteIcmp(station: Station, packet: Packet): void {
  const quoted = ETHERNET + packet.ipHeaderOctets + ICMP_HEADER;
  const tcp = quoted + (packet.octets[quoted]! & 15) * 4;
  if (tcp + 8 > packet.length) return;
  const remote = packet.u32(quoted + 16);
  const slot = station.watch.find(remote, packet.u16(tcp + 2), packet.u16(tcp));
  if (slot === undefined || slot.state > State.SYN_RECEIVED) return;
  if (packet.u32(tcp + 4) === slot.iss) taint(station, slot.end?.attempt);
}

function taint(station: Station, attempt: Attempt | undefined): void {
  if (attempt === undefined || attempt.isTainted) return;
  attempt.isTainted = true;
  station.world.coverage.total("connections that a forged segment could hit");
}
