/**
 * Window scale, timestamps and the permission for SACK: who may say what, when, and what it means.
 *
 * RFC 7323 (window scale, timestamps, PAWS), RFC 2018 §2, RFC 6191 (TIME-WAIT), RFC 6298 §3 (RTT);
 * RFC 9293 MUST-16. The inspector judges each emitted segment besides: no option without agreement,
 * timestamps in all segments but RST once agreed, TSval never going back.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findOption, type TcpOption, type TcpSegment } from "../../hal/host/packet/index.ts";
import {
  complete,
  open,
  opening,
  OptionPeer,
  OPENINGS,
  PEER_CLOCK,
  type PeerOffer,
} from "../support/option-peer.ts";
import { seqAfter, seqDistance } from "../support/sequence.ts";
import {
  naming,
  onEachVariant,
  onEachVariantWith,
  type Variant,
  VARIANTS,
} from "../support/variants.ts";

const DAY_MS = 86_400_000;
/** A window of less than two segments is acknowledged at once; these profiles have more. */
const ROOMY = VARIANTS.filter(({ profile }) => profile !== "tiny");

/** The options of a segment other than MSS and padding, in alphabetical order. */
function kinds(segment: TcpSegment): string[] {
  const padding = ["nop", "end", "mss"];
  return segment.options
    .map(({ kind }) => kind)
    .filter((kind) => !padding.includes(kind))
    .sort();
}

/** What `offer` and Linger's own offer, which is everything, have in common in a SYN. */
function agreedKinds(offer: PeerOffer): string[] {
  const agreed: string[] = [];
  if (offer.sack === true) agreed.push("sack-permitted");
  if (offer.timestamps === true) agreed.push("timestamps");
  if (offer.shift !== undefined) agreed.push("window-scale");
  return agreed;
}

/** TSval and TSecr of a segment that must have them. */
function stampOf(segment: TcpSegment): { value: number; echo: number } {
  const stamp = findOption(segment, "timestamps");
  assert.notEqual(stamp, undefined, "a timestamps option");
  return stamp!;
}

// ── Who may say what ─────────────────────────────────────────────────────────────────────────────

/** Everything that a peer may offer or leave out. */
const OFFERS: PeerOffer[] = [undefined, 3].flatMap((shift) =>
  [false, true].flatMap((sack) =>
    [false, true].map((timestamps) => {
      return { ...(shift === undefined ? {} : { shift }), sack, timestamps };
    }),
  ),
);

for (const kind of OPENINGS) {
  test(`${kind} open: our SYN offers all, our SYN and ACK only what the peer offered`, () => {
    onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
      for (const offer of OFFERS) {
        naming(JSON.stringify(offer), () => {
          const peer = opening(variant, { ...offer, opening: kind });
          const [answer] = complete(peer);
          if (kind === "active") {
            assert.deepEqual(kinds(answer!), offer.timestamps === true ? ["timestamps"] : []);
          } else {
            assert.deepEqual(kinds(answer!), agreedKinds(offer));
          }
          if (offer.timestamps === true) assert.equal(stampOf(answer!).echo, PEER_CLOCK);
          laterSegments(peer, offer);
        });
      }
    });
  });
}

/** Text, ACK, the ACK of text behind a hole, FIN: which of them carries what. */
function laterSegments(peer: OptionPeer, offer: PeerOffer): void {
  const always = offer.timestamps === true ? ["timestamps"] : [];
  peer.c.write(10);
  assert.deepEqual(kinds(peer.takeOne()), always, "text");
  peer.send("<SEQ=301><ACK=111><CTL=PSH,ACK><DATA=10>").c.advance(500);
  assert.deepEqual(kinds(peer.takeOne()), always, "an ACK");
  peer.send("<SEQ=321><ACK=111><CTL=PSH,ACK><DATA=10>");
  const withBlocks = offer.sack === true ? ["sack", ...always] : always;
  assert.deepEqual(kinds(peer.takeOne()), withBlocks, "an ACK with a hole");
  peer.c.closeWrite();
  assert.deepEqual(kinds(peer.takeOne()), always, "FIN");
}

