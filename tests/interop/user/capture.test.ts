/** tshark as the interop tests use it sees what is wrong with a frame: their judge is not blind. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { PcapWriter, RealClock } from "../../../hal/host/index.ts";
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
});
