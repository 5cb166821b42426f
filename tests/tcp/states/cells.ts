/**
 * The tables' notation: one line per cell, read into data, and what its words stand for.
 *
 *     segment | answer | next state | variables | user is told
 *     FIN     | ACK    | CLOSE-WAIT | rcv+1     | closing [MUST-12]
 *
 *     call    | returns | answer | next state | variables | user is told
 *     CLOSE   | OK      | FIN    | LAST-ACK   | nxt+1     |
 *
 * returns     the name of a Status, or EOF
 * answer      names of ANSWERS, `-` for none; `ACK~` may take as long as an ACK may be delayed,
 *             `(ACK)` may be left out
 * next state  empty: it stays
 * variables   una, nxt and rcv for SND.UNA, SND.NXT and RCV.NXT: `rcv+9` is 9 more than before,
 *             `una=nxt` what SND.NXT was before; those that are not named stay
 * is told     words of TOLD, and nothing else
 * [labels]    requirements of RFC 9293 that the cell proves
 *
 * `segment | cannot | reason` says why there is no such cell. `#` begins a comment.
 * Read by the tests of the tables.
 */
import { Flag } from "../../../hal/host/packet/index.ts";
import type { RfcState } from "../../support/conversation.ts";
import type { EventName, FeatureName, ReasonName } from "../../support/device.ts";
import { parseSegmentText } from "../../support/notation.ts";
import type { Variables } from "./situations.ts";

/** The tables of one state's situations, by the name of the situation. */
export type Tables = Record<string, string>;

/** The page of one state. */
export interface StateTables {
  segments: Tables;
  calls: Tables;
  timeouts: Tables;
}

/** What Linger may answer, as the RFC writes it; the variables are those after the event. */
const ANSWERS: Record<string, string> = {
  ACK: "<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>",
  ACK0: "<SEQ=SND.NXT><ACK=RCV.NXT><WND=0><CTL=ACK>",
  RST: "<SEQ=SEG.ACK><CTL=RST>",
  "RST,ACK": "<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>",
  SYN: "<SEQ=ISS><CTL=SYN><MSS=1460>",
  "SYN,ACK": "<SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK><MSS=1460>",
  // What calls send: nine octets of text, the FIN, both, or ABORT's RST.
  TEXT: "<SEQ=SND.NXT-9><ACK=RCV.NXT><CTL=PSH,ACK><DATA=9>",
  FIN: "<SEQ=SND.NXT-1><ACK=RCV.NXT><CTL=FIN,ACK>",
  "TEXT,FIN": "<SEQ=SND.NXT-10><ACK=RCV.NXT><CTL=FIN,PSH,ACK><DATA=9>",
  RESET: "<SEQ=SND.NXT><CTL=RST>",
  // What time-outs send: what is in flight again, or an octet into a closed window.
  FLIGHT: "<SEQ=SND.UNA><ACK=RCV.NXT><CTL=PSH,ACK><DATA=20>",
  "FLIGHT,FIN": "<SEQ=SND.UNA><ACK=RCV.NXT><CTL=FIN,PSH,ACK><DATA=20>",
  PROBE: "<SEQ=SND.NXT-1><ACK=RCV.NXT><CTL=ACK><DATA=1>",
};

interface Telling {
  events: readonly EventName[];
  reason?: ReasonName;
  /** A build without it does not tell. */
  feature?: FeatureName;
}

/** What the user learns, in the RFC's words, and how Linger says it (hal/README.md). */
export const TOLD: Record<string, Telling> = {
  /** The OPEN has succeeded; after a passive one a connection waits to be accepted as well. */
  open: { events: ["CONNECTED", "WRITABLE"] },
  acked: { events: ["ALL_ACKNOWLEDGED"] },
  text: { events: ["READABLE"] },
  urgent: { events: ["URGENT"], feature: "URGENT" },
  /** "connection closing": the end-of-file can be read. */
  closing: { events: ["READABLE", "PEER_CLOSED"] },
  closed: { events: ["ENDED"], reason: "CLOSED" },
  reset: { events: ["ENDED"], reason: "RESET" },
  refused: { events: ["ENDED"], reason: "REFUSED" },
  aborted: { events: ["ENDED"], reason: "ABORTED" },
  /** R1 was reached. */
  trouble: { events: ["TROUBLE"], feature: "TROUBLE" },
  timeout: { events: ["ENDED"], reason: "TIMED_OUT" },
};

export interface Cell {
  event: string;
  /** Why there is no such cell. */
  cannot?: string;
  /** What a call returns. */
  returns: string | undefined;
  answers: readonly string[];
  /** How they come: at once, within the delay of an ACK, or perhaps. */
  manner: "now" | "soon" | "perhaps";
  /** The state stays if none is named. */
  next: RfcState | undefined;
  /** Changes to the variables. */
  changes: readonly string[];
  told: readonly string[];
  labels: readonly string[];
}

/** The cells of a table of segments or time-outs, or, with what they return, of calls. */
export function parseTable(text: string, kind: "calls" | "others" = "others"): Cell[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => parseCell(line, kind === "calls"));
}

function parseCell(line: string, hasReturns: boolean): Cell {
  const labels = /\[([^\]]+)\]$/.exec(line);
  const columns = line
    .slice(0, labels?.index)
    .split("|")
    .map((column) => column.trim());
  const event = columns.shift() ?? "";
  const nothing = { answers: [], manner: "now", next: undefined, changes: [], told: [] } as const;
  if (columns[0] === "cannot") {
    return { event, ...nothing, labels: [], returns: undefined, cannot: columns[1] ?? "" };
  }
  const returns = hasReturns ? columns.shift() : undefined;
  const [answer = "", next = "", changes = "", told = ""] = columns;
  const names = answer.replaceAll(/[()~]|^-$/g, "").split(" + ");
  const answers = names.filter((name) => name !== "").map((name) => ANSWERS[name] ?? "");
  const isKnown = !answers.includes("") && words(told).every((word) => word in TOLD);
  if (columns.length !== 4 || answer === "" || !isKnown) throw new Error(`not a cell: ${line}`);
  return {
    event,
    returns,
    answers,
    manner: answer.endsWith("~") ? "soon" : answer.endsWith(")") ? "perhaps" : "now",
    next: next === "" ? undefined : (next as RfcState),
    changes: words(changes),
    told: words(told),
    labels: words(labels?.[1] ?? ""),
  };
}

/** The event with the labels that its test proves. */
export function titleOf({ event, labels }: Cell): string {
  return labels.length === 0 ? event : `${event} [${labels.join(" ")}]`;
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
