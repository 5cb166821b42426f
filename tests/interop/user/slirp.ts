/**
 * libslirp's TCP as Linger's peer, without any right: QEMU without a guest, its user network joined
 * to a unix socket that carries frames.
 *
 *     Linger ── stream wire ── QEMU: hub ── slirp ── sockets on 127.0.0.1
 *
 * Used by the tests of this folder. slirp's gateway, 10.0.2.2, is this machine's loopback; what
 * connects to a forwarded port of 127.0.0.1 reaches Linger at 10.0.2.15. Every frame is recorded,
 * and `close` has tshark judge those that Linger sent.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  impair,
  type Impairment,
  listenStream,
  RealClock,
  Stack,
} from "../../../hal/host/index.ts";
import { Capture } from "../capture.ts";

const LINGER = "10.0.2.15";
/** slirp, as its guest sees it. */
export const GATEWAY = "10.0.2.2";
export const FORWARDED_PORT = 7;
const MAC = "02:00:00:0a:02:0f";
const PATIENCE_MS = 20_000;
const SUITE_TIMEOUT_MS = 60_000;

export const suite = { timeout: SUITE_TIMEOUT_MS };

/** QEMU's command line: no machine, no devices, two networks on one hub, and a monitor to ask. */
function qemuArguments(socketPath: string): string[] {
  const forward = `hostfwd=tcp:127.0.0.1:0-${LINGER}:${FORWARDED_PORT}`;
  return [
    ...["-M", "none", "-nodefaults", "-display", "none", "-monitor", "stdio"],
    ...["-netdev", `user,id=slirp,net=10.0.2.0/24,${forward}`],
    ...["-netdev", "hubport,id=hub0,hubid=0,netdev=slirp"],
    ...["-netdev", `stream,id=wire,server=off,addr.type=unix,addr.path=${socketPath}`],
    ...["-netdev", "hubport,id=hub1,hubid=0,netdev=wire"],
  ];
}

/** The port of 127.0.0.1 that slirp forwards: it chose a free one, its monitor tells which. */
function askForwardedPort(qemu: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = "";
    const look = (chunk: Buffer) => {
      said += chunk.toString();
      const port = /HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)/.exec(said)?.[1];
      if (port !== undefined) resolve(Number(port));
    };
    qemu.stdout!.on("data", look);
    qemu.stderr!.on("data", look);
    qemu.once("exit", (code) => reject(new Error(`QEMU ended with ${code}: ${said}`)));
    qemu.once("error", reject);
    qemu.stdin!.write("info usernet\n");
  });
}

export class Slirp {
  readonly stack: Stack;
  readonly #forwardedPort: number;
  readonly #qemu: ChildProcess;
  readonly #folder: string;
  readonly #capture: Capture;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  static async open(impairment: Impairment = {}): Promise<Slirp> {
    const folder = mkdtempSync(join(tmpdir(), "linger-slirp-"));
    const clock = new RealClock();
    const server = await listenStream({ path: join(folder, "wire") });
    const qemu = spawn("qemu-system-x86_64", qemuArguments(join(folder, "wire")));
    const timer = setTimeout(() => qemu.kill("SIGKILL"), PATIENCE_MS);
    const [stream, port] = await Promise.all([server.accept(), askForwardedPort(qemu)]);
    clearTimeout(timer);
    server.close();
    const capture = new Capture(stream, clock);
    const both = { inbound: impairment, outbound: impairment };
    const wire = impair(capture.wire, { clock, seed: 2, ...both });
    const options = { wire, address: `${LINGER}/24`, gateway: GATEWAY, mac: MAC, mslMs: 500 };
    return new Slirp(Stack.create(options), { qemu, folder, port, capture });
  }

  private constructor(
    stack: Stack,
    own: { qemu: ChildProcess; folder: string; port: number; capture: Capture },
  ) {
    this.stack = stack;
    this.#qemu = own.qemu;
    this.#folder = own.folder;
    this.#forwardedPort = own.port;
    this.#capture = own.capture;
  }

  /** A socket of this machine whose connection slirp continues to Linger's FORWARDED_PORT. */
  connectToLinger(): Socket {
    const options = { host: "127.0.0.1", port: this.#forwardedPort, allowHalfOpen: true };
    return this.#adopt(connect({ ...options, noDelay: true }));
  }

  /** A server on this machine's loopback, which Linger reaches as GATEWAY. Gives its port. */
  async listen(accept: (socket: Socket) => void): Promise<number> {
    const options = { allowHalfOpen: true, noDelay: true };
    const server = createServer(options, (socket) => accept(this.#adopt(socket)));
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1" }, resolve));
    return (server.address() as AddressInfo).port;
  }

  /** A port at which nobody listens. */
  async closedPort(): Promise<number> {
    const port = await this.listen(() => undefined);
    const server = this.#servers.pop()!;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }

  #adopt(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", () => undefined);
    return socket;
  }

  /** Closes everything, and fails if a frame that Linger sent is broken. */
  async close(): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    const died = this.stack.isClosed;
    this.stack.close();
    const ended = new Promise((resolve) => this.#qemu.once("exit", resolve));
    if (this.#qemu.exitCode === null && this.#qemu.kill("SIGKILL")) await ended;
    rmSync(this.#folder, { recursive: true });
    await this.#capture.judge(MAC);
    assert.equal(died, false, "the stack has died");
  }
}
