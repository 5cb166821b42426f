/** Stack against Stack, over all profiles, under virtual time: opening, data, every end, pings. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Negotiated } from "../../hal/host/abi.ts";
import { SoftError } from "../../hal/host/abi.ts";
import { Stack } from "../../hal/host/stack.ts";
import type { Connection } from "../../hal/host/connection.ts";
import { VirtualClock } from "../../hal/host/clock.ts";
import { SeededEntropy } from "../../hal/host/entropy.ts";
import { parseFrame } from "../../hal/host/packet/index.ts";
import { createMemoryPair, dropNth } from "../../hal/host/wires/index.ts";
import {
  CLIENT,
  codeOf,
  connected,
  eventsOf,
  hashOf,
  patternOf,
  PORT,
  PROFILES,
  SERVER,
  textOf,
  twoStacks,
} from "./two-stacks.ts";

for (const profile of PROFILES) {
  describe(`two stacks, profile ${profile}`, () => {
    test("echo with events alone, nothing asynchronous", () => {
      const { clock, client, server } = twoStacks({ profile });
      server.listen(PORT).on("connection", (connection) => {
        connection.on("readable", () => {
          const chunk = connection.read();
          if (chunk) connection.write(chunk);
          else if (chunk === null) connection.closeWrite();
        });
      });
      const connection = client.connect(SERVER, PORT);
      const seen = eventsOf(connection);
      connection.once("connect", () => connection.write("hello"));
      assert.equal(connection.read(), undefined);
      clock.advance(100);
      assert.equal(textOf(connection.read()), "hello");
      assert.equal(connection.read(), undefined);
      connection.closeWrite();
      clock.advance(100);
      assert.equal(connection.read(), null);
      assert.equal(connection.end, "CLOSED");
      assert.equal(seen[0], "connect");
      assert.equal(seen.at(-1), "ended CLOSED");
      assert.ok(seen.includes("peerClosed") && seen.includes("acknowledged"));
    });

    test("half-close by either side, data flowing the other way for long", async () => {
      for (const first of ["client", "server"] as const) {
        const rig = twoStacks({ profile });
        const { near, far } = connected(rig);
        const [early, late] = first === "client" ? [near, far] : [far, near];
        await rig.clock.runUntil(early.writeAll("last words"));
        early.closeWrite();
        assert.throws(() => early.write("more"), { code: "CONNECTION_CLOSING" });
        assert.equal(textOf(await rig.clock.runUntil(late.receiveAll())), "last words");
        await rig.clock.runUntil(early.acknowledged());
        assert.equal(late.status().stateName, "CLOSE_WAIT");
        assert.equal(early.status().stateName, "FIN_WAIT_2");
        // The later side may take as long as it wants.
        rig.clock.advance(600_000);
        assert.equal(early.status().stateName, "FIN_WAIT_2");
        const data = patternOf(20_000);
        const received = early.receiveAll();
        const sent = late.writeAll(data).then(() => late.closeWrite());
        assert.equal(hashOf(await rig.clock.runUntil(received)), hashOf(data));
        await sent;
        assert.equal(await rig.clock.runUntil(early.ended), "CLOSED");
        assert.equal(await rig.clock.runUntil(late.ended), "CLOSED");
      }
    });

    test("a large transfer both ways over a bad wire, the same for a seed", async () => {
      const run = async (seed: number) => {
        const impairment = {
          loss: 0.03,
          duplicate: 0.02,
          reorder: 0.03,
          corrupt: 0.02,
          jitterMs: 2,
        };
        const rig = twoStacks({ profile, seed, latencyMs: 3, impairment });
        const data = patternOf(60_000, seed);
        const replies = patternOf(60_000, seed + 100);
        const arrived: Promise<string>[] = [];
        rig.server.listen(PORT).on("connection", (connection) => {
          arrived.push(exchange(connection, replies));
        });
        const connection = rig.client.connect(SERVER, PORT);
        const got = await rig.clock.runUntil(exchange(connection, data));
        assert.equal(got, hashOf(replies));
        assert.equal(await rig.clock.runUntil(arrived[0]!), hashOf(data));
        assert.equal(await rig.clock.runUntil(connection.ended), "CLOSED");
        return { atMs: rig.clock.now(), counters: rig.client.counters(), wire: rig.wire.outbound };
      };
      for (const seed of [11, 12]) {
        const first = await run(seed);
        assert.ok(
          first.wire.lost > 0 && first.wire.corrupted > 0 && first.counters.RETRANSMITS > 0,
        );
        assert.deepEqual(await run(seed), first);
      }
    });

    test("handles come back by themselves: many more connections than there are records", () => {
      const { clock, client, server } = twoStacks({ profile, client: { mslMs: 100 } });
      server.listen(PORT).on("connection", (connection) => {
        connection.on("peerClosed", () => connection.close());
      });
      const rounds = profile === "host" ? 60 : 200;
      for (let round = 0; round < rounds; round++) {
        const connection = client.connect(SERVER, PORT);
        connection.once("connect", () => connection.closeWrite());
        clock.advance(300);
        assert.equal(connection.end, "CLOSED", `round ${round}`);
        assert.equal(connection.isReleased, true);
      }
    });
  });
}

/** Sends everything and closes, while reading everything: the hash of what came. */
async function exchange(connection: Connection, data: Uint8Array): Promise<string> {
  const received = connection.receiveAll();
  await connection.writeAll(data);
  connection.closeWrite();
  return hashOf(await received);
}

