#!/usr/bin/env node
/**
 * The command `linger`: one process, one command line, one exit status.
 *
 * Started by users. What it does is in dispatch.ts.
 */
import { dispatch } from "./dispatch.ts";

/** Exit status of a program that SIGPIPE ended: 128 + 13. */
const NOBODY_READS = 141;

/** A reader of our output that goes away (`linger trace … | head`) is no reason to say anything. */
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(NOBODY_READS);
});

const exitCode = await dispatch(process.argv.slice(2));
// What is still in the pipes is written before the process ends, whatever else is open.
process.stdout.write("", () => process.stderr.write("", () => process.exit(exitCode)));
