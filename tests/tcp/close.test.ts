/**
 * Every way to close a connection: normal, simultaneous, half, full, by reset, by time-out; Linger
 * as the one who closes first and as the other, in connections that either side opened.
 *
 * RFC 9293 §3.6 (Figures 12 and 13), §3.10.4, §3.10.5, §3.10.7.4; RFC 1122 §4.2.2.13. Runs on every
 * profile, with ordinary and with wrapping numbers. TIME-WAIT has a file of its own.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conversation, RfcState } from "../support/conversation.ts";
import type { FeatureName } from "../support/device.ts";
import { given, type GivenOptions, ROLES } from "../support/given.ts";
import { naming, onEachVariantWith } from "../support/variants.ts";

/** Gives a connection in this state. */
type Open = (state: RfcState, options?: GivenOptions) => Conversation;

/** A test on every variant that has these features, in connections opened by either side. */
function closing(name: string, run: (open: Open) => void, features: FeatureName[] = []): void {
  test(name, () => {
    onEachVariantWith(features, (variant) => {
      for (const role of ROLES) {
        naming(`${role} open`, () => {
          run((state, options) => given(state, variant, { role, ...options }));
        });
      }
    });
  });
}

// ── Normal close ─────────────────────────────────────────────────────────────────────────────────

closing("Figure 12, Linger closes first", (open) => {
  open("ESTABLISHED")
    .closeWrite()
    .expect("<SEQ=101><ACK=301><CTL=FIN,ACK>")
    .state("FIN-WAIT-1")
    .events()
    .send("<SEQ=301><ACK=102><CTL=ACK>")
    .state("FIN-WAIT-2")
    .events("ALL_ACKNOWLEDGED")
    .call("tcpPeek", "WOULD_BLOCK")
    .send("<SEQ=301><ACK=102><CTL=FIN,ACK>")
    .expect("<SEQ=102><ACK=302><CTL=ACK>")
    .state("TIME-WAIT")
    .reason("CLOSED")
    .eventsWith("PEER_CLOSED", "ENDED")
    .eof()
    .quiet(2 * 30_000)
    .state("CLOSED")
    .reason("CLOSED")
    .eof()
    .events();
});

closing("Figure 12, the peer closes first [MUST-12]", (open) => {
  open("ESTABLISHED")
    .send("<SEQ=301><ACK=101><CTL=FIN,ACK>")
    .expect("<SEQ=101><ACK=302><CTL=ACK>")
    .state("CLOSE-WAIT")
    .eventsWith("PEER_CLOSED")
    .eof()
    .reason("NONE")
    .close()
    .expect("<SEQ=101><ACK=302><CTL=FIN,ACK>")
    .state("LAST-ACK")
    .send("<SEQ=302><ACK=102><CTL=ACK>")
    .ended("CLOSED");
});

closing("Figure 13, both close at once", (open) => {
  open("ESTABLISHED")
    .closeWrite()
    .expect("<SEQ=101><ACK=301><CTL=FIN,ACK>")
    .send("<SEQ=301><ACK=101><CTL=FIN,ACK>")
    .expect("<SEQ=102><ACK=302><CTL=ACK>")
    .state("CLOSING")
    .eventsWith("PEER_CLOSED")
    .reason("NONE")
    .send("<SEQ=302><ACK=102><CTL=ACK>")
    .state("TIME-WAIT")
    .reason("CLOSED")
    .events("ALL_ACKNOWLEDGED", "ENDED")
    .quiet(2 * 30_000)
    .state("CLOSED");
});

closing("the peer's FIN acknowledges ours: FIN-WAIT-1 to TIME-WAIT", (open) => {
  open("FIN-WAIT-1")
    .send("<SEQ=301><ACK=102><CTL=FIN,ACK>")
    .expect("<SEQ=102><ACK=302><CTL=ACK>")
    .state("TIME-WAIT")
    .eventsWith("ALL_ACKNOWLEDGED", "PEER_CLOSED", "ENDED");
});

closing("the last ACK is lost: the FIN goes again, its duplicate answer is of no use", (open) => {
  open("LAST-ACK")
    .after(1_000)
    .expect("<SEQ=101><ACK=302><CTL=FIN,ACK>")
    .state("LAST-ACK")
    .send("<SEQ=302><ACK=102><CTL=ACK>")
    .ended("CLOSED");
});

