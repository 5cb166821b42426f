/**
 * TIME-WAIT: how long it lasts, what restarts it, what reopens the tuple, what is recycled.
 *
 * RFC 9293 §3.6.1 (MAY-2), §3.10.7.4, MUST-13; RFC 1337. MSL is a parameter of `init`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation } from "../support/conversation.ts";
import { fresh, given, ROLES } from "../support/given.ts";
import type { Rig } from "../support/rig.ts";
import { seqDistance } from "../support/sequence.ts";
import { onEachProfile, onEachVariant, type Variant } from "../support/variants.ts";

const MSL_MS = 1_000;
const TWO_MSL_MS = 2 * MSL_MS;

const FIN = "<SEQ=301><ACK=102><CTL=FIN,ACK>";
const ACK_OF_FIN = "<SEQ=102><ACK=302><CTL=ACK>";

// ── How long ─────────────────────────────────────────────────────────────────────────────────────

for (const mslMs of [100, 999, 30_000, 120_000]) {
  test(`an MSL of ${mslMs} ms: TIME-WAIT lasts exactly ${2 * mslMs} ms [MUST-13]`, () => {
    onEachVariant((variant) => {
      for (const role of ROLES) {
        const c = given("TIME-WAIT", variant, { role, mslMs });
        c.quiet(2 * mslMs - 1).state("TIME-WAIT");
        c.quiet(1).state("CLOSED").reason("CLOSED");
        // Nobody is here any more: the same FIN now draws an RST.
        c.send(FIN).expect("<SEQ=102><CTL=RST>");
      }
    });
  });
}

test("an MSL of 0 is 30 s", () => {
  onEachVariant((variant) => {
    const c = given("TIME-WAIT", variant, { mslMs: 0 });
    c.quiet(59_999).state("TIME-WAIT").quiet(1).state("CLOSED");
  });
});

test("an MSL out of range is refused, and the module stays uninitialised", () => {
  onEachProfile((variant) => {
    const { device } = fresh(variant).rig;
    for (const mslMs of [1, 99, 120_001, 0xffff_ffff]) {
      assert.equal(device.call("init", 0, mslMs), -2);
      assert.equal(device.receive(new Uint8Array(60)), -9);
      assert.equal(device.call("tcpConnect", 0x0a090001, 80, 0, 0), -9);
      assert.equal(device.poll(), 0xffff_ffff);
    }
    assert.equal(device.call("init", 0, 100), 0);
  });
});

test("the record stays its time when the handle is released", () => {
  onEachVariant((variant) => {
    const c = given("TIME-WAIT", variant, { mslMs: MSL_MS }).release();
    c.quiet(TWO_MSL_MS - 1)
      .lookup("TIME-WAIT")
      .send(FIN)
      .expect(ACK_OF_FIN);
    c.quiet(TWO_MSL_MS - 1)
      .lookup("TIME-WAIT")
      .quiet(1)
      .lookup("CLOSED");
  });
});

test("what was received can be read in TIME-WAIT and after it, until the release", () => {
  onEachVariant((variant) => {
    const c = given("FIN-WAIT-2", variant, { mslMs: MSL_MS });
    c.send("<SEQ=301><ACK=102><CTL=FIN,PSH,ACK><DATA=60>").expect("<SEQ=102><ACK=362><CTL=ACK>");
    c.state("TIME-WAIT").read(20).quiet(TWO_MSL_MS).state("CLOSED");
    c.read(40).eof().release();
  });
});

// ── What arrives ─────────────────────────────────────────────────────────────────────────────────

test("a retransmitted FIN is acknowledged and restarts the 2MSL, as often as it comes", () => {
  onEachVariant((variant) => {
    const c = given("TIME-WAIT", variant, { mslMs: MSL_MS });
    for (let round = 0; round < 5; round++) {
      c.quiet(TWO_MSL_MS - 1)
        .send(FIN)
        .expect(ACK_OF_FIN)
        .state("TIME-WAIT");
    }
    c.quiet(TWO_MSL_MS - 1)
      .state("TIME-WAIT")
      .quiet(1)
      .state("CLOSED");
  });
});

test("a FIN with its data, sent again as one segment, counts as that FIN", () => {
  onEachVariant((variant) => {
    const c = given("FIN-WAIT-2", variant, { mslMs: MSL_MS });
    c.send("<SEQ=301><ACK=102><CTL=FIN,PSH,ACK><DATA=60>").expect("<SEQ=102><ACK=362><CTL=ACK>");
    c.quiet(TWO_MSL_MS - 1).send("<SEQ=301><ACK=102><CTL=FIN,PSH,ACK><DATA=60>");
    c.expect("<SEQ=102><ACK=362><CTL=ACK>")
      .quiet(TWO_MSL_MS - 1)
      .state("TIME-WAIT");
    c.send("<SEQ=341><ACK=102><CTL=FIN,PSH,ACK><DATA=20>").expect("<SEQ=102><ACK=362><CTL=ACK>");
    c.quiet(TWO_MSL_MS - 1)
      .state("TIME-WAIT")
      .quiet(1)
      .state("CLOSED");
  });
});

test("old data and old ACKs restart nothing", () => {
  onEachVariant((variant) => {
    const c = given("FIN-WAIT-2", variant, { mslMs: MSL_MS });
    c.send("<SEQ=301><ACK=102><CTL=FIN,PSH,ACK><DATA=60>").expect("<SEQ=102><ACK=362><CTL=ACK>");
    c.quiet(TWO_MSL_MS - 1);
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=60>").expect("<SEQ=102><ACK=362><CTL=ACK>");
    c.send("<SEQ=362><ACK=102><CTL=ACK>").expectNothing();
    c.send("<SEQ=340><ACK=102><CTL=ACK>").expect("<SEQ=102><ACK=362><CTL=ACK>");
    c.quiet(1).state("CLOSED");
  });
});

test("RST is ignored (RFC 1337, a documented deviation)", () => {
  onEachVariant((variant) => {
    const c = given("TIME-WAIT", variant, { mslMs: MSL_MS });
    for (const seq of [301, 302, 303, 900, 100_000]) {
      c.send(`<SEQ=${seq}><CTL=RST>`).expectNothing().state("TIME-WAIT");
      c.send(`<SEQ=${seq}><ACK=102><CTL=RST,ACK>`).expectNothing().state("TIME-WAIT");
    }
    c.quiet(TWO_MSL_MS - 1)
      .state("TIME-WAIT")
      .quiet(1)
      .state("CLOSED");
  });
});

test("ABORT ends it at once and in silence", () => {
  onEachVariant((variant) => {
    given("TIME-WAIT", variant).abort().expectNothing().state("CLOSED").reason("CLOSED");
  });
});

// ── Reopening ────────────────────────────────────────────────────────────────────────────────────

/** A connection that the peer opened, in TIME-WAIT at Linger, whose port still listens. */
function waiting(variant: Variant, mslMs = MSL_MS): Conversation {
  return given("TIME-WAIT", variant, { role: "passive", mslMs });
}

