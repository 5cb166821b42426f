/**
 * What goes wrong on a board: modules that are none, modules that trap, a cable that is pulled,
 * floods. All of it is reported, and survived where it can be.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { modulePath } from "../../../bench/firmware/build.ts";
import { makeModulePartition } from "../../../bench/firmware/partitions.ts";
import type { Connection } from "../../../hal/host/index.ts";
import { octets, receiveHash, sha256, until } from "../../interop/traffic.ts";
import { Applications } from "../applications.ts";
import { BOARD_ADDRESS, BoardMachine, type BoardSetup, build } from "../board.ts";
import { Bench } from "../peer.ts";

const ECHO_PORT = 7;
const SUITE_TIMEOUT_MS = 90_000;
const FLOOD_FRAMES = 20_000;
const FRAME_OCTETS = 1514;
const BROADCAST = 0xff;
const WATCHDOG_TRAP = "trap 1: Exception: instruction limit exceeded; the stack starts";
/** In processor time, so on a busy machine too: many times what the watchdog lets a call take. */
const HUNG_PROCESSOR_MS = 5000;

const applications = new Applications();
after(() => applications.discard());

async function echo(connection: Connection, length: number): Promise<void> {
  const sent = octets(length, length);
  const writing = connection.writeAll(sent).then(() => connection.closeWrite());
  assert.deepEqual(await receiveHash(connection), { hash: sha256(sent), length });
  await writing;
}

describe("a module that cannot run is refused with the reason", () => {
  const damaged = makeModulePartition(readFileSync(modulePath("default")));
  damaged[1000]! ^= 1;
  const wat = (text: string) => () => makeModulePartition(applications.assemble(text));
  const cases: Record<string, [() => BoardSetup["partition"], string]> = {
    "none at all": [() => "erased", "there is no module at 40000: flash one"],
    damaged: [() => damaged, "the module at 40000 is damaged: its CRC-32 is wrong"],
    "no module of WebAssembly": [
      () => makeModulePartition(Buffer.from("an image of another kind")),
      "the module does not load: WASM module load failed: magic header not detected",
    ],
    "of something else": [
      wat('(module (memory (export "memory") 1))'),
      "the module is no Linger module: it does not export abiVersion",
    ],
    "of another version": [
      wat('(module (func (export "abiVersion") (result i32) (i32.const 2)))'),
      "the module has ABI version 2, this firmware has 1",
    ],
    "in which something is missing": [
      wat('(module (func (export "abiVersion") (result i32) (i32.const 1)))'),
      "the module is no Linger module: it does not export limit",
    ],
    "that wants more of its HAL": [
      wat('(module (import "hal" "teleport" (func)))'),
      "the module imports hal.teleport, which this firmware does not have",
    ],
    "that wants more memory than there is": [
      wat('(module (memory (export "memory") 99))'),
      "the module cannot be instantiated: WASM module instantiate failed: allocate linear memory",
    ],
  };
  for (const [what, [partition, reason]] of Object.entries(cases)) {
    test(what, async () => {
      const board = BoardMachine.inQemu(build("mps2-an385-fast"), { partition: partition() });
      try {
        await board.says("linger: halted\n");
        assert.ok(board.log.includes(`linger: ${reason}`), board.log);
      } finally {
        await board.close();
      }
    });
  }

  test("ahead of time: a module whose memory ends before its __heap_base", () => {
    const memory = '(memory (export "memory") 1)';
    const heapBase = '(global (export "__heap_base") i32 (i32.const 65537))';
    const said = applications.refusal(`(module ${memory} ${heapBase})`);
    assert.ok(said.includes("no Linger module: its memory ends before its __heap_base"), said);
  });

  test("and so are settings that make no sense", async () => {
    const settings = { ip: "10.9.0.2/24 colour=green" };
    const board = BoardMachine.inQemu(build("mps2-an385-fast"), { settings });
    try {
      await board.says("linger: halted\n");
      assert.match(board.log, /the settings have a word at 15 that is none of ip=/);
    } finally {
      await board.close();
    }
  });
});

/** What a module may do wrong, by the letter that has it done, and how the interpreters call it. */
const SINS = {
  t: "unreachable",
  r: "out of bounds memory access",
  w: "out of bounds memory access",
  f: "out of bounds memory access",
  c: "out of bounds memory access",
  m: "out of bounds memory access",
  s: "out of bounds memory access",
};

