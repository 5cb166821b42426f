/**
 * How small the pool of an interpreter's image may be: the board tells how much of it was never
 * used, and two more images say whether that is true. One has what is left and starts, the other
 * has a word less and does not.
 *
 * Used by `npm run firmware -- --pools` and by tests.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { buildImages, buildImageWithPool, type BuiltImage } from "./build.ts";
import type { Image } from "./images.ts";
import { prepareBoard, QEMU } from "./machine.ts";
import { makeModulePartition } from "./partitions.ts";

/** The pool is made of these (hal/wamr/src/pool.c). */
const WORD_OCTETS = 8;
/** A board starts in a tenth of it. */
const START_MS = 20_000;
const ENDS = /^linger: (ready|halted)$/m;
const POOL = /pool: (\d+) octets, (\d+) of them never used/;

export interface PoolSize {
  /** What hal/wamr/CMakeLists.txt has. */
  chosen: number;
  /** The least with which the board starts. */
  smallest: number;
}

/** Starts a board without a network; what it said until it was ready or gave up. */
async function boot(built: BuiltImage): Promise<string> {
  const { args, discard } = prepareBoard({
    built,
    module: makeModulePartition(readFileSync(built.module)),
    settings: { ip: "10.9.0.2/24" },
    netdev: "hubport,hubid=0",
    mac: "02:00:00:0a:09:02",
  });
  const board = spawn(QEMU, args, { stdio: ["ignore", "pipe", "ignore"] });
  let log = "";
  try {
    return await new Promise((resolve, reject) => {
      const late = () => reject(new Error(`${built.image.name} does not start: ${log}`));
      const timer = setTimeout(late, START_MS);
      board.on("error", reject);
      board.stdout.on("data", (text: Buffer) => {
        log += text.toString();
        if (!ENDS.test(log)) return;
        clearTimeout(timer);
        resolve(log);
      });
    });
  } finally {
    board.kill("SIGKILL");
    discard();
  }
}

async function starts(image: Image, pool: number): Promise<boolean> {
  const log = await boot(buildImageWithPool(image, pool));
  return ENDS.exec(log)![1] === "ready";
}

/** Finds it; an Error if the board does not start, or has not told the truth. */
export async function findSmallestPool(image: Image): Promise<PoolSize> {
  const log = await boot(buildImages([image])[0]!);
  const [, octets, unused] = POOL.exec(log) ?? [];
  if (octets === undefined) throw new Error(`${image.name} does not start: ${log}`);
  const chosen = Number(octets);
  const smallest = Math.ceil((chosen - Number(unused)) / WORD_OCTETS) * WORD_OCTETS;
  if (!(await starts(image, smallest))) {
    throw new Error(`${image.name} does not start with a pool of ${smallest} octets`);
  }
  if (await starts(image, smallest - WORD_OCTETS)) {
    throw new Error(`${image.name} starts with a pool of less than ${smallest} octets`);
  }
  return { chosen, smallest };
}
