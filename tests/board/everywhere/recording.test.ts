/**
 * What a board has recorded is replayed on the host, through the same states; another module is
 * told as such.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { buildRecorder, modulePath } from "../../../bench/firmware/build.ts";
import { openDatagram, Stack } from "../../../hal/host/index.ts";
import { LingerModule } from "../../../hal/host/module.ts";
import { readRecording, type Recording, Replay } from "../../../hal/host/recording/index.ts";
import { doctored } from "../../host/doctored-module.ts";
import { octets, sha256 } from "../../interop/traffic.ts";
import { BOARD_ADDRESS, BoardMachine } from "../board.ts";
import { freePort, PEER_ADDRESS } from "../peer.ts";

const ECHO_PORT = 7;
const LENGTH = 30_000;
const SUITE_TIMEOUT_MS = 240_000;
/** The process, and mps2-an385 with two engines. */
const RECORDERS = ["process", "fast", "wasm2c"] as const;
type Recorder = (typeof RECORDERS)[number];

interface Ends {
  board: number;
  peer: number;
  file: string;
}

function start(recorder: Recorder, { board, peer, file }: Ends): BoardMachine {
  if (recorder === "process") {
    const wire = `udp:${board}:${peer}`;
    return BoardMachine.asProcess("recorded", modulePath("default"), wire, file);
  }
  const end = (name: string, port: number) =>
    `${name}.type=inet,${name}.host=127.0.0.1,${name}.port=${port}`;
  const netdev = `dgram,${end("local", board)},${end("remote", peer)}`;
  return BoardMachine.inQemu(buildRecorder(recorder), { netdev, recording: file });
}

async function echo(stack: Stack): Promise<void> {
  const sent = octets(LENGTH, LENGTH);
  const connection = stack.connect(BOARD_ADDRESS, ECHO_PORT);
  const written = connection.writeAll(sent).then(() => connection.closeWrite());
  const back = await connection.receiveAll();
  await written;
  assert.equal(sha256(back), sha256(sent));
  assert.equal(await connection.ended, "CLOSED");
}

/** Two echoes, a refused connection and a ping, recorded until the power is cut. */
async function record(recorder: Recorder): Promise<Recording> {
  const folder = mkdtempSync(join(tmpdir(), "linger-recording-"));
  const port = await freePort();
  const wire = await openDatagram({ local: { port: 0 }, remote: { port } });
  const file = join(folder, "recording");
  const board = start(recorder, { board: port, peer: wire.localPort, file });
  const stack = Stack.create({ wire, address: `${PEER_ADDRESS}/24` });
  try {
    await board.says("linger: ready\n");
    for (let i = 0; i < 2; i++) await echo(stack);
    await assert.rejects(stack.connect(BOARD_ADDRESS, 1).connected);
    await stack.ping(BOARD_ADDRESS);
    await board.cutPower();
    return readRecording(file);
  } finally {
    stack.close();
    await board.cutPower();
    rmSync(folder, { recursive: true });
  }
}

describe("a board's recording", { timeout: SUITE_TIMEOUT_MS }, () => {
  for (const recorder of RECORDERS) {
    test(`${recorder}: the host goes through the same states`, async () => {
      const recording = await record(recorder);
      // The power was cut: nobody could write an end.
      assert.match(recording.truncated ?? "", /has no end|cut off/);
      const replay = new Replay(recording, LingerModule.load("default"));
      assert.equal(replay.isSameModule, true);
      let hashes = 0;
      while (replay.forward()) {
        assert.equal(replay.divergence, undefined);
        if (replay.lastStep!.hash !== undefined) hashes++;
      }
      const calls = recording.steps.map(({ call }) => call);
      assert.ok(calls.filter((call) => call === "tcpCommit").length >= 10);
      assert.ok(hashes >= 2, `${hashes} hashes in ${calls.length} steps`);
      const { FRAMES_IN, FRAMES_OUT } = replay.counters();
      assert.ok(FRAMES_IN > 20 && FRAMES_OUT > 20);
    });
  }

  test("ends with the call that traps, and a replay traps there", async () => {
    const folder = mkdtempSync(join(tmpdir(), "linger-recording-"));
    const port = await freePort();
    const wire = await openDatagram({ local: { port: 0 }, remote: { port } });
    const stack = Stack.create({ wire, address: `${PEER_ADDRESS}/24` });
    const [module, file] = [join(folder, "module.wasm"), join(folder, "recording")];
    writeFileSync(module, doctored("trapInCloseWrite"));
    const way = `udp:${port}:${wire.localPort}`;
    const board = BoardMachine.asProcess("recorded", module, way, file);
    try {
      await board.says("linger: ready\n");
      const connection = stack.connect(BOARD_ADDRESS, ECHO_PORT);
      await connection.connected;
      connection.closeWrite();
      await board.says("linger: ready\n", 2);
      const recording = readRecording(file);
      assert.equal(recording.truncated, undefined);
      assert.equal(recording.steps.at(-1)!.call, "tcpCloseWrite");
      assert.equal(recording.steps.at(-1)!.hasTrapped, true);
      const replay = new Replay(recording, LingerModule.load(module));
      replay.seek(Infinity);
      assert.equal(replay.divergence, undefined);
      assert.deepEqual([replay.isSameModule, replay.hasTrapped], [true, true]);
    } finally {
      stack.close();
      await board.close();
      rmSync(folder, { recursive: true });
    }
  });

  test("differs on another module, and the step is told", async () => {
    const recording = await record("process");
    const replay = new Replay(recording, LingerModule.load("tiny"));
    assert.equal(replay.isSameModule, false);
    while (replay.divergence === undefined && replay.forward());
    assert.equal(replay.divergence?.step, replay.position);
  });
});