/** The peer's number `above` its FIN, as the ISS of a new incarnation. */
function issAbove(c: Conversation, above: number): number {
  return (c.irs + 1 + above) >>> 0;
}

test("a fresh SYN above the old numbers reopens the tuple, the ISS above SND.NXT [MAY-2]", () => {
  onEachVariant((variant) => {
    for (const above of [2, 1_000, 0x7fff_0000]) {
      const old = waiting(variant);
      const sndNxt = old.status("SND_NXT");
      const next = old.again(issAbove(old, above)).send("<SEQ=300><CTL=SYN><MSS=1460>");
      next.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>").lookup("SYN-RECEIVED");
      const up = seqDistance(sndNxt, next.iss);
      assert.ok(up > 0 && up < 0x8000_0000, `the ISS lies ${up} above SND.NXT`);
      // The old incarnation stays what it was until the handshake is complete.
      assert.equal(old.status("STATE"), 10);
      next.send("<SEQ=301><ACK=101><CTL=ACK>").accept().state("ESTABLISHED");
      assert.equal(old.status("STATE"), 0);
      old.reason("CLOSED").release();
      next
        .send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>")
        .expectSoon("<SEQ=101><ACK=311><CTL=ACK>");
      next
        .read(10)
        .quiet(10 * TWO_MSL_MS)
        .state("ESTABLISHED");
      assert.equal(next.rig.device.counter("TIME_WAIT_REOPENED"), 1);
    }
  });
});

