/**
 * What the runs have reached: state transitions, counters, pairs of options, ends, applications,
 * attacks, impairments. Sums of any number of runs, and what is missing in them.
 *
 * Filled by the judges, merged by main.ts, printed by report.ts. Judges nothing.
 */
import { Counter, EndReason, Feature, State } from "../../hal/host/abi.ts";
import { type Profile, PROFILES } from "../support/modules.ts";

/** Data that threads can exchange. */
export interface CoverageData {
  transitions: Record<string, number>;
  /** By profile, in the order of `Counter`. */
  counters: Record<string, number[]>;
  optionPairs: Record<string, number>;
  /** States in which connections ended, and why. */
  ends: Record<string, number>;
  applications: Record<string, number>;
  attacks: Record<string, number>;
  impairments: Record<string, number>;
  /** Frames, steps and the like. */
  totals: Record<string, number>;
}

export type StateName = keyof typeof State;
export const STATE_NAMES = Object.keys(State) as StateName[];
const REASON_NAMES = Object.keys(EndReason);
export const COUNTER_NAMES = Object.keys(Counter).filter((name) => name !== "COUNT");

/**
 * The arrows of RFC 9293 Figure 5 and of §3.10, as this stack draws them: a passive open has no
 * TCB before ESTABLISHED, and TIME-WAIT may be left by a fresh SYN.
 */
export const ARROWS: readonly (readonly [StateName, StateName, string])[] = [
  ["CLOSED", "SYN_SENT", "active OPEN"],
  ["LISTEN", "SYN_RECEIVED", "rcv SYN"],
  ["SYN_RECEIVED", "LISTEN", "RST, SYN or time-out"],
  ["LISTEN", "ESTABLISHED", "rcv ACK of a SYN cookie"],
  ["SYN_SENT", "SYN_RECEIVED", "rcv SYN: simultaneous open"],
  ["SYN_SENT", "ESTABLISHED", "rcv SYN,ACK"],
  ["SYN_SENT", "CLOSED", "refused, aborted or timed out"],
  ["SYN_RECEIVED", "ESTABLISHED", "rcv ACK of SYN"],
  ["SYN_RECEIVED", "FIN_WAIT_1", "CLOSE"],
  ["SYN_RECEIVED", "CLOSED", "RST, ABORT or time-out"],
  ["ESTABLISHED", "FIN_WAIT_1", "CLOSE"],
  ["ESTABLISHED", "CLOSE_WAIT", "rcv FIN"],
  ["ESTABLISHED", "CLOSED", "RST, ABORT or time-out"],
  ["FIN_WAIT_1", "FIN_WAIT_2", "rcv ACK of FIN"],
  ["FIN_WAIT_1", "CLOSING", "rcv FIN"],
  ["FIN_WAIT_1", "CLOSED", "RST, ABORT or time-out"],
  ["FIN_WAIT_2", "TIME_WAIT", "rcv FIN"],
  ["FIN_WAIT_2", "CLOSED", "RST, ABORT or time-out"],
  ["CLOSE_WAIT", "LAST_ACK", "CLOSE, snd FIN"],
  ["CLOSE_WAIT", "CLOSED", "RST, ABORT or time-out"],
  ["CLOSING", "TIME_WAIT", "rcv ACK of FIN"],
  ["CLOSING", "CLOSED", "RST, ABORT or time-out"],
  ["LAST_ACK", "CLOSED", "rcv ACK of FIN"],
  ["TIME_WAIT", "CLOSED", "2MSL, ABORT or recycling"],
  ["TIME_WAIT", "SYN_RECEIVED", "rcv a fresh SYN"],
];

/** What may be agreed on or set, of which every pair is to be seen in all four combinations. */
export const OPTION_NAMES = [
  "TIMESTAMPS",
  "WINDOW_SCALE",
  "SACK",
  "ECN",
  "NO_DELAY",
  "KEEP_ALIVE",
  "DELAYED_ACK off",
  "SOFT_ERRORS off",
  "USER_TIMEOUT",
  "URGENT",
] as const;

/** The first of them are those that both SYNs agree on: the bits of `Negotiated`. */
export const AGREED_COUNT = 4;

/** What a build needs for a counter to move. */
const COUNTER_NEEDS: Readonly<Record<string, number>> = {
  DROP_TIMESTAMP: Feature.TIMESTAMPS,
  SPURIOUS_RETRANSMITS: Feature.SACK,
  LOSS_PROBES: Feature.SACK,
  PMTU_LOWERED: Feature.PATH_MTU,
  PMTU_BLACK_HOLES: Feature.PATH_MTU,
  PMTU_RAISED: Feature.PATH_MTU,
  ECN_CE_IN: Feature.ECN,
  ECN_CUTS: Feature.ECN,
  KEEP_ALIVE_PROBES: Feature.KEEP_ALIVE,
  SYN_COOKIES_OUT: Feature.SYN_COOKIES,
  SYN_COOKIES_ACCEPTED: Feature.SYN_COOKIES,
  FAST_RETRANSMITS: Feature.FAST_RETRANSMIT,
  EVICTED: Feature.EVICTION,
};
const REASSEMBLY = [
  "DATAGRAMS_REASSEMBLED",
  "DROP_FRAGMENT_SIZE",
  "DROP_FRAGMENT_TINY",
  "DROP_FRAGMENT_DUPLICATE",
  "DROP_FRAGMENT_CONFLICT",
  "REASSEMBLY_TIMEOUTS",
  "REASSEMBLY_EVICTED",
];

