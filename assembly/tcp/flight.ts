/**
 * When each octet in flight was last sent: what RACK (RFC 8985) needs, in fixed memory.
 *
 *     SND.UNA ─ run 0 ─ end ─ run 1 ─ end ─ … ─ end = SND.NXT       RUN_COUNT runs at most
 *
 * Octets that left in the same millisecond and were sent equally often make one run, so that a
 * burst takes one entry. When all are taken, the two neighbours that are closest in time become
 * one, sent at the later time: a loss among them is then found a little later, never too early.
 * A run holds the lower halves of its end and its time: what is in flight fits 16 bits, and what
 * has waited longer than 65 s is the retransmission time-out's.
 * Called by tcp/output when a segment leaves, by tcp/ack when SND.UNA moves; read by tcp/rack.
 */
import { RUN_COUNT } from "../config";
import { now } from "../core/clock";
import { seqGt, seqLe, seqLt, seqMin } from "./seq";
import { Tcb } from "./tcb";
import { FLIGHT_OFFSET, FLIGHT_SIZE } from "./tcb-layout";

@unmanaged @final class Flight {
  count: u16;
  /** Bit i: run i was sent more than once. */
  again: u16;
}
@inline const RUNS_OFFSET: u32 = 4;
@inline const RUN_SIZE: u32 = 4;

@unmanaged @final class Run {
  end: u16;
  sentAt: u16;
}
if (FLIGHT_SIZE != 0 && RUNS_OFFSET + RUN_SIZE * RUN_COUNT != FLIGHT_SIZE) ERROR("Flight layout");
// Sending again in the middle of a run makes three of it.
@inline const DRAFT_COUNT: u32 = RUN_COUNT + 2;
if (DRAFT_COUNT > 16) ERROR("RUN_COUNT: Flight.again has 16 bits");

/** Where a list is put together before it replaces a TCB's. */
const DRAFT: usize = memory.data(RUNS_OFFSET + RUN_SIZE * DRAFT_COUNT, 4);

@inline function flightOf(tcb: Tcb): Flight {
  return changetype<Flight>(changetype<usize>(tcb) + FLIGHT_OFFSET);
}

@inline function runAt(flight: Flight, index: u32): Run {
  return changetype<Run>(changetype<usize>(flight) + RUNS_OFFSET + index * RUN_SIZE);
}

export function runCount(tcb: Tcb): u32 {
  return flightOf(tcb).count;
}

/** The number after the last one of a run. It begins where the one before ends, or at SND.UNA. */
export function runEnd(tcb: Tcb, index: u32): u32 {
  return tcb.sndUna + <u32>(<u16>(<u32>runAt(flightOf(tcb), index).end - tcb.sndUna));
}

/** For how many milliseconds a run has been under way. */
export function runAge(tcb: Tcb, index: u32): u32 {
  return ageAt(flightOf(tcb), index);
}

@inline function ageAt(flight: Flight, index: u32): u32 {
  return <u32>(<u16>(now() - <u32>runAt(flight, index).sentAt));
}

/** Whether any octet of a run was sent more than once. */
export function wasSentAgain(tcb: Tcb, index: u32): bool {
  return ((<u32>flightOf(tcb).again >> index) & 1) != 0;
}

/** Whether all octets in flight were sent once. */
@inline export function isAllSentOnce(tcb: Tcb): bool {
  return flightOf(tcb).again == 0;
}

/** `seq` … `end` leaves now. SND.NXT has not moved yet. */
export function noteSent(tcb: Tcb, seq: u32, end: u32): void {
  if (seq == tcb.sndNxt) noteSentFirst(tcb, end);
  else sendAgain(tcb, seq, end);
}

/** What leaves now, from SND.NXT up to `end`, leaves for the first time. */
@inline export function noteSentFirst(tcb: Tcb, end: u32): void {
  appendRun(flightOf(tcb), end, false, now());
}

