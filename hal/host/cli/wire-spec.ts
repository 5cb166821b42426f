/**
 * The `--wire` option: a short name for each kind of wire, and how it is opened.
 *
 * Called by session.ts. Parsing touches nothing; `openWire` does.
 */
import { type DatagramOptions, openDatagram } from "../wires/datagram.ts";
import { acceptStream, connectStream, type StreamAddress } from "../wires/stream.ts";
import type { Wire } from "../wire.ts";
import { parsePort, UsageError } from "./command.ts";

export type WireSpec =
  | { kind: "tap"; name: string }
  | { kind: "stream"; address: StreamAddress }
  | { kind: "stream-listen"; address: StreamAddress }
  | { kind: "udp"; options: DatagramOptions };

export const WIRE_HELP = `Wires (--wire SPEC):
  tap:NAME                      a TAP device of this machine (Linux; needs CAP_NET_ADMIN unless the
                                device belongs to you)
  stream:unix:PATH              connects to a unix socket; each frame behind its length (u32,
  stream:HOST:PORT              big-endian), as QEMU's -netdev stream and passt have it
  stream-listen:unix:PATH       the same, but waits for the other side to connect
  stream-listen:HOST:PORT
  udp:LOCALPORT:HOST:PORT       one UDP datagram for each frame, as QEMU's -netdev dgram has it;
                                received on 127.0.0.1:LOCALPORT, sent to HOST:PORT
An IPv6 HOST goes into brackets: stream:[::1]:7000.`;

/** Reads a wire's name; UsageError says what is wrong with it. */
export function parseWireSpec(text: string): WireSpec {
  const colon = text.indexOf(":");
  const kind = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? "" : text.slice(colon + 1);
  switch (kind) {
    case "tap":
      if (!/^[^\s/:]{1,15}$/.test(rest)) {
        throw new UsageError(`--wire tap:NAME needs a device name of 1 to 15 characters`);
      }
      return { kind, name: rest };
    case "stream":
    case "stream-listen":
      return { kind, address: parseStreamAddress(kind, rest) };
    case "udp":
      return { kind, options: parseDatagram(rest) };
    default:
      throw new UsageError(
        `--wire "${text}" is none of tap:NAME, stream:…, stream-listen:…, udp:LOCALPORT:HOST:PORT`,
      );
  }
}

function parseStreamAddress(kind: string, text: string): StreamAddress {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    if (path === "") throw new UsageError(`--wire ${kind}:unix:PATH needs a path`);
    return { path };
  }
  const { host, port } = parseHostPort(text, `--wire ${kind}`);
  return { host, port };
}

function parseDatagram(text: string): DatagramOptions {
  const [, local, remote] = /^([^:]*):(.+)$/.exec(text) ?? [];
  if (local === undefined || remote === undefined) {
    throw new UsageError("--wire udp needs LOCALPORT:HOST:PORT");
  }
  return {
    local: { port: parsePort(local, "--wire udp: LOCALPORT") },
    remote: parseHostPort(remote, "--wire udp"),
  };
}

function parseHostPort(text: string, name: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):([^:]*)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || port === undefined) {
    throw new UsageError(`${name}: "${text}" is not HOST:PORT`);
  }
  return { host, port: parsePort(port, `${name}: PORT`) };
}

/** Opens the wire; LingerError says why it cannot be. */
export async function openWire(spec: WireSpec): Promise<Wire> {
  switch (spec.kind) {
    case "tap": {
      // Loaded here only: the other wires do not need its native library.
      const { openTap } = await import("../wires/tap.ts");
      return openTap(spec.name);
    }
    case "stream":
      return connectStream(spec.address);
    case "stream-listen":
      return acceptStream(spec.address);
    case "udp":
      return openDatagram(spec.options);
  }
}
