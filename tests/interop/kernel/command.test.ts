/** `npm run interop`, as far as it can be told without the minutes that its measurement takes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../../bench/interop/main.ts", import.meta.url));

function run(...args: string[]) {
  const command = ["--import", "tsx", PROGRAM, ...args];
  return spawnSync(process.execPath, command, { encoding: "utf8" });
}

describe("npm run interop", () => {
  for (const args of [["--ful"], ["--full=yes"], ["20"]]) {
    test(`refuses ${args.join(" ")} in one line`, () => {
      const { status, stdout, stderr } = run(...args);
      assert.deepEqual([status, stdout], [2, ""]);
      assert.match(stderr, /^interop: [^\n]+\n$/);
    });
  }

  test("--help says how it is used", () => {
    const { status, stdout, stderr } = run("--help");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^usage: npm run interop/);
    assert.match(stdout, /^ {2}--full /m);
  });
});