closing(
  "the peer repeats its FIN in CLOSE-WAIT, LAST-ACK and CLOSING: acknowledged again",
  (open) => {
    open("CLOSE-WAIT")
      .send("<SEQ=301><ACK=101><CTL=FIN,ACK>")
      .expect("<SEQ=101><ACK=302><CTL=ACK>")
      .state("CLOSE-WAIT");
    open("LAST-ACK")
      .send("<SEQ=301><ACK=101><CTL=FIN,ACK>")
      .expect("<SEQ=102><ACK=302><CTL=ACK>")
      .state("LAST-ACK");
    open("CLOSING")
      .send("<SEQ=301><ACK=101><CTL=FIN,ACK>")
      .expect("<SEQ=102><ACK=302><CTL=ACK>")
      .state("CLOSING");
  },
);

// ── Half-close ───────────────────────────────────────────────────────────────────────────────────

closing("half-close: the peer goes on sending for an hour and is read", (open) => {
  const c = open("FIN-WAIT-2");
  c.call("tcpReserve", "CONNECTION_CLOSING").call("tcpCloseWrite", "CONNECTION_CLOSING");
  for (let round = 0; round < 6; round++) {
    const seq = 301 + round * 100;
    c.quiet(600_000).state("FIN-WAIT-2");
    c.send(`<SEQ=${seq}><ACK=102><CTL=PSH,ACK><DATA=100>`);
    c.expectSoon(`<SEQ=102><ACK=${seq + 100}><CTL=ACK>`);
    c.events("READABLE").read(100);
    // A small ring may tell that its window is open again.
    c.expectNothingOr(`<SEQ=102><ACK=${seq + 100}><CTL=ACK>`).call("tcpPeek", "WOULD_BLOCK");
  }
  c.send("<SEQ=901><ACK=102><CTL=FIN,ACK><DATA=50>")
    .expect("<SEQ=102><ACK=952><CTL=ACK>")
    .state("TIME-WAIT")
    .events("READABLE", "PEER_CLOSED", "ENDED")
    .read(50)
    .eof();
});

closing("half-close by the peer: Linger goes on sending for an hour, then closes", (open) => {
  const c = open("CLOSE-WAIT").eof();
  for (let round = 0; round < 6; round++) {
    const seq = 101 + round * 200;
    c.quiet(600_000).state("CLOSE-WAIT");
    c.write(200).expect(`<SEQ=${seq}><ACK=302><CTL=PSH,ACK><DATA=200>`);
    c.send(`<SEQ=302><ACK=${seq + 200}><CTL=ACK>`).events("ALL_ACKNOWLEDGED");
  }
  c.closeWrite()
    .expect("<SEQ=1301><ACK=302><CTL=FIN,ACK>")
    .state("LAST-ACK")
    .send("<SEQ=302><ACK=1302><CTL=ACK>")
    .ended("CLOSED");
});

closing("CLOSING: what was sent before CLOSE is sent again until acknowledged", (open) => {
  const c = open("ESTABLISHED").write(200).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=200>");
  c.closeWrite().expect("<SEQ=301><ACK=301><CTL=FIN,ACK>").state("FIN-WAIT-1");
  c.send("<SEQ=301><ACK=101><CTL=FIN,ACK>").expect("<SEQ=302><ACK=302><CTL=ACK>").state("CLOSING");
  // The data may come with the FIN or without.
  c.after(1_000);
  const [first] = c.take();
  assert.equal(first?.seq, (c.iss + 1) >>> 0);
  assert.equal(first?.payload.length, 200);
  c.send("<SEQ=302><ACK=301><CTL=ACK>");
  c.take();
  c.state("CLOSING").send("<SEQ=302><ACK=302><CTL=ACK>").state("TIME-WAIT");
});

closing("CLOSE sends the FIN behind all that was sent before, however small the window", (open) => {
  const c = open("ESTABLISHED", { window: 300 });
  c.together(() => c.write(900).closeWrite());
  c.expect("<SEQ=101><ACK=301><CTL=ACK><DATA=300>").state("FIN-WAIT-1");
  c.call("tcpReserve", "CONNECTION_CLOSING").call("tcpCommit", "CONNECTION_CLOSING", 1);
  c.send("<SEQ=301><ACK=401><CTL=ACK>").expect("<SEQ=401><ACK=301><CTL=ACK><DATA=300>");
  c.send("<SEQ=301><ACK=701><CTL=ACK>").expect("<SEQ=701><ACK=301><CTL=PSH,ACK><DATA=300>");
  c.send("<SEQ=301><ACK=1001><CTL=ACK>").expect("<SEQ=1001><ACK=301><CTL=FIN,ACK>");
  c.state("FIN-WAIT-1").send("<SEQ=301><ACK=1002><CTL=ACK>").state("FIN-WAIT-2");
});

