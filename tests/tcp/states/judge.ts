/**
 * Holds one cell of a table against Linger: what comes out, which state and variables follow, and
 * what the user is told.
 *
 * Called by the tests of the tables.
 */
import assert from "node:assert/strict";
import type { Conversation } from "../../support/conversation.ts";
import type { EventName } from "../../support/device.ts";
import { type Cell, TOLD, resolveAnswer, variablesAfter } from "./cells.ts";
import type { Situation, Variables } from "./situations.ts";

/** No answer is delayed any longer (MUST-40), and no retransmission is due earlier. */
const PATIENCE_MS = 499;

/** Sequence variables where the conversation stands. */
export function variablesOf(situation: Situation, c: Conversation): Variables {
  return situation.at(c.rig.device.limit("RECEIVE_RING_SIZE"));
}

/** RCV.NXT + RCV.WND: what Linger's SYN offered, since no worthwhile step followed (MUST-39). */
export function edgeOf(c: Conversation): number {
  return 301 + c.rig.device.limit("RECEIVE_RING_SIZE");
}

/** The event has just happened. `segment` is the one that arrived, in numbers. */
export function judge(situation: Situation, cell: Cell, c: Conversation, segment?: string): void {
  const after = variablesAfter(cell, variablesOf(situation, c), segment);
  judgeAnswer(cell, c, after, segment);
  const told = toldOf(c);
  c.state(cell.next ?? situation.state);
  judgeTold(cell, c, told);
  judgeVariables(c, after);
}

/** Nothing follows that the cell does not say. */
export function judgeSilence(c: Conversation): void {
  c.quiet(PATIENCE_MS);
}

function judgeAnswer(cell: Cell, c: Conversation, after: Variables, segment?: string): void {
  const answers = cell.answers.map((answer) => resolveAnswer(answer, after, segment));
  if (cell.manner === "perhaps") c.expectNothingOr(answers[0]!);
  else if (cell.manner === "soon") c.expectSoon(...answers);
  else c.expect(...answers);
}

/** The events since the last look. A connection that waits to be accepted is. */
function toldOf(c: Conversation): EventName[] {
  const told = c.listener === 0 ? [] : c.rig.eventsOf(c.listener);
  if (told.includes("ACCEPTABLE")) c.accept();
  return c.handle === 0 ? told : [...told, ...c.rig.eventsOf(c.handle)];
}

function judgeTold(cell: Cell, c: Conversation, told: readonly EventName[]): void {
  const tellings = cell.told
    .map((word) => TOLD[word]!)
    .filter(({ feature }) => feature === undefined || c.rig.device.has(feature));
  const expected = new Set(tellings.flatMap(({ events }) => events));
  if (expected.has("CONNECTED") && c.listener !== 0) expected.add("ACCEPTABLE");
  assert.deepEqual([...told].sort(), [...expected].sort(), "events");
  const reason = tellings.map(({ reason }) => reason).find((name) => name !== undefined);
  if (reason !== undefined) c.reason(reason);
  else if (c.handle !== 0 && expected.size > 0) c.reason("NONE");
}

/** SND.UNA, SND.NXT and RCV.NXT are as they should be, as long as there is a TCB. */
function judgeVariables(c: Conversation, after: Variables): void {
  if (c.handle === 0 || c.status("END_REASON") !== 0) return;
  const una = c.variable("SND_UNA");
  const nxt = c.variable("SND_NXT");
  // Before the peer's SYN there is none. SEG.SEQ may lie below IRS: modulo 2^32.
  const rcv = c.status("IRS") === 0 ? after.rcv : c.variable("RCV_NXT") >>> 0;
  assert.deepEqual({ una, nxt, rcv }, after, "variables");
}
