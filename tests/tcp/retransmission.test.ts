/**
 * When something is sent again: RFC 6298 (RTO, Karn, backoff), RFC 9293 §3.8.1 and §3.8.3.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Parameter, Status } from "../../hal/host/abi.ts";
import { ArpOperation } from "../../hal/host/packet/index.ts";
import type { Conversation } from "../support/conversation.ts";
import { fresh, given, type GivenOptions } from "../support/given.ts";
import { Seeded } from "../support/pattern.ts";
import { onEachVariant, type Variant } from "../support/variants.ts";

const RTO_MIN_MS = 1_000;
const RTO_MAX_MS = 60_000;

const DATA = "<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=30>";

/** A connection whose handshake took `rttMs`. */
function openedIn(variant: Variant, rttMs: number, options: GivenOptions = {}): Conversation {
  const c = fresh(variant, options).connect().expect("<SEQ=100><CTL=SYN><MSS=1460>").quiet(rttMs);
  return c.send("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>").expect("<SEQ=101><ACK=301><CTL=ACK>");
}

test("data goes again after 1 s, 2 s, 4 s … 60 s, for 5 minutes [MUST-19 SHLD-11]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).write(30).expect(DATA);
    for (const gap of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]) {
      c.after(gap).expect(DATA);
    }
    c.quiet(56_999).state("ESTABLISHED").quiet(1).ended("TIMED_OUT");
  });
});

test("SRTT, RTTVAR and RTO follow RFC 6298 [MUST-18]", () => {
  onEachVariant((variant) => {
    const random = new Seeded(3);
    let srtt = 300;
    let rttvar = 150;
    const c = openedIn(variant, 300);
    const judge = (): void => {
      const rto = Math.min(Math.max(srtt + Math.max(1, 4 * rttvar), RTO_MIN_MS), RTO_MAX_MS);
      // Integers with 3 and 2 bits behind the point lose a little in each step.
      for (const [name, expected] of [
        ["SRTT_MS", srtt],
        ["RTTVAR_MS", rttvar],
        ["RTO_MS", rto],
      ] as const) {
        const got = c.status(name);
        assert.ok(Math.abs(got - expected) <= 8, `${name} is ${got}, not ${expected}`);
      }
    };
    judge();
    for (let round = 1; round <= 40; round++) {
      // Below RTO_MIN_MS, so that nothing is sent again.
      const rtt = 1 + random.below(900);
      c.write(10).take();
      c.advance(rtt).send(`<SEQ=301><ACK=${101 + 10 * round}><CTL=ACK>`);
      rttvar = 0.75 * rttvar + 0.25 * Math.abs(srtt - rtt);
      srtt = 0.875 * srtt + 0.125 * rtt;
      judge();
    }
  });
});

test("the measured RTO is when the first retransmission comes", () => {
  onEachVariant((variant) => {
    // First sample 800: SRTT 800, RTTVAR 400, RTO 2,400.
    const c = openedIn(variant, 800).write(30).expect(DATA);
    assert.equal(c.status("RTO_MS"), 2_400);
    c.after(2_400).expect(DATA).after(4_800).expect(DATA);
  });
});

test("what was sent twice is not measured, the backoff stays (Karn) [MUST-18]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).write(30).expect(DATA).after(1_000).expect(DATA);
    const srtt = c.status("SRTT_MS");
    c.advance(700).send("<SEQ=301><ACK=131><CTL=ACK>");
    assert.equal(c.status("SRTT_MS"), srtt);
    const next = "<SEQ=131><ACK=301><CTL=PSH,ACK><DATA=30>";
    c.write(30).expect(next).after(2_000).expect(next).after(4_000).expect(next);
    c.send("<SEQ=301><ACK=161><CTL=ACK>");
    // A segment that is sent once is measured, and ends the backoff.
    c.write(30).expect("<SEQ=161><ACK=301><CTL=PSH,ACK><DATA=30>").advance(50);
    c.send("<SEQ=301><ACK=191><CTL=ACK>");
    c.write(30).expect("<SEQ=191><ACK=301><CTL=PSH,ACK><DATA=30>").after(1_000);
    c.expect("<SEQ=191><ACK=301><CTL=PSH,ACK><DATA=30>");
  });
});

test("an ACK of new data restarts the timer, one of all stops it (RFC 6298 §5.2, §5.3)", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).setOption("NO_DELAY", 1);
    c.write(10).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>");
    c.write(10).expect("<SEQ=111><ACK=301><CTL=PSH,ACK><DATA=10>");
    c.quiet(600).send("<SEQ=301><ACK=111><CTL=ACK>");
    c.after(1_000).expect("<SEQ=111><ACK=301><CTL=PSH,ACK><DATA=10>");
    c.send("<SEQ=301><ACK=121><CTL=ACK>").quiet(600_000);
  });
});