describe("how connections end", () => {
  test("nobody listens: refused", async () => {
    const rig = twoStacks();
    const connection = rig.client.connect(SERVER, 99);
    const pending = connection.receive();
    const opened = connection.connected;
    pending.catch(() => undefined);
    await assert.rejects(rig.clock.runUntil(opened), {
      code: "CONNECTION_REFUSED",
      message: `${SERVER}:99: the peer refused the connection: nobody listens there`,
    });
    await assert.rejects(pending, { code: "CONNECTION_REFUSED" });
    assert.equal(connection.end, "REFUSED");
    assert.throws(() => connection.write("x"), { code: "CONNECTION_REFUSED" });
    assert.equal(connection.status().endReasonName, "REFUSED");
  });

  test("abort on one side is a reset on the other, and voids what was unread", async () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    const nearEvents = eventsOf(near);
    const farEvents = eventsOf(far);
    near.write("unread");
    rig.clock.advance(10);
    near.abort();
    rig.clock.advance(10);
    assert.equal(nearEvents.at(-1), "ended ABORTED CONNECTION_ABORTED");
    assert.equal(farEvents.at(-1), "ended RESET CONNECTION_RESET");
    assert.throws(() => far.read(), { code: "CONNECTION_RESET", message: /the peer reset/ });
    assert.throws(() => near.read(), { code: "CONNECTION_ABORTED" });
    await assert.rejects(far.writeAll("x"), { code: "CONNECTION_RESET" });
    await assert.rejects(far.acknowledged(), { code: "CONNECTION_RESET" });
    // All that is left to do to it is allowed, and does nothing.
    for (const connection of [near, far]) {
      connection.closeWrite();
      connection.close();
      connection.abort();
      connection.release();
      connection.setNoDelay(true);
    }
    assert.equal(nearEvents.filter((name) => name.startsWith("ended")).length, 1);
  });

  test("a full close with data unread, or data that comes later, resets the peer", () => {
    for (const unread of [true, false]) {
      const rig = twoStacks();
      const { near, far } = connected(rig);
      if (unread) far.write("never read");
      rig.clock.advance(10);
      near.close();
      assert.throws(() => near.read(), /./);
      rig.clock.advance(10);
      if (!unread) far.write("too late");
      rig.clock.advance(10);
      assert.equal(far.end, "RESET");
      assert.equal(near.end, "ABORTED");
    }
  });

  test("a full close of both sides ends normally on both", () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    near.write("read me");
    near.close();
    rig.clock.advance(10);
    assert.equal(textOf(far.read()), "read me");
    assert.equal(far.read(), null);
    far.close();
    rig.clock.advance(10);
    assert.deepEqual([near.end, far.end], ["CLOSED", "CLOSED"]);
    assert.equal(rig.client.lookup(SERVER, PORT, near.localPort), "TIME_WAIT");
    assert.equal(rig.server.lookup(CLIENT, near.localPort, PORT), "CLOSED");
    rig.clock.advance(60_000);
    assert.equal(rig.client.lookup(SERVER, PORT, near.localPort), "CLOSED");
  });

  test("both sides close at once: CLOSING, then TIME-WAIT on both", () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    near.closeWrite();
    far.closeWrite();
    rig.clock.advance(1);
    rig.clock.advance(100);
    assert.deepEqual([near.end, far.end], ["CLOSED", "CLOSED"]);
    assert.equal(rig.client.lookup(SERVER, PORT, near.localPort), "TIME_WAIT");
    assert.equal(rig.server.lookup(CLIENT, near.localPort, PORT), "TIME_WAIT");
  });

  test("TTL and DSCP: from the SYN and the SYN-ACK on, and changed later", () => {
    const seen: string[] = [];
    const rig = twoStacks({
      watch(octets) {
        const { ipv4 } = parseFrame(octets);
        if (ipv4 !== undefined) seen.push(`${ipv4.ttl}/${ipv4.typeOfService >> 2}`);
      },
    });
    rig.server.setParameters({ ttl: 17 });
    const options = { client: { ttl: 3, dscp: 46 }, server: { dscp: 9 } };
    const { near, far } = connected(rig, options);
    assert.deepEqual(seen.splice(0), ["3/46", "17/9", "3/46"]);
    near.setMarks({ dscp: 10 });
    near.write("x");
    far.setMarks({ ttl: 64, dscp: 1 });
    rig.clock.advance(1000);
    assert.deepEqual(seen.splice(0), ["3/10", "64/1"]);
  });

  test("urgent data stays in line, is announced before it is read, and counted down", () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    const seen = eventsOf(far);
    far.on("urgent", () => seen.push(`unread ${far.status().URGENT_UNREAD}`));
    near.write("soon");
    near.sendUrgent();
    near.write("er");
    rig.clock.advance(1000);
    assert.deepEqual(seen, ["urgent", "unread 4", "readable"]);
    assert.equal(textOf(far.read(3)), "soo");
    assert.equal(far.status().URGENT_UNREAD, 1);
    assert.equal(textOf(far.read()), "ner");
    assert.equal(far.status().URGENT_UNREAD, 0);
    near.closeWrite();
    assert.throws(() => near.sendUrgent(), { code: "CONNECTION_CLOSING" });
  });

  test("ECN is spoken where one side asks and the other agrees, and STATUS says so", () => {
    for (const [client, server, isSpoken] of [
      ["ask", "agree", true],
      ["ask", "never", false],
      ["agree", "ask", false],
    ] as const) {
      const rig = twoStacks({
        client: { parameters: { ecn: client } },
        server: { parameters: { ecn: server } },
      });
      const { near, far } = connected(rig);
      const spoken = [near, far].map((end) => (end.status().NEGOTIATED & Negotiated.ECN) !== 0);
      assert.deepEqual(spoken, [isSpoken, isSpoken], `${client} to ${server}`);
    }
  });

  test("an acknowledgement is delayed, unless the connection wants it at once", () => {
    for (const [delayedAck, ms] of [
      [false, 2],
      [true, 102],
    ] as const) {
      const rig = twoStacks();
      const { near } = connected(rig, { server: { delayedAck } });
      near.write("x");
      rig.clock.advance(ms - 1);
      assert.equal(near.status().SEND_QUEUED, 1);
      rig.clock.advance(1);
      assert.equal(near.status().SEND_QUEUED, 0);
    }
  });

  test("a pulled wire: the user timeout ends it, with data or FIN unanswered", () => {
    const situations: Record<string, (near: Connection, far: Connection) => void> = {
      ESTABLISHED: (near) => near.write("nobody hears this"),
      FIN_WAIT_1: (near) => near.closeWrite(),
    };
    for (const [state, act] of Object.entries(situations)) {
      const rig = twoStacks();
      const { near, far } = connected(rig, { client: { userTimeoutMs: 20_000 } });
      rig.wire.setImpairment({ outbound: { loss: 1 }, inbound: { loss: 1 } });
      act(near, far);
      rig.clock.advance(15_000);
      assert.equal(near.end, undefined);
      assert.equal(near.status().stateName, state);
      rig.clock.advance(45_000);
      // At R1 the next hop was asked, and did not answer either.
      assert.equal(near.end, "UNREACHABLE", state);
      assert.throws(() => near.read(), { code: "CONNECTION_UNREACHABLE" });
      // The other side has nothing to send, so it never learns of it.
      assert.equal(far.end, undefined);
    }
  });

  test("a pulled wire, nothing outstanding: keep-alive notices where it is asked for", () => {
    const rig = twoStacks();
    const keepAlive = { idleMs: 20_000, intervalMs: 5_000, count: 3 };
    const { near, far } = connected(rig, { client: { keepAlive } });
    rig.clock.advance(3_600_000);
    assert.ok(rig.client.counters().KEEP_ALIVE_PROBES > 100);
    assert.deepEqual([near.end, far.end], [undefined, undefined]);
    rig.wire.setImpairment({ outbound: { loss: 1 }, inbound: { loss: 1 } });
    rig.clock.advance(50_000);
    assert.equal(near.end, "TIMED_OUT");
    assert.equal(far.end, undefined);
    far.setKeepAlive(true, keepAlive);
    far.setKeepAlive(false);
    rig.clock.advance(3_600_000);
    assert.equal(far.end, undefined);
    far.setKeepAlive(true);
    rig.clock.advance(40_000);
    assert.equal(far.end, "UNREACHABLE"); // by then ARP has said so
    for (const bad of [{ idleMs: 0 }, { intervalMs: 65_535_001 }, { count: 1 }]) {
      assert.throws(() => rig.client.connect(SERVER, PORT, { keepAlive: bad }), {
        code: "BAD_OPTION",
      });
    }
  });

  test("nobody has the address: that is told, and the connection ends as unreachable", () => {
    const rig = twoStacks();
    const told: (number | string)[] = [];
    const connection = rig.client.connect("10.9.0.77", 80, { userTimeoutMs: 10_000 });
    connection.on("softError", (error) => told.push(error));
    connection.on("trouble", () => told.push("trouble"));
    const options = { userTimeoutMs: 10_000, softErrors: false };
    const quiet = rig.client.connect("10.9.0.78", 80, options);
    quiet.on("softError", () => told.push("quiet"));
    rig.clock.advance(60_000);
    assert.equal(told[0], SoftError.NO_NEIGHBOUR);
    assert.ok(!told.includes("quiet"));
    assert.deepEqual([connection.end, quiet.end], ["UNREACHABLE", "UNREACHABLE"]);
    assert.ok(rig.client.counters().ARP_FAILURES > 0);
  });

  test("released early: over at once for its user, closed in full on the wire", async () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    near.write("before");
    near.release();
    assert.equal(await near.ended, "RELEASED");
    assert.throws(() => near.read(), { code: "CONNECTION_RELEASED" });
    rig.clock.advance(50);
    assert.equal(textOf(far.read()), "before");
    assert.equal(far.read(), null);
    far.close();
    rig.clock.advance(50);
    assert.equal(far.end, "CLOSED");
  });
});

