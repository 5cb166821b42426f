/**
 * The tables of the eleven states, in the RFC's order.
 *
 * Read by the tests of the tables.
 */
import type { StateTables, Tables } from "../cells.ts";
import { CLOSE_WAIT } from "./close-wait.ts";
import { CLOSED } from "./closed.ts";
import { CLOSING } from "./closing.ts";
import { ESTABLISHED } from "./established.ts";
import { FIN_WAIT_1 } from "./fin-wait-1.ts";
import { FIN_WAIT_2 } from "./fin-wait-2.ts";
import { LAST_ACK } from "./last-ack.ts";
import { LISTEN } from "./listen.ts";
import { SYN_RECEIVED } from "./syn-received.ts";
import { SYN_SENT } from "./syn-sent.ts";
import { TIME_WAIT } from "./time-wait.ts";

const STATES: readonly StateTables[] = [
  CLOSED,
  LISTEN,
  SYN_SENT,
  SYN_RECEIVED,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  CLOSE_WAIT,
  CLOSING,
  LAST_ACK,
  TIME_WAIT,
];

/** The tables of one kind, by the names of their situations. */
export function tablesOf(kind: keyof StateTables): Tables {
  return Object.fromEntries(STATES.flatMap((state) => Object.entries(state[kind])));
}
