/**
 * Sums and copies that a module leaves to its host: such a module, built here once, sends the same
 * frames as the release module; the host's side alone, at the edges of memory.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { memoryImports } from "../../hal/host/memory-imports.ts";
import { LingerModule } from "../../hal/host/module.ts";
import { type WasmModule, WebAssembly } from "../../hal/host/web-assembly.ts";
import { PORT, SERVER, twoStacks } from "./two-stacks.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OCTETS = 100_000;
/** 12 octets: 11 of data, and one more. */
const MEMORY = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0xff]);

let folder: string;
let octets: Uint8Array;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "linger-native-"));
  const path = join(folder, "native.wasm");
  execFileSync(process.execPath, [
    ...[join(ROOT, "node_modules/assemblyscript/bin/asc.js"), join(ROOT, "assembly/index.ts")],
    ...["--config", join(ROOT, "asconfig.app.json"), "--target", "default", "--noColors"],
    ...["--use", "CONFIG_NATIVE_CHECKSUM=1", "--use", "CONFIG_NATIVE_COPY=1", "-o", path],
  ]);
  octets = readFileSync(path);
});

after(() => rmSync(folder, { recursive: true, force: true }));

function importsOf(module: WasmModule): string[] {
  return WebAssembly.Module.imports(module).map((one) => `${one.module}.${one.name}`);
}

test("the module imports what was asked for", () => {
  const wanted = ["hal.checksum", "hal.copy", "hal.entropy", "hal.transmit"];
  assert.deepEqual(importsOf(new WebAssembly.Module(octets)).sort(), wanted);
});

/** Every frame of a transfer both ways over a link that loses some. */
async function framesOf(module: LingerModule): Promise<string[]> {
  const frames: string[] = [];
  const { client, server, clock } = twoStacks({
    client: { module },
    server: { module },
    seed: 3,
    impairment: { loss: 0.03 },
    watch: (frame) => frames.push(Buffer.from(frame).toString("hex")),
  });
  const data = Uint8Array.from({ length: OCTETS }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
  server.listen(PORT).on("connection", (connection) => {
    void connection.writeAll(data).then(() => connection.closeWrite());
    void connection.receiveAll();
  });
  const connection = client.connect(SERVER, PORT);
  void connection.writeAll(data).then(() => connection.closeWrite());
  const receiving = connection.receiveAll();
  let received: Uint8Array | undefined;
  void receiving.then((all) => void (received = all));
  for (let i = 0; i < 100_000 && received === undefined; i++) {
    clock.advance(10);
    await Promise.resolve();
  }
  assert.deepEqual(received, data);
  client.close();
  server.close();
  return frames;
}

test("it sends the same frames as the release module", async () => {
  const plain = await framesOf(LingerModule.load("default"));
  const native = await framesOf(LingerModule.load(octets));
  assert.ok(plain.length > (2 * OCTETS) / 1460);
  assert.deepEqual(native, plain);
});

test("checksum sums halfwords as they lie, an odd octet as if a zero followed", () => {
  const { checksum } = memoryImports(() => MEMORY);
  assert.equal(checksum(0, 0), 0);
  assert.equal(checksum(0, 4), 0x0201 + 0x0403);
  assert.equal(checksum(1, 3), 0x0302 + 0x04);
  assert.equal(checksum(10, 2), 0xff0b);
  // 0xff0a + 0x0b09 carries once (octets 8 to 11, read from an odd place too).
  assert.equal(checksum(8, 4), ((0x0a09 + 0xff0b) & 0xffff) + 1);
});

test("copy moves blocks that overlap either way", () => {
  const memory = MEMORY.slice();
  const { copy } = memoryImports(() => memory);
  assert.equal(copy(2, 0, 6), 0);
  assert.deepEqual([...memory.subarray(0, 8)], [1, 2, 1, 2, 3, 4, 5, 6]);
  copy(0, 2, 6);
  assert.deepEqual([...memory.subarray(0, 8)], [1, 2, 3, 4, 5, 6, 5, 6]);
});

test("a block that ends beyond memory throws, as an access of the module's own would", () => {
  const memory = MEMORY.slice();
  const { checksum, copy } = memoryImports(() => memory);
  for (const [address, length] of [
    [12, 1],
    [5, 8],
    [-1, 1],
    [0, -1],
  ] as const) {
    assert.throws(() => checksum(address, length), /out of bounds/);
    assert.throws(() => copy(0, address, length), /out of bounds/);
    assert.throws(() => copy(address, 0, length), /out of bounds/);
  }
  assert.deepEqual(memory, MEMORY);
  assert.equal(checksum(12, 0), 0);
});
