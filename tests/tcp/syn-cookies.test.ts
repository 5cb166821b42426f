/**
 * SYN cookies: what a listener answers when it has no room for a half-open record.
 *
 * RFC 4987 §3.6; RFC 9293 §3.10.7.2. A cookie brings back the MSS and nothing else, is good for two
 * steps of 67 s, and makes a connection only where one could be accepted.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Flag, findOption } from "../../hal/host/packet/index.ts";
import { Conversation } from "../support/conversation.ts";
import { fresh, type GivenOptions } from "../support/given.ts";
import { seqDistance } from "../support/sequence.ts";
import {
  onEachProfile,
  onEachProfileWith,
  onEachVariantWith,
  type Variant,
} from "../support/variants.ts";

const SYN = "<SEQ=300><CTL=SYN><MSS=1460>";
const ACK = "<SEQ=301><ACK=101><CTL=ACK>";
const OUR_SYN_ACK = "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>";
/** 2^24 steps of the ISN's clock. */
const STEP_MS = 2 ** 24 / 250;

/** A listener whose backlog of 1 is full with a half-open connection; another client. */
function flooded(variant: Variant, options: GivenOptions = {}): Conversation {
  const c = fresh(variant, options).listen(1).send(SYN).expect(OUR_SYN_ACK);
  return c.from(6_000);
}

function cookies(c: Conversation): [out: number, accepted: number] {
  const { device } = c.rig;
  return [device.counter("SYN_COOKIES_OUT"), device.counter("SYN_COOKIES_ACCEPTED")];
}

test("a cookie makes a connection: nothing is remembered before, all works after", () => {
  onEachVariantWith(["SYN_COOKIES"], (variant) => {
    const c = flooded(variant).send(SYN).expect(OUR_SYN_ACK).lookup("LISTEN");
    c.send(ACK).expectNothing().lookup("ESTABLISHED");
    c.accept().state("ESTABLISHED").eventsWith("CONNECTED");
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=50>").expectSoon("<SEQ=101><ACK=351><CTL=ACK>");
    c.read(50).write(70).expect("<SEQ=101><ACK=351><CTL=PSH,ACK><DATA=70>");
    c.send("<SEQ=351><ACK=171><CTL=FIN,ACK>").expect("<SEQ=171><ACK=352><CTL=ACK>");
    c.closeWrite().expect("<SEQ=171><ACK=352><CTL=FIN,ACK>");
    c.send("<SEQ=352><ACK=172><CTL=ACK>").ended("CLOSED");
    assert.deepEqual(cookies(c), [1, 1]);
  });
});

test("the ACK of a cookie may bring data, a FIN, or both", () => {
  onEachVariantWith(["SYN_COOKIES"], (variant) => {
    const data = flooded(variant).send(SYN).expect(OUR_SYN_ACK);
    data.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=20>").expectSoon("<SEQ=101><ACK=321><CTL=ACK>");
    data.accept().state("ESTABLISHED").read(20);
    const fin = flooded(variant).send(SYN).expect(OUR_SYN_ACK);
    fin.send("<SEQ=301><ACK=101><CTL=FIN,ACK><DATA=20>").expect("<SEQ=101><ACK=322><CTL=ACK>");
    fin.accept().state("CLOSE-WAIT").read(20).eof();
  });
});

test("a cookie keeps the MSS, rounded down to one that is common", () => {
  const kept = [
    [0, 536],
    [1, 64],
    [255, 64],
    [536, 536],
    [1_219, 1_024],
    [1_220, 1_220],
    [1_459, 1_440],
    [1_460, 1_460],
    [9_000, 1_460],
  ] as const;
  onEachVariantWith(["SYN_COOKIES"], (variant) => {
    for (const [offered, mss] of kept) {
      const c = flooded(variant);
      c.send(offered === 0 ? "<SEQ=300><CTL=SYN>" : `<SEQ=300><CTL=SYN><MSS=${offered}>`);
      c.expect(OUR_SYN_ACK).send(ACK).accept();
      assert.equal(c.status("SND_MSS"), mss, `of ${offered}`);
    }
  });
});