describe("reading and writing", () => {
  test("read takes what it may, across the end of the ring; status counts the rest", () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    const data = patternOf(2500);
    let at = 0;
    for (let round = 0; round < 6; round++) {
      assert.equal(near.write(data), data.length);
      rig.clock.advance(500);
      assert.equal(far.status().RECEIVE_QUEUED, 2500);
      assert.deepEqual(far.read(700), data.subarray(0, 700));
      assert.deepEqual(far.read(), data.subarray(700));
      assert.equal(far.read(), undefined);
      at += 2500;
    }
    assert.equal(far.bytesRead, at);
    assert.equal(near.bytesWritten, at);
    assert.throws(() => far.read(0), { code: "BAD_OPTION" });
  });

  test("write takes what fits and says so, 0 when full; writable tells when to go on", () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    const { SEND_RING_SIZE, RECEIVE_RING_SIZE } = rig.client.limits;
    const seen = eventsOf(near);
    const data = patternOf(SEND_RING_SIZE + 1000);
    assert.equal(near.write(data), SEND_RING_SIZE);
    assert.equal(near.write(data), 0);
    rig.clock.advance(1000);
    assert.ok(seen.includes("writable"));
    // Nobody reads: it fills up for good, both rings.
    let taken = SEND_RING_SIZE;
    for (let round = 0; round < 10; round++) {
      taken += near.write(data.subarray(taken % data.length));
      rig.clock.advance(1000);
    }
    assert.equal(taken, SEND_RING_SIZE + RECEIVE_RING_SIZE);
    seen.length = 0;
    far.read();
    rig.clock.advance(50);
    assert.ok(seen.includes("writable"), "a reader that drains lets the sender resume");
  });

  test("data written before the handshake, and a close, follow the handshake", async () => {
    const rig = twoStacks();
    const accepted: string[] = [];
    rig.server.listen(PORT).on("connection", async (connection) => {
      accepted.push(textOf(await connection.receiveAll())!);
      connection.close();
    });
    const connection = rig.client.connect(SERVER, PORT);
    assert.equal(connection.write("early ünïcode"), 15);
    connection.closeWrite();
    assert.equal(await rig.clock.runUntil(connection.ended), "CLOSED");
    assert.deepEqual(accepted, ["early ünïcode"]);
  });

  test("writeAll calls are served one after the other, whatever their sizes", async () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    const parts = [patternOf(9000, 1), patternOf(1, 2), patternOf(0), patternOf(5000, 3)];
    const written = Promise.all(parts.map((part) => near.writeAll(part)));
    const received = far.receiveAll();
    await rig.clock.runUntil(written);
    near.closeWrite();
    const expected = hashOf(Buffer.concat(parts));
    assert.equal(hashOf(await rig.clock.runUntil(received)), expected);
  });

  test("a writeAll and a reader that wait are told when the peer resets", async () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    const writing = near.writeAll(patternOf(100_000));
    const reading = (async () => {
      for await (const chunk of near) assert.fail(`nothing was sent, ${chunk.length} came`);
    })();
    const outcomes = Promise.allSettled([writing, reading, near.acknowledged()]);
    rig.clock.advance(100);
    far.abort();
    for (const outcome of await rig.clock.runUntil(outcomes)) {
      assert.equal(codeOf(outcome), "CONNECTION_RESET");
    }
  });

  test("acknowledged waits for the peer's acknowledgement of data and FIN", async () => {
    const rig = twoStacks({ latencyMs: 50 });
    const { near, far } = connected(rig);
    await near.acknowledged();
    const begunMs = rig.clock.now();
    near.write("x".repeat(1460));
    near.closeWrite();
    await rig.clock.runUntil(near.acknowledged());
    assert.ok(rig.clock.now() - begunMs >= 100);
    assert.equal(near.status().stateName, "FIN_WAIT_2");
    far.closeWrite();
    await rig.clock.runUntil(near.ended);
    await near.acknowledged();
  });

  test("leaving the loop over a connection leaves it open; a second loop goes on", async () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    far.write("one");
    const first = (async () => {
      for await (const chunk of near) return textOf(chunk);
      return undefined;
    })();
    assert.equal(await rig.clock.runUntil(first), "one");
    assert.equal(near.end, undefined);
    far.write("two");
    far.closeWrite();
    assert.equal(textOf(await rig.clock.runUntil(near.receiveAll())), "two");
  });

  test("noDelay sends small writes at once, Nagle holds them while others are in flight", () => {
    const count = (noDelay: boolean) => {
      const rig = twoStacks({ latencyMs: 20 });
      const { near, far } = connected(rig, { client: { noDelay } });
      const before = rig.client.counters().SEGMENTS_OUT;
      for (let round = 0; round < 5; round++) {
        near.write("x");
        rig.clock.advance(1);
      }
      const sent = rig.client.counters().SEGMENTS_OUT - before;
      rig.clock.advance(2000);
      assert.equal(textOf(far.read()), "xxxxx");
      return sent;
    };
    assert.equal(count(true), 5);
    assert.equal(count(false), 1);
  });
});

