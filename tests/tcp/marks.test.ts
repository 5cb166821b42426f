/**
 * TTL and DSCP: set for a connection or for a listener's, changed while it lives, on every datagram
 * of it.
 *
 * RFC 9293 §3.9.1.9 (MUST-48, SHLD-21, SHLD-22), §3.9.2 (MUST-49); RFC 2474. The inspector compares
 * TTL and the whole type of service of each emitted frame with what the test has announced to it,
 * so a datagram with other ones fails wherever it comes from; the tests only have to bring about
 * every kind of segment.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Option, Parameter } from "../../hal/host/abi.ts";
import { IcmpType } from "../../hal/host/packet/index.ts";
import type { Conversation } from "../support/conversation.ts";
import { statusName } from "../support/device.ts";
import { fresh, given } from "../support/given.ts";
import type { Marks } from "../support/inspector.ts";
import { onEachProfileWith, onEachVariantWith } from "../support/variants.ts";

/** What the module has been told; from now on each frame must show it. */
function announce(c: Conversation, marks: Partial<Marks>): void {
  const { inspector } = c.rig.device;
  inspector.marks = { ...inspector.marks, ...marks };
}

/** A call of tcpSetOption and what it answers. */
function set(c: Conversation, handle: number, option: keyof typeof Option, value: number): string {
  return `${statusName(c.rig.device.call("tcpSetOption", handle, Option[option], value))}`;
}

/** Sets both on a handle, and expects them from now on. */
function mark(c: Conversation, handle: number, { ttl, dscp }: Marks): void {
  assert.equal(set(c, handle, "TTL", ttl), "OK");
  assert.equal(set(c, handle, "DSCP", dscp), "OK");
  announce(c, { ttl, dscp });
}

/** Text, an ACK, a retransmission, a probe and a FIN, all of one connection in ESTABLISHED. */
function everySegment(c: Conversation): void {
  c.write(100).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=100>");
  c.after(1_000).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=100>");
  c.send("<SEQ=301><ACK=201><CTL=PSH,ACK><DATA=50>").expectSoon("<SEQ=201><ACK=351><CTL=ACK>");
  c.send("<SEQ=351><ACK=201><WND=0><CTL=ACK>").write(10).expectNothing();
  c.rig.advanceUntilEmitted(60_000, () => c.hasPending);
  c.expect("<SEQ=201><ACK=351><CTL=ACK><DATA=1>");
  c.send("<SEQ=351><ACK=201><WND=4096><CTL=ACK>");
  c.expect("<SEQ=201><ACK=351><CTL=PSH,ACK><DATA=10>");
  c.send("<SEQ=351><ACK=211><CTL=ACK>").closeWrite();
  c.expect("<SEQ=211><ACK=351><CTL=FIN,ACK>");
}

test("set before the SYN leaves: SYN to FIN, and TIME-WAIT's ACK [MUST-48 MUST-49]", () => {
  onEachVariantWith(["MARKS"], (variant) => {
    const c = fresh(variant);
    c.together(() => {
      c.connect();
      mark(c, c.handle, { ttl: 3, dscp: 46 });
    });
    c.expect("<SEQ=100><CTL=SYN><MSS=1460>").after(1_000).expect("<SEQ=100><CTL=SYN><MSS=1460>");
    c.send("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>").expect("<SEQ=101><ACK=301><CTL=ACK>");
    // The SYN was lost, so that the first retransmission waits for 3 s.
    c.write(1).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=1>");
    c.send("<SEQ=301><ACK=102><CTL=ACK>").closeWrite().expect("<SEQ=102><ACK=301><CTL=FIN,ACK>");
    c.send("<SEQ=301><ACK=103><CTL=FIN,ACK>").expect("<SEQ=103><ACK=302><CTL=ACK>");
    c.state("TIME-WAIT").release();
    c.send("<SEQ=301><ACK=103><CTL=FIN,ACK>").expect("<SEQ=103><ACK=302><CTL=ACK>");
    c.lookup("TIME-WAIT");
  });
});

test("text, ACK, retransmission, probe, FIN carry what was set [MUST-48 MUST-49 SHLD-22]", () => {
  onEachVariantWith(["MARKS"], (variant) => {
    for (const marks of [
      { ttl: 255, dscp: 63 },
      { ttl: 1, dscp: 1 },
      { ttl: 64, dscp: 32 },
    ]) {
      const c = given("ESTABLISHED", variant);
      mark(c, c.handle, marks);
      everySegment(c);
    }
  });
});

test("both change while the connection lives, the next segment has them [SHLD-21]", () => {
  onEachVariantWith(["MARKS"], (variant) => {
    const c = given("ESTABLISHED", variant).write(100);
    c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=100>");
    mark(c, c.handle, { ttl: 7, dscp: 10 });
    c.after(1_000).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=100>");
    assert.equal(set(c, c.handle, "DSCP", 0), "OK");
    announce(c, { dscp: 0 });
    c.send("<SEQ=311><ACK=201><CTL=ACK><DATA=1>").expect("<SEQ=201><ACK=301><CTL=ACK>");
    assert.equal(set(c, c.handle, "TTL", 64), "OK");
    announce(c, { ttl: 64 });
    c.closeWrite().expect("<SEQ=201><ACK=301><CTL=FIN,ACK>");
  });
});

