/**
 * Datagrams in fragments: put together in any order, and never out of contradictions, beyond the
 * size, the time or the places there are. RFC 791 §3.2, RFC 1122 §3.3.2, RFC 1858, RFC 3128.
 *
 * On the profiles that have reassembly; `tiny` has none, and drops every fragment.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  buildIcmp,
  buildTcp,
  ICMP_HEADER_OCTETS,
  IcmpType,
  IpProtocol,
  padFrame,
  parseIcmp,
} from "../../hal/host/packet/index.ts";
import { type CounterName, type DeviceOptions, type Emitted, NEVER_MS } from "../support/device.ts";
import { given } from "../support/given.ts";
import { PROFILES } from "../support/modules.ts";
import { patternOctets, Seeded } from "../support/pattern.ts";
import { naming, VARIANTS } from "../support/variants.ts";
import { cut, type Outcome, type Piece, pieceFrame, Reference } from "./fragments.ts";
import { describeFrames, FAR_ADDRESS, LINGER, Link, station } from "./link.ts";

const PEER = station(1);
const OTHER = station(3);
const LIFETIME_MS = 15_000;
const PAYLOAD_MAX = 1_480;
const PLACES = 2;
const COUNTERS = [
  "DROP_IP_FRAGMENT",
  "DATAGRAMS_REASSEMBLED",
  "DROP_FRAGMENT_SIZE",
  "DROP_FRAGMENT_TINY",
  "DROP_FRAGMENT_DUPLICATE",
  "DROP_FRAGMENT_CONFLICT",
  "REASSEMBLY_TIMEOUTS",
  "REASSEMBLY_EVICTED",
] as const satisfies readonly CounterName[];

function each(name: string, run: (link: Link) => void, options: Partial<DeviceOptions> = {}): void {
  for (const profile of PROFILES.filter((one) => one !== "tiny")) {
    test(`${name} (${profile})`, () => run(new Link({ profile, ...options })));
  }
}

/** The payload of a datagram with an echo request. */
function echo(octets: number, salt = 0): Uint8Array {
  const payload = Uint8Array.from({ length: octets }, (_, i) => (i * 7 + (i >> 8) + salt) & 0xff);
  return buildIcmp({ type: IcmpType.ECHO_REQUEST, identifier: 9, sequence: salt, payload });
}

function give(link: Link, piece: Piece, from = PEER): Emitted[] {
  return link.receive(pieceFrame(from, piece));
}

/** Nothing comes of the piece but that this counter is raised by one. */
function dropped(link: Link, reason: CounterName, piece: Piece, hint = ""): void {
  const raised = link.counted(reason, () => {
    assert.equal(describeFrames(give(link, piece)), "", hint);
  });
  assert.equal(raised, 1, `${reason} ${hint}`);
}

/** What was emitted is the one reply to this echo request. */
function assertReplyTo(emitted: readonly Emitted[], request: Uint8Array, hint = ""): void {
  assert.equal(emitted.length, 1, `${hint}: one reply`);
  const { icmp } = emitted[0]!.frame;
  assert.equal(icmp!.type, IcmpType.ECHO_REPLY, hint);
  assert.deepEqual(icmp!.payload, request.subarray(ICMP_HEADER_OCTETS), hint);
}

/** The pieces come in this order, and the last one completes the datagram. */
function assertWhole(link: Link, pieces: readonly Piece[], request: Uint8Array, hint = ""): void {
  for (const piece of pieces.slice(0, -1)) assert.deepEqual(give(link, piece), [], hint);
  assertReplyTo(give(link, pieces.at(-1)!), request, hint);
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, i) =>
    permutations(items.filter((_, j) => j !== i)).map((rest) => [item, ...rest]),
  );
}

