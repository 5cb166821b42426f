/**
 * The pcap reader, and what `linger trace` makes of a file: a damaged capture is read as far as it
 * goes or refused in one line, and no frame in it stops the drawing.
 *
 * Used by the command and the tests.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findConnections, formatLadder, inferStates } from "../../../hal/host/ladder/index.ts";
import { formatFrame, parseFrame } from "../../../hal/host/packet/index.ts";
import { type PcapFile, readPcap } from "../../../hal/host/wires/index.ts";
import type { Random } from "../random.ts";
import { CORPUS } from "../stack/captures.ts";
import { describe, type HostTarget, judgeRefusal, mutate } from "./target.ts";

const TIME_WAIT_MS = 60_000;
/** Files above this make the fuzzer slow and find no more. */
const OCTETS_MAX = 6_000;
const FILE_HEADER_OCTETS = 24;
const PACKET_HEADER_OCTETS = 16;

let files: Uint8Array[] | undefined;

function corpus(): Uint8Array[] {
  files ??= readdirSync(CORPUS)
    .filter((name) => name.endsWith(".pcap"))
    .sort()
    .map((name) => readFileSync(join(CORPUS, name)).subarray(0, OCTETS_MAX));
  return files;
}

export const pcapTarget: HostTarget = {
  name: "pcap",
  perMillion: 2_000,
  make: (random: Random) => Buffer.from(mutate(random.pick(corpus()), random)).toString("hex"),
  attempt: async (input) => {
    const octets = Uint8Array.from(Buffer.from(input, "hex"));
    let file: PcapFile;
    try {
      file = readPcap(octets);
    } catch (error) {
      return judgeRefusal(error, ["PCAP_FORMAT"]);
    }
    return judgeFile(file, octets.length) ?? judgeFrames(file);
  },
};

/** What was read is what the file holds: all of it, or up to where it was cut. */
function judgeFile({ packets, truncated }: PcapFile, octets: number): string | undefined {
  const read = packets.reduce(
    (sum, { frame }) => sum + PACKET_HEADER_OCTETS + frame.length,
    FILE_HEADER_OCTETS,
  );
  if (read > octets) return `${read} octets were read from ${octets}`;
  if (read < octets !== (truncated !== undefined)) {
    return `${read} of ${octets} octets were read, and truncated is ${truncated}`;
  }
  return undefined;
}

function judgeFrames({ packets }: PcapFile): string | undefined {
  const startNs = packets[0]?.timestampNs ?? 0n;
  const frames = packets.map(({ timestampNs, frame }) => {
    return { timeMs: Number(timestampNs - startNs) / 1e6, octets: frame };
  });
  try {
    for (const { octets } of frames) formatFrame(parseFrame(octets));
    for (const connection of findConnections(frames).connections) {
      const traceEndMs = frames.at(-1)!.timeMs;
      const { start, rows } = inferStates(connection, { timeWaitMs: TIME_WAIT_MS, traceEndMs });
      formatLadder(start, rows, { left: "left", right: "right", columns: 100 });
    }
  } catch (error) {
    return `a capture cannot be drawn: ${describe(error)}`;
  }
  return undefined;
}
