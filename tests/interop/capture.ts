/**
 * The capture of an interop test, and what tshark thinks of the frames in it: an independent judge
 * of every octet that Linger sent.
 *
 * Used by all rigs of the interop tests. Looks at Ethernet, ARP, IPv4, ICMP and TCP alone: test
 * data would look like broken messages of the applications above.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Clock, PcapWriter, recordWire, type Wire } from "../../hal/host/index.ts";
import { findUnseen } from "./seen.ts";

const run = promisify(execFile);
const OUTPUT_OCTETS_MAX = 64 * 1024 * 1024;

const CHECKSUMS = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"];
/** Test data stays data, whatever port it comes from. */
const PLAIN = ["-d", "tcp.port==1-65535,echo"];
/** What no sender of frames should be told. A bad checksum is no error in tshark's own terms. */
const WRONG = [
  "_ws.malformed",
  "_ws.expert.severity == error",
  'ip.checksum.status == "Bad"',
  'tcp.checksum.status == "Bad"',
  'icmp.checksum.status == "Bad"',
  "ip.len > 1500",
].join(" || ");

/** The recorder sees all that Linger gets: Linger cannot know of data that it has not seen. */
const UNSEEN = "tcp.analysis.ack_lost_segment";
const NUMBERS = ["-T", "fields", "-e", "frame.number"];

async function tshark(path: string, filter: string, ...args: string[]): Promise<string[]> {
  const options = { maxBuffer: OUTPUT_OCTETS_MAX };
  const all = ["-n", "-r", path, ...CHECKSUMS, ...PLAIN, "-Y", filter, ...args];
  const { stdout } = await run("tshark", all, options);
  return stdout.split("\n").filter((line) => line !== "");
}

/** How many frames came from a station, and a line for each of them that is broken. */
export async function inspectCapture(
  path: string,
  mac: string,
): Promise<{ frameCount: number; broken: string[] }> {
  const sent = `eth.src == ${mac}`;
  const [numbers, broken, doubtful] = await Promise.all([
    tshark(path, sent, ...NUMBERS),
    tshark(path, `${sent} && (${WRONG})`),
    tshark(path, `${sent} && ${UNSEEN}`, ...NUMBERS),
  ]);
  for (const number of findUnseen(path, doubtful.map(Number))) {
    broken.push(`${number} acknowledges what was never sent`);
  }
  return { frameCount: numbers.length, broken };
}

/** Records a wire in a folder of its own, from the stack's point of view: nothing is lost later. */
export class Capture {
  readonly wire: Wire;
  readonly #writer: PcapWriter;
  readonly #folder: string;

  /** Takes the wire as it comes from the peer; impairments belong around `this.wire`. */
  constructor(inner: Wire, clock: Clock) {
    this.#folder = mkdtempSync(join(tmpdir(), "linger-capture-"));
    this.#writer = new PcapWriter(join(this.#folder, "capture.pcap"), { clock });
    this.wire = recordWire(inner, this.#writer);
  }

  /** Once the wire is closed: fails if a frame from `mac` is broken, or if there is none. */
  async judge(mac: string): Promise<void> {
    const { frameCount, broken } = await inspectCapture(this.#writer.path, mac);
    rmSync(this.#folder, { recursive: true });
    assert.ok(frameCount > 0, "Linger sent nothing");
    assert.deepEqual(broken, []);
  }
}
