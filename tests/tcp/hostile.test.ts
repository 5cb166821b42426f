/**
 * Hostile peers: random garbage, mutated segments, floods, in every state. Nothing may trap,
 * answers are limited, and the module serves on as if nothing had been.
 *
 * RFC 5961 §7 (limits on challenge ACKs); RFC 4987. Seeds are fixed: a failure repeats.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Flag, type TcpOption } from "../../hal/host/packet/index.ts";
import type { Conversation, RfcState } from "../support/conversation.ts";
import { given, ROLES } from "../support/given.ts";
import { open } from "../support/option-peer.ts";
import { Seeded } from "../support/pattern.ts";
import { naming, onEachProfile, onEachVariant } from "../support/variants.ts";

const STATES: readonly RfcState[] = [
  "CLOSED",
  "LISTEN",
  "SYN-SENT",
  "SYN-RECEIVED",
  "ESTABLISHED",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "CLOSE-WAIT",
  "CLOSING",
  "LAST-ACK",
  "TIME-WAIT",
];

/** A new connection to a new listener works from SYN to FIN: the module has not been hurt. */
function assertServes(c: Conversation): void {
  const listener = c.rig.device.call("tcpListen", 0, 4_999, 1);
  // Tiny modules have few listeners; where none is left the one that is there does.
  const port = listener > 0 ? 4_999 : c.localPort;
  const one = c.on(port, 7_777, 0x0077_0000);
  one.listener = listener > 0 ? listener : c.listener;
  one.send("<SEQ=300><CTL=SYN><MSS=1460>");
  one.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
  one.send("<SEQ=301><ACK=101><CTL=ACK>").accept().state("ESTABLISHED");
  one.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=20>").expectSoon("<SEQ=101><ACK=321><CTL=ACK>");
  one.read(20).write(5).expect("<SEQ=101><ACK=321><CTL=PSH,ACK><DATA=5>");
  one.send("<SEQ=321><ACK=106><CTL=FIN,ACK>").expect("<SEQ=106><ACK=322><CTL=ACK>");
  one.close().expect("<SEQ=106><ACK=322><CTL=FIN,ACK>");
  one.send("<SEQ=322><ACK=107><CTL=ACK>").ended("CLOSED").release();
}

/** A frame of nothing but noise, or noise behind a header that leads it further in. */
function noise(c: Conversation, random: Seeded): Uint8Array {
  const template = c.frame("<SEQ=301><ACK=101><CTL=ACK><DATA=30>");
  const kept = [0, 12, 14, 34, 54][random.below(5)]!;
  const octets = new Uint8Array(random.below(120));
  for (let i = 0; i < octets.length; i++) octets[i] = random.word() & 0xff;
  octets.set(template.subarray(0, Math.min(kept, octets.length)));
  return octets;
}

test("ten thousand frames of noise in every state: no trap, no lasting change", () => {
  onEachProfile((variant) => {
    for (const [index, state] of STATES.entries()) {
      naming(state, () => {
        const random = new Seeded(index + 1);
        const c = given(state, variant, { role: "passive" });
        for (let i = 0; i < 1_000; i++) {
          c.rig.deliver(noise(c, random));
          c.take();
        }
        c.rig.takeOthers();
        // Nothing of this has a valid TCP checksum, but by a chance of 1 in 65,536.
        c.state(state);
        assertServes(c);
      });
    }
  });
});

/**
 * A segment of this connection with random control bits, numbers near the real ones, any length.
 */
function nearMiss(c: Conversation, random: Seeded): Uint8Array {
  const around = (center: number): number => {
    const spread = [1, 4, 50, 5_000, 2 ** 31][random.below(5)]!;
    return (center + random.below(2 * spread + 1) - spread) >>> 0;
  };
  const window = [0, 1, 100, 4_096, 65_535][random.below(5)]!;
  return c.frame("<SEQ=301><ACK=101><CTL=ACK>", {
    tcp: {
      seq: around(c.irs + 1),
      ack: around(c.iss + 1),
      flags: random.below(256),
      window,
      reserved: random.below(4) === 0 ? random.below(16) : 0,
      urgentPointer: 0,
      payload: new Uint8Array(random.below(4) === 0 ? random.below(1_461) : 0),
      optionOctets: new Uint8Array(4 * random.below(11)).map(() => random.word() & 0xff),
    },
  });
}

