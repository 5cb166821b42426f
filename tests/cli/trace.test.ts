/**
 * `linger trace` on captures of every kind: sound ones, cut ones, garbage, and hostile ones.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { SeededEntropy, VirtualClock } from "../../hal/host/index.ts";
import {
  findConnections,
  formatLadder,
  inferStates,
  type TimedFrame,
} from "../../hal/host/ladder/index.ts";
import { buildFrame, type TcpInput } from "../../hal/host/packet/index.ts";
import { PcapWriter } from "../../hal/host/wires/index.ts";
import { assertMistake, linger, temporaryFolder } from "./linger.ts";

const CLIENT = { address: 0x0a090001, port: 40_000 };
const SERVER = { address: 0x0a090002, port: 80 };

function segment(from: "client" | "server", tcp: TcpInput): Uint8Array {
  const [source, destination] = from === "client" ? [CLIENT, SERVER] : [SERVER, CLIENT];
  return buildFrame({
    ipv4: { source: source.address, destination: destination.address },
    tcp: { sourcePort: source.port, destinationPort: destination.port, ...tcp },
  });
}

/** A whole connection: handshake, data each way, close by the client. */
function conversation(dataCount = 1): Uint8Array[] {
  const data = Array.from({ length: dataCount }, (_, index) =>
    segment("client", { flags: "ACK", seq: 1001 + 5 * index, ack: 5001, payload: "hello" }),
  );
  const next = 1001 + 5 * dataCount;
  return [
    segment("client", { flags: "SYN", seq: 1000, options: [{ kind: "mss", value: 1460 }] }),
    segment("server", { flags: "SYN,ACK", seq: 5000, ack: 1001 }),
    segment("client", { flags: "ACK", seq: 1001, ack: 5001 }),
    ...data,
    segment("server", { flags: "PSH,ACK", seq: 5001, ack: next, payload: "world!" }),
    segment("client", { flags: "FIN,ACK", seq: next, ack: 5007 }),
    segment("server", { flags: "FIN,ACK", seq: 5007, ack: next + 1 }),
    segment("client", { flags: "ACK", seq: next + 1, ack: 5008 }),
  ];
}

/** Writes a capture with one frame every 10 ms. */
function writeCapture(t: TestContext, frames: readonly Uint8Array[]): string {
  const path = join(temporaryFolder(t), "test.pcap");
  const clock = new VirtualClock({ originMs: 1_700_000_000_000 });
  const writer = new PcapWriter(path, { clock });
  for (const frame of frames) {
    writer.record(frame);
    clock.advance(10);
  }
  writer.close();
  return path;
}

describe("a sound capture", { concurrency: 2 }, () => {
  it("becomes a ladder with both ends' states", async (t) => {
    const arp = buildFrame({ arp: { senderAddress: CLIENT.address } });
    const path = writeCapture(t, [arp, ...conversation()]);
    const { code, stdout, stderr } = await linger(t, ["trace", path]);
    assert.deepEqual([code, stderr], [0, ""]);
    const lines = stdout.split("\n");
    const rows = lines.filter((line) => /^ +[0-9]+\.[0-9]{3} /.test(line));
    assert.deepEqual(
      rows.map((row) => row.replaceAll(/ +/g, " ").trim()),
      [
        "0.010 SYN-SENT ─► <SEQ=0><CTL=SYN><MSS=1460> ─► SYN-RECEIVED",
        "0.020 ESTABLISHED ◄─ <SEQ=0><ACK=1><CTL=SYN,ACK> ◄─ SYN-RECEIVED",
        "0.030 ESTABLISHED ─► <SEQ=1><ACK=1><CTL=ACK> ─► ESTABLISHED",
        "0.040 ESTABLISHED ─► <SEQ=1><ACK=1><CTL=ACK><DATA=5> ─► ESTABLISHED",
        "0.050 ESTABLISHED ◄─ <SEQ=1><ACK=6><CTL=PSH,ACK><DATA=6> ◄─ ESTABLISHED",
        "0.060 FIN-WAIT-1 ─► <SEQ=6><ACK=7><CTL=FIN,ACK> ─► CLOSE-WAIT",
        "0.070 TIME-WAIT ◄─ <SEQ=7><ACK=7><CTL=FIN,ACK> ◄─ LAST-ACK",
        "0.080 TIME-WAIT ─► <SEQ=7><ACK=8><CTL=ACK> ─► CLOSED",
      ],
    );
    assert.equal(lines[0], "Connection 1: 10.9.0.1:40000 → 10.9.0.2:80");
    assert.equal(lines[1], "8 segments from frame 2, 5 octets →, 6 octets ←");
    assert.match(stdout, /1 TCP connection, 1 other frame\n$/);
    assert.ok(lines.every((line) => line.length <= 100));
  });

  it("keeps the numbers of the wire with --absolute, and the width of --columns", async (t) => {
    const args = ["--absolute", "--columns", "80"];
    const { stdout } = await linger(t, ["trace", writeCapture(t, conversation()), ...args]);
    assert.match(stdout, /<SEQ=1006><ACK=5007><CTL=FIN,ACK>/);
    assert.ok(stdout.split("\n").every((line) => line.length <= 80));
  });

  it("cuts long transfers unless --all is given", async (t) => {
    const path = writeCapture(t, conversation(100));
    const short = await linger(t, ["trace", path]);
    const long = await linger(t, ["trace", path, "--all"]);
    assert.match(short.stdout, /⋮ [0-9]+ more segments: [0-9]+ octets ─►, 0 octets ◄─/);
    assert.ok(short.stdout.split("\n").length < 40);
    assert.ok(long.stdout.split("\n").length > 100);
  });

  it("ends TIME-WAIT when the capture lasts longer than 2MSL", async (t) => {
    const late = segment("server", { sourcePort: 99, flags: "RST" });
    const path = writeCapture(t, [...conversation(), late]);
    const { stdout } = await linger(t, ["trace", path, "--two-msl", "5"]);
    assert.match(stdout, /CLOSED +\(2MSL over \(0\.005 s assumed\)\) +CLOSED/);
  });

  it("shows one connection, or says that there is none of this number", async (t) => {
    const path = writeCapture(t, conversation());
    const one = await linger(t, ["trace", path, "--connection", "1"]);
    assert.match(one.stdout, /Connection 1/);
    assertMistake(await linger(t, ["trace", path, "--connection", "2"]), 1, /no connection 2/);
  });

  it("lists frames with --frames", async (t) => {
    const { stdout } = await linger(t, ["trace", writeCapture(t, conversation()), "--frames"]);
    assert.equal(stdout.trim().split("\n").length, 8);
    assert.match(stdout, /^ +1 +0\.000000 10\.9\.0\.1:40000 → 10\.9\.0\.2:80 <SEQ=1000><CTL=SYN>/);
  });

  it("says when there is nothing in it", async (t) => {
    const { code, stdout } = await linger(t, ["trace", writeCapture(t, [])]);
    assert.deepEqual([code, stdout], [0, "0 TCP connections, 0 other frames\n"]);
  });
});

