/**
 * Reads HTTP/1.x requests from a stream of octets (RFC 9112): several in one chunk, one in several
 * chunks, bodies skipped, every size bounded.
 *
 * Called by http.ts and tests. Never answers, never waits, never throws for what a peer sent.
 */

/** Request line and header fields together, in octets. */
export const HEAD_OCTETS_MAX = 8192;
/** A body longer than this is refused: no resource here takes any. */
const BODY_OCTETS_MAX = 65_536;

export interface HttpRequest {
  method: string;
  /** The path alone: no query, no scheme and host. */
  path: string;
  /** Names in lower case; the values of repeated ones joined by ", " (RFC 9110 §5.3). */
  headers: Map<string, string>;
  /** Whether the connection stays open after the answer (RFC 9112 §9.3). */
  keepAlive: boolean;
}

/** A request that cannot be served; the connection closes after the answer. */
export interface BadRequest {
  status: 400 | 413 | 431 | 501 | 505;
  reason: string;
}

type ReadResult =
  { kind: "request"; request: HttpRequest } | { kind: "bad"; bad: BadRequest } | { kind: "more" };

const NOTHING_READ: KeptReader = { buffered: "", bodyOctetsLeft: 0 };

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What a snapshot keeps of a reader; octets in base64. */
export interface KeptReader {
  readonly buffered: string;
  readonly bodyOctetsLeft: number;
}

/** One per connection: `push` what came, then `read` until it wants more. */
export class HttpRequestReader {
  #buffered: Buffer;
  #bodyOctetsLeft: number;
  #bad: BadRequest | undefined;

  /** A new one, or one that goes on where it was kept. */
  constructor({ buffered, bodyOctetsLeft }: KeptReader = NOTHING_READ) {
    this.#buffered = Buffer.from(buffered, "base64");
    this.#bodyOctetsLeft = bodyOctetsLeft;
  }

  /** Nothing of a bad request: its answer is the last. */
  kept(): KeptReader {
    return { buffered: this.#buffered.toString("base64"), bodyOctetsLeft: this.#bodyOctetsLeft };
  }

  /** True in the middle of a request: a peer that closes now left it unfinished. */
  get isInRequest(): boolean {
    return this.#buffered.length > 0 || this.#bodyOctetsLeft > 0;
  }

  push(octets: Uint8Array): void {
    const skipped = Math.min(this.#bodyOctetsLeft, octets.length);
    this.#bodyOctetsLeft -= skipped;
    this.#buffered = Buffer.concat([this.#buffered, octets.subarray(skipped)]);
  }

  read(): ReadResult {
    if (this.#bad !== undefined) return { kind: "bad", bad: this.#bad };
    if (this.#bodyOctetsLeft > 0) return { kind: "more" };
    this.#skipEmptyLines();
    const end = this.#buffered.indexOf("\r\n\r\n");
    if (end > HEAD_OCTETS_MAX || (end < 0 && this.#buffered.length > HEAD_OCTETS_MAX)) {
      return this.#refuse(431, "the request's head is too large");
    }
    if (end < 0) return { kind: "more" };
    const head = this.#buffered.toString("latin1", 0, end);
    this.#buffered = this.#buffered.subarray(end + 4);
    return this.#readHead(head);
  }

  /** RFC 9112 §2.2: empty lines before a request line are ignored. */
  #skipEmptyLines(): void {
    let at = 0;
    while (this.#buffered[at] === 0x0d && this.#buffered[at + 1] === 0x0a) at += 2;
    if (at > 0) this.#buffered = this.#buffered.subarray(at);
  }

  #readHead(head: string): ReadResult {
    const [line = "", ...fields] = head.split("\r\n");
    const [method = "", target = "", version = "", ...rest] = line.split(" ");
    if (rest.length > 0 || !TOKEN.test(method) || target === "") {
      return this.#refuse(400, "the request line is malformed");
    }
    if (!/^HTTP\/[0-9]\.[0-9]$/.test(version)) return this.#refuse(400, "no HTTP version");
    if (!version.startsWith("HTTP/1.")) return this.#refuse(505, "HTTP/1.1 only");
    const headers = readFields(fields);
    if (headers === undefined) return this.#refuse(400, "a header field is malformed");
    const isLatest = version !== "HTTP/1.0";
    if (isLatest && !headers.has("host")) return this.#refuse(400, "no Host field");
    const refusal = this.#beginBody(headers);
    if (refusal !== undefined) return refusal;
    const path = pathOf(target);
    if (path === undefined) return this.#refuse(400, "the request target is malformed");
    const options = (headers.get("connection") ?? "").toLowerCase().split(/[ \t]*,[ \t]*/);
    const keepAlive = isLatest ? !options.includes("close") : options.includes("keep-alive");
    return { kind: "request", request: { method, path, headers, keepAlive } };
  }

  #beginBody(headers: Map<string, string>): ReadResult | undefined {
    if (headers.has("transfer-encoding")) return this.#refuse(501, "no transfer codings");
    const length = headers.get("content-length");
    if (length === undefined) return undefined;
    if (!/^[0-9]{1,15}$/.test(length)) return this.#refuse(400, "the Content-Length is malformed");
    if (Number(length) > BODY_OCTETS_MAX) return this.#refuse(413, "the body is too large");
    const skipped = Math.min(Number(length), this.#buffered.length);
    this.#bodyOctetsLeft = Number(length) - skipped;
    this.#buffered = this.#buffered.subarray(skipped);
    return undefined;
  }

  #refuse(status: BadRequest["status"], reason: string): ReadResult {
    this.#bad = { status, reason };
    return { kind: "bad", bad: this.#bad };
  }
}

/** Folded lines, spaces before the colon and empty names are refused (RFC 9112 §5). */
function readFields(lines: readonly string[]): Map<string, string> | undefined {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    if (!TOKEN.test(name) || /[\0\r\n]/.test(line)) return undefined;
    const key = name.toLowerCase();
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    const before = fields.get(key);
    // Two Hosts or two lengths are an attempt to be understood in two ways.
    if (before !== undefined && (key === "host" || key === "content-length")) return undefined;
    fields.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return fields;
}

/** Origin form and absolute form (RFC 9112 §3.2), "*" for OPTIONS. */
function pathOf(target: string): string | undefined {
  if (target === "*") return "*";
  const path = target.replace(/^https?:\/\/[^/?]*/i, "").replace(/\?.*$/, "");
  if (path === "" && target !== path) return "/";
  return path.startsWith("/") ? path : undefined;
}
