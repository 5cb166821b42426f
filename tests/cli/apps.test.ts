/**
 * The small servers under virtual time: two stacks on a wire in memory, the test is the client.
 */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { chargenCycle, startChargen } from "../../hal/host/apps/chargen.ts";
import { startDaytime } from "../../hal/host/apps/daytime.ts";
import { startDiscard } from "../../hal/host/apps/discard.ts";
import { HEAD_OCTETS_MAX } from "../../hal/host/apps/http-request.ts";
import { HTTP_IDLE_MS } from "../../hal/host/apps/http.ts";
import { startEcho, startHttp } from "../../hal/host/apps/index.ts";
import type { App, AppOptions } from "../../hal/host/apps/serve.ts";
import {
  type Connection,
  createMemoryPair,
  SeededEntropy,
  Stack,
  VirtualClock,
} from "../../hal/host/index.ts";

const ORIGIN_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

interface Laboratory {
  clock: VirtualClock;
  app: App;
  client: Stack;
  /** A connection to the server. */
  open: () => Promise<Connection>;
  /** Moves time until the promise is settled. */
  run: <T>(promise: Promise<T>) => Promise<T>;
}

type Start = (stack: Stack, options: AppOptions) => App;

function setUp(t: TestContext, start: Start): Laboratory {
  const clock = new VirtualClock({ originMs: ORIGIN_MS });
  const [near, far] = createMemoryPair({ clock, latencyMs: 1 });
  const entropy = new SeededEntropy(1);
  const server = Stack.create({ wire: near, address: "10.9.0.2/24", clock, entropy });
  const client = Stack.create({ wire: far, address: "10.9.0.1/24", clock, entropy });
  t.after(() => {
    client.close();
    server.close();
  });
  const app = start(server, { clock });
  const run = <T>(promise: Promise<T>): Promise<T> => clock.runUntil(promise);
  const open = async (): Promise<Connection> => {
    const connection = client.connect("10.9.0.2", app.port);
    await run(connection.connected);
    return connection;
  };
  return { clock, app, client, open, run };
}

async function sendAll(connection: Connection, text: string): Promise<Buffer> {
  const received = connection.receiveAll();
  await connection.writeAll(text);
  connection.closeWrite();
  return Buffer.from(await received);
}

describe("echo", () => {
  it("gives everything back, then closes", async (t) => {
    const { open, run, app, clock } = setUp(t, startEcho);
    const connection = await open();
    const text = "The quick brown fox. ".repeat(10_000);
    assert.equal((await run(sendAll(connection, text))).toString(), text);
    assert.equal(await run(connection.ended), "CLOSED");
    await clock.advanceAsync(100);
    assert.deepEqual([app.connections.size, app.acceptedCount], [0, 1]);
  });

  it("stops reading from a peer that does not read, and loses nothing", async (t) => {
    const { open, run, clock } = setUp(t, startEcho);
    const connection = await open();
    const text = "x".repeat(1_000_000);
    const written = connection.writeAll(text);
    await clock.advanceAsync(60_000);
    const before = connection.bytesWritten;
    assert.ok(before < text.length, `${before} octets are under way although nobody reads`);
    await clock.advanceAsync(60_000);
    assert.equal(connection.bytesWritten, before);
    const received = connection.receiveAll();
    await run(written);
    connection.closeWrite();
    assert.equal((await run(received)).length, text.length);
  });

  it("outlives a peer that resets", async (t) => {
    const { open, run, app, clock } = setUp(t, startEcho);
    const bad = await open();
    bad.abort();
    await clock.advanceAsync(100);
    assert.equal(app.connections.size, 0);
    assert.equal((await run(sendAll(await open(), "still here"))).toString(), "still here");
  });
});

describe("closing an application", () => {
  it("closes its connections, and aborts those that do not end in time", async (t) => {
    const { open, run, app, client } = setUp(t, startEcho);
    const [polite, rude] = [await open(), await open()];
    const politeEnds = polite.receiveAll().then(() => polite.closeWrite());
    await run(app.close());
    await run(politeEnds);
    assert.equal(await run(polite.ended), "CLOSED");
    assert.equal(await run(rude.ended), "RESET");
    const late = client.connect("10.9.0.2", app.port);
    await assert.rejects(run(late.connected), { code: "CONNECTION_REFUSED" });
  });
});

describe("discard", () => {
  it("takes all and says nothing", async (t) => {
    const { open, run, clock, app } = setUp(t, startDiscard);
    const connection = await open();
    assert.equal((await run(sendAll(connection, "x".repeat(100_000)))).length, 0);
    await clock.advanceAsync(100);
    assert.equal(app.connections.size, 0);
  });
});

