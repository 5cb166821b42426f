/**
 * What is searched: families of runs, each to exhaustion on its own. A family says what either
 * application may do, in any order, and how much may go wrong on the wire at once.
 */
import type { Call, Script } from "./application.ts";
import { ADDRESSES } from "./machine.ts";

export interface Bounds {
  readonly losses: number;
  readonly duplications: number;
  readonly reorderings: number;
  /**
   * Frames that may be under way when a short time-out comes, beside those that are held back: with
   * 0 the network is faster than any time-out, but for what it holds back.
   */
  readonly underWay: number;
}

export interface Family {
  readonly name: string;
  /** What it is about, in one line. */
  readonly about: string;
  readonly scripts: readonly [Script, Script];
  /** For `npm run modelcheck`, and for its share of `npm test`. */
  readonly bounds: Bounds;
  readonly quickBounds: Bounds;
}

interface Talk {
  readonly opens: Script["opens"];
  readonly calls: readonly Call[];
  readonly writes?: number;
  readonly octets?: number;
  readonly releasesEarly?: boolean;
}

function scripts(left: Talk, right: Talk): readonly [Script, Script] {
  return [script(0, left), script(1, right)];
}

function script(side: 0 | 1, talk: Talk): Script {
  const { opens, calls, writes = 1, octets = 1, releasesEarly = false } = talk;
  return {
    side,
    opens,
    // Without a release no handle would ever be given back.
    calls: [opens === "passively" ? "accept" : "OPEN", ...calls, "release"],
    writes,
    octets,
    releasesEarly,
    remoteAddress: ADDRESSES[1 - side]!,
  };
}

function bounds(
  losses: number,
  duplications: number,
  reorderings: number,
  underWay: number,
): Bounds {
  return { losses, duplications, reorderings, underWay };
}

const TALKS: readonly Call[] = ["SEND", "RECEIVE"];
const ALL: readonly Call[] = [...TALKS, "CLOSE", "full close", "ABORT"];

export const FAMILIES: readonly Family[] = [
  {
    name: "whole",
    about: "a connection from OPEN to CLOSED, an octet each way, every call at any time",
    scripts: scripts({ opens: "actively", calls: ALL }, { opens: "passively", calls: ALL }),
    bounds: bounds(2, 1, 1, 0),
    quickBounds: bounds(1, 0, 0, 0),
  },
  {
    name: "crossing",
    about: "both ends OPEN actively (Figure 7), then as before",
    scripts: scripts({ opens: "at once", calls: ALL }, { opens: "at once", calls: ALL }),
    bounds: bounds(1, 1, 0, 0),
    quickBounds: bounds(0, 0, 0, 0),
  },
  {
    name: "released",
    about: "handles are released while the connection lives, which closes it in full",
    scripts: scripts(
      { opens: "actively", calls: [...TALKS, "CLOSE"], releasesEarly: true },
      { opens: "passively", calls: [...TALKS, "CLOSE"], releasesEarly: true },
    ),
    bounds: bounds(1, 1, 0, 0),
    quickBounds: bounds(1, 0, 0, 0),
  },
  {
    name: "deaf",
    about: "the listener is closed at any time, before and after it has accepted",
    scripts: scripts(
      { opens: "actively", calls: [...TALKS, "CLOSE", "full close"] },
      { opens: "passively", calls: [...TALKS, "CLOSE", "full close", "stop listening"] },
    ),
    bounds: bounds(1, 1, 0, 0),
    quickBounds: bounds(0, 0, 0, 0),
  },
  {
    name: "late",
    about: "few calls, so that more can go wrong: octets are sent, and both ends close in full",
    scripts: scripts(
      { opens: "actively", calls: ["SEND", "full close"] },
      { opens: "passively", calls: ["RECEIVE", "full close"], writes: 0 },
    ),
    bounds: bounds(2, 1, 1, 0),
    quickBounds: bounds(2, 1, 1, 0),
  },
  {
    name: "slow",
    about: "time-outs come while a frame is under way, in every order; both ends CLOSE",
    scripts: scripts(
      { opens: "actively", calls: [...TALKS, "CLOSE", "full close"] },
      { opens: "passively", calls: [...TALKS, "CLOSE", "full close"] },
    ),
    bounds: bounds(1, 0, 0, 1),
    quickBounds: bounds(0, 0, 0, 1),
  },
  {
    name: "full",
    about: "a ring full of text, and more: the window closes, is probed, and opens again",
    scripts: scripts(
      { opens: "actively", calls: ["SEND", "CLOSE", "full close"], writes: 2, octets: 536 },
      { opens: "passively", calls: ["RECEIVE", "CLOSE", "full close"], writes: 0 },
    ),
    bounds: bounds(1, 0, 0, 0),
    quickBounds: bounds(0, 0, 0, 0),
  },
];
