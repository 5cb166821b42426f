/**
 * ICMP for IPv4 (RFC 792): echo and the errors that quote a datagram.
 *
 * Called by `netif/icmp.ts`. Holds no state.
 */

import { checksumOf, fold, sum } from "../core/checksum";
import { swap16, swap32 } from "../core/octets";

@inline const TYPE: usize = 0;
@inline const CODE: usize = 1;
@inline const CHECKSUM: usize = 2;
@inline const IDENTIFIER: usize = 4;
@inline const SEQUENCE: usize = 6;
@inline const NEXT_HOP_MTU: usize = 6;
/** Of an echo, and of an error before its quotation. */
@inline export const ICMP_HEADER_OCTETS: u32 = 8;

export const enum IcmpType {
  ECHO_REPLY = 0,
  DESTINATION_UNREACHABLE = 3,
  SOURCE_QUENCH = 4,
  REDIRECT = 5,
  ECHO_REQUEST = 8,
  TIME_EXCEEDED = 11,
  PARAMETER_PROBLEM = 12,
}

/** Codes of DESTINATION_UNREACHABLE that speak of the host itself, or of the path's MTU. */
export const enum UnreachableCode {
  PROTOCOL = 2,
  PORT = 3,
  FRAGMENTATION_NEEDED = 4,
}

/** Whether the message is long enough and holds its own checksum. */
export function isIcmpRight(at: usize, octets: u32): bool {
  return octets >= ICMP_HEADER_OCTETS && fold(sum(at, octets)) == 0xffff;
}

/** `IcmpType`, or anything else. */
@inline export function icmpType(at: usize): u32 {
  return <u32>load<u8>(at, TYPE);
}

/** What the type means in detail. */
@inline export function icmpCode(at: usize): u32 {
  return <u32>load<u8>(at, CODE);
}

/** Identifier of an echo: who asked. */
@inline export function icmpIdentifier(at: usize): u32 {
  return swap16(load<u16>(at, IDENTIFIER));
}

/** Sequence number of an echo: which question. */
@inline export function icmpSequence(at: usize): u32 {
  return swap16(load<u16>(at, SEQUENCE));
}

/** What the next hop of the router takes, 0 if it does not say (RFC 1191 §4). */
@inline export function icmpNextHopMtu(at: usize): u32 {
  return swap16(load<u16>(at, NEXT_HOP_MTU));
}

/** Writes the header of an echo, checksum 0. `identity`: identifier << 16 | sequence number. */
export function emitEcho(at: usize, type: IcmpType, identity: u32): void {
  store<u32>(at, <u32>type, TYPE);
  store<u32>(at, swap32(identity), IDENTIFIER);
}

/** Writes the checksum over the message, whose checksum field is 0 before. */
export function sealIcmp(at: usize, octets: u32): void {
  store<u16>(at, <u16>checksumOf(sum(at, octets)), CHECKSUM);
}
