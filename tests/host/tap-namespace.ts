/**
 * What `tap.test.ts` runs inside a private network namespace: the TAP wire against the kernel.
 *
 * Never run on its own: it makes and removes interfaces.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { LingerError } from "../../hal/host/errors.ts";
import { Stack } from "../../hal/host/stack.ts";
import type { Wire } from "../../hal/host/wire.ts";
import { openTap } from "../../hal/host/wires/index.ts";

const library = pathToFileURL(join(import.meta.dirname, "../../hal/host/wires/index.ts")).href;
const OUR_MAC = Buffer.from("0200000000aa", "hex");
let tapCount = 0;

const ip = (...args: string[]) => execFileSync("ip", args);

/** A persistent TAP of its own, 10.N.0.1/24 on the kernel's side. */
function newTap(): { name: string; kernel: string; ours: string } {
  const name = `t${++tapCount}`;
  ip("tuntap", "add", "dev", name, "mode", "tap");
  ip("addr", "add", `10.${tapCount}.0.1/24`, "dev", name);
  ip("link", "set", name, "up");
  return { name, kernel: `10.${tapCount}.0.1`, ours: `10.${tapCount}.0.2` };
}

/** Runs a program that opens a wire; it must end by itself. */
function runProgram(body: string, wrap: string[] = []) {
  const program = `import { openTap } from ${JSON.stringify(library)}; ${body}`;
  const node = [process.execPath, "--import", "tsx", "--input-type=module", "-e", program];
  const [command = "", ...args] = [...wrap, ...node];
  return spawnSync(command, args, { encoding: "utf8", timeout: 20_000 });
}

/** Making an interface needs rights; one that exists and has no owner is open to all. */
const PRINT_ERROR = `const opened = await openTap("unmade").catch((error) => error);
  if (opened instanceof Error) console.log(opened.code, opened.message);
  else opened.close();`;

/** What a program is told where /dev/net holds only what `make` puts there. */
function withDevice(make: string, wrap: string[] = []): string {
  const script = `mount -t tmpfs -o mode=755 none /dev/net && ${make}; exec "$@"`;
  return runProgram(PRINT_ERROR, ["unshare", "--mount", "bash", "-c", script, "-", ...wrap]).stdout;
}

function closeOf(wire: Wire): Promise<LingerError | undefined> {
  return new Promise((resolve) => wire.onClose(resolve));
}

/** The frames of one EtherType that the kernel sends. */
function framesOfType(wire: Wire, type: number, count: number): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  return new Promise((resolve) => {
    wire.onFrame((frame) => {
      if (((frame[12]! << 8) | frame[13]!) !== type) return;
      if (frames.push(frame) === count) resolve(frames);
    });
  });
}

/** The answer to an ARP request of the kernel. */
function arpReply(request: Uint8Array): Uint8Array {
  const reply = Buffer.from(request);
  reply.copy(reply, 0, 6, 12);
  OUR_MAC.copy(reply, 6);
  reply.writeUInt16BE(2, 20);
  reply.set(request.subarray(22, 32), 32);
  OUR_MAC.copy(reply, 22);
  reply.set(request.subarray(38, 42), 28);
  return reply;
}

