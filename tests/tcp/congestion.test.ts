/**
 * How much is in flight: initial window, slow start, congestion avoidance, time-outs, fast
 * retransmit and fast recovery.
 *
 * RFC 5681, RFC 6582 (NewReno), RFC 6928, RFC 3465; RFC 9293 MUST-19. The peer's MSS is 100, so
 * that even a ring of 1,024 octets holds ten segments; the peer's window never limits.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conversation } from "../support/conversation.ts";
import { given } from "../support/given.ts";
import { Seeded } from "../support/pattern.ts";
import { seqDistance } from "../support/sequence.ts";
import { onEachVariant, onEachVariantWith, type Variant } from "../support/variants.ts";

const MSS = 100;
const INITIAL_WINDOW = 10 * MSS;
const WINDOW = 60_000;

function open(variant: Variant): Conversation {
  return given("ESTABLISHED", variant, { mss: MSS, window: WINDOW });
}

/** What was emitted: first and last number of each segment, from 0 for the first octet of data. */
function segments(c: Conversation): [from: number, to: number][] {
  const first = (c.iss + 1) >>> 0;
  return c.take().map(({ seq, payload }): [number, number] => {
    const from = seqDistance(first, seq);
    return [from, from + payload.length];
  });
}

/** Keeps the send ring full, as a fast application does. */
function fill(c: Conversation): void {
  c.writeSome(40_000);
}

/** The peer acknowledges everything up to this octet of the stream. */
function ack(c: Conversation, octets: number): Conversation {
  return c.send(`<SEQ=301><ACK=${101 + octets}><CTL=ACK>`);
}

test("the initial window: 10 segments of 100 octets, 10 of 1,460 (RFC 6928)", () => {
  onEachVariant((variant) => {
    const small = open(variant);
    fill(small);
    assert.deepEqual(
      segments(small),
      Array.from({ length: 10 }, (_, i) => [i * MSS, (i + 1) * MSS]),
    );
    const large = given("ESTABLISHED", variant, { window: WINDOW });
    fill(large);
    const octets = segments(large).reduce((sum, [from, to]) => sum + to - from, 0);
    assert.equal(octets, Math.min(10 * 1_460, large.rig.device.limit("SEND_RING_SIZE")));
  });
});

test("the initial window after a lost SYN is one segment (RFC 5681 §3.1)", () => {
  onEachVariant((variant) => {
    const c = given("SYN-SENT", variant, { window: WINDOW }).after(1_000);
    c.expect("<SEQ=100><CTL=SYN><MSS=1460>");
    c.send("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=100>").expect("<SEQ=101><ACK=301><CTL=ACK>");
    fill(c);
    assert.deepEqual(segments(c), [[0, 100]]);
  });
});

/** A reference of what RFC 5681 allows at the most while nothing is lost. */
class Envelope {
  cwnd = INITIAL_WINDOW;
  ssthresh = Infinity;
  #acked = 0;
  /** Octets acknowledged since cwnd last grew (RFC 3465 §2.1). */
  #counted = 0;

