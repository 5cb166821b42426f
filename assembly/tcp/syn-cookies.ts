/**
 * SYN cookies: passive opens that are remembered by nobody but the peer.
 *
 * RFC 4987 §3.6. When no half-open record is free, or the backlog is full of them, our SYN carries
 * in its number what the record would hold, and the ACK of it brings that back:
 *
 *     ISS = F(tuple) + | clock, 8 bits | hash of tuple, IRS and clock + index of the MSS, 24 bits |
 *
 * DEVIATION: the clock is that of other ISNs (tcp/isn), of which MUST-8 wants all bits, without its
 * lower 24: there is no room for more. So the numbers of a tuple still grow from step to step, one
 * in 67 s, and an outsider's guess is right once in 2^27.
 *
 * A cookie knows no option but the MSS, rounded down: such a connection has neither window scale
 * nor timestamps nor SACK. A lost ACK of it is not asked for again. Cookies are only looked for in
 * the time that the last one given out is good for. Called by tcp/arrives. Gives none out where the
 * connection could not be made now.
 */
import { HAS_SYN_COOKIES } from "../config";
import { Counter, State } from "../core/abi";
import { now } from "../core/clock";
import { count } from "../core/counters";
import { parseOptions } from "../wire/tcp-options";
import { HALF_OPEN_SIZE } from "./flow";
import { HalfOpen, establish, fillSynAck, sendMssFrom } from "./half-open";
import { cookieHash, isnClock, isnOffset, tupleHash } from "./isn";
import { Listener, indexOfListener } from "./listener";
import { beginReply } from "./reply";
import { Segment } from "./segment";
import { Tcb, isTcbFree } from "./tcb";

@inline const STEP_SHIFT: u32 = 24;
@inline const LOW_MASK: u32 = 0x00ff_ffff;
/** How many steps ago a cookie may have been given out. */
@inline const AGE_MAX: u32 = 2;
/** Beyond this a cookie is older than AGE_MAX steps of 2^24 / 250 ms. */
@inline const VALID_MS: u32 = 201_327;

/**
 * Values of MSS that a cookie can tell, ascending, four in a word of eight octets: the least, the
 * default, and common ones.
 */
@inline const MSS_LOW: u64 = 64 | (256 << 16) | ((<u64>536) << 32) | ((<u64>1024) << 48);
@inline const MSS_HIGH: u64 = 1220 | (1360 << 16) | ((<u64>1440) << 32) | ((<u64>1460) << 48);
@inline const MSS_COUNT: u32 = 8;

function mssAt(index: u32): u16 {
  return <u16>((index < 4 ? MSS_LOW : MSS_HIGH) >> ((<u64>index & 3) << 4));
}

/** When the last cookie was given out, if that is not too long ago. */
@unmanaged @final class Cookies {
  givenAt: u32;
  isGiven: bool;
}
const COOKIES: usize = memory.data(offsetof<Cookies>(), 4);
/** What a half-open record would hold, while a segment is handled. */
const RECALLED: usize = memory.data(HALF_OPEN_SIZE, 4);

@inline function cookies(): Cookies {
  return changetype<Cookies>(COOKIES);
}

export function resetSynCookies(): void {
  memory.fill(COOKIES, 0, offsetof<Cookies>());
}

/** Answers a SYN for which there is no record with a cookie; false if it has to be dropped. */
export function offerCookie(listener: Listener, segment: Segment): bool {
  if (!HAS_SYN_COOKIES) return false;
  if (listener.unaccepted >= listener.backlog || !isTcbFree()) return false;
  const half = recall(listener, segment, segment.seq);
  half.sndMss = <u16>sendMssFrom(parseOptions(segment.options, segment.optionsOctets));
  let index = MSS_COUNT - 1;
  while (index != 0 && mssAt(index) > half.sndMss) --index;
  const step = isnClock() >> STEP_SHIFT;
  const low = (lowBits(half, step) + index) & LOW_MASK;
  half.iss = isnOffset(tupleHash(half.localAddress, half.remoteAddress, half.ports));
  half.iss += (step << STEP_SHIFT) | low;
  fillSynAck(half, beginReply(segment));
  cookies().givenAt = now();
  cookies().isGiven = true;
  count(Counter.SYN_COOKIES_OUT);
  return true;
}

/** Whether an ACK that reaches a listener may be that of a cookie. */
function areCookiesOut(): bool {
  const last = cookies();
  if (last.isGiven && now() - last.givenAt > VALID_MS) last.isGiven = false;
  return last.isGiven;
}

/** Whether the segment acknowledges a cookie: `takeCookie` then makes the connection. */
export function hasCookie(listener: Listener, segment: Segment): bool {
  if (!HAS_SYN_COOKIES || !areCookiesOut()) return false;
  const half = recall(listener, segment, segment.seq - 1);
  half.iss = segment.ack - 1;
  const told = half.iss - isnOffset(tupleHash(half.localAddress, half.remoteAddress, half.ports));
  const step = told >> STEP_SHIFT;
  if ((((isnClock() >> STEP_SHIFT) - step) & 0xff) > AGE_MAX) return false;
  const index = (told - lowBits(half, step)) & LOW_MASK;
  if (index >= MSS_COUNT) return false;
  half.sndMss = mssAt(index);
  return true;
}

/** The connection of the cookie that `hasCookie` has found, or null if there is no room for it. */
export function takeCookie(segment: Segment): Tcb | null {
  const tcb = establish(changetype<HalfOpen>(RECALLED), segment);
  if (tcb != null) count(Counter.SYN_COOKIES_ACCEPTED);
  return tcb;
}

/** The record that is not there, as far as the segment knows it. */
function recall(listener: Listener, segment: Segment, irs: u32): HalfOpen {
  const half = changetype<HalfOpen>(RECALLED);
  memory.fill(RECALLED, 0, HALF_OPEN_SIZE);
  half.state = <u8>State.SYN_RECEIVED;
  half.remoteAddress = segment.remoteAddress;
  half.localAddress = segment.localAddress;
  half.ports = segment.ports;
  half.listener = <u8>indexOfListener(listener);
  half.irs = irs;
  return half;
}

@inline function lowBits(half: HalfOpen, step: u32): u32 {
  const rest = ((<u64>step) << 32) | half.irs;
  return cookieHash(half.localAddress, half.remoteAddress, half.ports, rest);
}
