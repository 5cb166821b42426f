/**
 * Keep-alive: asks a peer that has been silent for long whether it still knows the connection.
 *
 * RFC 9293 §3.8.4. Off unless the user asks for it (MUST-25). A probe is an acknowledgement that
 * begins one before SND.NXT and carries nothing (SHLD-12; garbage in it, MAY-6, is not offered):
 * whoever knows the connection must acknowledge it, whoever does not resets it.
 * It runs while the user timeout does not, and in its field: one bounds the wait for what is
 * outstanding, the other the silence while nothing is (MUST-26). A segment that arrives leaves only
 * its time here; whether the deadline still means anything is found out when it is reached.
 * Called by tcp/arrives, tcp/icmp-error, tcp/timers, tcp/timeouts, tcp/output and socket/.
 */
import { HAS_KEEP_ALIVE } from "../config";
import { Option } from "../core/abi";
import { now } from "../core/clock";
import { armDeadline } from "../core/deadlines";
import { wantOutput } from "./pending";
import { Flag, Tcb, Timer, clearFlag, deadlineOf, has, raiseFlag } from "./tcb";
import { KEEP_ALIVE_OFFSET, KEEP_ALIVE_SIZE } from "./tcb-layout";
import { noteAnswer } from "./trouble";

/** MUST-28: at least two hours. */
@inline const IDLE_DEFAULT_S: u16 = 7_200;
/** 75 s and 9 probes are what hosts use, since 4.3BSD. */
@inline const INTERVAL_DEFAULT_S: u16 = 75;
@inline const COUNT_DEFAULT: u8 = 9;
/** MUST-29: one probe without an answer means nothing. */
@inline const COUNT_MIN: u32 = 2;
@inline const COUNT_MAX: u32 = 255;
/** The longest idle time and interval, so that seconds have 16 bits: 18 hours. */
@inline const SECONDS_MAX: u32 = 65_535;
@inline const MS_PER_SECOND: u32 = 1_000;

/** The part of a TCB that keep-alive needs. */
@unmanaged @final class KeepAlive {
  /** When the last segment came that the checks of §3.10.7.4 let pass. */
  heardAt: u32;
  /** Silence before the first probe, and between probes. */
  idleS: u16;
  intervalS: u16;
  /** How many probes without an answer end the connection. */
  count: u8;
  /** Probes due since the peer was heard. */
  probes: u8;
}
if (HAS_KEEP_ALIVE && offsetof<KeepAlive>() > KEEP_ALIVE_SIZE) ERROR("KeepAlive layout");

@inline function keepAliveOf(tcb: Tcb): KeepAlive {
  return changetype<KeepAlive>(changetype<usize>(tcb) + KEEP_ALIVE_OFFSET);
}

/** The defaults, for a TCB that begins. */
export function resetKeepAlive(tcb: Tcb): void {
  if (!HAS_KEEP_ALIVE) return;
  const part = keepAliveOf(tcb);
  part.heardAt = now();
  part.idleS = IDLE_DEFAULT_S;
  part.intervalS = INTERVAL_DEFAULT_S;
  part.count = COUNT_DEFAULT;
}

/** The peer has shown at `time`, which is now, that it lives. */
@inline export function noteHeard(tcb: Tcb, time: u32): void {
  if (HAS_KEEP_ALIVE) keepAliveOf(tcb).heardAt = time;
}

/** Milliseconds since the peer has shown that; 0 in a build that does not keep them. */
export function silenceMs(tcb: Tcb): u32 {
  return HAS_KEEP_ALIVE ? now() - keepAliveOf(tcb).heardAt : 0;
}

/** Nothing is outstanding any more: waits for silence, if the user wants that. */
@inline export function superviseKeepAlive(tcb: Tcb): void {
  if (!HAS_KEEP_ALIVE || !has(tcb, Flag.KEEP_ALIVE) || tcb.timers & Timer.KEEP_ALIVE) return;
  keepAliveOf(tcb).probes = 0;
  startTimer(tcb, <u32>keepAliveOf(tcb).idleS * MS_PER_SECOND);
}

/** Something is outstanding, or the user wants no probes any more. */
@inline export function stopKeepAlive(tcb: Tcb): void {
  if (!HAS_KEEP_ALIVE) return;
  tcb.timers &= ~(<u8>Timer.KEEP_ALIVE);
  clearFlag(tcb, Flag.KEEP_ALIVE_DUE);
}

function startTimer(tcb: Tcb, ms: u32): void {
  tcb.userTimeoutAt = now() + ms;
  tcb.timers |= <u8>Timer.KEEP_ALIVE;
  armDeadline(deadlineOf(tcb), tcb.userTimeoutAt);
}

/** The deadline is reached. False if the peer has left as many probes unanswered as may be. */
export function keepAliveTimeout(tcb: Tcb): bool {
  const part = keepAliveOf(tcb);
  const idleMs = <u32>part.idleS * MS_PER_SECOND;
  const intervalMs = <u32>part.intervalS * MS_PER_SECOND;
  const silence = silenceMs(tcb);
  // Heard since the last probe, which was due one interval before this deadline.
  if (silence <= now() - tcb.userTimeoutAt + intervalMs) {
    if (part.probes != 0) noteAnswer(tcb);
    part.probes = 0;
  }
  if (part.probes == 0 && silence < idleMs) {
    startTimer(tcb, idleMs - silence);
    return true;
  }
  if (part.probes == part.count) return false;
  part.probes += 1;
  raiseFlag(tcb, Flag.KEEP_ALIVE_DUE);
  startTimer(tcb, intervalMs);
  wantOutput(tcb);
  return true;
}

/** 0 while keep-alive is off, else 1 more than the probes that wait for an answer. */
export function keepAliveStatus(tcb: Tcb): u32 {
  if (!HAS_KEEP_ALIVE || !has(tcb, Flag.KEEP_ALIVE)) return 0;
  return tcb.timers & Timer.KEEP_ALIVE ? 1 + <u32>keepAliveOf(tcb).probes : 1;
}

/** Whether this is the number of a probe that may not have been answered. */
export function isOfKeepAlive(tcb: Tcb, seq: u32): bool {
  if (!HAS_KEEP_ALIVE || (tcb.timers & Timer.KEEP_ALIVE) == 0) return false;
  return keepAliveOf(tcb).probes != 0 && seq == tcb.sndNxt - 1;
}

/** Sets one of the options of keep-alive; false if the value is out of range. */
export function setKeepAlive(tcb: Tcb, option: Option, value: u32): bool {
  const part = keepAliveOf(tcb);
  const seconds = (value + MS_PER_SECOND - 1) / MS_PER_SECOND;
  const isDuration = seconds - 1 < SECONDS_MAX && value <= SECONDS_MAX * MS_PER_SECOND;
  if (option == Option.KEEP_ALIVE) {
    if (value > 1) return false;
    if (value) raiseFlag(tcb, Flag.KEEP_ALIVE);
    else clearFlag(tcb, Flag.KEEP_ALIVE);
  } else if (option == Option.KEEP_ALIVE_COUNT) {
    if (value < COUNT_MIN || value > COUNT_MAX) return false;
    part.count = <u8>value;
  } else if (!isDuration) {
    return false;
  } else if (option == Option.KEEP_ALIVE_IDLE_MS) {
    part.idleS = <u16>seconds;
  } else {
    part.intervalS = <u16>seconds;
  }
  // What runs begins anew with the next poll, which knows the time.
  stopKeepAlive(tcb);
  wantOutput(tcb);
  return true;
}