test("our SYN offers all three, alike each time it is sent; its TSecr is 0", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    const peer = opening(variant, { opening: "passive" });
    const active = peer.c.from(peer.c.peerPort + 1).connect();
    const first = active.take()[0]!;
    assert.deepEqual(kinds(first), ["sack-permitted", "timestamps", "window-scale"]);
    assert.equal(stampOf(first).echo, 0);
    const again = active.after(1_000).take()[0]!;
    assert.deepEqual(kinds(again), kinds(first));
    assert.deepEqual(findOption(again, "window-scale"), findOption(first, "window-scale"));
    assert.equal(stampOf(again).echo, 0);
    assert.ok(seqAfter(stampOf(again).value, stampOf(first).value));
  });
});

test("our SYN and ACK, sent again, carries the same options and a newer TSval", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    for (const offer of OFFERS) {
      const peer = opening(variant, offer);
      const first = peer.send("<SEQ=300><CTL=SYN>").takeOne();
      peer.c.advance(1_000);
      const again = peer.takeOne();
      assert.deepEqual(kinds(again), agreedKinds(offer));
      assert.deepEqual(kinds(again), kinds(first));
      if (offer.timestamps !== true) continue;
      assert.equal(stampOf(again).echo, PEER_CLOCK);
      assert.ok(seqAfter(stampOf(again).value, stampOf(first).value));
    }
  });
});

test("options that were not agreed on mean nothing later", () => {
  onEachVariant((variant) => {
    for (const kind of OPENINGS) {
      const peer = open(variant, { opening: kind });
      peer.c.write(50);
      assert.deepEqual(kinds(peer.takeOne()), []);
      peer.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>", {
        options: [
          { kind: "window-scale", shift: 9 },
          { kind: "sack-permitted" },
          { kind: "nop" },
          { kind: "timestamps", value: 1, echo: 1 },
        ],
      });
      peer.c.advance(500);
      peer.expect("<SEQ=151><ACK=311><CTL=ACK>");
      // An older timestamp is no old duplicate, and a window is what it says.
      const options = [{ kind: "timestamps", value: 0, echo: 1 } as const];
      peer.send("<SEQ=311><ACK=151><CTL=PSH,ACK><DATA=10><WND=500>", { options });
      peer.c.advance(500);
      peer.expect("<SEQ=151><ACK=321><CTL=ACK>");
      assert.equal(peer.c.status("SND_WND"), 500);
    }
  });
});

// ── Window scale (RFC 7323 §2) ───────────────────────────────────────────────────────────────────

test("the window of the peer's SYN is not scaled, later ones are, and by at most 14", () => {
  onEachVariantWith(["WINDOW_SCALE"], (variant) => {
    for (const kind of OPENINGS) {
      for (const shift of [0, 1, 3, 7, 14, 15, 255]) {
        const peer = opening(variant, { opening: kind, shift, synWindow: 200 });
        if (kind === "active") {
          complete(peer);
          assert.equal(peer.c.status("SND_WND"), 200);
        } else {
          peer.send("<SEQ=300><CTL=SYN>").take();
          if (kind === "simultaneous") assert.equal(peer.c.status("SND_WND"), 200);
          peer.send("<SEQ=301><ACK=101><CTL=ACK><WND=77>").expect();
          if (kind === "passive") peer.c.accept();
          assert.equal(peer.c.status("SND_WND"), 77 * 2 ** Math.min(shift, 14));
        }
        peer.send("<SEQ=301><ACK=101><CTL=ACK><WND=65535>").expect();
        assert.equal(peer.c.status("SND_WND"), 65_535 * 2 ** Math.min(shift, 14));
        peer.send("<SEQ=301><ACK=101><CTL=ACK><WND=3>").expect();
        assert.equal(peer.c.status("SND_WND"), 3 * 2 ** Math.min(shift, 14));
      }
    }
  });
});

test("no more goes than the SYN's own window, and no less than the scaled one allows", () => {
  onEachVariantWith(["WINDOW_SCALE"], (variant) => {
    const peer = open(variant, { opening: "active", shift: 2, synWindow: 150 });
    peer.c.write(600);
    const octets = (): number => peer.take().reduce((sum, { payload }) => sum + payload.length, 0);
    assert.equal(octets(), 150);
    peer.send("<SEQ=301><ACK=251><CTL=ACK><WND=100>");
    peer.c.advance(500);
    assert.equal(octets(), 400);
    peer.send("<SEQ=301><ACK=651><CTL=ACK><WND=25>");
    peer.c.advance(500);
    assert.equal(octets(), 50);
  });
});