  acknowledge(octets: number): void {
    const news = octets - this.#acked;
    this.#acked = octets;
    if (this.cwnd < this.ssthresh) {
      this.cwnd += Math.min(news, 2 * MSS);
      return;
    }
    this.#counted += news;
    if (this.#counted < this.cwnd) return;
    this.#counted -= this.cwnd;
    this.cwnd += MSS;
  }
}

test("slow start: each ACK lets one segment more go, until the ring limits [MUST-19]", () => {
  onEachVariant((variant) => {
    const c = open(variant);
    const ring = c.rig.device.limit("SEND_RING_SIZE");
    const envelope = new Envelope();
    let sent = 0;
    let acked = 0;
    let most = 0;
    fill(c);
    for (let round = 0; round < 200; round++) {
      for (const [from, to] of segments(c)) {
        assert.equal(from, sent);
        sent = to;
      }
      most = Math.max(most, sent - acked);
      assert.ok(
        sent - acked <= envelope.cwnd,
        `${sent - acked} in flight, ${envelope.cwnd} allowed`,
      );
      acked += MSS;
      envelope.acknowledge(acked);
      ack(c, acked);
      // What comes at once was in the ring; what the application adds follows.
      for (const [from, to] of segments(c)) {
        assert.equal(from, sent);
        sent = to;
      }
      fill(c);
    }
    const reached = Math.min(ring, envelope.cwnd);
    assert.ok(most > reached - 2 * MSS, `only ${most} in flight of ${reached}`);
  });
});

test("ACKs of a few octets each open the window by a few octets each", () => {
  onEachVariant((variant) => {
    const c = open(variant);
    fill(c);
    segments(c);
    const before = c.status("CWND");
    for (let octets = 5; octets <= 100; octets += 5) {
      ack(c, octets).take();
    }
    const growth = c.status("CWND") - before;
    assert.ok(growth <= 100, `20 ACKs of 5 octets each gave ${growth}`);
  });
});

test("an ACK of what was never sent opens nothing", () => {
  onEachVariant((variant) => {
    const c = open(variant);
    fill(c);
    segments(c);
    const before = c.status("CWND");
    ack(c, 1_101).expect("<SEQ=1101><ACK=301><CTL=ACK>");
    assert.equal(c.status("CWND"), before);
  });
});

test("a time-out: one segment, then slow start up to half the flight [MUST-19]", () => {
  onEachVariant((variant) => {
    const c = open(variant);
    fill(c);
    segments(c);
    ack(c, 200);
    segments(c);
    // 6 segments are in flight: 4 + 1 for each of the two acknowledged at once is 5 or 6.
    const flight = seqDistance(c.status("SND_UNA"), c.status("SND_NXT"));
    c.after(1_000);
    assert.deepEqual(segments(c), [[200, 300]]);
    assert.equal(c.status("SSTHRESH"), Math.max(Math.floor(flight / 2), 2 * MSS));
    assert.equal(c.status("CWND"), MSS);
    // Another expiry is the same loss: the threshold stays (RFC 5681 §3.1).
    const ssthresh = c.status("SSTHRESH");
    c.after(2_000);
    assert.deepEqual(segments(c), [[200, 300]]);
    assert.equal(c.status("SSTHRESH"), ssthresh);
    ack(c, 300);
    assert.deepEqual(
      segments(c).map(([from]) => from),
      [300, 400],
    );
  });
});

test("congestion avoidance: about one segment more in each round trip [MUST-19]", () => {
  onEachVariant((variant) => {
    const c = open(variant);
    fill(c);
    segments(c);
    c.after(1_000);
    segments(c);
    const ssthresh = c.status("SSTHRESH");
    assert.equal(ssthresh, INITIAL_WINDOW / 2);
    let acked = 0;
    for (let round = 0; round < 8; round++) {
      const before = c.status("CWND");
      const flightEnd = seqDistance((c.iss + 1) >>> 0, c.status("SND_NXT"));
      const rounds = Math.ceil((flightEnd - acked) / MSS);
      for (let i = 0; i < rounds; i++) {
        acked = Math.min(acked + MSS, flightEnd);
        ack(c, acked).take();
        c.writeSome(40_000);
        c.take();
      }
      if (before < ssthresh) continue;
      const growth = c.status("CWND") - before;
      assert.ok(growth <= MSS, `${growth} octets in a round trip of ${rounds} ACKs`);
    }
    assert.ok(c.status("CWND") > ssthresh + MSS, "it grows at all");
  });
});

// ── Fast retransmit and fast recovery ────────────────────────────────────────────────────────────

/** Ten segments in flight, or nearly; returns the octet after the last one. */
function manyInFlight(c: Conversation): number {
  fill(c);
  segments(c);
  let acked = 0;
  while (c.status("CWND") < 900) {
    acked += MSS;
    ack(c, acked).take();
    fill(c);
    segments(c);
  }
  return acked;
}

test("the third duplicate ACK, and no other, sends the first segment again (RFC 5681 §3.2)", () => {
  onEachVariantWith(["FAST_RETRANSMIT"], (variant) => {
    const c = open(variant);
    const una = manyInFlight(c);
    const flight = seqDistance(c.status("SND_UNA"), c.status("SND_NXT"));
    for (let i = 0; i < 2; i++) {
      ack(c, una);
      // At most one new segment each (RFC 3042), so that a third duplicate can come of it.
      const sent = segments(c);
      assert.ok(sent.length <= 1);
      for (const [from] of sent) assert.ok(from >= una + flight, `${from - una} too early`);
    }
    ack(c, una);
    assert.deepEqual(segments(c)[0], [una, una + MSS]);
    const ssthresh = c.status("SSTHRESH");
    assert.ok(ssthresh <= Math.max(flight / 2, 2 * MSS), `${ssthresh} with ${flight} in flight`);
    assert.ok(c.status("CWND") <= ssthresh + 3 * MSS);
    // More duplicates send nothing again, new data at most.
    for (let i = 0; i < 3; i++) {
      ack(c, una);
      for (const [from] of segments(c)) assert.ok(from >= una + flight, `${from - una} once more`);
    }
    assert.equal(c.rig.device.counter("FAST_RETRANSMITS"), 1);
  });
});

test("all acknowledged ends the recovery with the window at its threshold", () => {
  onEachVariant((variant) => {
    const c = open(variant);
    const una = manyInFlight(c);
    for (let i = 0; i < 3; i++) ack(c, una).take();
    const ssthresh = c.status("SSTHRESH");
    const end = seqDistance((c.iss + 1) >>> 0, c.status("SND_NXT"));
    ack(c, end);
    const burst = segments(c);
    assert.ok(c.status("CWND") <= ssthresh, `${c.status("CWND")} above ${ssthresh}`);
    const octets = burst.reduce((sum, [from, to]) => sum + to - from, 0);
    assert.ok(octets <= ssthresh);
    // No retransmission is left over.
    for (const [from] of burst) assert.ok(from >= end);
  });
});

test("a partial ACK sends the next hole at once, without a time-out (RFC 6582)", () => {
  onEachVariantWith(["FAST_RETRANSMIT"], (variant) => {
    const c = open(variant);
    const una = manyInFlight(c);
    const end = seqDistance((c.iss + 1) >>> 0, c.status("SND_NXT"));
    for (let i = 0; i < 2; i++) ack(c, una).take();
    ack(c, una);
    assert.deepEqual(segments(c)[0], [una, una + MSS]);
    // The segments 2 and 4 were lost as well.
    for (const hole of [2, 4]) {
      ack(c, una + hole * MSS);
      const sent = segments(c);
      assert.ok(
        sent.some(([from]) => from === una + hole * MSS),
        `hole ${hole} is not filled`,
      );
      const again = sent.filter(([from]) => from < end);
      assert.equal(again.length, 1, "one segment for one partial ACK");
    }
    ack(c, end);
    for (const [from] of segments(c)) assert.ok(from >= end);
  });
});

test("duplicates after a time-out do not start a fast retransmit (RFC 6582 §4)", () => {
  onEachVariant((variant) => {
    const c = open(variant);
    const una = manyInFlight(c);
    c.advance(1_000);
    segments(c);
    for (let i = 0; i < 5; i++) ack(c, una);
    assert.deepEqual(
      segments(c).filter(([from]) => from === una),
      [],
    );
    assert.equal(c.rig.device.counter("FAST_RETRANSMITS"), 0);
  });
});

test("no duplicate ACK: with data, with another window, with nothing outstanding", () => {
  onEachVariant((variant) => {
    const withData = open(variant);
    const una = manyInFlight(withData);
    for (let i = 0; i < 5; i++) {
      withData.send(`<SEQ=${301 + i * 10}><ACK=${101 + una}><CTL=PSH,ACK><DATA=10>`);
      for (const [from, to] of segments(withData)) assert.ok(from !== una || to === from);
    }
    const updates = open(variant);
    const base = manyInFlight(updates);
    for (let i = 1; i <= 5; i++) {
      updates.send(`<SEQ=301><ACK=${101 + base}><WND=${WINDOW + i}><CTL=ACK>`);
    }
    assert.deepEqual(
      segments(updates).filter(([from]) => from === base),
      [],
    );
    const idle = open(variant);
    for (let i = 0; i < 5; i++) idle.send("<SEQ=301><ACK=101><CTL=ACK>").expectNothing();
    assert.equal(idle.rig.device.counter("FAST_RETRANSMITS"), 0);
  });
});

test("two duplicates are reordering: nothing is sent again, nothing is slowed down", () => {
  onEachVariant((variant) => {
    const c = open(variant);
    let una = manyInFlight(c);
    const before = c.status("CWND");
    for (let round = 0; round < 5; round++) {
      ack(c, una).take();
      ack(c, una).take();
      una += 2 * MSS;
      ack(c, una).take();
      fill(c);
      c.take();
    }
    assert.ok(c.status("CWND") >= before);
    assert.equal(c.status("RETRANSMITS"), 0);
  });
});

test("after an idle time the window is the initial one at most (RFC 5681 §4.1)", () => {
  onEachVariant((variant) => {
    const c = open(variant);
    manyInFlight(c);
    const ackAll = (): void =>
      void ack(c, seqDistance((c.iss + 1) >>> 0, c.status("SND_NXT"))).take();
    for (let i = 0; i < 50 && c.status("CWND") <= INITIAL_WINDOW; i++) {
      ackAll();
      fill(c);
      c.take();
    }
    // Everything that the ring holds leaves and is acknowledged.
    for (let i = 0; i < 50; i++) ackAll();
    assert.equal(c.status("SEND_QUEUED"), 0);
    assert.ok(c.status("CWND") > INITIAL_WINDOW);
    c.quiet(10_000);
    fill(c);
    const octets = segments(c).reduce((sum, [from, to]) => sum + to - from, 0);
    assert.ok(octets <= INITIAL_WINDOW, `${octets} at once`);
  });
});

test("a peer that acknowledges at random never gets more than RFC 5681 allows", () => {
  onEachVariant((variant) => {
    const c = open(variant);
    const random = new Seeded(11);
    const envelope = new Envelope();
    let acked = 0;
    let sent = 0;
    for (let round = 0; round < 300; round++) {
      fill(c);
      for (const [, to] of segments(c)) sent = Math.max(sent, to);
      assert.ok(sent - acked <= envelope.cwnd, `round ${round}: ${sent - acked} in flight`);
      if (sent === acked) continue;
      acked += 1 + random.below(sent - acked);
      envelope.acknowledge(acked);
      ack(c, acked);
      for (const [, to] of segments(c)) sent = Math.max(sent, to);
    }
    assert.equal(c.status("RETRANSMITS"), 0);
  });
});
