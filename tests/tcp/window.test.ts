/**
 * The peer's window: closed, opened by little steps, shrunk, large; what is sent into it and when
 * it is probed.
 *
 * RFC 9293 §3.8.6, §3.8.6.1 (zero-window probes), §3.8.6.2.1 (silly windows, the sender's side),
 * §3.10.7.4 (SND.WL1, SND.WL2).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conversation } from "../support/conversation.ts";
import { given } from "../support/given.ts";
import { LINGER_ISS } from "../support/notation.ts";
import { seqDistance } from "../support/sequence.ts";
import { onEachVariant, onEachVariantWith, type Variant } from "../support/variants.ts";

/** R2 as it stands by default. */
const USER_TIMEOUT_MS = 300_000;

/** ESTABLISHED, 500 octets sent and acknowledged, the window closed, 400 more waiting. */
function closedWindow(variant: Variant): Conversation {
  const c = given("ESTABLISHED", variant).write(500);
  c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=500>");
  c.window = 0;
  c.send("<SEQ=301><ACK=601><CTL=ACK>").expectNothing();
  return c.write(400).expectNothing();
}

const PROBE = "<SEQ=601><ACK=301><CTL=ACK><DATA=1>";
const STILL_CLOSED = "<SEQ=301><ACK=601><WND=0><CTL=ACK>";

// ── A closed window ──────────────────────────────────────────────────────────────────────────────

test("probes: after an RTO, each gap doubled, 60 s at most [MUST-36 SHLD-29 SHLD-30]", () => {
  onEachVariant((variant) => {
    const c = closedWindow(variant);
    for (const gap of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      c.after(gap).expect(PROBE).send(STILL_CLOSED).expectNothing();
    }
  });
});

test("a peer that acknowledges the probes keeps the connection for ever [MUST-37]", () => {
  onEachVariant((variant) => {
    const c = closedWindow(variant);
    const until = c.nowMs + 10 * USER_TIMEOUT_MS;
    while (c.nowMs < until) {
      assert.ok(
        c.rig.advanceUntilEmitted(61_000, () => c.hasPending),
        "no probe within 61 s",
      );
      c.expect(PROBE).send(STILL_CLOSED).expectNothing().state("ESTABLISHED");
    }
    c.window = 4_096;
    c.send("<SEQ=301><ACK=601><CTL=ACK>");
    c.expect("<SEQ=601><ACK=301><CTL=PSH,ACK><DATA=400>").state("ESTABLISHED");
    c.send("<SEQ=301><ACK=1001><CTL=ACK>").eventsWith("ALL_ACKNOWLEDGED").quiet(600_000);
  });
});

test("a peer that does not acknowledge the probes is given up after the user timeout", () => {
  onEachVariant((variant) => {
    const c = closedWindow(variant).advance(USER_TIMEOUT_MS - 1_000);
    assert.ok(c.take().length >= 8);
    c.state("ESTABLISHED").advance(2_000).take();
    c.ended("TIMED_OUT");
  });
});

test("a window update is lost: the next probe's acknowledgement tells of it", () => {
  onEachVariant((variant) => {
    const c = closedWindow(variant).after(1_000).expect(PROBE);
    // The peer had room for the octet, and has more.
    c.send("<SEQ=301><ACK=602><WND=4096><CTL=ACK>");
    c.expect("<SEQ=602><ACK=301><CTL=PSH,ACK><DATA=399>");
  });
});

test("the probe's octet is taken while the window stays closed: the next one follows", () => {
  onEachVariant((variant) => {
    const c = closedWindow(variant).after(1_000).expect(PROBE);
    c.send("<SEQ=301><ACK=602><WND=0><CTL=ACK>").expectNothing();
    assert.ok(c.rig.advanceUntilEmitted(61_000, () => c.hasPending));
    c.expect("<SEQ=602><ACK=301><CTL=ACK><DATA=1>");
    c.send("<SEQ=301><ACK=602><WND=4096><CTL=ACK>");
    c.expect("<SEQ=602><ACK=301><CTL=PSH,ACK><DATA=399>");
  });
});

