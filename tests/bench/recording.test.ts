/** What recording costs on the host does not grow unnoticed: instructions, counted by valgrind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { messageOf } from "../../bench/command.ts";
import { countCost } from "../../bench/recording/count.ts";
import { checkNeeds } from "../../bench/segment/tools.ts";

/** As short as V8 has compiled everything by then; longer ones are a matter of the command. */
const FRAMES = 6000;
/** `docs/recording.md` has what it is: 5 %. So short a run tells it to a percent. */
const SHARE_MAX = 0.07;

function whatHinders(): string | false {
  try {
    checkNeeds(["valgrind"], "skipped");
    return false;
  } catch (error) {
    return messageOf(error);
  }
}

test("a stream costs a twentieth more when it is recorded", { skip: whatHinders() }, () => {
  const { off, on, share } = countCost({ profile: "default", mix: "stream", frames: FRAMES });
  assert.ok(share > 0 && share < SHARE_MAX, `${off} instructions a frame, ${on} recorded`);
});
