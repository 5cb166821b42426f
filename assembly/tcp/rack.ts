/**
 * RACK-TLP: which octets are lost, told by time, and a probe when the end of a flight stays silent.
 *
 * RFC 8985. What was sent before something that has been delivered, and is still missing after a
 * round trip and a reordering window, is lost (§6.2). When no acknowledgement comes for two round
 * trips, one segment is sent to draw one (§7), so that a lost tail need not wait for the RTO.
 * Needs SACK and goes with it: usesSack says whether a connection has it. The times are those of
 * tcp/flight, the reports those of tcp/scoreboard; nothing is marked, a run is lost when the
 * conditions hold. Called by tcp/ack, tcp/output and tcp/timeouts. Sends nothing itself.
 */
import { HAS_SACK } from "../config";
import { isBefore, now } from "../core/clock";
import { armDeadline } from "../core/deadlines";
import { forgetExpected } from "./expected";
import { dropRuns, isAllSentOnce, runAge, runCount, runEnd, wasSentAgain } from "./flight";
import {
  afterLastReport,
  afterReported,
  hasReports,
  isMuchReported,
  missingBetween,
  missingFrom,
} from "./scoreboard";
import { Segment } from "./segment";
import { seqGe, seqGt, seqLe, seqLt, seqMin } from "./seq";
import {
  Flag,
  Tcb,
  Timer,
  deadlineOf,
  has,
  usesSack,
  usesTimestamps,
} from "./tcb";
import { RACK_OFFSET, RACK_SIZE } from "./tcb-layout";
import { isEchoBefore } from "./timestamps";

/** RFC 8985 §7.2: a probe is not sent sooner, so that a tick of the peer's timers fits in. */
@inline const PROBE_MIN_MS: u32 = 10;
/** RFC 8985 §7.2, TLP.max_ack_delay: how long a peer may delay its ACK of a single segment. */
@inline const ACK_DELAY_MAX_MS: u32 = 200;
/** RFC 8985 §6.2 step 4: for how many recoveries a wider reordering window is kept. */
@inline const WINDOW_PERSIST: u8 = 16;
/** The reordering window is at most min_RTT · 255 / 4, and SRTT in any case. */
@inline const WINDOW_FACTOR_MAX: u32 = 255;
@inline const RTT_MAX_MS: u32 = 0xffff;

const enum Bit {
  /** Something has been delivered: `deliveredAt`, `deliveredEnd` and `rttMs` hold. */
  STARTED = 1,
  /** Octets arrived later than octets sent after them. */
  REORDERED = 2,
  /** A probe is out; `probeEnd` is the number after it. */
  PROBED = 4,
  /** That probe sent again what had been sent before. */
  PROBE_REPEATS = 8,
  /** The next segment is to be a probe. */
  PROBE_DUE = 16,
  /** The timer waits to probe, and not for the end of a reordering window. */
  WAITS_TO_PROBE = 32,
  /** The window was widened for a duplicate; again only behind `widenedUntil`. */
  WIDENED = 64,
}

/** The part of a TCB that RACK-TLP needs, beside tcp/flight. */
@unmanaged @final class Rack {
  /** Of what was sent last among all that is delivered: when, and the number after it. */
  deliveredAt: u32;
  deliveredEnd: u32;
  /** TLP.end_seq. */
  probeEnd: u32;
  widenedUntil: u32;
  /** When the timer fires, where Timer.LOSS runs. */
  fireAt: u32;
  /** RACK.rtt and RACK.min_RTT, at most 65,535 ms. */
  rttMs: u16;
  minRttMs: u16;
  bits: u8;
  /** RACK.reo_wnd_mult and how many recoveries keep it. */
  windowFactor: u8;
  windowPersist: u8;
}
if (HAS_SACK && offsetof<Rack>() > RACK_SIZE) ERROR("Rack layout");

/** What had been reported, at the most, when the acknowledgement at hand came: RACK.fack. */
const FORWARD_ACK: usize = memory.data(4, 4);

@inline function rackOf(tcb: Tcb): Rack {
  return changetype<Rack>(changetype<usize>(tcb) + RACK_OFFSET);
}

@inline function is(rack: Rack, bit: Bit): bool {
  return ((<u32>rack.bits) & (<u32>bit)) != 0;
}

@inline function set(rack: Rack, bit: Bit): void {
  rack.bits |= <u8>bit;
  if (bit & (Bit.PROBED | Bit.PROBE_DUE)) forgetExpected();
}

@inline function clear(rack: Rack, bits: u32): void {
  rack.bits &= ~(<u8>bits);
}

/**
 * The first segment of a flight is about to leave: all that was sent before is delivered. Without
 * this, after 24 days of silence what was delivered last would seem to lie in the future.
 */
