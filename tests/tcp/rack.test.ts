/**
 * Losses told by time, and the probe of a silent tail.
 *
 * RFC 8985: §6.2 (RACK: reordering window, lost retransmissions), §7 (TLP). The round trip is 40 ms
 * unless said, ten segments of 100 octets are in flight, and numbers count from the first of them.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FLIGHT, MSS, nth, Sender } from "../support/sender.ts";
import { onEachVariantWith, type Variant } from "../support/variants.ts";

const RTT_MS = 40;
/** §7.2: two round trips. */
const PROBE_MS = 2 * RTT_MS;
/** §7.2: for a single segment in flight, as long as a peer may delay its ACK. */
const ACK_DELAY_MS = 200;

function flying(variant: Variant, timestamps = false): Sender {
  return new Sender(variant, true, {
    timestamps,
    mss: timestamps ? MSS + 12 : MSS,
  }).tenInFlightAfter(RTT_MS);
}

/** Lets the time pass in which nothing may be sent, then a little more; what came. */
function sentWithin(s: Sender, quietMs: number, slackMs: number): [number, number][] {
  s.c.advance(quietMs);
  assert.deepEqual(s.sent(), [], `nothing within ${quietMs} ms`);
  s.c.advance(slackMs);
  return s.sent();
}

// ── RACK ─────────────────────────────────────────────────────────────────────────────────────────

test("a hole that one report shows is lost after a quarter of a round trip", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant);
    s.c.advance(RTT_MS);
    assert.deepEqual(s.ack(0, [100, 200]), []);
    // RFC 6675 would wait for two more reports, and for the time-out if none came.
    assert.deepEqual(sentWithin(s, RTT_MS / 4 - 1, 2), [nth(0)]);
    assert.equal(s.c.status("SSTHRESH"), FLIGHT / 2);
    assert.equal(s.counter("RETRANSMISSION_TIMEOUTS"), 0);
  });
});

test("what comes late within the reordering window was not lost, nothing is slowed down", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant);
    const cwnd = s.c.status("CWND");
    s.c.advance(RTT_MS);
    assert.deepEqual(s.ack(0, [100, 200]), []);
    s.c.advance(RTT_MS / 4 - 2);
    assert.deepEqual(s.ack(200), []);
    s.c.advance(1);
    assert.deepEqual(s.ack(FLIGHT), []);
    s.c.quiet(5_000);
    assert.ok(s.c.status("CWND") >= cwnd);
    assert.equal(s.c.status("RETRANSMITS"), 0);
  });
});

test("where reordering was seen, three reports are no proof: the window is waited for", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant);
    s.c.advance(RTT_MS);
    // Segment 0 comes after 1: reordering.
    assert.deepEqual(s.ack(0, [100, 200]), []);
    assert.deepEqual(s.ack(200), []);
    assert.deepEqual(s.ack(200, [300, 600]), []);
    assert.deepEqual(sentWithin(s, RTT_MS / 4 - 1, 2), [nth(2)]);
  });
});

test("a retransmission that is lost goes again without a time-out", () => {
  onEachVariantWith(["SACK"], (variant) => {
    for (const timestamps of [false, true]) {
      const s = flying(variant, timestamps);
      s.c.advance(RTT_MS);
      assert.deepEqual(s.ack(0, [100, 500]), [nth(0)]);
      s.c.advance(5);
      assert.deepEqual(s.ack(0, [600, 1_000], [100, 500]), [nth(5)]);
      s.c.advance(RTT_MS);
      // The later of the two has arrived, the earlier one has not.
      assert.deepEqual(s.ack(0, [100, 1_000]), [nth(0)]);
      assert.equal(s.counter("RETRANSMISSION_TIMEOUTS"), 0);
      // One loss, one reduction.
      assert.equal(s.c.status("SSTHRESH"), FLIGHT / 2);
    }
  });
});

test("that it is lost shows although the peer echoes what came before the hole", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant, true);
    // RFC 7323 §4.3: what lies behind a hole does not change the echo.
    const tsEcr = s.peer.lastTsVal;
    const report = (...ranges: [number, number][]) => {
      const seq = (offset: number) => 101 + s.base + offset;
      const sack = ranges.map(([from, to]) => [seq(from), seq(to)] as const);
      s.peer.send(`<SEQ=301><ACK=${seq(0)}><CTL=ACK>`, { sack, tsEcr });
      return s.sent();
    };
    s.c.advance(RTT_MS);
    assert.deepEqual(report([100, 500]), [nth(0)]);
    s.c.advance(5);
    assert.deepEqual(report([600, 1_000], [100, 500]), [nth(5)]);
    s.c.advance(RTT_MS);
    assert.deepEqual(report([100, 1_000]), [nth(0)]);
  });
});

