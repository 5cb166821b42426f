/**
 * Path MTU discovery: RFC 1191 ("fragmentation needed"), RFC 2923 §2.1 (routers that say nothing),
 * RFC 5927 §7 (strangers that say it). And `tiny`, which has none and lets routers fragment.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  buildFrame,
  buildIcmp,
  buildIpv4,
  type Frame,
  IpProtocol,
} from "../../hal/host/packet/index.ts";
import type { Conversation } from "../support/conversation.ts";
import type { Device } from "../support/device.ts";
import { given, type GivenOptions } from "../support/given.ts";
import { icmpErrorFrame } from "../support/icmp.ts";
import { open } from "../support/option-peer.ts";
import { Pair } from "../support/pair.ts";
import { Program } from "../support/program.ts";
import {
  beginningOf,
  naming,
  onEachVariant,
  PEER_ADDRESS,
  type Variant,
  VARIANTS,
} from "../support/variants.ts";

const FRAGMENTATION_NEEDED = 4;
const HEADERS = 40;
const FULL = 1_460;
/** Two full segments fit into the send ring of `default`. */
const RING = 2 * FULL;
/** No MTU makes the segments smaller than this. */
const TEXT_MIN = 512;
const MINUTE_MS = 60_000;

const WITH: readonly Variant[] = VARIANTS.filter(({ profile }) => profile !== "tiny");
const WITHOUT: readonly Variant[] = VARIANTS.filter(({ profile }) => profile === "tiny");

/** A connection whose first two full segments are in flight, none of which has arrived. */
function flying(variant: Variant, options: GivenOptions = {}): Conversation {
  const c = given("ESTABLISHED", variant, { window: 65_535, ...options }).write(RING);
  c.expect(
    `<SEQ=101><ACK=301><CTL=ACK><DATA=${FULL}>`,
    `<SEQ=${101 + FULL}><ACK=301><CTL=PSH,ACK><DATA=${FULL}>`,
  );
  return c;
}

/** A router's word that a datagram of `length` octets, with the octet `seq`, is above `mtu`. */
function tooBig(c: Conversation, mtu: number, seq = 101, length = FULL + HEADERS): void {
  c.rig.deliver(icmpErrorFrame(c, { code: FRAGMENTATION_NEEDED, seq, rest: mtu, length }));
}

/** Acknowledges whatever comes until all that was written is acknowledged; the sizes that came. */
function acknowledgeAll(c: Conversation): number[] {
  const sizes: number[] = [];
  do {
    sizes.push(...c.take().map(({ payload }) => payload.length));
    c.send(`<SEQ=301><ACK=${c.variable("SND_NXT")}><CTL=ACK>`);
  } while (c.hasPending);
  assert.equal(c.variable("SND_UNA"), 101 + c.written);
  return sizes;
}

/** Writes a ring's worth and returns the sizes in which it leaves. */
function sizesOf(c: Conversation): number[] {
  c.write(RING);
  return acknowledgeAll(c);
}

/** The IPv4 headers of what was emitted. */
function headersOf(c: Conversation): NonNullable<Frame["ipv4"]>[] {
  return c.takeTimed().map(({ frame }) => frame.ipv4!);
}

// ── What routers say ─────────────────────────────────────────────────────────────────────────────

test("what was too big for the path goes again at once, smaller, nothing else [MUST-16]", () => {
  onEachVariant((variant) => {
    for (const mtu of [1_499, 1_492, 1_400, 1_006, 600, 552]) {
      naming(`MTU ${mtu}`, () => {
        const c = flying(variant);
        const before = [c.status("SSTHRESH"), c.status("RTO_MS"), c.status("SOFT_ERROR")];
        tooBig(c, mtu);
        const size = mtu - HEADERS;
        c.expect(`<SEQ=101><ACK=301><CTL=ACK><DATA=${size}>`);
        assert.equal(c.status("SND_MSS"), size);
        assert.deepEqual(
          [c.status("SSTHRESH"), c.status("RTO_MS"), c.status("SOFT_ERROR")],
          before,
          "neither congestion nor a time-out nor an error",
        );
        assert.equal(c.rig.device.counter("PMTU_LOWERED"), 1);
        // The router says it of the second segment too: no news.
        tooBig(c, mtu, 101 + FULL);
        c.expectNothing().send(`<SEQ=301><ACK=${101 + size}><CTL=ACK>`);
        const sizes = acknowledgeAll(c);
        assert.ok(Math.max(...sizes) === size || RING - size < size, `${sizes.join()}`);
        assert.ok(sizesOf(c).every((octets) => octets <= size));
      });
    }
  }, WITH);
});

