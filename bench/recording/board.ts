/**
 * How many instructions of a Cortex-M3 the firmware of mps2-an385 takes, recorded or not.
 *
 * Used by `npm run recording -- --board` and by a test. All is counted but what sleeps: the module,
 * the loop, the application and the MAC's driver (bench/counted).
 */
import { type CountedEngine, runCounted } from "../counted/firmware.ts";
import { readRecording } from "../../hal/host/recording/index.ts";

/** Octets of each segment that is echoed: full ones, and small ones, where calls cost most. */
export const SEGMENTS = [1460, 32] as const;
/** Where a recording goes: to a port that costs nothing, into memory, out of the board's UART. */
export const SINKS = ["none", "memory", "uart"] as const;

const WARM_UP = 10;
const ORDER = { connections: 1, count: 100, ending: "when done" } as const;

/** Instructions for each segment that is echoed. */
export interface BoardCost {
  readonly off: number;
  readonly on: Readonly<Record<(typeof SINKS)[number], number>>;
}

export function countBoardCost(engine: CountedEngine, octets: number): BoardCost {
  const perSegment = (kind: "plain" | "recorder", sink: (typeof SINKS)[number]): number => {
    const order = { ...ORDER, octets, warmUp: WARM_UP, sink };
    return runCounted(engine, kind, order).instructions / ORDER.count;
  };
  const on = SINKS.map((sink) => [sink, perSegment("recorder", sink)]);
  return { off: perSegment("plain", "none"), on: Object.fromEntries(on) as BoardCost["on"] };
}

/** What a hash of the state takes. */
export function countHash(engine: CountedEngine): number {
  const order = { ...ORDER, octets: 32, warmUp: 0, sink: "memory" } as const;
  const without = runCounted(engine, "recorder", order);
  const hashed = runCounted(engine, "hasher", order);
  const hashes = readRecording(hashed.recording).steps.filter(({ hash }) => hash !== undefined);
  return (hashed.instructions - without.instructions) / hashes.length;
}
