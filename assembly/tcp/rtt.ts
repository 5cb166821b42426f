/**
 * The retransmission timeout from measured round trips.
 *
 * RFC 6298, in integers: SRTT × 8 and RTTVAR × 4, so that the gains of 1/8 and 1/4 are shifts.
 * Called by tcp/ack with samples that Karn's algorithm allows, and by tcp/timeouts.
 */
import { Parameter } from "../core/abi";
import { parameter } from "./parameters";
import { Tcb } from "./tcb";

/** RFC 6298 §2.1: before the first sample. */
@inline export const RTO_INITIAL_MS: u32 = 1_000;
/** RFC 6298 §2.5 asks for at least 60 s. */
@inline export const RTO_MAX_MS: u32 = 60_000;
/** RFC 6298 §5.7: for data after a SYN that had to be sent again. */
@inline export const RTO_AFTER_SYN_LOSS_MS: u32 = 3_000;
/** Doubling beyond this changes nothing: the least RTO_MIN_MS << 13 is above RTO_MAX_MS. */
@inline const BACKOFF_MAX: u32 = 13;
/** G of RFC 6298: the clock's granularity. */
@inline const GRANULARITY_MS: u32 = 1;

/** Takes one measured round trip, and forgets the backoff (RFC 6298 §2.2, §2.3, §5). */
@inline export function takeRttSample(tcb: Tcb, measuredMs: u32): void {
  const sample = max(measuredMs, GRANULARITY_MS);
  let srtt8 = tcb.srtt8;
  let rttvar4 = tcb.rttvar4;
  if (srtt8 == 0) {
    srtt8 = sample << 3;
    rttvar4 = sample << 1;
  } else {
    const error = <i32>(sample - (srtt8 >> 3));
    srtt8 += error;
    rttvar4 += <u32>abs(error) - (rttvar4 >> 2);
  }
  tcb.srtt8 = srtt8;
  tcb.rttvar4 = rttvar4;
  const rto = (srtt8 >> 3) + max(GRANULARITY_MS, rttvar4);
  tcb.rto = min(max(rto, parameter(Parameter.RTO_MIN_MS)), RTO_MAX_MS);
  tcb.backoff = 0;
}

/** The timeout in force: the computed one, doubled for each expiry since the last sample. */
@inline export function currentRto(tcb: Tcb): u32 {
  return min(tcb.rto << tcb.backoff, RTO_MAX_MS);
}

/** Doubles the timeout (RFC 6298 §5.5). */
export function backOff(tcb: Tcb): void {
  if (<u32>tcb.backoff < BACKOFF_MAX) tcb.backoff += 1;
}
