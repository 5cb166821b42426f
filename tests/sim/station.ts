/**
 * A host: one module, driven as `hal/README.md` asks: all queued frames are handed over, then it is
 * polled until it has nothing more to do, and the applications take their events. Clock, queues,
 * transmitter, crashes and sleeps follow the host's plan.
 *
 * Each call into the module is a step, after which the host's watch looks at every TCB. Called by
 * the agenda, the network and the ends. Knows nothing of TCP.
 */
import { Event, Limit, Parameter, Status } from "../../hal/host/abi.ts";
import { SeededEntropy } from "../../hal/host/entropy.ts";
import { macOctets } from "../../hal/host/packet/index.ts";
import { pasteSnapshot, readSnapshot, writeSnapshot } from "../../hal/host/snapshot/format.ts";
import type { CallName } from "../support/device.ts";
import type { Phase } from "../support/counted-module.ts";
import { Inspector } from "../support/inspector.ts";
import type { Due } from "./agenda.ts";
import type { Tuple } from "./attempts.ts";
import { COUNTER_NAMES } from "./coverage.ts";
import { End } from "./ends.ts";
import { formatMac, hostMac, type Receiver, SUBNET } from "./network.ts";
import { Ctl, type Packet } from "./packet.ts";
import type { HostPlan } from "./plan.ts";
import type { Loan } from "./shelf.ts";
import { demand, Violation } from "./violation.ts";
import { Watch } from "./watch.ts";
import type { World } from "./world.ts";

export const LISTEN_PORT = 7;
const PREFIX_LENGTH = 24;
const NEVER_MS = 0xffff_ffff;
/** More polls in a row that ask for another one at once would be a loop. */
const POLLS_MAX = 400;
const ROUNDS_MAX = 1_000;
/**
 * What one poll may send besides a request for each entry of the ARP table and one defence: the
 * segments of its budget, a SYN,ACK for each deadline of its budget, an echo request
 * (assembly/config.ts).
 */
const FRAMES_PER_POLL = 32 + 64 + 1;
const BUSY_RETRY_MS = 1;
const TTL_DEFAULT = 64;
/** What memory holds that was never written since power came. */
const UNSET_OCTET = 0xa5;

type Activity = Phase | "idle" | "boot";

export class Station implements Receiver {
  readonly id: number;
  readonly mac: number;
  readonly address: number;
  readonly plan: HostPlan;
  readonly world: World;
  readonly watch: Watch;
  inspector: Inspector;
  /** Neither crashed nor asleep. */
  isUp = false;
  /** Ends by handle. */
  readonly ends = new Map<number, End>();
  listener = 0;
  /** The last poll left nothing to be done at once. */
  isPollDone = true;
  readonly #entropy: SeededEntropy;
  readonly #macOctets: Uint8Array;
  #loan!: Loan;
  #queue: Packet[] = [];
  #phase: Activity = "idle";
  #sentInPhase = 0;
  #wasBusy = false;
  #bootMs = 0;
  #jumpedMs = 0;
  #startMs = 0;
  #rxSlots: number[] = [];
  #rxSlotSize = 0;
  #framesPerPoll = 0;
  #wakeMs = Infinity;
  #departures: number[] = [];
  #violation: Error | undefined;
  #called = false;
  /** What the applications would have done while it slept; undefined if it is awake. */
  #postponed: (() => void)[] | undefined;
  /** Where frames go while the host is probed. */
  #probed: Uint8Array[] | undefined;

  constructor(world: World, plan: HostPlan) {
    this.world = world;
    this.plan = plan;
    this.id = plan.id;
    this.mac = hostMac(plan.id);
    this.address = SUBNET + plan.id;
    this.#macOctets = macOctets(formatMac(this.mac));
    this.#entropy = new SeededEntropy(plan.seed);
    this.inspector = this.#newInspector();
    this.watch = new Watch(this);
    world.network.connect(this);
  }

  get memory(): Uint8Array {
    return this.#loan.memory;
  }

  get words(): Uint32Array {
    return this.#loan.words;
  }

  get mslMs(): number {
    return this.plan.mslMs;
  }