export function beginFlight(tcb: Tcb): void {
  const rack = rackOf(tcb);
  rack.deliveredAt = now();
  rack.deliveredEnd = tcb.sndUna;
  clear(rack, Bit.WIDENED);
}

/** An acknowledgement is about to be taken. */
export function beginAck(tcb: Tcb): void {
  store<u32>(FORWARD_ACK, afterLastReport(tcb));
}

// ── Delivery ─────────────────────────────────────────────────────────────────────────────────────

/** `segment` tells that start … end, which was not known to be there, was delivered (§6.2 1–3). */
export function noteDelivered(tcb: Tcb, segment: Segment, start: u32, end: u32): void {
  let from = tcb.sndUna;
  for (let i: u32 = 0; i < runCount(tcb); ++i) {
    const to = runEnd(tcb, i);
    if (seqGt(to, start) && seqLt(from, end)) takeDelivery(tcb, segment, i, seqMin(to, end));
    from = to;
  }
}

/** The octets of run `index` up to `end` are delivered. */
function takeDelivery(tcb: Tcb, segment: Segment, index: u32, end: u32): void {
  const rack = rackOf(tcb);
  const rtt = runAge(tcb, index);
  const sentAt = now() - rtt;
  const minRtt = minRttOf(rack);
  if (wasSentAgain(tcb, index)) {
    // Perhaps it was an earlier copy that arrived (step 2). The echo tells only of what SEG.ACK
    // takes: behind a hole it is that of the last segment before the hole (RFC 7323 §4.3).
    const isEcho = usesTimestamps(tcb) && seqGe(segment.ack, end);
    if (isEcho && isEchoBefore(tcb, segment, sentAt)) return;
    if (rtt < minRtt) return;
  } else if (seqLt(end, load<u32>(FORWARD_ACK))) {
    set(rack, Bit.REORDERED);
  }
  noteRoundTrip(rack, sentAt, minRtt, end);
}

@inline function minRttOf(rack: Rack): u32 {
  return is(rack, Bit.STARTED) ? <u32>rack.minRttMs : RTT_MAX_MS;
}

/** What was sent at `sentAt` and ends before `end` is delivered. */
@inline function noteRoundTrip(rack: Rack, sentAt: u32, minRtt: u32, end: u32): void {
  const rtt = now() - sentAt;
  rack.rttMs = <u16>rtt;
  rack.minRttMs = <u16>min(minRtt, rtt);
  if (is(rack, Bit.STARTED) && !isSentAfter(rack, sentAt, end)) return;
  set(rack, Bit.STARTED);
  rack.deliveredAt = sentAt;
  rack.deliveredEnd = end;
}

/**
 * Whether what is in flight is as it should be: sent once, in order, and nothing of it reported
 * ahead of SND.UNA; nor is a probe out or due, or the end of a reordering window waited for.
 */
export function isFlightOrderly(tcb: Tcb): bool {
  if (isProbing(tcb) || hasReports(tcb) || !isAllSentOnce(tcb)) return false;
  return (tcb.timers & Timer.LOSS) == 0 || is(rackOf(tcb), Bit.WAITS_TO_PROBE);
}

/**
 * An acknowledgement takes all before `ack`, as it should: that is delivered, and nothing behind
 * it, which was sent later, can be lost. SND.UNA has not moved yet.
 */
export function takeOrderlyAck(tcb: Tcb, ack: u32): void {
  const rack = rackOf(tcb);
  let from = tcb.sndUna;
  for (let i: u32 = 0; i < runCount(tcb) && from != ack; ++i) {
    from = seqMin(runEnd(tcb, i), ack);
    noteRoundTrip(rack, now() - runAge(tcb, i), minRttOf(rack), from);
  }
  dropRuns(tcb, ack);
}

/** Whether what was sent at `sentAt` and ends before `end` was sent after all that is delivered. */
@inline function isSentAfter(rack: Rack, sentAt: u32, end: u32): bool {
  if (sentAt == rack.deliveredAt) return seqGt(end, rack.deliveredEnd);
  return isBefore(rack.deliveredAt, sentAt);
}

// ── Loss ─────────────────────────────────────────────────────────────────────────────────────────

/** RACK.reo_wnd (step 4): how much later than others octets may come that are not lost. */
function reorderingWindow(tcb: Tcb): u32 {
  const rack = rackOf(tcb);
  if (!is(rack, Bit.REORDERED) && (has(tcb, Flag.RECOVERING) || isMuchReported(tcb))) return 0;
  const window = (max<u32>(1, rack.windowFactor) * <u32>rack.minRttMs) >> 2;
  return min(max<u32>(1, window), max<u32>(1, tcb.srtt8 >> 3));
}

