/**
 * What a driver may rely on (`hal/README.md`): `poll` says when it must be called, early and late
 * polls do no harm, a busy transmitter loses nothing, the same inputs make the same memory, and
 * connections come and go without leaving anything behind.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { Conversation } from "../support/conversation.ts";
import type { Device } from "../support/device.ts";
import { fresh, given, ROLES } from "../support/given.ts";
import { Pair } from "../support/pair.ts";
import { Seeded } from "../support/pattern.ts";
import { type Plan, Program } from "../support/program.ts";
import { onEachProfile, onEachVariant, PEER_ADDRESS, type Variant } from "../support/variants.ts";

// ── When to poll ─────────────────────────────────────────────────────────────────────────────────

/** Connections with every kind of timer, and what they send in the time that follows. */
const TIMED: readonly ((variant: Variant) => Conversation)[] = [
  (variant) => given("SYN-SENT", variant),
  (variant) => given("SYN-RECEIVED", variant, { role: "passive" }),
  (variant) => given("ESTABLISHED", variant).send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=9>"),
  (variant) => given("FIN-WAIT-1", variant),
  (variant) => given("LAST-ACK", variant),
  (variant) => given("TIME-WAIT", variant, { mslMs: 700 }),
  (variant) => {
    const c = given("ESTABLISHED", variant, { window: 0 });
    return c.write(30);
  },
];

/** The times of what comes out within `ms`, polled each `stepMs` or, with 0, when `poll` asked. */
function timesOf(c: Conversation, ms: number, stepMs: number): number[] {
  const end = c.nowMs + ms;
  if (stepMs === 0) c.advance(ms);
  while (stepMs !== 0 && c.nowMs < end) {
    c.rig.device.nowMs += stepMs;
    c.rig.settle();
  }
  return c.takeTimed().map(({ atMs }) => atMs);
}

test("who sleeps as long as poll says misses nothing that a poll each ms would see", () => {
  onEachVariant((variant) => {
    for (const make of TIMED) {
      const sleeping = timesOf(make(variant), 8_000, 0);
      assert.deepEqual(timesOf(make(variant), 8_000, 1), sleeping);
    }
  });
});

test("a second poll at the same time does nothing, and says the same", () => {
  onEachVariant((variant) => {
    for (const make of TIMED) {
      const c = make(variant);
      c.take();
      for (let i = 0; i < 50; i++) {
        const sleepMs = c.rig.settle();
        c.take();
        assert.ok(sleepMs > 0);
        assert.equal(c.rig.device.poll(), sleepMs);
        c.expectNothing();
        c.rig.device.nowMs += Math.min(sleepMs, 100_000);
      }
    }
  });
});

test("with nothing to do poll says never", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant);
    // Only ARP's ageing is left, and then nothing at all.
    c.advance(3_600_000);
    assert.equal(c.rig.settle(), 0xffff_ffff);
  });
});

test("late polls delay things, and break nothing", () => {
  onEachVariant((variant) => {
    for (const lateMs of [100, 5_000, 100_000]) {
      const pair = lossless(variant, { send: 3_000, closeAt: "open" }, { send: 3_000 });
      const random = new Seeded(lateMs);
      for (let i = 0; i < 300 && !pair.programs.every(({ isOver }) => isOver); i++) {
        pair.nowMs += random.below(lateMs);
        pair.run(0);
        pair.run(1);
      }
      for (const { received, reason } of pair.programs) {
        // With 100 s between polls a peer may well seem dead.
        if (lateMs === 100_000) continue;
        assert.equal(reason, "CLOSED");
        assert.equal(received, 3_000);
      }
    }
  });
});

test("a connection that was idle for 60 days works as on its first day", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    // Two calls must not lie more than 2^30 ms apart.
    for (let days = 0; days < 60; days += 10) c.quiet(10 * 86_400_000);
    c.write(10);
    c.rig.advanceUntilEmitted(100, () => c.hasPending);
    c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>");
    c.after(1_000).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>");
    c.send("<SEQ=301><ACK=111><CTL=PSH,ACK><DATA=10>").expectSoon("<SEQ=111><ACK=311><CTL=ACK>");
    c.read(10).closeWrite().expect("<SEQ=111><ACK=311><CTL=FIN,ACK>");
    c.send("<SEQ=311><ACK=112><CTL=FIN,ACK>").expect("<SEQ=112><ACK=312><CTL=ACK>");
    c.quiet(59_999).state("TIME-WAIT").quiet(1).state("CLOSED");
  });
});

