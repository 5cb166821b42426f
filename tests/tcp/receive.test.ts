/**
 * The receiver's side: when it acknowledges, which window it offers, how it puts the stream
 * together.
 *
 * RFC 9293 §3.8.6.2.2 (silly windows, the receiver's side), §3.8.6.3 (delayed ACK), §3.10.7.4
 * (MUST-58, MUST-59, MUST-66, SHLD-31); RFC 5681 §4.2.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Option } from "../../hal/host/abi.ts";
import type { Conversation } from "../support/conversation.ts";
import { statusName } from "../support/device.ts";
import { given } from "../support/given.ts";
import { PEER_ISS } from "../support/notation.ts";
import { Pair } from "../support/pair.ts";
import { Seeded } from "../support/pattern.ts";
import { Program } from "../support/program.ts";
import { seqDistance } from "../support/sequence.ts";
import {
  onEachProfile,
  onEachVariant,
  onEachVariantWith,
  PEER_ADDRESS,
  type Variant,
} from "../support/variants.ts";

const MSS = 1_460;

function ringOf(c: Conversation): number {
  return c.rig.device.limit("RECEIVE_RING_SIZE");
}

/** The peer's data from `offset` of its stream on. */
function data(offset: number, octets: number): string {
  return `<SEQ=${301 + offset}><ACK=101><CTL=PSH,ACK><DATA=${octets}>`;
}

/** SEG.ACK and SEG.WND of what came out, SEG.ACK as an offset into the peer's stream. */
function acks(c: Conversation): { octets: number; window: number }[] {
  return c.take().map(({ ack, window }) => ({
    octets: seqDistance((c.irs + 1) >>> 0, ack),
    window,
  }));
}

// ── Delayed ACK ──────────────────────────────────────────────────────────────────────────────────

/** Whether an ACK may wait: a sender with less than two segments of window would wait for it. */
function delaysAcks(c: Conversation): boolean {
  return ringOf(c) >= 4 * MSS;
}

test("one small segment: an ACK, a little later, within 500 ms, once [MUST-40 SHLD-18]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).send(data(0, 10));
    if (delaysAcks(c)) c.expectNothing().quiet(5);
    c.expectSoon("<SEQ=101><ACK=311><CTL=ACK>").quiet(600_000);
  });
});

test("with the delay off each segment is acknowledged at once; on again, they wait again", () => {
  onEachVariant((variant) => {
    if (variant.profile === "tiny") return; // its window is too small to delay anything
    const c = given("ESTABLISHED", variant).setOption("DELAYED_ACK", 0);
    c.send(data(0, 10)).expect("<SEQ=101><ACK=311><CTL=ACK>");
    c.send(data(10, 10)).expect("<SEQ=101><ACK=321><CTL=ACK>").quiet(600_000);
    c.setOption("DELAYED_ACK", 1).send(data(20, 10)).quiet(20);
    // The one that waits goes at once, and only once.
    c.setOption("DELAYED_ACK", 0).expect("<SEQ=101><ACK=331><CTL=ACK>").quiet(600_000);
    const { device } = c.rig;
    const { DELAYED_ACK } = Option;
    assert.equal(statusName(device.call("tcpSetOption", c.handle, DELAYED_ACK, 2)), "BAD_ARGUMENT");
    c.send(data(30, 10)).expect("<SEQ=101><ACK=341><CTL=ACK>");
  });
});

test("full-sized segments into a window below two of them are acknowledged at once", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    let offset = 0;
    for (; ringOf(c) - offset >= 2 * MSS; offset += MSS) c.send(data(offset, MSS)).take();
    c.advance(500).take();
    while (offset < ringOf(c)) {
      const size = Math.min(MSS, ringOf(c) - offset);
      c.send(data(offset, size));
      offset += size;
      assert.deepEqual(acks(c), [{ octets: offset, window: ringOf(c) - offset }]);
    }
  });
});

