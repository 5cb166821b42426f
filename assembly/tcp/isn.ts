/**
 * Initial sequence numbers and ephemeral ports that an outsider cannot guess.
 *
 * RFC 9293 §3.4.1 and RFC 6528: ISN = M + F(tuple, secret), M a clock of 4 µs steps, F SipHash-2-4.
 * RFC 6056 §3.3.3 (algorithm 3): port = base + (counter + F(peer, secret)) mod range.
 * Called by tcp/calls, tcp/arrives and the records without a TCB. The secret never leaves
 * core/random.
 */
import { now } from "../core/clock";
import { sipHash } from "../core/random";

/** 4 µs steps per millisecond. */
@inline const ISN_STEPS_PER_MS: u32 = 250;
/** So far the ISNs of one millisecond may run ahead of the clock. */
@inline const ISN_LEAD_MAX: u32 = 0x1_0000;
/** u32: the M of the ISN that was chosen last. */
const LAST_M: usize = memory.data(4, 4);

/** The dynamic ports (RFC 6335 §6). */
@inline export const EPHEMERAL_FIRST: u32 = 49152;
@inline export const EPHEMERAL_COUNT: u32 = 16384;

/** Tells the hash for ports from that for sequence numbers, whose second word is below 2^32. */
@inline const PORT_DOMAIN: u64 = 1 << 63;
/** Likewise for SYN cookies. */
@inline const COOKIE_DOMAIN: u64 = 1 << 62;

/** No ISN was chosen yet. */
export function resetIsn(): void {
  store<u32>(LAST_M, isnClock() - 1);
}

/**
 * The ISN of a connection that begins now. `ports`: remote in the upper half, local in the lower.
 *
 * Our clock stands still within a millisecond. The ISNs that are chosen in one count on, so that
 * two incarnations of a tuple never share theirs: an old duplicate of the first one's SYN would
 * open the second one with a peer that takes it for the first.
 */
export function chooseIsn(localAddress: u32, remoteAddress: u32, ports: u32): u32 {
  const clock = isnClock();
  const last = load<u32>(LAST_M);
  const m = last - clock < ISN_LEAD_MAX ? last + 1 : clock;
  store<u32>(LAST_M, m);
  return m + isnOffset(localAddress, remoteAddress, ports);
}

/** M: the clock that all ISNs follow. */
@inline export function isnClock(): u32 {
  return now() * ISN_STEPS_PER_MS;
}

/** F: what this tuple's ISNs add to it. */
export function isnOffset(localAddress: u32, remoteAddress: u32, ports: u32): u32 {
  const addresses = ((<u64>localAddress) << 32) | <u64>remoteAddress;
  return <u32>sipHash(addresses, <u64>ports);
}

/** What only we know about a tuple and `rest`, which has 40 bits (tcp/syn-cookies). */
export function cookieHash(
  localAddress: u32,
  remoteAddress: u32,
  ports: u32,
  rest: u64,
): u32 {
  const addresses = ((<u64>localAddress) << 32) | <u64>remoteAddress;
  return <u32>sipHash(sipHash(addresses, <u64>ports), COOKIE_DOMAIN | rest);
}

/**
 * What this tuple's timestamps add to the clock: the other half of the same hash (RFC 7323 §7.1).
 */
export function timestampOffset(localAddress: u32, remoteAddress: u32, ports: u32): u32 {
  const addresses = ((<u64>localAddress) << 32) | <u64>remoteAddress;
  return <u32>(sipHash(addresses, <u64>ports) >> 32);
}

/** The start of the search for an ephemeral port towards this peer. */
export function portOffset(localAddress: u32, remoteAddress: u32, remotePort: u32): u32 {
  const addresses = ((<u64>localAddress) << 32) | <u64>remoteAddress;
  return <u32>sipHash(addresses, PORT_DOMAIN | <u64>remotePort);
}
