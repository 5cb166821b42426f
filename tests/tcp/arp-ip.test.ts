/**
 * What connections feel of the layers below: bad frames and datagrams, ICMP errors, a next hop that
 * is silent or changes. The layers themselves are tested in tests/netif.
 *
 * RFC 9293 §3.9.2 (MUST-55, MUST-56, MUST-57, MUST-63); RFC 5927; RFC 1122 §2.3.2, §3.2.1.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ArpOperation,
  BROADCAST_MAC,
  Flag,
  type FrameInput,
  IcmpType,
  type Ipv4Input,
} from "../../hal/host/packet/index.ts";
import type { Conversation } from "../support/conversation.ts";
import { NEVER_MS } from "../support/device.ts";
import { fresh, given } from "../support/given.ts";
import { icmpErrorFrame } from "../support/icmp.ts";
import { PEER_MAC } from "../support/rig.ts";
import { seqDistance } from "../support/sequence.ts";
import {
  naming,
  onEachProfile,
  onEachVariant,
  onEachVariantWith,
  PEER_ADDRESS,
} from "../support/variants.ts";

const DATA = "<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=40>";
const ACK_OF_DATA = "<SEQ=101><ACK=341><CTL=ACK>";
const SYN = "<SEQ=300><CTL=SYN><MSS=1460>";
const OUR_SYN_ACK = "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>";

// ── Bad datagrams ────────────────────────────────────────────────────────────────────────────────

/** Header fields that make a datagram unfit, each alone. */
const BAD_HEADERS: [name: string, ipv4: Ipv4Input][] = [
  ["version 5", { version: 5 }],
  ["version 6", { version: 6 }],
  ["version 0", { version: 0 }],
  ["a header of 0 octets", { headerLength: 0 }],
  ["a header of 16 octets", { headerLength: 16 }],
  ["a header of 60 octets", { headerLength: 60 }],
  ["a total length of 0", { totalLength: 0 }],
  ["a total length below the header's", { totalLength: 19 }],
  ["a total length that cuts the TCP header", { totalLength: 39 }],
  ["a total length that cuts the data", { totalLength: 79 }],
  ["a total length beyond the frame", { totalLength: 200 }],
  ["a wrong checksum", { checksum: 0x1234 }],
  ["more fragments", { moreFragments: true }],
  ["a fragment's offset", { fragmentOffset: 8 }],
  ["the last fragment", { fragmentOffset: 1_480 }],
  ["another protocol", { protocol: 17 }],
  ["a reserved protocol", { protocol: 255 }],
  ["somebody else's address", { destination: 0x0a09_0063 }],
  ["the broadcast of the network", { destination: 0x0a09_00ff }],
  ["the limited broadcast", { destination: 0xffff_ffff }],
  ["a multicast group", { destination: 0xe000_0001 }],
  ["loopback", { destination: 0x7f00_0001 }],
  ["another source", { source: 0x0a09_0063 }],
];

test("a datagram with one bad field changes nothing; the good copy then counts", () => {
  onEachProfile((variant) => {
    for (const [name, ipv4] of BAD_HEADERS) {
      naming(name, () => {
        const c = given("ESTABLISHED", variant);
        c.rig.deliver(c.frame(DATA, { ipv4 }));
        c.rig.deliver(c.frame("<SEQ=301><CTL=RST>", { ipv4 }));
        c.expectNothing().state("ESTABLISHED").call("tcpPeek", "WOULD_BLOCK");
        // Another source is a stranger to be reset; nobody else gets an answer.
        if (name !== "another source") assert.deepEqual(c.rig.takeOthers(), []);
        c.send(DATA).expectSoon(ACK_OF_DATA).read(40);
      });
    }
  });
});

test("TTL, type of service and identification do not matter", () => {
  onEachProfile((variant) => {
    for (const ipv4 of [
      { ttl: 1 },
      { typeOfService: 0xff },
      { identification: 0xffff, dontFragment: false },
    ]) {
      given("ESTABLISHED", variant)
        .send(DATA, { ipv4 })
        .expectSoon(ACK_OF_DATA)
        .state("ESTABLISHED");
    }
  });
});

