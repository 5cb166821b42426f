/**
 * Path MTU discovery: how large a segment may be on the way to this peer.
 *
 * RFC 1191. Segments go with "don't fragment". A router for which one is too large drops it and
 * says so; then the connection takes smaller ones, and sends again at once what was lost. Ten
 * minutes later it tries the larger size again, since paths change.
 * RFC 2923 §2.1. Some routers say nothing, or a filter eats what they say: then the small segments
 * of a connection arrive and the full-sized ones vanish. Repeated time-outs of a full-sized segment
 * are therefore answered by smaller ones, and undone if those do not arrive either.
 * RFC 5927 §7.2. A stranger may say so too. He must guess a number that is in flight, and where a
 * size has been acknowledged already, nothing is believed until a time-out confirms it.
 *
 *     MSS of the peer and the link ── too big: 1,064 … 552 ──► smaller ── 10 min ──► larger again
 *                       └── 3 time-outs ──► 1,064 ── 1 more ──► 552 ── 3 more ──► as it was
 *
 * Called by tcp/icmp-error, tcp/timeouts, tcp/ack and tcp/output. Where it is compiled out, TCP's
 * datagrams may be fragmented.
 */
import { HAS_PMTUD } from "../config";
import { Counter } from "../core/abi";
import { now } from "../core/clock";
import { count } from "../core/counters";
import { IPV4_HEADER_OCTETS } from "../wire/ipv4";
import { TCP_HEADER_OCTETS } from "../wire/tcp";
import { TIMESTAMPS_OPTION_OCTETS } from "../wire/tcp-options";
import { restartWithSmallerSegments } from "./congestion";
import { wantOutput } from "./pending";
import { missingFrom } from "./scoreboard";
import { Flag, Tcb, has, usesTimestamps } from "./tcb";
import { PMTUD_OFFSET, PMTUD_SIZE } from "./tcb-layout";
import { startRetransmission } from "./timers";

/** RFC 791 §3.2: every link takes so much. */
@inline const MTU_LEGAL: u32 = 68;
/**
 * No segment is made smaller than this allows, whatever is said: 512 octets of text and both
 * headers, Linux's min_pmtu as well. RFC 1191 §3 goes down to 68, where a liar could make 50
 * segments of one. Where the path takes less than this, its routers may fragment, with which RFC
 * 1191 §3 lets a host end the discovery.
 */
@inline const MTU_MIN: u32 = 552;
/**
 * What a black hole is tried with first: 1,024 octets of text, for which tunnels on tunnels leave
 * room, and whose headers take one per cent more of the path only.
 */
@inline const MTU_CAUTIOUS: u32 = 1064;
/** Times are kept in 16 bits, in ticks of 1,024 ms: 18 hours. */
@inline const TICK_BITS: u32 = 10;
/** When the larger size is tried again after a router's word, or a failure: 10 min (§6.3). */
@inline const RAISE_TICKS: u32 = 587;
/** The same after a guess, which may have been an outage: a minute, as §6.3 asks at least. */
@inline const RAISE_GUESS_TICKS: u32 = 60;
/**
 * Time-outs in a row that make a black hole, as many as RFC 9293 §3.8.3 has for R1. The cautious
 * size then gets one only, since time-outs double. The smallest, which must get through if anything
 * does, has as many again, because the answers may have to find their size as well.
 */
@inline const TIMEOUTS_MAX: u8 = 3;

/** The part of a TCB that path MTU discovery needs. */
@unmanaged @final class Pmtud {
  /** RAISE_TICKS later the largest segments are tried again, where SND.MSS is below `mssMax`. */
  loweredAt: u16;
  /** The number after a full-sized segment in flight, where FULL_OUT: its lower half. */
  fullEnd: u16;
  /** What the peer and our link allow; 0 before the first full-sized segment. */
  mssMax: u16;
  /** The largest segments that are known to have arrived; 0 before. */
  mssProven: u16;
  /** An MTU that was claimed although larger segments had arrived; 0 if there is none. */
  mtuClaimed: u16;
  /** Time-outs of a full-sized segment since the last progress. */
  timeouts: u8;
  /** Of Bit. */
  bits: u8;
}
const enum Bit {
  /** A full-sized segment is in flight. */
  FULL_OUT = 1,
  /** The smallest size is too large for the path, or may be: routers may cut it. */
  MAY_FRAGMENT = 2,
  /** SND.MSS is a guess after time-outs, which nothing has confirmed. */
  GUESS = 4,
}
if (HAS_PMTUD && offsetof<Pmtud>() != PMTUD_SIZE) ERROR("Pmtud layout");

