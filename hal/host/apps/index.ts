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
}

export const APPS = {
  echo: { port: ECHO_PORT, start: startEcho },
  discard: { port: DISCARD_PORT, start: startDiscard },
  chargen: { port: CHARGEN_PORT, start: startChargen },
  daytime: { port: DAYTIME_PORT, start: startDaytime },
  http: { port: HTTP_PORT, start: startHttp },
} as const satisfies Record<string, AppEntry>;

export type AppName = keyof typeof APPS;