test("both open at once: the window of the peer's SYN and ACK is not scaled either", () => {
  onEachVariant((variant) => {
    const peer = opening(variant, { opening: "simultaneous", shift: 4, synWindow: 300 });
    peer.send("<SEQ=300><CTL=SYN>").take();
    peer.send("<SEQ=300><ACK=101><CTL=SYN,ACK>").take();
    peer.c.state("ESTABLISHED");
    assert.equal(peer.c.status("SND_WND"), 300);
  });
});

test("a window of more than 16 bits is not cut: 65,536 is not 0 [REC-1]", () => {
  onEachVariantWith(["WINDOW_SCALE"], (variant) => {
    const peer = open(variant, { shift: 14 });
    let una = 101;
    for (const [field, octets] of [
      [4, 65_536],
      [8, 131_072],
      [65_532, 1_073_676_288],
      [65_535, 1_073_725_440],
    ] as const) {
      peer.send(`<SEQ=301><ACK=${una}><CTL=ACK><WND=${field}>`).expect();
      assert.equal(peer.c.status("SND_WND"), octets);
      peer.c.write(300);
      peer.expect(`<SEQ=${una}><ACK=301><CTL=PSH,ACK><DATA=300>`);
      una += 300;
      // The window that it came with is 65,536 octets or more to the right of SND.UNA.
      peer.send(`<SEQ=301><ACK=${una}><CTL=ACK><WND=${field}>`).expect();
    }
    assert.equal(peer.c.rig.device.counter("WINDOW_PROBES"), 0);
  });
});

test("a closed window opens by a scaled one", () => {
  onEachVariantWith(["WINDOW_SCALE"], (variant) => {
    const peer = open(variant, { shift: 5 });
    peer.send("<SEQ=301><ACK=101><CTL=ACK><WND=0>").expect();
    peer.c.write(64);
    peer.expect();
    peer
      .send("<SEQ=301><ACK=101><CTL=ACK><WND=2>")
      .expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=64>");
  });
});

// ── Timestamps: what we say (RFC 7323 §3, §4) ────────────────────────────────────────────────────

test("TSval moves on by a tick each 1 ms to 1 s, across the wrap of the clock", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    const peer = open(variant, { timestamps: true });
    let una = 101;
    for (const waitMs of [1_000, 2_500, 10_000, 60_000, DAY_MS]) {
      peer.c.write(1);
      const { value } = stampOf(peer.takeOne());
      una += 1;
      peer.send(`<SEQ=301><ACK=${una}><CTL=ACK>`).expect();
      peer.c.advance(waitMs);
      peer.c.write(1);
      const after = stampOf(peer.takeOne()).value;
      const ticks = seqDistance(value, after);
      assert.ok(ticks >= waitMs / 1_000 && ticks <= waitMs, `${ticks} ticks in ${waitMs} ms`);
      una += 1;
      peer.send(`<SEQ=301><ACK=${una}><CTL=ACK>`).expect();
    }
  });
});

test("TSval tells nobody the uptime: tuples have clocks of their own (RFC 7323 §7.1)", () => {
  onEachVariantWith(["TIMESTAMPS"], (variant) => {
    const c = opening(variant, {}).c;
    const values = [1, 2, 3].map((i) => {
      return stampOf(
        c
          .from(c.peerPort + i)
          .connect()
          .take()[0]!,
      ).value;
    });
    assert.equal(new Set(values).size, 3);
    for (const value of values) assert.ok(seqDistance(c.rig.device.clock, value) > 10);
  });
});

test("a delayed ACK echoes the earliest segment that it acknowledges (§4.3)", () => {
  onEachVariant((variant) => {
    const peer = open(variant, { timestamps: true });
    peer.send("<SEQ=301><ACK=101><CTL=ACK><DATA=10>", { tsVal: PEER_CLOCK + 10 });
    peer.send("<SEQ=311><ACK=101><CTL=ACK><DATA=10>", { tsVal: PEER_CLOCK + 20 });
    peer.send("<SEQ=321><ACK=101><CTL=PSH,ACK><DATA=10>", { tsVal: PEER_CLOCK + 30 });
    peer.c.advance(500);
    assert.equal(peer.echo(), PEER_CLOCK + 10);
    // The next one is the first of the next ACK.
    peer.send("<SEQ=331><ACK=101><CTL=PSH,ACK><DATA=10>", { tsVal: PEER_CLOCK + 40 });
    peer.c.advance(500);
    assert.equal(peer.echo(), PEER_CLOCK + 40);
  }, ROOMY);
});

