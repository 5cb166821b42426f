/**
 * How long what nobody cares for may stay, and what goes first when TCBs run out.
 *
 * RFC 9293 §3.6.1, §3.8.3; RFC 6429 (ending connections whose peer keeps its window closed).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Status } from "../../hal/host/abi.ts";
import type { Conversation } from "../support/conversation.ts";
import { fresh, given } from "../support/given.ts";
import {
  onEachProfile,
  onEachProfileWith,
  onEachVariant,
  type Variant,
} from "../support/variants.ts";

const USER_TIMEOUT_MS = 300_000;
/** Nobody is evicted before. */
const MINUTE_MS = 60_000;
const STALLED_MS = 64_000;

const SYN = "<SEQ=300><CTL=SYN><MSS=1460>";
const ACK = "<SEQ=301><ACK=101><CTL=ACK>";
const SYN_ACK = "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>";

// ── Released connections ─────────────────────────────────────────────────────────────────────────

test("released, the peer takes what is left octet by octet: the user timeout ends it", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).write(500);
    c.take();
    c.advance(100_000).take();
    c.release().take();
    for (let ms = 10_000, ack = 102; ms < USER_TIMEOUT_MS; ms += 10_000, ack++) {
      c.advance(10_000).take();
      c.send(`<SEQ=301><ACK=${ack}><CTL=ACK>`).take();
      c.lookup("FIN-WAIT-1");
    }
    c.advance(9_900).take();
    c.lookup("FIN-WAIT-1").advance(101).take();
    c.lookup("CLOSED").quiet(600_000);
  });
});

test("released, the peer answers each probe of its closed window: likewise", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).write(100);
    c.take();
    c.window = 0;
    c.send("<SEQ=301><ACK=201><CTL=ACK>").write(50).release();
    const end = c.nowMs + USER_TIMEOUT_MS;
    while (c.rig.advanceUntilEmitted(end - 1 - c.nowMs, () => c.hasPending)) {
      c.take();
      c.send("<SEQ=301><ACK=201><CTL=ACK>").take();
    }
    c.lookup("FIN-WAIT-1").advance(2).take();
    c.lookup("CLOSED").quiet(600_000);
  });
});

test("released, our FIN is acknowledged and the peer's never comes: once more as long", () => {
  onEachVariant((variant) => {
    const c = given("FIN-WAIT-1", variant).advance(900).release().advance(200_000);
    c.take();
    c.send("<SEQ=301><ACK=102><CTL=ACK>").lookup("FIN-WAIT-2");
    c.quiet(USER_TIMEOUT_MS - 1)
      .lookup("FIN-WAIT-2")
      .quiet(2)
      .lookup("CLOSED");
  });
});

test("nobody accepts: after the user timeout the connection is reset, its place free", () => {
  onEachVariant((variant) => {
    const c = fresh(variant).listen(1).send(SYN).expect(SYN_ACK).send(ACK);
    c.quiet(200_000).send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>");
    c.expectSoon("<SEQ=101><ACK=311><CTL=ACK>").advance(99_000).expectNothing();
    c.lookup("ESTABLISHED").advance(1_001).expect("<SEQ=101><CTL=RST>").lookup("LISTEN");
    assert.equal(c.rig.device.call("tcpAccept", c.listener), Status.WOULD_BLOCK);
    c.again(c.irs)
      .send(SYN)
      .expect(SYN_ACK)
      .send(ACK)
      .accept()
      .quiet(2 * USER_TIMEOUT_MS);
  });
});

// ── When TCBs run out ────────────────────────────────────────────────────────────────────────────

/** A listener, and a connection to it that was accepted. */
function accepted(variant: Variant): Conversation {
  return fresh(variant).listen(200).send(SYN).expect(SYN_ACK).send(ACK).accept();
}

function another(c: Conversation, peerPort: number): Conversation {
  return c.from(peerPort).send(SYN).expect(SYN_ACK).send(ACK);
}

/** Healthy connections until all TCBs are taken. */
function fill(c: Conversation): number[] {
  const handles: number[] = [];
  for (let port = 20_000; ; port++) {
    const other = c.from(port);
    const handle = c.rig.device.call("tcpConnect", c.peerAddress, port, 0, 0);
    if (handle < 0) return handles;
    handles.push(handle);
    c.rig.device.call("tcpSetOption", handle, 1, 86_400_000);
    other.take();
  }
}

/** A completed handshake that needs a TCB; its record waits. */
function ask(c: Conversation, peerPort = 7_777): Conversation {
  return c.from(peerPort).send(SYN).expect(SYN_ACK).send(ACK);
}

