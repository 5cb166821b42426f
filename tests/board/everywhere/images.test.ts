/**
 * Each firmware image in QEMU, with Linger in the host emulator as its peer: from boot to the last
 * state of TCP.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { buildNativeImages } from "../../../bench/firmware/build.ts";
import { findImage, IMAGES } from "../../../bench/firmware/images.ts";
import { measure, total } from "../../../bench/firmware/parts.ts";
import { findSmallestPool } from "../../../bench/firmware/pools.ts";
import type { Connection } from "../../../hal/host/index.ts";
import { octets, receiveHash, sha256, until } from "../../interop/traffic.ts";
import { BOARD_ADDRESS, build } from "../board.ts";
import { measureDepth } from "../depth.ts";
import { Bench, PEER_ADDRESS } from "../peer.ts";

const ECHO_PORT = 7;
/** Tells a line, then closes: the board is the one that closes first. */
const UPTIME_PORT = 13;
const CLOSED_PORT = 9;
const PINGS = 1000;
const CONNECTIONS = 50;
const WAKES_PER_SECOND_MAX = 5;
const IDLE_MS = 2000;
const SUITE = { timeout: 90_000 };
/** All images, and modules to be compiled for them. */
const NATIVE_SUITE = { timeout: 180_000 };
/** The image that shows a longer transfer; the others echo 64 KB. */
const LONG = "mps2-an385-wasm2c";
const echoOctets = (image: string) => (image === LONG ? 1_000_000 : 65_536);
/** More than 2 MSL, and time for an answer. */
const AFTER_TIME_WAIT_MS = 600;
const ANSWER_MS = 50;
const FIN = 1;
const RST = 4;

const isTcp = (frame: Uint8Array) => frame[12] === 8 && frame[23] === 6;
const hasFlag = (frame: Uint8Array, flag: number) => isTcp(frame) && (frame[47]! & flag) !== 0;

/** The last frame with a FIN among some. */
function lastFin(frames: readonly Uint8Array[]): Uint8Array {
  const found = frames.findLast((frame) => hasFlag(frame, FIN));
  assert.ok(found !== undefined, "no FIN was sent");
  return found;
}

/** Everything that a connection receives, as text. */
async function readText(connection: Connection): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of connection) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function echo(connection: Connection, length: number): Promise<void> {
  const sent = octets(length, length);
  const writing = connection.writeAll(sent).then(() => connection.closeWrite());
  assert.deepEqual(await receiveHash(connection), { hash: sha256(sent), length });
  await writing;
}

describe("flash and RAM", () => {
  for (const { name, budget } of IMAGES) {
    test(`of ${name} are within its budget`, () => {
      const { flash, ram } = measure(build(name));
      assert.ok(total(flash) <= budget.flash, `flash: ${total(flash)}`);
      assert.ok(total(ram) <= budget.ram, `RAM: ${total(ram)}`);
      assert.ok(Object.values({ ...flash, ...ram }).every((octets) => octets >= 0));
    });
  }
});

/** 500 octets of code are up to 1,500 of the fast interpreter's; `tiny` may hardly grow. */
const POOL_FREE_MIN = { default: 1500, tiny: 512 };

const IMAGES_OF_CMAKE = readFileSync(
  new URL("../../../hal/wamr/CMakeLists.txt", import.meta.url),
  "utf8",
);

/** What an image has for the calls of its module. */
function wasmStackOf(name: string): number {
  const [, octets] = new RegExp(`add_image\\(${name} [^)]*WASM_STACK (\\d+)`).exec(
    IMAGES_OF_CMAKE,
  )!;
  return Number(octets);
}

test("a board starts with what it says of its pool, and not with less", SUITE, async () => {
  const { chosen, smallest } = await findSmallestPool(findImage("lm3s6965evb", "classic")!);
  assert.ok(smallest <= chosen - POOL_FREE_MIN.tiny, `${smallest} of ${chosen}`);
});

