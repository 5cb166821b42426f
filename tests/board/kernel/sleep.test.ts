/**
 * A board's power cycle with an open connection of the Linux kernel over `tap0`, data in flight
 * both ways, byte for byte: the kernel sees no more than a board that was silent for a while.
 *
 * Started by `scripts/in-namespace.mjs`.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { endOf, octets, sha256, until } from "../../interop/traffic.ts";
import { BOARD_ADDRESS } from "../board.ts";
import { Flash, queuedIn, SLEEPERS } from "../sleepers.ts";

const ECHO_PORT = 7;
const WAYS = { netdev: "tap,ifname=tap0,script=no,downscript=no", wire: "tap:tap0" };
const SUITE_TIMEOUT_MS = 120_000;
/** Of this network's sockets from now on: so little that both ways fill up soon. */
const BUFFERS = ["net.ipv4.tcp_rmem=4096 16384 16384", "net.ipv4.tcp_wmem=4096 16384 16384"];
/** More than the kernel's buffers and the board's rings hold together. */
const LENGTH = 300_000;
const PAUSE_AT = 20_000;

const inNamespace = {
  timeout: SUITE_TIMEOUT_MS,
  skip:
    process.env["LINGER_NAMESPACE"] === "tap0"
      ? false
      : "not in a private network: run them by npm test -- board-kernel",
};

describe("a connection of the kernel across a board's power cycle", inNamespace, () => {
  const names = BUFFERS.map((text) => text.split("=")[0]!);
  let others: string[] = [];
  before(() => {
    const values = execFileSync("sysctl", ["-n", ...names], { encoding: "utf8" }).split("\n");
    others = names.map((name, index) => `${name}=${values[index]}`);
    execFileSync("sysctl", ["-qw", ...BUFFERS]);
  });
  after(() => void execFileSync("sysctl", ["-qw", ...others]));

  for (const sleeper of SLEEPERS) {
    test(`${sleeper}: data in flight both ways, byte for byte`, async () => {
      const flash = new Flash();
      let board = flash.start(sleeper, WAYS);
      try {
        await board.says("linger: ready\n");
        const sent = octets(LENGTH, LENGTH);
        const socket = connect({ host: BOARD_ADDRESS, port: ECHO_PORT, allowHalfOpen: true });
        const ended = endOf(socket);
        const back: Uint8Array[] = [];
        let received = 0;
        let isAsleep = false;
        socket.on("data", (chunk: Buffer) => {
          back.push(chunk);
          received += chunk.length;
          if (!isAsleep && received > PAUSE_AT) socket.pause();
        });
        socket.end(sent);
        // The kernel's buffers fill up while nobody reads; then the board's do, both ways.
        await until(
          "the echo to come back",
          () => `${received} ${board.log}`,
          () => socket.isPaused(),
        );
        await board.fallAsleep();
        isAsleep = true;
        const [snapshot] = flash.snapshots();
        const queued = queuedIn(snapshot!);
        assert.ok(queued.toSend > 0, "nothing was on its way to the kernel");
        assert.ok(socket.writableLength > 0, "nothing was on its way to the board");
        socket.resume();
        board = flash.start(sleeper, WAYS);
        await board.says("linger: awake: ");
        await ended;
        assert.equal(received, LENGTH);
        assert.equal(sha256(Buffer.concat(back)), sha256(sent));
        assert.equal(await ended, "CLOSED");
        assert.deepEqual(flash.snapshots(), []);
      } finally {
        await board.cutPower();
        flash.discard();
      }
    });
  }
});
