/**
 * A share of the fuzzing: every opening, every capture and every failure that was ever found, and
 * some thousands of cases by fixed seeds. `npm run fuzz` does more of the same.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { listFailures, replayFailure } from "./failures.ts";
import { FUEL, type Phase } from "../support/counted-module.ts";
import { HOST_TARGETS } from "./host/index.ts";
import { Random } from "./random.ts";
import { readCaptures } from "./stack/captures.ts";
import { Cases } from "./stack/cases.ts";
import { PROFILES } from "./stack/machine.ts";
import { NUMBERS, OPENINGS } from "./stack/openings.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const CASES = 1_000;
const HOST_INPUTS = 300;
/** What so many cases reach at least: less means that the grammar no longer gets far. */
const REACHED_SHARE_MIN = 0.85;

describe("the stack", () => {
  for (const profile of PROFILES) {
    const cases = new Cases(profile, readCaptures());

    test(`${profile}: each opening ends well by itself`, () => {
      for (const opening of Object.keys(OPENINGS)) {
        for (const numbers of NUMBERS) {
          const record = { profile, opening, numbers, finding: "", steps: [] };
          assert.equal(cases.replay(record)?.message, undefined, `${opening}, ${numbers}`);
        }
      }
    });

    test(`${profile}: each capture, as either end of it`, () => {
      const captures = readCaptures();
      assert.ok(captures.length > 20, `only ${captures.length}`);
      for (const capture of captures) {
        assert.equal(cases.replayCapture(capture)?.message, undefined, capture.name);
      }
    });

    test(`${profile}: ${CASES} cases`, () => {
      for (let i = 0; i < CASES; i++) {
        const record = cases.run(1);
        assert.equal(record?.finding, undefined, `case ${i} at ${record?.opening}`);
      }
      const share = cases.reachedCount / cases.reached.length;
      assert.ok(share >= REACHED_SHARE_MIN, `only ${share} of the branches were reached`);
      for (const phase of Object.keys(FUEL) as Phase[]) {
        const burnt = cases.scene.machine.burnt[phase];
        assert.ok(burnt > 0 && burnt < FUEL[phase], `${phase} took ${burnt}`);
      }
    });
  }
});

describe("the host library", () => {
  for (const [index, target] of HOST_TARGETS.entries()) {
    test(`${target.name}: ${HOST_INPUTS} inputs`, async () => {
      const random = new Random(1, index);
      for (let i = 0; i < HOST_INPUTS; i++) {
        const input = target.make(random);
        assert.equal(await target.attempt(input), undefined, input);
      }
    });
  }
});

describe("what was found before", () => {
  for (const path of listFailures()) {
    test(basename(path), async () => {
      assert.equal(await replayFailure(path), undefined);
    });
  }
});

describe("the command", () => {
  const run = (...args: string[]) => {
    return spawnSync(process.execPath, ["--import", "tsx", MAIN, ...args], { encoding: "utf8" });
  };

  test("says what it takes", () => {
    const { status, stdout } = run("--help");
    assert.equal(status, 0);
    assert.match(stdout, /--frames N/);
  });

  for (const [args, complaint] of [
    [["--frames", "0"], /--frames takes a whole number from 1 to/],
    [["--seed", "x"], /--seed takes a whole number/],
    [["--frobnicate"], /Unknown option '--frobnicate'/],
    [["--replay", "tests/fuzz/nothing.txt"], /there is no/],
    [["--json", "/nowhere/file.json"], /--json cannot write/],
  ] as const) {
    test(`refuses ${args.join(" ")}`, () => {
      const { status, stderr } = run(...args);
      assert.equal(status, 2);
      assert.match(stderr, complaint);
      assert.match(stderr, /^fuzz: [^\n]*\n$/);
    });
  }
});
