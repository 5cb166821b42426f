/**
 * What the tests of the straight ways need: a module that gets the same inputs as another one, and
 * the frames of its peers, some of which are odd.
 *
 * Called by tests/tcp/straight.test.ts and tests/tcp/straight-crowd.test.ts.
 */
import { type Counter, Limit, StatusField } from "../../hal/host/abi.ts";
import { type WasmMemory, type WasmModule, WebAssembly } from "../../hal/host/web-assembly.ts";
import type { Seeded } from "./pattern.ts";
import { compileStraight } from "./straight-module.ts";

export const PORT = 80;
export const OURS = 0x0a09_0002;
export const PEERS = 0x0a09_0001;
export const ACK = 0x10;
export const PSH = 0x08;
export const SYN = 0x02;
export const FIN = 0x01;
export const URG = 0x20;

/** The timestamp of a peer's SYN: soon it is 0. */
const SYN_STAMP = 0xffff_f000;

function octetsOf(...words: number[]): number[] {
  return words.flatMap((word) => [
    word >>> 24,
    (word >>> 16) & 0xff,
    (word >>> 8) & 0xff,
    word & 0xff,
  ]);
}

/** A timestamps option. */
function stampOption(value: number, echo: number): number[] {
  return [8, 10, ...octetsOf(value, echo)];
}

/** Options of the peer's SYN, by what they ask for. */
export const MSS = [2, 4, 5, 180];
export const LINUX = "SACK, timestamps and a window scale";
export const KINDS: Readonly<Record<string, number[]>> = {
  "an MSS": MSS,
  SACK: [...MSS, 1, 1, 4, 2],
  "a window scale": [...MSS, 1, 3, 3, 2],
  timestamps: [...MSS, 1, 1, ...stampOption(SYN_STAMP, 0)],
  [LINUX]: [...MSS, 4, 2, ...stampOption(SYN_STAMP, 0), 1, 3, 3, 2],
};

/** The two clocks of a connection with timestamps, as its peer knows them (RFC 7323). */
export class StampClock {
  readonly #startedAt: number;
  /** What the stack's is ahead of the time; unknown where it does not speak of it. */
  readonly #ahead: number | undefined;

  /** `answer`: the SYN and ACK that was sent at `now`. */
  constructor(answer: Buffer, now: number) {
    this.#startedAt = now;
    for (let at = 54; at < answer.length;) {
      if (answer[at] === 8) this.#ahead = (answer.readUInt32BE(at + 2) - now) >>> 0;
      at += answer[at] === 1 ? 1 : answer[at + 1]!;
    }
  }

