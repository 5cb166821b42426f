/**
 * A segment as it lies in a PLAIN frame, eight octets at a time, and what each one that is taken
 * straight changes.
 *
 * PLAIN: for our MAC, an unfragmented IPv4 datagram with a right header without options, and TCP.
 * Shared by the straight ways in (netif/straight-in and its like), which take no other, and out
 * (straight-out), which sends no other.
 */
import { Counter, Event } from "../core/abi";
import { countBoth } from "../core/counters";
import { swap16, swap32 } from "../core/octets";
import { noteHeard } from "../tcp/keep-alive";
import { Tcb } from "../tcp/tcb";
import { templateOf } from "../tcp/template";

/** Where the octets of headers without options stand. */
@inline export const TOTAL_LENGTH: usize = 16;
@inline export const SEQ_AND_ACK: usize = 38;
/** Data offset, control bits, window, checksum and urgent pointer. */
@inline export const CONTROL: usize = 46;
@inline export const TEXT: usize = 54;
@inline export const HEADERS_OCTETS: u32 = 40;
/** The total length of a datagram without text, as it lies there. */
@inline export const NO_TEXT: u64 = HEADERS_OCTETS << 8;

/** All but PSH and the checksum; and all but the window and FIN, too: 20 octets of header, ACK. */
@inline export const CONTROL_MASK: u64 = 0xffff_0000_ffff_f7ff;
@inline const FLAGS_MASK: u64 = 0xffff_0000_0000_f6ff;
@inline export const JUST_ACK: u64 = 0x1050;
@inline export const FIN: u64 = 0x0100;
@inline export const LOW: u64 = 0xffff_ffff;

@inline const INVERSE_OF_65535: u32 = 0xfffe_ffff;

/** What is said of a frame that is for the general way, instead of its `Work`. */
@inline export const NOT_STRAIGHT: i32 = -1;
/** The same of one that is PLAIN: the general way need not look at that again (netif/ingress). */
@inline export const PLAIN: i32 = -2;

/**
 * Whether data that holds its own checksum has this sum: a multiple of 65,535. Those are what its
 * inverse modulo 2^32 takes to the numbers up to 65,537; a remainder would take V8 longer.
 */
@inline export function isRight(total: u64): bool {
  const half = <u32>((total + rotl<u64>(total, 32)) >> 32);
  return half * INVERSE_OF_65535 <= 65537;
}

/** SEG.SEQ and SEG.ACK as they lie there. */
@inline export function rawNumbers(seq: u32, ack: u32): u64 {
  return <u64>swap32(seq) | (<u64>swap32(ack) << 32);
}

/** What SEG.SEQ, SEG.ACK and the control word make of the sum. */
@inline export function sumOf(numbers: u64, last: u64): u64 {
  return (numbers & LOW) + (numbers >> 32) + last;
}

/** The segment that begins at `seq`, which is RCV.NXT, has passed all checks; at `time`, now. */
@inline export function noteArrival(tcb: Tcb, seq: u32, time: u32): void {
  tcb.sndWl1 = seq;
  countBoth(Counter.FRAMES_IN); // and SEGMENTS_IN
  noteHeard(tcb, time);
}

@inline function windowOf(tcb: Tcb, control: u64): u32 {
  return swap16(<u32>control >> 16) << tcb.sndShift;
}

/**
 * Another control word than the last one: an ACK or FIN behind a header as long as that of
 * `justAck`; the window takes a segment.
 */
export function isWindowOpen(tcb: Tcb, control: u64, justAck: u64): bool {
  return (control & FLAGS_MASK) == justAck && windowOf(tcb, control) >= <u32>tcb.sndMss;
}

/** What the user is told of it: the FIN, if it has one. */
export function takeWindow(tcb: Tcb, control: u64): u32 {
  const window = windowOf(tcb, control);
  tcb.sndWnd = window;
  tcb.sndWndMax = max(tcb.sndWndMax, window);
  templateOf(tcb).control = <u32>control;
  return control & FIN ? Event.PEER_CLOSED | Event.READABLE : 0;
}
