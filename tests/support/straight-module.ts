/**
 * The module `default` with the straight ways (`CONFIG_STRAIGHT=1`), which no small release module
 * has: compiled when a test wants it.
 *
 * Called by tests/tcp/straight.test.ts and tests/fuzz.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export function compileStraight(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "linger-straight-"));
  try {
    const path = join(folder, "straight.wasm");
    execFileSync(process.execPath, [
      ...[join(ROOT, "node_modules/assemblyscript/bin/asc.js"), join(ROOT, "assembly/index.ts")],
      ...["--config", join(ROOT, "asconfig.app.json"), "--target", "default", "--noColors"],
      ...["--use", "CONFIG_STRAIGHT=1", "-o", path],
    ]);
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
