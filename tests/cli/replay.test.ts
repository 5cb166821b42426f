/**
 * `--record` and `linger replay`: runs recorded by a command or by this process, looked at from
 * moment to moment, compared, and refused where there is something wrong with them.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { ReplayBrowser } from "../../hal/host/cli/replay/browser.ts";
import {
  Flag,
  LingerModule,
  parseFrame,
  readPcap,
  readRecording,
  Replay,
} from "../../hal/host/index.ts";
import { doctored } from "../host/doctored-module.ts";
import { connected, SERVER, twoStacks } from "../host/two-stacks.ts";
import { assertMistake, linger, Running, temporaryFolder } from "./linger.ts";

/** A short conversation under virtual time, its client recorded into a file. */
function record(t: TestContext, module?: Uint8Array): { path: string; folder: string } {
  const folder = temporaryFolder(t);
  const path = join(folder, "run.rec");
  const rig = twoStacks({
    client: { record: { to: path, hashEvery: 10 }, mslMs: 100, ...(module && { module }) },
  });
  const { near, far } = connected(rig);
  near.write("hello");
  rig.clock.advance(1000);
  far.write("world");
  near.closeWrite();
  rig.clock.advance(1000);
  assert.equal(near.read()?.length, 5);
  far.closeWrite();
  rig.clock.advance(1000);
  rig.client.close();
  return { path, folder };
}

describe("--record", () => {
  it("serve and connect over a real wire: both recordings replay to their states", async (t) => {
    const folder = temporaryFolder(t);
    const [socket, one, other] = ["wire", "serve.rec", "connect.rec"].map((n) => join(folder, n));
    const stack = (ip: string, file: string) => ["--ip", ip, "--record", file];
    const wire = `stream-listen:unix:${socket}`;
    const server = new Running(t, ["serve", "echo", "--wire", wire, ...stack(SERVER, one!)]);
    while (!existsSync(socket!)) await setTimeout(20);
    const client = await linger(
      t,
      ["connect", SERVER, "7", "--wire", `stream:unix:${socket}`, ...stack("10.9.0.1", other!)],
      { input: "x".repeat(5000) },
    );
    assert.deepEqual([client.code, client.stdout.length], [0, 5000], client.stderr);
    await server.finished; // its wire has gone away
    for (const path of [one!, other!]) {
      const recording = readRecording(path);
      assert.equal(recording.truncated, undefined);
      assert.equal(recording.moduleName, "linger-host.wasm");
      assert.ok(recording.startMs > 1.7e12, "a real date");
      const replay = new Replay(recording, LingerModule.load("host"));
      replay.seek(Infinity);
      assert.equal(replay.divergence, undefined);
      assert.notEqual(recording.steps.at(-1)!.hash, undefined);
      assert.ok(replay.frames.length > 10);
    }
    const { code, stdout } = await linger(t, ["replay", other!, "--check"]);
    assert.match(
      stdout,
      /^(\d+) steps of \1 on the recorded module: as recorded, and \d+ states\n$/,
    );
    assert.equal(code, 0);
  });

  it("a file that cannot be written is a mistake before anything is opened", async (t) => {
    const args = ["ping", SERVER, "--wire", "stream:unix:/none", "--ip", "10.9.0.1", "--record"];
    const finished = await linger(t, [...args, join(temporaryFolder(t), "no", "x.rec")]);
    assertMistake(finished, 1, /^linger ping: cannot write the recording .*x\.rec: ENOENT/);
    assertMistake(await linger(t, [...args, ""]), 2, /--record needs a file name/);
  });
});

