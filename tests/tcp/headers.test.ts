/**
 * Whatever may stand in the headers around a segment: IP options of any kind, TCP options of every
 * kind and length, addresses that nobody has, "land" packets, port 0, tiny MSS. And what stands in
 * the headers of ours.
 *
 * RFC 9293 §3.1, §3.2 (options), §3.9.2 (IP options), §3.9.2.3 (addresses); RFC 1122 §3.2.1.3.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BROADCAST_MAC,
  buildIcmp,
  type Frame,
  type FrameInput,
  IcmpType,
  IpProtocol,
} from "../../hal/host/packet/index.ts";
import type { Conversation, RfcState } from "../support/conversation.ts";
import type { FeatureName } from "../support/device.ts";
import { fresh, given, ROLES } from "../support/given.ts";
import { open } from "../support/option-peer.ts";
import { naming, onEachProfile, onEachVariant } from "../support/variants.ts";

const OUR_SYN_ACK = "<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>";

// ── IP options ───────────────────────────────────────────────────────────────────────────────────

/** Lists of IP options, right and wrong ones. */
const IP_OPTIONS: [name: string, octets: number[]][] = [
  ["no operation", [1, 1, 1, 1]],
  ["end of list, then noise", [0, 255, 255, 255]],
  ["router alert", [148, 4, 0, 0]],
  ["an internet timestamp", [68, 12, 5, 1, 10, 9, 0, 9, 0, 0, 0, 0]],
  ["a route to record", [7, 7, 4, 0, 0, 0, 0]],
  ["a security label", [130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ["an unknown one", [222, 8, 1, 2, 3, 4, 5, 6]],
  ["a length of 0", [222, 0, 1, 1]],
  ["a length of 1", [222, 1, 1, 1]],
  ["a length beyond the header", [222, 41, 1, 1]],
  ["no length", [1, 1, 1, 222]],
  ["40 octets of noise", Array.from({ length: 40 }, (_, i) => (i * 89 + 7) & 255)],
];

test("with IP options every segment counts as without them, and none comes back [MUST-50]", () => {
  onEachVariant((variant) => {
    for (const [name, octets] of IP_OPTIONS) {
      for (const role of ROLES) {
        naming(`${name}, ${role}`, () => {
          const ipv4 = { options: Uint8Array.from(octets) };
          const c = fresh(variant);
          if (role === "passive") {
            c.listen().send("<SEQ=300><CTL=SYN><MSS=700>", { ipv4 }).expect(OUR_SYN_ACK);
            c.send("<SEQ=301><ACK=101><CTL=ACK>", { ipv4 }).accept();
          } else {
            c.connect().expect("<SEQ=100><CTL=SYN><MSS=1460>");
            c.send("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=700>", { ipv4 });
            c.expect("<SEQ=101><ACK=301><CTL=ACK>");
          }
          c.state("ESTABLISHED");
          assert.equal(c.status("SND_MSS"), 700);
          c.send("<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=41>", { ipv4 });
          c.expectSoon("<SEQ=101><ACK=342><CTL=ACK>").read(41);
          c.write(5).expect("<SEQ=101><ACK=342><CTL=PSH,ACK><DATA=5>");
          c.send("<SEQ=342><ACK=106><CTL=ACK>", { ipv4 }).eventsWith("ALL_ACKNOWLEDGED");
          c.send("<SEQ=342><ACK=106><CTL=FIN,ACK>", { ipv4 });
          const [last] = c.takeTimed();
          assert.equal(last!.frame.ipv4!.headerLength, 20);
          c.state("CLOSE-WAIT").send("<SEQ=343><CTL=RST>", { ipv4 }).ended("RESET");
        });
      }
    }
  });
});

// ── TCP options ──────────────────────────────────────────────────────────────────────────────────

const LENGTHS: readonly number[] = [...Array(13).keys(), 18, 26, 34, 39, 40, 41, 128, 255];

/** Areas of options with one of every kind and length, at each alignment, in 4 to 40 octets. */
function* everyOption(): Generator<Uint8Array> {
  for (let kind = 0; kind < 256; kind++) {
    for (const length of LENGTHS) {
      const offset = (kind + length) % 4;
      const whole = Math.min(40, Math.max(4, 4 * Math.ceil((offset + length) / 4)));
      for (const octets of new Set([whole, Math.max(4, whole - 4)])) {
        const area = new Uint8Array(octets).fill(1);
        area.set([kind, length].slice(0, octets - offset), offset);
        yield area;
      }
    }
  }
}

/** Where an option lies that both ends have agreed on, its value would count. */
const AGREED = new Set([5, 8]);

test("an option of every kind and length on text changes nothing [MUST-5 MUST-6 MUST-7]", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant, { mss: 700 });
    let seq = 301;
    let areas = 0;
    for (const optionOctets of everyOption()) {
      c.send(`<SEQ=${seq}><ACK=101><CTL=PSH,ACK><DATA=1>`, { tcp: { optionOctets } }).take();
      seq += 1;
      areas += 1;
      if (areas % 100 === 0) {
        assert.equal(c.readAll(), 100);
        assert.equal(c.variable("RCV_NXT"), seq);
        c.advance(500).take();
      }
    }
    assert.ok(areas > 8_000);
    assert.equal(c.status("SND_MSS"), 700);
    c.state("ESTABLISHED").write(5).expect(`<SEQ=101><ACK=${seq}><CTL=PSH,ACK><DATA=5>`);
  });
});

