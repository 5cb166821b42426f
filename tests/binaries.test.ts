/**
 * What the release modules are made of, read from the binaries: everything that `hal/README.md` says of
 * a module's shape, and that nothing which allocates can get in.
 *
 * Judges the files of dist/wasm as they are; `npm run build` makes them.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import binaryen from "binaryen";
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
const PAGE_OCTETS = 65_536;

/** What asc may use: the features that every WAMR build has. */
const FEATURES =
  binaryen.Features.MVP |
  binaryen.Features.BulkMemory |
  binaryen.Features.BulkMemoryOpt |
  binaryen.Features.SignExt |
  binaryen.Features.MutableGlobals |
  binaryen.Features.NontrappingFPToInt;

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

const IMPORTS = readFunctions(readTables("Imports"));
const EXPORT_ROWS = readTables("Exports");
const EXPORT_NAMES = EXPORT_ROWS.flatMap((cells) => readNames(cells[1]!)).sort();
const GLOBALS = ["__heap_base", "__data_end"];
const EXPORTED_FUNCTIONS = readFunctions(EXPORT_ROWS).filter(({ name }) => !GLOBALS.includes(name));

/** What `binaryen` says of the parts of a module that a test judges. */
function readModule(profile: string): {
  octets: Buffer;
  module: binaryen.Module;
  text: string;
  instance: WasmExports;
} {
  const octets = readFileSync(join(ROOT, `dist/wasm/linger-${profile}.wasm`));
  const module = binaryen.readBinary(octets);
  const imports = { hal: { transmit: () => 0, entropy: () => 0 } };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(octets), imports);
  return { octets, module, text: module.emitText(), instance: instance.exports };
}

function readGlobal(global: unknown): number {
  return (global as { value: number }).value;
}

test("README's tables are read", () => {
  assert.deepEqual(IMPORTS, [
    { name: "transmit", parameterCount: 2 },
    { name: "entropy", parameterCount: 0 },
  ]);
  assert.ok(EXPORT_NAMES.length >= 32, `only ${EXPORT_NAMES.length} exports found`);
  const setAddress = EXPORTED_FUNCTIONS.find(({ name }) => name === "setAddress");
  assert.equal(setAddress?.parameterCount, 3);
  assert.equal(EXPORTED_FUNCTIONS.length, EXPORT_NAMES.length - 3);
});