describe("a bad capture", { concurrency: 2 }, () => {
  it("that ends early is drawn as far as it goes, and said to be cut", async (t) => {
    const path = writeCapture(t, conversation());
    const octets = readFileSync(path);
    writeFileSync(path, octets.subarray(0, octets.length - 10));
    const { code, stdout, stderr } = await linger(t, ["trace", path]);
    assert.equal(code, 1);
    assert.match(stdout, /TIME-WAIT +◄─ .* LAST-ACK/);
    assert.match(stderr, /^linger trace: [^\n]*test\.pcap ends in the middle of packet 8[^\n]*\n$/);
  });

  for (const [what, octets] of [
    ["nothing at all", Buffer.alloc(0)],
    ["text", Buffer.from("This is no capture, whatever its name may say.\n")],
    ["half a header", Buffer.from("d4c3b2a1020004", "hex")],
    ["pcapng", Buffer.from("0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000", "hex")],
    ["another link type", Buffer.from("d4c3b2a1020004000000000000000000ffff000065000000", "hex")],
  ] as const) {
    it(`of ${what} is refused in one line`, async (t) => {
      const path = join(temporaryFolder(t), "bad.pcap");
      writeFileSync(path, octets);
      assertMistake(await linger(t, ["trace", path]), 1, /bad\.pcap/);
    });
  }

  it("that does not exist, or is a folder, or has no end", async (t) => {
    const folder = temporaryFolder(t);
    assertMistake(await linger(t, ["trace", join(folder, "no")]), 1, /cannot read .*no/);
    assertMistake(await linger(t, ["trace", folder]), 1, /cannot read/);
    assertMistake(await linger(t, ["trace", "/dev/zero"]), 1, /cannot read \/dev\/zero: .*device/);
  });

  it("with unreadable frames is drawn without them", async (t) => {
    const whole = conversation();
    const broken = Uint8Array.from(whole[0]!.subarray(0, 30));
    const { code, stdout } = await linger(t, ["trace", writeCapture(t, [broken, ...whole])]);
    assert.equal(code, 0);
    assert.match(stdout, /1 unreadable frame \(frame 1: IPv4: [^)]*\)/);
    assert.match(stdout, /Connection 1:/);
  });
});

describe("hostile captures", () => {
  /** Frames of a tuple or two with wild flags and numbers near each other. */
  function wildFrames(entropy: SeededEntropy): TimedFrame[] {
    return Array.from({ length: 60 }, (_, timeMs) => {
      const octets = segment(entropy.below(2) === 0 ? "client" : "server", {
        flags: entropy.below(256),
        seq: entropy.below(12),
        ack: entropy.below(12),
        payload: new Uint8Array(entropy.below(4)),
        ...(entropy.below(8) === 0 ? { checksum: 1 } : {}),
        ...(entropy.below(8) === 0 ? { destinationPort: 81 } : {}),
      });
      if (entropy.below(4) === 0) octets[14 + entropy.below(octets.length - 14)]! ^= 1;
      return { timeMs, octets };
    });
  }

  it("never throw, never widen the drawing, and lose no segment", () => {
    for (let seed = 1; seed <= 500; seed++) {
      const { connections, otherCount, brokenCount } = findConnections(
        wildFrames(new SeededEntropy(seed)),
      );
      const count = connections.reduce((sum, { segments }) => sum + segments.length, 0);
      assert.equal(count + otherCount + brokenCount, 60, `seed ${seed}`);
      for (const connection of connections) {
        const { start, rows } = inferStates(connection);
        const frame = { left: "left", right: "right", columns: 90 };
        for (const line of formatLadder(start, rows, frame)) assert.ok(line.length <= 90, line);
      }
    }
  });

  // Were the work to grow with the square of the length, these would take minutes.
  for (const [what, step] of [
    ["FINs in order", 1],
    ["FINs with holes between them", 3],
  ] as const) {
    it(`cost no more than their length: 100,000 ${what}`, { timeout: 60_000 }, () => {
      const frames = Array.from({ length: 100_000 }, (_, index): TimedFrame => {
        const octets = segment("client", { flags: "FIN", seq: index * step, ack: 0 });
        return { timeMs: index, octets };
      });
      const [connection] = findConnections(frames).connections;
      assert.equal(inferStates(connection!).rows.length, frames.length);
    });
  }
});