for (const engine of ["fast", "classic", "wasm2c"]) {
  describe(`a module that traps, ${engine}`, { timeout: SUITE_TIMEOUT_MS }, () => {
    let bench: Bench;
    before(async () => {
      bench = await Bench.open(build(`mps2-an385-${engine}`, applications.saboteur("default")));
    });
    after(() => bench.close());

    /** Has a board do it; the connection dies with the stack and its peer need not know. */
    const sin = async (letter: string) => {
      const connection = await bench.connect(BOARD_ADDRESS, ECHO_PORT);
      await connection.writeAll(Buffer.from(letter));
      return connection;
    };

    let traps = 0;
    for (const [letter, name] of Object.entries(SINS)) {
      test(`${name} (${letter}) is reported, and the stack starts again`, async () => {
        const connection = await sin(letter);
        await bench.board.says("linger: ready\n", ++traps + 1);
        assert.match(bench.board.log, new RegExp(`trap ${traps}: .*${name}; the stack starts`));
        connection.abort();
        await echo(await bench.connect(BOARD_ADDRESS, ECHO_PORT), 1000);
        assert.equal((await bench.board.counters()).traps, traps);
      });
    }

    test("a recursion without end ends there", async () => {
      const connection = await sin("d");
      await bench.board.says("linger: ready\n", traps + 2);
      const report =
        engine === "wasm2c"
          ? /fault 1: the stack is too deep[^]*started again after 1 faults/
          : new RegExp(`trap ${traps + 1}: .*stack overflow; the stack starts again`);
      assert.match(bench.board.log, report);
      connection.abort();
      await echo(await bench.connect(BOARD_ADDRESS, ECHO_PORT), 1000);
    });
  });
}

for (const image of ["mps2-an385-fast", "lm3s6965evb-wasm2c"]) {
  describe(`trouble on the wire, ${image}`, { timeout: SUITE_TIMEOUT_MS }, () => {
    let bench: Bench;
    before(async () => {
      bench = await Bench.open(build(image));
    });
    after(() => bench.close());

    const isSoundStill = async () => {
      await echo(await bench.connect(BOARD_ADDRESS, ECHO_PORT), 5000);
      const { traps } = await bench.board.counters();
      assert.equal(traps, 0, bench.board.log);
      assert.doesNotMatch(bench.board.log, /fault/);
    };

    const flood = (count: number, length: number) => {
      const frame = octets(count, length);
      for (let i = 0; i < count; i++) {
        frame.fill(BROADCAST, 0, 6);
        frame.set([8, i & 1 ? 6 : 0], 12);
        frame[14 + (i % (length - 14))]! ^= i;
        bench.wire.send(frame);
      }
    };

    test("a flood of nonsense", async () => {
      const { framesIn } = await bench.board.counters();
      flood(FLOOD_FRAMES, 60);
      await until(
        "the board to have heard some",
        async () => (await bench.board.counters()).framesIn,
        (now) => now > framesIn + 100,
      );
      await isSoundStill();
    });

    test("more than the receive queue holds, while the board does not look", async () => {
      await bench.board.order("stop");
      flood(200, FRAME_OCTETS);
      await bench.board.order("cont");
      await isSoundStill();
    });
  });
}

describe("a watchdog", { timeout: SUITE_TIMEOUT_MS }, () => {
  test("ends a call that takes for ever", async () => {
    const bench = await Bench.openProcess("watched", applications.saboteur("default"));
    try {
      const connection = await bench.connect(BOARD_ADDRESS, ECHO_PORT);
      await connection.writeAll(Buffer.from("l"));
      const isTrapped = () => bench.board.log.includes(WATCHDOG_TRAP);
      await until(
        "a trap, or a call without an end",
        () => isTrapped() || bench.board.processorMs > HUNG_PROCESSOR_MS,
        (isOver) => isOver,
      );
      assert.ok(isTrapped(), `the call goes on: ${bench.board.log}`);
      await bench.board.says("linger: ready\n", 2);
      connection.abort();
      await echo(await bench.connect(BOARD_ADDRESS, ECHO_PORT), 1000);
    } finally {
      await bench.close();
    }
  });
});

describe("a cable that is pulled", { timeout: SUITE_TIMEOUT_MS }, () => {
  test("is told, and its connections go on once it is back", async () => {
    const bench = await Bench.open(build("mps2-an385-fast"));
    const { board } = bench;
    try {
      const connection = await bench.connect(BOARD_ADDRESS, ECHO_PORT);
      await board.order("set_link", { name: "wire", up: false });
      await board.says("linger: the link is down\n");
      const sent = octets(1, 20_000);
      const writing = connection.writeAll(sent).then(() => connection.closeWrite());
      await board.order("set_link", { name: "wire", up: true });
      await board.says("linger: the link is up\n", 2);
      const received = await receiveHash(connection);
      assert.deepEqual(received, { hash: sha256(sent), length: sent.length });
      await writing;
      assert.equal((await board.counters()).linkChanges, 2);
    } finally {
      await bench.close();
    }
  });
});
