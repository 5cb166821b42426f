/** The memory pair and the impairment around it: order, latency, copies, seeds, chosen frames. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VirtualClock } from "../../hal/host/clock.ts";
import {
  createMemoryPair,
  delayNth,
  dropNth,
  duplicateNth,
  impair,
  type Impairment,
} from "../../hal/host/wires/index.ts";
import type { Wire } from "../../hal/host/wire.ts";

/** A frame that carries its number. */
function numbered(number: number, length = 60): Uint8Array {
  const frame = new Uint8Array(length);
  new DataView(frame.buffer).setUint32(14, number);
  return frame;
}

function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(14);
}

/** Sends `count` frames, one each millisecond, over an impaired wire; what comes out, and when. */
function carry(outbound: Impairment, count: number, seed?: number) {
  const clock = new VirtualClock();
  const [near, far] = createMemoryPair({ clock });
  const wire = impair(near, { clock, seed, outbound });
  const arrived: { number: number; atMs: number; frame: Uint8Array }[] = [];
  far.onFrame((frame) => arrived.push({ number: numberOf(frame), atMs: clock.now(), frame }));
  for (let number = 1; number <= count; number++) {
    wire.send(numbered(number));
    clock.advance(1);
  }
  clock.runUntilIdle(1e6);
  return { arrived, numbers: arrived.map(({ number }) => number), counts: wire.outbound };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

describe("memory pair", () => {
  test("carries frames both ways, in order, after the latency", () => {
    const clock = new VirtualClock();
    const [one, other] = createMemoryPair({ clock, latencyMs: 3 });
    const seen: string[] = [];
    one.onFrame((frame) => seen.push(`one ${numberOf(frame)} at ${clock.now()}`));
    other.onFrame((frame) => seen.push(`other ${numberOf(frame)} at ${clock.now()}`));
    assert.equal(one.send(numbered(1)), true);
    one.send(numbered(2));
    clock.advance(1);
    other.send(numbered(3));
    clock.advance(10);
    assert.deepEqual(seen, ["other 1 at 3", "other 2 at 3", "one 3 at 4"]);
  });

  test("never delivers within send, and takes a copy of the frame", () => {
    const clock = new VirtualClock();
    const [one, other] = createMemoryPair({ clock });
    const seen: number[] = [];
    other.onFrame((frame) => seen.push(numberOf(frame)));
    // A Buffer, whose slice() would not copy.
    const frame = Buffer.from(numbered(1));
    one.send(frame);
    frame.fill(0xff);
    assert.deepEqual(seen, []);
    clock.advance(0);
    assert.deepEqual(seen, [1]);
  });

  test("closing one end tells this end without, the other with an error, once", () => {
    const clock = new VirtualClock();
    const [one, other] = createMemoryPair({ clock, latencyMs: 2 });
    const told: string[] = [];
    one.onClose((error) => told.push(`one ${error?.code}`));
    other.onClose((error) => told.push(`other ${error?.code}`));
    one.send(numbered(1));
    one.close();
    one.close();
    clock.advance(5);
    other.close();
    clock.advance(5);
    assert.deepEqual(told, ["one undefined", "other WIRE_CLOSED"]);
    assert.equal(one.send(numbered(2)), true);
    assert.equal(other.send(numbered(2)), true);
    // Who asks later is told as well.
    let late: string | undefined;
    other.onClose((error) => (late = error?.code));
    assert.equal(late, "WIRE_CLOSED");
  });
});

describe("impairment", () => {
  test("without settings every frame passes once, in order, at once", () => {
    const { numbers, arrived, counts } = carry({}, 100);
    assert.deepEqual(numbers, range(1, 100));
    assert.ok(arrived.every(({ number, atMs }) => atMs === number - 1));
    assert.equal(counts.frames, 100);
  });

  test("loss, duplication, reordering and corruption come about as often as asked", () => {
    const lossy = carry({ loss: 0.3 }, 5000);
    assert.ok(Math.abs(lossy.counts.lost / 5000 - 0.3) < 0.03, `${lossy.counts.lost}`);
    assert.equal(lossy.numbers.length, 5000 - lossy.counts.lost);
    const doubled = carry({ duplicate: 0.2 }, 5000);
    assert.ok(Math.abs(doubled.counts.duplicated / 5000 - 0.2) < 0.03);
    assert.equal(doubled.numbers.length, 5000 + doubled.counts.duplicated);
    assert.equal(new Set(doubled.numbers).size, 5000);
    const shuffled = carry({ reorder: 0.1, reorderMs: 4.5 }, 5000);
    const overtaken = shuffled.numbers.filter((number, at, all) => number < (all[at - 1] ?? 0));
    assert.ok(shuffled.counts.reordered > 400 && overtaken.length > 300);
    assert.deepEqual(
      [...shuffled.numbers].sort((a, b) => a - b),
      range(1, 5000),
    );
  });

  test("a corrupted frame differs in exactly one bit", () => {
    const { arrived, counts } = carry({ corrupt: 1 }, 200);
    assert.equal(counts.corrupted, 200);
    arrived.forEach(({ frame }, index) => {
      const original = numbered(index + 1);
      const bits = frame.reduce((sum, octet, at) => {
        return sum + (octet ^ original[at]!).toString(2).replaceAll("0", "").length;
      }, 0);
      assert.equal(bits, 1);
    });
  });

  test("delay and jitter hold each frame within their bounds", () => {
    const { arrived } = carry({ delayMs: 20, jitterMs: 10 }, 500);
    const delays = arrived.map(({ number, atMs }) => atMs - (number - 1));
    assert.ok(delays.every((delay) => delay >= 20 && delay < 30));
    assert.ok(Math.max(...delays) - Math.min(...delays) > 9);
  });

  test("the rate limit spaces frames by their length, and its queue overflows", () => {
    const clock = new VirtualClock();
    const [near, far] = createMemoryPair({ clock });
    // 60 octets at 48 kbit/s take 10 ms.
    const wire = impair(near, { clock, outbound: { rateBitsPerSecond: 48_000, queueFrames: 3 } });
    const arrived: number[] = [];
    far.onFrame(() => arrived.push(Math.round(clock.now())));
    for (let number = 1; number <= 5; number++) wire.send(numbered(number));
    clock.advance(100);
    assert.deepEqual(arrived, [10, 20, 30]);
    assert.equal(wire.outbound.overflowed, 2);
    wire.send(numbered(6));
    clock.advance(100);
    assert.deepEqual(arrived.at(-1), 110);
  });

  test("the same seed gives the same fate, another seed another one", () => {
    const settings = { loss: 0.1, duplicate: 0.1, reorder: 0.1, corrupt: 0.1, jitterMs: 3 };
    const first = carry(settings, 400, 7);
    assert.deepEqual(carry(settings, 400, 7).arrived, first.arrived);
    assert.notDeepEqual(carry(settings, 400, 8).numbers, first.numbers);
  });

  test("one direction's traffic and settings leave the other's fate alone", () => {
    const outcome = (otherWay: number) => {
      const clock = new VirtualClock();
      const [near, far] = createMemoryPair({ clock });
      const wire = impair(near, {
        clock,
        seed: 3,
        outbound: { loss: 0.5 },
        inbound: { loss: 0.5 },
      });
      const out: number[] = [];
      far.onFrame((frame) => out.push(numberOf(frame)));
      const back: number[] = [];
      wire.onFrame((frame) => back.push(numberOf(frame)));
      for (let number = 1; number <= 100; number++) {
        wire.send(numbered(number));
        for (let more = 0; more < otherWay; more++) far.send(numbered(number));
        clock.advance(1);
      }
      return { out, back };
    };
    assert.deepEqual(outcome(0).out, outcome(3).out);
    assert.ok(outcome(3).back.length > 100 && outcome(3).back.length < 200);
    assert.notDeepEqual(outcome(1).out, outcome(1).back);
  });

  test("chosen frames: the nth that matches is dropped, doubled or held, no other", () => {
    const isEven = (frame: Uint8Array) => numberOf(frame) % 2 === 0;
    assert.deepEqual(carry({ choose: dropNth(2, isEven) }, 6).numbers, [1, 2, 3, 5, 6]);
    assert.deepEqual(carry({ choose: dropNth(1) }, 3).numbers, [2, 3]);
    assert.deepEqual(carry({ choose: duplicateNth(1, isEven) }, 3).numbers, [1, 2, 2, 3]);
    assert.deepEqual(carry({ choose: delayNth(1, 1.5, isEven) }, 4).numbers, [1, 3, 2, 4]);
  });

  test("settings can be changed while it runs, and bad ones are refused", () => {
    const clock = new VirtualClock();
    const [near, far] = createMemoryPair({ clock });
    const wire = impair(near, { clock });
    let count = 0;
    far.onFrame(() => count++);
    wire.send(numbered(1));
    clock.advance(1);
    wire.setImpairment({ outbound: { loss: 1 } });
    wire.send(numbered(2));
    clock.advance(1);
    assert.equal(count, 1);
    const bad: Impairment[] = [
      { loss: 1.1 },
      { duplicate: -1 },
      { corrupt: NaN },
      { delayMs: -1 },
      { rateBitsPerSecond: 0 },
    ];
    for (const outbound of bad) {
      assert.throws(() => impair(near, { clock, outbound }), { code: "BAD_OPTION" });
    }
  });

  test("frames that a BUSY wire refuses are sent later, in order", () => {
    const clock = new VirtualClock();
    const taken: number[] = [];
    let busy = true;
    const inner: Wire = {
      send(frame) {
        if (!busy) taken.push(numberOf(frame));
        return !busy;
      },
      onFrame: () => undefined,
      onClose: () => undefined,
      close: () => undefined,
    };
    const wire = impair(inner, { clock });
    for (const number of [1, 2, 3]) wire.send(numbered(number));
    clock.advance(10);
    assert.deepEqual(taken, []);
    busy = false;
    clock.advance(10);
    assert.deepEqual(taken, [1, 2, 3]);
  });

  test("closing it closes the wire inside, and nothing is delivered any more", () => {
    const clock = new VirtualClock();
    const [near, far] = createMemoryPair({ clock });
    const wire = impair(near, { clock, outbound: { delayMs: 5 } });
    let count = 0;
    far.onFrame(() => count++);
    let told: string | undefined;
    far.onClose((error) => (told = error?.code));
    wire.send(numbered(1));
    wire.close();
    clock.advance(10);
    assert.equal(count, 0);
    assert.equal(told, "WIRE_CLOSED");
  });
});
