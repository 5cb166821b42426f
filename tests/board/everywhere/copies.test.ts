/**
 * The boards' memcpy and memmove (hal/wamr/platform), on a Cortex-M3 in QEMU.
 *
 * What is tried stands in `copies/copies.c`.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const COPIES = ["memcpy.S", "memmove.c"].map((name) => join(ROOT, "hal/wamr/platform", name));
const PROCESSOR = ["-mcpu=cortex-m3", "-mthumb"];

test("memcpy and memmove copy what is asked for, at every alignment", () => {
  const folder = mkdtempSync(join(tmpdir(), "linger-copies-"));
  try {
    const program = join(folder, "copies");
    execFileSync("arm-none-eabi-gcc", [
      ...[...PROCESSOR, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fno-builtin"],
      ...["-fno-tree-loop-distribute-patterns", "--specs=rdimon.specs"],
      ...["-Wl,--no-warn-rwx-segments", "-T", join(ROOT, "bench/segment/host/mps2.ld")],
      ...["-o", program, join(ROOT, "tests/board/copies/copies.c"), ...COPIES],
    ]);
    const said = execFileSync(
      "qemu-system-arm",
      [
        ...["-M", "mps2-an385", "-display", "none", "-monitor", "none", "-serial", "none"],
        ...["-semihosting-config", "enable=on,target=native", "-kernel", program],
      ],
      { encoding: "utf8", timeout: 120_000 },
    );
    const copies = /^(\d+) copies$/.exec(said.trim())?.[1];
    assert.ok(Number(copies) > 10_000, said);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
