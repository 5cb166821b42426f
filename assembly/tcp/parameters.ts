/**
 * What holds for the whole stack and can be changed while it runs: `Parameter` of core/abi.
 *
 * Set by socket/parameters, which checks the ranges; read throughout tcp/. Knows no meaning.
 */
import { Parameter } from "../core/abi";

/** RFC 6298 §2.4. */
@inline const RTO_MIN_DEFAULT_MS: u32 = 1_000;

/** The recommended default (RFC 1122 §3.2.1.7, RFC 1700). */
@inline const TTL_DEFAULT: u32 = 64;

/** Parameter.COUNT times u32. */
const VALUES: usize = memory.data(<i32>Parameter.COUNT * 4, 4);

/** All defaults. */
export function resetParameters(): void {
  setParameterValue(Parameter.RTO_MIN_MS, RTO_MIN_DEFAULT_MS);
  setParameterValue(Parameter.ECN, 0);
  setParameterValue(Parameter.TTL, TTL_DEFAULT);
}

@inline export function parameter(which: Parameter): u32 {
  return load<u32>(VALUES + ((<usize>which) << 2));
}

export function setParameterValue(which: Parameter, value: u32): void {
  store<u32>(VALUES + ((<usize>which) << 2), value);
}
