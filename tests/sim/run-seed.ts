/**
 * One run of one scenario, and what came of it.
 *
 * Called by the command, its workers, the minimiser and tests. The same scenario and modules give
 * the same outcome, to the last octet on the wire.
 */
import type { Coverage } from "./coverage.ts";
import type { Packet } from "./packet.ts";
import type { Scenario } from "./plan.ts";
import type { Shelf } from "./shelf.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

export interface Failure {
  seed: number;
  /** Which invariant broke, and how. */
  code: string;
  what: string;
  /** When, in ms of the world. */
  atMs: number;
}

export interface Outcome {
  failure: Failure | undefined;
  frames: number;
  steps: number;
  /** Of all frames and their times. */
  digest: number;
}

/** Plays a scenario; `onFrame` sees each frame with its time. */
export function runScenario(
  scenario: Scenario,
  shelf: Shelf,
  coverage: Coverage,
  onFrame?: (octets: Uint8Array, atMs: number) => void,
): Outcome {
  const world = new World(scenario, shelf, coverage);
  let digest = 0x811c9dc5;
  const see = (packet: Packet): void => {
    digest = Math.imul(digest ^ world.agenda.nowMs, 0x01000193);
    // The checksums stand for the rest.
    digest = Math.imul(digest ^ packet.length ^ (packet.u16(50) << 12), 0x01000193);
    onFrame?.(packet.view, world.agenda.nowMs);
  };
  let failure: Failure | undefined;
  try {
    world.run(see);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    const { code, message: what } = error;
    failure = { seed: scenario.seed, code, what, atMs: world.agenda.nowMs };
  }
  world.end(failure === undefined);
  const { frameCount: frames, stepCount: steps } = world;
  return { failure, frames, steps, digest: digest >>> 0 };
}
