/**
 * One connection of a scripted peer, as a chain of steps that reads like the RFC's figures:
 *
 *     given("ESTABLISHED", variant)
 *       .send("<SEQ=301><ACK=101><CTL=FIN,ACK>")
 *       .expect("<SEQ=101><ACK=302><CTL=ACK>")
 *       .state("CLOSE-WAIT");
 *
 * `send` is the peer's segment, `expect` all that Linger answers with, user calls are Linger's
 * application. Whatever was emitted and not expected fails the next step.
 * Called by given.ts and tests. Decides nothing for the peer: no reply is sent by itself.
 */
import assert from "node:assert/strict";
import { Option, Status } from "../../hal/host/abi.ts";
import {
  Flag,
  type Frame,
  findOption,
  type Ipv4Input,
  type TcpInput,
  type TcpOption,
  type TcpSegment,
} from "../../hal/host/packet/index.ts";
import {
  type CallName,
  type Emitted,
  type EventName,
  type FieldName,
  type ReasonName,
  reasonName,
  type StateName,
  stateName,
  type StatusName,
  statusName,
} from "./device.ts";
import {
  formatEmitted,
  LINGER_ISS,
  normalizeText,
  parseSegmentText,
  PEER_ISS,
} from "./notation.ts";
import { patternMismatch, patternOctets } from "./pattern.ts";
import { type Rig } from "./rig.ts";
import { seqDistance } from "./sequence.ts";
import { PEER_ADDRESS } from "./variants.ts";

/** A state as the RFC writes it. */
export type RfcState = Hyphenated<StateName>;
type Hyphenated<S extends string> = S extends `${infer A}_${infer B}` ? `${A}-${Hyphenated<B>}` : S;

export interface Tuple {
  localPort: number;
  peerPort: number;
  peerAddress?: number;
}

/** What may be wrong with a segment besides its text. */
export interface Disguise {
  tcp?: TcpInput;
  ipv4?: Ipv4Input;
  /** Flips a bit of the checksum. */
  badChecksum?: boolean;
}

/** The window that the peer offers unless a segment says otherwise. */
const PEER_WINDOW = 4_096;
export const PEER_MSS = 1_460;
/** RFC 9293 MUST-40: an ACK is delayed by less than 500 ms. */
const DELAYED_ACK_MAX_MS = 499;
/** What the peer's timestamp clock says first: it wraps after a few segments. */
const PEER_CLOCK = 2 ** 32 - 4;

export class Conversation {
  readonly rig: Rig;
  readonly localPort: number;
  readonly peerPort: number;
  readonly peerAddress: number;
  readonly irs: number;
  /** Linger's ISS; before its SYN was seen, any number, for the peer's ACKs of what never was. */
  iss = 0x5eed_0000;
  handle = 0;
  listener = 0;
  window = PEER_WINDOW;
  /** Whether emitted data must be what `write` wrote. Off where a test commits without writing. */
  checksData = true;
  /**
   * Whether the peer's segments carry timestamps, and Linger's must, once both SYNs had them
   * (RFC 7323 §3.2). `expect` does not look at them.
   */
  timestamps = false;
  /** What the peer's timestamp clock says, and how much later at each segment. */
  peerClock = PEER_CLOCK;
  peerClockStep = 1;
  /** How much the application has written and read. */
  written = 0;
  readOctets = 0;
  #issKnown = false;
  #echo = 0;
  #pending: Emitted[] = [];

  constructor(rig: Rig, tuple: Tuple, irs: number) {
    this.rig = rig;
    this.localPort = tuple.localPort;
    this.peerPort = tuple.peerPort;
    this.peerAddress = tuple.peerAddress ?? PEER_ADDRESS;
    this.irs = irs;
    rig.route(this);
  }

  /** Whether segments came out that no step has looked at. */
  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Called by the rig with each segment of this tuple. */
  arrived(emitted: Emitted): void {
    const segment = emitted.frame.tcp!;
    if ((segment.flags & Flag.SYN) !== 0 && !this.#issKnown) {
      this.iss = segment.seq;
      this.#issKnown = true;
    }
    if (this.timestamps) this.#checkTimestamps(segment);
    this.#pending.push(emitted);
  }

