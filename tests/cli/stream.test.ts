/**
 * `linger serve` and `linger connect` over a stream wire on a unix socket: two processes with a
 * stack each, or one process against a stack that the test itself drives.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { type Connection, listenStream, Stack, type Wire } from "../../hal/host/index.ts";
import { findConnections } from "../../hal/host/ladder/index.ts";
import { Flag, type TcpSegment } from "../../hal/host/packet/index.ts";
import { readPcap } from "../../hal/host/wires/index.ts";
import { assertMistake, Running, temporaryFolder } from "./linger.ts";

const SERVER = "10.9.0.2";
const CLIENT = "10.9.0.1";

/** A server process that waits on a socket of its own, and how to reach it. */
function startServer(t: TestContext, name: string, more: string[] = []) {
  const socket = join(temporaryFolder(t), "wire");
  const wire = ["--wire", `stream-listen:unix:${socket}`, "--ip", `${SERVER}/24`];
  const server = new Running(t, ["serve", name, ...wire, ...more]);
  return { server, client: ["--wire", `stream:unix:${socket}`, "--ip", `${CLIENT}/24`] };
}

/** Starts a client as soon as the server's socket is there. */
async function startClient(
  t: TestContext,
  args: string[],
  options: { input?: string | Uint8Array; keepInput?: boolean } = {},
): Promise<Running> {
  const socket = args[args.indexOf("--wire") + 1]!.replace("stream:unix:", "");
  while (!existsSync(socket)) await setTimeout(20);
  return new Running(t, args, options);
}

/** A stack in this process, with a command at the other end of its wire. */
async function startPeer(t: TestContext, args: string[], options = {}) {
  const path = join(temporaryFolder(t), "wire");
  const listening = await listenStream({ path });
  t.after(() => listening.close());
  const command = new Running(
    t,
    [...args, "--wire", `stream:unix:${path}`, "--ip", `${CLIENT}/24`],
    options,
  );
  const wire = await listening.accept();
  return { command, wire };
}

function stackOn(t: TestContext, wire: Wire): Stack {
  const stack = Stack.create({ wire, address: `${SERVER}/24` });
  t.after(() => stack.close());
  return stack;
}

function accept(stack: Stack, port: number): Promise<Connection> {
  return new Promise((resolve) => stack.listen(port).once("connection", resolve));
}

describe("two processes", () => {
  it("echo what stdin gives, and both say how it ended", async (t) => {
    const { server, client } = startServer(t, "echo");
    const args = ["connect", SERVER, "7", ...client, "--verbose"];
    const finished = await (await startClient(t, args, { input: "Hello!\n" })).finished;
    assert.deepEqual([finished.code, finished.stdout], [0, "Hello!\n"]);
    assert.match(finished.stderr, /connected from port [0-9]+\n.*7 closed\n$/);
    await server.prints(/ended: CLOSED, 7 octets in, 7 out/);
    const lost = await server.finished;
    assert.equal(lost.code, 1);
    assert.match(lost.stderr, /^linger serve: [^\n]* went away[^\n]*\n$/);
  });

  it("carry 256 KiB each way through an impaired wire", { timeout: 120_000 }, async (t) => {
    const { server, client } = startServer(t, "echo", ["--impair", "loss=0.01,seed=7", "--quiet"]);
    const data = randomBytes(2 ** 18);
    const running = await startClient(t, ["connect", SERVER, "7", ...client], { input: data });
    const { code } = await running.finished;
    const hash = (octets: Uint8Array) => createHash("sha256").update(octets).digest("hex");
    assert.equal(code, 0);
    assert.equal(running.octets.length, data.length);
    assert.equal(hash(running.octets), hash(data));
    await server.finished;
  });

  it("daytime says one line and closes first", async (t) => {
    const { client } = startServer(t, "daytime");
    const running = await startClient(t, ["connect", SERVER, "13", ...client]);
    const { code, stdout } = await running.finished;
    assert.equal(code, 0);
    assert.match(stdout, /^\w{3}, [0-9]{2} \w{3} [0-9]{4} [0-9:]{8} GMT\r\n$/);
  });

  it("discard takes everything and gives nothing", async (t) => {
    const { server, client } = startServer(t, "discard");
    const input = "x".repeat(100_000);
    const running = await startClient(t, ["connect", SERVER, "9", ...client], { input });
    const { code, stdout } = await running.finished;
    assert.deepEqual([code, stdout], [0, ""]);
    await server.prints(/ended: CLOSED, 100000 octets in, 0 out/);
  });

  it("ping gets answers, and counts those that do not come", async (t) => {
    const { client } = startServer(t, "echo");
    const args = ["ping", SERVER, ...client, "--count", "3", "--interval", "10", "--size", "1472"];
    const { code, stdout } = await (await startClient(t, args)).finished;
    assert.equal(code, 0);
    assert.equal(stdout.match(/^1480 octets from 10\.9\.0\.2: number=[123] time=/gm)?.length, 3);
    assert.match(stdout, /^3 sent, 3 answered, 0% lost, min\/mean\/max /m);
  });

  it("ping without an answer exits with 1", async (t) => {
    const { client } = startServer(t, "echo");
    const args = ["ping", "10.9.0.77", ...client, "--count", "1", "--timeout", "100"];
    const { code, stdout } = await (await startClient(t, args)).finished;
    assert.equal(code, 1);
    assert.match(stdout, /1 sent, 0 answered, 100% lost\n$/);
  });
});

