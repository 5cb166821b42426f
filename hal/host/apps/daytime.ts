/**
 * Daytime (RFC 867): one line with the date and time, then close.
 *
 * Started by `linger serve daytime`. What the peer sends is thrown away.
 */
import type { Clock } from "../clock.ts";
import type { Connection } from "../connection.ts";
import type { Stack } from "../stack.ts";
import { type App, type AppOptions, drain, serve } from "./serve.ts";

export const DAYTIME_PORT = 13;
/** How long a peer may leave its side open once it has the time. */
const DRAIN_MS = 10_000;

export function startDaytime(stack: Stack, options: AppOptions = {}): App {
  return serve(stack, { name: "daytime", port: DAYTIME_PORT, handler: daytime }, options);
}

async function daytime(connection: Connection, clock: Clock): Promise<void> {
  const now = new Date(clock.originMs + clock.now());
  // A connection that slept has its line already, which any send ring takes at once.
  if (connection.bytesWritten === 0) await connection.writeAll(`${now.toUTCString()}\r\n`);
  connection.closeWrite();
  await drain(connection, DRAIN_MS, clock);
}