describe("fragments become a datagram", () => {
  each("wherever it is cut in two, in both orders", (link) => {
    const request = echo(200);
    for (let at = 8; at < request.length; at += 8) {
      const pieces = cut(at, request, [at]);
      assertWhole(link, pieces, request, `cut at ${at}`);
      assertWhole(link, pieces.reverse(), request, `cut at ${at}, reversed`);
      link.device.nowMs += 10; // the rate of echoes is bounded
    }
  });

  each("in every order of four", (link) => {
    const request = echo(1_001);
    for (const [id, pieces] of permutations(cut(0, request, [64, 504, 1_000])).entries()) {
      const renamed = pieces.map((piece) => ({ ...piece, id }));
      assertWhole(link, renamed, request, `order ${id}`);
    }
  });

  each("of every size up to 1,480 octets, from fragments of 8 backwards", (link) => {
    for (const octets of [1, 7, 8, 9, 500, 503, 504, 505, 1_000, 1_464, 1_465, 1_471, 1_472]) {
      const request = echo(octets);
      const edges = Array.from({ length: Math.ceil(request.length / 8) - 1 }, (_, i) => 8 * i + 8);
      assertWhole(link, cut(octets, request, edges).reverse(), request, `${octets} octets`);
    }
  });

  each("with options of any kind in any fragment, and padding behind it", (link) => {
    const request = echo(30);
    const pieces = cut(7, request, [8, 24]);
    const options = [[1, 1, 1, 0], [131, 7, 4, 10, 9, 0, 2, 0], Array<number>(40).fill(255)];
    const frames = pieces.map((piece, i) =>
      padFrame(pieceFrame(PEER, piece, { options: Uint8Array.from(options[i]!) })),
    );
    assert.deepEqual(link.receive(frames[2]!), []);
    assert.deepEqual(link.receive(frames[0]!), []);
    const [reply, ...more] = link.receive(frames[1]!);
    assertReplyTo([reply!, ...more], request);
    assert.equal(reply!.frame.ipv4!.options.length, 0);
  });

  each("whatever DF, TOS and TTL say", (link) => {
    const request = echo(30);
    const [first, last] = cut(7, request, [16]);
    assert.deepEqual(link.receive(pieceFrame(PEER, first!, { dontFragment: true, ttl: 1 })), []);
    assertReplyTo(link.receive(pieceFrame(PEER, last!, { typeOfService: 8 })), request);
  });

  each("and the answer goes to the station that brought the last piece", (link) => {
    const request = echo(30);
    const [first, last] = cut(7, request, [16]);
    assert.deepEqual(give(link, first!, { ...PEER, address: FAR_ADDRESS }), []);
    const [reply] = give(link, last!, { mac: OTHER.mac, address: FAR_ADDRESS });
    assert.equal(reply!.frame.ethernet!.destination, OTHER.mac);
    assert.equal(reply!.frame.ipv4!.destination, FAR_ADDRESS);
  });

  each("an echo reply to us too", (link) => {
    link.arpRequest(PEER);
    assert.equal(link.ping(PEER.address, 5, 1_000), 0);
    const [request] = link.poll();
    const { identifier, payload } = request!.frame.icmp!;
    const reply = buildIcmp({ type: IcmpType.ECHO_REPLY, identifier, sequence: 5, payload });
    for (const piece of cut(1, reply, [504])) assert.deepEqual(give(link, piece), []);
    assert.equal(link.pingTake(), 5);
  });
});

describe("fragments are kept apart", () => {
  const request = echo(30);
  const [first, last] = cut(7, request, [16]) as [Piece, Piece];

  each("by source, protocol and identification", (link) => {
    assert.deepEqual(give(link, first), []);
    assert.deepEqual(give(link, last, OTHER), []);
    assert.deepEqual(give(link, { ...last, id: 8 }), []);
    link.run(LIFETIME_MS);
    assert.deepEqual(give(link, first), []);
    assert.deepEqual(give(link, { ...last, protocol: IpProtocol.TCP, offset: 24 }), []);
    assertReplyTo(give(link, last), request);
  });

  each("by destination: the address changes in between", (link) => {
    const other = 0x0a09_0099;
    const toOther = { destination: other };
    assert.deepEqual(give(link, first), []);
    assert.equal(link.device.call("setAddress", other, 24, 0), 0);
    assert.deepEqual(link.receive(pieceFrame(PEER, last, toOther)), []);
    assert.equal(link.device.call("setAddress", LINGER.address, 24, 0), 0);
    assertReplyTo(give(link, last), request);
  });

  each("by init, which forgets them", (link) => {
    const { device } = link;
    assert.deepEqual(give(link, first), []);
    assert.equal(device.call("init", device.clock, 0), 0);
    assert.equal(device.call("setLinkAddress", 0x0200, 1), 0);
    assert.equal(device.call("setAddress", LINGER.address, 24, 0), 0);
    assert.deepEqual(give(link, last), []);
    assertReplyTo(give(link, first), request);
  });
});

