/**
 * One transfer: a module sends octets to another one over a link with a delay and chance losses,
 * under a virtual clock that jumps from event to event.
 *
 * Called by the command and by tests/goodput. Deterministic: the same module, conditions and seed
 * give the same segments at the same times. The link carries any number of frames at once, so only
 * windows, losses and timers take time. ARP is done before and never lost.
 */
import { Option, Parameter } from "../../hal/host/abi.ts";
import { SeededEntropy } from "../../hal/host/entropy.ts";
import type { LingerModule } from "../../hal/host/module.ts";
import { Station } from "./station.ts";
import { isStreamAt, streamAt } from "./stream.ts";
import { isIpv4, Wiretap } from "./wiretap.ts";

export const ONE_WAY_MS = 50;
export const RTO_MIN_DEFAULT_MS = 1_000;
const PORT = 80;
const SENDER = 0x0a09_0001;
const RECEIVER = 0x0a09_0002;
/** The modules' clock wraps soon after the beginning. */
const START_MS = 2 ** 32 - 10_000;
const ECHO_OCTETS = 32;
/** No run takes a day, unless it has stopped. */
const LIMIT_MS = 86_400_000;
/** More rounds without time passing would be a loop. */
const ROUNDS_MAX = 1_000;

export interface Conditions {
  module: LingerModule;
  octets: number;
  /** The probability that a frame is lost, in each direction. */
  loss: number;
  seed: number;
  /** The least retransmission timeout; default 1,000 (RFC 6298 §2.4). */
  rtoMinMs?: number;
  /** Told of each frame, after the station that sent it has been polled. */
  onFrame?: (seen: SeenFrame) => void;
}

/** A frame on the link, and what its sender knew then. */
export interface SeenFrame {
  atMs: number;
  from: "sender" | "receiver";
  frame: Uint8Array;
  isLost: boolean;
  isRepeated: boolean;
  isSpurious: boolean;
  cwnd: number;
  ssthresh: number;
  rtoMs: number;
}

export interface Result {
  seed: number;
  /** From OPEN to the last octet's arrival at the application. */
  durationMs: number;
  octetsPerSecond: number;
  /** Frames lost on their way, of both directions. */
  lost: number;
  /** Segments sent again. */
  retransmissions: number;
  /** Those among them that were not needed. */
  spurious: number;
  /** Retransmission timeouts. */
  timeouts: number;
}

/** Runs one transfer to its end. */
export function transfer(conditions: Conditions): Result {
  return new Transfer(conditions).run();
}

interface Flight {
  atMs: number;
  to: Station;
  frame: Uint8Array;
}

class Transfer {
  readonly #conditions: Conditions;
  readonly #sender: Station;
  readonly #receiver: Station;
  readonly #chances: ReadonlyMap<Station, SeededEntropy>;
  readonly #wiretap: Wiretap;
  readonly #counts = { lost: 0, retransmissions: 0, spurious: 0, timeouts: 0 };
  /** All take equally long, so they arrive in the order in which they left. */
  readonly #flights: Flight[] = [];
  #nowMs = 0;
  /** When the first of the two wants to be polled, if no frame comes before. */
  #wakeMs = 0;
  #isLossy = false;
  #sending = 0;
  #receiving = 0;
  #listener = 0;
  #written = 0;
  #read = 0;

  constructor(conditions: Conditions) {
    const { module, seed, octets } = conditions;
    this.#conditions = conditions;
    const common = { module, startMs: START_MS };
    this.#sender = new Station({ ...common, address: SENDER, seed: 2 * seed });
    this.#receiver = new Station({ ...common, address: RECEIVER, seed: 2 * seed + 1 });
    this.#chances = new Map([
      [this.#sender, new SeededEntropy(2 * seed)],
      [this.#receiver, new SeededEntropy(2 * seed + 1)],
    ]);
    this.#wiretap = new Wiretap(octets);
    const { rtoMinMs = RTO_MIN_DEFAULT_MS } = conditions;
    this.#sender.instance.calls.setParameter(Parameter.RTO_MIN_MS, rtoMinMs);
  }