test("the first segment that goes again starts a time-out of its own", () => {
  onEachVariant((variant) => {
    const c = flying(variant).quiet(900);
    tooBig(c, 1_400);
    c.expect("<SEQ=101><ACK=301><CTL=ACK><DATA=1360>");
    c.after(1_000).expect("<SEQ=101><ACK=301><CTL=ACK><DATA=1360>");
    c.after(2_000).expect("<SEQ=101><ACK=301><CTL=ACK><DATA=1360>");
  }, WITH);
});

test("slow start leads back to the window there was (RFC 1191 §6.5)", () => {
  onEachVariant((variant) => {
    const c = flying(variant);
    const window = c.status("CWND");
    tooBig(c, 600);
    c.take();
    assert.equal(c.status("CWND"), 560);
    let acked = 101;
    for (let round = 0; round < 4; round++) {
      acked += 560;
      c.send(`<SEQ=301><ACK=${acked}><CTL=ACK>`).take();
    }
    assert.ok(c.status("CWND") >= Math.min(window, 5 * 560), `${c.status("CWND")}`);
  }, WITH);
});

test("timestamps take their place from the smaller segments too [MUST-16]", () => {
  onEachVariant((variant) => {
    const peer = open(variant, { timestamps: true, window: 65_535 });
    peer.c.write(2_800);
    assert.equal(peer.take()[0]!.payload.length, FULL - 12);
    tooBig(peer.c, 1_400);
    assert.equal(peer.takeOne().payload.length, 1_400 - 52);
    assert.equal(peer.c.status("SND_MSS"), 1_400 - 52);
  }, WITH);
});

test("routers that do not say what they take: the next plateau below (RFC 1191 §7)", () => {
  onEachVariant((variant) => {
    for (const header of [0, 20]) {
      const c = flying(variant);
      let una = 101;
      let mtu = 1_500;
      for (const plateau of [1_492, 1_006, 552]) {
        tooBig(c, 0, una, mtu + header);
        const [segment] = c.take();
        assert.equal(segment!.payload.length, plateau - HEADERS, `below ${mtu}`);
        mtu = plateau;
        una = c.variable("SND_UNA");
      }
    }
  }, WITH);
});

test("below 552 segments stay as they are, and routers may fragment them", () => {
  onEachVariant((variant) => {
    for (const mtu of [551, 296, 68]) {
      naming(`MTU ${mtu}`, () => {
        const c = flying(variant);
        tooBig(c, mtu);
        assert.equal(c.status("SND_MSS"), TEXT_MIN);
        const seen = headersOf(c);
        // Who may fragment does not complain.
        tooBig(c, mtu, 101, TEXT_MIN + HEADERS);
        c.expectNothing();
        c.send(`<SEQ=301><ACK=${c.variable("SND_NXT")}><CTL=ACK>`);
        while (seen.length < 6) {
          if (!c.hasPending) c.writeSome(RING);
          seen.push(...headersOf(c));
          c.send(`<SEQ=301><ACK=${c.variable("SND_NXT")}><CTL=ACK>`);
        }
        assert.ok(seen.every(({ dontFragment }) => !dontFragment));
        assert.equal(new Set(seen.map((ip) => ip.identification)).size, seen.length);
      });
    }
  }, WITH);
});

