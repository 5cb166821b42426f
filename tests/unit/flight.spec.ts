/**
 * The runs of tcp/flight against a map that knows when each octet was sent.
 */
import { RUN_COUNT } from "../../assembly/config";
import { setNow } from "../../assembly/core/clock";
import { resetFlows } from "../../assembly/tcp/flow";
import {
  dropRuns,
  noteSent,
  runAge,
  runCount,
  runEnd,
  wasSentAgain,
} from "../../assembly/tcp/flight";
import { Tcb, allocateTcb, resetTcbs } from "../../assembly/tcp/tcb";
import { SCRATCH, nextRandom, seed } from "./scratch";

const ORIGINS: StaticArray<u32> = [0, 0x7fff_fff0, 0xffff_fff0];
/** Octets of sequence space that the map knows; per octet the time, and whether it went twice. */
const SPACE: u32 = 400;
const TIMES: usize = SCRATCH;
const AGAIN: usize = SCRATCH + 4 * 400;

function freshTcb(una: u32): Tcb {
  resetFlows();
  resetTcbs();
  const tcb = allocateTcb()!;
  tcb.iss = una;
  tcb.sndUna = una;
  tcb.sndNxt = una;
  return tcb;
}

/** Sends start … end, counted from where the TCB began, at `time`: in the TCB and on the map. */
function send(tcb: Tcb, start: u32, end: u32, time: u32): void {
  const origin = tcb.iss;
  setNow(time);
  const isNew = origin + start == tcb.sndNxt;
  noteSent(tcb, origin + start, origin + end);
  if (isNew) tcb.sndNxt = origin + end;
  for (let at = start; at < end; ++at) {
    store<u32>(TIMES + 4 * at, time);
    store<u8>(AGAIN + at, isNew ? 0 : 1);
  }
}

/** Runs are in order, end at SND.NXT, and are never older than the map nor called unsent twice. */
function isTrue(tcb: Tcb, origin: u32, time: u32): bool {
  setNow(time);
  let from = tcb.sndUna - origin;
  for (let i: u32 = 0; i < runCount(tcb); ++i) {
    const to = runEnd(tcb, i) - origin;
    if (to <= from) return false;
    for (let at = from; at < to; ++at) {
      if (time - load<u32>(TIMES + 4 * at) < runAge(tcb, i)) return false;
      if (load<u8>(AGAIN + at) != 0 && !wasSentAgain(tcb, i)) return false;
    }
    from = to;
  }
  return origin + from == tcb.sndNxt && runCount(tcb) <= RUN_COUNT;
}

/** Whether every run says exactly what the map says. */
function isExact(tcb: Tcb, origin: u32, time: u32): bool {
  setNow(time);
  let from = tcb.sndUna - origin;
  for (let i: u32 = 0; i < runCount(tcb); ++i) {
    const to = runEnd(tcb, i) - origin;
    for (let at = from; at < to; ++at) {
      if (time - load<u32>(TIMES + 4 * at) != runAge(tcb, i)) return false;
      if ((load<u8>(AGAIN + at) != 0) != wasSentAgain(tcb, i)) return false;
    }
    from = to;
  }
  return true;
}

describe("flight", () => {
  test("what leaves in one millisecond is one run", () => {
    const tcb = freshTcb(1000);
    for (let i: u32 = 0; i < 20; ++i) send(tcb, 10 * i, 10 * i + 10, 5);
    expect<u32>(runCount(tcb)).toBe(1);
    expect<u32>(runEnd(tcb, 0)).toBe(1200);
    send(tcb, 200, 210, 6);
    expect<u32>(runCount(tcb)).toBe(2);
    expect<bool>(isExact(tcb, 1000, 30)).toBe(true);
  });

  test("sending again in the middle makes three of one, exactly", () => {
    const tcb = freshTcb(0xffff_fff0);
    send(tcb, 0, 100, 5);
    send(tcb, 40, 60, 9);
    expect<u32>(runCount(tcb)).toBe(3);
    expect<bool>(isExact(tcb, 0xffff_fff0, 30)).toBe(true);
    // At the borders, and over several runs.
    send(tcb, 0, 10, 12);
    send(tcb, 30, 100, 14);
    expect<bool>(isExact(tcb, 0xffff_fff0, 30)).toBe(true);
  });

  test("an acknowledgement in the middle of a run leaves the rest of it", () => {
    const tcb = freshTcb(77);
    send(tcb, 0, 100, 5);
    send(tcb, 100, 150, 8);
    dropRuns(tcb, 77 + 40);
    tcb.sndUna = 77 + 40;
    expect<u32>(runCount(tcb)).toBe(2);
    expect<bool>(isExact(tcb, 77, 20)).toBe(true);
    dropRuns(tcb, 77 + 100);
    tcb.sndUna = 77 + 100;
    expect<u32>(runCount(tcb)).toBe(1);
    expect<bool>(isExact(tcb, 77, 20)).toBe(true);
    dropRuns(tcb, 77 + 150);
    expect<u32>(runCount(tcb)).toBe(0);
  });

  test("what goes again after a long pause stays young, also where runs have to be joined", () => {
    // More than half of what 16 bits of time can tell.
    for (let pause: u32 = 30_000; pause < 65_000; pause += 5_000) {
      const tcb = freshTcb(1000);
      send(tcb, 0, 200, 5);
      for (let start: u32 = 10; start < 190; start += 20) send(tcb, start, start + 10, 5 + pause);
      expect<bool>(isTrue(tcb, 1000, 5 + pause)).toBe(true);
    }
  });

  test("random sending: never older than it was, never more runs than there is room for", () => {
    seed(31);
    for (let round = 0; round < 200; ++round) {
      const origin = ORIGINS[nextRandom() % ORIGINS.length];
      const tcb = freshTcb(origin);
      let time: u32 = 0xffff_ff00;
      for (let i = 0; i < 40; ++i) {
        time += nextRandom() % 4;
        const una = tcb.sndUna - origin;
        const nxt = tcb.sndNxt - origin;
        const what = nextRandom() % 4;
        if (what == 0 && nxt != una) {
          const ack = una + 1 + (nextRandom() % (nxt - una));
          dropRuns(tcb, origin + ack);
          tcb.sndUna = origin + ack;
        } else if (what == 1 && nxt - una > 2) {
          const start = una + (nextRandom() % (nxt - una - 1));
          send(tcb, start, start + 1 + (nextRandom() % (nxt - start)), time);
        } else if (nxt + 20 < SPACE) {
          send(tcb, nxt, nxt + 1 + (nextRandom() % 20), time);
        }
        expect<bool>(isTrue(tcb, origin, time + 3)).toBe(true);
      }
    }
  });
});
