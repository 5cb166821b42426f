/**
 * The tables of the demonstration: the transitions of one connection, and the verdicts of all.
 *
 * Called by the demonstration. Formats only.
 */
import {
  findTransitions,
  type LadderRow,
  type Side,
  type StateName,
  type StatePair,
  type Transition,
} from "../../ladder/index.ts";

interface TransitionTable {
  start: StatePair;
  rows: readonly LadderRow[];
  /** Headings: "Linger (server)". */
  names: Record<Side, string>;
  /** Only what begins in ESTABLISHED or later. */
  closeOnly: boolean;
  columns: number;
}

const STATE_COLUMNS = 12;
const ACTION_COLUMNS = 19;
const SIDE_COLUMNS = 2 * STATE_COLUMNS + ACTION_COLUMNS + 4;
const GAP = "   ";

const OPENING: readonly StateName[] = ["CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED"];

/** Start state, action, next state; both ends beside each other if there is room. */
export function formatTransitions(table: TransitionTable): string[] {
  const all = findTransitions(table.start, table.rows);
  const shown = all.filter(({ start }) => !table.closeOnly || !OPENING.includes(start));
  const left = sideLines(table.names.left, shown, "left");
  const right = sideLines(table.names.right, shown, "right");
  if (table.columns < 2 * SIDE_COLUMNS + GAP.length) return [...left, "", ...right];
  const count = Math.max(left.length, right.length);
  return Array.from({ length: count }, (_, index) => {
    const first = (left[index] ?? "").padEnd(SIDE_COLUMNS);
    return `${first}${GAP}${right[index] ?? ""}`.trimEnd();
  });
}

function sideLines(name: string, transitions: readonly Transition[], side: Side): string[] {
  const lines = transitions
    .filter((transition) => transition.side === side)
    .map(({ start, action, next }) => transitionLine(start, action, next));
  const rule = transitionLine("─".repeat(11), "─".repeat(ACTION_COLUMNS - 1), "─".repeat(10));
  const stays = transitionLine("(stays as it is)", "", "");
  const shown = lines.length === 0 ? [stays] : lines;
  return [name, transitionLine("start state", "action", "next state"), rule, ...shown];
}

function transitionLine(start: string, action: string, next: string): string {
  return `${start.padEnd(STATE_COLUMNS)}  ${action.padEnd(ACTION_COLUMNS)}  ${next}`;
}

/** What came of one scenario. */
export interface Outcome {
  title: string;
  expected: string;
  seen: string;
  agrees: boolean;
}

/** Scenario, expected end states, seen end states, verdict. */
export function formatVerdicts(outcomes: readonly Outcome[]): string[] {
  const heads = ["scenario", "expected end states", "seen end states", "verdict"] as const;
  const cells = outcomes.map(({ title, expected, seen, agrees }) => [
    title,
    expected,
    seen,
    agrees ? "agrees" : "DIFFERS",
  ]);
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...cells.map((cell) => cell[column]!.length)),
  );
  const line = (cell: readonly string[]): string =>
    cell
      .map((text, column) => text.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  return [line(heads), widths.map((width) => "─".repeat(width)).join("──"), ...cells.map(line)];
}

/** Text in lines of at most `columns`, those after the first indented. */
export function wrapText(text: string, columns: number, indent = ""): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line.trim() !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = indent + word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
