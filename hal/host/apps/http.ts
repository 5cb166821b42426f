/**
 * A small HTTP/1.1 server (RFC 9110, RFC 9112): a status page of the stack, as HTML and as JSON.
 * Keep-alive, pipelining, HEAD; requests are answered one after the other, in order.
 *
 * Started by `linger serve http` and the demonstration. Serves nothing from the disk.
 */
import { type Clock, RealClock } from "../clock.ts";
import type { Connection } from "../connection.ts";
import type { Stack } from "../stack.ts";
import {
  type BadRequest,
  type HttpRequest,
  HttpRequestReader,
  type KeptReader,
} from "./http-request.ts";
import { statusDocument, statusPage } from "./http-status-page.ts";
import { type App, type AppOptions, drain, type Drawer, serve, withTimeout } from "./serve.ts";

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

const TOO_SLOW = { status: 408, reason: "too slow" } as const;

/** An answer before it is written. */
interface Answer {
  status: number;
  type: string;
  body: string;
  headers?: Record<string, string>;
}

/** What a snapshot keeps of a conversation: octets in base64. */
interface KeptConversation {
  readonly reader: KeptReader;
  readonly unsent: string;
  readonly isLast: boolean;
}

export function startHttp(stack: Stack, options: AppOptions = {}): App {
  const clock = options.clock ?? new RealClock();
  const startedMs = clock.now();
  const answer = (request: HttpRequest): Answer =>
    answerRequest(request, { stack, app, uptimeMs: clock.now() - startedMs });
  const handler = (connection: Connection, _clock: Clock, drawer: Drawer): Promise<void> =>
    new Conversation(connection, { clock, answer }, drawer).run();
  const service = { name: "http", port: HTTP_PORT, handler };
  const app: App = serve(stack, service, { ...options, clock });
  return app;
}

/**
 * Requests and answers on one connection. Each octet goes from the stack into here, or from here
 * into the stack, in one piece of code that waits for nothing: so a snapshot never misses one.
 */
class Conversation {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #answer: (request: HttpRequest) => Answer;
  readonly #reader: HttpRequestReader;
  /** What is left of the answer. */
  #unsent: Uint8Array;
  /** Nothing follows it. */
  #isLast: boolean;

  constructor(
    connection: Connection,
    { clock, answer }: { clock: Clock; answer: (request: HttpRequest) => Answer },
    drawer: Drawer,
  ) {
    const kept = drawer.kept as KeptConversation | undefined;
    if (kept === undefined && connection.bytesRead + connection.bytesWritten > 0) {
      throw new Error("nobody knows any more what was said before the sleep");
    }
    this.#connection = connection;
    this.#clock = clock;
    this.#answer = answer;
    this.#reader = new HttpRequestReader(kept?.reader);
    this.#unsent = Buffer.from(kept?.unsent ?? "", "base64");
    this.#isLast = kept?.isLast ?? false;
    drawer.save = () => this.#save();
  }

  async run(): Promise<void> {
    while (this.#unsent.length > 0 || !this.#isLast) {
      if (this.#unsent.length > 0) await this.#send();
      else await this.#next();
    }
    this.#connection.closeWrite();
    await drain(this.#connection, DRAIN_MS, this.#clock);
  }

  #save(): KeptConversation {
    const unsent = Buffer.from(this.#unsent).toString("base64");
    return { reader: this.#reader.kept(), unsent, isLast: this.#isLast };
  }

  /** A peer that does not read its answer in time is cut off: its connection is needed. */
  async #send(): Promise<void> {
    const untilMs = this.#clock.now() + HTTP_IDLE_MS;
    for (;;) {
      this.#unsent = this.#unsent.subarray(this.#connection.write(this.#unsent));
      if (this.#unsent.length === 0) return;
      if (!(await this.#hasChanged(untilMs))) throw new Error("the peer does not read its answer");
    }
  }

  async #next(): Promise<void> {
    const result = this.#reader.read();
    if (result.kind === "more") return this.#receive();
    if (result.kind === "bad") return this.#refuse(result.bad);
    const { keepAlive, method } = result.request;
    const encoding = { clock: this.#clock, keepAlive, headOnly: method === "HEAD" };
    this.#unsent = encodeAnswer(this.#answer(result.request), encoding);
    this.#isLast = !keepAlive;
  }

  #refuse(bad: BadRequest | typeof TOO_SLOW): void {
    this.#unsent = encodeRefusal(bad, this.#clock);
    this.#isLast = true;
  }

  /** More of a request; or none can follow: the peer has closed, or is silent for too long. */
  async #receive(): Promise<void> {
    const untilMs = this.#clock.now() + HTTP_IDLE_MS;
    for (;;) {
      const come = this.#connection.peek();
      if (come) {
        this.#reader.push(come);
        this.#connection.consume(come.length);
        return;
      }
      if (come === null) {
        this.#isLast = true;
        return;
      }
      if (await this.#hasChanged(untilMs)) continue;
      if (this.#reader.isInRequest) this.#refuse(TOO_SLOW);
      this.#isLast = true;
      return;
    }
  }

  async #hasChanged(untilMs: number): Promise<boolean> {
    return withTimeout(this.#connection.changed(), untilMs - this.#clock.now(), this.#clock);
  }
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

function encodeRefusal(bad: BadRequest | typeof TOO_SLOW, clock: Clock): Buffer {
  const body = `${REASONS[bad.status]}: ${bad.reason}.\n`;
  const answer: Answer = { status: bad.status, type: "text/plain; charset=utf-8", body };
  return encodeAnswer(answer, { clock, keepAlive: false, headOnly: false });
}
