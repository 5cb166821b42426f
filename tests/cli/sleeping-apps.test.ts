/**
 * The small servers put to sleep with their stack at every moment of a conversation, under virtual
 * time: what the peer gets is what it would have got without. The rings are small (`tiny`), so that
 * answers are in the server's own memory, in the stack and on the wire at once.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chargenCycle, startChargen } from "../../hal/host/apps/chargen.ts";
import { startDaytime } from "../../hal/host/apps/daytime.ts";
import { startDiscard } from "../../hal/host/apps/discard.ts";
import { startEcho, startHttp } from "../../hal/host/apps/index.ts";
import { type App, type AppOptions, isKeptApp } from "../../hal/host/apps/serve.ts";
import {
  type Connection,
  createMemoryPair,
  SeededEntropy,
  Stack,
  VirtualClock,
} from "../../hal/host/index.ts";
import { patternOf, Socket } from "../host/two-stacks.ts";

const ORIGIN_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
const SLEEP_MS = 400;
const PIECE_OCTETS = 41;
const READ_OCTETS = 300;
/** So many turns of a millisecond each; then they are longer, for what has to be sent again. */
const LIVELY_TURNS = 300;
const TURNS_MAX = 3000;

type Start = (stack: Stack, options: AppOptions) => App;

/** A server that can be put to sleep, and a client's connection to it. */
class Laboratory {
  readonly clock = new VirtualClock({ originMs: ORIGIN_MS });
  readonly connection: Connection;
  readonly log: string[] = [];
  readonly #socket: Socket;
  readonly #start: Start;
  #server: Stack;
  #app: App;

  constructor(start: Start) {
    const { clock } = this;
    const [near, far] = createMemoryPair({ clock, latencyMs: 2 });
    const entropy = new SeededEntropy(1);
    this.#start = start;
    this.#socket = new Socket(near);
    const common = { clock, entropy, profile: "tiny" } as const;
    this.#server = Stack.create({ ...common, wire: this.#socket.plug(), address: "10.9.0.2/24" });
    const client = Stack.create({ ...common, wire: far, address: "10.9.0.1/24" });
    this.#app = start(this.#server, this.#options);
    this.connection = client.connect("10.9.0.2", this.#app.port, { noDelay: true });
  }

  get app(): App {
    return this.#app;
  }

  get #options(): AppOptions {
    return { clock: this.clock, log: (line) => void this.log.push(line) };
  }

  /** `forgets`: the program does not put away what the server keeps. */
  sleep(forgets = false): void {
    const { clock } = this;
    let snapshot!: Uint8Array;
    this.#app.sleep((kept) => {
      snapshot = this.#server.snapshot(forgets ? undefined : kept);
    });
    clock.advance(SLEEP_MS);
    const entropy = new SeededEntropy(2);
    const options = { clock, entropy, profile: "tiny", sleptMs: SLEEP_MS } as const;
    this.#server = Stack.restore(snapshot, { ...options, wire: this.#socket.plug() });
    const { kept: again } = this.#server;
    this.#app = this.#start(this.#server, {
      ...this.#options,
      ...(isKeptApp(again) && { kept: again }),
    });
  }
}

interface Talk {
  /** What the client says, its FIN behind it. */
  text: Uint8Array;
  /** Then it has heard enough: the server would never end, and it says no FIN. */
  octets?: number;
}

interface Heard {
  octets: Buffer;
  turns: number;
  laboratory: Laboratory;
}

/** Says all and hears all, in small pieces; the server sleeps at this turn, if it is one. */
async function talk(start: Start, { text, octets = Infinity }: Talk, at = -1): Promise<Heard> {
  const laboratory = new Laboratory(start);
  const { connection, clock } = laboratory;
  const heard: Uint8Array[] = [];
  // In its first moments there is no connection yet, and then each piece comes alone.
  let isConnected = false;
  connection.once("connect", () => (isConnected = true));
  let said = 0;
  let count = 0;
  let turns = 0;
  for (; turns < TURNS_MAX && count < octets; turns++) {
    if (turns === at) laboratory.sleep();
    if (isConnected && said < text.length)
      said += connection.write(text.subarray(said, said + PIECE_OCTETS));
    else if (isConnected && octets === Infinity) connection.closeWrite();
    const chunk = connection.read(READ_OCTETS);
    if (chunk === null) break;
    if (chunk) heard.push(chunk);
    count += chunk?.length ?? 0;
    await clock.advanceAsync(turns < LIVELY_TURNS ? 1 : 100);
  }
  assert.ok(turns < TURNS_MAX, `the server never ends, ${count} octets came; slept at ${at}`);
  return { octets: Buffer.concat(heard), turns, laboratory };
}

/** The same with a sleep at each moment in turn. */
async function* atEachMoment(start: Start, said: Talk): AsyncGenerator<Heard & { at: number }> {
  const { turns } = await talk(start, said);
  assert.ok(turns > 10 && turns < LIVELY_TURNS, `${turns} moments`);
  for (let at = 0; at < turns; at++) yield { at, ...(await talk(start, said, at)) };
}

