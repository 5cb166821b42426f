/**
 * The straight way in for a segment with a timestamp: of a peer such as Linux, each has one.
 *
 * As netif/straight-in, which has found out whose segment it is, with what RFC 7323 adds: PAWS
 * (§5), TS.Recent (§4.3) and the echo that says whether a round trip may be measured (§4). The
 * option must lie where RFC 7323 Appendix A has it, behind two No-Operations, and be the only one.
 * The checks are those of straight-in, in the same order; what they lead to is netif/straight-steps.
 * tests/tcp/straight.test.ts compares it with the general way.
 */
import { Work } from "../core/abi";
import { now } from "../core/clock";
import { swap16, swap32 } from "../core/octets";
import { expectStamped } from "../tcp/expected";
import { wantOutput } from "../tcp/pending";
import { isProbing } from "../tcp/rack";
import { seqGt } from "../tcp/seq";
import { Flag, Tcb, UNUSUAL, clearFlag, has, usesSack } from "../tcp/tcb";
import { numbersOf, templateOf } from "../tcp/template";
import { isBeforeRecent, isEchoOfTimed, rememberOrderly } from "../tcp/timestamps";
import {
  CONTROL, CONTROL_MASK, HEADERS_OCTETS, PLAIN, SEQ_AND_ACK, TOTAL_LENGTH, isRight, isWindowOpen,
  noteArrival, sumOf, takeWindow,
} from "./plain-segment";
import {
  STAMPED_ACK, STAMPED_TEXT, STAMP_OCTETS, echoOf, hasStamp, stampOf, stampSum,
} from "./plain-stamp";
import { advance, isFlightPlain, putText, raise, takeText } from "./straight-steps";

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
  const tsVal = stampOf(frame);
  if (isBeforeRecent(tcb, tsVal)) return PLAIN;
  expectStamped(connection);
  const seq = tcb.rcvNxt;
  // Where there is less than the headers, it is a huge number.
  const octets = swap16(load<u16>(frame, TOTAL_LENGTH)) - (HEADERS_OCTETS + STAMP_OCTETS);
  if (octets > tcb.rcvAdv - seq || octets + <u32>STAMPED_TEXT > length) return PLAIN;
  const numbers = load<u64>(frame, SEQ_AND_ACK);
  const una = tcb.sndUna;
  let ack = una;
  const flight = tcb.sndNxt - una;
  const expected = numbersOf(tcb);
  if (numbers != expected) {
    ack = swap32(<u32>(numbers >> 32));
    if (<u32>numbers != <u32>expected || ack - una > flight) return PLAIN;
  }
  if (flight != 0) {
    if (!isFlightPlain(tcb, una + flight, ack - una) || (octets | (ack - una)) == 0) return PLAIN;
  }
  const last = load<u64>(frame, CONTROL);
  const control = last & CONTROL_MASK;
  const isWindowNew = control != <u64>templateOf(tcb).control;
  if (isWindowNew && !isWindowOpen(tcb, control, STAMPED_ACK)) return PLAIN;
  const held = seq - tcb.rcvRead;
  total += stampSum(frame);
  if (octets != 0) total += putText(tcb, held, frame + STAMPED_TEXT, octets);
  if (!isRight(total + sumOf(numbers, last))) return PLAIN;
  noteArrival(tcb, seq, now());
  rememberOrderly(tcb, tsVal);
  let events: u32 = 0;
  if (ack != una) {
    leaveUnmeasured(tcb, ack, echoOf(frame));
    events = advance(tcb, ack, flight, now());
    templateOf(tcb).ack = <u32>(numbers >> 32);
  }
  if (isWindowNew) events |= takeWindow(tcb, control);
  const isUnfinished = ack != tcb.sndEnd;
  if (isUnfinished) wantOutput(tcb);
  if (octets != 0) events |= takeText(tcb, seq, held, octets);
  if (events != 0) raise(tcb, events);
  return events != 0 || isUnfinished ? Work.ASKED : Work.NONE;
}

/** Where the timed segment is acknowledged, but an older one is echoed, nothing is measured. */
@inline function leaveUnmeasured(tcb: Tcb, ack: u32, tsEcr: u32): void {
  if (!has(tcb, Flag.TIMING) || !seqGt(ack, tcb.rttSeq)) return;
  if (!isEchoOfTimed(tcb, tsEcr)) clearFlag(tcb, Flag.TIMING);
}
