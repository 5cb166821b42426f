/**
 * A copy of a module that tells which of its code ran and how much, and that cannot hang.
 *
 * Binaryen gives the module's text. Behind each branch goes one store, into memory that the module
 * does not know: that the branch was taken. Each call and each turn of a loop takes one unit of
 * fuel, and without fuel the module traps. So work is bounded by counting, not by a clock, and the
 * module's own memory stays what it would have been.
 *
 *     0 … pages of the module | fuel, i32 | one octet for each branch
 *
 * Called by the fuzzer and the simulator.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { WebAssembly, type WasmModule } from "../../hal/host/web-assembly.ts";
import { WASM_FEATURES } from "../../scripts/wasm-optimizations.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BUILD = join(ROOT, "build/counted");
const PAGE_OCTETS = 65_536;
const FUEL_OCTETS = 8;

/** At this the fuel is used up; not 0, since nobody has filled it when a start function runs. */
const EMPTY = 1;
const PLENTY = 2 ** 30;

/**
 * The most calls and turns of loops that one call of an export may take: several times the most
 * that was ever seen. In a user call that is to close a listener of `host` with 255 half-open
 * records: 5,307.
 */
export const FUEL = { frame: 8_000, poll: 40_000, call: 20_000 } as const;
export type Phase = keyof typeof FUEL;

/** The fuel of one instance: given before a call, looked at after it. */
export class Tank {
  /** The most that a call has taken, of each kind. */
  readonly burnt: Record<Phase, number> = { frame: 0, poll: 0, call: 0 };
  readonly #fuel: Int32Array;

  constructor(buffer: ArrayBuffer, { fuelAt }: Instrumented) {
    this.#fuel = new Int32Array(buffer, fuelAt, 1);
    this.refill();
  }

  /** As much as anybody wants: for what is not judged. */
  refill(): void {
    this.#fuel[0] = PLENTY;
  }

  begin(phase: Phase): void {
    this.#fuel[0] = FUEL[phase] + EMPTY;
  }

  /** Whether it was too little. */
  get isEmpty(): boolean {
    return this.#fuel[0]! <= EMPTY;
  }

  end(phase: Phase): void {
    const burnt = FUEL[phase] + EMPTY - this.#fuel[0]!;
    if (burnt > this.burnt[phase]) this.burnt[phase] = burnt;
    this.refill();
  }
}

export interface Instrumented {
  module: WasmModule;
  /** Where the fuel lies: an i32. */
  fuelAt: number;
  /** Where the octets of the branches begin, and how many there are. */
  branchesAt: number;
  branchCount: number;
}

/** What a copy is like beside its code. */
interface Made {
  pages: number;
  branchCount: number;
}

/** A module with the counting added: made once, then taken from build/counted. */
export function instrument(source: Uint8Array): Instrumented {
  const hash = createHash("sha256").update(source);
  const digest = hash.update(readFileSync(fileURLToPath(import.meta.url))).digest("hex");
  const [copy, about] = ["wasm", "json"].map((end) => join(BUILD, `${digest}.${end}`));
  if (!existsSync(about!)) replaceFile(about!, JSON.stringify(make(source, copy!)));
  const made = JSON.parse(readFileSync(about!, "utf8")) as Made;
  const module = new WebAssembly.Module(readFileSync(copy!));
  const fuelAt = made.pages * PAGE_OCTETS;
  return { module, fuelAt, branchesAt: fuelAt + FUEL_OCTETS, branchCount: made.branchCount };
}

function make(source: Uint8Array, target: string): Made {
  const folder = mkdtempSync(join(tmpdir(), "linger-counted-"));
  try {
    const files = ["module.wasm", "module.wat", "counted.wasm"].map((name) => join(folder, name));
    const [module, text, counted] = files as [string, string, string];
    writeFileSync(module, source);
    runWasmOpt(module, "-S", "-o", text);
    const { lines, pages, branchCount } = addCounting(readFileSync(text, "utf8").split("\n"));
    writeFileSync(text, lines.join("\n"));
    runWasmOpt(text, "-o", counted);
    mkdirSync(BUILD, { recursive: true });
    replaceFile(target, readFileSync(counted));
    return { pages, branchCount };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** All at once, since several processes may make the same file. */
function replaceFile(path: string, content: string | Uint8Array): void {
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, content);
  renameSync(fresh, path);
}

/** No pass is asked for, so nothing is optimised away. */
function runWasmOpt(...args: string[]): void {
  const program = join(ROOT, "node_modules/binaryen/bin/wasm-opt");
  execFileSync(process.execPath, [program, ...args, ...WASM_FEATURES], { stdio: "pipe" });
}

/** The text with its counting; Binaryen writes one opening parenthesis of interest per line. */
function addCounting(lines: readonly string[]): {
  lines: string[];
  pages: number;
  branchCount: number;
} {
  const memory = /^ \(memory \$(\S+) (\d+) \d+\)$/;
  const pages = Number(lines.map((line) => memory.exec(line)?.[2]).find((n) => n !== undefined));
  const fuelAt = pages * PAGE_OCTETS;
  let branchCount = 0;
  const mark = () => {
    const at = fuelAt + FUEL_OCTETS + branchCount++;
    return `(i32.store8 (i32.const ${at}) (i32.const 1))`;
  };
  const burn =
    `(if (i32.eq (i32.load (i32.const ${fuelAt})) (i32.const ${EMPTY})) (then (unreachable)))` +
    `(i32.store (i32.const ${fuelAt}) (i32.sub (i32.load (i32.const ${fuelAt})) (i32.const 1)))`;
  const counted: string[] = [];
  let isHead = false;
  const branchIfs: string[] = [];
  for (const line of lines) {
    // A function's head ends where neither its name nor its locals go on.
    if (isHead && !/^ {2}\(local \$/.test(line)) {
      isHead = false;
      counted.push(mark(), burn);
    }
    counted.push(line.replace(memory, ` (memory $$$1 ${pages + 1} ${pages + 1})`));
    if (/^ \(func \$/.test(line)) isHead = true;
    if (/^ *\((then|else)$/.test(line)) counted.push(mark());
    if (/^ *\(loop\b/.test(line)) counted.push(mark(), burn);
    // What follows a conditional branch runs if that is not taken.
    const opened = /^( *)\(br_if /.exec(line)?.[1];
    if (opened !== undefined) branchIfs.push(`${opened})`);
    else if (line === branchIfs.at(-1)) {
      branchIfs.pop();
      counted.push(mark());
    }
  }
  return { lines: counted, pages, branchCount };
}