test("what the application answers in the meantime carries the ACK", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    const segment = c.frame(data(0, 10));
    c.together(() => {
      c.rig.device.receive(segment);
      c.read(10).write(20);
    });
    c.expect("<SEQ=101><ACK=311><CTL=PSH,ACK><DATA=20>");
    c.send("<SEQ=311><ACK=121><CTL=ACK>").quiet(600_000);
    const later = given("ESTABLISHED", variant);
    if (!delaysAcks(later)) return;
    later.send(data(0, 10)).quiet(20).read(10).write(20);
    later.expect("<SEQ=101><ACK=311><CTL=PSH,ACK><DATA=20>").quiet(500);
  });
});

test("at least every second full-sized segment is acknowledged at once [SHLD-19]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    const size = Math.min(MSS, Math.floor(ringOf(c) / 2));
    let offset = 0;
    let sinceAck = 0;
    for (let i = 0; i < 20; i++) {
      c.send(data(offset, size));
      offset += size;
      sinceAck += 1;
      const seen = acks(c);
      if (seen.length > 0) sinceAck = 0;
      assert.ok(seen.length <= 1, "more than one ACK for one segment");
      assert.ok(sinceAck < 2, "two full-sized segments without an ACK");
      c.readAll();
      if (acks(c).length > 0) sinceAck = 0;
    }
  });
});

test("segments that come together are acknowledged together [MUST-58]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    c.sendAll([data(0, 100), data(100, 100), data(200, 100), data(300, 100)]);
    const seen = acks(c);
    if (seen.length === 0) c.expectSoon("<SEQ=101><ACK=701><CTL=ACK>");
    else
      assert.deepEqual(
        seen.map(({ octets }) => octets),
        [400],
      );
  });
});

test("out-of-order data draws an ACK at once, each one (RFC 5681 §4.2) [MAY-13]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    for (let i = 1; i <= 5; i++) {
      c.send(data(i * 20, 20)).expect("<SEQ=101><ACK=301><CTL=ACK>");
    }
    // As a batch they are as many: the peer counts them.
    const batch = given("ESTABLISHED", variant);
    batch.sendAll([1, 2, 3, 4].map((i) => data(i * 20, 20)));
    assert.equal(batch.take().length, 4);
  });
});

test("text of ours takes no duplicate ACK's place: one with data is none (RFC 5681 §2)", () => {
  onEachVariantWith(["OUT_OF_ORDER"], (variant) => {
    const c = given("ESTABLISHED", variant);
    const batch = [1, 2, 3].map((i) => c.frame(data(i * 20, 20)));
    c.together(() => {
      for (const frame of batch) c.rig.device.receive(frame);
      c.write(20);
    });
    c.expect(
      "<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=20>",
      ...batch.map(() => "<SEQ=121><ACK=301><CTL=ACK>"),
    );
  });
});

test("data that fills a hole, or a part of it, is acknowledged at once", () => {
  onEachVariantWith(["OUT_OF_ORDER"], (variant) => {
    const c = given("ESTABLISHED", variant).send(data(40, 20));
    c.expect("<SEQ=101><ACK=301><CTL=ACK>")
      .send(data(80, 20))
      .expect("<SEQ=101><ACK=301><CTL=ACK>");
    c.send(data(0, 20)).expect("<SEQ=101><ACK=321><CTL=ACK>");
    c.send(data(20, 20)).expect("<SEQ=101><ACK=361><CTL=ACK>");
    c.send(data(60, 20)).expect("<SEQ=101><ACK=401><CTL=ACK>").read(100);
  });
});

test("a hole that is filled yields one ACK for all that was queued behind it [MUST-59]", () => {
  onEachVariantWith(["OUT_OF_ORDER"], (variant) => {
    const c = given("ESTABLISHED", variant);
    c.sendAll([data(20, 20), data(40, 20), data(60, 20), data(0, 20)]);
    assert.deepEqual(
      acks(c).map(({ octets }) => octets),
      [80],
    );
    c.read(80);
  });
});

