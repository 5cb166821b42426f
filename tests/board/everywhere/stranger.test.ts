/**
 * Firmware that a project of somebody else's makes out of the package, and what holds in it as in
 * ours: flash is read only, also for QEMU, whose flash is not.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, describe, test } from "node:test";
import { BOARD_ADDRESS } from "../board.ts";
import { Bench } from "../peer.ts";
import { Stranger } from "../stranger.ts";

const PORT = 7;
const SUITE_TIMEOUT_MS = 120_000;
/** Of CFSR: an access that the MPU forbids, whose address is known. */
const FORBIDDEN = "82";
/** Where the board has the module. */
const MODULE = "40000";

/** Whether an address lies in a function of an image. */
function isWithin(elf: string, name: string, address: number): boolean {
  const { stdout } = spawnSync("arm-none-eabi-nm", ["-S", elf], { encoding: "utf8" });
  const symbol = new RegExp(`^(\\w+) (\\w+) t ${name}$`, "m").exec(stdout);
  assert.ok(symbol !== null, `${name} in ${elf}`);
  const [start, octets] = [symbol[1]!, symbol[2]!].map((digits) => parseInt(digits, 16));
  return address >= start! && address < start! + octets!;
}

describe("a project outside of the tree", { timeout: SUITE_TIMEOUT_MS }, () => {
  const stranger = new Stranger();
  after(() => stranger.discard());

  for (const engine of ["fast", "wasm2c"] as const) {
    test(`builds ${engine} firmware, in which a write to flash is a fault, reported`, async () => {
      const built = stranger.build(engine);
      const bench = await Bench.open(built);
      try {
        for (let fault = 1; fault <= 2; fault++) {
          const connection = await bench.connect(BOARD_ADDRESS, PORT);
          await connection.writeAll(Buffer.from("x"));
          await bench.board.says(`linger: fault ${fault}: bad access at `);
          await bench.board.says(`, status ${FORBIDDEN}, address ${MODULE}; the board`, fault);
          const [, at = ""] = /bad access at (\w+),/.exec(bench.board.log) ?? [];
          assert.ok(isWithin(built.elf, "vandal_poll", parseInt(at, 16)), bench.board.log);
          await bench.board.says(`linger: started again after ${fault} faults\n`);
          await bench.board.says("linger: ready\n", fault + 1);
          connection.abort();
        }
      } finally {
        await bench.close();
      }
    });
  }
});