  /** A new incarnation of the same tuple with another IRS; it gets the segments from now on. */
  again(irs: number): Conversation {
    const tuple = { ...this.#tuple(), peerAddress: this.peerAddress };
    const next = new Conversation(this.rig, tuple, irs);
    next.listener = this.listener;
    next.timestamps = this.timestamps;
    next.peerClock = this.peerClock;
    next.peerClockStep = this.peerClockStep;
    return next;
  }

  /** Another connection to the same port of Linger's, from another port of the peer. */
  from(peerPort: number, irs = this.irs): Conversation {
    const tuple = { ...this.#tuple(), peerPort, peerAddress: this.peerAddress };
    const other = new Conversation(this.rig, tuple, irs);
    other.listener = this.listener;
    return other;
  }

  /** A connection between any other two ports. */
  on(localPort: number, peerPort: number, irs: number): Conversation {
    return new Conversation(this.rig, { localPort, peerPort, peerAddress: this.peerAddress }, irs);
  }

  /** The segments go here again, after `again`. */
  resume(): this {
    this.rig.route(this);
    return this;
  }

  // ── The peer ───────────────────────────────────────────────────────────────────────────────────

  /** The peer's segment; data is the peer's stream at these numbers. */
  send(text: string, disguise: Disguise = {}): this {
    return this.sendAll([text], disguise);
  }

  /** Several segments, handed over before the next poll. */
  sendAll(texts: readonly string[], disguise: Disguise = {}): this {
    this.expectNothing();
    this.rig.deliver(...texts.map((text) => this.frame(text, disguise)));
    return this;
  }

  /** The frame of a segment of the peer's. */
  frame(text: string, disguise: Disguise = {}): Uint8Array {
    const { seq, ack, flags, window, urgentPointer, mss, octets } = parseSegmentText(text);
    const isSyn = (flags & Flag.SYN) !== 0;
    const offset = seq - PEER_ISS - (isSyn ? 0 : 1);
    const frame = this.rig.peerFrame({
      ipv4: { source: this.peerAddress, ...disguise.ipv4 },
      tcp: {
        sourcePort: this.peerPort,
        destinationPort: this.localPort,
        seq: (seq - PEER_ISS + this.irs) >>> 0,
        ack: ack === undefined ? 0 : (ack - LINGER_ISS + this.iss) >>> 0,
        flags,
        window: window ?? this.window,
        urgentPointer,
        options: [
          ...(mss === undefined ? [] : [{ kind: "mss" as const, value: mss }]),
          ...(this.timestamps ? this.#stamp() : []),
        ],
        payload: patternOctets("peer", offset, octets),
        ...disguise.tcp,
      },
    });
    // The checksum stands at octet 16 of the header behind 14 of Ethernet and 20 of IPv4.
    if (disguise.badChecksum) frame[14 + 20 + 17]! ^= 0x10;
    return frame;
  }

  #stamp(): TcpOption[] {
    const value = (this.peerClock += this.peerClockStep) >>> 0;
    return [{ kind: "nop" }, { kind: "nop" }, { kind: "timestamps", value, echo: this.#echo }];
  }

  #checkTimestamps(segment: TcpSegment): void {
    const option = findOption(segment, "timestamps");
    if ((segment.flags & Flag.RST) !== 0) return;
    assert.ok(option !== undefined, `${formatEmitted(segment, this)} has no timestamps`);
    this.#echo = option.value;
  }

  // ── What Linger does ───────────────────────────────────────────────────────────────────────────

  /** These segments were emitted, in this order, and nothing else. */
  expect(...texts: readonly string[]): this {
    const seen = this.take();
    const wanted = texts.map(normalizeText);
    const got = seen.map((segment, i) => {
      return formatEmitted(segment, this, wanted[i] ?? "");
    });
    assert.deepEqual(got, wanted);
    return this;
  }

  expectNothing(): this {
    const got = this.take().map((segment) => formatEmitted(segment, this));
    assert.deepEqual(got, [], "segments that nobody expected");
    return this;
  }

  /** Nothing, or one segment that is just as right. */
  expectNothingOr(text: string): this {
    const got = this.take().map((segment) => formatEmitted(segment, this, text));
    if (got.length > 0) assert.deepEqual(got, [normalizeText(text)]);
    return this;
  }

  /** As `expect`, now or within the time that an ACK may be delayed. */
  expectSoon(...texts: readonly string[]): this {
    this.rig.advanceUntilEmitted(DELAYED_ACK_MAX_MS, () => this.#pending.length > 0);
    return this.expect(...texts);
  }

  /** The emitted segments, checked for their data, and forgotten. */
  take(): TcpSegment[] {
    return this.takeTimed().map(({ segment }) => segment);
  }

  /** As `take`, with the times of emission. */
  takeTimed(): { atMs: number; frame: Frame; segment: TcpSegment }[] {
    const taken = this.#pending.map(({ atMs, frame }) => ({ atMs, frame, segment: frame.tcp! }));
    this.#pending = [];
    for (const { segment } of taken) this.#checkData(segment);
    return taken;
  }

  #checkData(segment: TcpSegment): void {
    if (segment.payload.length === 0 || !this.checksData) return;
    const offset = seqDistance((this.iss + 1) >>> 0, segment.seq);
    const at = patternMismatch("linger", offset, segment.payload);
    assert.equal(at, -1, `octet ${at} of ${formatEmitted(segment, this)} is not the one written`);
  }

  // ── Time ───────────────────────────────────────────────────────────────────────────────────────

  get nowMs(): number {
    return this.rig.device.nowMs;
  }

  /** Nothing for `ms` − 1, then one more: what comes next came exactly then. */
  after(ms: number): this {
    this.quiet(ms - 1);
    this.rig.advance(1);
    return this;
  }

  /** Time passes, and nothing comes. */
  quiet(ms: number): this {
    this.expectNothing();
    this.rig.advance(ms);
    const early = this.takeTimed().map(({ atMs, segment }) => {
      return `${atMs} ms: ${formatEmitted(segment, this)}`;
    });
    assert.deepEqual(early, [], `segments within ${ms} ms`);
    return this;
  }

  /** Time passes; what comes is kept. */
  advance(ms: number): this {
    this.rig.advance(ms);
    return this;
  }

  // ── The application ────────────────────────────────────────────────────────────────────────────

  /** Passive OPEN. */
  listen(backlog = 4): this {
    this.listener = this.#handleOf("tcpListen", 0, this.localPort, backlog);
    this.rig.settle();
    return this;
  }

  /** Active OPEN to the peer's port from the local one. */
  connect(): this {
    this.handle = this.#handleOf("tcpConnect", this.peerAddress, this.peerPort, 0, this.localPort);
    this.rig.settle();
    return this;
  }

  accept(): this {
    this.handle = this.#handleOf("tcpAccept", this.listener);
    return this;
  }

  /** SEND of the next `octets` of Linger's stream; all must find room. */
  write(octets: number): this {
    assert.equal(this.writeSome(octets), octets, "octets that found room in the send ring");
    return this;
  }

  /** SEND of what finds room. */
  writeSome(octets: number): number {
    this.expectNothing();
    const { device } = this.rig;
    let left = octets;
    while (left > 0) {
      const room = device.call("tcpReserve", this.handle);
      if (room === Status.WOULD_BLOCK) break;
      assert.ok(room > 0, `tcpReserve: ${statusName(room)}`);
      const some = Math.min(room, left);
      const at = device.call("tcpReservedAddress", this.handle);
      device.view(at, some).set(patternOctets("linger", this.written, some));
      assert.equal(device.call("tcpCommit", this.handle, some), Status.OK, "tcpCommit");
      this.written += some;
      left -= some;
    }
    this.rig.settle();
    return octets - left;
  }

  /** RECEIVE of exactly `octets`, which must be the next of the peer's stream. */
  read(octets: number): this {
    this.expectNothing();
    let left = octets;
    while (left > 0) {
      const some = this.#readSpan(left);
      assert.ok(some > 0, `tcpPeek: ${statusName(some)} with ${left} octets to come`);
      left -= some;
    }
    this.rig.settle();
    return this;
  }

  /** RECEIVE of all there is; how much that was. */
  readAll(): number {
    let octets = 0;
    for (;;) {
      const some = this.#readSpan(Infinity);
      if (some <= 0) break;
      octets += some;
    }
    this.rig.settle();
    return octets;
  }

  #readSpan(limit: number): number {
    const { device } = this.rig;
    const found = device.call("tcpPeek", this.handle);
    if (found <= 0) return found;
    const some = Math.min(found, limit);
    const at = device.call("tcpPeekedAddress", this.handle);
    const wrong = patternMismatch("peer", this.readOctets, device.view(at, some));
    assert.equal(wrong, -1, `octet ${this.readOctets + wrong} read is not the one sent`);
    assert.equal(device.call("tcpConsume", this.handle, some), Status.OK, "tcpConsume");
    this.readOctets += some;
    return some;
  }

  /** RECEIVE says end-of-file. */
  eof(): this {
    return this.call("tcpPeek", "OK");
  }

  closeWrite(): this {
    return this.#act("tcpCloseWrite");
  }

  close(): this {
    return this.#act("tcpClose");
  }

  abort(): this {
    return this.#act("tcpAbort");
  }

  /** Gives the handle back; from then on only `tcpLookup` knows the state. */
  release(): this {
    this.#act("tcpRelease");
    this.handle = 0;
    return this;
  }

  /** Stops listening. */
  unlisten(): this {
    assert.equal(this.rig.device.call("tcpClose", this.listener), Status.OK, "tcpClose");
    this.listener = 0;
    this.rig.settle();
    return this;
  }

  setOption(option: keyof typeof Option, value: number): this {
    const status = this.rig.device.call("tcpSetOption", this.handle, Option[option], value);
    assert.equal(statusName(status), "OK", "tcpSetOption");
    if (option === "KEEP_ALIVE" && value === 1) this.rig.device.inspector.allowsKeepAlive = true;
    this.rig.settle();
    return this;
  }

  /** A call on the handle that answers `expected`: a Status by name, or a number. */
  call(name: CallName, expected: StatusName | number, ...args: number[]): this {
    const got = statusName(this.rig.device.call(name, this.handle, ...args));
    assert.equal(got, expected, name);
    this.rig.settle();
    return this;
  }

  /** Several calls before the next poll. */
  together(run: (self: this) => void): this {
    this.rig.together(() => run(this));
    return this;
  }

  #act(name: CallName): this {
    this.expectNothing();
    return this.call(name, "OK");
  }

  #handleOf(name: CallName, ...args: number[]): number {
    const handle = this.rig.device.call(name, ...args);
    assert.ok(handle > 0, `${name}: ${statusName(handle)}`);
    return handle;
  }

