/**
 * The scenarios, S1 to S7, as both sides know them: by number, in linger/driver.ts and
 * lwip/segbench.c.
 *
 * Used by every engine. Holds data only.
 */

/** Bits of a module's `mode`. */
export const Mode = { APPLICATION_COPIES: 2, OPTIONS: 4, VERIFY: 8 } as const;

export type Side = "linger" | "lwip";

export interface Scenario {
  name: string;
  /** What one unit of it is. */
  what: string;
  code: number;
  mode: number;
  connections: number;
  /** Units that are counted, and before: whole batches of both sides. */
  count: number;
  warmUp: number;
  /** How often counting starts and stops per unit, which is taken off again. */
  marks: Record<Side, number>;
  /** The scenario whose figure stands for lwIP's here. */
  lwipAs?: string;
}

/** Each side's number for "nothing": what starting and stopping the count takes. */
export const CALIBRATION: Scenario = {
  ...{ name: "calibration", what: "nothing", code: 0, mode: 0, connections: 1 },
  ...{ count: 1280, warmUp: 320, marks: { linger: 1 / 32, lwip: 1 / 32 } },
};

const full = { count: 640, warmUp: 320, marks: { linger: 1 / 32, lwip: 1 / 32 } };
const small = { count: 1024, warmUp: 512, marks: { linger: 1 / 256, lwip: 1 / 256 } };
const ticks = { count: 400, warmUp: 400, marks: { linger: 1 / 400, lwip: 1 / 400 }, mode: 0 };
const one = { connections: 1, mode: 0 };

const PLAIN: readonly Scenario[] = [
  {
    ...{ name: "S1", what: "receive 1,460 octets, half an ACK, the application copies them" },
    ...{ code: 1, ...one, ...full, mode: Mode.APPLICATION_COPIES },
  },
  {
    ...{ name: "S2", what: "receive 64 octets, the application copies them" },
    ...{ code: 2, ...one, ...small, mode: Mode.APPLICATION_COPIES },
  },
  { name: "S3", what: "send 1,460 octets, take half an ACK", code: 3, ...one, ...full },
  { name: "S4", what: "a pure ACK, 1 connection", code: 4, ...one, ...small },
  {
    ...{ name: "S4x64", what: "the same, 64 connections in turn" },
    ...{ code: 4, ...one, ...small, connections: 64 },
  },
  {
    ...{ name: "S4x1000", what: "the same, 1,000 connections in turn (lwIP: 64)" },
    ...{ code: 4, ...one, ...small, connections: 1000, count: 2048, warmUp: 1024 },
    lwipAs: "S4x64",
  },
  {
    ...{ name: "S4n", what: "a pure ACK of a segment in flight", code: 5, ...one },
    ...{ count: 1024, warmUp: 512, marks: { linger: 1 / 8, lwip: 1 / 8 } },
  },
  { name: "S5", what: "echo of one octet", code: 6, ...one, ...small },
  {
    ...{ name: "S6-passive", what: "from LISTEN to CLOSED: 64 octets each way, the peer closes" },
    ...{ code: 7, ...one, count: 320, warmUp: 64, marks: { linger: 5 / 8, lwip: 1 / 16 } },
  },
  {
    ...{ name: "S6-active", what: "from OPEN to TIME-WAIT: 64 octets each way, we close" },
    ...{ code: 8, ...one, count: 160, warmUp: 32, marks: { linger: 5 / 8, lwip: 1 / 8 } },
  },
  {
    ...{ name: "S6-expiry", what: "its end by ticks, eight at a time" },
    ...{ code: 9, ...one, count: 32, warmUp: 16, marks: { linger: 1 / 8, lwip: 1 / 8 } },
  },
  { name: "S7-0", what: "a tick of 250 ms, no connection", code: 10, connections: 0, ...ticks },
  { name: "S7-64idle", what: "the same, 64 in ESTABLISHED", code: 10, connections: 64, ...ticks },
  { name: "S7-1000idle", what: "1,000 in ESTABLISHED", code: 10, connections: 1000, ...ticks },
  { name: "S7-64tw", what: "64 in TIME-WAIT", code: 11, connections: 64, ...ticks },
  { name: "S7-1000tw", what: "1,000 in TIME-WAIT", code: 11, connections: 1000, ...ticks },
];

/** Played once more with a peer that asks for SACK, timestamps and a window scale. */
const WITH_OPTIONS = ["S1", "S2", "S3", "S4", "S4n", "S5", "S6-passive", "S6-active"];

/** lwIP speaks none of those here, so its figures are those of the scenario without. */
function withOptions(name: string): Scenario {
  const scenario = PLAIN.find((one) => one.name === name)!;
  return {
    ...scenario,
    name: `${name}-options`,
    what: scenario.what.replace("1,460", "1,448"),
    mode: scenario.mode | Mode.OPTIONS,
    lwipAs: name,
  };
}

export const SCENARIOS: readonly Scenario[] = [...PLAIN, ...WITH_OPTIONS.map(withOptions)];

const limit = { ...one, count: 320, warmUp: 32, marks: { linger: 1 / 32, lwip: 1 / 32 } };

/** What no stack goes below, measured with lwIP's module: 1,460 octets. */
export const LIMITS: readonly Scenario[] = [
  { name: "copy", what: "one copy (memory.copy)", code: 30, ...limit },
  { name: "checksum", what: "one checksum, 64 octets a step", code: 31, ...limit },
  { name: "lwip-checksum", what: "one checksum by lwIP's port", code: 32, ...limit },
];
