/**
 * A run: the scenario's hosts, network, applications and attackers under one clock, until
 * everything has come to its end.
 *
 *     active     applications work, the network is bad, attackers attack
 *     settling   the network is perfect: what is open has to finish
 *     closing    all handles go back: what is left has to vanish
 *     counting   every pool is as full as it was at the start
 *
 * Called by run-seed.ts. Throws the first violation.
 */
import { EndReason, State } from "../../hal/host/abi.ts";
import type { Profile } from "../support/modules.ts";
import { Agenda } from "./agenda.ts";
import { Attacker } from "./attacker.ts";
import { type Attempt, Attempts } from "./attempts.ts";
import type { Coverage } from "./coverage.ts";
import type { End } from "./ends.ts";
import { Network } from "./network.ts";
import type { Packet } from "./packet.ts";
import type { HostPlan, Scenario } from "./plan.ts";
import { countPools } from "./pools.ts";
import { Acceptor, Session } from "./sessions.ts";
import type { Loan, Shelf } from "./shelf.ts";
import { Station } from "./station.ts";
import { demand } from "./violation.ts";

/** The longest that two ends may need to finish once nothing stands in their way. */
const SETTLE_MS = 500_000;
/** Beyond two user timeouts of 300 s, a last RTO, and 2MSL. */
const CLOSE_MS = 900_000;

export class World {
  readonly agenda = new Agenda();
  readonly attempts = new Attempts();
  readonly stations = new Map<number, Station>();
  readonly network: Network;
  readonly acceptor: Acceptor;
  readonly scenario: Scenario;
  readonly coverage: Coverage;
  readonly latencyMs: number;
  isSettling = false;
  isClosing = false;
  /** Calls into modules so far. */
  stepCount = 0;
  frameCount = 0;
  readonly #shelf: Shelf;
  readonly #lent: { profile: Profile; loan: Loan }[] = [];

  constructor(scenario: Scenario, shelf: Shelf, coverage: Coverage) {
    this.scenario = scenario;
    this.coverage = coverage;
    this.latencyMs = scenario.latencyMs;
    this.#shelf = shelf;
    this.network = new Network(this.agenda, coverage, scenario.latencyMs, scenario.phases);
    this.acceptor = new Acceptor(this);
  }

  /** How long the network has been perfect. */
  get settledMs(): number {
    return this.isSettling ? this.agenda.nowMs - this.scenario.activeMs : 0;
  }

  /** `onFrame` sees each frame that is put on the wire. */
  run(onFrame?: (packet: Packet) => void): void {
    const { scenario, agenda } = this;
    for (const plan of scenario.hosts) this.#addHost(new Station(this, plan));
    const attackers = scenario.attacks
      .filter(({ victim }) => this.stations.has(victim))
      .map((plan) => new Attacker(this, plan));
    for (const plan of scenario.sessions) new Session(this, plan);
    this.network.onFrame = (packet) => {
      this.frameCount += 1;
      onFrame?.(packet);
      for (const attacker of attackers) attacker.overhear(packet);
    };
    agenda.run(scenario.activeMs);
    this.#settle();
    this.#close();
    for (const station of this.stations.values()) {
      station.countCounters();
      countPools(station);
    }
    this.coverage.total("frames", this.frameCount);
    this.coverage.total("steps", this.stepCount);
    this.coverage.total("connections", this.attempts.all.length);
  }

  /** Gives the instances back, unless one has trapped. */
  end(isSound: boolean): void {
    if (!isSound) return;
    for (const { profile, loan } of this.#lent) this.#shelf.giveBack(profile, loan);
  }

  #addHost(station: Station): void {
    const { plan } = station;
    this.stations.set(plan.id, station);
    station.boot(this.#borrow(station), plan.startMs);
    for (const { atMs, byMs } of plan.jumps) this.agenda.at(atMs, () => station.jump(byMs));
    for (const crash of plan.crashes) this.agenda.at(crash.atMs, () => this.#crash(station, crash));
    for (const sleep of plan.sleeps) this.agenda.at(sleep.atMs, () => this.#sleep(station, sleep));
    for (const pause of plan.pauses) {
      this.agenda.at(pause.atMs, () => station.stopListening());
      this.agenda.at(pause.atMs + pause.forMs, () => station.listen());
    }
  }

  #borrow(station: Station): Loan {
    const { profile } = station.plan;
    const loan = this.#shelf.borrow(profile, {
      transmit: (at, length) => station.transmit(at, length),
      entropy: () => station.entropy(),
    });
    this.#lent.push({ profile, loan });
    return loan;
  }