describe("a datagram is void", () => {
  const request = echo(112); // 120 octets with the header: 15 blocks
  const whole = (id: number): Piece[] => cut(id, request, [40, 80]);
  const piece = (id: number, offset: number, end: number, more = true): Piece => {
    return { id, offset, more, payload: request.subarray(offset, end) };
  };
  /** Each comes after the first two pieces of three, octets 0 to 80; all say the true octets. */
  const overlaps: [string, Piece][] = [
    ["over the end", piece(1, 72, 120, false)],
    ["over the end, more to follow", piece(1, 72, 88)],
    ["over almost all of it", piece(1, 8, 120, false)],
    ["from the first octet on, beyond", piece(1, 0, 88)],
  ];
  const ends: [string, Piece][] = [
    ["an end within what is there", piece(1, 40, 80, false)],
    ["an end before what is there", piece(1, 32, 40, false)],
    ["an end in the middle of a block", piece(1, 40, 79, false)],
  ];

  function assertVoid(link: Link, hint: string): void {
    for (const rest of whole(1)) dropped(link, "DROP_FRAGMENT_CONFLICT", rest, hint);
    // Once its time is over the identification may serve for another one.
    link.run(LIFETIME_MS);
    assert.equal(link.device.counter("REASSEMBLY_TIMEOUTS"), 0, hint);
    assertWhole(link, whole(1), request, hint);
  }

  for (const [name, wrong] of [...overlaps, ...ends]) {
    each(`after ${name}`, (link) => {
      for (const good of whole(1).slice(0, 2)) assert.deepEqual(give(link, good), []);
      dropped(link, "DROP_FRAGMENT_CONFLICT", wrong, name);
      assertVoid(link, name);
    });
  }

  each("after any octet that differs from the one that is there", (link) => {
    for (const at of [40, 41, 47, 48, 72, 79]) {
      const [first, middle] = whole(1);
      const payload = Uint8Array.from(middle!.payload);
      payload[at - 40]! ^= 1;
      assert.deepEqual([...give(link, first!), ...give(link, middle!)], []);
      dropped(link, "DROP_FRAGMENT_CONFLICT", { ...middle!, payload }, `octet ${at}`);
      assertVoid(link, `octet ${at}`);
    }
  });

  each("after another end, more behind the end, or more where the end is", (link) => {
    const wrong = [
      piece(1, 112, 118, false),
      piece(1, 80, 112, false),
      { id: 1, offset: 80, more: false, payload: new Uint8Array(41) },
      { id: 1, offset: 120, more: false, payload: new Uint8Array(8) },
      { id: 1, offset: 128, more: true, payload: new Uint8Array(8) },
      piece(1, 80, 120),
      piece(1, 112, 120),
    ];
    for (const [i, contradiction] of wrong.entries()) {
      const [first, , last] = whole(1);
      assert.deepEqual([...give(link, last!), ...give(link, first!)], []);
      dropped(link, "DROP_FRAGMENT_CONFLICT", contradiction, `${i}`);
      assertVoid(link, `${i}`);
    }
  });

  each("but not after copies, whole or in part", (link) => {
    const [first, middle, last] = whole(1);
    assert.deepEqual([...give(link, last!), ...give(link, first!)], []);
    const copies = [first!, last!, piece(1, 8, 24), piece(1, 0, 8), piece(1, 112, 120, false)];
    for (const copy of copies) dropped(link, "DROP_FRAGMENT_DUPLICATE", copy);
    assertReplyTo(give(link, middle!), request);
  });
});