  run(): Result {
    this.#introduce();
    const beganMs = this.#nowMs;
    this.#isLossy = true;
    this.#listener = this.#receiver.instance.calls.tcpListen(0, PORT, 1);
    this.#sending = this.#sender.instance.calls.tcpConnect(RECEIVER, PORT, 0, 0);
    expectPositive(this.#listener, "tcpListen");
    expectPositive(this.#sending, "tcpConnect");
    this.#sender.instance.calls.tcpSetOption(this.#sending, Option.NO_DELAY, 1);
    this.#runUntil(() => this.#read === this.#conditions.octets);
    const durationMs = this.#nowMs - beganMs;
    const octetsPerSecond = (this.#conditions.octets * 1000) / durationMs;
    return { seed: this.#conditions.seed, durationMs, octetsPerSecond, ...this.#counts };
  }

  /** An echo, so that each knows the other's link address. */
  #introduce(): void {
    const { calls } = this.#sender.instance;
    calls.pingSend(RECEIVER, 1, ECHO_OCTETS);
    this.#runUntil(() => calls.pingTake() === 1);
  }

  #runUntil(isDone: () => boolean): void {
    for (;;) {
      this.#settle();
      if (isDone()) return;
      this.#nowMs = Math.min(this.#flights[0]?.atMs ?? Infinity, this.#wakeMs);
      if (this.#nowMs <= LIMIT_MS) continue;
      const { seed } = this.#conditions;
      throw new Error(`seed ${seed}: the transfer stopped after ${this.#read} octets`);
    }
  }

  get #clock(): number {
    return (START_MS + this.#nowMs) % 2 ** 32;
  }

  /** As a driver does: all frames that are there, a poll, then the user calls. */
  #settle(): void {
    const reached = this.#deliver();
    let isTimed = !reached.has(this.#sender);
    for (let round = 0; round < ROUNDS_MAX; round++) {
      this.#wakeMs = Infinity;
      for (const station of [this.#sender, this.#receiver]) {
        this.#wakeMs = Math.min(this.#wakeMs, this.#nowMs + station.poll(this.#clock));
        this.#carry(station, isTimed);
      }
      isTimed = false;
      const wrote = this.#write();
      const read = this.#receive();
      if (!wrote && !read) return;
    }
    throw new Error("time stands still");
  }

  #deliver(): Set<Station> {
    const reached = new Set<Station>();
    while (this.#flights.length > 0 && this.#flights[0]!.atMs <= this.#nowMs) {
      const { to, frame } = this.#flights.shift()!;
      to.receive(frame, this.#clock);
      reached.add(to);
      this.#carry(to, false);
    }
    return reached;
  }

  /** Puts on the link what a station has transmitted; `isTimed`: only a timer can be the cause. */
  #carry(from: Station, isTimed: boolean): void {
    if (from.outbox.length === 0) return;
    const to = from === this.#sender ? this.#receiver : this.#sender;
    const chance = this.#chances.get(from)!;
    let isTimeout = isTimed && from === this.#sender && this.#isCollapsed();
    for (const frame of from.outbox.splice(0)) {
      const isLost = this.#isLossy && isIpv4(frame) && chance.fraction() < this.#conditions.loss;
      const sent = from === this.#sender ? this.#wiretap.look(frame, isLost) : undefined;
      if (isLost) this.#counts.lost += 1;
      else this.#flights.push({ atMs: this.#nowMs + ONE_WAY_MS, to, frame });
      const { isRepeated = false, isSpurious = false } = sent ?? {};
      if (isRepeated) this.#counts.retransmissions += 1;
      if (isSpurious) this.#counts.spurious += 1;
      if (isRepeated && isTimeout) {
        this.#counts.timeouts += 1;
        isTimeout = false;
      }
      this.#show({ from, frame, isLost, isRepeated, isSpurious });
    }
  }

  /** One segment may be in flight: so it is after a retransmission timeout, not after a probe. */
  #isCollapsed(): boolean {
    if (this.#sending === 0) return false;
    const [cwnd = 0, mss = 0] = this.#sender.status(this.#sending, ["CWND", "SND_MSS"]);
    return cwnd <= mss;
  }

  #show(
    seen: { from: Station } & Omit<SeenFrame, "from" | "atMs" | "cwnd" | "ssthresh" | "rtoMs">,
  ) {
    const { onFrame } = this.#conditions;
    if (onFrame === undefined || !this.#isLossy) return;
    const fields = ["CWND", "SSTHRESH", "RTO_MS"] as const;
    const [cwnd = 0, ssthresh = 0, rtoMs = 0] = this.#sender.status(this.#sending, fields);
    const from = seen.from === this.#sender ? "sender" : "receiver";
    onFrame({ ...seen, from, atMs: this.#nowMs, cwnd, ssthresh, rtoMs });
  }

  /** The sending application: fills the ring. True if it did anything. */
  #write(): boolean {
    if (this.#sending === 0 || this.#written === this.#conditions.octets) return false;
    const { calls, memory } = this.#sender.instance;
    const before = this.#written;
    while (this.#written < this.#conditions.octets) {
      const room = calls.tcpReserve(this.#sending);
      if (room <= 0) break;
      const octets = Math.min(room, this.#conditions.octets - this.#written);
      memory.set(streamAt(this.#written, octets), calls.tcpReservedAddress(this.#sending));
      calls.tcpCommit(this.#sending, octets);
      this.#written += octets;
    }
    return this.#written !== before;
  }

  /** The receiving application: takes and checks all there is. True if it did anything. */
  #receive(): boolean {
    const { calls, memory } = this.#receiver.instance;
    if (this.#receiving === 0 && this.#listener !== 0) {
      this.#receiving = Math.max(calls.tcpAccept(this.#listener), 0);
    }
    if (this.#receiving === 0) return false;
    const before = this.#read;
    for (let n = calls.tcpPeek(this.#receiving); n > 0; n = calls.tcpPeek(this.#receiving)) {
      const at = calls.tcpPeekedAddress(this.#receiving);
      if (!isStreamAt(this.#read, memory.subarray(at, at + n))) {
        throw new Error(`seed ${this.#conditions.seed}: wrong octets after ${this.#read}`);
      }
      calls.tcpConsume(this.#receiving, n);
      this.#read += n;
    }
    return this.#read !== before;
  }
}

function expectPositive(handle: number, call: string): void {
  if (handle <= 0) throw new Error(`${call} answered ${handle}`);
}
