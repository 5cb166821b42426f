/**
 * The frame around every application here: a listener, one handler per connection, and an end that
 * leaves nothing behind.
 *
 * Called by the applications of this folder. Knows no protocol.
 */
import type { Clock } from "../clock.ts";
import { RealClock } from "../clock.ts";
import type { Connection } from "../connection.ts";
import type { Listener } from "../listener.ts";
import type { Stack } from "../stack.ts";

export interface AppOptions {
  /** Local port, 1 … 65,535; default: the one assigned to the protocol. */
  port?: number;
  /** Half-open and not yet accepted connections, 1 … 255. */
  backlog?: number;
  /** Default: the real one. Must be the stack's. */
  clock?: Clock;
  /** Gets one line for each connection that begins or ends. */
  log?: (line: string) => void;
  /** On a stack that was taken up again: what `sleep` gave before. */
  kept?: KeptApp;
}

const KEPT_VERSION = 1;

/** What a server keeps in a snapshot beside its stack; JSON. */
export interface KeptApp {
  readonly version: number;
  readonly name: string;
  readonly port: number;
  readonly acceptedCount: number;
  /** What the handlers keep of each connection, by its handle. */
  readonly connections: [handle: number, state: unknown][];
}

/** What `kept` was made by, if it was a server of this version. */
export function isKeptApp(kept: unknown): kept is KeptApp {
  return typeof kept === "object" && (kept as KeptApp | null)?.version === KEPT_VERSION;
}

/** A running application. */
export interface App {
  readonly port: number;
  /** Connections that it serves now. */
  readonly connections: ReadonlySet<Connection>;
  /** Connections accepted since it started. */
  readonly acceptedCount: number;
  /**
   * Has the stack put away by `putAway`, which gets what must be kept beside it, and says nothing
   * of its connections from then on. If `putAway` throws, so does this, and it goes on serving.
   */
  sleep(putAway: (kept: KeptApp) => void): void;
  /** Stops listening, closes every connection; those not over after `graceMs` are aborted. */
  close(graceMs?: number): Promise<void>;
}

/** Where a handler keeps what is neither in the stack nor on the wire across a sleep. */
export interface Drawer {
  /** As `save` gave it before the sleep, by way of JSON; undefined if there is nothing. */
  readonly kept: unknown;
  /** Asked when the stack is put away, between any two turns of the event loop. */
  save?: () => unknown;
}

/** Serves one connection to its end. Whatever it throws ends that connection alone. */
type Handler = (connection: Connection, clock: Clock, drawer: Drawer) => Promise<void>;

/** A kind of server. */
interface Service {
  readonly name: string;
  /** The port assigned to it. */
  readonly port: number;
  readonly handler: Handler;
}

const CLOSE_GRACE_MS = 2000;

/** On a stack that was taken up again, it goes on with the listener and the connections there. */
export function serve(stack: Stack, service: Service, options: AppOptions): App {
  const { port = service.port, backlog } = options;
  const resumed = stack.openConnections().filter(({ localPort }) => localPort === port);
  const known = stack.openListeners().find((one) => one.port === port);
  const listener = known ?? stack.listen(port, backlog === undefined ? {} : { backlog });
  const server = new Server(listener, service, options);
  // Whoever starts a server learns that it runs before it hears of connections.
  for (const connection of resumed) queueMicrotask(() => server.resume(connection));
  return server;
}

class Server implements App {
  readonly connections = new Set<Connection>();
  acceptedCount: number;
  readonly #listener: Listener;
  readonly #service: Service;
  readonly #clock: Clock;
  readonly #log: (line: string) => void;
  readonly #drawers = new Map<Connection, Drawer>();
  /** What was kept of connections that do not go on yet. */
  readonly #kept: Map<number, unknown>;
  #isClosing = false;
  #isAsleep = false;

  constructor(listener: Listener, service: Service, options: AppOptions) {
    const { clock = new RealClock(), log = () => undefined, kept } = options;
    this.#listener = listener;
    this.#service = service;
    this.#clock = clock;
    this.#log = log;
    this.#kept = new Map(kept?.connections);
    this.acceptedCount = kept?.acceptedCount ?? 0;
    listener.on("connection", (connection) => {
      this.acceptedCount += 1;
      void this.#serve(connection, "connected", undefined);
    });
  }

  resume(connection: Connection): void {
    const kept = this.#kept.get(connection.handle);
    this.#kept.delete(connection.handle);
    void this.#serve(connection, "goes on", kept);
  }

  sleep(putAway: (kept: KeptApp) => void): void {
    const kept = this.#keep();
    this.#isAsleep = true;
    try {
      putAway(kept);
    } catch (error) {
      this.#isAsleep = false;
      throw error;
    }
  }

  #keep(): KeptApp {
    const connections = [...this.#kept];
    for (const [{ handle }, { save }] of this.#drawers) {
      if (save !== undefined) connections.push([handle, save()]);
    }
    const { port, acceptedCount } = this;
    return { version: KEPT_VERSION, name: this.#service.name, port, acceptedCount, connections };
  }

  get port(): number {
    return this.#listener.port;
  }

  async close(graceMs = CLOSE_GRACE_MS): Promise<void> {
    this.#isClosing = true;
    this.#listener.close();
    const open = [...this.connections];
    for (const connection of open) connection.close();
    const over = Promise.all(open.map((connection) => connection.ended));
    await withTimeout(over, graceMs, this.#clock);
    for (const connection of this.connections) connection.abort();
  }

  async #serve(connection: Connection, beginning: string, kept: unknown): Promise<void> {
    const name = `${connection.remoteHost}:${connection.remotePort}`;
    this.connections.add(connection);
    this.#log(`${name} ${beginning}`);
    const drawer: Drawer = { kept };
    this.#drawers.set(connection, drawer);
    try {
      await this.#service.handler(connection, this.#clock, drawer);
    } catch (error) {
      // After a reset or a time-out every call fails: that is how the handler learns of it. What
      // fails on a live connection is the handler's own fault, and the peer is told by a reset.
      if (connection.end === undefined && !this.#isClosing) {
        this.#log(`${name} ${(error as Error).message}`);
        connection.abort();
      }
    }
    const end = await connection.ended;
    this.connections.delete(connection);
    this.#drawers.delete(connection);
    if (this.#isAsleep) return;
    const { bytesRead, bytesWritten } = connection;
    this.#log(`${name} ended: ${end}, ${bytesRead} octets in, ${bytesWritten} out`);
  }
}

/** Resolves when `promise` does, or after `ms`; true if it was in time. */
export async function withTimeout(
  promise: Promise<unknown>,
  ms: number,
  clock: Clock,
): Promise<boolean> {
  let stop = (): void => undefined;
  const late = new Promise<boolean>((resolve) => {
    const timer = clock.setTimer(ms, () => resolve(false));
    stop = () => clock.clearTimer(timer);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    stop();
  }
}

/**
 * Reads and throws away until the peer has closed: the polite end after our own FIN. A peer that
 * does not close within `ms` gets a full close, which answers what it still sends with RST.
 */
export async function drain(connection: Connection, ms: number, clock: Clock): Promise<void> {
  const emptied = (async () => {
    while ((await connection.receive()) !== null);
  })();
  if (await withTimeout(emptied, ms, clock)) return;
  emptied.catch(() => undefined);
  connection.close();
}
