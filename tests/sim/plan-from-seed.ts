/**
 * A scenario from a seed: topology, profiles, applications, impairments, clocks, crashes, sleeps,
 * attacks.
 *
 * Called by run-seed.ts. The same seed and profiles give the same scenario. Sizes are chosen so
 * that a run takes a fraction of a second, and that each profile's queues and pools run full.
 */
import { SeededEntropy } from "../../hal/host/entropy.ts";
import type { Profile } from "../support/modules.ts";
import {
  type Application,
  APPLICATIONS,
  type AttackPlan,
  ATTACKS,
  type HostPlan,
  type OptionPlan,
  type PhasePlan,
  type RolePlan,
  type Scenario,
  type SessionPlan,
} from "./plan.ts";

const HOSTS_MAX = 8;
/** Its 64 MB per instance are worth it sometimes. */
const LARGE_HOSTS_MAX = 2;
/** What the sessions of one run send together at most, so that no run takes for ever. */
const OCTETS_MAX = 400_000;
const CLOCK_WRAP = 2 ** 32;
/** Sleeps have dice of their own. */
const SLEEP_SALT = 0x5133_9000;

/** Chance, in the shapes that plans need it in. */
export class Dice extends SeededEntropy {
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** As likely to be small as large, by orders of magnitude. */
  spread(low: number, high: number): number {
    return Math.round(low * (high / low) ** this.fraction());
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

/** `profiles`: those whose modules are there. */
export function planFromSeed(seed: number, profiles: readonly Profile[]): Scenario {
  const dice = new Dice(seed);
  const activeMs = dice.spread(5_000, 120_000);
  const hosts = planHosts(dice, activeMs, profiles);
  const phases = planPhases(dice, activeMs, hosts);
  for (const { mtu, fromMs } of phases) {
    // So that larger segments are tried again while the connections last.
    if (mtu === 0 || dice.chance(0.5)) continue;
    const atMs = fromMs + dice.below(Math.max(1, activeMs - fromMs));
    dice.pick(hosts).jumps.push({ atMs, byMs: dice.between(600_000, 700_000) });
  }
  const wakeMs = hosts.flatMap(({ sleeps }) => sleeps.map(({ atMs, forMs }) => atMs + forMs));
  return {
    seed,
    activeMs: Math.max(activeMs, ...wakeMs),
    latencyMs: dice.pick([0, 1, 1, 5, 20, 60]),
    hosts,
    sessions: planSessions(dice, activeMs, hosts),
    phases,
    attacks: planAttacks(dice, activeMs, hosts),
  };
}

function planHosts(dice: Dice, activeMs: number, profiles: readonly Profile[]): HostPlan[] {
  const count = dice.chance(0.4) ? 2 : dice.between(2, HOSTS_MAX);
  const small = profiles.filter((profile) => profile !== "host");
  let large = 0;
  return Array.from({ length: count }, (_, index) => {
    const isLarge = profiles.includes("host") && large < LARGE_HOSTS_MAX && dice.chance(0.15);
    const profile = isLarge || small.length === 0 ? "host" : dice.pick(small);
    if (profile === "host") large += 1;
    return planHost(dice, activeMs, { id: index + 1, profile });
  });
}

function planHost(
  dice: Dice,
  activeMs: number,
  { id, profile }: Pick<HostPlan, "id" | "profile">,
): HostPlan {
  const crashes = dice.chance(0.15) ? dice.between(1, 2) : 0;
  const isSlow = dice.chance(0.25);
  const seed = dice.word();
  return {
    id,
    profile,
    seed,
    mslMs: dice.chance(0.5) ? dice.spread(100, 5_000) : 30_000,
    startMs: dice.chance(0.4) ? CLOCK_WRAP - dice.below(activeMs + 1) : dice.word(),
    skewPpm: dice.chance(0.5) ? 0 : dice.between(-20_000, 20_000),
    jumps: Array.from({ length: dice.chance(0.15) ? dice.between(1, 3) : 0 }, () => ({
      atMs: dice.below(activeMs),
      byMs: dice.spread(10, dice.pick([60_000, 60_000, 1_500_000, 86_400_000])),
    })),
    crashes: Array.from({ length: crashes }, () => ({
      atMs: dice.below(activeMs),
      forMs: dice.spread(1, 20_000),
    })).sort((a, b) => a.atMs - b.atMs),
    sleeps: planSleeps(new Dice(seed ^ SLEEP_SALT), activeMs, profile),
    pauses: Array.from({ length: dice.chance(0.15) ? dice.between(1, 3) : 0 }, () => ({
      atMs: dice.below(activeMs),
      forMs: dice.spread(10, 10_000),
    })),
    rtoMinMs: dice.pick([0, 0, 0, 10, 200]),
    ecn: dice.pick([0, 1, 2, 2]),
    rxQueueFrames: dice.pick([2, 8, 64, 64]),
    lateMs: dice.spread(1, 400),
    lateShare: dice.chance(0.3) ? dice.fraction() : 0,
    busyShare: dice.chance(0.25) ? dice.fraction() * 0.5 : 0,
    txQueueFrames: isSlow ? dice.between(1, 8) : 0,
    txOctetsPerMs: isSlow ? dice.spread(20, 1_250) : 0,
    backlog: dice.pick([1, 2, 4, 8]),
    acceptEveryMs: dice.chance(0.2) ? dice.spread(5, 3_000) : 0,
  };
}

/** Naps, and sleeps beyond what peers, keep-alive and user timeouts wait for. */
function planSleeps(dice: Dice, activeMs: number, profile: Profile): HostPlan["sleeps"] {
  // To write down the 64 MB of `host` takes as long as the rest of a run.
  const count = dice.chance(profile === "host" ? 0.05 : 0.3) ? dice.between(1, 4) : 0;
  return Array.from({ length: count }, () => ({
    atMs: dice.below(activeMs),
    forMs: dice.spread(1, dice.pick([10, 2_000, 20_000, 400_000])),
    isKnown: dice.chance(0.7),
  })).sort((a, b) => a.atMs - b.atMs);
}

// ── Applications ─────────────────────────────────────────────────────────────────────────────────

const NO_OPTIONS: OptionPlan = {
  noDelay: false,
  ackAtOnce: false,
  quiet: false,
  urgent: false,
  userTimeoutMs: 0,
  keepAliveMs: 0,
};

function planOptions(dice: Dice): OptionPlan {
  if (dice.chance(0.3)) return NO_OPTIONS;
  return {
    noDelay: dice.chance(0.3),
    ackAtOnce: dice.chance(0.2),
    quiet: dice.chance(0.2),
    urgent: dice.chance(0.15),
    userTimeoutMs: dice.chance(0.25) ? dice.spread(1_000, 120_000) : 0,
    keepAliveMs: dice.chance(0.2) ? dice.spread(1_000, 20_000) : 0,
  };
}

function planRole(dice: Dice, what: Partial<RolePlan>): RolePlan {
  return {
    send: 0,
    when: "start",
    chunk: dice.spread(1, 8_000),
    request: 0,
    response: 0,
    rounds: 0,
    pauseMs: 0,
    readOctets: 0,
    readEveryMs: 0,
    closeOn: "eof",
    rudeAtMs: 0,
    rude: "abort",
    releasesEarly: dice.chance(0.3),
    options: planOptions(dice),
    ...what,
  };
}

type Roles = [client: RolePlan, server: RolePlan];

/** What the two ends of each kind of application do; `octets`: how much is worth sending. */
const ROLES: Record<Application, (dice: Dice, octets: number) => Roles> = {
  echo: (dice, octets) => [
    planRole(dice, { send: octets, closeOn: "sent" }),
    planRole(dice, { when: "echo", closeOn: "sent-and-eof" }),
  ],
  bulk: (dice, octets) => inAnyDirection(dice, octets, {}),
  request: (dice, octets) => {
    const rounds = dice.between(1, 12);
    const sizes = {
      rounds,
      request: dice.spread(1, 1_500),
      response: Math.ceil(octets / rounds),
    };
    return [
      planRole(dice, {
        ...sizes,
        when: "request",
        closeOn: "sent",
        pauseMs: dice.spread(1, 2_000),
      }),
      planRole(dice, { ...sizes, when: "respond", closeOn: "sent-and-eof" }),
    ];
  },
  "slow-reader": (dice, octets) => {
    const readOctets = dice.spread(1, 2_000);
    // At most some hundred reads before the end of the active time lets it read at once.
    const readEveryMs = dice.spread(5, 3_000);
    return inAnyDirection(dice, octets, { readOctets, readEveryMs });
  },
  "half-closer": (dice, octets) => [
    planRole(dice, { send: dice.below(200), closeOn: "sent" }),
    planRole(dice, { send: octets, when: "after-eof", closeOn: "sent-and-eof" }),
  ],
  aborter: (dice, octets) => {
    const rudeAtMs = dice.spread(1, 10_000);
    const rude = dice.pick(["abort", "abort", "full-close", "release", "half-close"] as const);
    const isClient = dice.chance(0.5);
    const lazy = dice.chance(0.4) ? { readOctets: 50, readEveryMs: 500 } : {};
    const common = { send: octets, closeOn: "sent-and-eof" as const, ...lazy };
    return [
      planRole(dice, isClient ? { ...common, rudeAtMs, rude } : common),
      planRole(dice, isClient ? common : { ...common, rudeAtMs, rude }),
    ];
  },
  "re-user": (dice, octets) => inAnyDirection(dice, Math.min(octets, 2_000), {}),
  idler: (dice, octets) => {
    const keepAliveMs = dice.spread(1_000, 10_000);
    const pauseMs = dice.spread(2_000, 60_000);
    const options = { ...planOptions(dice), keepAliveMs };
    return [
      planRole(dice, { send: Math.min(octets, 3_000), closeOn: "sent", pauseMs, options }),
      planRole(dice, { when: "echo", closeOn: "sent-and-eof" }),
    ];
  },
  crossing: (dice, octets) => [
    planRole(dice, { send: octets, closeOn: dice.pick(["sent", "sent-and-eof"]) }),
    planRole(dice, { send: octets >> 1, closeOn: "sent" }),
  ],
};

/** One end sends, the other one reads and, perhaps, has its own way of doing so. */
function inAnyDirection(dice: Dice, octets: number, reader: Partial<RolePlan>): Roles {
  const sender = planRole(dice, { send: octets, closeOn: "sent" });
  const receiver = planRole(dice, { ...reader, closeOn: "eof" });
  return dice.chance(0.5) ? [sender, receiver] : [receiver, sender];
}

function planSessions(dice: Dice, activeMs: number, hosts: readonly HostPlan[]): SessionPlan[] {
  const count = dice.between(2, 6 + 3 * hosts.length);
  let left = OCTETS_MAX;
  return Array.from({ length: count }, (_, index) => {
    const id = index + 1;
    const kind = dice.pick(APPLICATIONS);
    const client = dice.pick(hosts).id;
    const server = dice.pick(hosts.filter((host) => host.id !== client)).id;
    const octets = Math.min(dice.spread(1, 100_000), left);
    left = Math.max(left - octets, 1_000);
    const [clientRole, serverRole] = ROLES[kind](dice, octets);
    const isFixed = kind === "re-user" || kind === "crossing";
    return {
      id,
      kind,
      client,
      server,
      atMs: dice.below(Math.ceil(activeMs * 0.8)),
      repeats: kind === "re-user" ? dice.between(1, 6) : 0,
      localPort: isFixed ? 10_000 + 10 * id : 0,
      clientRole,
      serverRole,
    };
  });
}

// ── The network ──────────────────────────────────────────────────────────────────────────────────

function planPhases(dice: Dice, activeMs: number, hosts: readonly HostPlan[]): PhasePlan[] {
  const count = dice.chance(0.1) ? 0 : dice.between(1, 6);
  return Array.from({ length: count }, (_, index) => {
    const fromMs = dice.chance(0.4) ? 0 : dice.below(activeMs);
    const untilMs = Math.min(activeMs, fromMs + dice.spread(500, activeMs));
    const isForAll = dice.chance(0.5);
    const phase = quietPhase(index + 1, dice.word());
    Object.assign(phase, {
      fromMs,
      untilMs,
      from: isForAll ? 0 : dice.pick(hosts).id,
      to: isForAll || dice.chance(0.5) ? 0 : dice.pick(hosts).id,
    });
    for (let troubles = dice.between(1, 3); troubles > 0; troubles--) addTrouble(dice, phase);
    if (phase.partition) phase.untilMs = Math.min(untilMs, fromMs + dice.spread(500, 40_000));
    return phase;
  });
}

function quietPhase(id: number, seed: number): PhasePlan {
  return {
    id,
    seed,
    fromMs: 0,
    untilMs: 0,
    from: 0,
    to: 0,
    partition: false,
    loss: 0,
    burst: 1,
    duplicate: 0,
    reorder: 0,
    reorderMs: 0,
    corrupt: 0,
    mark: 0,
    delayMs: 0,
    jitterMs: 0,
    octetsPerMs: 0,
    queueFrames: 0,
    mtu: 0,
    isSilent: false,
    isVague: false,
  };
}

const TROUBLES: readonly ((dice: Dice, phase: PhasePlan) => void)[] = [
  (dice, phase) => void (phase.loss = dice.spread(0.005 * 1e6, 0.3 * 1e6) / 1e6),
  (dice, phase) => {
    phase.loss = dice.spread(0.01 * 1e6, 0.3 * 1e6) / 1e6;
    phase.burst = dice.between(2, 12);
  },
  (dice, phase) => {
    phase.reorder = dice.spread(0.01 * 1e6, 0.4 * 1e6) / 1e6;
    phase.reorderMs = dice.spread(1, 300);
  },
  (dice, phase) => void (phase.duplicate = dice.spread(0.01 * 1e6, 0.3 * 1e6) / 1e6),
  (dice, phase) => void (phase.corrupt = dice.spread(0.005 * 1e6, 0.2 * 1e6) / 1e6),
  (dice, phase) => {
    phase.delayMs = dice.spread(1, 400);
    phase.jitterMs = dice.chance(0.5) ? dice.spread(1, 200) : 0;
  },
  (dice, phase) => {
    phase.octetsPerMs = dice.spread(5, 1_000);
    phase.queueFrames = dice.between(1, 30);
  },
  (dice, phase) => {
    phase.mtu = dice.pick([296, 576, 600, 1_006, 1_280, 1_400, 1_492]);
    phase.isSilent = dice.chance(0.3);
    phase.isVague = dice.chance(0.3);
  },
  (dice, phase) => void (phase.mark = dice.spread(0.05 * 1e6, 0.8 * 1e6) / 1e6),
  (_, phase) => void (phase.partition = true),
];

function addTrouble(dice: Dice, phase: PhasePlan): void {
  dice.pick(TROUBLES)(dice, phase);
}

// ── Hostile stations ─────────────────────────────────────────────────────────────────────────────

function planAttacks(dice: Dice, activeMs: number, hosts: readonly HostPlan[]): AttackPlan[] {
  const count = dice.chance(0.35) ? 0 : dice.between(1, 5);
  return Array.from({ length: count }, (_, index) => {
    const fromMs = dice.chance(0.3) ? 0 : dice.below(activeMs);
    const kind = dice.pick(ATTACKS);
    const everyMs = dice.spread(5, 2_000);
    // So many that the pools run full, and not so many that a run never ends.
    const lengthMs = dice.between(10, kind === "syn-flood" ? 400 : 150) * everyMs;
    return {
      id: index + 1,
      seed: dice.word(),
      kind,
      victim: dice.pick(hosts).id,
      fromMs,
      untilMs: Math.min(activeMs, fromMs + lengthMs),
      everyMs,
    };
  });
}
