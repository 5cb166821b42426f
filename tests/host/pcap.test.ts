/**
 * Capture files: written and read back, foreign octet orders, damage, replay, and tshark's view.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { RealClock, VirtualClock } from "../../hal/host/clock.ts";
import {
  createMemoryPair,
  PcapWriter,
  readPcap,
  recordWire,
  replayPcap,
} from "../../hal/host/wires/index.ts";

const folder = mkdtempSync(join(tmpdir(), "linger-pcap-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string) => join(folder, name);

/** An ARP request, so that tshark has something to say about it. */
const ARP = Uint8Array.from(
  Buffer.from(
    "ffffffffffff0200000000010806" +
      "0001080006040001" +
      "0200000000010a090001" +
      "0000000000000a090002",
    "hex",
  ),
);

/** A capture file built by hand: header, then packets of [seconds, fraction, frame]. */
function build(
  format: { bigEndian?: boolean; nanoseconds?: boolean },
  packets: [number, number, Uint8Array][],
): Buffer {
  const u32 = (value: number) => {
    const octets = Buffer.alloc(4);
    if (format.bigEndian) octets.writeUInt32BE(value);
    else octets.writeUInt32LE(value);
    return octets;
  };
  const version = Buffer.from(format.bigEndian ? [0, 2, 0, 4] : [2, 0, 4, 0]);
  const magic = format.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  const parts = [u32(magic), version, u32(0), u32(0), u32(65_535), u32(1)];
  for (const [seconds, fraction, frame] of packets) {
    parts.push(
      u32(seconds),
      u32(fraction),
      u32(frame.length),
      u32(frame.length + 4),
      Buffer.from(frame),
    );
  }
  return Buffer.concat(parts);
}

describe("pcap writer", () => {
  for (const precision of ["nanosecond", "microsecond"] as const) {
    test(`${precision}: what was recorded is read back with its time`, () => {
      const clock = new VirtualClock({ originMs: 1_700_000_000_250 });
      const writer = new PcapWriter(file(precision), { clock, precision });
      writer.record(ARP);
      clock.advance(1500.001_5);
      writer.record(ARP.subarray(0, 14));
      writer.close();
      writer.close();
      writer.record(ARP);
      const read = readPcap(file(precision));
      assert.equal(read.precision, precision);
      assert.equal(read.linkType, 1);
      assert.equal(read.truncated, undefined);
      const second =
        precision === "nanosecond" ? 1_700_000_001_750_001_500n : 1_700_000_001_750_002_000n;
      assert.deepEqual(
        read.packets.map(({ timestampNs }) => timestampNs),
        [1_700_000_000_250_000_000n, second],
      );
      assert.deepEqual(
        read.packets.map(({ frame }) => frame),
        [ARP, ARP.slice(0, 14)],
      );
    });
  }

  test("the file is complete after each turn of the event loop", async () => {
    const writer = new PcapWriter(file("turn"), { clock: new RealClock() });
    writer.record(ARP);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(readPcap(file("turn")).packets.length, 1);
    writer.close();
    const { timestampNs } = readPcap(file("turn")).packets[0]!;
    assert.ok(Math.abs(Number(timestampNs / 1_000_000n) - Date.now()) < 3_600_000);
  });

  test("a process that exits, or dies of an exception, leaves a complete file", () => {
    const library = pathToFileURL(join(import.meta.dirname, "../../hal/host/index.ts")).href;
    for (const end of ["process.exit(3)", "throw new Error('on purpose')"]) {
      const path = file("exit");
      const program = `import { PcapWriter, VirtualClock } from ${JSON.stringify(library)};
        const writer = new PcapWriter(${JSON.stringify(path)}, { clock: new VirtualClock() });
        for (let count = 0; count < 25; count++) writer.record(new Uint8Array(60));
        ${end};`;
      const args = ["--import", "tsx", "--input-type=module", "-e", program];
      const { status } = spawnSync(process.execPath, args, { stdio: "ignore", timeout: 30_000 });
      assert.notEqual(status, null);
      assert.notEqual(status, 0);
      assert.equal(readPcap(path).packets.length, 25);
    }
  });

  test("a bad path is one clear error; a full disk stops the recording only", async () => {
    const clock = new VirtualClock();
    assert.throws(() => new PcapWriter(file("no/where"), { clock }), {
      code: "PCAP_FILE",
      message: /^cannot write .*ENOENT/,
    });
    if (process.platform !== "linux") return;
    const told: string[] = [];
    const writer = new PcapWriter("/dev/full", {
      clock,
      onError: (error) => told.push(error.code),
    });
    writer.record(ARP);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    writer.record(ARP);
    writer.close();
    assert.deepEqual(told, ["PCAP_FILE"]);
  });

  test("opens in tshark", (t) => {
    if (spawnSync("tshark", ["--version"]).error) {
      const reason = 'tshark is missing: "apt-get install tshark"';
      if (process.env["CI"] === "true") assert.fail(reason);
      return t.skip(reason);
    }
    for (const precision of ["nanosecond", "microsecond"] as const) {
      const clock = new VirtualClock({ originMs: 1000 });
      const writer = new PcapWriter(file("tshark"), { clock, precision });
      clock.advance(0.125);
      writer.record(ARP);
      writer.close();
      const fields = [
        "-T",
        "fields",
        "-e",
        "frame.time_epoch",
        "-e",
        "frame.protocols",
        "-e",
        "arp.dst.proto_ipv4",
      ];
      const { stdout } = spawnSync("tshark", ["-n", "-r", file("tshark"), ...fields]);
      assert.equal(stdout.toString().trim(), "1.000125000\teth:ethertype:arp\t10.9.0.2");
    }
  });
});

