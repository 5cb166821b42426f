/**
 * Who connects to whom, and when: the clients' side of each session of the plan, and the servers'
 * acceptor.
 *
 * Called by world.ts. What the ends do once they are there is in ends.ts.
 */
import { Status, StatusField } from "../../hal/host/abi.ts";
import type { Tuple } from "./attempts.ts";
import { End, type EndContext } from "./ends.ts";
import { SUBNET } from "./network.ts";
import type { RolePlan, SessionPlan } from "./plan.ts";
import { LISTEN_PORT, type Station } from "./station.ts";
import { demand } from "./violation.ts";
import type { World } from "./world.ts";

/** When a pool is empty or a port is taken, it is tried again so often. */
const TRIES_MAX = 40;
const RETRY_MS = 500;
const REPEAT_MS = 20;

/** How a stranger's connection is treated: something is sent to it, and it is closed with him. */
const STRANGER_ROLE: RolePlan = {
  send: 3_000,
  when: "start",
  chunk: 1_000,
  request: 0,
  response: 0,
  rounds: 0,
  pauseMs: 0,
  readOctets: 0,
  readEveryMs: 0,
  closeOn: "sent",
  rudeAtMs: 60_000,
  rude: "release",
  releasesEarly: false,
  options: {
    noDelay: false,
    ackAtOnce: false,
    quiet: false,
    urgent: false,
    userTimeoutMs: 0,
    keepAliveMs: 0,
  },
};

/** One session: its client, which may connect again and again. */
export class Session {
  readonly plan: SessionPlan;
  readonly #world: World;
  #repeats: number;

  constructor(world: World, plan: SessionPlan) {
    this.#world = world;
    this.plan = plan;
    this.#repeats = plan.repeats;
    world.agenda.at(plan.atMs, () => this.#start(TRIES_MAX));
  }

  #station(id: number): Station {
    return this.#world.stations.get(id)!;
  }

  #start(tries: number): void {
    const { plan } = this;
    const station = this.#station(plan.client);
    const isCrossing = plan.kind === "crossing";
    const remotePort = isCrossing ? plan.localPort + 1 : LISTEN_PORT;
    const target = { id: plan.server, port: remotePort, localPort: plan.localPort };
    const connected = station.isUp && this.#connect(station, target);
    if (!connected) {
      if (tries > 0 && !this.#world.isSettling) this.#again(RETRY_MS, tries - 1);
      return;
    }
    this.#world.coverage.application(plan.kind);
    if (isCrossing) this.#cross(connected);
  }

  #again(ms: number, tries: number): void {
    this.#world.agenda.at(this.#world.agenda.nowMs + ms, () => this.#start(tries));
  }

  /** Opens a connection; false when there was no room for it, or the tuple is not free yet. */
  #connect(station: Station, target: Target): End | false {
    const opened: End[] = [];
    station.act(() => {
      const end = open(station, target, (tuple, iss) => ({
        attempt: this.#world.attempts.open(this.plan.id, iss, tuple),
        role: this.plan.clientRole,
      }));
      if (end === false) return;
      end.attempt!.client = end;
      end.onDone = () => this.#repeat();
      opened.push(end);
    });
    return opened[0] ?? false;
  }

  /** The other one opens as well, at nearly the same time. */
  #cross(client: End): void {
    const { plan } = this;
    const laterMs = (plan.id % 3) * this.#world.latencyMs;
    const attempt = client.attempt!;
    this.#world.agenda.at(this.#world.agenda.nowMs + laterMs, () => {
      const station = this.#station(plan.server);
      if (!station.isUp || !this.#station(plan.client).isUp) return;
      const { localPort } = plan;
      const target = { id: plan.client, port: localPort, localPort: localPort + 1 };
      station.act(() => {
        const end = open(station, target, () => ({ attempt, role: plan.serverRole }), false);
        if (end !== false) attempt.server = end;
      });
    });
  }

  /** The client's handle is given back: perhaps once more, from the same port. */
  #repeat(): void {
    if (this.#repeats === 0 || this.#world.isSettling) return;
    this.#repeats -= 1;
    this.#again(REPEAT_MS, TRIES_MAX);
  }
}

interface Target {
  id: number;
  port: number;
  localPort: number;
}

function open(
  station: Station,
  { id, port, localPort }: Target,
  contextOf: (tuple: Tuple, iss: number) => EndContext,
  isClient = true,
): End | false {
  const remoteAddress = SUBNET + id;
  const handle = station.call("tcpConnect", remoteAddress, port, 0, localPort);
  if (handle === Status.NO_RESOURCES || handle === Status.ADDRESS_IN_USE) return false;
  demand(handle > 0, "connect", () => `host ${station.id}: tcpConnect answered ${handle}`);
  const iss = station.status(handle, StatusField.ISS);
  const tuple = {
    localAddress: station.address,
    localPort: station.status(handle, StatusField.LOCAL_PORT),
    remoteAddress,
    remotePort: port,
  };
  const end = new End(station, handle, isClient, contextOf(tuple, iss));
  station.adopt(end, tuple, iss);
  end.act();
  return end;
}

/** Accepts what has come to the listeners. */
export class Acceptor {
  readonly #world: World;
  readonly #isDue = new Set<Station>();

  constructor(world: World) {
    this.#world = world;
  }

  /** A listener has something to accept; a lazy host does that later. */
  acceptable(station: Station): void {
    const { acceptEveryMs } = station.plan;
    if (acceptEveryMs === 0 || this.#world.isSettling) return this.acceptAll(station);
    if (this.#isDue.has(station)) return;
    this.#isDue.add(station);
    this.#world.agenda.at(this.#world.agenda.nowMs + acceptEveryMs, () => {
      this.#isDue.delete(station);
      station.act(() => this.acceptAll(station));
    });
  }

  acceptAll(station: Station): void {
    while (station.listener !== 0) {
      const handle = station.call("tcpAccept", station.listener);
      if (handle === Status.WOULD_BLOCK) return;
      demand(handle > 0, "accept", () => `host ${station.id}: tcpAccept answered ${handle}`);
      this.#welcome(station, handle);
    }
  }

  #welcome(station: Station, handle: number): void {
    const tuple = {
      localAddress: station.address,
      localPort: station.status(handle, StatusField.LOCAL_PORT),
      remoteAddress: station.status(handle, StatusField.REMOTE_ADDRESS),
      remotePort: station.status(handle, StatusField.REMOTE_PORT),
    };
    const irs = station.status(handle, StatusField.IRS);
    const known = this.#world.attempts.accepted(tuple, irs);
    const attempt = known?.server === undefined ? known : undefined;
    if (known !== undefined && attempt === undefined) {
      // The ACK of a SYN cookie, once more, makes a second connection of the same numbers, whose
      // octets the client cannot tell from the first one's: what cookies cannot prevent.
      known.isTainted = true;
      this.#world.coverage.total("cookies taken twice");
    }
    const session = this.#world.scenario.sessions.find(({ id }) => id === attempt?.session);
    const role = session?.serverRole ?? STRANGER_ROLE;
    const end = new End(station, handle, false, { attempt, role });
    if (attempt !== undefined) attempt.server = end;
    station.adopt(end, tuple, station.status(handle, StatusField.ISS));
    end.act();
  }
}
