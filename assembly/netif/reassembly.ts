/**
 * Datagrams that came in fragments: RFC 791 §3.2, RFC 815, RFC 1122 §3.3.2.
 *
 *     ┌ 0 ────────┬ 12 ──────────┬ 32 ────────────────────┬ 1512 ────────────────────┐
 *     │ Datagram  │ IPv4 header  │ payload, 1,480 octets  │ a bit per block of eight │
 *     └───────────┴──────────────┴────────────────────────┴──────────────────────────┘
 *
 * A fragment is put where it belongs, and the bits say which blocks are there. What contradicts the
 * fragments before it makes the whole datagram void, those still to come included, since nobody can
 * say which of them to believe (RFC 1858, RFC 3128; RFC 5722 for IPv6): an overlap, another end,
 * something behind the end. A copy of what is there is only a copy.
 * Called by ingress and, at REASSEMBLY_DEADLINE, by index. Sends nothing. Left out, code and
 * memory, where REASSEMBLY_COUNT is 0.
 */

import { MTU_OCTETS, REASSEMBLY_COUNT } from "../config";
import { Counter } from "../core/abi";
import { isBefore, now } from "../core/clock";
import { count } from "../core/counters";
import { REASSEMBLY_DEADLINE, armDeadline } from "../core/deadlines";
import { copyOctets } from "../core/octets";
import {
  IPV4_HEADER_OCTETS, Protocol, fragmentOffset, hasMoreFragments, ipv4Protocol, ipv4TotalOctets,
  copyCongestionMark, isSameDatagram, makeWhole,
} from "../wire/ipv4";
import { TCP_HEADER_OCTETS, checkTcp } from "../wire/tcp";

/**
 * How long the rest of a datagram is waited for, from its first fragment on.
 *
 * DEVIATION: RFC 1122 §3.3.2 recommends 60 to 120 s and an ICMP Time Exceeded afterwards. These are
 * RFC 791's 15 s: a fragment that is lost would hold one of the few places all that time, and the
 * longer it waits, the likelier it meets a datagram that has its identification again (RFC 4963).
 * The message is not sent: TCP repeats a lost segment anyway, and strangers could ask for it.
 */
@inline const REASSEMBLY_MS: u32 = 15_000;

/** Fragments begin at multiples of this, and all but the last fill them (RFC 791 §3.2). */
@inline const BLOCK_OCTETS: u32 = 8;
@inline const BLOCK_BITS: u32 = 3;
/** What a datagram of the link's MTU carries: nothing larger has a use here. */
@inline const PAYLOAD_OCTETS_MAX: u32 = MTU_OCTETS - IPV4_HEADER_OCTETS;
@inline const MAP_WORDS: u32 = 3; // of 64 bits, for 185 blocks
if (PAYLOAD_OCTETS_MAX > MAP_WORDS * 64 * BLOCK_OCTETS) ERROR("reassembly: a bit for each block");

/** Ordered by how easily a place is given up for another datagram. */
const enum Place {
  FREE = 0,
  /** The fragments contradicted one another: those that still come are dropped. */
  VOID = 1,
  WAITING = 2,
}

@unmanaged @final class Datagram {
  expiresAt: u32;
  /** Octets of payload that are here. They never overlap, so at `total` all are. */
  held: u16;
  /** The number after the last octet that is here. */
  end: u16;
  /** Octets of payload, once the last fragment has told; 0 before. */
  total: u16;
  /** A value of Place. */
  place: u16;
}
@inline const HEADER: usize = 12;
@inline const PAYLOAD: usize = HEADER + IPV4_HEADER_OCTETS;
@inline const MAP: usize = (PAYLOAD + PAYLOAD_OCTETS_MAX + 7) & ~7;
@inline const DATAGRAM_OCTETS: usize = MAP + 8 * MAP_WORDS;
if (offsetof<Datagram>() != HEADER || DATAGRAM_OCTETS & 7) ERROR("Datagram layout");
const DATAGRAMS: usize =
  REASSEMBLY_COUNT == 0 ? 0 : memory.data(<i32>(DATAGRAM_OCTETS * REASSEMBLY_COUNT), 8);
const DATAGRAMS_END: usize = DATAGRAMS + DATAGRAM_OCTETS * REASSEMBLY_COUNT;

