/**
 * Reads the memory image of a `check` module: its canonical form, in which two images that behave
 * alike are equal, and what the rules and the search want to know of it.
 *
 * Times stand there as distances from now. What meaning.ts calls scratch, statistics, wheel, link
 * or limiter does not stand there, nor what lies in free records, in rings beyond their octets, or
 * in fields whose flag is off. Called by machine.ts after each event. Changes nothing.
 */
import { State } from "../../hal/host/abi.ts";
import type { Field, Layout } from "./layout.ts";
import { checkMeanings, type FieldMeaning, HALF_OPEN, REGIONS, TCB, TIME_WAIT } from "./meaning.ts";

/** Flags that still mean something once a connection is over. */
const FLAGS_AFTER_END = [
  "SEND_CLOSED",
  "RECEIVE_CLOSED",
  "RELEASED",
  "PEER_CLOSED",
  "RESET_DUE",
  "UNACCEPTED",
  "FLUSHED",
];
const KEY_OCTETS_MAX = 4096;
/** What stands for a time that does not run. */
const NO_TIME = 0xffff_ffff;

interface Item extends Field {
  readonly name: string;
  readonly meaning: FieldMeaning;
  /** Bits of `flags` or `timers` that a conditional meaning asks for. */
  readonly mask: number;
}

/** A record of the flow pool: where it is, and its fields. */
class RecordReader {
  readonly items: readonly Item[];
  readonly address: number;
  readonly #fields: Readonly<Record<string, Field>>;
  readonly #view: DataView;

  constructor(place: { layout: Layout; view: DataView }, name: string, address: number) {
    const meanings: Readonly<Record<string, FieldMeaning>> =
      name === "tcp/tcb/Tcb" ? TCB : name === "tcp/half-open/HalfOpen" ? HALF_OPEN : TIME_WAIT;
    this.#fields = place.layout.fields(name);
    this.#view = place.view;
    this.address = address;
    this.items = Object.entries(meanings).map(([field, meaning]) => ({
      name: field,
      ...this.#fields[field]!,
      meaning,
      mask: maskOf(place.layout, meaning),
    }));
  }

  get(name: string): number {
    const field = this.#fields[name];
    if (field === undefined) throw new Error(`no field ${name}`);
    return this.at(field);
  }

  at({ offset, octets }: Field): number {
    const address = this.address + offset;
    if (octets === 4) return this.#view.getUint32(address, true);
    return octets === 2 ? this.#view.getUint16(address, true) : this.#view.getUint8(address);
  }

  /** A FlowKind. */
  get kind(): number {
    return this.get("stateAndKind") >> 4;
  }

  /** A State. */
  get state(): number {
    return this.get("stateAndKind") & 15;
  }
}

function maskOf(layout: Layout, meaning: FieldMeaning): number {
  const [kind, name] = meaning.split(":");
  if (name === undefined) return 0;
  return layout.constant(`tcp/tcb/${kind!.endsWith("timer") ? "Timer" : "Flag"}.${name}`);
}

/** What the rules see of an image. Numbers of a TCB are 0 where there is none. */
export interface Look {
  /** The state of whatever holds the tuple, a State. */
  readonly state: number;
  readonly hasTcb: boolean;
  readonly isAlive: boolean;
  readonly isHalfOpen: boolean;
  readonly isTimeWait: boolean;
  readonly isListening: boolean;
  readonly isListed: boolean;
  readonly isReplyLeft: boolean;
  readonly now: number;
  /** ms to the next short time-out, and to the next long one; Infinity if none runs. */
  readonly shortMs: number;
  /** As `shortMs`, of the connection alone, without a half-open record. */
  readonly connectionMs: number;
  readonly longMs: number;
  /** ms until the wheel wakes the owner of the earliest time-out, at the latest. */
  readonly wakesInMs: number;
  /** ms until the TIME-WAIT record expires. */
  readonly timeWaitMs: number;
  readonly challenges: number;
  /** RCV.NXT of what is synchronized, or has seen the peer's SYN; undefined before and after. */
  readonly rcvNxt: number | undefined;
  readonly tcb: Readonly<Record<string, number>>;
}