for (const profile of PROFILES) {
  describe(`linger-${profile}.wasm`, () => {
    const { octets, module, text, instance } = readModule(profile);
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
      assert.equal(module.getStart(), 0);
      assert.doesNotMatch(text, /^ \((start|table|elem)\b/m);
      assert.doesNotMatch(text, /\(mut /);
      for (let i = 0; i < module.getNumGlobals(); ++i) {
        const info = binaryen.getGlobalInfo(module.getGlobalByIndex(i));
        assert.equal(info.mutable, false, info.name);
      }
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

    test("needs no feature that a small WAMR build lacks", () => {
      module.setFeatures(FEATURES);
      assert.equal(module.validate(), 1);
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

/** Parameters and result of the function whose line in the text contains `what`; all must be i32. */
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

describe("what allocates does not compile", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "linger-binaries-"));
    cpSync(join(ROOT, "assembly"), join(folder, "assembly"), { recursive: true });
    writeFileSync(
      join(folder, "asconfig.json"),
      JSON.stringify({ extends: join(ROOT, "asconfig.app.json") }),
    );
    // A part of the stack, which compiles faster than all of it.
    const part = 'export { resetCounters } from "./assembly/core/counters";';
    writeFileSync(join(folder, "part.ts"), `${part}\nexport { __heap_base, __data_end };\n`);
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Compiles a file of the copy of assembly/ without optimizing. */
  function compile(entry: string): { status: number | null; said: string } {
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        join(ROOT, "node_modules/assemblyscript/bin/asc.js"),
        ...[entry, "--config", join(folder, "asconfig.json"), "--outFile", "out.wasm"],
        ...["--optimizeLevel", "0", "--shrinkLevel", "0", "--noColors"],
      ],
      { cwd: folder, encoding: "utf8" },
    );
    return { status, said: stderr };
  }

  /** Puts a statement into a function of core/counters.ts, and code behind it. */
  function compileWith(statement: string, top = ""): { status: number | null; said: string } {
    const path = join(folder, "assembly/core/counters.ts");
    const source = readFileSync(join(ROOT, "assembly/core/counters.ts"), "utf8");
    const opening = "export function resetCounters(): void {";
    assert.ok(source.includes(opening));
    writeFileSync(path, `${source.replace(opening, `${opening}\n  ${statement}`)}\n${top}\n`);
    try {
      return compile("part.ts");
    } finally {
      writeFileSync(path, source);
    }
  }

  test("the stack itself compiles, and so does the part that is spoilt below", () => {
    for (const entry of ["assembly/index.ts", "part.ts"]) {
      const { status, said } = compile(entry);
      assert.equal(status, 0, said);
    }
  });

  const allocating = {
    new: ["store<i32>(0, new Thing().value);", "class Thing { value: i32; }"],
    "new on an unmanaged class": ["new Thing();", "@unmanaged class Thing { value: i32; }"],
    "an array literal": ["const list = [1, 2, load<i32>(0)]; store<i32>(0, list[1]);"],
    "a string made at run time": ["store<i32>(0, load<i32>(0).toString().length);"],
    "a template literal": ["store<i32>(0, `${load<i32>(0)} octets`.length);"],
    "a typed array": ["store<i32>(0, new Uint8Array(8)[0]);"],
    "a map": ["const map = new Map<i32, i32>(); map.set(1, 2);"],
  } satisfies Record<string, string[]>;
  for (const [name, [statement, top]] of Object.entries(allocating)) {
    test(`${name} is a compile error that names the place`, () => {
      const { status, said } = compileWith(statement!, top);
      assert.notEqual(status, 0);
      assert.match(
        said,
        /FAILURE a Linger module never allocates.*core\/counters\/(resetCounters|Thing)/,
      );
    });
  }

  test("a mutable global is a compile error", () => {
    const { status, said } = compileWith("calls += 1;", "let calls: i32 = 0;");
    assert.notEqual(status, 0);
    assert.match(said, /FAILURE a mutable global.*core\/counters\/calls/);
  });

  test("growing the memory is a compile error", () => {
    const { status, said } = compileWith("memory.grow(1);");
    assert.notEqual(status, 0);
    assert.match(said, /FAILURE the memory never grows.*core\/counters\/resetCounters/);
  });

  test("code that would need a start function is a compile error", () => {
    const { status, said } = compileWith("", "resetCounters();");
    assert.notEqual(status, 0);
    assert.match(said, /FAILURE module-level code would need a start function.*core\/counters/);
  });
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
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "linger-app-"));
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(ROOT, join(folder, "node_modules/linger-tcp"));
  });
  after(() => rmSync(folder, { recursive: true }));

  function compileApplication(
    source: string,
    target: string,
  ): { status: number | null; said: string } {
    writeFileSync(join(folder, "app.ts"), source);
    const config = { extends: "linger-tcp/asconfig.app.json", entries: ["app.ts"] };
    writeFileSync(join(folder, "asconfig.json"), JSON.stringify(config));
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        join(ROOT, "node_modules/assemblyscript/bin/asc.js"),
        ...["--target", target, "--outFile", "app.wasm", "--noColors", "--optimizeLevel", "1"],
      ],
      { cwd: folder, encoding: "utf8" },
    );
    return { status, said: stderr };
  }

  test("compiles with the preset into one module that a HAL can drive", () => {
    const { status, said } = compileApplication(APPLICATION, "tiny");
    assert.equal(status, 0, said);
    const octets = readFileSync(join(folder, "app.wasm"));
    const module = new WebAssembly.Module(octets);
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
    const { status, said } = compileApplication(
      APPLICATION.replace("1000;", "<u32>nowMs.toString().length;"),
      "tiny",
    );
    assert.notEqual(status, 0);
    assert.match(said, /FAILURE a Linger module never allocates.*app\/appPoll/);
  });
});
