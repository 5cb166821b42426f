/**
 * What a build does in place of each feature that it leaves out (`Limit.FEATURES`; hal/README.md):
 * on the profiles without it, with ordinary and with wrapping numbers.
 *
 * What is left out of options and of path MTU discovery stands in options.test.ts and
 * pmtud.test.ts, what a state makes of URG or of text ahead in states/.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Negotiated, Option, Parameter, Status } from "../../hal/host/abi.ts";
import { findOption, IcmpType } from "../../hal/host/packet/index.ts";
import { type FeatureName, type FieldName, statusName } from "../support/device.ts";
import { fresh, given } from "../support/given.ts";
import { icmpErrorFrame } from "../support/icmp.ts";
import { complete, open, opening, OPENINGS } from "../support/option-peer.ts";
import {
  onEachProfileWithout,
  onEachVariant,
  onEachVariantWithout,
  PEER_ADDRESS,
} from "../support/variants.ts";

const SYN = "<SEQ=300><CTL=SYN><MSS=1460>";
const ACK = "<SEQ=301><ACK=101><CTL=ACK>";
const OUR_SYN = "<SEQ=100><CTL=SYN><MSS=1460>";
const OUR_SYN_ACK = "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>";
const OUR_ACK = "<SEQ=101><ACK=301><CTL=ACK>";
const DAY_MS = 86_400_000;

// ── OUT_OF_ORDER ─────────────────────────────────────────────────────────────────────────────────

test("text ahead of a hole is dropped, asked for again, and taken when it comes again", () => {
  onEachVariantWithout(["OUT_OF_ORDER"], (variant) => {
    const c = given("ESTABLISHED", variant);
    const ahead = ["<SEQ=321><ACK=101><CTL=ACK><DATA=20>", "<SEQ=341><ACK=101><CTL=ACK><DATA=20>"];
    c.sendAll(ahead).expect(OUR_ACK, OUR_ACK).call("tcpPeek", "WOULD_BLOCK").events();
    assert.equal(c.rig.device.counter("DROP_OUT_OF_ORDER"), 2);
    c.send("<SEQ=301><ACK=101><CTL=ACK><DATA=20>").expectSoon("<SEQ=101><ACK=321><CTL=ACK>");
    c.read(20).call("tcpPeek", "WOULD_BLOCK");
    c.sendAll(ahead).expect("<SEQ=101><ACK=361><CTL=ACK>").read(40);
  });
});

test("a FIN with text ahead of a hole waits for that text to come again", () => {
  onEachVariantWithout(["OUT_OF_ORDER"], (variant) => {
    const last = "<SEQ=321><ACK=101><CTL=FIN,PSH,ACK><DATA=20>";
    const c = given("ESTABLISHED", variant).send(last).expect(OUR_ACK).state("ESTABLISHED");
    c.send("<SEQ=301><ACK=101><CTL=ACK><DATA=20>").expectSoon("<SEQ=101><ACK=321><CTL=ACK>");
    c.state("ESTABLISHED").read(20).call("tcpPeek", "WOULD_BLOCK");
    c.send(last).expect("<SEQ=101><ACK=342><CTL=ACK>").state("CLOSE-WAIT").read(20).eof();
  });
});

// ── FAST_RETRANSMIT ──────────────────────────────────────────────────────────────────────────────

test("duplicate ACKs send nothing and change no window: the time-out repairs", () => {
  onEachVariantWithout(["FAST_RETRANSMIT"], (variant) => {
    const c = given("ESTABLISHED", variant, { mss: 100 });
    // The initial window is ten segments; four octets wait behind it for limited transmit.
    c.write(1_004);
    assert.equal(c.take().length, 10);
    const before = [c.status("CWND"), c.status("SSTHRESH")];
    for (let times = 0; times < 5; times++) c.send(ACK).expectNothing();
    assert.deepEqual([c.status("CWND"), c.status("SSTHRESH")], before);
    c.after(1_000).expect("<SEQ=101><ACK=301><CTL=ACK><DATA=100>");
    assert.equal(c.status("CWND"), 100);
    c.send("<SEQ=301><ACK=1101><CTL=ACK>").expect("<SEQ=1101><ACK=301><CTL=PSH,ACK><DATA=4>");
    assert.equal(c.rig.device.counter("FAST_RETRANSMITS"), 0);
  });
});

// ── SYN_COOKIES ──────────────────────────────────────────────────────────────────────────────────

test("a SYN for which no record is left is dropped, and answered once there is one", () => {
  onEachVariantWithout(["SYN_COOKIES"], (variant) => {
    const c = fresh(variant).listen(255);
    const { device } = c.rig;
    const records = device.limit("HALF_OPEN_COUNT");
    const all = Array.from({ length: records }, (_, i) => c.from(10_000 + i));
    for (const one of all) one.send(SYN).expect(OUR_SYN_ACK);
    for (let times = 0; times < 20; times++) {
      c.from(20_000 + times)
        .send(SYN)
        .expectNothing()
        .lookup("LISTEN");
    }
    assert.equal(device.counter("DROP_SYN_BACKLOG"), 20);
    assert.equal(device.counter("SYN_COOKIES_OUT"), 0);
    // What looks like the ACK of a cookie is the ACK of nothing.
    c.from(20_000).send(ACK).expect("<SEQ=101><CTL=RST>");
    all[0]!.send(ACK).accept().state("ESTABLISHED");
    c.from(20_000).send(SYN).expect(OUR_SYN_ACK).lookup("SYN-RECEIVED");
  });
});

// ── EVICTION ─────────────────────────────────────────────────────────────────────────────────────

test("with all TCBs taken nobody goes, however long it got nowhere: who is new waits", () => {
  onEachVariantWithout(["EVICTION"], (variant) => {
    const c = given("ESTABLISHED", variant, { role: "passive" });
    const { device } = c.rig;
    const connect = (): number => device.call("tcpConnect", c.peerAddress, 9_999, 0, 0);
    c.window = 0;
    c.send(ACK).write(10).setOption("USER_TIMEOUT_MS", DAY_MS);
    const others = Array.from({ length: device.limit("CONNECTION_COUNT") - 1 }, connect);
    assert.ok(others.every((handle) => handle > 0));
    for (const handle of others) {
      device.call("tcpSetOption", handle, Option.USER_TIMEOUT_MS, DAY_MS);
    }
    c.advance(3_600_000).take();
    const late = c.from(7_777).send(SYN).expect(OUR_SYN_ACK).send(ACK).expectNothing();
    late.lookup("SYN-RECEIVED");
    assert.equal(device.counter("DROP_NO_TCB"), 1);
    assert.equal(connect(), Status.NO_RESOURCES);
    assert.equal(device.counter("EVICTED"), 0);
    c.reason("NONE");
    assert.equal(device.call("tcpAbort", others[0]!), Status.OK);
    assert.equal(connect(), Status.NO_RESOURCES, "until the handle goes back");
    assert.equal(device.call("tcpRelease", others[0]!), Status.OK);
    late.send(ACK).accept().state("ESTABLISHED");
    assert.equal(connect(), Status.NO_RESOURCES);
  });
});

// ── PING ─────────────────────────────────────────────────────────────────────────────────────────

test("no echo requests of our own: the calls say so, and no reply is awaited", () => {
  onEachProfileWithout(["PING"], (variant) => {
    const { rig } = fresh(variant);
    const { device } = rig;
    assert.equal(device.call("pingSend", PEER_ADDRESS, 1, 56), Status.NOT_SUPPORTED);
    assert.equal(device.call("pingSend", PEER_ADDRESS, 65_536, 56), Status.NOT_SUPPORTED);
    assert.equal(device.call("pingTake"), Status.NOT_SUPPORTED);
    rig.settle();
    assert.deepEqual(rig.takeOthers(), []);
    rig.deliver(rig.peerFrame({ icmp: { type: IcmpType.ECHO_REPLY, code: 0 } }));
    assert.deepEqual(rig.takeOthers(), []);
    assert.equal(device.counter("DROP_ICMP_TYPE"), 1);
    device.call("init", device.clock, 0);
    assert.equal(device.call("pingSend", PEER_ADDRESS, 1, 56), Status.NOT_CONFIGURED);
  });
});

// ── Options and calls ────────────────────────────────────────────────────────────────────────────

/** The options of each feature with a value that is right where there is such a feature. */
const OPTIONS: readonly [feature: FeatureName, option: keyof typeof Option, value: number][] = [
  ["KEEP_ALIVE", "KEEP_ALIVE", 1],
  ["KEEP_ALIVE", "KEEP_ALIVE_IDLE_MS", 60_000],
  ["KEEP_ALIVE", "KEEP_ALIVE_INTERVAL_MS", 1_000],
  ["KEEP_ALIVE", "KEEP_ALIVE_COUNT", 5],
  ["MARKS", "TTL", 64],
  ["MARKS", "DSCP", 46],
  ["TROUBLE", "SOFT_ERRORS", 1],
];

