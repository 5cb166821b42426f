/**
 * A listening port on the host.
 *
 * Given out by `Stack.listen`. The backlog, half-open connections and refusals are the module's.
 */
import { EventEmitter } from "node:events";
import { Event, Status } from "./abi.ts";
import {
  Connection,
  type ConnectionOptions,
  type HandleOwner,
  type Marks,
  marksOf,
} from "./connection.ts";
import { checkStatus, LingerError } from "./errors.ts";

/** What applies to the listener, and to each connection that it accepts. */
export interface ListenOptions extends ConnectionOptions {
  /** Half-open and not yet accepted connections, 1 … 255; default 16. */
  backlog?: number;
  /** The local address; default any. */
  address?: string;
}

export interface ListenerEvents {
  /** A connection was accepted. It may have received data, or ended, already: events follow. */
  connection: [connection: Connection];
  /** There is something to accept; told only while nobody listens for 'connection'. */
  acceptable: [];
  /** No more connections come; with an error if the stack died. */
  close: [error?: LingerError];
}

/** What a listener needs of its stack beyond what a connection needs. */
export interface ListenerOwner extends HandleOwner {
  /** Makes an accepted handle known, so that its events reach the connection. */
  adopt(handle: number, options: ConnectionOptions): Connection;
}

/**
 * A listener: tells 'connection' for each connection that completed its handshake. While nobody
 * listens for that, connections wait in the backlog, and `accept` gives them one by one.
 */
export class Listener extends EventEmitter<ListenerEvents> {
  readonly handle: number;
  readonly port: number;
  readonly #owner: ListenerOwner;
  #options: ListenOptions;
  #isClosed = false;
  #isDelivering = false;

  /** For the library's own use: listeners come from `Stack.listen`. */
  constructor(owner: ListenerOwner, handle: number, port: number, options: ListenOptions) {
    super();
    this.handle = handle;
    this.port = port;
    this.#owner = owner;
    this.#options = options;
    (this as EventEmitter).on("newListener", (event) => {
      // Those that came while nobody listened are still in the backlog.
      if (event === "connection") owner.driver.defer(() => this.deliver(Event.ACCEPTABLE));
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The oldest connection that waits in the backlog, or undefined. */
  accept(): Connection | undefined {
    if (this.#isClosed) return undefined;
    const handle = this.#owner.driver.instance.calls.tcpAccept(this.handle);
    if (handle === Status.WOULD_BLOCK) return undefined;
    checkStatus(handle, "accept");
    this.#owner.driver.pollSoon();
    return this.#owner.adopt(handle, this.#options);
  }

  /**
   * Time to live and differentiated services of the connections that come from now on, from the
   * SYN and ACK on. Those that are accepted already have their own.
   */
  setMarks(marks: Marks): void {
    if (this.#isClosed) return;
    for (const [option, value] of marksOf(marks)) {
      const { calls } = this.#owner.driver.instance;
      checkStatus(calls.tcpSetOption(this.handle, option, value), "setMarks");
    }
    this.#options = { ...this.#options, ...marks };
  }

  /** Stops listening. Half-open connections go, those that wait to be accepted are reset. */
  close(): void {
    if (this.#isClosed) return;
    const { driver } = this.#owner;
    this.#owner.forget(this.handle);
    checkStatus(driver.instance.calls.tcpClose(this.handle), "close");
    driver.pollSoon();
    this.#finish();
  }

  /** Accepted connections, one after the other, until the listener closes. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Connection> {
    const arrived: Connection[] = [];
    let wake = () => {};
    const take = (connection: Connection) => {
      arrived.push(connection);
      wake();
    };
    const stop = () => wake();
    this.on("connection", take);
    this.on("close", stop);
    try {
      for (;;) {
        const connection = arrived.shift();
        if (connection !== undefined) yield connection;
        else if (this.#isClosed) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.off("connection", take);
      this.off("close", stop);
    }
  }

  /** For the stack: what a snapshot keeps. */
  kept(): { port: number; options: ListenOptions } {
    return { port: this.port, options: this.#options };
  }

  /** For the stack: a `deliver` was cut short by an exception, and connections still wait. */
  get hasUndelivered(): boolean {
    return this.#isDelivering;
  }

  /** For the stack: an event of the module. */
  deliver(mask: number): void {
    if (((mask & Event.ACCEPTABLE) === 0 && !this.#isDelivering) || this.#isClosed) return;
    this.#isDelivering = true;
    if (this.listenerCount("connection") === 0) this.emit("acceptable");
    while (this.listenerCount("connection") > 0) {
      const connection = this.accept();
      if (connection === undefined) break;
      this.emit("connection", connection);
    }
    this.#isDelivering = false;
  }

  /** For the stack: it is dead, and the module must not be asked any more. */
  die(error: LingerError): void {
    this.#finish(error);
  }

  #finish(error?: LingerError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.emit("close", error);
  }
}
