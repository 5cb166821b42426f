/**
 * The way out: connections wait for ARP without a packet waiting, take turns, and keep their
 * segments while the transmitter is busy. On every profile.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SoftError, Status } from "../../hal/host/abi.ts";
import { BROADCAST_MAC } from "../../hal/host/packet/index.ts";
import type { DeviceOptions } from "../support/device.ts";
import { onEachProfile } from "../support/variants.ts";
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
const PORT = 80;

function each(name: string, run: (link: Link) => void, options: Partial<DeviceOptions> = {}): void {
  test(name, () => {
    onEachProfile(({ profile }) => run(new Link({ profile, ...options })));
  });
}

/** Asks for a station and lets it answer. */
function use(link: Link, to: Station): void {
  const handle = link.connect(to.address);
  assert.equal(arpOf(link.poll()).length, 1);
  link.arpReply(to);
  assert.deepEqual(synsOf(link.poll()), [to.mac]);
  link.drop(handle);
}

/** What a build that keeps soft errors knows of a neighbour that does not answer. */
function assertNoNeighbour(link: Link, handle: number): void {
  const expected = link.device.has("TROUBLE") ? SoftError.NO_NEIGHBOUR : SoftError.NONE;
  assert.equal(link.device.status(handle, "SOFT_ERROR"), expected);
}

describe("a connection and ARP", () => {
  each("the SYN waits for the answer, and leaves with the poll after it", (link) => {
    link.connect(PEER.address);
    assert.deepEqual(arpOf(link.poll()), [`asks for .1 to ${BROADCAST_MAC}`]);
    assert.deepEqual(link.poll(), []);
    assert.deepEqual(link.arpReply(PEER), []);
    assert.deepEqual(synsOf(link.poll()), [PEER.mac]);
  });

  each("several that wait for one neighbour leave together, asked for once", (link) => {
    for (let i = 0; i < 3; i++) link.connect(PEER.address);
    assert.equal(link.poll().length, 1);
    link.arpReply(PEER);
    assert.deepEqual(synsOf(link.poll()), [PEER.mac, PEER.mac, PEER.mac]);
  });

  each("one that waits does not hold up another", (link) => {
    link.connect(PEER.address);
    link.poll();
    const other = station(3);
    link.arpRequest(other);
    link.connect(other.address);
    assert.deepEqual(synsOf(link.poll()), [other.mac]);
    link.arpReply(PEER);
    assert.deepEqual(synsOf(link.poll()), [PEER.mac]);
  });

  each("no answer is a soft error, and after a while it is asked again", (link) => {
    const handle = link.connect(PEER.address);
    const requests = link.run(5_999).map(({ atMs }) => atMs);
    assert.deepEqual(requests, [0, 1_000, 2_000]);
    assertNoNeighbour(link, handle);
    assert.deepEqual(arpOf(link.run(2)), [`asks for .1 to ${BROADCAST_MAC}`]);
    link.arpReply(PEER);
    assert.deepEqual(synsOf(link.poll()), [PEER.mac]);
  });

  each("where every entry was just asked for, it waits for one to become free", (link) => {
    const count = link.device.limit("ARP_COUNT");
    for (let number = 0; number < count; number++) {
      use(link, station(10 + number));
      link.device.nowMs += 2;
    }
    link.connect(PEER.address);
    assert.deepEqual(link.poll(), [], "nobody can be given up");
    assert.deepEqual(arpOf(link.run(1_000)), [`asks for .1 to ${BROADCAST_MAC}`]);
    link.arpReply(PEER);
    assert.deepEqual(synsOf(link.poll()), [PEER.mac]);
  });

  each("off the link it goes to the gateway", (link) => {
    link.connect(FAR_ADDRESS);
    link.poll();
    const gateway = { mac: "02:00:00:00:00:fe", address: GATEWAY_ADDRESS };
    link.arpReply(gateway);
    assert.deepEqual(synsOf(link.poll()), [gateway.mac]);
  });

  each("off the link without a gateway it is refused", (link) => {
    assert.equal(link.device.call("setAddress", LINGER.address, 24, 0), Status.OK);
    assert.equal(link.device.call("tcpConnect", FAR_ADDRESS, PORT, 0, 0), Status.UNREACHABLE);
  });

  each("when the gateway is taken away, that is a soft error, and nothing is asked", (link) => {
    const handle = link.connect(FAR_ADDRESS);
    assert.equal(link.device.call("setAddress", LINGER.address, 24, 0), Status.OK);
    assert.deepEqual(link.run(10_000), []);
    assertNoNeighbour(link, handle);
  });

  each("when the neighbour's card is replaced, its announcement is followed", (link) => {
    link.arpRequest(PEER);
    link.connect(PEER.address);
    assert.deepEqual(synsOf(link.poll()), [PEER.mac]);
    const moved = { ...PEER, mac: "02:00:00:00:09:09" };
    link.arpRequest(moved, PEER.address);
    assert.deepEqual(synsOf(link.run(1_500)), [moved.mac]);
  });
});

