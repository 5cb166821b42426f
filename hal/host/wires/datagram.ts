/**
 * One UDP datagram for each frame: QEMU's `-netdev dgram` and `-netdev socket,udp=`, and any two
 * programs that need a wire without privileges.
 *
 * Used by the command line's `--wire udp:…` and by tests. A datagram socket cannot know that the
 * other end went away; frames then vanish as on a pulled cable.
 */
import { createSocket, type Socket } from "node:dgram";
import { isIP } from "node:net";
import { lookup } from "node:dns/promises";
import { LingerError, systemCode } from "../errors.ts";
import { WIRE_FRAME_OCTETS_MAX, type Wire, WireEnds } from "../wire.ts";

export interface DatagramOptions {
  /** Where this end receives; port 0 takes any free one. Default host 127.0.0.1. */
  local: { host?: string; port: number };
  /** Where the other end receives. Datagrams from elsewhere are ignored. */
  remote: { host?: string; port: number };
}

/** The system's default lost 62 % of a flood. */
const SOCKET_BUFFER_OCTETS = 4 * 1024 * 1024;
/** Octets that may wait in Node before `send` answers BUSY. */
const QUEUED_OCTETS_MAX = 1024 * 1024;
const HOST_DEFAULT = "127.0.0.1";

/** A wire of datagrams, with the port that it really took. */
export interface DatagramWire extends Wire {
  readonly localPort: number;
}

/** Opens the socket. WIRE_IN_USE if the local port is taken, WIRE_FAILED otherwise. */
export async function openDatagram(options: DatagramOptions): Promise<DatagramWire> {
  const { local } = options;
  const localName = `UDP ${local.host ?? HOST_DEFAULT}:${local.port}`;
  const remoteHost = await resolveHost(options.remote.host ?? HOST_DEFAULT);
  const socket = createSocket(isIP(remoteHost) === 6 ? "udp6" : "udp4");
  await new Promise<void>((resolve, reject) => {
    socket.once("error", (error) => {
      socket.close();
      reject(bindError(error, localName));
    });
    socket.bind({ address: local.host ?? HOST_DEFAULT, port: local.port }, resolve);
  });
  socket.removeAllListeners("error");
  return new UdpWire(socket, remoteHost, options.remote.port);
}

async function resolveHost(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  try {
    return (await lookup(host)).address;
  } catch (error) {
    throw new LingerError("WIRE_FAILED", `no address for the host name ${host}`, { cause: error });
  }
}

function bindError(error: Error, name: string): LingerError {
  if (systemCode(error) === "EADDRINUSE") {
    return new LingerError("WIRE_IN_USE", `${name} is in use by another socket`, { cause: error });
  }
  return new LingerError("WIRE_FAILED", `cannot open ${name}: ${error.message}`, { cause: error });
}

class UdpWire implements DatagramWire {
  readonly localPort: number;
  readonly #socket: Socket;
  readonly #remoteHost: string;
  readonly #remotePort: number;
  readonly #ends = new WireEnds();
  /** `close` waits for these to be handed to the system. */
  #unsent = 0;

  constructor(socket: Socket, remoteHost: string, remotePort: number) {
    this.#socket = socket;
    this.#remoteHost = remoteHost;
    this.#remotePort = remotePort;
    this.localPort = socket.address().port;
    setBuffers(socket);
    socket.on("message", (message, from) => {
      if (from.port !== remotePort || from.address !== remoteHost) return;
      this.#ends.frame(new Uint8Array(message.buffer, message.byteOffset, message.byteLength));
    });
    socket.on("error", (error) => {
      const text = `the UDP wire failed: ${error.message}`;
      if (this.#ends.closed(new LingerError("WIRE_FAILED", text, { cause: error }))) socket.close();
    });
  }

  send(frame: Uint8Array): boolean {
    if (this.#ends.isClosed || frame.length > WIRE_FRAME_OCTETS_MAX) return true;
    if (this.#socket.getSendQueueSize() > QUEUED_OCTETS_MAX) return false;
    this.#unsent++;
    // Unconnected, and errors ignored: a port that nobody has bound yet is a frame lost, no more.
    this.#socket.send(new Uint8Array(frame), this.#remotePort, this.#remoteHost, () => {
      this.#unsent--;
      if (this.#unsent === 0 && this.#ends.isClosed) this.#socket.close();
    });
    return true;
  }

  onFrame(callback: (frame: Uint8Array) => void): void {
    this.#ends.setFrame(callback);
  }

  onClose(callback: (error?: LingerError) => void): void {
    this.#ends.setClose(callback);
  }

  close(): void {
    if (this.#ends.closed() && this.#unsent === 0) this.#socket.close();
  }
}

/** Smaller buffers than asked for are a matter of speed only. */
function setBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(SOCKET_BUFFER_OCTETS);
    socket.setSendBufferSize(SOCKET_BUFFER_OCTETS);
  } catch {
    // Sandboxes refuse this.
  }
}