test("after the window has opened the RTO is not that of the probes", () => {
  onEachVariant((variant) => {
    const c = closedWindow(variant);
    for (const gap of [1_000, 2_000, 4_000, 8_000, 16_000]) {
      c.after(gap).expect(PROBE).send(STILL_CLOSED);
    }
    c.window = 4_096;
    c.send("<SEQ=301><ACK=601><CTL=ACK>").expect("<SEQ=601><ACK=301><CTL=PSH,ACK><DATA=400>");
    c.after(1_000).expect("<SEQ=601><ACK=301><CTL=PSH,ACK><DATA=400>");
  });
});

test("a closed window closes nothing the other way: data is received and acknowledged", () => {
  onEachVariant((variant) => {
    const c = closedWindow(variant);
    c.send("<SEQ=301><ACK=601><WND=0><CTL=PSH,ACK><DATA=100>");
    c.expectSoon("<SEQ=601><ACK=401><CTL=ACK>").read(100);
    c.expectNothingOr("<SEQ=601><ACK=401><CTL=ACK>");
    c.send("<SEQ=401><ACK=601><WND=0><CTL=FIN,ACK>").expect("<SEQ=601><ACK=402><CTL=ACK>");
    c.state("CLOSE-WAIT").eof();
  });
});

test("nothing is probed while nothing waits", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    c.window = 0;
    c.send("<SEQ=301><ACK=101><CTL=ACK>").quiet(86_400_000).state("ESTABLISHED");
  });
});

test("a SYN with a closed window: the data waits, is probed, and goes on", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { window: 0 }).write(50).expectNothing();
    c.after(1_000).expect("<SEQ=101><ACK=301><CTL=ACK><DATA=1>");
    c.send("<SEQ=301><ACK=101><WND=2000><CTL=ACK>");
    c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=50>");
  });
});

// ── Which segments bring a window ────────────────────────────────────────────────────────────────

test("an old ACK does not open the window", () => {
  onEachVariant((variant) => {
    const c = closedWindow(variant);
    c.send("<SEQ=301><ACK=600><WND=4096><CTL=ACK>").expectNothing();
    c.send("<SEQ=301><ACK=101><WND=4096><CTL=ACK>").expectNothing();
    assert.equal(c.status("SND_WND"), 0);
  });
});

test("a segment with an older number and the same ACK does not change the window (SND.WL1)", () => {
  onEachVariantWith(["OUT_OF_ORDER"], (variant) => {
    const c = given("ESTABLISHED", variant).write(500);
    c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=500>");
    // Out of order: 311 comes before 301, with the newer window.
    c.send("<SEQ=311><ACK=601><WND=700><CTL=ACK><DATA=10>").expect("<SEQ=601><ACK=301><CTL=ACK>");
    c.send("<SEQ=301><ACK=601><WND=4096><CTL=ACK><DATA=10>").expectSoon(
      "<SEQ=601><ACK=321><CTL=ACK>",
    );
    assert.equal(c.status("SND_WND"), 700);
  });
});

test("a window update without new data or ACK is taken", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    for (const window of [0, 1, 4_095, 65_535, 100]) {
      c.send(`<SEQ=301><ACK=101><WND=${window}><CTL=ACK>`).expectNothing();
      assert.equal(c.status("SND_WND"), window);
    }
  });
});

test("windows with the top bit set are large, not negative [MUST-1]", () => {
  onEachVariant((variant) => {
    for (const window of [0x8000, 0xffff]) {
      const c = given("ESTABLISHED", variant, { window });
      let acked = 0;
      const note = (): void => {
        for (const { seq, payload } of c.take()) {
          acked = Math.max(acked, seqDistance((c.iss + 1) >>> 0, seq) + payload.length);
        }
      };
      for (let round = 0; round < 100; round++) {
        c.writeSome(2_000);
        note();
        c.send(`<SEQ=301><ACK=${101 + acked}><CTL=ACK>`);
        note();
      }
      assert.ok(acked > 65_536, `only ${acked} octets passed`);
      assert.equal(c.rig.device.counter("WINDOW_PROBES"), 0);
    }
  });
});