  #crash(station: Station, { atMs, forMs }: { atMs: number; forMs: number }): void {
    if (!station.isUp) return;
    this.coverage.impairment("crash");
    const startMs = station.nowMs();
    const loan = station.crash();
    // Every second one begins its clock anew, as a board without a battery does.
    const clockMs = atMs % 2 === 0 ? startMs : 0;
    this.agenda.at(this.agenda.nowMs + forMs, () => station.boot(loan, clockMs));
  }

  #sleep(station: Station, { forMs, isKnown }: HostPlan["sleeps"][number]): void {
    if (!station.isUp) return;
    this.coverage.total("snapshots");
    this.coverage.impairment(isKnown ? "sleep" : "sleep of unknown length");
    const wake = station.sleep();
    this.agenda.at(this.agenda.nowMs + forMs, () => wake(isKnown ? 0 : forMs));
  }

  // ── The end ────────────────────────────────────────────────────────────────────────────────────

  #settle(): void {
    this.isSettling = true;
    for (const station of this.stations.values()) this.#hurry(station);
    const untilMs = this.scenario.activeMs + SETTLE_MS;
    while (this.agenda.nowMs < untilMs && !this.#isThrough()) {
      this.agenda.run(Math.min(untilMs, this.agenda.nowMs + SETTLE_MS / 50));
      // What was accepted or came back since.
      for (const station of this.stations.values()) this.#hurry(station);
    }
    for (const attempt of this.attempts.all) judgeFinish(attempt);
  }

  #hurry(station: Station): void {
    station.act(() => {
      this.acceptor.acceptAll(station);
      for (const end of [...station.ends.values()]) end.hurry();
    });
  }

  /** Whether every end has come to its end. */
  #isThrough(): boolean {
    return this.attempts.all.every(({ client, server }) => {
      return client?.isActive !== true && server?.isActive !== true;
    });
  }

  #close(): void {
    this.isClosing = true;
    for (const station of this.stations.values()) {
      station.act(() => {
        for (const end of [...station.ends.values()]) {
          end.hasAborted = true;
          end.release();
        }
      });
      station.stopListening();
    }
    this.agenda.run(this.agenda.nowMs + CLOSE_MS);
    for (const station of this.stations.values()) this.#judgeEmpty(station);
  }

  #judgeEmpty(station: Station): void {
    demand(station.isUp, "down", () => `host ${station.id} has not come back`);
    const left = station.watch.slots.find(({ isLive }) => isLive);
    demand(left === undefined, "tcb-left", () => station.watch.describe(left!));
    demand(station.watch.timeWaits.isEmpty, "time-wait-left", () => `at host ${station.id}`);
    for (const attempt of this.attempts.all) {
      const { clientAddress, clientPort, serverAddress, serverPort } = attempt;
      const isClient = clientAddress === station.address;
      if (!isClient && serverAddress !== station.address) continue;
      const state = isClient
        ? station.lookup(serverAddress, serverPort, clientPort)
        : station.lookup(clientAddress, clientPort, serverPort);
      demand(state === State.CLOSED, "record-left", () => {
        return `host ${station.id}, session ${attempt.session}: state ${state}`;
      });
    }
  }
}

/**
 * Two ends that know one another, on a perfect network, finish: whoever is left over would wait for
 * ever. An end whose peer is gone may not have learned of it.
 */
function judgeFinish(attempt: Attempt): void {
  const { client, server, isTainted } = attempt;
  for (const end of [client, server]) {
    const isOver = end?.isActive === true && (end.slot?.reason ?? 0) !== EndReason.NONE;
    demand(!isOver || end.reason !== EndReason.NONE, "untold-end", () => end!.describe());
  }
  if (client === undefined || server === undefined || isTainted) return;
  const isStuck = client.isActive && server.isActive && areConnected(client, server);
  demand(!isStuck, "stuck", () => `${client.describe()}; ${server.describe()}`);
}

function areConnected(client: End, server: End): boolean {
  const [one, other] = [client.slot, server.slot];
  if (one === undefined || other === undefined) return false;
  if (one.iss !== other.irs || one.irs !== other.iss) return false;
  return one.state !== State.CLOSED && other.state !== State.CLOSED;
}