test("text behind a hole changes no echo; what fills the hole does (§4.3)", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    const peer = open(variant, { timestamps: true });
    peer.send("<SEQ=301><ACK=101><CTL=ACK><DATA=10>", { tsVal: PEER_CLOCK + 10 });
    peer.c.advance(500);
    assert.equal(peer.echo(), PEER_CLOCK + 10);
    peer.send("<SEQ=321><ACK=101><CTL=ACK><DATA=10>", { tsVal: PEER_CLOCK + 20 });
    assert.equal(peer.echo(), PEER_CLOCK + 10);
    peer.send("<SEQ=341><ACK=101><CTL=ACK><DATA=10>", { tsVal: PEER_CLOCK + 30 });
    assert.equal(peer.echo(), PEER_CLOCK + 10);
    peer.send("<SEQ=311><ACK=101><CTL=ACK><DATA=10>", { tsVal: PEER_CLOCK + 40 });
    assert.equal(peer.echo(), PEER_CLOCK + 40);
    peer.send("<SEQ=331><ACK=101><CTL=ACK><DATA=10>", { tsVal: PEER_CLOCK + 50 });
    assert.equal(peer.echo(), PEER_CLOCK + 50);
  });
});

test("a duplicate outside of the window changes no echo, however new it looks (§5.3, R2)", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    const peer = open(variant, { timestamps: true });
    peer.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>", { tsVal: PEER_CLOCK + 10 });
    peer.c.advance(500);
    assert.equal(peer.echo(), PEER_CLOCK + 10);
    peer.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>", { tsVal: PEER_CLOCK + 20 });
    assert.equal(peer.echo(), PEER_CLOCK + 10);
    peer.send("<SEQ=999999><ACK=101><CTL=PSH,ACK><DATA=10>", { tsVal: PEER_CLOCK + 30 });
    assert.equal(peer.echo(), PEER_CLOCK + 10);
  });
});

test("a bare ACK moves the echo of the text that follows it", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    const peer = open(variant, { timestamps: true });
    peer.c.write(10);
    assert.equal(peer.echo(), PEER_CLOCK);
    peer.send("<SEQ=301><ACK=111><CTL=ACK>", { tsVal: PEER_CLOCK + 700 }).expect();
    peer.c.write(10);
    assert.equal(peer.echo(), PEER_CLOCK + 700);
  });
});

// ── Timestamps: what we refuse ───────────────────────────────────────────────────────────────────

test("PAWS: an older timestamp is dropped and answered with an ACK (§5.3, R1)", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    for (const opened of OPENINGS) {
      for (const clock of [PEER_CLOCK, 5, 0x7fff_fff0, 0xffff_fff0]) {
        const peer = opening(variant, { opening: opened, timestamps: true });
        peer.tsVal = clock;
        complete(peer);
        for (const behind of [1, 100, 0x7fff_ffff]) {
          const tsVal = (clock - behind) >>> 0;
          peer.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>", { tsVal });
          assert.equal(peer.echo(), clock);
          assert.equal(peer.c.status("RECEIVE_QUEUED"), 0);
        }
        assert.equal(peer.c.rig.device.counter("DROP_TIMESTAMP"), 3);
        // The same timestamp again is not older, and a later one may have wrapped.
        peer.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>", { tsVal: clock });
        peer.c.advance(500);
        assert.equal(peer.echo(), clock);
        const later = (clock + 0x20) >>> 0;
        peer.send("<SEQ=311><ACK=101><CTL=PSH,ACK><DATA=10>", { tsVal: later });
        peer.c.advance(500);
        assert.equal(peer.echo(), later);
        assert.equal(peer.c.status("RECEIVE_QUEUED"), 20);
      }
    }
  });
});

test("PAWS: neither the ACK field nor FIN nor SYN of an old duplicate counts", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    const peer = open(variant, { timestamps: true });
    peer.c.write(50);
    peer.take();
    const tsVal = PEER_CLOCK - 1;
    peer.send("<SEQ=301><ACK=151><CTL=FIN,ACK><WND=9>", { tsVal });
    peer.expect("<SEQ=151><ACK=301><CTL=ACK>");
    assert.equal(peer.c.variable("SND_UNA"), 101);
    assert.notEqual(peer.c.status("SND_WND"), 9);
    peer.send("<SEQ=301><CTL=SYN>", { tsVal }).expect("<SEQ=151><ACK=301><CTL=ACK>");
    peer.c.state("ESTABLISHED");
  });
});

