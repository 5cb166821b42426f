/**
 * The life of a Stack around its connections: creating, closing, wires that fail or are BUSY,
 * modules that trap, listeners that throw, long idle times, and modules with an application of
 * their own.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RealClock, VirtualClock } from "../../hal/host/clock.ts";
import { SeededEntropy } from "../../hal/host/entropy.ts";
import { LingerError } from "../../hal/host/errors.ts";
import { LingerModule } from "../../hal/host/module.ts";
import { Stack, type StackOptions } from "../../hal/host/stack.ts";
import type { Wire } from "../../hal/host/wire.ts";
import { createMemoryPair } from "../../hal/host/wires/index.ts";
import { doctored } from "./doctored-module.ts";
import {
  CLIENT,
  codeOf,
  connected,
  eventsOf,
  hashOf,
  patternOf,
  PORT,
  SERVER,
  textOf,
  twoStacks,
} from "./two-stacks.ts";

/** Lets the promises that are settled already tell so. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("creating a stack", () => {
  test("what is wrong with the options is said, and the wire is closed", () => {
    const clock = new VirtualClock();
    const cases: [Partial<StackOptions>, string, RegExp][] = [
      [{ address: "10.9.0.2" }, "BAD_OPTION", /look like 10.9.0.2\/24$/],
      [{ address: "10.9.0.2/33" }, "BAD_OPTION", /prefix length: 33 is not/],
      [{ address: "10.9.0.256/24" }, "BAD_OPTION", /"10.9.0.256" is not an IPv4 address/],
      [{ address: "127.0.0.1/8" }, "BAD_ADDRESS", /^address 127.0.0.1\/8: /],
      [{ address: "10.9.0.255/24" }, "BAD_ADDRESS", /10.9.0.255/],
      [{ gateway: "10.8.0.1" }, "BAD_ADDRESS", /gateway 10.8.0.1/],
      [{ gateway: "router" }, "BAD_OPTION", /gateway: "router"/],
      [{ mac: "02:00" }, "BAD_OPTION", /"02:00" is not a MAC address/],
      [{ mac: "01:00:5e:00:00:01" }, "BAD_ADDRESS", /MAC address 01:00:5e:00:00:01/],
      [{ mslMs: 99 }, "BAD_ARGUMENT", /^mslMs 99: /],
      [{ mslMs: 120_001 }, "BAD_ARGUMENT", /mslMs 120001/],
      [{ parameters: { rtoMinMs: 9 } }, "BAD_ARGUMENT", /^rtoMinMs 9: /],
      [{ parameters: { rtoMinMs: 0.5 } }, "BAD_OPTION", /^rtoMinMs: 0.5 is not/],
      [{ module: "/no/such/module.wasm" }, "MODULE_NOT_FOUND", /no such file/],
    ];
    for (const [changed, code, message] of cases) {
      const [wire] = createMemoryPair({ clock });
      let closed = 0;
      wire.onClose(() => closed++);
      const options = { wire, address: "10.9.0.2/24", clock, ...changed };
      assert.throws(() => Stack.create(options), { code, message });
      assert.equal(closed, 1);
    }
  });

  test("says who it is; a MAC address that is not given is local, and drawn", () => {
    const clock = new VirtualClock();
    const create = (options: Partial<StackOptions>) => {
      const [wire] = createMemoryPair({ clock });
      return Stack.create({ wire, address: "10.9.0.2/20", clock, ...options });
    };
    const stack = create({ mac: "02-AA-bb-00-00-01", profile: "tiny" });
    assert.deepEqual(
      [stack.address, stack.prefixLength, stack.mac, stack.isApplication, stack.isClosed],
      ["10.9.0.2", 20, "02:aa:bb:00:00:01", false, false],
    );
    assert.equal(stack.limits.SEND_RING_SIZE, 1024);
    const drawn = create({ entropy: new SeededEntropy(5) });
    assert.match(drawn.mac, /^02(:[0-9a-f]{2}){5}$/);
    assert.equal(create({ entropy: new SeededEntropy(5) }).mac, drawn.mac);
    assert.notEqual(create({ entropy: new SeededEntropy(6) }).mac, drawn.mac);
    assert.equal(create({ module: LingerModule.load("tiny") }).limits.SEND_RING_SIZE, 1024);
  });

  test("with a wire that is dead already the stack is closed at once", async () => {
    const clock = new VirtualClock();
    const [wire, other] = createMemoryPair({ clock });
    other.close();
    clock.advance(1);
    const stack = Stack.create({ wire, address: "10.9.0.2/24", clock });
    assert.equal(stack.isClosed, true);
    assert.equal((await stack.closed)?.code, "WIRE_CLOSED");
    assert.throws(() => stack.listen(80), { code: "WIRE_CLOSED" });
  });
});

describe("the end of a stack", () => {
  test("close aborts what is open, and everything that waits is told", async () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    const listener = rig.client.listen(80);
    const opening = rig.client.connect(SERVER, 99);
    const iterating = (async () => {
      for await (const connection of listener) assert.fail(connection.remoteHost);
    })();
    const waiting = Promise.allSettled([
      near.receive(),
      near.writeAll(patternOf(100_000)),
      opening.connected,
      rig.client.ping(SERVER),
    ]);
    const seen = eventsOf(near);
    let closes = 0;
    rig.client.on("close", (error) => {
      assert.equal(error, undefined);
      closes++;
    });
    await turn();
    rig.client.close();
    rig.client.close();
    assert.equal(closes, 1);
    for (const outcome of await waiting) assert.equal(codeOf(outcome), "STACK_CLOSED");
    await iterating;
    assert.equal(await near.ended, "STACK_CLOSED");
    assert.deepEqual(seen, ["ended STACK_CLOSED STACK_CLOSED"]);
    assert.equal(await rig.client.closed, undefined);
    const dead: (() => unknown)[] = [
      () => near.read(),
      () => near.write("x"),
      () => near.status(),
      () => rig.client.listen(81),
      () => rig.client.connect(SERVER, 80),
      () => rig.client.counters(),
      () => rig.client.lookup(SERVER, 1, 2),
    ];
    for (const call of dead) assert.throws(call, { code: "STACK_CLOSED" }, String(call));
    await assert.rejects(rig.client.ping(SERVER), { code: "STACK_CLOSED" });
    near.close();
    near.release();
    listener.close();
    rig.clock.advance(1);
    assert.equal(far.end, "RESET");
  });

  test("a wire whose other end goes away fails the stack, and nothing hangs", async () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    let trapped = 0;
    const waiting = Promise.allSettled([near.receive(), rig.client.ping(SERVER)]);
    await turn();
    rig.client.on("close", () => trapped++);
    far.write("last");
    rig.server.close();
    const error = await rig.clock.runUntil(rig.client.closed);
    assert.equal(error?.code, "WIRE_CLOSED");
    const [read, ping] = await waiting;
    // The RST of the closing stack overtakes the end of the wire, or comes with it.
    assert.match(codeOf(read) ?? "", /^(CONNECTION_RESET|WIRE_CLOSED)$/);
    assert.equal(codeOf(ping), "WIRE_CLOSED");
    assert.equal(rig.client.isClosed, true);
    assert.equal(trapped, 1);
  });

  test("a connection that outlives its wire ends with the wire's error", async () => {
    const clock = new VirtualClock();
    const { near, fail } = withFailingWire(clock);
    const seen = eventsOf(near);
    const waiting = near.connected;
    waiting.catch(() => undefined);
    fail();
    assert.deepEqual(seen, ["ended STACK_FAILED WIRE_FAILED"]);
    await assert.rejects(waiting, { code: "WIRE_FAILED" });
    assert.throws(() => near.read(), { code: "WIRE_FAILED" });
  });

  test("a wire that throws while sending fails the stack, not the program", async () => {
    const clock = new VirtualClock();
    const wire = fakeWire({
      send() {
        throw new TypeError("a bug in the wire");
      },
    });
    const stack = Stack.create({ wire, address: `${CLIENT}/24`, clock });
    const connection = stack.connect(SERVER, 80);
    clock.advance(10);
    assert.equal((await stack.closed)?.code, "WIRE_FAILED");
    assert.match((await stack.closed)?.message ?? "", /while sending: a bug in the wire/);
    assert.equal(connection.end, "STACK_FAILED");
  });

  test("a trap in poll: the stack is dead, onTrap and everything that waits is told", async () => {
    const told: LingerError[] = [];
    const rig = twoStacks({
      client: { module: doctored("trapInPoll"), onTrap: (error) => told.push(error) },
    });
    const { near, far } = connected(rig);
    const waiting = Promise.allSettled([near.receive(), near.connected]);
    await turn();
    rig.clock.advance(10_000);
    near.write("x");
    rig.clock.advance(10);
    const [read] = await waiting;
    assert.equal(codeOf(read), "MODULE_TRAP");
    assert.deepEqual(
      told.map(({ code }) => code),
      ["MODULE_TRAP"],
    );
    assert.equal(near.end, "STACK_FAILED");
    assert.equal((await rig.client.closed)?.code, "MODULE_TRAP");
    assert.throws(() => near.write("y"), { code: "MODULE_TRAP" });
    assert.throws(() => rig.client.counters(), { code: "MODULE_TRAP" });
    // Its wire was closed, which the other side sees.
    assert.equal(far.end, "STACK_FAILED");
  });

  test("a trap in a user call kills the stack as well, although nothing else would happen", () => {
    const rig = twoStacks({ client: { module: doctored("trapInCloseWrite") } });
    const { near } = connected(rig);
    assert.throws(() => near.closeWrite(), { code: "MODULE_TRAP" });
    rig.clock.advance(0);
    assert.equal(near.end, "STACK_FAILED");
    assert.equal(rig.client.isClosed, true);
  });
});

/** A wire of whose methods some are replaced. */
function fakeWire(methods: Partial<Wire>): Wire {
  const nothing = () => undefined;
  return { send: () => true, onFrame: nothing, onClose: nothing, close: nothing, ...methods };
}