describe("linger replay", () => {
  it("shows a moment: the step, its frames, the connections", async (t) => {
    const { path } = record(t);
    const replay = new Replay(readRecording(path), LingerModule.load("default"));
    replay.seek(Infinity);
    const syn = replay.frames.find(({ octets }) => parseFrame(octets).tcp?.flags === Flag.SYN)!;
    const { code, stdout } = await linger(t, ["replay", path, "--at", String(syn.step)]);
    assert.equal(code, 0);
    assert.match(stdout, /^ +\d+ +\d+\.\d{3} poll\(\d+\) → \d+ ms\n/);
    assert.match(stdout, /─► 10\.9\.0\.1:\d+ → 10\.9\.0\.2:7 <SEQ=\d+><CTL=SYN>/);
    assert.match(stdout, /10\.9\.0\.1:\d+ - 10\.9\.0\.2:7 SYN-SENT/);
    assert.match(stdout, /SND\.UNA=ISS\+0 SND\.NXT=ISS\+1/);
  });

  it("shows every step with the hash of its state, frames, ladder, and writes them", async (t) => {
    const { path, folder } = record(t);
    const pcap = join(folder, "run.pcap");
    const views = ["--show", "steps,frames,ladder,counters,hash", "--pcap", pcap];
    const { code, stdout } = await linger(t, ["replay", path, ...views]);
    assert.equal(code, 0);
    const { steps } = readRecording(path);
    const replay = new Replay(readRecording(path), LingerModule.load("default"));
    for (const line of stdout.split("\n").slice(0, steps.length)) {
      replay.forward();
      assert.match(line, new RegExp(`^ +${replay.position} .* → .* ${replay.stateHash()}$`));
    }
    assert.match(stdout, /setAddress\(10\.9\.0\.1, 24, 0\.0\.0\.0\) → 0/);
    assert.match(stdout, /TIME-WAIT {4}─► <SEQ=7><ACK=7><CTL=ACK>/);
    assert.match(stdout, /^ {2}FRAMES_OUT +\d+$/m);
    assert.match(stdout, new RegExp(`^state ${replay.stateHash()}$`, "m"));
    const frames = readPcap(pcap).packets.map(({ frame }) => Buffer.from(frame).toString("hex"));
    const expected = replay.frames.map(({ octets }) => Buffer.from(octets).toString("hex"));
    assert.deepEqual(frames, expected);
    assert.ok(frames.length > 8);
  });

  it("says where another module first differs, and in which octet", async (t) => {
    const { path, folder } = record(t);
    const module = join(folder, "spoiled.wasm");
    writeFileSync(module, doctored("spoiledCommits"));
    const { code, stdout } = await linger(t, ["replay", path, "--module", module, "--check"]);
    assert.equal(code, 1);
    const [head, what, replayed, octet, recorded] = stdout.split("\n");
    assert.match(head!, /^\d+ steps on .*spoiled\.wasm, another module$/);
    assert.match(what!, /^step \d+ \(poll\) differs: it sends another frame, of 71 octets too$/);
    assert.match(replayed!, /^ {2}replayed: ─► 10\.9\.0\.1:\d+ → 10\.9\.0\.2:7 .*<DATA=5>$/);
    // The checksum of TCP stands in front of the data, at 14 + 20 + 16.
    assert.match(octet!, /^ {2}octet 50 of the frame is [0-9a-f]{2} instead of [0-9a-f]{2}$/);
    assert.match(recorded!, /^ {2}recorded: ─► .*<DATA=5>$/);
  });

  it("asks for the module when it was none of this release", async (t) => {
    const { path } = record(t, doctored("spoiledCommits"));
    const finished = await linger(t, ["replay", path]);
    const text = /run\.rec was recorded with the module with the SHA-256 [0-9a-f]{16}….*--module/;
    assertMistake(finished, 1, text);
  });

  it("refuses what is no recording, or a damaged one, in one line", async (t) => {
    const { path, folder } = record(t);
    const octets = readFileSync(path);
    const bad = join(folder, "bad.rec");
    const damaged = Buffer.from(octets);
    damaged[octets.readUInt16LE(10) + 90]! ^= 1;
    const later = Buffer.from(octets);
    later.writeUInt16LE(3, 8);
    for (const [content, pattern] of [
      [Buffer.from("hello, hello"), /bad\.rec is not a recording of Linger/],
      [Buffer.alloc(0), /bad\.rec is empty/],
      [later, /bad\.rec is a recording of version 3/],
      [damaged, /bad\.rec is damaged behind step \d+/],
    ] as const) {
      writeFileSync(bad, content);
      assertMistake(await linger(t, ["replay", bad]), 1, pattern);
    }
    assertMistake(
      await linger(t, ["replay", join(folder, "none")]),
      1,
      /cannot read .*none: ENOENT/,
    );
    assertMistake(await linger(t, ["replay", "/dev/zero"]), 1, /cannot read \/dev\/zero: .*device/);
  });

  it("replays one that was cut off as far as it goes, and says so", async (t) => {
    const { path, folder } = record(t);
    const cut = join(folder, "cut.rec");
    writeFileSync(cut, readFileSync(path).subarray(0, 700));
    const { code, stdout, stderr } = await linger(t, ["replay", cut, "--check"]);
    assert.match(stdout, /^(\d+) steps of \1 on the recorded module: as recorded/);
    assert.match(
      stderr,
      /^linger replay: .*cut\.rec is cut off, .*: it goes as far as step \d+\n$/,
    );
    assert.equal(code, 1);
  });

  it("refuses wrong options", async (t) => {
    const { path } = record(t);
    const run = (...args: string[]) => linger(t, ["replay", path, ...args]);
    assertMistake(await run("--show", "stars"), 2, /--show must be any of step, steps/);
    assertMistake(await run("--at", "x"), 2, /--at must be a number/);
    assertMistake(await run("--at", "100000"), 1, /has no step 100000, only \d+/);
    assertMistake(await run("--module", "/none.wasm"), 1, /cannot read \/none\.wasm: no such file/);
  });
});

