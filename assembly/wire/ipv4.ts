/**
 * The IPv4 header (RFC 791): views and emission in place.
 *
 * Called by `netif/`. Holds no state and knows no addresses of ours.
 */

import { checksumOf, fold, sumHeader } from "../core/checksum";
import { swap16, swap32, swap64 } from "../core/octets";

@inline const VERSION_AND_LENGTH: usize = 0;
@inline const TYPE_OF_SERVICE: usize = 1;
@inline const TOTAL_LENGTH: usize = 2;
@inline const IDENTIFICATION: usize = 4;
@inline const FLAGS_AND_FRAGMENT: usize = 6;
@inline const TTL_AND_PROTOCOL: usize = 8;
@inline const PROTOCOL: usize = 9;
@inline const CHECKSUM: usize = 10;
@inline const SOURCE: usize = 12;
@inline const DESTINATION: usize = 16;
@inline export const IPV4_HEADER_OCTETS: u32 = 20;

/** More-fragments bit and fragment offset, as the two octets lie in memory. */
@inline const FRAGMENT_MASK: u16 = 0xff3f;
@inline const MORE_FRAGMENTS: u16 = 0x0020;
/** The fragment offset in host order, in units of 8 octets. */
@inline const OFFSET_MASK: u32 = 0x1fff;
@inline const CE: u8 = 0x03;
@inline const VERSION_4_FIVE_WORDS: u8 = 0x45;
/**
 * The first eight octets but for TOS and length: version 4, five words, identification 0, DF. A
 * datagram that is never fragmented may carry any identification (RFC 6864 §4.1).
 */
@inline const FIRST_WORDS: u64 = 0x0040_0000_0000_0045;

export const enum Protocol {
  ICMP = 1,
  TCP = 6,
}

/**
 * The octets of the header when it can be trusted: version 4, at least five words, all of it within
 * `octets`, a total length between the header's and `octets`. Otherwise 0. Checksum apart.
 */
export function checkIpv4(at: usize, octets: u32): u32 {
  const headerOctets = checkQuotedIpv4(at, octets);
  if (headerOctets == 0) return 0;
  const total = ipv4TotalOctets(at);
  return total < headerOctets || total > octets ? 0 : headerOctets;
}

/** The same for a header that an ICMP error quotes: the datagram's end may have been cut off. */
export function checkQuotedIpv4(at: usize, octets: u32): u32 {
  if (octets < IPV4_HEADER_OCTETS) return 0;
  const first = <u32>load<u8>(at, VERSION_AND_LENGTH);
  const headerOctets = (first & 0x0f) << 2;
  if (first >> 4 != 4 || headerOctets < IPV4_HEADER_OCTETS || headerOctets > octets) return 0;
  return headerOctets;
}

/** Whether the header holds its own checksum. */
@inline export function isIpv4ChecksumRight(at: usize, headerOctets: u32): bool {
  return fold(sumHeader(at, headerOctets)) == 0xffff;
}

/** Octets of header and payload: what lies behind in the frame is padding. */
@inline export function ipv4TotalOctets(at: usize): u32 {
  return swap16(load<u16>(at, TOTAL_LENGTH));
}

/** Whether the datagram is but a part of one. */
@inline export function isFragment(at: usize): bool {
  return (load<u16>(at, FLAGS_AND_FRAGMENT) & FRAGMENT_MASK) != 0;
}

/** Where the payload of a fragment belongs in the datagram's, in octets. */
@inline export function fragmentOffset(at: usize): u32 {
  return (swap16(load<u16>(at, FLAGS_AND_FRAGMENT)) & OFFSET_MASK) << 3;
}

/** Whether it is not the last fragment. */
@inline export function hasMoreFragments(at: usize): bool {
  return (load<u16>(at, FLAGS_AND_FRAGMENT) & MORE_FRAGMENTS) != 0;
}

