/**
 * The emulator's time: a real clock, and a virtual one that moves only when it is told to.
 *
 * Used by Stack and by the wires that delay frames. Nothing else in the emulator asks for the time,
 * so a run under a virtual clock is the same every time.
 */
import { LingerError } from "./errors.ts";

/** A timer that was set; only the clock that gave it knows what it is. */
export interface TimerHandle {
  readonly dueMs: number;
}

export interface TimerOptions {
  background?: boolean;
}

/** Where a stack and its wires get their time from. */
export interface Clock {
  /** The Unix time at which `now()` was 0, in ms. 0 when the time is made up. */
  readonly originMs: number;
  /** Milliseconds from any start, with fractions. Never runs backwards. */
  now(): number;
  /**
   * Calls `fn` once, `delayMs` from now or as soon after as can be. Below 0 counts as 0. A
   * background timer alone keeps neither the process alive nor virtual time from being idle.
   */
  setTimer(delayMs: number, fn: () => void, options?: TimerOptions): TimerHandle;
  /** Cancels a timer. Nothing happens if it has fired or was cancelled. */
  clearTimer(handle: TimerHandle): void;
  /** Calls `fn` soon, when the code that runs now is done, and before time passes. */
  defer(fn: () => void): void;
}

/** The longest delay that Node's own timers take. */
const NODE_DELAY_MAX_MS = 2 ** 31 - 1;

interface RealTimer extends TimerHandle {
  readonly background: boolean;
  cancel: () => void;
}

/** The machine's monotonic clock. */
export class RealClock implements Clock {
  readonly originMs = performance.timeOrigin;

  now(): number {
    return performance.now();
  }

  setTimer(delayMs: number, fn: () => void, options: TimerOptions = {}): TimerHandle {
    const { background = false } = options;
    const dueMs = this.now() + Math.max(0, delayMs);
    const timer: RealTimer = { dueMs, background, cancel: () => undefined };
    this.#arm(timer, fn);
    return timer;
  }

  clearTimer(handle: TimerHandle): void {
    (handle as RealTimer).cancel();
  }

  defer(fn: () => void): void {
    queueMicrotask(fn);
  }

  /** A due timer goes by setImmediate, so that sockets are read between two of them. */
  #arm(timer: RealTimer, fn: () => void): void {
    const delayMs = timer.dueMs - this.now();
    if (delayMs <= 0) {
      const immediate = setImmediate(fn);
      timer.cancel = () => clearImmediate(immediate);
      return;
    }
    const fired = delayMs > NODE_DELAY_MAX_MS ? () => this.#arm(timer, fn) : fn;
    const timeout = setTimeout(fired, Math.min(Math.ceil(delayMs), NODE_DELAY_MAX_MS));
    if (timer.background) timeout.unref();
    timer.cancel = () => clearTimeout(timeout);
  }
}

interface VirtualTimer extends TimerHandle {
  readonly order: number;
  readonly background: boolean;
  fn: (() => void) | undefined;
}

/** Timers run at one virtual instant before it is taken for an endless loop. */
const RUNS_PER_INSTANT_MAX = 1_000_000;

/**
 * Time that moves only by `advance`, `advanceTo` and `runUntilIdle`. Timers due at the same time
 * run in the order in which they were set, deferred calls before them.
 *
 * The asynchronous variants let the program run between two timers: every promise that a timer
 * settled has been acted upon before virtual time goes on.
 */
export class VirtualClock implements Clock {
  readonly originMs: number;
  #nowMs: number;
  #order = 0;
  #running = false;
  #heap: VirtualTimer[] = [];
  /** Timers that are set and not in the background. */
  #foregroundCount = 0;
  #deferred: (() => void)[] = [];

