/**
 * Keep-alive: when a silent peer is asked, with what, and when it counts as gone.
 *
 * RFC 9293 §3.8.4.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { IcmpType } from "../../hal/host/packet/index.ts";
import type { Conversation, RfcState } from "../support/conversation.ts";
import { fresh, given, type GivenOptions, ROLES } from "../support/given.ts";
import { icmpErrorFrame } from "../support/icmp.ts";
import { open as openPeer } from "../support/option-peer.ts";
import {
  onEachProfile,
  onEachProfileWith,
  onEachVariantWith,
  type Variant,
} from "../support/variants.ts";

const TWO_HOURS_MS = 7_200_000;
const INTERVAL_MS = 75_000;
const COUNT = 9;

/** Short enough for the clock of some variants to wrap in between. */
const IDLE_MS = 10_000;
const SHORT_INTERVAL_MS = 2_000;

const PROBE = "<SEQ=100><ACK=301><CTL=ACK>";
const ANSWER = "<SEQ=301><ACK=101><CTL=ACK>";

/** ESTABLISHED, keep-alive after 10 s, then every 2 s, 3 times. */
function kept(variant: Variant, options: GivenOptions = {}): Conversation {
  return keep(given("ESTABLISHED", variant, options));
}

function keep(c: Conversation): Conversation {
  c.setOption("KEEP_ALIVE_IDLE_MS", IDLE_MS).setOption("KEEP_ALIVE_INTERVAL_MS", SHORT_INTERVAL_MS);
  return c.setOption("KEEP_ALIVE_COUNT", 3).setOption("KEEP_ALIVE", 1);
}

test("an idle connection is silent for ever, unless keep-alive is asked for [MUST-25]", () => {
  onEachProfile((variant) => {
    for (const role of ROLES) {
      const c = given("ESTABLISHED", variant, { role });
      for (let hours = 0; hours < 100; hours++) c.quiet(3_600_000);
      c.state("ESTABLISHED");
      assert.equal(c.rig.device.counter("KEEP_ALIVE_PROBES"), 0);
    }
  });
});

test("the first probe after 2 hours, nine every 75 s, then the end [MUST-28 MUST-29 MAY-5]", () => {
  onEachProfileWith(["KEEP_ALIVE"], (variant) => {
    const c = given("ESTABLISHED", variant).setOption("KEEP_ALIVE", 1);
    c.after(TWO_HOURS_MS).expect(PROBE);
    for (let probe = 2; probe <= COUNT; probe++) c.after(INTERVAL_MS).expect(PROBE);
    c.quiet(INTERVAL_MS - 1)
      .state("ESTABLISHED")
      .quiet(1)
      .ended("TIMED_OUT");
    assert.equal(c.rig.device.counter("KEEP_ALIVE_PROBES"), COUNT);
    // Who was only cut off for so long learns that the connection is gone.
    c.send(ANSWER).expect("<SEQ=101><CTL=RST>");
  });
});

test("idle time, interval and count are the connection's own [MUST-24 MUST-27 SHLD-12]", () => {
  onEachVariantWith(["KEEP_ALIVE"], (variant) => {
    const c = kept(variant, { role: "passive" });
    const other = c.from(6_000).send("<SEQ=300><CTL=SYN><MSS=1460>");
    other.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    other.send("<SEQ=301><ACK=101><CTL=ACK>").accept();
    const plain = c.from(6_001).send("<SEQ=300><CTL=SYN><MSS=1460>");
    plain.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    plain.send("<SEQ=301><ACK=101><CTL=ACK>").accept();
    other.setOption("KEEP_ALIVE_IDLE_MS", 11_000).setOption("KEEP_ALIVE", 1);
    c.after(IDLE_MS).expect(PROBE);
    other.after(1_000).expect(PROBE);
    c.after(1_000).expect(PROBE).after(SHORT_INTERVAL_MS).expect(PROBE);
    c.quiet(SHORT_INTERVAL_MS - 1)
      .state("ESTABLISHED")
      .quiet(1)
      .ended("TIMED_OUT");
    other
      .quiet(INTERVAL_MS - 3 * SHORT_INTERVAL_MS)
      .expectNothing()
      .state("ESTABLISHED");
    plain.expectNothing().state("ESTABLISHED");
  });
});