describe("TAP wire", { timeout: 60_000 }, () => {
  const socket = createSocket("udp4");
  after(() => socket.close());

  test("frames go both ways: the kernel asks, takes our answer, sends datagrams", async () => {
    const { name, ours } = newTap();
    const wire = await openTap(name);
    const asked = framesOfType(wire, 0x0806, 1);
    socket.send("first", 9, ours);
    const [request] = await asked;
    const sent = framesOfType(wire, 0x0800, 1);
    assert.equal(wire.send(arpReply(request!)), true);
    const [datagram] = await sent;
    assert.equal(Buffer.from(datagram!.subarray(0, 6)).compare(OUR_MAC), 0);
    assert.equal(Buffer.from(datagram!.subarray(42)).toString(), "first");
    // More than one burst of reading.
    const burst = framesOfType(wire, 0x0800, 600);
    for (let number = 0; number < 600; number++) {
      socket.send(String(number), 9, ours);
      if (number % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
    }
    const texts = (await burst).map((frame) => Buffer.from(frame.subarray(42)).toString());
    assert.deepEqual(
      texts,
      Array.from({ length: 600 }, (_, number) => String(number)),
    );
    wire.close();
    wire.close();
    assert.equal(wire.send(new Uint8Array(60)), true);
  });

  test("a stack answers the kernel's own TCP", async () => {
    const { name, ours } = newTap();
    const stack = Stack.create({ wire: await openTap(name), address: `${ours}/24`, mslMs: 100 });
    stack.listen(7).on("connection", async (connection) => {
      for await (const chunk of connection) await connection.writeAll(chunk);
      connection.closeWrite();
    });
    const client = connect({ host: ours, port: 7 });
    const sent = Buffer.alloc(200_000, "the kernel says hello to Linger. ");
    client.end(sent);
    const chunks: Buffer[] = [];
    client.on("data", (chunk) => chunks.push(chunk));
    await once(client, "close");
    assert.equal(Buffer.concat(chunks).compare(sent), 0);
    stack.close();
    assert.equal(await stack.closed, undefined);
  });

  test("an interface that is down swallows frames, and works again when it is up", async () => {
    const { name, ours } = newTap();
    const wire = await openTap(name);
    ip("link", "set", name, "down");
    assert.equal(wire.send(new Uint8Array(60)), true);
    ip("link", "set", name, "up");
    const asked = framesOfType(wire, 0x0806, 1);
    socket.send("x", 9, ours);
    assert.equal((await asked).length, 1);
    wire.close();
  });

  test("an interface that is removed closes the wire with an error", async () => {
    const { name } = newTap();
    const wire = await openTap(name);
    wire.onFrame(() => undefined);
    const closed = closeOf(wire);
    ip("link", "del", name);
    const error = await closed;
    assert.equal(error?.code, "WIRE_CLOSED");
    assert.equal(error?.message, `the TAP interface ${name} was removed`);
    wire.close();
  });

  test("a name that does not exist yet is made, and goes with the wire", async () => {
    const wire = await openTap("brandnew");
    assert.match(ip("link", "show", "brandnew").toString(), /brandnew/);
    wire.close();
    assert.throws(() => execFileSync("ip", ["link", "show", "brandnew"], { stdio: "ignore" }));
  });

  test("in use, or no TAP at all: each its own line", async () => {
    const { name } = newTap();
    const wire = await openTap(name);
    await assert.rejects(openTap(name), {
      code: "TAP_BUSY",
      message: `the TAP interface ${name} is in use by another process`,
    });
    await assert.rejects(openTap("lo"), { code: "TAP_NAME", message: /is not a TAP interface/ });
    wire.close();
    const again = await openTap(name);
    again.close();
  });

  test("without the rights to make an interface, or without the device", () => {
    const drop = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"];
    const refused = /^TAP_PERMISSION .*ip tuntap add dev unmade mode tap user/;
    assert.match(runProgram(PRINT_ERROR, drop).stdout, refused);
    assert.match(withDevice("true"), /^TAP_MISSING .*\(ENOENT\).*modprobe tun/);
  });

  test("a device that no driver has, or that is closed to the user", (t) => {
    if (process.env["LINGER_TEST_ROOT"] !== "1") return t.skip("device nodes need root");
    // Character devices 240 to 254 are for local use: nothing drives this one.
    const orphan = withDevice("mknod /dev/net/tun c 240 77");
    assert.match(orphan, /^TAP_MISSING .*\(ENXIO\).*modprobe tun/);
    // The device is somebody else's, and root does without its right to open everything: so it can
    // still read the sources, also where nobody else may.
    const caps = "-dac_override,-dac_read_search";
    const unprivileged = ["setpriv", "--bounding-set", caps, "--inh-caps", caps];
    const make = "mknod -m 600 /dev/net/tun c 10 200 && chown 65534 /dev/net/tun";
    const closed = withDevice(make, unprivileged);
    assert.match(closed, /^TAP_PERMISSION no permission to open \/dev\/net\/tun: run as root/);
  });

  test("a process with an open wire ends at once, however it ends", () => {
    const { name } = newTap();
    const open = `const wire = await openTap(${JSON.stringify(name)}); wire.onFrame(() => {});`;
    assert.equal(runProgram(`${open} process.exit(5);`).status, 5);
    assert.equal(runProgram(`${open} setTimeout(() => process.exit(6), 50);`).status, 6);
    assert.equal(runProgram(`${open} setTimeout(() => { throw new Error("x"); }, 50);`).status, 1);
    assert.equal(runProgram(`${open} wire.close();`).status, 0);
    assert.equal(runProgram(`${open} process.kill(process.pid, "SIGTERM");`).signal, "SIGTERM");
  });

  test("several interfaces in one process do not hold up one another", async () => {
    const taps = [newTap(), newTap(), newTap(), newTap(), newTap(), newTap()];
    const wires = await Promise.all(taps.map(({ name }) => openTap(name)));
    const asked = wires.map((wire) => framesOfType(wire, 0x0806, 1));
    for (const { ours } of taps) socket.send("x", 9, ours);
    const frames = await Promise.all(asked);
    frames.forEach(([frame], index) => {
      assert.deepEqual([...frame!.subarray(38, 42)], taps[index]!.ours.split(".").map(Number));
    });
    for (const wire of wires) wire.close();
  });
});
