/**
 * ICMP: echo both ways and errors about our own echo requests, on every profile. Errors about TCP
 * belong to the tables of tests/tcp.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Status } from "../../hal/host/abi.ts";
import {
  buildIcmp,
  buildIpv4,
  type IcmpInput,
  IcmpType,
  IpProtocol,
} from "../../hal/host/packet/index.ts";
import type { Emitted } from "../support/device.ts";
import { onEachProfile, onEachProfileWith } from "../support/variants.ts";
import { datagramFrame, FAR_ADDRESS, LINGER, Link, station } from "./link.ts";

const PEER = station(1);
const OTHER = station(3);
const ECHO_DATA_OCTETS_MAX = 1_472;

function each(name: string, run: (link: Link) => void): void {
  test(name, () => {
    onEachProfile(({ profile }) => run(new Link({ profile })));
  });
}

/** As `each`, where there are echo requests of our own. */
function eachWithPing(name: string, run: (link: Link) => void): void {
  test(name, () => {
    onEachProfileWith(["PING"], ({ profile }) => run(new Link({ profile })));
  });
}

/** As `eachWithPing`, on a link on which the peer is known. */
function eachKnown(name: string, run: (link: Link) => void): void {
  eachWithPing(name, (link) => {
    link.arpRequest(PEER);
    run(link);
  });
}

/** Sends an echo request to the peer; what left. */
function ping(link: Link, sequence = 1, octets = 32): Emitted {
  assert.equal(link.ping(PEER.address, sequence, octets), Status.OK);
  const [echo, ...more] = link.poll();
  assert.ok(echo?.frame.icmp !== undefined && more.length === 0);
  return echo;
}

/** The reply to an echo request of ours, with some of it changed. */
function replyTo({ frame }: Emitted, change: IcmpInput = {}): { icmp: IcmpInput } {
  const { identifier, sequence, payload } = frame.icmp!;
  return { icmp: { type: IcmpType.ECHO_REPLY, identifier, sequence, payload, ...change } };
}

describe("echo requests of others", () => {
  each("come back as they are, from any length, to the station they came from", (link) => {
    for (const octets of [0, 1, 2, 31, 56, 999, ECHO_DATA_OCTETS_MAX]) {
      const payload = Uint8Array.from({ length: octets }, (_, i) => (i * 7) & 0xff);
      const icmp = { type: IcmpType.ECHO_REQUEST, identifier: 0xfedc, sequence: octets, payload };
      const [reply, ...more] = link.datagram(PEER, { icmp });
      assert.equal(more.length, 0);
      const { ethernet, ipv4, icmp: answer } = reply!.frame;
      assert.equal(ethernet!.destination, PEER.mac);
      assert.deepEqual([ipv4!.source, ipv4!.destination], [LINGER.address, PEER.address]);
      assert.deepEqual(
        [answer!.type, answer!.code, answer!.identifier, answer!.sequence],
        [IcmpType.ECHO_REPLY, 0, 0xfedc, octets],
      );
      assert.deepEqual(answer!.payload, payload);
    }
  });

  each("with IPv4 options are answered without them", (link) => {
    const [reply] = link.datagram(PEER, { ipv4: { options: Uint8Array.of(1, 1, 1, 0) } });
    assert.equal(reply!.frame.ipv4!.headerLength, 20);
    assert.equal(Buffer.from(reply!.frame.icmp!.payload).toString(), "abc");
  });

  each("from beyond the gateway are answered to the gateway", (link) => {
    const [reply] = link.datagram({ mac: OTHER.mac, address: FAR_ADDRESS });
    assert.equal(reply!.frame.ethernet!.destination, OTHER.mac);
    assert.equal(reply!.frame.ipv4!.destination, FAR_ADDRESS);
  });

  each("to broadcast addresses or in broadcast frames are not answered", (link) => {
    for (const destination of [0xffff_ffff, 0x0a09_00ff, 0x0a09_0000, 0xe000_0001]) {
      assert.deepEqual(link.datagram(PEER, { ipv4: { destination } }), []);
    }
    const ethernet = { destination: "ff:ff:ff:ff:ff:ff" };
    assert.deepEqual(link.datagram(PEER, { ethernet }), []);
    assert.equal(link.device.counter("DROP_IP_DESTINATION"), 5);
  });

  each("whose checksum is wrong are dropped", (link) => {
    for (let octet = 0; octet < 11; octet++) {
      const message = buildIcmp({ type: IcmpType.ECHO_REQUEST, payload: "abc" });
      message[octet]! ^= 0x20;
      const ipv4 = { protocol: IpProtocol.ICMP, payload: message };
      const run = (): void => assert.deepEqual(link.datagram(PEER, { ipv4, icmp: undefined }), []);
      assert.equal(link.counted("DROP_ICMP_MALFORMED", run), 1);
    }
  });

  each("cut short within the header are dropped", (link) => {
    for (let octets = 0; octets < 8; octets++) {
      const payload = new Uint8Array(octets).fill(0xff);
      const ipv4 = { protocol: IpProtocol.ICMP, payload };
      const run = (): void => assert.deepEqual(link.datagram(PEER, { ipv4, icmp: undefined }), []);
      assert.equal(link.counted("DROP_ICMP_MALFORMED", run), 1, `${octets} octets`);
    }
  });

  each("beyond 100 at once and 1,000 a second are dropped, and counted", (link) => {
    const answered = (count: number): number =>
      Array.from({ length: count }, () => link.datagram(PEER).length).reduce((a, b) => a + b, 0);
    assert.equal(answered(150), 100);
    assert.equal(link.device.counter("DROP_ICMP_RATE"), 50);
    link.device.nowMs += 30;
    assert.equal(answered(50), 30);
    // A long silence earns no more than 100 again.
    link.device.nowMs += 3_600_000;
    assert.equal(answered(150), 100);
  });

  each("when the transmitter is busy the reply is lost, and counted", (link) => {
    link.device.isBusy = () => true;
    assert.equal(
      link.counted("TRANSMIT_BUSY", () => link.datagram(PEER)),
      1,
    );
    link.device.isBusy = () => false;
    assert.deepEqual(link.poll(), []);
  });
});

