/**
 * A private network namespace for the demonstration: the command starts itself again inside one
 * that is gone when it ends, with nothing of the machine's own network in it.
 *
 * Called by the demonstration. Makes no named namespace and no device outside: there is nothing to
 * clean up.
 */
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, writeFileSync } from "node:fs";
import type { Wire } from "../../wire.ts";
import { LingerError } from "../../errors.ts";
import { INTERRUPTED } from "../interrupt.ts";

/** Set in the process inside. */
const INSIDE = "LINGER_DEMO_INSIDE";
/** Where the process inside says why it cannot go on; it closes when the one outside is gone. */
const REASON_FILE = 3;
const ISOLATION = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

export const KERNEL_ADDRESS = "10.9.0.1";
export const LINGER_ADDRESS = "10.9.0.2";
const DEVICE = "linger0";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** How long the process inside may take to end when it is asked to, in ms. */
const LAST_WORDS_MS = 1000;

/** Exit status of the process inside that found no way to a TAP; never shown. */
const NO_TAP = 97;

export function isInside(): boolean {
  return process.env[INSIDE] === "1";
}

/** How a namespace can be made here, or why not, in a few words. */
type Possibility = { unshare: string[] } | { reason: string };

/** Tries the real thing with a program that does nothing; changes nothing. */
export function findNamespace(): Possibility {
  if (process.platform !== "linux") return { reason: `this is ${process.platform}, not Linux` };
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const missing = code === "ENOENT" ? "does not exist" : "may not be opened";
    return { reason: `/dev/net/tun ${missing} (${code})` };
  }
  if (spawnSync("ip", ["-Version"]).error !== undefined) {
    return { reason: "the program ip (package iproute2) is not installed" };
  }
  const ways = [ISOLATION, ["--user", "--map-root-user", ...ISOLATION]];
  let reason = "";
  for (const unshare of ways) {
    const tried = spawnSync("unshare", [...unshare, "true"], { encoding: "utf8" });
    if (tried.status === 0) return { unshare };
    reason = tried.error?.message ?? tried.stderr.trim().split("\n")[0] ?? "";
  }
  return { reason: `a network namespace cannot be made (${reason})` };
}

/** Runs this very command inside; its exit status, or why it could not begin. */
export async function runInside(
  unshare: string[],
): Promise<{ exitCode: number } | { reason: string }> {
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn("unshare", [...unshare, ...command], {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: { ...process.env, [INSIDE]: "1" },
  });
  let reason = "";
  child.stdio[REASON_FILE]?.on("data", (data: Buffer) => (reason += data.toString()));
  let interrupted = false;
  const onSignal = (): void => {
    interrupted = true;
    // The process inside sees this and ends; if it does not, the namespace goes with its parent.
    child.stdio[REASON_FILE]?.destroy();
    setTimeout(() => child.kill("SIGKILL"), LAST_WORDS_MS).unref();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
  for (const signal of SIGNALS) process.off(signal, onSignal);
  if (interrupted) return { exitCode: INTERRUPTED };
  return exitCode === NO_TAP ? { reason } : { exitCode };
}

/** Inside: ends when the process outside is gone, however that went. */
export async function watchOutside(): Promise<void> {
  const { Socket } = await import("node:net");
  const socket = new Socket({ fd: REASON_FILE, readable: true, writable: true });
  socket.on("close", () => process.exit(1));
  socket.on("error", () => undefined);
  socket.resume();
  socket.unref();
}

/** Inside: the TAP with the kernel's address on it. Ends the process if there cannot be one. */
export async function openKernelWire(): Promise<Wire> {
  try {
    for (const scope of ["all", "default"]) quietIpv6(scope);
    ip("link", "set", "lo", "up");
    const { openTap } = await import("../../wires/tap.ts");
    const wire = await openTap(DEVICE);
    ip("addr", "add", `${KERNEL_ADDRESS}/24`, "dev", DEVICE);
    ip("link", "set", DEVICE, "up");
    return wire;
  } catch (error) {
    if (!(error instanceof LingerError)) throw error;
    writeFileSync(REASON_FILE, error.message);
    process.exit(NO_TAP);
  }
}

function ip(...args: string[]): void {
  const done = spawnSync("ip", args, { encoding: "utf8" });
  if (done.status === 0) return;
  const why = done.error?.message ?? done.stderr.trim();
  throw new LingerError("TAP_FAILED", `ip ${args.join(" ")}: ${why}`);
}

/** The kernel's own IPv6 chatter has no place on this link. A kernel without IPv6 has none. */
function quietIpv6(scope: string): void {
  try {
    writeFileSync(`/proc/sys/net/ipv6/conf/${scope}/disable_ipv6`, "1");
  } catch {
    // It would only be frames that pass unseen.
  }
}