closing("CLOSE-WAIT becomes LAST-ACK only with the FIN, behind all the data", (open) => {
  const c = open("CLOSE-WAIT", { window: 300 });
  c.together(() => c.write(500).closeWrite());
  c.expect("<SEQ=101><ACK=302><CTL=ACK><DATA=300>").state("CLOSE-WAIT");
  c.call("tcpReserve", "CONNECTION_CLOSING").call("tcpCloseWrite", "CONNECTION_CLOSING");
  c.send("<SEQ=302><ACK=401><CTL=ACK>").expect("<SEQ=401><ACK=302><CTL=FIN,PSH,ACK><DATA=200>");
  c.state("LAST-ACK").send("<SEQ=302><ACK=601><CTL=ACK>").state("LAST-ACK");
  c.send("<SEQ=302><ACK=602><CTL=ACK>").ended("CLOSED");
});

closing("a window of zero delays the FIN; a probe finds out, the FIN follows", (open) => {
  const c = open("ESTABLISHED");
  c.send("<SEQ=301><ACK=101><WND=0><CTL=ACK>");
  c.window = 0;
  c.closeWrite().state("FIN-WAIT-1");
  // With nothing else to send, the FIN itself is the octet that probes (RFC 9293 §3.8.6.1).
  c.after(1_000).expect("<SEQ=101><ACK=301><CTL=FIN,ACK>");
  c.send("<SEQ=301><ACK=101><CTL=ACK>").state("FIN-WAIT-1");
  c.send("<SEQ=301><ACK=101><WND=500><CTL=ACK>").expect("<SEQ=101><ACK=301><CTL=FIN,ACK>");
  c.send("<SEQ=301><ACK=102><WND=500><CTL=ACK>").state("FIN-WAIT-2");
});

// ── FIN with data, FIN out of order ──────────────────────────────────────────────────────────────

closing("the peer's FIN with data: all is read, then end-of-file", (open) => {
  open("ESTABLISHED")
    .send("<SEQ=301><ACK=101><CTL=FIN,PSH,ACK><DATA=40>")
    .expect("<SEQ=101><ACK=342><CTL=ACK>")
    .state("CLOSE-WAIT")
    .events("READABLE", "PEER_CLOSED")
    .read(40)
    .eof()
    .expectNothing();
  open("FIN-WAIT-1")
    .send("<SEQ=301><ACK=102><CTL=FIN,PSH,ACK><DATA=40>")
    .expect("<SEQ=102><ACK=342><CTL=ACK>")
    .state("TIME-WAIT")
    .read(40)
    .eof();
  open("FIN-WAIT-1")
    .send("<SEQ=301><ACK=101><CTL=FIN,PSH,ACK><DATA=40>")
    .expect("<SEQ=102><ACK=342><CTL=ACK>")
    .state("CLOSING")
    .read(40)
    .eof();
});

closing("Linger's FIN goes with the last data", (open) => {
  open("ESTABLISHED")
    .together((c) => c.write(30).closeWrite())
    .expect("<SEQ=101><ACK=301><CTL=FIN,PSH,ACK><DATA=30>")
    .state("FIN-WAIT-1")
    .send("<SEQ=301><ACK=131><CTL=ACK>")
    .state("FIN-WAIT-1")
    .events()
    .send("<SEQ=301><ACK=132><CTL=ACK>")
    .state("FIN-WAIT-2")
    .events("ALL_ACKNOWLEDGED");
  open("CLOSE-WAIT")
    .together((c) => c.write(30).close())
    .expect("<SEQ=101><ACK=302><CTL=FIN,PSH,ACK><DATA=30>")
    .state("LAST-ACK")
    .send("<SEQ=302><ACK=132><CTL=ACK>")
    .ended("CLOSED");
});

