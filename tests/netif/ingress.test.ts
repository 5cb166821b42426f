/**
 * The way in: what Ethernet and IPv4 let through, everything else counted under its own name and
 * never answered; every truncation, every flipped bit, and random octets. On every profile.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Counter } from "../../hal/host/abi.ts";
import {
  buildEthernet,
  EtherType,
  type FrameInput,
  IpProtocol,
  padFrame,
} from "../../hal/host/packet/index.ts";
import type { CounterName, DeviceOptions } from "../support/device.ts";
import { Seeded } from "../support/pattern.ts";
import { onEachProfile } from "../support/variants.ts";
import { datagramFrame, describeFrames, LINGER, Link, station } from "./link.ts";

const PEER = station(1);
const PORT = 7;
const SYN = { sourcePort: 5_000, destinationPort: PORT, seq: 100, flags: "SYN" };

function each(name: string, run: (link: Link) => void, options: Partial<DeviceOptions> = {}): void {
  test(name, () => {
    onEachProfile(({ profile }) => {
      const link = new Link({ profile, ...options });
      assert.ok(link.device.call("tcpListen", 0, PORT, 1) > 0);
      run(link);
    });
  });
}

/** The frame is dropped for this reason and no other, and nothing answers it. */
function dropped(link: Link, reason: CounterName, frame: Uint8Array, hint = ""): void {
  const before = dropCounters(link);
  assert.equal(describeFrames(link.receive(frame)), "", hint);
  assert.equal(describeFrames(link.poll()), "", hint);
  const raised = dropCounters(link).filter(([name, value], i) => value !== before[i]![1] && name);
  assert.deepEqual(
    raised.map(([name]) => name),
    [reason],
    hint,
  );
}

function dropCounters(link: Link): [CounterName, number][] {
  return Object.keys(Counter)
    .filter((name) => name.startsWith("DROP_"))
    .map((name) => [name as CounterName, link.device.counter(name as CounterName)]);
}

describe("Ethernet", () => {
  each("frames without a whole header are dropped", (link) => {
    for (let octets = 0; octets < 14; octets++) {
      dropped(link, "DROP_ETHERNET_LENGTH", new Uint8Array(octets).fill(0xff), `${octets} octets`);
    }
  });

  each(
    "other stations' and groups' frames are dropped, and frames from groups or from us",
    (link) => {
      const wrong: FrameInput["ethernet"][] = [
        { destination: "02:00:00:00:00:77" },
        { destination: "01:00:5e:00:00:01" },
        { destination: "33:33:00:00:00:01" },
        { source: "ff:ff:ff:ff:ff:ff" },
        { source: "03:00:00:00:00:01" },
        { source: "00:00:00:00:00:00" },
        { source: LINGER.mac },
      ];
      for (const ethernet of wrong) {
        dropped(
          link,
          "DROP_ETHERNET_ADDRESS",
          datagramFrame(PEER, { ethernet }),
          JSON.stringify(ethernet),
        );
      }
    },
  );

  each("other types, IEEE 802.3 lengths among them, are dropped", (link) => {
    for (const etherType of [0, 46, 0x05dc, 0x0801, 0x8100, EtherType.IPV6, 0xffff]) {
      dropped(
        link,
        "DROP_ETHERTYPE",
        datagramFrame(PEER, { ethernet: { etherType } }),
        `${etherType}`,
      );
    }
  });

  each("padded and unpadded frames are both accepted", (link) => {
    const frame = datagramFrame(PEER);
    assert.ok(frame.length < 60);
    assert.equal(link.receive(frame).length, 1);
    const [reply] = link.receive(padFrame(frame));
    assert.equal(Buffer.from(reply!.frame.icmp!.payload).toString(), "abc", "padding is no data");
  });
});

