/**
 * Initial sequence numbers and ephemeral ports that an outsider cannot guess.
 *
 * RFC 9293 §3.4.1 and RFC 6528: ISN = M + F(tuple, secret), M a clock of 4 µs steps, F SipHash-2-4.
 * RFC 6056 §3.3.3 (algorithm 3): port = base + (counter + F(peer, secret)) mod range.
 * Called by tcp/calls, tcp/arrives and the records without a TCB. The secret never leaves
 * core/random.
 */
import { HAS_STRAIGHT } from "../config";
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

/**
 * The peer that was connected to last, and its `portOffset`: mostly the next one is the same, and a
 * hash costs an interpreter 2,700 instructions.
 */
@unmanaged @final class LastPeer {
  addresses: u64;
  remotePort: u32;
  offset: u32;
}
const LAST_PEER: usize = HAS_STRAIGHT ? memory.data(offsetof<LastPeer>(), 8) : 0;

/** No ISN was chosen yet, nor a port, with this secret. */
export function resetIsn(): void {
  store<u32>(LAST_M, isnClock() - 1);
  if (HAS_STRAIGHT) memory.fill(LAST_PEER, 0, offsetof<LastPeer>());
}

/**
 * The ISN of a connection that begins now, by its `tupleHash`.
 *
 * Our clock stands still within a millisecond. The ISNs that are chosen in one count on, so that
 * two incarnations of a tuple never share theirs: an old duplicate of the first one's SYN would
 * open the second one with a peer that takes it for the first.
 */
export function chooseIsn(hash: u64): u32 {
  const clock = isnClock();
  const last = load<u32>(LAST_M);
  const m = last - clock < ISN_LEAD_MAX ? last + 1 : clock;
  store<u32>(LAST_M, m);
  return m + isnOffset(hash);
}

/** M: the clock that all ISNs follow. */
@inline export function isnClock(): u32 {
  return now() * ISN_STEPS_PER_MS;
}

/** What only we know of a tuple. `ports`: remote in the upper half, local in the lower. */
export function tupleHash(localAddress: u32, remoteAddress: u32, ports: u32): u64 {
  return sipHash(((<u64>localAddress) << 32) | <u64>remoteAddress, <u64>ports);
}

/** F: what a tuple's ISNs add to M. */
@inline export function isnOffset(hash: u64): u32 {
  return <u32>hash;
}

/** What a tuple's timestamps add to the clock: the other half (RFC 7323 §7.1). */
@inline export function timestampOffset(hash: u64): u32 {
  return <u32>(hash >> 32);
}

/** What only we know about a tuple and `rest`, which has 40 bits (tcp/syn-cookies). */
export function cookieHash(
  localAddress: u32,
  remoteAddress: u32,
  ports: u32,
  rest: u64,
): u32 {
  return <u32>sipHash(tupleHash(localAddress, remoteAddress, ports), COOKIE_DOMAIN | rest);
}

/** The start of the search for an ephemeral port towards this peer. */
export function portOffset(localAddress: u32, remoteAddress: u32, remotePort: u32): u32 {
  const addresses = ((<u64>localAddress) << 32) | <u64>remoteAddress;
  if (!HAS_STRAIGHT) return <u32>sipHash(addresses, PORT_DOMAIN | <u64>remotePort);
  const last = changetype<LastPeer>(LAST_PEER);
  if (last.addresses != addresses || last.remotePort != remotePort) {
    last.addresses = addresses;
    last.remotePort = remotePort;
    last.offset = <u32>sipHash(addresses, PORT_DOMAIN | <u64>remotePort);
  }
  return last.offset;
}
