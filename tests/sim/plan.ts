/**
 * A scenario: everything that a run of the simulator does not leave to the stacks. Plain data, so
 * that it can be written to a file, read back, and cut down to what a failure needs.
 *
 * Made by plan-from-seed.ts, changed by minimise.ts, played by world.ts. Whatever has dice of its
 * own at run time carries a seed, so that taking one part away leaves the others as they were.
 * Times are milliseconds of the world's clock, from 0.
 */
import type { Profile } from "../support/modules.ts";

/** One host that runs a module. */
export interface HostPlan {
  /** 1 … 8: the last octet of its address. */
  id: number;
  seed: number;
  profile: Profile;
  mslMs: number;
  /** What the module's clock says at boot. */
  startMs: number;
  /** How much faster its clock runs than the world's, in parts per million. */
  skewPpm: number;
  /** Its clock leaps ahead, as after a sleep in which nobody polled. */
  jumps: { atMs: number; byMs: number }[];
  /** It loses its memory and comes back with the same address. */
  crashes: { atMs: number; forMs: number }[];
  /**
   * It is put to sleep, as a snapshot, and goes on in other memory; its clock goes on too, or
   * stands still meanwhile where nobody knows how long it slept.
   */
  sleeps: { atMs: number; forMs: number; isKnown: boolean }[];
  /** It stops listening for a while. */
  pauses: { atMs: number; forMs: number }[];
  /** 0 leaves the module's default. */
  rtoMinMs: number;
  ecn: 0 | 1 | 2;
  /** Frames that wait to be handed over; those beyond are lost. */
  rxQueueFrames: number;
  /** Up to so late, and how often, it polls. */
  lateMs: number;
  lateShare: number;
  /** How often the transmitter is BUSY, besides being full. */
  busyShare: number;
  /** Frames that its transmitter takes before it is BUSY, and how fast they leave; 0: at once. */
  txQueueFrames: number;
  txOctetsPerMs: number;
  backlog: number;
  /** 0 accepts at once, else only so often. */
  acceptEveryMs: number;
}

export const APPLICATIONS = [
  "echo",
  "bulk",
  "request",
  "slow-reader",
  "half-closer",
  "aborter",
  "re-user",
  "idler",
  "crossing",
] as const;
export type Application = (typeof APPLICATIONS)[number];

/** Options that an application sets on its connection. */
export interface OptionPlan {
  noDelay: boolean;
  ackAtOnce: boolean;
  quiet: boolean;
  urgent: boolean;
  /** 0 leaves the default. */
  userTimeoutMs: number;
  /** 0 leaves keep-alive off; else idle time and interval. */
  keepAliveMs: number;
}

/** What the application at one end does. */
export interface RolePlan {
  /** Octets to send, of its own accord. */
  send: number;
  /** When: at once, an octet for each one read, after end-of-file, or as `request` says. */
  when: "start" | "echo" | "after-eof" | "request" | "respond";
  /** Octets of one SEND at most. */
  chunk: number;
  /** For "request" and "respond": octets each way, and how often. */
  request: number;
  response: number;
  rounds: number;
  /** A pause before the next request, or in the middle of sending. */
  pauseMs: number;
  /** 0 reads what comes, else so many octets … */
  readOctets: number;
  /** … every so often. */
  readEveryMs: number;
  /** What it waits for before CLOSE. */
  closeOn: "sent" | "eof" | "sent-and-eof";
  /** Something rude, so long after it began; 0: never. */
  rudeAtMs: number;
  rude: "abort" | "full-close" | "release" | "half-close";
  /** Gives the handle back as soon as both directions are closed, or waits for ENDED. */
  releasesEarly: boolean;
  options: OptionPlan;
}

export interface SessionPlan {
  id: number;
  kind: Application;
  /** Hosts by id. */
  client: number;
  server: number;
  atMs: number;
  /** Connects again so often, from the same port. */
  repeats: number;
  /** 0 lets the stack choose. */
  localPort: number;
  clientRole: RolePlan;
  serverRole: RolePlan;
}

/** Something that the network does for a while, to all frames or to those of one host or pair. */
export interface PhasePlan {
  id: number;
  seed: number;
  fromMs: number;
  untilMs: number;
  /** Hosts by id; 0 is any. Only frames from one of them to the other are concerned. */
  from: number;
  to: number;
  partition: boolean;
  /** Probabilities. */
  loss: number;
  /** Losses come in bursts of this many frames on average; 1 is none. */
  burst: number;
  duplicate: number;
  reorder: number;
  reorderMs: number;
  corrupt: number;
  mark: number;
  delayMs: number;
  jitterMs: number;
  /** 0 is no limit. */
  octetsPerMs: number;
  queueFrames: number;
  /** 0 is no limit. Routers say so, unless `isSilent`, and name the size, unless `isVague`. */
  mtu: number;
  isSilent: boolean;
  isVague: boolean;
}

export const ATTACKS = [
  "noise",
  "frames",
  "fragments",
  "arp",
  "echo-flood",
  "icmp",
  "blind",
  "near",
  "syn-flood",
  "stranger",
  "replay",
] as const;
export type AttackKind = (typeof ATTACKS)[number];

export interface AttackPlan {
  id: number;
  seed: number;
  kind: AttackKind;
  /** A host by id. */
  victim: number;
  fromMs: number;
  untilMs: number;
  everyMs: number;
}

export interface Scenario {
  seed: number;
  /** After this the network is perfect, nobody attacks, and everything comes to its end. */
  activeMs: number;
  latencyMs: number;
  hosts: HostPlan[];
  sessions: SessionPlan[];
  phases: PhasePlan[];
  attacks: AttackPlan[];
}