test("a SYN to or from an address that opens no connection is dropped [MUST-57 MUST-63]", () => {
  const syns: [string, Partial<FrameInput>][] = [
    ["to the broadcast of the network", { ipv4: { destination: 0x0a09_00ff } }],
    ["to everybody", { ipv4: { destination: 0xffff_ffff } }],
    ["to a group", { ipv4: { destination: 0xe000_0001 } }],
    ["to us, in a broadcast frame", { ethernet: { destination: BROADCAST_MAC } }],
    ["from everybody", { ipv4: { source: 0xffff_ffff } }],
    ["from the broadcast of the network", { ipv4: { source: 0x0a09_00ff } }],
    ["from a group", { ipv4: { source: 0xe000_0001 } }],
    ["from loopback", { ipv4: { source: 0x7f00_0001 } }],
    ["from nobody", { ipv4: { source: 0 } }],
    ["from ourselves", { ipv4: { source: 0x0a09_0002 } }],
    ["from port 0", { tcp: { sourcePort: 0 } }],
    ["from a group MAC", { ethernet: { source: "01:00:5e:00:00:01" } }],
    ["from our own MAC", { ethernet: { source: "02:00:00:00:00:01" } }],
  ];
  onEachProfile((variant) => {
    const c = fresh(variant).listen();
    const tcp = { sourcePort: c.peerPort, destinationPort: c.localPort, flags: "SYN" };
    for (const [name, input] of syns) {
      naming(name, () => {
        c.rig.deliver(c.rig.peerFrame({ ...input, tcp: { ...tcp, ...input.tcp } }));
        c.expectNothing().state("LISTEN");
        assert.deepEqual(c.rig.takeOthers(), []);
      });
    }
    c.send(SYN).expect(OUR_SYN_ACK);
  });
});

test("a source route is not followed, whatever it asks for [MUST-53]", () => {
  onEachProfile((variant) => {
    for (const kind of [131, 137]) {
      // Loose or strict, one address, all of it used up; then one that is still to be visited.
      for (const pointer of [8, 4]) {
        const options = Uint8Array.of(kind, 7, pointer, 10, 9, 0, 99, 0);
        const c = fresh(variant).listen().send(SYN, { ipv4: { options } });
        // The Inspector refuses every IP option in what comes out.
        c.expectNothingOr(OUR_SYN_ACK);
        assert.deepEqual(c.rig.takeOthers(), []);
      }
    }
  });
});

test("frames cut short at every length: nothing happens until all of it is there", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant);
    const whole = c.frame(DATA);
    for (let length = 0; length < whole.length; length++) {
      c.rig.deliver(whole.subarray(0, length));
      c.expectNothing();
    }
    c.state("ESTABLISHED").call("tcpPeek", "WOULD_BLOCK");
    assert.deepEqual(c.rig.takeOthers(), []);
    // Padding behind the datagram is the link's.
    c.rig.deliver(Buffer.concat([whole, new Uint8Array(20).fill(0xee)]));
    c.expectSoon(ACK_OF_DATA).read(40);
  });
});

test("a TCP header with a bad data offset is dropped", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant);
    for (const headerLength of [0, 4, 16]) {
      c.send(DATA, { tcp: { headerLength } }).expectNothing();
    }
    c.send("<SEQ=301><ACK=101><CTL=ACK>", { tcp: { headerLength: 60 } }).expectNothing();
    assert.equal(c.rig.device.counter("DROP_TCP_HEADER"), 4);
    c.send(DATA).expectSoon(ACK_OF_DATA);
  });
});

test("the checksum covers everything: each flipped bit of a segment is noticed [MUST-3]", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant);
    const whole = c.frame(DATA);
    for (let bit = 14 * 8; bit < whole.length * 8; bit++) {
      const flipped = whole.slice();
      flipped[bit >>> 3]! ^= 1 << (bit & 7);
      c.rig.deliver(flipped);
      c.expectNothing();
    }
    assert.deepEqual(c.rig.takeOthers(), []);
    c.state("ESTABLISHED").call("tcpPeek", "WOULD_BLOCK").send(DATA).expectSoon(ACK_OF_DATA);
  });
});

// ── ICMP errors ──────────────────────────────────────────────────────────────────────────────────

test("no ICMP error ends a synchronized connection (RFC 5927) [MUST-56]", () => {
  const errors: [type: number, codes: number[]][] = [
    [IcmpType.DESTINATION_UNREACHABLE, [0, 1, 2, 3, 4, 5, 6, 9, 10, 13, 15, 255]],
    [IcmpType.TIME_EXCEEDED, [0, 1]],
    [IcmpType.PARAMETER_PROBLEM, [0, 1]],
    [IcmpType.SOURCE_QUENCH, [0]],
    [IcmpType.REDIRECT, [0, 1]],
  ];
  onEachVariant((variant) => {
    for (const state of ["ESTABLISHED", "FIN-WAIT-1", "CLOSE-WAIT", "LAST-ACK"] as const) {
      const c = given(state, variant);
      if (state === "ESTABLISHED" || state === "CLOSE-WAIT") c.write(10).take();
      for (const [type, codes] of errors) {
        for (const code of codes) c.rig.deliver(icmpErrorFrame(c, { type, code, seq: 101 }));
      }
      c.state(state).reason("NONE");
      c.advance(1_000);
      assert.equal(c.take().length, 1, "the retransmission comes as ever");
    }
  });
});