describe("the browser of a replay", () => {
  const WIDE = { rows: 60, columns: 200 };

  /** Presses keys, one after the other, and gives the last screen. */
  function press(browser: ReplayBrowser, ...keys: string[]): string {
    for (const key of keys) assert.equal(browser.press(key), true);
    return browser.screen();
  }

  it("moves by steps, frames and states, back and forth, and to a number", (t) => {
    const recording = readRecording(record(t).path);
    const replay = new Replay(recording, LingerModule.load("default"));
    const browser = new ReplayBrowser(replay, WIDE);
    assert.match(browser.screen(), /^step 0 of \d+ .*\nbefore the first step/);
    assert.match(press(browser, "right"), /^step 1 .*state [0-9a-f]{16}\n +1 +0\.000 init/);
    assert.match(press(browser, "space", "left"), /^step 1 /);
    assert.match(press(browser, "f"), /ARP who has 10\.9\.0\.2/);
    assert.match(press(browser, "f", "f"), /<CTL=SYN>/);
    assert.match(press(browser, "b"), /^step \d+ .*\n.*\n.*◄─ ARP 10\.9\.0\.2 is at/);
    assert.match(press(browser, "s"), / ESTABLISHED\n/);
    assert.match(press(browser, "s"), / FIN-WAIT-1\n/);
    assert.match(press(browser, "9", "g"), /^step 9 /);
    assert.match(press(browser, "1"), /go to step 1 …/);
    assert.match(press(browser, "2", "return"), /^step 12 /);
    assert.match(press(browser, "c"), /FRAMES_OUT/);
    const end = `step ${recording.steps.length} of ${recording.steps.length} `;
    assert.ok(press(browser, "end").startsWith(end));
    assert.ok(press(browser, "pagedown", "right").startsWith(end));
    assert.match(press(browser, "f"), /no more frames/);
    assert.match(press(browser, "d"), /everything is as recorded/);
    assert.match(press(browser, "home", "pageup", "left"), /^step 0 /);
    assert.match(press(browser, "b"), /no frame before/);
    assert.equal(browser.press("q"), false);
  });

  it("goes to the difference, and fits the screen", (t) => {
    const recording = readRecording(record(t).path);
    const replay = new Replay(recording, LingerModule.load(doctored("spoiledCommits")));
    const browser = new ReplayBrowser(replay, WIDE);
    const screen = press(browser, "d");
    assert.match(screen, new RegExp(`^step ${replay.divergence!.step} `));
    assert.match(screen, /differs: it sends another frame/);
    const narrow = new ReplayBrowser(replay, { rows: 10, columns: 40 });
    const small = press(narrow, "end", "c").split("\n");
    // One row is left for the cursor.
    assert.equal(small.length, 9);
    assert.equal(Math.max(...small.map((line) => line.length)), 40);
  });

  it("survives a trap, and the way back from it", (t) => {
    const recording = readRecording(record(t).path);
    const replay = new Replay(recording, LingerModule.load(doctored("trapInCloseWrite")));
    const browser = new ReplayBrowser(replay, WIDE);
    assert.match(press(browser, "end"), /state trapped\n[^]*its connections are gone[^]*it traps/);
    assert.match(press(browser, "left"), /state [0-9a-f]{16}\n[^]* ESTABLISHED\n/);
    assert.match(press(browser, "s"), /changes its state any more/);
  });
});
