/**
 * `linger run` with the examples: each compiled with the stack into one module, started as a user
 * starts it, and talked to from a stack of the test's own at the other end of its wire.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { listenStream, Stack } from "../../hal/host/index.ts";
import { doctored } from "../host/doctored-module.ts";
import { assertMistake, linger, openFarStack, ROOT, Running, temporaryFolder } from "./linger.ts";

/** A project that has the package installed, as far as asc can tell. */
const project = mkdtempSync(join(tmpdir(), "linger-examples-"));
mkdirSync(join(project, "node_modules"));
symlinkSync(ROOT, join(project, "node_modules/linger-tcp"), "dir");
after(() => rmSync(project, { recursive: true, force: true }));

const compiled = new Set<string>();

/** Compiles an example there, once for each profile, and gives the module's path. */
function compile(name: string, target: "default" | "tiny"): string {
  const module = target === "default" ? `${name}.wasm` : `${name}-${target}.wasm`;
  const path = join(project, name, module);
  if (compiled.has(path)) return path;
  const folder = join(project, name);
  cpSync(join(ROOT, "examples", name), folder, { recursive: true });
  const asc = join(ROOT, "node_modules/assemblyscript/bin/asc.js");
  const done = spawnSync(process.execPath, [asc, "--target", target], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.equal(done.status, 0, done.stderr);
  assert.equal(done.stderr, "", "it compiles without a warning");
  compiled.add(path);
  return path;
}

/** Runs a module, and gives a stack that is its neighbour. */
async function startNeighbour(t: TestContext, module: string, more: string[] = []) {
  const path = join(temporaryFolder(t), "wire");
  const listening = await listenStream({ path });
  t.after(() => listening.close());
  const args = ["run", module, "--wire", `stream:unix:${path}`, "--ip", "10.9.0.2/24", ...more];
  const running = new Running(t, args);
  const stack = Stack.create({ wire: await listening.accept(), address: "10.9.0.1/24" });
  t.after(() => stack.close());
  await running.prints(/^running .* at 10\.9\.0\.2 /);
  return { running, stack };
}

async function exchange(stack: Stack, port: number, text: string): Promise<string> {
  const connection = stack.connect("10.9.0.2", port);
  const received = connection.receiveAll();
  await connection.writeAll(text);
  connection.closeWrite();
  const answer = Buffer.from(await received).toString();
  assert.equal(await connection.ended, "CLOSED");
  return answer;
}

it("--snapshot is refused where state is in globals, before anything begins", async (t) => {
  const folder = temporaryFolder(t);
  const module = join(folder, "counting.wasm");
  writeFileSync(module, doctored("countingApplication"));
  const args = ["run", module, "--wire", "tap:tap0", "--ip", "10.9.0.2", "--snapshot"];
  const finished = await linger(t, [...args, join(folder, "asleep")]);
  assertMistake(finished, 1, /counting\.wasm keeps state in globals, which no snapshot holds/);
  assertMistake(await linger(t, [...args, folder]), 1, /cannot write the snapshot/);
});

for (const target of ["default", "tiny"] as const) {
  describe(`the echo example, ${target}`, () => {
    it("echoes on many connections, one after the other and at once", async (t) => {
      const { running, stack } = await startNeighbour(t, compile("echo", target));
      const text = "An echo that fills rings of any size. ".repeat(1000);
      assert.equal(await exchange(stack, 7, text), text);
      for (let round = 0; round < 20; round++) {
        assert.equal(await exchange(stack, 7, `round ${round}`), `round ${round}`);
      }
      const texts = ["a", "b", "c"].map((letter) => letter.repeat(20_000));
      const echoes = await Promise.all(texts.map((one) => exchange(stack, 7, one)));
      assert.deepEqual(echoes, texts);
      running.child.kill("SIGINT");
      const { code, stderr } = await running.finished;
      assert.deepEqual([code, stderr], [0, ""]);
    });
  });

  it(`--snapshot keeps the application and its connections, ${target}`, async (t) => {
    const { stack, wire } = await openFarStack(t);
    const asleep = join(temporaryFolder(t), "asleep");
    const args = ["run", compile("echo", target), "--wire", wire];
    args.push("--ip", "10.9.0.2/24", "--snapshot", asleep);
    let running = new Running(t, args);
    await running.prints(/^running /m);
    const connection = stack.connect("10.9.0.2", 7);
    const text = "An echo that sleeps in between. ".repeat(3000);
    const sent = connection.writeAll(text);
    const chunks: Uint8Array[] = [];
    for (let got = 0; got < text.length; got += chunks.at(-1)!.length) {
      if (chunks.length === 5) {
        running.child.kill("SIGTERM");
        const { code, stdout, stderr } = await running.finished;
        assert.deepEqual([code, stderr], [0, ""]);
        assert.match(stdout, /\nput to sleep in .*asleep\n$/);
        running = new Running(t, args);
      }
      chunks.push((await connection.receive())!);
    }
    await sent;
    assert.ok(chunks.length > 6, "there was more to come after the sleep");
    assert.equal(Buffer.concat(chunks).toString(), text);
    assert.equal(await exchange(stack, 7, "the listener too"), "the listener too");
  });

  it(`--snapshot goes on if it cannot save, and saves if the wire goes, ${target}`, async (t) => {
    const asleep = join(temporaryFolder(t), "asleep");
    const options = ["--snapshot", asleep];
    const { running, stack } = await startNeighbour(t, compile("echo", target), options);
    mkdirSync(`${asleep}.new`);
    running.child.kill("SIGTERM");
    await running.prints(/^linger run: cannot write the snapshot .*: EISDIR.*: it goes on; /m);
    assert.equal(await exchange(stack, 7, "still here"), "still here");
    rmSync(`${asleep}.new`, { recursive: true });
    stack.close();
    const { code, stderr } = await running.finished;
    assert.equal(code, 1);
    assert.match(stderr, /\nlinger run: [^\n]+: put to sleep in [^\n]+asleep\n$/);
    assert.ok(existsSync(asleep));
  });

  it(`--status shows the connections of the application, ${target}`, async (t) => {
    const { running, stack } = await startNeighbour(t, compile("echo", target), ["--status"]);
    const connection = stack.connect("10.9.0.2", 7);
    await connection.writeAll("Hello!");
    assert.equal(Buffer.from((await connection.receive())!).toString(), "Hello!");
    running.child.kill("SIGINT");
    const { code, stderr } = await running.finished;
    assert.equal(code, 0);
    assert.match(stderr, /^status of 10\.9\.0\.2: 1 connection\n/);
    assert.match(stderr, /^ {2}10\.9\.0\.2:7 - 10\.9\.0\.1:[0-9]+ ESTABLISHED\n/m);
    assert.match(stderr, /^ {2}SEGMENTS_IN +[0-9]+$/m);
  });

  describe(`the http example, ${target}`, () => {
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: 10.9.0.2\r\n\r\n`;
    const codes = (answers: string): string[] =>
      Array.from(answers.matchAll(/^HTTP\/1\.1 ([0-9]{3}) /gm), ([, code]) => code!);

    it("answers pages, heads, and what it does not understand", async (t) => {
      const { stack } = await startNeighbour(t, compile("http", target));
      const page = await exchange(stack, 80, get("/"));
      const [head = "", body = ""] = page.split("\r\n\r\n");
      assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
      assert.match(head, new RegExp(`^Content-Length: ${body.length}\r?$`, "m"));
      assert.match(
        body,
        /<h1>Linger<\/h1><p>Up for [0-9]+ s, this is page 1, after [0-9]+ segments; /,
      );
      assert.match(body, /; you are [0-9]{1,4} ms away\.\n<h2>Connections<[^]*\nframes in [1-9]/);
      const onlyHead = await exchange(stack, 80, get("/").replace("GET", "HEAD"));
      assert.match(onlyHead, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/);
      const posted = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
      for (const [request, code] of [
        [get("/nowhere"), "404"],
        [get("/").replace("GET", "BREW"), "405"],
        [get("nowhere"), "400"],
        [posted, "413"],
        [`GET / HTTP/1.1\r\nX: ${"y".repeat(5000)}\r\n\r\n`, "431"],
      ] as const) {
        assert.deepEqual(codes(await exchange(stack, 80, request)), [code]);
      }
    });

    it("keeps connections, takes pipelined requests, and closes when asked to", async (t) => {
      const { stack } = await startNeighbour(t, compile("http", target));
      const many = get("/").repeat(100);
      assert.equal(codes(await exchange(stack, 80, many)).length, 100);
      const last = get("/").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
      assert.deepEqual(codes(await exchange(stack, 80, last + get("/"))), ["200"]);
      assert.deepEqual(codes(await exchange(stack, 80, "GET / HTTP/1.0\r\n\r\n")), ["200"]);
      const visitors = Array.from({ length: 4 }, () => exchange(stack, 80, get("/")));
      for (const answers of await Promise.all(visitors)) assert.deepEqual(codes(answers), ["200"]);
    });
  });
}
