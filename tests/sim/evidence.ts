/**
 * What is left of a failure for whoever looks into it: the scenario as data, all frames as a pcap
 * file, and its connections as ladder diagrams.
 *
 * Called by main.ts. Writes into a folder of its own for each seed.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VirtualClock } from "../../hal/host/clock.ts";
import {
  findConnections,
  formatLadder,
  inferStates,
  sequenceBases,
  type TimedFrame,
  type TracedConnection,
} from "../../hal/host/ladder/index.ts";
import { formatIpv4Address } from "../../hal/host/packet/index.ts";
import { PcapWriter } from "../../hal/host/wires/pcap.ts";
import { Coverage } from "./coverage.ts";
import type { Scenario } from "./plan.ts";
import { type Failure, runScenario } from "./run-seed.ts";
import type { Shelf } from "./shelf.ts";

/** Diagrams of more connections than these, the last ones, help nobody. */
const LADDERS_MAX = 20;
const COLLAPSE_AFTER = 16;

export interface Evidence {
  scenarioPath: string;
  pcapPath: string;
  ladderPath: string;
}

/** Plays the scenario once more and writes down what happens. */
export function writeEvidence(
  scenario: Scenario,
  failure: Failure,
  folder: string,
  shelf: Shelf,
): Evidence {
  const place = join(folder, `seed-${failure.seed}`);
  mkdirSync(place, { recursive: true });
  const evidence = {
    scenarioPath: join(place, "scenario.json"),
    pcapPath: join(place, "frames.pcap"),
    ladderPath: join(place, "ladder.txt"),
  };
  writeFileSync(evidence.scenarioPath, `${JSON.stringify(scenario, null, 2)}\n`);
  const frames = record(scenario, shelf, evidence.pcapPath);
  writeFileSync(evidence.ladderPath, `${failure.what}\n\n${drawLadders(frames)}`);
  return evidence;
}

function record(scenario: Scenario, shelf: Shelf, path: string): TimedFrame[] {
  const clock = new VirtualClock();
  const writer = new PcapWriter(path, { clock });
  const frames: TimedFrame[] = [];
  runScenario(scenario, shelf, new Coverage(), (octets, timeMs) => {
    frames.push({ timeMs, octets: octets.slice() });
    clock.advance(timeMs - clock.now());
    writer.record(octets);
  });
  writer.close();
  return frames;
}

function drawLadders(frames: readonly TimedFrame[]): string {
  const { connections } = findConnections(frames);
  const lastMs = (connection: TracedConnection): number => connection.segments.at(-1)!.timeMs;
  const shown = connections.sort((a, b) => lastMs(a) - lastMs(b)).slice(-LADDERS_MAX);
  return shown.map((connection) => drawLadder(connection)).join("\n");
}

function drawLadder(connection: TracedConnection): string {
  const { start, rows } = inferStates(connection);
  const name = ({ address, port }: TracedConnection["left"]): string => {
    return `${formatIpv4Address(address)}:${port}`;
  };
  const frame = {
    left: name(connection.left),
    right: name(connection.right),
    bases: sequenceBases(connection.segments),
    collapseAfter: COLLAPSE_AFTER,
  };
  return `${[...formatLadder(start, rows, frame)].join("\n")}\n`;
}
