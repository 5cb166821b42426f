/**
 * The straight way in: the common segment, taken without detours.
 *
 * RFC 9293 §3.10.7.4 for the segment that header prediction expects: for a connection in
 * ESTABLISHED about which nothing is unusual, without options, in order, with text, an
 * acknowledgement, the peer's FIN, or several of them. What has timestamps, or comes after our
 * CLOSE, has ways of its own (netif/straight-stamped, straight-end). Everything else is left
 * untouched to the general way (netif/ingress), and what is done here is what that would do:
 * tests/tcp/straight.test.ts compares the two on random traffic. Called by `index` for each frame,
 * before any other.
 *
 * What it saves, in instructions of WAMR's fast interpreter: calls (each costs 130 to 260, so there
 * are next to none here), accesses to memory (each about 15, so headers are loaded by eight octets,
 * and the connection's template answers most checks in a comparison), swaps of octets (47). A pure
 * acknowledgement took 37,600 of them and takes 1,750 (`npm run bench`, S4).
 */
import { FRAME_OCTETS_MAX, HAS_SACK, HAS_TIMESTAMPS } from "../config";
import { Work } from "../core/abi";
import { setNow } from "../core/clock";
import { swap16 } from "../core/octets";
import { bucketOfRaw } from "../tcp/demux";
import { expectConnection, lastConnection, lastStamped } from "../tcp/expected";
import { TCB_LINKS_END, flowAt } from "../tcp/flow";
import { isProbing } from "../tcp/rack";
import { Flag, Tcb, UNUSUAL } from "../tcp/tcb";
import { FRAME_SENDER, FRAME_TUPLE, numbersOf, templateOf } from "../tcp/template";
import { MAC_SHIFT, linkAddressOnTop } from "./interface";
import {
  CONTROL, CONTROL_MASK, HEADERS_OCTETS, LOW, NOT_STRAIGHT, NO_TEXT, PLAIN, SEQ_AND_ACK, TEXT,
  isRight, noteArrival, sumOf,
} from "./plain-segment";
import { takeEnd } from "./straight-end";
import { Bare, takeSegment } from "./straight-segment";
import { takeStamped } from "./straight-stamped";

/** Where the octets of a frame without options in either header stand, eight at a time. */
@inline const IP_FIRST: usize = 14; // version, header length, TOS, total length, id, fragment
@inline const IP_SECOND: usize = 22; // TTL, protocol, checksum, the peer's address

/** Version and header length; more-fragments and fragment offset. */
@inline const FIRST_MASK: u64 = 0xff3f_0000_0000_00ff;
@inline const WHOLE_IPV4: u64 = 0x45;
@inline const PROTOCOL_MASK: u64 = 0xff00;
@inline const TCP: u64 = 0x0600;
/** The protocol, and what makes the datagram's length that of the segment: its header taken off. */
@inline const TCP_AND_LESS_HEADER: u64 = TCP + 0xffff - (20 << 8);
/**
 * Whether a frame is of this connection, by its template: from that station, with these addresses
 * and ports. Asked at once: an `or` costs less than another branch.
 */
@inline function isOf(tcb: Tcb, frame: usize, source: u64, tuple: u64): bool {
  const template = templateOf(tcb);
  const others = (template.tuple ^ tuple) | (<u64>template.source ^ source);
  return (others | (template.sender ^ load<u64>(frame, FRAME_SENDER))) == 0;
}

@inline function isUnusual(tcb: Tcb): bool {
  const flags = tcb.flags;
  if (flags & UNUSUAL) return true;
  return HAS_SACK && (flags & Flag.SACK) != 0 && isProbing(tcb);
}

/**
 * Takes a frame, if it can be taken this way; otherwise nothing has changed but octets of the ring
 * that hold nothing.
 *
 * The checks are those of netif/ingress, wire/ipv4, wire/tcp and the first four of §3.10.7.4. Both
 * checksums have the addresses. A word whose highest octets were seen to be 0 (`first`, `last`) is
 * added to a sum as a whole: it does not overflow. Of a PLAIN frame the clock is set.
 */
