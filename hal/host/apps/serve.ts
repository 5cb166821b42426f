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
}

/** A running application. */
export interface App {
  readonly port: number;
  /** Connections that it serves now. */
  readonly connections: ReadonlySet<Connection>;
  /** Connections accepted since it started. */
  readonly acceptedCount: number;
  /** The stack is put away: from now on nothing is said of its connections. */
  sleep(): void;
  /** Stops listening, closes every connection; those not over after `graceMs` are aborted. */
  close(graceMs?: number): Promise<void>;
}

/** Serves one connection to its end. Whatever it throws ends that connection alone. */
type Handler = (connection: Connection, clock: Clock) => Promise<void>;

const CLOSE_GRACE_MS = 2000;

/** On a stack that was taken up again, it goes on with the listener and the connections there. */
export function serve(stack: Stack, port: number, handler: Handler, options: AppOptions): App {
  const { backlog, clock = new RealClock(), log = () => undefined } = options;
  const resumed = stack.openConnections().filter(({ localPort }) => localPort === port);
  const known = stack.openListeners().find((one) => one.port === port);
  const listener = known ?? stack.listen(port, backlog === undefined ? {} : { backlog });
  const server = new Server(listener, handler, clock, log);
  // Whoever starts a server learns that it runs before it hears of connections.
  for (const connection of resumed) queueMicrotask(() => server.resume(connection));
  return server;
}

class Server implements App {
  readonly connections = new Set<Connection>();
  acceptedCount = 0;
  readonly #listener: Listener;
  readonly #handler: Handler;
  readonly #clock: Clock;
  readonly #log: (line: string) => void;
  #isClosing = false;
  #isAsleep = false;

  constructor(listener: Listener, handler: Handler, clock: Clock, log: (line: string) => void) {
    this.#listener = listener;
    this.#handler = handler;
    this.#clock = clock;
    this.#log = log;
    listener.on("connection", (connection) => {
      this.acceptedCount += 1;
      void this.#serve(connection, "connected");
    });
  }

  resume(connection: Connection): void {
    void this.#serve(connection, "goes on");
  }

  sleep(): void {
    this.#isAsleep = true;
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

  async #serve(connection: Connection, beginning: string): Promise<void> {
    const name = `${connection.remoteHost}:${connection.remotePort}`;
    this.connections.add(connection);
    this.#log(`${name} ${beginning}`);
    try {
      await this.#handler(connection, this.#clock);
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
