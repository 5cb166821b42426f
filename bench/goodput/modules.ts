/**
 * The modules that are measured: the stack as it is, compiled like a release, with rings of the
 * size that a point asks for and hardly more connections than it needs.
 *
 * Called by the command and by tests/goodput. What was compiled stays in build/, named by
 * everything that it came from, so that an unchanged stack is compiled once.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LingerModule } from "../../hal/host/module.ts";
import { WASM_FEATURES } from "../../scripts/wasm-optimizations.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = "build/goodput";
const ASC = "node_modules/assemblyscript/bin/asc.js";
const WASM_OPT = "node_modules/binaryen/bin/wasm-opt";
const OPTIMIZATION = [...WASM_FEATURES, "-Os"];
/** As in the host's module, apart from the connections, of which one is enough. */
const COUNTS = ["CONFIG_CONNECTION_COUNT=2", "CONFIG_RANGE_COUNT=8"];

/** The module with rings of this many octets in each direction. */
export function moduleWithRings(ringOctets: number): LingerModule {
  const name = `${FOLDER}/linger-${ringOctets}-${digest().slice(0, 16)}`;
  const path = join(ROOT, `${name}.wasm`);
  if (!existsSync(path)) compile(ringOctets, name);
  return LingerModule.load(path);
}

/** What a compilation reads, as one number. */
function digest(): string {
  const hash = createHash("sha256");
  const names = readdirSync(join(ROOT, "assembly"), { recursive: true, encoding: "utf8" });
  const sources = names.filter((name) => name.endsWith(".ts")).sort();
  const paths = sources.map((name) => `assembly/${name}`);
  const self = fileURLToPath(import.meta.url).slice(ROOT.length);
  for (const path of [...paths, "asconfig.app.json", "scripts/asc-transform.mjs", self]) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(ROOT, path)))
      .update("\0");
  }
  return hash.digest("hex");
}

function compile(ringOctets: number, name: string): void {
  mkdirSync(join(ROOT, FOLDER), { recursive: true });
  const own = `${name}.${process.pid}`;
  const config = {
    extends: "../../asconfig.app.json",
    entries: ["../../assembly/index.ts"],
    targets: {
      goodput: {
        outFile: `../../${own}.raw.wasm`,
        use: [
          ...COUNTS,
          `CONFIG_SEND_RING_OCTETS=${ringOctets}`,
          `CONFIG_RECEIVE_RING_OCTETS=${ringOctets}`,
        ],
      },
    },
  };
  writeFileSync(join(ROOT, `${own}.json`), JSON.stringify(config));
  run(ASC, ["--config", join(ROOT, `${own}.json`), "--target", "goodput", "--noColors"]);
  run(WASM_OPT, [`${own}.raw.wasm`, ...OPTIMIZATION, "-o", `${own}.wasm`]);
  // At once and whole, since another process may want the same one.
  renameSync(join(ROOT, `${own}.wasm`), join(ROOT, `${name}.wasm`));
}

function run(program: string, args: readonly string[]): void {
  const options = { cwd: ROOT, encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], options);
  if (status !== 0) throw new Error(`${program} failed: ${`${stderr}${stdout}`.trim()}`);
}
