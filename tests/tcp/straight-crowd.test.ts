/**
 * The straight ways among several connections, which come and go: what one leaves behind (the frame
 * that was expected, the header that stands in the transmit frame, the place in a list or a bucket)
 * must not become another one's. As in tests/tcp/straight.test.ts a module with these ways and one
 * without get the same random inputs and must do the same; here with a transmitter that is BUSY at
 * times, memory that is put away, ICMP errors, keep-alive and the handles of all.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Option, Parameter, State } from "../../hal/host/abi.ts";
import type { WasmModule } from "../../hal/host/web-assembly.ts";
import { Seeded } from "../support/pattern.ts";
import {
  ACK,
  FIN,
  KINDS,
  LINUX,
  MSS,
  ODDITIES,
  OURS,
  PEERS,
  PORT,
  PSH,
  SYN,
  Side,
  StampClock,
  type Station,
  arp,
  build,
  compileBoth,
  sackOption,
  unreachable,
} from "../support/straight-side.ts";

const SEEDS = 10;
const STEPS = 1_500;
const RST = 0x04;
const CONNECTIONS = 8;
const NOTHING = new Uint8Array(0);
const HOSTS = [1, 3];
const STATIONS = HOSTS.flatMap((host) =>
  [40_000, 40_001, 40_002].map((port): Station => ({ host, port })),
);
const CLOSING_CALLS = ["tcpCloseWrite", "tcpClose", "tcpAbort", "tcpRelease", "tcpUrgent"];
const OPTIONS: readonly (readonly [Option, (random: Seeded) => number])[] = [
  [Option.NO_DELAY, (random) => random.below(2)],
  [Option.DELAYED_ACK, (random) => random.below(2)],
  [Option.TTL, (random) => 1 + random.below(255)],
  [Option.DSCP, (random) => random.below(64)],
  [Option.KEEP_ALIVE, (random) => random.below(2)],
  [Option.KEEP_ALIVE_IDLE_MS, (random) => 1_000 + random.below(5_000)],
  [Option.USER_TIMEOUT_MS, (random) => 1_000 + random.below(60_000)],
];

let plain: WasmModule;
let straight: WasmModule;

before(() => {
  [straight, plain] = compileBoth();
});

/** A connection of the pool, as its peer knows it. */
interface Connection {
  index: number;
  from: Station;
}

class Crowd {
  readonly sides: [Side, Side] = [new Side(straight), new Side(plain)];
  readonly #random: Seeded;
  readonly #options: number[];
  readonly #hasSack: boolean;
  #now = 0xffff_8000;
  #listener = 0;
  #handles: number[] = [];
  /** When the straight way said that it wants to be woken, if nothing has come since. */
  #wakeAt: number | undefined;
  /** The time for which the last poll said it, if no frame has come since. */
  #told: number | undefined;
  /** Our last SYN's number, by whom it was for. */
  readonly #iss = new Map<string, number>();
  readonly #clocks = new Map<string, StampClock>();
  /** How often a connection got the place of one that had sent there. */
  established = 0;

