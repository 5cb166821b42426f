/**
 * A small HTTP/1.1 server (RFC 9110, RFC 9112): a status page of the stack, as HTML and as JSON.
 * Keep-alive, pipelining, HEAD; requests are answered one after the other, in order.
 *
 * Started by `linger serve http` and the demonstration. Serves nothing from the disk.
 */
import { type Clock, RealClock } from "../clock.ts";
import type { Connection } from "../connection.ts";
import type { Stack } from "../stack.ts";
import { type BadRequest, type HttpRequest, HttpRequestReader } from "./http-request.ts";
import { statusDocument, statusPage } from "./http-status-page.ts";
import { type App, type AppOptions, drain, serve, withTimeout } from "./serve.ts";

export const HTTP_PORT = 80;
/** How long a connection may wait for a request, or for the rest of one, or to read its answer. */
export const HTTP_IDLE_MS = 30_000;
/** How long a peer may leave its side open after the last answer. */
const DRAIN_MS = 2000;

const REASONS: Record<number, string> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  505: "HTTP Version Not Supported",
};

/** An answer before it is written. */
interface Answer {
  status: number;
  type: string;
  body: string;
  headers?: Record<string, string>;
}

export function startHttp(stack: Stack, options: AppOptions = {}): App {
  const clock = options.clock ?? new RealClock();
  const startedMs = clock.now();
  const app: App = serve(
    stack,
    options.port ?? HTTP_PORT,
    (connection) =>
      serveRequests(connection, clock, (request) =>
        answerRequest(request, { stack, app, uptimeMs: clock.now() - startedMs }),
      ),
    { ...options, clock },
  );
  return app;
}

async function serveRequests(
  connection: Connection,
  clock: Clock,
  answer: (request: HttpRequest) => Answer,
): Promise<void> {
  const reader = new HttpRequestReader();
  for (;;) {
    const result = reader.read();
    if (result.kind === "request") {
      const { request } = result;
      const octets = encodeAnswer(answer(request), {
        clock,
        keepAlive: request.keepAlive,
        headOnly: request.method === "HEAD",
      });
      await send(connection, octets, clock);
      if (!request.keepAlive) break;
    } else if (result.kind === "bad") {
      await send(connection, encodeRefusal(result.bad, clock), clock);
      break;
    } else if (!(await receiveMore(connection, reader, clock))) {
      break;
    }
  }
  connection.closeWrite();
  await drain(connection, DRAIN_MS, clock);
}

/** A peer that does not read its answer in time is cut off: its connection is needed. */
async function send(connection: Connection, octets: Uint8Array, clock: Clock): Promise<void> {
  const written = connection.writeAll(octets);
  if (await withTimeout(written, HTTP_IDLE_MS, clock)) return;
  written.catch(() => undefined);
  throw new Error("the peer does not read its answer");
}

/** False when no request can follow: the peer has closed, or was silent for too long. */
async function receiveMore(
  connection: Connection,
  reader: HttpRequestReader,
  clock: Clock,
): Promise<boolean> {
  let chunk: Uint8Array | null = null;
  const received = connection.receive().then((next) => (chunk = next));
  if (!(await withTimeout(received, HTTP_IDLE_MS, clock))) {
    received.catch(() => undefined);
    if (reader.isInRequest) {
      await send(connection, encodeRefusal({ status: 408, reason: "too slow" }, clock), clock);
    }
    return false;
  }
  if (chunk === null) return false;
  reader.push(chunk);
  return true;
}

interface Served {
  stack: Stack;
  app: App;
  uptimeMs: number;
}

function answerRequest(request: HttpRequest, served: Served): Answer {
  const isPage = request.path === "/" || request.path === "/index.html";
  if (!isPage && request.path !== "/status.json") {
    return { status: 404, type: "text/plain; charset=utf-8", body: "There is no such page.\n" };
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return {
      status: 405,
      type: "text/plain; charset=utf-8",
      body: "This page can only be read.\n",
      headers: { Allow: "GET, HEAD" },
    };
  }
  const document = statusDocument(served.stack, served.app, served.uptimeMs);
  if (isPage) return { status: 200, type: "text/html; charset=utf-8", body: statusPage(document) };
  const body = `${JSON.stringify(document, undefined, 2)}\n`;
  return { status: 200, type: "application/json", body };
}

interface Encoding {
  clock: Clock;
  keepAlive: boolean;
  headOnly: boolean;
}

function encodeAnswer(answer: Answer, encoding: Encoding): Buffer {
  const { clock } = encoding;
  const body = Buffer.from(answer.body);
  const headers: Record<string, string> = {
    Date: new Date(clock.originMs + clock.now()).toUTCString(),
    Server: "linger",
    "Content-Type": answer.type,
    "Content-Length": String(body.length),
    "Cache-Control": "no-store",
    Connection: encoding.keepAlive ? "keep-alive" : "close",
    ...answer.headers,
  };
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const line = `HTTP/1.1 ${answer.status} ${REASONS[answer.status]}\r\n`;
  const head = Buffer.from(`${line}${fields.join("")}\r\n`, "latin1");
  return encoding.headOnly ? head : Buffer.concat([head, body]);
}

function encodeRefusal(bad: BadRequest | { status: 408; reason: string }, clock: Clock): Buffer {
  const body = `${REASONS[bad.status]}: ${bad.reason}.\n`;
  const answer: Answer = { status: bad.status, type: "text/plain; charset=utf-8", body };
  return encodeAnswer(answer, { clock, keepAlive: false, headOnly: false });
}
