/**
 * Runs a TypeScript program of this project from a fresh clone on: `npm run goodput` and the like.
 *
 *     node scripts/run.mjs bench/goodput/main.ts --json results.json
 *
 * Installs and builds what is missing, then starts it with the arguments given, and exits as it
 * does.
 */
import { spawn } from "node:child_process";
import { makeReady, ReadyError, ROOT } from "./ready.mjs";

try {
  makeReady((line) => console.error(line));
} catch (error) {
  if (!(error instanceof ReadyError)) throw error;
  console.error(error.message);
  process.exit(1);
}
const child = spawn(process.execPath, ["--import", "tsx", ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: "inherit",
});
process.on("SIGINT", () => undefined);
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
});
