/**
 * `linger trace FILE.pcap`: the ladder diagram of each connection in a capture, both ends' states
 * inferred from the segments. `linger replay` draws those of a recording with it.
 */
import {
  type Endpoint,
  findConnections,
  formatLadder,
  inferStates,
  type InferredLadder,
  type LadderFrame,
  sequenceBases,
  type TimedFrame,
  type TraceContents,
  type TracedConnection,
} from "../ladder/index.ts";
import { formatFrame, formatIpv4Address, parseFrame } from "../packet/index.ts";
import { LINKTYPE_ETHERNET, type PcapFile, readPcap } from "../wires/pcap.ts";
import {
  type Command,
  CommandError,
  expectPositionals,
  parseCommandLine,
  parseInteger,
} from "./command.ts";
import { terminalColumns } from "./terminal.ts";

const TWO_MSL_DEFAULT_MS = 60_000;
/** Runs of plain data longer than this are cut in the middle unless --all is given. */
const COLLAPSE_AFTER = 16;

export const traceCommand: Command = {
  name: "trace",
  summary: "draw the connections in a capture as ladder diagrams",
  help: `linger trace FILE.pcap [options]

Draws each TCP connection with the states of both ends, inferred from what they sent and received.
Reads captures of Ethernet in the pcap format (tcpdump -w, linger … --pcap).

  --connection N       only the N-th connection
  --absolute           sequence numbers as on the wire; otherwise each end's ISS counts as 0
  --all                every segment of long transfers
  --frames             list every frame in one line each instead of drawing
  --two-msl MS         2MSL that is assumed for the end of TIME-WAIT, 1 to 3600000 (60000)
  --columns N          width, 80 to 400; default: the terminal's, at least 80, or 100`,
  run,
};

export interface TraceView {
  columns: number;
  absolute: boolean;
  all: boolean;
  twoMslMs: number;
  traceEndMs: number;
}

async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(args, {
    connection: { type: "string" },
    absolute: { type: "boolean", default: false },
    all: { type: "boolean", default: false },
    frames: { type: "boolean", default: false },
    "two-msl": { type: "string", default: String(TWO_MSL_DEFAULT_MS) },
    columns: { type: "string" },
  });
  const [path = ""] = expectPositionals(positionals, ["FILE.pcap"]);
  const wanted =
    values.connection === undefined
      ? undefined
      : parseInteger(values.connection, "--connection", { min: 1, max: 1e9 });
  const twoMslMs = parseInteger(values["two-msl"], "--two-msl", { min: 1, max: 3_600_000 });
  const columns =
    values.columns === undefined
      ? terminalColumns()
      : parseInteger(values.columns, "--columns", { min: 80, max: 400 });
  const file = readCapture(path);
  const frames = timedFrames(file);
  if (values.frames) {
    printFrames(frames);
  } else {
    const { absolute, all } = values;
    const view = { columns, absolute, all, twoMslMs, traceEndMs: frames.at(-1)?.timeMs ?? 0 };
    printConnections(findConnections(frames), wanted, view);
  }
  if (file.truncated !== undefined) throw new CommandError(file.truncated);
  return 0;
}

function readCapture(path: string): PcapFile {
  const file = readPcap(path);
  if (file.linkType !== LINKTYPE_ETHERNET) {
    throw new CommandError(`${path} holds no Ethernet frames but link type ${file.linkType}`);
  }
  return file;
}

/** Times count from the first frame. */
function timedFrames(file: PcapFile): TimedFrame[] {
  const startNs = file.packets[0]?.timestampNs ?? 0n;
  return file.packets.map(({ timestampNs, frame }) => ({
    timeMs: Number(timestampNs - startNs) / 1e6,
    octets: frame,
  }));
}

function printFrames(frames: readonly TimedFrame[]): void {
  frames.forEach(({ timeMs, octets }, index) => {
    const number = String(index + 1).padStart(6);
    const seconds = (timeMs / 1000).toFixed(6).padStart(12);
    console.log(`${number} ${seconds} ${formatFrame(parseFrame(octets))}`);
  });
}

export function printConnections(
  contents: TraceContents,
  wanted: number | undefined,
  view: TraceView,
): void {
  const { connections, otherCount, brokenCount, brokenReason } = contents;
  if (wanted !== undefined && wanted > connections.length) {
    throw new CommandError(`there is no connection ${wanted}, only ${connections.length}`);
  }
  connections.forEach((connection, index) => {
    if (wanted === undefined || wanted === index + 1) printConnection(connection, index + 1, view);
  });
  const broken =
    brokenCount === 0 ? "" : `, ${count(brokenCount, "unreadable frame")} (${brokenReason ?? ""})`;
  const found = count(connections.length, "TCP connection");
  console.log(`${found}, ${count(otherCount, "other frame")}${broken}`);
}

function printConnection(connection: TracedConnection, number: number, view: TraceView): void {
  const { twoMslMs: timeWaitMs, traceEndMs } = view;
  const inferred = inferStates(connection, { timeWaitMs, traceEndMs });
  const left = endpointName(connection.left);
  const right = endpointName(connection.right);
  console.log(`Connection ${number}: ${left} → ${right}`);
  console.log(measure(connection));
  console.log();
  const frame: LadderFrame & { collapseAfter?: number } = { left, right, columns: view.columns };
  if (!view.absolute) frame.bases = sequenceBases(connection.segments);
  if (!view.all) frame.collapseAfter = COLLAPSE_AFTER;
  for (const line of formatLadder(inferred.start, inferred.rows, frame)) console.log(line);
  console.log();
  const open = openTimeWait(inferred, timeWaitMs);
  if (open !== undefined) console.log(`${open}\n`);
}

/** TIME-WAIT whose end lies behind the end of the trace. */
function openTimeWait({ rows }: InferredLadder, timeWaitMs: number): string | undefined {
  const last = rows.at(-1)?.states;
  if (last?.left !== "TIME-WAIT" && last?.right !== "TIME-WAIT") return undefined;
  return `The capture ends before TIME-WAIT does (2MSL of ${timeWaitMs / 1000} s assumed).`;
}

function measure(connection: TracedConnection): string {
  const octets = { left: 0, right: 0 };
  for (const { from, segment } of connection.segments) octets[from] += segment.payload.length;
  const first = connection.segments[0]!.frameNumber;
  const segments = `${count(connection.segments.length, "segment")} from frame ${first}`;
  return `${segments}, ${octets.left} octets →, ${octets.right} octets ←`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function endpointName({ address, port }: Endpoint): string {
  return `${formatIpv4Address(address)}:${port}`;
}