for (const [feature, option, value] of OPTIONS) {
  test(`${option} is refused by name, whatever its value`, () => {
    onEachProfileWithout([feature], (variant) => {
      const c = given("ESTABLISHED", variant, { role: "passive" });
      for (const any of [value, 0, -1]) {
        c.call("tcpSetOption", "NOT_SUPPORTED", Option[option], any);
      }
      const listeners = c.rig.device.call("tcpSetOption", c.listener, Option[option], value);
      const isListeners = option === "TTL" || option === "DSCP";
      assert.equal(statusName(listeners), isListeners ? "NOT_SUPPORTED" : "BAD_HANDLE");
    });
  });
}

test("an option that no build has is a bad argument in each", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    for (const option of [Object.keys(Option).length, 32, 255, -1]) {
      c.call("tcpSetOption", "BAD_ARGUMENT", option, 1);
    }
  });
});

test("the stack's TTL holds for all, and all is of the default class [MUST-49]", () => {
  onEachVariantWithout(["MARKS"], (variant) => {
    const c = given("ESTABLISHED", variant);
    const { device } = c.rig;
    assert.equal(device.call("setParameter", Parameter.TTL, 128), Status.OK);
    // From now on the inspector wants to see it in each frame.
    device.inspector.marks = { ...device.inspector.marks, ttl: 128 };
    c.write(1).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=1>");
    const stray = c.on(c.localPort + 2, c.peerPort, c.irs);
    stray.send("<SEQ=300><ACK=7><CTL=ACK>").expect("<SEQ=7><CTL=RST>");
    stray.connect().expect(OUR_SYN);
  });
});