/**
 * How far run `index`, which begins at `from`, was sent before what is delivered: the number after
 * the last such octet, `from` if there is none.
 */
function overtakenEnd(tcb: Tcb, index: u32, from: u32): u32 {
  const rack = rackOf(tcb);
  const to = runEnd(tcb, index);
  const sentAt = now() - runAge(tcb, index);
  if (isBefore(sentAt, rack.deliveredAt)) return to;
  // Within one millisecond the numbers tell the order (RACK_sent_after): what goes again goes
  // hole by hole, before new text. But of what went again just now nothing can be known yet.
  if (sentAt != rack.deliveredAt) return from;
  if (sentAt == now() && wasSentAgain(tcb, index)) return from;
  if (seqLe(rack.deliveredEnd, from)) return from;
  return seqMin(to, rack.deliveredEnd);
}

/**
 * Step 5: whether octets are lost now. For those that may be lost soon the timer is set, to the end
 * of the last one's reordering window.
 */
export function detectLosses(tcb: Tcb): bool {
  const rack = rackOf(tcb);
  if (!is(rack, Bit.STARTED)) return false;
  const window = reorderingWindow(tcb);
  let isLost = false;
  let wait: u32 = 0;
  let from = tcb.sndUna;
  for (let i: u32 = 0; i < runCount(tcb); ++i) {
    const end = overtakenEnd(tcb, i, from);
    if (seqLt(from, end) && missingBetween(tcb, from, end) != 0) {
      const age = runAge(tcb, i);
      const patience = <u32>rack.rttMs + window;
      if (age >= patience) isLost = true;
      else wait = max(wait, patience - age);
    }
    from = runEnd(tcb, i);
  }
  if (wait != 0) startLossTimer(tcb, wait, false);
  else if (!is(rack, Bit.WAITS_TO_PROBE)) stopLossTimer(tcb);
  return isLost;
}

/** The number after the lost part of run `index`, which begins at `from`; `from` if none is. */
function lostEnd(tcb: Tcb, index: u32, from: u32): u32 {
  const rack = rackOf(tcb);
  if (!is(rack, Bit.STARTED)) return from;
  if (runAge(tcb, index) < <u32>rack.rttMs + reorderingWindow(tcb)) return from;
  return overtakenEnd(tcb, index, from);
}

/** How many octets are lost and not sent again since. */
export function lostOctets(tcb: Tcb): u32 {
  let lost: u32 = 0;
  let from = tcb.sndUna;
  for (let i: u32 = 0; i < runCount(tcb); ++i) {
    const end = lostEnd(tcb, i, from);
    if (seqLt(from, end)) lost += missingBetween(tcb, from, end);
    from = runEnd(tcb, i);
  }
  return lost;
}

/** The first lost octet, or SND.NXT. `lostUntil` tells how far the loss goes. */
export function firstLost(tcb: Tcb): u32 {
  let from = tcb.sndUna;
  for (let i: u32 = 0; i < runCount(tcb); ++i) {
    const lost = afterReported(tcb, from);
    if (seqLt(lost, lostEnd(tcb, i, from))) return lost;
    from = runEnd(tcb, i);
  }
  return tcb.sndNxt;
}

/** How many octets from the lost octet `seq` on are lost in one piece. */
export function lostFrom(tcb: Tcb, seq: u32): u32 {
  let from = tcb.sndUna;
  let end = seq;
  for (let i: u32 = 0; i < runCount(tcb); ++i) {
    const to = runEnd(tcb, i);
    // A piece may reach over the runs' borders.
    if (seqGe(end, from) && seqGt(to, end)) end = lostEnd(tcb, i, from);
    from = to;
  }
  return min(end - seq, missingFrom(tcb, seq));
}

/** The peer reports a duplicate: the reordering window was too small (step 4), once a round. */
export function widenWindow(tcb: Tcb): void {
  const rack = rackOf(tcb);
  if (is(rack, Bit.WIDENED) && seqLt(tcb.sndUna, rack.widenedUntil)) return;
  set(rack, Bit.WIDENED);
  rack.widenedUntil = tcb.sndNxt;
  rack.windowPersist = WINDOW_PERSIST;
  rack.windowFactor = <u8>min(max<u32>(1, rack.windowFactor) + 1, WINDOW_FACTOR_MAX);
}

/** A recovery has ended: after some of them without a duplicate the window is small again. */
export function recoveryEnded(tcb: Tcb): void {
  const rack = rackOf(tcb);
  if (rack.windowPersist > 1) rack.windowPersist -= 1;
  else rack.windowFactor = 1;
}

// ── Tail loss probe ──────────────────────────────────────────────────────────────────────────────

