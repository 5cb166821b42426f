/**
 * A board's power cycle with an open connection: it is put away into its flash, which is a file,
 * the power is cut, and another start goes on where it was.
 *
 * The peer is the host emulator, whose wire loses what was in flight from the board.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { modulePath } from "../../../bench/firmware/build.ts";
import { type Connection, openDatagram, RealClock, Stack } from "../../../hal/host/index.ts";
import { LingerModule } from "../../../hal/host/module.ts";
import { parseFrame } from "../../../hal/host/packet/index.ts";
import { readRecording, Replay } from "../../../hal/host/recording/index.ts";
import { readSnapshot } from "../../../hal/host/snapshot/format.ts";
import { octets, sha256, until } from "../../interop/traffic.ts";
import { BOARD_ADDRESS, BoardMachine } from "../board.ts";
import { freePort, HeldWire, PEER_ADDRESS } from "../peer.ts";
import { Flash, queuedIn, type Sleeper, SLEEPERS } from "../sleepers.ts";

const ECHO_PORT = 7;
const SUITE_TIMEOUT_MS = 240_000;
const LENGTH = 60_000;
const SLEEPS = 2;
/** An octet of the first slot that a snapshot covers. */
const PLACE_IN_SNAPSHOT = 300;

const hasText = (frame: Uint8Array): boolean => (parseFrame(frame).tcp?.payload.length ?? 0) > 0;

/** A peer that outlives the board, and starts it again. */
class Bench {
  readonly flash = new Flash();
  readonly stack: Stack;
  readonly wire: HeldWire;
  readonly #start: () => BoardMachine;
  board: BoardMachine;

  static async open(sleeper: Sleeper): Promise<Bench> {
    const port = await freePort();
    const datagrams = await openDatagram({ local: { port: 0 }, remote: { port } });
    return new Bench(sleeper, port, datagrams.localPort, new HeldWire(datagrams));
  }

  private constructor(sleeper: Sleeper, boardPort: number, peerPort: number, wire: HeldWire) {
    const end = (name: string, port: number) =>
      `${name}.type=inet,${name}.host=127.0.0.1,${name}.port=${port}`;
    const netdev = `dgram,${end("local", boardPort)},${end("remote", peerPort)}`;
    const ways = { netdev, wire: `udp:${boardPort}:${peerPort}` };
    this.#start = () => this.flash.start(sleeper, ways);
    this.board = this.#start();
    this.wire = wire;
    this.stack = Stack.create({ wire, clock: new RealClock(), address: `${PEER_ADDRESS}/24` });
  }

  async wake(): Promise<void> {
    this.board = this.#start();
    await this.board.says("linger: ready\n");
  }

  /** Puts the board away, and says what time it was for its module. */
  async moduleMs(): Promise<number> {
    await this.board.fallAsleep();
    const [snapshot] = this.flash.snapshots();
    return readSnapshot(snapshot!, LingerModule.load("default")).moduleMs;
  }

  async close(): Promise<void> {
    this.stack.close();
    await this.board.cutPower();
    this.flash.discard();
  }
}

describe("a connection across a board's power cycle", { timeout: SUITE_TIMEOUT_MS }, () => {
  for (const sleeper of SLEEPERS) {
    test(`${sleeper}: data in flight both ways, byte for byte`, async () => {
      const bench = await Bench.open(sleeper);
      try {
        await bench.board.says("linger: ready\n");
        const sent = octets(LENGTH, LENGTH);
        const connection = bench.stack.connect(BOARD_ADDRESS, ECHO_PORT);
        await connection.connected;
        const written = connection.writeAll(sent).then(() => connection.closeWrite());
        const back: Uint8Array[] = [];
        let received = 0;
        let cycles = 0;
        for await (const chunk of connection) {
          back.push(chunk.slice());
          received += chunk.length;
          if (cycles === SLEEPS || received < ((cycles + 1) * LENGTH) / (SLEEPS + 2)) continue;
          cycles++;
          await cycle(bench, connection);
        }
        await written;
        assert.equal(cycles, SLEEPS);
        assert.equal(received, LENGTH);
        assert.equal(sha256(Buffer.concat(back)), sha256(sent));
        assert.equal(await connection.ended, "CLOSED");
        assert.deepEqual(bench.flash.snapshots(), [], "a snapshot may be taken up twice");
      } finally {
        await bench.close();
      }
    });
  }
});