test("duplicates of what was read are acknowledged at once, and not read again", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).send(data(0, 50));
    c.expectSoon("<SEQ=101><ACK=351><CTL=ACK>").read(50);
    for (let i = 0; i < 5; i++) c.send(data(0, 50)).expect("<SEQ=101><ACK=351><CTL=ACK>");
    c.call("tcpPeek", "WOULD_BLOCK");
  });
});

// ── The window ───────────────────────────────────────────────────────────────────────────────────

/** Fills the receive ring to the last octet, as fast as the window allows; nobody reads. */
function fillRing(c: Conversation): void {
  const ring = ringOf(c);
  for (let offset = 0; offset < ring; offset += MSS) {
    c.send(data(offset, Math.min(MSS, ring - offset)));
    c.take();
  }
  c.advance(500).take();
  assert.equal(c.status("RECEIVE_QUEUED"), ring);
  assert.equal(c.status("RCV_WND"), 0);
}

test("the SYN offers the ring; what is unread is missing from every later window", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    const ring = ringOf(c);
    c.send(data(0, 100));
    c.rig.advanceUntilEmitted(499, () => c.hasPending);
    assert.deepEqual(acks(c), [{ octets: 100, window: ring - 100 }]);
  });
});

test("a full ring closes the window; what comes then is refused with an ACK [MAY-8]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    fillRing(c);
    const ring = ringOf(c);
    const state = `<SEQ=101><ACK=${301 + ring}><WND=0><CTL=ACK>`;
    for (let probe = 0; probe < 5; probe++) {
      c.send(data(ring, 1)).expect(state);
      c.quiet(86_400_000);
    }
    c.send(data(ring, 100))
      .expect(state)
      .send(data(ring + 50, 10))
      .expect(state);
    c.read(ring);
    assert.deepEqual(acks(c), [{ octets: ring, window: ring }]);
    c.send(data(ring, 100))
      .expectSoon(`<SEQ=101><ACK=${401 + ring}><CTL=ACK>`)
      .read(100);
  });
});

test("with a closed window ACK and RST of the right number are taken [MUST-66]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    fillRing(c);
    const next = 301 + ringOf(c);
    c.write(10).expect(`<SEQ=101><ACK=${next}><WND=0><CTL=PSH,ACK><DATA=10>`);
    c.send(`<SEQ=${next}><ACK=111><CTL=ACK>`).expectNothing().eventsWith("ALL_ACKNOWLEDGED");
    c.send(`<SEQ=${next - 1}><CTL=RST>`)
      .expectNothing()
      .state("ESTABLISHED");
    c.send(`<SEQ=${next + 1}><CTL=RST>`)
      .expectNothing()
      .state("ESTABLISHED");
    c.write(10).expect(`<SEQ=111><ACK=${next}><WND=0><CTL=PSH,ACK><DATA=10>`);
    // The ACK of a segment counts though its text does not fit.
    c.send(`<SEQ=${next}><ACK=121><CTL=PSH,ACK><DATA=5>`);
    c.expect(`<SEQ=121><ACK=${next}><WND=0><CTL=ACK>`).eventsWith("ALL_ACKNOWLEDGED");
    c.send(`<SEQ=${next}><CTL=RST>`).ended("RESET");
  });
});

test("a FIN at a closed window is taken or refused, but the peer is told which", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    fillRing(c);
    const ring = ringOf(c);
    c.send(`<SEQ=${301 + ring}><ACK=101><CTL=FIN,ACK>`);
    const [answer] = acks(c);
    const isTaken = answer!.octets === ring + 1;
    assert.ok(isTaken || answer!.octets === ring);
    c.state(isTaken ? "CLOSE-WAIT" : "ESTABLISHED")
      .read(ring)
      .take();
    c.send(`<SEQ=${301 + ring}><ACK=101><CTL=FIN,ACK>`);
    c.expect(`<SEQ=101><ACK=${302 + ring}><CTL=ACK>`)
      .state("CLOSE-WAIT")
      .eof();
  });
});

