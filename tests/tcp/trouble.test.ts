/**
 * What the application hears of trouble while a connection lives: R1, and soft errors.
 *
 * RFC 9293 §3.8.3, §3.9.1.8, §3.9.2.2; RFC 5461, RFC 5927.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SoftError } from "../../hal/host/abi.ts";
import { ArpOperation, IcmpType } from "../../hal/host/packet/index.ts";
import type { Conversation } from "../support/conversation.ts";
import type { EventName } from "../support/device.ts";
import { fresh, given, ROLES } from "../support/given.ts";
import { icmpErrorFrame } from "../support/icmp.ts";
import { PEER_MAC } from "../support/rig.ts";
import { onEachVariant, onEachVariantWith } from "../support/variants.ts";

const DATA = "<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=30>";
const SYN = "<SEQ=100><CTL=SYN><MSS=1460>";

/** To whom ARP requests went since the last look. */
function asked(c: Conversation): string[] {
  return c.rig
    .takeOthers()
    .filter(({ frame }) => frame.arp?.operation === ArpOperation.REQUEST)
    .map(({ frame }) => frame.ethernet!.destination);
}

/** The peer answers nothing any more; more than a minute ago it was heard, or it would be asked. */
function blackHole(c: Conversation): Conversation {
  c.rig.answersArp = false;
  return c;
}

const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff";

test("R1: a third time-out is told, the next hop asked again [MUST-20 SHLD-9 SHLD-10]", () => {
  onEachVariantWith(["TROUBLE"], (variant) => {
    const c = blackHole(given("ESTABLISHED", variant)).write(30).expect(DATA);
    c.after(1_000).expect(DATA).after(2_000).expect(DATA).events();
    assert.deepEqual(asked(c), []);
    assert.equal(c.status("EXPIRIES"), 2);
    c.after(4_000).expect(DATA).events("TROUBLE");
    assert.deepEqual(asked(c), [PEER_MAC]);
    // The neighbour itself first, then everybody; until that fails, text still goes there.
    c.advance(2_000);
    assert.deepEqual(asked(c), [PEER_MAC, BROADCAST_MAC]);
    c.advance(290_000).take();
    c.state("ESTABLISHED").eventsWith("SOFT_ERROR");
    assert.ok(c.status("EXPIRIES") > 3);
    c.advance(2_000).take();
    // R2 comes long after R1, and the network has had an explanation.
    c.ended("UNREACHABLE");
  });
});

test("R1 is told once, and again after progress", () => {
  onEachVariantWith(["TROUBLE"], (variant) => {
    const c = given("ESTABLISHED", variant).setOption("NO_DELAY", 1).write(30).expect(DATA);
    for (const gap of [1_000, 2_000, 4_000]) c.after(gap).expect(DATA);
    c.events("TROUBLE");
    for (const gap of [8_000, 16_000]) c.after(gap).expect(DATA).events();
    c.send("<SEQ=301><ACK=111><CTL=ACK>").take();
    assert.equal(c.status("EXPIRIES"), 0);
    c.events().advance(32_000).take();
    c.advance(60_000).take();
    c.events().advance(60_000).take();
    c.events("TROUBLE");
  });
});

test("R1 and R2 for a SYN: asked again, told, then the end [MUST-22 MUST-23 SHLD-9]", () => {
  onEachVariantWith(["TROUBLE"], (variant) => {
    const c = blackHole(given("SYN-SENT", variant));
    c.after(1_000).expect(SYN).after(2_000).expect(SYN).events();
    assert.deepEqual(asked(c), []);
    c.after(4_000).expect(SYN).events("TROUBLE");
    assert.deepEqual(asked(c), [PEER_MAC]);
    c.advance(180_000).take();
    c.state("SYN-SENT").advance(120_000).take();
    c.ended("UNREACHABLE");
  });
});

test("the next hop is there: it is asked once for each trouble, and the text goes on", () => {
  onEachVariantWith(["TROUBLE"], (variant) => {
    const c = given("ESTABLISHED", variant).write(30).expect(DATA);
    let requests = 0;
    const isRequest = (octets: Uint8Array): boolean => octets[12] === 0x08 && octets[13] === 0x06;
    c.rig.device.isBusy = (octets) => {
      if (isRequest(octets)) requests += 1;
      return false;
    };
    for (const gap of [1_000, 2_000, 4_000]) c.after(gap).expect(DATA);
    assert.equal(requests, 1);
    for (const gap of [8_000, 16_000]) c.after(gap).expect(DATA);
    assert.equal(requests, 1);
    c.events("TROUBLE");
    assert.equal(c.status("SOFT_ERROR"), 0);
  });
});

