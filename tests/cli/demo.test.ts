/**
 * `linger demo`: every scenario agrees, against the kernel where that is possible and against a
 * second Linger everywhere; its captures tell the same story; it leaves nothing behind.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { findConnections, inferStates } from "../../hal/host/ladder/index.ts";
import { parseProcNetTcp } from "../../hal/host/cli/demo/proc-net-tcp.ts";
import { findNamespace } from "../../hal/host/cli/demo/namespace.ts";
import { SCENARIOS } from "../../hal/host/cli/demo/scenarios.ts";
import { readPcap } from "../../hal/host/wires/index.ts";
import { assertMistake, linger, Running, temporaryFolder } from "./linger.ts";

const possibility = findNamespace();
const skip = "reason" in possibility ? `no kernel as a peer: ${possibility.reason}` : false;

/** The lines of the last table. */
function verdictsOf(stdout: string): string[] {
  return stdout.split("\n").filter((line) => /(agrees|DIFFERS)$/.test(line));
}

/** "Linger: LISTEN → …" lines, by the name of the end, in the order of the scenarios. */
function pathsOf(stdout: string, name: string): string[] {
  const joined = stdout.replaceAll("\n  ", " ");
  const found = joined.matchAll(new RegExp(`^[✓✗] ${name}: ([A-Z].*)$`, "gm"));
  return Array.from(found, ([, path]) => path!);
}

async function playAll(t: TestContext, peer: "kernel" | "linger") {
  const out = temporaryFolder(t);
  const finished = await linger(t, ["demo", "--peer", peer, "--out", out]);
  return { out, ...finished };
}

function assertAllAgree(finished: Awaited<ReturnType<typeof playAll>>): void {
  const { out, code, stdout, stderr } = finished;
  assert.equal(stderr, "");
  assert.equal(code, 0, stdout);
  const verdicts = verdictsOf(stdout);
  assert.deepEqual(
    verdicts.map((line) => line.split(/ {2,}/)[0]),
    SCENARIOS.map(({ title }) => title),
  );
  assert.ok(verdicts.every((line) => line.endsWith("agrees")));
  assert.doesNotMatch(stdout, /✗/);
  assert.match(stdout, new RegExp(`${SCENARIOS.length} of ${SCENARIOS.length} scenarios agree`));
  assert.match(stdout, /TIME-WAIT: [01]\.[0-9] s of 2MSL left/);
  const files = readdirSync(out).sort();
  assert.equal(files.length, SCENARIOS.length);
  for (const file of files) assert.ok(stdout.includes(join(out, file)), file);
  assert.ok(stdout.split("\n").every((line) => line.length <= 100));
}

/**
 * What `linger trace` infers from a capture is what the demonstration saw. Resets, and applications
 * that close at once, do not show on the wire in the same order: those are not compared.
 */
function assertTracesAgree(out: string, stdout: string, peerName: string): void {
  const seen = { left: pathsOf(stdout, "Linger"), right: pathsOf(stdout, peerName) };
  const compared = [
    ...["close-active", "close-passive", "close-simultaneous", "half-close-linger"],
    ...["half-close-peer", "lost-ack", "open-simultaneous"],
  ];
  for (const [index, { name, tuple }] of SCENARIOS.entries()) {
    if (!compared.includes(name)) continue;
    const file = join(out, `${String(index + 1).padStart(2, "0")}-${name}.pcap`);
    const frames = readPcap(file).packets.map(({ timestampNs, frame }) => ({
      timeMs: Number(timestampNs / 1000n) / 1000,
      octets: frame,
    }));
    const [connection] = findConnections(frames).connections;
    const { start, rows } = inferStates(connection!, { traceEndMs: 0 });
    // The capture's left end is who opened, the demonstration's is Linger.
    const sides =
      tuple.client !== "right" ? (["left", "right"] as const) : (["right", "left"] as const);
    for (const [place, side] of sides.entries()) {
      const states = [start[side], ...rows.map(({ states: pair }) => pair[side])];
      const path = states.filter((state, at) => at === 0 || state !== states[at - 1]);
      const shown = (place === 0 ? seen.left : seen.right)[index]!;
      assert.equal(path.join(" → "), shown.replace(/ TIME-WAIT → CLOSED$/, " TIME-WAIT"), name);
    }
  }
}

describe("against a second Linger", () => {
  it("every scenario agrees, and the captures say the same", { timeout: 120_000 }, async (t) => {
    const finished = await playAll(t, "linger");
    assertAllAgree(finished);
    assertTracesAgree(finished.out, finished.stdout, "Linger B");
  });

  it("plays single scenarios", async (t) => {
    const out = temporaryFolder(t);
    const args = ["demo", "--peer", "linger", "--out", out, "--scenario", "refused"];
    const { code, stdout } = await linger(t, [...args, "--scenario", "reset-linger"]);
    assert.equal(code, 0);
    assert.match(stdout, /2 of 2 scenarios agree/);
    assert.deepEqual(readdirSync(out).sort(), ["01-refused.pcap", "02-reset-linger.pcap"]);
  });

  it("is what happens, said in one line, where there is no kernel to be had", async (t) => {
    const out = temporaryFolder(t);
    const env = { ...process.env, PATH: "/nonexistent" };
    const args = ["demo", "--out", out, "--scenario", "refused"];
    const { code, stdout, stderr } = await linger(t, args, { env });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^The Linux kernel cannot be the peer here: [^\n]+\.\n\nLinger \(/);
    const demanded = await linger(t, [...args, "--peer", "kernel"], { env });
    assertMistake(demanded, 1, /no kernel as a peer: /);
  });
});

describe("against the kernel", { skip }, () => {
  const networkOf = () => spawnSync("ip", ["-o", "link"], { encoding: "utf8" }).stdout;

  it("every scenario agrees, the captures say the same, nothing is left", async (t) => {
    const before = networkOf();
    const finished = await playAll(t, "kernel");
    assertAllAgree(finished);
    assertTracesAgree(finished.out, finished.stdout, "Linux");
    assert.equal(networkOf(), before);
  });

  it("ends on SIGINT with all that it started", async (t) => {
    const args = ["demo", "--peer", "kernel", "--out", temporaryFolder(t), "--msl", "120000"];
    const running = new Running(t, args);
    await running.prints(/TIME-WAIT: [0-9.]+ s of 2MSL left/);
    running.child.kill("SIGINT");
    assert.equal((await running.finished).code, 130);
    // Its processes held the pipes open: that they are closed shows that these are gone.
    assert.doesNotMatch(running.stdout, /scenarios agree/);
  });
});

describe("the kernel's table", () => {
  it("is read with half-open, TIME-WAIT and listening entries", () => {
    const row = (local: string, remote: string, state: string): string =>
      `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 0`;
    const text = [
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid",
      row("00000000:0050", "00000000:0000", "0A"),
      row("0100090A:9C41", "0200090A:0007", "06"),
      row("0100090A:1F42", "0200090A:C352", "03"),
      "garbage",
      "",
    ].join("\n");
    const found = parseProcNetTcp(text).map(({ localPort, remoteAddress, remotePort, state }) => {
      return [localPort, remoteAddress, remotePort, state];
    });
    assert.deepEqual(found, [
      [80, 0, 0, "LISTEN"],
      [40_001, 0x0a090002, 7, "TIME-WAIT"],
      [8002, 0x0a090002, 50_002, "SYN-RECEIVED"],
    ]);
  });
});
