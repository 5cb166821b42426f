/**
 * Frames over a stream socket, unix or TCP, each behind its length as a big-endian u32: the framing
 * of QEMU's `-netdev stream` and `-netdev socket`, and of passt.
 *
 * Used by the command line's `--wire stream:…`, and by tests against libslirp. Never reconnects: a
 * wire whose other end went away stays closed and says so.
 */
import { lstatSync, unlinkSync } from "node:fs";
import {
  createConnection,
  createServer,
  type AddressInfo,
  type Server,
  type Socket,
} from "node:net";
import { LingerError, systemCode } from "../errors.ts";
import { WIRE_FRAME_OCTETS_MAX, type Wire, WireEnds } from "../wire.ts";

/** A unix socket, or a TCP port; the host is 127.0.0.1 unless given. */
export type StreamAddress = { path: string } | { host?: string; port: number };

/** Octets that may wait in the socket before `send` answers BUSY. */
const QUEUED_OCTETS_MAX = 256 * 1024;
/** How long a closed wire may still try to get its last frames out. */
const FLUSH_MS = 1000;
const HOST_DEFAULT = "127.0.0.1";
const LENGTH_OCTETS = 4;

/** Connects to the side that listens. WIRE_REFUSED if nobody does. */
export function connectStream(address: StreamAddress): Promise<Wire> {
  const name = describe(address);
  return new Promise((resolve, reject) => {
    const socket = createConnection(
      "path" in address ? { path: address.path } : { host: HOST_DEFAULT, ...address },
    );
    const failed = (error: Error) => reject(connectError(error, name));
    socket.once("error", failed);
    socket.once("connect", () => {
      socket.off("error", failed);
      resolve(new StreamWire(socket, name));
    });
  });
}

/** A listening socket for streams of frames. */
export interface StreamServer {
  /** Where it listens; the port is the real one if 0 was asked for. */
  readonly address: StreamAddress;
  /** The next client's wire. Rejects with WIRE_CLOSED once the server is closed. */
  accept(): Promise<Wire>;
  /** Stops listening; wires that were accepted live on. */
  close(): void;
}

/** Listens for the other side. WIRE_IN_USE if the address is taken, WIRE_FAILED otherwise. */
export function listenStream(address: StreamAddress): Promise<StreamServer> {
  if ("path" in address) return listenUnix(address.path);
  return listen(createServer(), { host: HOST_DEFAULT, ...address });
}

/** Listens, waits for one client, and stops listening: one wire, as server. */
export async function acceptStream(address: StreamAddress): Promise<Wire> {
  const server = await listenStream(address);
  try {
    return await server.accept();
  } finally {
    server.close();
  }
}

/** A socket file that nobody answers at was left behind by a process that died: it is replaced. */
async function listenUnix(path: string): Promise<StreamServer> {
  try {
    return await listen(createServer(), { path });
  } catch (error) {
    if (!(error instanceof LingerError) || error.code !== "WIRE_IN_USE") throw error;
    if (!(await isStaleSocket(path))) throw error;
    unlinkSync(path);
    return listen(createServer(), { path });
  }
}

function isStaleSocket(path: string): Promise<boolean> {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return Promise.resolve(false);
  return new Promise((resolve) => {
    const probe = createConnection({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(false);
    });
    probe.once("error", (error) => resolve(systemCode(error) === "ECONNREFUSED"));
  });
}

function listen(
  server: Server,
  address: { path: string } | { host: string; port: number },
): Promise<StreamServer> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(listenError(error, describe(address)));
    server.once("error", failed);
    server.listen(address, () => {
      server.off("error", failed);
      resolve(new ListeningServer(server, address));
    });
  });
}

class ListeningServer implements StreamServer {
  readonly address: StreamAddress;
  readonly #server: Server;
  #arrived: Wire[] = [];
  #waiting: { resolve: (wire: Wire) => void; reject: (error: LingerError) => void }[] = [];
  #closed = false;

  constructor(server: Server, address: { path: string } | { host: string; port: number }) {
    this.#server = server;
    this.address =
      "path" in address
        ? address
        : { host: address.host, port: (server.address() as AddressInfo).port };
    server.on("connection", (socket) => this.#arrive(socket));
    // Errors of a listening socket (no descriptors left, say) cost one client, not the server.
    server.on("error", () => undefined);
  }

  accept(): Promise<Wire> {
    const wire = this.#arrived.shift();
    if (wire !== undefined) return Promise.resolve(wire);
    if (this.#closed) return Promise.reject(this.#closedError());
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    for (const wire of this.#arrived.splice(0)) wire.close();
    for (const { reject } of this.#waiting.splice(0)) reject(this.#closedError());
  }

  #arrive(socket: Socket): void {
    const wire = new StreamWire(socket, describe(this.address));
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) waiter.resolve(wire);
    else this.#arrived.push(wire);
  }

  #closedError(): LingerError {
    return new LingerError("WIRE_CLOSED", `${describe(this.address)}: no longer listening`);
  }
}

/** Cuts a stream of octets into frames, however the stream itself was cut. */
export class FrameSplitter {
  #pending: Uint8Array = new Uint8Array(0);

