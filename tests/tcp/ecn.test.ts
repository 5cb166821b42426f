/**
 * Explicit congestion notification: who agrees to it, what is marked, what a mark leads to.
 *
 * RFC 3168 §6.1 (RFC 9293 SHLD-8). The inspector judges each emitted frame besides: ECT(0) on all
 * text that is sent for the first time where both SYNs agreed, and on nothing else; ECE and CWR
 * nowhere without agreement.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Negotiated, Parameter } from "../../hal/host/abi.ts";
import { Flag, parseFrame, type TcpOption } from "../../hal/host/packet/index.ts";
import type { Conversation, Disguise } from "../support/conversation.ts";
import { statusName } from "../support/device.ts";
import { fresh, type GivenOptions } from "../support/given.ts";
import { naming, onEachVariantWith, type Variant } from "../support/variants.ts";

/** Congestion experienced: a router's mark. */
const CE: Disguise = { ipv4: { typeOfService: 3 } };
const MSS = 536;
const [NEVER, AGREE, ASK] = [0, 1, 2];

function policy(c: Conversation, value: number): Conversation {
  const status = c.rig.device.call("setParameter", Parameter.ECN, value);
  assert.equal(statusName(status), "OK", "setParameter");
  return c;
}

function isAgreed(c: Conversation): boolean {
  return (c.status("NEGOTIATED") & Negotiated.ECN) !== 0;
}

/** ESTABLISHED with ECN, by a passive OPEN. */
function established(variant: Variant, options: GivenOptions = {}): Conversation {
  const c = policy(fresh(variant, options), AGREE).listen();
  c.send(`<SEQ=300><CTL=SYN,ECE,CWR><MSS=${options.mss ?? MSS}>`);
  c.expect("<SEQ=100><ACK=301><CTL=SYN,ACK,ECE><MSS=1460>");
  c.send("<SEQ=301><ACK=101><CTL=ACK>").accept();
  assert.ok(isAgreed(c));
  return c;
}

/** SEG.SEQ − ISS − 1, length and ECE or CWR of what came out. */
function shown(c: Conversation): string[] {
  return c.take().map(({ seq, payload, flags }) => {
    const bits = `${flags & Flag.ECE ? " ECE" : ""}${flags & Flag.CWR ? " CWR" : ""}`;
    return `${(seq - c.iss - 1) >>> 0}+${payload.length}${bits}`;
  });
}

// ── The handshake ────────────────────────────────────────────────────────────────────────────────

test("passive open: a SYN with both bits gets ECE, if that is allowed [SHLD-8]", () => {
  onEachVariantWith(["ECN"], (variant) => {
    for (const value of [NEVER, AGREE, ASK]) {
      for (const bits of ["", ",ECE", ",CWR", ",ECE,CWR"]) {
        naming(`ECN ${value}, SYN${bits}`, () => {
          const agrees = value !== NEVER && bits === ",ECE,CWR";
          const c = policy(fresh(variant), value).listen();
          c.send(`<SEQ=300><CTL=SYN${bits}>`);
          c.expect(`<SEQ=100><ACK=301><CTL=SYN,ACK${agrees ? ",ECE" : ""}><MSS=1460>`);
          c.after(1_000);
          c.expect(`<SEQ=100><ACK=301><CTL=SYN,ACK${agrees ? ",ECE" : ""}><MSS=1460>`);
          c.send("<SEQ=301><ACK=101><CTL=ACK>").accept();
          assert.equal(isAgreed(c), agrees);
          const ect = c.write(100).takeTimed()[0]!.frame.ipv4!.typeOfService;
          assert.equal(ect, agrees ? 2 : 0);
        });
      }
    }
  });
});

