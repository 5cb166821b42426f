/**
 * Discard (RFC 863): what comes is thrown away, until the peer closes; then we close.
 *
 * Started by `linger serve discard`. Never sends data.
 */
import type { Connection } from "../connection.ts";
import type { Stack } from "../stack.ts";
import { type App, type AppOptions, serve } from "./serve.ts";

export const DISCARD_PORT = 9;

export function startDiscard(stack: Stack, options: AppOptions = {}): App {
  return serve(stack, { name: "discard", port: DISCARD_PORT, handler: discard }, options);
}

async function discard(connection: Connection): Promise<void> {
  while ((await connection.receive()) !== null);
  connection.closeWrite();
}
