/**
 * Random programs on random wires: two stacks whose users connect, write, read, close, abort and
 * release at random times, over loss, duplication, reordering and delay. Whatever happens, every
 * octet arrives in its place or not at all, both sides learn of the end, and every record comes
 * back.
 *
 * LINGER_RUNS=5000 runs more, LINGER_SEED=17 one; a failure names its seed.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Connection, type ConnectionEnd } from "../../hal/host/connection.ts";
import { SeededEntropy } from "../../hal/host/entropy.ts";
import type { Impairment } from "../../hal/host/wires/index.ts";
import { CLIENT, PORT, PROFILES, type Rig, SERVER, twoStacks } from "./two-stacks.ts";

const RUNS = Number(process.env["LINGER_RUNS"] ?? 100);
const ONLY_SEED = process.env["LINGER_SEED"];

const ACTIVE_MS = 30_000;
/** Beyond every user timeout (300 s) and the longest wait between two retransmissions. */
const SETTLE_MS = 1_000_000;
const CHUNK_OCTETS = 4000;

/** The octet at a place of a stream: wrong places and wrong streams show. */
function octetAt(stream: number, place: number): number {
  return (Math.imul(place, 0x9e37) + stream * 89 + (place >>> 8)) & 0xff;
}

/** One end of a connection, and what its user has done and seen. */
class User {
  readonly #connection: Connection;
  readonly #entropy: SeededEntropy;
  #sendStream = -1;
  #receiveStream = -1;
  written = 0;
  read = 0;
  sawEnd = false;
  end: ConnectionEnd | undefined;
  #isWriteClosed = false;

  constructor(connection: Connection, entropy: SeededEntropy) {
    this.#connection = connection;
    this.#entropy = entropy;
    connection.on("ended", (end) => {
      assert.equal(this.end, undefined, "told of the end twice");
      this.end = end;
    });
  }

  /** Streams are numbered by the client's port, and by their direction. */
  identify(clientPort: number, isClient: boolean): void {
    this.#sendStream = clientPort * 2 + (isClient ? 0 : 1);
    this.#receiveStream = clientPort * 2 + (isClient ? 1 : 0);
  }

  get connection(): Connection {
    return this.#connection;
  }

