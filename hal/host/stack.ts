/** PROVISIONAL SIGNATURES: the implementation replaces this file. */
import type { EventEmitter } from "node:events";
import type { Counter, Limit } from "./abi.ts";
import type { Clock } from "./clock.ts";
import type { Connection, ConnectionOptions, StateName } from "./connection.ts";
import type { Entropy } from "./entropy.ts";
import type { LingerError } from "./errors.ts";
import type { Listener, ListenOptions } from "./listener.ts";
import type { Wire } from "./wire.ts";

export type Profile = "tiny" | "default" | "host";
export type Counters = Record<Exclude<keyof typeof Counter, "COUNT">, number>;
export type Limits = Record<keyof typeof Limit, number>;

export interface StackOptions {
  wire: Wire;
  /** "10.9.0.2/24" */
  address: string;
  gateway?: string;
  /** Default: a locally administered one, drawn. */
  mac?: string | Uint8Array;
  /** Which release module; default "host". */
  profile?: Profile;
  /** A path, URL or the octets of a module, instead of `profile`. */
  module?: string | URL | Uint8Array;
  /** 100 … 120,000; default 30,000. */
  mslMs?: number;
  clock?: Clock;
  entropy?: Entropy;
  onTrap?: (error: LingerError) => void;
}

export interface ConnectOptions extends ConnectionOptions {
  localPort?: number;
  localAddress?: string;
}

export interface StackEvents {
  /** The stack is closed; with an error if its wire went away or the module trapped. */
  close: [error?: LingerError];
}

export declare class Stack extends EventEmitter<StackEvents> {
  private constructor();
  /** Throws LingerError for each mistake in the options. */
  static create(options: StackOptions): Stack;
  readonly address: string;
  readonly prefixLength: number;
  /** "02:…" */
  readonly mac: string;
  readonly limits: Limits;
  /** True if the module brings its own application. */
  readonly isApplication: boolean;
  readonly isClosed: boolean;
  /** Resolves when the stack is closed, with the error if there was one. */
  readonly closed: Promise<LingerError | undefined>;

  listen(port: number, options?: ListenOptions): Listener;
  /** Returns at once, in SYN-SENT; await `connection.connected`. */
  connect(host: string, port: number, options?: ConnectOptions): Connection;
  /** Round-trip time in ms. */
  ping(host: string, options?: { octets?: number; timeoutMs?: number }): Promise<number>;
  counters(): Counters;
  /** State of whatever holds this tuple, TIME-WAIT records and half-open ones included. */
  lookup(remoteHost: string, remotePort: number, localPort: number): StateName;
  /** Resets what is open, and closes the wire. */
  close(): void;
}
