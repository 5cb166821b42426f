/** What recording costs does not grow unnoticed: instructions, counted by valgrind and by QEMU. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { messageOf } from "../../bench/command.ts";
import { buildCounted, COUNTED_NEEDS, runCounted } from "../../bench/counted/firmware.ts";
import { countBoardCost, SEGMENTS } from "../../bench/recording/board.ts";
import { countCost } from "../../bench/recording/count.ts";
import { checkNeeds } from "../../bench/segment/tools.ts";
import { LingerModule } from "../../hal/host/module.ts";
import { readRecording, Replay } from "../../hal/host/recording/index.ts";

/** As short as V8 has compiled everything by then; longer ones are a matter of the command. */
const FRAMES = 6000;
/** `docs/recording.md` has what it is; so short a run tells it to two percent. */
const SHARE_MAX = 0.07;
const NOISE = 0.02;
/** On a Cortex-M3 the count is the same every time. */
const BOARD_SHARE_MAX = 0.05;
/** What bench/counted/port.c has for a recording. */
const MEMORY_OCTETS = 2 ** 20;

function whatHinders(needs: readonly string[]): string | false {
  try {
    checkNeeds(needs, "skipped");
    return false;
  } catch (error) {
    return messageOf(error);
  }
}

test(
  "a stream costs a twentieth more when it is recorded",
  { skip: whatHinders(["valgrind"]) },
  () => {
    const { off, on, share } = countCost({ profile: "default", mix: "stream", frames: FRAMES });
    assert.ok(share > -NOISE && share < SHARE_MAX, `${off} instructions a frame, ${on} recorded`);
  },
);

describe("on a Cortex-M3, ahead of time", { skip: whatHinders(COUNTED_NEEDS) }, () => {
  for (const octets of SEGMENTS) {
    test(`an echo of ${octets} octets costs less than a twentieth more, into memory too`, () => {
      const { off, on } = countBoardCost("wasm2c", octets);
      const said = `${off} instructions, ${JSON.stringify(on)} recorded`;
      for (const recorded of [on.none, on.memory]) {
        const share = recorded / off - 1;
        assert.ok(share > 0 && share < BOARD_SHARE_MAX, said);
      }
      assert.ok(on.uart > on.memory, said);
    });
  }

  test("a recording that has filled its memory ends there, and the echo goes on", () => {
    const order = { connections: 1, octets: 1460, warmUp: 0, count: 400 } as const;
    const { recording: octets } = runCounted("wasm2c", "hasher", {
      ...order,
      ending: "when done",
      sink: "memory",
    });
    assert.equal(octets.length, MEMORY_OCTETS);
    const recording = readRecording(octets);
    assert.match(recording.truncated!, /has no end|cut off/);
    const commits = recording.steps.filter(({ call }) => call === "tcpCommit");
    assert.ok(commits.length > 300 && commits.length < order.count, `${commits.length} SENDs`);
    const replay = new Replay(recording, LingerModule.load("default"));
    replay.seek(Infinity);
    assert.equal(replay.divergence, undefined);
  });

  test("what was counted was recorded: a replay goes through the same states", () => {
    const order = { connections: 3, octets: 1000, warmUp: 0, count: 64 } as const;
    const options = { ...order, ending: "when done", sink: "memory", busyEvery: 7 } as const;
    const recording = readRecording(runCounted("wasm2c", "hasher", options).recording);
    const replay = new Replay(recording, LingerModule.load("default"));
    replay.seek(Infinity);
    assert.equal(replay.divergence, undefined);
    assert.equal(replay.isSameModule, true);
    assert.ok(recording.steps.filter(({ hash }) => hash !== undefined).length >= 2);
    assert.ok(replay.frames.some(({ sent }) => !sent));
    const commits = recording.steps.filter(({ call }) => call === "tcpCommit");
    const committed = commits.reduce((sum, { data }) => sum + data!.length, 0);
    assert.equal(committed, order.octets * order.count);
  });

  test("firmware without a recorder has nothing of it", () => {
    const symbols = (kind: "plain" | "recorder") =>
      spawnSync("arm-none-eabi-nm", [buildCounted("wasm2c", kind)], { encoding: "utf8" }).stdout;
    assert.match(symbols("recorder"), /linger_record_turn/);
    assert.match(symbols("plain"), /linger_poll/);
    assert.doesNotMatch(symbols("plain"), /linger_record_|recorder/);
  });
});