describe("a fragment is dropped", () => {
  const request = echo(112);
  const [first, last] = cut(1, request, [80]) as [Piece, Piece];

  each("if it carries nothing, or more follows a length that is no multiple of 8", (link) => {
    assert.deepEqual(give(link, first), []);
    const wrong: Piece[] = [
      { ...first, payload: new Uint8Array(0) },
      { ...last, payload: new Uint8Array(0) },
      { ...last, more: true, payload: new Uint8Array(0) },
      { id: 1, offset: 65_528, more: false, payload: new Uint8Array(0) },
      ...[1, 7, 9, 15, 39].map((octets) => ({
        ...last,
        more: true,
        payload: last.payload.subarray(0, octets),
      })),
    ];
    for (const piece of wrong) dropped(link, "DROP_IP_FRAGMENT", piece);
    assertReplyTo(give(link, last), request);
  });

  each("beyond 1,480 octets, and with it what was there", (link) => {
    const full = (offset: number, more: boolean, octets = 1_480): Piece => {
      return { id: 1, offset, more, payload: new Uint8Array(octets) };
    };
    const wrong = [
      full(1_480, true),
      full(1_480, false, 1),
      full(8, false),
      full(1_472, false, 9),
      full(65_528, false, 8),
      full(65_528, true, 1_480),
    ];
    for (const piece of wrong) {
      dropped(link, "DROP_FRAGMENT_SIZE", piece);
      assert.deepEqual(give(link, first), []);
      dropped(link, "DROP_FRAGMENT_SIZE", piece);
      // The first one went: what comes now begins afresh.
      assert.deepEqual(give(link, last), []);
      assertReplyTo(give(link, first), request);
    }
    assert.equal(link.device.counter("REASSEMBLY_EVICTED"), 0);
    link.run(LIFETIME_MS);
    assert.equal(link.device.counter("REASSEMBLY_TIMEOUTS"), 0);
  });

  each("of a protocol that nobody speaks, and takes no place", (link) => {
    assert.deepEqual(give(link, first), []);
    for (let id = 2; id < 10; id++) {
      dropped(link, "DROP_IP_PROTOCOL", { ...first, id, protocol: IpProtocol.UDP });
    }
    assertReplyTo(give(link, last), request);
  });

  test("where there is no reassembly: each one (tiny)", () => {
    const link = new Link({ profile: "tiny" });
    assert.equal(link.device.limit("REASSEMBLY_COUNT"), 0);
    for (const piece of [first, last]) dropped(link, "DROP_IP_FRAGMENT", piece);
    assert.equal(link.device.poll(), NEVER_MS);
  });
});

describe("TCP", () => {
  const addresses = { source: PEER.address, destination: LINGER.address };
  const tcp = { sourcePort: 5_000, destinationPort: 7, seq: 100, flags: "SYN" };
  const options = [{ kind: "mss" as const, value: 1_460 }];
  const syn = buildTcp({ ...tcp, options, payload: new Uint8Array(40) }, addresses); // 24 + 40
  const asTcp = (piece: Piece): Piece => ({ ...piece, protocol: IpProtocol.TCP });

  each("a first fragment without the whole header, or a later one that aims at it", (link) => {
    const none = new Uint8Array(24);
    for (const octets of [8, 16]) {
      dropped(link, "DROP_FRAGMENT_TINY", asTcp(cut(1, syn, [octets])[0]!), `${octets} octets`);
    }
    // The data offset says 24: with 24 octets it is all there, with options in a second it is not.
    const long = buildTcp({ ...tcp, options: [...options, ...options] }, addresses);
    dropped(link, "DROP_FRAGMENT_TINY", asTcp({ id: 2, offset: 0, more: true, payload: none }));
    dropped(link, "DROP_FRAGMENT_TINY", asTcp(cut(2, long, [24])[0]!));
    for (const offset of [8, 16]) {
      for (const more of [true, false]) {
        const payload = syn.subarray(offset, offset + 8);
        dropped(link, "DROP_FRAGMENT_TINY", asTcp({ id: 3, offset, more, payload }));
      }
    }
    assert.equal(link.device.poll(), NEVER_MS, "none of them took a place");
    assert.deepEqual(give(link, asTcp(cut(4, syn, [24])[0]!)), []);
    assert.ok(link.device.poll() <= LIFETIME_MS, "this one did");
  });

  each("a SYN in fragments is a SYN, and draws what a SYN draws", (link) => {
    const whole = { id: 0, offset: 0, more: false, payload: syn };
    link.device.inspector.received(pieceFrame(PEER, asTcp(whole)));
    const [first, last] = cut(1, syn, [24]).map(asTcp);
    assert.deepEqual(give(link, last!), []);
    const [reset] = give(link, first!);
    assert.deepEqual([reset!.frame.tcp!.ack, reset!.frame.tcp!.seq], [141, 0]);
  });

  each("a checksum that does not hold over the whole", (link) => {
    const wrong = Uint8Array.from(syn);
    wrong[60]! ^= 4;
    const [first, last] = cut(1, wrong, [24]).map(asTcp);
    assert.deepEqual(give(link, first!), []);
    dropped(link, "DROP_TCP_CHECKSUM", last!);
  });

  test("text in fragments is text: acknowledged and read", () => {
    for (const variant of VARIANTS.filter(({ profile }) => profile !== "tiny")) {
      naming(`${variant.profile} ${variant.numbers}`, () => {
        const c = given("ESTABLISHED", variant);
        const frame = c.frame("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=1000>");
        c.rig.device.inspector.received(frame);
        const segment = frame.subarray(14 + 20);
        const from = { mac: "02:00:00:00:00:02", address: c.peerAddress };
        const pieces = cut(1, segment, [24, 512]).map(asTcp).reverse();
        c.rig.deliver(...pieces.map((piece) => pieceFrame(from, piece)));
        c.expectSoon("<SEQ=101><ACK=1301><CTL=ACK>").read(1_000);
      });
    }
  });
});