@inline function pmtudOf(tcb: Tcb): Pmtud {
  return changetype<Pmtud>(changetype<usize>(tcb) + PMTUD_OFFSET);
}

@inline function is(self: Pmtud, bit: Bit): bool {
  return ((<u32>self.bits) & (<u32>bit)) != 0;
}

@inline function ticks(): u32 {
  return now() >> TICK_BITS;
}

/** Octets of a datagram's headers. */
@inline function overhead(tcb: Tcb): u32 {
  const options: u32 = usesTimestamps(tcb) ? TIMESTAMPS_OPTION_OCTETS : 0;
  return IPV4_HEADER_OCTETS + TCP_HEADER_OCTETS + options;
}

/** Whether routers may fragment what this connection sends. */
@inline export function mayFragment(tcb: Tcb): bool {
  return HAS_PMTUD ? is(pmtudOf(tcb), Bit.MAY_FRAGMENT) : true;
}

/** Segments of what an MTU leaves room for, from now on. */
function setMtu(tcb: Tcb, mtu: u32): void {
  const self = pmtudOf(tcb);
  tcb.sndMss = <u16>min<u32>(self.mssMax, max(mtu, MTU_MIN) - overhead(tcb));
  // One segment may always be in flight (RFC 5681 §3.1); less would wait for the override time.
  tcb.cwnd = max(tcb.cwnd, <u32>tcb.sndMss);
  self.bits = mtu < MTU_MIN ? <u8>Bit.MAY_FRAGMENT : 0;
  self.loweredAt = <u16>ticks();
  self.mtuClaimed = 0;
  self.timeouts = 0;
}

// ── What routers say ─────────────────────────────────────────────────────────────────────────────

/** RFC 1191 §7: what links have, for routers that do not say. Below MTU_MIN there is no choice. */
function plateauBelow(mtu: u32): u32 {
  if (mtu > 1492) return 1492; // Ethernet behind IEEE 802.3, PPP over Ethernet
  if (mtu > 1006) return 1006; // SLIP, ARPANET
  return MTU_MIN - 1;
}

/**
 * "Fragmentation needed": a router dropped the datagram that held the octet `seq`, which is in
 * flight.
 *
 * @param sizes the MTU of its next hop, 0 if it does not say, in the upper half; in the lower the
 * length of the datagram
 * @returns false if it cannot be about a segment of ours
 */
export function takeTooBig(tcb: Tcb, seq: u32, sizes: u32): bool {
  const self = pmtudOf(tcb);
  const mtu = <u32>tcb.sndMss + overhead(tcb);
  const length = sizes & 0xffff;
  // An old router may have added its header's length to the datagram's (RFC 1191 §5).
  const claimed = sizes >> 16 != 0 ? sizes >> 16 : plateauBelow(min(length, mtu));
  if (claimed < MTU_LEGAL || length <= claimed) return false;
  if (tcb.sndNxt - tcb.sndUna + overhead(tcb) <= claimed) return false;
  // It is about a segment from before the last change; or routers may fragment, and should.
  if (claimed >= mtu || is(self, Bit.MAY_FRAGMENT) || self.mssMax == 0) return true;
  if (claimed < <u32>self.mssProven + overhead(tcb)) {
    self.mtuClaimed = <u16>claimed;
    self.bits |= <u8>Bit.FULL_OUT;
    self.fullEnd = <u16>(seq + 1);
    return true;
  }
  obey(tcb, claimed);
  return true;
}

