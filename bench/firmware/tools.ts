/**
 * The programs that firmware is built with, and where it is built.
 *
 * Used by the files of this folder.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Everything is made here. */
export const FOLDER = join(ROOT, "build/firmware");

/** A failure whose message says everything that the user needs. */
class FirmwareError extends Error {}

/**
 * Runs a program to its end, and no other of them meanwhile in any process: test lanes that run
 * side by side build in one folder, where one would truncate what the other reads.
 */
export function run(program: string, args: readonly string[]): void {
  mkdirSync(FOLDER, { recursive: true });
  const alone = [join(FOLDER, ".lock"), program, ...args];
  const { status, stdout, stderr, error } = spawnSync("flock", alone, {
    cwd: ROOT,
    encoding: "utf8",
  });
  if (error !== undefined) {
    throw new FirmwareError(`flock does not run (${error.message}): is util-linux installed?`);
  }
  if (status !== 0) {
    throw new FirmwareError(`${stdout}${stderr}\n${program} ${args.join(" ")} failed`);
  }
}