describe("other messages", () => {
  each("of types that nobody needs are counted and dropped, and never answered", (link) => {
    for (let type = 0; type < 256; type++) {
      if ([0, 3, 4, 8, 11, 12].includes(type)) continue;
      const run = (): void => assert.deepEqual(link.datagram(PEER, { icmp: { type } }), []);
      assert.equal(link.counted("DROP_ICMP_TYPE", run), 1, `type ${type}`);
    }
  });

  each("errors that quote nothing of ours are dropped, and never answered", (link) => {
    const strangers = buildIpv4({
      source: PEER.address,
      destination: LINGER.address,
      payload: "01234567",
    });
    const udp = buildIpv4({
      source: LINGER.address,
      protocol: IpProtocol.UDP,
      payload: "01234567",
    });
    const tcp = buildIpv4({
      source: LINGER.address,
      destination: PEER.address,
      payload: "01234567",
    });
    const none = new Uint8Array(28);
    for (const type of [3, 11, 12]) {
      for (const quoted of [strangers, udp, tcp, none]) {
        for (let octets = 0; octets <= quoted.length; octets++) {
          const icmp = { type, code: 1, payload: quoted.subarray(0, octets) };
          const run = (): void => assert.deepEqual(link.datagram(PEER, { icmp }), []);
          assert.equal(link.counted("DROP_ICMP_QUOTE", run), 1);
        }
      }
    }
  });

  each("source quench is ignored (RFC 6633)", (link) => {
    assert.deepEqual(link.datagram(PEER, { icmp: { type: IcmpType.SOURCE_QUENCH } }), []);
    assert.equal(link.device.counter("ICMP_ERRORS_IN"), 1);
  });
});

