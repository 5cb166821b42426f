/**
 * ARP: RFC 826, RFC 1122 §2.3.2 (ageing, rate), RFC 5227 (probes, conflicts), on every profile.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Status } from "../../hal/host/abi.ts";
import { ArpOperation, BROADCAST_MAC, EtherType } from "../../hal/host/packet/index.ts";
import type { DeviceOptions, Emitted } from "../support/device.ts";
import { onEachProfile, onEachProfileWith } from "../support/variants.ts";
import {
  arpOf,
  FAR_ADDRESS,
  GATEWAY_ADDRESS,
  LINGER,
  Link,
  type Station,
  station,
  synsOf,
} from "./link.ts";

const PEER = station(1);
const OTHER = station(3);
/** How long an answer is believed, and how long a silent address is not asked again. */
const REACHABLE_MS = 60_000;
const FAILED_MS = 3_000;

function each(name: string, run: (link: Link) => void, options: Partial<DeviceOptions> = {}): void {
  test(name, () => {
    onEachProfile(({ profile }) => run(new Link({ profile, ...options })));
  });
}

/** As `each`, where an echo request says at once that there is no way to the neighbour. */
function eachWithPing(
  name: string,
  run: (link: Link) => void,
  options: Partial<DeviceOptions> = {},
): void {
  test(name, () => {
    onEachProfileWith(["PING"], ({ profile }) => run(new Link({ profile, ...options })));
  });
}

/** Where datagrams to an address go now, if anywhere. */
function macFor(link: Link, address: number): string | undefined {
  const handle = link.connect(address);
  const [mac] = synsOf(link.poll());
  link.drop(handle);
  return mac;
}

/** A station is asked for, answers, and gets what waits for it. */
function meet(link: Link, to: Station): void {
  const handle = link.connect(to.address);
  assert.deepEqual(arpOf(link.poll()), [`asks for .${to.address & 0xff} to ${BROADCAST_MAC}`]);
  link.arpReply(to);
  assert.deepEqual(synsOf(link.poll()), [to.mac]);
  link.drop(handle);
}

describe("answering", () => {
  each("a request for our address is answered to who asked, at once", (link) => {
    const [reply, ...more] = link.arpRequest(PEER);
    assert.equal(more.length, 0);
    assert.equal(reply!.frame.ethernet!.destination, PEER.mac);
    const arp = reply!.frame.arp!;
    assert.deepEqual(
      [arp.operation, arp.senderMac, arp.senderAddress, arp.targetMac, arp.targetAddress],
      [ArpOperation.REPLY, LINGER.mac, LINGER.address, PEER.mac, PEER.address],
    );
  });

  each("a request for another address is not answered", (link) => {
    assert.deepEqual(arpOf(link.arpRequest(PEER, OTHER.address)), []);
  });

  each("a probe of our address is answered and teaches nothing (RFC 5227 §2.1.1)", (link) => {
    const probe = { arp: { senderAddress: 0 } };
    assert.deepEqual(arpOf(link.arpRequest(PEER, LINGER.address, probe)), [
      `tells .0 to ${PEER.mac}`,
    ]);
    assert.equal(macFor(link, PEER.address), undefined);
  });

  each("a reply is not answered", (link) => assert.deepEqual(arpOf(link.arpReply(PEER)), []));

  each("when the transmitter is busy the reply is lost, and counted", (link) => {
    link.device.isBusy = () => true;
    assert.equal(
      link.counted("TRANSMIT_BUSY", () => link.arpRequest(PEER)),
      1,
    );
    link.device.isBusy = () => false;
    assert.deepEqual(link.poll(), []);
  });
});

describe("malformed packets are counted and dropped", () => {
  const bad: Record<string, Record<string, unknown>> = {
    "hardware type": { hardwareType: 6 },
    "protocol type": { protocolType: EtherType.IPV6 },
    "hardware length": { hardwareLength: 8 },
    "protocol length": { protocolLength: 16 },
    "operation 0": { operation: 0 },
    "operation 3": { operation: 3 },
    "a group as sender": { senderMac: "03:00:00:00:00:01" },
    "broadcast as sender": { senderMac: BROADCAST_MAC },
    "no sender": { senderMac: "00:00:00:00:00:00" },
    "our own MAC address under another's IPv4 address": { senderMac: LINGER.mac },
    "a sender with a multicast address": { senderAddress: 0xe000_0001 },
    "a sender with the broadcast address": { senderAddress: 0x0a09_00ff },
    "a sender with a loopback address": { senderAddress: 0x7f00_0001 },
  };
  for (const [name, arp] of Object.entries(bad)) {
    each(name, (link) => {
      const run = (): void =>
        assert.deepEqual(
          arpOf(link.arpRequest(PEER, LINGER.address, { arp, ethernet: { source: PEER.mac } })),
          [],
        );
      assert.equal(link.counted("DROP_ARP_MALFORMED", run), 1);
    });
  }

  each("every truncation", (link) => {
    const whole = new Uint8Array(42);
    whole.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 1, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    whole.set([2, 0, 0, 0, 1, 1, 10, 9, 0, 1], 22);
    whole.set([10, 9, 0, 2], 38);
    assert.equal(link.receive(whole).length, 1);
    for (let octets = 14; octets < whole.length; octets++) {
      const run = (): void => assert.equal(link.receive(whole.subarray(0, octets)).length, 0);
      assert.equal(link.counted("DROP_ARP_MALFORMED", run), 1, `${octets} octets`);
    }
  });
});

