/**
 * Urgent data: what the pointer says in both directions, when the user is told, and that no octet
 * leaves its place for it.
 *
 * RFC 9293 §3.8.5 (MUST-30 to MUST-33, MUST-62), §3.4 (MUST-66), §3.10.7.4 (sixth check); RFC 6093.
 * Every emitted segment that begins before the end of urgent data must carry URG with a pointer to
 * one and the same number: the inspector sees to it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Flag } from "../../hal/host/packet/index.ts";
import type { Conversation } from "../support/conversation.ts";
import { given } from "../support/given.ts";
import { onEachVariantWith } from "../support/variants.ts";

/** What STATUS says of urgent data that is unread. */
function unread(c: Conversation, octets: number): Conversation {
  assert.equal(c.status("URGENT_UNREAD"), octets, "URGENT_UNREAD");
  return c;
}

/** SEG.SEQ + urgent pointer of each segment that came out, as an offset into Linger's stream. */
function urgentEnds(c: Conversation): (number | undefined)[] {
  return c.take().map(({ flags, seq, urgentPointer }) => {
    return (flags & Flag.URG) === 0 ? undefined : (seq + urgentPointer - c.iss - 1) >>> 0;
  });
}

// ── The receiver's side ──────────────────────────────────────────────────────────────────────────

test("the pointer names the octet after the urgent ones, read in line [MUST-30 MUST-62]", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("ESTABLISHED", variant);
    unread(c, 0).send("<SEQ=301><ACK=101><CTL=URG,PSH,ACK><UP=5><DATA=8>");
    c.expectSoon("<SEQ=101><ACK=309><CTL=ACK>").events("READABLE", "URGENT");
    unread(c, 5).read(4);
    unread(c, 1).read(1);
    unread(c, 0).read(3);
    unread(c, 0).events();
  });
});

test("the user is told once per advance, not for a repeat or what he has read [MUST-32]", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("ESTABLISHED", variant);
    c.send("<SEQ=301><ACK=101><CTL=URG,ACK><UP=100>").expectNothing().events("URGENT");
    c.send("<SEQ=301><ACK=101><CTL=URG,ACK><UP=100>").expectNothing().events();
    c.send("<SEQ=301><ACK=101><CTL=URG,ACK><UP=99>").expectNothing().events();
    unread(c, 100);
    c.send("<SEQ=301><ACK=101><CTL=URG,ACK><UP=101>").expectNothing().events("URGENT");
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=120>").expectSoon("<SEQ=101><ACK=421><CTL=ACK>");
    c.events("READABLE");
    unread(c, 101).read(110);
    // It ends before what was read: nothing is pending, now or after more of the same.
    c.send("<SEQ=421><ACK=101><CTL=URG,ACK><UP=0>");
    unread(c, 10).events("URGENT");
    c.read(10);
    c.send("<SEQ=421><ACK=101><CTL=URG,ACK><UP=0>");
    unread(c, 0).events();
    c.send("<SEQ=421><ACK=101><CTL=URG,ACK><UP=1>").events("URGENT");
    unread(c, 1).expectNothing();
  });
});

test("how much is unread can be asked: before it comes, and as it is read [MUST-33]", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("ESTABLISHED", variant);
    c.send("<SEQ=301><ACK=101><CTL=URG,PSH,ACK><UP=100><DATA=40>").expectSoon(
      "<SEQ=101><ACK=341><CTL=ACK>",
    );
    unread(c, 100).read(40);
    unread(c, 60);
    c.send("<SEQ=341><ACK=101><CTL=PSH,ACK><DATA=80>").expectSoon("<SEQ=101><ACK=421><CTL=ACK>");
    unread(c, 60).read(20);
    unread(c, 40).read(60);
    unread(c, 0);
  });
});

test("a pointer of 65,535 is far beyond the window, and as good as any [MUST-31]", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("ESTABLISHED", variant);
    c.send("<SEQ=301><ACK=101><CTL=URG,PSH,ACK><UP=65535><DATA=600>").events("READABLE", "URGENT");
    c.take();
    unread(c, 65_535).read(600);
    unread(c, 64_935);
    for (let seq = 901; seq < 65_836; seq += 500) {
      const octets = Math.min(500, 65_836 - seq);
      c.take();
      c.send(`<SEQ=${seq}><ACK=101><CTL=URG,PSH,ACK><UP=${65_836 - seq}><DATA=${octets}>`).take();
      c.read(octets).events("READABLE");
      unread(c, 65_836 - seq - octets).take();
    }
  });
});

