/**
 * The time-outs (RFC 9293 §3.10.8): each state and each time-out, as the tables say.
 *
 * Each cell is tried on every profile, in connections that either side opened, with ordinary and
 * with wrapping numbers.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conversation } from "../../support/conversation.ts";
import { naming, onEachVariant } from "../../support/variants.ts";
import { TIMEOUTS } from "./timeouts.ts";
import { type Cell, parseTable, titleOf } from "./cells.ts";
import { judge } from "./judge.ts";
import { TIMEOUT_SITUATIONS, reach, type Situation } from "./situations.ts";
import { tablesOf } from "./tables/index.ts";

const TABLES = tablesOf("timeouts");
const TIMEOUT_OF = new Map(TIMEOUTS);

for (const situation of TIMEOUT_SITUATIONS) {
  const cells = parseTable(TABLES[situation.name] ?? "");

  test(`${situation.name}: the table has each time-out once`, () => {
    assert.deepEqual(
      cells.map(({ event }) => event),
      TIMEOUTS.map(([name]) => name),
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
  const names = TIMEOUT_SITUATIONS.map(({ name }) => name);
  assert.deepEqual(Object.keys(TABLES).sort(), names.sort());
});

function hold(situation: Situation, cell: Cell, c: Conversation): void {
  TIMEOUT_OF.get(cell.event)!(c);
  judge(situation, cell, c);
}