closing("FIN out of order waits for the data before it", (open) => {
  const states = [
    ["ESTABLISHED", "CLOSE-WAIT", 101],
    ["FIN-WAIT-1", "CLOSING", 102],
    ["FIN-WAIT-2", "TIME-WAIT", 102],
  ] as const;
  for (const [before, after, seq] of states) {
    const ack = before === "FIN-WAIT-2" ? 102 : 101;
    const c = open(before);
    c.send(`<SEQ=341><ACK=${ack}><CTL=FIN,ACK>`).expect(`<SEQ=${seq}><ACK=301><CTL=ACK>`);
    c.state(before).call("tcpPeek", "WOULD_BLOCK").events();
    c.send(`<SEQ=301><ACK=${ack}><CTL=ACK><DATA=40>`).expect(`<SEQ=${seq}><ACK=342><CTL=ACK>`);
    c.state(after).eventsWith("READABLE", "PEER_CLOSED").read(40).eof();
  }
});

closing(
  "FIN with data out of order; nothing counts behind it",
  (open) => {
    const c = open("ESTABLISHED");
    c.send("<SEQ=321><ACK=101><CTL=FIN,ACK><DATA=20>").expect("<SEQ=101><ACK=301><CTL=ACK>");
    // Data behind the FIN is nobody's: it is neither delivered nor acknowledged.
    c.send("<SEQ=342><ACK=101><CTL=ACK><DATA=20>");
    c.expectNothingOr("<SEQ=101><ACK=301><CTL=ACK>");
    c.send("<SEQ=301><ACK=101><CTL=ACK><DATA=20>").expect("<SEQ=101><ACK=342><CTL=ACK>");
    c.state("CLOSE-WAIT").read(40).eof();
  },
  ["OUT_OF_ORDER"],
);

closing("data behind the peer's FIN is ignored in every state that has seen it", (open) => {
  for (const state of ["CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"] as const) {
    const c = open(state).send("<SEQ=302><ACK=101><CTL=PSH,ACK><DATA=25>");
    c.expectNothingOr(`<SEQ=${state === "CLOSE-WAIT" ? 101 : 102}><ACK=302><CTL=ACK>`);
    c.state(state).eof();
  }
});

// ── Abort and reset ──────────────────────────────────────────────────────────────────────────────

closing(
  "ABORT loses what is queued and tells the peer, whose answers draw nothing but RST",
  (open) => {
    const c = open("ESTABLISHED", { window: 300 });
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>").expectSoon("<SEQ=101><ACK=311><CTL=ACK>");
    c.write(900).expect("<SEQ=101><ACK=311><CTL=ACK><DATA=300>");
    c.abort().expect("<SEQ=401><CTL=RST>").ended("ABORTED");
    c.call("tcpPeek", "CONNECTION_ENDED").call("tcpReserve", "CONNECTION_ENDED");
    c.quiet(600_000);
    c.send("<SEQ=311><ACK=401><CTL=ACK>").expect("<SEQ=401><CTL=RST>").state("CLOSED");
  },
);

closing("the peer's reset voids all data, and the application learns of it [MUST-12]", (open) => {
  for (const state of ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"] as const) {
    const c = open(state);
    const ack = state === "FIN-WAIT-2" ? 102 : 101;
    c.send(`<SEQ=301><ACK=${ack}><CTL=PSH,ACK><DATA=10>`);
    c.expectSoon(`<SEQ=${state === "ESTABLISHED" ? 101 : 102}><ACK=311><CTL=ACK>`);
    c.send("<SEQ=311><CTL=RST>").ended("RESET").call("tcpPeek", "CONNECTION_ENDED");
    const refusal = state === "ESTABLISHED" ? "CONNECTION_ENDED" : "CONNECTION_CLOSING";
    c.call("tcpReserve", refusal).quiet(600_000);
  }
});

closing("the peer's reset after its FIN: CLOSE-WAIT, CLOSING, LAST-ACK", (open) => {
  for (const state of ["CLOSE-WAIT", "CLOSING", "LAST-ACK"] as const) {
    open(state).send("<SEQ=302><CTL=RST>").ended("RESET").quiet(600_000);
  }
});

closing("an RST may carry ACK and data; the data is not delivered [SHLD-2]", (open) => {
  const c = open("ESTABLISHED").send("<SEQ=301><ACK=101><CTL=RST,ACK><DATA=20>");
  c.ended("RESET").call("tcpPeek", "CONNECTION_ENDED");
});

// ── Full close ───────────────────────────────────────────────────────────────────────────────────

closing("full close without unread data is a normal close [MAY-1]", (open) => {
  open("ESTABLISHED")
    .close()
    .expect("<SEQ=101><ACK=301><CTL=FIN,ACK>")
    .state("FIN-WAIT-1")
    .call("tcpPeek", "CONNECTION_ENDED")
    .send("<SEQ=301><ACK=102><CTL=FIN,ACK>")
    .expect("<SEQ=102><ACK=302><CTL=ACK>")
    .state("TIME-WAIT")
    .reason("CLOSED");
});

