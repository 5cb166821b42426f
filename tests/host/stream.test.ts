/**
 * The stream wire against plain sockets of Node: framing however the stream is cut, absurd lengths,
 * back-pressure, addresses that are taken or where nobody listens, and other ends that go away.
 */
import assert from "node:assert/strict";
import { spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { LingerError } from "../../hal/host/errors.ts";
import type { Wire } from "../../hal/host/wire.ts";
import {
  acceptStream,
  connectStream,
  FrameSplitter,
  listenStream,
} from "../../hal/host/wires/index.ts";

const folder = mkdtempSync(join(tmpdir(), "linger-stream-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let pathCount = 0;
const newPath = () => join(folder, `wire-${++pathCount}`);

function frameOf(length: number, seed = length): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (seed + index * 31) & 0xff);
}

function packed(...frames: Uint8Array[]): Buffer {
  const parts = frames.flatMap((frame) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(frame.length);
    return [length, frame];
  });
  return Buffer.concat(parts);
}

/** Resolves with the first `count` frames of a wire. */
function framesOf(wire: Wire, count: number): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  return new Promise((resolve) => {
    wire.onFrame((frame) => {
      frames.push(frame);
      if (frames.length === count) resolve(frames);
    });
  });
}

function closeOf(wire: Wire): Promise<LingerError | undefined> {
  return new Promise((resolve) => wire.onClose(resolve));
}

/** A wire that listens, and a plain socket connected to it. */
async function wireAndSocket(): Promise<{ wire: Wire; socket: Socket }> {
  const path = newPath();
  const server = await listenStream({ path });
  const socket = connect({ path });
  const wire = await server.accept();
  server.close();
  return { wire, socket };
}

describe("FrameSplitter", () => {
  const frames = [frameOf(60), frameOf(1), frameOf(1514), frameOf(14)];
  const stream = packed(...frames);

  test("gives the same frames wherever the stream is cut in two", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const splitter = new FrameSplitter();
      const seen: Uint8Array[] = [];
      splitter.push(stream.subarray(0, cut), (frame) => seen.push(frame));
      splitter.push(stream.subarray(cut), (frame) => seen.push(frame));
      assert.deepEqual(seen, frames);
      assert.equal(splitter.isMidFrame, false);
    }
  });

  test("gives the same frames octet by octet, and says when it is in the middle of one", () => {
    const splitter = new FrameSplitter();
    const seen: Uint8Array[] = [];
    for (let at = 0; at < stream.length; at++) {
      splitter.push(stream.subarray(at, at + 1), (frame) => seen.push(frame));
      const ends = [64, 69, 1587, 1605];
      assert.equal(splitter.isMidFrame, !ends.includes(at + 1), `after ${at + 1} octets`);
    }
    assert.deepEqual(seen, frames);
  });

  test("refuses a frame of no octets, and one that nobody would send", () => {
    for (const length of [0, 69_633, 0xffffffff]) {
      const header = Buffer.alloc(4);
      header.writeUInt32BE(length);
      const push = () => new FrameSplitter().push(header, () => assert.fail("no frame"));
      assert.throws(push, { code: "WIRE_PROTOCOL", message: new RegExp(`${length} octets`) });
    }
    const seen: number[] = [];
    new FrameSplitter().push(packed(frameOf(69_632)), (frame) => seen.push(frame.length));
    assert.deepEqual(seen, [69_632]);
  });
});