test("datagrams are atomic otherwise: DF, with identification 0 (RFC 6864)", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { window: 65_535 }).write(RING);
    const headers = headersOf(c);
    assert.ok(headers.length > 0);
    for (const { dontFragment, identification } of headers) {
      assert.deepEqual([dontFragment, identification], [true, 0]);
    }
  }, WITH);
});

test("a message that quotes nothing in flight, or makes no sense, is not believed", () => {
  onEachVariant((variant) => {
    const c = flying(variant);
    const wrong: [mtu: number, seq: number, length: number][] = [
      [600, 100, 1_500],
      [600, 101 + RING, 1_500],
      [600, -90_000, 1_500],
      [600, 90_000, 1_500],
      [600, 101, 600], // it would have passed
      [600, 101, 40],
      [67, 101, 1_500], // no link takes so little
      [1, 101, 1_500],
      [0, 101, 551], // the smallest plateau
      [1_500, 101, 1_500],
      [4_000, 101, 9_000], // nothing so large is in flight
    ];
    const raised = wrong.filter(([mtu, seq, length]) => {
      const before = c.rig.device.counter("DROP_ICMP_QUOTE");
      tooBig(c, mtu, seq, length);
      c.expectNothing();
      return c.rig.device.counter("DROP_ICMP_QUOTE") === before + 1;
    });
    assert.deepEqual(raised, wrong);
    assert.deepEqual([c.status("SND_MSS"), c.status("SOFT_ERROR")], [FULL, 0]);
    c.rig.deliver(icmpErrorFrame(c, { code: 4, seq: 101, rest: 600, length: 1_500, peerPort: 9 }));
    c.expectNothing();
    c.after(1_000).expect(`<SEQ=101><ACK=301><CTL=ACK><DATA=${FULL}>`);
  }, WITH);
});

test("a message about small segments in flight is not believed", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).write(500);
    c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=500>");
    tooBig(c, 560);
    tooBig(c, 540, 101, 540);
    c.expectNothing();
    assert.equal(c.status("SND_MSS"), FULL);
  }, WITH);
});

// ── What strangers say (RFC 5927 §7) ─────────────────────────────────────────────────────────────

/** A connection one of whose full segments has arrived, with two more in flight. */
function proven(variant: Variant): Conversation {
  const c = flying(variant);
  c.send(`<SEQ=301><ACK=${101 + RING}><CTL=ACK>`)
    .write(RING)
    .take();
  return c;
}

test("where full segments have arrived, only a time-out confirms that they cannot", () => {
  onEachVariant((variant) => {
    const c = proven(variant);
    const seq = 101 + RING;
    const rto = c.status("RTO_MS");
    const threshold = c.status("SSTHRESH");
    tooBig(c, 1_000, seq);
    c.quiet(rto - 1);
    assert.equal(c.status("SND_MSS"), FULL);
    c.advance(1).expect(`<SEQ=${seq}><ACK=301><CTL=ACK><DATA=960>`);
    // Then it was the size, not congestion.
    assert.deepEqual([c.status("RTO_MS"), c.status("SSTHRESH")], [rto, threshold]);
    assert.equal(c.status("SND_MSS"), 960);
    assert.ok(acknowledgeAll(c).every((octets) => octets <= 960));
    // On the new path a smaller one still is believed at once, as at first.
    c.write(RING).take();
    tooBig(c, 900, c.variable("SND_UNA"), 1_000);
    c.quiet(100);
    assert.equal(c.status("SND_MSS"), 960, "960 has arrived meanwhile");
  }, WITH);
});

test("an acknowledgement of the quoted segment gives the lie to it", () => {
  onEachVariant((variant) => {
    const c = proven(variant);
    const seq = 101 + RING;
    tooBig(c, 1_000, seq);
    c.send(`<SEQ=301><ACK=${seq + FULL}><CTL=ACK>`).take();
    // The other one is lost, but for another reason.
    const [again] = c.advance(c.status("RTO_MS")).take();
    assert.equal(again!.payload.length, FULL);
    assert.equal(c.status("SND_MSS"), FULL);
    assert.equal(c.rig.device.counter("PMTU_LOWERED"), 0);
  }, WITH);
});

