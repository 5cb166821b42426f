/**
 * A hostile station: sends what its plan says, at the times that it says.
 *
 * It hears what a switch lets it hear, answers ARP for its own address, and may claim to be
 * anybody. What it sends stands in forge.ts and, for conversations of its own, in stranger.ts.
 * Called by the agenda.
 */
import { ArpOperation, buildFrame, parseArp } from "../../hal/host/packet/index.ts";
import { ATTACK_FRAMES } from "./forge.ts";
import { Dice } from "./plan-from-seed.ts";
import { ARP_TYPE, formatMac, type Receiver, SUBNET } from "./network.ts";
import type { Packet } from "./packet.ts";
import type { AttackPlan } from "./plan.ts";
import type { Station } from "./station.ts";
import { Strangers } from "./stranger.ts";
import type { World } from "./world.ts";

const MAC_PREFIX = 0x02bb * 2 ** 32;
/** Attackers' addresses lie above those of hosts. */
const FIRST_ADDRESS = SUBNET + 100;
/** Frames of others that a "replay" keeps. */
const RECORDED_MAX = 200;
/** After this there is no telling an old duplicate from a new segment (RFC 9293 §3.4.1). */
const REPLAY_MAX_MS = 60_000;

export class Attacker implements Receiver {
  /** No host's. */
  readonly id = 0;
  readonly mac: number;
  readonly address: number;
  readonly world: World;
  readonly plan: AttackPlan;
  readonly dice: Dice;
  readonly #strangers: Strangers;
  readonly #recorded: { atMs: number; octets: Uint8Array }[] = [];

  constructor(world: World, plan: AttackPlan) {
    this.world = world;
    this.plan = plan;
    this.dice = new Dice(plan.seed);
    this.mac = MAC_PREFIX + plan.id;
    this.address = FIRST_ADDRESS + plan.id;
    this.#strangers = new Strangers(this);
    world.network.connect(this);
    world.agenda.at(plan.fromMs, () => this.#strike());
  }

  get victim(): Station | undefined {
    const station = this.world.stations.get(this.plan.victim);
    return station?.isUp === true ? station : undefined;
  }

  get macText(): string {
    return formatMac(this.mac);
  }

  arrive(packet: Packet): void {
    if (packet.u16(12) === ARP_TYPE) this.#answerArp(packet);
    else if (packet.isTcp && packet.destination === this.address) this.#strangers.take(packet);
    this.world.network.packets.free(packet);
  }

  /** Sends octets of its own making. */
  send(octets: Uint8Array, isHostile = true): void {
    const packet = this.world.network.packets.get().take(octets);
    packet.isHostile = isHostile;
    this.world.network.send(this, packet);
  }

  /** Remembers a frame on the wire, if it is there for that. */
  overhear(packet: Packet): void {
    if (this.plan.kind !== "replay" || packet.isHostile || !this.dice.chance(0.2)) return;
    this.#recorded.push({ atMs: this.world.agenda.nowMs, octets: packet.view.slice() });
    if (this.#recorded.length > RECORDED_MAX) this.#recorded.shift();
  }

  #strike(): void {
    const { plan, world, victim } = this;
    const { nowMs } = world.agenda;
    if (nowMs >= plan.untilMs) return this.#strangers.stop();
    world.agenda.at(nowMs + 1 + this.dice.below(2 * plan.everyMs), () => this.#strike());
    if (victim === undefined) return;
    world.coverage.attack(plan.kind);
    if (plan.kind === "stranger") this.#strangers.open(victim);
    else if (plan.kind === "replay") this.#replay();
    else for (const frame of ATTACK_FRAMES[plan.kind](this, victim)) this.send(frame);
  }

  /** A true segment once more: an old duplicate, which nobody is to mind. */
  #replay(): void {
    const { nowMs } = this.world.agenda;
    const young = this.#recorded.filter(({ atMs }) => nowMs - atMs < REPLAY_MAX_MS);
    if (young.length > 0) this.send(this.dice.pick(young).octets, false);
  }

  #answerArp(packet: Packet): void {
    const arp = parseArp(packet.octets.subarray(14, packet.length));
    if (!arp.ok || arp.value.operation !== ArpOperation.REQUEST) return;
    if (arp.value.targetAddress !== this.address) return;
    const { senderMac, senderAddress } = arp.value;
    this.send(
      buildFrame({
        ethernet: { source: this.macText, destination: senderMac },
        arp: {
          operation: ArpOperation.REPLY,
          senderMac: this.macText,
          senderAddress: this.address,
          targetMac: senderMac,
          targetAddress: senderAddress,
        },
      }),
    );
  }
}
