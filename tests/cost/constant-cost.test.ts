/**
 * The cost of a segment and of a tick must not depend on how many connections there are.
 *
 * No clock is read: Binaryen instruments a copy of the release module so that each load and store
 * calls out, and the calls are counted. The counts are exact and the same on every machine.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Event, Limit, State, StatusField } from "../../hal/host/abi.ts";
import { type WasmMemory, type WasmModule, WebAssembly } from "../../hal/host/web-assembly.ts";
import { WASM_FEATURES } from "../../scripts/wasm-optimizations.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PORT = 80;
const MANY = 1000;
const MSL_MS = 30_000;
const SERVER_ADDRESS = 0x0a09_0001;
const CLIENT_ADDRESS = 0x0a09_0002;

type Call = (...args: number[]) => number;
type Exports = Record<string, Call> & { memory: WasmMemory };

/** One stack, whose frames go to `peer`'s queue. */
interface Host {
  exports: Exports;
  queue: Uint8Array[];
  peer?: Host;
}

let folder: string;
let instrumented: WasmModule;
let plain: WasmModule;
let accesses = 0;
let nowMs = 0;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "linger-cost-"));
  const source = join(ROOT, "dist/wasm/linger-host.wasm");
  const target = join(folder, "counted.wasm");
  const wasmOpt = join(ROOT, "node_modules/binaryen/bin/wasm-opt");
  execFileSync(process.execPath, [
    wasmOpt,
    ...WASM_FEATURES,
    "--instrument-memory",
    source,
    "-o",
    target,
  ]);
  plain = new WebAssembly.Module(readFileSync(source));
  instrumented = new WebAssembly.Module(readFileSync(target));
});

after(() => rmSync(folder, { recursive: true }));

/** Passes the value on: which one it was does not matter. */
const passOn = (_id: number, value: number): number => value;
/** Counts an access and passes its address on, as the instrumentation asks. */
const countOne = (_id: number, _octets: number, _offset: number, at: number): number => {
  accesses++;
  return at;
};

/** What a module with `--instrument-memory` imports. */
const env: Record<string, Call> = { load_ptr: countOne, store_ptr: countOne };
for (const type of ["i32", "i64", "f32", "f64"]) {
  env[`load_val_${type}`] = passOn;
  env[`store_val_${type}`] = passOn;
}

function createHost(module: WasmModule, address: number): Host {
  let seed = address;
  const host: Host = { queue: [] } as unknown as Host;
  const hal = {
    transmit(frame: number, length: number): number {
      host.peer?.queue.push(new Uint8Array(host.exports.memory.buffer, frame, length).slice());
      return 0;
    },
    entropy: () => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) | 0),
  };
  const unused = { memory_grow_pre: () => assert.fail(), memory_grow_post: () => assert.fail() };
  const imports = { hal, env: { ...env, ...unused } };
  host.exports = new WebAssembly.Instance(module, imports).exports as unknown as Exports;
  assert.equal(host.exports["init"]!(nowMs, MSL_MS), 0);
  assert.equal(host.exports["setLinkAddress"]!(0x0200, address), 0);
  assert.equal(host.exports["setAddress"]!(address, 24, 0), 0);
  return host;
}

/** Hands over all queued frames, then polls. */
function drive(host: Host): void {
  const { exports } = host;
  for (let frame = host.queue.shift(); frame !== undefined; frame = host.queue.shift()) {
    new Uint8Array(exports.memory.buffer).set(frame, exports["rxSlotAddress"]!(0));
    exports["frameReceived"]!(0, frame.length, nowMs);
  }
  while (exports["poll"]!(nowMs) === 0);
}

function exchange(a: Host, b: Host): void {
  do {
    drive(a);
    drive(b);
  } while (a.queue.length + b.queue.length > 0);
}

interface Rig {
  server: Host;
  client: Host;
  /** Handles, of the same connections in the same order. */
  accepted: number[];
  connected: number[];
}

