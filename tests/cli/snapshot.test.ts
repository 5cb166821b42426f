/**
 * `linger serve --snapshot`: a server that is stopped and started again goes on with its
 * connections, over a UDP wire with a stack of this process, and over TAP with the kernel.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { chargenCycle } from "../../hal/host/apps/chargen.ts";
import { findNamespace } from "../../hal/host/cli/demo/namespace.ts";
import {
  createMemoryPair,
  LingerModule,
  openDatagram,
  readPcap,
  readRecording,
  Replay,
  Stack,
  VirtualClock,
} from "../../hal/host/index.ts";
import { inNamespace } from "./in-namespace.ts";
import { assertMistake, freePorts, linger, receive, Running, temporaryFolder } from "./linger.ts";

const SERVER = "10.9.0.2";
const CLIENT = "10.9.0.1";
const MUCH = 300_000;

const possibility = findNamespace();
const skip = "reason" in possibility ? possibility.reason : false;

interface Sleeper {
  stack: Stack;
  file: string;
  /** Starts the server; `more` stands behind its other options. */
  start: (more?: string[]) => Promise<Running>;
  args: (more?: string[]) => string[];
}

/** A server that can be started again and again at one end of a wire, a stack at the other. */
async function sleeper(t: TestContext, name: string): Promise<Sleeper> {
  const [near, far] = await freePorts();
  const local = { port: near };
  const remote = { host: "127.0.0.1", port: far };
  const wire = await openDatagram({ local, remote });
  const stack = Stack.create({ wire, address: `${CLIENT}/24`, parameters: { rtoMinMs: 200 } });
  t.after(() => stack.close());
  const file = join(temporaryFolder(t), "asleep");
  const options = ["--wire", `udp:${far}:127.0.0.1:${near}`, "--ip", `${SERVER}/24`];
  const args = (more: string[] = []) => ["serve", name, ...options, "--snapshot", file, ...more];
  const start = async (more: string[] = []) => {
    const running = new Running(t, args(more));
    await running.prints(/^serving /m);
    return running;
  };
  return { stack, file, start, args };
}

async function putToSleep(server: Running, count: number): Promise<void> {
  server.child.kill("SIGTERM");
  const { code, stdout, stderr } = await server.finished;
  assert.equal(code, 0, stderr);
  assert.match(stdout, new RegExp(`\\nconnections put to sleep in [^\\n]+: ${count}\\n$`));
}