/** §7.2: (re)starts the wait for a probe, or stops it where none makes sense. */
export function scheduleLossProbe(tcb: Tcb): void {
  if (!usesSack(tcb)) return;
  const rack = rackOf(tcb);
  if (!is(rack, Bit.WAITS_TO_PROBE) && (tcb.timers & Timer.LOSS) != 0) return;
  stopLossTimer(tcb);
  const isOdd =
    is(rack, Bit.PROBED | Bit.PROBE_DUE) ||
    has(tcb, Flag.RECOVERING | Flag.PERSISTING | Flag.SYN_OUTSTANDING) ||
    tcb.srtt8 == 0 || hasReports(tcb);
  if (isOdd || tcb.sndUna == tcb.sndNxt || tcb.sndCursor != tcb.sndNxt) return;
  let wait = max(tcb.srtt8 >> 2, PROBE_MIN_MS);
  if (tcb.sndNxt - tcb.sndUna <= <u32>tcb.sndMss) wait += ACK_DELAY_MAX_MS;
  // Where the RTO comes first there is nothing to win.
  if (!isBefore(now() + wait, tcb.retransmissionAt)) return;
  startLossTimer(tcb, wait, true);
}

/** Timer.LOSS has fired. Returns whether a loss is to be looked for; else a probe is due. */
export function lossTimerFires(tcb: Tcb): bool {
  const rack = rackOf(tcb);
  stopLossTimer(tcb);
  if (!is(rack, Bit.WAITS_TO_PROBE)) return true;
  clear(rack, Bit.WAITS_TO_PROBE);
  set(rack, Bit.PROBE_DUE);
  return false;
}

export function isLossProbeDue(tcb: Tcb): bool {
  return usesSack(tcb) && is(rackOf(tcb), Bit.PROBE_DUE);
}

/** Whether a probe is out or due: what comes next says what became of it. */
@inline export function isProbing(tcb: Tcb): bool {
  return is(rackOf(tcb), Bit.PROBED | Bit.PROBE_DUE);
}

/** The probe left: new octets, or the last ones again. SND.NXT is the number after it. */
export function noteLossProbe(tcb: Tcb, isRepeated: bool): void {
  const rack = rackOf(tcb);
  clear(rack, Bit.PROBE_DUE | Bit.PROBE_REPEATS);
  set(rack, Bit.PROBED);
  if (isRepeated) set(rack, Bit.PROBE_REPEATS);
  rack.probeEnd = tcb.sndNxt;
}

/**
 * §7.4: an acknowledgement came. Returns whether the probe has repaired a loss, which nobody would
 * notice otherwise. `isNew`: SND.UNA has moved to SEG.ACK.
 */
export function concludeLossProbe(
  tcb: Tcb,
  segment: Segment,
  isDuplicateSeen: bool,
  isNew: bool,
): bool {
  const rack = rackOf(tcb);
  if (segment.ack != tcb.sndUna) return false;
  clear(rack, Bit.PROBE_DUE);
  if (!is(rack, Bit.PROBED) || seqLt(segment.ack, rack.probeEnd)) return false;
  const isRepeated = is(rack, Bit.PROBE_REPEATS);
  if (!isRepeated || isDuplicateSeen) {
    clear(rack, Bit.PROBED); // both copies are there, or it was no copy
    return false;
  }
  if (seqGt(segment.ack, rack.probeEnd)) {
    clear(rack, Bit.PROBED);
    return true;
  }
  // A duplicate ACK answers the copy where the peer does not report it: both are there.
  if (!isNew && segment.isBare && segment.sackCount == 0) clear(rack, Bit.PROBED);
  return false;
}

/** The retransmission time-out takes over: no probe, no wait. */
export function abandonRack(tcb: Tcb): void {
  if (!HAS_SACK) return;
  stopLossTimer(tcb);
  clear(rackOf(tcb), Bit.PROBED | Bit.PROBE_DUE | Bit.WAITS_TO_PROBE);
}

// ── The timer ────────────────────────────────────────────────────────────────────────────────────

/** When Timer.LOSS fires. */
@inline export function lossTimerAt(tcb: Tcb): u32 {
  return rackOf(tcb).fireAt;
}

function startLossTimer(tcb: Tcb, waitMs: u32, toProbe: bool): void {
  const rack = rackOf(tcb);
  clear(rack, Bit.WAITS_TO_PROBE);
  if (toProbe) set(rack, Bit.WAITS_TO_PROBE);
  rack.fireAt = now() + waitMs;
  tcb.timers |= <u8>Timer.LOSS;
  armDeadline(deadlineOf(tcb), rack.fireAt);
}

@inline function stopLossTimer(tcb: Tcb): void {
  tcb.timers &= ~(<u8>Timer.LOSS);
}