// ── A window that shrinks ────────────────────────────────────────────────────────────────────────

/** 1,000 octets in flight in ten segments, the peer's window full. */
function tenInFlight(variant: Variant): Conversation {
  const c = given("ESTABLISHED", variant, { mss: 100, window: 1_000 });
  let acked = 0;
  while (seqDistance(c.status("SND_UNA"), c.status("SND_NXT")) < 1_000) {
    c.writeSome(2_000);
    c.take();
    if (seqDistance(c.status("SND_UNA"), c.status("SND_NXT")) === 1_000) break;
    acked += 100;
    c.send(`<SEQ=301><ACK=${101 + acked}><CTL=ACK>`).take();
  }
  return c;
}

/** SND.UNA as tests count. */
function una(c: Conversation): number {
  return seqDistance(c.iss, c.status("SND_UNA")) + LINGER_ISS;
}

test("a window shrinks: nothing new goes, the old goes again [MUST-34 SHLD-15 SHLD-16]", () => {
  onEachVariant((variant) => {
    const c = tenInFlight(variant);
    const base = una(c);
    const sent = c.status("SND_NXT");
    c.send(`<SEQ=301><ACK=${base}><WND=300><CTL=ACK>`).expectNothing();
    // SHLD-16: what lies in the new window is sent again as usual.
    c.advance(1_000);
    const [first] = c.take();
    assert.equal(seqDistance(c.iss, first!.seq) + LINGER_ISS, base);
    c.send(`<SEQ=301><ACK=${base + 100}><WND=200><CTL=ACK>`);
    for (const { seq, payload } of c.take()) {
      const end = seqDistance(c.iss, seq) + LINGER_ISS + payload.length;
      assert.ok(end <= base + 300, `${end - base} lies beyond the shrunk edge`);
    }
    // SHLD-15: no octet that was not sent before.
    assert.equal(c.status("SND_NXT"), sent);
    c.send(`<SEQ=301><ACK=${base + 1_000}><WND=1000><CTL=ACK>`);
    assert.ok(c.take().length > 0);
  });
});

test("a window that shrinks to nothing is probed, however long [MUST-35 SHLD-17]", () => {
  onEachVariant((variant) => {
    const c = tenInFlight(variant);
    const base = una(c);
    c.send(`<SEQ=301><ACK=${base}><WND=0><CTL=ACK>`).expectNothing();
    const until = c.nowMs + 3 * USER_TIMEOUT_MS;
    let probes = 0;
    while (c.nowMs < until) {
      assert.ok(
        c.rig.advanceUntilEmitted(61_000, () => c.hasPending),
        "no probe within 61 s",
      );
      for (const { payload } of c.take()) assert.ok(payload.length <= 100);
      probes += 1;
      c.send(`<SEQ=301><ACK=${base}><WND=0><CTL=ACK>`).take();
      c.state("ESTABLISHED");
    }
    assert.ok(probes >= 15);
    c.send(`<SEQ=301><ACK=${base}><WND=1000><CTL=ACK>`);
    let acked = base;
    for (let round = 0; round < 20 && acked < base + 1_000; round++) {
      c.advance(61_000);
      for (const { seq, payload } of c.take()) {
        const from = seqDistance(c.iss, seq) + LINGER_ISS;
        if (from <= acked) acked = Math.max(acked, from + payload.length);
      }
      c.send(`<SEQ=301><ACK=${acked}><WND=1000><CTL=ACK>`);
    }
    assert.ok(acked >= base + 1_000);
  });
});

