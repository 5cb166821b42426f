/**
 * The TCP header (RFC 9293 §3.1): views, the checksum, emission in place. Options apart
 * (`tcp-options.ts`).
 *
 * Called by `tcp/segment.ts`, which reads each field once, and by `netif/`. Holds no state.
 */

import { checksumOf, fold, sumHeader } from "../core/checksum";
import { swap16, swap32, swap64 } from "../core/octets";
import { Protocol, pseudoSum } from "./ipv4";

@inline const PORTS: usize = 0;
@inline const SEQ_NUM: usize = 4;
@inline const ACK_NUM: usize = 8;
@inline const DATA_OFFSET: usize = 12;
@inline const CONTROL: usize = 13;
@inline const WINDOW: usize = 14;
@inline const CHECKSUM: usize = 16;
@inline const URGENT_POINTER: usize = 18;
/** Without options. */
@inline export const TCP_HEADER_OCTETS: u32 = 20;

/** The control bits. */
export const enum Ctl {
  FIN = 1,
  SYN = 2,
  RST = 4,
  PSH = 8,
  ACK = 16,
  URG = 32,
  ECE = 64,
  CWR = 128,
}

/** Octets of header and options when they can be trusted: 20 … `octets`. Otherwise 0. */
@inline export function checkTcp(at: usize, octets: u32): u32 {
  if (octets < TCP_HEADER_OCTETS) return 0;
  const headerOctets = tcpDataOffset(at);
  return headerOctets < TCP_HEADER_OCTETS || headerOctets > octets ? 0 : headerOctets;
}

/** Source port << 16 | destination port. */
@inline export function tcpPorts(at: usize): u32 {
  return swap32(load<u32>(at, PORTS));
}

/** SEG.SEQ. */
@inline export function tcpSeq(at: usize): u32 {
  return swap32(load<u32>(at, SEQ_NUM));
}

/** SEG.ACK, which means something only with ACK set. */
@inline export function tcpAck(at: usize): u32 {
  return swap32(load<u32>(at, ACK_NUM));
}

/** Where the text begins, in octets from the header's first. */
@inline export function tcpDataOffset(at: usize): u32 {
  return (<u32>load<u8>(at, DATA_OFFSET) >> 4) << 2;
}

/** A mask of `Ctl`. */
@inline export function tcpFlags(at: usize): u32 {
  return <u32>load<u8>(at, CONTROL);
}

/** SEG.WND, as it stands there. */
@inline export function tcpWindow(at: usize): u32 {
  return swap16(load<u16>(at, WINDOW));
}

/** The urgent pointer, which means something only with URG set. */
@inline export function tcpUrgentPointer(at: usize): u32 {
  return swap16(load<u16>(at, URGENT_POINTER));
}

/** Whether the segment of `octets` octets behind the IPv4 header `ip` holds its own checksum. */
@inline export function isTcpChecksumRight(at: usize, octets: u32, ip: usize): bool {
  return fold(pseudoSum(ip, Protocol.TCP, octets) + sumHeader(at, octets)) == 0xffff;
}

/**
 * Writes a header without checksum; the urgent pointer is 0. `ports`: source << 16 | destination.
 * `seqAndAck`: SEG.SEQ << 32 | SEG.ACK. `control`: as `tcpControl` makes it.
 */
@inline export function emitTcp(at: usize, ports: u32, seqAndAck: u64, control: u32): void {
  store<u32>(at, swap32(ports), PORTS);
  store<u64>(at, swap64(seqAndAck), SEQ_NUM);
  store<u32>(at, swap32(control), DATA_OFFSET);
  store<u32>(at, 0, CHECKSUM); // and the urgent pointer
}

/** Writes the urgent pointer into a header. */
@inline export function emitUrgentPointer(at: usize, pointer: u32): void {
  store<u16>(at, swap16(pointer), URGENT_POINTER);
}

/** The fourth word of a header: its octets, the control bits and the window. */
@inline export function tcpControl(headerOctets: u32, flags: u32, window: u32): u32 {
  return (headerOctets << 26) | (flags << 16) | window;
}

/** Writes the checksum; all of the segment and the IPv4 header `ip` stand there before. */
@inline export function sealTcp(at: usize, octets: u32, ip: usize): void {
  const total = pseudoSum(ip, Protocol.TCP, octets) + sumHeader(at, octets);
  store<u16>(at, <u16>checksumOf(total), CHECKSUM);
}
