/** What recording costs does not grow unnoticed: instructions, counted by valgrind and by QEMU. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { messageOf } from "../../bench/command.ts";
import { buildCounted, COUNTED_NEEDS, runCounted } from "../../bench/counted/firmware.ts";
import { countBoardCost } from "../../bench/recording/board.ts";
import { countCost } from "../../bench/recording/count.ts";
import { checkNeeds } from "../../bench/segment/tools.ts";
import { LingerModule } from "../../hal/host/module.ts";
import { readRecording, Replay } from "../../hal/host/recording/index.ts";

/** As short as V8 has compiled everything by then; longer ones are a matter of the command. */
const FRAMES = 6000;
/** `docs/recording.md` has what it is: 5 %. So short a run tells it to a percent. */
const SHARE_MAX = 0.07;
/** On a Cortex-M3 the count is the same every time: percents for full segments, and small ones. */
const BOARD_PERCENTS_MAX = { 1460: 5, 32: 7 } as const;

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
    assert.ok(share > 0 && share < SHARE_MAX, `${off} instructions a frame, ${on} recorded`);
  },
);

describe("on a Cortex-M3, ahead of time", { skip: whatHinders(COUNTED_NEEDS) }, () => {
  for (const [octets, most] of Object.entries(BOARD_PERCENTS_MAX)) {
    test(`an echo of ${octets} octets costs less than ${most} % more`, () => {
      const { off, on } = countBoardCost("wasm2c", Number(octets));
      const percents = 100 * (on.none / off - 1);
      assert.ok(percents > 0 && percents < most, `${off} instructions, ${on.none} recorded`);
      assert.ok(on.memory > on.none && on.uart > on.memory, JSON.stringify(on));
    });
  }

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