describe("handles", () => {
  test("what was unread at a normal end can be read after the handle is gone", () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    far.write("for later");
    far.close();
    near.closeWrite();
    rig.clock.advance(100);
    assert.equal(near.end, "CLOSED");
    assert.equal(near.isReleased, true);
    assert.equal(near.status().RECEIVE_QUEUED, 9);
    assert.equal(textOf(near.read(4)), "for ");
    assert.equal(textOf(near.read()), "later");
    assert.equal(near.read(), null);
    assert.equal(near.read(), null);
  });

  test("autoRelease: false keeps the handle, and STATUS, until release", () => {
    const rig = twoStacks({ client: { mslMs: 1000 } });
    const { near, far } = connected(rig, { client: { autoRelease: false } });
    far.write("kept");
    near.closeWrite();
    far.close();
    rig.clock.advance(100);
    assert.equal(near.end, "CLOSED");
    assert.equal(near.isReleased, false);
    assert.equal(near.status().stateName, "TIME_WAIT");
    rig.clock.advance(2000);
    assert.equal(near.status().stateName, "CLOSED");
    assert.equal(near.status().endReasonName, "CLOSED");
    assert.equal(textOf(near.read()), "kept");
    near.release();
    near.release();
    assert.equal(near.end, "CLOSED");
    assert.equal(near.status().stateName, "CLOSED");
  });

  test("when all records are taken the caller is told; a released one can be used again", () => {
    const rig = twoStacks({ profile: "tiny" });
    rig.server.listen(PORT);
    const { CONNECTION_COUNT } = rig.client.limits;
    const taken = Array.from({ length: CONNECTION_COUNT }, () => rig.client.connect(SERVER, PORT));
    assert.throws(() => rig.client.connect(SERVER, PORT), { code: "NO_RESOURCES" });
    taken[0]!.abort();
    rig.clock.advance(100);
    assert.equal(taken[0]!.end, "ABORTED");
    rig.client.connect(SERVER, PORT);
  });

  test("options that are out of range are refused and leave nothing behind", () => {
    const rig = twoStacks({ profile: "tiny" });
    for (let round = 0; round < 20; round++) {
      assert.throws(() => rig.client.connect(SERVER, PORT, { userTimeoutMs: 999 }), {
        code: "BAD_OPTION",
      });
      rig.clock.advance(1);
    }
    rig.client.connect(SERVER, PORT);
    const bad: [() => unknown, string][] = [
      [() => rig.client.connect("no address", 80), "BAD_OPTION"],
      [() => rig.client.connect(SERVER, 0), "BAD_OPTION"],
      [() => rig.client.connect(SERVER, 65_536), "BAD_OPTION"],
      [() => rig.client.connect(SERVER, 80, { localPort: -1 }), "BAD_OPTION"],
      [() => rig.client.connect("255.255.255.255", 80), "BAD_ADDRESS"],
      [() => rig.client.connect("224.0.0.1", 80), "BAD_ADDRESS"],
      [() => rig.client.connect(CLIENT, 80), "BAD_ADDRESS"],
      [() => rig.client.listen(70_000), "BAD_OPTION"],
      [() => rig.client.listen(80, { backlog: 0 }), "BAD_OPTION"],
      [() => rig.client.listen(80, { address: "10.9.0.77" }), "BAD_ADDRESS"],
      [() => rig.client.listen(80, { ttl: 0 }), "BAD_OPTION"],
      [() => rig.client.listen(80, { dscp: 64 }), "BAD_OPTION"],
      [() => rig.client.connect(SERVER, 80, { ttl: 256 }), "BAD_OPTION"],
      [() => rig.client.connect(SERVER, 80, { dscp: -1 }), "BAD_OPTION"],
    ];
    for (const [call, code] of bad) assert.throws(call, { code }, String(call));
  });
});

