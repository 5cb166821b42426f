/** PROVISIONAL SIGNATURES: the implementation replaces this file. */
import type { EventEmitter } from "node:events";
import type { Connection, ConnectionOptions } from "./connection.ts";

export interface ListenOptions extends ConnectionOptions {
  /** Half-open and not yet accepted connections, 1 … 255; default 16. */
  backlog?: number;
  /** The local address to listen on; default any. */
  address?: string;
  /** Default true: connections are accepted as they come. False: call `accept()`. */
  autoAccept?: boolean;
}

export interface ListenerEvents {
  connection: [connection: Connection];
  /** With autoAccept false: `accept()` has something to give. */
  acceptable: [];
  close: [];
}

export declare class Listener extends EventEmitter<ListenerEvents> {
  private constructor();
  readonly handle: number;
  readonly port: number;
  readonly isClosed: boolean;
  /** The oldest connection not yet accepted, or undefined. */
  accept(): Connection | undefined;
  /** Stops listening; unaccepted connections are reset. */
  close(): void;
  /** Accepted connections, until the listener closes. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Connection>;
}
