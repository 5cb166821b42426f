/**
 * The results as a table, and as docs/interop.md has them.
 *
 * Called by main.ts. Formats only.
 */
import { describeSwitches, RTO_MIN_MS } from "./grid.ts";
import type { Cell } from "./measure.ts";

const HEAD = [
  "wire",
  "the kernel's switches",
  "Linger sends",
  "ratio",
  "Linger receives",
  "ratio",
  "kernel to kernel",
];

export function formatHead(): string {
  const rule = HEAD.map((_, column) => (column < 2 ? "---" : "---:"));
  return `${formatRow(HEAD)}\n${formatRow(rule)}`;
}

/** Ratios are those of the same direction, over the same wire. */
export function formatCell({ wire, switches, linger, kernel }: Cell): string {
  const kernelBoth = `${megabytes(kernel.toNear)}, ${megabytes(kernel.toFar)}`;
  return formatRow([
    wire.short,
    describeSwitches(switches),
    megabytes(linger.toNear),
    (linger.toNear / kernel.toNear).toFixed(2),
    megabytes(linger.toFar),
    (linger.toFar / kernel.toFar).toFixed(2),
    kernelBoth,
  ]);
}

function formatRow(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function megabytes(octetsPerSecond: number): string {
  return (octetsPerSecond / 1e6).toPrecision(3);
}

/** The document. */
export function formatDocument(cells: readonly Cell[], length: number): string {
  return `# Interoperation with the Linux kernel

Written by \`npm run interop -- --full\`: do not edit it by hand.

${length / 1e6} MB each way at once between Linger and the Linux kernel over TAP, for each
combination of the kernel's switches \`tcp_sack\`, \`tcp_timestamps\`, \`tcp_window_scaling\` and
\`tcp_ecn\`; the hashes of both ends agreed, and what the SYNs agreed on was what the switches say.
Linger asks for ECN where the kernel does, and offers the rest always. Beside it, in the same run,
the same between two kernels, each in a network of its own, whose frames the host emulator relays
over the same wire: losses by the same chances, from the same seeds. The bad wires mark each
hundredth frame of a connection that can be marked.

Goodput is in MB per second, from the start to the last octet at the receiver's application; the
ratio is to kernel to kernel in the same direction. The kernels use Reno; the least retransmission
timeout is ${RTO_MIN_MS} ms on all sides. Linger's window is at most its ring of 32 KB. Over the
clean wire nothing waits but for the processor: there the emulator with its stack in Node is
compared with a mere relay in Node; each figure is the median of five transfers in turns. The bad
wires delay each frame by 1 ms, and hold the reordered ones for 3 ms more; each figure is one
transfer, so that rows differ by chance, too.

${formatHead()}
${cells.map(formatCell).join("\n")}

With 1 MB the same grid is a part of \`npm test\` (lane \`interop-kernel\`), opened by either side.
`;
}