test("timers of all connections that end in the same ms are all served in that ms", () => {
  onEachProfile((variant) => {
    const c = fresh(variant);
    const { device } = c.rig;
    const count = device.limit("CONNECTION_COUNT");
    c.rig.together(() => {
      for (let i = 0; i < count; i++) device.call("tcpConnect", PEER_ADDRESS, 1 + i, 0, 0);
    });
    assert.equal(c.rig.takeOthers().length, count);
    for (const gap of [1_000, 2_000, 4_000]) {
      c.rig.advance(gap - 1);
      assert.equal(c.rig.takeOthers().length, 0);
      c.rig.advance(1);
      const ports = c.rig.takeOthers().map(({ frame }) => frame.tcp!.destinationPort);
      assert.equal(new Set(ports).size, count);
      assert.equal(ports.length, count);
    }
  });
});

// ── A busy transmitter ───────────────────────────────────────────────────────────────────────────

function lossless(variant: Variant, a: Plan, b: Plan, isNew = false): Pair {
  const pair = new Pair(variant, { isNew });
  const connect = { remoteAddress: PEER_ADDRESS, remotePort: 80, localPort: 4_000 };
  pair.programs.push(
    new Program(pair.a, "linger", { connect }, a),
    new Program(pair.b, "peer", { listenPort: 80 }, b),
  );
  return pair;
}

test("segments of connections wait for a busy transmitter, and are not lost", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    const { device } = c.rig;
    device.isBusy = () => true;
    c.write(10).expectNothing();
    const busyPolls = (): void => {
      for (let i = 0; i < 5; i++) assert.equal(device.poll(), 0, "poll asks to be called again");
    };
    busyPolls();
    c.advance(50).expectNothing();
    busyPolls();
    assert.ok(device.counter("TRANSMIT_BUSY") >= 10);
    device.isBusy = () => false;
    c.rig.settle();
    c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>");
    assert.equal(c.status("RETRANSMITS"), 0);
    // The timer runs from when it left.
    c.after(1_000).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>");
  });
});

test("replies of no connection are dropped by a busy transmitter, and counted", () => {
  onEachVariant((variant) => {
    const c = fresh(variant);
    c.rig.device.isBusy = () => true;
    c.send("<SEQ=300><CTL=SYN>").expectNothing();
    assert.equal(c.rig.device.counter("TRANSMIT_BUSY"), 1);
    c.rig.device.isBusy = () => false;
    c.quiet(60_000).send("<SEQ=300><CTL=SYN>").expect("<SEQ=0><ACK=301><CTL=RST,ACK>");
  });
});

test("whole conversations over a transmitter that is busy half of the time", () => {
  const plans: [Plan, Plan][] = [
    [{ send: 5_000, closeAt: "open" }, { send: 5_000 }],
    [{ send: 50, closeAt: { received: 70 } }, { send: 70 }],
    [
      { closeAt: "open", closeFromMs: 140 },
      { closeAt: "open", closeFromMs: 90 },
    ],
    [{ send: 3_000 }, { send: 3_000, closeAt: "open" }],
  ];
  onEachVariant((variant) => {
    for (const [index, [a, b]] of plans.entries()) {
      for (let seed = 1; seed <= 5; seed++) {
        const pair = lossless(variant, a, b);
        const random = new Seeded(100 * index + seed);
        for (const device of [pair.a, pair.b]) device.isBusy = () => random.below(2) === 0;
        const isDone = (): boolean => pair.programs.every(({ isOver }) => isOver);
        assert.ok(pair.run(300_000, isDone), "not over in time");
        const [first, second] = pair.programs as [Program, Program];
        assert.deepEqual([first.reason, second.reason], ["CLOSED", "CLOSED"]);
        assert.deepEqual([first.received, second.received], [b.send ?? 0, a.send ?? 0]);
      }
    }
  });
});

// ── The same inputs ──────────────────────────────────────────────────────────────────────────────

function imageOf(device: Device): string {
  const octets = device.view(0, device.memoryOctets);
  return createHash("sha256").update(octets).digest("hex");
}

/** A run with loss, data and closing, and the images of both memories after it. */
function replay(variant: Variant): string[] {
  const pair = lossless(variant, { send: 4_000, closeAt: "open" }, { send: 4_000 }, true);
  for (const index of [3, 7, 11]) pair.faults.set(index, { name: "lost", arrivals: [] });
  pair.run(100_000);
  return [imageOf(pair.a), imageOf(pair.b)];
}

test("the same inputs give the same memory, octet by octet", () => {
  onEachProfile((variant) => {
    if (variant.profile === "host") return; // 64 MB to hash, and the same code as the others
    const [first, second] = [1, 2].map(() => fresh(variant, { isNew: true }).rig.device);
    assert.equal(imageOf(first!), imageOf(second!));
    assert.deepEqual(replay(variant), replay(variant));
  });
});