test("nor on ACK, FIN, RST, and on SYN beside an MSS before it [MUST-5 MUST-6 MUST-7]", () => {
  onEachProfile((variant) => {
    const areas = [...everyOption()];
    for (let i = 0; i < areas.length; i += 29) {
      const optionOctets = areas[i]!;
      // Without the three that a SYN offers, this one's length is the only thing that is agreed.
      if (AGREED.has(optionOctets.find((octet) => octet !== 1) ?? 1)) continue;
      naming(`options ${optionOctets.join()}`, () => {
        const behindMss = Uint8Array.of(2, 4, 2, 188, ...optionOctets.subarray(0, 36));
        const c = fresh(variant).listen();
        c.send("<SEQ=300><CTL=SYN>", { tcp: { optionOctets: behindMss } });
        const [synAck] = c.take();
        assert.equal(synAck!.flags & 0x3f, 0x12);
        c.send("<SEQ=301><ACK=101><CTL=ACK>", { tcp: { optionOctets } });
        c.accept().state("ESTABLISHED");
        c.send("<SEQ=301><ACK=101><CTL=FIN,ACK>", { tcp: { optionOctets } });
        c.expect("<SEQ=101><ACK=302><CTL=ACK>")
          .state("CLOSE-WAIT")
          .send("<SEQ=302><CTL=RST>", { tcp: { optionOctets } })
          .ended("RESET");
      });
    }
  });
});

/** The option area of a segment of ours, taken apart octet by octet. */
function walkOptions({ tcp, ipv4 }: Frame): number[] {
  const area = ipv4!.payload.subarray(20, tcp!.headerLength);
  const kinds: number[] = [];
  for (let at = 0; at < area.length;) {
    const kind = area[at]!;
    kinds.push(kind);
    if (kind === 0) {
      assert.ok(
        area.subarray(at).every((octet) => octet === 0),
        "zeros behind the end of the list",
      );
      break;
    }
    if (kind === 1) at += 1;
    else {
      const length = area[at + 1];
      assert.ok(length !== undefined && length >= 2 && at + length <= area.length, `kind ${kind}`);
      at += length;
    }
  }
  return kinds;
}

/** The options that SYNs carry, and the feature without which one is never seen. */
const OPTION_KINDS: readonly (readonly [kind: number, feature?: FeatureName])[] = [
  [2],
  [3, "WINDOW_SCALE"],
  [4, "SACK"],
  [8, "TIMESTAMPS"],
];

test("our own options have their lengths, and only zeros behind them [MUST-68 MUST-69]", () => {
  onEachVariant((variant) => {
    for (const opening of ["active", "passive", "simultaneous"] as const) {
      const offer = { opening, shift: 2, sack: true, timestamps: true };
      const kinds = new Set<number>();
      const c = fresh(variant);
      if (opening !== "active") c.listen();
      const active = c.from(c.peerPort + 1).connect();
      for (const { frame } of active.takeTimed()) walkOptions(frame).forEach((k) => kinds.add(k));
      const peer = open(variant, offer);
      const look = (): void => {
        for (const { frame } of peer.c.takeTimed()) walkOptions(frame).forEach((k) => kinds.add(k));
      };
      peer.c.write(30);
      look();
      for (const hole of [20, 60, 100, 140]) {
        peer.send(`<SEQ=${301 + hole}><ACK=131><CTL=ACK><DATA=10>`);
        look();
      }
      peer.c.closeWrite();
      look();
      peer.c.abort();
      look();
      // All builds have MSS, the other options are those of features.
      for (const [kind, feature] of OPTION_KINDS) {
        const isWanted = feature === undefined || c.rig.device.has(feature);
        assert.equal(kinds.has(kind), isWanted, `kind ${kind} was seen`);
      }
    }
  });
});

