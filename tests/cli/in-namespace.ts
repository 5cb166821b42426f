/**
 * Runs a script in a network namespace, where `$LINGER` is the command and the kernel a peer.
 *
 * Called by the tests of this folder that have a TAP.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { LINGER, ROOT } from "./linger.ts";

/** Runs a script in a namespace with the kernel as 10.9.0.1 on tap0; $LINGER is the command. */
export function inNamespace(
  t: TestContext,
  script: string,
): Promise<{ code: number; output: string }> {
  // Should this process be killed, the namespace still ends in time.
  const linger = [process.execPath, ...LINGER].map((part) => `'${part}'`).join(" ");
  const child = spawn(
    process.execPath,
    [join(ROOT, "scripts/in-namespace.mjs"), ...["timeout", "60", "bash", "-c", script]],
    { cwd: ROOT, env: { ...process.env, LINGER: linger }, stdio: ["ignore", "pipe", "pipe"] },
  );
  t.after(() => void child.kill("SIGTERM"));
  let output = "";
  child.stdout.on("data", (data) => (output += String(data)));
  child.stderr.on("data", (data) => (output += String(data)));
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ code: code ?? -1, output }));
  });
}
