/**
 * How many instructions of a Cortex-M3 the firmware of mps2-an385 takes to put a stack away and to
 * take it up again.
 *
 * Used by `npm run snapshots -- --board` and by a test. Counted from just before the snapshot is
 * made until it is in the flash, and from power-on's look for one until the receive slots are the
 * MAC's; the flash is memory, so its own time is not in it (bench/counted).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CountedEngine, runCounted } from "../counted/firmware.ts";

/** What the stack holds: connections, and whether each has echoed. */
export const BOARD_LOADS = [
  { what: "no connection", connections: 0, echoes: false },
  { what: "1, idle", connections: 1, echoes: false },
  { what: "1, echo", connections: 1, echoes: true },
  { what: "4, idle", connections: 4, echoes: false },
  { what: "4, echo", connections: 4, echoes: true },
] as const;

/** An echo leaves so many octets in each ring. */
const ECHO_OCTETS = 1000;

export interface SleepCost {
  /** Of the snapshot. */
  readonly octets: number;
  /** Instructions. */
  readonly save: number;
  readonly resume: number;
}

/** Puts the stack away, and takes it up in another run of QEMU. */
export function countSleep(
  engine: CountedEngine,
  { connections, echoes }: (typeof BOARD_LOADS)[number],
): SleepCost {
  const folder = mkdtempSync(join(tmpdir(), "linger-sleep-"));
  try {
    const store = join(folder, "flash");
    const order = {
      ...{ connections, octets: ECHO_OCTETS, warmUp: 0, count: echoes ? connections : 0 },
      sink: "none",
    } as const;
    const asleep = runCounted(engine, "sleeper", { ...order, ending: "asleep" }, store);
    const octets = /asleep: a snapshot of (\d+) octets/.exec(asleep.said)?.[1];
    const awake = runCounted(engine, "sleeper", { ...order, ending: "awake" }, store);
    if (octets === undefined || !awake.said.includes("awake: the snapshot was taken up")) {
      throw new Error(`${engine} did not sleep: ${asleep.said} ${awake.said}`);
    }
    const [save, resume] = [asleep.instructions, awake.instructions];
    return { octets: Number(octets), save, resume };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