/** A connection in SYN-SENT on a wire that can be made to fail. */
function withFailingWire(clock: VirtualClock) {
  let told: (error?: LingerError) => void = () => undefined;
  const wire = fakeWire({ onClose: (callback) => (told = callback) });
  const stack = Stack.create({ wire, address: `${CLIENT}/24`, clock });
  const near = stack.connect(SERVER, 80);
  return { near, fail: () => told(new LingerError("WIRE_FAILED", "the cable burnt")) };
}

describe("driving", () => {
  test("a BUSY wire loses nothing; the stack goes on when it drains, or by itself", async () => {
    for (const tells of [true, false]) {
      const clock = new VirtualClock();
      const [inner, far] = createMemoryPair({ clock, latencyMs: 1 });
      let budget = 3;
      let refused = 0;
      let drained = () => {};
      const wire = fakeWire({
        send: (frame) => (budget > 0 ? (budget--, inner.send(frame)) : (refused++, false)),
        onFrame: (callback) => inner.onFrame(callback),
        close: () => inner.close(),
        ...(tells ? { onDrain: (callback: () => void) => (drained = callback) } : {}),
      });
      const common = { clock, entropy: new SeededEntropy(1) };
      const client = Stack.create({ ...common, wire, address: `${CLIENT}/24` });
      const server = Stack.create({ ...common, wire: far, address: `${SERVER}/24` });
      const data = patternOf(50_000);
      const refill = () => {
        budget = 3;
        drained();
        clock.setTimer(7, refill);
      };
      refill();
      const listener = server.listen(PORT);
      const received = new Promise<Uint8Array>((resolve) => {
        listener.on("connection", (connection) => resolve(connection.receiveAll()));
      });
      const connection = client.connect(SERVER, PORT);
      void connection.writeAll(data).then(() => connection.closeWrite());
      assert.equal(hashOf(await clock.runUntil(received)), hashOf(data));
      assert.ok(refused > 10);
      assert.equal(client.counters().TRANSMIT_BUSY, refused);
      // A wire that is BUSY is not asked again and again within one millisecond.
      assert.ok(refused < 2 * clock.now(), `${refused} refusals in ${clock.now()} ms`);
      assert.equal(client.counters().RETRANSMITS, 0);
      server.close();
    }
  });

  test("a listener that throws costs no other event, for it or for other connections", () => {
    const rig = twoStacks();
    const first = connected(rig);
    const second = connected(rig);
    const firstSeen: string[] = [];
    first.far.on("readable", () => {
      firstSeen.push("readable");
      throw new Error("a bug in the program");
    });
    first.far.on("peerClosed", () => firstSeen.push("peerClosed"));
    const secondSeen = eventsOf(second.far);
    for (const { near } of [first, second]) {
      near.write("x");
      near.closeWrite();
    }
    assert.throws(() => rig.clock.advance(10), /a bug in the program/);
    rig.clock.advance(10);
    assert.deepEqual(firstSeen, ["readable", "peerClosed"]);
    assert.deepEqual(
      secondSeen.filter((name) => name !== "writable"),
      ["readable", "peerClosed"],
    );
    assert.equal(textOf(first.far.read()), "x");
  });

  test("frames too long for any slot are dropped and counted, others around them are not", () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    rig.wire.send(new Uint8Array(1515).fill(0xff));
    near.write("x");
    rig.clock.advance(10);
    assert.equal(rig.server.oversizedFrames, 1);
    assert.equal(textOf(far.read()), "x");
  });

  test("idle for months, and over the wrap of the module's clock, a connection goes on", () => {
    const dayMs = 86_400_000;
    const rig = twoStacks({ startMs: 2 ** 32 - 8000 });
    const { near, far } = connected(rig);
    for (const idleMs of [10_000, 13 * dayMs, 60 * dayMs, 200 * dayMs]) {
      rig.clock.advance(idleMs);
      near.write("still there?");
      rig.clock.advance(100);
      assert.equal(textOf(far.read()), "still there?", `after ${idleMs} ms`);
      far.write("yes");
      rig.clock.advance(100);
      assert.equal(textOf(near.read()), "yes");
    }
    assert.ok(rig.client.counters().RETRANSMITS <= 1);
    near.closeWrite();
    far.closeWrite();
    rig.clock.advance(120_000);
    assert.deepEqual([near.end, far.end], ["CLOSED", "CLOSED"]);
  });

  test("an idle stack sets no timer: virtual time becomes idle", () => {
    const rig = twoStacks({ client: { mslMs: 100 } });
    const { near, far } = connected(rig);
    near.closeWrite();
    far.closeWrite();
    assert.equal(rig.clock.runUntilIdle(3_600_000), true);
    assert.deepEqual([near.end, far.end], ["CLOSED", "CLOSED"]);
  });

  test("works on the real clock", async () => {
    const clock = new RealClock();
    const [one, other] = createMemoryPair({ clock });
    const client = Stack.create({ wire: one, address: `${CLIENT}/24`, mslMs: 100 });
    const server = Stack.create({ wire: other, address: `${SERVER}/24`, mslMs: 100 });
    server.listen(PORT).on("connection", async (connection) => {
      for await (const chunk of connection) await connection.writeAll(chunk);
      connection.closeWrite();
    });
    const connection = client.connect(SERVER, PORT);
    await connection.connected;
    const data = patternOf(300_000);
    const received = connection.receiveAll();
    await connection.writeAll(data);
    connection.closeWrite();
    assert.equal(hashOf(await received), hashOf(data));
    assert.equal(await connection.ended, "CLOSED");
    assert.ok((await client.ping(SERVER)) > 0);
    client.close();
    assert.equal((await server.closed)?.code, "WIRE_CLOSED");
  });
});

describe("a module with an application of its own", () => {
  test("is started, polled, and left alone", async () => {
    const rig = twoStacks({ server: { module: doctored("application") } });
    assert.equal(rig.server.isApplication, true);
    for (let round = 0; round < 20; round++) {
      const connection = rig.client.connect(SERVER, PORT);
      const answer = rig.clock.runUntil(connection.receiveAll(), 1000);
      assert.equal(textOf(await answer), "!", `round ${round}`);
      connection.closeWrite();
      assert.equal(await rig.clock.runUntil(connection.ended, 1000), "CLOSED");
    }
    assert.ok(rig.server.counters().SEGMENTS_IN > 40);
    const owned = { code: "STACK_IN_MODULE" };
    assert.throws(() => rig.server.listen(80), owned);
    assert.throws(() => rig.server.connect(CLIENT, 80), owned);
    await assert.rejects(rig.server.ping(CLIENT), owned);
    assert.equal(rig.server.lookup(CLIENT, 1, PORT), "LISTEN");
  });

  test("may refuse to start", () => {
    assert.throws(() => twoStacks({ server: { module: doctored("refusingApplication") } }), {
      code: "MODULE_REFUSED",
      message: "the application refused to start (-7)",
    });
  });
});