test("source quench does not slow anything down [MUST-55]", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant)
      .write(10)
      .expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>");
    const before = c.status("CWND");
    c.rig.deliver(icmpErrorFrame(c, { type: IcmpType.SOURCE_QUENCH, code: 0, seq: 101 }));
    c.expectNothing();
    assert.equal(c.status("CWND"), before);
    assert.equal(c.status("SOFT_ERROR"), 0);
  });
});

test("a soft error becomes the reason of a later user timeout, if nothing disproves it", () => {
  onEachVariantWith(["TROUBLE"], (variant) => {
    for (const disproved of [false, true]) {
      const c = given("ESTABLISHED", variant).setOption("USER_TIMEOUT_MS", 10_000).write(10);
      c.take();
      c.rig.deliver(icmpErrorFrame(c, { code: 1, seq: 101 }));
      assert.equal(c.status("SOFT_ERROR"), (IcmpType.DESTINATION_UNREACHABLE << 8) | 1);
      if (disproved) c.send("<SEQ=301><ACK=105><CTL=ACK>").take();
      c.advance(10_100).take();
      c.ended(disproved ? "TIMED_OUT" : "UNREACHABLE");
    }
  });
});

test("an ICMP error that quotes nothing in flight is nobody's (RFC 5927 §4.1)", () => {
  onEachVariantWith(["TROUBLE"], (variant) => {
    const c = given("ESTABLISHED", variant)
      .write(10)
      .expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>");
    for (const seq of [100, 111, 5_000, -5_000]) {
      c.rig.deliver(icmpErrorFrame(c, { code: 1, seq }));
    }
    c.rig.deliver(icmpErrorFrame(c, { code: 1, seq: 101, peerPort: c.peerPort ^ 3 }));
    // Too little of the datagram to say which connection it was.
    c.rig.deliver(icmpErrorFrame(c, { code: 1, seq: 101, quoted: 27 }));
    assert.equal(c.status("SOFT_ERROR"), 0);
    c.rig.deliver(icmpErrorFrame(c, { code: 1, seq: 105 }));
    assert.equal(c.status("SOFT_ERROR"), (IcmpType.DESTINATION_UNREACHABLE << 8) | 1);
  });
});

test("an ICMP error about a half-open or a TIME-WAIT record changes nothing", () => {
  onEachVariant((variant) => {
    const half = given("SYN-RECEIVED", variant, { role: "passive" });
    const waiting = given("TIME-WAIT", variant, { role: "passive" });
    const both = [
      [half, 100],
      [waiting, 101],
    ] as const;
    for (const [c, seq] of both) {
      const { rig } = c;
      for (const code of [1, 2, 3]) rig.deliver(icmpErrorFrame(c, { code, seq }));
      assert.deepEqual(rig.takeOthers(), []);
    }
    half.state("SYN-RECEIVED").send("<SEQ=301><ACK=101><CTL=ACK>").accept().state("ESTABLISHED");
    assert.equal(half.status("SOFT_ERROR"), 0);
    waiting.state("TIME-WAIT").send("<SEQ=301><ACK=102><CTL=FIN,ACK>");
    waiting.expect("<SEQ=102><ACK=302><CTL=ACK>").reason("CLOSED");
  });
});

// ── The next hop ─────────────────────────────────────────────────────────────────────────────────

/** The peer's ARP packet that says where it is now. */
function announce(c: Conversation, mac: string): void {
  const { rig } = c;
  rig.deliver(
    rig.arpFrame(
      {
        operation: ArpOperation.REPLY,
        senderMac: mac,
        targetMac: rig.device.mac,
        targetAddress: rig.address,
      },
      { source: mac, destination: rig.device.mac },
    ),
  );
}

