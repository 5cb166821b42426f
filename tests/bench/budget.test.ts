/** What a segment costs does not grow unnoticed. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { type Budget, measureBudget, readBudget, TOLERANCE } from "../../bench/segment/budget.ts";
import { buildLinger } from "../../bench/segment/linger.ts";
import { countOperations } from "../../bench/segment/operations.ts";
import { SCENARIOS } from "../../bench/segment/scenarios.ts";

describe(`Linger costs what bench/segment/budget.json says, ± ${TOLERANCE * 100} %`, () => {
  const budget = readBudget();
  let measured: Budget;
  before(() => (measured = measureBudget()));

  test("the budget is that of all scenarios", () => {
    assert.deepEqual(
      Object.keys(budget),
      SCENARIOS.map(({ name }) => name),
    );
  });
  for (const [name, stored] of Object.entries(budget)) {
    test(name, () => {
      const cost = measured[name]!;
      const off = Math.abs(cost / stored - 1);
      const advice = "if that is meant to be: npm run bench -- --store-budget";
      assert.ok(off <= TOLERANCE, `${cost} operations, not ${stored}; ${advice}`);
    });
  }
});

describe("operations are counted where they are executed", () => {
  const countsOf = (name: string) =>
    countOperations(
      buildLinger("named"),
      SCENARIOS.find((one) => one.name === name)!,
    );
  const find = (name: string, ending: string) =>
    [...countsOf(name)].find(([one]) => one.endsWith(ending))?.[1];

  test("each frame is taken once, and its text is summed in place", () => {
    assert.equal(find("S1", "index/frameReceived")?.calls, 1);
    assert.equal(find("S1", "checksum/sum"), undefined);
  });
  test("the checksum of a full segment loads and adds each seven octets of it once", () => {
    const [full, small] = ["S1", "S2"].map((name) => find(name, "index/frameReceived")!.operations);
    const more = full! - small!;
    const sevens = (1460 - 64) / 7;
    assert.ok(more > 2 * sevens && more < 3 * sevens, `${more}`);
  });
  test("a pure acknowledgement sums no text", () => {
    assert.equal(find("S4", "checksum/sum"), undefined);
  });
});