describe("recordWire", () => {
  test("records both directions once, in order, and closes the file with the wire", () => {
    const clock = new VirtualClock();
    const [near, far] = createMemoryPair({ clock, latencyMs: 1 });
    const writer = new PcapWriter(file("both"), { clock });
    const wire = recordWire(near, writer);
    const seen: number[] = [];
    wire.onFrame((frame) => seen.push(frame.length));
    wire.send(new Uint8Array(60));
    far.send(new Uint8Array(61));
    clock.advance(2);
    wire.close();
    const lengths = readPcap(file("both")).packets.map(({ frame }) => frame.length);
    assert.deepEqual(lengths, [60, 61]);
    assert.deepEqual(seen, [61]);
    assert.equal(writer.packetCount, 2);
  });

  test("a BUSY frame is not recorded; the file closes when the other end goes away", () => {
    const clock = new VirtualClock();
    const [near, far] = createMemoryPair({ clock });
    let busy = true;
    const sometimes = { ...pick(near), send: (frame: Uint8Array) => !busy && near.send(frame) };
    const wire = recordWire(sometimes, new PcapWriter(file("busy"), { clock }));
    let told: string | undefined;
    wire.onClose((error) => (told = error?.code));
    assert.equal(wire.send(new Uint8Array(60)), false);
    busy = false;
    assert.equal(wire.send(new Uint8Array(62)), true);
    far.close();
    clock.advance(1);
    assert.equal(told, "WIRE_CLOSED");
    assert.deepEqual(
      readPcap(file("busy")).packets.map(({ frame }) => frame.length),
      [62],
    );
  });
});

/** A wire's methods, bound, so that one of them can be replaced. */
function pick(wire: ReturnType<typeof createMemoryPair>[0]) {
  return {
    onFrame: wire.onFrame.bind(wire),
    onClose: wire.onClose.bind(wire),
    close: wire.close.bind(wire),
  };
}