  /** The module's clock, as u32. */
  nowMs(): number {
    const elapsed = this.world.agenda.nowMs - this.#bootMs;
    const skewed = Math.floor(elapsed * (1 + this.plan.skewPpm / 1e6));
    return (this.#startMs + skewed + this.#jumpedMs) >>> 0;
  }

  // ── Life ───────────────────────────────────────────────────────────────────────────────────────

  boot(loan: Loan, startMs: number): void {
    this.#loan = loan;
    this.#bootMs = this.world.agenda.nowMs;
    this.#jumpedMs = 0;
    this.#startMs = startMs;
    this.isUp = true;
    this.inspector = this.#newInspector();
    const { mslMs, rtoMinMs, ecn } = this.plan;
    this.#setUp("init", startMs, mslMs);
    // A frame that comes too early is no news to anybody.
    this.#setUp("frameReceived", 0, 60, startMs);
    this.#setUp("setLinkAddress", 0x0200, this.address);
    this.#setUp("setAddress", this.address, PREFIX_LENGTH, 0);
    if (rtoMinMs > 0) this.#setUp("setParameter", Parameter.RTO_MIN_MS, rtoMinMs);
    // A build without ECN refuses.
    this.call("setParameter", Parameter.ECN, ecn);
    this.#rxSlotSize = this.limit("RX_SLOT_SIZE");
    this.#rxSlots = Array.from({ length: this.limit("RX_SLOT_COUNT") }, (_, slot) =>
      loan.exports.rxSlotAddress(slot),
    );
    this.#framesPerPoll = FRAMES_PER_POLL + this.limit("ARP_COUNT") + 1;
    this.watch.reset();
    this.listen();
    this.wake();
  }