test("more data does not push the timer back (RFC 6298 §5.1)", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).setOption("NO_DELAY", 1);
    c.write(10).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>");
    c.quiet(900).write(10).expect("<SEQ=111><ACK=301><CTL=PSH,ACK><DATA=10>").quiet(99);
    c.advance(1);
    const [first] = c.take();
    assert.equal(first?.seq, (c.iss + 1) >>> 0);
  });
});

test("an ACK of nothing new does not push the timer back", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).write(30).expect(DATA);
    c.quiet(900).send("<SEQ=301><ACK=101><CTL=ACK>").quiet(99).advance(1).expect(DATA);
  });
});

test("after a lost SYN, data begins with an RTO of 3 s (RFC 6298 §5.7)", () => {
  onEachVariant((variant) => {
    const c = given("SYN-SENT", variant).after(1_000).expect("<SEQ=100><CTL=SYN><MSS=1460>");
    c.send("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>").expect("<SEQ=101><ACK=301><CTL=ACK>");
    c.write(30).expect(DATA).after(3_000).expect(DATA).after(6_000).expect(DATA);
    const passive = given("SYN-RECEIVED", variant, { role: "passive" }).after(1_000);
    passive.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    passive.send("<SEQ=301><ACK=101><CTL=ACK>").accept();
    passive.write(30).expect(DATA).after(3_000).expect(DATA);
  });
});

test("the acknowledgement of what was sent twice counts once", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).write(30).expect(DATA).after(1_000).expect(DATA);
    c.send("<SEQ=301><ACK=131><CTL=ACK>").events("ALL_ACKNOWLEDGED");
    c.send("<SEQ=301><ACK=131><CTL=ACK>").events();
    assert.equal(c.status("RETRANSMITS"), 1);
    assert.equal(c.status("SEND_QUEUED"), 0);
  });
});

test("a black hole: after R1 the next hop is asked for again, before R2 ends it [MUST-20]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    c.rig.answersArp = false;
    c.write(30).expect(DATA).advance(299_000);
    const copies = c.takeTimed();
    const asked = c.rig.takeOthers().filter(({ frame }) => {
      return frame.arp?.operation === ArpOperation.REQUEST;
    });
    assert.ok(asked.length > 0, "nobody asks whether the next hop is still there");
    const before = copies.filter(({ atMs }) => atMs <= asked[0]!.atMs);
    assert.ok(before.length >= 3, `R1 is ${before.length} retransmissions (SHLD-10)`);
    c.state("ESTABLISHED").advance(2_000).take();
    c.state("CLOSED");
  });
});

test("the user timeout of one connection is not that of another [MUST-21]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { role: "passive" });
    const other = c.from(6_000).send("<SEQ=300><CTL=SYN><MSS=1460>");
    other.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    other.send("<SEQ=301><ACK=101><CTL=ACK>").accept();
    c.setOption("USER_TIMEOUT_MS", 5_000).write(30).expect(DATA);
    other.write(30).expect(DATA);
    c.advance(4_999).take();
    c.state("ESTABLISHED").advance(1).take();
    c.ended("TIMED_OUT").advance(60_000).take();
    other.take();
    other.state("ESTABLISHED");
  });
});

test("a user timeout that is changed while something is outstanding holds for that, too", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).write(30).expect(DATA).advance(10_000);
    c.take();
    // Whether the 10 s count is not said; in 20 s from now it must be over.
    c.setOption("USER_TIMEOUT_MS", 20_000).advance(9_900).take();
    c.state("ESTABLISHED").advance(10_200).take();
    c.ended("TIMED_OUT");
  });
});

test("RTO_MIN_MS can be set at run time, and init brings the default back", () => {
  onEachVariant((variant) => {
    const c = openedIn(variant, 20);
    const device = c.rig.device;
    for (const value of [0, 9, 60_001, 0xffff_ffff]) {
      assert.equal(device.call("setParameter", Parameter.RTO_MIN_MS, value), Status.BAD_ARGUMENT);
    }
    assert.equal(device.call("setParameter", Parameter.COUNT, 1), Status.BAD_ARGUMENT);
    assert.equal(device.call("setParameter", Parameter.RTO_MIN_MS, 200), Status.OK);
    // The RTT sample of this exchange brings the new minimum into force.
    c.write(30).expect(DATA).advance(20).send("<SEQ=301><ACK=131><CTL=ACK>");
    assert.equal(c.status("RTO_MS"), 200);
    const again = openedIn(variant, 20);
    again.write(30).expect(DATA).advance(20).send("<SEQ=301><ACK=131><CTL=ACK>");
    assert.equal(again.status("RTO_MS"), RTO_MIN_MS);
  });
});
