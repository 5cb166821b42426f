/**
 * Selective acknowledgements: what Linger reports of text ahead of a hole, and what it makes of the
 * peer's reports.
 *
 * RFC 2018 §3, §4, §8; RFC 2883 (D-SACK); RFC 6675 (loss recovery); RFC 3042 (limited transmit).
 * What RFC 8985 adds (losses by time, probes) is in rack.test.ts.
 * Numbers of Linger's stream are offsets from `una`, the first octet in flight, and the MSS is 100.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findOption } from "../../hal/host/packet/index.ts";
import { open, OPENINGS, type OptionPeer } from "../support/option-peer.ts";
import { FLIGHT, MSS, nth, Sender } from "../support/sender.ts";
import { Seeded } from "../support/pattern.ts";
import { seqDistance } from "../support/sequence.ts";
import { naming, onEachVariantWith, type Variant } from "../support/variants.ts";

/** The peer's text of `octets` octets at `seq`. */
function text(peer: OptionPeer, seq: number, octets = 10): OptionPeer {
  return peer.send(`<SEQ=${seq}><ACK=101><CTL=PSH,ACK><DATA=${octets}>`);
}

/** Blocks of the one ACK that Linger has emitted, as "from-to". */
function blocks(peer: OptionPeer): string[] {
  const shown = peer.show(peer.takeOne());
  const list = /<SACK=([^>]*)>/.exec(shown)?.[1];
  return list === undefined ? [] : list.split(",");
}

// ── What we report (RFC 2018 §4) ─────────────────────────────────────────────────────────────────

test("the block of the latest segment goes first, the others follow", () => {
  onEachVariantWith(["SACK"], (variant) => {
    for (const opening of OPENINGS) {
      const peer = open(variant, { opening, sack: true });
      text(peer, 321).expect("<SEQ=101><ACK=301><CTL=ACK><SACK=321-331>");
      text(peer, 361).expect("<SEQ=101><ACK=301><CTL=ACK><SACK=361-371,321-331>");
      text(peer, 341).expect("<SEQ=101><ACK=301><CTL=ACK><SACK=341-351,361-371,321-331>");
      // It joins two blocks.
      text(peer, 331).expect("<SEQ=101><ACK=301><CTL=ACK><SACK=321-351,361-371>");
      // It makes one longer, at either end.
      text(peer, 371).expect("<SEQ=101><ACK=301><CTL=ACK><SACK=361-381,321-351>");
      text(peer, 316, 5).expect("<SEQ=101><ACK=301><CTL=ACK><SACK=316-351,361-381>");
    }
  });
});

test("at most four blocks, beside timestamps three; the latest is always among them", () => {
  onEachVariantWith(["SACK"], (variant) => {
    for (const timestamps of [false, true]) {
      const peer = open(variant, { sack: true, timestamps });
      const most = timestamps ? 3 : 4;
      const sent: string[] = [];
      // No more than the smallest list of ranges holds.
      for (let i = 0; i < 4; i++) {
        const seq = 321 + 20 * i;
        sent.unshift(`${seq}-${seq + 10}`);
        text(peer, seq);
        assert.deepEqual(blocks(peer), sent.slice(0, most));
      }
    }
  });
});

test("more holes than can be kept: what was dropped is never reported, the rest still is", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const peer = open(variant, { sack: true });
    const kept = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const before = peer.c.rig.device.counter("DROP_OUT_OF_ORDER");
      const seq = 321 + 20 * i;
      text(peer, seq);
      const isDropped = peer.c.rig.device.counter("DROP_OUT_OF_ORDER") > before;
      if (!isDropped) kept.add(`${seq}-${seq + 10}`);
      const reported = blocks(peer);
      for (const block of reported) assert.ok(kept.has(block), `${block} was not kept`);
      assert.equal(reported.length, Math.min(kept.size, 4));
      if (!isDropped) assert.equal(reported[0], `${seq}-${seq + 10}`);
    }
    assert.ok(kept.size >= 4);
  });
});

test("what is acknowledged is reported no more; all filled, the option is gone", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const peer = open(variant, { sack: true });
    text(peer, 321).take();
    text(peer, 341).take();
    text(peer, 301, 20).expect("<SEQ=101><ACK=331><CTL=ACK><SACK=341-351>");
    text(peer, 331).expect("<SEQ=101><ACK=351><CTL=ACK>");
    text(peer, 351).c.advance(500);
    peer.expect("<SEQ=101><ACK=361><CTL=ACK>");
    peer.c.read(60);
  });
});

