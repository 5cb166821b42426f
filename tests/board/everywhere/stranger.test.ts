/**
 * Firmware that a project of somebody else's makes out of the package, and what holds in it as in
 * ours: flash is read only, also for QEMU, whose flash is not.
 */
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

describe("a project outside of the tree", { timeout: SUITE_TIMEOUT_MS }, () => {
  const stranger = new Stranger();
  after(() => stranger.discard());

  for (const engine of ["fast", "wasm2c"] as const) {
    test(`builds ${engine} firmware, in which a write to flash is a fault, reported`, async () => {
      const bench = await Bench.open(stranger.build(engine));
      try {
        for (let fault = 1; fault <= 2; fault++) {
          const connection = await bench.connect(BOARD_ADDRESS, PORT);
          await connection.writeAll(Buffer.from("x"));
          await bench.board.says(`linger: fault ${fault}: bad access at `);
          await bench.board.says(`, status ${FORBIDDEN}, address ${MODULE}; the board`, fault);
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
