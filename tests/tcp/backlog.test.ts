/**
 * Listeners under pressure: the backlog, the pools of half-open records and of TCBs, what happens
 * to those who wait when the listener goes.
 *
 * RFC 9293 §3.10.7.2; RFC 4987. A SYN that does not fit is answered with a cookie (see
 * syn-cookies.test.ts) or dropped in silence, never reset.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation } from "../support/conversation.ts";
import { fresh } from "../support/given.ts";
import { onEachProfile, onEachProfileWith, onEachVariant } from "../support/variants.ts";

const SYN = "<SEQ=300><CTL=SYN><MSS=1460>";
const ACK = "<SEQ=301><ACK=101><CTL=ACK>";
const OUR_SYN_ACK = "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>";

test("connections that nobody accepts fill the backlog: a SYN is dropped in silence", () => {
  onEachVariant((variant) => {
    const c = fresh(variant).listen(2);
    const second = c.from(6_000);
    const third = c.from(6_001);
    c.send(SYN).expect(OUR_SYN_ACK).send(ACK);
    second.send(SYN).expect(OUR_SYN_ACK).send(ACK);
    third.send(SYN).expectNothing().lookup("LISTEN");
    third.send(SYN).expectNothing().lookup("LISTEN");
    assert.equal(c.rig.device.counter("DROP_SYN_BACKLOG"), 2);
    c.accept().state("ESTABLISHED");
    third.send(SYN).expect(OUR_SYN_ACK).lookup("SYN-RECEIVED");
    second.accept().state("ESTABLISHED");
    third.send(ACK).accept().state("ESTABLISHED");
  });
});

test("a reset half-open connection and one that gave up leave their places", () => {
  onEachVariant((variant) => {
    const c = fresh(variant).listen(1).send(SYN).expect(OUR_SYN_ACK);
    c.send("<SEQ=301><CTL=RST>").lookup("LISTEN");
    const second = c.from(6_000).send(SYN).expect(OUR_SYN_ACK).lookup("SYN-RECEIVED");
    second.advance(300_000).take();
    const again = c.again(c.irs).send(SYN).expect(OUR_SYN_ACK);
    // A connection that is reset while it waits to be accepted keeps its place: it has a story to
    // tell.
    again.send(ACK).send("<SEQ=301><CTL=RST>").accept().ended("RESET").release();
    second.again(99).send(SYN).expect(OUR_SYN_ACK);
  });
});

test("connections are accepted in the order in which they were completed", () => {
  onEachProfile((variant) => {
    const c = fresh(variant).listen(4);
    const all = [c, c.from(6_000), c.from(6_001), c.from(6_002)];
    for (const one of all) one.send(SYN).expect(OUR_SYN_ACK);
    for (const index of [2, 0, 3, 1]) all[index]!.send(ACK);
    for (const index of [2, 0, 3, 1]) {
      const one = all[index]!.accept();
      assert.equal(one.status("REMOTE_PORT"), one.peerPort);
      one.state("ESTABLISHED");
    }
    assert.equal(c.rig.device.call("tcpAccept", c.listener), -3);
  });
});

test("half-open records run out: further SYNs get cookies, the rest completes", () => {
  onEachProfileWith(["SYN_COOKIES"], (variant) => {
    const c = fresh(variant).listen(255);
    const { device } = c.rig;
    // No listener's backlog is as large as the largest pool, so two share it.
    const other = new Conversation(c.rig, { localPort: 4_100, peerPort: 9_999 }, 77).listen(255);
    const records = device.limit("HALF_OPEN_COUNT");
    const all = Array.from({ length: records }, (_, i) => (i % 2 ? c : other).from(10_000 + i));
    for (const one of all) one.send(SYN).expect(OUR_SYN_ACK);
    c.send(SYN).expect(OUR_SYN_ACK).lookup("LISTEN");
    other.send(SYN).expect(OUR_SYN_ACK).lookup("LISTEN");
    assert.equal(device.counter("SYN_COOKIES_OUT"), 2);
    const fitting = all.slice(0, device.limit("CONNECTION_COUNT"));
    for (const one of fitting) one.send(ACK).accept().state("ESTABLISHED");
    c.from(5_999).send(SYN).expect(OUR_SYN_ACK).lookup("SYN-RECEIVED");
  });
});

test("no TCB is free: the completed handshake waits, is not reset, and goes on later", () => {
  onEachProfile((variant) => {
    const c = fresh(variant).listen(4);
    const { device } = c.rig;
    const occupied: number[] = [];
    for (let port = 20_000; ; port++) {
      const handle = device.call("tcpConnect", c.peerAddress, port, 0, 0);
      if (handle < 0) break;
      occupied.push(handle);
    }
    assert.equal(occupied.length, device.limit("CONNECTION_COUNT"));
    c.send(SYN).expect(OUR_SYN_ACK).send(ACK).expectNothing().state("SYN-RECEIVED");
    assert.equal(device.counter("DROP_NO_TCB"), 1);
    device.call("tcpAbort", occupied[0]!);
    assert.equal(device.call("tcpRelease", occupied[0]!), 0);
    // Our SYN,ACK goes again, the peer acknowledges again.
    c.advance(1_000).expect(OUR_SYN_ACK).send(ACK).accept().state("ESTABLISHED");
  });
});

test("a listener that goes resets who was not accepted, and forgets who is half-open", () => {
  onEachVariant((variant) => {
    const c = fresh(variant).listen(3);
    const accepted = c.from(6_000).send(SYN).expect(OUR_SYN_ACK).send(ACK).accept();
    const waiting = c.from(6_001).send(SYN).expect(OUR_SYN_ACK).send(ACK);
    const halfOpen = c.from(6_002).send(SYN).expect(OUR_SYN_ACK);
    c.unlisten();
    waiting.expect("<SEQ=101><CTL=RST>").lookup("CLOSED");
    halfOpen.expectNothing().lookup("CLOSED");
    accepted.state("ESTABLISHED").send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>");
    accepted.expectSoon("<SEQ=101><ACK=311><CTL=ACK>");
    halfOpen.send(ACK).expect("<SEQ=101><CTL=RST>");
    c.send(SYN).expect("<SEQ=0><ACK=301><CTL=RST,ACK>").quiet(600_000);
    // The port and the listener's record are free again.
    c.listen(3);
    c.again(c.irs).send(SYN).expect(OUR_SYN_ACK);
  });
});

test("listeners come and go: no record is lost", () => {
  onEachProfile((variant) => {
    const c = fresh(variant);
    const { device } = c.rig;
    const listeners = device.limit("LISTENER_COUNT");
    for (let round = 0; round < 3; round++) {
      const handles = Array.from({ length: listeners }, (_, i) => {
        return device.call("tcpListen", 0, 7_000 + i, 1);
      });
      assert.ok(handles.every((handle) => handle > 0));
      assert.equal(device.call("tcpListen", 0, 6_999, 1), -6);
      const close = round % 2 ? "tcpClose" : "tcpRelease";
      for (const handle of handles) assert.equal(device.call(close, handle), 0);
      for (const handle of handles) assert.equal(device.call("tcpAccept", handle), -1);
    }
  });
});