test("a tiny MSS beside timestamps: the text still gets across, in small segments", () => {
  onEachVariant((variant) => {
    for (const mss of [1, 13, 20, 63, 64, 65, 88]) {
      const peer = open(variant, { mss, timestamps: true, sack: true, window: 2_000 });
      peer.c.write(300);
      let acked = 101;
      for (let round = 0; round < 60 && acked < 401; round++) {
        for (const segment of peer.take()) {
          assert.ok(segment.payload.length >= 1 && segment.payload.length <= Math.max(mss, 64));
          acked += segment.payload.length;
        }
        peer.send(`<SEQ=301><ACK=${acked}><CTL=ACK>`);
      }
      assert.equal(acked, 401, `MSS ${mss}`);
    }
  });
});

// ── Addresses and ports ──────────────────────────────────────────────────────────────────────────

/** Places where an address stands that no peer has, or that is not ours. */
const BAD_PLACES: [name: string, input: Partial<FrameInput>][] = [
  ...(
    [
      ["the limited broadcast", 0xffff_ffff],
      ["the broadcast of the network", 0x0a09_00ff],
      ["the network itself", 0x0a09_0000],
      ["all hosts", 0xe000_0001],
      ["a group far away", 0xefff_ffff],
      ["class E", 0xf000_0001],
      ["loopback", 0x7f00_0001],
      ["nobody", 0],
    ] as const
  ).flatMap(([name, address]): [string, Partial<FrameInput>][] => [
    [`from ${name}`, { ipv4: { source: address } }],
    [`to ${name}`, { ipv4: { destination: address } }],
    [`from and to ${name}`, { ipv4: { source: address, destination: address } }],
  ]),
  ["from us to us", { ipv4: { source: 0x0a09_0002 } }],
  ["to a neighbour", { ipv4: { destination: 0x0a09_0063 } }],
  ["in a broadcast frame", { ethernet: { destination: BROADCAST_MAC } }],
  ["in a group's frame", { ethernet: { destination: "01:00:5e:00:00:01" } }],
  ["in another station's frame", { ethernet: { destination: "02:00:00:00:00:77" } }],
  ["from everybody's MAC", { ethernet: { source: BROADCAST_MAC } }],
  ["from a group's MAC", { ethernet: { source: "01:00:5e:00:00:01" } }],
  ["from our own MAC", { ethernet: { source: "02:00:00:00:00:01" } }],
];

const STATES: readonly RfcState[] = [
  ...["CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1"],
  ...["FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"],
] as RfcState[];

/** The kinds of segment that would each do something if they came from the peer. */
const SEGMENTS = ["SYN", "SYN,ACK", "ACK", "PSH,ACK", "FIN,ACK", "RST", "RST,ACK"] as const;

/** All of them, as the peer would send them, but for what `input` says. */
function* segmentsWith(c: Conversation, input: Partial<FrameInput>): Generator<Uint8Array> {
  const numbers = { seq: (c.irs + 1) >>> 0, ack: (c.iss + 1) >>> 0 };
  for (const flags of SEGMENTS) {
    const payload = flags === "PSH,ACK" ? "text" : "";
    const ports = { sourcePort: c.peerPort, destinationPort: c.localPort };
    yield c.rig.peerFrame({
      ...input,
      tcp: { ...ports, ...numbers, flags, payload, ...input.tcp },
    });
  }
}

