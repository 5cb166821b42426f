/** Much data both ways between Linger and the kernel, over a clean wire and over a bad one. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Impairment } from "../../../hal/host/index.ts";
import { endOf, exchange } from "../traffic.ts";
import { inNamespace, Rig } from "./rig.ts";

const MEGABYTE = 1_000_000;

const WIRES: { name: string; length: number; impairment?: Impairment }[] = [
  { name: "10 MB over a clean wire", length: 10 * MEGABYTE },
  {
    name: "1 MB over a wire that loses 5 % and reorders 10 %",
    length: MEGABYTE,
    impairment: { loss: 0.05, reorder: 0.1, reorderMs: 3, delayMs: 1 },
  },
];

for (const { name, length, impairment } of WIRES) {
  // Both at once: what they wait for is mostly a retransmission timeout.
  describe(`${name}, both ways at once`, { ...inNamespace, concurrency: true }, () => {
    let rig: Rig;
    before(async () => {
      rig = await Rig.open(impairment === undefined ? {} : { impairment });
    });
    after(async () => {
      const { lost, reordered } = rig.fates;
      await rig.close();
      assert.equal(lost > 0, impairment !== undefined);
      assert.equal(reordered > 0, impairment !== undefined);
    });

    for (const by of ["kernel", "linger"] as const) {
      test(`opened by ${by}`, async () => {
        const { linger, kernel } = await rig.open(by);
        const kernelEnd = endOf(kernel);
        await exchange(linger, kernel, length);
        assert.equal(await kernelEnd, "CLOSED");
      });
    }
  });
}
