/**
 * Linger as a sender of full segments of 100 octets to a peer that reports what it has: for the
 * tests of loss recovery. Numbers of Linger's stream are offsets from the first octet in flight.
 */
import assert from "node:assert/strict";
import { seqDistance } from "./sequence.ts";
import type { CounterName } from "./device.ts";
import { open, type OptionPeer, type PeerOffer } from "./option-peer.ts";
import type { Variant } from "./variants.ts";

export const MSS = 100;
const WINDOW = 60_000;
export const FLIGHT = 10 * MSS;

/** A sender with one round trip behind it. */
export class Sender {
  readonly peer: OptionPeer;
  /** Where offset 0 lies in Linger's stream. */
  base = 0;
  /** What the peer said last. */
  acked = 0;

  constructor(variant: Variant, sack = true, offer: PeerOffer = {}) {
    this.peer = open(variant, { sack, mss: MSS, window: WINDOW, ...offer });
  }

  get c(): OptionPeer["c"] {
    return this.peer.c;
  }

  /** An ACK of `octets`, reporting `ranges`; what Linger then sends, first and last number. */
  ack(octets: number, ...ranges: [number, number][]): [number, number][] {
    this.acked = octets;
    const sack = ranges.map(([from, to]) => [this.#seq(from), this.#seq(to)] as const);
    const extra = ranges.length === 0 ? {} : { sack };
    this.peer.send(`<SEQ=301><ACK=${this.#seq(octets)}><CTL=ACK>`, extra);
    return this.sent();
  }

  #seq(offset: number): number {
    return 101 + this.base + offset;
  }

  /** What was emitted since the last look. */
  sent(): [number, number][] {
    const first = (this.c.iss + 1 + this.base) >>> 0;
    return this.peer.take().map(({ seq, payload }): [number, number] => {
      const from = seqDistance(first, seq) | 0;
      return [from, from + payload.length];
    });
  }

  /** Lets the congestion window grow, then has ten segments in flight, and nothing unsent. */
  tenInFlight(): this {
    while (this.c.status("CWND") < FLIGHT) {
      this.c.write(FLIGHT);
      this.sent();
      for (let octets = MSS; octets <= FLIGHT; octets += MSS) this.ack(octets);
      this.base += FLIGHT;
    }
    this.c.write(FLIGHT);
    assert.equal(this.sent().length, 10);
    return this;
  }

  /** As `tenInFlight`, after enough round trips of this length for SRTT to show it. */
  tenInFlightAfter(rttMs: number): this {
    for (let round = 0; round < 60; round++) {
      this.c.write(FLIGHT);
      this.sent();
      this.c.advance(rttMs);
      this.ack(FLIGHT);
      this.base += FLIGHT;
    }
    assert.ok(Math.abs(this.c.status("SRTT_MS") - rttMs) <= 1, "SRTT is that round trip");
    return this.tenInFlight();
  }

  /** What the module has counted. */
  counter(name: CounterName): number {
    return this.c.rig.device.counter(name);
  }
}

/** The segment with this index, as `Sender` shows it. */
export function nth(index: number): [number, number] {
  return [index * MSS, (index + 1) * MSS];
}