describe("IPv4", () => {
  each("headers that lie about version or lengths are dropped", (link) => {
    const wrong: FrameInput["ipv4"][] = [
      ...[0, 3, 5, 6, 15].map((version) => ({ version })),
      ...[0, 4, 16, 60].map((headerLength) => ({ headerLength })),
      ...[0, 19, 32, 1_500, 65_535].map((totalLength) => ({ totalLength })),
    ];
    for (const ipv4 of wrong) {
      dropped(link, "DROP_IP_HEADER", datagramFrame(PEER, { ipv4 }), JSON.stringify(ipv4));
    }
  });

  each("a checksum that is wrong in any bit is dropped", (link) => {
    const frame = datagramFrame(PEER);
    for (let bit = 0; bit < 16; bit++) {
      const flipped = Uint8Array.from(frame);
      flipped[14 + 10 + (bit >> 3)]! ^= 1 << (bit & 7);
      dropped(link, "DROP_IP_CHECKSUM", flipped, `bit ${bit}`);
    }
  });

  each("sources that no host has, and our own, are dropped [MUST-63]", (link) => {
    const wrong = [
      ...[0, 0x0000_0009, 0x7f00_0001, 0xe000_0001, 0xf000_0001, 0xffff_ffff],
      ...[0x0a09_0000, 0x0a09_00ff, LINGER.address],
    ];
    for (const source of wrong) {
      const hint = source.toString(16);
      dropped(link, "DROP_IP_SOURCE", datagramFrame(PEER, { ipv4: { source } }), hint);
      dropped(link, "DROP_IP_SOURCE", datagramFrame(PEER, { ipv4: { source }, tcp: SYN }), hint);
    }
  });

  each("destinations other than our address are dropped, broadcasts too [MUST-57]", (link) => {
    const wrong = [
      ...[0x0a09_0003, 0x0a09_00ff, 0x0a09_0000, 0xffff_ffff, 0xe000_0001, 0x7f00_0001, 0],
    ];
    for (const destination of wrong) {
      const ipv4 = { destination };
      const hint = destination.toString(16);
      dropped(link, "DROP_IP_DESTINATION", datagramFrame(PEER, { ipv4, tcp: SYN }), hint);
    }
  });

  each("a SYN for us in a broadcast frame is dropped [MUST-57]", (link) => {
    const ethernet = { destination: "ff:ff:ff:ff:ff:ff" };
    dropped(link, "DROP_IP_DESTINATION", datagramFrame(PEER, { ethernet, tcp: SYN }));
  });

  each("protocols that nobody speaks are dropped, without an answer", (link) => {
    for (const protocol of [0, 2, IpProtocol.UDP, 41, 255]) {
      const ipv4 = { protocol, payload: "01234567" };
      dropped(
        link,
        "DROP_IP_PROTOCOL",
        datagramFrame(PEER, { ipv4, icmp: undefined }),
        `${protocol}`,
      );
    }
  });

  each("options of any kind and length are skipped, a source route too [MUST-50]", (link) => {
    const options = [
      [0],
      [1, 1, 1, 0],
      [7, 3, 4, 0],
      [131, 7, 4, 10, 9, 0, 2, 0],
      [137, 7, 8, 10, 9, 0, 2, 0],
      [68, 255, 5, 0],
      Array.from({ length: 40 }, () => 255),
    ];
    for (const list of options) {
      const ipv4 = { options: Uint8Array.from(list) };
      const [reply] = link.datagram(PEER, { ipv4 });
      assert.equal(Buffer.from(reply!.frame.icmp!.payload).toString(), "abc");
      const [synAck] = [...link.datagram(PEER, { ipv4, tcp: { ...SYN, destinationPort: 9 } })];
      assert.equal(synAck!.frame.tcp!.ack, 101, "the header is found behind the options");
    }
  });
});