/** Smaller segments, and what is in flight goes again in these. */
function obey(tcb: Tcb, mtu: u32): void {
  count(Counter.PMTU_LOWERED);
  setMtu(tcb, mtu);
  if (has(tcb, Flag.PERSISTING)) return; // the probe of one octet was not it
  restartWithSmallerSegments(tcb);
  tcb.backoff = 0;
  startRetransmission(tcb);
  wantOutput(tcb);
}

// ── What arrives, and what does not ──────────────────────────────────────────────────────────────

/** A segment with the largest text that is allowed was sent; `end` is the number after it. */
@inline export function noteFullSegment(tcb: Tcb, end: u32): void {
  if (!HAS_PMTUD) return;
  const self = pmtudOf(tcb);
  if (self.mssMax == 0) self.mssMax = tcb.sndMss;
  if (is(self, Bit.FULL_OUT)) return;
  self.bits |= <u8>Bit.FULL_OUT;
  self.fullEnd = <u16>end;
}

/** SND.UNA has moved by `acked`: the path lets something through, and perhaps more than before. */
@inline export function noteProgress(tcb: Tcb, acked: u32): void {
  if (!HAS_PMTUD) return;
  const self = pmtudOf(tcb);
  self.timeouts = 0;
  if (is(self, Bit.GUESS)) {
    self.loweredAt = <u16>(ticks() - RAISE_TICKS + RAISE_GUESS_TICKS);
    self.bits &= ~(<u8>Bit.GUESS);
  }
  if (is(self, Bit.FULL_OUT)) {
    // Where it ended, counted from the SND.UNA before: what is in flight fits 16 bits.
    const fullEnd = <u32>(<u16>(<u32>self.fullEnd + acked - tcb.sndUna));
    if (fullEnd <= acked) {
      self.bits &= ~(<u8>Bit.FULL_OUT);
      self.mtuClaimed = 0; // what it said cannot pass has passed
      self.mssProven = tcb.sndMss;
    }
  }
  if (tcb.sndMss >= self.mssMax) return;
  const age = <u32>(<u16>(ticks() - <u32>self.loweredAt));
  if (age < RAISE_TICKS) return;
  count(Counter.PMTU_RAISED);
  setMtu(tcb, self.mssMax + overhead(tcb));
}

/**
 * The retransmission time-out is over. True if a router had said why: then the segments go again,
 * smaller, as if nothing had been. False if it is to be taken for congestion, like any other.
 */
export function explainsTimeout(tcb: Tcb): bool {
  if (!HAS_PMTUD) return false;
  const claimed = <u32>pmtudOf(tcb).mtuClaimed;
  if (claimed == 0) {
    suspectBlackHole(tcb);
    return false;
  }
  pmtudOf(tcb).mssProven = 0; // on another path, it seems
  obey(tcb, claimed);
  return true;
}

/** Counts time-outs of full-sized segments, and tries other sizes. */
function suspectBlackHole(tcb: Tcb): void {
  const self = pmtudOf(tcb);
  const missing = min(tcb.sndNxt - tcb.sndUna, missingFrom(tcb, tcb.sndUna));
  if (self.mssMax == 0 || missing < <u32>tcb.sndMss) return;
  self.timeouts += 1;
  // A size that is only being tried again has no credit: a smaller one is known to arrive.
  const isOnTrial = self.mssProven != 0 && self.mssProven < tcb.sndMss;
  const isImpatient = isOnTrial || (is(self, Bit.GUESS) && !is(self, Bit.MAY_FRAGMENT));
  if (!isImpatient && self.timeouts < TIMEOUTS_MAX) return;
  count(Counter.PMTU_BLACK_HOLES);
  if (isOnTrial) {
    setMtu(tcb, <u32>self.mssProven + overhead(tcb));
  } else if (is(self, Bit.MAY_FRAGMENT)) {
    // No size helped, so it was not the size.
    const mss = self.mssProven != 0 ? self.mssProven : self.mssMax;
    setMtu(tcb, <u32>mss + overhead(tcb));
  } else {
    const isLarge = <u32>tcb.sndMss + overhead(tcb) > MTU_CAUTIOUS;
    setMtu(tcb, isLarge ? MTU_CAUTIOUS : MTU_MIN - 1);
    self.bits |= <u8>Bit.GUESS;
  }
}
