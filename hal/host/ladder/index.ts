/**
 * Ladder diagrams of TCP connections, from a trace or from what was seen.
 *
 * Used by the command line and tests; users may draw their own traces with it.
 */
export * from "./connections.ts";
export * from "./format-ladder.ts";
export * from "./infer-states.ts";
export * from "./rows.ts";
export * from "./states.ts";
export * from "./transitions.ts";
