/**
 * Echo (RFC 862): what comes is sent back, until the peer closes; then we close.
 *
 * Started by `linger serve echo` and the demonstration. Holds no octet: each one goes from ring to
 * ring, so that a snapshot has them all, and while the peer does not read, its window closes.
 */
import type { Connection } from "../connection.ts";
import type { Stack } from "../stack.ts";
import { type App, type AppOptions, serve } from "./serve.ts";

export const ECHO_PORT = 7;

export function startEcho(stack: Stack, options: AppOptions = {}): App {
  return serve(stack, { name: "echo", port: ECHO_PORT, handler: echo }, options);
}

async function echo(connection: Connection): Promise<void> {
  for (;;) {
    const come = connection.peek();
    if (come === null) break;
    const taken = come === undefined ? 0 : connection.write(come);
    if (taken > 0) connection.consume(taken);
    else await connection.changed();
  }
  connection.closeWrite();
}
