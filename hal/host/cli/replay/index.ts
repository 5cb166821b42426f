/**
 * `linger replay FILE`: a recording run again, looked at from moment to moment, and compared.
 */
import { createInterface, emitKeypressEvents } from "node:readline";
import { pathToFileURL } from "node:url";
import { VirtualClock } from "../../clock.ts";
import { findConnections } from "../../ladder/index.ts";
import { LingerModule, type Profile } from "../../module.ts";
import { readRecording, type Recording, Replay } from "../../recording/index.ts";
import { PcapWriter } from "../../wires/pcap.ts";
import {
  type Command,
  CommandError,
  expectPositionals,
  parseCommandLine,
  parseInteger,
  UsageError,
} from "../command.ts";
import { formatCounters } from "../status-report.ts";
import { terminalColumns } from "../terminal.ts";
import { printConnections } from "../trace.ts";
import { ReplayBrowser } from "./browser.ts";
import {
  formatDivergence,
  formatPosition,
  formatReplayed,
  formatStep,
  formatTcbs,
} from "./text.ts";

const VIEWS = ["step", "steps", "tcbs", "counters", "frames", "ladder", "hash"] as const;
type View = (typeof VIEWS)[number];

export const replayCommand: Command = {
  name: "replay",
  summary: "run a recording again, look at any moment of it, compare a module with it",
  help: `linger replay FILE [options]

Runs what --record wrote (docs/recording.md) and compares every answer, every frame and every state
hash with the recorded ones. On a terminal, without options, keys move through it back and forth.

  --module FILE.wasm   run it on this module; default: the release module that was recorded
  --at STEP            go no further than this step; default: to the end
  --show LIST          what to show there, separated by commas: any of step, tcbs, counters, hash,
                       and of the way there steps, frames, ladder (step,tcbs)
  --from STEP          with steps and frames: the first one (1)
  --pcap FILE          write the frames so far; opens in Wireshark, tshark and linger trace
  --check              say only whether it went as recorded

Exit status: 0 if everything went as recorded, 1 if not, or if the recording is not whole.`,
  run,
};

interface ReplayPlan {
  at: number;
  from: number;
  views: readonly View[];
  pcap: string | undefined;
}

async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(args, {
    module: { type: "string" },
    at: { type: "string" },
    show: { type: "string" },
    from: { type: "string", default: "1" },
    pcap: { type: "string" },
    check: { type: "boolean", default: false },
  });
  const [file = ""] = expectPositionals(positionals, ["FILE"]);
  const range = { min: 0, max: 1e12 };
  const { at, show, pcap, check } = values;
  const plan: ReplayPlan = {
    at: at === undefined ? Infinity : parseInteger(at, "--at", range),
    from: parseInteger(values.from, "--from", range),
    views: check ? [] : parseViews(show ?? "step,tcbs"),
    pcap,
  };
  const recording = readRecording(file);
  if (plan.at !== Infinity && plan.at > recording.steps.length) {
    throw new CommandError(`${file} has no step ${plan.at}, only ${recording.steps.length}`);
  }
  const replay = new Replay(recording, findModule(recording, values.module));
  const isBare = at === undefined && show === undefined && pcap === undefined && !check;
  if (isBare && process.stdin.isTTY && process.stdout.isTTY) await browse(replay);
  else showReplay(replay, plan);
  if (replay.divergence !== undefined) return 1;
  if (recording.truncated !== undefined) throw new CommandError(recording.truncated);
  return 0;
}

function parseViews(list: string): View[] {
  return list.split(",").map((name) => {
    const view = VIEWS.find((known) => known === name);
    if (view === undefined) {
      throw new UsageError(`--show must be any of ${VIEWS.join(", ")}, not "${name}"`);
    }
    return view;
  });
}

/** The module of `--module`, or the one that was recorded. */
function findModule(recording: Recording, path: string | undefined): LingerModule {
  if (path !== undefined) return LingerModule.load(pathToFileURL(path));
  const found = recordedModule(recording);
  if (found !== undefined) return found;
  const { name, moduleName, moduleSha256 } = recording;
  const build = `${moduleName || "a module"} with the SHA-256 ${moduleSha256.slice(0, 16)}…`;
  throw new CommandError(`${name} was recorded with ${build}: name it with --module FILE.wasm`);
}

/** The release module that was recorded, if it was one of this release. */
function recordedModule({ moduleSha256 }: Recording): LingerModule | undefined {
  for (const profile of ["tiny", "default", "host"] satisfies Profile[]) {
    const module = LingerModule.load(profile);
    if (Buffer.from(module.sha256()).toString("hex") === moduleSha256) return module;
  }
  return undefined;
}