describe("stream wire", { timeout: 20_000 }, () => {
  test("speaks the framing to a plain socket, over unix and TCP", async () => {
    for (const address of [{ path: newPath() }, { port: 0 }]) {
      const server = await listenStream(address);
      const at = server.address;
      const socket = "path" in at ? connect(at.path) : connect(at.port, "127.0.0.1");
      const wire = await server.accept();
      const arrived = framesOf(wire, 2);
      socket.write(packed(frameOf(60), frameOf(1514)));
      assert.deepEqual(await arrived, [frameOf(60), frameOf(1514)]);
      assert.equal(wire.send(frameOf(100)), true);
      assert.equal(wire.send(frameOf(42)), true);
      const expected = packed(frameOf(100), frameOf(42));
      const got: Buffer[] = [];
      while (Buffer.concat(got).length < expected.length) {
        const [chunk] = (await once(socket, "data")) as [Buffer];
        got.push(chunk);
      }
      assert.deepEqual(Buffer.concat(got), expected);
      wire.close();
      server.close();
      await once(socket, "close");
    }
  });

  test("connects two of our own; what was sent before close arrives, then the end", async () => {
    const path = newPath();
    const accepting = acceptStream({ path });
    const near = await connectStream({ path });
    const far = await accepting;
    const arrived = framesOf(far, 150);
    const closed = closeOf(far);
    for (let number = 0; number < 150; number++) assert.ok(near.send(frameOf(1514, number)));
    near.close();
    near.close();
    assert.equal(near.send(frameOf(60)), true);
    const frames = await arrived;
    assert.deepEqual(frames[149], frameOf(1514, 149));
    const error = await closed;
    assert.equal(error?.code, "WIRE_CLOSED");
    assert.match(error?.message ?? "", /went away/);
    assert.equal(existsSync(path), false);
  });

  test("frames that came before onFrame was called are not lost", async () => {
    const { wire, socket } = await wireAndSocket();
    socket.write(packed(frameOf(60)));
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual(await framesOf(wire, 1), [frameOf(60)]);
    wire.close();
  });

  test("says BUSY when the other end does not read, and tells when it drains", async () => {
    const { wire, socket } = await wireAndSocket();
    socket.pause();
    wire.onFrame(() => undefined);
    let sent = 0;
    while (wire.send(frameOf(1514))) {
      sent++;
      if (sent % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.ok(sent < 20_000, "it never says BUSY");
    }
    const drained = new Promise<void>((resolve) => wire.onDrain?.(resolve));
    let octets = 0;
    socket.on("data", (chunk) => (octets += chunk.length));
    socket.resume();
    await drained;
    assert.equal(wire.send(frameOf(1514)), true);
    const closed = once(socket, "close");
    wire.close();
    await closed;
    assert.equal(octets, (sent + 1) * 1518);
  });

  test("nonsense on the stream closes the wire with one clear line", async () => {
    const { wire, socket } = await wireAndSocket();
    const closed = closeOf(wire);
    wire.onFrame(() => assert.fail("no frame"));
    socket.write("GET / HTTP/1.1\r\n\r\n");
    const error = await closed;
    assert.equal(error?.code, "WIRE_PROTOCOL");
    assert.match(error?.message ?? "", /^unix socket .* does not speak length-prefixed frames/);
    await once(socket, "close");
  });

  test("the other end goes away, at a frame's end or in its middle, by FIN or RST", async () => {
    const cases: [(socket: Socket) => void, RegExp][] = [
      [(socket) => socket.end(), /went away$/],
      [(socket) => socket.end(packed(frameOf(60)).subarray(0, 30)), /in the middle of a frame$/],
      [(socket) => socket.destroy(), /went away/],
    ];
    for (const [leave, text] of cases) {
      const { wire, socket } = await wireAndSocket();
      const closed = closeOf(wire);
      wire.onFrame(() => assert.fail("no frame"));
      leave(socket);
      const error = await closed;
      assert.equal(error?.code, "WIRE_CLOSED");
      assert.match(error?.message ?? "", text);
      assert.equal(wire.send(frameOf(60)), true);
    }
    const resets = (socket: Socket) => socket.once("data", () => socket.resetAndDestroy());
    const server = createServer(resets).listen(0, "127.0.0.1");
    await once(server, "listening");
    const wire = await connectStream({ port: (server.address() as AddressInfo).port });
    wire.onFrame(() => undefined);
    wire.send(frameOf(60));
    assert.equal((await closeOf(wire))?.code, "WIRE_CLOSED");
    server.close();
  });

  test("nobody listens, no such file, the address is taken: each its own line", async () => {
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address() as AddressInfo;
    await assert.rejects(listenStream({ port }), { code: "WIRE_IN_USE" });
    await new Promise((resolve) => probe.close(resolve));
    const refused = { code: "WIRE_REFUSED", message: /nobody listens at .*start the other side/ };
    await assert.rejects(connectStream({ port }), refused);
    await assert.rejects(connectStream({ path: newPath() }), refused);
    const file = newPath();
    writeFileSync(file, "not a socket");
    await assert.rejects(listenStream({ path: file }), { code: "WIRE_IN_USE" });
    await assert.rejects(listenStream({ path: join(folder, "no", "where") }), {
      code: "WIRE_FAILED",
    });
    await assert.rejects(listenStream({ host: "192.0.2.1", port: 9 }), { code: "WIRE_FAILED" });
  });

  test("a socket file in use is left alone, a dead process's is replaced", async () => {
    const path = newPath();
    const first = await listenStream({ path });
    await assert.rejects(listenStream({ path }), { code: "WIRE_IN_USE" });
    const client = await connectStream({ path });
    client.close();
    first.close();
    await assert.rejects(first.accept(), { code: "WIRE_CLOSED" });
    // A server in a process that is killed cannot remove its file.
    const program = `require("net").createServer().listen(process.argv[1], () => console.log(1))`;
    const stdio: StdioOptions = ["ignore", "pipe", "inherit"];
    const child = spawn(process.execPath, ["-e", program, path], { stdio });
    assert.ok(child.stdout);
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal(existsSync(path), true);
    const second = await listenStream({ path });
    second.close();
  });

  test("a server gives its clients in order, and closes those that nobody took", async () => {
    const path = newPath();
    const server = await listenStream({ path });
    const pending = server.accept();
    const first = await connectStream({ path });
    const second = await connectStream({ path });
    const third = await connectStream({ path });
    const thirdClosed = closeOf(third);
    third.onFrame(() => undefined);
    first.send(frameOf(61));
    second.send(frameOf(62));
    assert.equal((await framesOf(await pending, 1))[0]?.length, 61);
    assert.equal((await framesOf(await server.accept(), 1))[0]?.length, 62);
    server.close();
    assert.equal((await thirdClosed)?.code, "WIRE_CLOSED");
    first.close();
    second.close();
  });
});
