/**
 * The module `default` with the straight ways (`CONFIG_STRAIGHT=1`), which no small release module
 * has, and with the calls that copy as exports: compiled when a test wants it.
 *
 * Called by tests/tcp/straight.test.ts and tests/fuzz.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BUILD = join(ROOT, "build");
/** An application with a buffer of its own, and nothing else. */
const ENTRY = `
export * from "../../assembly/index";
export { tcpReceive, tcpSend } from "../../assembly/socket/copying";
const BUFFER = memory.data(4096);
export function buffer(): usize { return BUFFER; }
`;

export function compileStraight(): Uint8Array {
  mkdirSync(BUILD, { recursive: true });
  const folder = mkdtempSync(join(BUILD, "straight-"));
  try {
    const path = join(folder, "straight.wasm");
    const entry = join(folder, "entry.ts");
    writeFileSync(entry, ENTRY);
    execFileSync(process.execPath, [
      ...[join(ROOT, "node_modules/assemblyscript/bin/asc.js"), entry],
      ...["--config", join(ROOT, "asconfig.app.json"), "--target", "default", "--noColors"],
      ...["--use", "CONFIG_STRAIGHT=1", "-o", path],
    ]);
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