test("reading octet by octet moves the right edge only by worthwhile steps [MUST-39]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    fillRing(c);
    const ring = ringOf(c);
    const worthwhile = Math.min(Math.floor(ring / 2), MSS);
    let edge = ring;
    let updates = 0;
    for (let read = 0; read < ring; read++) {
      c.read(1);
      for (const { octets, window } of acks(c)) {
        const next = octets + window;
        assert.ok(next - edge >= worthwhile, `a step of ${next - edge}`);
        edge = next;
        updates += 1;
      }
    }
    assert.ok(updates >= 1, "no window update");
    // While two segments fit, the last step waits for the acknowledgement of the second one.
    const unoffered = ring >= 4 * MSS ? 2 * MSS : worthwhile;
    assert.ok(edge >= 2 * ring - unoffered, "the drained ring is not offered");
  });
});

test("reading octet by octet with data coming: the right edge moves by worthwhile steps", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    fillRing(c);
    const ring = ringOf(c);
    const worthwhile = Math.min(Math.floor(ring / 2), MSS);
    let edge = ring;
    // Its probes ask for an ACK after each octet that is read.
    for (let read = 0; read < worthwhile - 1; read++) {
      c.read(1).send(data(ring, 1));
      for (const { octets, window } of acks(c)) assert.equal(octets + window, edge);
    }
    c.read(1);
    edge = acks(c).reduce((max, { octets, window }) => Math.max(max, octets + window), edge);
    assert.ok(edge >= ring + worthwhile);
  });
});

/** One of the things that move a receive window, chosen at random. */
function disturb(c: Conversation, random: Seeded, next: number): void {
  const octets = 1 + random.below(MSS);
  const ahead = random.below(3) === 0 ? random.below(ringOf(c)) : 0;
  const queued = c.status("RECEIVE_QUEUED");
  const isOpen = c.status("RCV_WND") > 0;
  if (random.below(isOpen ? 30 : 3) > 0) c.send(data(next + ahead, octets));
  else if (queued > 0) c.read(1 + random.below(queued));
  else c.advance(random.below(200));
}

test("whatever comes and is read, the right edge never moves to the left [SHLD-14]", () => {
  onEachVariant((variant) => {
    const random = new Seeded(14);
    const c = given("ESTABLISHED", variant);
    let edge = ringOf(c);
    let closed = 0;
    for (let round = 0; round < 2_000; round++) {
      disturb(c, random, seqDistance((c.irs + 1) >>> 0, c.status("RCV_NXT")));
      for (const { octets, window } of acks(c)) {
        assert.ok(octets + window >= edge, `from ${edge} to ${octets + window}`);
        edge = octets + window;
        if (window === 0) closed += 1;
      }
    }
    assert.ok(closed > 10 && c.readOctets > 10 * ringOf(c), "the window closed and opened often");
  });
});

test("a reader that drains at once lets the sender fill the pipe: no stall of any kind", () => {
  onEachProfile((variant) => {
    const octets = 200_000;
    const pair = new Pair(variant);
    const connect = { remoteAddress: PEER_ADDRESS, remotePort: 80, localPort: 4_000 };
    const sender = new Program(pair.a, "linger", { connect }, { send: octets, closeAt: "open" });
    const reader = new Program(pair.b, "peer", { listenPort: 80 }, {});
    pair.programs.push(sender, reader);
    assert.ok(pair.run(3_600_000, () => sender.isOver && reader.isOver));
    assert.equal(reader.received, octets);
    // One window in each round trip of 20 ms is what the protocol can do; half of it must be done.
    const window = Math.min(pair.b.limit("RECEIVE_RING_SIZE"), pair.a.limit("SEND_RING_SIZE"));
    const idealMs = (octets / window) * 20;
    assert.ok(pair.nowMs < 2 * idealMs + 500, `${pair.nowMs} ms instead of ${idealMs}`);
  });
});

// ── Reassembly ───────────────────────────────────────────────────────────────────────────────────

/** Pieces that cover 0 … `octets`, some twice, in any order. */
function pieces(random: Seeded, octets: number): [from: number, length: number][] {
  const list: [number, number][] = [];
  for (let at = 0; at < octets;) {
    const length = Math.min(1 + random.below(Math.ceil(octets / 8)), octets - at, MSS);
    list.push([at, length]);
    at += length;
  }
  for (let i = 0; i < 6; i++) {
    const from = random.below(octets);
    list.push([from, Math.min(1 + random.below(Math.ceil(octets / 4)), octets - from, MSS)]);
  }
  return random.shuffle(list);
}