test("whoever answers lives: each answer makes room for all probes again [MUST-29]", () => {
  onEachVariantWith(["KEEP_ALIVE"], (variant) => {
    const c = kept(variant);
    for (let round = 0; round < 5; round++) {
      c.after(IDLE_MS).expect(PROBE).after(SHORT_INTERVAL_MS).expect(PROBE);
      c.after(SHORT_INTERVAL_MS)
        .expect(PROBE)
        .quiet(SHORT_INTERVAL_MS - 1)
        .send(ANSWER);
    }
    c.expectNothing().state("ESTABLISHED").events();
  });
});

test("an interval longer than the idle time: an answer still starts from the idle time", () => {
  onEachVariantWith(["KEEP_ALIVE"], (variant) => {
    const c = kept(variant).setOption("KEEP_ALIVE_INTERVAL_MS", 30_000);
    c.after(IDLE_MS).expect(PROBE).quiet(5).send(ANSWER);
    // The time-out of the probe finds that it was answered, and that silence came again.
    c.advance(29_995).expect(PROBE).quiet(5).send(ANSWER).advance(29_995).expect(PROBE);
    c.after(30_000).expect(PROBE).after(30_000).expect(PROBE).quiet(29_999).state("ESTABLISHED");
    c.quiet(1).ended("TIMED_OUT");
  });
});

test("data or an acknowledgement from the peer puts the probe off [MUST-26]", () => {
  onEachVariantWith(["KEEP_ALIVE"], (variant) => {
    const c = kept(variant);
    for (let seq = 301; seq < 341; seq += 10) {
      c.quiet(IDLE_MS - 1)
        .send(`<SEQ=${seq}><ACK=101><CTL=ACK>`)
        .expectNothing();
      c.quiet(IDLE_MS - 1).send(`<SEQ=${seq}><ACK=101><CTL=PSH,ACK><DATA=10>`);
      const heardAtMs = c.nowMs;
      c.expectSoon(`<SEQ=101><ACK=${seq + 10}><CTL=ACK>`).read(10);
      c.quiet(heardAtMs + IDLE_MS - 1 - c.nowMs);
      c.send(`<SEQ=${seq + 10}><ACK=101><CTL=ACK>`);
    }
    c.after(IDLE_MS).expect("<SEQ=100><ACK=341><CTL=ACK>");
  });
});

test("a segment that is dropped puts nothing off", () => {
  onEachVariantWith(["KEEP_ALIVE"], (variant) => {
    const c = kept(variant)
      .quiet(IDLE_MS - 1)
      .send("<SEQ=290><ACK=101><CTL=ACK>");
    c.expect("<SEQ=101><ACK=301><CTL=ACK>").send("<SEQ=301><ACK=900><CTL=ACK>");
    c.expect("<SEQ=101><ACK=301><CTL=ACK>").after(1).expect(PROBE);
  });
});

test("no probe while anything is outstanding: that is sent again instead [MUST-26]", () => {
  onEachVariantWith(["KEEP_ALIVE"], (variant) => {
    const data = "<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=30>";
    const c = kept(variant).quiet(9_000).write(30).expect(data);
    for (const gap of [1_000, 2_000, 4_000, 8_000, 16_000]) c.after(gap).expect(data);
    // The acknowledgement ends that, and the silence begins with it.
    c.quiet(5_000).send("<SEQ=301><ACK=131><CTL=ACK>").after(IDLE_MS);
    c.expect("<SEQ=130><ACK=301><CTL=ACK>");
    // A probe under way keeps no data back, and no other one follows it.
    c.write(10).expect("<SEQ=131><ACK=301><CTL=PSH,ACK><DATA=10>").quiet(31_999);
  });
});

test("a closed window with data waiting is probed as such, not by keep-alive [MUST-26]", () => {
  onEachVariantWith(["KEEP_ALIVE"], (variant) => {
    const c = kept(variant).write(30).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=30>");
    c.window = 0;
    c.send("<SEQ=301><ACK=131><CTL=ACK>").write(20);
    const probe = "<SEQ=131><ACK=301><CTL=ACK><DATA=1>";
    for (const gap of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000]) {
      c.after(gap).expect(probe).send("<SEQ=301><ACK=131><CTL=ACK>");
    }
    assert.equal(c.rig.device.counter("KEEP_ALIVE_PROBES"), 0);
    // Closed, and nothing waits: keep-alive is all there is.
    c.window = 4_096;
    c.send("<SEQ=301><ACK=131><CTL=ACK>").expect("<SEQ=131><ACK=301><CTL=PSH,ACK><DATA=20>");
    c.window = 0;
    c.send("<SEQ=301><ACK=151><CTL=ACK>").after(IDLE_MS).expect("<SEQ=150><ACK=301><CTL=ACK>");
  });
});

