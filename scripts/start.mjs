/**
 * `npm start`: the demonstration, from a fresh clone on.
 *
 * Installs and builds what is missing, then runs `linger demo` with the arguments given
 * (`npm start -- --help`). Exits as the demonstration does.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { makeReady, ReadyError, ROOT } from "./ready.mjs";

const LINGER = join(ROOT, "dist/host/cli/main.js");

try {
  makeReady(console.log);
} catch (error) {
  if (!(error instanceof ReadyError)) throw error;
  console.error(error.message);
  process.exit(1);
}
const child = spawn(process.execPath, [LINGER, "demo", ...process.argv.slice(2)], {
  stdio: "inherit",
});
// A terminal's interrupt reaches the demonstration itself, which tidies up; others are passed on.
process.on("SIGINT", () => undefined);
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
});