/** The fragment that arrived: its payload, and which octets of the datagram's that is. */
@unmanaged @final class Fragment {
  payload: usize;
  octets: u32;
  start: u32;
  end: u32;
  isLast: bool;
}
const FRAGMENT: usize = REASSEMBLY_COUNT == 0 ? 0 : memory.data(offsetof<Fragment>(), 4);

/** What a fragment means beside those that came before. */
const enum Verdict {
  FITS = 0,
  COPY = 1,
  CONTRADICTS = 2,
}

/** Forgets all fragments. */
export function resetReassembly(): void {
  memory.fill(DATAGRAMS, 0, DATAGRAMS_END - DATAGRAMS);
}

/**
 * Takes a fragment whose IPv4 header at `ip`, of `headerOctets` octets, has been checked.
 *
 * @returns the address of the whole datagram, whose header has no options, if this was the last
 * piece of it; else 0. It stays there until the next fragment arrives.
 */
export function fragmentArrives(ip: usize, headerOctets: u32): usize {
  const fragment = parseFragment(ip, headerOctets);
  if (!isFragmentSound(ip, fragment)) return 0;
  let at = findDatagram(ip);
  if (fragment.end > PAYLOAD_OCTETS_MAX) {
    count(Counter.DROP_FRAGMENT_SIZE);
    if (at != 0) changetype<Datagram>(at).place = <u16>Place.FREE;
    return 0;
  }
  if (at == 0) at = openDatagram(ip);
  const datagram = changetype<Datagram>(at);
  const verdict = judge(datagram, fragment);
  if (verdict == Verdict.COPY) {
    count(Counter.DROP_FRAGMENT_DUPLICATE);
    return 0;
  }
  if (verdict == Verdict.CONTRADICTS) {
    count(Counter.DROP_FRAGMENT_CONFLICT);
    datagram.place = <u16>Place.VOID;
    return 0;
  }
  keep(datagram, fragment);
  copyCongestionMark(at + HEADER, ip);
  if (datagram.held != datagram.total) return 0;
  datagram.place = <u16>Place.FREE;
  makeWhole(at + HEADER, IPV4_HEADER_OCTETS + <u32>datagram.total);
  count(Counter.DATAGRAMS_REASSEMBLED);
  return at + HEADER;
}

/** Gives up the datagrams whose time is over, and waits for the earliest one left. */
export function reassemblyDeadlineReached(): void {
  for (let at = DATAGRAMS; at != DATAGRAMS_END; at += DATAGRAM_OCTETS) {
    const datagram = changetype<Datagram>(at);
    if (datagram.place == Place.FREE) continue;
    if (isBefore(now(), datagram.expiresAt)) {
      armDeadline(REASSEMBLY_DEADLINE, datagram.expiresAt);
      continue;
    }
    if (datagram.place == Place.WAITING) count(Counter.REASSEMBLY_TIMEOUTS);
    datagram.place = <u16>Place.FREE;
  }
}

function parseFragment(ip: usize, headerOctets: u32): Fragment {
  const fragment = changetype<Fragment>(FRAGMENT);
  fragment.payload = ip + headerOctets;
  fragment.octets = ipv4TotalOctets(ip) - headerOctets;
  fragment.start = fragmentOffset(ip);
  fragment.end = fragment.start + fragment.octets;
  fragment.isLast = !hasMoreFragments(ip);
  return fragment;
}

/** Whether the fragment can be part of a datagram at all; if not, it is counted. */
function isFragmentSound(ip: usize, fragment: Fragment): bool {
  const isRagged = (fragment.octets & (BLOCK_OCTETS - 1)) != 0;
  if (fragment.octets == 0 || (isRagged && !fragment.isLast)) {
    count(Counter.DROP_IP_FRAGMENT);
    return false;
  }
  if (ipv4Protocol(ip) != Protocol.TCP) return true;
  // A filter on the way must have seen the whole TCP header, and no fragment may aim at it
  // (RFC 1858 §3 and §4, RFC 3128). Honest networks carry at least 68 octets in one piece.
  const isRight =
    fragment.start == 0
      ? checkTcp(fragment.payload, fragment.octets) != 0
      : fragment.start >= TCP_HEADER_OCTETS;
  if (!isRight) count(Counter.DROP_FRAGMENT_TINY);
  return isRight;
}

