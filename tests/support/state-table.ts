/**
 * Runs the tables of state-calls.test.ts: one test per row, on every profile, in connections opened
 * by either side, with ordinary and with wrapping numbers.
 *
 * Each segment comes three times: damaged, when nothing may happen (MUST-3); then as it is; and, in
 * a connection of its own, with options of TCP and of IP that mean nothing (MUST-5, MUST-6,
 * MUST-50).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conversation, Disguise, RfcState } from "./conversation.ts";
import { stateName, type EventName, type ReasonName } from "./device.ts";
import { given, type GivenOptions, type Role, ROLES } from "./given.ts";
import { parseSegmentText } from "./notation.ts";
import { naming, onEachVariant, type Variant, VARIANTS } from "./variants.ts";

/** Sequence variables, as tests count: SND.UNA, SND.NXT, RCV.NXT. */
export interface Variables {
  una: number;
  nxt: number;
  rcv: number;
}

export interface Row extends Partial<Variables> {
  name: string;
  /** The peer's segment, in which EDGE is RCV.NXT + RCV.WND; or what the application does. */
  does: string | ((c: Conversation) => void);
  /** All that Linger answers at once. Default nothing. */
  reply?: string;
  /** The reply may take as long as a delayed ACK. */
  soon?: boolean;
  /** The reply may be left out. */
  optional?: boolean;
  /** Default: the state stays. */
  state?: RfcState;
  reason?: ReasonName;
  events?: EventName[];
}

export interface Table extends Variables {
  name?: string;
  state: RfcState;
  roles?: readonly Role[];
  options?: GivenOptions;
  /** What happens before the row, from the state's constructor on. */
  prelude?: (c: Conversation) => void;
  rows: readonly Row[];
}

/** Options that nobody knows, and their place in a segment that carries an MSS option. */
function dressed(text: string): Disguise[] {
  const mss = parseSegmentText(text).mss;
  const known = mss === undefined ? [] : [{ kind: "mss" as const, value: mss }];
  const unknown = { kind: "unknown" as const, number: 253, data: new Uint8Array(3) };
  return [
    { tcp: { options: [{ kind: "nop" }, unknown, ...known] } },
    { tcp: { options: [...known, { kind: "nop" }, { kind: "nop" }, { kind: "end" }] } },
    // No operation, router alert (RFC 2113), end.
    { ipv4: { options: Uint8Array.of(1, 148, 4, 0, 0, 1, 0, 0) } },
  ];
}

/** The variant on which the disguises are tried: they do not depend on numbers or sizes. */
const DRESSED_VARIANT = VARIANTS[0]!;

export function runTable(table: Table): void {
  for (const row of table.rows) {
    test(`${table.name ?? table.state}: ${row.name}`, () => {
      onEachVariant((variant) => {
        for (const role of table.roles ?? ROLES) {
          naming(`${role} open`, () => runRow(table, row, reach(table, variant, role)));
        }
      });
      if (typeof row.does !== "string") return;
      for (const disguise of dressed(withEdge(row.does, 1000))) {
        for (const role of table.roles ?? ROLES) {
          naming(`with options ${JSON.stringify(disguise)}`, () => {
            runRow(table, row, reach(table, DRESSED_VARIANT, role), disguise);
          });
        }
      }
    });
  }
}

function reach(table: Table, variant: Variant, role: Role): Conversation {
  const c = given(table.state, variant, { role, ...table.options });
  table.prelude?.(c);
  c.expectNothing();
  if (c.handle !== 0) c.rig.eventsOf(c.handle);
  return c;
}

function runRow(table: Table, row: Row, c: Conversation, disguise: Disguise = {}): void {
  if (typeof row.does === "string") {
    const text = withEdge(row.does, edgeOf(c, table));
    c.send(text, { ...disguise, badChecksum: true }).expectNothing();
    judge(table, { name: "damaged", does: text }, c);
    c.send(text, disguise);
  } else {
    row.does(c);
  }
  const reply = row.reply === undefined ? [] : [withEdge(row.reply, edgeOf(c, table))];
  if (row.soon) c.expectSoon(...reply);
  else if (row.optional) c.expectNothingOr(reply[0]!);
  else c.expect(...reply);
  judge(table, row, c);
}

/** The state, the variables, the reason and the events are those of the row. */
function judge(table: Table, row: Row, c: Conversation): void {
  const state = row.state ?? table.state;
  c.state(state);
  if (c.handle === 0) return;
  if (row.reason !== undefined) c.reason(row.reason);
  if (row.events !== undefined) c.eventsWith(...row.events);
  const isAlive = c.status("END_REASON") === 0 && state !== "SYN-SENT";
  if (!isAlive) return;
  const variables = { una: c.variable("SND_UNA"), nxt: c.variable("SND_NXT") };
  const { una = table.una, nxt = table.nxt, rcv = table.rcv } = row;
  assert.deepEqual({ ...variables, rcv: c.variable("RCV_NXT") }, { una, nxt, rcv });
}

/** RCV.NXT + RCV.WND as the peer knows it. */
function edgeOf(c: Conversation, table: Table): number {
  const ring = c.rig.device.limit("RECEIVE_RING_SIZE");
  const hasStatus = c.handle !== 0 && stateName(c.status("STATE")) !== "CLOSED";
  return table.rcv + (hasStatus ? c.status("RCV_WND") : ring);
}

function withEdge(text: string, edge: number): string {
  return text.replaceAll(/EDGE([+-]\d+)?/g, (_all, offset = "0") => String(edge + Number(offset)));
}
