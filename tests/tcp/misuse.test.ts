/**
 * Misuse of the boundary: every export with arguments out of range, with handles that are nobody's,
 * somebody else's or an old one's. Each answers the Status that `hal/README.md` names, and nothing
 * else happens.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Limit, Work } from "../../hal/host/abi.ts";
import type { Conversation } from "../support/conversation.ts";
import { type CallName, type Device, type StatusName, statusName } from "../support/device.ts";
import { fresh, given } from "../support/given.ts";
import { Seeded } from "../support/pattern.ts";
import { naming, onEachProfile, onEachProfileWith, PEER_ADDRESS } from "../support/variants.ts";

/** A call, its arguments, and what it must answer. */
type Row = [CallName, number[], StatusName | number];

function answers(device: Device, rows: readonly Row[]): void {
  for (const [name, args, expected] of rows) {
    naming(`${name}(${args})`, () => {
      assert.equal(statusName(device.call(name, ...args)), expected);
      device.poll();
      assert.deepEqual(device.emitted, [], "a frame");
    });
  }
}

/** The calls that take the handle of a connection, with harmless arguments behind it. */
const CONNECTION_CALLS: [CallName, number[]][] = [
  ["tcpReserve", []],
  ["tcpReservedAddress", []],
  ["tcpCommit", [0]],
  ["tcpPeek", []],
  ["tcpPeekedAddress", []],
  ["tcpConsume", [0]],
  ["tcpCloseWrite", []],
  ["tcpAbort", []],
  ["tcpSetOption", [0, 0]],
  ["tcpUrgent", []],
];
/** Those that also take a listener's. */
const HANDLE_CALLS: [CallName, number[]][] = [
  ["tcpClose", []],
  ["tcpRelease", []],
  ["tcpStatus", []],
  ["takeEvents", []],
];

function refuseHandle(device: Device, handle: number): void {
  const calls = [...CONNECTION_CALLS, ...HANDLE_CALLS, ["tcpAccept", []] as [CallName, number[]]];
  answers(
    device,
    calls.map(([name, args]): Row => [name, [handle, ...args], "BAD_HANDLE"]),
  );
}

test("limits: all known ones, nothing beyond, and what they promise", () => {
  onEachProfile((variant) => {
    const { device } = fresh(variant).rig;
    for (const [name, which] of Object.entries(Limit)) {
      // The smallest profile puts nothing together, and may have nothing that can be left out.
      const least = ["REASSEMBLY_COUNT", "FEATURES"].includes(name) ? 0 : 1;
      assert.ok(device.call("limit", which) >= least, name);
    }
    const beyond = Math.max(...Object.values(Limit)) + 1;
    answers(device, [
      ["limit", [beyond], "BAD_ARGUMENT"],
      ["limit", [-1], "BAD_ARGUMENT"],
    ]);
    assert.equal(device.call("abiVersion"), 1);
    assert.ok(device.limit("RX_SLOT_SIZE") >= 1514);
    assert.ok(device.limit("TIME_WAIT_SIZE") <= 48);
    if (variant.profile !== "tiny") return;
    const least = { CONNECTION_COUNT: 4, TIME_WAIT_COUNT: 8, HALF_OPEN_COUNT: 4 } as const;
    for (const name of Object.keys(least) as (keyof typeof least)[]) {
      assert.ok(device.limit(name) >= least[name], name);
    }
  });
});

test("receive slots: each at 2 mod 4, apart from each other, none beyond", () => {
  onEachProfile((variant) => {
    const { device } = fresh(variant).rig;
    const count = device.limit("RX_SLOT_COUNT");
    const slots = Array.from({ length: count }, (_, slot) => device.call("rxSlotAddress", slot));
    slots.sort((a, b) => a - b);
    for (const [i, at] of slots.entries()) {
      assert.equal(at % 4, 2);
      if (i > 0) assert.ok(at - slots[i - 1]! >= device.limit("RX_SLOT_SIZE"));
    }
    answers(device, [
      ["rxSlotAddress", [count], "BAD_ARGUMENT"],
      ["rxSlotAddress", [-1], "BAD_ARGUMENT"],
      ["frameReceived", [count, 60, device.clock], "BAD_ARGUMENT"],
      ["frameReceived", [-1, 60, device.clock], "BAD_ARGUMENT"],
      ["frameReceived", [0, 0, device.clock], Work.ASKED],
      ["frameReceived", [0, 1515, device.clock], Work.ASKED],
      ["frameReceived", [0, -1, device.clock], Work.ASKED],
    ]);
    assert.equal(device.counter("DROP_ETHERNET_LENGTH"), 3);
  });
});

