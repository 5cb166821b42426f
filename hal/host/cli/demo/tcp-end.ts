/**
 * One TCP of the demonstration, seen from its application: what a script can ask it to do, and what
 * it can be asked about. Linger and the kernel both are one.
 *
 * Implemented by linger-end.ts and kernel-end.ts, used by the scenarios.
 */
import type { StateName } from "../../ladder/index.ts";

/** How an application learned that its connection was over. */
export type Told =
  "CLOSED" | "RESET" | "REFUSED" | "TIMED_OUT" | "UNREACHABLE" | "ABORTED" | "EVICTED" | "?";

export interface OpenOptions {
  localPort: number;
  /** Do not read what comes: it stays unread in the TCP. */
  unread?: boolean;
}

export interface TcpEnd {
  /** "Linger", "Linux". */
  readonly name: string;
  /** "10.9.0.2" */
  readonly address: string;
  /** Passive OPEN; each connection that comes is given by `accepted`. */
  listen(port: number, options?: { unread?: boolean }): Promise<void>;
  /** The next connection that the port accepted; waits for it. */
  accepted(port: number): Promise<EndConnection>;
  /** Active OPEN; resolves once it was called, long before the handshake is over. */
  connect(host: string, port: number, options: OpenOptions): Promise<EndConnection>;
  /** The true state of the connection between these ports at this moment. */
  stateOf(localPort: number, remoteHost: string, remotePort: number): StateName;
  /** Stops listening everywhere and forgets its connections, aborting what is open. */
  reset(): Promise<void>;
}

export interface EndConnection {
  /** All text received so far. */
  readonly received: string;
  /** Whether end-of-file was read. */
  readonly sawEnd: boolean;
  /** How it ended, once it has. */
  readonly told: Told | undefined;
  send(text: string): Promise<void>;
  /** CLOSE: no more sending, receiving goes on. */
  closeWrite(): Promise<void>;
  /** Full close: no more sending nor receiving. */
  close(): Promise<void>;
  abort(): Promise<void>;
}
