/**
 * What a Connection offers beside `read` and `write`: the rings themselves without a copy, options
 * that change while it lives, STATUS. Two stacks under virtual time.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StatusField } from "../../hal/host/abi.ts";
import { parseFrame } from "../../hal/host/packet/index.ts";
import {
  CLIENT,
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

describe("without a copy", () => {
  for (const profile of PROFILES) {
    test(`reserve and commit, peek and consume carry everything in order, ${profile}`, () => {
      const rig = twoStacks({ profile });
      const { near, far } = connected(rig);
      const data = patternOf(20_000);
      const arrived: Uint8Array[] = [];
      let sent = 0;
      for (let round = 0; sent < data.length || near.status().SEND_QUEUED > 0; round++) {
        assert.ok(round < 1000, `it stands still after ${sent} octets`);
        const room = near.reserve();
        if (room !== undefined) {
          const part = data.subarray(sent, sent + Math.min(room.length, 333));
          room.set(part);
          near.commit(part.length);
          sent += part.length;
        }
        rig.clock.advance(300);
        const come = far.peek();
        if (!come) continue;
        const taken = come.slice(0, 500);
        arrived.push(taken);
        far.consume(taken.length);
      }
      for (let rest = far.peek(); rest; rest = far.peek()) {
        arrived.push(rest.slice());
        far.consume(rest.length);
      }
      assert.equal(hashOf(Buffer.concat(arrived)), hashOf(data));
      assert.deepEqual([near.bytesWritten, far.bytesRead], [data.length, data.length]);
    });
  }

  test("a view of the ring: what is not committed is not sent, what is not consumed stays", () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    const seen = eventsOf(near);
    near.reserve()!.set(Buffer.from("abcdef"));
    near.commit(3);
    rig.clock.advance(500);
    assert.equal(textOf(far.peek()), "abc");
    assert.equal(textOf(far.peek()), "abc");
    far.consume(1);
    assert.equal(textOf(far.peek()), "bc");
    assert.equal(textOf(far.read()), "bc");
    assert.equal(far.peek(), undefined);
    const { SEND_RING_SIZE } = rig.client.limits;
    near.write(patternOf(SEND_RING_SIZE));
    assert.equal(near.reserve(), undefined);
    rig.clock.advance(500);
    assert.ok(seen.includes("writable"), "the refused reserve is told when there is room");
  });

  test("more than there is, and what is no number of octets, is refused by name", () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    const room = near.reserve()!.length;
    assert.throws(() => near.commit(room + 1), { code: "BAD_ARGUMENT" });
    for (const octets of [-1, 0.5, Number.NaN]) {
      assert.throws(() => near.commit(octets), { code: "BAD_OPTION" });
      assert.throws(() => far.consume(octets), { code: "BAD_OPTION" });
    }
    near.write("four");
    rig.clock.advance(100);
    assert.throws(() => far.consume(5), { code: "BAD_ARGUMENT" });
    assert.equal(textOf(far.read()), "four");
    assert.deepEqual([near.bytesWritten, far.bytesRead], [4, 4]);
    near.closeWrite();
    assert.throws(() => near.reserve(), { code: "CONNECTION_CLOSING" });
    assert.throws(() => near.commit(0), { code: "CONNECTION_CLOSING" });
  });

  test("what was left at a normal end is there after the release; after a reset nothing is", () => {
    const rig = twoStacks();
    const { near, far } = connected(rig);
    far.write("for later");
    far.close();
    near.closeWrite();
    rig.clock.advance(100);
    assert.deepEqual([near.end, near.isReleased], ["CLOSED", true]);
    assert.equal(textOf(near.peek()), "for later");
    near.consume(4);
    assert.throws(() => near.consume(6), { code: "BAD_ARGUMENT" });
    assert.equal(textOf(near.peek()), "later");
    near.consume(5);
    assert.equal(near.peek(), null);
    assert.equal(near.bytesRead, 9);
    assert.throws(() => near.reserve(), { code: "CONNECTION_CLOSED" });
    const other = connected(rig);
    other.far.abort();
    rig.clock.advance(100);
    assert.throws(() => other.near.peek(), { code: "CONNECTION_RESET" });
    assert.throws(() => other.near.commit(0), { code: "CONNECTION_RESET" });
    assert.throws(() => other.near.consume(0), { code: "CONNECTION_RESET" });
  });
});

describe("options that change", () => {
  test("soft errors are told or not, as the connection wants it at that time", () => {
    const rig = twoStacks();
    const { near } = connected(rig, { client: { softErrors: false } });
    const told: string[] = [];
    near.on("softError", () => told.push("softError"));
    near.on("trouble", () => told.push("trouble"));
    rig.wire.setImpairment({ outbound: { loss: 1 }, inbound: { loss: 1 } });
    near.write("nobody hears this");
    rig.clock.advance(60_000);
    assert.deepEqual([told, near.end], [[], undefined]);
    assert.ok(near.status().EXPIRIES >= 3);
    near.setSoftErrors(true);
    rig.wire.setImpairment({ outbound: {}, inbound: {} });
    rig.clock.advance(120_000);
    assert.equal(near.status().SEND_QUEUED, 0);
    rig.wire.setImpairment({ outbound: { loss: 1 }, inbound: { loss: 1 } });
    near.write("nor this");
    rig.clock.advance(60_000);
    assert.ok(told.includes("softError"), "nobody answers ARP");
  });

  test("a listener's TTL and DSCP hold for those that come after", () => {
    const marks: string[] = [];
    const rig = twoStacks({
      watch(octets) {
        const { ipv4 } = parseFrame(octets);
        const isServers = ipv4 !== undefined && ipv4.source === 0x0a090002;
        if (isServers) marks.push(`${ipv4.ttl}/${ipv4.typeOfService >> 2}`);
      },
    });
    const listener = rig.server.listen(PORT, { ttl: 9 });
    listener.on("connection", (connection) => connection.write("x"));
    const visit = (): string[] => {
      const visitor = rig.client.connect(SERVER, PORT);
      rig.clock.advance(1000);
      visitor.abort();
      rig.clock.advance(1000);
      return [...new Set(marks.splice(0))];
    };
    assert.deepEqual(visit(), ["9/0"]);
    listener.setMarks({ dscp: 46 });
    assert.deepEqual(visit(), ["9/46"]);
    assert.throws(() => listener.setMarks({ ttl: 0 }), { code: "BAD_OPTION" });
    assert.throws(() => listener.setMarks({ dscp: 64 }), { code: "BAD_OPTION" });
    assert.deepEqual(visit(), ["9/46"]);
    listener.close();
    listener.setMarks({ ttl: 1 });
  });
});

describe("STATUS", () => {
  test("has every field of the block, and what the numbers mean by name", () => {
    const parameters = { ecn: "ask" } as const;
    const rig = twoStacks({ client: { parameters }, server: { parameters } });
    const { near, far } = connected(rig, { client: { keepAlive: true, userTimeoutMs: 12_345 } });
    const status = near.status();
    for (const name of Object.keys(StatusField)) {
      if (name === "COUNT") continue;
      assert.equal(typeof status[name as Exclude<keyof typeof StatusField, "COUNT">], "number");
    }
    assert.deepEqual(
      [status.stateName, status.endReasonName, status.localHost, status.remoteHost],
      ["ESTABLISHED", "NONE", CLIENT, SERVER],
    );
    assert.deepEqual(status.negotiatedNames, ["TIMESTAMPS", "WINDOW_SCALE", "SACK", "ECN"]);
    assert.deepEqual([status.USER_TIMEOUT_MS, status.KEEP_ALIVE], [12_345, 1]);
    assert.deepEqual(
      [status.SND_NXT, status.RCV_NXT, status.SND_UNA],
      [far.status().RCV_NXT, far.status().SND_NXT, (status.ISS + 1) >>> 0],
    );
    assert.equal(status.RTO_MS, 1000);
    assert.ok(status.CWND >= status.SND_MSS && status.SRTT_MS >= 2);
  });

  test("of all connections, those not accepted yet and those that only still close too", () => {
    const rig = twoStacks();
    rig.server.listen(PORT);
    const near = rig.client.connect(SERVER, PORT);
    near.write("hello");
    rig.clock.advance(100);
    const states = (): string[] => rig.client.statuses().map(({ stateName }) => stateName);
    assert.deepEqual(states(), ["ESTABLISHED"]);
    const [waiting, ...none] = rig.server.statuses();
    assert.deepEqual([waiting?.REMOTE_PORT, waiting?.RECEIVE_QUEUED], [near.localPort, 5]);
    assert.deepEqual(none, []);
    assert.deepEqual(rig.client.statuses()[0], near.status());
    near.release();
    rig.clock.advance(100);
    assert.deepEqual(states(), ["FIN_WAIT_2"]);
    rig.client.close();
    assert.throws(() => rig.client.statuses(), { code: "STACK_CLOSED" });
  });
});
