/**
 * What a snapshot costs a board is what `docs/snapshots.md` says, within a tenth: instructions,
 * counted by QEMU. A module that changes a little need not change the page.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { messageOf } from "../../bench/command.ts";
import { COUNTED_NEEDS } from "../../bench/counted/firmware.ts";
import { checkNeeds } from "../../bench/segment/tools.ts";
import { BOARD_LOADS, countSleep } from "../../bench/snapshots/board.ts";

const TOLERANCE = 0.1;

function whatHinders(): string | false {
  try {
    checkNeeds(COUNTED_NEEDS, "skipped");
    return false;
  } catch (error) {
    return messageOf(error);
  }
}

const page = readFileSync(new URL("../../docs/snapshots.md", import.meta.url), "utf8");

/** Octets, save and resume of a row of the page. */
function saidOf(what: string): number[] {
  const row = new RegExp(`^\\| ${what} \\| ([\\d,]+) \\| ([\\d,]+) \\| ([\\d,]+) `, "m").exec(page);
  assert.ok(row, `there is no row ${what}`);
  return row.slice(1).map((number) => Number(number.replaceAll(",", "")));
}

for (const what of ["1, idle", "4, echo"]) {
  test(`a board with connections: ${what}`, { skip: whatHinders() }, () => {
    const said = saidOf(what);
    const { octets, save, resume } = countSleep(
      "wasm2c",
      BOARD_LOADS.find((o) => o.what === what)!,
    );
    for (const [index, measured] of [octets, save, resume].entries()) {
      const share = measured / said[index]!;
      assert.ok(
        Math.abs(share - 1) < TOLERANCE,
        `${said[index]} on the page, ${measured} measured`,
      );
    }
  });
}