test("a part of a hole filled moves SEG.ACK and keeps the block", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const peer = open(variant, { sack: true });
    text(peer, 341).take();
    text(peer, 301).expect("<SEQ=101><ACK=311><CTL=ACK><SACK=341-351>");
    text(peer, 321).expect("<SEQ=101><ACK=311><CTL=ACK><SACK=321-331,341-351>");
  });
});

test("a FIN ahead of a hole: the block is the text's", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const peer = open(variant, { sack: true });
    peer.send("<SEQ=321><ACK=101><CTL=FIN,PSH,ACK><DATA=10>");
    const shown = peer.take().map((segment) => peer.show(segment));
    for (const one of shown) assert.equal(one, "<SEQ=101><ACK=301><CTL=ACK><SACK=321-331>");
    assert.ok(shown.length >= 1);
    text(peer, 301, 20).expect("<SEQ=101><ACK=332><CTL=ACK>");
    peer.c.state("CLOSE-WAIT");
  });
});

test("the report of a hole is not lost when text of ours goes at the same time", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const peer = open(variant, { sack: true });
    peer.c.together(() => {
      text(peer, 321);
      peer.c.write(10);
    });
    const shown = peer.take();
    // With the text or apart from it: an ACK below the highest number received (RFC 2018 §4).
    assert.ok(
      shown.some((segment) => findOption(segment, "sack") !== undefined),
      shown.map((segment) => peer.show(segment)).join(" "),
    );
  });
});

// ── D-SACK (RFC 2883) ────────────────────────────────────────────────────────────────────────────

test("D-SACK: a duplicate below SEG.ACK is reported in the next ACK and only there", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const peer = open(variant, { sack: true });
    text(peer, 301).c.advance(500);
    peer.take();
    text(peer, 311).c.advance(500);
    peer.take();
    text(peer, 301).expect("<SEQ=101><ACK=321><CTL=ACK><SACK=301-311>");
    text(peer, 341).expect("<SEQ=101><ACK=321><CTL=ACK><SACK=341-351>");
    // Beside a hole, it goes first.
    text(peer, 301, 20).expect("<SEQ=101><ACK=321><CTL=ACK><SACK=301-321,341-351>");
    text(peer, 361).expect("<SEQ=101><ACK=321><CTL=ACK><SACK=361-371,341-351>");
  });
});

test("D-SACK: a duplicate within a block, with the block that holds it second (§4)", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const peer = open(variant, { sack: true });
    text(peer, 321, 20).take();
    text(peer, 321).expect("<SEQ=101><ACK=301><CTL=ACK><SACK=321-331,321-341>");
    text(peer, 331).expect("<SEQ=101><ACK=301><CTL=ACK><SACK=331-341,321-341>");
    text(peer, 361).expect("<SEQ=101><ACK=301><CTL=ACK><SACK=361-371,321-341>");
    // Not the latest block, but the one that holds the duplicate.
    text(peer, 321).expect("<SEQ=101><ACK=301><CTL=ACK><SACK=321-331,321-341,361-371>");
    text(peer, 361).expect("<SEQ=101><ACK=301><CTL=ACK><SACK=361-371,361-371,321-341>");
  });
});

test("D-SACK: the old part of a segment that also brings something new", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const peer = open(variant, { sack: true });
    text(peer, 301).c.advance(500);
    peer.take();
    text(peer, 301, 20).c.advance(500);
    peer.expect("<SEQ=101><ACK=321><CTL=ACK><SACK=301-311>");
    text(peer, 321).c.advance(500);
    peer.expect("<SEQ=101><ACK=331><CTL=ACK>");
  });
});

test("D-SACK needs the agreement too", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const peer = open(variant, {});
    text(peer, 301).c.advance(500);
    peer.take();
    text(peer, 301).expect("<SEQ=101><ACK=311><CTL=ACK>");
  });
});

// ── What the peer reports: the sender ────────────────────────────────────────────────────────────

/** FlightSize / 2 (RFC 6675 §5, step 4.2). */
const HALF = FLIGHT / 2;