test("PAWS: RST is exempt, with an old timestamp or with none (§5.2, §3.2)", () => {
  onEachVariant((variant) => {
    for (const tsVal of [PEER_CLOCK - 1, null]) {
      const peer = open(variant, { timestamps: true });
      peer.send("<SEQ=301><ACK=101><CTL=RST,ACK>", { tsVal }).expect();
      peer.c.ended("RESET");
    }
  });
});

test("an RST that is only challenged does not move the echo", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    const peer = open(variant, { timestamps: true });
    peer.send("<SEQ=302><CTL=RST>", { tsVal: PEER_CLOCK + 900 });
    assert.equal(peer.echo(), PEER_CLOCK);
    peer.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=5>", { tsVal: PEER_CLOCK + 1 });
    assert.equal(peer.c.status("RECEIVE_QUEUED"), 5);
  });
});

test("a TS.Recent of more than 24 days is void (§5.5)", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    for (const [idleMs, isTaken] of [
      [DAY_MS, false],
      [23 * DAY_MS, false],
      [24 * DAY_MS + 1, true],
      [30 * DAY_MS, true],
      [48 * DAY_MS, true],
    ] as const) {
      const peer = open(variant, { timestamps: true });
      peer.c.advance(idleMs);
      peer.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>", { tsVal: PEER_CLOCK - 5 });
      assert.equal(peer.c.status("RECEIVE_QUEUED"), isTaken ? 10 : 0, `${idleMs / DAY_MS} days`);
      peer.c.advance(500);
      assert.equal(peer.echo(), isTaken ? PEER_CLOCK - 5 : PEER_CLOCK);
    }
  });
});

test("once agreed, a segment without timestamps is dropped in silence (§3.2)", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    for (const kind of OPENINGS) {
      const peer = open(variant, { opening: kind, timestamps: true });
      peer.c.write(10);
      peer.take();
      peer.send("<SEQ=301><ACK=111><CTL=PSH,ACK><DATA=10>", { tsVal: null }).expect();
      peer.send("<SEQ=301><ACK=111><CTL=FIN,ACK>", { tsVal: null }).expect();
      assert.equal(peer.c.status("RECEIVE_QUEUED"), 0);
      assert.equal(peer.c.variable("SND_UNA"), 101);
      peer.c.state("ESTABLISHED");
    }
  });
});

// ── Half-open ────────────────────────────────────────────────────────────────────────────────────

test("half-open: the ACK of our SYN needs the timestamp, and no older one (§3.2, §5.3)", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    for (const kind of ["passive", "simultaneous"] as const) {
      for (const tsVal of [null, PEER_CLOCK - 1]) {
        naming(`${kind}, TSval ${tsVal}`, () => {
          const peer = opening(variant, { opening: kind, timestamps: true });
          peer.send("<SEQ=300><CTL=SYN>").take();
          peer.send("<SEQ=301><ACK=101><CTL=ACK>", { tsVal });
          if (tsVal === null) peer.expect();
          else assert.equal(peer.echo(), PEER_CLOCK);
          peer.c.state("SYN-RECEIVED");
          peer.send("<SEQ=301><ACK=101><CTL=ACK>", { tsVal: PEER_CLOCK }).expect();
          peer.c.state("ESTABLISHED");
        });
      }
    }
  });
});

test("half-open: RST needs no timestamp; what does not fit is answered with one", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    const peer = opening(variant, { timestamps: true });
    peer.send("<SEQ=300><CTL=SYN>").take();
    peer.send("<SEQ=900000><ACK=101><CTL=ACK>", { tsVal: PEER_CLOCK + 9 });
    assert.equal(peer.echo(), PEER_CLOCK);
    peer.send("<SEQ=301><CTL=RST>", { tsVal: null }).expect();
    peer.c.lookup("LISTEN");
  });
});

test("half-open: text with the ACK of our SYN is echoed", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    const peer = opening(variant, { timestamps: true });
    peer.send("<SEQ=300><CTL=SYN>").take();
    peer.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=20>", { tsVal: PEER_CLOCK + 9 });
    peer.c.accept().advance(500);
    assert.equal(peer.echo(), PEER_CLOCK + 9);
  });
});

