/**
 * The arrows of RFC 9293's state diagram (Figure 5) and its note 2, and which of them were seen.
 *
 * A listener of the stack is no TCB and can send nothing, so that one arrow has no call: LISTEN to
 * SYN-SENT. Called by explore.ts and report.ts.
 */
import { State } from "../../hal/host/abi.ts";
import type { Look } from "./image.ts";
import { nameOf } from "./rules.ts";

const S = State;

const ARROWS: readonly (readonly [number, number])[] = [
  [S.CLOSED, S.LISTEN],
  [S.CLOSED, S.SYN_SENT],
  [S.LISTEN, S.CLOSED],
  [S.LISTEN, S.SYN_RECEIVED],
  [S.SYN_SENT, S.CLOSED],
  [S.SYN_SENT, S.SYN_RECEIVED],
  [S.SYN_SENT, S.ESTABLISHED],
  [S.SYN_RECEIVED, S.LISTEN],
  [S.SYN_RECEIVED, S.ESTABLISHED],
  [S.SYN_RECEIVED, S.FIN_WAIT_1],
  [S.ESTABLISHED, S.FIN_WAIT_1],
  [S.ESTABLISHED, S.CLOSE_WAIT],
  [S.FIN_WAIT_1, S.FIN_WAIT_2],
  [S.FIN_WAIT_1, S.CLOSING],
  [S.FIN_WAIT_1, S.TIME_WAIT],
  [S.FIN_WAIT_2, S.TIME_WAIT],
  [S.CLOSE_WAIT, S.LAST_ACK],
  [S.CLOSING, S.TIME_WAIT],
  [S.LAST_ACK, S.CLOSED],
  [S.TIME_WAIT, S.CLOSED],
];

export const ARROW_NAMES: readonly string[] = ARROWS.map(([from, to]) => nameOfArrow(from, to));

export function nameOfArrow(from: number, to: number): string {
  return `${nameOf(from)} → ${nameOf(to)}`;
}

/**
 * The arrow from one look to the next, by name, or undefined. The listener behind a connection that
 * is over is not a state of that connection.
 */
export function arrowBetween(before: Look, after: Look): string | undefined {
  if (before.state === after.state) return undefined;
  const isOver = after.state === S.LISTEN && (before.hasTcb || before.isTimeWait);
  return nameOfArrow(before.state, isOver ? S.CLOSED : after.state);
}
