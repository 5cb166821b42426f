/**
 * `linger demo`: Linger against a real TCP. Where a private network namespace with a TAP can be
 * made the peer is the Linux kernel, elsewhere a second Linger on an in-memory wire.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { RealClock } from "../../clock.ts";
import { Stack } from "../../stack.ts";
import {
  type Command,
  CommandError,
  expectPositionals,
  parseCommandLine,
  parseInteger,
  UsageError,
} from "../command.ts";
import { INTERRUPTED } from "../interrupt.ts";
import { terminalColumns } from "../terminal.ts";
import { bridge, HeldWire } from "./held-wire.ts";
import { KernelEnd } from "./kernel-end.ts";
import { LingerEnd } from "./linger-end.ts";
import {
  findNamespace,
  isInside,
  KERNEL_ADDRESS,
  LINGER_ADDRESS,
  openKernelWire,
  runInside,
  watchOutside,
} from "./namespace.ts";
import { playScenario, type Theatre } from "./play.ts";
import { formatVerdicts, type Outcome, wrapText } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";

const MSL_DEFAULT_MS = 1000;
/** Shorter, and TIME-WAIT would end before a lost FIN is sent again: an RTO is 1 s at first. */
const MSL_MIN_MS = 1000;
const OUT_DEFAULT = "linger-demo";

export const demoCommand: Command = {
  name: "demo",
  summary: "show Linger against the Linux kernel: opening, data, every way of closing",
  help: `linger demo [options]

Plays scenarios between Linger and the Linux kernel's own TCP, in a network namespace that is gone
afterwards, and draws each as it happens with the true states of both ends. Needs root or user
namespaces, /dev/net/tun and the program ip; without them a second Linger is the peer.
Exit status: 0 if every scenario ended as it should.

  --peer kernel|linger   who is on the other side; default: the kernel where that is possible
  --scenario NAME        play this one only; may be given several times
  --list                 print the names of the scenarios
  --out DIR              where the captures go (./${OUT_DEFAULT})
  --msl MS               maximum segment lifetime, ${MSL_MIN_MS} to 120000 (${MSL_DEFAULT_MS})
  --columns N            width, 80 to 400; default: the terminal's, at least 80, or 100`,
  run,
};

interface DemoPlan {
  scenarios: readonly Scenario[];
  out: string;
  mslMs: number;
  columns: number;
}

async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(args, {
    peer: { type: "string" },
    scenario: { type: "string", multiple: true },
    list: { type: "boolean" },
    out: { type: "string", default: OUT_DEFAULT },
    msl: { type: "string", default: String(MSL_DEFAULT_MS) },
    columns: { type: "string" },
  });
  expectPositionals(positionals, []);
  if (values.peer !== undefined && values.peer !== "kernel" && values.peer !== "linger") {
    throw new UsageError(`--peer must be kernel or linger, not "${values.peer}"`);
  }
  const plan: DemoPlan = {
    scenarios: chooseScenarios(values.scenario),
    out: values.out,
    mslMs: parseInteger(values.msl, "--msl", { min: MSL_MIN_MS, max: 120_000 }),
    columns:
      values.columns === undefined
        ? terminalColumns()
        : parseInteger(values.columns, "--columns", { min: 80, max: 400 }),
  };
  if (values.list === true) {
    for (const { name, title } of SCENARIOS) console.log(`${name.padEnd(20)}${title}`);
    return 0;
  }
  makeDirectory(plan.out);
  if (isInside()) return playWithKernel(plan);
  if (values.peer === "linger") return playWithLinger(plan);
  const possibility = findNamespace();
  const result = "reason" in possibility ? possibility : await runInside(possibility.unshare);
  if ("exitCode" in result) return result.exitCode;
  if (values.peer === "kernel") throw new CommandError(`no kernel as a peer: ${result.reason}`);
  console.log(`The Linux kernel cannot be the peer here: ${result.reason}.\n`);
  return playWithLinger(plan);
}

function chooseScenarios(names: readonly string[] | undefined): readonly Scenario[] {
  if (names === undefined) return SCENARIOS;
  return names.map((name) => {
    const found = SCENARIOS.find((scenario) => scenario.name === name);
    if (found === undefined) {
      throw new UsageError(`there is no scenario "${name}": linger demo --list names them`);
    }
    return found;
  });
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new CommandError(`cannot make the directory ${path}: ${(error as Error).message}`);
  }
}