describe("time", () => {
  const request = echo(30);
  const [first, middle, last] = cut(7, request, [8, 24]) as [Piece, Piece, Piece];

  for (const startMs of [1_000, 2 ** 32 - 5_000, 2 ** 32 - LIFETIME_MS]) {
    const hint = `clock ${startMs}`;
    const begun = (link: Link): void => {
      assert.deepEqual(give(link, first), []);
      assert.ok(link.device.poll() <= LIFETIME_MS, "poll says when");
      link.run(LIFETIME_MS - 1);
      // What comes later does not prolong it (RFC 1122 §3.3.2).
      assert.deepEqual(give(link, middle), []);
    };
    each(
      `the last fragment comes just before 15 s are over, ${hint}`,
      (link) => {
        begun(link);
        assertReplyTo(give(link, last), request);
        assert.deepEqual(link.run(60_000), []);
        assert.equal(link.device.counter("REASSEMBLY_TIMEOUTS"), 0);
      },
      { startMs },
    );
    each(
      `the last fragment comes after 15 s: nothing, and no ICMP message, ${hint}`,
      (link) => {
        begun(link);
        assert.deepEqual(link.run(1), []);
        assert.equal(link.device.counter("REASSEMBLY_TIMEOUTS"), 1);
        assert.equal(link.device.poll(), NEVER_MS);
        assert.deepEqual(give(link, last), []);
        assert.deepEqual(link.run(LIFETIME_MS), []);
        assert.equal(link.device.counter("REASSEMBLY_TIMEOUTS"), 2);
        assert.equal(link.device.poll(), NEVER_MS);
      },
      { startMs },
    );
  }

  each("each datagram has its own", (link) => {
    assert.deepEqual(give(link, first), []);
    link.run(10_000);
    assert.deepEqual(give(link, { ...first, id: 8 }), []);
    link.run(5_000);
    assert.equal(link.device.counter("REASSEMBLY_TIMEOUTS"), 1);
    assert.ok(link.device.poll() <= 10_000);
    assertWhole(
      link,
      [middle, last].map((piece) => ({ ...piece, id: 8 })),
      request,
    );
    link.run(LIFETIME_MS);
    assert.equal(link.device.counter("REASSEMBLY_TIMEOUTS"), 1);
  });
});

describe("places", () => {
  const request = echo(30);
  const named = (id: number): [Piece, Piece] => cut(id, request, [16]) as [Piece, Piece];

  each("as many datagrams as there are places are put together at a time", (link) => {
    assert.equal(link.device.limit("REASSEMBLY_COUNT"), PLACES);
    for (let id = 0; id < PLACES; id++) assert.deepEqual(give(link, named(id)[0]), []);
    for (let id = 0; id < PLACES; id++) assertReplyTo(give(link, named(id)[1]), request);
    assert.equal(link.device.counter("REASSEMBLY_EVICTED"), 0);
  });

  each("one more takes the place of the oldest", (link) => {
    for (let id = 0; id <= PLACES; id++) {
      assert.deepEqual(give(link, named(id)[0]), []);
      link.device.nowMs += 1;
    }
    assert.equal(link.device.counter("REASSEMBLY_EVICTED"), 1);
    for (let id = PLACES; id > 0; id--) assertReplyTo(give(link, named(id)[1]), request);
    assert.deepEqual(give(link, named(0)[1]), []);
  });

  each("or of a void one, which is worth less", (link) => {
    assert.deepEqual(give(link, named(0)[0]), []);
    link.device.nowMs += 1;
    assert.deepEqual(give(link, named(1)[0]), []);
    dropped(link, "DROP_FRAGMENT_CONFLICT", { ...named(1)[1], offset: 8 });
    assertWhole(link, named(2), request);
    assert.equal(link.device.counter("REASSEMBLY_EVICTED"), 0);
    assertReplyTo(give(link, named(0)[1]), request);
  });

  each("a flood of first fragments leaves the stack as it was", (link) => {
    for (let id = 0; id < 3_000; id++) give(link, named(id)[0]);
    assertReplyTo(give(link, named(2_999)[1]), request);
    link.run(LIFETIME_MS);
    assert.equal(link.device.poll(), NEVER_MS);
    for (let id = 0; id < PLACES; id++) assert.deepEqual(give(link, named(id)[0]), []);
    for (let id = 0; id < PLACES; id++) assertReplyTo(give(link, named(id)[1]), request);
  });
});