describe("SIGINT", () => {
  it("ends a server with 0: its connections closed, its capture whole", async (t) => {
    const pcap = join(temporaryFolder(t), "serve.pcap");
    const { server, client } = startServer(t, "echo", ["--pcap", pcap]);
    const args = ["connect", SERVER, "7", ...client];
    const running = await startClient(t, args, { input: "Hello!\n", keepInput: true });
    await running.prints(/Hello!/);
    server.child.kill("SIGINT");
    // The server waits for the client to close as well.
    await setTimeout(300);
    running.child.stdin!.end();
    const finished = await server.finished;
    assert.deepEqual([finished.code, finished.stderr], [0, ""]);
    assert.match(finished.stdout, /ended: CLOSED, 7 octets in, 7 out/);
    assert.equal((await running.finished).code, 0);
    const { packets, truncated } = readPcap(pcap);
    assert.equal(truncated, undefined);
    const frames = packets.map(({ frame }, timeMs) => ({ timeMs, octets: frame }));
    const [connection] = findConnections(frames).connections;
    const isFin = ({ flags }: TcpSegment) => (flags & Flag.FIN) !== 0;
    const fins = connection!.segments.filter(({ segment }) => isFin(segment));
    assert.equal(fins[0]?.from, "right", "the server closed");
  });

  it("ends a server that still waits for its wire", async (t) => {
    const { server } = startServer(t, "echo");
    const early = await startWaiting(server);
    assert.deepEqual([early.code, early.stdout, early.stderr], [0, "", ""]);
  });

  it("closes a client's connection and exits with 130", async (t) => {
    const { command, wire } = await startPeer(t, ["connect", SERVER, "80"], { keepInput: true });
    const accepted = accept(stackOn(t, wire), 80);
    const connection = await accepted;
    await connection.writeAll("Hello!");
    await command.prints(/Hello!/);
    command.child.kill("SIGINT");
    assert.equal(await connection.receive(), null);
    connection.closeWrite();
    assert.equal((await command.finished).code, 130);
  });
});

describe("STATUS and counters", () => {
  const STATUS = /^status of 10\.9\.0\.[0-9]: 1 connection\n/m;

  it("a server says them on SIGUSR2, goes on, and with --status at its end", async (t) => {
    const { server, client } = startServer(t, "echo", ["--status"]);
    const args = ["connect", SERVER, "7", ...client, "--status"];
    const running = await startClient(t, args, { input: "Hello!\n", keepInput: true });
    await running.prints(/Hello!/);
    server.child.kill("SIGUSR2");
    await server.prints(/ {2}SEGMENTS_IN +[1-9]/);
    running.child.kill("SIGUSR2");
    await running.prints(/ {2}SEGMENTS_IN +[1-9]/);
    for (const { stderr } of [server, running]) {
      assert.match(stderr, STATUS);
      assert.match(stderr, /10\.9\.0\.[0-9]:[0-9]+ - 10\.9\.0\.[0-9]:[0-9]+ ESTABLISHED\n/);
      assert.match(stderr, / SND\.UNA=ISS\+[18] SND\.NXT=ISS\+8 SND\.WND=[0-9]+ SND\.MSS=1448 /);
      assert.match(stderr, / RCV\.NXT=IRS\+8 RCV\.WND=[0-9]+ .* queued=0\n/);
      assert.match(stderr, / CWND=[0-9]+ SSTHRESH=[0-9]+ SRTT=[0-9]+ms .* retransmits=[0-9]+ /);
      assert.match(stderr, / user timeout 300000 ms, with timestamps \+ window scale \+ sack\n/);
      assert.doesNotMatch(stderr, / 0\n/, "counters of nothing are left out");
    }
    server.child.kill("SIGINT");
    running.child.stdin!.end();
    const [served, connected] = [await server.finished, await running.finished];
    assert.deepEqual([served.code, connected.code], [0, 0]);
    assert.equal(served.stderr.match(new RegExp(STATUS, "gm"))?.length, 2);
    assert.match(connected.stderr, / (TIME-WAIT|LAST-ACK|CLOSED)\n(?: .*\n)* .*ended: CLOSED\n/);
  });

  it("a client says how its connection ended, whose TCB the module has forgotten", async (t) => {
    const args = ["connect", SERVER, "80", "--status"];
    const { command, wire } = await startPeer(t, args, { keepInput: true });
    (await accept(stackOn(t, wire), 80)).abort();
    const { code, stderr } = await command.finished;
    assert.equal(code, 3);
    assert.match(stderr, STATUS);
    assert.match(stderr, / ended: RESET\n/);
    assert.match(stderr, / {2}RESETS_IN +1\n/);
  });
});

