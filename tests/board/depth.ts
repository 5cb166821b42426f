/**
 * How much of its stack a module can need at most in WAMR's interpreters: the frames of the deepest
 * chain of calls. What a frame takes is read from the tables that WAMR has laid out on the board,
 * who calls whom from the module.
 *
 * Used by tests/board/everywhere. The layout is that of WAMR 2.4.3 on a 32-bit machine
 * (interpreter/wasm.h, wasm_interp.h), as hal/wamr/platform configures it.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuiltImage } from "../../bench/firmware/build.ts";
import { WASM_FEATURES } from "../../scripts/wasm-optimizations.mjs";
import { until } from "../interop/traffic.ts";
import type { BoardMachine } from "./board.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const WASM_OPT = join(ROOT, "node_modules/binaryen/bin/wasm-opt");
const RAM = 0x2000_0000;
/** All that the images use of it; lm3s6965evb has no more. */
const RAM_OCTETS = { lm3s6965evb: 0x1_0000, "mps2-an385": 0x4_0000 };
const CELL = 4;
/** Of WASMModule and WASMFunction. */
const FUNCTION_COUNT = 16;
const FUNCTIONS = 88;
const PARAMETER_CELLS = 12;
const LOCAL_CELLS = 16;
const STACK_CELLS = 24;
const BLOCKS = 28;
const CONSTANT_CELLS = 52;
/** Of a frame, before its cells; the classic interpreter also keeps four words for each block. */
const HEAD = { fast: 20, classic: 36 };
const BLOCK_CELLS = 4;
/** Of the frame of who calls the module, and at least of a native function's. */
const RESULT_CELLS = 2;

interface Function {
  parameterCells: number;
  calls: Set<string>;
}

/** The functions of a module by name, in their order, which is WAMR's; and its imports. */
function readCalls(module: string): { functions: Map<string, Function>; imports: Set<string> } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [WASM_OPT, module, ...WASM_FEATURES, "--print"],
    { encoding: "utf8", maxBuffer: 1 << 26 },
  );
  assert.equal(status, 0, stderr);
  const imports = new Set([...stdout.matchAll(/^ \(import .*\(func (\$\S+)/gm)].map(([, f]) => f!));
  const functions = new Map<string, Function>();
  for (const [, name, body] of stdout.matchAll(/^ \(func (\$\S+)(.*\n(?: {2}.*\n)*)/gm)) {
    const types = [...body!.split("\n")[0]!.matchAll(/\(param \S+ (\w+)\)/g)];
    const cells = types.map(([, type]) => (type === "i64" || type === "f64" ? 2 : 1));
    const calls = [...body!.matchAll(/\(call (\$[^\s)]+)/g)].map(([, called]) => called!);
    const parameterCells = cells.reduce<number>((sum, one) => sum + one, 0);
    functions.set(name!, { parameterCells, calls: new Set(calls) });
  }
  return { functions, imports };
}

/** The board's RAM. */
async function saveMemory(board: BoardMachine, octets: number): Promise<DataView> {
  const folder = mkdtempSync(join(tmpdir(), "linger-memory-"));
  try {
    const filename = join(folder, "ram");
    await board.order("pmemsave", { val: RAM, size: octets, filename });
    await until(
      "QEMU to save the memory",
      () => statSync(filename).size,
      (size) => size === octets,
    );
    const content = readFileSync(filename);
    return new DataView(content.buffer, content.byteOffset, octets);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Where a variable of an image lies. */
function addressOf(elf: string, name: string): number {
  const { stdout } = spawnSync("arm-none-eabi-nm", [elf], { encoding: "utf8" });
  const [, digits] = new RegExp(`^(\\w+) b ${name}$`, "m").exec(stdout) ?? [];
  assert.ok(digits !== undefined, `${name} in ${elf}`);
  return parseInt(digits, 16);
}

/** Octets of the stack that the deepest chain of calls of a running board's module takes. */
export async function measureDepth(board: BoardMachine, built: BuiltImage): Promise<number> {
  const { engine, board: kind } = built.image;
  assert.ok(engine !== "wasm2c");
  const memory = await saveMemory(board, RAM_OCTETS[kind.name as keyof typeof RAM_OCTETS]);
  const word = (at: number) => memory.getUint32(at - RAM, true);
  const half = (at: number) => memory.getUint16(at - RAM, true);
  const { functions, imports } = readCalls(built.module);
  // The first field of `engine` (hal/wamr/src/engine-wamr.c).
  const module = word(addressOf(built.elf, "engine"));
  assert.equal(word(module + FUNCTION_COUNT), functions.size);

  const frames = new Map<string, number>();
  const frameOf = (cells: number) => HEAD[engine] + CELL * cells;
  [...functions].forEach(([name, { parameterCells }], i) => {
    const at = word(word(module + FUNCTIONS) + CELL * i);
    assert.equal(half(at + PARAMETER_CELLS), parameterCells, `the layout of ${name}`);
    const more = engine === "fast" ? word(at + CONSTANT_CELLS) : BLOCK_CELLS * word(at + BLOCKS);
    const cells = parameterCells + half(at + LOCAL_CELLS) + word(at + STACK_CELLS) + more;
    frames.set(name, frameOf(cells));
  });
  // No native function has more parameters than cells of a result.
  for (const name of imports) frames.set(name, frameOf(RESULT_CELLS));

  const depths = new Map<string, number>();
  const depthOf = (name: string): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    depths.set(name, Infinity); // if it comes back to itself
    const frame = frames.get(name)!;
    const below = [...(functions.get(name)?.calls ?? [])].map(depthOf);
    // WAMR wants room for a frame twice before it enters a function.
    const depth = frame + Math.max(frame, ...below);
    depths.set(name, depth);
    return depth;
  };
  return frameOf(RESULT_CELLS) + Math.max(...[...functions.keys()].map(depthOf));
}