// ── Nothing is left behind ───────────────────────────────────────────────────────────────────────

/** One connection from its opening to its end, in one of many ways. */
function oneLife(c: Conversation, way: number): void {
  c.connect().take();
  c.send("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>").take();
  c.write(10).take();
  c.send("<SEQ=301><ACK=111><CTL=PSH,ACK><DATA=10>");
  c.rig.advanceUntilEmitted(499, () => c.hasPending);
  c.take();
  switch (way) {
    case 0:
      c.read(10).closeWrite().take();
      c.send("<SEQ=311><ACK=112><CTL=FIN,ACK>").take();
      break;
    case 1:
      c.send("<SEQ=311><ACK=111><CTL=FIN,ACK>").take();
      c.read(10).closeWrite().take();
      c.send("<SEQ=312><ACK=112><CTL=ACK>");
      break;
    case 2:
      c.send("<SEQ=311><CTL=RST>");
      break;
    case 3:
      c.abort().take();
      break;
    case 4:
      c.close().take();
      break;
    default:
      c.send("<SEQ=331><ACK=111><CTL=PSH,ACK><DATA=10>").take();
      break;
  }
  c.release().take();
}

test("a thousand connections, ended in every way: all pools are whole afterwards", () => {
  onEachProfile((variant) => {
    const c = fresh(variant);
    const { device } = c.rig;
    for (let i = 0; i < 1_000; i++) {
      const one = c.from(2_000 + i, (i * 0x0123_4567) >>> 0);
      oneLife(one, i % 6);
      // The half-closed and silent ones need their user timeout.
      if (i % 50 === 49) c.rig.advance(400_000);
    }
    c.rig.advance(4_000_000);
    assert.equal(c.rig.settle(), 0xffff_ffff, "something still waits");
    const count = device.limit("CONNECTION_COUNT");
    for (let i = 0; i < count; i++) {
      assert.ok(device.call("tcpConnect", PEER_ADDRESS, 30_000 + i, 0, 0) > 0, `TCB ${i}`);
    }
    assert.equal(device.call("tcpConnect", PEER_ADDRESS, 29_999, 0, 0), -6);
    assert.deepEqual(
      c.rig.takeOthers().filter(({ frame }) => frame.tcp === undefined),
      [],
    );
  });
});

test("as many connections as the pool holds, all at once, each with its own data", () => {
  onEachProfile((variant) => {
    const pair = new Pair(variant);
    const count = Math.min(pair.a.limit("CONNECTION_COUNT"), 200);
    const listener = pair.b.call("tcpListen", 0, 80, 255);
    for (let i = 0; i < count; i++) {
      const connect = { remoteAddress: PEER_ADDRESS, remotePort: 80, localPort: 10_000 + i };
      const plan: Plan = { send: 500 + i, closeAt: i % 2 ? "open" : { received: 3_000 } };
      const answer: Plan = { send: 3_000, closeAt: i % 2 ? "eof" : "open" };
      pair.programs.push(new Program(pair.a, "linger", { connect }, plan));
      pair.programs.push(new Program(pair.b, "peer", { listener }, answer));
    }
    const isDone = (): boolean => pair.programs.every(({ isOver }) => isOver);
    assert.ok(pair.run(300_000, isDone), "not over in time");
    const reasons = new Set(pair.programs.map(({ reason }) => reason));
    assert.deepEqual([...reasons], ["CLOSED"]);
    const octets = (from: number): number =>
      pair.programs.filter((_, i) => i % 2 === from).reduce((sum, one) => sum + one.received, 0);
    assert.equal(octets(0), 3_000 * count);
    assert.equal(octets(1), 500 * count + (count * (count - 1)) / 2);
  });
});

test("counters tell what went in and out", () => {
  onEachVariant((variant) => {
    for (const role of ROLES) {
      const c = given("ESTABLISHED", variant, { role });
      const { device } = c.rig;
      const before = (["SEGMENTS_IN", "SEGMENTS_OUT", "FRAMES_IN", "FRAMES_OUT"] as const).map(
        (name) => device.counter(name),
      );
      c.write(10).take();
      c.send("<SEQ=301><ACK=111><CTL=FIN,ACK>").take();
      const after = (["SEGMENTS_IN", "SEGMENTS_OUT", "FRAMES_IN", "FRAMES_OUT"] as const).map(
        (name) => device.counter(name),
      );
      assert.deepEqual(
        after.map((count, i) => count - before[i]!),
        [1, 2, 1, 2],
      );
    }
  });
});