test("a cookie agrees to no option", () => {
  onEachVariantWith(["SYN_COOKIES"], (variant) => {
    const c = flooded(variant);
    const options = [
      { kind: "mss", value: 1_460 },
      { kind: "sack-permitted" },
      { kind: "timestamps", value: 7, echo: 0 },
      { kind: "window-scale", shift: 7 },
    ] as const;
    c.send(SYN, { tcp: { options: [...options] } });
    const [answer] = c.take();
    assert.deepEqual(
      answer!.options.map(({ kind }) => kind),
      ["mss"],
    );
    c.send("<SEQ=301><ACK=101><CTL=ACK><WND=1000>").accept();
    assert.equal(c.status("SND_WND"), 1_000, "not scaled");
    c.write(10);
    assert.equal(findOption(c.take()[0]!, "timestamps"), undefined);
  });
});

test("a cookie is good for two steps of the clock, at most 201 s; an old one draws RST", () => {
  onEachVariantWith(["SYN_COOKIES"], (variant) => {
    const young = flooded(variant).send(SYN).expect(OUR_SYN_ACK);
    young.rig.advance(2 * STEP_MS);
    young.send(ACK).accept().state("ESTABLISHED");
    const old = flooded(variant).send(SYN).expect(OUR_SYN_ACK);
    old.rig.advance(3 * STEP_MS + 1);
    old.send(ACK).expect("<SEQ=101><CTL=RST>").lookup("LISTEN");
  });
});

test("what differs from what was given out by one is no cookie", () => {
  onEachVariantWith(["SYN_COOKIES"], (variant) => {
    const wrong: ((c: Conversation) => Conversation)[] = [
      (c) => c.send("<SEQ=302><ACK=101><CTL=ACK>").expect("<SEQ=101><CTL=RST>"),
      (c) => c.send("<SEQ=301><ACK=65637><CTL=ACK>").expect("<SEQ=65637><CTL=RST>"),
      (c) => c.send("<SEQ=301><ACK=85><CTL=ACK>").expect("<SEQ=85><CTL=RST>"),
      (c) => c.send("<SEQ=301><ACK=101><CTL=SYN,ACK>").expect("<SEQ=101><CTL=RST>"),
      (c) => c.send("<SEQ=301><ACK=101><CTL=RST,ACK>").expectNothing(),
      (c) => {
        const other = c.from(6_001);
        other.iss = c.iss;
        return other.send(ACK).expect("<SEQ=101><CTL=RST>");
      },
    ];
    for (const send of wrong) {
      const c = flooded(variant).send(SYN).expect(OUR_SYN_ACK);
      send(c).lookup("LISTEN");
      assert.deepEqual(cookies(c), [1, 0]);
    }
  });
});

test("nobody guesses a cookie, and without one given out lately none is looked for", () => {
  onEachProfileWith(["SYN_COOKIES"], (variant) => {
    const c = flooded(variant).send(SYN).expect(OUR_SYN_ACK);
    for (let i = 0; i < 2_000; i++) {
      const guess = c.from(10_000 + i);
      guess.iss = (c.iss + Math.imul(i, 0x9e37_79b1)) >>> 0;
      guess.send(ACK).expect("<SEQ=101><CTL=RST>");
    }
    assert.deepEqual(cookies(c), [1, 0]);
  });
});

test("a full queue of connections to accept still refuses, in silence", () => {
  onEachVariantWith(["SYN_COOKIES"], (variant) => {
    const c = flooded(variant).send(SYN).expect(OUR_SYN_ACK);
    const third = c.from(6_001).send(SYN).expect(OUR_SYN_ACK);
    c.resume().send(ACK);
    // One waits to be accepted, which is what the backlog allows: no cookie, and none is taken.
    c.from(6_002).send(SYN).expectNothing();
    assert.equal(c.rig.device.counter("DROP_SYN_BACKLOG"), 1);
    third.resume().send(ACK).expectNothing().lookup("LISTEN");
    assert.equal(c.rig.device.counter("DROP_NO_TCB"), 1);
    c.accept().state("ESTABLISHED");
    third.send(ACK).accept().state("ESTABLISHED");
    assert.deepEqual(cookies(c), [2, 2]);
  });
});