describe("parameters of the stack", () => {
  test("the least retransmission timeout holds from the start, and can be changed", () => {
    const rig = twoStacks({ client: { parameters: { rtoMinMs: 900 } } });
    const { near, far } = connected(rig);
    const timeoutAfterExchange = (connection: Connection) => {
      connection.write("x");
      rig.clock.advance(1000);
      return connection.status().RTO_MS;
    };
    assert.equal(timeoutAfterExchange(near), 900);
    assert.equal(timeoutAfterExchange(far), 1000);
    rig.client.setParameters({ rtoMinMs: 800 });
    assert.equal(timeoutAfterExchange(near), 800);
    rig.client.setParameters({});
    assert.equal(timeoutAfterExchange(near), 800);
    assert.throws(() => rig.client.setParameters({ rtoMinMs: 60_001 }), { code: "BAD_ARGUMENT" });
  });
});

describe("listeners", () => {
  test("a port can be taken once, and again after its listener was closed", () => {
    const { server } = twoStacks();
    const listener = server.listen(PORT);
    assert.throws(() => server.listen(PORT), {
      code: "ADDRESS_IN_USE",
      message: /listen on port 7/,
    });
    let closes = 0;
    listener.on("close", () => closes++);
    listener.close();
    listener.close();
    assert.equal(closes, 1);
    assert.equal(listener.accept(), undefined);
    server.listen(PORT);
  });

  test("while nobody listens for connections they wait; accept takes them in order", () => {
    const rig = twoStacks();
    const listener = rig.server.listen(PORT, { noDelay: true });
    let told = 0;
    listener.on("acceptable", () => told++);
    const first = rig.client.connect(SERVER, PORT);
    rig.clock.advance(10);
    const second = rig.client.connect(SERVER, PORT);
    first.write("waiting");
    rig.clock.advance(100);
    assert.equal(told, 2);
    const accepted = listener.accept()!;
    assert.equal(accepted.remotePort, first.localPort);
    const seen = eventsOf(accepted);
    rig.clock.advance(1);
    assert.ok(seen.includes("readable"), "data that came before accept is told after it");
    assert.equal(textOf(accepted.read()), "waiting");
    // Whoever listens later gets those that are still there.
    const late: number[] = [];
    listener.on("connection", (connection) => late.push(connection.remotePort));
    rig.clock.advance(1);
    assert.deepEqual(late, [second.localPort]);
    assert.equal(listener.accept(), undefined);
  });

  test("closing it resets those that nobody accepted, and no others", () => {
    const rig = twoStacks();
    const listener = rig.server.listen(PORT);
    const first = rig.client.connect(SERVER, PORT);
    rig.clock.advance(50);
    const accepted = listener.accept()!;
    const second = rig.client.connect(SERVER, PORT);
    rig.clock.advance(50);
    listener.close();
    rig.clock.advance(50);
    assert.equal(second.end, "RESET");
    assert.equal(first.end, undefined);
    first.write("still here");
    rig.clock.advance(50);
    assert.equal(textOf(accepted.read()), "still here");
  });

  test("a listener that throws for one connection gets the others", () => {
    const rig = twoStacks();
    const ports: number[] = [];
    rig.server.listen(PORT).on("connection", (connection) => {
      ports.push(connection.remotePort);
      if (ports.length === 1) throw new Error("a bug in the program");
    });
    const clients = [1, 2, 3].map(() => rig.client.connect(SERVER, PORT));
    assert.throws(() => rig.clock.advance(20), /a bug in the program/);
    rig.clock.advance(20);
    assert.deepEqual(
      ports,
      clients.map(({ localPort }) => localPort),
    );
  });

  test("a loop over the listener serves several connections and ends with it", async () => {
    const rig = twoStacks();
    const listener = rig.server.listen(PORT);
    const serving = (async () => {
      let served = 0;
      for await (const connection of listener) {
        served++;
        void connection.receiveAll().then((octets) => {
          connection.write(octets);
          connection.close();
        });
        if (served === 3) listener.close();
      }
      return served;
    })();
    const answers = ["a", "bb", "ccc"].map(async (text) => {
      const connection = rig.client.connect(SERVER, PORT);
      connection.write(text);
      connection.closeWrite();
      return textOf(await connection.receiveAll());
    });
    assert.deepEqual(await rig.clock.runUntil(Promise.all(answers)), ["a", "bb", "ccc"]);
    assert.equal(await rig.clock.runUntil(serving), 3);
  });
});

