/**
 * Two stacks on one memory wire under a virtual clock: what the tests of Stack stand on.
 *
 * Used by the tests of this folder. Holds no test itself.
 */
import { createHash } from "node:crypto";
import { VirtualClock } from "../../hal/host/clock.ts";
import type { Connection, ConnectionOptions } from "../../hal/host/connection.ts";
import { SeededEntropy } from "../../hal/host/entropy.ts";
import { LingerError } from "../../hal/host/errors.ts";
import type { Profile } from "../../hal/host/module.ts";
import { Stack, type StackOptions } from "../../hal/host/stack.ts";
import { type Wire, WireEnds } from "../../hal/host/wire.ts";
import {
  createMemoryPair,
  type ImpairedWire,
  impair,
  type Impairment,
} from "../../hal/host/wires/index.ts";

export const PROFILES: readonly Profile[] = ["tiny", "default", "host"];

export const CLIENT = "10.9.0.1";
export const SERVER = "10.9.0.2";
export const PORT = 7;

export interface RigOptions {
  profile?: Profile;
  latencyMs?: number;
  seed?: number;
  startMs?: number;
  /** Applied to both directions. */
  impairment?: Impairment;
  client?: Partial<StackOptions>;
  server?: Partial<StackOptions>;
  /** Sees the frames of both, in the order in which the server sends and gets them. */
  watch?: (frame: Uint8Array) => void;
  /** Comes between the server and its wire. */
  serverWire?: (wire: Wire) => Wire;
}

export interface Rig {
  readonly clock: VirtualClock;
  readonly client: Stack;
  readonly server: Stack;
  /** The wire at the client's side. */
  readonly wire: ImpairedWire;
}

/** A client and a server, 1 ms apart unless said, neither listening nor connected. */
export function twoStacks(options: RigOptions = {}): Rig {
  const { profile = "default", latencyMs = 1, seed = 1, startMs = 0, impairment = {} } = options;
  const clock = new VirtualClock({ startMs });
  const [near, far] = createMemoryPair({ clock, latencyMs });
  const wire = impair(near, { clock, seed, outbound: impairment, inbound: impairment });
  const common = { profile, clock };
  const { serverWire = (inner: Wire) => inner } = options;
  const end = serverWire(far);
  const client = Stack.create({
    ...common,
    wire,
    address: `${CLIENT}/24`,
    entropy: new SeededEntropy(seed),
    ...options.client,
  });
  const server = Stack.create({
    ...common,
    wire: options.watch === undefined ? end : watched(end, options.watch),
    address: `${SERVER}/24`,
    entropy: new SeededEntropy(seed + 1),
    ...options.server,
  });
  return { clock, client, server, wire };
}

function watched(inner: Wire, watch: (frame: Uint8Array) => void): Wire {
  return {
    send(frame) {
      watch(frame);
      return inner.send(frame);
    },
    onFrame(callback) {
      inner.onFrame((frame) => {
        watch(frame);
        callback(frame);
      });
    },
    onClose: (callback) => inner.onClose(callback),
    close: () => inner.close(),
  };
}

/** A wire whose end can be plugged out of a stack and into the next; frames meanwhile are lost. */
export class Socket {
  readonly #inner: Wire;
  #ends: WireEnds | undefined;

  constructor(inner: Wire) {
    this.#inner = inner;
    inner.onFrame((frame) => this.#ends?.frame(frame));
  }

  plug(): Wire {
    const ends = new WireEnds();
    this.#ends = ends;
    return {
      send: (frame) => this.#ends !== ends || this.#inner.send(frame),
      onFrame: (callback) => ends.setFrame(callback),
      onClose: (callback) => ends.setClose(callback),
      close: () => void ends.closed(),
    };
  }
}

/** Two ends of one established connection. */
export function connected(
  rig: Rig,
  options: { client?: ConnectionOptions; server?: ConnectionOptions } = {},
): { near: Connection; far: Connection } {
  const listener = rig.server.listen(PORT, options.server ?? {});
  let far: Connection | undefined;
  listener.once("connection", (connection) => (far = connection));
  const near = rig.client.connect(SERVER, PORT, options.client ?? {});
  rig.clock.advance(5000);
  if (far === undefined || near.status().stateName !== "ESTABLISHED") {
    throw new Error(`no connection: ${near.status().stateName}`);
  }
  listener.close();
  return { near, far };
}

/** Records every event of a connection by name. */
export function eventsOf(connection: Connection): string[] {
  const seen: string[] = [];
  connection.on("connect", () => seen.push("connect"));
  connection.on("readable", () => seen.push("readable"));
  connection.on("writable", () => seen.push("writable"));
  connection.on("peerClosed", () => seen.push("peerClosed"));
  connection.on("acknowledged", () => seen.push("acknowledged"));
  connection.on("urgent", () => seen.push("urgent"));
  connection.on("ended", (end, error) =>
    seen.push(error ? `ended ${end} ${error.code}` : `ended ${end}`),
  );
  return seen;
}

/** Octets that are different at every place a test cares about. */
export function patternOf(length: number, seed = 1): Uint8Array {
  const entropy = new SeededEntropy(seed);
  return Uint8Array.from({ length }, () => entropy.word() & 0xff);
}

export function hashOf(octets: Uint8Array): string {
  return createHash("sha256").update(octets).digest("hex");
}

export function textOf(octets: Uint8Array | null | undefined): string | null | undefined {
  return octets instanceof Uint8Array ? Buffer.from(octets).toString() : octets;
}

/** The code of the LingerError that a promise was rejected with. */
export function codeOf(outcome: PromiseSettledResult<unknown> | undefined): string | undefined {
  if (outcome?.status !== "rejected") return undefined;
  const reason: unknown = outcome.reason;
  return reason instanceof LingerError ? reason.code : String(reason);
}

/** The code of the error that a call throws, or "none". */
export function codeIn(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof LingerError) return error.code;
    throw error;
  }
  return "none";
}