export class ImageReader {
  readonly layout: Layout;
  readonly tcb: RecordReader;
  readonly #memory: Uint8Array;
  readonly #view: DataView;
  readonly #half: RecordReader;
  readonly #timeWait: RecordReader;
  readonly #kinds: { connection: number; halfOpen: number; timeWait: number };
  readonly #plain: readonly { address: number; octets: number }[];
  readonly #key = Buffer.alloc(KEY_OCTETS_MAX);
  readonly #endMask: number;
  readonly #flags: Readonly<Record<string, number>>;
  readonly #timers: Readonly<Record<string, number>>;
  readonly #idleWindow: number;
  readonly #twoMslAt: number;
  readonly #tables: { address: number; octets: Buffer }[];
  #length = 0;

  constructor(layout: Layout, memory: Uint8Array) {
    checkMeanings(layout);
    this.layout = layout;
    this.#memory = memory;
    this.#view = new DataView(memory.buffer, memory.byteOffset, memory.length);
    const place = { layout, view: this.#view };
    const pool = layout.region("tcp/flow/FLOW_POOL").address;
    const offset = (name: string) => pool + layout.constant(`tcp/flow/${name}_OFFSET`);
    this.tcb = new RecordReader(place, "tcp/tcb/Tcb", offset("TCB"));
    this.#half = new RecordReader(place, "tcp/half-open/HalfOpen", offset("HALF_OPEN"));
    this.#timeWait = new RecordReader(place, "tcp/time-wait/TimeWait", offset("TIME_WAIT"));
    checkCounts(layout);
    const kind = (name: string) => layout.constant(`tcp/flow/FlowKind.${name}`);
    this.#kinds = {
      connection: kind("CONNECTION"),
      halfOpen: kind("HALF_OPEN"),
      timeWait: kind("TIME_WAIT"),
    };
    this.#plain = Object.entries(REGIONS)
      .filter(([, meaning]) => meaning === "plain")
      .map(([name]) => layout.region(name));
    const flag = (name: string) => layout.constant(`tcp/tcb/Flag.${name}`);
    const timer = (name: string) => layout.constant(`tcp/tcb/Timer.${name}`);
    const names = [...FLAGS_AFTER_END, "SYN_OUTSTANDING", "PERSISTING"];
    this.#flags = Object.fromEntries(names.map((name) => [name, flag(name)]));
    this.#endMask = FLAGS_AFTER_END.reduce((mask, name) => mask | flag(name), 0);
    const timers = ["RETRANSMISSION", "DELAYED_ACK", "USER_TIMEOUT"];
    this.#timers = Object.fromEntries(timers.map((name) => [name, timer(name)]));
    this.#idleWindow = layout.constant("tcp/congestion/INITIAL_WINDOW_SEGMENTS");
    this.#twoMslAt =
      layout.region("tcp/time-wait/QUEUE").address +
      layout.fields("tcp/time-wait/Queue")["twoMslMs"]!.offset;
    this.#tables = layout.tables.map(({ address, octets }) => ({
      address,
      octets: Buffer.from(memory.subarray(address, address + octets)),
    }));
  }

  get now(): number {
    return this.#view.getUint32(this.layout.region("core/clock/NOW_MS").address, true);
  }

  get twoMslMs(): number {
    return this.#view.getUint32(this.#twoMslAt, true);
  }

  hasFlag(name: string): boolean {
    return (this.tcb.get("flags") & this.#flags[name]!) !== 0;
  }

  hasTimer(name: string): boolean {
    return (this.tcb.get("timers") & this.#timers[name]!) !== 0;
  }

  /** Whether the TCB is in use and its connection is not over, or still has its RST to send. */
  get isAlive(): boolean {
    if (this.tcb.kind !== this.#kinds.connection) return false;
    const { state } = this.tcb;
    return (state !== State.CLOSED && state !== State.TIME_WAIT) || this.hasFlag("RESET_DUE");
  }

  /** The canonical form, as text of one character per octet. */
  key(): string {
    this.#length = 0;
    for (const { address, octets } of this.#plain) this.#putOctets(address, octets);
    for (const { address, octets } of this.#tables) {
      if (octets.compare(this.#memory, address, address + octets.length) === 0) continue;
      throw new Error(`a table at ${address} was written to`);
    }
    this.#putReady();
    this.#putRecord(this.tcb, this.tcb.kind === this.#kinds.connection);
    if (this.isAlive) this.#putSendRing();
    if (this.tcb.kind === this.#kinds.connection) this.#putReceiveRing();
    const isHalfOpen = this.#half.kind === this.#kinds.halfOpen;
    this.#putRecord(this.#half, isHalfOpen);
    if (isHalfOpen) this.#putNumber(this.#halfOpenMs(), 4);
    this.#putRecord(this.#timeWait, this.#timeWait.kind === this.#kinds.timeWait);
    return this.#key.toString("latin1", 0, this.#length);
  }

  #putOctets(address: number, octets: number): void {
    this.#key.set(this.#memory.subarray(address, address + octets), this.#length);
    this.#length += octets;
  }

  #putNumber(value: number, octets: number): void {
    this.#key.writeUIntLE(octets === 4 ? value >>> 0 : value, this.#length, octets);
    this.#length += octets;
  }

  /** Of entries outside of the queue only that they are. */
  #putReady(): void {
    const { address, octets } = this.layout.region("tcp/ready/LINKS");
    const size = this.layout.constant("tcp/ready/READY_ENTRY_SIZE");
    const listed = this.layout.fields("tcp/ready/Link")["isListed"]!.offset;
    for (let at = 0; at < octets; at += size) {
      const isListed = at === 0 || this.#memory[address + at + listed] !== 0;
      if (isListed) this.#putOctets(address + at, listed);
      this.#putNumber(isListed ? 1 : 0, 1);
    }
  }

  /** A free record is its link and, where it has one, its generation. */
  #putRecord(record: RecordReader, isUsed: boolean): void {
    this.#putNumber(isUsed ? 1 : 0, 1);
    if (!isUsed) {
      this.#putNumber(record.get("hashNext"), 2);
      if (record === this.tcb) this.#putNumber(record.get("generation"), 2);
      return;
    }
    const isTcb = record === this.tcb;
    const isAlive = !isTcb || this.isAlive;
    const flags = isTcb ? record.get("flags") : 0;
    const timers = isTcb ? record.get("timers") : 0;
    const isListed = record.address !== this.#half.address && record.get("isListed") !== 0;
    for (const item of record.items) {
      const value = record.at(item);
      const kind = item.meaning.split(":")[0];
      if (kind === "plain" || (kind === "alive" && isAlive) || (kind === "listed" && isListed)) {
        this.#putNumber(value, item.octets);
      } else if (kind === "flags") {
        this.#putNumber(isAlive ? value : value & this.#endMask, 4);
      } else if (!isAlive) {
        continue;
      } else if (kind === "time") {
        this.#putNumber(value - this.now, 4);
      } else if (kind === "idle-time") {
        this.#putNumber(this.#idleTime(value), 4);
      } else if (kind === "flag" && (flags & item.mask) !== 0) {
        this.#putNumber(value, item.octets);
      } else if (kind?.startsWith("time-of-")) {
        const bits = kind === "time-of-timer" ? timers : flags;
        this.#putNumber((bits & item.mask) !== 0 ? value - this.now : NO_TIME, 4);
      }
    }
    if (isTcb) this.#putRanges();
  }

  /** It only ever shrinks a congestion window that has grown beyond the initial one. */
  #idleTime(sentAt: number): number {
    const limit = this.tcb.get("sndMss") * this.#idleWindow;
    return this.tcb.get("cwnd") > limit ? this.now - sentAt : NO_TIME;
  }

  #putRanges(): void {
    const address = this.tcb.address + this.layout.constant("tcp/tcb-layout/TCB_FIELDS_SIZE");
    const { base, count } = this.layout.fields("tcp/ranges/RangeList");
    const ranges = this.#view.getUint32(address + count!.offset, true);
    this.#putNumber(ranges, 4);
    if (ranges === 0) return;
    this.#putOctets(address + base!.offset, 4);
    this.#putOctets(address + 8, ranges * this.layout.constant("tcp/ranges/RANGE_SIZE"));
  }

  /** Octets that wait to be sent or acknowledged. */
  get queuedOctets(): number {
    const first = this.tcb.get("sndUna") + (this.hasFlag("SYN_OUTSTANDING") ? 1 : 0);
    return Math.max(0, (this.tcb.get("sndEnd") - first) | 0);
  }

  /** Octets that wait to be read. */
  get readableOctets(): number {
    const fin = this.hasFlag("PEER_CLOSED") ? 1 : 0;
    return (this.tcb.get("rcvNxt") - this.tcb.get("rcvRead") - fin) | 0;
  }

  #putSendRing(): void {
    const ring = this.layout.region("tcp/tcb/sendRings");
    this.#putRing(ring, this.tcb.get("sendOffset"), this.queuedOctets);
  }

  /** All that lies ahead counts where something is out of order: the holes have stale octets. */
  #putReceiveRing(): void {
    const ring = this.layout.region("tcp/tcb/receiveRings");
    this.#putRing(ring, this.tcb.get("receiveOffset"), this.readableOctets);
    if (!this.isAlive) return;
    const address = this.tcb.address + this.layout.constant("tcp/tcb-layout/TCB_FIELDS_SIZE");
    const { base, count } = this.layout.fields("tcp/ranges/RangeList");
    const ranges = this.#view.getUint32(address + count!.offset, true);
    const ahead = this.#view.getUint32(address + base!.offset, true) - this.tcb.get("rcvRead");
    for (let i = 0; i < ranges; i++) {
      const start = this.#view.getUint16(address + 8 + 4 * i, true);
      const end = this.#view.getUint16(address + 10 + 4 * i, true);
      const offset = (this.tcb.get("receiveOffset") + ahead + start) % ring.octets;
      this.#putRing(ring, offset, end - start);
    }
  }

  #putRing(ring: { address: number; octets: number }, offset: number, octets: number): void {
    if (octets < 0 || octets > ring.octets) return; // the rules will have said so
    const first = Math.min(octets, ring.octets - offset);
    this.#putOctets(ring.address + offset, first);
    this.#putOctets(ring.address, octets - first);
  }

  /** A half-open record keeps its time in the wheel's entry. */
  #halfOpenMs(): number {
    return this.#entry(this.layout.constant("core/deadlines/FIRST_HALF_OPEN_DEADLINE")).inMs;
  }

  #entry(id: number): { isArmed: boolean; inMs: number } {
    const { address } = this.layout.region("core/deadlines/ENTRIES");
    const at = address + id * this.layout.constant("core/deadlines/DEADLINE_ENTRY_SIZE");
    const { dueAt, previous } = this.layout.fields("core/deadlines/Entry");
    return {
      isArmed: this.#view.getUint16(at + previous!.offset, true) !== 0,
      inMs: (this.#view.getUint32(at + dueAt!.offset, true) - this.now) | 0,
    };
  }

  look(): Look {
    const hasTcb = this.tcb.kind === this.#kinds.connection;
    const isHalfOpen = this.#half.kind === this.#kinds.halfOpen;
    const isTimeWait = this.#timeWait.kind === this.#kinds.timeWait;
    const { isAlive } = this;
    const tcb = hasTcb
      ? Object.fromEntries(this.tcb.items.map((item) => [item.name, this.tcb.at(item)]))
      : {};
    const inMs = (name: string) => (this.tcb.get(name) - this.now) | 0;
    const runs = (timer: string) => isAlive && this.hasTimer(timer);
    const connectionMs = Math.min(
      runs("RETRANSMISSION") ? inMs("retransmissionAt") : Infinity,
      runs("DELAYED_ACK") ? inMs("delayedAckAt") : Infinity,
    );
    const userMs = runs("USER_TIMEOUT") ? inMs("userTimeoutAt") : Infinity;
    const timeWaitMs = isTimeWait ? (this.#timeWait.get("expiresAt") - this.now) | 0 : Infinity;
    const entries = [
      { ms: Math.min(connectionMs, userMs), name: "FIRST_CONNECTION_DEADLINE" },
      { ms: timeWaitMs, name: "TIME_WAIT_DEADLINE" },
    ];
    const wakes = entries
      .filter(({ ms }) => ms !== Infinity)
      .map(({ ms, name }) => {
        const entry = this.#entry(this.layout.constant(`core/deadlines/${name}`));
        return entry.isArmed && entry.inMs <= ms ? ms : Infinity;
      });
    const out = this.layout.region("tcp/segment/OUT").address;
    return {
      state: this.#stateOf(isHalfOpen, isTimeWait),
      hasTcb,
      isAlive,
      isHalfOpen,
      isTimeWait,
      isListening: this.#isListening(),
      isListed: hasTcb && this.tcb.get("isListed") !== 0,
      isReplyLeft:
        this.#memory[out + this.layout.fields("tcp/segment/OutSegment")["isReply"]!.offset] !== 0,
      now: this.now,
      shortMs: Math.min(connectionMs, isHalfOpen ? this.#halfOpenMs() : Infinity),
      connectionMs,
      longMs: Math.min(userMs, timeWaitMs),
      wakesInMs: wakes.includes(Infinity) ? Infinity : Math.min(...wakes, Infinity),
      timeWaitMs,
      rcvNxt: this.#rcvNxt(isHalfOpen),
      challenges: Math.max(
        hasTcb ? this.tcb.get("challengesSent") : 0,
        isTimeWait ? this.#timeWait.get("challengesSent") : 0,
      ),
      tcb,
    };
  }

  #rcvNxt(isHalfOpen: boolean): number | undefined {
    if (isHalfOpen) return (this.#half.get("irs") + 1) >>> 0;
    const isOpen = this.isAlive && this.tcb.state >= State.SYN_RECEIVED;
    return isOpen ? this.tcb.get("rcvNxt") : undefined;
  }

  #isListening(): boolean {
    const { address } = this.layout.region("tcp/listener/LISTENERS");
    const { localPort } = this.layout.fields("tcp/listener/Listener");
    return this.#view.getUint16(address + localPort!.offset, true) !== 0;
  }

  /** As `tcpLookup` says: the newest record of the tuple, else LISTEN or CLOSED. */
  #stateOf(isHalfOpen: boolean, isTimeWait: boolean): number {
    if (isHalfOpen) return this.#half.state;
    const { state } = this.tcb;
    if (this.tcb.kind === this.#kinds.connection && state !== State.CLOSED) return state;
    if (isTimeWait) return this.#timeWait.state;
    return this.#isListening() ? State.LISTEN : State.CLOSED;
  }
}

/** The search reads one record of each kind. */
function checkCounts(layout: Layout): void {
  const size = (name: string) => layout.constant(name);
  const one =
    size("tcp/flow/TIME_WAIT_OFFSET") + size("tcp/flow/TIME_WAIT_SIZE") ===
      layout.region("tcp/flow/FLOW_POOL").octets &&
    size("tcp/flow/HALF_OPEN_OFFSET") - size("tcp/flow/TCB_OFFSET") ===
      size("tcp/tcb-layout/TCB_SIZE") &&
    layout.region("tcp/listener/LISTENERS").octets === size("tcp/listener/LISTENER_SIZE");
  if (!one) throw new Error("the profile check has one record of each kind");
}