describe("daytime", () => {
  it("says the time of its clock", async (t) => {
    const { open, run } = setUp(t, startDaytime);
    const connection = await open();
    const line = Buffer.from(await run(connection.receiveAll())).toString();
    assert.equal(line, "Fri, 02 Jan 2026 03:04:05 GMT\r\n");
    connection.closeWrite();
    assert.equal(await run(connection.ended), "CLOSED");
  });

  it("does not wait for ever for a peer to close", async (t) => {
    const { open, run, clock } = setUp(t, startDaytime);
    const connection = await open();
    await run(connection.receiveAll());
    await clock.advanceAsync(11_000);
    await connection.writeAll("Are you there?");
    assert.equal(await run(connection.ended), "RESET");
  });
});

describe("chargen", () => {
  it("sends RFC 864's pattern for as long as it is read", async (t) => {
    const { open, run, app, clock } = setUp(t, startChargen);
    const connection = await open();
    const cycle = Buffer.from(chargenCycle());
    assert.match(cycle.toString().split("\r\n")[1]!, /^!"#\$%&'\(\)\*/);
    const wanted = cycle.length * 2;
    const read = async (): Promise<Buffer> => {
      const chunks: Uint8Array[] = [];
      for (let total = 0; total < wanted;) {
        const chunk = await connection.receive();
        chunks.push(chunk!);
        total += chunk!.length;
      }
      return Buffer.concat(chunks);
    };
    const seen = await run(read());
    assert.deepEqual(seen.subarray(0, wanted), Buffer.concat([cycle, cycle]));
    connection.closeWrite();
    await run(connection.receiveAll());
    assert.equal(await run(connection.ended), "CLOSED");
    await clock.advanceAsync(100);
    assert.equal(app.connections.size, 0);
  });
});

describe("http", () => {
  const HOST = "Host: 10.9.0.2\r\n";

  /** Sends octets in pieces of `step`, and everything that comes until the server closes. */
  async function exchange(laboratory: Laboratory, request: string, step = request.length) {
    const connection = await laboratory.open();
    const talk = async (): Promise<string> => {
      const received = connection.receiveAll();
      for (let at = 0; at < request.length; at += step) {
        await connection.writeAll(request.slice(at, at + step));
      }
      connection.closeWrite();
      return Buffer.from(await received).toString();
    };
    return laboratory.run(talk());
  }

  function codes(answers: string): string[] {
    return Array.from(answers.matchAll(/^HTTP\/1\.1 ([0-9]{3}) /gm), ([, code]) => code!);
  }

  it("serves the page and its JSON, and dates its answers", async (t) => {
    const laboratory = setUp(t, startHttp);
    await laboratory.clock.advanceAsync(5000);
    const page = await exchange(laboratory, `GET / HTTP/1.1\r\n${HOST}\r\n`);
    assert.match(page, /^HTTP\/1\.1 200 OK\r\nDate: Fri, 02 Jan 2026 03:04:10 GMT\r\n/);
    assert.match(page, /10\.9\.0\.2\/24 .*up 5 s/);
    assert.match(page, /<td>10\.9\.0\.1:[0-9]+<td>(ESTABLISHED|CLOSE-WAIT)/);
    const json = await exchange(laboratory, `GET /status.json?x=1 HTTP/1.1\r\n${HOST}\r\n`);
    const [head = "", body = ""] = json.split("\r\n\r\n");
    assert.match(head, /^Content-Type: application\/json\r?$/m);
    assert.match(head, new RegExp(`^Content-Length: ${Buffer.byteLength(body)}\r?$`, "m"));
    assert.match(page, /<th>cwnd<th>ssthresh<th>SRTT ms<th>RTO ms<th>sent again<\/tr>/);
    assert.match(page, /<tr><td>segments in<td class="n">[0-9]+<\/tr>/);
    const document = JSON.parse(body) as {
      acceptedCount: number;
      counters: { FRAMES_IN: number };
      connections: { tcb: { IRS: number; RCV_NXT: number; RTO_MS: number } }[];
    };
    const tcb = document.connections.at(-1)!.tcb;
    assert.ok((tcb.RCV_NXT - tcb.IRS) >>> 0 >= 50 && tcb.RTO_MS === 1000);
    assert.equal(document.acceptedCount, 2);
    assert.ok(document.counters.FRAMES_IN >= 5);
  });

  it("answers HEAD with the head alone", async (t) => {
    const answer = await exchange(setUp(t, startHttp), `HEAD / HTTP/1.1\r\n${HOST}\r\n`);
    const [head = "", body] = answer.split("\r\n\r\n");
    assert.match(head, /^HTTP\/1\.1 200 OK\r\n[^]*Content-Length: [1-9]/);
    assert.equal(body, "");
  });

  it("keeps the connection, and answers pipelined requests in order", async (t) => {
    const paths = ["/", "/nowhere", "/status.json", "/"];
    const request = paths.map((path) => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`).join("");
    for (const step of [request.length, 7, 1]) {
      const laboratory = setUp(t, startHttp);
      const answers = await exchange(laboratory, request, step);
      assert.deepEqual(codes(answers), ["200", "404", "200", "200"], `pieces of ${step}`);
      assert.equal(laboratory.app.acceptedCount, 1);
    }
  });

  it("closes when asked to, and after HTTP/1.0", async (t) => {
    const laboratory = setUp(t, startHttp);
    const next = `GET / HTTP/1.1\r\n${HOST}\r\n`;
    for (const first of [
      `GET / HTTP/1.1\r\n${HOST}Connection: Close\r\n\r\n`,
      "GET / HTTP/1.0\r\n\r\n",
    ]) {
      const answers = await exchange(laboratory, first + next);
      assert.deepEqual(codes(answers), ["200"]);
      assert.match(answers, /^Connection: close\r$/m);
    }
    const kept = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    assert.deepEqual(codes(await exchange(laboratory, kept + next)), ["200", "200"]);
  });

  it("skips the body of a request that it refuses", async (t) => {
    const request = `POST / HTTP/1.1\r\n${HOST}Content-Length: 20\r\n\r\nGET / HTTP/1.1\r\n\r\n..`;
    const next = `GET / HTTP/1.1\r\n${HOST}\r\n`;
    for (const step of [1, 1000]) {
      const answers = await exchange(setUp(t, startHttp), request + next, step);
      assert.deepEqual(codes(answers), ["405", "200"]);
      assert.match(answers, /^Allow: GET, HEAD\r$/m);
    }
  });

  const REFUSED: [string, string, string][] = [
    ["400", "a request line of one word", "HELLO\r\n\r\n"],
    ["400", "no version", `GET /\r\n${HOST}\r\n`],
    ["400", "a method that is no token", `G(T / HTTP/1.1\r\n${HOST}\r\n`],
    ["400", "a relative target", `GET index.html HTTP/1.1\r\n${HOST}\r\n`],
    ["400", "no Host", "GET / HTTP/1.1\r\n\r\n"],
    ["400", "two Hosts", `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`],
    ["400", "a space before the colon", `GET / HTTP/1.1\r\n${HOST}X : y\r\n\r\n`],
    ["400", "a folded field", `GET / HTTP/1.1\r\n${HOST}X: y\r\n z\r\n\r\n`],
    ["400", "a length that is no number", `GET / HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`],
    ["400", "two lengths", `GET / HTTP/1.1\r\n${HOST}${"Content-Length: 1\r\n".repeat(2)}\r\nx`],
    ["413", "a large body", `PUT / HTTP/1.1\r\n${HOST}Content-Length: 65537\r\n\r\n`],
    ["431", "a large head", `GET / HTTP/1.1\r\n${HOST}X: ${"y".repeat(HEAD_OCTETS_MAX)}\r\n\r\n`],
    ["431", "a head without end", "x".repeat(HEAD_OCTETS_MAX + 1)],
    ["501", "a transfer coding", `PUT / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`],
    ["505", "another version", `GET / HTTP/2.0\r\n${HOST}\r\n`],
  ];
  for (const [code, what, request] of REFUSED) {
    it(`answers ${code} to ${what}, and closes`, async (t) => {
      const laboratory = setUp(t, startHttp);
      const answers = await exchange(laboratory, `${request}GET / HTTP/1.1\r\n${HOST}\r\n`);
      assert.deepEqual(codes(answers), [code]);
      assert.match(answers, /^Connection: close\r$/m);
      assert.deepEqual(codes(await exchange(laboratory, `GET / HTTP/1.1\r\n${HOST}\r\n`)), ["200"]);
    });
  }

  it("ends a connection that is idle, and tells one that is slow", async (t) => {
    const { open, run } = setUp(t, startHttp);
    const [idle, slow] = [await open(), await open()];
    await slow.writeAll("GET / HTT");
    const both = Promise.all([idle.receiveAll(), slow.receiveAll()]);
    const [nothing, timeout] = await run(both);
    assert.equal(nothing.length, 0);
    assert.match(Buffer.from(timeout).toString(), /^HTTP\/1\.1 408 /);
  });

  it("cuts off a peer that does not read its answers", async (t) => {
    const { open, clock, app } = setUp(t, startHttp);
    const deaf = await open();
    const request = `GET / HTTP/1.1\r\n${HOST}\r\n`.repeat(200);
    deaf.writeAll(request).catch(() => undefined);
    await clock.advanceAsync(1000);
    assert.equal(app.connections.size, 1);
    await clock.advanceAsync(2 * HTTP_IDLE_MS);
    assert.equal(app.connections.size, 0);
  });
});
