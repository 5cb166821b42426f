/**
 * `setParameter`: what holds for the whole stack, checked. `hal/README.md` specifies it.
 *
 * Called by `index`. The values live in tcp/parameters.
 */
import { HAS_ECN } from "../config";
import { Parameter, Status } from "../core/abi";
import { isInterfaceUp } from "../netif/interface";
import { forgetHeader } from "../netif/standing-header";
import { ECN_POLICY_MAX } from "../tcp/ecn";
import { setParameterValue } from "../tcp/parameters";
import { RTO_MAX_MS } from "../tcp/rtt";

/** Below this a peer that answers within its own clock's tick would be too slow. */
@inline const RTO_MIN_LEAST_MS: u32 = 10;

@inline export const TTL_MAX: u32 = 255;

/** Sets a Parameter of the whole stack. */
export function setParameter(which: u32, value: u32): Status {
  if (!isInterfaceUp()) return Status.NOT_CONFIGURED;
  switch (which) {
    case Parameter.RTO_MIN_MS:
      return setBetween(Parameter.RTO_MIN_MS, value, RTO_MIN_LEAST_MS, RTO_MAX_MS);
    case Parameter.ECN:
      return setBetween(Parameter.ECN, value, 0, HAS_ECN ? ECN_POLICY_MAX : 0);
    case Parameter.TTL:
      return setBetween(Parameter.TTL, value, 1, TTL_MAX);
    default:
      return Status.BAD_ARGUMENT;
  }
}

function setBetween(which: Parameter, value: u32, least: u32, most: u32): Status {
  if (value < least || value > most) return Status.BAD_ARGUMENT;
  setParameterValue(which, value);
  forgetHeader();
  return Status.OK;
}
