/**
 * Connections that a hostile station makes in its own name: with odd options, a tiny MSS, windows
 * that close and shrink, acknowledgements that lie, ends that come at the wrong time or never.
 *
 * Each of them completes its handshake and then behaves by its manner. What the victim sends it is
 * nobody's loss; what counts is that the victim's host stays well. Called by attacker.ts.
 */
import { buildFrame, parseTcp, type TcpOption } from "../../hal/host/packet/index.ts";
import type { Attacker } from "./attacker.ts";
import { formatMac } from "./network.ts";
import { Ctl, type Packet } from "./packet.ts";
import { LISTEN_PORT, type Station } from "./station.ts";

const CONVERSATIONS_MAX = 64;
const TEXT_OCTETS_MAX = 1_000;
/** After so many segments of the victim's it is silent: two that answer one another never end. */
const SEGMENTS_MAX = 300;
const FIRST_PORT = 20_000;

const MANNERS = [
  "reads",
  "closes",
  "closes-first",
  "silent",
  "closed-window",
  "one-octet-window",
  "shrinks",
  "lies-ahead",
  "duplicates",
  "sacks-nonsense",
  "talks",
  "urgent",
  "scatters",
  "resets",
  "crosses",
] as const;
type Manner = (typeof MANNERS)[number];

interface Conversation {
  victim: Station;
  port: number;
  manner: Manner;
  window: number;
  seq: number;
  ack: number;
  isOpen: boolean;
  isFinSent: boolean;
  tsValue: number;
  tsEcho: number;
  hasTimestamps: boolean;
  segments: number;
}

export class Strangers {
  readonly #attacker: Attacker;
  readonly #open = new Map<number, Conversation>();
  /** Some have only one manner, and so fill the pools with the same states. */
  readonly #only: Manner | undefined;
  #nextPort = FIRST_PORT;
  #isStopped = false;

  constructor(attacker: Attacker) {
    this.#attacker = attacker;
    const { dice } = attacker;
    if (dice.chance(0.15)) this.#only = "closes";
    else if (dice.chance(0.4)) this.#only = dice.pick(MANNERS);
  }

  open(victim: Station): void {
    const { dice } = this.#attacker;
    if (this.#open.size >= CONVERSATIONS_MAX) this.#open.clear();
    const conversation: Conversation = {
      victim,
      port: this.#nextPort++,
      manner: this.#only ?? dice.pick(MANNERS),
      window: dice.pick([1, 500, 4_096, 65_535]),
      seq: dice.word(),
      ack: 0,
      isOpen: false,
      isFinSent: false,
      tsValue: dice.word(),
      tsEcho: 0,
      hasTimestamps: false,
      segments: 0,
    };
    this.#open.set(conversation.port, conversation);
    const ecn = dice.chance(0.5) ? 0xc0 : 0;
    this.#say(conversation, { flags: Ctl.SYN | ecn, options: this.#offer(conversation) });
    conversation.seq = (conversation.seq + 1) >>> 0;
  }

  /** The active time is over: it is never heard of again. */
  stop(): void {
    this.#isStopped = true;
  }

  /** A segment of the victim's. */
  take(packet: Packet): void {
    const conversation = this.#open.get(packet.destinationPort);
    if (conversation === undefined || this.#isStopped) return;
    if (packet.has(Ctl.RST)) return void this.#open.delete(conversation.port);
    conversation.segments += 1;
    if (conversation.segments > SEGMENTS_MAX) return;
    const length = packet.sequenceLength;
    if (conversation.hasTimestamps || !conversation.isOpen) this.#echo(conversation, packet);
    if (packet.has(Ctl.SYN) && !conversation.isOpen) {
      conversation.ack = (packet.seq + 1) >>> 0;
      conversation.isOpen = true;
      this.#say(conversation, { flags: Ctl.ACK });
    } else if (packet.seq === conversation.ack) {
      conversation.ack = (conversation.ack + length) >>> 0;
    }
    this.#behave(conversation, packet, length);
  }

  #offer(conversation: Conversation): TcpOption[] {
    const { dice } = this.#attacker;
    const offer: TcpOption[] = [];
    if (dice.chance(0.8)) {
      offer.push({ kind: "mss", value: dice.pick([0, 1, 64, 100, 536, 1_460, 65_535]) });
    }
    if (dice.chance(0.5))
      offer.push({ kind: "window-scale", shift: dice.pick([0, 1, 7, 14, 200]) });
    if (dice.chance(0.5)) offer.push({ kind: "sack-permitted" });
    if (dice.chance(0.5)) {
      offer.push({ kind: "timestamps", value: conversation.tsValue, echo: 0 });
      conversation.hasTimestamps = true;
    }
    return offer;
  }

  /** Agrees to timestamps if the victim has, and echoes them. */
  #echo(conversation: Conversation, packet: Packet): void {
    const { source, destination } = packet;
    const octets = packet.octets.subarray(packet.tcpAt, 14 + packet.ipOctets);
    const parsed = parseTcp(octets, { source, destination });
    const option = parsed.ok
      ? parsed.value.options.find((one) => one.kind === "timestamps")
      : undefined;
    if (option === undefined) conversation.hasTimestamps = false;
    else conversation.tsEcho = option.value;
  }