// ── Round trips (RFC 7323 §4, RFC 6298 §3) ───────────────────────────────────────────────────────

test("a retransmission is measured by its echo: TSecr tells which of the two was answered", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    for (const isFirst of [true, false]) {
      const peer = open(variant, { timestamps: true });
      peer.c.write(10);
      const first = stampOf(peer.takeOne()).value;
      peer.c.advance(1_000);
      const second = stampOf(peer.takeOne()).value;
      assert.ok(seqAfter(second, first));
      peer.c.advance(50);
      peer.send("<SEQ=301><ACK=111><CTL=ACK>", { tsEcr: isFirst ? first : second });
      const measured = peer.c.status("SRTT_MS");
      // An answer to the first copy took 1,050 ms, or is not taken for a measurement; never 50 ms.
      if (isFirst) assert.ok([0, 1_050].includes(measured), `${measured} ms`);
      else assert.equal(measured, 50);
    }
  });
});

test("without timestamps a retransmission measures nothing (Karn)", () => {
  onEachVariant((variant) => {
    const peer = open(variant, {});
    peer.c.write(10).advance(1_000).take();
    peer.c.advance(50);
    peer.send("<SEQ=301><ACK=111><CTL=ACK>").expect();
    assert.equal(peer.c.status("SRTT_MS"), 0);
  });
});

test("an echo of nonsense gives no round trip of days", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    for (const wrong of [0, 0x8000_0000, 0xffff_ffff, -1]) {
      const peer = open(variant, { timestamps: true });
      peer.c.write(10);
      const { value } = stampOf(peer.takeOne());
      peer.c.advance(40);
      const tsEcr = (wrong === -1 ? value + 1_000_000 : wrong) >>> 0;
      peer.send("<SEQ=301><ACK=111><CTL=ACK>", { tsEcr }).expect();
      assert.ok(peer.c.status("RTO_MS") <= 60_000);
      assert.ok(peer.c.status("RTO_MS") >= 1_000);
    }
  });
});

// ── Sizes (MUST-16) ──────────────────────────────────────────────────────────────────────────────

test("each segment has room for the option: data =< MSS less 12 octets [MUST-16]", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    for (const mss of [0, 100, 536, 1_000, 1_460, 9_000]) {
      for (const timestamps of [false, true]) {
        for (const kind of OPENINGS) {
          const peer = open(variant, { opening: kind, mss, timestamps });
          const allowed = Math.min(mss === 0 ? 536 : mss, 1_460) - (timestamps ? 12 : 0);
          const ring = peer.c.rig.device.limit("SEND_RING_SIZE");
          peer.c.write(Math.min(ring, 2_000));
          assert.equal(peer.take()[0]?.payload.length, Math.min(allowed, ring), `MSS ${mss}`);
        }
      }
    }
  });
});

test("the order of the options does not matter [MUST-64]", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    const peer = opening(variant, { sack: true, timestamps: true });
    const options: TcpOption[] = [
      { kind: "timestamps", value: PEER_CLOCK, echo: 0 },
      { kind: "window-scale", shift: 7 },
      { kind: "sack-permitted" },
      { kind: "nop" },
      { kind: "mss", value: 700 },
    ];
    const lists = [options, options.toReversed(), options.slice(2).concat(options)];
    for (const [i, list] of lists.entries()) {
      const next = new OptionPeer(peer.c.from(peer.c.peerPort + 1 + i), peer.offer);
      const answer = next.send("<SEQ=300><CTL=SYN>", { options: list }).takeOne();
      assert.deepEqual(kinds(answer), ["sack-permitted", "timestamps", "window-scale"]);
      next.send("<SEQ=301><ACK=101><CTL=ACK><WND=100>").c.accept();
      next.expect();
      next.c.write(700);
      assert.equal(next.take()[0]?.payload.length, 688);
      next.c.abort();
      next.take();
      next.c.release();
    }
  });
});

// ── TIME-WAIT (RFC 6191) ─────────────────────────────────────────────────────────────────────────

/** TIME-WAIT after a passive open; the peer's FIN had the timestamp PEER_CLOCK + 10. */
function timeWait(variant: Variant, offer: PeerOffer): OptionPeer {
  const peer = open(variant, offer);
  peer.c.closeWrite();
  peer.take();
  peer.send("<SEQ=301><ACK=102><CTL=ACK>").expect();
  peer.tsVal = PEER_CLOCK + 10;
  peer.send("<SEQ=301><ACK=102><CTL=FIN,ACK>");
  const ack = peer.takeOne();
  assert.equal(findOption(ack, "timestamps")?.echo, offer.timestamps ? PEER_CLOCK + 10 : undefined);
  peer.c.state("TIME-WAIT").release();
  return peer;
}

