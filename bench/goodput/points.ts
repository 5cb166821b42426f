/**
 * What is measured, and what must come of it: rings and losses, each over the same seeds.
 *
 * Called by the command and by tests/goodput.
 */
import { moduleWithRings } from "./modules.ts";
import { ONE_WAY_MS, type Result, transfer } from "./transfer.ts";

export const RTT_MS = 2 * ONE_WAY_MS;
/** 10 MiB, as in smoltcp's test. */
export const OCTETS = 10 * 2 ** 20;
export const SEEDS: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/** Measured beside the default least retransmission timeout: what Linux takes. */
export const RTO_MIN_QUICK_MS = 200;

export interface Point {
  ringOctets: number;
  /** The probability that a frame is lost, in each direction. */
  loss: number;
  /** Octets per second that the median must reach. */
  required?: number;
  /** Octets per second of smoltcp, as its repository has them. */
  published?: number;
}

/** What a window of the ring's size allows. */
export function limitOf(ringOctets: number): number {
  return (ringOctets * 1000) / RTT_MS;
}

export const POINTS: readonly Point[] = [
  { ringOctets: 32_768, loss: 0, required: 0.985 * limitOf(32_768) },
  { ringOctets: 32_768, loss: 0.01, required: 150_000 },
  { ringOctets: 32_768, loss: 0.1, published: 37_775 },
  { ringOctets: 4_096, loss: 0, required: 0.9 * limitOf(4_096) },
  { ringOctets: 4_096, loss: 0.01, required: 27_000 },
  { ringOctets: 4_096, loss: 0.1, published: 7_871 },
];

export interface Measured extends Point {
  rtoMinMs: number;
  /** Octets per second. */
  median: number;
  least: number;
  /** In the order of their goodput. */
  runs: readonly Result[];
}

export interface Extent {
  octets: number;
  seeds: readonly number[];
  rtoMinMs: number;
}

/** One transfer per seed. */
export function measure(point: Point, { octets, seeds, rtoMinMs }: Extent): Measured {
  const module = moduleWithRings(point.ringOctets);
  const runs = seeds
    .map((seed) => transfer({ module, octets, loss: point.loss, seed, rtoMinMs }))
    .sort((a, b) => a.octetsPerSecond - b.octetsPerSecond);
  return {
    ...point,
    rtoMinMs,
    median: medianOf(runs, ({ octetsPerSecond }) => octetsPerSecond),
    least: runs[0]!.octetsPerSecond,
    runs,
  };
}

/** Whether a point is what it must be. */
export function isReached({ required = 0, median }: Measured): boolean {
  return median >= required;
}

/** The middle one of some values, the lower of two. */
export function medianOf<T>(items: readonly T[], valueOf: (item: T) => number): number {
  const values = items.map(valueOf).sort((a, b) => a - b);
  return values[(values.length - 1) >> 1]!;
}