closing("full close with unread data resets [SHLD-3]", (open) => {
  const c = open("ESTABLISHED").send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>");
  c.expectSoon("<SEQ=101><ACK=311><CTL=ACK>");
  c.close().expect("<SEQ=101><CTL=RST>").ended("ABORTED");
  const later = open("CLOSE-WAIT").eof();
  later.close().expect("<SEQ=101><ACK=302><CTL=FIN,ACK>").state("LAST-ACK");
  const unread = open("ESTABLISHED").send("<SEQ=301><ACK=101><CTL=FIN,ACK><DATA=10>");
  unread.expect("<SEQ=101><ACK=312><CTL=ACK>").state("CLOSE-WAIT").close();
  unread.expect("<SEQ=101><CTL=RST>").ended("ABORTED");
});

closing("full close after a half-close with unread data resets", (open) => {
  const c = open("FIN-WAIT-2").send("<SEQ=301><ACK=102><CTL=PSH,ACK><DATA=10>");
  c.expectSoon("<SEQ=102><ACK=311><CTL=ACK>").read(9);
  c.close().expect("<SEQ=102><CTL=RST>").ended("ABORTED");
});

closing(
  "full close: data that arrives later resets, in FIN-WAIT-1 and FIN-WAIT-2 [SHLD-3]",
  (open) => {
    open("ESTABLISHED")
      .close()
      .expect("<SEQ=101><ACK=301><CTL=FIN,ACK>")
      .send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>")
      .expect("<SEQ=102><CTL=RST>")
      .ended("ABORTED");
    open("ESTABLISHED")
      .close()
      .expect("<SEQ=101><ACK=301><CTL=FIN,ACK>")
      .send("<SEQ=301><ACK=102><CTL=ACK>")
      .state("FIN-WAIT-2")
      .quiet(60_000)
      .send("<SEQ=301><ACK=102><CTL=FIN,PSH,ACK><DATA=10>")
      .expect("<SEQ=102><CTL=RST>")
      .ended("ABORTED");
    open("FIN-WAIT-2")
      .close()
      .expectNothing()
      .state("FIN-WAIT-2")
      .send("<SEQ=301><ACK=102><CTL=PSH,ACK><DATA=10>")
      .expect("<SEQ=102><CTL=RST>")
      .ended("ABORTED");
  },
);

closing("full close, released at once: data that arrives later resets all the same", (open) => {
  const c = open("ESTABLISHED").release().expect("<SEQ=101><ACK=301><CTL=FIN,ACK>");
  c.lookup("FIN-WAIT-1").send("<SEQ=301><ACK=102><CTL=ACK>").lookup("FIN-WAIT-2");
  c.send("<SEQ=301><ACK=102><CTL=PSH,ACK><DATA=10>").expect("<SEQ=102><CTL=RST>");
  c.state("CLOSED");
});

closing("full close: old data that comes once more was read, so it does not reset", (open) => {
  const c = open("ESTABLISHED").send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>");
  c.expectSoon("<SEQ=101><ACK=311><CTL=ACK>").read(10);
  c.close().expect("<SEQ=101><ACK=311><CTL=FIN,ACK>");
  c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>").expect("<SEQ=102><ACK=311><CTL=ACK>");
  c.state("FIN-WAIT-1").send("<SEQ=311><ACK=102><CTL=ACK>").state("FIN-WAIT-2");
  c.send("<SEQ=306><ACK=102><CTL=PSH,ACK><DATA=10>").expect("<SEQ=102><CTL=RST>").ended("ABORTED");
});

closing(
  "a full close of FIN-WAIT-2 is bounded by the user timeout, a half-close is not",
  (open) => {
    open("FIN-WAIT-2").quiet(3_600_000).state("FIN-WAIT-2");
    const c = open("ESTABLISHED").setOption("USER_TIMEOUT_MS", 20_000).close();
    c.expect("<SEQ=101><ACK=301><CTL=FIN,ACK>").send("<SEQ=301><ACK=102><CTL=ACK>");
    c.quiet(19_000).state("FIN-WAIT-2").advance(2_000).take();
    c.ended("TIMED_OUT");
    const released = open("ESTABLISHED").setOption("USER_TIMEOUT_MS", 20_000).release();
    released.expect("<SEQ=101><ACK=301><CTL=FIN,ACK>").send("<SEQ=301><ACK=102><CTL=ACK>");
    released.quiet(19_000).lookup("FIN-WAIT-2").advance(2_000).take();
    released.state("CLOSED");
  },
);