describe("fragments at random, beside a reference", () => {
  /** Pieces of some datagrams, shuffled, some of them twice, some of them wrong. */
  function storm(random: Seeded, round: number): Piece[] {
    const pieces = Array.from({ length: 1 + random.below(3) }, (_, i) => {
      const request = echo(random.below(random.below(4) === 0 ? 1_473 : 120), round & 0xff);
      const edges = Array.from({ length: random.below(6) }, () => 8 * random.below(190));
      const cuts = [...new Set(edges)].filter((at) => at > 0 && at < request.length);
      return cut(
        random.below(4) * 3 + i,
        request,
        cuts.sort((a, b) => a - b),
      );
    }).flat();
    const spoiled = random.below(3) === 0 ? [spoil(random, pieces)] : [];
    const copies = pieces.filter(() => random.below(8) === 0);
    return random.shuffle([...pieces, ...copies, ...spoiled]);
  }

  function spoil(random: Seeded, pieces: readonly Piece[]): Piece {
    const piece = pieces[random.below(pieces.length)]!;
    switch (random.below(5)) {
      case 0:
        return { ...piece, more: !piece.more };
      case 1:
        return { ...piece, offset: 8 * random.below(random.below(2) === 0 ? 190 : 8_192) };
      case 2:
        return { ...piece, payload: piece.payload.subarray(0, random.below(100)) };
      case 3: {
        const payload = Uint8Array.from(piece.payload);
        payload[random.below(payload.length)]! ^= 1 << random.below(8);
        return { ...piece, payload };
      }
      default:
        return { ...piece, payload: patternOctets("peer", 0, 1 + random.below(PAYLOAD_MAX)) };
    }
  }

  /** The module does with the piece what the reference did. */
  function assertSame(link: Link, piece: Piece, outcome: Outcome, totals: number[]): void {
    for (const name of outcome.counters) totals[COUNTERS.indexOf(name as never)]! += 1;
    const malformed = link.device.counter("DROP_ICMP_MALFORMED");
    const emitted = give(link, piece);
    const hint = `offset ${piece.offset}, ${piece.payload.length} octets, more: ${piece.more}`;
    assert.deepEqual(
      COUNTERS.map((name) => [name, link.device.counter(name)]),
      COUNTERS.map((name, i) => [name, totals[i]]),
      hint,
    );
    // A whole that was put together out of a spoiled fragment bears no right checksum.
    const isEcho = outcome.whole !== undefined && parseIcmp(outcome.whole);
    if (isEcho && isEcho.ok && isEcho.value.checksumOk) {
      assertReplyTo(emitted, outcome.whole!, hint);
    } else {
      assert.deepEqual(emitted, [], hint);
      const isMalformed = outcome.whole !== undefined ? 1 : 0;
      assert.equal(link.device.counter("DROP_ICMP_MALFORMED") - malformed, isMalformed, hint);
    }
  }

  for (const seed of [1, 2, 3, 4]) {
    each(
      `seed ${seed}`,
      (link) => {
        const random = new Seeded(seed);
        const reference = new Reference(PLACES);
        const totals = COUNTERS.map(() => 0);
        for (let round = 0; round < 300; round++) {
          for (const piece of storm(random, round)) {
            link.run(1 + random.below(random.below(12) === 0 ? 16_000 : 20));
            for (const name of reference.expire(link.device.nowMs)) {
              totals[COUNTERS.indexOf(name as never)]! += 1;
            }
            assertSame(link, piece, reference.take(piece, link.device.nowMs), totals);
          }
        }
        for (const [i, name] of COUNTERS.entries()) {
          if (name !== "DROP_FRAGMENT_TINY") assert.ok(totals[i]! > 3, `${name}: ${totals[i]}`);
        }
        link.run(LIFETIME_MS);
        assert.equal(link.device.poll(), NEVER_MS, "nothing is left");
      },
      { startMs: 2 ** 32 - 60_000 },
    );
  }
});
