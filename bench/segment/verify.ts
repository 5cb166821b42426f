/**
 * Judges what a side sends: every frame of every scenario, in a run of its own in V8.
 *
 * Independent of both stacks and of both drivers: from the frames that arrive it knows which
 * numbers must be acknowledged, from those that were sent which number comes next. Called by
 * main.ts before anything is measured, and by tests/bench.
 */
import { readFileSync } from "node:fs";
import { BenchInstance } from "./run-scenario.ts";
import { Mode, type Scenario } from "./scenarios.ts";

const PEER_MAC = "02:00:00:00:00:02";
const OUR_MAC = "02:00:00:00:00:01";
const ETHERNET_OCTETS = 14;
const IPV4_OCTETS = 20;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV4 = 0x0800;
/** Both sides' receive window at its largest: four segments. */
const WINDOW_MAX = 4 * 1460;
const TCP_OCTETS = 20;
const Kind = { END: 0, NO_OPERATION: 1, TIMESTAMPS: 8 } as const;
const Flag = { FIN: 1, SYN: 2, RST: 4, ACK: 16 } as const;
const COMPLAINTS_MAX = 10;

/** What the judge knows of one connection. */
interface Seen {
  /** The next number that the stack must send, once its SYN was seen. */
  next?: number;
  /** The next number that it must acknowledge: all that has arrived. */
  arrived: number;
  /** The right edge of its window, which must not move to the left. */
  edge?: number;
  /** The peer's timestamps so far, and the one that the stack has echoed last. */
  stamps: Set<number>;
  echo?: number;
}

interface Parsed {
  key: string;
  seq: number;
  ack: number;
  flags: number;
  window: number;
  text: Uint8Array;
  stamp?: Stamp;
}

/** What a timestamps option says (RFC 7323 §3.2). */
interface Stamp {
  value: number;
  echo: number;
}

/** The timestamps option of a TCP header, if it has one. */
function stampOf(header: Uint8Array): Stamp | undefined {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  for (let at = TCP_OCTETS; at < header.length;) {
    const kind = header[at]!;
    if (kind === Kind.END) return undefined;
    if (kind === Kind.TIMESTAMPS) {
      return { value: view.getUint32(at + 2), echo: view.getUint32(at + 6) };
    }
    at += kind === Kind.NO_OPERATION ? 1 : header[at + 1]!;
  }
  return undefined;
}

