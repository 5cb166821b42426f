/**
 * `npm run recording`: what recording costs on the host, in instructions per frame: two stacks of
 * the emulator send one another frames through memory, both recorded into files, over the same
 * without.
 *
 *     npm run recording                     each profile and mix, about ten minutes
 *     npm run recording -- --frames 40000   the same with more frames, more exact
 *
 * Exit status 2 for a wrong argument, 1 without valgrind. `docs/recording.md` has the figures.
 */
import { readOptions, runProgram, UsageError } from "../command.ts";
import { countCost, MIXES, RECORDED_PROFILES } from "./count.ts";

const FRAMES = 15_000;
const FRAMES_MIN = 1000;
const FRAMES_MAX = 1_000_000;
const USAGE = "npm run recording -- [--frames N]: what recording costs, in instructions per frame";

function readFrames(args: string[]): number {
  const { values } = readOptions({ args, options: { frames: { type: "string" } } });
  const text = values.frames ?? String(FRAMES);
  const frames = /^\d+$/.test(text) ? Number(text) : NaN;
  if (frames >= FRAMES_MIN && frames <= FRAMES_MAX) return frames;
  throw new UsageError(
    `--frames takes a whole number from ${FRAMES_MIN} to ${FRAMES_MAX}, not ${text}`,
  );
}

function main(args: string[]): number {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  const frames = readFrames(args);
  console.log("profile  mix     instructions  recorded  more");
  for (const profile of RECORDED_PROFILES) {
    for (const mix of MIXES) {
      const { off, on, share } = countCost({ profile, mix, frames });
      const numbers = [Math.round(off).toString().padStart(12), Math.round(on).toString()];
      const cells = [profile.padEnd(7), mix.padEnd(6), numbers[0], numbers[1]!.padStart(8)];
      console.log([...cells, `${(100 * share).toFixed(1)} %`].join("  "));
    }
  }
  return 0;
}

await runProgram("recording", main);