test("the ISS of a reopened tuple is above SND.NXT though the data outran the ISN's clock", () => {
  onEachVariant((variant) => {
    const old = given("ESTABLISHED", variant, { role: "passive", mslMs: MSL_MS, window: 65_535 });
    let acked = 101;
    // 250 numbers per millisecond is the clock's pace; here no time passes at all.
    for (let round = 0; round < 400; round++) {
      old.write(1_000).take();
      acked += 1_000;
      old.send(`<SEQ=301><ACK=${acked}><CTL=ACK>`);
    }
    old.closeWrite().take();
    old.send(`<SEQ=301><ACK=${acked + 1}><CTL=FIN,ACK>`).take();
    old.state("TIME-WAIT");
    const sndNxt = old.status("SND_NXT");
    const next = old.again(issAbove(old, 5)).send("<SEQ=300><CTL=SYN><MSS=1460>");
    next.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    const up = seqDistance(sndNxt, next.iss);
    assert.ok(up > 0 && up < 0x8000_0000, `the ISS lies ${up} above SND.NXT`);
  });
});

test("a SYN that is not above the old numbers does not reopen: it is acknowledged", () => {
  onEachVariant((variant) => {
    const c = waiting(variant);
    for (const seq of [300, 301, 200, -0x7fff_0000]) {
      c.send(`<SEQ=${seq}><CTL=SYN><MSS=1460>`).expect(ACK_OF_FIN).state("TIME-WAIT");
    }
    c.quiet(TWO_MSL_MS - 1)
      .state("TIME-WAIT")
      .quiet(1)
      .state("CLOSED");
  });
});

test("a SYN,ACK never reopens", () => {
  onEachVariant((variant) => {
    const c = waiting(variant).send("<SEQ=5000><ACK=102><CTL=SYN,ACK><MSS=1460>");
    c.expectNothingOr(ACK_OF_FIN).state("TIME-WAIT");
  });
});

test("where nobody listens a fresh SYN is acknowledged and TIME-WAIT goes on", () => {
  onEachVariant((variant) => {
    const active = given("TIME-WAIT", variant, { mslMs: MSL_MS });
    active.send("<SEQ=5000><CTL=SYN><MSS=1460>").expect(ACK_OF_FIN).state("TIME-WAIT");
    const passive = waiting(variant).unlisten();
    passive.send("<SEQ=5000><CTL=SYN><MSS=1460>").expect(ACK_OF_FIN).state("TIME-WAIT");
    passive
      .quiet(TWO_MSL_MS - 1)
      .state("TIME-WAIT")
      .quiet(1)
      .state("CLOSED");
  });
});

test("an old duplicate SYN returns to TIME-WAIT, whose time runs on meanwhile [MAY-2]", () => {
  onEachVariant((variant) => {
    const old = waiting(variant).quiet(500);
    const ghost = old.again(issAbove(old, 1_000)).send("<SEQ=300><CTL=SYN><MSS=1460>");
    ghost.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>").lookup("SYN-RECEIVED");
    ghost.quiet(500);
    // Its supposed sender knows nothing of it (Figure 8, line 5).
    ghost.send("<SEQ=301><CTL=RST>").expectNothing().lookup("TIME-WAIT");
    old.resume().send(FIN).expect(ACK_OF_FIN).state("TIME-WAIT");
    old
      .quiet(TWO_MSL_MS - 1)
      .state("TIME-WAIT")
      .quiet(1)
      .state("CLOSED");
    assert.equal(old.rig.device.counter("TIME_WAIT_REOPENED"), 0);
  });
});

test("an old duplicate of the FIN does not hurt the incarnation that is being opened", () => {
  onEachVariant((variant) => {
    const old = waiting(variant);
    const next = old.again(issAbove(old, 1_000)).send("<SEQ=300><CTL=SYN><MSS=1460>");
    next.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    // Whoever answers it, the peer, who is ESTABLISHED by now, is not taken aback.
    old.resume().send(FIN).take();
    next.resume().lookup("SYN-RECEIVED");
    next.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>").expectSoon("<SEQ=101><ACK=311><CTL=ACK>");
    next.accept().state("ESTABLISHED").read(10);
  });
});

