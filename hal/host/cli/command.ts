/**
 * What a command is, and how it says that it was called wrongly.
 *
 * Imported by main.ts and every command.
 */
import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs, type ParseArgsConfig } from "node:util";

/** A mistake in the command line: one line on stderr, exit status 2, nothing was begun. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Something went wrong while the command ran: one line on stderr, exit status 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message.replaceAll(/\s*\n\s*/g, " "));
    this.exitCode = exitCode;
  }
}

export interface Command {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** The whole page of `linger help NAME`. */
  help: string;
  /** Returns the exit status; throws UsageError, CommandError or LingerError. */
  run: (args: string[]) => Promise<number>;
}

export type OptionsConfig = NonNullable<ParseArgsConfig["options"]>;

/** What parseArgs makes of options declared as T. */
type CommandLine<T extends OptionsConfig> = ReturnType<
  typeof parseArgs<{ options: T; allowPositionals: true; strict: true }>
>;

/** Node's parseArgs, its errors in one line of our own. */
export function parseCommandLine<T extends OptionsConfig>(
  args: string[],
  options: T,
): CommandLine<T> {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    const [sentence = ""] = (error as Error).message.split(/\.(?:\s|$)|\n/);
    throw new UsageError(sentence.charAt(0).toLowerCase() + sentence.slice(1));
  }
}

/** Reads a whole number within a range; `name` is the option as the user wrote it. */
export function parseInteger(
  text: string,
  name: string,
  range: { min: number; max: number },
): number {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= range.min && value <= range.max)) {
    throw new UsageError(
      `${name} must be a number from ${range.min} to ${range.max}, not "${text}"`,
    );
  }
  return value;
}

export function parsePort(text: string, name: string): number {
  return parseInteger(text, name, { min: 1, max: 65_535 });
}

/** Exactly these positional arguments, no more and no fewer. */
export function expectPositionals(found: readonly string[], names: readonly string[]): string[] {
  if (found.length < names.length) throw new UsageError(`${names[found.length]} is missing`);
  if (found.length > names.length) throw new UsageError(`"${found[names.length]}" is too much`);
  return [...found];
}

/** Tells early that a file cannot be written; the file itself is made when the wire is open. */
export function checkWritable(path: string, option: string, what: string): void {
  if (path === "") throw new UsageError(`${option} needs a file name`);
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory() === true) throw new Error("it is a directory");
    accessSync(found === undefined ? dirname(path) : path, constants.W_OK);
  } catch (error) {
    throw new CommandError(`cannot write the ${what} ${path}: ${(error as Error).message}`);
  }
}

/** The line that a stack's loss of its wire, or its trap, ends a command with. */
export function stackFailure(error: Error | undefined): CommandError {
  return new CommandError(error?.message ?? "the stack was closed");
}

/** One line, also where it quotes what the user wrote: control characters show as their numbers. */
export function complain(text: string): void {
  console.error(
    text.replaceAll(/\p{Cc}/gu, (found) => {
      return `\\x${found.charCodeAt(0).toString(16).padStart(2, "0")}`;
    }),
  );
}