function showReplay(replay: Replay, plan: ReplayPlan): void {
  const { views, from } = plan;
  let compared = 0;
  while (replay.position < plan.at && replay.forward()) {
    const step = replay.lastStep!;
    if (step.hash !== undefined && replay.isSameModule) compared++;
    if (views.includes("steps") && replay.position >= from) {
      const hash = replay.hasTrapped ? "" : ` ${replay.stateHash()}`;
      console.log(formatStep(replay.position, step) + hash);
    }
  }
  for (const view of views) for (const line of viewLines(replay, view, from)) console.log(line);
  if (views.includes("ladder")) printLadder(replay);
  if (plan.pcap !== undefined) writeCapture(replay, plan.pcap);
  for (const line of verdict(replay, compared)) console.log(line);
}

function viewLines(replay: Replay, view: View, from: number): string[] {
  switch (view) {
    case "step":
      return formatPosition(replay);
    case "tcbs":
      return formatTcbs(replay);
    case "counters":
      return replay.hasTrapped ? [] : formatCounters(replay.counters());
    case "hash":
      return replay.hasTrapped ? [] : [`state ${replay.stateHash()}`];
    case "frames":
      return replay.frames
        .filter(({ step }) => step >= from)
        .map((frame) => {
          const seconds = (frame.timeMs / 1000).toFixed(3).padStart(10);
          return `${String(frame.step).padStart(7)} ${seconds} ${formatReplayed(frame)}`;
        });
    case "steps":
    case "ladder":
      return [];
  }
}

function printLadder(replay: Replay): void {
  const sent = replay.frames.filter(({ sent }) => sent);
  const frames = sent.map(({ timeMs, octets }) => ({ timeMs, octets }));
  const init = replay.recording.steps.find(({ call }) => call === "init");
  const [, mslMs = 0] = init?.arguments ?? [];
  printConnections(findConnections(frames), undefined, {
    columns: terminalColumns(),
    absolute: false,
    all: false,
    twoMslMs: 2 * (mslMs === 0 ? 30_000 : mslMs),
    traceEndMs: replay.lastStep?.timeMs ?? 0,
  });
  if (init === undefined) {
    // Only the module knows where in its memory that is.
    console.log("MSL of 30 s assumed: the recording begins later than the stack, and does not say");
  }
}

function writeCapture(replay: Replay, path: string): void {
  const clock = new VirtualClock({ originMs: replay.recording.startMs });
  let failed: Error | undefined;
  const writer = new PcapWriter(path, { clock, onError: (error) => (failed = error) });
  for (const { timeMs, octets, sent } of replay.frames) {
    clock.advanceTo(timeMs);
    if (sent) writer.record(octets);
  }
  writer.close();
  if (failed !== undefined) throw failed;
}

/** How it went, in one line, or in as many as a difference takes. */
function verdict(replay: Replay, compared: number): string[] {
  const { divergence, position, recording, module, isSameModule } = replay;
  const build = isSameModule ? "the recorded module" : `${module.name}, another module`;
  if (divergence === undefined) {
    const hashes = isSameModule ? `, and ${compared} states` : "";
    return [`${position} steps of ${recording.steps.length} on ${build}: as recorded${hashes}`];
  }
  let original: Replay | undefined;
  const recorded = isSameModule ? undefined : recordedModule(recording);
  if (recorded !== undefined) {
    original = new Replay(recording, recorded);
    original.seek(divergence.step);
  }
  return [`${position} steps on ${build}`, ...formatDivergence(replay, original)];
}

/** Keys until the user is done. */
async function browse(replay: Replay): Promise<void> {
  // A terminal that does not know its size says 0.
  const { rows, columns } = process.stdout;
  const size = { rows: rows > 0 ? rows : 24, columns: columns > 0 ? columns : 80 };
  const browser = new ReplayBrowser(replay, size);
  const terminal = createInterface({ input: process.stdin, escapeCodeTimeout: 50 });
  emitKeypressEvents(process.stdin, terminal);
  process.stdin.setRawMode(true);
  const draw = (): void => void process.stdout.write(`\x1b[2J\x1b[H${browser.screen()}\n`);
  draw();
  try {
    await new Promise<void>((resolve) => {
      process.stdin.on(
        "keypress",
        (text: string | undefined, key: { name?: string; ctrl: boolean }) => {
          const isBreak = key.ctrl && (key.name === "c" || key.name === "d");
          if (isBreak || !browser.press(key.name ?? text ?? "")) resolve();
          else draw();
        },
      );
      terminal.once("close", resolve);
    });
  } finally {
    process.stdin.setRawMode(false);
    terminal.close();
  }
}