/** Whether two fragments are of one datagram (RFC 791 §2.3). */
export function isSameDatagram(at: usize, other: usize): bool {
  return (
    load<u64>(at, SOURCE) == load<u64>(other, SOURCE) && // the destination lies behind it
    load<u16>(at, IDENTIFICATION) == load<u16>(other, IDENTIFICATION) &&
    load<u8>(at, PROTOCOL) == load<u8>(other, PROTOCOL)
  );
}

/** Makes of a fragment's first 20 octets the header of the whole. The checksum stays as it was. */
export function makeWhole(at: usize, totalOctets: u32): void {
  store<u8>(at, VERSION_4_FIVE_WORDS, VERSION_AND_LENGTH);
  store<u16>(at, swap16(totalOctets), TOTAL_LENGTH);
  store<u16>(at, 0, FLAGS_AND_FRAGMENT);
}

/** Whether the network has marked the datagram: both ECN bits (RFC 3168 §5), "CE". */
@inline export function isCongestionMarked(at: usize): bool {
  return (load<u8>(at, TYPE_OF_SERVICE) & CE) == CE;
}

/** A mark on one fragment is one on the whole (RFC 3168 §5.3). */
export function copyCongestionMark(to: usize, fragment: usize): void {
  if (!isCongestionMarked(fragment)) return;
  store<u8>(to, load<u8>(to, TYPE_OF_SERVICE) | CE, TYPE_OF_SERVICE);
}

/** What the payload is: `Protocol`, or anything else. */
@inline export function ipv4Protocol(at: usize): u32 {
  return <u32>load<u8>(at, PROTOCOL);
}

/** Who sent the datagram. */
@inline export function ipv4Source(at: usize): u32 {
  return swap32(load<u32>(at, SOURCE));
}

/** Whom it is for. */
@inline export function ipv4Destination(at: usize): u32 {
  return swap32(load<u32>(at, DESTINATION));
}

/** What `emitIpv4` is told of a datagram: type of service (RFC 2474, RFC 3168), TTL, protocol. */
@inline export function ipv4Kind(tos: u32, ttl: u32, protocol: Protocol): u32 {
  return (tos << 16) | (<u32>protocol << 8) | ttl;
}

/**
 * Writes a header of 20 octets with its checksum. `addresses`: source << 32 | destination.
 * `totalOctets` counts header and payload. `kind`: as `ipv4Kind` makes it.
 */
@inline export function emitIpv4(at: usize, totalOctets: u32, kind: u32, addresses: u64): void {
  const length = <u64>swap16(totalOctets);
  const tos = <u64>(kind >> 16);
  store<u64>(at, FIRST_WORDS | (length << 16) | (tos << 8), VERSION_AND_LENGTH);
  store<u32>(at, kind & 0xffff, TTL_AND_PROTOCOL); // and a checksum of 0
  store<u64>(at, swap64(addresses), SOURCE);
  store<u16>(at, <u16>checksumOf(sumHeader(at, IPV4_HEADER_OCTETS)), CHECKSUM);
}

/**
 * Lets routers fragment the datagram whose header `emitIpv4` has written; its fragments are known
 * by `identification`, so it must differ from that of others.
 */
export function allowFragments(at: usize, identification: u32): void {
  store<u16>(at, swap16(identification), IDENTIFICATION);
  store<u16>(at, 0, FLAGS_AND_FRAGMENT);
  store<u16>(at, 0, CHECKSUM);
  store<u16>(at, <u16>checksumOf(sumHeader(at, IPV4_HEADER_OCTETS)), CHECKSUM);
}

/**
 * The sum over the pseudo-header of a payload of `octets` octets (RFC 9293 §3.1), whose addresses
 * are taken from the IPv4 header at `at`.
 */
@inline export function pseudoSum(at: usize, protocol: Protocol, octets: u32): u64 {
  return (
    <u64>load<u32>(at, SOURCE) + <u64>load<u32>(at, DESTINATION) +
    <u64>swap16(octets) + (<u64>protocol << 8)
  );
}
