/**
 * `npm run snapshots` prints what `docs/snapshots.md` says of sizes, within five per cent: a module
 * that changes need not change the page.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TOLERANCE = 0.05;
const PROFILES = ["tiny", "default", "host"];

const numbersOf = (text: string) =>
  [...text.matchAll(/\d[\d,]*/g)].map(([number]) => Number(number.replaceAll(",", "")));

test("the page's sizes of snapshots are those that are measured", () => {
  const program = ["--import", "tsx", "bench/snapshots/main.ts"];
  const printed = execFileSync(process.execPath, program, { cwd: ROOT, encoding: "utf8" });
  const page = readFileSync(`${ROOT}/docs/snapshots.md`, "utf8");
  for (const profile of PROFILES) {
    const row = new RegExp(`^\\| \`${profile}\` (\\|.*)$`, "m").exec(page)?.[1];
    const line = new RegExp(`^${profile} (.*)$`, "m").exec(printed)?.[1];
    const [said, measured] = [numbersOf(row!), numbersOf(line!)];
    assert.equal(measured.length, 3, line);
    for (const [i, octets] of measured.entries()) {
      const share = said[i]! / octets;
      assert.ok(Math.abs(share - 1) < TOLERANCE, `${profile}: ${said[i]} for ${octets}`);
    }
  }
});
