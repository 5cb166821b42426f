/**
 * The switch between all stations, and what it does to frames while a phase lasts: loss, one by one
 * or in bursts, reordering, duplication, damage, delay and jitter, partition, rate limits with a
 * queue, congestion marks, a smaller MTU with and without a router's word.
 *
 * Damage is only such as the Internet checksum notices: what it lets pass no TCP can tell from the
 * truth, so frames that would pass damaged are lost instead. ARP and Ethernet have no checksum here
 * and are damaged as it comes. Called by stations and attackers; hands frames to receivers when
 * their time has come.
 */
import { SeededEntropy } from "../../hal/host/entropy.ts";
import { buildFrame, EtherType, IcmpType, UnreachableCode } from "../../hal/host/packet/index.ts";
import type { Agenda, Due } from "./agenda.ts";
import type { Coverage } from "./coverage.ts";
import { type Packet, Packets } from "./packet.ts";
import type { PhasePlan } from "./plan.ts";

/** A station at the switch. */
export interface Receiver {
  /** A host's, or 0. */
  readonly id: number;
  readonly mac: number;
  /** Takes the packet over. */
  arrive(packet: Packet): void;
}

export const SUBNET = 0x0a09_0000;
/** Whose word it is that a datagram is too big. */
const ROUTER_ADDRESS = SUBNET + 254;
const ROUTER_MAC = "02:cc:00:00:00:fe";
const ETHERNET = 14;
const QUOTED_OCTETS = 28;
const MORE_FRAGMENTS = 0x2000;

/** Link addresses as numbers: hosts' end in their IPv4 address. */
export function hostMac(id: number): number {
  return 0x0200 * 2 ** 32 + SUBNET + id;
}

export function formatMac(mac: number): string {
  const octets = mac.toString(16).padStart(12, "0").match(/../g);
  return octets!.join(":");
}

/** A packet on its way. */
class Flight implements Due {
  atMs = 0;
  order = 0;
  packet!: Packet;
  to!: Receiver;
  readonly #idle: Flight[];

  constructor(idle: Flight[]) {
    this.#idle = idle;
  }

  happen(): void {
    const { packet, to } = this;
    this.#idle.push(this);
    to.arrive(packet);
  }
}

/** A phase at work. */
class Phase {
  readonly plan: PhasePlan;
  readonly entropy: SeededEntropy;
  /** In the middle of a burst of losses. */
  isBad = false;
  readonly busyUntil = new Map<Receiver, number>();

  constructor(plan: PhasePlan) {
    this.plan = plan;
    this.entropy = new SeededEntropy(plan.seed);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.entropy.fraction() < probability;
  }

  concerns(from: number, to: number, nowMs: number): boolean {
    const { plan } = this;
    if (nowMs < plan.fromMs || nowMs >= plan.untilMs) return false;
    return (plan.from === 0 || plan.from === from) && (plan.to === 0 || plan.to === to);
  }

  /** Whether this frame is lost; bursts end with the chance that makes them as long as planned. */
  loses(): boolean {
    const { loss, burst } = this.plan;
    if (burst <= 1) return this.chance(loss);
    this.isBad = this.isBad ? !this.chance(1 / burst) : this.chance(loss / burst / (1 - loss));
    return this.isBad;
  }
}

export class Network {
  readonly packets = new Packets();
  /** Sees each frame that is put on the wire. */
  onFrame: (packet: Packet) => void = () => undefined;
  readonly #agenda: Agenda;
  readonly #coverage: Coverage;
  readonly #latencyMs: number;
  readonly #phases: readonly Phase[];
  readonly #receivers = new Map<number, Receiver>();
  readonly #idle: Flight[] = [];

  constructor(agenda: Agenda, coverage: Coverage, latencyMs: number, phases: readonly PhasePlan[]) {
    this.#agenda = agenda;
    this.#coverage = coverage;
    this.#latencyMs = latencyMs;
    this.#phases = phases.map((plan) => new Phase(plan));
  }

  connect(receiver: Receiver): void {
    this.#receivers.set(receiver.mac, receiver);
  }

  /** A frame leaves a station at `atMs`. Takes the packet over. */
  send(from: Receiver, packet: Packet, atMs = this.#agenda.nowMs): void {
    this.onFrame(packet);
    const mac = packet.u16(0) * 2 ** 32 + packet.u32(2);
    const to = this.#receivers.get(mac);
    if (to !== undefined) {
      if (to !== from) this.#travel(from, to, this.packets.get().copyOf(packet), atMs);
    } else {
      // To all, or to nobody knows whom: a switch floods both.
      for (const other of this.#receivers.values()) {
        if (other === from) continue;
        this.#travel(from, other, this.packets.get().copyOf(packet), atMs);
      }
    }
    this.packets.free(packet);
  }

  #travel(from: Receiver, to: Receiver, packet: Packet, atMs: number): void {
    let arrivalMs = atMs + this.#latencyMs;
    for (const phase of this.#phases) {
      if (!phase.concerns(from.id, to.id, atMs)) continue;
      if (this.#isLost(phase, packet)) return this.packets.free(packet);
      const { mtu } = phase.plan;
      if (mtu !== 0 && packet.isIpv4 && packet.ipOctets > mtu && !packet.isFragment) {
        return this.#meetMtu(phase, { from, to, packet, arrivalMs });
      }
      this.#harm(phase, packet);
      const delayMs = this.#delay(phase, to, packet, arrivalMs);
      if (delayMs < 0) return this.packets.free(packet);
      arrivalMs += delayMs;
      if (phase.chance(phase.plan.duplicate)) {
        this.#coverage.impairment("duplicate");
        const extraMs = phase.entropy.below(Math.max(2, phase.plan.reorderMs));
        this.#fly(to, this.packets.get().copyOf(packet), arrivalMs + extraMs);
      }
    }
    this.#fly(to, packet, arrivalMs);
  }

