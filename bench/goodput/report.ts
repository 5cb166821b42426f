/**
 * The results as docs/goodput.md has them.
 *
 * Called by the command. Formats only.
 */
import { limitOf, type Measured, medianOf, OCTETS, RTT_MS, SEEDS } from "./points.ts";
import type { Result } from "./transfer.ts";

const COLUMNS = [
  "rings",
  "loss",
  "required",
  "median",
  "least",
  "of ring/RTT",
  "smoltcp",
  "sent again",
  "needlessly",
  "time-outs",
];

/** The table, one row per point. */
export function formatTable(points: readonly Measured[]): string {
  const rows = [COLUMNS, COLUMNS.map(() => "---:"), ...points.map(formatPoint)];
  return rows.map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function formatPoint(point: Measured): string[] {
  const middle = (valueOf: (run: Result) => number) => format(medianOf(point.runs, valueOf));
  return [
    format(point.ringOctets),
    formatLoss(point.loss),
    point.required === undefined ? "" : format(point.required),
    format(point.median),
    format(point.least),
    `${((100 * point.median) / limitOf(point.ringOctets)).toFixed(1)} %`,
    point.published === undefined ? "" : format(point.published),
    middle(({ retransmissions }) => retransmissions),
    middle(({ spurious }) => spurious),
    middle(({ timeouts }) => timeouts),
  ];
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
export function formatDocument(points: readonly Measured[]): string {
  return `# Goodput

Written by \`npm run goodput\`: do not edit it by hand.

One module sends ${format(OCTETS)} octets to another one over a link of ${RTT_MS} ms there and back, under
virtual time. The modules are the stack compiled like a release, with rings of the given size in each
direction. Frames are lost by chance, each direction for itself, SYNs and acknowledgements as likely as data;
the link carries any number of frames at once. Nagle's algorithm is off, the MSS 1,460, the least
retransmission timeout the default of 1,000 ms. The receiver's application reads at once and compares every
octet. The time is from OPEN to the last octet read.

Octets per second over the seeds ${SEEDS.join(", ")}; segments sent again, those of them that were not needed (a
copy had got through), and retransmission timeouts are the medians of whole transfers.

${formatTable(points)}

- *required*: what the median must reach, held by \`tests/goodput/goodput.test.ts\`.
- *of ring/RTT*: the most that a window of the ring's size allows is ${format(limitOf(32_768))} octets per second with
  32,768 octets, ${format(limitOf(4_096))} with 4,096.
- *smoltcp*: what the repository of smoltcp has for the same rings, delay, loss and amount
  (\`netsim.snap\`). It was taken with one seed and without congestion control: that sender keeps its
  window full whatever is lost, which a network of many would not bear. The two are no race.

One transfer, frame by frame: \`npm run goodput -- --trace 1 --rings 4096 --loss 0.01\`. The results as data:
\`npm run goodput -- --json FILE\`.
`;
}
