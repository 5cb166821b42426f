/**
 * The store of a board's snapshots when the power is cut at each single operation of its flash: one
 * whole snapshot or none, and each taken up once. And the SHA-256 that it tells modules by.
 *
 * What is tried stands in `power/power.c`, which runs here.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const HAL = join(ROOT, "hal/wamr");
const SOURCES = ["snapshot.c", "store.c", "sha256.c"].map((name) => join(HAL, "src", name));
const WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

describe("a board's store", () => {
  const folder = mkdtempSync(join(tmpdir(), "linger-power-"));
  let lines: string[] = [];
  before(() => {
    const program = join(folder, "power");
    const own = join(ROOT, "tests/board/power/power.c");
    const includes = ["-I", join(HAL, "include"), "-I", join(HAL, "src")];
    execFileSync("cc", [
      "-std=c11",
      "-O2",
      ...WARNINGS,
      ...includes,
      "-o",
      program,
      own,
      ...SOURCES,
    ]);
    lines = execFileSync(program, { encoding: "utf8" }).trimEnd().split("\n");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("power cut anywhere in a save or a start: whole or none, and once", () => {
    const cuts = /^(\d+) cuts$/.exec(lines.at(-1)!)?.[1];
    assert.ok(Number(cuts) > 10_000, `${cuts} cuts`);
  });

  test("SHA-256 of each length up to three blocks", () => {
    const wanted = Array.from({ length: 200 }, (_, length) => {
      const text = Uint8Array.from({ length: length + 1 }, (_, index) => (index * 37) & 0xff);
      return createHash("sha256").update(text.subarray(0, length)).digest("hex");
    });
    assert.deepEqual(lines.slice(0, -1), wanted);
  });
});