test("three duplicates start the recovery: the first segment again, cwnd = FlightSize / 2", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = new Sender(variant).tenInFlight();
    assert.deepEqual(s.ack(0, [100, 200]), []);
    assert.deepEqual(s.ack(0, [100, 300]), []);
    // 600 octets are still in the network, and the one sent again: more than 500.
    assert.deepEqual(s.ack(0, [100, 400]), [nth(0)]);
    assert.equal(s.c.status("SSTHRESH"), HALF);
    assert.equal(s.c.status("CWND"), HALF);
    assert.deepEqual(s.ack(0, [100, 500]), []);
    assert.deepEqual(s.ack(0, [100, 600]), []);
    assert.equal(s.c.rig.device.counter("FAST_RETRANSMITS"), 1);
    assert.deepEqual(s.ack(1_000), []);
    assert.equal(s.c.status("CWND"), HALF);
  });
});

test("more than two segments reported above a hole start it at once (IsLost)", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const exact = new Sender(variant).tenInFlight();
    assert.deepEqual(exact.ack(0, [100, 300]), []);
    assert.deepEqual(exact.ack(0, [100, 301]), [nth(0)]);
    const atOnce = new Sender(variant).tenInFlight();
    assert.deepEqual(atOnce.ack(0, [100, 400]), [nth(0)]);
    const scattered = new Sender(variant).tenInFlight();
    assert.deepEqual(scattered.ack(0, [500, 600], [300, 400]), []);
    assert.deepEqual(scattered.ack(0, [700, 800], [500, 600], [300, 400])[0], nth(0));
  });
});

test("the same report again is no duplicate (RFC 6675 §2)", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = new Sender(variant).tenInFlight();
    for (let i = 0; i < 6; i++) assert.deepEqual(s.ack(0, [100, 200]), []);
    assert.equal(s.c.rig.device.counter("FAST_RETRANSMITS"), 0);
  });
});

test("lost segments go again hole by hole, as the pipe allows, nothing else does", () => {
  onEachVariantWith(["SACK"], (variant) => {
    // The segments 0, 2 and 4 are lost.
    const s = new Sender(variant).tenInFlight();
    assert.deepEqual(s.ack(0, [100, 200]), []);
    assert.deepEqual(s.ack(0, [300, 400], [100, 200]), []);
    assert.deepEqual(s.ack(0, [500, 600], [300, 400], [100, 200]), [nth(0)]);
    // The holes 2 and 4 are lost too, 100 went again and 400 are behind: a pipe of 500. Each report
    // makes room for one segment.
    assert.deepEqual(s.ack(0, [500, 700], [300, 400], [100, 200]), [nth(2)]);
    assert.deepEqual(s.ack(0, [500, 800], [300, 400], [100, 200]), [nth(4)]);
    // Only the end is left to try, once (NextSeg rule 4).
    assert.deepEqual(s.ack(0, [500, 900], [300, 400], [100, 200]), [nth(9)]);
    assert.deepEqual(s.ack(200, [500, 900], [300, 400]), []);
    assert.deepEqual(s.ack(400, [500, 900]), []);
    assert.equal(s.c.status("SSTHRESH"), HALF);
    assert.deepEqual(s.ack(1_000), []);
    assert.equal(s.c.status("CWND"), HALF);
  });
});

test("a lost hole goes before new text (NextSeg rules 1 and 2)", () => {
  onEachVariantWith(["SACK"], (variant) => {
    // The segments 0 and 5 are missing.
    const s = new Sender(variant).tenInFlight();
    for (const end of [200, 300]) assert.deepEqual(s.ack(0, [100, end]), []);
    assert.deepEqual(s.ack(0, [100, 400]), [nth(0)]);
    assert.deepEqual(s.ack(0, [100, 500]), []);
    s.c.write(MSS);
    assert.deepEqual(s.sent(), [], "600 octets in the pipe, 500 allowed");
    // In a recovery what others have overtaken is lost (RFC 8985 §6.2): a pipe of 400.
    assert.deepEqual(s.ack(0, [600, 700], [100, 500]), [nth(5)]);
    assert.deepEqual(s.ack(500, [600, 700]), [nth(10)]);
    s.ack(1_100);
    assert.equal(s.c.status("SEND_QUEUED"), 0);
  });
});

