/**
 * The results as docs/goodput.md has them.
 *
 * Called by the command. Formats only.
 */
import {
  limitOf,
  type Measured,
  medianOf,
  OCTETS,
  RTO_MIN_QUICK_MS,
  RTT_MS,
  SEEDS,
} from "./points.ts";
import type { Result } from "./transfer.ts";

/** The table, one row per point; `quick`: the same ones with a shorter time-out. */
export function formatTable(points: readonly Measured[], quick?: readonly Measured[]): string {
  const rows = points.map((point, i) => cellsOf(point, quick?.[i]));
  const names = Object.keys(rows[0]!);
  const lines = [names, names.map(() => "---:"), ...rows.map((row) => Object.values(row))];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function cellsOf(point: Measured, quick: Measured | undefined): Record<string, string> {
  const { ringOctets, loss, required, published, median, least, runs } = point;
  const middle = (valueOf: (run: Result) => number) => format(medianOf(runs, valueOf));
  return {
    rings: format(ringOctets),
    loss: formatLoss(loss),
    required: required === undefined ? "" : format(required),
    median: format(median),
    least: format(least),
    "of ring/RTT": `${((100 * median) / limitOf(ringOctets)).toFixed(1)} %`,
    smoltcp: published === undefined ? "" : format(published),
    "sent again": middle(({ retransmissions }) => retransmissions),
    needlessly: middle(({ spurious }) => spurious),
    "time-outs": middle(({ timeouts }) => timeouts),
    ...(quick === undefined ? {} : { [`${quick.rtoMinMs} ms`]: format(quick.median) }),
  };
}

/** One per cent as "1 %". */
export function formatLoss(loss: number): string {
  return `${Number((100 * loss).toPrecision(6))} %`;
}

/** A whole number, with commas. */
export function format(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** The document. */
export function formatDocument(points: readonly Measured[], quick?: readonly Measured[]): string {
  const octets = format(OCTETS);
  const limits = [32_768, 4_096].map((rings) => format(limitOf(rings)));
  return `# Goodput

Written by \`npm run goodput\`: do not edit it by hand.

One module sends ${octets} octets to another one over a link of ${RTT_MS} ms there and back,
under virtual time. The modules are the stack compiled like a release, with rings of the given
size in each direction. Frames are lost by chance, each direction for itself, SYNs and
acknowledgements as likely as data; the link carries any number of frames at once. Nagle's
algorithm is off, the MSS 1,460, the least retransmission timeout the default of 1,000 ms. The
receiver's application reads at once and compares every octet. The time is from OPEN to the last
octet read.

Octets per second over the seeds ${SEEDS.join(", ")}. What was sent again, and the
retransmission timeouts, are medians of whole transfers.

${formatTable(points, quick)}

- *required*: what the median must reach; \`tests/goodput/goodput.test.ts\` holds it.
- *of ring/RTT*: the most that a window of the ring's size allows is ${limits[0]} octets per
  second with 32,768 octets, ${limits[1]} with 4,096.
- *smoltcp*: what the repository of smoltcp has for the same rings, delay, loss and amount
  (its snapshot \`netsim\`). It was taken with one seed and without congestion control: that
  sender keeps its window full whatever is lost, which a network of many would not bear.
- *needlessly*: segments sent again although a copy had got through.
- *${RTO_MIN_QUICK_MS} ms*: the median with \`RTO_MIN_MS\` set
  to ${RTO_MIN_QUICK_MS}, as Linux has it.

One transfer, frame by frame: \`npm run goodput -- --trace 1 --rings 4096 --loss 0.01\`. The
results as data: \`npm run goodput -- --json FILE\`.
`;
}