describe("learning (RFC 826)", () => {
  each("who asks for us is remembered, and need not be asked", (link) => {
    link.arpRequest(PEER);
    assert.equal(macFor(link, PEER.address), PEER.mac);
    assert.equal(link.device.counter("ARP_REQUESTS_OUT"), 0);
  });

  each("who asks for others is not", (link) => {
    link.arpRequest(PEER, OTHER.address);
    assert.equal(macFor(link, PEER.address), undefined);
    assert.equal(link.device.counter("ARP_REQUESTS_OUT"), 1);
  });

  each("gratuitous ARP changes an entry but makes none", (link) => {
    const moved = { ...PEER, mac: "02:00:00:00:09:09" };
    link.arpRequest(moved, PEER.address);
    assert.equal(macFor(link, PEER.address), undefined);
    link.arpReply(PEER);
    link.poll();
    link.arpRequest(moved, PEER.address);
    assert.equal(macFor(link, PEER.address), moved.mac);
  });

  each("a station outside our network is answered, not remembered", (link) => {
    const stranger = { mac: PEER.mac, address: 0x0a0a_0001 };
    assert.equal(link.arpRequest(stranger).length, 1);
    link.connect(stranger.address);
    assert.deepEqual(arpOf(link.poll()), [`asks for .254 to ${BROADCAST_MAC}`]);
  });
});

describe("asking", () => {
  each("the first datagram asks, the answer lets it go", (link) => {
    link.connect(PEER.address);
    assert.deepEqual(arpOf(link.poll()), [`asks for .1 to ${BROADCAST_MAC}`]);
    assert.equal(link.arpReply(PEER).length, 0, "nothing leaves outside poll");
    assert.deepEqual(synsOf(link.poll()), [PEER.mac]);
  });

  eachWithPing("three requests a second apart, then unreachable", (link) => {
    link.ping(PEER.address);
    const asked = link.run(10_000);
    assert.deepEqual(
      asked.map(({ atMs }) => atMs),
      [0, 1_000, 2_000],
    );
    assert.equal(link.device.counter("ARP_FAILURES"), 1);
    assert.equal(link.pingTake(), Status.UNREACHABLE);
  });

  eachWithPing("an address that failed is not asked for a while, then again", (link) => {
    link.ping(PEER.address);
    link.run(3_000);
    assert.equal(link.pingTake(), Status.UNREACHABLE);
    for (let ms = 0; ms < FAILED_MS; ms += 500) {
      assert.equal(link.ping(PEER.address), Status.OK);
      assert.deepEqual(link.poll(), [], `${ms} ms after the failure`);
      assert.equal(link.pingTake(), Status.UNREACHABLE);
      link.run(500);
    }
    link.ping(PEER.address);
    assert.deepEqual(arpOf(link.poll()), [`asks for .1 to ${BROADCAST_MAC}`]);
  });

  each("an answer that comes after the failure is taken", (link) => {
    const handle = link.connect(PEER.address);
    link.run(3_000);
    assert.equal(link.device.counter("ARP_FAILURES"), 1);
    link.drop(handle);
    link.arpReply(PEER);
    assert.equal(macFor(link, PEER.address), PEER.mac);
  });

  each("never more than once a second for one address, whatever is asked of us", (link) => {
    const askedAt = new Map<string, number>();
    const note = (emitted: Emitted[]): void => {
      for (const { atMs, frame } of emitted) {
        if (frame.arp?.operation !== ArpOperation.REQUEST) continue;
        const target = String(frame.arp.targetAddress);
        const before = askedAt.get(target);
        assert.ok(
          before === undefined || atMs - before >= 1_000,
          `${target} at ${before} and ${atMs}`,
        );
        askedAt.set(target, atMs);
      }
    };
    // More addresses than any table of the small profiles holds, over and over, some of them there.
    for (let step = 0; step < 1_500; step++) {
      const to = station(10 + ((step * 7) % 23));
      const handle = link.connect(to.address);
      const first = link.poll(37);
      note(first);
      if (step % 3 === 0) link.arpReply(to);
      note(link.poll());
      // Nothing leaves for one that has failed.
      if (first.length > 0) note(link.run(900));
      link.drop(handle);
    }
    assert.ok(askedAt.size > 20);
  });

  each("nor when neighbours that answer push one another out", (link) => {
    const askedAt = new Map<number, number>();
    const count = link.device.limit("ARP_COUNT") + 1;
    for (let round = 0; round < 4 * count; round++) {
      const to = station(10 + (round % count));
      const handle = link.connect(to.address);
      // Where no entry can be given up yet, the request waits for one.
      let request = link.run(10).find(({ frame }) => frame.arp !== undefined);
      request ??= link.run(1_000).find(({ frame }) => frame.arp !== undefined);
      if (request !== undefined) {
        const since = request.atMs - (askedAt.get(to.address) ?? -Infinity);
        assert.ok(since >= 1_000, `${to.address & 0xff} again after ${since} ms`);
        askedAt.set(to.address, request.atMs);
        link.arpReply(to);
      }
      assert.deepEqual(synsOf(link.poll()), [to.mac]);
      link.drop(handle);
    }
    assert.equal(askedAt.size, count);
  });

  each("when the transmitter is busy the request is kept", (link) => {
    link.connect(PEER.address);
    link.device.isBusy = () => true;
    assert.equal(link.device.poll(), 0);
    assert.equal(link.device.counter("ARP_REQUESTS_OUT"), 0);
    link.device.isBusy = () => false;
    assert.deepEqual(arpOf(link.poll()), [`asks for .1 to ${BROADCAST_MAC}`]);
  });

  each("off the link: the gateway is asked, and gets the datagram", (link) => {
    link.connect(FAR_ADDRESS);
    assert.deepEqual(arpOf(link.poll()), [`asks for .254 to ${BROADCAST_MAC}`]);
    const gateway = { mac: "02:00:00:00:00:fe", address: GATEWAY_ADDRESS };
    link.arpReply(gateway);
    const [syn] = link.poll();
    assert.equal(syn!.frame.ethernet!.destination, gateway.mac);
    assert.equal(syn!.frame.ipv4!.destination, FAR_ADDRESS);
  });

  eachWithPing(
    "off the link without a gateway: unreachable at once",
    (link) => {
      link.ping(FAR_ADDRESS);
      assert.deepEqual(link.poll(), []);
      assert.equal(link.pingTake(), Status.UNREACHABLE);
    },
    { gateway: 0 },
  );
});