test("an acknowledgement of what went before does not", () => {
  onEachVariant((variant) => {
    const c = proven(variant);
    const seq = 101 + RING + FULL;
    tooBig(c, 1_000, seq);
    c.send(`<SEQ=301><ACK=${seq}><CTL=ACK>`).expectNothing();
    const [again] = c.advance(c.status("RTO_MS")).take();
    assert.equal(again!.payload.length, 960);
  }, WITH);
});

// ── Larger again ─────────────────────────────────────────────────────────────────────────────────

test("after ten minutes the full size is tried again, and not before (RFC 1191 §6.3)", () => {
  onEachVariant((variant) => {
    const c = flying(variant);
    tooBig(c, 1_000);
    assert.ok(acknowledgeAll(c).every((octets) => octets <= 960));
    c.advance(10 * MINUTE_MS - 1);
    assert.ok(sizesOf(c).every((octets) => octets <= 960));
    c.advance(3_000);
    sizesOf(c); // the first acknowledgement opens it
    assert.equal(c.status("SND_MSS"), FULL);
    assert.equal(c.rig.device.counter("PMTU_RAISED"), 1);
    assert.ok(sizesOf(c).includes(FULL));
    // The path has not changed: a router says so, and is believed at once.
    c.write(RING).take();
    assert.equal(c.status("SND_MSS"), FULL);
  }, WITH);
});

test("the full size is tried again at once, though the window was one smaller segment", () => {
  onEachVariant((variant) => {
    const c = flying(variant);
    tooBig(c, 600);
    acknowledgeAll(c);
    c.advance(10 * MINUTE_MS - 1_000)
      .write(RING)
      .take();
    c.advance(2_500).take();
    assert.equal(c.status("CWND"), 600 - HEADERS);
    c.send(`<SEQ=301><ACK=${c.variable("SND_UNA") + 600 - HEADERS}><CTL=ACK>`);
    assert.equal(c.rig.device.counter("PMTU_RAISED"), 1);
    const [next] = c.take();
    assert.equal(next?.payload.length, FULL);
  }, WITH);
});

test("tried again too early, it goes back at the router's word or after one time-out", () => {
  onEachVariant((variant) => {
    for (const isTold of [true, false]) {
      const c = flying(variant);
      tooBig(c, 1_000);
      acknowledgeAll(c);
      c.advance(11 * MINUTE_MS)
        .write(1)
        .take();
      c.send(`<SEQ=301><ACK=${c.variable("SND_NXT")}><CTL=ACK>`);
      c.write(RING);
      const [first] = c.take();
      assert.equal(first!.payload.length, FULL);
      const una = c.variable("SND_UNA");
      if (isTold) tooBig(c, 1_000, una);
      else c.quiet(c.status("RTO_MS") - 1).advance(1);
      assert.equal(c.take()[0]!.payload.length, 960);
      assert.equal(c.status("SND_MSS"), 960);
    }
  }, WITH);
});

// ── Black holes (RFC 2923 §2.1) ──────────────────────────────────────────────────────────────────

/** Lets the peer acknowledge what is no longer than the path takes; the sizes seen. */
function black(c: Conversation, mtu: number, ms: number): number[] {
  const sizes: number[] = [];
  const end = c.nowMs + ms;
  let next = c.variable("SND_UNA");
  for (;;) {
    for (const { seq, payload } of c.take()) {
      sizes.push(payload.length);
      const at = ((seq - c.iss) >>> 0) + 100;
      if (payload.length + HEADERS <= mtu && at <= next) next = Math.max(next, at + payload.length);
    }
    c.send(`<SEQ=301><ACK=${next}><CTL=ACK>`);
    if (c.hasPending) continue;
    if (!c.rig.advanceUntilEmitted(end - c.nowMs, () => c.hasPending)) return sizes;
  }
}