test("the recovery ends at the recovery point, not before, and starts no other one", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = new Sender(variant).tenInFlight();
    for (const end of [200, 300, 400]) s.ack(0, [100, end]);
    const again: [number, number][] = [];
    for (const una of [400, 500, 600, 700, 800, 900]) {
      again.push(...s.ack(una));
      assert.equal(s.c.status("SSTHRESH"), HALF);
      assert.ok(s.c.status("CWND") <= HALF, "cwnd stays");
    }
    // Nothing above was reported missing: at most the rescue of the end.
    for (const range of again) assert.deepEqual(range, nth(9));
    assert.ok(again.length <= 1);
    s.ack(1_000);
    // A new loss is a new recovery.
    s.base += FLIGHT;
    s.c.write(5 * MSS);
    assert.equal(s.sent().length, 5);
    assert.deepEqual(s.ack(0, [100, 500]), [nth(0)]);
    // 500 were in flight: two whole segments are the half of that.
    assert.equal(s.c.status("SSTHRESH"), 2 * MSS);
  });
});

test("FlightSize counts what the acknowledgement that tells of the loss has taken", () => {
  onEachVariantWith(["SACK"], (variant) => {
    // One ACK answers the whole burst: 600 octets at once, and a hole behind them.
    const s = new Sender(variant).tenInFlight();
    assert.deepEqual(s.ack(600, [700, 1_000])[0], nth(6));
    assert.equal(s.c.status("SSTHRESH"), HALF);
    assert.equal(s.c.status("CWND"), HALF);
  });
});

test("the rescue is of what is not reported yet, and there is but one", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = new Sender(variant).tenInFlight();
    for (const end of [200, 300, 400, 500, 600]) s.ack(0, [100, end]);
    // The pipe is 400 from here on: the highest number that is not reported is 999.
    assert.deepEqual(s.ack(0, [100, 700]), [nth(9)]);
    assert.deepEqual(s.ack(0, [100, 800]), []);
    assert.deepEqual(s.ack(0, [100, 900]), []);
    const all = new Sender(variant).tenInFlight();
    assert.deepEqual(all.ack(0, [100, 1_000])[0], nth(0));
    // Everything else has arrived: what is sent again can only be the first.
    for (const range of all.sent()) assert.deepEqual(range, nth(0));
  });
});

test("reported text never goes again, even as the rescue", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = new Sender(variant).tenInFlight();
    const sent = [
      ...s.ack(0, [900, 1_000]),
      ...s.ack(0, [700, 1_000]),
      ...s.ack(0, [500, 1_000]),
      ...s.ack(0, [300, 1_000]),
      ...s.ack(0, [200, 1_000]),
      ...s.ack(0, [100, 1_000]),
    ];
    // They came in the wrong order: a hole may be late for the reordering window.
    assert.equal(sent.length, 0);
    s.c.advance(100);
    sent.push(...s.sent());
    assert.deepEqual(sent[0], nth(0));
    const missing = new Map(sent.map(([from, to]) => [from, to]));
    for (const [from, to] of missing) assert.ok(to <= 500, `${from} … ${to} was reported`);
    assert.ok(sent.length <= 6, "each hole once, and one rescue");
  });
});

test("a time-out forgets all reports: the peer may have dropped what it had (RFC 2018 §8)", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = new Sender(variant).tenInFlight();
    assert.deepEqual(s.ack(0, [100, 300]), []);
    s.c.advance(1_000);
    // Once when the reordering window ended, once at the time-out.
    assert.deepEqual(s.sent(), [nth(0), nth(0)]);
    assert.equal(s.c.status("CWND"), MSS);
    assert.deepEqual(s.ack(100), [nth(1), nth(2)]);
    // But what is reported afterwards is not sent again.
    const after = new Sender(variant).tenInFlight();
    after.c.advance(1_000);
    assert.deepEqual(after.sent(), [nth(0)]);
    const sent = after.ack(100, [200, 400]);
    assert.deepEqual(sent[0], nth(1));
    sent.push(...after.ack(200, [200, 400]), ...after.ack(400));
    for (const [from, to] of sent) assert.ok(to <= 200 || from >= 400, `${from} … ${to} again`);
    assert.ok(sent.some(([from]) => from === 400));
  });
});