describe("ageing (RFC 1122 §2.3.2.1)", () => {
  each("an aged entry is used on, and confirmed by asking the station itself", (link) => {
    link.arpReply(PEER);
    link.run(REACHABLE_MS);
    const handle = link.connect(PEER.address);
    const sent = link.poll();
    link.drop(handle);
    assert.deepEqual(synsOf(sent), [PEER.mac]);
    assert.deepEqual(arpOf(sent), [`asks for .1 to ${PEER.mac}`]);
    link.arpReply(PEER);
    assert.deepEqual(arpOf(link.run(REACHABLE_MS - 1)), []);
  });

  each("unconfirmed twice, everybody is asked, then it fails", (link) => {
    link.arpReply(PEER);
    link.run(REACHABLE_MS);
    const began = link.device.nowMs;
    const handle = link.connect(PEER.address);
    const sent = link.poll();
    link.drop(handle);
    const asked = [...sent, ...link.run(20_000)].filter(({ frame }) => frame.arp !== undefined);
    assert.deepEqual(
      asked.map(({ atMs, frame }) => [atMs - began, frame.ethernet!.destination]),
      [[0, PEER.mac], [1_000, PEER.mac], ...[2_000, 3_000, 4_000].map((at) => [at, BROADCAST_MAC])],
    );
    assert.equal(link.device.counter("ARP_FAILURES"), 1);
  });

  each("an entry that nobody uses is not confirmed, and goes", (link) => {
    link.arpReply(PEER);
    assert.deepEqual(link.run(2 * 3_600_000), []);
    link.connect(PEER.address);
    assert.deepEqual(arpOf(link.poll()), [`asks for .1 to ${BROADCAST_MAC}`]);
  });

  each(
    "a clock that wraps changes nothing",
    (link) => {
      link.arpReply(PEER);
      assert.equal(macFor(link, PEER.address), PEER.mac);
      link.run(5_000);
      assert.equal(macFor(link, PEER.address), PEER.mac);
      assert.equal(link.device.counter("ARP_REQUESTS_OUT"), 0);
      link.connect(OTHER.address);
      assert.equal(link.run(2 * FAILED_MS - 1).length, 3);
    },
    { startMs: 2 ** 32 - 2_500 },
  );
});

