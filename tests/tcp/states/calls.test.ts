/**
 * The user calls (RFC 9293 §3.10.1 to §3.10.6): each state and each call, as the tables say.
 *
 * Each cell is tried on every profile, in connections that either side opened, with ordinary and
 * with wrapping numbers.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conversation } from "../../support/conversation.ts";
import { naming, onEachVariant } from "../../support/variants.ts";
import { CALLS } from "./calls.ts";
import { type Cell, parseTable, titleOf } from "./cells.ts";
import { judge, judgeSilence } from "./judge.ts";
import { CALL_SITUATIONS, reach, type Situation } from "./situations.ts";
import { tablesOf } from "./tables/index.ts";

const TABLES = tablesOf("calls");
const CALL_OF = new Map(CALLS);

for (const situation of CALL_SITUATIONS) {
  const cells = parseTable(TABLES[situation.name] ?? "", "calls");

  test(`${situation.name}: the table has each call once`, () => {
    assert.deepEqual(
      cells.map(({ event }) => event),
      CALLS.map(([name]) => name),
    );
    for (const { cannot } of cells) assert.notEqual(cannot, "", "a reason");
  });

  for (const cell of cells.filter(({ cannot }) => cannot === undefined)) {
    test(`${situation.name}: ${titleOf(cell)}`, () => {
      onEachVariant((variant) => {
        for (const role of situation.roles) {
          naming(`${role} open`, () => hold(situation, cell, reach(situation, variant, { role })));
        }
      });
    });
  }
}

test("the tables are those of the situations", () => {
  const names = CALL_SITUATIONS.map(({ name }) => name);
  assert.deepEqual(Object.keys(TABLES).sort(), names.sort());
});

function hold(situation: Situation, cell: Cell, c: Conversation): void {
  assert.equal(CALL_OF.get(cell.event)!(c), cell.returns, "returns");
  judge(situation, cell, c);
  judgeSilence(c);
}
