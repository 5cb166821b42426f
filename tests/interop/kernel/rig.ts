/**
 * Linger on `tap0` of the private network in which these tests run, the Linux kernel beside it.
 *
 * Used by the tests of this folder, which `scripts/in-namespace.mjs` must have started. Every frame
 * is recorded; `close` has tshark judge those that Linger sent. Sockets of the kernel are Node's
 * own.
 */
import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type Watch, watchWire } from "../../../bench/interop/watch.ts";
import { kernelState, readKernelTable } from "../../../hal/host/cli/demo/proc-net-tcp.ts";
import {
  type Connection,
  impair,
  type ImpairedWire,
  type Impairment,
  openTap,
  RealClock,
  Stack,
  type StackParameters,
} from "../../../hal/host/index.ts";
import { Capture } from "../capture.ts";
import { deferred, until } from "../traffic.ts";

export const KERNEL = "10.9.0.1";
export const LINGER = "10.9.0.2";
/** The same for all tests, so that what the kernel remembers of the last one still holds. */
const MAC = "02:00:00:0a:09:02";

const SUITE_TIMEOUT_MS = 150_000;

/** For each `describe` here: skipped outside of the private network, and ended if it hangs. */
export const inNamespace = {
  timeout: SUITE_TIMEOUT_MS,
  skip:
    process.env["LINGER_NAMESPACE"] === "tap0"
      ? false
      : "not in a private network: run them by npm test -- interop-kernel",
};

export interface RigOptions {
  /** What the wire does to frames, both ways; 50 ms of delay, say. */
  impairment?: Impairment;
  /** Default: 500, so that TIME-WAIT lasts a second. */
  mslMs?: number;
  /** Default: RFC 9293's. */
  parameters?: StackParameters;
  /** Told of the frames that Linger sends and gets. */
  watch?: Watch;
}

export class Rig {
  readonly stack: Stack;
  readonly #wire: ImpairedWire;
  readonly #capture: Capture;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  static async open(options: RigOptions = {}): Promise<Rig> {
    const clock = new RealClock();
    const capture = new Capture(await openTap("tap0"), clock);
    const { impairment = {}, mslMs = 500, parameters = {}, watch } = options;
    const both = { inbound: impairment, outbound: impairment };
    const see = (frame: Uint8Array) => watch?.see(frame);
    const watched = watchWire(capture.wire, see);
    const wire = impair(watched, { clock, seed: 9, ...both });
    const address = { address: `${LINGER}/24`, gateway: KERNEL };
    const stack = Stack.create({ wire, ...address, mac: MAC, mslMs, parameters });
    return new Rig(stack, wire, capture);
  }

  private constructor(stack: Stack, wire: ImpairedWire, capture: Capture) {
    this.stack = stack;
    this.#wire = wire;
    this.#capture = capture;
  }

  /** Other impairments from now on, both ways, or another one for what comes to Linger. */
  setImpairment(outbound: Impairment, inbound = outbound): void {
    this.#wire.setImpairment({ inbound, outbound });
  }

  /** What the wire has done to frames so far, both ways together. */
  get fates(): { lost: number; reordered: number } {
    const { inbound, outbound } = this.#wire;
    return {
      lost: inbound.lost + outbound.lost,
      reordered: inbound.reordered + outbound.reordered,
    };
  }

  /** A listening socket of the kernel; `accept` is told each connection. Gives its port. */
  async kernelListen(accept: (socket: Socket, server: Server) => void): Promise<number> {
    const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
    const server = createServer(options, (socket) => accept(this.#adopt(socket), server));
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port: 0, host: KERNEL, backlog: 511 }, resolve);
    });
    return (server.address() as AddressInfo).port;
  }

  /** A socket of the kernel that connects to Linger; errors show in `endOf`. */
  kernelConnect(port: number, localPort?: number): Socket {
    const options = { host: LINGER, port, allowHalfOpen: true, noDelay: true };
    return this.#adopt(connect(localPort === undefined ? options : { ...options, localPort }));
  }

  /** Until somebody reads it, what comes stays in the kernel: Node would fetch it by itself. */
  #adopt(socket: Socket): Socket {
    socket.pause();
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // Looked at by endOf; without a listener an error would end the process.
    socket.on("error", () => undefined);
    return socket;
  }

  /**
   * Opens a connection to a fresh listener of Linger (`by: "kernel"`) or of the kernel ("linger"),
   * and gives both ends once both are open.
   */
  async open(by: "kernel" | "linger"): Promise<{ kernel: Socket; linger: Connection }> {
    if (by === "linger") {
      const arrived = deferred<Socket>();
      const port = await this.kernelListen((socket, server) => {
        server.close();
        arrived.resolve(socket);
      });
      const linger = this.stack.connect(KERNEL, port, { noDelay: true });
      await linger.connected;
      return { linger, kernel: await arrived.promise };
    }
    const listener = this.stack.listen(freshPort(), { noDelay: true });
    const arrived = deferred<Connection>();
    listener.once("connection", (connection) => arrived.resolve(connection));
    const kernel = this.kernelConnect(listener.port);
    const linger = await arrived.promise;
    listener.close();
    return { linger, kernel };
  }

  /** Both ends' true states: Linger's, the kernel's. Spelt as the RFC does. */
  states({ localPort, remotePort }: Pick<Connection, "localPort" | "remotePort">): string {
    const linger = this.stack.lookup(KERNEL, remotePort, localPort).replaceAll("_", "-");
    return `${linger} / ${kernelState(readKernelTable(), remotePort, LINGER, localPort)}`;
  }

  /** Waits until both ends are in these states ("TIME-WAIT / CLOSED"). */
  async reach(connection: Connection, states: string): Promise<void> {
    await until(
      `the states ${states}`,
      () => this.states(connection),
      (now) => now === states,
    );
  }

  /** Closes everything, and fails if a frame that Linger sent is broken. */
  async close(): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    const died = this.stack.isClosed;
    this.stack.close();
    await this.#capture.judge(MAC);
    assert.equal(died, false, "the stack has died");
  }
}

let nextPort = 20_000;

/** A port that no test has used before. */
export function freshPort(): number {
  return nextPort++;
}