/** The datagram to which the fragment at `ip` belongs, or 0. */
function findDatagram(ip: usize): usize {
  for (let at = DATAGRAMS; at != DATAGRAMS_END; at += DATAGRAM_OCTETS) {
    if (changetype<Datagram>(at).place == Place.FREE) continue;
    if (isSameDatagram(at + HEADER, ip)) return at;
  }
  return 0;
}

/** A place for the datagram that begins with the fragment at `ip`: the least valuable one. */
function openDatagram(ip: usize): usize {
  let best = DATAGRAMS;
  for (let at = DATAGRAMS + DATAGRAM_OCTETS; at != DATAGRAMS_END; at += DATAGRAM_OCTETS) {
    const here = changetype<Datagram>(at);
    const there = changetype<Datagram>(best);
    const isOlder = here.place == there.place && isBefore(here.expiresAt, there.expiresAt);
    if (here.place < there.place || isOlder) best = at;
  }
  const datagram = changetype<Datagram>(best);
  if (datagram.place == Place.WAITING) count(Counter.REASSEMBLY_EVICTED);
  memory.fill(best, 0, HEADER);
  memory.fill(best + MAP, 0, 8 * MAP_WORDS);
  memory.copy(best + HEADER, ip, IPV4_HEADER_OCTETS);
  datagram.place = <u16>Place.WAITING;
  datagram.expiresAt = now() + REASSEMBLY_MS;
  armDeadline(REASSEMBLY_DEADLINE, datagram.expiresAt);
  return best;
}

/** What this fragment means beside those that are here. */
function judge(datagram: Datagram, fragment: Fragment): Verdict {
  if (datagram.place == Place.VOID) return Verdict.CONTRADICTS;
  const total = <u32>datagram.total;
  if (fragment.isLast) {
    if (total != 0 ? total != fragment.end : <u32>datagram.end >= fragment.end) {
      return Verdict.CONTRADICTS;
    }
  } else if (total != 0 && fragment.end >= total) {
    return Verdict.CONTRADICTS;
  }
  let blocks: u32 = 0;
  let heldBlocks: u32 = 0;
  for (let word: u32 = 0; word < MAP_WORDS; ++word) {
    const mask = blocksIn(word, fragment);
    blocks += <u32>popcnt<u64>(mask);
    heldBlocks += <u32>popcnt<u64>(mask & load<u64>(mapWord(datagram, word)));
  }
  if (heldBlocks == 0) return Verdict.FITS;
  return heldBlocks == blocks && isCopy(datagram, fragment) ? Verdict.COPY : Verdict.CONTRADICTS;
}

/** Puts the fragment's octets where they belong. */
function keep(datagram: Datagram, fragment: Fragment): void {
  const payload = changetype<usize>(datagram) + PAYLOAD;
  copyOctets(payload + fragment.start, fragment.payload, fragment.octets);
  for (let word: u32 = 0; word < MAP_WORDS; ++word) {
    const at = mapWord(datagram, word);
    store<u64>(at, load<u64>(at) | blocksIn(word, fragment));
  }
  datagram.held += <u16>fragment.octets;
  datagram.end = <u16>max<u32>(datagram.end, fragment.end);
  if (fragment.isLast) datagram.total = <u16>fragment.end;
}

@inline function mapWord(datagram: Datagram, word: u32): usize {
  return changetype<usize>(datagram) + MAP + (word << 3);
}

/** The fragment's blocks as bits of one word of the map. */
function blocksIn(word: u32, fragment: Fragment): u64 {
  const low = word << 6;
  const first = max(fragment.start >> BLOCK_BITS, low);
  const after = min((fragment.end + BLOCK_OCTETS - 1) >> BLOCK_BITS, low + 64);
  if (first >= after) return 0;
  return (u64.MAX_VALUE >> (64 - (after - first))) << (first - low);
}

/** Whether the fragment says octet for octet what is there already. */
function isCopy(datagram: Datagram, fragment: Fragment): bool {
  const there = changetype<usize>(datagram) + PAYLOAD + fragment.start;
  for (let i: u32 = 0; i < fragment.octets; ++i) {
    if (load<u8>(there + i) != load<u8>(fragment.payload + i)) return false;
  }
  return true;
}
