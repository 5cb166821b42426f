/**
 * A peer that speaks window scale, timestamps and SACK, or some of them, around a Conversation.
 *
 *     const peer = open(variant, { timestamps: true, sack: true });
 *     peer.send("<SEQ=401><ACK=101><CTL=ACK><DATA=100>");
 *     peer.expect("<SEQ=101><ACK=301><CTL=ACK><SACK=401-501>");
 *
 * Its segments carry its timestamp and the echo of Linger's latest, where it has offered them.
 * Called by tests. Like a Conversation, it sends nothing by itself.
 */
import assert from "node:assert/strict";
import {
  Flag,
  findOption,
  formatSegment,
  type TcpOption,
  type TcpSegment,
} from "../../hal/host/packet/index.ts";
import type { Conversation } from "./conversation.ts";
import { fresh, type GivenOptions } from "./given.ts";
import { LINGER_ISS, normalizeText, parseSegmentText, PEER_ISS } from "./notation.ts";
import type { Variant } from "./variants.ts";

/** How the connection came to be. */
export type Opening = "passive" | "active" | "simultaneous";
export const OPENINGS: readonly Opening[] = ["passive", "active", "simultaneous"];

/** What the peer's SYN carries beside its MSS. */
export interface PeerOffer extends Omit<GivenOptions, "role"> {
  opening?: Opening;
  shift?: number;
  sack?: boolean;
  timestamps?: boolean;
  /** The window field of the peer's SYN; default as in all its segments. */
  synWindow?: number;
}

/** What one segment says otherwise. */
export interface Extra {
  /** Blocks of Linger's stream in relative numbers: from, up to. */
  sack?: readonly (readonly [number, number])[];
  /** TSval; the peer's clock by default, null for no option. */
  tsVal?: number | null;
  /** TSecr; Linger's latest TSval by default. */
  tsEcr?: number;
  /** Options in place of all those. */
  options?: TcpOption[];
}

/** What the peer's clock says first. */
export const PEER_CLOCK = 0x0100_0000;

export class OptionPeer {
  readonly c: Conversation;
  readonly offer: PeerOffer;
  /** The peer's timestamp clock, which the test moves. */
  tsVal = PEER_CLOCK;
  /** TSval of Linger's last segment. */
  lastTsVal = 0;

  constructor(c: Conversation, offer: PeerOffer) {
    this.c = c;
    this.offer = offer;
  }

  /** The peer's segment, with the options of its offer if it is a SYN. */
  send(text: string, extra: Extra = {}): this {
    this.c.send(text, this.disguise(text, extra));
    return this;
  }

  disguise(text: string, extra: Extra): { tcp: { options: TcpOption[]; window?: number } } {
    const isSyn = (parseSegmentText(text).flags & Flag.SYN) !== 0;
    const options = extra.options ?? this.#options(isSyn, extra);
    const window = isSyn ? this.offer.synWindow : undefined;
    return { tcp: window === undefined ? { options } : { options, window } };
  }

  #options(isSyn: boolean, extra: Extra): TcpOption[] {
    const { mss = 1_460, shift, sack, timestamps } = this.offer;
    const options: TcpOption[] = [];
    if (isSyn) {
      if (mss !== 0) options.push({ kind: "mss", value: mss });
      if (shift !== undefined) options.push({ kind: "nop" }, { kind: "window-scale", shift });
      if (sack === true) options.push({ kind: "sack-permitted" });
    }
    const value = extra.tsVal === undefined && timestamps === true ? this.tsVal : extra.tsVal;
    if (typeof value === "number") {
      const echo = extra.tsEcr ?? this.lastTsVal;
      options.push({ kind: "nop" }, { kind: "nop" }, { kind: "timestamps", value, echo });
    }
    if (extra.sack !== undefined) {
      const blocks = extra.sack.map(([left, right]) => {
        return { left: this.#absolute(left), right: this.#absolute(right) };
      });
      options.push({ kind: "nop" }, { kind: "nop" }, { kind: "sack", blocks });
    }
    return options;
  }

  #absolute(number: number): number {
    return (number - LINGER_ISS + this.c.iss) >>> 0;
  }

  /** What Linger has emitted; its latest TSval is remembered for the echo. */
  take(): TcpSegment[] {
    const segments = this.c.take();
    for (const segment of segments) {
      this.lastTsVal = findOption(segment, "timestamps")?.value ?? this.lastTsVal;
    }
    return segments;
  }

  /** The one segment that Linger has emitted. */
  takeOne(): TcpSegment {
    const segments = this.take();
    assert.equal(segments.length, 1, `segments: ${segments.map((s) => this.show(s)).join(" ")}`);
    return segments[0]!;
  }

  /** In relative numbers, with its SACK blocks and without its timestamps. */
  show(segment: TcpSegment): string {
    const options = segment.options.filter(({ kind }) => kind !== "timestamps");
    return formatSegment(
      { ...segment, options },
      { seqBase: this.c.iss - LINGER_ISS, ackBase: this.c.irs - PEER_ISS },
    );
  }

  /** Linger has emitted exactly these; timestamps are not looked at. */
  expect(...texts: string[]): this {
    assert.deepEqual(
      this.take().map((segment) => this.show(segment)),
      texts.map(normalizeText),
    );
    return this;
  }

  /** TSecr of the one segment that Linger has emitted. */
  echo(): number | undefined {
    return findOption(this.takeOne(), "timestamps")?.echo;
  }
}

/** The peer of a connection that has just become ESTABLISHED, each step checked. */
export function open(variant: Variant, offer: PeerOffer): OptionPeer {
  const peer = opening(variant, offer);
  complete(peer);
  return peer;
}

/** As far as the peer's SYN, which is yet to be sent. */
export function opening(variant: Variant, offer: PeerOffer): OptionPeer {
  const peer = new OptionPeer(fresh(variant, offer), offer);
  if ((offer.opening ?? "passive") === "passive") {
    peer.c.listen();
  } else {
    peer.c.connect();
    peer.takeOne();
  }
  return peer;
}

/** The peer's SYN and the rest of the handshake; the segments that Linger answers with. */
export function complete(peer: OptionPeer): TcpSegment[] {
  const kind = peer.offer.opening ?? "passive";
  const answers: TcpSegment[] = [];
  if (kind === "active") {
    answers.push(peer.send("<SEQ=300><ACK=101><CTL=SYN,ACK>").takeOne());
  } else {
    answers.push(peer.send("<SEQ=300><CTL=SYN>").takeOne());
    peer.send("<SEQ=301><ACK=101><CTL=ACK>").expect();
    if (kind === "passive") peer.c.accept();
  }
  peer.c.state("ESTABLISHED");
  peer.c.rig.eventsOf(peer.c.handle);
  return answers;
}