test("with a closed window URG still counts, though its text is refused [MUST-66]", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("ESTABLISHED", variant);
    const ring = c.rig.device.limit("RECEIVE_RING_SIZE");
    for (let at = 0; at < ring; at += 512) {
      c.send(`<SEQ=${301 + at}><ACK=101><CTL=PSH,ACK><DATA=${Math.min(512, ring - at)}>`).take();
    }
    c.advance(500).take();
    c.events("READABLE");
    assert.equal(c.status("RCV_WND"), 0);
    const next = 301 + ring;
    c.send(`<SEQ=${next}><ACK=101><CTL=URG,PSH,ACK><UP=1><DATA=1>`);
    c.expect(`<SEQ=101><ACK=${next}><WND=0><CTL=ACK>`).events("URGENT");
    unread(c, ring + 1);
    c.send(`<SEQ=${next}><ACK=101><CTL=URG,ACK><UP=7>`).expectNothing().events("URGENT");
    unread(c, ring + 7);
    assert.equal(c.readAll(), ring);
    unread(c, 7).take();
  });
});

test("URG counts ahead of a hole and on what has come in part, not outside the window", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("ESTABLISHED", variant);
    c.send("<SEQ=311><ACK=101><CTL=URG,ACK><UP=5><DATA=10>").expect("<SEQ=101><ACK=301><CTL=ACK>");
    unread(c, 15).events("URGENT");
    c.send("<SEQ=301><ACK=101><CTL=ACK><DATA=10>").expect("<SEQ=101><ACK=321><CTL=ACK>");
    c.events("READABLE");
    // The pointer counts from the segment's own number, not from what is left of it.
    c.send("<SEQ=311><ACK=101><CTL=URG,ACK><UP=15><DATA=12>").take();
    unread(c, 25).advance(500).take();
    c.events("READABLE", "URGENT").read(22);
    unread(c, 3);
    for (const seq of [301, 323 + c.rig.device.limit("RECEIVE_RING_SIZE")]) {
      c.send(`<SEQ=${seq}><ACK=101><CTL=URG,ACK><UP=30000><DATA=1>`).take();
      unread(c, 3).events();
    }
    // Nor where the ACK is not to be believed.
    c.send("<SEQ=323><ACK=999><CTL=URG,ACK><UP=30000>").take();
    unread(c, 3).events();
  });
});

test("the peer's FIN ends urgent data, wherever the pointer points", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("ESTABLISHED", variant);
    c.send("<SEQ=301><ACK=101><CTL=URG,FIN,ACK><UP=50><DATA=10>");
    c.expect("<SEQ=101><ACK=312><CTL=ACK>").events("READABLE", "URGENT", "PEER_CLOSED");
    unread(c, 10).read(10).eof();
    unread(c, 0).state("CLOSE-WAIT");
    // No text comes any more, so nothing of it can be urgent.
    c.send("<SEQ=312><ACK=101><CTL=URG,ACK><UP=9>").expectNothing().events();
    unread(c, 0).abort().expect("<SEQ=101><CTL=RST>");
  });
});

test("URG in FIN-WAIT-1 and FIN-WAIT-2 counts, since text does; a reset voids it", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    for (const state of ["FIN-WAIT-1", "FIN-WAIT-2"] as const) {
      const c = given(state, variant);
      const ack = state === "FIN-WAIT-1" ? 101 : 102;
      c.send(`<SEQ=301><ACK=${ack}><CTL=URG,ACK><UP=3>`).expectNothing().events("URGENT");
      unread(c, 3).send("<SEQ=301><CTL=RST>").ended("RESET");
      unread(c, 0);
    }
  });
});

// ── The sender's side ────────────────────────────────────────────────────────────────────────────

test("all that was sent is urgent: SEG.SEQ + pointer is the next octet [MUST-30 MUST-62]", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("ESTABLISHED", variant);
    c.together(() => c.write(4).call("tcpUrgent", "OK").write(6));
    c.expect("<SEQ=101><ACK=301><CTL=PSH,URG,ACK><UP=4><DATA=10>");
    c.after(1_000).expect("<SEQ=101><ACK=301><CTL=PSH,URG,ACK><UP=4><DATA=10>");
    // Urgent mode lasts until its last octet is acknowledged, in whatever is sent before that.
    c.send("<SEQ=301><ACK=103><CTL=ACK>");
    c.rig.advanceUntilEmitted(10_000, () => c.hasPending);
    c.expect("<SEQ=103><ACK=301><CTL=PSH,URG,ACK><UP=2><DATA=8>");
    c.send("<SEQ=301><ACK=105><CTL=ACK>");
    c.rig.advanceUntilEmitted(10_000, () => c.hasPending);
    c.expect("<SEQ=105><ACK=301><CTL=PSH,ACK><DATA=6>");
    c.send("<SEQ=301><ACK=111><CTL=ACK>")
      .write(1)
      .expect("<SEQ=111><ACK=301><CTL=PSH,ACK><DATA=1>");
  });
});

