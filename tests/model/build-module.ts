/**
 * The module that is searched: the stack as it is, compiled in the profile `check` of
 * `asconfig.json`, with its layout in it (`layout-transform.mjs`). With changes, it is the stack
 * with faults put in on purpose. Called by main.ts and model.test.ts. Writes no file.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { WebAssembly, type WasmModule } from "../../hal/host/web-assembly.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COMPILER = fileURLToPath(new URL("../support/compile.mjs", import.meta.url));
const TRANSFORM = fileURLToPath(new URL("./layout-transform.mjs", import.meta.url));
const OUTPUT = "check.wasm";
const OUTPUT_OCTETS_MAX = 1 << 26;

/** A piece of a source that is there once, and what stands there instead. */
export interface Change {
  readonly path: string;
  readonly from: string;
  readonly to: string;
}

interface Compilation {
  readonly failed: boolean;
  readonly said: string;
  readonly written: Readonly<Record<string, string>>;
}

export interface Built {
  readonly octets: Uint8Array;
  readonly module: WasmModule;
}

/** Compiles the stack once for each list of changes. */
export function buildModules(variants: readonly (readonly Change[])[]): Built[] {
  const jobs = variants.map((changes) => ({
    folder: ROOT,
    args: [
      ...["--config", join(ROOT, "asconfig.json"), "--target", "check"],
      ...["--transform", TRANSFORM, "--outFile", OUTPUT],
    ],
    files: Object.fromEntries(changes.map((change) => [change.path, changed(change)])),
  }));
  const options = {
    cwd: ROOT,
    input: JSON.stringify(jobs),
    encoding: "utf8",
    maxBuffer: OUTPUT_OCTETS_MAX,
  } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMPILER], options);
  if (status !== 0) throw new Error(`the compiler failed: ${stderr.trim()}`);
  return (JSON.parse(stdout) as Compilation[]).map(({ failed, said, written }) => {
    if (failed) throw new Error(`the profile check does not compile: ${said.trim()}`);
    const octets = Buffer.from(written[OUTPUT]!, "base64");
    return { octets, module: new WebAssembly.Module(octets) };
  });
}

function changed({ path, from, to }: Change): string {
  const text = readFileSync(join(ROOT, path), "utf8");
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`${path} has ${parts.length - 1} times: ${from}`);
  return parts.join(to);
}