test("three time-outs of a full segment: 1,024 octets are tried, and get through", () => {
  onEachVariant((variant) => {
    const c = flying(variant);
    c.after(1_000).expect(`<SEQ=101><ACK=301><CTL=ACK><DATA=${FULL}>`);
    c.after(2_000).expect(`<SEQ=101><ACK=301><CTL=ACK><DATA=${FULL}>`);
    c.after(4_000).expect("<SEQ=101><ACK=301><CTL=ACK><DATA=1024>");
    assert.equal(c.status("SND_MSS"), 1_024);
    assert.equal(c.rig.device.counter("PMTU_BLACK_HOLES"), 1);
    c.send("<SEQ=301><ACK=1125><CTL=ACK>");
    assert.ok(acknowledgeAll(c).every((octets) => octets <= 1_024));
    assert.ok(headersOf(c.write(100)).every(({ dontFragment }) => dontFragment));
  }, WITH);
});

test("if those do not get through either, 512, which routers may fragment", () => {
  onEachVariant((variant) => {
    const c = flying(variant);
    const sizes = black(c, 600, 5 * MINUTE_MS);
    assert.deepEqual(sizes.slice(0, 4), [FULL, FULL, 1_024, TEXT_MIN]);
    assert.equal(c.variable("SND_UNA"), 101 + RING);
    assert.equal(c.status("SND_MSS"), TEXT_MIN);
    c.write(100);
    assert.ok(headersOf(c).every(({ dontFragment }) => !dontFragment));
  }, WITH);
});

test("if no size helps it is not the size: all goes on as it was", () => {
  onEachVariant((variant) => {
    const c = flying(variant);
    const sizes = black(c, 0, 130_000);
    const tried = [FULL, FULL, 1_024, TEXT_MIN, TEXT_MIN, TEXT_MIN, FULL];
    assert.deepEqual(sizes.slice(0, tried.length), tried);
    assert.ok(sizes.slice(tried.length).every((octets) => octets === FULL));
    // The network is back: no trace is left.
    assert.deepEqual(black(c, 1_500, MINUTE_MS).at(-1), FULL);
    assert.equal(c.status("SND_MSS"), FULL);
    assert.ok(headersOf(c.write(100)).every(({ dontFragment }) => dontFragment));
  }, WITH);
});

test("an outage that looked like one costs a minute of smaller segments, not more", () => {
  onEachVariant((variant) => {
    const c = flying(variant);
    c.advance(7_100).take();
    assert.equal(c.status("SND_MSS"), 1_024);
    black(c, 1_500, MINUTE_MS);
    c.advance(MINUTE_MS);
    sizesOf(c);
    assert.ok(sizesOf(c).includes(FULL));
  }, WITH);
});

test("where it was one, trying again costs one time-out, after a minute, then ten", () => {
  onEachVariant((variant) => {
    const c = flying(variant);
    black(c, 1_100, MINUTE_MS);
    for (const minutes of [1, 11, 11]) {
      c.advance(minutes * MINUTE_MS).write(RING);
      const sizes = black(c, 1_100, MINUTE_MS);
      c.write(RING);
      sizes.push(...black(c, 1_100, MINUTE_MS));
      const tried = sizes.filter((octets) => octets > 1_024).length;
      assert.ok(tried >= 1 && tried <= 2, `one flight, not ${sizes.join()}`);
      assert.equal(c.status("SND_MSS"), 1_024);
      assert.equal(c.variable("SND_UNA"), 101 + c.written);
    }
  }, WITH);
});

test("time-outs of segments that are not full say nothing of the size", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { window: 65_535 }).write(FULL - 1);
    c.advance(4 * MINUTE_MS);
    assert.ok(c.take().every(({ payload }) => payload.length === FULL - 1));
    assert.equal(c.status("SND_MSS"), FULL);
    assert.equal(c.rig.device.counter("PMTU_BLACK_HOLES"), 0);
  }, WITH);
});