  /** Something at random. */
  act(): void {
    const dice = this.#entropy.below(100);
    if (this.end !== undefined) return;
    if (dice < 45) this.write();
    else if (dice < 88) this.readSome(1 + this.#entropy.below(2 * CHUNK_OCTETS));
    else if (dice < 93) this.closeWrite();
    else if (dice < 96) this.#connection.setNoDelay(dice % 2 === 0);
    else if (dice < 97) this.#connection.close();
    else if (dice < 98) this.#connection.abort();
    else if (dice < 99) this.#connection.release();
  }

  write(): void {
    if (this.#isWriteClosed || this.#isOver()) return;
    const length = this.#entropy.below(CHUNK_OCTETS);
    const data = Uint8Array.from({ length }, (_, index) => {
      return octetAt(this.#sendStream, this.written + index);
    });
    try {
      this.written += this.#connection.write(data);
    } catch (error) {
      this.#expect(error);
    }
  }

  closeWrite(): void {
    this.#isWriteClosed = true;
    this.#connection.closeWrite();
  }

  /** Reads, and compares every octet with what the other side wrote there. */
  readSome(max: number): void {
    if (this.#connection.end === "RELEASED") return;
    try {
      const chunk = this.#connection.read(max);
      if (chunk === null) this.sawEnd = true;
      for (const octet of chunk ?? []) {
        const right = octetAt(this.#receiveStream, this.read);
        if (octet !== right) assert.fail(`octet ${this.read} is ${octet}, not ${right}`);
        this.read++;
      }
    } catch (error) {
      this.#expect(error);
    }
  }

  #isOver(): boolean {
    return this.#connection.end !== undefined;
  }

  /** After a full close, or when the end is known to the module and not told yet. */
  #expect(error: unknown): void {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (
      !/^CONNECTION_(ENDED|CLOSED|CLOSING|RESET|ABORTED|TIMED_OUT|UNREACHABLE|REFUSED)$/.test(code)
    )
      throw error;
  }
}

function randomImpairment(entropy: SeededEntropy): Impairment {
  const often = entropy.below(3);
  return {
    loss: entropy.fraction() * [0, 0.05, 0.25][often]!,
    duplicate: entropy.fraction() * [0, 0.05, 0.2][often]!,
    reorder: entropy.fraction() * [0, 0.1, 0.3][often]!,
    reorderMs: 1 + entropy.below(50),
    delayMs: entropy.below(40),
    jitterMs: entropy.below(5),
  };
}

interface Run {
  readonly rig: Rig;
  readonly entropy: SeededEntropy;
  readonly pairs: { near: User; far: User | undefined }[];
}

function begin(seed: number): Run {
  const entropy = new SeededEntropy(seed);
  const profile = PROFILES[seed % PROFILES.length]!;
  const impairment = randomImpairment(entropy);
  const startMs = entropy.below(2) === 0 ? 0 : 2 ** 32 - ACTIVE_MS / 2;
  const common = { mslMs: 1000 + entropy.below(5000) };
  const rig = twoStacks({ profile, seed, impairment, startMs, client: common, server: common });
  const run: Run = { rig, entropy, pairs: [] };
  rig.server.listen(PORT).on("connection", (connection) => {
    const pair = run.pairs.findLast(({ near }) => {
      return near.connection.localPort === connection.remotePort;
    });
    assert.ok(pair, "accepted what nobody opened");
    pair.far = new User(connection, entropy);
    pair.far.identify(connection.remotePort, false);
  });
  return run;
}

/** Opens a connection unless the client's records are all taken. */
function open({ rig, entropy, pairs }: Run): void {
  try {
    const connection = rig.client.connect(SERVER, PORT);
    const near = new User(connection, entropy);
    near.identify(connection.localPort, true);
    pairs.push({ near, far: undefined });
  } catch (error) {
    assert.equal((error as { code?: string }).code, "NO_RESOURCES");
  }
}

function actAtRandom(run: Run): void {
  const { rig, entropy, pairs } = run;
  const untilMs = rig.clock.now() + ACTIVE_MS;
  while (rig.clock.now() < untilMs) {
    if (entropy.below(12) === 0) open(run);
    const pair = pairs[pairs.length - 1 - entropy.below(Math.min(pairs.length, 6))];
    const user = entropy.below(2) === 0 ? pair?.near : pair?.far;
    user?.act();
    rig.clock.advance(entropy.below(3) === 0 ? entropy.below(400) : entropy.below(20));
  }
}

/** The wire is whole again; everybody says that he is done, and reads to the end. */
function settle({ rig, pairs }: Run): void {
  rig.wire.setImpairment({ outbound: {}, inbound: {} });
  const untilMs = rig.clock.now() + SETTLE_MS;
  for (const { near, far } of pairs) {
    near.closeWrite();
    far?.closeWrite();
  }
  while (rig.clock.now() < untilMs) {
    for (const { near, far } of pairs) {
      near.readSome(Infinity);
      far?.readSome(Infinity);
      far?.closeWrite();
    }
    rig.clock.advance(rig.clock.now() < untilMs - SETTLE_MS / 2 ? 500 : 50_000);
  }
}

/**
 * A reset that was lost leaves the other side in FIN-WAIT-2, where it may wait for data for ever.
 */
function isForsaken(user: User, peer: User | undefined): boolean {
  if (user.end !== undefined || user.connection.status().stateName !== "FIN_WAIT_2") return false;
  return peer === undefined || (peer.end !== undefined && peer.end !== "CLOSED");
}

function judge({ rig, pairs }: Run): void {
  for (const { near, far } of pairs) {
    for (const [user, peer] of [
      [near, far],
      [far, near],
    ] as const) {
      if (user !== undefined && isForsaken(user, peer)) user.connection.abort();
    }
  }
  rig.clock.advance(100);
  for (const { near, far } of pairs) {
    const ports = `${near.connection.localPort}`;
    assert.notEqual(
      near.end,
      undefined,
      `client ${ports} still ${near.connection.status().stateName}, peer ${far?.end}`,
    );
    if (far !== undefined) {
      assert.notEqual(far.end, undefined, `server ${ports} never learned of the end`);
      assert.ok(far.read <= near.written && near.read <= far.written, `${ports}: invented octets`);
      if (far.sawEnd) assert.equal(far.read, near.written, `${ports}: a stream cut short`);
      if (near.sawEnd) assert.equal(near.read, far.written, `${ports}: a stream cut short`);
    }
    assert.equal(rig.client.lookup(SERVER, PORT, near.connection.localPort), "CLOSED", ports);
    assert.equal(rig.server.lookup(CLIENT, near.connection.localPort, PORT), "LISTEN", ports);
  }
  const { CONNECTION_COUNT, HALF_OPEN_COUNT } = rig.client.limits;
  const free = Math.min(CONNECTION_COUNT, HALF_OPEN_COUNT, 16);
  rig.server.listen(PORT + 1).on("connection", () => undefined);
  const again = Array.from({ length: free }, () => rig.client.connect(SERVER, PORT + 1));
  rig.clock.advance(20_000);
  for (const connection of again) assert.equal(connection.status().stateName, "ESTABLISHED");
}

describe("random runs", () => {
  const seeds =
    ONLY_SEED === undefined
      ? Array.from({ length: RUNS }, (_, index) => index + 1)
      : [Number(ONLY_SEED)];
  test(`${seeds.length} seeds`, () => {
    let opened = 0;
    for (const seed of seeds) {
      const run = begin(seed);
      try {
        actAtRandom(run);
        settle(run);
        judge(run);
      } catch (error) {
        const how = `LINGER_SEED=${seed} node --import tsx --test tests/host/random-runs.test.ts`;
        throw new Error(`seed ${seed} fails: ${String(error)}; again: ${how}`, { cause: error });
      }
      opened += run.pairs.length;
    }
    assert.ok(opened >= 5 * seeds.length, `only ${opened} connections were opened`);
  });
});