/** Everything before `ack` was received. SND.UNA has not moved yet. */
export function dropRuns(tcb: Tcb, ack: u32): void {
  const flight = flightOf(tcb);
  let gone: u32 = 0;
  while (gone < <u32>flight.count && seqLe(runEnd(tcb, gone), ack)) ++gone;
  if (gone == 0) return;
  flight.count -= <u16>gone;
  flight.again >>= <u16>gone;
  memory.copy(
    changetype<usize>(runAt(flight, 0)),
    changetype<usize>(runAt(flight, gone)),
    <u32>flight.count * RUN_SIZE,
  );
}

/** Cuts `seq` … `end` out of the runs that it was part of, as one sent now. */
function sendAgain(tcb: Tcb, seq: u32, end: u32): void {
  const flight = flightOf(tcb);
  const draft = changetype<Flight>(DRAFT);
  draft.count = 0;
  draft.again = 0;
  let from = tcb.sndUna;
  let isIn = false;
  for (let i: u32 = 0; i < <u32>flight.count; ++i) {
    const to = runEnd(tcb, i);
    const sentAt = <u32>runAt(flight, i).sentAt;
    if (seqLt(from, seq)) appendRun(draft, seqMin(to, seq), wasSentAgain(tcb, i), sentAt);
    if (!isIn && seqGt(to, seq)) {
      appendRun(draft, end, true, now());
      isIn = true;
    }
    if (seqGt(to, end)) appendRun(draft, to, wasSentAgain(tcb, i), sentAt);
    from = to;
  }
  while (<u32>draft.count > RUN_COUNT) mergeClosest(draft);
  memory.copy(changetype<usize>(flight), DRAFT, FLIGHT_SIZE);
}

/** Adds a run behind the others, or to the last one if nothing tells them apart. */
function appendRun(flight: Flight, end: u32, isAgain: bool, sentAt: u32): void {
  const count = <u32>flight.count;
  if (count != 0) {
    const last = runAt(flight, count - 1);
    const wasAgain = ((<u32>flight.again >> (count - 1)) & 1) != 0;
    if (last.sentAt == <u16>sentAt && wasAgain == isAgain) {
      last.end = <u16>end;
      return;
    }
  }
  // A TCB's list has no room for one more than RUN_COUNT.
  if (changetype<usize>(flight) != DRAFT && count == RUN_COUNT) mergeClosest(flight);
  const index = <u32>flight.count;
  const run = runAt(flight, index);
  run.end = <u16>end;
  run.sentAt = <u16>sentAt;
  if (isAgain) flight.again |= <u16>(<u32>1 << index);
  flight.count = <u16>(index + 1);
}

/** Makes one of the two neighbours whose times differ least. */
function mergeClosest(flight: Flight): void {
  let best: u32 = 0;
  let least: u32 = u32.MAX_VALUE;
  for (let i: u32 = 0; i + 1 < <u32>flight.count; ++i) {
    // Ages, not times: what leaves now is the youngest, however long ago the others left.
    const age = ageAt(flight, i);
    const nextAge = ageAt(flight, i + 1);
    const difference = max(age, nextAge) - min(age, nextAge);
    if (difference >= least) continue;
    least = difference;
    best = i;
  }
  const first = runAt(flight, best);
  const second = runAt(flight, best + 1);
  first.end = second.end;
  if (ageAt(flight, best + 1) < ageAt(flight, best)) first.sentAt = second.sentAt;
  const again = <u32>flight.again;
  const below = (<u32>1 << best) - 1;
  const merged = ((again >> best) | (again >> (best + 1))) & 1;
  const above = (again >> (best + 2)) << (best + 1);
  flight.again = <u16>((again & below) | (merged << best) | above);
  flight.count -= 1;
  memory.copy(
    changetype<usize>(second),
    changetype<usize>(runAt(flight, best + 2)),
    (<u32>flight.count - best - 1) * RUN_SIZE,
  );
}
