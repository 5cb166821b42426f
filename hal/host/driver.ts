/**
 * The loop around a module: queued frames go in, then `poll`, then sleep until the next deadline,
 * frame or user call (`hal/README.md`, "A driver hands over all queued frames, then calls poll").
 *
 * Used by Stack alone. Never looks into a frame, never calls anything of TCP.
 */
import type { Clock, TimerHandle } from "./clock.ts";
import type { Entropy } from "./entropy.ts";
import { LingerError } from "./errors.ts";
import type { InstanceTap, LingerInstance, LingerModule } from "./module.ts";
import type { Wire } from "./wire.ts";

export interface DriverOptions {
  module: LingerModule;
  wire: Wire;
  clock: Clock;
  entropy: Entropy;
  /** Who sees all that crosses the boundary, if anybody. */
  tap: InstanceTap | undefined;
  /** Called after each step: the time to take events. What it throws leaves the step. */
  onStep: () => void;
  /** Called once, when the wire went away or threw, right before the driver stops for that. */
  onUnplugged: (error: LingerError) => void;
  /** Called once, when the module trapped or the wire went away. The driver has stopped. */
  onFailure: (error: LingerError) => void;
  /** The module goes on from a snapshot: its time then, u32, and how long it slept. */
  resume?: { moduleMs: number; sleptMs: number } | undefined;
}

/** What `poll` answers when nothing is due. */
const NEVER_MS = 0xffffffff;
/** Two calls must not lie more than 2^30 ms apart (12 days), however idle the stack is. */
export const CALL_GAP_MS_MAX = 2 ** 29;
/** How soon a BUSY wire that cannot tell when it drains is tried again. */
const BUSY_RETRY_MS = 1;
/** Rounds of an application and its stack within one step, while they keep each other busy. */
const APPLICATION_ROUNDS_MAX = 16;

export class Driver {
  readonly instance: LingerInstance;
  /** Received frames that were longer than a receive slot, and dropped. */
  oversizedCount = 0;
  readonly #options: DriverOptions;
  readonly #slotCount: number;
  #frames: Uint8Array[] = [];
  #timer: TimerHandle | undefined;
  #isDeferred = false;
  #isStarted = false;
  #isStopped = false;
  #isSending = false;
  #lastMs = -Infinity;
  /** What the module's time is ahead of the clock's; not 0 only after a snapshot. */
  #offsetMs = 0;
  #transmitted = 0;
  #wasBusy = false;

