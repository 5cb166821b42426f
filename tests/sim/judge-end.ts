/**
 * Whether the reason that a connection ended with is the truth: each one has a cause that can be
 * seen in the very step, or in what the two applications did.
 *
 *     CLOSED       both applications closed, nothing was lost
 *     RESET        this very frame was an RST with the number that was due
 *     REFUSED      this very frame was an RST, or an ICMP error, while it was being opened
 *     TIMED_OUT    the user timeout, or keep-alive's, had passed since the last progress
 *     UNREACHABLE  the same, and an error had been reported
 *     ABORTED      the application did something that loses data
 *     EVICTED      it had got nowhere for a minute
 *
 * Called by watch.ts at the step in which a TCB's reason changes.
 */
import { EndReason, State } from "../../hal/host/abi.ts";
import { STATE_NAMES } from "./coverage.ts";
import { Ctl, type Packet } from "./packet.ts";
import type { Station } from "./station.ts";
import { demand, Violation } from "./violation.ts";
import type { Cause, Slot } from "./watch.ts";

export interface Ending {
  slot: Slot;
  reason: number;
  stateBefore: number;
  cause: Cause;
  station: Station;
}

const EVICTION_MIN_MS = 59_000;
/** Keep-alive asks so often before it gives up, an interval apart, after as long a silence. */
const KEEP_ALIVE_INTERVALS = 4;

export function judgeEnd(ending: Ending): void {
  const { station, stateBefore, reason } = ending;
  station.world.coverage.end(STATE_NAMES[stateBefore]!, reason);
  const judge = JUDGES[reason];
  demand(judge !== undefined, "unknown-reason", () => `reason ${reason}`);
  judge!(ending);
}

const JUDGES: Readonly<Record<number, (ending: Ending) => void>> = {
  [EndReason.CLOSED]: judgeClosed,
  [EndReason.RESET]: judgeReset,
  [EndReason.REFUSED]: judgeRefused,
  [EndReason.TIMED_OUT]: judgeTimedOut,
  [EndReason.UNREACHABLE]: judgeTimedOut,
  [EndReason.ABORTED]: judgeAborted,
  [EndReason.EVICTED]: judgeEvicted,
};

function lie(ending: Ending, what: string): never {
  const { station, slot, stateBefore } = ending;
  const who = station.watch.describe(slot);
  throw new Violation("untrue-end", `${who}, before ${STATE_NAMES[stateBefore]}: ${what}`);
}

function judgeClosed(ending: Ending): void {
  const { slot, stateBefore } = ending;
  if (stateBefore < State.FIN_WAIT_1) lie(ending, "CLOSED without a FIN of ours");
  if (stateBefore === State.CLOSE_WAIT) lie(ending, "CLOSED before our FIN left");
  const { end } = slot;
  if (end === undefined) return;
  if (!end.isSendClosed) lie(ending, "CLOSED though the application has not");
  const { attempt } = end;
  if (attempt === undefined || attempt.isTainted) return;
  if (!attempt.hasClosed(!end.isClient)) lie(ending, "CLOSED though the peer has not");
}

/** Whether the frame of this step is of this connection. */
function packetOf({ slot, cause }: Ending): Packet | undefined {
  const { packet } = cause;
  if (cause.kind !== "frame" || packet === undefined || !packet.isTcp) return undefined;
  const isOfTuple =
    packet.source === slot.remoteAddress &&
    packet.sourcePort === slot.remotePort &&
    packet.destinationPort === slot.localPort;
  return isOfTuple ? packet : undefined;
}

function judgeReset(ending: Ending): void {
  const packet = packetOf(ending);
  if (packet === undefined || !packet.has(Ctl.RST)) lie(ending, "RESET without an RST");
  if (packet.seq !== ending.slot.rcvNxt) lie(ending, "RESET by an RST of another number");
}

function judgeRefused(ending: Ending): void {
  const { stateBefore, cause } = ending;
  if (stateBefore !== State.SYN_SENT && stateBefore !== State.SYN_RECEIVED) {
    lie(ending, "REFUSED though it was open");
  }
  const packet = packetOf(ending);
  if (packet !== undefined && packet.has(Ctl.RST)) return;
  // What quotes the SYN of the connection is judged as a forgery, if it is one.
  const isIcmp = cause.kind === "frame" && cause.packet!.isIpv4 && cause.packet!.octets[23] === 1;
  if (!isIcmp) lie(ending, "REFUSED by nobody");
}

function judgeTimedOut(ending: Ending): void {
  const { slot, station, cause, reason } = ending;
  if (cause.kind !== "poll") lie(ending, `timed out in a step of ${cause.kind}`);
  const sinceMs = slot.end?.isReleased === true ? slot.end.releasedMs : slot.progressMs;
  const passedMs = (station.nowMs() - sinceMs) >>> 0;
  const keepAliveMs = slot.end?.role.options.keepAliveMs ?? 0;
  const aliveMs =
    slot.keepAlive > 0 && keepAliveMs > 0 ? KEEP_ALIVE_INTERVALS * keepAliveMs : Infinity;
  const limitMs = Math.min(slot.userTimeoutMs, aliveMs);
  if (passedMs < limitMs) lie(ending, `timed out after ${passedMs} of ${limitMs} ms`);
  const isExplained = slot.softError !== 0;
  if (isExplained !== (reason === EndReason.UNREACHABLE)) {
    lie(ending, `soft error ${slot.softError} makes no reason ${reason}`);
  }
}

function judgeAborted(ending: Ending): void {
  const { end } = ending.slot;
  if (end !== undefined && !end.hasAborted) lie(ending, "ABORTED though nobody did");
}

function judgeEvicted(ending: Ending): void {
  const { slot, station } = ending;
  const { end } = slot;
  if (end === undefined) return;
  const sinceMs = end.isReleased ? end.releasedMs : end.beganMs;
  const passedMs = (station.nowMs() - sinceMs) >>> 0;
  if (passedMs < EVICTION_MIN_MS) lie(ending, `EVICTED after ${passedMs} ms`);
}
