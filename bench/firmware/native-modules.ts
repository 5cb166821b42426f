/**
 * The release modules once more, with sums and copies of long blocks left to the firmware
 * (`hal/README.md`, "Imports on request").
 *
 * Used by `npm run firmware -- --native` and by tests. Compiled as scripts/build.mjs compiles the
 * release modules, into build/firmware/native.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { WASM_FEATURES, WASM_OPTIMIZATIONS } from "../../scripts/wasm-optimizations.mjs";
import { FOLDER, ROOT, run } from "./tools.ts";
import type { Profile } from "./images.ts";

const USE = ["CONFIG_NATIVE_CHECKSUM=1", "CONFIG_NATIVE_COPY=1"];

/** What this process has compiled. */
const compiled = new Map<Profile, string>();

/** The path of a profile's module. */
export function buildNativeModule(profile: Profile): string {
  const known = compiled.get(profile);
  if (known !== undefined) return known;
  const folder = join(FOLDER, "native");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `linger-${profile}.wasm`);
  const raw = join(folder, `raw-${profile}.wasm`);
  const tool = (name: string, args: readonly string[]) =>
    run(process.execPath, [join(ROOT, "node_modules", name), ...args]);
  tool("assemblyscript/bin/asc.js", [
    ...["--config", join(ROOT, "asconfig.json"), "--target", profile, "--noColors"],
    ...[...USE.flatMap((name) => ["--use", name]), "--outFile", raw],
  ]);
  const optimize = [raw, ...WASM_FEATURES, ...WASM_OPTIMIZATIONS[profile], "-o", path];
  tool("binaryen/bin/wasm-opt", optimize);
  compiled.set(profile, path);
  return path;
}