test("cookies fill the backlog: who has a record waits in it, and is asked again", () => {
  onEachVariantWith(["SYN_COOKIES"], (variant) => {
    const c = fresh(variant).listen(1).send(SYN).expect(OUR_SYN_ACK);
    const cookie = c.from(6_000).send(SYN).expect(OUR_SYN_ACK).send(ACK);
    c.resume().send(ACK).expectNothing().lookup("SYN-RECEIVED");
    cookie.accept().state("ESTABLISHED");
    c.after(1_000).expect(OUR_SYN_ACK).send(ACK).accept().state("ESTABLISHED");
  });
});

test("no TCB is free: no cookie, which nobody could honour", () => {
  onEachProfile((variant) => {
    const c = flooded(variant);
    const { device } = c.rig;
    while (device.call("tcpConnect", c.peerAddress, 80, 0, 0) > 0);
    c.send(SYN).expectNothing();
    assert.equal(device.counter("DROP_SYN_BACKLOG"), 1);
  });
});

test("the ISNs of a tuple follow the clock with cookies too, to within a step", () => {
  onEachVariantWith(["SYN_COOKIES"], (variant) => {
    // The same tuple, once with a record and once with a cookie, at the same times.
    const isnAt = (isCookie: boolean, ms: number): number => {
      const c = isCookie ? flooded(variant) : fresh(variant).listen(1).from(6_000);
      // Longer than the half-open one lives would free its place.
      c.rig.advance(ms);
      c.send(SYN);
      return c.take().find(({ flags }) => (flags & Flag.SYN) !== 0)!.seq;
    };
    let before = isnAt(true, 0);
    for (const ms of [0, STEP_MS, 2 * STEP_MS]) {
      const cookie = isnAt(true, ms);
      const distance = seqDistance(cookie, isnAt(false, ms)) | 0;
      assert.ok(Math.abs(distance) < 2 ** 24, `${distance} from the clock's`);
      assert.ok(ms === 0 || (seqDistance(before, cookie) | 0) > -(2 ** 24));
      before = cookie;
    }
  });
});

test("a flood of forged SYNs closes no listener: an honest client connects and transfers", () => {
  onEachProfileWith(["SYN_COOKIES"], (variant) => {
    const c = fresh(variant).listen(3).send(SYN).expect(OUR_SYN_ACK).send(ACK).accept();
    const { device } = c.rig;
    const flood = (from: number): void => {
      for (let i = 0; i < 500; i++) {
        const forged = c.from(from + i, (c.irs + 977 * i) >>> 0);
        forged.send(SYN);
        assert.equal(forged.take().length, 1, "each is answered, once");
      }
    };
    flood(10_000);
    const honest = c.from(6_000).send(SYN).expect(OUR_SYN_ACK);
    flood(20_000);
    honest.resume().send(ACK).accept().state("ESTABLISHED");
    honest.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=400>");
    honest.expectSoon("<SEQ=101><ACK=701><CTL=ACK>").read(400);
    honest.write(400).expect("<SEQ=101><ACK=701><CTL=PSH,ACK><DATA=400>");
    honest.send("<SEQ=701><ACK=501><CTL=ACK>");
    // What was established before has felt nothing.
    c.resume().send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>");
    c.expectSoon("<SEQ=101><ACK=311><CTL=ACK>").read(10);
    assert.deepEqual(cookies(c), [998, 1]);
    assert.equal(device.counter("DROP_SYN_BACKLOG"), 0);
    // The forged ones are forgotten: records are given out again, and none is lost.
    c.rig.advance(300_000);
    c.rig.takeOthers();
    const later = [c.from(30_000), c.from(30_001), c.from(30_002)];
    for (const one of later) one.send(SYN).expect(OUR_SYN_ACK).lookup("SYN-RECEIVED");
    assert.equal(cookies(c)[0], 998);
  });
});
