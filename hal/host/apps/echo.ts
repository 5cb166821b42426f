/**
 * Echo (RFC 862): what comes is sent back, until the peer closes; then we close.
 *
 * Started by `linger serve echo` and the demonstration. Holds at most one chunk: while the peer
 * does not read, we do not read either, and its window closes.
 */
import type { Connection } from "../connection.ts";
import type { Stack } from "../stack.ts";
import { type App, type AppOptions, serve } from "./serve.ts";

export const ECHO_PORT = 7;

export function startEcho(stack: Stack, options: AppOptions = {}): App {
  return serve(stack, options.port ?? ECHO_PORT, echo, options);
}

async function echo(connection: Connection): Promise<void> {
  for await (const chunk of connection) await connection.writeAll(chunk);
  connection.closeWrite();
}