test("that it is lost shows by text that left in the same millisecond behind it", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant);
    s.c.setOption("NO_DELAY", 1);
    s.c.advance(RTT_MS);
    s.c.together(() => {
      s.ack(0, [100, 1_000]);
      s.c.write(20);
    });
    assert.deepEqual(s.sent(), [nth(0), [1_000, 1_020]]);
    s.c.advance(RTT_MS);
    assert.deepEqual(s.ack(0, [100, 1_020]), [nth(0)]);
    assert.equal(s.counter("RETRANSMISSION_TIMEOUTS"), 0);
  });
});

test("a retransmission is not taken for lost before its own round trip is over", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant);
    s.c.advance(RTT_MS);
    assert.deepEqual(s.ack(0, [100, 400]), [nth(0)]);
    for (let end = 500; end <= 900; end += 100) {
      s.c.advance(5);
      // The end of the flight is tried once, and the beginning not again.
      for (const range of s.ack(0, [100, end])) assert.deepEqual(range, nth(9));
    }
    assert.equal(s.counter("FAST_RETRANSMITS"), 1);
  });
});

test("a duplicate that the peer reports widens the reordering window", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant);
    // One hole that was only late: the peer has it twice in the end.
    s.c.advance(RTT_MS);
    assert.deepEqual(s.ack(0, [100, 200]), []);
    s.c.advance(RTT_MS / 4);
    assert.deepEqual(s.sent(), [nth(0)]);
    assert.deepEqual(s.ack(200), []);
    s.c.advance(RTT_MS);
    s.ack(FLIGHT, [0, 100]);
    assert.equal(s.counter("SPURIOUS_RETRANSMITS"), 1);
    s.base += FLIGHT;
    s.c.write(500);
    assert.equal(s.sent().length, 5);
    s.c.advance(RTT_MS);
    assert.deepEqual(s.ack(0, [100, 200]), []);
    assert.deepEqual(sentWithin(s, RTT_MS / 2 - 1, 2), [nth(0)], "twice as long");
  });
});

test("octets sent one by one at many times: each loss is found", () => {
  onEachVariantWith(["SACK"], (variant) => {
    for (const lost of [0, 3, 7]) {
      const s = flying(variant);
      s.c.advance(RTT_MS);
      s.ack(FLIGHT);
      s.base += FLIGHT;
      s.c.setOption("NO_DELAY", 1);
      // More times than there are runs to keep them.
      for (let i = 0; i < 10; i++) {
        s.c.write(20);
        assert.deepEqual(s.sent(), [[20 * i, 20 * i + 20]]);
        s.c.advance(3);
      }
      s.c.advance(RTT_MS - 30);
      const at = 20 * lost;
      const again: [number, number][] = [];
      for (let i = 0; i < 10; i++) {
        const end = 20 * i + 20;
        if (i < lost) again.push(...s.ack(end));
        else if (i > lost) again.push(...s.ack(at, [at + 20, end]));
        s.c.advance(3);
        again.push(...s.sent());
      }
      s.c.advance(RTT_MS / 2);
      again.push(...s.sent());
      assert.deepEqual(again[0], [at, at + 20]);
      // At most the end once more, the rescue of RFC 6675.
      assert.ok(
        again.length <= 2 && again.every(([from], i) => i === 0 || from > at),
        `${again.join(" ")}`,
      );
      s.ack(200);
      assert.equal(s.counter("RETRANSMISSION_TIMEOUTS"), 0);
      assert.equal(s.c.status("SEND_QUEUED"), 0);
    }
  });
});

test("after a silence of half of the clock's round nothing seems older than it is", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant);
    s.c.advance(RTT_MS);
    assert.deepEqual(s.ack(FLIGHT), []);
    s.base += FLIGHT;
    s.c.advance(2 ** 31);
    s.c.write(FLIGHT);
    assert.equal(s.sent().length, 10);
    s.c.advance(RTT_MS);
    assert.deepEqual(s.ack(FLIGHT / 2), []);
    s.c.quiet(RTT_MS / 2);
    s.ack(FLIGHT);
    assert.equal(s.c.status("RETRANSMITS"), 0);
  });
});

// ── TLP ──────────────────────────────────────────────────────────────────────────────────────────

