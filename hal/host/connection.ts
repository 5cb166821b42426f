/** PROVISIONAL SIGNATURES: the implementation replaces this file. */
import type { EventEmitter } from "node:events";
import type { EndReasonName, LingerError } from "./errors.ts";
import type { State, StatusField } from "./abi.ts";

export type StateName = keyof typeof State;
/** How a connection was over for its user: the module's reasons, and three of the host's own. */
export type ConnectionEnd = EndReasonName | "RELEASED" | "STACK_CLOSED" | "STACK_FAILED";
export type ConnectionStatus = Record<Exclude<keyof typeof StatusField, "COUNT">, number> & {
  /** ESTABLISHED … */
  readonly stateName: StateName;
  readonly endReasonName: EndReasonName | "NONE";
  /** "10.9.0.2" */
  readonly localHost: string;
  readonly remoteHost: string;
};

export interface ConnectionEvents {
  connect: [];
  readable: [];
  writable: [];
  peerClosed: [];
  acknowledged: [];
  ended: [end: ConnectionEnd, error?: LingerError];
}

export interface ConnectionOptions {
  /** Default true: the handle goes back to the module right after `ended`; unread data is kept. */
  autoRelease?: boolean;
  noDelay?: boolean;
  /** 1,000 to 86,400,000. */
  userTimeoutMs?: number;
}

export declare class Connection extends EventEmitter<ConnectionEvents> {
  private constructor();
  readonly handle: number;
  readonly localHost: string;
  readonly localPort: number;
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Undefined until it ended. */
  readonly end: ConnectionEnd | undefined;
  /** Resolves with ESTABLISHED, rejects if it ends before. */
  readonly connected: Promise<void>;
  /** Resolves with how it ended; never rejects. */
  readonly ended: Promise<ConnectionEnd>;

  /** null at end-of-file, undefined when nothing is there yet; throws after an abnormal end. */
  read(max?: number): Uint8Array | null | undefined;
  /** Octets taken, 0 … length; the rest after 'writable'. Throws after closeWrite or the end. */
  write(data: Uint8Array | string): number;
  closeWrite(): void;
  close(): void;
  abort(): void;
  release(): void;
  status(): ConnectionStatus;
  setNoDelay(on: boolean): void;
  setUserTimeout(ms: number): void;

  /** The next chunk, or null at end-of-file. */
  receive(max?: number): Promise<Uint8Array | null>;
  /** Everything up to end-of-file. */
  receiveAll(): Promise<Uint8Array>;
  /** Resolves when every octet was taken by the stack. Calls are served in their order. */
  writeAll(data: Uint8Array | string): Promise<void>;
  /** Resolves when all that was written (and FIN if closed) is acknowledged. */
  acknowledged(): Promise<void>;
  /** Chunks up to end-of-file. Leaving the loop early leaves the connection open. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array>;
}
