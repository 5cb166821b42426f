/**
 * The sender's side while nothing is lost: sizes, PSH, Nagle's algorithm, the send ring and its
 * events; the MSS option and every other option that may come.
 *
 * RFC 9293 §3.1, §3.2, §3.7.1 (MSS), §3.7.4 (Nagle), §3.9.1.2 (SEND).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildTcpOptions, type TcpInput, type TcpOption } from "../../hal/host/packet/index.ts";
import type { Conversation } from "../support/conversation.ts";
import { fresh, given } from "../support/given.ts";
import { onEachProfile, onEachVariant, type Variant } from "../support/variants.ts";

const OUR_SYN_ACK = "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>";

// ── Nagle, PSH, sizes ────────────────────────────────────────────────────────────────────────────

test("data on an idle connection leaves at once, with PSH [MUST-60 MUST-61]", () => {
  onEachVariant((variant) => {
    given("ESTABLISHED", variant).write(1).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=1>");
  });
});

test("Nagle: a second small write waits for the ACK of the first [SHLD-7]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).write(10);
    c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>").quiet(5).write(10).quiet(5).write(10);
    c.quiet(400).send("<SEQ=301><ACK=111><CTL=ACK>");
    c.expect("<SEQ=111><ACK=301><CTL=PSH,ACK><DATA=20>");
  });
});

test("Nagle holds back no full segment", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { mss: 200 }).write(10);
    c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>");
    c.write(250).expect("<SEQ=111><ACK=301><CTL=ACK><DATA=200>").quiet(5);
    c.send("<SEQ=301><ACK=311><CTL=ACK>").expect("<SEQ=311><ACK=301><CTL=PSH,ACK><DATA=50>");
  });
});

test("NO_DELAY sends each write at once, and what was held back when it is set [MUST-17]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant).setOption("NO_DELAY", 1);
    for (let i = 0; i < 3; i++) {
      c.write(10).expect(`<SEQ=${101 + 10 * i}><ACK=301><CTL=PSH,ACK><DATA=10>`);
    }
    c.setOption("NO_DELAY", 0).write(10).expectNothing();
    c.setOption("NO_DELAY", 1).expect("<SEQ=131><ACK=301><CTL=PSH,ACK><DATA=10>");
  });
});

test("NO_DELAY: where the ring has cut a SEND, its end waits for the rest of its segment", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { mss: 100, window: 60_000 }).setOption("NO_DELAY", 1);
    const ring = c.rig.device.limit("SEND_RING_SIZE");
    const rest = ring % 100;
    assert.ok(rest > 0, "the ring is no multiple of the segments");
    assert.equal(c.writeSome(100_000), ring);
    // One segment stays in flight, until only the ring's end is unsent.
    let sent = 0;
    for (let more = textOf(c); more > 0; more = textOf(c)) {
      sent += more;
      c.send(`<SEQ=301><ACK=${1 + sent}><CTL=ACK>`);
    }
    assert.equal(sent, ring - rest);
    // Full segments, and with the end of a SEND that found room the rest.
    const ack = (c.iss + 1 + sent) >>> 0;
    c.write(250);
    const seqs = c.take().map(({ seq, payload }) => [(seq - ack) >>> 0, payload.length]);
    const more = rest + 250;
    const full = Array.from({ length: Math.floor(more / 100) }, (_, i) => [i * 100, 100]);
    assert.deepEqual(seqs, [...full, [full.length * 100, more % 100]]);
    // A user who has nothing to add waits for the acknowledgement, no longer.
    c.send(`<SEQ=301><ACK=${101 + sent + more}><CTL=ACK>`).expectNothing();
  });
});

test("NO_DELAY: the end of a SEND that filled the ring leaves when all is acknowledged", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { mss: 100, window: 60_000 }).setOption("NO_DELAY", 1);
    const ring = c.rig.device.limit("SEND_RING_SIZE");
    c.write(ring);
    let sent = 0;
    for (let more = textOf(c); more > 0; more = textOf(c)) {
      sent += more;
      c.send(`<SEQ=301><ACK=${101 + sent}><CTL=ACK>`);
    }
    assert.equal(sent, ring);
  });
});

/** How many octets were emitted since the last look. */
function textOf(c: Conversation): number {
  return c.take().reduce((sum, { payload }) => sum + payload.length, 0);
}

test("writes before one poll leave as one segment [MAY-16]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    c.together(() => {
      for (let i = 0; i < 5; i++) c.write(10);
    });
    c.expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=50>");
  });
});