test("probes of a closed window that nobody answers are trouble, too", () => {
  onEachVariantWith(["TROUBLE"], (variant) => {
    const probe = "<SEQ=131><ACK=301><CTL=ACK><DATA=1>";
    const c = given("ESTABLISHED", variant).write(30).expect(DATA);
    c.window = 0;
    c.send("<SEQ=301><ACK=131><CTL=ACK>").write(20).eventsWith("ALL_ACKNOWLEDGED");
    for (const gap of [1_000, 2_000, 4_000, 8_000]) {
      c.after(gap).expect(probe).send("<SEQ=301><ACK=131><CTL=ACK>").events();
    }
    for (const gap of [16_000, 32_000, 60_000]) c.after(gap).expect(probe).events();
    c.after(60_000).expect(probe).events("TROUBLE");
    assert.equal(c.status("EXPIRIES"), 3);
    c.send("<SEQ=301><ACK=131><CTL=ACK>");
    assert.equal(c.status("EXPIRIES"), 0);
    assert.equal(c.status("PERSISTING"), 1);
  });
});

/** Soft in any state, and hard ones, which are soft once the connection is synchronized. */
const SOFT: readonly (readonly [number, number])[] = [
  [IcmpType.DESTINATION_UNREACHABLE, 0],
  [IcmpType.DESTINATION_UNREACHABLE, 1],
  [IcmpType.DESTINATION_UNREACHABLE, 5],
  [IcmpType.TIME_EXCEEDED, 0],
  [IcmpType.TIME_EXCEEDED, 1],
  [IcmpType.PARAMETER_PROBLEM, 0],
];
const HARD: readonly (readonly [number, number])[] = [
  [IcmpType.DESTINATION_UNREACHABLE, 2],
  [IcmpType.DESTINATION_UNREACHABLE, 3],
];

test("a soft error is told, and its kind; the connection goes on [MUST-47 MUST-56 SHLD-25]", () => {
  onEachVariantWith(["TROUBLE"], (variant) => {
    for (const [type, code] of [...SOFT, ...HARD]) {
      const c = given("ESTABLISHED", variant).write(30).expect(DATA);
      c.rig.deliver(icmpErrorFrame(c, { type, code, seq: 101 }));
      c.events("SOFT_ERROR");
      assert.equal(c.status("SOFT_ERROR"), (type << 8) | code);
      c.rig.deliver(icmpErrorFrame(c, { type, code, seq: 130 }));
      c.events("SOFT_ERROR").after(1_000).expect(DATA);
      c.send("<SEQ=301><ACK=131><CTL=ACK>").events("ALL_ACKNOWLEDGED").state("ESTABLISHED");
      assert.equal(c.status("SOFT_ERROR"), 0);
    }
  });
});

test("who does not want to hear of soft errors and R1 does not [SHLD-20]", () => {
  onEachVariantWith(["TROUBLE"], (variant) => {
    const c = given("ESTABLISHED", variant).setOption("SOFT_ERRORS", 0).write(30).expect(DATA);
    c.rig.deliver(icmpErrorFrame(c, { code: 1, seq: 101 }));
    for (const gap of [1_000, 2_000, 4_000, 8_000]) c.after(gap).expect(DATA);
    c.events();
    assert.equal(c.status("EXPIRIES"), 4);
    // STATUS still tells, and so does the reason of the end.
    assert.equal(c.status("SOFT_ERROR"), (IcmpType.DESTINATION_UNREACHABLE << 8) | 1);
    c.setOption("SOFT_ERRORS", 1);
    c.rig.deliver(icmpErrorFrame(c, { code: 1, seq: 101 }));
    c.events("SOFT_ERROR").call("tcpSetOption", "BAD_ARGUMENT", 9, 2).advance(300_000).take();
    c.ended("UNREACHABLE");
  });
});

test("hard errors end what is not synchronized, and nothing else [SHLD-26]", () => {
  onEachVariant((variant) => {
    for (const [type, code] of HARD) {
      const one = given("SYN-SENT", variant);
      one.rig.deliver(icmpErrorFrame(one, { type, code, seq: 100 }));
      one.ended("REFUSED");
      const both = given("SYN-RECEIVED", variant, { role: "active" });
      both.rig.deliver(icmpErrorFrame(both, { type, code, seq: 101 }));
      both.state("SYN-RECEIVED");
      both.rig.deliver(icmpErrorFrame(both, { type, code, seq: 100 }));
      both.ended("REFUSED");
    }
    for (const role of ROLES) {
      const c = given("FIN-WAIT-1", variant, { role });
      for (const [type, code] of HARD) c.rig.deliver(icmpErrorFrame(c, { type, code, seq: 101 }));
      const told: EventName[] = c.rig.device.has("TROUBLE") ? ["SOFT_ERROR"] : [];
      c.state("FIN-WAIT-1").events(...told);
    }
  });
});

test("nobody answers ARP: that is told, and how", () => {
  onEachVariantWith(["TROUBLE"], (variant) => {
    const c = fresh(variant, { answersArp: false }).connect().advance(3_100);
    c.events("SOFT_ERROR");
    assert.equal(c.status("SOFT_ERROR"), SoftError.NO_NEIGHBOUR);
  });
});

test("an error whose code nobody knows is soft", () => {
  onEachVariantWith(["TROUBLE"], (variant) => {
    const c = given("SYN-SENT", variant);
    c.rig.deliver(icmpErrorFrame(c, { code: 200, seq: 100 }));
    c.state("SYN-SENT").events("SOFT_ERROR");
    assert.equal(c.status("SOFT_ERROR") >> 8, IcmpType.DESTINATION_UNREACHABLE);
  });
});
