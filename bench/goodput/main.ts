/**
 * `npm run goodput`: what two modules get through a lossy link, as a table and in docs/goodput.md.
 *
 *     npm run goodput                           every point, and writes the document
 *     npm run goodput -- --json FILE            and the results as data
 *     npm run goodput -- --rings 4096 --loss 0.01 --seeds 20 --octets 1000000
 *     npm run goodput -- --trace 3 --rings 4096 --loss 0.01
 *
 * The document is written when nothing was narrowed down. The exit status is 1 if a point misses
 * what is required of it, 2 for a wrong argument.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openJson, readOptions, runProgram, UsageError } from "../command.ts";
import { moduleWithRings } from "./modules.ts";
import {
  isReached,
  type Measured,
  measure,
  OCTETS,
  type Point,
  POINTS,
  RTO_MIN_QUICK_MS,
  RTT_MS,
  SEEDS,
} from "./points.ts";
import { format, formatDocument, formatLoss, formatTable } from "./report.ts";
import { formatTraced, Tracer, type TracedFrame } from "./trace.ts";
import { RTO_MIN_DEFAULT_MS, transfer } from "./transfer.ts";

const DOCUMENT = fileURLToPath(new URL("../../docs/goodput.md", import.meta.url));
const OCTETS_MAX = 2 ** 30;
const SEEDS_MAX = 10_000;
/** What `assembly/config.ts` allows. */
const RINGS_MIN = 536;
const RINGS_MAX = 65_535;
const RTO_MIN_MIN_MS = 10;
const RTO_MIN_MAX_MS = 60_000;

interface Arguments {
  json?: string;
  trace?: number;
  rings?: number;
  loss?: number;
  seeds?: number;
  octets?: number;
  "rto-min"?: number;
}

const OPTIONS = {
  json: { type: "string" },
  trace: { type: "string" },
  rings: { type: "string" },
  loss: { type: "string" },
  seeds: { type: "string" },
  octets: { type: "string" },
  "rto-min": { type: "string" },
} as const;

function readArguments(args: string[]): Arguments {
  const { values } = readOptions({ args, options: OPTIONS });
  const read: Arguments = {};
  const integer = (name: Exclude<keyof Arguments, "json" | "loss">, min: number, max: number) => {
    const text = values[name];
    if (text === undefined) return;
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(value >= min && value <= max)) {
      throw new UsageError(`--${name} takes a whole number from ${min} to ${max}, not ${text}`);
    }
    read[name] = value;
  };
  integer("trace", 1, 2 ** 30);
  integer("rings", RINGS_MIN, RINGS_MAX);
  integer("seeds", 1, SEEDS_MAX);
  integer("octets", 1, OCTETS_MAX);
  integer("rto-min", RTO_MIN_MIN_MS, RTO_MIN_MAX_MS);
  if (values.loss !== undefined) {
    const loss = values.loss.trim() === "" ? NaN : Number(values.loss);
    if (!(loss >= 0 && loss < 1)) {
      throw new UsageError(`--loss takes a probability from 0 to below 1, not ${values.loss}`);
    }
    read.loss = loss;
  }
  if (values.json !== undefined) read.json = values.json;
  return read;
}

/** The points of the grid that the arguments leave, or the one that they make. */
function choosePoints({ rings, loss }: Arguments): readonly Point[] {
  const left = POINTS.filter(
    (point) =>
      (rings === undefined || point.ringOctets === rings) &&
      (loss === undefined || point.loss === loss),
  );
  if (left.length > 0) return left;
  return [{ ringOctets: rings ?? POINTS[0]!.ringOctets, loss: loss ?? 0 }];
}

function runGrid(args: Arguments, writeJson: (data: unknown) => void): number {
  const { octets = OCTETS, rings, loss, "rto-min": rtoMinMs = RTO_MIN_DEFAULT_MS } = args;
  const seeds =
    args.seeds === undefined ? SEEDS : Array.from({ length: args.seeds }, (_, i) => i + 1);
  const extent = { octets, seeds, rtoMinMs };
  const points = choosePoints(args);
  const measured = points.map((point) => measure(point, extent));
  const isWhole = [rings, loss, args.seeds, args.octets, args["rto-min"]].every(
    (value) => value === undefined,
  );
  const quick = isWhole
    ? points.map((point) => measure(point, { ...extent, rtoMinMs: RTO_MIN_QUICK_MS }))
    : undefined;
  console.log(formatTable(measured, quick));
  writeJson({ octets, rttMs: RTT_MS, seeds, points: [...measured, ...(quick ?? [])] });
  if (isWhole) writeFileSync(DOCUMENT, formatDocument(measured, quick));
  // A shorter transfer is mostly its own beginning: what is required is required of the whole.
  const missed = octets === OCTETS ? measured.filter((point) => !isReached(point)) : [];
  for (const point of missed) console.error(`goodput: ${describeMiss(point)}`);
  return missed.length === 0 ? 0 : 1;
}

function describeMiss({ ringOctets, loss, median, required = 0 }: Measured): string {
  const where = `rings of ${format(ringOctets)} octets at ${formatLoss(loss)} loss`;
  return `${where}: ${format(median)} octets per second, ${format(required)} are required`;
}

function runTrace(seed: number, args: Arguments, writeJson: (data: unknown) => void): number {
  const [point] = choosePoints(args);
  const { ringOctets, loss } = point!;
  const tracer = new Tracer();
  const frames: TracedFrame[] = [];
  const result = transfer({
    module: moduleWithRings(ringOctets),
    octets: args.octets ?? OCTETS,
    loss,
    seed,
    rtoMinMs: args["rto-min"] ?? RTO_MIN_DEFAULT_MS,
    onFrame: (seen) => {
      const traced = tracer.describe(seen);
      if (args.json !== undefined) frames.push(traced);
      console.log(formatTraced(traced));
    },
  });
  writeJson({ ringOctets, loss, result, frames });
  console.log(
    `${format(result.octetsPerSecond)} octets per second, ${format(result.durationMs)} ms, ` +
      `${result.lost} frames lost, ${result.retransmissions} segments sent again, ` +
      `${result.spurious} of them needlessly, ${result.timeouts} time-outs`,
  );
  return 0;
}

function main(given: string[]): number {
  const args = readArguments(given);
  const writeJson = openJson(args.json);
  return args.trace === undefined
    ? runGrid(args, writeJson)
    : runTrace(args.trace, args, writeJson);
}

// A reader that has seen enough of a trace, `head` for one, is no failure.
process.stdout.on("error", () => process.exit(0));
await runProgram("goodput", main);