test("addresses that no host may have", () => {
  onEachProfile((variant) => {
    const { device } = fresh(variant).rig;
    const our = 0x0a09_0002;
    answers(device, [
      ["setLinkAddress", [0, 0], "BAD_ADDRESS"],
      ["setLinkAddress", [0x0100, 0x5e00_0001], "BAD_ADDRESS"],
      ["setLinkAddress", [0xffff, -1], "BAD_ADDRESS"],
      ["setLinkAddress", [0x1_0200, 1], "BAD_ARGUMENT"],
      ["setAddress", [our, 0, 0], "BAD_ARGUMENT"],
      ["setAddress", [our, 31, 0], "BAD_ARGUMENT"],
      ["setAddress", [our, -1, 0], "BAD_ARGUMENT"],
      ["setAddress", [0, 24, 0], "BAD_ADDRESS"],
      ["setAddress", [0x7f00_0001, 8, 0], "BAD_ADDRESS"],
      ["setAddress", [0xe000_0001, 24, 0], "BAD_ADDRESS"],
      ["setAddress", [0xf000_0001, 24, 0], "BAD_ADDRESS"],
      ["setAddress", [0xffff_ffff, 24, 0], "BAD_ADDRESS"],
      ["setAddress", [0x0a09_0000, 24, 0], "BAD_ADDRESS"],
      ["setAddress", [0x0a09_00ff, 24, 0], "BAD_ADDRESS"],
      ["setAddress", [our, 24, our], "BAD_ADDRESS"],
      ["setAddress", [our, 24, 0x0a09_0101], "BAD_ADDRESS"],
      ["setAddress", [our, 24, 0x0a09_00ff], "BAD_ADDRESS"],
      ["setAddress", [our, 24, 0x0a09_0000], "BAD_ADDRESS"],
      ["setAddress", [our, 24, 0x0a09_0001], "OK"],
      ["setAddress", [our, 30, 0x0a09_0001], "OK"],
      ["setAddress", [our, 1, 0], "OK"],
    ]);
  });
});

test("OPEN: ports, backlogs and addresses out of range [MUST-46]", () => {
  onEachProfile((variant) => {
    const { device } = fresh(variant).rig;
    const nobody = [0, 0xffff_ffff, 0x0a09_00ff, 0xe000_0001, 0xf000_0001, 0x7f00_0001];
    answers(device, [
      ["tcpListen", [0, 0, 1], "BAD_ARGUMENT"],
      ["tcpListen", [0, 65_536, 1], "BAD_ARGUMENT"],
      ["tcpListen", [0, -1, 1], "BAD_ARGUMENT"],
      ["tcpListen", [0, 80, 0], "BAD_ARGUMENT"],
      ["tcpListen", [0, 80, 256], "BAD_ARGUMENT"],
      ["tcpListen", [PEER_ADDRESS, 80, 1], "BAD_ADDRESS"],
      ["tcpListen", [0xffff_ffff, 80, 1], "BAD_ADDRESS"],
      ["tcpConnect", [PEER_ADDRESS, 0, 0, 0], "BAD_ARGUMENT"],
      ["tcpConnect", [PEER_ADDRESS, 65_536, 0, 0], "BAD_ARGUMENT"],
      ["tcpConnect", [PEER_ADDRESS, 80, 0, 65_536], "BAD_ARGUMENT"],
      ["tcpConnect", [PEER_ADDRESS, 80, 0, -1], "BAD_ARGUMENT"],
      ["tcpConnect", [PEER_ADDRESS, 80, 0x0a09_0003, 0], "BAD_ADDRESS"],
      ["tcpConnect", [0x0a09_0002, 80, 0, 0], "BAD_ADDRESS"],
      ...nobody.map((address): Row => ["tcpConnect", [address, 80, 0, 0], "BAD_ADDRESS"]),
      ["tcpLookup", [PEER_ADDRESS, 65_536, 80], "BAD_ARGUMENT"],
      ["tcpLookup", [PEER_ADDRESS, 80, 65_536], "BAD_ARGUMENT"],
      ["tcpLookup", [PEER_ADDRESS, 80, 80], "OK"],
      ["tcpStatusAt", [device.limit("CONNECTION_COUNT")], "BAD_ARGUMENT"],
      ["tcpStatusAt", [-1], "BAD_ARGUMENT"],
      ["tcpStatusAt", [0], "OK"],
      ["tcpStatusAt", [device.limit("CONNECTION_COUNT") - 1], "OK"],
    ]);
    const port = device.call("tcpListen", 0, 80, 255);
    assert.ok(port > 0);
    answers(device, [["tcpListen", [0, 80, 1], "ADDRESS_IN_USE"]]);
  });
});

