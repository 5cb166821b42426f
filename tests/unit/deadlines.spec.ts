/**
 * The timing wheel against a plain table of deadlines: never late, seldom early, across the wrap.
 */

import {
  NEVER,
  armDeadline,
  armDeadlineFor,
  dueTime,
  nextDeadline,
  resetDeadlines,
  takeDueDeadline,
} from "../../assembly/core/deadlines";
import { nextRandom, seed } from "./scratch";

/** Entries 1 … COUNT: what fewer pools than the default's have. */
const COUNT: u32 = 12;
/** When each entry is due, and whether its owner waits for it. */
const due = new StaticArray<u32>(13);
const armed = new StaticArray<bool>(13);

function begin(time: u32): void {
  resetDeadlines(time);
  for (let id: u32 = 0; id <= COUNT; ++id) armed[id] = false;
}

function arm(id: u32, deadline: u32): void {
  due[id] = deadline;
  armed[id] = true;
  armDeadline(id, deadline);
}

/** Milliseconds to the earliest of the plain table's deadlines; 0 when one is due. */
function plainWait(time: u32): u32 {
  let wait = NEVER;
  for (let id: u32 = 1; id <= COUNT; ++id) {
    if (!armed[id]) continue;
    const ahead = <i32>(due[id] - time);
    wait = min<u32>(wait, ahead < 0 ? 0 : <u32>ahead);
  }
  return wait;
}

/** Handles all that fires at `time` as owners do: what is waited for and not due is armed again. */
function run(time: u32): void {
  for (let id = takeDueDeadline(time); id != 0; id = takeDueDeadline(time)) {
    if (!armed[id]) continue;
    if (<i32>(due[id] - time) > 0) armDeadline(id, due[id]);
    else armed[id] = false;
  }
}

/** A distance of any size from 1 ms to some hours. */
function randomDistance(): u32 {
  return 1 + (nextRandom() >> (8 + (nextRandom() % 23)));
}