describe("our own echo requests", () => {
  eachKnown("leave with the next poll, as asked", (link) => {
    for (const octets of [0, 1, 32, ECHO_DATA_OCTETS_MAX]) {
      const { frame } = ping(link, 0xff00 | (octets & 0xff), octets);
      assert.equal(frame.icmp!.type, IcmpType.ECHO_REQUEST);
      assert.equal(frame.icmp!.sequence, 0xff00 | (octets & 0xff));
      assert.equal(frame.icmp!.payload.length, octets);
      assert.equal(frame.ipv4!.destination, PEER.address);
    }
  });

  eachKnown("are answered once", (link) => {
    const echo = ping(link, 0xffff);
    assert.equal(link.pingTake(), Status.WOULD_BLOCK);
    assert.deepEqual(link.datagram(PEER, replyTo(echo)), []);
    assert.equal(link.pingTake(), 0xffff);
    assert.equal(link.pingTake(), Status.WOULD_BLOCK);
    assert.equal(
      link.counted("DROP_ICMP_QUOTE", () => link.datagram(PEER, replyTo(echo))),
      1,
    );
    assert.equal(link.pingTake(), Status.WOULD_BLOCK);
  });

  eachKnown("are not answered by anything else", (link) => {
    const echo = ping(link, 5);
    const { identifier, sequence, payload } = echo.frame.icmp!;
    const other = Uint8Array.from(payload);
    other[payload.length - 1]! ^= 1;
    const wrong: IcmpInput[] = [
      { identifier: identifier ^ 1 },
      { sequence: sequence + 1 },
      { payload: other },
      { payload: payload.subarray(1) },
      { payload: Uint8Array.of(...payload, 32) },
    ];
    for (const change of wrong) {
      assert.equal(
        link.counted("DROP_ICMP_QUOTE", () => link.datagram(PEER, replyTo(echo, change))),
        1,
      );
    }
    assert.equal(
      link.counted("DROP_ICMP_QUOTE", () => link.datagram(OTHER, replyTo(echo))),
      1,
    );
    assert.equal(link.pingTake(), Status.WOULD_BLOCK);
    link.datagram(PEER, replyTo(echo));
    assert.equal(link.pingTake(), 5);
  });

  eachKnown("a late answer to an earlier one is not taken for the latest", (link) => {
    const first = ping(link, 9);
    const second = ping(link, 9);
    link.datagram(PEER, replyTo(first));
    assert.equal(link.pingTake(), Status.WOULD_BLOCK);
    link.datagram(PEER, replyTo(second));
    assert.equal(link.pingTake(), 9);
  });

  eachKnown("one at a time: until it has left, the next is refused", (link) => {
    assert.equal(link.ping(PEER.address), Status.OK);
    assert.equal(link.ping(PEER.address), Status.WOULD_BLOCK);
    link.device.isBusy = () => true;
    assert.equal(link.device.poll(), 0, "poll asks to be called again");
    assert.equal(link.ping(PEER.address), Status.WOULD_BLOCK);
    link.device.isBusy = () => false;
    assert.equal(link.poll().length, 1);
    assert.equal(link.ping(PEER.address), Status.OK);
  });

  eachKnown("an ICMP error about it says unreachable", (link) => {
    for (const type of [IcmpType.DESTINATION_UNREACHABLE, IcmpType.TIME_EXCEEDED]) {
      const echo = ping(link, 3);
      const datagram = echo.octets.subarray(14, 14 + 28);
      // A router may have counted the TTL down, and not cared for the checksum.
      const quoted = Uint8Array.from(datagram);
      quoted[8] = 1;
      link.datagram(
        { mac: OTHER.mac, address: FAR_ADDRESS },
        { icmp: { type, code: 1, payload: quoted } },
      );
      assert.equal(link.pingTake(), Status.UNREACHABLE);
      assert.equal(link.pingTake(), Status.WOULD_BLOCK);
    }
  });

  eachKnown("an ICMP error about another request, or cut short, says nothing", (link) => {
    const echo = ping(link, 3);
    const datagram = echo.octets.subarray(14, 14 + 28);
    const payloads = [
      ...[12, 15, 16, 19, 24, 27].map((at) =>
        datagram.map((octet, i) => (i === at ? octet ^ 1 : octet)),
      ),
      datagram.subarray(0, 27),
    ];
    for (const payload of payloads) {
      // What an earlier frame has left in the slot must not complete a quotation.
      link.receive(new Uint8Array(200));
      const icmp = { type: IcmpType.DESTINATION_UNREACHABLE, code: 1, payload };
      assert.equal(
        link.counted("DROP_ICMP_QUOTE", () => link.datagram(PEER, { icmp })),
        1,
      );
    }
    assert.equal(link.pingTake(), Status.WOULD_BLOCK);
  });

  eachWithPing("arguments out of range, and addresses that nobody has, are refused", (link) => {
    assert.equal(link.ping(PEER.address, 65_536), Status.BAD_ARGUMENT);
    assert.equal(link.ping(PEER.address, -1), Status.BAD_ARGUMENT);
    assert.equal(link.ping(PEER.address, 0, ECHO_DATA_OCTETS_MAX + 1), Status.BAD_ARGUMENT);
    const nobody = [
      ...[0, 0x0000_0001, 0x7f00_0001, 0xe000_0001, 0xf000_0001, 0xffff_ffff],
      ...[0x0a09_0000, 0x0a09_00ff, LINGER.address],
    ];
    for (const address of nobody) {
      assert.equal(link.ping(address), Status.BAD_ADDRESS, address.toString(16));
    }
    assert.deepEqual(link.poll(), []);
  });

  each("without addresses there is no echo", (link) => {
    link.device.call("init", link.device.clock, 0);
    assert.equal(link.ping(PEER.address), Status.NOT_CONFIGURED);
    const run = (): void => assert.deepEqual(link.receive(datagramFrame(PEER)), []);
    assert.equal(link.counted("DROP_NOT_CONFIGURED", run), 1);
  });
});