/** A server whose accesses are counted, with `count` connections in ESTABLISHED. */
function openConnections(count: number): Rig {
  nowMs = 5_000;
  const server = createHost(instrumented, SERVER_ADDRESS);
  const client = createHost(plain, CLIENT_ADDRESS);
  server.peer = client;
  client.peer = server;
  const listener = server.exports["tcpListen"]!(0, PORT, 255);
  const rig: Rig = { server, client, accepted: [], connected: [] };
  for (let i = 0; i < count; ++i) {
    const handle = client.exports["tcpConnect"]!(SERVER_ADDRESS, PORT, 0, 0);
    assert.ok(handle > 0);
    exchange(client, server);
    const accepted = server.exports["tcpAccept"]!(listener);
    assert.ok(accepted > 0);
    rig.connected.push(handle);
    rig.accepted.push(accepted);
  }
  nowMs += 10_000; // no timer of the handshake is left
  exchange(client, server);
  return rig;
}

function countAccesses(work: () => void): number {
  accesses = 0;
  work();
  return accesses;
}

/** Accesses for the arrival of one octet on a connection, its delayed ACK left pending. */
function countArrival(rig: Rig, index: number): number {
  const { client, server } = rig;
  const handle = rig.connected[index]!;
  assert.ok(client.exports["tcpReserve"]!(handle) > 0);
  assert.equal(client.exports["tcpCommit"]!(handle, 1), 0);
  drive(client);
  assert.equal(server.queue.length, 1);
  const cost = countAccesses(() => drive(server));
  nowMs += 1_000;
  exchange(client, server);
  return cost;
}

function stateOf(host: Host, handle: number): number {
  const at = host.exports["tcpStatus"]!(handle);
  return new DataView(host.exports.memory.buffer).getUint32(at + 4 * StatusField.STATE, true);
}

const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

test("a tick with nothing due costs the same with 1 and with 1,000 idle connections", () => {
  const tick = (rig: Rig): number => {
    nowMs += 1;
    drive(rig.server); // the wheel has seen the time before
    nowMs += 1;
    return countAccesses(() => drive(rig.server));
  };
  const one = tick(openConnections(1));
  const many = tick(openConnections(MANY));
  assert.ok(one > 0 && one < 100, `${one} accesses in an idle tick`);
  assert.equal(many, one);
});

test("an arriving segment costs the same with 1 and with 1,000 connections", () => {
  /** The first one on a connection finds timers that never ran. */
  const second = (rig: Rig, index: number): number => {
    countArrival(rig, index);
    return countArrival(rig, index);
  };
  const alone = openConnections(1);
  const one = mean(Array.from({ length: 8 }, () => second(alone, 0)));
  const crowd = openConnections(MANY);
  const many = mean(Array.from({ length: MANY }, (_, i) => second(crowd, i)));
  // A bucket of the tuple table holds 1,000 / 2,048 others on average, each looked at once or
  // twice, with up to seven accesses; where in the wheel a deadline lies makes one more or less.
  const difference = Math.abs(many - one);
  assert.ok(difference < 8, `${one} accesses alone, ${many.toFixed(1)} among ${MANY}`);
});

test("1,000 records in TIME-WAIT cost a tick nothing, and expire one by one", () => {
  const rig = openConnections(MANY);
  const { server, client } = rig;
  for (const handle of rig.accepted) server.exports["tcpRelease"]!(handle);
  exchange(server, client);
  for (const handle of rig.connected) client.exports["tcpRelease"]!(handle);
  exchange(server, client);
  assert.equal(server.exports["tcpStatus"]!(rig.accepted[0]!), -1, "the TCB is free");
  nowMs += 1;
  drive(server);
  nowMs += 1;
  const full = countAccesses(() => drive(server));
  nowMs += 2 * MSL_MS;
  drive(server);
  nowMs += 1;
  const empty = countAccesses(() => drive(server));
  assert.ok(full - empty < 8, `${full} accesses with ${MANY} records, ${empty} with none`);
});

test("the host profile holds 1,024 connections at once", () => {
  const rig = openConnections(1);
  const count = rig.server.exports["limit"]!(Limit.CONNECTION_COUNT);
  assert.ok(count >= 1024);
  const full = openConnections(count);
  assert.equal(new Set(full.accepted).size, count);
  for (const handle of full.accepted) assert.equal(stateOf(full.server, handle), State.ESTABLISHED);
  assert.equal(full.client.exports["tcpConnect"]!(SERVER_ADDRESS, PORT, 0, 0), -6);
  assert.ok((full.server.exports["takeEvents"]!(full.accepted[0]!) & Event.CONNECTED) !== 0);
});