test("without addresses nothing can be opened", () => {
  onEachProfile((variant) => {
    const { device } = fresh(variant).rig;
    assert.equal(device.call("init", device.clock, 0), 0);
    answers(device, [
      ["tcpConnect", [PEER_ADDRESS, 80, 0, 0], "NOT_CONFIGURED"],
      ["pingSend", [PEER_ADDRESS, 1, 56], "NOT_CONFIGURED"],
    ]);
    device.receive(new Uint8Array(60));
    assert.equal(device.counter("DROP_NOT_CONFIGURED"), 1);
  });
});

test("init forgets connections, listeners, records and counters", () => {
  onEachProfile((variant) => {
    const c = given("TIME-WAIT", variant, { role: "passive" });
    const other = c
      .from(6_000)
      .send("<SEQ=300><CTL=SYN>")
      .expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    const { device } = c.rig;
    assert.equal(device.call("init", device.clock, 0), 0);
    for (const one of [c, other]) {
      assert.equal(device.lookup(one.peerAddress, one.peerPort, one.localPort), "CLOSED");
    }
    refuseHandle(device, c.handle);
    refuseHandle(device, c.listener);
    assert.equal(device.counter("SEGMENTS_IN"), 0);
    assert.equal(device.call("nextReady"), 0);
    assert.equal(device.poll(), 0xffff_ffff);
  });
});

test("handles that are nobody's", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant, { role: "passive" });
    const random = new Seeded(7);
    const handles = [
      0,
      1,
      -1,
      0x7fff_ffff,
      -0x8000_0000,
      ...Array.from({ length: 50 }, () => random.word()),
    ];
    for (const known of [c.handle, c.listener]) {
      for (let bit = 0; bit < 32; bit++) handles.push((known ^ (1 << bit)) >>> 0);
      handles.push(known + 1, known - 1);
    }
    for (const handle of handles) {
      if (handle !== c.handle && handle !== c.listener) refuseHandle(c.rig.device, handle);
    }
    c.state("ESTABLISHED").from(6_000).lookup("LISTEN");
  });
});

test("the handle of the other kind", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant, { role: "passive" });
    const { device } = c.rig;
    answers(
      device,
      CONNECTION_CALLS.map(([name, args]): Row => [name, [c.listener, ...args], "BAD_HANDLE"]),
    );
    answers(device, [["tcpAccept", [c.handle], "BAD_HANDLE"]]);
    assert.equal(device.status(c.listener, "STATE"), 1);
    assert.equal(device.status(c.listener, "LOCAL_PORT"), c.localPort);
    assert.equal(device.status(c.listener, "REMOTE_PORT"), 0);
    c.state("ESTABLISHED");
  });
});