  constructor(options: DriverOptions) {
    this.#options = options;
    const transmit = (frame: Uint8Array): boolean => this.#transmit(frame);
    const entropy = (): number => options.entropy.word();
    this.instance = options.module.instantiate({ transmit, entropy }, options.tap);
    this.#slotCount = this.instance.limits.RX_SLOT_COUNT;
    const { resume, clock } = options;
    if (resume !== undefined) {
      this.#lastMs = resume.moduleMs;
      this.#offsetMs = resume.moduleMs + resume.sleptMs - Math.floor(clock.now());
    }
    // A user call may trap as well, outside of any step: then nobody else would notice.
    this.instance.onTrap = (error) => this.defer(() => this.#fail(error));
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** The present time as the module counts it, u32. */
  moduleNow(): number {
    const nowMs = Math.floor(this.#options.clock.now()) + this.#offsetMs;
    // A machine that was asleep for longer comes back in steps that the module can follow.
    if (this.#isStarted) {
      while (nowMs - this.#lastMs > CALL_GAP_MS_MAX) {
        this.#lastMs += CALL_GAP_MS_MAX;
        this.instance.calls.poll(this.#lastMs >>> 0);
      }
    }
    this.#lastMs = Math.max(this.#lastMs, nowMs);
    return this.#lastMs >>> 0;
  }

  /** Plugs the wire in; the module must have been initialised at `moduleNow()`. */
  start(): void {
    const { wire } = this.#options;
    this.#isStarted = true;
    wire.onFrame((frame) => this.#queue(frame));
    wire.onDrain?.(() => this.pollSoon());
    wire.onClose((error) => {
      this.#unplugged(error ?? new LingerError("WIRE_CLOSED", "the wire was closed"));
    });
    this.pollSoon();
  }

  /** Calls `fn` soon, outside of what runs now. */
  defer(fn: () => void): void {
    this.#options.clock.defer(fn);
  }

  /** To be called after each user call: what it caused leaves with the next poll. */
  pollSoon(): void {
    if (this.#isDeferred || this.#isStopped) return;
    this.#isDeferred = true;
    this.#options.clock.defer(() => {
      if (this.#isDeferred) this.#step();
    });
  }

  /** Polls now, as often as the module asks for and the wire takes frames; before the end. */
  flush(): void {
    try {
      for (let round = 0; round < APPLICATION_ROUNDS_MAX; round++) {
        this.#wasBusy = false;
        if (this.instance.calls.poll(this.moduleNow()) !== 0 || this.#wasBusy) return;
      }
    } catch (error) {
      this.#fail(asLingerError(error));
    }
  }

  /** Unplugs: nothing is called any more, and the wire is closed. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#isDeferred = false;
    this.#frames = [];
    this.#cancelTimer();
    this.#options.wire.close();
  }

  #transmit(frame: Uint8Array): boolean {
    this.#isSending = true;
    let sent: boolean;
    try {
      sent = this.#options.wire.send(frame);
    } finally {
      this.#isSending = false;
    }
    if (sent) this.#transmitted++;
    else this.#wasBusy = true;
    return sent;
  }

  /** All frames that come in one turn of the event loop are handed over in one step. */
  #queue(frame: Uint8Array): void {
    if (this.#isStopped) return;
    if (this.#frames.push(frame) > 1) return;
    this.#sleep(0);
  }

  #step(): void {
    if (this.#isStopped) return;
    this.#isDeferred = false;
    this.#cancelTimer();
    try {
      const nowMs = this.moduleNow();
      this.#handOver(nowMs);
      this.#wasBusy = false;
      const sleepMs =
        this.instance.application === undefined
          ? this.instance.calls.poll(nowMs)
          : this.#pollApplication(nowMs);
      this.#rest(sleepMs);
    } catch (error) {
      this.#fail(asLingerError(error));
      return;
    }
    this.#options.onStep();
  }

  #handOver(nowMs: number): void {
    const { instance } = this;
    const frames = this.#frames;
    this.#frames = [];
    for (const [index, frame] of frames.entries()) {
      if (frame.length > instance.limits.RX_SLOT_SIZE) this.oversizedCount++;
      else instance.receive(index % this.#slotCount, frame, nowMs);
    }
  }

  /**
   * `appPoll` after each `poll`, and `poll` soon after the user calls that `appPoll` may have made:
   * one more round after the first, and further ones while frames leave.
   */
  #pollApplication(nowMs: number): number {
    const { calls, application } = this.instance;
    for (let round = 0; round < APPLICATION_ROUNDS_MAX; round++) {
      this.#transmitted = 0;
      const stackMs = calls.poll(nowMs);
      const applicationMs = application?.appPoll(nowMs) ?? NEVER_MS;
      if (round > 0 && this.#transmitted === 0) return Math.min(stackMs, applicationMs);
    }
    return 0;
  }

  /** Sleeps until `sleepMs` after the time of this step. */
  #rest(sleepMs: number): void {
    const idle = sleepMs >= CALL_GAP_MS_MAX;
    const dueMs = this.#lastMs + (idle ? CALL_GAP_MS_MAX : sleepMs);
    const earliestMs = this.#wasBusy ? BUSY_RETRY_MS : 0;
    const nowMs = this.#options.clock.now() + this.#offsetMs;
    this.#sleep(Math.max(dueMs - nowMs, earliestMs), idle);
  }

  #sleep(delayMs: number, background = false): void {
    this.#cancelTimer();
    const wake = () => {
      this.#timer = undefined;
      this.#step();
    };
    this.#timer = this.#options.clock.setTimer(delayMs, wake, { background });
  }

  #cancelTimer(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  /** Frames that came before the wire went away, a last RST for one, still count. */
  #unplugged(error: LingerError): void {
    // A wire that finds out while it sends: the module must come to the end of its call first.
    if (this.#isSending) {
      this.defer(() => this.#unplugged(error));
      return;
    }
    try {
      if (this.#frames.length > 0) this.#step();
    } finally {
      this.#fail(error);
    }
  }

  #fail(error: LingerError): void {
    if (this.#isStopped) return;
    try {
      if (error.code !== "MODULE_TRAP") this.#options.onUnplugged(error);
    } finally {
      // Whoever was told may have closed the stack.
      if (!this.#isStopped) {
        this.stop();
        this.#options.onFailure(error);
      }
    }
  }
}

/** A wire of a user's own may throw anything. */
function asLingerError(error: unknown): LingerError {
  if (error instanceof LingerError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new LingerError("WIRE_FAILED", `the wire failed while sending: ${why}`, { cause: error });
}