describe("servers that sleep at any moment of a conversation", () => {
  it("echo gives back every octet, and closes", async () => {
    const text = patternOf(3000);
    for await (const { octets, at } of atEachMoment(startEcho, { text })) {
      assert.ok(octets.equals(text), `slept at ${at}`);
    }
  });

  it("discard reads on to the end, and counts on", async () => {
    const text = patternOf(3000);
    for await (const { octets, at, laboratory } of atEachMoment(startDiscard, { text })) {
      assert.equal(octets.length, 0, `slept at ${at}`);
      await laboratory.clock.advanceAsync(1000);
      assert.match(laboratory.log.at(-1)!, / ended: CLOSED, 3000 octets in, 0 out$/);
    }
  });

  it("daytime says it once", async () => {
    for await (const { octets } of atEachMoment(startDaytime, { text: patternOf(500) })) {
      assert.match(octets.toString(), /^Fri, 02 Jan 2026 03:04:0[56] GMT\r\n$/);
    }
  });

  it("chargen goes on with its pattern", async () => {
    const said = { text: new Uint8Array(0), octets: 5000 };
    const pattern = Buffer.from(chargenCycle());
    for await (const { octets, at } of atEachMoment(startChargen, said)) {
      assert.ok(octets.equals(pattern.subarray(0, octets.length)), `slept at ${at}`);
    }
  });
});

describe("http that sleeps", () => {
  const HOST = "Host: 10.9.0.2\r\n";
  const GET = `GET /status.json HTTP/1.1\r\n${HOST}\r\n`;
  const BODY = "GET /in/a/body HTTP/1.1\r\n\r\n".repeat(4);
  const REQUESTS = [
    `POST / HTTP/1.1\r\n${HOST}Content-Length: ${BODY.length}\r\n\r\n${BODY}`,
    GET,
    `HEAD / HTTP/1.1\r\n${HOST}\r\n`,
    `GET /nowhere HTTP/1.1\r\n${HOST}\r\n`,
    "HELLO\r\n\r\n",
  ];

  /** The answers in a stream, which must be whole. */
  function answersIn(octets: Buffer, headAt = -1): { code: string; body: string }[] {
    const answers: { code: string; body: string }[] = [];
    for (let at = 0; at < octets.length;) {
      const end = octets.indexOf("\r\n\r\n", at) + 4;
      assert.ok(end >= at + 4, `no head at octet ${at}`);
      const head = octets.toString("latin1", at, end);
      const code = /^HTTP\/1\.1 ([0-9]{3}) /.exec(head)?.[1];
      const length = Number(/\r\nContent-Length: ([0-9]+)\r\n/.exec(head)?.[1]);
      assert.ok(code !== undefined, head);
      at = end + (answers.length === headAt ? 0 : length); // HEAD's has none
      assert.ok(at <= octets.length, "the last answer is cut off");
      answers.push({ code, body: octets.toString("utf8", end, at) });
    }
    return answers;
  }

  it("answers every request, whole and in order, and closes", async () => {
    const text = Buffer.from(REQUESTS.join(""));
    let longest = 0;
    for await (const { octets, at } of atEachMoment(startHttp, { text })) {
      const answers = answersIn(octets, 2);
      const codes = answers.map(({ code }) => code);
      assert.deepEqual(codes, ["405", "200", "200", "404", "400"], `slept at ${at}`);
      const { body } = answers[1]!;
      assert.equal((JSON.parse(body) as { acceptedCount: number }).acceptedCount, 1);
      longest = Math.max(longest, body.length);
    }
    assert.ok(longest > 2048, "an answer is longer than both rings");
  });

  it("sends the rest of an answer as it was begun, byte for byte", async () => {
    const text = Buffer.from(GET);
    const { octets: whole } = await talk(startHttp, { text });
    let same = 0;
    for await (const { octets } of atEachMoment(startHttp, { text })) {
      if (octets.equals(whole)) same++;
    }
    // Asleep before the whole request was there, it has another date and other counters to tell.
    assert.ok(same > 15, `at ${same} moments`);
  });

  it("keeps what is kept, asleep again before it goes on", async () => {
    const laboratory = new Laboratory(startHttp);
    const { connection, clock } = laboratory;
    await connection.writeAll(GET.repeat(2).slice(0, -5));
    await clock.advanceAsync(100);
    for (let naps = 0; naps < 3; naps++) laboratory.sleep();
    const rest = connection.writeAll("1\r\n\r\n");
    const answers = clock.runUntil(
      (async () => {
        await rest;
        connection.closeWrite();
        return connection.receiveAll();
      })(),
    );
    const octets = Buffer.from(await answers);
    const codes = answersIn(octets).map(({ code }) => code);
    assert.deepEqual(codes, ["200", "200"]);
  });

  it("cuts off whom it has forgotten, and serves the next", async () => {
    const laboratory = new Laboratory(startHttp);
    const { connection, clock } = laboratory;
    await connection.writeAll(GET);
    await clock.advanceAsync(15);
    assert.ok(connection.bytesRead === 0 && laboratory.app.connections.size === 1);
    laboratory.sleep(true);
    await clock.advanceAsync(3000);
    assert.equal(connection.end, "RESET");
    assert.match(laboratory.log.join("\n"), /nobody knows any more what was said/);
    assert.equal(laboratory.app.connections.size, 0);
  });
});
