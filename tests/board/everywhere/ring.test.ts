/**
 * A MAC that writes frames into the receive slots by itself, as DMA does: the board that is a
 * process, with a ring of descriptors over the slots. It ends itself if the loop asks about another
 * slot than the next one, or hands it slots while it still has some.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "../../../hal/host/index.ts";
import { receiveHash, sha256, until } from "../../interop/traffic.ts";
import { Applications } from "../applications.ts";
import { BOARD_ADDRESS } from "../board.ts";
import { Bench } from "../peer.ts";

const ECHO_PORT = 7;
const SUITE_TIMEOUT_MS = 90_000;
const ATTACHED = "the MAC writes into the slots\n";
const DETACHED = "the MAC has stopped\n";
/** Many more than there are slots, and fewer than a socket of this machine holds. */
const BURST = 50;
/** The last octet of the addresses that ask. */
const HOST_MIN = 100;
/** Of an ARP reply: the last octet of the address that it is for. */
const HOST_AT = 41;

describe("a MAC that writes into the slots", { timeout: SUITE_TIMEOUT_MS }, () => {
  const applications = new Applications();
  let bench: Bench;
  before(async () => {
    bench = await Bench.openProcess("ring", applications.saboteur("default"));
  });
  after(async () => {
    await bench.close();
    applications.discard();
  });

  const connect = () => bench.connect(BOARD_ADDRESS, ECHO_PORT);
  const echo = async (connection: Connection, length: number) => {
    const sent = new Uint8Array(length).fill(0x2e); // a dot: nothing that the module obeys
    const writing = connection.writeAll(sent).then(() => connection.closeWrite());
    assert.deepEqual(await receiveHash(connection), { hash: sha256(sent), length });
    await writing;
  };

  test("is told the slots before the first frame", () => {
    assert.match(bench.board.log, new RegExp(`${ATTACHED}.*linger: ready`, "s"));
  });

  test("has more frames at once answered than there are slots, in their order", async () => {
    const before = bench.wire.fromBoard.length;
    for (let host = HOST_MIN; host < HOST_MIN + BURST; host++) bench.wire.send(makeRequest(host));
    const answered = () => bench.wire.fromBoard.slice(before).flatMap(hostOf);
    await until(
      "all answers",
      () => answered().length,
      (count) => count >= BURST,
    );
    assert.deepEqual(
      answered(),
      Array.from({ length: BURST }, (_, i) => HOST_MIN + i),
    );
  });

  test("has pings of every length answered", async () => {
    for (let length = 0; length < 300; length++) {
      await bench.stack.ping(BOARD_ADDRESS, { octets: length });
      await sleep(1); // the stack answers a thousand a second, no more
    }
  });

  test("carries a connection, octet for octet", async () => {
    await echo(await connect(), 200_000);
    assert.equal((await bench.board.counters()).traps, 0);
  });

  test("stops when the stack starts again, and is told the slots again", async () => {
    const connection = await connect();
    await connection.writeAll(Buffer.from("t"));
    await bench.board.says("linger: ready\n", 2);
    connection.abort();
    const again = `${DETACHED}linger: trap 1[^]*${ATTACHED}linger: ready`;
    assert.match(bench.board.log, new RegExp(again));
    await echo(await connect(), 10_000);
    assert.equal((await bench.board.counters()).traps, 1);
  });
});

/** An ARP request for the board's address (RFC 826), from a host of its network. */
function makeRequest(host: number): Uint8Array {
  const mac = [2, 0, 0, 0, 0, host];
  return Uint8Array.from([
    ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ...mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
    ...[...mac, 10, 9, 0, host, 0, 0, 0, 0, 0, 0, 10, 9, 0, 2],
  ]);
}

/** The host that an ARP reply is for; nothing if the frame is none. */
function hostOf(frame: Uint8Array): number[] {
  const isReply = frame[12] === 8 && frame[13] === 6 && frame[21] === 2;
  return isReply ? [frame[HOST_AT]!] : [];
}