test("switched off, on again, and set anew while it runs [MUST-24 MUST-27]", () => {
  onEachVariantWith(["KEEP_ALIVE"], (variant) => {
    const c = kept(variant).after(IDLE_MS).expect(PROBE).setOption("KEEP_ALIVE", 0).quiet(600_000);
    c.setOption("KEEP_ALIVE", 1).after(IDLE_MS).expect(PROBE);
    c.setOption("KEEP_ALIVE_IDLE_MS", 5_000).after(5_000).expect(PROBE);
    // Whole seconds, rounded up.
    c.setOption("KEEP_ALIVE_IDLE_MS", 5_001).after(6_000).expect(PROBE);
    c.setOption("KEEP_ALIVE_INTERVAL_MS", 1).send(ANSWER).after(6_000).expect(PROBE);
    c.after(1_000).expect(PROBE).after(1_000).expect(PROBE).quiet(999).state("ESTABLISHED");
    c.quiet(1).ended("TIMED_OUT");
  });
});

test("values out of range are refused, and change nothing", () => {
  onEachProfileWith(["KEEP_ALIVE"], (variant) => {
    const c = kept(variant);
    for (const [option, values] of [
      [2, [2, 0xffff_ffff]],
      [3, [0, 65_535_001, 0xffff_ffff]],
      [4, [0, 65_535_001, 0xffff_fc18]],
      [5, [0, 1, 256, 0xffff_ffff]],
    ] as const) {
      for (const value of values) c.call("tcpSetOption", "BAD_ARGUMENT", option, value);
    }
    c.after(IDLE_MS).expect(PROBE).after(SHORT_INTERVAL_MS).expect(PROBE);
    c.setOption("KEEP_ALIVE_IDLE_MS", 65_535_000).after(65_535_000).expect(PROBE);
    c.setOption("KEEP_ALIVE_COUNT", 2).setOption("KEEP_ALIVE_COUNT", 255);
  });
});

test("asked for before the connection is there, it runs as soon as it is", () => {
  onEachVariantWith(["KEEP_ALIVE"], (variant) => {
    const c = keep(given("SYN-SENT", variant)).advance(2_000);
    c.take();
    c.send("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>").expect("<SEQ=101><ACK=301><CTL=ACK>");
    c.after(IDLE_MS).expect(PROBE);
  });
});

/** Half-closed states, in which nothing else may happen for ever. */
const HALF_CLOSED: readonly [RfcState, string, string][] = [
  ["CLOSE-WAIT", "<SEQ=100><ACK=302><CTL=ACK>", "<SEQ=302><ACK=101><CTL=ACK>"],
  ["FIN-WAIT-2", "<SEQ=101><ACK=301><CTL=ACK>", "<SEQ=301><ACK=102><CTL=ACK>"],
];

for (const [state, probe, answer] of HALF_CLOSED) {
  test(`a peer that is gone is noticed in ${state}, too`, () => {
    onEachVariantWith(["KEEP_ALIVE"], (variant) => {
      for (const role of ROLES) {
        const c = keep(given(state, variant, { role }));
        c.after(IDLE_MS).expect(probe).send(answer).after(IDLE_MS).expect(probe);
        c.after(SHORT_INTERVAL_MS).expect(probe).after(SHORT_INTERVAL_MS).expect(probe);
        c.quiet(SHORT_INTERVAL_MS - 1)
          .state(state)
          .quiet(1)
          .ended("TIMED_OUT");
      }
    });
  });
}

test("asked for before CLOSE, it follows into FIN-WAIT-2, and ends with TIME-WAIT", () => {
  onEachVariantWith(["KEEP_ALIVE"], (variant) => {
    const c = kept(variant).closeWrite().expect("<SEQ=101><ACK=301><CTL=FIN,ACK>");
    c.send("<SEQ=301><ACK=102><CTL=ACK>").after(IDLE_MS).expect("<SEQ=101><ACK=301><CTL=ACK>");
    c.send("<SEQ=301><ACK=102><CTL=FIN,ACK>").expect("<SEQ=102><ACK=302><CTL=ACK>");
    c.state("TIME-WAIT").quiet(60_000).state("CLOSED").quiet(600_000);
  });
});