  /**
   * `startMs` is what `now()` says first, `originMs` the Unix time that captures are dated from.
   */
  constructor(options: { startMs?: number; originMs?: number } = {}) {
    this.#nowMs = options.startMs ?? 0;
    this.originMs = options.originMs ?? 0;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, fn: () => void, options: TimerOptions = {}): TimerHandle {
    if (Number.isNaN(delayMs))
      throw new LingerError("BAD_OPTION", "a timer's delay is not a number");
    const dueMs = this.#nowMs + Math.max(0, delayMs);
    const { background = false } = options;
    const timer: VirtualTimer = { dueMs, order: this.#order++, background, fn };
    heapPush(this.#heap, timer);
    if (!background) this.#foregroundCount++;
    return timer;
  }

  clearTimer(handle: TimerHandle): void {
    // The entry stays in the heap and is skipped when it comes up.
    this.#disarm(handle as VirtualTimer);
  }

  defer(fn: () => void): void {
    this.#deferred.push(fn);
  }

  /** True if no timer is set, other than background ones, and no call deferred. */
  get isIdle(): boolean {
    return this.#foregroundCount === 0 && this.#deferred.length === 0;
  }

  /** The time of the next timer, or undefined if there is none. */
  nextTimerMs(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.dueMs;
  }

  /** Lets `ms` milliseconds pass: runs, in order, everything due until then, and returns. */
  advance(ms: number): void {
    this.advanceTo(this.#nowMs + ms);
  }

  /** Like `advance`, to an absolute time. A time in the past is now. */
  advanceTo(targetMs: number): void {
    this.#exclusively(() => {
      const steps = this.#steps(Math.max(targetMs, this.#nowMs));
      while (!steps.next().done);
      this.#nowMs = Math.max(this.#nowMs, targetMs);
    });
  }

  /**
   * Runs timers until none is left, or until `maxMs` have passed. True when it became idle; time
   * then stands at the last timer.
   */
  runUntilIdle(maxMs: number): boolean {
    const untilMs = this.#nowMs + maxMs;
    this.#exclusively(() => {
      const steps = this.#steps(untilMs);
      while (!this.isIdle && !steps.next().done);
    });
    return this.#settleIdle(untilMs);
  }

  /** `advance`, with the program's promises run to their end after each timer. */
  async advanceAsync(ms: number): Promise<void> {
    const targetMs = this.#nowMs + ms;
    await this.#runAsync(targetMs);
    this.#nowMs = Math.max(this.#nowMs, targetMs);
  }

  /** `runUntilIdle`, with the program's promises run to their end after each timer. */
  async runUntilIdleAsync(maxMs: number): Promise<boolean> {
    const untilMs = this.#nowMs + maxMs;
    await this.#runAsync(untilMs, () => this.isIdle);
    return this.#settleIdle(untilMs);
  }

  /**
   * Moves time, for at most `maxMs`, until `promise` is settled, and returns its value. Rejects as
   * it does, or with CLOCK_LIVELOCK if it is still pending when nothing is left that could settle
   * it.
   */
  async runUntil<T>(promise: Promise<T>, maxMs = 86_400_000): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    await this.#runAsync(this.#nowMs + maxMs, () => settled || this.isIdle);
    if (settled) return promise;
    const reason = `still pending after ${maxMs} ms of virtual time, or with no timer left`;
    throw new LingerError("CLOCK_LIVELOCK", reason);
  }

  async #runAsync(untilMs: number, done: () => boolean = () => false): Promise<void> {
    if (this.#running) throw reentered();
    this.#running = true;
    try {
      await drainPromises();
      const steps = this.#steps(untilMs);
      while (!done() && !steps.next().done) await drainPromises();
    } finally {
      this.#running = false;
    }
  }

  #exclusively(run: () => void): void {
    if (this.#running) throw reentered();
    this.#running = true;
    try {
      run();
    } finally {
      this.#running = false;
    }
  }

  /** One call made per round, deferred ones first; ends when nothing is due until `untilMs`. */
  *#steps(untilMs: number): Generator<void, void> {
    let runs = 0;
    let instantMs = this.#nowMs;
    for (;;) {
      const fn = this.#deferred.shift() ?? this.#takeDue(untilMs);
      if (fn === undefined) return;
      if (this.#nowMs !== instantMs) {
        instantMs = this.#nowMs;
        runs = 0;
      }
      if (++runs > RUNS_PER_INSTANT_MAX) {
        throw new LingerError("CLOCK_LIVELOCK", `virtual time stands still at ${instantMs} ms`);
      }
      fn();
      yield;
    }
  }

  #takeDue(untilMs: number): (() => void) | undefined {
    this.#dropCancelled();
    const timer = this.#heap[0];
    if (timer === undefined || timer.dueMs > untilMs) return undefined;
    heapPop(this.#heap);
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
    const fn = timer.fn;
    this.#disarm(timer);
    return fn;
  }

  #disarm(timer: VirtualTimer): void {
    if (timer.fn !== undefined && !timer.background) this.#foregroundCount--;
    timer.fn = undefined;
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0]!.fn === undefined) heapPop(this.#heap);
  }

  #settleIdle(untilMs: number): boolean {
    if (!this.isIdle) this.#nowMs = Math.max(this.#nowMs, untilMs);
    return this.isIdle;
  }
}

function reentered(): LingerError {
  return new LingerError(
    "CLOCK_LIVELOCK",
    "a virtual clock cannot be advanced from its own timers",
  );
}

/** A macrotask starts only when no microtask is left, so after it every ready promise has run. */
async function drainPromises(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

function isBefore(a: VirtualTimer, b: VirtualTimer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

function heapPush(heap: VirtualTimer[], timer: VirtualTimer): void {
  let at = heap.push(timer) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(timer, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = timer;
}

function heapPop(heap: VirtualTimer[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
}
