/**
 * Linger as one TCP of the demonstration.
 */
import type { StateName } from "../../ladder/index.ts";
import type { Connection } from "../../connection.ts";
import type { Listener } from "../../listener.ts";
import type { Stack } from "../../stack.ts";
import type { EndConnection, OpenOptions, TcpEnd, Told } from "./tcp-end.ts";

export class LingerEnd implements TcpEnd {
  readonly name: string;
  readonly address: string;
  readonly stack: Stack;
  readonly #listeners = new Map<number, Listening>();
  readonly #connections = new Set<LingerConnection>();

  constructor(name: string, stack: Stack) {
    this.name = name;
    this.stack = stack;
    this.address = stack.address;
  }

  async listen(port: number, options: { unread?: boolean } = {}): Promise<void> {
    const listener = this.stack.listen(port);
    const listening: Listening = { listener, arrived: [], waiting: [] };
    this.#listeners.set(port, listening);
    listener.on("connection", (connection) => {
      const accepted = this.#adopt(connection, options.unread === true);
      const waiter = listening.waiting.shift();
      if (waiter === undefined) listening.arrived.push(accepted);
      else waiter(accepted);
    });
  }

  async accepted(port: number): Promise<EndConnection> {
    const listening = this.#listeners.get(port)!;
    const arrived = listening.arrived.shift();
    if (arrived !== undefined) return arrived;
    return new Promise((resolve) => listening.waiting.push(resolve));
  }

  async connect(host: string, port: number, options: OpenOptions): Promise<EndConnection> {
    const connection = this.stack.connect(host, port, { localPort: options.localPort });
    connection.connected.catch(() => undefined);
    return this.#adopt(connection, options.unread === true);
  }

  stateOf(localPort: number, remoteHost: string, remotePort: number): StateName {
    return this.stack.lookup(remoteHost, remotePort, localPort).replaceAll("_", "-") as StateName;
  }

  async reset(): Promise<void> {
    for (const { listener } of this.#listeners.values()) listener.close();
    this.#listeners.clear();
    for (const connection of this.#connections) await connection.abort();
    this.#connections.clear();
  }

  #adopt(connection: Connection, unread: boolean): LingerConnection {
    const adopted = new LingerConnection(connection, unread);
    this.#connections.add(adopted);
    return adopted;
  }
}

interface Listening {
  listener: Listener;
  arrived: EndConnection[];
  waiting: ((connection: EndConnection) => void)[];
}

class LingerConnection implements EndConnection {
  received = "";
  sawEnd = false;
  readonly #connection: Connection;

  constructor(connection: Connection, unread: boolean) {
    this.#connection = connection;
    if (!unread) void this.#readAll();
  }

  get told(): Told | undefined {
    const end = this.#connection.end;
    if (end === undefined) return undefined;
    return end === "RELEASED" || end === "STACK_CLOSED" || end === "STACK_FAILED" ? "?" : end;
  }

  async send(text: string): Promise<void> {
    await this.#connection.writeAll(text);
  }

  async closeWrite(): Promise<void> {
    this.#connection.closeWrite();
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async abort(): Promise<void> {
    if (this.#connection.end === undefined) this.#connection.abort();
  }

  async #readAll(): Promise<void> {
    try {
      for await (const chunk of this.#connection) this.received += Buffer.from(chunk).toString();
      this.sawEnd = true;
    } catch {
      // `told` says how it ended.
    }
  }
}