// ── URGENT ───────────────────────────────────────────────────────────────────────────────────────

test("URG is not seen, its text is text, and nothing can be sent as urgent", () => {
  onEachVariantWithout(["URGENT"], (variant) => {
    const c = given("ESTABLISHED", variant);
    c.send("<SEQ=301><ACK=101><CTL=PSH,URG,ACK><UP=3><DATA=9>");
    c.expectSoon("<SEQ=101><ACK=310><CTL=ACK>").events("READABLE").read(9);
    c.send("<SEQ=310><ACK=101><CTL=URG,ACK><UP=300>").expectNothing().events();
    c.write(5).expect("<SEQ=101><ACK=310><CTL=PSH,ACK><DATA=5>").call("tcpUrgent", "NOT_SUPPORTED");
    c.expectNothing().closeWrite().expect("<SEQ=106><ACK=310><CTL=FIN,ACK>");
    c.call("tcpUrgent", "NOT_SUPPORTED");
  });
});

// ── WINDOW_SCALE ─────────────────────────────────────────────────────────────────────────────────

test("the peer's window scale is ignored, none is sent, and windows are what they say", () => {
  onEachVariantWithout(["WINDOW_SCALE"], (variant) => {
    for (const way of OPENINGS) {
      const peer = opening(variant, { opening: way, shift: 7, window: 400 });
      const { c } = peer;
      for (const answer of complete(peer)) {
        assert.equal(findOption(answer, "window-scale"), undefined, way);
      }
      peer.send(ACK).expect();
      assert.equal(c.status("SND_WND"), 400);
      assert.equal(c.status("SND_SHIFT"), 0);
      assert.equal(c.status("NEGOTIATED") & Negotiated.WINDOW_SCALE, 0);
      c.write(600).expect("<SEQ=101><ACK=301><CTL=ACK><DATA=400>");
    }
    const [syn] = fresh(variant).connect().take();
    assert.equal(findOption(syn!, "window-scale"), undefined, "a SYN of ours");
  });
});

