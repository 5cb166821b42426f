/**
 * Finds the command, runs it, and turns every mistake into one line on stderr and an exit status: 2
 * for wrong usage, 1 for what went wrong while running.
 *
 * Called by main.ts and tests.
 */
import { readFileSync } from "node:fs";
import { LingerError } from "../errors.ts";
import { type Command, CommandError, complain, UsageError } from "./command.ts";
import { connectCommand } from "./connect.ts";
import { demoCommand } from "./demo/index.ts";
import { pingCommand } from "./ping.ts";
import { replayCommand } from "./replay/index.ts";
import { runCommand } from "./run.ts";
import { serveCommand } from "./serve.ts";
import { traceCommand } from "./trace.ts";

const COMMANDS: readonly Command[] = [
  serveCommand,
  connectCommand,
  pingCommand,
  runCommand,
  traceCommand,
  replayCommand,
  demoCommand,
];

/** Runs one command line; resolves with the exit status, never rejects. */
export async function dispatch(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version" || name === "-v") return printVersion();
  if (name === "help" || name === "--help" || name === "-h") return printHelp(rest);
  if (name === undefined) {
    complain("linger: which command? (see linger help)");
    return 2;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) {
    complain(`linger: "${name}" is no command (see linger help)`);
    return 2;
  }
  if (rest.includes("--help") || rest.includes("-h")) return printHelp([name]);
  return runCommandLine(command, rest);
}

async function runCommandLine(command: Command, args: string[]): Promise<number> {
  try {
    return await command.run(args);
  } catch (error) {
    if (error instanceof UsageError) {
      complain(`linger ${command.name}: ${error.message} (see linger help ${command.name})`);
      return 2;
    }
    if (error instanceof CommandError || error instanceof LingerError) {
      complain(`linger ${command.name}: ${error.message}`);
      return error instanceof CommandError ? error.exitCode : 1;
    }
    // A bug of ours: all that is known of it is wanted.
    console.error(error);
    return 1;
  }
}

function printHelp(names: string[]): number {
  const [name] = names;
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (name !== undefined && command === undefined) {
    complain(`linger help: "${name}" is no command (see linger help)`);
    return 2;
  }
  console.log(command?.help ?? overview());
  return 0;
}

function overview(): string {
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`);
  return `linger: a TCP/IP stack in one Wasm module, run on this machine

Usage: linger COMMAND …

${lines.join("\n")}
  help      what a command does and takes: linger help COMMAND
  --version the version of this package`;
}

function printVersion(): number {
  // The same way up from hal/host/cli and from dist/host/cli.
  const path = new URL("../../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { version: string };
  console.log(version);
  return 0;
}