/** How many octets from 0 on have come. */
function prefixOf(arrived: Uint8Array): number {
  const hole = arrived.indexOf(0);
  return hole < 0 ? arrived.length : hole;
}

function reassemble(variant: Variant, seed: number): void {
  const random = new Seeded(seed);
  const c = given("ESTABLISHED", variant);
  const octets = Math.min(ringOf(c), 6_000);
  const arrived = new Uint8Array(octets);
  let inOrder = 0;
  let acked = 0;
  for (let round = 0; acked < octets; round++) {
    assert.ok(round < 50, "the stream never completes");
    for (const [from, length] of pieces(random, octets)) {
      arrived.fill(1, from, from + length);
      if (from <= inOrder) inOrder = Math.max(inOrder, from + length);
      c.send(data(from, length));
      for (const seen of acks(c)) acked = Math.max(acked, seen.octets);
      const known = seqDistance((c.irs + 1) >>> 0, c.status("RCV_NXT"));
      assert.ok(known <= prefixOf(arrived), `takes ${known} of ${prefixOf(arrived)} octets`);
      assert.ok(known >= inOrder, `has ${known}, though ${inOrder} came in order`);
      inOrder = known;
    }
    c.advance(500);
    for (const seen of acks(c)) acked = Math.max(acked, seen.octets);
  }
  c.read(octets).call("tcpPeek", "WOULD_BLOCK");
}

test("any permutation of any pieces gives the stream, 100 times over", () => {
  onEachVariant((variant) => {
    for (let seed = 1; seed <= 100; seed++) reassemble(variant, seed);
  });
});

test("up to four holes: everything that came ahead is kept [SHLD-31]", () => {
  onEachVariantWith(["OUT_OF_ORDER"], (variant) => {
    const random = new Seeded(5);
    for (let round = 0; round < 20; round++) {
      const c = given("ESTABLISHED", variant);
      for (const i of random.shuffle([1, 3, 5, 7])) {
        c.send(data(i * 50, 50)).expect("<SEQ=101><ACK=301><CTL=ACK>");
      }
      const holes = random.shuffle([0, 2, 4, 6]);
      const filled = new Set([1, 3, 5, 7]);
      for (const i of holes) {
        filled.add(i);
        let next = 0;
        while (filled.has(next)) next += 1;
        c.send(data(i * 50, 50)).expect(`<SEQ=101><ACK=${301 + next * 50}><CTL=ACK>`);
      }
      c.read(400);
    }
  });
});

test("data ahead of a hole fills the ring to its end, across the ring's own end as well", () => {
  onEachVariantWith(["OUT_OF_ORDER"], (variant) => {
    const c = given("ESTABLISHED", variant);
    const ring = ringOf(c);
    // The ring's read position is moved off its start first.
    const moved = Math.min(700, ring - 100);
    c.send(data(0, moved));
    c.advance(500).take();
    c.read(moved).take();
    const window = c.status("RCV_WND");
    for (let from = moved + 10; from < moved + window; from += MSS) {
      c.send(data(from, Math.min(MSS, moved + window - from))).take();
    }
    c.send(data(moved, 10));
    const seen = acks(c);
    assert.equal(seen.at(-1)?.octets, moved + window);
    c.read(window);
  });
});

test("the stream crosses 2^32, and the same octet may come in any number of segments", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { beginning: { irs: 2 ** 32 - 500 } });
    for (let offset = 0; offset < 900; offset += 30) {
      c.send(data(Math.max(0, offset - 60), 60 + Math.min(offset, 60)));
      c.take();
      c.readAll();
      c.take();
    }
    assert.equal(c.variable("RCV_NXT"), PEER_ISS + 1 + c.readOctets);
    assert.ok(c.readOctets >= 900);
  });
});
