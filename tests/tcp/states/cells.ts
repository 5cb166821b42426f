/**
 * The tables' notation: one line per cell, read into data, and what its words stand for.
 *
 *     segment | answer | next state | variables | the user is told
 *     FIN     | ACK    | CLOSE-WAIT | rcv+1     | closing               [MUST-12]
 *
 * answer      a name of ANSWERS, `-` for none; `ACK~` may take as long as an ACK may be delayed,
 *             `(ACK)` may be left out
 * next state  empty: it stays
 * variables   una, nxt and rcv for SND.UNA, SND.NXT and RCV.NXT: `rcv+9` is 9 more than before,
 *             `una=nxt` what SND.NXT was before; those that are not named stay
 * told        words of TOLD, and nothing else
 * [labels]    requirements of RFC 9293 that the cell proves
 *
 * `segment | cannot | reason` says why there is no such cell. `#` begins a comment.
 * Read by the tests of the tables.
 */
import { Flag } from "../../../hal/host/packet/index.ts";
import type { RfcState } from "../../support/conversation.ts";
import type { EventName, ReasonName } from "../../support/device.ts";
import { parseSegmentText } from "../../support/notation.ts";
import type { Variables } from "./situations.ts";

/** The tables of one state's situations, by the name of the situation. */
export type Tables = Record<string, string>;

/** What Linger may answer, as the RFC writes it; the variables are those after the event. */
const ANSWERS: Record<string, string> = {
  ACK: "<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>",
  ACK0: "<SEQ=SND.NXT><ACK=RCV.NXT><WND=0><CTL=ACK>",
  RST: "<SEQ=SEG.ACK><CTL=RST>",
  "RST,ACK": "<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>",
  "SYN,ACK": "<SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK><MSS=1460>",
};

interface Telling {
  events: readonly EventName[];
  reason?: ReasonName;
}

/** What the user learns, in the RFC's words, and how Linger says it (hal/README.md). */
export const TOLD: Record<string, Telling> = {
  /** The OPEN has succeeded; after a passive one a connection waits to be accepted as well. */
  open: { events: ["CONNECTED", "WRITABLE"] },
  acked: { events: ["ALL_ACKNOWLEDGED"] },
  text: { events: ["READABLE"] },
  /** "connection closing": the end-of-file can be read. */
  closing: { events: ["READABLE", "PEER_CLOSED"] },
  closed: { events: ["ENDED"], reason: "CLOSED" },
  reset: { events: ["ENDED"], reason: "RESET" },
  refused: { events: ["ENDED"], reason: "REFUSED" },
  aborted: { events: ["ENDED"], reason: "ABORTED" },
  timeout: { events: ["ENDED"], reason: "TIMED_OUT" },
};

export interface Cell {
  event: string;
  /** Why there is no such cell. */
  cannot?: string;
  answer: string | undefined;
  /** How it comes: at once, within the delay of an ACK, or perhaps. */
  manner: "now" | "soon" | "perhaps";
  /** The state stays if none is named. */
  next: RfcState | undefined;
  /** Changes to the variables. */
  changes: readonly string[];
  told: readonly string[];
  labels: readonly string[];
}

export function parseTable(text: string): Cell[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !line.startsWith("#")).map(parseCell);
}

function parseCell(line: string): Cell {
  const labels = /\[([^\]]+)\]$/.exec(line);
  const columns = line
    .slice(0, labels?.index)
    .split("|")
    .map((column) => column.trim());
  const [event = "", answer = "", next = "", changes = "", told = ""] = columns;
  const cell = { event, labels: words(labels?.[1] ?? ""), told: words(told) };
  if (answer === "cannot") {
    const nothing = { answer: undefined, manner: "now", next: undefined, changes: [] } as const;
    return { ...cell, ...nothing, cannot: next };
  }
  const name = answer.replaceAll(/[()~]/g, "");
  const isKnown = (name === "-" || name in ANSWERS) && cell.told.every((word) => word in TOLD);
  if (columns.length !== 5 || !isKnown) throw new Error(`not a cell: ${line}`);
  return {
    ...cell,
    answer: ANSWERS[name],
    manner: answer.endsWith("~") ? "soon" : answer.endsWith(")") ? "perhaps" : "now",
    next: next === "" ? undefined : (next as RfcState),
    changes: words(changes),
  };
}

function words(text: string): string[] {
  return text.split(" ").filter((word) => word !== "");
}

/** The variables after the event; `segment` is the one that arrived, in numbers. */
export function variablesAfter(cell: Cell, before: Variables, segment?: string): Variables {
  const values = { ...before, ...segmentVariables(segment) };
  const after = { ...before };
  for (const change of cell.changes) {
    const [, name, sign, sum] = /^(una|nxt|rcv)([=+])(.+)$/.exec(change) ?? [];
    if (name === undefined || sum === undefined) throw new Error(`variables: ${change}`);
    const key = name as keyof Variables;
    after[key] = (evaluate(sum, values) + (sign === "=" ? 0 : before[key])) >>> 0;
  }
  return after;
}

/** A segment of the list in numbers. `edge` is RCV.NXT + RCV.WND. */
export function resolve(text: string, { una, nxt, rcv }: Variables, edge: number): string {
  return inNumbers(text, { "SND.UNA": una, "SND.NXT": nxt, "RCV.NXT": rcv, EDGE: edge });
}

/** An answer in numbers. `segment`, if it is one that is answered, is in numbers already. */
export function resolveAnswer(answer: string, after: Variables, segment?: string): string {
  const { una, nxt, rcv } = after;
  const own = { "SND.UNA": una, "SND.NXT": nxt, "RCV.NXT": rcv };
  return inNumbers(answer, { ...own, ...segmentVariables(segment) });
}

/** SEG.SEQ, SEG.LEN, and SEG.ACK if it has one. */
function segmentVariables(segment: string | undefined): Record<string, number> {
  if (segment === undefined) return {};
  const { seq, ack, flags, octets } = parseSegmentText(segment);
  const control = ((flags & Flag.SYN) === 0 ? 0 : 1) + ((flags & Flag.FIN) === 0 ? 0 : 1);
  const values: Record<string, number> = { "SEG.SEQ": seq, "SEG.LEN": octets + control };
  if (ack !== undefined) values["SEG.ACK"] = ack;
  return values;
}

function inNumbers(text: string, values: Record<string, number>): string {
  return text.replaceAll(/(?<=<(?:SEQ|ACK)=)[^>]+/g, (sum) => {
    return String(evaluate(sum, { ISS: 100, IRS: 300, ...values }) >>> 0);
  });
}

/** A sum of numbers and variables. */
function evaluate(sum: string, values: Record<string, number>): number {
  const terms = sum.match(/[+-]?[^+-]+/g) ?? [];
  return terms.reduce((total, term) => {
    const word = term.replace(/^[+-]/, "");
    const value = /^\d+$/.test(word) ? Number(word) : values[word];
    if (value === undefined) throw new Error(`${word} in ${sum}`);
    return term.startsWith("-") ? total - value : total + value;
  }, 0);
}