test("a time-out within the recovery ends it", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = new Sender(variant).tenInFlight();
    assert.deepEqual(s.ack(0, [100, 400]), [nth(0)]);
    s.c.advance(1_000);
    assert.deepEqual(s.sent().at(-1), nth(0));
    assert.equal(s.c.status("CWND"), MSS);
    assert.deepEqual(s.ack(100), [nth(1), nth(2)]);
  });
});

test("text with a lost FIN, and a lost FIN alone, come again", () => {
  onEachVariantWith(["SACK"], (variant) => {
    for (const lost of [0, 2]) {
      const s = new Sender(variant);
      s.c.write(300);
      s.sent();
      s.c.closeWrite();
      assert.equal(s.c.take().length, 1);
      if (lost === 0) {
        // FIN counts as the octet 300.
        const sent = s.ack(0, [100, 301]);
        assert.ok(sent.length >= 1);
        for (const range of sent) assert.deepEqual(range, nth(0));
      } else {
        assert.deepEqual(s.ack(300), []);
        s.c.advance(1_000);
        assert.deepEqual(s.sent(), [[300, 300]]);
      }
      s.ack(301);
      s.c.state("FIN-WAIT-2");
    }
  });
});

// ── Lies ─────────────────────────────────────────────────────────────────────────────────────────

const LIES: [name: string, ranges: [number, number][]][] = [
  ["below SND.UNA", [[-200, -100]]],
  ["across SND.UNA", [[-100, 500]]],
  ["from SND.UNA on", [[0, 500]]],
  ["across SND.NXT", [[100, 1_001]]],
  ["beyond SND.NXT", [[1_100, 1_500]]],
  ["reversed", [[900, 100]]],
  ["empty", [[500, 500]]],
  ["half of the numbers away", [[2 ** 31, 2 ** 31 + 500]]],
  ["from half of the numbers away", [[2 ** 31 + 1, 900]]],
  ["as long as half of the numbers", [[100, 100 + 2 ** 31]]],
  ["beyond SND.NXT, as long as half of the numbers", [[1_001, 1_001 + 2 ** 31]]],
  ["everything", [[-1, -2]]],
  ["four at once", [[-100, 500], [900, 100], [100, 1_001], [500, 500]]], // prettier-ignore
];

for (const [name, ranges] of LIES) {
  test(`a block ${name}: nothing is sent again, and the connection goes on`, () => {
    onEachVariantWith(["SACK"], (variant) => {
      const s = new Sender(variant).tenInFlight();
      for (let i = 0; i < 2; i++) assert.deepEqual(s.ack(0, ...ranges), []);
      // True reports count as if nothing had been said.
      assert.deepEqual(s.ack(0, [100, 400]), [nth(0)]);
      assert.deepEqual(s.ack(0, ...ranges, [100, 500]), []);
      assert.deepEqual(s.ack(1_000), []);
      s.c.write(200);
      assert.deepEqual(s.sent(), [nth(10), nth(11)]);
      s.ack(1_200);
      assert.equal(s.c.status("SEND_QUEUED"), 0);
    });
  });
}

test("overlapping blocks, and more than the list holds: all arrives in the end", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = new Sender(variant).tenInFlight();
    s.ack(0, [100, 300], [200, 500], [150, 250], [300, 400]);
    // Single octets in all places, four at a time; then those between them.
    for (let round = 0; round < 2; round++) {
      for (let at = 501 + round; at < 900; at += 8) {
        s.ack(0, [at, at + 1], [at + 2, at + 3], [at + 4, at + 5], [at + 6, at + 7]);
      }
    }
    s.ack(1_000);
    s.c.write(200);
    assert.deepEqual(s.sent(), [nth(10), nth(11)]);
  });
});

// ── Limited transmit (RFC 3042) ──────────────────────────────────────────────────────────────────

/** Five segments in flight, which is all that cwnd allows, and five that wait. */
function fiveInFlight(variant: Variant, sack: boolean): Sender {
  const s = new Sender(variant, sack).tenInFlight();
  if (sack) s.ack(0, [100, 1_000]);
  else for (let i = 0; i < 3; i++) s.ack(0);
  // The recovery has halved the window, and slow start leads back to the half.
  s.ack(FLIGHT);
  s.base += FLIGHT;
  while (s.c.status("CWND") < HALF) {
    s.c.write(HALF);
    s.sent();
    for (let octets = MSS; octets <= HALF; octets += MSS) s.ack(octets);
    s.base += HALF;
  }
  s.c.write(FLIGHT);
  assert.equal(s.sent().length, 5);
  return s;
}

