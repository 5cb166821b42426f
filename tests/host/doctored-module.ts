/**
 * Release modules, and variants of the `default` one with something changed in them (`doctor.mjs`).
 *
 * Used by the tests of this folder. Holds no test itself.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Profile } from "../../hal/host/module.ts";

export type Variant =
  /** `poll` traps from 8,000 ms on. */
  | "trapInPoll"
  | "trapInCloseWrite"
  /** Says it speaks version 2 of the boundary. */
  | "version2"
  /** The first octet of every SEND is a "!". */
  | "spoiledCommits"
  | "otherImport"
  /** Without poll, tcpListen, tcpPeek and nextReady. */
  | "lacking"
  /** tcpPeek takes no parameter. */
  | "otherShape"
  /** appPoll without appInit. */
  | "halfApplication"
  /** Accepts on port 7, sends "!", closes. */
  | "application"
  /** The same, but what it sends is how often it was polled, which it counts in a global. */
  | "countingApplication"
  /** As `application`, but appInit answers -7. */
  | "refusingApplication";

function modulePath(profile: Profile): string {
  return fileURLToPath(new URL(`../../dist/wasm/linger-${profile}.wasm`, import.meta.url));
}

/** The octets of a release module. */
export function moduleOctets(profile: Profile = "default"): Uint8Array {
  return readFileSync(modulePath(profile));
}

let folder: string | undefined;

/** The octets of a variant; all are made when the first is asked for. */
export function doctored(variant: Variant): Uint8Array {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), "linger-doctored-"));
    process.once("exit", () => rmSync(made, { recursive: true, force: true }));
    const doctor = fileURLToPath(new URL("./doctor.mjs", import.meta.url));
    // Without the loaders of this process.
    execFileSync(process.execPath, [doctor, modulePath("default"), made], { timeout: 60_000 });
    folder = made;
  }
  return readFileSync(join(folder, `${variant}.wasm`));
}