test("well-formed nonsense in every state: any end is right but a trap or a leak", () => {
  onEachVariant((variant) => {
    for (const role of ROLES) {
      for (const [index, state] of STATES.entries()) {
        for (let seed = 1; seed <= 6; seed++) {
          naming(`${state}, ${role}, seed ${seed}`, () => {
            const random = new Seeded(1_000 * index + seed);
            const c = given(state, variant, { role });
            c.checksData = false;
            harass(c, random);
            settleDown(c);
            assertServes(c);
          });
        }
      }
    }
  });
});

/** A hundred segments of nonsense, with time and user calls in between. */
function harass(c: Conversation, random: Seeded): void {
  const { device } = c.rig;
  for (let i = 0; i < 100; i++) {
    c.rig.deliver(nearMiss(c, random));
    // The ISN's clock has to move: what is opened anew must not begin like what has just ended.
    c.advance(5);
    c.take();
    if (c.handle === 0) continue;
    const room = random.below(8) === 0 ? device.call("tcpReserve", c.handle) : 0;
    if (room > 0) device.call("tcpCommit", c.handle, random.below(room + 1));
    const found = random.below(4) === 0 ? device.call("tcpPeek", c.handle) : 0;
    if (found > 0) device.call("tcpConsume", c.handle, random.below(found + 1));
    if (i === 60 && random.below(2) === 0) device.call("tcpCloseWrite", c.handle);
    if (random.below(10) === 0) c.advance(random.below(2_000));
    c.take();
  }
}

/** Timestamps and SACK blocks near the real ones, in any order and number. */
function nearOptions(c: Conversation, random: Seeded, tsVal: number): TcpOption[] {
  const near = (center: number, spread: number): number => {
    return (center + random.below(2 * spread) - spread) >>> 0;
  };
  const timestamps = (): TcpOption => {
    const spread = [1, 100, 2 ** 31][random.below(3)]!;
    return { kind: "timestamps", value: near(tsVal, spread), echo: random.word() };
  };
  const sack = (): TcpOption => {
    const blocks = Array.from({ length: 1 + random.below(3) }, () => {
      const left = near(c.iss + 500, 2_000);
      return { left, right: near(left, 1_000) };
    });
    return { kind: "sack", blocks };
  };
  const options: TcpOption[] = [];
  if (random.below(5) > 0) options.push(timestamps());
  if (random.below(2) > 0) options.push(sack());
  if (random.below(9) === 0) options.push({ kind: "window-scale", shift: random.below(256) });
  // 40 octets are all that a header holds: ten, and three blocks behind two.
  return random.shuffle(options);
}

test("nonsense in timestamps and SACK blocks where both were agreed on", () => {
  onEachVariant((variant) => {
    for (let seed = 1; seed <= 20; seed++) {
      naming(`seed ${seed}`, () => {
        const random = new Seeded(seed);
        const peer = open(variant, { timestamps: true, sack: true, shift: 7 });
        const { c } = peer;
        c.checksData = false;
        for (let i = 0; i < 150; i++) {
          if (random.below(3) === 0) c.writeSome(random.below(1_500));
          peer.take();
          const ack = c.handle === 0 ? 101 : c.variable("SND_UNA") + random.below(300);
          const seq = 301 + random.below(random.below(2) === 0 ? 2 : 900);
          const options = nearOptions(c, random, peer.tsVal);
          peer.send(`<SEQ=${seq}><ACK=${ack}><CTL=ACK><DATA=${random.below(60)}>`, { options });
          c.advance(1 + random.below(300));
          peer.take();
        }
        settleDown(c);
        assertServes(c);
      });
    }
  });
});

/** Lets everything end that was begun: reads what is there, releases, waits for every timer. */
function settleDown(c: Conversation): void {
  const { device } = c.rig;
  if (c.handle !== 0) device.call("tcpRelease", c.handle);
  c.handle = 0;
  for (;;) {
    const accepted = c.listener === 0 ? -1 : device.call("tcpAccept", c.listener);
    if (accepted < 0) break;
    device.call("tcpRelease", accepted);
  }
  c.advance(1_000_000);
  c.take();
  const state = device.lookup(c.peerAddress, c.peerPort, c.localPort);
  assert.ok(state === "CLOSED" || state === "LISTEN", `${state} after a quarter of an hour`);
  c.rig.takeOthers();
}

// ── Floods ───────────────────────────────────────────────────────────────────────────────────────

