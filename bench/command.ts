/**
 * How the programs behind `npm run …` are called: their options, mistakes in them, data for other
 * programs, the exit status.
 *
 * Used by the programs of bench/ and tests/. The command `linger` has more to say of itself:
 * hal/host/cli/command.
 */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { parseArgs, type ParseArgsConfig } from "node:util";
import { UsageError } from "../hal/host/cli/command.ts";

export { UsageError };

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Node's parseArgs, its errors in one line. */
export function readOptions<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(messageOf(error).split("\n")[0]);
  }
}

/** Writes data for programs; refuses before the work, not after it, when it cannot. */
export function openJson(path: string | undefined): (data: unknown) => void {
  if (path === undefined) return () => undefined;
  try {
    closeSync(openSync(path, "a"));
  } catch (error) {
    throw new UsageError(`--json cannot write ${path}: ${messageOf(error)}`);
  }
  return (data) => writeFileSync(path, `${JSON.stringify(data, null, 2)}\n`);
}

/**
 * Runs a program's `main`, which returns the exit status. A failure is one line on stderr and
 * status 1, a mistake of the user's status 2.
 */
export async function runProgram(
  name: string,
  main: (args: string[]) => number | Promise<number>,
): Promise<void> {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    console.error(`${name}: ${messageOf(error).split("\n").join(" ")}`);
    process.exit(error instanceof UsageError ? 2 : 1);
  }
}