test("a recorder that is awake begins with what was put away", async () => {
  const flash = new Flash();
  const [port, peerPort] = [await freePort(), await freePort()];
  const wire = await openDatagram({ local: { port: peerPort }, remote: { port } });
  const stack = Stack.create({ wire, address: `${PEER_ADDRESS}/24` });
  const path = `${flash.path}.rec`;
  const start = (): BoardMachine => {
    const way = `udp:${port}:${peerPort}`;
    return BoardMachine.asProcess("recorded", modulePath("default"), way, [flash.path, path]);
  };
  let board = start();
  try {
    await board.says("linger: ready\n");
    const connection = stack.connect(BOARD_ADDRESS, ECHO_PORT);
    const echo = async (text: string): Promise<void> => {
      await connection.writeAll(text);
      for (let got = 0; got < text.length;) got += (await connection.receive())!.length;
    };
    await echo("before the sleep");
    await board.fallAsleep();
    const module = LingerModule.load("default");
    const before = new Replay(readRecording(path), module);
    before.seek(Infinity);
    assert.equal(before.recording.truncated, undefined);
    board = start();
    await board.says("linger: ready\n");
    for (let round = 0; round < 30; round++) await echo(`and after it, ${round}`);
    await board.cutPower();
    const replay = new Replay(readRecording(path), module);
    assert.equal(replay.stateHash(), before.stateHash());
    assert.deepEqual(
      replay.statuses().map(({ stateName }) => stateName),
      ["ESTABLISHED"],
    );
    replay.seek(Infinity);
    assert.equal(replay.divergence, undefined);
    const { steps } = replay.recording;
    assert.ok(steps.some(({ call }) => call === "wake"));
    assert.ok(steps.filter(({ hash }) => hash !== undefined).length > 1);
    assert.ok(replay.frames.length > 10);
  } finally {
    stack.close();
    await board.cutPower();
    flash.discard();
  }
});

/** Beyond 2^29 ms, which a module can pass in one step, and 2^30, which it must not. */
const DAYS_MS = [3_600_000, 20 * 86_400_000];

for (const sleptMs of DAYS_MS) {
  test(`${sleptMs} ms of sleep pass for the module, and idle connections live`, async () => {
    const bench = await Bench.open("process");
    try {
      await bench.board.says("linger: ready\n");
      const connection = bench.stack.connect(BOARD_ADDRESS, ECHO_PORT);
      await connection.connected;
      const before = await bench.moduleMs();
      bench.flash.age(sleptMs);
      await bench.wake();
      const [slept] = /after \d+ ms of sleep/.exec(bench.board.log)!;
      assert.ok(Math.abs(Number(/\d+/.exec(slept)![0]) - sleptMs) < 60_000, slept);
      await connection.writeAll(octets(1, 1000));
      for (let received = 0; received < 1000;) received += (await connection.receive())!.length;
      const passed = ((await bench.moduleMs()) - before) >>> 0;
      assert.ok(passed >= sleptMs % 2 ** 32 && passed < sleptMs + 120_000, `${passed} ms`);
      connection.close();
    } finally {
      await bench.close();
    }
  });
}

for (const engine of ["fast", "wasm2c"] as const) {
  test(`${engine}: a module with a mutable global is not put away, and goes on`, async () => {
    const flash = new Flash();
    const wire = `udp:${await freePort()}:${await freePort()}`;
    const board = BoardMachine.asProcess(engine, flash.globalModule(), wire, flash.path);
    try {
      await board.says("linger: ready\n");
      board.press("z");
      await board.says("no snapshot is made: the module has mutable globals\n");
      assert.deepEqual(flash.snapshots(), []);
      await board.counters();
    } finally {
      await board.close();
      flash.discard();
    }
  });
}

test("what does not fit is refused by name, stays, and the stack begins anew", async () => {
  const flash = new Flash();
  const ways = { netdev: "", wire: `udp:${await freePort()}:${await freePort()}` };
  const says = async (board: BoardMachine, text: string): Promise<void> => {
    try {
      await board.says(text);
      await board.says("linger: ready\n");
    } finally {
      await board.cutPower();
    }
  };
  try {
    const board = flash.start("process", ways);
    await board.says("linger: ready\n");
    await board.fallAsleep();
    flash.flip(PLACE_IN_SNAPSHOT);
    await says(flash.start("process", ways), "not taken up: it is damaged");
    flash.flip(PLACE_IN_SNAPSHOT);
    const other = BoardMachine.asProcess("fast", modulePath("tiny"), ways.wire, flash.path);
    await says(other, "not taken up: it is of another module or firmware");
    await says(flash.start("process", ways), "linger: awake: ");
    assert.deepEqual(flash.snapshots(), []);
  } finally {
    flash.discard();
  }
});

/** What the board sends is on its way when it falls asleep, and is lost. */
async function cycle(bench: Bench, connection: Connection): Promise<void> {
  bench.wire.holdFrom(hasText);
  await until(
    "text of the board on its way",
    () => bench.board.log,
    () => bench.wire.heldCount > 0,
  );
  await bench.board.fallAsleep();
  const [snapshot, ...others] = bench.flash.snapshots();
  assert.ok(snapshot !== undefined && others.length === 0);
  assert.ok(queuedIn(snapshot).toSend > 0, "nothing was on its way to the peer");
  assert.ok(connection.status().SEND_QUEUED > 0, "nothing was on its way to the board");
  bench.wire.drop();
  await bench.wake();
  assert.match(bench.board.log, /linger: awake: /);
}
