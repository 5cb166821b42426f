/**
 * The watch over a host's TIME-WAITs: each lasts 2MSL, counted from the last FIN of the peer that
 * it had to answer, and not much longer.
 *
 * It may end sooner for one of three reasons only: the record was recycled for a newer one, the
 * tuple was opened again by a fresh SYN, the application aborted. Called by watch.ts.
 */
import { Counter, State } from "../../hal/host/abi.ts";
import type { End } from "./ends.ts";
import { Ctl, Packet } from "./packet.ts";
import type { Station } from "./station.ts";
import { demand } from "./violation.ts";
import type { Cause, Slot } from "./watch.ts";

interface Wait {
  remoteAddress: number;
  remotePort: number;
  localPort: number;
  /** The number behind the peer's FIN, or −1 where the step did not show it. */
  finEnd: number;
  /** Module times between which the 2MSL began last. */
  sinceMs: number;
  latestMs: number;
  end: End | undefined;
  /** A half-open record of the same tuple lies before it. */
  isCovered: boolean;
}

export class TimeWaitWatch {
  readonly #station: Station;
  readonly #waits: Wait[] = [];
  #excuses = 0;
  #restarted: Wait | undefined;
  #isCertain = false;
  readonly #whole = new Packet();

  constructor(station: Station) {
    this.#station = station;
  }

  get isEmpty(): boolean {
    return this.#waits.length === 0;
  }

  forget(): void {
    this.#waits.length = 0;
    this.#excuses = 0;
    this.#restarted = undefined;
  }

  /** A connection has come to TIME-WAIT in this step. */
  begin(slot: Slot, cause: Cause): void {
    const nowMs = this.#station.nowMs();
    const { packet } = cause;
    const isFin = packet !== undefined && packet.isTcp && packet.has(Ctl.FIN);
    const fromPacket = isFin ? (packet.seq + packet.sequenceLength) >>> 0 : -1;
    const { remoteAddress, remotePort, localPort, end } = slot;
    const wait: Wait = {
      remoteAddress,
      remotePort,
      localPort,
      finEnd: fromPacket,
      sinceMs: nowMs,
      latestMs: nowMs,
      end,
      isCovered: false,
    };
    const before = this.#waits.findIndex((one) => isTuple(one, wait));
    if (before >= 0) this.#waits.splice(before, 1);
    this.#waits.push(wait);
  }

  released(end: End): void {
    for (const wait of this.#waits) if (wait.end === end) wait.end = undefined;
  }

  /** A FIN that comes again begins the 2MSL anew. */
  beforeFrame(packet: Packet): void {
    this.#restarted = undefined;
    this.#isCertain = false;
    if (this.#waits.length === 0) return;
    const isWhole = packet.whole === undefined;
    const segment = isWhole ? packet : this.#whole.take(packet.whole!);
    if (!segment.isTcp || !segment.has(Ctl.FIN) || segment.has(Ctl.RST)) return;
    const wait = this.#waits.find((one) => isOf(one, segment));
    if (wait === undefined || !segment.isIntact) return;
    const isExact = wait.finEnd === (segment.seq + segment.sequenceLength) >>> 0;
    // Where the number is not known it may be that one.
    if (!isExact && wait.finEnd >= 0) return;
    this.#restarted = wait;
    // And of a fragment nobody knows whether it is the last one that was missing.
    this.#isCertain = isExact && isWhole;
  }

  /** After a step. */
  judge(cause: Cause): void {
    const station = this.#station;
    const excuses =
      station.counter(Counter.TIME_WAIT_RECYCLED) + station.counter(Counter.TIME_WAIT_REOPENED);
    let excused = excuses - this.#excuses;
    this.#excuses = excuses;
    if (this.#waits.length === 0) return;
    const nowMs = station.nowMs();
    const restarted = cause.kind === "frame" ? this.#restarted : undefined;
    this.#restarted = undefined;
    for (let i = this.#waits.length - 1; i >= 0; i--) {
      const wait = this.#waits[i]!;
      const state = station.lookup(wait.remoteAddress, wait.remotePort, wait.localPort);
      if (state === State.TIME_WAIT) {
        if (wait === restarted) {
          wait.latestMs = nowMs;
          if (this.#isCertain) wait.sinceMs = nowMs;
        }
        wait.isCovered = false;
        if (cause.kind === "poll") this.#judgeLength(wait, nowMs);
        continue;
      }
      if (state === State.SYN_RECEIVED) {
        if (wait === restarted) wait.latestMs = nowMs;
        wait.isCovered = true;
        continue;
      }
      if (!this.#isOver(wait, nowMs)) {
        const isExcused = excused > 0 || wait.end?.hasAborted === true;
        if (excused > 0) excused -= 1;
        demand(isExcused, "time-wait-short", () => this.#describe(wait, nowMs));
      }
      station.world.coverage.transition("TIME_WAIT", "CLOSED");
      this.#waits.splice(i, 1);
    }
  }

  #isOver(wait: Wait, nowMs: number): boolean {
    return (nowMs - wait.sinceMs) >>> 0 >= 2 * this.#station.mslMs;
  }

  /** A poll drops some of those that are due; what is left is due at once. */
  #judgeLength(wait: Wait, nowMs: number): void {
    const lasted = (nowMs - wait.latestMs) >>> 0;
    const isLate = lasted >= 2 * this.#station.mslMs && this.#station.isPollDone;
    demand(!isLate, "time-wait-long", () => this.#describe(wait, nowMs));
  }

  #describe(wait: Wait, nowMs: number): string {
    const lasted = (nowMs - wait.sinceMs) >>> 0;
    const tuple = `:${wait.localPort} to ${wait.remoteAddress & 255}:${wait.remotePort}`;
    return `host ${this.#station.id}${tuple}: ${lasted} ms of 2 × ${this.#station.mslMs} ms`;
  }
}

function isOf(wait: Wait, segment: Packet): boolean {
  return (
    wait.remotePort === segment.sourcePort &&
    wait.localPort === segment.destinationPort &&
    wait.remoteAddress === segment.source
  );
}

function isTuple(a: Wait, b: Wait): boolean {
  return (
    a.remotePort === b.remotePort &&
    a.localPort === b.localPort &&
    a.remoteAddress === b.remoteAddress
  );
}