// ── User timeout ─────────────────────────────────────────────────────────────────────────────────

closing("the user timeout ends every state that waits for an acknowledgement", (open) => {
  const waits: [RfcState, (c: Conversation) => void][] = [
    ["ESTABLISHED", (c) => c.write(10)],
    ["CLOSE-WAIT", (c) => c.write(10)],
    ["ESTABLISHED", (c) => c.closeWrite()],
    ["CLOSE-WAIT", (c) => c.closeWrite()],
    ["ESTABLISHED", (c) => c.close()],
    ["CLOSE-WAIT", (c) => c.close()],
  ];
  for (const [state, act] of waits) {
    const c = open(state).setOption("USER_TIMEOUT_MS", 20_000);
    act(c);
    c.advance(19_999).take();
    assert.equal(c.status("END_REASON"), 0, `${state}: too early`);
    c.advance(1_000).take();
    c.ended("TIMED_OUT").call("tcpPeek", "CONNECTION_ENDED");
    // Whoever was not there to acknowledge is told when he comes back.
    c.send("<SEQ=301><ACK=101><CTL=ACK>").expect("<SEQ=101><CTL=RST>").quiet(600_000);
  }
});

closing("CLOSING ends by the user timeout", (open) => {
  const c = open("ESTABLISHED").setOption("USER_TIMEOUT_MS", 20_000).closeWrite();
  c.expect("<SEQ=101><ACK=301><CTL=FIN,ACK>").send("<SEQ=301><ACK=101><CTL=FIN,ACK>");
  c.expect("<SEQ=102><ACK=302><CTL=ACK>").state("CLOSING").advance(21_000).take();
  c.ended("TIMED_OUT");
});

closing("without an option the user timeout is 5 minutes [SHLD-11]", (open) => {
  for (const state of ["FIN-WAIT-1", "CLOSING", "LAST-ACK"] as const) {
    const c = open(state).advance(299_000);
    c.take();
    c.state(state).advance(2_000).take();
    c.ended("TIMED_OUT");
  }
});

closing("idle connections never time out: ESTABLISHED, CLOSE-WAIT, FIN-WAIT-2", (open) => {
  for (const state of ["ESTABLISHED", "CLOSE-WAIT", "FIN-WAIT-2"] as const) {
    open(state).quiet(86_400_000).state(state);
  }
});

closing("each acknowledgement of something new starts the user timeout afresh", (open) => {
  const c = open("ESTABLISHED").setOption("USER_TIMEOUT_MS", 20_000).write(500);
  c.take();
  for (let acked = 1; acked <= 5; acked++) {
    c.advance(19_000).take();
    c.send(`<SEQ=301><ACK=${101 + acked * 50}><CTL=ACK>`).take();
    c.state("ESTABLISHED");
  }
  c.advance(19_000).take();
  c.state("ESTABLISHED").advance(2_000).take();
  c.ended("TIMED_OUT");
});

// ── Release ──────────────────────────────────────────────────────────────────────────────────────

closing("release closes in full and the connection ends by itself", (open) => {
  const c = open("ESTABLISHED").write(20).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=20>");
  c.release().expect("<SEQ=121><ACK=301><CTL=FIN,ACK>").lookup("FIN-WAIT-1");
  c.advance(1_000).take();
  c.send("<SEQ=301><ACK=122><CTL=FIN,ACK>").expect("<SEQ=122><ACK=302><CTL=ACK>");
  c.lookup("TIME-WAIT").quiet(60_000).state("CLOSED");
});

closing("release with unread data resets", (open) => {
  const c = open("ESTABLISHED").send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>");
  c.expectSoon("<SEQ=101><ACK=311><CTL=ACK>").release().expect("<SEQ=101><CTL=RST>");
  c.state("CLOSED");
});

closing("release in CLOSE-WAIT goes by LAST-ACK", (open) => {
  const c = open("CLOSE-WAIT").release().expect("<SEQ=101><ACK=302><CTL=FIN,ACK>");
  c.lookup("LAST-ACK").send("<SEQ=302><ACK=102><CTL=ACK>");
  c.state("CLOSED");
});
