/**
 * Connections as both ends and the judges know them: which end belongs to which, by the tuple and
 * the initial sequence number of who opened it.
 *
 * Called by sessions.ts when one is opened, by stations when one is accepted, and by the judges.
 */
import type { End } from "./ends.ts";

export class Attempt {
  readonly session: number;
  /** Numbered over the whole run: streams are told apart by it. */
  readonly number: number;
  readonly clientAddress: number;
  readonly clientPort: number;
  readonly serverAddress: number;
  readonly serverPort: number;
  /** The client's ISS; in a simultaneous open the server's too. */
  readonly iss: number;
  client: End | undefined;
  server: End | undefined;
  /**
   * A forged segment that the stack had to believe was delivered: what the ends read, and how they
   * end, is anybody's from then on.
   */
  isTainted = false;

  constructor(session: number, number: number, iss: number, tuple: Tuple) {
    this.session = session;
    this.number = number;
    this.iss = iss;
    this.clientAddress = tuple.localAddress;
    this.clientPort = tuple.localPort;
    this.serverAddress = tuple.remoteAddress;
    this.serverPort = tuple.remotePort;
  }

  streamOf(isClient: boolean): number {
    return 2 * this.number + (isClient ? 1 : 0);
  }

  /** What one end has written so far; what it would have, had it got to accept, is nothing. */
  writtenBy(isClient: boolean): number {
    return (isClient ? this.client : this.server)?.written ?? 0;
  }

  hasClosed(isClient: boolean): boolean {
    return (isClient ? this.client : this.server)?.isSendClosed ?? false;
  }
}

/** A connection as one end sees it. */
export interface Tuple {
  localAddress: number;
  localPort: number;
  remoteAddress: number;
  remotePort: number;
}

/** All that were opened in a run, by tuple. */
export class Attempts {
  readonly all: Attempt[] = [];
  readonly #byTuple = new Map<string, Attempt[]>();

  /** `tuple` as the opener sees it. */
  open(session: number, iss: number, tuple: Tuple): Attempt {
    const attempt = new Attempt(session, this.all.length + 1, iss, tuple);
    this.all.push(attempt);
    const key = keyOf(tuple.localAddress, tuple.localPort, tuple.remoteAddress, tuple.remotePort);
    const known = this.#byTuple.get(key);
    if (known === undefined) this.#byTuple.set(key, [attempt]);
    else known.push(attempt);
    return attempt;
  }

  /** The one that the end which accepts it sees so, its peer's ISS being `irs`. */
  accepted(tuple: Tuple, irs: number): Attempt | undefined {
    return this.openedBy(mirror(tuple)).find(({ iss }) => iss === irs);
  }

  /** All of one tuple, as the opener sees it. */
  openedBy(tuple: Tuple): readonly Attempt[] {
    const { localAddress, localPort, remoteAddress, remotePort } = tuple;
    return this.#byTuple.get(keyOf(localAddress, localPort, remoteAddress, remotePort)) ?? [];
  }
}

function mirror(tuple: Tuple): Tuple {
  return {
    localAddress: tuple.remoteAddress,
    localPort: tuple.remotePort,
    remoteAddress: tuple.localAddress,
    remotePort: tuple.localPort,
  };
}

function keyOf(address: number, port: number, toAddress: number, toPort: number): string {
  return `${address}:${port}:${toAddress}:${toPort}`;
}