/** The sum of RFC 1071, halfword by halfword. */
function sum(octets: Uint8Array, start = 0): number {
  let total = start;
  for (let i = 0; i < octets.length; i += 2) total += (octets[i]! << 8) | (octets[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

function macOf(frame: Uint8Array, offset: number): string {
  const octets = frame.subarray(offset, offset + 6);
  return [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}

export class Judge {
  readonly complaints: string[] = [];
  frames = 0;
  /** How many of them had a timestamp. */
  stamped = 0;
  readonly #connections = new Map<string, Seen>();

  /** A frame of the peer is about to be handed over. */
  arrived(frame: Uint8Array): void {
    const { key, seq, flags, text, stamp } = this.#parse(frame, true);
    if (key === "") return;
    const isFirst = (flags & Flag.SYN) !== 0 && (flags & Flag.ACK) === 0;
    let seen = this.#connections.get(key);
    if (seen === undefined || isFirst) {
      seen = { arrived: seq, stamps: new Set() };
      this.#connections.set(key, seen);
    }
    if (stamp !== undefined) seen.stamps.add(stamp.value);
    const length = text.length + (flags & Flag.SYN ? 1 : 0) + (flags & Flag.FIN ? 1 : 0);
    if (flags & Flag.SYN) seen.arrived = seq;
    if (seq === seen.arrived) seen.arrived = (seq + length) >>> 0;
  }

  /** A frame has been transmitted. */
  sent(frame: Uint8Array): void {
    this.frames++;
    const parsed = this.#parse(frame, false);
    if (parsed.key === "") return;
    this.#judgeNumbers(parsed);
    const isText = parsed.text.every((octet, i) => octet === ((i * 7 + (i >> 8)) & 0xff));
    this.#expect(isText, "the text is not what the application wrote");
  }

  #judgeNumbers({ key, seq, ack, flags, window, text, stamp }: Parsed): void {
    let seen = this.#connections.get(key);
    if (flags & Flag.RST) return; // of a connection that is gone: its number is the peer's
    if (flags & Flag.SYN) {
      if (seen === undefined || (flags & Flag.ACK) === 0) seen = { arrived: 0, stamps: new Set() };
      this.#connections.set(key, seen);
      seen.next = (seq + 1) >>> 0;
      if ((flags & Flag.ACK) === 0) return;
    }
    if (seen?.next === undefined) {
      this.#expect(false, "a segment of a connection that nobody opened");
      return;
    }
    if ((flags & Flag.SYN) === 0) {
      this.#expect(seq === seen.next, `SEG.SEQ is ${seq}, and not ${seen.next}`);
      seen.next = (seq + text.length + (flags & Flag.FIN ? 1 : 0)) >>> 0;
    }
    this.#expect((flags & Flag.ACK) !== 0, "a segment without ACK");
    this.#expect(ack === seen.arrived, `SEG.ACK is ${ack}, and not ${seen.arrived}`);
    this.#expect(window <= WINDOW_MAX, `SEG.WND is ${window}`);
    const edge = (ack + window) >>> 0;
    this.#expect(((edge - (seen.edge ?? edge)) | 0) >= 0, "the window's edge moves to the left");
    seen.edge = edge;
    this.#judgeStamp(seen, stamp);
  }

  /** Who uses timestamps does so in each segment, and echoes what has come, never an older one. */
  #judgeStamp(seen: Seen, stamp: Stamp | undefined): void {
    if (seen.stamps.size === 0 || (seen.echo === undefined && stamp === undefined)) return;
    this.#expect(stamp !== undefined, "a segment without a timestamp");
    if (stamp === undefined) return;
    this.stamped++;
    this.#expect(seen.stamps.has(stamp.echo), `TSecr is ${stamp.echo}, which nobody has sent`);
    this.#expect(stamp.echo >= (seen.echo ?? 0), `TSecr is ${stamp.echo}, older than before`);
    seen.echo = stamp.echo;
  }

  #parse(frame: Uint8Array, isArriving: boolean): Parsed {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const nothing = { key: "", seq: 0, ack: 0, flags: 0, window: 0, text: frame.subarray(0, 0) };
    const [to, from] = isArriving ? [OUR_MAC, PEER_MAC] : [PEER_MAC, OUR_MAC];
    const type = view.getUint16(12);
    if (type === ETHERTYPE_ARP) return nothing;
    this.#expect(type === ETHERTYPE_IPV4, "neither IPv4 nor ARP");
    this.#expect(macOf(frame, 0) === to && macOf(frame, 6) === from, "a wrong link address");
    const ip = frame.subarray(ETHERNET_OCTETS);
    this.#expect(ip[0] === 0x45, "not IPv4 with a header of 20 octets");
    this.#expect(view.getUint16(16) === ip.length, "the total length is not the frame's");
    this.#expect(sum(ip.subarray(0, IPV4_OCTETS)) === 0xffff, "a wrong IPv4 checksum");
    const tcp = ip.subarray(IPV4_OCTETS);
    const pseudo = sum(ip.subarray(12, IPV4_OCTETS), 6 + tcp.length);
    this.#expect(sum(tcp, pseudo) === 0xffff, "a wrong TCP checksum");
    const [source, destination] = [view.getUint16(34), view.getUint16(36)];
    const ports = isArriving ? [destination, source] : [source, destination];
    const header = (tcp[12]! >> 4) * 4;
    const stamp = stampOf(tcp.subarray(0, header));
    return {
      key: ports.join(" "),
      seq: view.getUint32(38),
      ack: view.getUint32(42),
      flags: tcp[13]!,
      window: view.getUint16(48),
      text: tcp.subarray(header),
      ...(stamp === undefined ? {} : { stamp }),
    };
  }

  #expect(isRight: boolean, complaint: string): void {
    if (!isRight && this.complaints.length < COMPLAINTS_MAX) {
      this.complaints.push(`frame ${this.frames}: ${complaint}`);
    }
  }
}

/** Runs a scenario under the judge's eyes; `spoil` may change a frame before he sees it. */
export function verify(
  module: string,
  scenario: Scenario,
  spoil: (frame: Uint8Array) => Uint8Array = (frame) => frame,
): Judge {
  const judge = new Judge();
  const instance = new BenchInstance(readFileSync(module), {
    arrived: (frame) => judge.arrived(frame),
    sent: (frame) => judge.sent(spoil(frame)),
  });
  const errors = instance.run(scenario, scenario.mode | Mode.VERIFY);
  if (errors !== 0) {
    judge.complaints.push(`${scenario.name}: the driver has counted ${errors} errors`);
  }
  return judge;
}