test("TIME-WAIT: the ACK of the FIN, sent again, carries our time and TS.Recent", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    const peer = timeWait(variant, { timestamps: true });
    const before = peer.lastTsVal;
    peer.c.advance(3_000);
    peer.send("<SEQ=301><ACK=102><CTL=FIN,ACK>");
    const { value, echo } = stampOf(peer.takeOne());
    assert.equal(echo, PEER_CLOCK + 10);
    assert.ok(seqAfter(value, before));
    peer.c.lookup("TIME-WAIT");
  });
});

/** A SYN for a tuple in TIME-WAIT, whose last number was 301 (the FIN). */
interface Reopening {
  name: string;
  before: boolean;
  tsVal: number | null;
  seq: number;
  isHonoured: boolean;
}

const REOPENINGS: Reopening[] = [
  { name: "newer TSval, lower SEQ", before: true, tsVal: 11, seq: 5, isHonoured: true },
  { name: "newer TSval, higher SEQ", before: true, tsVal: 11, seq: 5_000, isHonoured: true },
  { name: "same TSval, higher SEQ", before: true, tsVal: 10, seq: 5_000, isHonoured: true },
  { name: "same TSval, lower SEQ", before: true, tsVal: 10, seq: 5, isHonoured: false },
  { name: "older TSval, higher SEQ", before: true, tsVal: 9, seq: 5_000, isHonoured: false },
  { name: "older TSval, lower SEQ", before: true, tsVal: 9, seq: 5, isHonoured: false },
  { name: "no TSval now, higher SEQ", before: true, tsVal: null, seq: 5_000, isHonoured: true },
  { name: "no TSval now, lower SEQ", before: true, tsVal: null, seq: 5, isHonoured: false },
  { name: "TSval only now, higher SEQ", before: false, tsVal: 1, seq: 5_000, isHonoured: true },
  { name: "TSval only now, lower SEQ", before: false, tsVal: 1, seq: 5, isHonoured: true },
  { name: "never a TSval, higher SEQ", before: false, tsVal: null, seq: 5_000, isHonoured: true },
  { name: "never a TSval, lower SEQ", before: false, tsVal: null, seq: 5, isHonoured: false },
];

test("TIME-WAIT: a SYN that its timestamp shows to be new is honoured (RFC 6191) [SHLD-4]", () => {
  onEachVariantWith(["TIMESTAMPS", "SACK"], (variant) => {
    for (const reopening of REOPENINGS) naming(reopening.name, () => reopen(variant, reopening));
  });
});

function reopen(variant: Variant, { before, tsVal, seq, isHonoured }: Reopening): void {
  const peer = timeWait(variant, { timestamps: before });
  const oldEnd = (peer.c.iss + 2) >>> 0;
  const value = tsVal === null ? null : PEER_CLOCK + tsVal;
  if (!isHonoured) {
    peer.send(`<SEQ=${seq}><CTL=SYN>`, { tsVal: value });
    // Dropped in silence, or challenged as any SYN there (RFC 5961 §4).
    const answers = peer.take().map((segment) => peer.show(segment));
    if (answers.length > 0) assert.deepEqual(answers, ["<SEQ=102><ACK=302><CTL=ACK>"]);
    peer.c.lookup("TIME-WAIT");
    return;
  }
  const next = peer.c.again((peer.c.irs + seq - 300) >>> 0);
  const options = value === null ? [] : [{ kind: "timestamps", value, echo: 0 } as const];
  next.send("<SEQ=300><CTL=SYN>", { tcp: { options } });
  const [answer, ...more] = next.take();
  assert.equal(more.length, 0);
  assert.equal(next.lookup("SYN-RECEIVED").iss, answer?.seq);
  assert.ok(seqAfter(answer!.seq, oldEnd), "the ISS lies above all that was sent");
  const stamp = findOption(answer!, "timestamps");
  assert.equal(stamp?.echo, value === null ? undefined : value);
  if (before && stamp !== undefined) assert.ok(!seqAfter(peer.lastTsVal, stamp.value));
}