  /** True while a part of a frame is held. */
  get isMidFrame(): boolean {
    return this.#pending.length > 0;
  }

  /** Calls `onFrame` for each frame that is complete now. WIRE_PROTOCOL for an absurd length. */
  push(chunk: Uint8Array, onFrame: (frame: Uint8Array) => void): void {
    const octets = this.#join(chunk);
    const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
    let at = 0;
    while (octets.length - at >= LENGTH_OCTETS) {
      const length = view.getUint32(at);
      if (length === 0 || length > WIRE_FRAME_OCTETS_MAX) {
        throw new LingerError("WIRE_PROTOCOL", `a frame of ${length} octets was announced`);
      }
      const end = at + LENGTH_OCTETS + length;
      if (end > octets.length) break;
      onFrame(octets.subarray(at + LENGTH_OCTETS, end));
      at = end;
    }
    this.#pending = octets.subarray(at);
  }

  #join(chunk: Uint8Array): Uint8Array {
    // A plain Uint8Array over the same memory: a Buffer's slice() would not copy.
    if (this.#pending.length === 0) {
      return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
    const joined = new Uint8Array(this.#pending.length + chunk.length);
    joined.set(this.#pending);
    joined.set(chunk, this.#pending.length);
    return joined;
  }
}

class StreamWire implements Wire {
  readonly #socket: Socket;
  readonly #name: string;
  readonly #ends = new WireEnds();
  readonly #splitter = new FrameSplitter();
  #corked = false;

  constructor(socket: Socket, name: string) {
    this.#socket = socket;
    this.#name = name;
    socket.setNoDelay(true);
    // Until somebody wants the frames the socket is not read, so that none is lost.
    socket.pause();
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("drain", () => this.#ends.drained());
    socket.on("error", (error) => this.#fail(error));
    socket.on("end", () => this.#fail());
    socket.on("close", () => this.#fail());
  }

  send(frame: Uint8Array): boolean {
    if (this.#ends.isClosed) return true;
    if (this.#socket.writableLength > QUEUED_OCTETS_MAX) return false;
    const packet = Buffer.allocUnsafe(LENGTH_OCTETS + frame.length);
    packet.writeUInt32BE(frame.length);
    packet.set(frame, LENGTH_OCTETS);
    this.#cork();
    this.#socket.write(packet);
    return true;
  }

  onFrame(callback: (frame: Uint8Array) => void): void {
    this.#ends.setFrame(callback);
    this.#socket.resume();
  }

  onClose(callback: (error?: LingerError) => void): void {
    this.#ends.setClose(callback);
  }

  onDrain(callback: () => void): void {
    this.#ends.setDrain(callback);
  }

  close(): void {
    if (!this.#ends.closed()) return;
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), FLUSH_MS).unref();
  }

  /** One system call for all frames of this turn. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }

  #read(chunk: Uint8Array): void {
    if (this.#ends.isClosed) return;
    try {
      this.#splitter.push(chunk, (frame) => this.#ends.frame(frame));
    } catch (error) {
      if (!(error instanceof LingerError)) throw error;
      const text = `${this.#name} does not speak length-prefixed frames: ${error.message}`;
      this.#ends.closed(new LingerError("WIRE_PROTOCOL", text));
      this.#socket.destroy();
    }
  }

  #fail(cause?: Error): void {
    const where = this.#splitter.isMidFrame ? " in the middle of a frame" : "";
    const why = cause === undefined ? "" : ` (${systemCode(cause) ?? cause.message})`;
    const text = `the other end of ${this.#name} went away${where}${why}`;
    this.#ends.closed(new LingerError("WIRE_CLOSED", text, { cause }));
    this.#socket.destroy();
  }
}

function describe(address: StreamAddress): string {
  if ("path" in address) return `unix socket ${address.path}`;
  return `TCP ${address.host ?? HOST_DEFAULT}:${address.port}`;
}

function connectError(error: Error, name: string): LingerError {
  const code = systemCode(error);
  if (code === "ECONNREFUSED" || code === "ENOENT") {
    const text = `nobody listens at ${name}: start the other side first, or let this side listen`;
    return new LingerError("WIRE_REFUSED", text, { cause: error });
  }
  const text = `cannot connect to ${name}: ${error.message}`;
  return new LingerError("WIRE_FAILED", text, { cause: error });
}

function listenError(error: Error, name: string): LingerError {
  if (systemCode(error) === "EADDRINUSE") {
    const text = `${name} is in use: another process listens there, or something else has its name`;
    return new LingerError("WIRE_IN_USE", text, { cause: error });
  }
  const text = `cannot listen at ${name}: ${error.message}`;
  return new LingerError("WIRE_FAILED", text, { cause: error });
}