describe("eviction", () => {
  each("the least recently used goes first", (link) => {
    const count = link.device.limit("ARP_COUNT");
    const stations = Array.from({ length: count + 1 }, (_, i) => station(10 + i));
    for (const one of stations.slice(0, count)) {
      link.arpReply(one);
      assert.equal(macFor(link, one.address), one.mac);
      link.run(10);
    }
    // The first one is used again, so the second is the oldest.
    assert.equal(macFor(link, stations[0]!.address), stations[0]!.mac);
    meet(link, stations[count]!);
    assert.equal(macFor(link, stations[0]!.address), stations[0]!.mac);
    assert.equal(link.device.counter("ARP_REQUESTS_OUT"), 1);
    assert.equal(macFor(link, stations[1]!.address), undefined);
    assert.equal(link.device.counter("ARP_REQUESTS_OUT"), 2);
  });

  each("a flood of strangers pushes nobody out whom we use", (link) => {
    link.arpRequest(PEER);
    assert.equal(macFor(link, PEER.address), PEER.mac);
    for (let number = 10; number < 250; number++) {
      assert.equal(link.arpRequest(station(number)).length, 1);
      link.run(20);
    }
    assert.equal(macFor(link, PEER.address), PEER.mac);
    assert.equal(link.device.counter("ARP_REQUESTS_OUT"), 0);
  });

  each("not even when all entries are in use", (link) => {
    const stations = Array.from({ length: link.device.limit("ARP_COUNT") }, (_, i) =>
      station(10 + i),
    );
    for (const one of stations) {
      link.arpReply(one);
      assert.equal(macFor(link, one.address), one.mac);
    }
    link.run(2_000);
    for (let number = 100; number < 240; number++) link.arpRequest(station(number));
    for (const one of stations) assert.equal(macFor(link, one.address), one.mac);
    assert.equal(link.device.counter("ARP_REQUESTS_OUT"), 0);
  });

  each("strangers from outside our network take no entry", (link) => {
    link.arpRequest(PEER);
    for (let number = 1; number < 100; number++) {
      link.run(2_000 / 100);
      link.arpRequest({ mac: OTHER.mac, address: 0x0a0a_0000 | number });
    }
    assert.equal(macFor(link, PEER.address), PEER.mac);
    assert.equal(link.device.counter("ARP_REQUESTS_OUT"), 0);
  });

  each("an entry that was asked for weeks ago can still be given up", (link) => {
    const count = link.device.limit("ARP_COUNT");
    meet(link, PEER);
    // It lives on by what the peer tells everybody, without being asked, for 25 days.
    for (let ms = 0; ms < 25 * 86_400_000; ms += 50_000) {
      link.device.nowMs += 50_000;
      link.arpRequest(PEER, PEER.address);
      if (ms % 1_000_000 === 0) link.poll();
    }
    for (let number = 0; number < count; number++) {
      meet(link, station(10 + number));
      link.run(5);
    }
  });

  each("more silent neighbours than entries: all are asked in the end, and none hangs", (link) => {
    const count = link.device.limit("ARP_COUNT") + 3;
    for (let number = 0; number < count; number++) {
      const handle = link.connect(station(10 + number).address);
      link.run(2 * FAILED_MS - 1);
      assert.equal(link.device.counter("ARP_FAILURES"), number + 1, `station ${number}`);
      link.drop(handle);
    }
  });
});

describe("address conflicts (RFC 5227 §2.4)", () => {
  const rival = { mac: "02:00:00:00:0b:ad", address: LINGER.address };

  each("are counted and defended by one announcement, at most every ten seconds", (link) => {
    link.poll(20_000);
    for (let i = 0; i < 5; i++) {
      assert.equal(
        link.counted("ARP_CONFLICT", () => assert.deepEqual(link.arpReply(rival), [])),
        1,
      );
    }
    const defence = link.poll();
    assert.deepEqual(arpOf(defence), [`asks for Linger to ${BROADCAST_MAC}`]);
    link.arpReply(rival);
    assert.deepEqual(link.poll(9_999), []);
    link.arpReply(rival);
    assert.deepEqual(link.poll(1), []);
    link.arpReply(rival);
    assert.deepEqual(arpOf(link.poll()), [`asks for Linger to ${BROADCAST_MAC}`]);
  });

  each("a rival is neither learned nor answered", (link) => {
    assert.deepEqual(link.arpRequest(rival), []);
    assert.equal(link.device.counter("ARP_CONFLICT"), 1);
  });

  each("a busy transmitter delays the defence", (link) => {
    link.arpReply(rival);
    link.device.isBusy = () => true;
    assert.equal(link.device.poll(), 0);
    link.device.isBusy = () => false;
    assert.deepEqual(arpOf(link.poll()), [`asks for Linger to ${BROADCAST_MAC}`]);
  });
});
