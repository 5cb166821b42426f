/**
 * What the release modules are made of, read from the binaries: everything that `hal/README.md`
 * says of a module's shape, and that nothing which allocates can get in.
 *
 * Judges the files of dist/wasm as they are; `npm run build` makes them.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Limit } from "../hal/host/abi.ts";
import {
  WebAssembly,
  type WasmCall,
  type WasmExports,
  type WasmMemory,
} from "../hal/host/web-assembly.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PROFILES = ["tiny", "default", "host"] as const;
/** The least that each profile promises. */
const LEAST = {
  tiny: { connections: 4, ring: 1024, timeWait: 8, halfOpen: 4, listeners: 2 },
  default: { connections: 8, ring: 2 * 1460, timeWait: 16, halfOpen: 4, listeners: 2 },
  host: { connections: 1024, ring: 32_768, timeWait: 1024, halfOpen: 256, listeners: 64 },
};
const TINY_HEAP_BASE_MAX = 16_384;
const TIME_WAIT_OCTETS_MAX = 48;
const HALF_OPEN_OCTETS_MAX = 40;
/** Of one connection, its entries in every table counted, its rings not. */
const CONNECTION_OCTETS_MAX = { tiny: 256, default: 384, host: 384 };
/** Of the module: a board keeps it in RAM, in WAMR's fast interpreter three times over. */
const MODULE_OCTETS_MAX = { tiny: 20_000, default: 40_000, host: Infinity };
const PAGE_OCTETS = 65_536;

/** The features that every WAMR build has: wasm-opt refuses a module that uses another one. */
const FEATURES = [
  "--mvp-features",
  "--enable-bulk-memory",
  "--enable-sign-ext",
  "--enable-mutable-globals",
  "--enable-nontrapping-float-to-int",
];

/** A function of the boundary as README has it: its name and how many parameters it takes. */
interface Signature {
  readonly name: string;
  readonly parameterCount: number;
}

/** The rows of all tables below headings that begin with `heading`, as cells. */
function readTables(heading: string): string[][] {
  const text = readFileSync(join(ROOT, "hal/README.md"), "utf8");
  const sections = text.split(/^## /m).filter((section) => section.startsWith(heading));
  assert.ok(sections.length > 0, `hal/README.md has no section ${heading}`);
  return sections.flatMap((section) =>
    section
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .map((line) => line.split("|").map((cell) => cell.trim())),
  );
}

/** Names in backticks; types begin with a capital and are left out. */
function readNames(cell: string): string[] {
  return [...cell.matchAll(/`([a-z_]\w*)`/g)].map((match) => match[1]!);
}

function readFunctions(rows: string[][]): Signature[] {
  return rows
    .filter((cells) => cells[2] !== "" || cells[3] !== "")
    .flatMap((cells) =>
      readNames(cells[1]!).map((name) => ({
        name,
        parameterCount: readNames(cells[2] ?? "").length,
      })),
    );
}

const IMPORTS = readFunctions(readTables("Imports ("));
const IMPORTS_ON_REQUEST = readFunctions(readTables("Imports on request"));
const EXPORT_ROWS = readTables("Exports");
const EXPORT_NAMES = EXPORT_ROWS.flatMap((cells) => readNames(cells[1]!)).sort();
const GLOBALS = ["__heap_base", "__data_end"];
const EXPORTED_FUNCTIONS = readFunctions(EXPORT_ROWS).filter(({ name }) => !GLOBALS.includes(name));

/** A release module: its octets, its text, an instance. */
function readModule(profile: string): { octets: Buffer; text: string; instance: WasmExports } {
  const path = join(ROOT, `dist/wasm/linger-${profile}.wasm`);
  const octets = readFileSync(path);
  const wasmOpt = join(ROOT, "node_modules/binaryen/bin/wasm-opt");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [wasmOpt, path, ...FEATURES, "--print"],
    { encoding: "utf8", maxBuffer: 1 << 26 },
  );
  assert.equal(status, 0, `${path} needs a feature that a small WAMR build lacks: ${stderr}`);
  const imports = { hal: { transmit: () => 0, entropy: () => 0 } };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(octets), imports);
  return { octets, text: stdout, instance: instance.exports };
}

function readGlobal(global: unknown): number {
  return (global as { value: number }).value;
}

