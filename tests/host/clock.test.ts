/** The clocks: order, cancelling, what an advance runs, and promises between timers. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RealClock, VirtualClock } from "../../hal/host/clock.ts";

describe("VirtualClock", () => {
  test("runs timers by time, and equal times in the order they were set", () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    clock.setTimer(20, () => ran.push(`c${clock.now()}`));
    clock.setTimer(10, () => ran.push(`a${clock.now()}`));
    clock.setTimer(10, () => ran.push(`b${clock.now()}`));
    clock.setTimer(30, () => ran.push("late"));
    clock.advance(20);
    assert.deepEqual(ran, ["a10", "b10", "c20"]);
    assert.equal(clock.now(), 20);
  });

  test("a thousand timers in random order come out sorted and stable", () => {
    const clock = new VirtualClock();
    const ran: [number, number][] = [];
    for (let index = 0; index < 1000; index++) {
      const delay = (index * 7919) % 97;
      clock.setTimer(delay, () => ran.push([delay, index]));
    }
    clock.advance(100);
    const sorted = [...ran].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    assert.equal(ran.length, 1000);
    assert.deepEqual(ran, sorted);
  });

  test("timers set by timers run in the same advance if they are due", () => {
    const clock = new VirtualClock({ startMs: 5 });
    const ran: number[] = [];
    clock.setTimer(1, () => {
      clock.setTimer(0, () => ran.push(clock.now()));
      clock.setTimer(2, () => ran.push(clock.now()));
      clock.setTimer(100, () => ran.push(clock.now()));
    });
    clock.advance(10);
    assert.deepEqual(ran, [6, 8]);
    assert.equal(clock.now(), 15);
    assert.equal(clock.nextTimerMs(), 106);
  });

  test("a cancelled timer does not run, nor count as next", () => {
    const clock = new VirtualClock();
    const handle = clock.setTimer(5, () => assert.fail("it was cancelled"));
    clock.clearTimer(handle);
    clock.clearTimer(handle);
    assert.equal(clock.nextTimerMs(), undefined);
    clock.advance(10);
  });

  test("a timer may cancel another one of the same time", () => {
    const clock = new VirtualClock();
    let ran = 0;
    clock.setTimer(5, () => clock.clearTimer(second));
    const second = clock.setTimer(5, () => ran++);
    clock.advance(10);
    assert.equal(ran, 0);
  });

  test("deferred calls come before timers and before time moves", () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    clock.setTimer(0, () => ran.push("timer"));
    clock.defer(() => {
      ran.push("deferred");
      clock.defer(() => ran.push("again"));
    });
    clock.advance(0);
    assert.deepEqual(ran, ["deferred", "again", "timer"]);
  });

  test("runUntilIdle stops at the last timer, or at its limit", () => {
    const clock = new VirtualClock();
    clock.setTimer(7, () => undefined);
    assert.equal(clock.runUntilIdle(1000), true);
    assert.equal(clock.now(), 7);
    const again = () => void clock.setTimer(10, again);
    again();
    assert.equal(clock.runUntilIdle(95), false);
    assert.equal(clock.now(), 102);
  });

  test("background timers run when time passes, and do not keep it from being idle", () => {
    const clock = new VirtualClock();
    const ran: number[] = [];
    clock.setTimer(5, () => ran.push(5), { background: true });
    clock.clearTimer(clock.setTimer(6, () => ran.push(6), { background: true }));
    clock.setTimer(7, () => ran.push(7));
    clock.setTimer(9, () => ran.push(9), { background: true });
    assert.equal(clock.isIdle, false);
    assert.equal(clock.runUntilIdle(1000), true);
    assert.deepEqual([ran, clock.now()], [[5, 7], 7]);
    clock.advance(2);
    assert.deepEqual(ran, [5, 7, 9]);
  });

  test("an exception in a timer comes out of advance, and the clock goes on", () => {
    const clock = new VirtualClock();
    let ran = 0;
    clock.setTimer(1, () => {
      throw new Error("from the timer");
    });
    clock.setTimer(2, () => ran++);
    assert.throws(() => clock.advance(5), /from the timer/);
    assert.equal(clock.now(), 1);
    clock.advance(4);
    assert.equal(ran, 1);
  });

  test("time that stands still for ever is an error, and so is an advance within a timer", () => {
    const clock = new VirtualClock();
    const again = () => void clock.setTimer(0, again);
    again();
    assert.throws(() => clock.advance(1), { code: "CLOCK_LIVELOCK" });
    const other = new VirtualClock();
    other.setTimer(1, () => other.advance(1));
    assert.throws(() => other.advance(2), { code: "CLOCK_LIVELOCK" });
    assert.throws(() => other.setTimer(NaN, () => undefined), { code: "BAD_OPTION" });
  });

  test("the asynchronous advance runs the program's promises between two timers", async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimer(ms, resolve));
    const program = async () => {
      await sleep(10);
      seen.push(`woke at ${clock.now()}`);
      await Promise.resolve().then(() => Promise.resolve());
      await sleep(5);
      seen.push(`woke at ${clock.now()}`);
    };
    const done = program();
    clock.setTimer(30, () => seen.push("other"));
    await clock.advanceAsync(30);
    await done;
    assert.deepEqual(seen, ["woke at 10", "woke at 15", "other"]);
  });

  test("runUntil returns the value when it has come, or says that it cannot", async () => {
    const clock = new VirtualClock();
    const value = new Promise<string>((resolve) => clock.setTimer(50, () => resolve("value")));
    clock.setTimer(60, () => undefined);
    assert.equal(await clock.runUntil(value), "value");
    assert.equal(clock.now(), 50);
    await assert.rejects(clock.runUntil(new Promise(() => undefined)), { code: "CLOCK_LIVELOCK" });
    await assert.rejects(clock.runUntil(Promise.reject(new Error("mine"))), /mine/);
  });
});

describe("RealClock", () => {
  test("timers come in order, a cancelled one not at all, deferred calls first", async () => {
    const clock = new RealClock();
    const ran: string[] = [];
    await new Promise<void>((resolve) => {
      clock.setTimer(15, () => {
        ran.push("later");
        resolve();
      });
      clock.clearTimer(clock.setTimer(5, () => ran.push("cancelled")));
      clock.clearTimer(clock.setTimer(0, () => ran.push("cancelled")));
      clock.setTimer(-1, () => ran.push("now"));
      clock.defer(() => ran.push("deferred"));
    });
    assert.deepEqual(ran, ["deferred", "now", "later"]);
  });

  test("never fires early, and takes delays longer than Node's own limit", async () => {
    const clock = new RealClock();
    const begunMs = clock.now();
    await new Promise<void>((resolve) => clock.setTimer(2.5, resolve));
    assert.ok(clock.now() - begunMs >= 2.5);
    // Node would fire such a timer after 1 ms.
    const far = clock.setTimer(2 ** 33, () => assert.fail("a century early"));
    await new Promise<void>((resolve) => clock.setTimer(20, resolve));
    clock.clearTimer(far);
  });
});