describe("ping", () => {
  test("gives the round-trip time, one after the other, of any size", async () => {
    const rig = twoStacks({ latencyMs: 10 });
    // The first one resolves the address, which takes a round trip of its own.
    assert.equal(await rig.clock.runUntil(rig.client.ping(SERVER)), 40);
    const all = [0, 1, 56, 1472].map((octets) => rig.client.ping(SERVER, { octets }));
    assert.deepEqual(await rig.clock.runUntil(Promise.all(all)), [20, 20, 20, 20]);
    assert.equal(await rig.clock.runUntil(rig.server.ping(CLIENT)), 20);
  });

  test("a lost one times out, the next one comes through", async () => {
    const rig = twoStacks();
    await rig.clock.runUntil(rig.client.ping(SERVER));
    rig.wire.setImpairment({ outbound: { choose: dropNth(1) } });
    const lost = rig.client.ping(SERVER, { timeoutMs: 300 });
    const next = rig.client.ping(SERVER);
    await assert.rejects(rig.clock.runUntil(lost), {
      code: "PING_TIMEOUT",
      message: `ping ${SERVER}: no answer within 300 ms`,
    });
    assert.equal(await rig.clock.runUntil(next), 2);
  });

  test("an address that nobody has is an error, and does not stop the next ping", async () => {
    const rig = twoStacks();
    await assert.rejects(rig.clock.runUntil(rig.client.ping("10.9.0.77", { timeoutMs: 20_000 })), {
      code: "UNREACHABLE",
    });
    const impatient = rig.client.ping("10.9.0.78", { timeoutMs: 100 });
    const next = rig.client.ping(SERVER, { timeoutMs: 60_000 });
    await assert.rejects(rig.clock.runUntil(impatient), { code: "PING_TIMEOUT" });
    assert.ok((await rig.clock.runUntil(next)) > 0);
  });

  test("impossible ones are refused", async () => {
    const { client } = twoStacks();
    await assert.rejects(client.ping("nowhere"), { code: "BAD_OPTION" });
    await assert.rejects(client.ping(SERVER, { octets: 1473 }), { code: "BAD_OPTION" });
    await assert.rejects(client.ping(SERVER, { timeoutMs: 0 }), { code: "BAD_OPTION" });
    await assert.rejects(client.ping("255.255.255.255"), { code: "BAD_ADDRESS" });
  });
});

describe("off the link", () => {
  test("the gateway takes what is not on the link; without one it is refused", () => {
    const clock = new VirtualClock();
    const [near, far] = createMemoryPair({ clock });
    const asked: string[] = [];
    far.onFrame((frame) => {
      if (frame[12] === 0x08 && frame[13] === 0x06)
        asked.push([...frame.subarray(38, 42)].join("."));
    });
    const options = { wire: near, address: "10.9.0.2/24", clock, entropy: new SeededEntropy(1) };
    const stack = Stack.create({ ...options, gateway: "10.9.0.254" });
    stack.connect("198.51.100.7", 80);
    clock.advance(10);
    assert.deepEqual(asked, ["10.9.0.254"]);
  });
});