test("the RST of an ABORT, and of a segment that the connection refuses [MUST-48 MUST-49]", () => {
  onEachVariantWith(["MARKS"], (variant) => {
    const marks = { ttl: 3, dscp: 46 };
    const c = given("ESTABLISHED", variant);
    mark(c, c.handle, marks);
    c.abort().expect("<SEQ=101><CTL=RST>");
    const other = given("SYN-SENT", variant);
    mark(other, other.handle, marks);
    other.send("<SEQ=300><ACK=99><CTL=SYN,ACK>").expect("<SEQ=99><CTL=RST>");
    const third = given("SYN-RECEIVED", variant);
    mark(third, third.handle, marks);
    third.send("<SEQ=301><ACK=103><CTL=ACK>").expect("<SEQ=103><CTL=RST>");
  });
});

test("a listener's hold from the SYN-ACK on, and pass to its connections [MUST-48 MUST-49]", () => {
  onEachVariantWith(["MARKS"], (variant) => {
    const c = fresh(variant).listen();
    mark(c, c.listener, { ttl: 2, dscp: 8 });
    c.send("<SEQ=300><CTL=SYN><MSS=1460>").expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    c.after(1_000).expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    c.send("<SEQ=301><CTL=ACK><ACK=500>").expect("<SEQ=500><CTL=RST>");
    c.send("<SEQ=299><ACK=101><CTL=ACK>").expect("<SEQ=101><ACK=301><CTL=ACK>");
    c.send("<SEQ=301><ACK=101><CTL=ACK>").accept();
    // From here on each has its own.
    assert.equal(set(c, c.listener, "TTL", 9), "OK");
    c.write(1).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=1>");
    announce(c, { ttl: 9 });
    const second = c.from(c.peerPort + 1);
    second.send("<SEQ=300><CTL=SYN>").expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
  });
});

test("both FINs crossed: the ACK that leaves for TIME-WAIT has them too [MUST-48 MUST-49]", () => {
  onEachVariantWith(["MARKS"], (variant) => {
    const c = given("FIN-WAIT-1", variant);
    mark(c, c.handle, { ttl: 3, dscp: 46 });
    // The FIN's ACK is still due when the ACK of ours ends CLOSING.
    c.sendAll(["<SEQ=301><ACK=101><CTL=FIN,ACK>", "<SEQ=302><ACK=102><CTL=ACK>"]);
    c.expect("<SEQ=102><ACK=302><CTL=ACK>").state("TIME-WAIT");
  });
});

test("the stack's TTL holds for all that has none of its own, at once [MUST-49]", () => {
  onEachVariantWith(["MARKS"], (variant) => {
    const c = given("ESTABLISHED", variant);
    const own = c.on(c.localPort + 1, c.peerPort, c.irs).connect();
    own.expect("<SEQ=100><CTL=SYN><MSS=1460>");
    mark(own, own.handle, { ttl: 5, dscp: 0 });
    own.send("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>").expect("<SEQ=101><ACK=301><CTL=ACK>");
    announce(c, { ttl: 128 });
    const { device } = c.rig;
    assert.equal(statusName(device.call("setParameter", Parameter.TTL, 128)), "OK");
    c.write(1).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=1>");
    // A segment that nobody wants, and a ping.
    const stray = c.on(c.localPort + 2, c.peerPort, c.irs);
    stray.send("<SEQ=300><ACK=7><CTL=ACK>").expect("<SEQ=7><CTL=RST>");
    c.rig.deliver(c.rig.peerFrame({ icmp: { type: IcmpType.ECHO_REQUEST, code: 0 } }));
    assert.equal(c.rig.takeOthers()[0]?.frame.icmp?.type, IcmpType.ECHO_REPLY);
    announce(c, { ttl: 5 });
    own.write(1).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=1>");
  });
});

test("values out of range, and handles of the other kind, are refused and change nothing", () => {
  onEachProfileWith(["MARKS"], (variant) => {
    const c = given("ESTABLISHED", variant, { role: "passive" });
    for (const handle of [c.handle, c.listener]) {
      assert.equal(set(c, handle, "TTL", 0), "BAD_ARGUMENT");
      assert.equal(set(c, handle, "TTL", 256), "BAD_ARGUMENT");
      assert.equal(set(c, handle, "TTL", -1), "BAD_ARGUMENT");
      assert.equal(set(c, handle, "DSCP", 64), "BAD_ARGUMENT");
      assert.equal(set(c, handle, "DSCP", -1), "BAD_ARGUMENT");
    }
    assert.equal(set(c, c.listener, "NO_DELAY", 1), "BAD_HANDLE");
    assert.equal(set(c, c.listener, "USER_TIMEOUT_MS", 1_000), "BAD_HANDLE");
    assert.equal(set(c, 0, "TTL", 1), "BAD_HANDLE");
    const { device } = c.rig;
    for (const ttl of [0, 256, -1]) {
      assert.equal(statusName(device.call("setParameter", Parameter.TTL, ttl)), "BAD_ARGUMENT");
    }
    c.write(1).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=1>");
    // `init` brings the default back: the inspector of the next device expects 64.
    assert.equal(statusName(device.call("setParameter", Parameter.TTL, 9)), "OK");
    given("ESTABLISHED", variant).write(1).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=1>");
  });
});
