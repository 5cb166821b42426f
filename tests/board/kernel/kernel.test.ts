/**
 * Boards in QEMU on `tap0` of a private network, the Linux kernel as their peer: ping, curl and
 * sockets know nothing of Linger.
 *
 * Started by `scripts/in-namespace.mjs`. HTTP and echo server of examples/ run as one module each,
 * interpreted and compiled ahead of time; the application in C serves the bare module.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { endOf, octets, receiveAll, receiveHash, sha256 } from "../../interop/traffic.ts";
import { Applications } from "../applications.ts";
import { BOARD_ADDRESS, BoardMachine, build } from "../board.ts";

const run = promisify(execFile);
const TAP = "tap,ifname=tap0,script=no,downscript=no";
const PAGE = `http://${BOARD_ADDRESS}/`;
const ECHO_PORT = 7;
const PINGS = 1000;
const FETCHES = 20;
const CONNECTIONS = 50;
const SUITE_TIMEOUT_MS = 120_000;

/** For each `describe` here: skipped outside of the private network, and ended if it hangs. */
const inNamespace = {
  timeout: SUITE_TIMEOUT_MS,
  skip:
    process.env["LINGER_NAMESPACE"] === "tap0"
      ? false
      : "not in a private network: run them by npm test -- board-kernel",
};

const applications = new Applications();
after(() => applications.discard());

/** What a board runs: its own module with the application in C, or an example; what that serves. */
interface Program {
  module?: () => string;
  serves: "pages" | "echo";
}

const http = () => applications.example("http", "default");
const tinyEcho = () => applications.example("echo", "tiny");
/** The board that is a process on Linux. */
const LINUX = "linux-fast";
const PROGRAMS: Record<string, Program> = {
  [LINUX]: { module: http, serves: "pages" },
  "mps2-an385-fast": { module: http, serves: "pages" },
  "mps2-an385-classic": { serves: "echo" },
  "mps2-an385-wasm2c": { module: http, serves: "pages" },
  "lm3s6965evb-classic": { module: tinyEcho, serves: "echo" },
  "lm3s6965evb-wasm2c": { module: tinyEcho, serves: "echo" },
};

const open = () => connect({ host: BOARD_ADDRESS, port: ECHO_PORT, allowHalfOpen: true });

/** Sends all and closes, and must get all of it back. */
async function echo(socket: Socket, length: number): Promise<void> {
  const sent = octets(length, length);
  const ended = endOf(socket);
  socket.end(sent);
  const received = await receiveHash(receiveAll(socket));
  assert.deepEqual(received, { hash: sha256(sent), length });
  assert.equal(await ended, "CLOSED");
}

function testPage(): void {
  test(`serves ${FETCHES} pages to curl, one connection each`, async () => {
    for (let i = 1; i <= FETCHES; i++) {
      const { stdout } = await run("curl", ["--silent", "--show-error", "--fail", PAGE]);
      assert.match(stdout, new RegExp(`Up for \\d+ s, this is page ${i}, after \\d+ segments`));
    }
  });

  test("serves several pages on one connection", async () => {
    const args = ["--silent", "--show-error", "--fail", ...Array<string>(5).fill(PAGE)];
    const { stdout } = await run("curl", args);
    assert.equal(stdout.split("this is page").length - 1, 5);
  });

  test("shows who is connected, and what was counted", async () => {
    const args = ["--silent", "--show-error", "--fail", "--write-out", "%{local_port}", PAGE];
    const { stdout } = await run("curl", args);
    const port = /\d+$/.exec(stdout)?.[0];
    assert.ok(stdout.includes(`\n10.9.0.1:${port} to port 80\n`), stdout);
    assert.match(stdout, /\nframes in [1-9]\d*\nframes out [1-9]\d*\n/);
  });
}

function testEcho(length: number): void {
  test(`echoes ${length} octets to the kernel`, async () => echo(open(), length));

  test(`opens and closes ${CONNECTIONS} connections`, async () => {
    for (let i = 1; i <= CONNECTIONS; i++) await echo(open(), i * 10);
  });

  test("ends a connection that the kernel resets, and goes on", async () => {
    const socket = open();
    const ended = endOf(socket);
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.resetAndDestroy();
    await ended;
    await echo(open(), 100);
  });
}

for (const [name, { module, serves }] of Object.entries(PROGRAMS)) {
  describe(name, inNamespace, () => {
    let board: BoardMachine;
    before(async () => {
      board =
        name === LINUX
          ? BoardMachine.asProcess("fast", http(), "tap:tap0")
          : BoardMachine.inQemu(build(name, module?.()), { netdev: TAP });
      await board.says("linger: ready\n");
    });
    after(() => board.close());

    test(`answers ${PINGS} pings of the kernel without a loss`, async () => {
      // 2 ms between them: the stack answers a thousand a second, no more.
      const args = ["-q", "-c", `${PINGS}`, "-i", "0.002", BOARD_ADDRESS];
      const { stdout } = await run("ping", args);
      assert.match(stdout, new RegExp(`${PINGS} packets transmitted, ${PINGS} received`));
    });

    if (serves === "pages") testPage();
    else testEcho(name === "mps2-an385-classic" ? 1_000_000 : 65_536);

    test("has run without a trap", async () => {
      const { traps } = await board.counters();
      assert.equal(traps, 0, board.log);
    });
  });
}