test("a peer that takes what lies before a shrunken edge, and no more, lives on [SHLD-17]", () => {
  onEachVariant((variant) => {
    const c = tenInFlight(variant);
    const base = una(c);
    const edge = base + 300;
    let acked = base;
    const answer = (): void => {
      c.send(`<SEQ=301><ACK=${acked}><WND=${edge - acked}><CTL=ACK>`);
    };
    answer();
    const until = c.nowMs + 3 * USER_TIMEOUT_MS;
    while (c.nowMs < until) {
      assert.ok(
        c.rig.advanceUntilEmitted(61_000, () => c.hasPending),
        "no probe within 61 s",
      );
      for (const { seq, payload } of c.take()) {
        const from = seqDistance(c.iss, seq) + LINGER_ISS;
        const to = Math.min(from + payload.length, edge);
        if (from <= acked) acked = Math.max(acked, to);
      }
      answer();
      c.lookup("ESTABLISHED");
    }
    assert.equal(acked, edge);
  });
});

test("fast retransmit sends the first segment again though the edge now cuts it [MAY-7]", () => {
  onEachVariantWith(["FAST_RETRANSMIT"], (variant) => {
    const c = tenInFlight(variant);
    const base = una(c);
    const shrunk = `<SEQ=301><ACK=${base}><WND=50><CTL=ACK>`;
    c.send(shrunk).expectNothing().send(shrunk).expectNothing().send(shrunk).expectNothing();
    c.send(shrunk).expect(`<SEQ=${base}><ACK=301><CTL=ACK><DATA=100>`);
  });
});

// ── Silly windows ────────────────────────────────────────────────────────────────────────────────

test("a window that opens by little steps is not filled by little segments [MUST-38]", () => {
  onEachVariant((variant) => {
    const c = closedWindow(variant);
    for (let window = 10; window <= 100; window += 10) {
      c.send(`<SEQ=301><ACK=601><WND=${window}><CTL=ACK>`).expectNothing().quiet(5);
    }
    c.send("<SEQ=301><ACK=601><WND=400><CTL=ACK>");
    c.expect("<SEQ=601><ACK=301><CTL=PSH,ACK><DATA=400>");
  });
});

test("a little window that stays is used after the override time of 0.1 to 1 s", () => {
  onEachVariant((variant) => {
    const c = closedWindow(variant);
    c.send("<SEQ=301><ACK=601><WND=60><CTL=ACK>").quiet(99);
    assert.ok(
      c.rig.advanceUntilEmitted(901, () => c.hasPending),
      "nothing after a second",
    );
    c.expect("<SEQ=601><ACK=301><CTL=ACK><DATA=60>");
    c.send("<SEQ=301><ACK=661><WND=60><CTL=ACK>");
    assert.ok(
      c.rig.advanceUntilEmitted(1_000, () => c.hasPending),
      "nothing after a second",
    );
    c.expect("<SEQ=661><ACK=301><CTL=ACK><DATA=60>");
  });
});

test("half of the largest window ever offered is worth sending into", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { window: 200 });
    c.write(500).expect("<SEQ=101><ACK=301><CTL=ACK><DATA=200>");
    c.send("<SEQ=301><ACK=301><WND=99><CTL=ACK>").expectNothing();
    c.send("<SEQ=301><ACK=301><WND=100><CTL=ACK>");
    c.expect("<SEQ=301><ACK=301><CTL=ACK><DATA=100>");
  });
});

test("small writes behind a closed window leave as large segments [SHLD-27]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { mss: 200 });
    c.window = 0;
    c.send("<SEQ=301><ACK=101><CTL=ACK>");
    for (let i = 0; i < 40; i++) c.write(10).expectNothing();
    c.window = 4_096;
    c.send("<SEQ=301><ACK=101><CTL=ACK>");
    c.expect("<SEQ=101><ACK=301><CTL=ACK><DATA=200>", "<SEQ=301><ACK=301><CTL=PSH,ACK><DATA=200>");
  });
});
