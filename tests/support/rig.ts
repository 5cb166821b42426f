/**
 * One module and a scripted peer on its link: keeps the virtual time, answers ARP for the peer, and
 * hands each emitted segment to the conversation that it belongs to.
 *
 * Called by given.ts and the tests; conversation.ts is what they mostly see of it.
 */
import assert from "node:assert/strict";
import {
  ArpOperation,
  type ArpInput,
  buildFrame,
  type EthernetInput,
  type FrameInput,
} from "../../hal/host/packet/index.ts";
import { Conversation } from "./conversation.ts";
import { Device, type DeviceOptions, type Emitted, eventNames, type EventName } from "./device.ts";
import { PEER_ADDRESS } from "./variants.ts";

export const PEER_MAC = "02:00:00:00:00:02";

export interface RigOptions extends DeviceOptions {
  /** Whether the peer answers requests for its address, and introduces itself. Default true. */
  answersArp?: boolean;
}

/** How many frames the scripted side may answer before time moves: more would be a loop. */
const ROUNDS_MAX = 1_000;

export class Rig {
  readonly device: Device;
  readonly #conversations = new Map<string, Conversation>();
  /** Events that were taken from the module, by handle, and not yet looked at. */
  readonly #events = new Map<number, number>();
  /** What came out that is neither a known conversation's nor an ARP packet answered here. */
  readonly others: Emitted[] = [];
  answersArp: boolean;
  #batchDepth = 0;

  constructor(options: RigOptions) {
    this.device = new Device(options);
    this.answersArp = options.answersArp ?? true;
    if (!this.answersArp) return;
    // Who asks for an address tells its own, so no connection has to wait for ARP.
    this.deliver(this.arpFrame({ operation: ArpOperation.REQUEST, targetAddress: this.address }));
    const [reply] = this.others.splice(0);
    assert.equal(reply?.frame.arp?.operation, ArpOperation.REPLY, "no answer to an ARP request");
  }

  get address(): number {
    return this.device.address;
  }

  /** An ARP packet from the peer. */
  arpFrame(arp: ArpInput, ethernet: EthernetInput = {}): Uint8Array {
    const sender = { senderMac: PEER_MAC, senderAddress: PEER_ADDRESS };
    return buildFrame({ arp: { ...sender, ...arp }, ethernet });
  }

  /** A frame from the peer to Linger, whatever stands in `input` in place of what fits. */
  peerFrame(input: FrameInput): Uint8Array {
    return buildFrame({
      ...input,
      ethernet: { source: PEER_MAC, destination: this.device.mac, ...input.ethernet },
      ipv4: { source: PEER_ADDRESS, destination: this.address, ...input.ipv4 },
    });
  }

  /** Conversations are found by their tuple; the newest one gets the segments. */
  route(conversation: Conversation): void {
    const { peerAddress, peerPort, localPort } = conversation;
    this.#conversations.set(`${peerAddress}:${peerPort}:${localPort}`, conversation);
  }

  /** Hands over frames as one batch, then polls (RFC 9293 MUST-58). */
  deliver(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) {
      this.device.receive(frame);
      this.#sort();
    }
    this.settle();
  }

  /** Does what several user calls want done only after the last of them. */
  together(run: () => void): void {
    this.#batchDepth += 1;
    try {
      run();
    } finally {
      this.#batchDepth -= 1;
    }
    this.settle();
  }

  /** Polls until all is done that can be done now; the ms until something is due. */
  settle(): number {
    if (this.#batchDepth > 0) return 0;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const sleepMs = this.device.pollAll();
      this.takeEvents();
      if (!this.#sort()) return sleepMs;
    }
    throw new assert.AssertionError({ message: "the module and ARP keep talking for ever" });
  }

  /** Lets time pass, polling exactly when the module asked for it. */
  advance(ms: number): void {
    const end = this.device.nowMs + ms;
    for (;;) {
      const sleepMs = this.settle();
      if (this.device.nowMs + sleepMs > end) break;
      this.device.nowMs += sleepMs;
    }
    this.device.nowMs = end;
    this.settle();
  }

  /** Lets time pass until a segment comes out, `ms` at most; whether one did. */
  advanceUntilEmitted(ms: number, hasEmitted: () => boolean): boolean {
    const end = this.device.nowMs + ms;
    while (!hasEmitted()) {
      const sleepMs = this.settle();
      if (hasEmitted()) break;
      if (this.device.nowMs + sleepMs > end) {
        this.device.nowMs = end;
        this.settle();
        return hasEmitted();
      }
      this.device.nowMs += sleepMs;
    }
    return true;
  }

  /** Takes all events out of the module, as an application's loop does. */
  takeEvents(): void {
    for (;;) {
      const handle = this.device.call("nextReady");
      if (handle === 0) return;
      const mask = this.device.call("takeEvents", handle);
      assert.ok(mask > 0, "nextReady named a handle without events");
      this.#events.set(handle, (this.#events.get(handle) ?? 0) | mask);
    }
  }

  /** The events of a handle since the last look. */
  eventsOf(handle: number): EventName[] {
    this.takeEvents();
    const mask = this.#events.get(handle) ?? 0;
    this.#events.delete(handle);
    return eventNames(mask);
  }

  /** The handles that have had events which nobody has looked at; those are forgotten. */
  takeAllEvents(): number[] {
    this.takeEvents();
    const handles = [...this.#events.keys()];
    this.#events.clear();
    return handles;
  }

  /** Takes what came out that no conversation got, of one kind. */
  takeOthers(): Emitted[] {
    return this.others.splice(0);
  }

  /** Deals out the emitted frames; true if one of them was answered. */
  #sort(): boolean {
    let answered = false;
    for (const emitted of this.device.emitted.splice(0)) {
      const { arp, ipv4, tcp } = emitted.frame;
      if (arp?.operation === ArpOperation.REQUEST && this.answersArp) {
        if (arp.targetAddress === PEER_ADDRESS) {
          this.device.receive(this.#arpReply());
          answered = true;
          continue;
        }
      }
      const key = `${ipv4?.destination}:${tcp?.destinationPort}:${tcp?.sourcePort}`;
      const conversation = this.#conversations.get(key);
      if (conversation !== undefined) conversation.arrived(emitted);
      else this.others.push(emitted);
    }
    return answered;
  }

  #arpReply(): Uint8Array {
    return this.arpFrame(
      { operation: ArpOperation.REPLY, targetMac: this.device.mac, targetAddress: this.address },
      { destination: this.device.mac },
    );
  }
}