test("a large write leaves in full segments, PSH on the last one only [SHLD-28 MUST-61]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { mss: 150, window: 2_000 }).write(500);
    c.expect(
      "<SEQ=101><ACK=301><CTL=ACK><DATA=150>",
      "<SEQ=251><ACK=301><CTL=ACK><DATA=150>",
      "<SEQ=401><ACK=301><CTL=ACK><DATA=150>",
    );
    c.send("<SEQ=301><ACK=551><CTL=ACK>").expect("<SEQ=551><ACK=301><CTL=PSH,ACK><DATA=50>");
  });
});

test("the send ring: full, WOULD_BLOCK, WRITABLE when there is room again", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    const ring = c.rig.device.limit("SEND_RING_SIZE");
    c.window = 0;
    c.send("<SEQ=301><ACK=101><CTL=ACK>");
    assert.equal(c.writeSome(ring + 1), ring);
    assert.equal(c.status("SEND_QUEUED"), ring);
    c.events().call("tcpReserve", "WOULD_BLOCK");
    c.window = 65_535;
    c.send("<SEQ=301><ACK=101><CTL=ACK>").take();
    c.events();
    let acked = 101;
    for (let round = 0; round < 100 && c.status("SEND_QUEUED") > 0; round++) {
      acked = c.variable("SND_NXT");
      c.send(`<SEQ=301><ACK=${acked}><CTL=ACK>`).take();
    }
    c.eventsWith("WRITABLE", "ALL_ACKNOWLEDGED");
    assert.equal(c.writeSome(ring), ring);
  });
});

test("a ring's worth of data again and again: every octet arrives as it was written", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant, { mss: 333, window: 65_535 });
    let acked = 0;
    let seen = 0;
    for (let round = 0; round < 400; round++) {
      c.writeSome(701);
      for (const { payload } of c.take()) seen += payload.length;
      acked = seen;
      c.send(`<SEQ=301><ACK=${101 + acked}><CTL=ACK>`);
      for (const { payload } of c.take()) seen += payload.length;
    }
    // `take` has compared every octet with the pattern; nothing was sent twice.
    assert.ok(seen > 100_000, `only ${seen}`);
    assert.ok(seen <= c.written);
    assert.equal(c.status("RETRANSMITS"), 0);
  });
});

// ── The MSS option ───────────────────────────────────────────────────────────────────────────────

/** Opens both ways with these options on the peer's SYN and returns the size of a full segment. */
function fullSegment(variant: Variant, tcp: TcpInput): number[] {
  const active = fresh(variant, { window: 65_535 })
    .connect()
    .expect("<SEQ=100><CTL=SYN><MSS=1460>");
  active.send("<SEQ=300><ACK=101><CTL=SYN,ACK>", { tcp }).expect("<SEQ=101><ACK=301><CTL=ACK>");
  const passive = fresh(variant, { window: 65_535 }).listen();
  passive.send("<SEQ=300><CTL=SYN>", { tcp }).expect(OUR_SYN_ACK);
  passive.send("<SEQ=301><ACK=101><CTL=ACK>").accept();
  return [active, passive].map(firstSize);
}

function firstSize(c: Conversation): number {
  c.writeSome(3_000);
  return c.take()[0]!.payload.length;
}

/** The same sizes, but no more than the send ring holds. */
function expectSize(variant: Variant, tcp: TcpInput, size: number): void {
  const ring = fresh(variant).rig.device.limit("SEND_RING_SIZE");
  const expected = Math.min(size, ring);
  assert.deepEqual(fullSegment(variant, tcp), [expected, expected], JSON.stringify(tcp));
}

test("no MSS option means 536 [MUST-15]", () => {
  onEachProfile((variant) => expectSize(variant, { options: [] }, 536));
});

test("the peer's MSS, and never more than our own link takes [MUST-14 MUST-16]", () => {
  onEachProfile((variant) => {
    for (const [offered, size] of [
      [100, 100],
      [536, 536],
      [700, 700],
      [1_460, 1_460],
      [1_461, 1_460],
      [9_000, 1_460],
      [65_535, 1_460],
    ] as const) {
      expectSize(variant, { options: [{ kind: "mss", value: offered }] }, size);
    }
  });
});

test("an absurdly small MSS does not make segments without data", () => {
  onEachProfile((variant) => {
    for (const value of [0, 1, 8, 63]) {
      for (const size of fullSegment(variant, { options: [{ kind: "mss", value }] })) {
        assert.ok(size >= 1 && size <= (value === 0 ? 536 : 64), `MSS ${value} gives ${size}`);
      }
    }
  });
});