/** Segments that each ask for an answer, and who may limit it. */
const SUSPICIOUS: [string, string][] = [
  ["RST in the window", "<SEQ=305><CTL=RST>"],
  ["SYN", "<SEQ=900><CTL=SYN>"],
  ["ACK of what was never sent", "<SEQ=301><ACK=9999><CTL=ACK>"],
  ["ACK older than any window", "<SEQ=301><ACK=-99999><CTL=ACK>"],
];

test("text counts only with a plausible ACK: no old one, none of the future [MAY-12]", () => {
  onEachVariant((variant) => {
    const window = 1_000;
    const c = given("ESTABLISHED", variant, { window }).write(500);
    c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=500>");
    c.send("<SEQ=301><ACK=601><CTL=ACK>");
    // Older than the largest window that the peer ever offered; or of what was never sent.
    for (const ack of [601 - window - 1, 602, 601 + 0x4000_0000, 601 - 0x4000_0000]) {
      c.send(`<SEQ=301><ACK=${ack}><CTL=PSH,ACK><DATA=10>`);
      c.expect("<SEQ=601><ACK=301><CTL=ACK>").call("tcpPeek", "WOULD_BLOCK");
      c.advance(60_000);
    }
    c.send(`<SEQ=301><ACK=${601 - window}><CTL=PSH,ACK><DATA=10>`);
    c.expectSoon("<SEQ=601><ACK=311><CTL=ACK>").read(10);
  });
});

test("challenge ACKs are limited, and the connection goes on (RFC 5961 §7)", () => {
  onEachVariant((variant) => {
    for (const [name, text] of SUSPICIOUS) {
      naming(name, () => {
        const c = given("ESTABLISHED", variant);
        let answers = 0;
        for (let ms = 0; ms < 1_000; ms++) {
          c.send(text);
          answers += c.take().length;
          c.advance(1);
        }
        assert.ok(answers >= 1, "none at all");
        assert.ok(answers <= 100, `${answers} in a second`);
        c.state("ESTABLISHED").send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=9>");
        c.expectSoon("<SEQ=101><ACK=310><CTL=ACK>");
        // In the next second there is an answer again.
        c.advance(2_000).send(text.replace("SEQ=301", "SEQ=310").replace("SEQ=305", "SEQ=315"));
        assert.equal(c.take().length, 1);
      });
    }
  });
});

test("the limit of one connection is not that of another (CVE-2016-5696)", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { role: "passive" });
    const other = c.from(6_000).send("<SEQ=300><CTL=SYN><MSS=1460>");
    other.expect("<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>");
    other.send("<SEQ=301><ACK=101><CTL=ACK>").accept();
    for (let i = 0; i < 1_000; i++) {
      c.send("<SEQ=305><CTL=RST>");
      c.take();
    }
    other.send("<SEQ=305><CTL=RST>").expect("<SEQ=101><ACK=301><CTL=ACK>");
  });
});

test("two that are out of step do not answer each other for ever", () => {
  onEachVariant((variant) => {
    // Each segment of the peer's lies outside the window, as ours do in his.
    const c = given("ESTABLISHED", variant);
    let answers = 0;
    for (let round = 0; round < 1_000; round++) {
      c.send("<SEQ=90000><ACK=101><CTL=ACK>");
      answers += c.take().length;
    }
    assert.ok(answers <= 100, `${answers} ACKs for 1,000 ACKs at once`);
  });
});

test("an application that reads nothing, and a peer that never stops, hold up nobody else", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant, { role: "passive" });
    const ring = c.rig.device.limit("RECEIVE_RING_SIZE");
    for (let offset = 0; offset < 3 * ring; offset += 500) {
      c.send(`<SEQ=${301 + offset}><ACK=101><CTL=PSH,ACK><DATA=500>`);
      c.take();
    }
    assert.ok(c.status("RECEIVE_QUEUED") <= ring);
    assertServes(c);
  });
});

test("a peer that acknowledges octet by octet with the smallest window gets on, slowly", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { window: 1 }).write(30);
    let acked = 0;
    for (let round = 0; round < 200 && acked < 30; round++) {
      if (!c.rig.advanceUntilEmitted(61_000, () => c.hasPending)) break;
      for (const { payload, flags } of c.take()) {
        assert.equal(flags & Flag.RST, 0);
        assert.equal(payload.length, 1);
      }
      acked = c.variable("SND_NXT") - 101;
      c.send(`<SEQ=301><ACK=${101 + acked}><CTL=ACK>`);
    }
    assert.equal(acked, 30);
  });
});
