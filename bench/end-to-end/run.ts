/**
 * `npm run bench -- --end-to-end`: Linger in the host emulator and the Linux kernel over a TAP,
 * beside lwIP, compiled natively, on the same TAP, and beside what the wire itself carries.
 *
 * Called by bench/segment/main.ts, which starts itself again inside a private network. The stations
 * take turns, so that all of them see the same machine; figures are medians of the rounds.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lwipFiles } from "../segment/lwip.ts";
import { BenchError, BUILD, checkNeeds, makeOnce, ROOT, run, runAsync } from "../segment/tools.ts";

const HERE = join(ROOT, "bench/end-to-end");
const DOCUMENT = join(ROOT, "docs/performance.md");
const HEADING = "## End to end";
const IN_NAMESPACE = join(ROOT, "scripts/in-namespace.mjs");
const TAP = "tap0";
const ADDRESS = "10.9.0.2";
const MAC = "02:00:00:0a:09:02";
const ROUNDS = 3;
const OCTETS = 32_000_000;
const CONNECTIONS = 2000;
const FRAMES = 40_000;
/** Datagrams on their way at a time: as many as a window of 32 KB holds. */
const FRAMES_WINDOW = 22;
const TEXT_OCTETS = 1460;

type Station = "linger" | "lwip" | "wire of Node" | "wire";

/** What is measured, of whom, and what a second of it holds. */
interface Measurement {
  name: string;
  load: readonly string[];
  stations: readonly Station[];
  amount: number;
  unit: "MB/s" | "connections/s";
}

const STACKS = ["linger", "lwip"] as const;
const bulk = (what: "send" | "receive", name: string, connections: number): Measurement => ({
  name: `${name}, ${connections === 1 ? "1 connection" : `${connections} connections`}`,
  load: [what, String(connections), String(OCTETS)],
  stations: STACKS,
  amount: OCTETS / 1e6,
  unit: "MB/s",
});
const opening = (connections: number): Measurement => ({
  name: `connections opened and closed, ${connections} at a time`,
  load: ["open", String(connections), String(CONNECTIONS)],
  stations: STACKS,
  amount: CONNECTIONS,
  unit: "connections/s",
});

const MEASUREMENTS: readonly Measurement[] = [
  {
    name: "frames given back without a stack",
    load: ["frames", String(FRAMES_WINDOW), String(FRAMES)],
    stations: ["wire of Node", "wire"],
    amount: (FRAMES * TEXT_OCTETS) / 1e6,
    unit: "MB/s",
  },
  bulk("send", "the kernel sends", 1),
  bulk("send", "the kernel sends", 8),
  bulk("receive", "the kernel receives", 1),
  bulk("receive", "the kernel receives", 8),
  opening(1),
  opening(8),
];

/** By measurement and station. */
type EndToEnd = Record<string, Partial<Record<Station, number>>>;

function buildNative(name: "load" | "station"): string {
  const { files, folders } = lwipFiles();
  const stack = name === "load" ? [] : files.filter((file) => !file.endsWith("segbench.c"));
  const headers = [HERE, ...folders].flatMap((folder) => ["-I", folder]);
  const source = join(HERE, `${name}.c`);
  return makeOnce(`end-to-end-${name}`, [HERE, ...stack, ...folders], () => {
    run("cc", ["-O2", "-w", ...headers, source, ...stack, "-o", join(BUILD, `end-to-end-${name}`)]);
  });
}

function commandOf(station: Station): string[] {
  const script = fileURLToPath(new URL("./linger-station.ts", import.meta.url));
  const node = [process.execPath, "--import", "tsx", script, TAP];
  if (station === "linger") return [...node, "linger"];
  if (station === "wire of Node") return [...node, "wire"];
  return [buildNative("station"), TAP, station];
}