test("limited transmit: each of the first two duplicates lets one new segment go", () => {
  onEachVariantWith(["SACK"], (variant) => {
    for (const sack of [true, false]) {
      const s = fiveInFlight(variant, sack);
      const duplicate = (end: number): [number, number][] =>
        sack ? s.ack(0, [100, end]) : s.ack(0);
      const cwnd = s.c.status("CWND");
      assert.deepEqual(duplicate(200), [nth(5)]);
      assert.deepEqual(duplicate(300), [nth(6)]);
      assert.equal(s.c.status("CWND"), cwnd);
      assert.deepEqual(duplicate(400)[0], nth(0));
    }
  });
});

test("limited transmit: not for a duplicate that reports nothing new under SACK (§2)", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = fiveInFlight(variant, true);
    for (let i = 0; i < 2; i++) assert.deepEqual(s.ack(0), []);
    assert.deepEqual(s.ack(0, [100, 200]), [nth(5)]);
    for (let i = 0; i < 2; i++) assert.deepEqual(s.ack(0, [100, 200]), []);
  });
});

test("limited transmit stays within the peer's window", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const peer = open(variant, { sack: true, mss: MSS, window: 450 });
    peer.c.write(FLIGHT);
    assert.equal(peer.take().length, 4);
    for (const end of [301, 401]) {
      peer.send("<SEQ=301><ACK=101><CTL=ACK>", { sack: [[201, end]] });
      for (const { seq, payload } of peer.take()) {
        assert.ok(seqDistance(peer.c.iss, seq) + payload.length <= 451);
      }
    }
  });
});

// ── Any loss ─────────────────────────────────────────────────────────────────────────────────────

test("random losses: what the peer has reported never goes again before a time-out", () => {
  onEachVariantWith(["SACK"], (variant) => {
    for (let seed = 1; seed <= 40; seed++) naming(`seed ${seed}`, () => lossy(variant, seed));
  });
});

/** Ten segments, of which some are lost, a second time as well; the peer reports as it should. */
function lossy(variant: Variant, seed: number): void {
  const random = new Seeded(seed);
  const s = new Sender(variant).tenInFlight();
  const has = new Array<boolean>(10).fill(false);
  const queue = random.shuffle([...has.keys()]).filter(() => random.below(10) < 7);
  if (random.below(2) === 0) queue.sort((a, b) => a - b);
  let isReported = new Array<boolean>(10).fill(false);
  for (let turns = 0; has.includes(false); turns++) {
    assert.ok(turns < 200, "it never ends");
    const arrived = queue.shift();
    let sent: [number, number][];
    if (arrived === undefined) {
      isReported = new Array<boolean>(10).fill(false);
      s.c.advance(1_000);
      sent = s.sent();
    } else {
      has[arrived] = true;
      const una = has.includes(false) ? has.indexOf(false) : 10;
      const ranges = rangesOf(has, una);
      // The one with the latest segment first.
      ranges.sort((a) => (a[0] <= arrived * MSS && arrived * MSS < a[1] ? -1 : 0));
      const told = ranges.slice(0, 4);
      for (const [from, to] of told) isReported.fill(true, from / MSS, to / MSS);
      isReported.fill(true, 0, una);
      sent = s.ack(una * MSS, ...told);
    }
    for (const [from, to] of sent) {
      for (let i = from / MSS; i < to / MSS; i++) {
        assert.equal(isReported[i], false, `segment ${i} again, which was reported`);
        if (random.below(10) < 8) queue.push(i);
      }
    }
  }
  assert.equal(s.c.status("SEND_QUEUED"), 0);
}

/** The runs of what has arrived above `una`. */
function rangesOf(has: readonly boolean[], una: number): [number, number][] {
  const ranges: [number, number][] = [];
  for (let i = una; i < has.length; i++) {
    if (!has[i]) continue;
    if (has[i - 1] === true && ranges.length > 0) ranges.at(-1)![1] += MSS;
    else ranges.push(nth(i));
  }
  return ranges;
}