test("nobody goes who is healthy, or not yet for a minute", () => {
  onEachProfile((variant) => {
    const c = accepted(variant);
    c.window = 0;
    c.send(ACK).write(10).advance(1_000).take();
    const others = fill(c);
    c.rig.takeOthers();
    c.advance(MINUTE_MS - 3_000).take();
    const late = ask(c);
    late.expectNothing().lookup("SYN-RECEIVED");
    assert.equal(c.rig.device.counter("EVICTED"), 0);
    c.state("ESTABLISHED");
    for (const handle of others) {
      assert.equal(c.rig.device.status(handle, "END_REASON"), 0);
    }
  });
});

test("a peer that keeps its window closed goes, and its user is told", () => {
  onEachProfileWith(["EVICTION"], (variant) => {
    const c = accepted(variant);
    c.window = 0;
    c.send(ACK).write(10).advance(1_000).take();
    fill(c);
    for (let ms = 0; ms < STALLED_MS; ms += 8_000) {
      c.advance(8_000).take();
      c.send(ACK).take();
    }
    const late = ask(c);
    assert.equal(c.take().at(-1)!.flags & 0x04, 0x04, "RST");
    c.ended("EVICTED");
    assert.equal(c.rig.device.counter("EVICTED"), 1);
    // Its handle is the user's; once that is released there is room.
    late.lookup("SYN-RECEIVED");
    c.release();
    late.take();
    late.send(ACK).accept().state("ESTABLISHED");
  });
});

test("who does not read from a full ring loses the connection, who reads does not", () => {
  onEachProfileWith(["EVICTION"], (variant) => {
    for (const reads of [false, true]) {
      const c = accepted(variant);
      const ring = c.rig.device.limit("RECEIVE_RING_SIZE");
      for (let octets = 0; octets < ring;) {
        const some = Math.min(1_024, ring - octets);
        c.send(`<SEQ=${301 + octets}><ACK=101><CTL=ACK><DATA=${some}>`).take();
        octets += some;
      }
      c.advance(1_000).take();
      fill(c);
      c.advance(STALLED_MS / 2).take();
      if (reads) c.read(1);
      c.advance(STALLED_MS / 2).take();
      ask(c);
      if (reads) c.expectNothing().state("ESTABLISHED");
      else c.expect("<SEQ=101><CTL=RST>").ended("EVICTED");
    }
  });
});

test("a released connection goes first, and the new one has its place at once", () => {
  onEachProfileWith(["EVICTION"], (variant) => {
    const c = accepted(variant);
    const orphan = another(c, 6_000).accept();
    c.window = 0;
    c.send(ACK).write(10).advance(2_000).take();
    orphan.closeWrite().take();
    orphan.send("<SEQ=301><ACK=102><CTL=ACK>").release().lookup("FIN-WAIT-2");
    fill(c);
    c.advance(STALLED_MS).take();
    c.send(ACK).take();
    const late = ask(c);
    orphan.expect("<SEQ=102><CTL=RST>");
    c.state("ESTABLISHED");
    late.send(ACK).accept().state("ESTABLISHED");
    assert.equal(c.rig.device.counter("EVICTED"), 1);
  });
});

test("what nobody has accepted goes before what somebody has; OPEN makes room, too", () => {
  onEachProfileWith(["EVICTION"], (variant) => {
    const c = accepted(variant);
    const first = another(c, 6_000);
    const second = another(c, 6_001);
    c.window = 0;
    c.send(ACK).write(10).advance(1_000).take();
    fill(c);
    c.advance(STALLED_MS).take();
    c.send(ACK).take();
    const { device } = c.rig;
    const open = (): number => device.call("tcpConnect", c.peerAddress, 9_999, 0, 0);
    assert.equal(open(), Status.NO_RESOURCES);
    c.rig.settle();
    first.expect("<SEQ=101><CTL=RST>").lookup("LISTEN");
    second.expectNothing().lookup("ESTABLISHED");
    c.state("ESTABLISHED");
    assert.ok(open() > 0);
    second.accept().state("ESTABLISHED");
    assert.equal(device.call("tcpAccept", c.listener), Status.WOULD_BLOCK);
  });
});

test("one that was reset before anybody accepted it goes at once", () => {
  onEachProfileWith(["EVICTION"], (variant) => {
    const c = accepted(variant);
    const dead = another(c, 6_000).send("<SEQ=301><CTL=RST>");
    // OPEN takes its TCB at once, since nobody can ask for it any more.
    assert.equal(fill(c).length, c.rig.device.limit("CONNECTION_COUNT") - 1);
    dead.expectNothing();
    assert.equal(c.rig.device.counter("EVICTED"), 1);
    assert.equal(c.rig.device.call("tcpAccept", c.listener), Status.WOULD_BLOCK);
  });
});