test("a lost tail: a probe after two round trips, then the loss is repaired, no time-out", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant);
    s.c.advance(RTT_MS);
    assert.deepEqual(s.ack(800), []);
    assert.deepEqual(sentWithin(s, PROBE_MS - 2, 4), [nth(9)]);
    assert.equal(s.counter("LOSS_PROBES"), 1);
    s.c.advance(RTT_MS);
    const repaired = s.ack(800, [900, 1_000]);
    s.c.advance(RTT_MS / 4 + 1);
    repaired.push(...s.sent());
    assert.deepEqual(repaired, [nth(8)]);
    s.c.advance(RTT_MS);
    s.ack(FLIGHT);
    assert.equal(s.counter("RETRANSMISSION_TIMEOUTS"), 0);
    s.c.quiet(5_000);
  });
});

test("a probe that repairs the loss itself slows the sender down (§7.4)", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant);
    s.c.advance(RTT_MS);
    s.ack(900);
    assert.deepEqual(sentWithin(s, PROBE_MS + ACK_DELAY_MS - 2, 4), [nth(9)]);
    // More is sent and acknowledged behind the probe: the octets of the probe were lost.
    s.c.write(200);
    s.sent();
    s.c.advance(RTT_MS);
    s.ack(1_200);
    assert.ok(s.c.status("SSTHRESH") < FLIGHT, "the loss counts");
  });
});

test("an ACK of the probe leaves open what it answers, its duplicate does not (§7.4)", () => {
  for (const isDuplicate of [false, true]) {
    onEachVariantWith(["SACK"], (variant) => {
      const s = flying(variant);
      s.c.advance(RTT_MS);
      s.ack(900);
      assert.deepEqual(sentWithin(s, PROBE_MS + ACK_DELAY_MS - 2, 4), [nth(9)]);
      s.c.advance(RTT_MS);
      s.ack(1_000);
      if (isDuplicate) s.ack(1_000);
      s.c.write(200);
      s.sent();
      s.c.advance(RTT_MS);
      s.ack(1_200);
      assert.equal(s.c.status("SSTHRESH") < FLIGHT, !isDuplicate);
    });
  }
});

test("a probe that the peer reports as a duplicate changes nothing", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant);
    const ssthresh = s.c.status("SSTHRESH");
    s.c.advance(RTT_MS);
    s.ack(900);
    assert.deepEqual(sentWithin(s, PROBE_MS + ACK_DELAY_MS - 2, 4), [nth(9)]);
    s.c.write(200);
    s.sent();
    // The delayed ACK of the original, and then of the copy.
    s.ack(1_000);
    s.ack(1_200, [900, 1_000]);
    assert.equal(s.c.status("SSTHRESH"), ssthresh);
  });
});

test("the probe takes new octets first, those that the windows held back", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant);
    s.c.advance(RTT_MS);
    s.ack(600);
    // A small segment behind unacknowledged ones: Nagle's algorithm holds it.
    s.c.write(30);
    assert.deepEqual(s.sent(), []);
    s.c.advance(PROBE_MS + 2);
    assert.deepEqual(s.sent(), [[1_000, 1_030]]);
    assert.equal(s.counter("LOSS_PROBES"), 1);
    assert.equal(s.c.status("RETRANSMITS"), 0);
    s.ack(1_030);
  });
});

test("one probe, then the time-out; the probe restarts it (§7.3)", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant);
    assert.deepEqual(sentWithin(s, PROBE_MS - 2, 4), [nth(9)]);
    assert.deepEqual(sentWithin(s, 990, 20), [nth(0)]);
    assert.equal(s.counter("RETRANSMISSION_TIMEOUTS"), 1);
    assert.equal(s.counter("LOSS_PROBES"), 1);
    assert.equal(s.c.status("CWND"), MSS);
  });
});

test("no probe without SACK, and none where the window is closed", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const plain = new Sender(variant, false).tenInFlightAfter(RTT_MS);
    assert.deepEqual(sentWithin(plain, 990, 20), [nth(0)]);
    assert.equal(plain.counter("LOSS_PROBES"), 0);
    const closed = flying(variant);
    closed.peer.send(`<SEQ=301><ACK=${101 + closed.base + FLIGHT}><WND=0><CTL=ACK>`);
    closed.c.write(100);
    closed.c.quiet(900);
    assert.equal(closed.counter("LOSS_PROBES"), 0);
  });
});

test("a FIN at the end of a flight is probed for like octets", () => {
  onEachVariantWith(["SACK"], (variant) => {
    const s = flying(variant);
    s.c.advance(RTT_MS);
    s.ack(FLIGHT);
    s.base += FLIGHT;
    s.c.closeWrite();
    assert.deepEqual(s.sent(), [[0, 0]]);
    assert.deepEqual(sentWithin(s, PROBE_MS + ACK_DELAY_MS - 2, 4), [[0, 0]]);
    s.ack(1);
    s.c.state("FIN-WAIT-2");
  });
});
