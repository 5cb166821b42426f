/**
 * Port scans and odd segments by nmap and hping3: Linger must go on serving, trap nowhere, leave no
 * control block behind, and answer nothing that is broken.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { startEcho } from "../../../hal/host/apps/index.ts";
import { endOf, octets, receiveAll, receiveHash, sha256, until } from "../traffic.ts";
import { inNamespace, LINGER, Rig } from "./rig.ts";

const run = promisify(execFile);
const ECHO_PORT = 7;
const TOOL_TIMEOUT_MS = 60_000;
/**
 * How often hping3 sends each kind, or until it has seen as many segments of Linger's, any at all.
 */
const ODD_COUNT_MAX = 200;

async function nmap(...args: string[]): Promise<string> {
  // Neither names nor a ping first, no waiting for what was lost: nothing is lost here.
  const always = ["-n", "-Pn", "--disable-arp-ping", "--max-retries", "1", "-T5"];
  const { stdout } = await run("nmap", [...always, ...args, LINGER], { timeout: TOOL_TIMEOUT_MS });
  return stdout;
}

/** hping3 exits with 1 when nothing answers, which is often right. */
async function hping(...args: string[]): Promise<void> {
  const all = ["-q", "-n", "-c", `${ODD_COUNT_MAX}`, "-i", "u500", ...args, LINGER];
  await run("hping3", all, { timeout: TOOL_TIMEOUT_MS }).catch(
    (error: Error & { code?: unknown }) => {
      assert.equal(error.code, 1, `hping3 ${args.join(" ")}: ${error.message}`);
    },
  );
}

/**
 * What hping3 throws: control bits that do not go together, wrong lengths, wrong sums, fragments.
 */
const ODD: Readonly<Record<string, readonly string[]>> = {
  "every control bit": ["-p", "7", "-S", "-A", "-F", "-P", "-U", "-R"],
  "SYN and FIN": ["-p", "7", "-S", "-F"],
  "SYN and RST": ["-p", "7", "-S", "-R"],
  "no control bit": ["-p", "7"],
  "reserved bits": ["-p", "7", "-S", "-X", "-Y"],
  "SYN with data": ["-p", "7", "-S", "-d", "400"],
  "ACK to nowhere": ["-p", "++1", "-A", "-d", "100"],
  "FIN to nowhere": ["-p", "++1", "-F"],
  "RST to nowhere": ["-p", "++1", "-R"],
  "source port 0": ["-s", "0", "-k", "-p", "7", "-S"],
  "a bad checksum": ["-p", "7", "-S", "--badcksum"],
  "a data offset of 0": ["-p", "7", "-S", "-O", "0"],
  "a data offset beyond the segment": ["-p", "7", "-S", "-O", "15"],
  "a window of 0": ["-p", "7", "-S", "-w", "0"],
  fragments: ["-p", "7", "-S", "-d", "600", "-f"],
  "an IP header with options": ["-p", "7", "-S", "-G"],
  "another protocol": ["--rawip", "--ipproto", "200", "-d", "300"],
  "ICMP of all kinds": ["--icmp", "--icmptype", "5", "--force-icmp"],
  "ICMP unreachable": ["--icmp", "--icmptype", "3", "--icmpcode", "3", "--force-icmp"],
  "a spoofed source: Linger itself": ["-a", LINGER, "-p", "7", "-S"],
  "a spoofed source: broadcast": ["-a", "10.9.0.255", "-p", "7", "-S"],
  "a spoofed source: multicast": ["-a", "224.0.0.1", "-p", "7", "-S"],
  "UDP to nowhere": ["--udp", "-p", "9", "-d", "50"],
};

/** What Linger must have counted. */
const SEEN = [
  "DROP_TCP_CHECKSUM",
  "DROP_TCP_HEADER",
  "DROP_FRAGMENT_TINY",
  "DROP_IP_SOURCE",
  "DROP_IP_PROTOCOL",
  "RESETS_OUT",
] as const;

describe("hostile traffic", inNamespace, () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.open();
    startEcho(rig.stack);
  });
  after(() => rig.close());

  /** A real client, right now. */
  async function isServed(): Promise<void> {
    const data = octets(6, 50_000);
    const client = rig.kernelConnect(ECHO_PORT);
    const end = endOf(client);
    client.end(data);
    const { hash, length } = await receiveHash(receiveAll(client));
    assert.deepEqual({ hash, length }, { hash: sha256(data), length: data.length });
    assert.equal(await end, "CLOSED");
  }

  test("a SYN scan finds the one open port, all others closed", async () => {
    const output = await nmap("-sS", "-p", "1-2000");
    assert.match(output, /^7\/tcp\s+open\s+echo$/m);
    assert.match(output, /^Not shown: 1999 closed tcp ports \(reset\)$/m);
    await isServed();
  });

  test("scans with odd control bits see what RFC 9293 lets them see", async () => {
    // Without ACK a listening port is silent; ACK is answered by RST there as well (§3.10.7.2).
    for (const scan of ["-sF", "-sN", "-sX"]) {
      const output = await nmap(scan, "-p", "1-50");
      assert.match(output, /^7\/tcp open\|filtered echo$/m, scan);
      assert.match(output, /Not shown: 49 closed tcp ports \(reset\)/, scan);
    }
    assert.match(await nmap("-sM", "-p", "1-50"), /Not shown: 50 closed tcp ports \(reset\)/);
    assert.match(await nmap("-sA", "-p", "1-50"), /Not shown: 50 unfiltered tcp ports \(reset\)/);
    await isServed();
  });

  test("a guess at the operating system, and a scan of protocols, do no harm", async () => {
    await nmap("-O", "--osscan-guess", "--max-os-tries", "1", "-p", "7,9");
    await nmap("-sO", "-p", "1,2,6,17,41,47,132");
    await isServed();
  });

  // hping3 waits a second for answers that must not come; so several at once.
  describe("odd segments", { concurrency: 4 }, () => {
    for (const [what, args] of Object.entries(ODD)) {
      test(what, async () => {
        await Promise.all([hping(...args), isServed()]);
        await isServed();
      });
    }
  });

  test("all of it arrived, and was seen for what it was", () => {
    const counters = rig.stack.counters();
    for (const name of SEEN) assert.ok(counters[name] > 0, name);
  });

  test("what was thrown at it has left no connection behind", async () => {
    const open = () => rig.stack.limits.CONNECTION_COUNT - countFree(rig);
    await until("all connections to be free", open, (count) => count === 0);
  });
});

/** How many connections could be opened now. */
function countFree(rig: Rig): number {
  const opened = [];
  try {
    for (;;) opened.push(rig.stack.connect("10.9.0.1", 1));
  } catch {
    // No TCB is free any more.
  }
  for (const connection of opened) connection.abort();
  return opened.length;
}
