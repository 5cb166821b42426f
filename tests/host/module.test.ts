/** Loading modules: profiles, paths, octets, and everything that is wrong with a file. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Abi, Counter, Limit, Status, Work } from "../../hal/host/abi.ts";
import { isProfile, LingerModule } from "../../hal/host/module.ts";
import { doctored, moduleOctets } from "./doctored-module.ts";
import { PROFILES } from "./two-stacks.ts";

const folder = mkdtempSync(join(tmpdir(), "linger-module-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const imports = { transmit: () => true, entropy: () => 4 };

describe("loading", () => {
  for (const profile of PROFILES) {
    test(`profile ${profile} has the limits and counters by name`, () => {
      const instance = LingerModule.load(profile).instantiate(imports);
      assert.equal(instance.calls.abiVersion(), Abi.VERSION);
      assert.deepEqual(Object.keys(instance.limits), Object.keys(Limit));
      // A build may have none of these.
      const { FEATURES, REASSEMBLY_COUNT, ...others } = instance.limits;
      assert.ok(FEATURES >= 0 && REASSEMBLY_COUNT >= 0);
      for (const value of Object.values(others)) assert.ok(value > 0);
      assert.equal(instance.limits.COUNTER_COUNT, Counter.COUNT);
      assert.equal(instance.application, undefined);
      assert.equal(instance.calls.init(0, 0), Status.OK);
      const counters = instance.readCounters();
      assert.equal(Object.keys(counters).length, Counter.COUNT);
      assert.ok(Object.values(counters).every((value) => value === 0));
    });
  }

  test("a profile is read once; a path, a URL and octets give the same module", () => {
    assert.equal(LingerModule.load("tiny"), LingerModule.load("tiny"));
    const path = join(folder, "copy.wasm");
    writeFileSync(path, moduleOctets("tiny"));
    for (const source of [path, pathToFileURL(path), moduleOctets("tiny")]) {
      const { limits } = LingerModule.load(source).instantiate(imports);
      assert.equal(limits.SEND_RING_SIZE, 1024);
    }
    assert.deepEqual([isProfile("tiny"), isProfile("huge")], [true, false]);
  });

  test("u32 results that need all 32 bits are not negative", () => {
    const { calls } = LingerModule.load("tiny").instantiate(imports);
    calls.init(0, 0);
    assert.equal(calls.poll(0), 0xffffffff);
    assert.equal(calls.limit(99), Status.BAD_ARGUMENT);
  });

  test("what is wrong with a file is said in one line", () => {
    const write = (name: string, octets: Uint8Array | string) => {
      writeFileSync(join(folder, name), octets);
      return join(folder, name);
    };
    const cases: [string | Uint8Array, string, RegExp][] = [
      [join(folder, "none.wasm"), "MODULE_NOT_FOUND", /no such file; check the path$/],
      [folder, "MODULE_NOT_FOUND", /EISDIR/],
      [write("text.wasm", "not wasm"), "MODULE_INVALID", /text.wasm is not a WebAssembly module/],
      [write("empty.wasm", ""), "MODULE_INVALID", /is not a WebAssembly module/],
      [moduleOctets().subarray(0, 1000), "MODULE_INVALID", /^the module is not a WebAssembly/],
      [
        doctored("otherImport"),
        "MODULE_INVALID",
        /imports the function "env.log", which no HAL provides/,
      ],
      [doctored("lacking"), "MODULE_INVALID", /export poll, tcpListen, tcpPeek and 1 more missing/],
      [doctored("halfApplication"), "MODULE_INVALID", /export appInit missing/],
    ];
    for (const [source, code, message] of cases) {
      assert.throws(() => LingerModule.load(source), { code, message });
      assert.throws(
        () => LingerModule.load(source),
        (error: Error) => !error.message.includes("\n"),
      );
    }
  });

  test("another version of the boundary, or another shape of a call, is refused", () => {
    const later = LingerModule.load(doctored("version2"));
    assert.throws(() => later.instantiate(imports), {
      code: "MODULE_ABI",
      message: /speaks version 2 of the boundary, this host 1/,
    });
    const other = LingerModule.load(doctored("otherShape"));
    assert.throws(() => other.instantiate(imports), {
      code: "MODULE_INVALID",
      message: /export tcpPeek takes 0 parameters instead of 1/,
    });
  });
});

describe("calls", () => {
  test("a trap is an error with a code, told once, and final", () => {
    const instance = LingerModule.load(doctored("trapInPoll")).instantiate(imports);
    const told: string[] = [];
    instance.onTrap = (error) => told.push(error.code);
    instance.calls.init(0, 0);
    instance.calls.poll(7999);
    const trap = { code: "MODULE_TRAP", message: /trapped in poll .*this is a bug in it$/ };
    assert.throws(() => instance.calls.poll(8000), trap);
    assert.throws(() => instance.calls.poll(0), trap);
    assert.throws(() => instance.calls.limit(0), trap);
    assert.deepEqual(told, ["MODULE_TRAP"]);
  });

  test("an import that calls back, or throws, does not unwind the module", () => {
    let misbehave = () => {};
    const instance = LingerModule.load("default").instantiate({
      transmit() {
        misbehave();
        return true;
      },
      entropy: () => 4,
    });
    const { calls } = instance;
    calls.init(0, 0);
    calls.setLinkAddress(0x0200, 1);
    calls.setAddress(0x0a090001, 24, 0);
    calls.tcpConnect(0x0a090002, 80, 0, 0);
    misbehave = () => void calls.poll(0);
    assert.throws(() => calls.poll(0), { code: "MODULE_REENTERED" });
    misbehave = () => {
      throw new TypeError("out of the import");
    };
    assert.throws(() => calls.poll(2000), { name: "TypeError", message: "out of the import" });
    misbehave = () => {};
    // The module took the exception for BUSY and is whole.
    assert.ok(calls.poll(10_000) >= 0);
    assert.ok(instance.readCounters().TRANSMIT_BUSY >= 2);
  });

  test("a frame longer than a slot is refused before the module sees it", () => {
    const instance = LingerModule.load("default").instantiate(imports);
    instance.calls.init(0, 0);
    const { RX_SLOT_SIZE, RX_SLOT_COUNT } = instance.limits;
    assert.equal(instance.receive(0, new Uint8Array(RX_SLOT_SIZE + 1), 0), Status.BAD_ARGUMENT);
    assert.equal(instance.receive(RX_SLOT_COUNT, new Uint8Array(60), 0), Status.BAD_ARGUMENT);
    assert.equal(instance.receive(0, new Uint8Array(RX_SLOT_SIZE), 0), Work.ASKED);
  });
});