describe("TCP", () => {
  each("headers that are short or lie about the data offset are dropped", (link) => {
    for (let octets = 0; octets < 20; octets++) {
      const ipv4 = { protocol: IpProtocol.TCP, payload: new Uint8Array(octets) };
      const frame = datagramFrame(PEER, { ipv4, icmp: undefined });
      dropped(link, "DROP_TCP_HEADER", frame, `${octets} octets`);
    }
    for (const headerLength of [0, 4, 16, 24, 60]) {
      const frame = datagramFrame(PEER, { tcp: { ...SYN, headerLength } });
      dropped(link, "DROP_TCP_HEADER", frame, `data offset ${headerLength}`);
    }
  });

  each("a checksum that is wrong in any bit is dropped", (link) => {
    const frame = datagramFrame(PEER, { tcp: { ...SYN, payload: "odd" } });
    for (let bit = 0; bit < 16; bit++) {
      const flipped = Uint8Array.from(frame);
      flipped[34 + 16 + (bit >> 3)]! ^= 1 << (bit & 7);
      dropped(link, "DROP_TCP_CHECKSUM", flipped, `bit ${bit}`);
    }
  });

  each("a segment that nobody wants draws a reset to the station it came from", (link) => {
    const from = { mac: "02:00:00:00:0d:0d", address: 0x0808_0808 };
    const [reset, ...more] = link.datagram(from, { tcp: { ...SYN, destinationPort: 9 } });
    assert.equal(more.length, 0);
    assert.equal(reset!.frame.ethernet!.destination, from.mac);
    assert.equal(reset!.frame.ipv4!.destination, from.address);
    const { sourcePort, destinationPort, seq, ack } = reset!.frame.tcp!;
    assert.deepEqual([sourcePort, destinationPort, seq, ack], [9, 5_000, 0, 101]);
  });

  each("a busy transmitter loses that reset, and the next frame has a fresh reply", (link) => {
    link.device.isBusy = () => true;
    assert.deepEqual(link.datagram(PEER, { tcp: { ...SYN, destinationPort: 9 } }), []);
    link.device.isBusy = () => false;
    assert.deepEqual(link.poll(), []);
    assert.equal(link.datagram(PEER).length, 1);
  });
});

describe("any frame", () => {
  /** One valid frame of each kind that is answered. */
  const valid = (): Uint8Array[] => [
    datagramFrame(PEER, { icmp: { type: 8, payload: "some data to echo" } }),
    datagramFrame(PEER, { tcp: { ...SYN, destinationPort: 9, payload: "text" } }),
    datagramFrame(PEER, { tcp: { ...SYN, options: [{ kind: "mss", value: 1460 }] } as never }),
  ];

  each("every truncation of every kind is dropped", (link) => {
    for (const frame of valid()) {
      for (let octets = 0; octets < frame.length; octets++) {
        const before = link.device.counter("FRAMES_IN");
        assert.equal(
          describeFrames(link.receive(frame.subarray(0, octets))),
          "",
          `${octets} octets`,
        );
        assert.equal(link.device.counter("FRAMES_IN"), before + 1);
      }
    }
    assert.deepEqual(link.poll(), []);
  });

  each("every flipped bit from the IPv4 header on is dropped", (link) => {
    for (const frame of valid()) {
      for (let bit = 14 * 8; bit < frame.length * 8; bit++) {
        const flipped = Uint8Array.from(frame);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        assert.equal(describeFrames(link.receive(flipped)), "", `bit ${bit}`);
      }
    }
    assert.deepEqual(link.poll(), []);
  });

  each("random octets never trap, and draw no more than one reply", (link) => {
    const random = new Seeded(20);
    const next = (below: number): number => random.below(below);
    for (let round = 0; round < 4_000; round++) {
      const length = next(round % 10 === 0 ? 1_515 : 90);
      const frame = Uint8Array.from({ length }, () => next(256));
      // Most begin as frames for us, so that the inner layers get to see something.
      if (round % 8 !== 0) {
        const type = next(2) === 0 ? EtherType.ARP : EtherType.IPV4;
        const head = buildEthernet({ destination: LINGER.mac, source: PEER.mac, etherType: type });
        frame.set(head.subarray(0, length));
        if (length > 15 && next(2) === 0) frame[14] = 0x45;
      }
      assert.ok(link.receive(frame).length <= 1);
    }
    assert.equal(link.datagram(PEER).length, 1, "and it goes on");
  });
});