test("a peer in LAST-ACK gets the ACK of its FIN though an old SYN has come in between", () => {
  onEachVariant((variant) => {
    const old = waiting(variant, 30_000);
    const ghost = old.again(issAbove(old, 1_000)).send("<SEQ=300><CTL=SYN><MSS=1460>");
    ghost.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    old.resume().send(FIN).expect(ACK_OF_FIN);
    // Now it is CLOSED, and answers what is left of the ghost with RST.
    ghost.resume().advance(7_000);
    if (ghost.take().length > 0) ghost.send("<SEQ=301><CTL=RST>").expectNothing();
    ghost.lookup("TIME-WAIT");
  });
});

test("an old duplicate SYN without any answer does not prolong TIME-WAIT", () => {
  onEachVariant((variant) => {
    const old = waiting(variant).quiet(500);
    const ghost = old.again(issAbove(old, 1_000)).send("<SEQ=300><CTL=SYN><MSS=1460>");
    ghost.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    ghost.advance(TWO_MSL_MS - 501).take();
    assert.equal(old.status("STATE"), 10);
    ghost.advance(1).take();
    assert.equal(old.status("STATE"), 0);
    // The handshake was not hurt by the end of the record.
    ghost.send("<SEQ=301><ACK=101><CTL=ACK>").accept().state("ESTABLISHED");
  });
});

test("the half-open incarnation gives up: the tuple is free, or in TIME-WAIT again", () => {
  onEachVariant((variant) => {
    const old = waiting(variant, 120_000);
    const ghost = old.again(issAbove(old, 1_000)).send("<SEQ=300><CTL=SYN><MSS=1460>");
    ghost.advance(230_000).take();
    ghost.lookup("TIME-WAIT");
    old.resume().send(FIN).expect(ACK_OF_FIN).state("TIME-WAIT");
  });
});

test("a full backlog drops a fresh SYN in silence, TIME-WAIT stays", () => {
  onEachVariant((variant) => {
    const c = given("TIME-WAIT", variant, { role: "passive", backlog: 1, mslMs: MSL_MS });
    const other = c.from(6_000).send("<SEQ=300><CTL=SYN><MSS=1460>");
    other.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    c.send("<SEQ=5000><CTL=SYN><MSS=1460>").expectNothing().state("TIME-WAIT");
    assert.equal(c.rig.device.counter("DROP_SYN_BACKLOG"), 1);
  });
});

test("OPEN on a tuple in TIME-WAIT is refused: the connection exists", () => {
  onEachVariant((variant) => {
    const c = given("TIME-WAIT", variant, { mslMs: MSL_MS });
    const { device } = c.rig;
    const open = (): number => device.call("tcpConnect", c.peerAddress, c.peerPort, 0, c.localPort);
    assert.equal(open(), -7);
    c.quiet(TWO_MSL_MS);
    assert.ok(open() > 0);
  });
});

// ── Recycling ────────────────────────────────────────────────────────────────────────────────────

/** Opens a connection to `peerPort`, closes it from Linger's side first, and releases it. */
function closeOne(rig: Rig, peerPort: number): Conversation {
  const c = new Conversation(rig, { localPort: 4_000, peerPort }, 77);
  c.connect().expect("<SEQ=100><CTL=SYN><MSS=1460>");
  c.send("<SEQ=300><ACK=101><CTL=SYN,ACK>").expect("<SEQ=101><ACK=301><CTL=ACK>");
  c.closeWrite().expect("<SEQ=101><ACK=301><CTL=FIN,ACK>");
  c.send("<SEQ=301><ACK=102><CTL=FIN,ACK>").expect("<SEQ=102><ACK=302><CTL=ACK>");
  return c.state("TIME-WAIT").release();
}

test("all records taken: the oldest is recycled, one for each new one", () => {
  onEachProfile((variant) => {
    const { rig } = fresh(variant);
    const records = rig.device.limit("TIME_WAIT_COUNT");
    const all: Conversation[] = [];
    for (let i = 0; i < records; i++) all.push(closeOne(rig, 10_000 + i));
    for (const c of all) c.lookup("TIME-WAIT");
    for (let i = 0; i < 3; i++) {
      all.push(closeOne(rig, 30_000 + i));
      all[i]!.lookup("CLOSED");
      all[i + 1]!.lookup("TIME-WAIT");
      assert.equal(rig.device.counter("TIME_WAIT_RECYCLED"), i + 1);
    }
    // To whoever is recycled, a retransmitted FIN is a stranger's.
    all[0]!.send(FIN).expect("<SEQ=102><CTL=RST>");
  });
});