  // ── What the application sees ──────────────────────────────────────────────────────────────────

  /**
   * The state, by STATUS where there is a handle and by the tuple in any case. A closed tuple shows
   * LISTEN where somebody listens.
   */
  state(expected: RfcState): this {
    this.expectNothing();
    const lookedUp = hyphenate(
      this.rig.device.lookup(this.peerAddress, this.peerPort, this.localPort),
    );
    if (this.handle !== 0) {
      const status = hyphenate(stateName(this.status("STATE")));
      assert.equal(status, expected, "STATUS");
    }
    if (expected === "CLOSED" && lookedUp === "LISTEN" && this.listener !== 0) return this;
    assert.equal(lookedUp, expected, "tcpLookup");
    return this;
  }

  /** The state of the tuple alone. */
  lookup(expected: RfcState): this {
    const state = this.rig.device.lookup(this.peerAddress, this.peerPort, this.localPort);
    assert.equal(hyphenate(state), expected, "tcpLookup");
    return this;
  }

  status(field: FieldName): number {
    return this.rig.device.status(this.handle, field);
  }

  /** A sequence variable of STATUS as this file counts: ours from 100, the peer's from 300. */
  variable(field: "SND_UNA" | "SND_NXT" | "RCV_NXT"): number {
    const value = this.status(field);
    if (field === "RCV_NXT") return seqDistance(this.irs, value) + PEER_ISS;
    return seqDistance(this.iss, value) + LINGER_ISS;
  }

  /** Exactly these events since the last look. */
  events(...expected: EventName[]): this {
    assert.deepEqual(this.rig.eventsOf(this.handle).sort(), expected.sort(), "events");
    return this;
  }

  /** These events at least; others are forgotten. */
  eventsWith(...expected: EventName[]): this {
    const got = this.rig.eventsOf(this.handle);
    for (const name of expected) assert.ok(got.includes(name), `${name} is not among ${got}`);
    return this;
  }

  reason(expected: ReasonName): this {
    assert.equal(reasonName(this.status("END_REASON")), expected, "end reason");
    return this;
  }

  /** CLOSED, and the application was told why. */
  ended(expected: ReasonName): this {
    return this.state("CLOSED").reason(expected).eventsWith("ENDED");
  }

  #tuple(): Tuple {
    return { localPort: this.localPort, peerPort: this.peerPort };
  }
}

function hyphenate(name: StateName): RfcState {
  return name.replaceAll("_", "-") as RfcState;
}
