/**
 * `npm run recording`: what recording costs, in instructions. On the host: two stacks of the
 * emulator send one another frames through memory, both recorded into files, over the same without.
 * On a board: the firmware of mps2-an385 echoes segments in QEMU, with a recorder and without.
 *
 *     npm run recording                     on the host, each profile and mix, about ten minutes
 *     npm run recording -- --frames 40000   the same with more frames, more exact
 *     npm run recording -- --board          on the Cortex-M3, each engine, less than a minute
 *
 * Exit status 2 for a wrong argument, 1 without valgrind, or without what the firmware needs.
 * `docs/recording.md` has the figures.
 */
import { readOptions, runProgram, UsageError } from "../command.ts";
import { COUNTED_NEEDS } from "../counted/firmware.ts";
import { checkNeeds } from "../segment/tools.ts";
import { countBoardCost, countHash, SEGMENTS, SINKS } from "./board.ts";
import { countCost, MIXES, RECORDED_PROFILES } from "./count.ts";

const FRAMES = 15_000;
const FRAMES_MIN = 1000;
const FRAMES_MAX = 1_000_000;
const USAGE = [
  "npm run recording -- [--frames N | --board]: what recording costs, in instructions per frame,",
  "or per segment that a board echoes",
].join(" ");

/** How many frames; undefined: on a board. */
function readFrames(args: string[]): number | undefined {
  const options = { frames: { type: "string" }, board: { type: "boolean" } } as const;
  const { values } = readOptions({ args, options });
  if (values.board === true) {
    if (values.frames !== undefined) throw new UsageError("--frames is for the host: no --board");
    return undefined;
  }
  const text = values.frames ?? String(FRAMES);
  const frames = /^\d+$/.test(text) ? Number(text) : NaN;
  if (frames >= FRAMES_MIN && frames <= FRAMES_MAX) return frames;
  throw new UsageError(
    `--frames takes a whole number from ${FRAMES_MIN} to ${FRAMES_MAX}, not ${text}`,
  );
}

const number = (value: number): string => Math.round(value).toLocaleString("en-US").padStart(12);
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`.padStart(7);

function printHost(frames: number): void {
  console.log("profile  mix     not recorded      recorded     more");
  for (const profile of RECORDED_PROFILES) {
    for (const mix of MIXES) {
      const { off, on, share } = countCost({ profile, mix, frames });
      const cells = [profile.padEnd(7), mix.padEnd(6), number(off), number(on), percent(share)];
      console.log(cells.join("  "));
    }
  }
}

function printBoard(): void {
  checkNeeds(COUNTED_NEEDS, "--board");
  const sinks = ["recorded", "into memory", "by UART"];
  const heads = sinks.map((head) => `${head.padStart(12)}  ${"more".padStart(7)}`);
  console.log(["engine  octets  not recorded", ...heads].join("  "));
  const engines = ["wasm2c", "fast"] as const;
  for (const engine of engines) {
    for (const octets of SEGMENTS) {
      const { off, on } = countBoardCost(engine, octets);
      const cells = SINKS.map((sink) => `${number(on[sink])}  ${percent(on[sink] / off - 1)}`);
      const head = `${engine.padEnd(6)}  ${String(octets).padStart(6)}  ${number(off)}`;
      console.log([head, ...cells].join("  "));
    }
  }
  for (const engine of engines) {
    console.log(`${engine.padEnd(6)}  a hash of the state: ${number(countHash(engine)).trim()}`);
  }
}

function main(args: string[]): number {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  const frames = readFrames(args);
  if (frames === undefined) printBoard();
  else printHost(frames);
  return 0;
}

await runProgram("recording", main);