describe("pcap reader", () => {
  test("reads both octet orders and both precisions", () => {
    for (const bigEndian of [false, true]) {
      for (const nanoseconds of [false, true]) {
        const octets = build({ bigEndian, nanoseconds }, [
          [3, 5, ARP],
          [4, 999, ARP.slice(0, 20)],
        ]);
        const read = readPcap(octets);
        assert.equal(read.precision, nanoseconds ? "nanosecond" : "microsecond");
        const factor = nanoseconds ? 1n : 1000n;
        assert.equal(read.packets[0]?.timestampNs, 3_000_000_000n + 5n * factor);
        assert.equal(read.packets[1]?.timestampNs, 4_000_000_000n + 999n * factor);
        assert.deepEqual(read.packets[0]?.frame, ARP);
        assert.equal(read.packets[1]?.originalLength, 24);
      }
    }
  });

  test("every truncation gives the packets before it and says where the file ends", () => {
    const octets = build({}, [
      [1, 1, ARP],
      [2, 2, ARP],
    ]);
    const boundaries = [24, 24 + 16 + ARP.length, octets.length];
    for (let length = 24; length <= octets.length; length++) {
      const read = readPcap(octets.subarray(0, length));
      const whole = boundaries.filter((boundary) => boundary <= length).length - 1;
      assert.equal(read.packets.length, whole);
      if (boundaries.includes(length)) assert.equal(read.truncated, undefined);
      else assert.match(read.truncated ?? "", new RegExp(`middle of .*packet ${whole + 1}`));
    }
    for (let length = 0; length < 24; length++) {
      assert.throws(() => readPcap(octets.subarray(0, length)), { code: "PCAP_FORMAT" });
    }
  });

  test("an absurd length is damage, not a crash", () => {
    const octets = build({}, [[1, 1, ARP]]);
    octets.writeUInt32LE(0xffffffff, 32);
    assert.match(readPcap(octets).truncated ?? "", /its length is corrupt/);
  });

  test("what is no pcap file, is pcapng, or cannot be read: each its own line", () => {
    writeFileSync(file("text"), "this is some text, longer than a header");
    assert.throws(() => readPcap(file("text")), { code: "PCAP_FORMAT", message: /is not a pcap/ });
    writeFileSync(file("empty"), "");
    assert.throws(() => readPcap(file("empty")), { code: "PCAP_FORMAT", message: /is empty$/ });
    writeFileSync(
      file("ng"),
      Buffer.from("0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000", "hex"),
    );
    assert.throws(() => readPcap(file("ng")), { code: "PCAP_FORMAT", message: /pcapng.*editcap/ });
    assert.throws(() => readPcap(file("missing")), { code: "PCAP_FILE", message: /ENOENT/ });
    assert.throws(() => readPcap(folder), { code: "PCAP_FILE" });
    assert.ok(readFileSync(file("text")).length > 0);
  });
});

describe("replay", () => {
  const capture = readPcap(
    build({}, [
      [10, 0, new Uint8Array(60)],
      [10, 5000, new Uint8Array(61)],
      [10, 5000, new Uint8Array(62)],
      [11, 0, new Uint8Array(63)],
    ]),
  );

  test("plays the frames at the file's intervals once somebody listens", () => {
    const clock = new VirtualClock({ startMs: 100 });
    const wire = replayPcap(capture, { clock });
    clock.advance(50);
    const seen: [number, number][] = [];
    wire.onFrame((frame) => seen.push([frame.length, clock.now()]));
    wire.send(new Uint8Array(60));
    clock.runUntilIdle(1e5);
    assert.deepEqual(seen, [
      [60, 150],
      [61, 155],
      [62, 155],
      [63, 1150],
    ]);
    assert.equal(wire.sentCount, 1);
  });

  test("faster, at once, a selection; finished tells the end; closing stops it", async () => {
    const clock = new VirtualClock();
    const times: number[] = [];
    const fast = replayPcap(capture, { clock, speed: 10, select: (frame) => frame.length > 60 });
    fast.onFrame(() => times.push(clock.now()));
    await clock.runUntil(fast.finished);
    assert.deepEqual(times, [0, 0, 99.5]);
    const atOnce = replayPcap(capture, { clock, speed: Infinity });
    let count = 0;
    atOnce.onFrame(() => count++);
    clock.advance(0);
    assert.equal(count, 4);
    const closed = replayPcap(capture, { clock });
    closed.onFrame(() => assert.fail("it was closed"));
    closed.close();
    await clock.runUntil(closed.finished);
    assert.throws(() => replayPcap(capture, { clock, speed: 0 }), { code: "BAD_OPTION" });
  });
});