test("in no state does a segment count whose addresses are wrong [MUST-57 MUST-63]", () => {
  onEachProfile((variant) => {
    for (const state of STATES) {
      for (const role of state === "SYN-RECEIVED" ? ROLES : (["passive"] as const)) {
        const c = given(state, variant, { role });
        for (const [name, input] of BAD_PLACES) {
          naming(`${state}, ${name}`, () => {
            for (const frame of segmentsWith(c, input)) c.rig.deliver(frame);
            c.expectNothing();
            assert.deepEqual(c.rig.takeOthers(), []);
            c.state(state);
          });
        }
        assert.equal(c.rig.device.counter("SEGMENTS_IN"), segmentsBefore(state), state);
      }
    }
  });
});

/** How many segments of the peer's brought a passive conversation into its state. */
function segmentsBefore(state: RfcState): number {
  const counts: Partial<Record<RfcState, number>> = { CLOSED: 0, LISTEN: 0, "SYN-SENT": 0 };
  const later: Partial<Record<RfcState, number>> = {
    "SYN-RECEIVED": 1,
    ESTABLISHED: 2,
    "FIN-WAIT-1": 2,
    "TIME-WAIT": 4,
  };
  return counts[state] ?? later[state] ?? 3;
}

test("land packets: from us to us, whatever the ports, are not even segments [MUST-63]", () => {
  onEachVariant((variant) => {
    const c = given("LISTEN", variant);
    const ports = [c.localPort, c.peerPort, 0, 65_535];
    let count = 0;
    for (const sourcePort of ports) {
      for (const destinationPort of ports) {
        const input = { ipv4: { source: c.rig.address }, tcp: { sourcePort, destinationPort } };
        for (const frame of segmentsWith(c, input)) {
          c.rig.deliver(frame);
          count += 1;
        }
      }
    }
    assert.deepEqual(c.rig.takeOthers(), []);
    assert.equal(c.rig.device.counter("DROP_IP_SOURCE"), count);
    c.state("LISTEN").send("<SEQ=300><CTL=SYN><MSS=1460>").expect(OUR_SYN_ACK);
  });
});

test("port 0 on either side is nobody's: no answer, no record", () => {
  onEachVariant((variant) => {
    const c = given("LISTEN", variant);
    for (const tcp of [
      { sourcePort: 0 },
      { destinationPort: 0 },
      { sourcePort: 0, destinationPort: 0 },
    ]) {
      for (const frame of segmentsWith(c, { tcp })) c.rig.deliver(frame);
    }
    assert.deepEqual(c.rig.takeOthers(), []);
    assert.equal(c.rig.device.counter("DROP_TCP_HEADER"), 3 * SEGMENTS.length);
    assert.equal(c.rig.device.lookup(c.peerAddress, 0, c.localPort), "LISTEN");
    c.state("LISTEN").send("<SEQ=300><CTL=SYN><MSS=1460>").expect(OUR_SYN_ACK);
  });
});

test("ICMP in the same places: neither echo nor error counts", () => {
  onEachProfile((variant) => {
    const c = given("ESTABLISHED", variant).write(10);
    c.take();
    const segment = c.frame("<SEQ=301><ACK=101><CTL=ACK>").subarray(14 + 20);
    for (const [name, input] of BAD_PLACES) {
      naming(name, () => {
        for (const type of [IcmpType.ECHO_REQUEST, IcmpType.DESTINATION_UNREACHABLE]) {
          const payload = buildIcmp({ type, code: 1, payload: segment });
          const ipv4 = { protocol: IpProtocol.ICMP, payload, ...input.ipv4 };
          c.rig.deliver(c.rig.peerFrame({ ...input, ipv4 }));
        }
        assert.deepEqual(c.rig.takeOthers(), []);
      });
    }
    assert.equal(c.rig.device.counter("ICMP_ERRORS_IN"), 0);
    assert.equal(c.status("SOFT_ERROR"), 0);
  });
});

test("without the flag that the state needs a segment is counted, and means nothing", () => {
  const states: RfcState[] = ["LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1"];
  onEachVariant((variant) => {
    for (const state of [...states, "FIN-WAIT-2", "CLOSE-WAIT"] satisfies RfcState[]) {
      naming(state, () => {
        const c = given(state, variant, { role: "passive" });
        const { device } = c.rig;
        const next = state === "CLOSE-WAIT" ? 302 : 301;
        c.send(`<SEQ=${next}><CTL=>`).expectNothing().state(state);
        c.send(`<SEQ=${next}><CTL=PSH><DATA=5>`).expectNothing().state(state);
        assert.equal(device.counter("DROP_TCP_FLAGS"), 2);
      });
    }
  });
});