@inline export function takeStraight(frame: usize, length: u32, nowMs: u32): i32 {
  const room = length - <u32>TEXT;
  if (room > FRAME_OCTETS_MAX - <u32>TEXT) return NOT_STRAIGHT; // too short or long
  if (load<u64>(frame) << MAC_SHIFT != linkAddressOnTop()) return NOT_STRAIGHT;
  const first = load<u64>(frame, IP_FIRST);
  const second = load<u64>(frame, IP_SECOND);
  if ((first & FIRST_MASK) != WHOLE_IPV4 || (second & PROTOCOL_MASK) != TCP) return NOT_STRAIGHT;
  const tuple = load<u64>(frame, FRAME_TUPLE);
  const source = second >> 32;
  const addresses = source + (tuple & LOW);
  if (!isRight(addresses + first + (second & LOW))) return NOT_STRAIGHT;
  const ipOctets = (first >> 16) & 0xffff;
  let total = addresses + TCP_AND_LESS_HEADER + ipOctets + (tuple >> 32);
  setNow(nowMs);
  let found = lastConnection();
  if (found == 0 || !isOf(changetype<Tcb>(found), frame, source, tuple)) {
    found = search(frame, source, tuple);
    if (found == 0) return PLAIN;
    if (isUnusual(changetype<Tcb>(found))) return takeUnusual(found, frame, length, total);
    expectConnection(found);
  }
  const tcb = changetype<Tcb>(found);
  const seq = tcb.rcvNxt;
  let octets: u32 = 0;
  if (ipOctets != NO_TEXT) {
    octets = swap16(<u32>ipOctets) - HEADERS_OCTETS;
    if (octets > room || octets > tcb.rcvAdv - seq) return PLAIN;
  } else if (tcb.sndNxt == tcb.sndUna) {
    const numbers = load<u64>(frame, SEQ_AND_ACK);
    const last = load<u64>(frame, CONTROL);
    if (bringsNothing(tcb, numbers, last)) {
      if (!isRight(total + sumOf(numbers, last))) return PLAIN;
      noteArrival(tcb, seq, nowMs);
      return Work.NONE;
    }
  }
  return takeSegment<Bare>(tcb, frame, octets, total);
}

/** The ends, and segments with timestamps, have ways of their own. */
@inline function takeUnusual(found: usize, frame: usize, length: u32, total: u64): i32 {
  const flags = changetype<Tcb>(found).flags;
  if (flags & Flag.SEND_CLOSED) return takeEnd(found, frame, length, total);
  if (HAS_TIMESTAMPS && flags & Flag.TIMESTAMPS) return takeStamped(found, frame, length, total);
  return PLAIN;
}

/** The connection whose frame it is, by the tuple table; or 0. */
@inline function search(frame: usize, source: u64, tuple: u64): usize {
  let found = HAS_TIMESTAMPS ? lastStamped() : 0;
  if (found != 0 && isOf(changetype<Tcb>(found), frame, source, tuple)) return found;
  let link = <u32>load<u16>(bucketOfRaw((tuple & ~LOW) | source));
  for (;; link = <u32>changetype<Tcb>(found).hashNext) {
    found = changetype<usize>(flowAt(link));
    // Records of other kinds are shorter, and have no template.
    if (link - 1 < TCB_LINKS_END - 1 && isOf(changetype<Tcb>(found), frame, source, tuple)) break;
    if (link == 0) return 0;
  }
  return found;
}

/**
 * Whether a segment without text acknowledges nothing new and leaves the window as it is, and there
 * is nothing to send either: then all that matters is that it came. Asked before everything else
 * where nothing is in flight, it takes V8 a tenth off a pure acknowledgement, most of it
 * registers that need not be saved.
 */
@inline function bringsNothing(tcb: Tcb, numbers: u64, last: u64): bool {
  const control = <u64>templateOf(tcb).control;
  const news = (numbers ^ numbersOf(tcb)) | ((last & CONTROL_MASK) ^ control);
  return (news | <u64>(tcb.sndNxt ^ tcb.sndEnd)) == 0;
}