test("active open: our SYN asks only if that is wanted; ECE alone is consent [SHLD-8]", () => {
  onEachVariantWith(["ECN"], (variant) => {
    for (const value of [NEVER, AGREE, ASK]) {
      for (const bits of ["", ",ECE", ",CWR", ",ECE,CWR"]) {
        naming(`ECN ${value}, SYN,ACK${bits}`, () => {
          const c = policy(fresh(variant), value).connect();
          c.expect(`<SEQ=100><CTL=SYN${value === ASK ? ",ECE,CWR" : ""}><MSS=1460>`);
          assert.equal(isAgreed(c), false);
          c.send(`<SEQ=300><ACK=101><CTL=SYN,ACK${bits}>`).expect("<SEQ=101><ACK=301><CTL=ACK>");
          assert.equal(isAgreed(c), value === ASK && bits === ",ECE");
          c.write(100).take();
        });
      }
    }
  });
});

test("a SYN without an answer is sent again without the bits, and that settles it [SHLD-8]", () => {
  onEachVariantWith(["ECN"], (variant) => {
    const c = policy(fresh(variant), ASK).connect().expect("<SEQ=100><CTL=SYN,ECE,CWR><MSS=1460>");
    c.after(1_000).expect("<SEQ=100><CTL=SYN><MSS=1460>");
    c.after(2_000).expect("<SEQ=100><CTL=SYN><MSS=1460>");
    c.send("<SEQ=300><ACK=101><CTL=SYN,ACK,ECE>").expect("<SEQ=101><ACK=301><CTL=ACK>");
    assert.equal(isAgreed(c), false);
    c.write(100).take();
  });
});

test("a peer that repeats its SYN without the bits has given up ECN", () => {
  onEachVariantWith(["ECN"], (variant) => {
    const c = policy(fresh(variant), AGREE).listen().send("<SEQ=300><CTL=SYN,ECE,CWR>");
    c.expect("<SEQ=100><ACK=301><CTL=SYN,ACK,ECE><MSS=1460>").send("<SEQ=300><CTL=SYN>");
    c.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>").send("<SEQ=301><ACK=101><CTL=ACK>");
    assert.equal(isAgreed(c.accept()), false);
    c.write(100).take();
  });
});

test("both open at once: only if both SYNs ask, and the SYN and ACK does not take it back", () => {
  onEachVariantWith(["ECN"], (variant) => {
    for (const [ours, theirs, answer, agreed] of [
      [ASK, ",ECE,CWR", ",ECE", true],
      [ASK, ",ECE,CWR", "", false],
      [ASK, "", "", false],
      [AGREE, ",ECE,CWR", "", false],
    ] as const) {
      naming(`${ours}${theirs}${answer}`, () => {
        const c = policy(fresh(variant), ours).connect();
        c.take();
        c.send(`<SEQ=300><CTL=SYN${theirs}>`);
        const bits = ours === ASK && theirs !== "" ? ",ECE" : "";
        c.expect(`<SEQ=100><ACK=301><CTL=SYN,ACK${bits}><MSS=1460>`);
        c.send(`<SEQ=300><ACK=101><CTL=SYN,ACK${answer}>`).take();
        assert.equal(isAgreed(c.state("ESTABLISHED")), agreed);
        c.write(100).take();
      });
    }
  });
});

// ── The receiver's side ──────────────────────────────────────────────────────────────────────────

test("a mark is echoed on every ACK, with text or without, until CWR comes [SHLD-8]", () => {
  onEachVariantWith(["ECN"], (variant) => {
    const c = established(variant);
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>", CE);
    c.expectSoon("<SEQ=101><ACK=311><CTL=ACK,ECE>");
    c.send("<SEQ=311><ACK=101><CTL=PSH,ACK><DATA=10>");
    c.expectSoon("<SEQ=101><ACK=321><CTL=ACK,ECE>");
    c.write(5).expect("<SEQ=101><ACK=321><CTL=PSH,ACK,ECE><DATA=5>");
    c.send("<SEQ=321><ACK=106><CTL=PSH,ACK,CWR><DATA=10>");
    c.expectSoon("<SEQ=106><ACK=331><CTL=ACK>");
    // A segment may carry CWR and be marked itself: that is a new mark.
    c.send("<SEQ=331><ACK=106><CTL=PSH,ACK,CWR><DATA=10>", CE);
    c.expectSoon("<SEQ=106><ACK=341><CTL=ACK,ECE>");
    assert.equal(c.rig.device.counter("ECN_CE_IN"), 2);
    c.closeWrite().expect("<SEQ=106><ACK=341><CTL=FIN,ACK,ECE>");
    c.send("<SEQ=341><ACK=107><CTL=FIN,ACK>").expect("<SEQ=107><ACK=342><CTL=ACK,ECE>");
  });
});