  constructor(seed: number, options: number[]) {
    this.#random = new Seeded(seed);
    this.#hasSack = options.includes(4, 4);
    this.#options = options;
    this.call("init", this.#now | 0, 1_000);
    this.call("setLinkAddress", 0x0200, 1);
    this.call("setAddress", OURS, 24, 0);
    this.#listener = this.call("tcpListen", 0, PORT, 5);
    for (const host of HOSTS) this.#feed(arp(host));
  }

  #isOdd(times: number): boolean {
    return this.#random.below(times) === 0;
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[this.#random.below(items.length)];
  }

  /** The same call on both sides, with the same result. */
  call(name: string, ...args: number[]): number {
    this.#wakeAt = undefined;
    const [a, b] = this.sides.map(({ exports }) => exports[name]!(...args));
    assert.equal(a, b, name);
    return a!;
  }

  #feed(frame: Uint8Array): void {
    this.#wakeAt = undefined;
    this.#told = undefined;
    for (const { exports } of this.sides) {
      new Uint8Array(exports.memory.buffer).set(frame, exports["rxSlotAddress"]!(0));
      exports["frameReceived"]!(0, frame.length, this.#now | 0);
    }
  }

  isDue(): boolean {
    const [{ exports }] = this.sides;
    const due = new Uint8Array(exports.memory.buffer, exports["dueAddress"]!(), 8);
    return due.some((octet) => octet !== 0);
  }

  /** A driver that looks at `dueAddress` may leave the poll out; nothing is lost by that. */
  #pollIfDue(): void {
    if (this.isDue()) {
      this.poll(0);
      return;
    }
    const [, plainWay] = this.sides;
    const before = plainWay.sent.length;
    const told = this.#told;
    if (told !== undefined && this.#isOdd(2)) {
      // Since the last poll there were calls at most: it would not tell of a shorter sleep either.
      const wait = this.poll(0);
      assert.ok(
        wait >= told - this.#now,
        "a poll left out that would have told of a shorter sleep",
      );
      return;
    }
    plainWay.exports["poll"]!(this.#now | 0);
    assert.equal(plainWay.sent.length, before, "a poll left out that would have sent");
  }

  /** How long the straight way would sleep. */
  poll(ms: number): number {
    this.#now = (this.#now + ms) >>> 0;
    const [straightWay, plainWay] = this.sides;
    const before = plainWay.sent.length;
    const [wait] = this.sides.map(({ exports }) => exports["poll"]!(this.#now | 0) >>> 0);
    if (this.#wakeAt !== undefined && ((this.#now - this.#wakeAt) | 0) < 0) {
      assert.equal(plainWay.sent.length, before, "one sleeps while the other has to send");
    }
    assert.equal(straightWay.sent.join(), plainWay.sent.join());
    this.#wakeAt = wait! < 10_000 ? (this.#now + wait!) >>> 0 : undefined;
    this.#told = this.#now + wait!;
    return wait!;
  }

  #connections(): Connection[] {
    const found: Connection[] = [];
    const [, truth] = this.sides;
    for (let index = 0; index < CONNECTIONS; index++) {
      const state = truth.field("STATE", index);
      const host = truth.field("REMOTE_ADDRESS", index) - PEERS + 1;
      const port = truth.field("REMOTE_PORT", index);
      if (state >= State.ESTABLISHED) found.push({ index, from: { host, port } });
    }
    return found;
  }

  compare(what: string): void {
    const [a, b] = this.sides;
    assert.equal(a.sent.join(), b.sent.join(), what);
    assert.equal(a.image(CONNECTIONS), b.image(CONNECTIONS), what);
    for (const hex of b.sent) {
      const frame = Buffer.from(hex, "hex");
      if (frame.readUInt16BE(12) !== 0x0800 || frame[23] !== 6 || !(frame[47]! & SYN)) continue;
      const name = `${frame[33]}:${frame.readUInt16BE(36)}`;
      this.#iss.set(name, frame.readUInt32BE(38));
      this.#clocks.set(name, new StampClock(frame, this.#now));
    }
    a.sent.length = b.sent.length = 0;
  }

  #events(): void {
    for (;;) {
      const handle = this.call("nextReady");
      if (handle === 0) return;
      this.call("takeEvents", handle);
    }
  }

  /** A SYN, or what completes its handshake; where a connection is, its next segment. */
  knock(from: Station): void {
    const state = this.call("tcpLookup", PEERS - 1 + from.host, from.port, PORT);
    const window = 60_000;
    if (state === State.SYN_RECEIVED) {
      const iss = this.#iss.get(`${from.host}:${from.port}`) ?? 0;
      const seq = 0xffff_ff00 + from.port;
      const ack = (iss + 1) >>> 0;
      const options = this.#stamp(from);
      const answer = {
        seq: (seq + 1) >>> 0,
        ack,
        flags: ACK,
        window,
        text: NOTHING,
        options,
        from,
      };
      this.#feed(build(answer));
      this.established += 1;
    } else if (state === State.LISTEN || state === State.TIME_WAIT) {
      const seq = (0xffff_ff00 + from.port) >>> 0;
      const options = this.#options;
      this.#feed(build({ seq, ack: 0, flags: SYN, window, text: NOTHING, options, from }));
    }
  }

  #segment({ index, from }: Connection): Uint8Array {
    const [, truth] = this.sides;
    const next = truth.field("RCV_NXT", index);
    const una = truth.field("SND_UNA", index);
    const nxt = truth.field("SND_NXT", index);
    const flight = (nxt - una) >>> 0;
    const ack = this.#isOdd(4) ? una + this.#random.below(flight + 1) : nxt;
    const length = this.#isOdd(2) ? 0 : this.#random.below(this.#isOdd(3) ? 1_461 : 50);
    const shift = this.#isOdd(12) ? this.#random.below(3_000) - 1_000 : 0;
    const end = this.#isOdd(60) ? RST : this.#isOdd(100) ? FIN : 0;
    const flags = ACK | end | (this.#isOdd(2) ? PSH : 0);
    const window = this.#isOdd(8) ? this.#random.below(65_536) : 60_000;
    const text = Uint8Array.from({ length }, (_, i) => (next + shift + i) & 0xff);
    const odd = this.#isOdd(16) ? this.#pick(ODDITIES) : "";
    const seq = (next + shift) >>> 0;
    const options = this.#clockOf(from)?.randomOption(this.#now, this.#random) ?? [];
    if (this.#hasSack && flight > 0 && this.#isOdd(16)) {
      options.push(...sackOption(una, flight, this.#random));
    }
    return build({ seq, ack: ack >>> 0, flags, window, text, options, from }, odd);
  }

  #clockOf({ host, port }: Station): StampClock | undefined {
    return this.#clocks.get(`${host}:${port}`);
  }

  #stamp(from: Station): number[] {
    return this.#clockOf(from)?.option(this.#now) ?? [];
  }

  #error({ index, from }: Connection): Uint8Array {
    const [, truth] = this.sides;
    const una = truth.field("SND_UNA", index);
    const seq = this.#isOdd(2) ? una : (truth.field("SND_NXT", index) - 1) >>> 0;
    return unreachable(from, seq, this.#random.below(6), 600 + this.#random.below(900));
  }

  #read(handle: number): void {
    const count = Math.min(this.call("tcpPeek", handle), 1 + this.#random.below(4_000));
    if (count <= 0) return;
    const [a, b] = this.sides.map(({ exports }) =>
      Buffer.from(exports.memory.buffer, exports["tcpPeekedAddress"]!(handle), count),
    );
    assert.ok(a!.equals(b!), "what was received differs");
    this.call("tcpConsume", handle, count);
  }

  write(handle: number): void {
    const count = Math.min(this.call("tcpReserve", handle), 1 + this.#random.below(2_000));
    if (count <= 0) return;
    const value = this.#random.below(256);
    for (const { exports } of this.sides) {
      const at = exports["tcpReservedAddress"]!(handle);
      new Uint8Array(exports.memory.buffer, at, count).fill(value);
    }
    this.call("tcpCommit", handle, count);
  }

  accept(): number {
    const handle = this.call("tcpAccept", this.#listener);
    if (handle > 0) this.#handles.push(handle);
    return handle;
  }

  /** A connection of this station, accepted. */
  open(from: Station): number {
    this.knock(from);
    this.compare("the SYN is answered");
    this.knock(from);
    return this.accept();
  }

  /** The next segment of a station's connection, as it is expected. */
  tell(from: Station, flags: number, octets = 0): void {
    const { index } = this.#connections().find((of) => of.from.host === from.host)!;
    const [, truth] = this.sides;
    const [seq, ack] = [truth.field("RCV_NXT", index), truth.field("SND_NXT", index)];
    const [text, options] = [new Uint8Array(octets), this.#stamp(from)];
    this.#feed(build({ seq, ack, flags, window: 60_000, text, options, from }));
  }

  /** A call after which the connection is on its way out; a handle that has ended goes back. */
  #end(handle: number): void {
    const [, truth] = this.sides;
    const isOver = truth.field("STATE", handle & 0xfff) === State.CLOSED;
    const call = isOver ? "tcpRelease" : this.#pick(CLOSING_CALLS)!;
    this.call(call, handle);
    if (call === "tcpRelease") this.#handles = this.#handles.filter((held) => held !== handle);
  }

  /** What the application does with one of its handles. */
  #use(handle: number): void {
    const kind = this.#random.below(10);
    if (kind < 4) return this.#read(handle);
    if (kind < 8) return this.write(handle);
    const [, truth] = this.sides;
    const isOver = truth.field("STATE", handle & 0xfff) === State.CLOSED;
    if (isOver || this.#isOdd(12)) return this.#end(handle);
    const [option, value] = this.#pick(OPTIONS)!;
    if (this.#isOdd(4)) this.call("tcpSetOption", handle, option, value(this.#random));
  }

  /** What seldom happens. */
  #disturb(): void {
    if (this.#isOdd(30)) for (const side of this.sides) side.busy = 1;
    else if (this.#isOdd(3)) for (const side of this.sides) side.busy = 0;
    if (this.#isOdd(150)) this.call("setParameter", Parameter.TTL, 1 + this.#random.below(255));
    if (this.#isOdd(300)) this.call("setAddress", OURS, 16 + this.#random.below(9), 0);
    if (this.#isOdd(150)) this.call("pingSend", PEERS, 1, this.#random.below(100));
    if (this.#isOdd(400)) {
      for (const side of this.sides) side.restore();
      this.poll(this.#random.below(1_000));
      this.call("wake");
    }
  }

  step(): void {
    const kind = this.#random.below(20);
    const connection = this.#pick(this.#connections());
    const handle = this.#pick(this.#handles);
    if (kind < 9 && connection) {
      const times = this.#isOdd(2) ? 3 : 1;
      for (let i = 0; i < times; i++) this.#feed(this.#segment(connection));
    } else if (kind < 11) this.knock(this.#pick(STATIONS)!);
    else if (kind < 15 && handle) this.#use(handle);
    else if (kind < 16) this.accept();
    else if (kind < 17 && connection && this.#isOdd(2)) this.#feed(this.#error(connection));
    else if (kind < 18) {
      const host = this.#pick(HOSTS)!;
      this.#feed(arp(host, this.#isOdd(10) ? host + 2 : host + 1));
    } else this.poll(this.#isOdd(20) ? this.#random.below(70_000) : this.#random.below(300));
    this.#disturb();
    if (this.#isOdd(2)) this.#events();
    this.#pollIfDue();
    if (this.#isOdd(2)) this.poll(this.#random.below(40));
  }
}

for (const what of ["an MSS", "SACK", LINUX]) {
  const options = KINDS[what]!;
  test(`connections with ${what} that come and go in turn: both ways agree`, () => {
    let established = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const crowd = new Crowd(seed, options);
      for (let step = 0; step < STEPS; step++) {
        crowd.step();
        crowd.compare(`seed ${seed}, step ${step}`);
      }
      established += crowd.established;
    }
    assert.ok(established > SEEDS * CONNECTIONS, "no place was used again");
  });
}

test("a connection in the place of another one does not send under its header", () => {
  const crowd = new Crowd(1, MSS);
  const [one, other] = [STATIONS[0]!, STATIONS[3]!];
  for (const station of [one, other]) crowd.knock(station);
  crowd.compare("two SYNs are answered");
  crowd.knock(one);
  const handle = crowd.accept();
  crowd.tell(one, ACK, 1_000);
  crowd.poll(200);
  crowd.compare("the one is acknowledged");
  crowd.tell(one, ACK | RST);
  crowd.call("tcpRelease", handle);
  crowd.knock(other);
  crowd.accept();
  crowd.tell(other, ACK, 1_000);
  crowd.poll(200);
  assert.equal(crowd.sides[0].sent.length, 1);
  crowd.compare("the other one is acknowledged");
});

test("a call that shortens the sleep makes a poll due", () => {
  const crowd = new Crowd(1, MSS);
  const handle = crowd.open(STATIONS[0]!);
  crowd.write(handle);
  for (const ms of [0, 1_000, 2_000, 4_000]) crowd.poll(ms);
  const before = crowd.poll(0);
  assert.equal(crowd.isDue(), false);
  crowd.call("tcpSetOption", handle, Option.USER_TIMEOUT_MS, 7_500);
  assert.equal(crowd.isDue(), true, "a driver would sleep as long as it meant to before");
  assert.ok(crowd.poll(0) < before);
});

test("what a BUSY transmitter has kept goes straight with the next poll", () => {
  const crowd = new Crowd(1, MSS);
  const handle = crowd.open(STATIONS[0]!);
  crowd.poll(0);
  const [{ exports }] = crowd.sides;
  const due = () => [...new Uint32Array(exports.memory.buffer, exports["dueAddress"]!(), 2)];
  crowd.write(handle);
  for (const ms of [0, 10_000]) {
    // Straight, and then by a deadline: for a thorough poll nothing is left either time.
    for (const side of crowd.sides) side.busy = 1;
    crowd.poll(ms);
    assert.equal(due()[0], 0);
    assert.notEqual(due()[1], 0);
    for (const side of crowd.sides) side.busy = 0;
    crowd.poll(0);
    assert.equal(crowd.sides[0].sent.length, 1);
    crowd.compare("sent");
  }
});
