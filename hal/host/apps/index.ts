/**
 * The small servers that come with Linger, over the Stack interface.
 *
 * Started by `linger serve`, the demonstration and tests.
 */
import type { Stack } from "../stack.ts";
import { CHARGEN_PORT, startChargen } from "./chargen.ts";
import { DAYTIME_PORT, startDaytime } from "./daytime.ts";
import { DISCARD_PORT, startDiscard } from "./discard.ts";
import { ECHO_PORT, startEcho } from "./echo.ts";
import { HTTP_PORT, startHttp } from "./http.ts";
import type { App, AppOptions } from "./serve.ts";

export { startEcho, startHttp };

/** A server by its name: its assigned port and how to start it. */
interface AppEntry {
  port: number;
  start: (stack: Stack, options?: AppOptions) => App;
  /** Whether it keeps nothing outside of the stack, so that a snapshot holds all of it. */
  canSleep: boolean;
}

export const APPS = {
  echo: { port: ECHO_PORT, start: startEcho, canSleep: true },
  discard: { port: DISCARD_PORT, start: startDiscard, canSleep: true },
  chargen: { port: CHARGEN_PORT, start: startChargen, canSleep: true },
  daytime: { port: DAYTIME_PORT, start: startDaytime, canSleep: true },
  // What it has read of a request is in its own memory.
  http: { port: HTTP_PORT, start: startHttp, canSleep: false },
} as const satisfies Record<string, AppEntry>;

export type AppName = keyof typeof APPS;
