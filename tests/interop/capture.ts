/**
 * What tshark thinks of the frames in a capture: an independent judge of every octet that Linger
 * sent.
 *
 * Used by the interop tests at their end. Looks at Ethernet, ARP, IPv4, ICMP and TCP alone: test
 * data would look like broken messages of the applications above.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

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
  const [numbers, broken] = await Promise.all([
    tshark(path, sent, "-T", "fields", "-e", "frame.number"),
    tshark(path, `${sent} && (${WRONG})`),
  ]);
  return { frameCount: numbers.length, broken };
}
