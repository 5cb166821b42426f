/**
 * What the transmit frame still holds of the segment that went straight out last.
 *
 * The next one is likely to begin with the same 38 octets: of the same flow, with as long a frame.
 * Then netif/straight-out, which asks, has to write the numbers, the control word and the
 * checksum only, which saves an interpreter some 600 instructions. Whoever writes something else
 * there, or changes what a header says (addresses, TTL, TOS), says so here; so does a frame that
 * may bring a new connection, which may get the TCB of the one whose header stands.
 */
import { HAS_STRAIGHT } from "../config";

@unmanaged @final class StandingHeader {
  /** The flow, and the frame's length in the upper half; 0 if there is none. */
  name: u64;
  /** What TCP's checksum has of it. */
  sum: u64;
}
const STANDING: usize = HAS_STRAIGHT ? memory.data(16, 8) : 0;

@inline function standing(): StandingHeader {
  return changetype<StandingHeader>(STANDING);
}

/** How a header of this flow is called. */
@inline export function headerName(flow: usize, length: u32): u64 {
  return <u64>flow | (<u64>length << 32);
}

@inline export function isHeaderStanding(name: u64): bool {
  return standing().name == name;
}

/** What TCP's checksum has of the header that stands. */
@inline export function standingSum(): u64 {
  return standing().sum;
}

/** This header stands now. Returns its sum. */
@inline export function noteHeader(name: u64, sum: u64): u64 {
  standing().name = name;
  standing().sum = sum;
  return sum;
}

@inline export function forgetHeader(): void {
  if (HAS_STRAIGHT) standing().name = 0;
}
