/**
 * SEGMENT ARRIVES (RFC 9293 §3.10.7): each state and each kind of segment, as the tables say.
 *
 * Each cell is tried on every profile, in connections that either side opened, with ordinary and
 * with wrapping numbers.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conversation, Disguise } from "../../support/conversation.ts";
import { State } from "../../../hal/host/abi.ts";
import { naming, onEachVariant, type Variant, VARIANTS } from "../../support/variants.ts";
import { type Cell, parseTable, resolve, titleOf } from "./cells.ts";
import { edgeOf, judge, judgeSilence, variablesOf } from "./judge.ts";
import { SEGMENTS } from "./segments.ts";
import { reach, type Situation, SITUATIONS } from "./situations.ts";
import { tablesOf } from "./tables/index.ts";

const TABLES = tablesOf("segments");
const TEXTS = new Map(SEGMENTS);
/** Where numbers and sizes do not matter. */
const PLAIN: Variant = VARIANTS[0]!;

for (const situation of SITUATIONS) {
  const cells = parseTable(TABLES[situation.name] ?? "");
  const possible = cells.filter(({ cannot }) => cannot === undefined);

  test(`${situation.name}: the table has each kind of segment once`, () => {
    assert.deepEqual(
      cells.map(({ event }) => event),
      SEGMENTS.map(([kind]) => kind),
    );
    for (const { cannot } of cells) assert.notEqual(cannot, "", "a reason");
  });

  for (const cell of possible) {
    test(`${situation.name}: ${titleOf(cell)}`, () => {
      onEachVariant((variant) => {
        for (const role of situation.roles) {
          naming(`${role} open`, () => meet(situation, cell, reach(situation, variant, { role })));
        }
      });
    });
  }

  test(`${situation.name}: a damaged segment of any kind does nothing [MUST-3]`, () => {
    onEachVariant((variant) => {
      for (const role of situation.roles) {
        const c = reach(situation, variant, { role });
        for (const cell of possible) {
          const text = segmentOf(situation, cell, c);
          c.send(text, { badChecksum: true });
          naming(cell.event, () => judge(situation, nothing(cell.event), c, text));
        }
        judgeSilence(c);
      }
    });
  });

  test(`${situation.name}: timestamps change nothing of this`, () => {
    onEachVariant(
      (variant) => {
        for (const role of situation.roles) {
          for (const cell of possible) {
            const c = reach(situation, variant, { role, stamped: true });
            // In TIME-WAIT a later SYN is another matter (RFC 6191).
            c.peerClockStep = 0;
            naming(cell.event, () => meet(situation, cell, c));
          }
        }
      },
      VARIANTS.filter(({ profile }) => profile === "default"),
    );
  });

  test(`${situation.name}: meaningless options change nothing [MUST-5 MUST-6 MUST-50]`, () => {
    for (const cell of possible) {
      for (const disguise of disguisesOf(TEXTS.get(cell.event)!)) {
        naming(`${cell.event}, ${JSON.stringify(disguise)}`, () => {
          meet(situation, cell, reach(situation, PLAIN, { role: situation.roles[0]! }), disguise);
        });
      }
    }
  });
}

test("the tables are those of the situations, and these of the eleven states", () => {
  const names = SITUATIONS.map(({ name }) => name);
  assert.deepEqual(Object.keys(TABLES), names);
  const states = new Set<string>(SITUATIONS.map(({ state }) => state.replaceAll("-", "_")));
  assert.deepEqual([...states].sort(), Object.keys(State).sort());
});

test("with wrapping numbers, what is in flight or arrives lies across 2^32", () => {
  const situation = SITUATIONS.find(({ name }) => name === "ESTABLISHED")!;
  for (const variant of VARIANTS.filter(({ numbers }) => numbers === "wrap")) {
    const c = reach(situation, variant, {});
    assert.ok(c.status("SND_UNA") > 2 ** 31 && c.status("SND_NXT") < 2 ** 31, "SND.UNA, SND.NXT");
    assert.equal(c.status("RCV_NXT"), 2 ** 32 - 1, "RCV.NXT");
  }
});

function meet(situation: Situation, cell: Cell, c: Conversation, disguise: Disguise = {}): void {
  const segment = segmentOf(situation, cell, c);
  const isReopened = situation.state === "TIME-WAIT" && cell.next === "SYN-RECEIVED";
  const peer = isReopened ? c.again(c.irs) : c;
  peer.send(segment, disguise);
  judge(situation, cell, peer, segment);
  judgeSilence(peer);
}

function segmentOf(situation: Situation, cell: Cell, c: Conversation): string {
  const text = TEXTS.get(cell.event)!;
  return resolve(text, variablesOf(situation, c), edgeOf(c));
}

/** The cell of an event that nobody notices. */
function nothing(event: string): Cell {
  return { ...parseTable("- | - | | |")[0]!, event };
}

/** Options that nobody knows, and their place in a segment that carries an MSS option. */
function disguisesOf(text: string): Disguise[] {
  const mss = /<MSS=(\d+)>/.exec(text)?.[1];
  const known = mss === undefined ? [] : [{ kind: "mss" as const, value: Number(mss) }];
  const unknown = { kind: "unknown" as const, number: 253, data: new Uint8Array(3) };
  return [
    { tcp: { options: [{ kind: "nop" }, unknown, ...known] } },
    { tcp: { options: [...known, { kind: "nop" }, { kind: "nop" }, { kind: "end" }] } },
    // No operation, router alert (RFC 2113), end.
    { ipv4: { options: Uint8Array.of(1, 148, 4, 0, 0, 1, 0, 0) } },
  ];
}