test("a retransmitted FIN makes its record the youngest", () => {
  onEachProfile((variant) => {
    const { rig } = fresh(variant);
    const records = rig.device.limit("TIME_WAIT_COUNT");
    const all: Conversation[] = [];
    for (let i = 0; i < records; i++) all.push(closeOne(rig, 10_000 + i));
    all[0]!.send(FIN).expect(ACK_OF_FIN);
    all[2]!.send(FIN).expect(ACK_OF_FIN);
    for (const index of [1, 3, 4]) {
      all[index]!.lookup("TIME-WAIT");
      closeOne(rig, 30_000 + index);
      all[index]!.lookup("CLOSED");
    }
    all[0]!.lookup("TIME-WAIT");
    all[2]!.lookup("TIME-WAIT");
  });
});

test("records that were moved to the end by their FIN expire when their new time has come", () => {
  onEachProfile((variant) => {
    const { rig } = fresh(variant, { mslMs: MSL_MS });
    const all = [0, 1, 2, 3, 4].map((i) => closeOne(rig, 10_000 + i));
    rig.advance(500);
    // From the middle, from the front, from the end.
    for (const index of [2, 0, 4]) {
      all[index]!.send(FIN).expect(ACK_OF_FIN);
      rig.advance(100);
    }
    const due: [index: number, atMs: number][] = [
      [1, TWO_MSL_MS],
      [3, TWO_MSL_MS],
      [2, TWO_MSL_MS + 500],
      [0, TWO_MSL_MS + 600],
      [4, TWO_MSL_MS + 700],
    ];
    for (const [index, atMs] of due) {
      rig.advance(Math.max(0, atMs - 1 - rig.device.nowMs));
      if (rig.device.nowMs === atMs - 1) all[index]!.lookup("TIME-WAIT");
      rig.advance(Math.max(0, atMs - rig.device.nowMs));
      all[index]!.lookup("CLOSED");
    }
    // The queue is whole: it can be filled and run out once more.
    const again = [0, 1, 2, 3, 4].map((i) => closeOne(rig, 20_000 + i));
    rig.advance(TWO_MSL_MS - 1);
    for (const c of again) c.lookup("TIME-WAIT");
    rig.advance(1);
    for (const c of again) c.lookup("CLOSED");
  });
});

test("a recycled record whose handle is held shows CLOSED, and its data can be read", () => {
  onEachProfile((variant) => {
    const first = given("FIN-WAIT-2", variant);
    first
      .send("<SEQ=301><ACK=102><CTL=FIN,PSH,ACK><DATA=60>")
      .expect("<SEQ=102><ACK=362><CTL=ACK>");
    const records = first.rig.device.limit("TIME_WAIT_COUNT");
    for (let i = 0; i < records; i++) closeOne(first.rig, 10_000 + i);
    first.state("CLOSED").reason("CLOSED").read(60).eof().release();
  });
});

test("records expire in the order of their entry, each at its own time", () => {
  onEachVariant((variant) => {
    const first = given("TIME-WAIT", variant, { mslMs: MSL_MS });
    const all = [first];
    for (let i = 1; i < 6; i++) {
      first.rig.advance(100);
      all.push(closeOne(first.rig, 10_000 + i));
    }
    first.rig.advance(TWO_MSL_MS - 501);
    for (const c of all) {
      c.lookup("TIME-WAIT");
      first.rig.advance(1);
      c.lookup("CLOSED");
      first.rig.advance(99);
    }
  });
});

test("TIME-WAIT holds no TCB once its handle is released", () => {
  onEachProfile((variant) => {
    const { rig } = fresh(variant);
    const { device } = rig;
    const connections = device.limit("CONNECTION_COUNT");
    for (let i = 0; i < Math.min(connections, device.limit("TIME_WAIT_COUNT")); i++) {
      closeOne(rig, 10_000 + i);
    }
    for (let i = 0; i < connections; i++) {
      assert.ok(device.call("tcpConnect", 0x0a090001, 20_000 + i, 0, 0) > 0, `connection ${i}`);
    }
    assert.equal(device.call("tcpConnect", 0x0a090001, 19_999, 0, 0), -6);
  });
});