/** What no run reaches, and why. */
export const UNREACHABLE: Readonly<Partial<Record<Profile, Readonly<Record<string, string>>>>> = {
  host: {
    TIME_WAIT_RECYCLED: "1,024 connections would have to be in TIME-WAIT at once",
    EVICTED: "1,024 connections would have to be open at once",
  },
};

/** What a module can do, as far as it matters here. */
export interface Ability {
  features: number;
  reassembles: boolean;
}

export class Coverage {
  readonly data: CoverageData = {
    transitions: {},
    counters: {},
    optionPairs: {},
    ends: {},
    applications: {},
    attacks: {},
    impairments: {},
    totals: {},
  };

  /** A connection, a record or a tuple went from one state to another, along one arrow. */
  transition(from: StateName, to: StateName): void {
    add(this.data.transitions, `${from} ${to}`);
  }

  end(state: StateName, reason: number): void {
    add(this.data.ends, `${state} ${REASON_NAMES[reason]}`);
  }

  application(kind: string): void {
    add(this.data.applications, kind);
  }

  attack(kind: string): void {
    add(this.data.attacks, kind);
  }

  impairment(kind: string): void {
    add(this.data.impairments, kind);
  }

  total(what: string, count = 1): void {
    add(this.data.totals, what, count);
  }

  /** `options`: a bit for each of OPTION_NAMES. */
  options(options: number): void {
    for (let i = 0; i < OPTION_NAMES.length; i++) {
      for (let j = i + 1; j < OPTION_NAMES.length; j++) {
        const both = `${OPTION_NAMES[i]}=${(options >> i) & 1} ${OPTION_NAMES[j]}=`;
        add(this.data.optionPairs, `${both}${(options >> j) & 1}`);
      }
    }
  }

  /** What a module has counted since it was started. */
  counters(profile: Profile, counts: ArrayLike<number>): void {
    const sums = (this.data.counters[profile] ??= COUNTER_NAMES.map(() => 0));
    for (let i = 0; i < sums.length; i++) sums[i]! += counts[i]!;
  }

  merge(other: CoverageData): void {
    for (const [what, counts] of Object.entries(other)) {
      if (what === "counters") continue;
      const own = this.data[what as Exclude<keyof CoverageData, "counters">];
      for (const [key, count] of Object.entries(counts as Record<string, number>)) {
        add(own, key, count);
      }
    }
    for (const [profile, counts] of Object.entries(other.counters)) {
      this.counters(profile as Profile, counts);
    }
  }

  /** What should have been reached and was not, in words. */
  missing(abilities: Partial<Record<Profile, Ability>>): string[] {
    const missing: string[] = [];
    for (const [from, to] of ARROWS) {
      if (!this.data.transitions[`${from} ${to}`]) missing.push(`transition ${from} → ${to}`);
    }
    for (const profile of PROFILES) {
      const ability = abilities[profile];
      if (ability !== undefined) missing.push(...this.#missingCounters(profile, ability));
    }
    for (const pair of allOptionPairs()) {
      if (!this.data.optionPairs[pair]) missing.push(`options ${pair}`);
    }
    return missing;
  }

  #missingCounters(profile: Profile, ability: Ability): string[] {
    const counts = this.data.counters[profile];
    return COUNTER_NAMES.filter((name, index) => {
      if ((counts?.[index] ?? 0) > 0 || UNREACHABLE[profile]?.[name] !== undefined) return false;
      return canCount(name, ability);
    }).map((name) => `counter ${name} of ${profile}`);
  }
}

/** Whether anything that a host sees can move this counter of a build. */
function canCount(name: string, { features, reassembles }: Ability): boolean {
  const need = COUNTER_NEEDS[name];
  if (need !== undefined) return (features & need) !== 0;
  return reassembles || !REASSEMBLY.includes(name);
}

/** Pairs that exclude one another do not exist: each option is independent of the others. */
function* allOptionPairs(): Generator<string> {
  for (const [i, first] of OPTION_NAMES.entries()) {
    for (const second of OPTION_NAMES.slice(i + 1)) {
      for (const [a, b] of ["00", "01", "10", "11"]) yield `${first}=${a} ${second}=${b}`;
    }
  }
}

function add(to: Record<string, number>, key: string, count = 1): void {
  to[key] = (to[key] ?? 0) + count;
}