async function playWithKernel(plan: DemoPlan): Promise<number> {
  await watchOutside();
  const wire = new HeldWire();
  const tap = await openKernelWire();
  bridge(wire.right, tap);
  const peer = new KernelEnd(KERNEL_ADDRESS);
  const who = "the Linux kernel of this machine, over a TAP in a network namespace of its own";
  try {
    return await playAll(plan, { wire, peer, peerIsKernel: true, who });
  } finally {
    peer.close();
    tap.close();
  }
}

async function playWithLinger(plan: DemoPlan): Promise<number> {
  const wire = new HeldWire();
  const { mslMs } = plan;
  const stack = Stack.create({ wire: wire.right, address: `${KERNEL_ADDRESS}/24`, mslMs });
  const peer = new LingerEnd("Linger B", stack);
  const who = "a second Linger, over a wire in this process's memory";
  try {
    return await playAll(plan, { wire, peer, peerIsKernel: false, who });
  } finally {
    stack.close();
  }
}

type Opposite = Pick<Theatre, "wire" | "peer" | "peerIsKernel"> & { who: string };

async function playAll(plan: DemoPlan, opposite: Opposite): Promise<number> {
  const { wire, peer, peerIsKernel, who } = opposite;
  const { mslMs, columns, scenarios } = plan;
  const clock = new RealClock();
  const stack = Stack.create({ wire: wire.left, address: `${LINGER_ADDRESS}/24`, mslMs, clock });
  const linger = new LingerEnd("Linger", stack);
  const print = (line: string): void => console.log(line.trimEnd());
  const theatre: Theatre = {
    wire,
    linger,
    peer,
    peerIsKernel,
    clock,
    twoMslMs: 2 * mslMs,
    columns,
    print,
  };
  const interrupted = (): void => process.exit(INTERRUPTED);
  process.on("SIGINT", interrupted);
  printIntroduction(theatre, who);
  const outcomes: Outcome[] = [];
  const files: string[] = [];
  for (const [index, scenario] of scenarios.entries()) {
    const number = String(index + 1);
    printHeading(theatre, scenario, `${number}/${scenarios.length}`);
    const path = join(plan.out, `${number.padStart(2, "0")}-${scenario.name}.pcap`);
    outcomes.push(await playScenario(theatre, scenario, path));
    files.push(path);
  }
  stack.close();
  process.off("SIGINT", interrupted);
  printSummary(theatre, outcomes, files);
  return outcomes.every(({ agrees }) => agrees) ? 0 : 1;
}

function printIntroduction(theatre: Theatre, who: string): void {
  const { print, columns, linger, peer, twoMslMs } = theatre;
  const paragraphs = [
    `Linger (${linger.address}) meets ${who} (${peer.address}).`,
    "Every segment is held on the wire while the true states of both ends are read, then it goes " +
      "on. A line shows the sender's state after the segment left and the receiver's after it " +
      "arrived; ·· stands at the end that it left earlier or has not reached yet, × where it was " +
      "lost. Sequence numbers count from 100 on the left and from 300 on the right, as in the " +
      "figures of RFC 9293.",
    `Linger's MSL is ${twoMslMs / 2000} s for this show, so its TIME-WAIT lasts ` +
      `${twoMslMs / 1000} s; its default is 30 s, Linux has 60 s for the whole of TIME-WAIT.`,
  ];
  for (const paragraph of paragraphs) {
    for (const line of [...wrapText(paragraph, columns), ""]) print(line);
  }
}

function printHeading({ print, columns }: Theatre, scenario: Scenario, number: string): void {
  print("═".repeat(columns));
  print(`${number}  ${scenario.title}`);
  for (const line of wrapText(scenario.about, columns)) print(line);
  print("");
}

function printSummary(theatre: Theatre, outcomes: Outcome[], files: string[]): void {
  const { print, columns, linger, peer } = theatre;
  print("═".repeat(columns));
  print(`End states of ${linger.name} / ${peer.name}:`);
  for (const line of formatVerdicts(outcomes)) print(line);
  print("");
  const agreeing = outcomes.filter(({ agrees }) => agrees).length;
  print(`${agreeing} of ${outcomes.length} scenarios agree.`);
  print("");
  print("Captures, for linger trace, tshark or Wireshark:");
  for (const file of files) print(`  ${file}`);
}