  listen(): void {
    if (this.#isPostponed(() => this.listen())) return;
    if (!this.isUp || this.listener !== 0 || this.world.isClosing) return;
    const listener = this.call("tcpListen", 0, LISTEN_PORT, this.plan.backlog);
    demand(listener > 0, "listen", () => `host ${this.id}: tcpListen answered ${listener}`);
    this.listener = listener;
  }

  stopListening(): void {
    if (this.#isPostponed(() => this.stopListening())) return;
    if (!this.isUp || this.listener === 0) return;
    this.call("tcpClose", this.listener);
    this.listener = 0;
    this.wake();
  }

  /** Everything that it knew is gone. Returns the instance, which another boot may use. */
  crash(): Loan {
    this.countCounters();
    this.isUp = false;
    this.listener = 0;
    this.#wakeMs = Infinity;
    for (const packet of this.#queue.splice(0)) this.world.network.packets.free(packet);
    for (const end of this.ends.values()) end.hasCrashed = true;
    this.ends.clear();
    this.watch.forget();
    this.#departures = [];
    return this.#loan;
  }

  /**
   * Puts everything that it knows into a snapshot. What it returns wakes it up again, in memory
   * where nothing is left of before; by so much less its clock goes on.
   */
  sleep(): (standsStillMs: number) => void {
    const { imaged, build } = this.#loan;
    const sleptAtMs = this.world.agenda.nowMs;
    const about = { savedMs: 0, moduleMs: this.nowMs(), host: new Uint8Array() };
    const snapshot = writeSnapshot(imaged, build, about);
    this.isUp = false;
    this.#postponed = [];
    this.#wakeMs = Infinity;
    this.#departures = [];
    for (const packet of this.#queue.splice(0)) this.world.network.packets.free(packet);
    return (standsStillMs) => {
      readSnapshot(snapshot, build);
      imaged.memory.fill(UNSET_OCTET, 0, imaged.imageOctets);
      pasteSnapshot(snapshot, imaged);
      this.#jumpedMs -= Math.floor(standsStillMs * (1 + this.plan.skewPpm / 1e6));
      this.isUp = true;
      this.watch.noteSleep(this.world.agenda.nowMs - sleptAtMs);
      const postponed = this.#postponed!;
      this.#postponed = undefined;
      this.act(() => demand(this.call("wake") === Status.OK, "wake", () => `host ${this.id}`));
      for (const run of postponed) run();
    };
  }

  /** Whether it sleeps, so that something is done when it wakes up. */
  #isPostponed(run: () => void): boolean {
    this.#postponed?.push(run);
    return this.#postponed !== undefined;
  }

  /** Time that nobody noticed passes: a leap of the clock. */
  jump(byMs: number): void {
    if (!this.isUp) return;
    this.#jumpedMs += byMs;
    this.watch.noteJump(byMs);
    this.wake();
  }

  /** Adds what the module has counted since its start to the coverage. */
  countCounters(): void {
    const at = this.#loan.exports.counterAddress() >>> 2;
    const counts = this.#loan.words.subarray(at, at + COUNTER_NAMES.length);
    this.world.coverage.counters(this.plan.profile, counts);
  }

  // ── Calls ──────────────────────────────────────────────────────────────────────────────────────

  /** A user call: it must not transmit. */
  call(name: CallName, ...args: number[]): number {
    const call: (...args: number[]) => number = this.#loan.exports[name];
    this.#called = true;
    return this.#in("call", () => call(...args));
  }

  /** A field of a handle's status. */
  status(handle: number, field: number): number {
    const at = this.#loan.exports.tcpStatus(handle);
    demand(at > 0, "status-of-handle", () => `host ${this.id}: tcpStatus answered ${at}`);
    return this.words[(at >> 2) + field]!;
  }

  limit(which: keyof typeof Limit): number {
    return this.#loan.exports.limit(Limit[which]);
  }

  /** The raw status block of an index of the pool, as an index into `words`, or 0. */
  blockAt(index: number): number {
    return this.#loan.exports.tcpStatusAt(index) >>> 2;
  }

  lookup(address: number, port: number, localPort: number): number {
    return this.#loan.exports.tcpLookup(address, port, localPort);
  }

  counter(index: number): number {
    return this.words[(this.#loan.exports.counterAddress() >>> 2) + index]!;
  }

  /** Runs something of the application's after so much time, unless the host crashes before. */
  after(ms: number, run: () => void): void {
    const bootMs = this.#bootMs;
    this.world.agenda.at(this.world.agenda.nowMs + Math.max(1, ms), () => {
      if (this.#bootMs === bootMs) this.act(run);
    });
  }

  /** A new end of the application's, whose TCB is there. */
  adopt(end: End, tuple: Tuple, iss: number): void {
    this.ends.set(end.handle, end);
    this.watch.bind(end, tuple, iss);
  }

  forget(end: End): void {
    this.ends.delete(end.handle);
    this.watch.released(end);
  }

  /**
   * Hands over a frame, or only polls, off the network: the last frame that the module sends, which
   * goes nowhere.
   */
  probe(frame: Uint8Array | undefined): Uint8Array | undefined {
    const { exports, memory } = this.#loan;
    this.#probed = [];
    if (frame !== undefined) {
      memory.set(frame, this.#rxSlots[0]);
      this.#in("frame", () => exports.frameReceived(0, frame.length, this.nowMs() | 0));
    }
    this.#in("poll", () => exports.poll(this.nowMs() | 0));
    const answer = this.#probed[0];
    this.#probed = undefined;
    return answer;
  }

  // ── The driver ─────────────────────────────────────────────────────────────────────────────────

  arrive(packet: Packet): void {
    const { packets } = this.world.network;
    if (!this.isUp) return packets.free(packet);
    if (this.#queue.length >= this.plan.rxQueueFrames) {
      this.world.coverage.impairment("receive queue full");
      return packets.free(packet);
    }
    this.#queue.push(packet);
    if (this.#queue.length === 1) this.#wakeAt(this.world.agenda.nowMs + this.#lateness());
  }

  /** Has the driver run now. */
  wake(): void {
    this.#wakeAt(this.world.agenda.nowMs);
  }

  #wakeAt(atMs: number): void {
    if (atMs >= this.#wakeMs) return;
    this.#wakeMs = atMs;
    const bootMs = this.#bootMs;
    const due: Due = {
      atMs,
      order: 0,
      happen: () => {
        if (!this.isUp || this.#bootMs !== bootMs || this.#wakeMs !== due.atMs) return;
        this.#wakeMs = Infinity;
        this.#run();
      },
    };
    this.world.agenda.enter(due, atMs);
  }

  #lateness(): number {
    const { lateShare, lateMs } = this.plan;
    if (lateShare === 0 || this.world.isSettling) return 0;
    if (this.#entropy.fraction() >= lateShare) return 0;
    this.world.coverage.impairment("late poll");
    return this.#entropy.below(lateMs + 1);
  }

  /** One turn of the driver's loop, and when the next one is. */
  #run(): void {
    for (let round = 0; ; round++) {
      demand(round < ROUNDS_MAX, "restless", () => `host ${this.id} never comes to rest`);
      for (const packet of this.#queue.splice(0)) this.#receive(packet);
      const sleepMs = this.#pollAll();
      this.#called = false;
      this.#takeEvents();
      if (!this.#called || this.#wasBusy) return this.#sleep(sleepMs);
    }
  }

  #sleep(sleepMs: number): void {
    const { nowMs } = this.world.agenda;
    if (this.#wasBusy) return this.#wakeAt(nowMs + BUSY_RETRY_MS);
    if (sleepMs === NEVER_MS) return;
    const worldMs = Math.max(1, Math.ceil(sleepMs / (1 + this.plan.skewPpm / 1e6)));
    this.#wakeAt(nowMs + worldMs + this.#lateness());
  }

  #receive(packet: Packet): void {
    const { world } = this;
    const { exports, memory } = this.#loan;
    if (this.isForUs(packet)) this.inspector.received(packet.whole ?? packet.view);
    this.watch.beforeFrame(packet);
    const slot = world.stepCount % this.#rxSlots.length;
    const held = Math.min(packet.length, this.#rxSlotSize);
    memory.set(packet.octets.subarray(0, held), this.#rxSlots[slot]);
    const status = this.#in("frame", () => {
      return exports.frameReceived(slot, packet.length, this.nowMs() | 0);
    });
    demand(status >= Status.OK, "frame-status", () => `frameReceived answered ${status}`);
    this.watch.afterFrame(packet);
    world.network.packets.free(packet);
  }

  /** Whether a frame's Ethernet header lets anybody here look into it. */
  isForUs({ octets, length }: Packet): boolean {
    if (length > this.#rxSlotSize || (octets[6]! & 1) !== 0) return false;
    return this.#macOctets.every((octet, index) => octets[index] === octet);
  }

  /** Polls until nothing more is to be done now; the module's word on how long to sleep. */
  #pollAll(): number {
    for (let polls = 0; polls < POLLS_MAX; polls++) {
      this.#wasBusy = false;
      const sleepMs = this.#in("poll", () => this.#loan.exports.poll(this.nowMs() | 0)) >>> 0;
      this.isPollDone = sleepMs !== 0;
      this.watch.afterPoll();
      if (this.#wasBusy || sleepMs !== 0) return sleepMs;
    }
    throw new Violation("restless-poll", `host ${this.id}: poll asks to be called again for ever`);
  }

  #takeEvents(): void {
    const { exports } = this.#loan;
    for (let events = 0; ; events++) {
      demand(events < ROUNDS_MAX, "restless-events", () => `host ${this.id}: events without end`);
      const handle = exports.nextReady();
      if (handle === 0) break;
      const mask = exports.takeEvents(handle);
      demand(mask >= 0, "events-of-nobody", () => `takeEvents(${handle}) answered ${mask}`);
      if (handle === this.listener) {
        if ((mask & Event.ACCEPTABLE) !== 0) this.world.acceptor.acceptable(this);
        continue;
      }
      const end = this.ends.get(handle);
      demand(end !== undefined, "event-of-nobody", () => `host ${this.id}: handle ${handle}`);
      end!.take(mask);
    }
    this.watch.afterCalls();
  }

  /** User calls outside of the driver's loop: after a poll that tells the time, and before one. */
  act(run: () => void): void {
    if (!this.isUp) return void this.#isPostponed(() => this.act(run));
    this.#pollAll();
    run();
    this.watch.afterCalls();
    this.wake();
  }

  /** Lets the module do something, with as much work as that may take; its start may take any. */
  #in(phase: Phase | "boot", run: () => number): number {
    const { tank } = this.#loan;
    this.world.stepCount += 1;
    this.#phase = phase;
    this.#sentInPhase = 0;
    if (phase !== "boot") tank.begin(phase);
    let result: number;
    try {
      result = run();
    } catch (error) {
      const code = tank.isEmpty ? "too-much-work" : "trap";
      throw new Violation(code, `host ${this.id}, in a ${phase}: ${String(error)}`);
    }
    if (phase !== "boot") tank.end(phase);
    this.#phase = "idle";
    if (this.#violation !== undefined) {
      const violation = this.#violation;
      this.#violation = undefined;
      throw violation;
    }
    return result;
  }

  // ── The transmitter ────────────────────────────────────────────────────────────────────────────

  /** The module's import. What is wrong is thrown once the module has returned. */
  transmit(at: number, length: number): number {
    try {
      return this.#transmit(at, length);
    } catch (error) {
      this.#violation ??= error instanceof Error ? error : new Error(String(error));
      return 0;
    }
  }

  entropy(): number {
    return this.#entropy.word();
  }

  #transmit(at: number, length: number): number {
    this.#sentInPhase += 1;
    const phase = this.#phase;
    demand(phase === "poll" || phase === "frame", "call-transmits", () => `in a ${phase}`);
    const most = phase === "frame" ? 1 : this.#framesPerPoll;
    demand(this.#sentInPhase <= most, "too-much-work", () => `${most} frames in one ${phase}`);
    if (this.#probed !== undefined) {
      this.#probed.push(this.memory.slice(at, at + length));
      return 0;
    }
    if (this.#isBusy()) {
      this.#wasBusy = true;
      this.world.coverage.impairment("BUSY");
      this.#refuse(at, length);
      return 1;
    }
    const packet = this.world.network.packets.get().take(this.memory.subarray(at, at + length));
    this.#inspect(packet.octets.slice(0, length));
    this.watch.sent(packet);
    this.world.network.send(this, packet, this.#departure(length));
    return 0;
  }

  #inspect(octets: Uint8Array): void {
    try {
      this.inspector.sent(octets, this.#phase === "frame");
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Violation("wire", `host ${this.id} sends: ${text.replaceAll("\n", " ")}`);
    }
  }

  /** A SYN that is refused has its number all the same, and what follows may tell it. */
  #refuse(at: number, length: number): void {
    const packet = this.world.network.packets.get().take(this.memory.subarray(at, at + length));
    if (packet.isTcp && packet.has(Ctl.SYN)) this.#inspect(packet.octets.slice(0, length));
    this.world.network.packets.free(packet);
  }

  #isBusy(): boolean {
    if (this.world.isSettling) return false;
    const { busyShare, txQueueFrames } = this.plan;
    if (txQueueFrames > 0) {
      const { nowMs } = this.world.agenda;
      while (this.#departures.length > 0 && this.#departures[0]! <= nowMs) this.#departures.shift();
      if (this.#departures.length >= txQueueFrames) return true;
    }
    return busyShare > 0 && this.#entropy.fraction() < busyShare;
  }

  /** When a frame leaves the transmitter's own queue. */
  #departure(octets: number): number {
    const { nowMs } = this.world.agenda;
    const { txQueueFrames, txOctetsPerMs } = this.plan;
    if (txQueueFrames === 0 || this.world.isSettling) return nowMs;
    const last = Math.max(nowMs, this.#departures.at(-1) ?? 0);
    const leavesMs = last + octets / txOctetsPerMs;
    this.#departures.push(leavesMs);
    return leavesMs;
  }

  #setUp(name: CallName, ...args: number[]): void {
    const call: (...args: number[]) => number = this.#loan.exports[name];
    const status = this.#in("boot", () => call(...args));
    demand(status >= Status.OK, "boot", () => `host ${this.id}: ${name} answered ${status}`);
  }

  #newInspector(): Inspector {
    const clock = () => this.world.agenda.nowMs - this.#bootMs + this.#jumpedMs;
    const identity = {
      mac: formatMac(this.mac),
      address: this.address,
      formerAddresses: [],
      get nowMs(): number {
        return clock();
      },
    };
    const inspector = new Inspector(identity);
    inspector.marks = { ttl: TTL_DEFAULT, dscp: 0 };
    inspector.allowsKeepAlive = true;
    return inspector;
  }
}