test("a released handle stays dead when its record lives again", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant);
    const seen = new Set<number>();
    for (let round = 0; round < 100; round++) {
      const old = c.handle;
      assert.equal(seen.has(old), false, `handle ${old} came twice`);
      seen.add(old);
      c.abort().take();
      c.release();
      refuseHandle(c.rig.device, old);
      // The ISN's clock has to move, or the new connection would begin like the old one.
      c.advance(10).connect().take();
      refuseHandle(c.rig.device, old);
      c.state("SYN-SENT");
    }
  });
});

test("a released connection tells no events, not even its end", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant);
    const { handle } = c;
    c.release().take();
    c.send("<SEQ=301><ACK=102><CTL=FIN,ACK>").take();
    assert.deepEqual(c.rig.eventsOf(handle), []);
    assert.equal(c.rig.device.call("nextReady"), 0);
  });
});

test("SEND and RECEIVE beyond what is there", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant);
    const { device } = c.rig;
    const room = device.call("tcpReserve", c.handle);
    assert.equal(room, device.limit("SEND_RING_SIZE"));
    answers(device, [
      ["tcpCommit", [c.handle, room + 1], "BAD_ARGUMENT"],
      ["tcpCommit", [c.handle, -1], "BAD_ARGUMENT"],
      ["tcpCommit", [c.handle, 0], "OK"],
      ["tcpPeek", [c.handle], "WOULD_BLOCK"],
      ["tcpPeekedAddress", [c.handle], "WOULD_BLOCK"],
      ["tcpConsume", [c.handle, 1], "WOULD_BLOCK"],
    ]);
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>").expectSoon("<SEQ=101><ACK=311><CTL=ACK>");
    answers(device, [
      ["tcpConsume", [c.handle, 11], "BAD_ARGUMENT"],
      ["tcpConsume", [c.handle, -1], "BAD_ARGUMENT"],
      ["tcpConsume", [c.handle, 0], "OK"],
      ["tcpPeek", [c.handle], 10],
    ]);
    c.read(10);
    c.window = 0;
    c.send("<SEQ=311><ACK=101><WND=0><CTL=ACK>").write(room);
    answers(device, [
      ["tcpReserve", [c.handle], "WOULD_BLOCK"],
      ["tcpReservedAddress", [c.handle], "WOULD_BLOCK"],
      ["tcpCommit", [c.handle, 1], "WOULD_BLOCK"],
      ["tcpCommit", [c.handle, 0], "OK"],
    ]);
  });
});

test("options out of range", () => {
  onEachProfile((variant) => {
    const c: Conversation = given("ESTABLISHED", variant);
    const set = (option: number, value: number, expected: StatusName): Row => {
      return ["tcpSetOption", [c.handle, option, value], expected];
    };
    answers(c.rig.device, [
      set(0, 2, "BAD_ARGUMENT"),
      set(0, -1, "BAD_ARGUMENT"),
      set(0, 1, "OK"),
      set(0, 0, "OK"),
      set(1, 999, "BAD_ARGUMENT"),
      set(1, 86_400_001, "BAD_ARGUMENT"),
      set(1, 0, "BAD_ARGUMENT"),
      set(1, 1_000, "OK"),
      set(1, 86_400_000, "OK"),
      set(99, 0, "BAD_ARGUMENT"),
      set(-1, 0, "BAD_ARGUMENT"),
    ]);
  });
});

test("echo: arguments out of range", () => {
  onEachProfileWith(["PING"], (variant) => {
    const { device } = fresh(variant).rig;
    const nobody = [0, 0xffff_ffff, 0x0a09_00ff, 0xe000_0001, 0x7f00_0001, 0x0a09_0002];
    answers(device, [
      ["pingSend", [PEER_ADDRESS, 65_536, 56], "BAD_ARGUMENT"],
      ["pingSend", [PEER_ADDRESS, -1, 56], "BAD_ARGUMENT"],
      ["pingSend", [PEER_ADDRESS, 1, 1_473], "BAD_ARGUMENT"],
      ["pingSend", [PEER_ADDRESS, 1, -1], "BAD_ARGUMENT"],
      ...nobody.map((address): Row => ["pingSend", [address, 1, 56], "BAD_ADDRESS"]),
      ["pingTake", [], "WOULD_BLOCK"],
    ]);
  });
});