/** Interrupts a command again and again until it listens to signals at all. */
async function startWaiting(running: Running) {
  const timer = setInterval(() => running.child.kill("SIGINT"), 1500);
  const finished = await running.finished;
  clearInterval(timer);
  return finished;
}

describe("how a connection ends is the exit status", () => {
  it("3: reset", async (t) => {
    const { command, wire } = await startPeer(t, ["connect", SERVER, "80"], { keepInput: true });
    (await accept(stackOn(t, wire), 80)).abort();
    assertMistake(await command.finished, 3, /10\.9\.0\.2:80 was reset by the other side/);
  });

  it("4: refused", async (t) => {
    const { command, wire } = await startPeer(t, ["connect", SERVER, "81"]);
    stackOn(t, wire);
    assertMistake(await command.finished, 4, /10\.9\.0\.2:81 was refused/);
  });

  it("5: unreachable", { timeout: 60_000 }, async (t) => {
    const args = ["connect", "10.9.0.77", "80", "--timeout", "6000"];
    const { command, wire } = await startPeer(t, args);
    stackOn(t, wire);
    assertMistake(await command.finished, 5, /10\.9\.0\.77:80 .*unreachable/);
  });

  it("6: timed out", { timeout: 60_000 }, async (t) => {
    const args = ["connect", SERVER, "80", "--timeout", "2000"];
    const { command, wire } = await startPeer(t, args, { input: "Hello?", keepInput: true });
    // It takes the connection, then the link swallows all that the client sends.
    const deaf = deafAfterHandshake(wire);
    accept(stackOn(t, deaf), 80).catch(() => undefined);
    assertMistake(await command.finished, 6, /10\.9\.0\.2:80 timed out/);
  });

  it("0: half-closed by stdin's end, all that comes later is still received", async (t) => {
    const { command, wire } = await startPeer(t, ["connect", SERVER, "80"], { input: "done" });
    const connection = await accept(stackOn(t, wire), 80);
    assert.equal(Buffer.from(await connection.receiveAll()).toString(), "done");
    const text = "and the answer comes when all is read\n".repeat(1000);
    await connection.writeAll(text);
    connection.closeWrite();
    const finished = await command.finished;
    assert.deepEqual([finished.code, finished.stdout, finished.stderr], [0, text, ""]);
    assert.equal(await connection.ended, "CLOSED");
  });
});

/** Frames with TCP data from the other side never arrive; the others pass. */
function deafAfterHandshake(inner: Wire): Wire {
  return {
    send: (frame) => inner.send(frame),
    onFrame: (callback) => inner.onFrame((frame) => void (frame.length < 60 && callback(frame))),
    onClose: (callback) => inner.onClose(callback),
    close: () => inner.close(),
  };
}

describe("a wire whose other end goes away", () => {
  const commands: [string, string[], RegExp][] = [
    ["serve", ["serve", "echo"], /^linger serve: [^\n]* went away[^\n]*\n$/],
    ["ping", ["ping", SERVER, "--timeout", "60000"], /^linger ping: [^\n]* went away[^\n]*\n$/],
    ["connect", ["connect", SERVER, "80"], /^linger connect: [^\n]* went away[^\n]*\n$/],
  ];
  for (const [name, args, pattern] of commands) {
    it(`ends ${name} with 1 and one line`, async (t) => {
      const { command, wire } = await startPeer(t, args, { keepInput: true });
      wire.close();
      const finished = await command.finished;
      assert.deepEqual([finished.code, pattern.test(finished.stderr)], [1, true], finished.stderr);
    });
  }

  it("ends an open connection with 1 and one line", async (t) => {
    const { command, wire } = await startPeer(t, ["connect", SERVER, "80"], { keepInput: true });
    const connection = await accept(stackOn(t, wire), 80);
    await connection.writeAll("Hello!");
    await command.prints(/Hello!/);
    wire.close();
    const finished = await command.finished;
    assert.equal(finished.code, 1);
    assert.match(finished.stderr, /^linger connect: [^\n]* went away[^\n]*\n$/);
  });

  it("that talks nonsense ends it as well", async (t) => {
    const { createServer } = await import("node:net");
    const path = join(temporaryFolder(t), "wire");
    const server = createServer((socket) => socket.end(Buffer.alloc(100, 0xff)));
    server.listen(path);
    t.after(() => server.close());
    const args = ["serve", "echo", "--wire", `stream:unix:${path}`, "--ip", `${SERVER}/24`];
    const { code, stderr } = await new Running(t, args).finished;
    assert.equal(code, 1);
    assert.match(stderr, /^linger serve: [^\n]+\n$/);
  });
});