for (const { name, board, engine } of IMAGES) {
  const isAhead = engine === "wasm2c";
  describe(name, SUITE, () => {
    let bench: Bench;
    before(async () => {
      bench = await Bench.open(build(name));
    });
    after(() => bench.close());

    const connect = (port: number) => bench.connect(BOARD_ADDRESS, port);
    const stateHere = ({ remotePort, localPort }: Connection) =>
      bench.stack.lookup(BOARD_ADDRESS, remotePort, localPort);

    test(`answers ${PINGS} pings without a loss, and ARP before`, async () => {
      for (let i = 0; i < PINGS; i++) {
        await bench.stack.ping(BOARD_ADDRESS, { octets: i });
        await sleep(1); // the stack answers a thousand a second, no more
      }
      assert.equal((await bench.board.counters()).traps, 0);
    });

    test(`wakes at most ${WAKES_PER_SECOND_MAX} times a second while nothing happens`, async () => {
      const first = await bench.board.counters();
      await sleep(IDLE_MS);
      const last = await bench.board.counters();
      assert.equal(last.framesIn, first.framesIn);
      // By the board's own clock; one wake was to answer here.
      const seconds = (last.upMs - first.upMs) / 1000;
      const wakes = last.wakes - first.wakes - 1;
      assert.ok(seconds > 0, `${seconds} s`);
      assert.ok(wakes / seconds <= WAKES_PER_SECOND_MAX, `${wakes} wakes in ${seconds} s`);
    });

    test(`echoes ${echoOctets(name)} octets`, async () => {
      const connection = await connect(ECHO_PORT);
      await echo(connection, echoOctets(name));
      assert.equal(await connection.ended, "CLOSED");
    });

    test(`opens and closes ${CONNECTIONS} connections`, async () => {
      for (let i = 0; i < CONNECTIONS; i++) {
        const connection = await connect(ECHO_PORT);
        await echo(connection, i + 1);
        assert.equal(await connection.ended, "CLOSED");
      }
    });

    test("goes on sending after the peer's FIN", async () => {
      const connection = await connect(ECHO_PORT);
      const sent = octets(3, 10_000);
      await connection.writeAll(sent);
      connection.closeWrite();
      await until(
        "FIN-WAIT-2",
        () => stateHere(connection),
        (state) => state !== "ESTABLISHED",
      );
      assert.deepEqual(await receiveHash(connection), { hash: sha256(sent), length: 10_000 });
      assert.equal(await connection.ended, "CLOSED");
    });

    test("closes at the same time as the peer", async () => {
      const { wire } = bench;
      wire.holdFrom((frame) => hasFlag(frame, FIN));
      const connection = await connect(UPTIME_PORT);
      await until(
        "the board's FIN",
        () => wire.heldCount,
        (count) => count > 0,
      );
      connection.closeWrite();
      // The board's answer to our FIN, which does not acknowledge its own: CLOSING there.
      await until(
        "the board's ACK",
        () => wire.heldCount,
        (count) => count > 1,
      );
      wire.releaseOne();
      await until(
        "CLOSING",
        () => stateHere(connection),
        (state) => state === "CLOSING",
      );
      wire.release();
      assert.match(await readText(connection), /^\d+ ms\n$/);
      assert.equal(await connection.ended, "CLOSED");
    });

    test("forgets a connection that was reset", async () => {
      for (let i = 0; i < CONNECTIONS; i++) {
        const connection = await connect(ECHO_PORT);
        await connection.writeAll(octets(1, 100));
        connection.abort();
      }
      const connection = await connect(ECHO_PORT);
      await echo(connection, 100);
    });

    test("refuses a port where nobody listens", async () => {
      await assert.rejects(connect(CLOSED_PORT), { code: "CONNECTION_REFUSED" });
    });

    test("stays in TIME-WAIT for 2 MSL, and no longer", async () => {
      const connection = await connect(UPTIME_PORT);
      assert.match(await readText(connection), /^\d+ ms\n$/);
      connection.closeWrite();
      assert.equal(await connection.ended, "CLOSED");
      // Our FIN again: TIME-WAIT acknowledges it, CLOSED resets it.
      const fin = lastFin(bench.wire.toBoard);
      const before = bench.wire.fromBoard.length;
      const resets = () => bench.wire.fromBoard.slice(before).map((one) => hasFlag(one, RST));
      bench.wire.send(fin);
      await until(
        "an answer",
        () => resets().length,
        (count) => count > 0,
      );
      assert.equal(resets()[0], false, "the board is not in TIME-WAIT");
      // Each FIN starts the 2 MSL again, as RFC 9293 has it: so seldom enough.
      const askAgain = async () => {
        await sleep(AFTER_TIME_WAIT_MS);
        bench.wire.send(fin);
        await sleep(ANSWER_MS);
        return resets().includes(true);
      };
      await until("a reset from CLOSED", askAgain, (isReset) => isReset);
    });

    if (!isAhead) {
      test("has room in its pool for a module that grows a little", () => {
        const [, free] = /pool: \d+ octets, (\d+) of them never used/.exec(bench.board.log) ?? [];
        assert.ok(Number(free) >= POOL_FREE_MIN[board.profile], bench.board.log);
      });
    }

    if (!isAhead) {
      test("has a stack for the deepest chain of calls in its module", async () => {
        const depth = await measureDepth(bench.board, build(name));
        assert.ok(depth <= wasmStackOf(name), `${depth} octets of ${wasmStackOf(name)}`);
      });
    }

    test("has run without a trap, and its peer is still there", async () => {
      assert.equal(bench.stack.address, PEER_ADDRESS);
      assert.equal((await bench.board.counters()).traps, 0);
      assert.doesNotMatch(bench.board.log, /fault|trap \d+:/);
    });
  });
}

describe("modules that leave sums and copies to the firmware", NATIVE_SUITE, () => {
  for (const image of IMAGES) {
    test(`are served by ${image.name}: 65,536 octets echoed, pings of every length`, async () => {
      const bench = await Bench.open(buildNativeImages([image])[0]!);
      try {
        const connection = await bench.connect(BOARD_ADDRESS, ECHO_PORT);
        await echo(connection, 65_536);
        assert.equal(await connection.ended, "CLOSED");
        // A wrong sum is dropped by the peer, and nothing is sent again here.
        for (let length = 0; length < 300; length++) {
          await bench.stack.ping(BOARD_ADDRESS, { octets: length });
          await sleep(1);
        }
        assert.equal((await bench.board.counters()).traps, 0);
      } finally {
        await bench.close();
      }
    });
  }
});