describe("deadlines", () => {
  test("nothing armed: nothing due, ever", () => {
    begin(123);
    expect<u32>(nextDeadline(123)).toBe(NEVER);
    expect<u32>(takeDueDeadline(0x1000_0000)).toBe(0);
  });

  test("one entry fires at its deadline, slept towards in few steps, from 1 ms to 9 hours", () => {
    const starts: StaticArray<u32> = [0, 31, 1023, 0x7fff_fff0, 0xffff_ff00, 0xffff_ffff];
    for (let s = 0; s < starts.length; ++s) {
      for (let bits: u32 = 0; bits < 25; ++bits) {
        let time = starts[s];
        const deadline = time + ((<u32>1) << bits) + (bits > 2 ? 3 : 0);
        begin(time);
        arm(1, deadline);
        let steps = 0;
        while (armed[1]) {
          const wait = nextDeadline(time);
          // It must not sleep past the deadline.
          expect<bool>(wait != NEVER && wait <= deadline - time).toBe(true);
          time += wait;
          run(time);
          ++steps;
          if (steps > 40) break;
        }
        expect<u32>(time).toBe(deadline);
        expect<bool>(steps <= 12).toBe(true);
      }
    }
  });

  test("random entries: never late, however long or short the sleep", () => {
    seed(41);
    let tooLong = 0;
    let leftOver = 0;
    for (let round = 0; round < 40; ++round) {
      let time: u32 = round & 1 ? 0xffff_f000 : nextRandom();
      begin(time);
      for (let step = 0; step < 400; ++step) {
        const id = 1 + (nextRandom() % COUNT);
        if (nextRandom() % 4 == 0) {
          armed[id] = false; // it may fire, for nothing
        } else {
          arm(id, time + randomDistance());
        }
        const wait = nextDeadline(time);
        const plain = plainWait(time);
        if (wait > plain) ++tooLong;
        // Sleep as told, or be woken earlier, or come later than told: all is handled then.
        if (wait != NEVER) {
          const kind = nextRandom() % 3;
          if (kind == 0) time += wait;
          else if (kind == 1) time += nextRandom() % (wait + 1);
          else time += wait + (nextRandom() % 5000);
        }
        run(time);
        for (let i: u32 = 1; i <= COUNT; ++i) {
          if (armed[i] && <i32>(due[i] - time) <= 0) ++leftOver;
        }
      }
    }
    expect<i32>(tooLong).toBe(0);
    expect<i32>(leftOver).toBe(0);
  });

  test("an earlier deadline is kept, a later one changes nothing", () => {
    begin(0);
    armDeadline(1, 20);
    armDeadline(1, 500);
    expect<u32>(nextDeadline(0)).toBe(20);
    armDeadline(1, 10);
    expect<u32>(nextDeadline(0)).toBe(10);
    expect<u32>(takeDueDeadline(9)).toBe(0);
    expect<u32>(takeDueDeadline(10)).toBe(1);
    expect<u32>(takeDueDeadline(10)).toBe(0);
    expect<u32>(nextDeadline(10)).toBe(NEVER);
  });

  test("an entry knows what it was armed for, also when it fires early", () => {
    const starts: StaticArray<u32> = [0, 0xffff_fe00];
    for (let s = 0; s < starts.length; ++s) {
      begin(starts[s]);
      const deadline = starts[s] + 61_234;
      armDeadline(1, deadline);
      let time = starts[s];
      let rounds = 0;
      while (time != deadline) {
        time += nextDeadline(time);
        expect<u32>(takeDueDeadline(time)).toBe(1);
        expect<u32>(dueTime(1)).toBe(deadline);
        if (time != deadline) armDeadline(1, dueTime(1));
        if (++rounds > 5) break;
      }
      expect<bool>(rounds > 1 && rounds <= 5).toBe(true);
    }
  });

  test("every short distance from every time around the wrap fires on time", () => {
    let late = 0;
    for (let start: u32 = 0xffff_ffc0; start != 0x40; ++start) {
      for (let ahead: u32 = 1; ahead < 70; ++ahead) {
        begin(start);
        arm(1, start + ahead);
        let time = start;
        while (armed[1] && time - start < 200) {
          ++time;
          run(time);
        }
        if (time != start + ahead) ++late;
      }
    }
    expect<i32>(late).toBe(0);
  });

  test("a deadline in the past fires with the next millisecond", () => {
    const times: StaticArray<u32> = [5000, 0xffff_fffe, 0];
    for (let i = 0; i < times.length; ++i) {
      begin(times[i]);
      armDeadline(2, times[i] - 1000);
      expect<bool>(nextDeadline(times[i]) <= 1).toBe(true);
      expect<u32>(takeDueDeadline(times[i] + 1)).toBe(2);
    }
  });

  test("entries of one slot all fire, one per call", () => {
    begin(0);
    for (let id: u32 = 1; id <= COUNT; ++id) armDeadline(id, 7);
    let mask: u32 = 0;
    for (let i: u32 = 0; i < COUNT; ++i) mask |= (<u32>1) << takeDueDeadline(7);
    expect<u32>(mask).toBe(((<u32>2) << COUNT) - 2);
    expect<u32>(takeDueDeadline(7)).toBe(0);
  });

  test("an entry that goes from any place of a list leaves the others", () => {
    for (let gone: u32 = 1; gone <= 5; ++gone) {
      begin(0);
      for (let id: u32 = 1; id <= 5; ++id) armDeadline(id, 9);
      armDeadline(gone, 4);
      armDeadline(gone, 4);
      expect<u32>(nextDeadline(0)).toBe(4);
      expect<u32>(takeDueDeadline(4)).toBe(gone);
      expect<u32>(takeDueDeadline(4)).toBe(0);
      let mask: u32 = 0;
      for (let i = 0; i < 4; ++i) mask |= (<u32>1) << takeDueDeadline(9);
      expect<u32>(mask).toBe(0b11_1110 & ~((<u32>1) << gone));
      expect<u32>(nextDeadline(9)).toBe(NEVER);
    }
  });

  test("an owner without a time of its own is told of the last one it armed", () => {
    begin(100);
    armDeadlineFor(1, 120);
    armDeadlineFor(1, 5000);
    expect<u32>(dueTime(1)).toBe(5000);
    expect<u32>(nextDeadline(100)).toBe(20); // it is woken early
    expect<u32>(takeDueDeadline(120)).toBe(1);
    expect<u32>(dueTime(1)).toBe(5000);
    armDeadlineFor(1, 130);
    expect<u32>(dueTime(1)).toBe(130);
    armDeadline(1, 125);
    expect<u32>(takeDueDeadline(125)).toBe(1);
  });
});
