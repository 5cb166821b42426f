/**
 * A copy of the project in a temporary folder, in which mutants are built and tests are run: what
 * is under work in the real one is never touched.
 *
 * Called by main.ts and the tests. A mutant replaces the module of the profile `default`, which has
 * every feature; it is compiled without optimising, which is quicker, and the fault is the same.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { applyHunks, type Mutant } from "./mutant.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COPIED = [
  ...["assembly", "bench", "dist", "hal", "scripts", "tests"],
  ...["asconfig.json", "asconfig.app.json", "package.json", "tsconfig.json"],
];
/** The stack without a fault, as it was when the workshop was opened. */
const SOUND = "sound";
const MODULE = "dist/wasm/linger-default.wasm";

export class Workshop {
  readonly folder: string;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "linger-mutants-"));
    for (const name of COPIED) cpSync(join(ROOT, name), this.path(name), { recursive: true });
    cpSync(join(ROOT, "assembly"), this.path(SOUND), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), this.path("node_modules"));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** The stack's sources with these faults, and no others; several must not touch one another. */
  apply(mutants: readonly Mutant[]): void {
    cpSync(this.path(SOUND), this.path("assembly"), { recursive: true });
    for (const { name, changes } of mutants) {
      for (const [path, hunks] of changes) {
        const text = readFileSync(this.path(path), "utf8");
        writeFileSync(this.path(path), applyHunks(text, hunks, `${name}: ${path}`));
      }
    }
  }

  /** Compiles what is there; an Error has the compiler's complaint. */
  build(): void {
    const asc = join(ROOT, "node_modules/assemblyscript/bin/asc.js");
    const config = ["--config", this.path("asconfig.json"), "--target", "default", "--noColors"];
    const quick = ["--optimizeLevel", "0", "--shrinkLevel", "0", "--outFile", this.path(MODULE)];
    try {
      execFileSync(process.execPath, [asc, ...config, ...quick], {
        cwd: this.folder,
        stdio: "pipe",
      });
    } catch (error) {
      const { stderr } = error as { stderr?: Buffer };
      throw new Error(`it does not compile: ${String(stderr).split("\n").slice(0, 4).join(" ")}`);
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