test("the option stands anywhere, among others, aligned or not [MUST-4 MUST-6 MUST-64]", () => {
  const mss: TcpOption = { kind: "mss", value: 700 };
  const nop: TcpOption = { kind: "nop" };
  const unknown = (octets: number): TcpOption => {
    return { kind: "unknown", number: 253, data: new Uint8Array(octets) };
  };
  const lists: TcpOption[][] = [
    [nop, mss],
    [nop, nop, mss],
    [nop, nop, nop, mss],
    [unknown(6), mss],
    [unknown(0), mss, unknown(1)],
    [unknown(33), nop, mss],
    [nop, nop, mss, { kind: "end" }],
  ];
  onEachProfile((variant) => {
    for (const options of lists) expectSize(variant, { options }, 700);
  });
});

test("what stands behind the end of the list is no option [MUST-69]", () => {
  const optionOctets = Uint8Array.of(0, 2, 4, 2, 0xbc, 0, 0, 0);
  onEachProfile((variant) => expectSize(variant, { optionOctets }, 536));
});

test("broken options do no harm: what comes before them counts [MUST-7]", () => {
  const mss = buildTcpOptions([{ kind: "mss", value: 700 }]);
  const broken: [number[], number][] = [
    [[...mss, 253, 0, 0, 0], 700],
    [[...mss, 253, 1, 0, 0], 700],
    [[...mss, 253, 40, 0, 0], 700],
    [[...mss, 1, 1, 1, 253], 700],
    [[253, 0, 0, 0, ...mss], 536],
    [[253, 1, 0, 0, ...mss], 536],
    [[253, 255, 0, 0, ...mss], 536],
    [[2, 0, 2, 188], 536],
    [[2, 1, 2, 188], 536],
    [[2, 2, 2, 188], 536],
    [[2, 3, 2, 188], 536],
    [[2, 5, 2, 188, 0, 0, 0, 0], 536],
    [[1, 1, 1, 2], 536],
    [[1, 1, 2, 4], 536],
    [[1, 2, 4, 2], 536],
  ];
  onEachProfile((variant) => {
    for (const [octets, size] of broken) {
      expectSize(variant, { optionOctets: Uint8Array.from(octets) }, size);
    }
  });
});

test("an MSS option counts only with SYN [MUST-65]", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant, { mss: 700, window: 65_535 });
    const tcp: TcpInput = { options: [{ kind: "mss", value: 100 }] };
    c.send("<SEQ=301><ACK=101><CTL=ACK>", { tcp });
    c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>", { tcp });
    c.expectSoon("<SEQ=101><ACK=311><CTL=ACK>");
    assert.equal(firstSize(c), 700);
  });
});

test("broken options on data, ACK, FIN and RST: the segments count as ever", () => {
  onEachProfile((variant) => {
    for (const octets of [
      [253, 0, 0, 0],
      [253, 1, 1, 1],
      [253, 40, 0, 0],
      [1, 1, 1, 253],
    ]) {
      const tcp: TcpInput = { optionOctets: Uint8Array.from(octets) };
      const c = given("ESTABLISHED", variant);
      c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>", { tcp });
      c.expectSoon("<SEQ=101><ACK=311><CTL=ACK>").read(10);
      c.write(5).expect("<SEQ=101><ACK=311><CTL=PSH,ACK><DATA=5>");
      c.send("<SEQ=311><ACK=106><CTL=ACK>", { tcp }).eventsWith("ALL_ACKNOWLEDGED");
      c.send("<SEQ=311><ACK=106><CTL=FIN,ACK>", { tcp }).expect("<SEQ=106><ACK=312><CTL=ACK>");
      c.state("CLOSE-WAIT").send("<SEQ=312><CTL=RST>", { tcp }).ended("RESET");
    }
  });
});

test("every SYN carries our MSS, retransmitted ones as well [SHLD-5 MAY-3]", () => {
  onEachVariant((variant) => {
    // The Inspector asks for MSS=1460 on every SYN; here are the SYNs.
    given("SYN-SENT", variant).after(1_000).expect("<SEQ=100><CTL=SYN><MSS=1460>");
    given("SYN-RECEIVED", variant, { role: "passive" }).after(1_000).expect(OUR_SYN_ACK);
  });
});

test("a SYN with the bits of ECN gets an answer without them (not supported)", () => {
  onEachProfile((variant) => {
    const c = fresh(variant).listen().send("<SEQ=300><CTL=SYN,ECE,CWR><MSS=1460>");
    c.expect(OUR_SYN_ACK).state("SYN-RECEIVED");
  });
});