test("a mark counts on text in the window only: not on an ACK, a duplicate, or beyond", () => {
  onEachVariantWith(["ECN"], (variant) => {
    const c = established(variant);
    c.send("<SEQ=301><ACK=101><CTL=ACK>", CE);
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>").expectSoon("<SEQ=101><ACK=311><CTL=ACK>");
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>", CE).expect("<SEQ=101><ACK=311><CTL=ACK>");
    const beyond = 311 + c.rig.device.limit("RECEIVE_RING_SIZE");
    c.send(`<SEQ=${beyond}><ACK=101><CTL=ACK><DATA=10>`, CE).expect("<SEQ=101><ACK=311><CTL=ACK>");
    // ECT alone is no mark.
    for (const typeOfService of [1, 2]) {
      c.send("<SEQ=311><ACK=101><CTL=ACK><DATA=0>", { ipv4: { typeOfService } }).expectNothing();
    }
    assert.equal(c.rig.device.counter("ECN_CE_IN"), 0);
    // Ahead of a hole it is in the window.
    c.send("<SEQ=321><ACK=101><CTL=ACK><DATA=10>", CE).expect("<SEQ=101><ACK=311><CTL=ACK,ECE>");
    assert.equal(c.rig.device.counter("ECN_CE_IN"), 1);
  });
});

test("a mark on one fragment is one on the whole (RFC 3168 §5.3)", () => {
  onEachVariantWith(["ECN"], (variant) => {
    const c = established(variant);
    if (c.rig.device.limit("REASSEMBLY_COUNT") === 0) return;
    const frame = c.frame("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=64>");
    c.rig.device.inspector.received(frame); // which does not put fragments together
    const whole = parseFrame(frame).ipv4!.payload;
    const fragment = (from: number, to: number, typeOfService: number): Uint8Array => {
      const fragmentation = { fragmentOffset: from, moreFragments: to < whole.length };
      const payload = whole.subarray(from, to);
      const ipv4 = { identification: 7, dontFragment: false, ...fragmentation, payload };
      return c.rig.peerFrame({ ipv4: { ...ipv4, typeOfService } });
    };
    c.rig.deliver(fragment(0, 48, 2), fragment(48, whole.length, 3));
    c.expectSoon("<SEQ=101><ACK=365><CTL=ACK,ECE>");
  });
});

test("without agreement marks and bits mean nothing", () => {
  onEachVariantWith(["ECN"], (variant) => {
    const c = policy(fresh(variant), NEVER).listen().send("<SEQ=300><CTL=SYN,ECE,CWR>");
    c.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    c.send("<SEQ=301><ACK=101><CTL=ACK>").accept();
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>", CE).expectSoon(
      "<SEQ=101><ACK=311><CTL=ACK>",
    );
    c.write(MSS).take();
    const before = c.status("SSTHRESH");
    c.send(`<SEQ=311><ACK=${101 + MSS}><CTL=ACK,ECE>`);
    assert.equal(c.status("SSTHRESH"), before);
    assert.equal(c.rig.device.counter("ECN_CUTS"), 0);
  });
});

// ── The sender's side ────────────────────────────────────────────────────────────────────────────

/** Rings large enough for a window that can be halved. */
function onRoomyVariants(run: (variant: Variant) => void): void {
  onEachVariantWith(["ECN"], (variant) => {
    if (variant.profile === "host") run(variant);
  });
}