describe("a server with --snapshot", () => {
  it("echoes on where it was stopped, with data in flight both ways", async (t) => {
    const { stack, file, start } = await sleeper(t, "echo");
    let server = await start();
    const connection = stack.connect(SERVER, 7);
    const text = Buffer.from(Array.from({ length: MUCH }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
    const sent = connection.writeAll(text);
    const parts = [await receive(connection, 50_000)];
    await putToSleep(server, 1);
    assert.ok(existsSync(file));
    assert.ok(connection.status().SEND_QUEUED > 0);
    server = await start();
    await server.prints(/10\.9\.0\.1:[0-9]+ goes on\n/);
    assert.deepEqual([existsSync(file), existsSync(`${file}.used`)], [false, true]);
    parts.push(await receive(connection, MUCH - 50_000));
    assert.ok(Buffer.concat(parts).equals(text));
    await sent;
    connection.closeWrite();
    assert.equal(await connection.receive(), null);
    assert.equal(await connection.ended, "CLOSED");
    await server.prints(new RegExp(`ended: CLOSED, ${MUCH} octets in, ${MUCH} out`));
    // The listener is awake too.
    const next = stack.connect(SERVER, 7);
    await next.writeAll("next");
    assert.equal(String(await receive(next, 4)), "next");
  });

  it("is recorded from where it goes on, and replayed from there", async (t) => {
    const { stack, file, start } = await sleeper(t, "echo");
    const [first, second, pcap] = [`${file}.1.rec`, `${file}.2.rec`, `${file}.pcap`];
    let server = await start(["--record", first]);
    const connection = stack.connect(SERVER, 7);
    const text = Buffer.from("0123456789".repeat(MUCH / 10));
    const sent = connection.writeAll(text);
    const parts = [await receive(connection, 50_000)];
    await putToSleep(server, 1);
    server = await start(["--record", second]);
    parts.push(await receive(connection, MUCH - 50_000));
    assert.ok(Buffer.concat(parts).equals(text));
    await sent;
    await putToSleep(server, 1);
    for (const path of [first, second]) {
      const { code, stdout } = await linger(t, ["replay", path, "--check"]);
      assert.match(stdout, /^(\d+) steps of \1 on the recorded module: as recorded, and [1-9]/);
      assert.equal(code, 0);
    }
    const begin = ["replay", second, "--at", "0", "--show", "hash,tcbs"];
    const { stdout } = await linger(t, begin);
    const { hash } = readRecording(first).steps.at(-1)!;
    assert.match(stdout, new RegExp(`^state ${hash}\n  10\\.9\\.0\\.2:7 - .* ESTABLISHED\n`));
    assert.equal((await linger(t, ["replay", second, "--pcap", pcap])).code, 0);
    for (const [path, count] of [
      [first, 0],
      [second, 1],
    ] as const) {
      const ladder = await linger(t, ["replay", path, "--show", "ladder"]);
      assert.equal(ladder.code, 0);
      assert.equal(
        ladder.stdout.split("\nMSL of 30 s assumed: the recording begins").length,
        1 + count,
      );
    }
    const replay = new Replay(readRecording(second), LingerModule.load("host"));
    replay.seek(Infinity);
    assert.equal(readPcap(pcap).packets.length, replay.frames.length);
    const tiny = fileURLToPath(new URL("../../dist/wasm/linger-tiny.wasm", import.meta.url));
    const other = await linger(t, ["replay", second, "--module", tiny]);
    assertMistake(other, 1, /begins with a snapshot of another module than .*linger-tiny\.wasm/);
  });

  it("goes on with its line where it was stopped", async (t) => {
    const { stack, start } = await sleeper(t, "chargen");
    const server = await start();
    const connection = stack.connect(SERVER, 19);
    const parts = [await receive(connection, 1000)];
    await putToSleep(server, 1);
    await start();
    parts.push(await receive(connection, 100_000));
    const cycle = chargenCycle();
    const expected = Buffer.concat(Array.from({ length: 20 }, () => cycle));
    const all = Buffer.concat(parts);
    assert.ok(all.equals(expected.subarray(0, all.length)));
  });

  it("answers every request over http, the one in the middle too", async (t) => {
    const { stack, start } = await sleeper(t, "http");
    const server = await start();
    const connection = stack.connect(SERVER, 80);
    const request = `GET /status.json HTTP/1.1\r\nHost: ${SERVER}\r\n\r\n`;
    const sent = connection.writeAll(request.repeat(50));
    const parts = [await receive(connection, 70_000)];
    await putToSleep(server, 1);
    await start();
    await sent;
    connection.closeWrite();
    parts.push(Buffer.from(await connection.receiveAll()));
    const answers = Buffer.concat(parts).toString().split("HTTP/1.1 200 OK\r\n");
    assert.equal(answers.length, 1 + 50);
    for (const answer of answers.slice(1)) {
      const [head = "", body = ""] = answer.split("\r\n\r\n");
      assert.match(head, new RegExp(`^Content-Length: ${Buffer.byteLength(body)}\r$`, "m"));
      assert.equal((JSON.parse(body) as { acceptedCount: number }).acceptedCount, 1);
    }
  });

  it("starts anew where there is no snapshot, and never takes one up twice", async (t) => {
    const { stack, file, start, args } = await sleeper(t, "echo");
    let server = await start();
    const connection = stack.connect(SERVER, 7);
    await connection.writeAll("one");
    assert.equal(String(await receive(connection, 3)), "one");
    await putToSleep(server, 1);
    server = await start();
    server.child.kill("SIGKILL"); // as a power cut: what it had taken up is lost
    await server.finished;
    server = await start();
    assert.ok(!existsSync(file));
    await connection.writeAll("two");
    assert.equal(await connection.ended, "RESET"); // nobody knows it any more
    server.child.kill("SIGKILL");
    await server.finished;
    renameSync(`${file}.used`, file);
    const again = await linger(t, args());
    assertMistake(again, 1, /asleep: this is no snapshot, or one that was restored already/);
  });

  it("refuses what does not fit, and leaves it there", async (t) => {
    const { file, start, args } = await sleeper(t, "echo");
    await putToSleep(await start(["--mac", "02:00:00:00:00:07"]), 0);
    const whole = readFileSync(file);
    const refused = async (more: string[], pattern: RegExp): Promise<void> => {
      assertMistake(await linger(t, args(more)), 1, pattern);
    };
    await refused(["--ip", "10.9.0.3/24"], /--ip 10\.9\.0\.2\/24, not 10\.9\.0\.3\/24/);
    await refused(["--mac", "02:00:00:00:00:08"], /--mac 02:00:00:00:00:07, not 02:00:00:00:00:08/);
    await refused(["--profile", "tiny"], /another module or profile/);
    await refused(["--port", "8"], /is of echo on port 7, not of echo on port 8/);
    const other = ["serve", "http", ...args().slice(2), "--port", "7"];
    assertMistake(await linger(t, other), 1, /is of echo on port 7, not of http on port 7/);
    await refused(["--record", "a".repeat(300)], /cannot write the recording .*ENAMETOOLONG/);
    await refused(["--record", `${file}/x`], /cannot write the recording .*ENOTDIR/);
    // Nothing tells that a link leads nowhere until it is opened: the snapshot was taken by then.
    symlinkSync("no/such/folder/x", `${file}.link`);
    await refused(["--record", `${file}.link`], /cannot write .*\.link: ENOENT/);
    assert.ok(readFileSync(file).equals(whole));
    writeFileSync(file, whole.subarray(0, -5));
    await refused([], /the snapshot is damaged/);
    assert.equal(readFileSync(file).length, whole.length - 5);
    const [wire] = createMemoryPair({ clock: new VirtualClock(), latencyMs: 1 });
    writeFileSync(file, Stack.create({ wire, address: `${SERVER}/24` }).snapshot());
    await refused([], /was not made by this version of linger serve/);
  });

  it("needs a file of its own that can be written", async (t) => {
    const wire = ["--wire", "tap:tap0", "--ip", "10.9.0.2/24"];
    const refused = async (args: string[], code: number, pattern: RegExp): Promise<void> => {
      assertMistake(await linger(t, ["serve", ...args, ...wire]), code, pattern);
    };
    await refused(["echo", "--snapshot", "x", "--record", "./x"], 2, /need a file each/);
    await refused(["echo", "--snapshot", "no/such/folder"], 1, /cannot write the snapshot/);
    await refused(["echo", "--snapshot", ""], 2, /--snapshot needs a file name/);
  });

  it("keeps a connection of the kernel", { skip }, async (t) => {
    const folder = temporaryFolder(t);
    const options = "--wire tap:tap0 --ip 10.9.0.2/24 --snapshot $folder/asleep";
    const serve = `
      coproc eval "exec $LINGER serve echo ${options}"
      server=$COPROC_PID; read -r line <&"\${COPROC[0]}"; echo "$line"`;
    const { code, output } = await inNamespace(
      t,
      `folder='${folder}'; head -c ${MUCH} /dev/urandom > $folder/sent
      ${serve}
      exec 3<>/dev/tcp/10.9.0.2/7
      cat $folder/sent >&3 &
      head -c 50000 <&3 > $folder/came
      kill -TERM "$server"; wait "$server"; echo "asleep: $?"; sleep 1
      ${serve}
      timeout 30 head -c $((${MUCH} - 50000)) <&3 >> $folder/came
      exec 3>&-
      cmp $folder/sent $folder/came && echo "the same"
      kill -TERM "$server"; wait "$server"; echo "asleep: $?"`,
    );
    assert.equal(code, 0, output);
    const line = String.raw`serving echo on 10\.9\.0\.2:7 [^\n]+\n`;
    assert.match(output, new RegExp(`^${line}asleep: 0\\n${line}the same\\nasleep: 0\\n$`), output);
  });
});