  #behave(conversation: Conversation, packet: Packet, length: number): void {
    const { dice } = this.#attacker;
    const hasText = length > 0 && !packet.has(Ctl.SYN);
    switch (conversation.manner) {
      case "silent":
        return;
      case "closed-window":
        return this.#acknowledge(conversation, 0);
      case "one-octet-window":
        return this.#acknowledge(conversation, 1);
      case "shrinks":
        conversation.window = Math.max(0, conversation.window - 300);
        return this.#acknowledge(conversation, conversation.window);
      case "lies-ahead":
        conversation.ack = (conversation.ack + dice.pick([0, 1, 1_000, 100_000])) >>> 0;
        return this.#acknowledge(conversation, conversation.window);
      case "duplicates":
        for (let i = 0; i < 4; i++) this.#acknowledge(conversation, conversation.window);
        return;
      case "resets":
        if (dice.chance(0.3)) this.#say(conversation, { flags: Ctl.RST });
        return;
      case "reads":
        if (hasText) this.#acknowledge(conversation, conversation.window);
        if (packet.has(Ctl.FIN)) this.#finish(conversation);
        return;
      default:
        return this.#talk(conversation, packet, hasText);
    }
  }

  /** Those who have something to say. */
  #talk(conversation: Conversation, packet: Packet, hasText: boolean): void {
    const { dice } = this.#attacker;
    const { manner } = conversation;
    if (manner === "sacks-nonsense") {
      const left = dice.chance(0.5) ? conversation.ack : dice.word();
      const right = (left + dice.pick([0, 1, 500, 70_000])) >>> 0;
      const options: TcpOption[] = [{ kind: "sack", blocks: [{ left, right }] }];
      return this.#say(conversation, { flags: Ctl.ACK, options });
    }
    if (manner === "talks" || manner === "urgent") {
      if (conversation.segments < 30) this.#speak(conversation, manner === "urgent");
      if (packet.has(Ctl.FIN)) this.#finish(conversation);
      return;
    }
    if (manner === "scatters") {
      // Once at the beginning: each of these draws an answer.
      if (conversation.segments <= 2) this.#scatter(conversation);
      return;
    }
    if (manner === "closes-first") this.#finish(conversation);
    // Its FIN crosses the victim's: what the victim sent last is not acknowledged with it.
    if (manner === "crosses" && packet.has(Ctl.FIN) && !conversation.isFinSent) {
      conversation.ack = (conversation.ack - 1) >>> 0;
      this.#finish(conversation);
      conversation.ack = (conversation.ack + 1) >>> 0;
      if (dice.chance(0.7)) this.#acknowledge(conversation, conversation.window);
      return;
    }
    if (hasText) this.#acknowledge(conversation, conversation.window);
    if (manner === "closes" && packet.has(Ctl.FIN)) this.#finish(conversation);
  }

  #acknowledge(conversation: Conversation, window: number): void {
    this.#say(conversation, { flags: Ctl.ACK, window });
  }

  #speak(conversation: Conversation, isUrgent: boolean): void {
    const { dice } = this.#attacker;
    const payload = new Uint8Array(dice.between(1, TEXT_OCTETS_MAX));
    this.#say(conversation, {
      flags: Ctl.ACK | Ctl.PSH | (isUrgent ? Ctl.URG : 0),
      urgentPointer: isUrgent ? dice.pick([1, payload.length, 5_000]) : 0,
      payload,
    });
    // Sometimes it forgets that it has said so, and says something else.
    if (dice.chance(0.9)) conversation.seq = (conversation.seq + payload.length) >>> 0;
  }

  /** Octets with holes between them, more than anybody remembers. */
  #scatter(conversation: Conversation): void {
    const { seq } = conversation;
    for (let i = 1; i < 12; i++) {
      conversation.seq = (seq + 3 * i) >>> 0;
      this.#say(conversation, { flags: Ctl.ACK, payload: new Uint8Array(2) });
    }
    conversation.seq = seq;
  }

  #finish(conversation: Conversation): void {
    if (conversation.isFinSent) return;
    conversation.isFinSent = true;
    this.#say(conversation, { flags: Ctl.FIN | Ctl.ACK });
    conversation.seq = (conversation.seq + 1) >>> 0;
  }

  #say(conversation: Conversation, what: Saying): void {
    const { victim, port, seq, ack, hasTimestamps, tsEcho } = conversation;
    conversation.tsValue = (conversation.tsValue + 1) >>> 0;
    const stamp: TcpOption = { kind: "timestamps", value: conversation.tsValue, echo: tsEcho };
    const isSyn = (what.flags & Ctl.SYN) !== 0;
    const options = [...(what.options ?? []), ...(hasTimestamps && !isSyn ? [stamp] : [])];
    const attacker = this.#attacker;
    const octets = buildFrame({
      ethernet: { source: attacker.macText, destination: formatMac(victim.mac) },
      ipv4: { source: attacker.address, destination: victim.address },
      tcp: {
        sourcePort: port,
        destinationPort: LISTEN_PORT,
        seq,
        ack: (what.flags & Ctl.ACK) !== 0 ? ack : 0,
        window: what.window ?? conversation.window,
        flags: what.flags,
        urgentPointer: what.urgentPointer ?? 0,
        options,
        payload: what.payload ?? "",
      },
    });
    attacker.send(octets);
  }
}

interface Saying {
  flags: number;
  window?: number;
  urgentPointer?: number;
  options?: TcpOption[];
  payload?: Uint8Array;
}