/** A full initial window of text in flight: 10 segments. */
function tenInFlight(variant: Variant): Conversation {
  const c = established(variant, { mss: MSS, window: 60_000 });
  assert.equal(c.status("CWND"), 10 * MSS);
  c.write(25 * MSS);
  assert.equal(shown(c).length, 10);
  return c;
}

test("an echo halves the window once, nothing is sent again, CWR follows [SHLD-8]", () => {
  onRoomyVariants((variant) => {
    const c = tenInFlight(variant);
    c.send(`<SEQ=301><ACK=${101 + MSS}><CTL=ACK,ECE>`);
    assert.deepEqual([c.status("CWND"), c.status("SSTHRESH")], [5 * MSS, 5 * MSS]);
    assert.deepEqual(shown(c), []); // nine are in flight
    for (let i = 2; i <= 5; i++) c.send(`<SEQ=301><ACK=${101 + i * MSS}><CTL=ACK,ECE>`);
    assert.equal(c.status("CWND"), 5 * MSS);
    c.send(`<SEQ=301><ACK=${101 + 6 * MSS}><CTL=ACK,ECE>`);
    assert.deepEqual(shown(c), [`${10 * MSS}+${MSS} CWR`]);
    c.send(`<SEQ=301><ACK=${101 + 10 * MSS}><CTL=ACK,ECE>`);
    assert.deepEqual([c.status("CWND"), c.rig.device.counter("ECN_CUTS")], [5 * MSS, 1]);
    assert.ok(shown(c).every((text) => !text.includes("CWR")));
    // The text with CWR is acknowledged: an echo now is another mark.
    c.send(`<SEQ=301><ACK=${101 + 11 * MSS}><CTL=ACK,ECE>`);
    assert.deepEqual([c.status("CWND"), c.rig.device.counter("ECN_CUTS")], [2 * MSS, 2]);
    assert.equal(c.status("RETRANSMITS"), 0);
  });
});

test("a loss in a window that an echo has cut is repaired, and cuts it no further", () => {
  onRoomyVariants((variant) => {
    const c = tenInFlight(variant);
    c.send(`<SEQ=301><ACK=${101 + MSS}><CTL=ACK,ECE>`);
    assert.equal(c.status("SSTHRESH"), 5 * MSS);
    for (let i = 0; i < 3; i++) c.send(`<SEQ=301><ACK=${101 + MSS}><CTL=ACK,ECE>`);
    assert.deepEqual(shown(c), [`${MSS}+${MSS}`]);
    assert.equal(c.status("SSTHRESH"), 5 * MSS);
    assert.equal(c.rig.device.counter("ECN_CUTS"), 1);
  });
});

test("text behind what the peer has reported is new, and marked", () => {
  onEachVariantWith(["ECN", "SACK"], (variant) => {
    const c = policy(fresh(variant, { window: 4 * MSS }), AGREE).listen();
    const offer: TcpOption[] = [{ kind: "mss", value: MSS }, { kind: "sack-permitted" }];
    c.send("<SEQ=300><CTL=SYN,ECE,CWR>", { tcp: { options: offer } }).take();
    c.send("<SEQ=301><ACK=101><CTL=ACK>").accept();
    c.write(5 * MSS);
    assert.equal(shown(c).length, 4);
    // Only the last two arrive; what is sent again for that is lost too.
    const [left, right] = [c.iss + 1 + 2 * MSS, c.iss + 1 + 4 * MSS];
    const blocks = [{ left: left >>> 0, right: right >>> 0 }];
    const report: Disguise = { tcp: { options: [{ kind: "sack", blocks }] } };
    c.send("<SEQ=301><ACK=101><CTL=ACK>", report);
    while (c.rig.device.counter("RETRANSMISSION_TIMEOUTS") === 0) c.after(1).take();
    c.send(`<SEQ=301><ACK=${101 + MSS}><CTL=ACK>`, report);
    const sent = c.takeTimed().map(({ frame }) => {
      return [(frame.tcp!.seq - c.iss - 1) >>> 0, frame.ipv4!.typeOfService];
    });
    assert.deepEqual(sent, [
      [MSS, 0],
      [4 * MSS, 2],
    ]);
  });
});

