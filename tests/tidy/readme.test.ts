/**
 * The sizes that README.md states are those of the modules as they are built now, within a tenth.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Limit } from "../../hal/host/index.ts";
import { WebAssembly } from "../../hal/host/web-assembly.ts";
import { readProject } from "./project.ts";

const TOLERANCE = 0.1;
/** What stands in the table behind the module's size and `__heap_base`. */
const LIMITS = [
  "CONNECTION_COUNT",
  "SEND_RING_SIZE",
  "TCB_SIZE",
  "TIME_WAIT_SIZE",
  "HALF_OPEN_SIZE",
] as const;

/** The rows of the table: profile, then numbers. */
function readSizes(): { profile: string; sizes: number[] }[] {
  const [, section = ""] = readProject()
    .text("README.md")
    .split(/^## Sizes$/m);
  return [...section.matchAll(/^\| (\w+) \|([\d,| ]+)\|$/gm)].map(
    ([, profile = "", cells = ""]) => ({
      profile,
      sizes: cells.split("|").map((cell) => Number(cell.replaceAll(",", ""))),
    }),
  );
}

/** The same numbers, from the module itself. */
function measure(profile: string): number[] {
  const octets = readFileSync(new URL(`../../dist/wasm/linger-${profile}.wasm`, import.meta.url));
  const hal = { transmit: () => 0, entropy: () => 0 };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(octets), { hal });
  const limit = exports["limit"] as (which: number) => number;
  const heapBase = exports["__heap_base"] as { value: number };
  return [octets.length, heapBase.value, ...LIMITS.map((name) => limit(Limit[name]))];
}

describe("README.md states the sizes of", () => {
  const rows = readSizes();
  test("all three profiles", () => {
    assert.deepEqual(
      rows.map(({ profile }) => profile),
      ["tiny", "default", "host"],
    );
  });
  for (const { profile, sizes } of rows) {
    test(profile, () => {
      const measured = measure(profile);
      assert.equal(sizes.length, measured.length);
      for (const [i, size] of measured.entries()) {
        const stated = sizes[i]!;
        assert.ok(
          Math.abs(stated - size) <= size * TOLERANCE,
          `${stated} stated, ${size} measured`,
        );
      }
    });
  }
});
