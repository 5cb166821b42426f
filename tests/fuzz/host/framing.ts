/**
 * The framing of the stream wire: frames come out as they went in, however the stream is cut, and
 * a length that cannot be is refused.
 *
 * An input is the stream in hex, then where it is cut. Used by the command and the tests.
 */
import { LingerError } from "../../../hal/host/errors.ts";
import { WIRE_FRAME_OCTETS_MAX } from "../../../hal/host/wire.ts";
import { FrameSplitter } from "../../../hal/host/wires/index.ts";
import type { Random } from "../random.ts";
import { describe, type HostTarget, mutate } from "./target.ts";

const LENGTH_OCTETS = 4;
const FRAMES_MAX = 6;
const FRAME_OCTETS_MAX = 90;
const CUTS_MAX = 12;

export const framingTarget: HostTarget = {
  name: "framing",
  perMillion: 5_000,
  make: (random: Random) => {
    const parts: Buffer[] = [];
    for (let i = random.below(FRAMES_MAX); i >= 0; i--) {
      const frame = Buffer.alloc(random.below(FRAME_OCTETS_MAX), i + 1);
      const length = Buffer.alloc(LENGTH_OCTETS);
      const lies = [
        0,
        frame.length + 1,
        WIRE_FRAME_OCTETS_MAX,
        WIRE_FRAME_OCTETS_MAX + 1,
        2 ** 32 - 1,
      ];
      length.writeUInt32BE(random.oneIn(9) ? random.pick(lies) : frame.length);
      parts.push(length, frame);
    }
    const whole = Buffer.concat(parts);
    const stream = random.oneIn(3) ? mutate(whole, random) : whole;
    const cuts = Array.from({ length: random.below(CUTS_MAX) }, () =>
      random.below(stream.length + 1),
    );
    return [Buffer.from(stream).toString("hex"), ...cuts.sort((a, b) => a - b)].join(" ");
  },
  attempt: async (input) => {
    const [hex = "", ...cuts] = input.split(" ");
    const stream = Buffer.from(hex, "hex");
    const expected = splitPlainly(stream);
    const frames: string[] = [];
    const splitter = new FrameSplitter();
    let refused = false;
    try {
      let from = 0;
      for (const to of [...cuts.map(Number), stream.length]) {
        splitter.push(stream.subarray(from, to), (frame) => {
          frames.push(Buffer.from(frame).toString("hex"));
        });
        from = to;
      }
    } catch (error) {
      if (!(error instanceof LingerError) || error.code !== "WIRE_PROTOCOL") return describe(error);
      refused = true;
    }
    if (refused !== expected.isAbsurd) return `refused: ${refused}, absurd: ${expected.isAbsurd}`;
    if (frames.join() !== expected.frames.join()) {
      return `${frames.length} frames came out of ${expected.frames.length}, or others`;
    }
    if (refused || splitter.isMidFrame === expected.isMidFrame) return undefined;
    return `in the middle of a frame: ${splitter.isMidFrame}`;
  },
};

/** The same by the plainest means: on the whole stream. */
function splitPlainly(stream: Buffer): {
  frames: string[];
  isAbsurd: boolean;
  isMidFrame: boolean;
} {
  const frames: string[] = [];
  let at = 0;
  while (stream.length - at >= LENGTH_OCTETS) {
    const length = stream.readUInt32BE(at);
    if (length === 0 || length > WIRE_FRAME_OCTETS_MAX) {
      return { frames, isAbsurd: true, isMidFrame: true };
    }
    const end = at + LENGTH_OCTETS + length;
    if (end > stream.length) break;
    frames.push(stream.subarray(at + LENGTH_OCTETS, end).toString("hex"));
    at = end;
  }
  return { frames, isAbsurd: false, isMidFrame: at < stream.length };
}