test("an echo in a window that a loss has cut changes nothing; CWR follows the loss too", () => {
  onRoomyVariants((variant) => {
    const c = tenInFlight(variant);
    const sent: string[] = [];
    for (let i = 0; i < 3; i++) sent.push(...shown(c.send("<SEQ=301><ACK=101><CTL=ACK>")));
    // Limited transmit, twice, then what is lost.
    assert.deepEqual(sent, [`${10 * MSS}+${MSS}`, `${11 * MSS}+${MSS}`, `0+${MSS}`]);
    const threshold = c.status("SSTHRESH");
    c.send(`<SEQ=301><ACK=${101 + 12 * MSS}><CTL=ACK,ECE>`);
    assert.deepEqual([c.status("SSTHRESH"), c.rig.device.counter("ECN_CUTS")], [threshold, 0]);
    const [first, ...others] = shown(c);
    assert.equal(first, `${12 * MSS}+${MSS} CWR`);
    assert.ok(others.every((text) => !text.includes("CWR")));
  });
});

test("after a time-out what goes again has neither ECT nor CWR, the first new text both", () => {
  onRoomyVariants((variant) => {
    const c = established(variant, { mss: MSS, window: 60_000 }).write(2 * MSS);
    c.take();
    c.after(1_000);
    const again = c.takeTimed();
    assert.deepEqual([again[0]!.frame.ipv4!.typeOfService & 3, again.length], [0, 1]);
    assert.equal(again[0]!.segment.flags & Flag.CWR, 0);
    c.send(`<SEQ=301><ACK=${101 + 2 * MSS}><CTL=ACK,ECE>`);
    assert.equal(c.rig.device.counter("ECN_CUTS"), 0);
    const [first] = c.write(MSS).takeTimed();
    assert.equal(first!.frame.ipv4!.typeOfService & 3, 2);
    assert.equal(first!.segment.flags & Flag.CWR, Flag.CWR);
  });
});

test("at a window of one segment an echo stops new text for one RTO", () => {
  onEachVariantWith(["ECN"], (variant) => {
    const c = policy(fresh(variant), AGREE).listen();
    c.send(`<SEQ=300><CTL=SYN,ECE,CWR><MSS=${MSS}>`).take();
    c.after(1_000).take(); // our SYN was lost: the window begins with one segment
    c.send("<SEQ=301><ACK=101><CTL=ACK>").accept();
    assert.equal(c.status("CWND"), MSS);
    c.write(MSS).take();
    c.send(`<SEQ=301><ACK=${101 + MSS}><CTL=ACK,ECE>`);
    assert.equal(c.status("CWND"), MSS);
    const rto = c.status("RTO_MS");
    c.write(100)
      .quiet(rto - 1)
      .after(1);
    c.expect(`<SEQ=${101 + MSS}><ACK=301><CTL=PSH,ACK,CWR><DATA=100>`);
    assert.equal(c.status("RETRANSMITS"), 0);
    c.send(`<SEQ=301><ACK=${201 + MSS}><CTL=ACK>`).closeWrite();
    c.expect(`<SEQ=${201 + MSS}><ACK=301><CTL=FIN,ACK>`);
  });
});

test("a probe of a closed window carries neither ECT nor CWR", () => {
  onEachVariantWith(["ECN"], (variant) => {
    const c = established(variant);
    c.window = 0;
    c.send("<SEQ=301><ACK=101><WND=0><CTL=ACK>").write(20).expectNothing().after(1_000);
    const [probe] = c.takeTimed();
    assert.equal(probe!.segment.payload.length, 1);
    assert.equal(probe!.frame.ipv4!.typeOfService, 0);
    c.window = 4_096;
    c.send("<SEQ=301><ACK=101><CTL=ACK>");
    const [text] = c.takeTimed();
    // Its first octet has been sent before, so it is not marked.
    assert.equal(text!.frame.ipv4!.typeOfService, 0);
  });
});