// ── TROUBLE ──────────────────────────────────────────────────────────────────────────────────────

test("soft ICMP errors and R1 are told nobody, end nothing, and explain no time-out", () => {
  const errors = [
    ...[0, 1, 5].map((code) => ({ type: IcmpType.DESTINATION_UNREACHABLE, code })),
    ...[0, 1].map((code) => ({ type: IcmpType.TIME_EXCEEDED, code })),
    { type: IcmpType.PARAMETER_PROBLEM, code: 0 },
  ];
  onEachVariantWithout(["TROUBLE"], (variant) => {
    const opens = given("SYN-SENT", variant);
    const sends = given("ESTABLISHED", variant).write(10);
    sends.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>");
    for (const [c, seq] of [[opens, 100] as const, [sends, 101] as const]) {
      const state = seq === 100 ? "SYN-SENT" : "ESTABLISHED";
      c.setOption("USER_TIMEOUT_MS", 20_000);
      for (const error of errors) c.rig.deliver(icmpErrorFrame(c, { ...error, seq }));
      c.state(state).events();
      assert.equal(c.rig.device.counter("ICMP_ERRORS_IN"), errors.length);
      assert.equal(c.rig.device.counter("DROP_ICMP_QUOTE"), 0);
      // The text, or the SYN, goes again after 1, 3, 7 and 15 seconds.
      c.advance(19_000);
      assert.equal(c.take().length, 4);
      c.state(state).events();
      c.advance(1_000).ended("TIMED_OUT");
      assert.deepEqual(c.rig.takeOthers(), [], "nobody asks for the next hop again");
    }
  });
});

test("nobody answers ARP: no SYN leaves, and the user timeout knows no reason", () => {
  onEachVariantWithout(["TROUBLE"], (variant) => {
    const c = fresh(variant, { answersArp: false });
    c.together(() => c.connect().setOption("USER_TIMEOUT_MS", 30_000));
    c.quiet(29_999).state("SYN-SENT").events().quiet(1).ended("TIMED_OUT");
  });
});

// ── STATUS ───────────────────────────────────────────────────────────────────────────────────────

/** Fields that a connection of any such feature shows, which has all that makes them. */
const FIELDS: readonly [field: FieldName, ...features: FeatureName[]][] = [
  ["SOFT_ERROR", "TROUBLE"],
  ["URGENT_UNREAD", "URGENT"],
  ["EXPIRIES", "TROUBLE", "PATH_MTU"],
  ["SILENCE_MS", "KEEP_ALIVE"],
  ["SND_SHIFT", "WINDOW_SCALE"],
  ["NEGOTIATED", "TIMESTAMPS", "WINDOW_SCALE", "SACK"],
];

test("fields of STATUS are 0 where what they show is left out, and only there", () => {
  onEachVariant((variant) => {
    const peer = open(variant, { shift: 2, sack: true, timestamps: true });
    const { c } = peer;
    peer.send("<SEQ=301><ACK=101><CTL=PSH,URG,ACK><UP=3><DATA=9>");
    c.advance(500).take();
    c.write(10).advance(2_000);
    c.rig.deliver(icmpErrorFrame(c, { code: 1, seq: 101 }));
    for (const [field, ...features] of FIELDS) {
      const isShown = features.some((feature) => c.rig.device.has(feature));
      assert.equal(c.status(field) !== 0, isShown, `${field}: ${c.status(field)}`);
    }
  });
});
