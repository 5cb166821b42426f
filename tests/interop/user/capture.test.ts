/** tshark as the interop tests use it sees what is wrong with a frame: their judge is not blind. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  buildFrame,
  parseIpv4Address,
  PcapWriter,
  RealClock,
  type TcpInput,
} from "../../../hal/host/index.ts";
import { inspectCapture } from "../capture.ts";

/** A good SYN, from 02:00:00:00:00:01 to 02:00:00:00:00:02, made by hand. */
const SYN = Buffer.from(
  [
    "020000000002" + "020000000001" + "0800",
    "4500002c" + "00004000" + "4006" + "26ca" + "0a000001" + "0a000002",
    "c0000007" + "00000064" + "00000000" + "6002" + "ffff" + "c3b8" + "0000" + "020405b4",
  ].join(""),
  "hex",
);
const MAC = "02:00:00:00:00:01";

/** The frame with one octet changed. */
function changed(at: number, by = 0x40): Buffer {
  const frame = Buffer.from(SYN);
  frame[at]! ^= by;
  return frame;
}

/** A segment of a conversation between port 7 of Linger, the judged station, and port 9. */
function segment(from: "linger" | "peer", tcp: TcpInput): Uint8Array {
  const ends = [
    { mac: MAC, address: parseIpv4Address("10.0.0.1")!, port: 7 },
    { mac: "02:00:00:00:00:02", address: parseIpv4Address("10.0.0.2")!, port: 9 },
  ];
  const [own, other] = from === "linger" ? [ends[0]!, ends[1]!] : [ends[1]!, ends[0]!];
  return buildFrame({
    ethernet: { source: own.mac, destination: other.mac },
    ipv4: { source: own.address, destination: other.address },
    tcp: { sourcePort: own.port, destinationPort: other.port, ...tcp },
  });
}

/** A handshake, and 100 octets from the peer: SEQ=501 up to 601. */
const CONVERSATION = [
  segment("peer", { seq: 500, flags: "SYN" }),
  segment("linger", { seq: 900, ack: 501, flags: "SYN,ACK" }),
  segment("peer", { seq: 501, ack: 901, flags: "ACK" }),
  segment("peer", { seq: 501, ack: 901, flags: "ACK", payload: new Uint8Array(100) }),
];

test("every stack of the interop tests is recorded and judged", () => {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const texts = names
    .filter((name) => name.endsWith(".ts") && name !== "user/capture.test.ts")
    .map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
  const rigs = texts.filter(({ text }) => text.includes("Stack.create("));
  assert.ok(rigs.length >= 3);
  for (const { name, text } of rigs) {
    assert.ok(text.includes("new Capture(") && text.includes(".judge("), name);
  }
});

describe("inspecting a capture", () => {
  const folder = mkdtempSync(join(tmpdir(), "linger-capture-"));
  after(() => rmSync(folder, { recursive: true }));

  async function judge(...frames: Uint8Array[]) {
    const path = join(folder, "capture.pcap");
    const writer = new PcapWriter(path, { clock: new RealClock() });
    for (const frame of frames) writer.record(frame);
    writer.close();
    return inspectCapture(path, MAC);
  }

  test("finds nothing wrong with a good frame", async () => {
    assert.deepEqual(await judge(SYN, SYN), { frameCount: 2, broken: [] });
  });

  test("leaves out frames of other stations", async () => {
    assert.deepEqual(await judge(changed(11), SYN), { frameCount: 1, broken: [] });
  });

  for (const [what, frame] of Object.entries({
    "a changed IP header": changed(22),
    "a changed TCP header": changed(38),
    "a changed option": changed(57),
    "a frame that ends too early": SYN.subarray(0, 50),
    "a TCP header that ends too early": changed(46, 0x80),
  })) {
    test(`finds ${what}`, async () => {
      const { frameCount, broken } = await judge(SYN, frame);
      assert.equal(frameCount, 2);
      assert.equal(broken.length, 1);
      assert.match(broken[0]!, /^\s*2 /);
    });
  }

  test("finds an acknowledgement of data that nobody has sent", async () => {
    const ack = (number: number) => segment("linger", { seq: 901, ack: number, flags: "ACK" });
    assert.deepEqual((await judge(...CONVERSATION, ack(601))).broken, []);
    const { broken } = await judge(...CONVERSATION, ack(602));
    assert.equal(broken.length, 1);
    assert.match(broken[0]!, /^5 acknowledges what was never sent$/);
  });

  test("finds an acknowledgement across a hole", async () => {
    const later = segment("peer", { seq: 651, ack: 901, flags: "ACK", payload: "later" });
    const ack = segment("linger", { seq: 901, ack: 656, flags: "ACK" });
    const { broken } = await judge(...CONVERSATION, later, ack);
    assert.deepEqual(broken, ["6 acknowledges what was never sent"]);
  });

  test("is not misled by a retransmission that brings new data too", async () => {
    const data = (seq: number, octets: number) =>
      segment("peer", { seq, ack: 901, flags: "ACK", payload: new Uint8Array(octets) });
    const ack = segment("linger", { seq: 901, ack: 761, flags: "ACK" });
    assert.deepEqual(
      (await judge(...CONVERSATION, data(501, 130), data(631, 130), ack)).broken,
      [],
    );
  });
});