test("README's tables are read", () => {
  assert.deepEqual(IMPORTS, [
    { name: "transmit", parameterCount: 2 },
    { name: "entropy", parameterCount: 0 },
  ]);
  assert.deepEqual(IMPORTS_ON_REQUEST, [
    { name: "checksum", parameterCount: 2 },
    { name: "copy", parameterCount: 3 },
  ]);
  assert.ok(EXPORT_NAMES.length >= 32, `only ${EXPORT_NAMES.length} exports found`);
  const setAddress = EXPORTED_FUNCTIONS.find(({ name }) => name === "setAddress");
  assert.equal(setAddress?.parameterCount, 3);
  assert.equal(EXPORTED_FUNCTIONS.length, EXPORT_NAMES.length - 3);
});

for (const profile of PROFILES) {
  describe(`linger-${profile}.wasm`, () => {
    const { octets, text, instance } = readModule(profile);
    const limit = (which: number): number => (instance.limit as WasmCall)(which);
    const heapBase = readGlobal(instance.__heap_base);
    const dataEnd = readGlobal(instance.__data_end);

    test("imports exactly what README lists, each an i32 function of so many i32", () => {
      const imports = WebAssembly.Module.imports(new WebAssembly.Module(octets));
      const wanted = IMPORTS.map(({ name }) => ({ module: "hal", name, kind: "function" }));
      const byName = (a: { name: string }, b: { name: string }): number =>
        a.name < b.name ? -1 : 1;
      assert.deepEqual(imports.sort(byName), wanted.sort(byName));
      for (const { name, parameterCount } of IMPORTS) {
        assert.deepEqual(readSignature(text, `import "hal" "${name}"`), {
          parameterCount,
          result: "i32",
        });
      }
    });

    test("exports exactly what README lists", () => {
      const exports = WebAssembly.Module.exports(new WebAssembly.Module(octets));
      assert.deepEqual(exports.map(({ name }) => name).sort(), EXPORT_NAMES);
    });

    test("exported functions take as many i32 as README lists, and return one", () => {
      for (const { name, parameterCount } of EXPORTED_FUNCTIONS) {
        const inner = new RegExp(`\\(export "${name}" \\(func (\\$\\S+)\\)\\)`).exec(text)?.[1];
        assert.ok(inner, `${name} is not a function`);
        assert.deepEqual(
          readSignature(text, `func ${inner} `),
          { parameterCount, result: "i32" },
          `the signature of ${name}`,
        );
      }
    });

    test("never grows or asks for the memory's size", () => {
      assert.doesNotMatch(text, /memory\.(grow|size)/);
    });

    test("memory: one, not imported, initial = maximum, no larger than needed", () => {
      const memory = /\(memory \$\S+ (\d+) (\d+)\)/.exec(text);
      assert.ok(memory, "no memory with a maximum");
      assert.equal(memory[1], memory[2]);
      assert.equal(Number(memory[1]), Math.ceil(heapBase / PAGE_OCTETS));
      assert.equal(
        (instance.memory as WasmMemory).buffer.byteLength,
        Number(memory[1]) * PAGE_OCTETS,
      );
    });

    test("no start function, no table, no mutable global", () => {
      assert.match(text, /^ \(global /m, "the text is that of a module");
      assert.doesNotMatch(text, /^ \((start|table|elem)\b/m);
      assert.doesNotMatch(text, /\(mut /);
    });

    test("__heap_base and __data_end are what WAMR understands", () => {
      const align16 = (at: number): number => Math.ceil(at / 16) * 16;
      assert.equal(heapBase % 16, 0);
      assert.ok(dataEnd > 0 && align16(dataEnd) <= heapBase, `${dataEnd} and ${heapBase}`);
      for (const name of GLOBALS) {
        const inner = new RegExp(`\\(export "${name}" \\(global (\\$\\S+)\\)\\)`).exec(text)?.[1];
        assert.ok(inner, `${name} is not a global`);
        const escaped = inner.replace(/[$./~]/g, "\\$&");
        assert.match(text, new RegExp(`\\(global ${escaped} i32 \\(i32\\.const \\d+\\)\\)`));
      }
    });

    test("limits are those of its profile", () => {
      const wanted = LEAST[profile];
      assert.ok(limit(Limit.CONNECTION_COUNT) >= wanted.connections);
      assert.ok(limit(Limit.SEND_RING_SIZE) >= wanted.ring);
      assert.ok(limit(Limit.RECEIVE_RING_SIZE) >= wanted.ring);
      assert.ok(limit(Limit.TIME_WAIT_COUNT) >= wanted.timeWait);
      assert.ok(limit(Limit.HALF_OPEN_COUNT) >= wanted.halfOpen);
      assert.ok(limit(Limit.LISTENER_COUNT) >= wanted.listeners);
      assert.ok(limit(Limit.RX_SLOT_COUNT) >= 1);
      assert.ok(limit(Limit.TIME_WAIT_SIZE) <= TIME_WAIT_OCTETS_MAX);
      assert.ok(limit(Limit.HALF_OPEN_SIZE) <= HALF_OPEN_OCTETS_MAX);
      assert.ok(limit(Limit.TCB_SIZE) <= CONNECTION_OCTETS_MAX[profile]);
      const most = MODULE_OCTETS_MAX[profile];
      assert.ok(octets.length < most, `${octets.length} octets, ${most} allowed`);
      if (profile === "tiny") assert.ok(heapBase <= TINY_HEAP_BASE_MAX, `${heapBase}`);
    });

    test("receive slots start at 2 mod 4, lie in static memory and apart", () => {
      const size = limit(Limit.RX_SLOT_SIZE);
      const rxSlotAddress = instance.rxSlotAddress as WasmCall;
      let end = 0;
      for (let slot = 0; slot < limit(Limit.RX_SLOT_COUNT); ++slot) {
        const at = rxSlotAddress(slot);
        assert.equal(at % 4, 2);
        assert.ok(at >= end && at + size <= heapBase);
        end = at + size;
      }
    });
  });
}

/** Parameters, all i32, and result of the function whose line in the text contains `what`. */
function readSignature(text: string, what: string): { parameterCount: number; result: string } {
  const line = text.split("\n").find((candidate) => candidate.includes(`(${what}`));
  assert.ok(line, `no ${what}`);
  const parameters = [...line.matchAll(/\(param (?:\$\S+ )?([^)]*)\)/g)].flatMap((m) =>
    m[1]!.split(" "),
  );
  for (const type of parameters) assert.equal(type, "i32", `${what}: a parameter that is no i32`);
  return {
    parameterCount: parameters.length,
    result: /\(result ([^)]*)\)/.exec(line)?.[1] ?? "none",
  };
}

/** One run of asc: its arguments, and files of the folder that exist only for it. */
interface Job {
  readonly folder: string;
  readonly args: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

/** Whether it failed, what it said, and what it wrote, as base64. */
interface Compilation {
  readonly failed: boolean;
  readonly said: string;
  readonly written: Readonly<Record<string, string>>;
}

function compileAll(jobs: readonly Job[]): Compilation[] {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [fileURLToPath(new URL("./support/compile.mjs", import.meta.url))],
    { input: JSON.stringify(jobs), encoding: "utf8", maxBuffer: 1 << 26 },
  );
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Compilation[];
}

/** What must not compile: a statement, code beside it, and what the failure says. */
const FORBIDDEN: Readonly<Record<string, readonly [string, string, RegExp]>> = {
  new: ["store<i32>(0, new Thing().value);", "class Thing { value: i32; }", /never allocates/],
  "new on an unmanaged class": ["new Thing();", "@unmanaged class Thing {}", /never allocates/],
  "an array literal": ["store<i32>(0, [1, load<i32>(0)][1]);", "", /never allocates/],
  "a string made at run time": [
    "store<i32>(0, load<i32>(0).toString().length);",
    "",
    /never alloc/,
  ],
  "a template literal": ["store<i32>(0, `${load<i32>(0)} octets`.length);", "", /never allocates/],
  "a typed array": ["store<i32>(0, new Uint8Array(8)[0]);", "", /never allocates/],
  "a map": ["const map = new Map<i32, i32>(); map.set(1, 2);", "", /never allocates/],
  "a mutable global": ["calls += 1;", "let calls: i32 = 0;", /a mutable global/],
  "growing the memory": ["memory.grow(1);", "", /the memory never grows/],
  "asking for the memory's size": ["store<i32>(0, memory.size());", "", /the memory never grows/],
  "what needs a start function": ["", "resetCounters();", /would need a start function/],
};

describe("what allocates, grows or starts does not compile", () => {
  const COUNTERS = "assembly/core/counters.ts";
  /** A part of the stack, which compiles faster than all of it. */
  const PART = `export { resetCounters } from "./assembly/core/counters";
export { __heap_base, __data_end };
`;
  const names = Object.keys(FORBIDDEN);
  let whole: Compilation[] = [];
  let spoilt: Compilation[] = [];

  /** Compiles without optimizing; what stands in `files` takes the place of the tree's. */
  function makeJob(entry: string, files: Job["files"]): Job {
    const config = JSON.stringify({ extends: "./asconfig.app.json" });
    return {
      folder: ROOT,
      args: [
        ...[entry, "--config", join(ROOT, "asconfig.part.json"), "--outFile", "out.wasm"],
        ...["--optimizeLevel", "0", "--shrinkLevel", "0"],
      ],
      files: { "asconfig.part.json": config, "part.ts": PART, ...files },
    };
  }

  before(() => {
    const counters = readFileSync(join(ROOT, COUNTERS), "utf8");
    const opening = "export function resetCounters(): void {";
    assert.ok(counters.includes(opening));
    const jobs = Object.values(FORBIDDEN).map(([statement, beside]) => {
      const text = `${counters.replace(opening, `${opening}\n  ${statement}`)}\n${beside}\n`;
      return makeJob("part.ts", { [COUNTERS]: text });
    });
    const entries = ["assembly/index.ts", "part.ts"];
    const results = compileAll([...entries.map((entry) => makeJob(entry, {})), ...jobs]);
    whole = results.splice(0, entries.length);
    spoilt = results;
  });

  test("the stack itself compiles, and so does the part that is spoilt below", () => {
    for (const { failed, said } of whole) assert.equal(failed, false, said);
    assert.equal(whole.length, 2);
  });

  for (const [i, name] of names.entries()) {
    test(`${name} is a compile error that names the place`, () => {
      const { failed, said } = spoilt[i]!;
      assert.equal(failed, true);
      assert.match(said, /^FAILURE .*core\/counters(\/|$)/m);
      assert.match(said, FORBIDDEN[name]![2]);
      assert.equal(said.trim().split("\n").length, 1, "one clear line");
    });
  }
});

describe("an application module", () => {
  const APPLICATION = `
import { tcpListen } from "linger-tcp/assembly";
export * from "linger-tcp/assembly";

@inline const STATE: usize = memory.data(8, 4);

export function appInit(): i32 {
  const listener = tcpListen(0, 7, 1);
  store<i32>(STATE, listener);
  return listener;
}

export function appPoll(nowMs: u32): u32 {
  return load<u32>(STATE) == 0 ? nowMs : 1000;
}
`;
  const ALLOCATING = APPLICATION.replace("1000;", "<u32>nowMs.toString().length;");
  let folder = "";
  let results: Compilation[] = [];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "linger-app-"));
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(ROOT, join(folder, "node_modules/linger-tcp"));
    const config = { extends: "linger-tcp/asconfig.app.json", entries: ["app.ts"] };
    const jobs = [APPLICATION, ALLOCATING].map((source) => ({
      folder,
      args: ["--target", "tiny", "--outFile", "app.wasm", "--optimizeLevel", "1"],
      files: { "app.ts": source, "asconfig.json": JSON.stringify(config) },
    }));
    results = compileAll(jobs);
  });
  after(() => rmSync(folder, { recursive: true }));

  test("compiles with the preset into one module that a HAL can drive", () => {
    const { failed, said, written } = results[0]!;
    assert.equal(failed, false, said);
    const module = new WebAssembly.Module(Buffer.from(written["app.wasm"]!, "base64"));
    const names = WebAssembly.Module.exports(module).map(({ name }) => name);
    assert.deepEqual(names.sort(), [...EXPORT_NAMES, "appInit", "appPoll"].sort());
    const imports = { hal: { transmit: () => 0, entropy: () => 1 } };
    const app = new WebAssembly.Instance(module, imports).exports as Record<string, WasmCall>;
    assert.equal(app.limit!(Limit.SEND_RING_SIZE), 1024);
    assert.equal(app.init!(0, 0), 0);
    assert.equal(app.setLinkAddress!(0x0200, 1), 0);
    assert.equal(app.setAddress!(0x0a090002, 24, 0), 0);
    assert.ok(app.appInit!() > 0);
    assert.equal(app.appPoll!(5), 1000);
  });

  test("must not allocate either", () => {
    const { failed, said } = results[1]!;
    assert.equal(failed, true);
    assert.match(said, /^FAILURE a Linger module never allocates.*app\/appPoll/);
  });
});