test("a small MSS of the peer's is never exceeded, whatever is tried", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { mss: 300, window: 65_535 }).write(900);
    const sizes = black(c, 0, 4 * MINUTE_MS);
    assert.ok(sizes.every((octets) => octets === 300));
    tooBig(c, 200, 101, 340);
    black(c, 1_500, MINUTE_MS);
    assert.equal(c.status("SND_MSS"), 300);
    assert.equal(c.variable("SND_UNA"), 1_001);
  }, WITH);
});

// ── A router between two modules ─────────────────────────────────────────────────────────────────

const ROUTER_MAC = "02:00:00:00:00:fd";
const ROUTER_ADDRESS = 0x0a09_00fd;

/** What a router that takes no more than `mtu` says of a datagram that it drops. */
function complaint(frame: Frame, to: Device, mtu: number): Uint8Array {
  const ip = frame.ipv4!;
  const quoted = buildIpv4({
    ...ip,
    payload: ip.payload.subarray(0, 8),
    totalLength: ip.totalLength,
  });
  return buildFrame({
    ethernet: { source: ROUTER_MAC, destination: to.mac },
    ipv4: {
      source: ROUTER_ADDRESS,
      destination: to.address,
      protocol: IpProtocol.ICMP,
      payload: buildIcmp({ type: 3, code: FRAGMENTATION_NEEDED, rest: mtu, payload: quoted }),
    },
  });
}

const ROUTERS = ["telling", "old", "mute"] as const;

test("both sides send through a router that takes less: all of it arrives", () => {
  for (const variant of WITH) {
    for (const router of ROUTERS) {
      for (const mtu of [1_492, 1_280, 1_100, 700]) {
        naming(`${variant.profile} ${variant.numbers}, ${router} router, MTU ${mtu}`, () => {
          const pair = new Pair(variant);
          let dropped = 0;
          pair.chooseFault = (frame, from) => {
            const ip = frame.ipv4;
            if (ip === undefined || ip.totalLength <= mtu || !ip.dontFragment) return undefined;
            dropped += 1;
            if (router !== "mute") {
              pair.inject(from, complaint(frame, from, router === "telling" ? mtu : 0));
            }
            return { name: "too big", arrivals: [] };
          };
          const { localPort } = beginningOf(variant.numbers);
          const connect = { remoteAddress: PEER_ADDRESS, remotePort: 80, localPort };
          const plan = { send: 60_000, closeAt: { received: 60_000 } };
          pair.programs.push(
            new Program(pair.a, "linger", { connect }, plan),
            new Program(pair.b, "peer", { listenPort: 80 }, plan),
          );
          const limit = router === "mute" ? 100_000 : 4_000;
          const over = pair.run(limit, () => pair.programs.every(({ isOver }) => isOver));
          assert.ok(over, pair.log.slice(0, 60).join("\n"));
          assert.deepEqual(
            pair.programs.map(({ received }) => received),
            [60_000, 60_000],
          );
          assert.ok(dropped > 0 && dropped <= 60, `${dropped} segments were too big`);
        });
      }
    }
  }
});

// ── Without path MTU discovery ───────────────────────────────────────────────────────────────────

test("tiny lets routers fragment its text, and its identifications differ", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { window: 65_535 });
    const headers: NonNullable<Frame["ipv4"]>[] = [];
    for (let round = 0; round < 20; round++) {
      headers.push(...headersOf(c.write(1_000)));
      c.send(`<SEQ=301><ACK=${c.variable("SND_NXT")}><CTL=ACK>`);
    }
    assert.ok(headers.length >= 20);
    assert.ok(headers.every(({ dontFragment }) => !dontFragment));
    assert.equal(new Set(headers.map((ip) => ip.identification)).size, headers.length);
  }, WITHOUT);
});

test("tiny counts fragmentation needed, and sends on as before", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { window: 65_535 }).write(1_000);
    c.take();
    tooBig(c, 600, 101, 1_040);
    c.expectNothing();
    assert.equal(c.rig.device.counter("ICMP_ERRORS_IN"), 1);
    assert.deepEqual([c.status("SND_MSS"), c.status("SOFT_ERROR")], [FULL, 0]);
  }, WITHOUT);
});