describe("a busy transmitter", () => {
  each("keeps the segment, and poll asks to be called again", (link) => {
    link.arpRequest(PEER);
    link.connect(PEER.address);
    let refused = 0;
    link.device.isBusy = () => (refused += 1) <= 3;
    for (let i = 0; i < 3; i++) assert.equal(link.device.poll(), 0);
    assert.equal(link.device.counter("TRANSMIT_BUSY"), 3);
    assert.equal(link.device.counter("SEGMENTS_OUT"), 0);
    assert.deepEqual(synsOf(link.poll()), [PEER.mac]);
    assert.equal(link.device.counter("SEGMENTS_OUT"), 1);
    assert.equal(link.device.counter("RETRANSMITS"), 0);
  });

  each("in between frames loses none and repeats none", (link) => {
    link.arpRequest(PEER);
    for (let i = 0; i < 4; i++) link.connect(PEER.address);
    let calls = 0;
    link.device.isBusy = () => (calls += 1) % 2 === 0;
    const ports = new Set<number>();
    for (let i = 0; i < 20; i++) {
      link.device.poll();
      for (const { frame } of link.device.emitted.splice(0)) {
        assert.ok(!ports.has(frame.tcp!.sourcePort), "a SYN twice");
        ports.add(frame.tcp!.sourcePort);
      }
    }
    assert.equal(ports.size, 4);
  });
});

describe("the budget of a poll", () => {
  test("with more to send than fits, poll returns 0 until all is sent (host)", () => {
    const link = new Link({ profile: "host" });
    link.arpRequest(PEER);
    for (let i = 0; i < 100; i++) link.connect(PEER.address);
    let polls = 0;
    while (link.device.poll() === 0) polls += 1;
    assert.ok(polls > 1 && polls < 20, `${polls} polls`);
    assert.equal(synsOf(link.device.emitted.splice(0)).length, 100);
  });

  test("it is the same where only connections have something to send (host)", () => {
    const link = new Link({ profile: "host" });
    link.arpRequest(PEER);
    link.poll();
    for (let i = 0; i < 100; i++) link.connect(PEER.address);
    const sent = Array.from({ length: 5 }, () => {
      link.device.poll();
      return synsOf(link.device.emitted.splice(0)).length;
    });
    assert.deepEqual(sent, [32, 32, 32, 4, 0]);
  });

  test("what it lets pass is asked for in the same poll (host)", () => {
    const link = new Link({ profile: "host" });
    link.arpRequest(PEER);
    link.poll();
    link.connect(station(3).address);
    for (let i = 0; i < 32; i++) link.connect(PEER.address);
    assert.equal(link.device.poll(), 0);
    const emitted = link.device.emitted.splice(0);
    assert.equal(synsOf(emitted).length, 31);
    assert.deepEqual(arpOf(emitted), [`asks for .3 to ${BROADCAST_MAC}`]);
    assert.equal(synsOf(link.poll()).length, 1);
  });
});