test("a full close leaves FIN-WAIT-2 to the user timeout", () => {
  onEachVariantWith(["KEEP_ALIVE"], (variant) => {
    const c = kept(variant).close().expect("<SEQ=101><ACK=301><CTL=FIN,ACK>");
    c.send("<SEQ=301><ACK=102><CTL=ACK>").quiet(299_999).state("FIN-WAIT-2");
    c.quiet(1).ended("TIMED_OUT");
  });
});

test("the peer has restarted: its RST ends it", () => {
  onEachVariantWith(["KEEP_ALIVE"], (variant) => {
    const c = kept(variant).after(IDLE_MS).expect(PROBE).send("<SEQ=301><CTL=RST>");
    c.ended("RESET").quiet(600_000);
  });
});

test("the network says why nobody answers: unreachable", () => {
  onEachVariantWith(["KEEP_ALIVE", "TROUBLE"], (variant) => {
    const c = kept(variant);
    const hostUnreachable = { type: IcmpType.DESTINATION_UNREACHABLE, code: 1 };
    const report = (seq: number): void => {
      c.rig.deliver(icmpErrorFrame(c, { ...hostUnreachable, seq }));
    };
    report(100);
    assert.equal(c.status("SOFT_ERROR"), 0, "nothing was sent that it could be about");
    c.after(IDLE_MS).expect(PROBE);
    for (const seq of [99, 101]) report(seq);
    assert.equal(c.status("SOFT_ERROR"), 0, "another number than the probe's");
    report(100);
    assert.notEqual(c.status("SOFT_ERROR"), 0);
    // An answer disproves it.
    c.send(ANSWER).after(IDLE_MS).expect(PROBE);
    assert.equal(c.status("SOFT_ERROR"), 0);
    report(100);
    c.after(SHORT_INTERVAL_MS).expect(PROBE).after(SHORT_INTERVAL_MS).expect(PROBE);
    c.quiet(SHORT_INTERVAL_MS).ended("UNREACHABLE");
  });
});

test("with timestamps a probe carries one, and its answer counts", () => {
  onEachVariantWith(["TIMESTAMPS"], (variant) => {
    const peer = openPeer(variant, { timestamps: true });
    keep(peer.c);
    for (let round = 0; round < 3; round++) {
      peer.c.advance(IDLE_MS);
      peer.expect(PROBE);
      peer.tsVal += IDLE_MS;
      peer.send(ANSWER);
    }
    // An old duplicate is no sign of life (PAWS).
    peer.c.advance(IDLE_MS);
    peer.expect(PROBE);
    peer.send(ANSWER, { tsVal: peer.tsVal - 1 });
    peer.c.advance(SHORT_INTERVAL_MS);
    assert.ok(peer.c.take().length >= 1);
    peer.c.advance(2 * SHORT_INTERVAL_MS).take();
    peer.c.ended("TIMED_OUT");
  });
});

test("a poll that comes hours late asks before it judges", () => {
  onEachProfileWith(["KEEP_ALIVE"], (variant) => {
    const c = kept(variant);
    c.rig.device.nowMs += 10 * TWO_HOURS_MS;
    c.rig.settle();
    c.expect(PROBE).after(SHORT_INTERVAL_MS).expect(PROBE);
    c.rig.device.nowMs += 10 * TWO_HOURS_MS;
    c.rig.settle();
    c.expect(PROBE)
      .send(ANSWER)
      .quiet(IDLE_MS - 1)
      .state("ESTABLISHED");
  });
});

test("two Lingers ask one another for weeks", () => {
  onEachProfileWith(["KEEP_ALIVE"], (variant) => {
    const c = fresh(variant).connect().expect("<SEQ=100><CTL=SYN><MSS=1460>");
    c.send("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>").expect("<SEQ=101><ACK=301><CTL=ACK>");
    c.setOption("KEEP_ALIVE", 1);
    for (let days = 0; days < 50; days++) {
      for (let probe = 0; probe < 12; probe++) {
        c.after(TWO_HOURS_MS).expect(PROBE);
        // The peer's own probe draws an answer, and is no answer.
        c.send("<SEQ=300><ACK=101><CTL=ACK>").expect("<SEQ=101><ACK=301><CTL=ACK>").send(ANSWER);
      }
    }
    c.state("ESTABLISHED").events("CONNECTED", "WRITABLE");
  });
});