  #isLost(phase: Phase, packet: Packet): boolean {
    if (phase.plan.partition) {
      this.#coverage.impairment("partition");
      return true;
    }
    if (phase.loses()) {
      this.#coverage.impairment(phase.plan.burst > 1 ? "burst" : "loss");
      return true;
    }
    return phase.chance(phase.plan.corrupt) && !this.#damage(phase, packet);
  }

  /** Changes octets, anywhere. False if nobody could notice: such a frame is not to arrive. */
  #damage(phase: Phase, packet: Packet): boolean {
    const { entropy } = phase;
    // Of a fragment one octet: whether more of them cancel out shows only when it is whole.
    const octets = packet.isIpv4 && packet.isFragment ? 1 : [1, 1, 1, 2, 4][entropy.below(5)]!;
    for (let i = 0; i < octets; i++) {
      packet.octets[entropy.below(packet.length)]! ^= 1 + entropy.below(255);
    }
    this.#coverage.impairment("damage");
    if (octets === 1 || !packet.isIntact) return true;
    this.#coverage.impairment("damage unnoticed");
    return false;
  }

  #harm(phase: Phase, packet: Packet): void {
    if (phase.chance(phase.plan.mark) && packet.markCongestion()) {
      this.#coverage.impairment("congestion mark");
    }
  }

  /** How much later it arrives; below 0: never, for the queue is full. */
  #delay(phase: Phase, to: Receiver, packet: Packet, nowMs: number): number {
    const { plan, entropy } = phase;
    let delayMs = plan.delayMs + (plan.jitterMs > 0 ? entropy.below(plan.jitterMs + 1) : 0);
    if (plan.octetsPerMs > 0) {
      const freeMs = Math.max(phase.busyUntil.get(to) ?? 0, nowMs);
      const waitMs = freeMs - nowMs;
      if (waitMs * plan.octetsPerMs > plan.queueFrames * 1_514) {
        this.#coverage.impairment("queue overflow");
        return -1;
      }
      const doneMs = freeMs + packet.length / plan.octetsPerMs;
      phase.busyUntil.set(to, doneMs);
      delayMs += Math.ceil(doneMs - nowMs);
    }
    if (phase.chance(plan.reorder)) {
      this.#coverage.impairment("reordering");
      delayMs += 1 + entropy.below(plan.reorderMs);
    }
    return delayMs;
  }

  /** The datagram is larger than the way is wide: it goes in pieces, or not at all. */
  #meetMtu(phase: Phase, flight: Journey): void {
    const { mtu, isSilent, isVague } = phase.plan;
    const { from, packet } = flight;
    if (!packet.dontFragment) return this.#fragment(mtu, flight);
    this.#coverage.impairment(isSilent ? "black hole" : "too big");
    if (!isSilent && packet.isIntact) {
      const quoted = packet.octets.slice(ETHERNET, ETHERNET + QUOTED_OCTETS);
      const octets = buildFrame({
        ethernet: { source: ROUTER_MAC, destination: formatMac(from.mac) },
        ipv4: { source: ROUTER_ADDRESS, destination: packet.source },
        icmp: {
          type: IcmpType.DESTINATION_UNREACHABLE,
          code: UnreachableCode.FRAGMENTATION_NEEDED,
          sequence: isVague ? 0 : mtu,
          payload: quoted,
        },
      });
      this.#fly(from, this.packets.get().take(octets), flight.arrivalMs + 1);
    }
    this.packets.free(packet);
  }

  #fragment(mtu: number, { to, packet, arrivalMs }: Journey): void {
    this.#coverage.impairment("fragmentation");
    const header = packet.ipHeaderOctets;
    const step = (mtu - header) & ~7;
    const payload = packet.ipOctets - header;
    const whole = packet.octets.slice(0, ETHERNET + packet.ipOctets);
    for (let at = 0; at < payload; at += step) {
      const octets = Math.min(step, payload - at);
      const piece = this.packets.get().copyOf(packet);
      const from = ETHERNET + header + at;
      piece.octets.set(packet.octets.subarray(from, from + octets), ETHERNET + header);
      piece.length = ETHERNET + header + octets;
      piece.whole = whole;
      piece.setU16(ETHERNET + 2, header + octets);
      piece.setU16(ETHERNET + 6, (at >> 3) | (at + octets < payload ? MORE_FRAGMENTS : 0));
      piece.sealIpv4();
      this.#fly(to, piece, arrivalMs);
    }
    this.packets.free(packet);
  }

  #fly(to: Receiver, packet: Packet, arrivalMs: number): void {
    const flight = this.#idle.pop() ?? new Flight(this.#idle);
    flight.packet = packet;
    flight.to = to;
    this.#agenda.enter(flight, Math.ceil(arrivalMs));
  }
}

interface Journey {
  from: Receiver;
  to: Receiver;
  packet: Packet;
  arrivalMs: number;
}

/** The Ethernet type of ARP, for those who answer it. */
export const ARP_TYPE: number = EtherType.ARP;
