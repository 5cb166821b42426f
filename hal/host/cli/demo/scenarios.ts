/**
 * All scenarios, in the order in which they are shown. Called by the demonstration.
 */
import type { Scenario } from "./scenario.ts";
import { CLOSE_SCENARIOS } from "./scenarios-close.ts";
import { ODD_OPEN_SCENARIOS, OPEN_SCENARIOS } from "./scenarios-open.ts";

export const SCENARIOS: readonly Scenario[] = [
  ...OPEN_SCENARIOS,
  ...CLOSE_SCENARIOS,
  ...ODD_OPEN_SCENARIOS,
];
