/**
 * The straight way in for a segment with a timestamp: of a peer such as Linux, each has one.
 *
 * Called by netif/straight-in, which has found out whose segment it is, for what RFC 7323 adds
 * before the numbers are looked at (netif/straight-segment): PAWS (§5). The option must lie where
 * RFC 7323 Appendix A has it, behind two No-Operations, and be the only one.
 * tests/tcp/straight.test.ts compares it with the general way.
 */
import { swap16 } from "../core/octets";
import { expectStamped } from "../tcp/expected";
import { isProbing } from "../tcp/rack";
import { Flag, Tcb, UNUSUAL, usesSack } from "../tcp/tcb";
import { isBeforeRecent } from "../tcp/timestamps";
import { HEADERS_OCTETS, PLAIN, TOTAL_LENGTH } from "./plain-segment";
import { STAMPED_TEXT, STAMP_OCTETS, Stamp, hasStamp, stampOf } from "./plain-stamp";
import { takeSegment } from "./straight-segment";

/**
 * Takes a PLAIN frame of `length` octets, of a connection with timestamps, if it can be taken this
 * way; otherwise nothing has changed but octets of the ring that hold nothing. `total`: the sum of
 * the pseudo-header and the ports. The clock is set.
 */
export function takeStamped(connection: usize, frame: usize, length: u32, total: u64): i32 {
  const tcb = changetype<Tcb>(connection);
  if ((tcb.flags & (UNUSUAL & ~Flag.TIMESTAMPS)) != 0) return PLAIN;
  if (usesSack(tcb) && isProbing(tcb)) return PLAIN;
  if (!hasStamp(frame, length)) return PLAIN;
  if (isBeforeRecent(tcb, stampOf(frame))) return PLAIN;
  expectStamped(connection);
  // Where there is less than the headers, it is a huge number.
  const octets = swap16(load<u16>(frame, TOTAL_LENGTH)) - (HEADERS_OCTETS + STAMP_OCTETS);
  if (octets > tcb.rcvAdv - tcb.rcvNxt || octets + <u32>STAMPED_TEXT > length) return PLAIN;
  return takeSegment<Stamp>(tcb, frame, octets, total);
}