/** Loads a station that is started for this; what a second held. */
async function measureOnce(station: Station, { load, amount }: Measurement): Promise<number> {
  const [program = "", ...args] = commandOf(station);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], cwd: ROOT });
  try {
    const ready = once(child.stdout, "data");
    const ended = once(child, "exit").then(() => Promise.reject(new Error("it has ended")));
    ended.catch(() => undefined);
    await Promise.race([ready, ended]);
    // Once before: link addresses are known then, and Node has compiled what it runs.
    await runAsync(buildNative("load"), [ADDRESS, ...load]);
    const said = await runAsync(buildNative("load"), [ADDRESS, ...load]);
    const seconds = /seconds ([\d.]+)/.exec(said)?.[1];
    if (seconds === undefined) throw new BenchError(said);
    return amount / Number(seconds);
  } catch (error) {
    throw new BenchError(`${station}, ${load.join(" ")}: ${(error as Error).message}`);
  } finally {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** All of it, inside the private network. */
async function measureAll(): Promise<EndToEnd> {
  const neighbour = ["neigh", "replace", ADDRESS, "lladdr", MAC, "dev", TAP, "nud", "permanent"];
  run("ip", neighbour);
  writeFileSync("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535");
  const results: EndToEnd = {};
  for (const measurement of MEASUREMENTS) {
    const figures = new Map<Station, number[]>(measurement.stations.map((name) => [name, []]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const [station, values] of figures) values.push(await measureOnce(station, measurement));
    }
    const medians = [...figures].map(([station, values]) => [station, median(values)]);
    results[measurement.name] = Object.fromEntries(medians) as EndToEnd[string];
  }
  return results;
}

function formatRatio(value: number | undefined, of: number | undefined): string {
  return value === undefined || of === undefined ? "" : (value / of).toFixed(2);
}

/** The section of docs/performance.md. */
function formatSection(results: EndToEnd): string {
  const [limits] = Object.values(results);
  const rows = MEASUREMENTS.slice(1).map(({ name, unit }) => {
    const { linger, lwip } = results[name]!;
    const isBulk = unit === "MB/s";
    const toWires = [
      isBulk ? formatRatio(linger, limits!["wire of Node"]) : "",
      isBulk ? formatRatio(lwip, limits!.wire) : "",
    ];
    return `| ${[name, formatRatio(linger, lwip), ...toWires].join(" | ")} |`;
  });
  const wires = formatRatio(limits!["wire of Node"], limits!.wire);
  return `${HEADING}

Written by \`npm run bench -- --end-to-end\`: Linger in the host emulator (Node, module \`host\`)
and the Linux kernel over a TAP, in a private network; in turn with lwIP, compiled natively by
\`gcc -O2\`, on the same TAP, with windows and send buffers of 32 KB like Linger's. Ratios of what
passes in a second, medians of ${ROUNDS} rounds, each behind one that does not count; higher is
better. The wire's own limit: datagrams of 1,472 octets from the kernel which a program without a
stack gives back at once, ${FRAMES_WINDOW} on their way at a time, by Node through the emulator's
wire and by C. An acknowledgement is shorter than what is given back there, so a stack may exceed
that limit.

| | Linger / lwIP | Linger / Node's wire | lwIP / the wire |
| --- | ---: | ---: | ---: |
${rows.join("\n")}

Node's wire carries ${wires} of what the one in C does.
`;
}

/** The page with this section in the place of the old one. */
export function withSection(page: string, section: string): string {
  const at = page.indexOf(HEADING);
  const rest = at < 0 ? page : page.slice(0, at);
  return `${rest.trimEnd()}\n\n${section}`;
}

/** The section as the page has it, for whoever writes the rest anew; empty if there is none. */
export function readSection(): string {
  const page = readFileSync(DOCUMENT, "utf8");
  const at = page.indexOf(HEADING);
  return at < 0 ? "" : page.slice(at);
}

/** This program again, in a network of its own; its exit status. */
function runInside(args: readonly string[]): number {
  checkNeeds(["namespace", "cc", "dpkg-source"], "end to end");
  // What is built needs the network outside.
  buildNative("load");
  buildNative("station");
  const program = fileURLToPath(new URL("../segment/main.ts", import.meta.url));
  const command = [IN_NAMESPACE, process.execPath, "--import", "tsx", program, ...args];
  const { status } = spawnSync(process.execPath, command, { stdio: "inherit" });
  return status ?? 1;
}

/** Measures, prints, writes the section; the exit status. */
export async function runEndToEnd(
  args: readonly string[],
  writeJson: (data: unknown) => void,
): Promise<number> {
  if (process.env["LINGER_NAMESPACE"] === undefined) return runInside(args);
  const results = await measureAll();
  const section = formatSection(results);
  console.log(section);
  for (const { name, unit } of MEASUREMENTS) {
    const figures = Object.entries(results[name]!);
    const shown = figures.map(([station, value]) => `${station} ${value.toFixed(0)}`);
    console.log(`${name}: ${shown.join(", ")} ${unit}`);
  }
  writeJson({ endToEnd: results });
  writeFileSync(DOCUMENT, withSection(readFileSync(DOCUMENT, "utf8"), section));
  return 0;
}