test("a connection outlives its ARP entry: it is asked for again, nothing is lost", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    for (let hour = 0; hour < 3; hour++) {
      c.quiet(3_600_000).write(10);
      c.rig.advanceUntilEmitted(100, () => c.hasPending);
      const seq = 101 + 10 * hour;
      c.expect(`<SEQ=${seq}><ACK=301><CTL=PSH,ACK><DATA=10>`);
      c.send(`<SEQ=301><ACK=${seq + 10}><CTL=ACK>`);
    }
  });
});

test("the peer gets another card while data is in flight: the retransmissions find it", () => {
  onEachVariant((variant) => {
    const c = given("ESTABLISHED", variant);
    c.rig.answersArp = false;
    c.write(10).expect("<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=10>");
    const other = "02:00:00:00:0a:0a";
    announce(c, other);
    c.after(1_000);
    const [again] = c.takeTimed();
    assert.equal(again?.frame.ethernet?.destination, other);
    assert.notEqual(other, PEER_MAC);
  });
});

test("a silent next hop holds up no reset for ever: aborted connections leave their TCB", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant);
    const { device } = c.rig;
    c.rig.answersArp = false;
    // ARP has forgotten the peer, and he does not answer any more.
    c.advance(3_600_000);
    c.abort().ended("ABORTED").release();
    c.advance(600_000);
    c.take();
    const count = device.limit("CONNECTION_COUNT");
    for (let i = 0; i < count; i++) {
      assert.ok(device.call("tcpConnect", PEER_ADDRESS, 10_000 + i, 0, 0) > 0, `TCB ${i}`);
    }
  });
});

test("a silent next hop, a released connection: the user timeout ends it, nothing stays", () => {
  onEachProfile((variant) => {
    for (const state of ["ESTABLISHED", "CLOSE-WAIT", "FIN-WAIT-2"] as const) {
      const c = given(state, variant);
      c.rig.answersArp = false;
      c.advance(3_600_000);
      c.release().advance(700_000);
      c.take();
      c.state("CLOSED");
      c.rig.advance(3_600_000);
      assert.equal(c.rig.settle(), NEVER_MS, "something still waits");
    }
  });
});

test("a SYN from a neighbour that does not answer ARP costs a record for some time only", () => {
  onEachVariant((variant) => {
    const c = fresh(variant, { answersArp: false }).listen(1).send(SYN);
    // The answer goes where the SYN came from; nobody is asked until it has to go again.
    const answer = c.takeTimed().map(({ frame }) => frame);
    assert.deepEqual(
      answer.map(({ ethernet, tcp }) => [ethernet?.destination, tcp?.flags]),
      [[PEER_MAC, Flag.SYN | Flag.ACK]],
    );
    assert.deepEqual(c.rig.takeOthers(), []);
    c.quiet(999).lookup("SYN-RECEIVED");
    assert.deepEqual(c.rig.takeOthers(), []);
    c.quiet(1);
    assert.ok(c.rig.takeOthers().some(({ frame }) => frame.arp?.targetAddress === PEER_ADDRESS));
    c.quiet(300_000).lookup("LISTEN");
    c.rig.takeOthers();
    // Now he can be reached, and gets his answer.
    announce(c, PEER_MAC);
    const next = c
      .again((c.irs + 77_777) >>> 0)
      .send(SYN)
      .expect(OUR_SYN_ACK);
    next.send("<SEQ=301><ACK=101><CTL=ACK>").accept().state("ESTABLISHED");
  });
});

test("off the link everything goes to the gateway's MAC and comes from there", () => {
  onEachVariant((variant) => {
    const far = 0xc0a8_0105;
    const c = fresh(variant, { gateway: PEER_ADDRESS });
    const { device } = c.rig;
    const handle = device.call("tcpConnect", far, 80, 0, 0);
    assert.ok(handle > 0);
    c.rig.settle();
    const [syn] = c.rig.takeOthers();
    assert.equal(syn?.frame.ipv4?.destination, far);
    assert.equal(syn?.frame.ethernet?.destination, PEER_MAC);
    const { seq, sourcePort } = syn.frame.tcp!;
    c.rig.deliver(
      c.rig.peerFrame({
        ipv4: { source: far },
        tcp: {
          sourcePort: 80,
          destinationPort: sourcePort,
          seq: 7,
          ack: seq + 1,
          flags: "SYN,ACK",
        },
      }),
    );
    const [ack] = c.rig.takeOthers();
    assert.equal(ack?.frame.ethernet?.destination, PEER_MAC);
    assert.equal(seqDistance(seq, ack.frame.tcp!.seq), 1);
    assert.equal(device.status(handle, "STATE"), 4);
  });
});
