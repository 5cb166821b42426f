/**
 * A CMake project outside of the tree that uses hal/wamr as an installed package: what it builds.
 *
 * Used by tests/board/everywhere. The package is a copy of what package.json's `files` has of it,
 * without links into the tree, so what the build needs besides is missed.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuiltImage, modulePath, wamrFolder } from "../../bench/firmware/build.ts";
import { findImage } from "../../bench/firmware/images.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BOARD = "mps2-an385";

export class Stranger {
  readonly #folder = mkdtempSync(join(tmpdir(), "linger-stranger-"));

  constructor() {
    cpSync(join(ROOT, "tests/board/stranger"), this.#folder, { recursive: true });
    for (const part of ["hal/wamr", "dist/wasm"]) {
      const installed = join(this.#folder, "node_modules/linger-tcp", part);
      cpSync(join(ROOT, part), installed, { recursive: true });
    }
  }

  /** Configures and builds the project as its owner would. */
  build(engine: "fast" | "wasm2c"): BuiltImage {
    const toolchain = "node_modules/linger-tcp/hal/wamr/cmake/arm-none-eabi.cmake";
    const out = join(this.#folder, "out");
    this.#run("cmake", [
      ...["-G", "Ninja", "-S", this.#folder, "-B", out],
      ...[`-DCMAKE_TOOLCHAIN_FILE=${toolchain}`, `-DWAMR_ROOT_DIR=${wamrFolder()}`],
    ]);
    this.#run("ninja", ["-C", out, `stranger-${engine}`]);
    const elf = join(out, `stranger-${engine}.elf`);
    const image = findImage(BOARD, engine)!;
    return { image, elf, map: `${elf}.map`, module: modulePath(image.board.profile) };
  }

  discard(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #run(program: string, args: string[]): void {
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: this.#folder,
      encoding: "utf8",
    });
    assert.equal(status, 0, `${stdout}${stderr}`);
  }
}
