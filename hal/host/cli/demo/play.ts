/**
 * Plays scenarios one after the other on one link, and judges each by what was seen.
 *
 * Called by the demonstration.
 */
import type { RealClock } from "../../clock.ts";
import type { Side, StateName } from "../../ladder/index.ts";
import { PcapWriter } from "../../wires/pcap.ts";
import type { HeldWire } from "./held-wire.ts";
import type { LingerEnd } from "./linger-end.ts";
import { formatTransitions, type Outcome, wrapText } from "./report.ts";
import {
  type Cast,
  type Check,
  followsPath,
  type Path,
  pathOf,
  type Scenario,
} from "./scenario.ts";
import { roleOf, Stage } from "./stage.ts";
import type { TcpEnd } from "./tcp-end.ts";

export interface Theatre {
  wire: HeldWire;
  linger: LingerEnd;
  peer: TcpEnd;
  peerIsKernel: boolean;
  clock: RealClock;
  twoMslMs: number;
  columns: number;
  print: (line: string) => void;
}

/** Plays one scenario, its frames recorded in `capturePath`, and leaves both ends empty. */
export async function playScenario(
  theatre: Theatre,
  scenario: Scenario,
  capturePath: string,
): Promise<Outcome> {
  const { wire, linger, peer, peerIsKernel, clock, twoMslMs, columns, print } = theatre;
  const stage = new Stage({ wire, left: linger, right: peer, columns, print }, scenario.tuple);
  const checks: Check[] = [];
  const check = (text: string, holds: boolean): void => void checks.push({ text, holds });
  const cast: Cast = { stage, linger, peer, peerIsKernel, twoMslMs, check };
  wire.capture = new PcapWriter(capturePath, { clock });
  try {
    await scenario.play(cast);
  } catch (error) {
    check((error as Error).message, false);
  }
  printTable(theatre, scenario, stage);
  const outcome = judge(scenario, stage, checks);
  for (const { text, holds } of checks) {
    const line = `${holds ? "✓" : "✗"} ${text}`;
    for (const part of wrapText(line, columns, "  ")) print(part);
  }
  print("");
  wire.capture.close();
  wire.capture = undefined;
  await linger.reset();
  await peer.reset();
  await stage.flush();
  return outcome;
}

/** States as they were seen against states as they should be; adds what differs to the checks. */
function judge(scenario: Scenario, stage: Stage, checks: Check[]): Outcome {
  const seen = { left: seenPath(stage, "left"), right: seenPath(stage, "right") };
  for (const side of ["left", "right"] as const) {
    const expected = scenario.expected[side];
    const agrees = followsPath(seen[side], expected);
    const name = stage[side].name;
    const way = seen[side].join(" → ");
    checks.push({
      text: agrees ? `${name}: ${way}` : `${name}: ${way}, expected ${expected.join(" → ")}`,
      holds: agrees,
    });
  }
  return {
    title: scenario.title,
    expected: `${lastOf(scenario.expected.left)} / ${lastOf(scenario.expected.right)}`,
    seen: `${lastOf(seen.left)} / ${lastOf(seen.right)}`,
    agrees: checks.every(({ holds }) => holds),
  };
}

function seenPath(stage: Stage, side: Side): StateName[] {
  return pathOf([stage.start[side], ...stage.rows.map(({ states }) => states[side])]);
}

function lastOf(path: Path): string {
  return path.at(-1) ?? "?";
}

function printTable(theatre: Theatre, scenario: Scenario, stage: Stage): void {
  const nameOf = (side: Side): string => `${stage[side].name} (${roleOf(scenario.tuple, side)})`;
  const lines = formatTransitions({
    start: stage.start,
    rows: stage.rows,
    names: { left: nameOf("left"), right: nameOf("right") },
    closeOnly: scenario.table === "close",
    columns: theatre.columns,
  });
  for (const line of ["", ...lines, ""]) theatre.print(line);
}