  /** The option of a segment of this age that echoes one of that age; without timestamps none. */
  option(now: number, age = 0, echoAge = 0): number[] {
    if (this.#ahead === undefined) return [];
    const value = SYN_STAMP + now - this.#startedAt - age;
    return [1, 1, ...stampOption(value >>> 0, (now + this.#ahead - echoAge) >>> 0)];
  }

  /** The same, mostly what is to be expected: some are old, some absent or in another place. */
  randomOption(now: number, random: Seeded): number[] {
    if (this.#ahead === undefined || random.below(40) === 0) return [];
    const age = random.below(12) === 0 ? random.below(3_000) : 0;
    const option = this.option(now, age, random.below(3) === 0 ? random.below(400) : 0);
    return random.below(40) === 0 ? [...option.slice(2), 1, 1] : option;
  }
}

/** Reports a random part of what is in flight, `flight` octets from SND.UNA `una` on. */
export function sackOption(una: number, flight: number, random: Seeded): number[] {
  const from = 1 + random.below(flight);
  const to = from + 1 + random.below(flight);
  return [1, 1, 5, 10, ...octetsOf(una + from, una + to)];
}

type Call = (...args: number[]) => number;
type Exports = Record<string, Call> & { memory: WasmMemory };

/** The module with the straight ways, and the one without. */
export function compileBoth(): [WasmModule, WasmModule] {
  const [straight, plain] = [compileStraight(true), compileStraight(false)];
  return [new WebAssembly.Module(straight), new WebAssembly.Module(plain)];
}

/** One of the two modules under the same inputs. */
export class Side {
  exports: Exports;
  readonly sent: string[] = [];
  /** What the transmitter says: 1 is BUSY. */
  busy = 0;
  readonly #module: WasmModule;
  #seed = 7;

  constructor(module: WasmModule) {
    this.#module = module;
    this.exports = this.#instantiate();
  }

  #instantiate(): Exports {
    const hal = {
      transmit: (at: number, octets: number) => {
        if (this.busy) return this.busy;
        this.sent.push(Buffer.from(this.exports.memory.buffer, at, octets).toString("hex"));
        return 0;
      },
      entropy: () => (this.#seed = (Math.imul(this.#seed, 1_103_515_245) + 12_345) | 0),
    };
    return new WebAssembly.Instance(this.#module, { hal }).exports as unknown as Exports;
  }

  /** Its memory is put away, and another instance goes on with it. */
  restore(): void {
    const memory = new Uint8Array(this.exports.memory.buffer.slice(0));
    this.exports = this.#instantiate();
    new Uint8Array(this.exports.memory.buffer).set(memory);
  }

  /** A field of STATUS of the connection at this place in the pool; 0 if there is none. */
  field(name: keyof typeof StatusField, index = 0): number {
    const at = this.exports["tcpStatusAt"]!(index);
    if (at <= 0) return 0;
    const view = new DataView(this.exports.memory.buffer);
    return view.getUint32(at + 4 * StatusField[name], true);
  }

  counter(which: Counter): number {
    const { exports } = this;
    return new DataView(exports.memory.buffer).getUint32(
      exports["counterAddress"]!() + 4 * which,
      true,
    );
  }

  /**
   * What the record of a connection holds: the variables of RFC 9293, congestion, timers, what is
   * known of flights and timestamps.
   */
  #record(index: number): string {
    const { exports } = this;
    const at = exports["record"]!(index);
    return Buffer.from(exports.memory.buffer, at, exports["recordOctets"]!()).toString("hex");
  }

  /** All that can be asked of it, of so many connections. */
  image(connections = 1): string {
    const { exports } = this;
    const words = (at: number, count: number) =>
      at <= 0 ? [] : [...new Uint32Array(exports.memory.buffer.slice(at, at + 4 * count))];
    const counters = exports["limit"]!(Limit.COUNTER_COUNT);
    const image = [words(exports["counterAddress"]!(), counters)];
    for (let i = 0; i < connections; i++) {
      image.push(words(exports["tcpStatusAt"]!(i), StatusField.COUNT));
    }
    const records = Array.from({ length: connections }, (_, i) => this.#record(i));
    return JSON.stringify([image, records]);
  }
}

/** Who sends: the last octets of its link address and of its address, and its port. */
export interface Station {
  host: number;
  port: number;
}
const THE_PEER: Station = { host: 1, port: 40_000 };

export interface Segment {
  seq: number;
  ack: number;
  flags: number;
  window: number;
  text: Uint8Array;
  options?: number[];
  from?: Station;
}

function sum(octets: Uint8Array, start = 0): number {
  let total = start;
  for (let i = 0; i < octets.length; i += 2) total += (octets[i]! << 8) | (octets[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

/** What is odd about a few frames; both checksums are right but where they are damaged. */
export const ODDITIES = [
  ...["padded", "moved", "marked", "fragment", "icmp", "damaged", "damaged header", "short"],
  "damaged control",
  ...["from a group", "other type", "to another", "from us", "from all", "from nobody"],
  ...["from afar", "of no station", "without control"],
];

const SOURCES: Readonly<Record<string, number>> = {
  "from us": OURS,
  "from all": 0x0a09_00ff,
  "from nobody": 0,
  "from afar": 0xc0a8_0101,
};

/** The link addresses and the type. `moved`: the peer has another link address. */
function ethernet(host: number, odd: string): number[] {
  if (odd === "of no station") return [2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
  const last = odd === "moved" ? host + 2 : host + 1;
  return [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, last, 8, 0];
}

/** A frame of the peer; what is odd about a few of them is not the segment. */
export function build(segment: Segment, odd = ""): Uint8Array {
  const { seq, ack, flags, window, text, options = [], from = THE_PEER } = segment;
  const header = 20 + options.length;
  const frame = new Uint8Array(34 + header + text.length + (odd === "padded" ? 6 : 0));
  const view = new DataView(frame.buffer);
  frame.set([...ethernet(from.host, odd), 0x45]);
  if (odd === "marked") frame[15] = 3;
  if (odd === "from a group") frame[6] = 3;
  if (odd === "other type") frame[12] = 9;
  const total = 20 + header + text.length;
  view.setUint16(16, total);
  view.setUint16(18, seq & 0xffff);
  view.setUint16(20, odd === "fragment" ? 0x2000 : 0x4000);
  view.setUint16(22, odd === "icmp" ? 0x4001 : 0x4006);
  view.setUint32(26, SOURCES[odd] ?? PEERS - 1 + from.host);
  view.setUint32(30, odd === "to another" ? OURS + 1 : OURS);
  view.setUint16(24, ~sum(frame.subarray(14, 34)) & 0xffff);
  view.setUint16(34, from.port);
  view.setUint16(36, PORT);
  view.setUint32(38, seq);
  view.setUint32(42, ack);
  view.setUint16(46, (header << 10) | flags);
  view.setUint16(48, window);
  if (odd === "without control") view.setUint32(46, 0);
  frame.set(options, 54);
  frame.set(text, 34 + header);
  const tcp = frame.subarray(34, 14 + total);
  view.setUint16(50, ~sum(tcp, sum(frame.subarray(26, 34), 6 + tcp.length)) & 0xffff);
  if (odd === "damaged") frame[frame.length - 1]! ^= 0x10;
  if (odd === "damaged header") frame[24]! ^= 0x10;
  if (odd === "damaged control") frame[50]! ^= 0x10;
  return odd === "short" ? frame.subarray(0, frame.length - 1) : frame;
}

/** A peer tells its link address, the last octet of which may be another one. */
export function arp(host = 1, last = host + 1): Uint8Array {
  const frame = new Uint8Array(60);
  const view = new DataView(frame.buffer);
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, last, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
  frame.set([2, 0, 0, 0, 0, last], 22);
  view.setUint32(28, PEERS - 1 + host);
  frame.set([2, 0, 0, 0, 0, 1], 32);
  view.setUint32(38, OURS);
  return frame;
}

/** A router says of the segment of ours with this number that it could not be delivered. */
export function unreachable(to: Station, seq: number, code: number, mtu: number): Uint8Array {
  const frame = new Uint8Array(70);
  const view = new DataView(frame.buffer);
  frame.set([...ethernet(to.host, ""), 0x45]);
  view.setUint16(16, 56);
  view.setUint16(22, 0x4001);
  view.setUint32(26, PEERS - 1 + to.host);
  view.setUint32(30, OURS);
  view.setUint16(24, ~sum(frame.subarray(14, 34)) & 0xffff);
  frame.set([3, code], 34);
  view.setUint16(40, mtu);
  frame.set([0x45], 42);
  view.setUint16(44, 1_500);
  frame.set([0x40, 0, 0x40, 6], 48);
  view.setUint32(54, OURS);
  view.setUint32(58, PEERS - 1 + to.host);
  view.setUint16(52, ~sum(frame.subarray(42, 62)) & 0xffff);
  view.setUint16(62, PORT);
  view.setUint16(64, to.port);
  view.setUint32(66, seq);
  view.setUint16(36, ~sum(frame.subarray(34)) & 0xffff);
  return frame;
}
