/**
 * The benchmark measures what it claims to: every frame of every scenario is right, and the judge
 * who says so notices when one is not.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { buildLinger } from "../../bench/segment/linger.ts";
import { Mode, SCENARIOS } from "../../bench/segment/scenarios.ts";
import { verify } from "../../bench/segment/verify.ts";

describe("what Linger sends in the benchmark is right", () => {
  let module: string;
  before(() => (module = buildLinger()));
  for (const scenario of SCENARIOS) {
    test(scenario.name, () => {
      const judge = verify(module, scenario);
      assert.deepEqual(judge.complaints, []);
      assert.ok(judge.frames > 0, "nothing was sent");
      const hasOptions = (scenario.mode & Mode.OPTIONS) !== 0;
      assert.equal(judge.stamped > 0, hasOptions, "timestamps");
    });
  }
});

/** Each changes a frame; where the checksums are mended the judge must look deeper. */
const FAULTS: Readonly<Record<string, (frame: Uint8Array) => void>> = {
  "a flipped bit of the text": (frame) => (frame[60]! ^= 1),
  "a flipped bit of the IPv4 header": (frame) => (frame[22]! ^= 1),
  "a wrong link address": (frame) => (frame[5]! ^= 1),
  "text that was not written": (frame) => mend(frame, 60, 1),
  "another sequence number": (frame) => mend(frame, 41, 1),
  "another acknowledgement": (frame) => mend(frame, 45, 1),
  "a window beyond the ring": (frame) => mend(frame, 48, 0x80),
  "an ACK bit that is missing": (frame) => mend(frame, 47, 0x10),
};

/** Flips bits at an even or odd place and corrects the TCP checksum as RFC 1624 has it. */
function mend(frame: Uint8Array, at: number, bits: number): void {
  const view = new DataView(frame.buffer);
  const word = at & ~1;
  const before = view.getUint16(word);
  frame[at]! ^= bits;
  let sum = (~view.getUint16(50) & 0xffff) + (~before & 0xffff) + view.getUint16(word);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(50, ~sum & 0xffff);
}

/** Likewise, in a header with options. */
const FAULTS_OF_OPTIONS: typeof FAULTS = {
  "a timestamp that is none": (frame) => mend(frame, 56, 1),
  "an echo of what nobody has sent": (frame) => mend(frame, 64, 0x40),
};
const CASES = [
  ...Object.entries(FAULTS).map((fault) => ["S3", ...fault] as const),
  ...Object.entries(FAULTS_OF_OPTIONS).map((fault) => ["S3-options", ...fault] as const),
];

describe("the judge notices", () => {
  for (const [name, what, spoil] of CASES) {
    test(what, () => {
      const scenario = SCENARIOS.find((one) => one.name === name)!;
      let count = 0;
      const judge = verify(buildLinger(), scenario, (frame) => {
        // The first one with text, behind the handshake.
        if (frame.length > 1000 && count++ === 0) spoil(frame);
        return frame;
      });
      assert.notEqual(judge.complaints.length, 0);
    });
  }
});