test("urgent data of many segments: each points to its end [MUST-31]", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("ESTABLISHED", variant, { mss: 200, window: 60_000 });
    const ring = c.rig.device.limit("SEND_RING_SIZE");
    c.together(() => c.write(ring).call("tcpUrgent", "OK"));
    let acked = 0;
    while (acked < ring) {
      assert.ok(c.hasPending || c.rig.advanceUntilEmitted(60_000, () => c.hasPending), "stuck");
      const segments = c.take();
      for (const { flags, seq, urgentPointer, payload } of segments) {
        assert.ok((flags & Flag.URG) !== 0, "URG");
        assert.equal((seq + urgentPointer - c.iss - 1) >>> 0, ring);
        acked = Math.max(acked, ((seq - c.iss - 1) >>> 0) + payload.length);
      }
      c.send(`<SEQ=301><ACK=${101 + acked}><CTL=ACK>`);
    }
    c.write(1).expect(`<SEQ=${101 + ring}><ACK=301><CTL=PSH,ACK><DATA=1>`);
  });
});

test("a second call moves the pointer on, and the first one's octets stay urgent", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("ESTABLISHED", variant).setOption("NO_DELAY", 1);
    c.together(() => c.write(10).call("tcpUrgent", "OK"));
    assert.deepEqual(urgentEnds(c), [10]);
    c.together(() => c.write(10).call("tcpUrgent", "OK"));
    assert.deepEqual(urgentEnds(c), [20]);
    c.send("<SEQ=301><ACK=111><CTL=ACK>").closeWrite();
    assert.deepEqual(urgentEnds(c), [undefined]); // the FIN lies behind
    c.after(1_000);
    assert.deepEqual(urgentEnds(c), [20]);
  });
});

test("into a closed window an empty segment carries the notification, and so do the probes", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("ESTABLISHED", variant);
    c.window = 0;
    c.send("<SEQ=301><ACK=101><WND=0><CTL=ACK>").write(20).expectNothing();
    c.call("tcpUrgent", "OK").expect("<SEQ=101><ACK=301><CTL=URG,ACK><UP=20>");
    c.after(1_000).expect("<SEQ=101><ACK=301><CTL=URG,ACK><UP=20><DATA=1>");
    // The probe's octet was refused, so the pointer still counts from before it.
    c.write(5).call("tcpUrgent", "OK").expect("<SEQ=101><ACK=301><CTL=URG,ACK><UP=25>");
    c.send("<SEQ=301><ACK=101><WND=4096><CTL=ACK>");
    c.expect("<SEQ=101><ACK=301><CTL=PSH,URG,ACK><UP=25><DATA=25>");
  });
});

test("what Nagle holds back is announced at once, what was acknowledged not at all", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("ESTABLISHED", variant).write(10);
    c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>").write(3).expectNothing();
    c.call("tcpUrgent", "OK").expect("<SEQ=111><ACK=301><CTL=URG,ACK><UP=3>");
    c.send("<SEQ=301><ACK=111><CTL=ACK>").expect(
      "<SEQ=111><ACK=301><CTL=PSH,URG,ACK><UP=3><DATA=3>",
    );
    c.send("<SEQ=301><ACK=114><CTL=ACK>").call("tcpUrgent", "OK").expectNothing();
    c.write(1).expect("<SEQ=114><ACK=301><CTL=PSH,ACK><DATA=1>");
  });
});

test("before the handshake is complete it waits with the data, and no SYN carries it", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("SYN-SENT", variant).write(5).call("tcpUrgent", "OK").expectNothing();
    c.after(1_000).expect("<SEQ=100><CTL=SYN><MSS=1460>");
    c.send("<SEQ=300><CTL=SYN><MSS=1460>").expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    c.send("<SEQ=301><ACK=101><CTL=ACK>").expect(
      "<SEQ=101><ACK=301><CTL=PSH,URG,ACK><UP=5><DATA=5>",
    );
  });
});

test("after CLOSE and after the end it is refused", () => {
  onEachVariantWith(["URGENT"], (variant) => {
    const c = given("FIN-WAIT-1", variant).call("tcpUrgent", "CONNECTION_CLOSING").expectNothing();
    c.abort().expect("<SEQ=102><CTL=RST>");
    given("ESTABLISHED", variant)
      .send("<SEQ=301><CTL=RST>")
      .call("tcpUrgent", "CONNECTION_ENDED")
      .expectNothing();
  });
});
