/**
 * The independent parser and builder: against frames that the Linux kernel sent, sums worked by
 * hand, every truncation, and every single corrupted octet.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ArpOperation,
  buildFrame,
  buildTcp,
  buildTcpOptions,
  checksumHolds,
  findOption,
  Flag,
  formatFlags,
  formatFrame,
  formatIpv4Address,
  formatSegment,
  type FrameInput,
  IcmpType,
  internetChecksum,
  padFrame,
  parseFlags,
  parseFrame,
  parseIpv4Address,
  parseMacAddress,
  parseTcp,
  parseTcpOptions,
  segmentLength,
  type TcpInput,
  type TcpOption,
} from "../../hal/host/packet/index.ts";

const HOST = 0x0a090001;
const LINGER = 0x0a090002;

/** Sent by Linux 6 over a TAP: an ARP request, and a SYN with five options. */
const KERNEL_ARP =
  "ffffffffffff020000aabb0208060001080006040001020000aabb020a0900010000000000000a090003";
const KERNEL_SYN =
  "020000aabb01020000aabb0208004500003c12ed4000400613bb0a0900010a090002ba500050e884855600000000" +
  "a002faf041d00000020405b40402080ac07c0e2f000000000103030a";

function octets(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function tcpFrame(tcp: TcpInput, ipv4: FrameInput["ipv4"] = {}): Uint8Array {
  return buildFrame({ ipv4: { source: HOST, destination: LINGER, ...ipv4 }, tcp });
}

describe("checksum", () => {
  it("adds up as in the example of RFC 1071 §3", () => {
    const example = octets("0001f203f4f5f6f7");
    assert.equal(internetChecksum(example), ~0xddf2 & 0xffff);
    assert.ok(checksumHolds(octets("0001f203f4f5f6f7220d")));
  });

  it("pads an odd octet on the right", () => {
    assert.equal(internetChecksum(octets("01")), ~0x0100 & 0xffff);
  });

  it("folds the carry of long runs of ones", () => {
    assert.equal(internetChecksum(new Uint8Array(65_534).fill(0xff)), 0);
  });
});

describe("frames from the kernel", () => {
  it("reads its ARP request", () => {
    const { arp, error } = parseFrame(octets(KERNEL_ARP));
    assert.equal(error, undefined);
    assert.equal(arp?.operation, ArpOperation.REQUEST);
    assert.equal(arp?.senderMac, "02:00:00:aa:bb:02");
    assert.equal(arp?.senderAddress, HOST);
    assert.equal(arp?.targetAddress, 0x0a090003);
  });

  it("reads its SYN, options and both checksums", () => {
    const { ethernet, ipv4, tcp } = parseFrame(octets(KERNEL_SYN));
    assert.equal(ethernet?.destination, "02:00:00:aa:bb:01");
    assert.deepEqual([ipv4?.source, ipv4?.destination], [HOST, LINGER]);
    assert.deepEqual([ipv4?.checksumOk, tcp?.checksumOk], [true, true]);
    assert.deepEqual([ipv4?.dontFragment, ipv4?.ttl, ipv4?.totalLength], [true, 64, 60]);
    assert.deepEqual([tcp?.sourcePort, tcp?.destinationPort], [0xba50, 80]);
    assert.deepEqual([tcp?.seq, tcp?.ack, tcp?.flags], [0xe8848556, 0, Flag.SYN]);
    assert.equal(tcp?.window, 64_240);
    assert.deepEqual(tcp?.options, [
      { kind: "mss", value: 1460 },
      { kind: "sack-permitted" },
      { kind: "timestamps", value: 0xc07c0e2f, echo: 0 },
      { kind: "nop" },
      { kind: "window-scale", shift: 10 },
    ] satisfies TcpOption[]);
  });

  for (const [name, text] of [
    ["ARP", KERNEL_ARP],
    ["SYN", KERNEL_SYN],
  ] as const) {
    it(`builds the same ${name} octet for octet`, () => {
      const { ethernet, arp, ipv4, tcp } = parseFrame(octets(text));
      const { destination, source } = ethernet!;
      const input: FrameInput = { ethernet: { destination, source } };
      if (arp !== undefined) input.arp = arp;
      if (ipv4 !== undefined) {
        // Only what cannot be worked out is handed on: lengths and checksums are the builder's.
        const { identification, source: from, destination: to } = ipv4;
        input.ipv4 = { identification, source: from, destination: to };
      }
      if (tcp !== undefined) {
        const { sourcePort, destinationPort, seq, flags, window, options } = tcp;
        input.tcp = { sourcePort, destinationPort, seq, flags, window, options };
      }
      assert.equal(hex(buildFrame(input)), text);
    });
  }
});

describe("bad input", () => {
  const whole = octets(KERNEL_SYN);

  it("names a reason for every truncation and never throws", () => {
    for (let length = 0; length < whole.length; length++) {
      const frame = parseFrame(whole.subarray(0, length));
      assert.equal(frame.tcp, undefined, `${length} octets`);
      assert.match(frame.error ?? "", /^(Ethernet|IPv4|TCP): /, `${length} octets`);
    }
  });

  it("sees every single octet that was changed behind the Ethernet header", () => {
    for (let at = 14; at < whole.length; at++) {
      const bad = Uint8Array.from(whole);
      bad[at]! ^= 0x5a;
      const { ipv4, tcp, error } = parseFrame(bad);
      const sound = error === undefined && ipv4?.checksumOk === true && tcp?.checksumOk === true;
      assert.equal(sound, false, `octet ${at}`);
    }
  });

  it("survives random octets behind valid type fields", () => {
    let seed = 1;
    const next = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 24;
    for (let round = 0; round < 5000; round++) {
      const bad = Uint8Array.from({ length: 14 + (next() % 80) }, next);
      bad[12] = 8;
      bad[13] = round % 3 === 0 ? 6 : 0;
      bad[14] = 0x45;
      if (bad.length > 23) bad[23] = round % 2 === 0 ? 6 : 1;
      formatFrame(parseFrame(bad));
    }
  });

  it("stops at a broken option and says which", () => {
    assert.deepEqual(parseTcpOptions(octets("020405b408")), {
      list: [{ kind: "mss", value: 1460 }],
      error: "option 8: no length",
    });
    assert.equal(parseTcpOptions(octets("0201")).error, "option 2: length 1");
    assert.equal(parseTcpOptions(octets("0200")).error, "option 2: length 0");
    assert.equal(parseTcpOptions(octets("050a0000")).error, "option 5: length 10");
  });

  it("shows a known option of the wrong length as unknown", () => {
    const { list } = parseTcpOptions(octets("0203010304000000"));
    assert.deepEqual(list[0], { kind: "unknown", number: 2, data: octets("01") });
    assert.deepEqual(list[1], { kind: "unknown", number: 3, data: octets("0000") });
  });

  it("ignores what follows END", () => {
    assert.deepEqual(parseTcpOptions(octets("0002040000")), { list: [{ kind: "end" }] });
  });
});

describe("builder", () => {
  it("fills in lengths and checksums for any data", () => {
    for (const payload of ["", "a", "hello", "x".repeat(1460)]) {
      const frame = parseFrame(tcpFrame({ flags: "PSH,ACK", seq: 1, ack: 2, payload }));
      assert.ok(frame.ipv4?.checksumOk && frame.tcp?.checksumOk);
      assert.equal(Buffer.from(frame.tcp.payload).toString(), payload);
    }
  });

  it("writes what a hostile test asks for", () => {
    const badSum = parseFrame(tcpFrame({ checksum: 0x1234 }));
    assert.deepEqual([badSum.tcp?.checksum, badSum.tcp?.checksumOk], [0x1234, false]);
    assert.match(parseFrame(tcpFrame({ headerLength: 16 })).error ?? "", /data offset 16/);
    assert.match(parseFrame(tcpFrame({ headerLength: 60 })).error ?? "", /data offset 60/);
    assert.match(parseFrame(tcpFrame({}, { totalLength: 19 })).error ?? "", /total length 19/);
    assert.match(parseFrame(tcpFrame({}, { totalLength: 41 })).error ?? "", /total length 41/);
    assert.match(parseFrame(tcpFrame({}, { version: 6 })).error ?? "", /version 6/);
    assert.match(parseFrame(tcpFrame({}, { headerLength: 16 })).error ?? "", /header length 16/);
    assert.equal(parseFrame(tcpFrame({}, { checksum: 1 })).ipv4?.checksumOk, false);
  });

  it("round-trips every option, raw ones too", () => {
    const options: TcpOption[] = [
      { kind: "sack", blocks: [{ left: 0xfffffff0, right: 16 }] },
      { kind: "timestamps", value: 0xffffffff, echo: 1 },
      { kind: "unknown", number: 253, data: octets("c0de") },
    ];
    const frame = parseFrame(tcpFrame({ options }));
    assert.deepEqual(frame.tcp?.options.slice(0, 3), options);
    assert.deepEqual(findOption(frame.tcp, "timestamps"), options[1]);
    assert.equal(hex(buildTcpOptions(options)), "050afffffff000000010080affffffff00000001fd04c0de");
    const raw = parseFrame(tcpFrame({ optionOctets: octets("0101") }));
    assert.equal(raw.tcp?.headerLength, 24);
    const urgent = parseFrame(tcpFrame({ flags: "URG", urgentPointer: 7, reserved: 5 })).tcp;
    assert.deepEqual([urgent?.urgentPointer, urgent?.reserved, urgent?.flags], [7, 5, Flag.URG]);
  });

  it("counts a checksum over both addresses", () => {
    const segment = buildTcp({ flags: "SYN" }, { source: HOST, destination: LINGER });
    const elsewhere = parseTcp(segment, { source: HOST, destination: LINGER + 1 });
    assert.ok(elsewhere.ok && !elsewhere.value.checksumOk);
  });

  it("cuts the link's padding off", () => {
    const frame = padFrame(tcpFrame({ flags: "ACK" }));
    assert.equal(frame.length, 60);
    assert.equal(parseFrame(frame).tcp?.payload.length, 0);
  });

  it("builds an ICMP echo whose checksum was worked by hand", () => {
    const icmp = { type: IcmpType.ECHO_REQUEST, identifier: 1, sequence: 2, payload: "abc" };
    const frame = buildFrame({ ipv4: { source: HOST, destination: LINGER }, icmp });
    assert.equal(hex(frame.subarray(34)), "0800339a00010002616263");
    assert.equal(parseFrame(frame).icmp?.checksumOk, true);
  });

  it("builds an ICMP error that quotes a segment", () => {
    const quoted = tcpFrame({ sourcePort: 5, destinationPort: 6, seq: 77 }).subarray(14, 14 + 28);
    const icmp = {
      type: IcmpType.DESTINATION_UNREACHABLE,
      code: 4,
      sequence: 576,
      payload: quoted,
    };
    const frame = parseFrame(buildFrame({ ipv4: { source: LINGER, destination: HOST }, icmp }));
    assert.equal(frame.icmp?.rest, 576);
    assert.equal(frame.icmp?.quoted?.destination, LINGER);
    assert.equal(hex(frame.icmp.quoted.payload), "000500060000004d");
  });

  it("keeps fragments closed", () => {
    const first = parseFrame(tcpFrame({ payload: "x" }, { moreFragments: true }));
    const later = parseFrame(tcpFrame({ payload: "x" }, { fragmentOffset: 1480 }));
    assert.deepEqual([first.tcp, later.tcp], [undefined, undefined]);
    assert.equal(later.ipv4?.fragmentOffset, 1480);
    assert.match(formatFrame(later), /fragment at 1480/);
  });
});

describe("RFC notation", () => {
  const notation = (tcp: TcpInput, options = {}): string =>
    formatSegment(parseFrame(tcpFrame(tcp)).tcp!, options);

  it("prints segments as RFC 9293's figures do", () => {
    assert.equal(notation({ seq: 100, flags: "SYN" }), "<SEQ=100><CTL=SYN>");
    assert.equal(
      notation({ seq: 100, ack: 300, flags: Flag.ACK | Flag.FIN }),
      "<SEQ=100><ACK=300><CTL=FIN,ACK>",
    );
    assert.equal(
      notation({ seq: 1, flags: "SYN", options: [{ kind: "mss", value: 1460 }] }),
      "<SEQ=1><CTL=SYN><MSS=1460>",
    );
    assert.equal(
      notation({ seq: 101, ack: 301, flags: "PSH,ACK", payload: "twelve bytes" }),
      "<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=12>",
    );
  });

  it("prints numbers relative to both ISS, across the wrap", () => {
    const segment: TcpInput = { seq: 5, ack: 0xffffffff, flags: "ACK" };
    const bases = { seqBase: 0xfffffff6, ackBase: 0xfffffff0 };
    assert.equal(notation(segment, bases), "<SEQ=15><ACK=15><CTL=ACK>");
  });

  it("prints a closed window, and any window when asked", () => {
    assert.equal(notation({ flags: "ACK", window: 0 }), "<SEQ=0><ACK=0><WND=0><CTL=ACK>");
    assert.equal(notation({ flags: "RST", window: 0 }), "<SEQ=0><CTL=RST>");
    assert.equal(
      notation({ flags: "RST", window: 9 }, { window: true }),
      "<SEQ=0><WND=9><CTL=RST>",
    );
  });

  it("prints the urgent pointer with URG, and only with it", () => {
    const flags = "URG,ACK";
    assert.equal(
      notation({ flags, urgentPointer: 7, payload: "x" }),
      "<SEQ=0><ACK=0><CTL=URG,ACK><UP=7><DATA=1>",
    );
    assert.equal(notation({ flags: "RST", urgentPointer: 7 }), "<SEQ=0><CTL=RST>");
  });

  it("reads and writes control bits in the RFC's order", () => {
    assert.equal(parseFlags("ACK,SYN"), 18);
    assert.equal(parseFlags(""), 0);
    assert.equal(formatFlags(0xff), "SYN,FIN,RST,PSH,URG,ACK,ECE,CWR");
    assert.throws(() => parseFlags("syn"), RangeError);
  });

  it("counts SYN, FIN and data in SEG.LEN", () => {
    const length = (tcp: TcpInput): number => segmentLength(parseFrame(tcpFrame(tcp)).tcp!);
    assert.equal(length({ flags: "ACK" }), 0);
    assert.equal(length({ flags: "SYN" }), 1);
    assert.equal(length({ flags: "FIN,ACK", payload: "abc" }), 4);
  });

  it("prints other frames in one line", () => {
    assert.equal(
      formatFrame(parseFrame(octets(KERNEL_ARP))),
      "ARP who has 10.9.0.3? tell 10.9.0.1",
    );
    assert.match(
      formatFrame(parseFrame(octets(KERNEL_SYN))),
      /^10\.9\.0\.1:47696 → 10\.9\.0\.2:80 </,
    );
  });
});

describe("addresses", () => {
  it("reads dotted quads strictly", () => {
    assert.equal(parseIpv4Address("10.9.0.2"), LINGER);
    assert.equal(parseIpv4Address("255.255.255.255"), 0xffffffff);
    for (const bad of [
      "",
      "10.9.0",
      "10.9.0.256",
      "10.9.0.02",
      "10.9.0.2 ",
      "0x0a.9.0.2",
      "1.2.3.4.5",
    ]) {
      assert.equal(parseIpv4Address(bad), undefined, bad);
    }
    assert.equal(formatIpv4Address(0xffffff01), "255.255.255.1");
  });

  it("reads MAC addresses strictly", () => {
    assert.deepEqual(parseMacAddress("02-00-00-AA-bb-01"), octets("020000aabb01"));
    for (const bad of ["", "02:00:00:aa:bb", "02:00:00:aa:bb:0g", "020000aabb01"]) {
      assert.equal(parseMacAddress(bad), undefined, bad);
    }
  });
});
