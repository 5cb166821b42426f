/**
 * The programs that firmware is built with, and where it is built.
 *
 * Used by the files of this folder.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Everything is made here. */
export const FOLDER = join(ROOT, "build/firmware");

/** A failure whose message says everything that the user needs. */
class FirmwareError extends Error {}

/** Runs a program to its end. */
export function run(program: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: ROOT,
    encoding: "utf8",
  });
  if (error !== undefined) {
    throw new FirmwareError(`${program} does not run (${error.message}): is it installed?`);
  }
  if (status !== 0) {
    throw new FirmwareError(`${stdout}${stderr}\n${program} ${args.join(" ")} failed`);
  }
}
