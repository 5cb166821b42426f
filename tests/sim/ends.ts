/**
 * The applications: one end of a connection, what it does by its role, and what it is told.
 *
 * An end works as `hal/README.md` asks: a call that was refused is made again after the event that
 * says so and not before, and each handle is released. It checks each octet that it reads against
 * what the other end has written, and keeps what the judges need to know: what it wrote, read,
 * closed, and how it was told of the end. Called by its station when an event came or a timer ran
 * out.
 */
import { EndReason, Event, Option, Status, StatusField } from "../../hal/host/abi.ts";
import type { Attempt } from "./attempts.ts";
import { streamOctets } from "./pattern.ts";
import type { RolePlan } from "./plan.ts";
import type { Station } from "./station.ts";
import { demand, Violation } from "./violation.ts";
import type { Slot } from "./watch.ts";

/** More SENDs of one octet would make runs long, and show nothing new. */
const SENDS_MAX = 2_000;
const KEEP_ALIVE_COUNT = 3;

export class End {
  readonly station: Station;
  /** The connection as both ends know it; undefined for one with a stranger. */
  readonly attempt: Attempt | undefined;
  readonly isClient: boolean;
  readonly handle: number;
  readonly role: RolePlan;
  /** Its TCB, as the watch sees it. */
  slot: Slot | undefined;
  /** Module time at which it began, and at which its handle was given back. */
  readonly beganMs: number;
  releasedMs = 0;
  written = 0;
  consumed = 0;
  isConnected = false;
  sawEof = false;
  isSendClosed = false;
  isReceiveClosed = false;
  /** The application did what may reset the connection. */
  hasAborted = false;
  isReleased = false;
  hasCrashed = false;
  /** Called once its handle is given back. */
  onDone: () => void = () => undefined;
  /** As the event ENDED told. */
  reason: number = EndReason.NONE;
  #rounds = 0;
  #isPausing = false;
  #hasPaused = false;
  #nextReadMs = 0;
  #isHurried = false;
  /** Off from a refusal to the event that takes it back: a lost event shows. */
  #mayWrite = true;
  #mayRead = true;
  readonly #chunk: number;

  constructor(station: Station, handle: number, isClient: boolean, context: EndContext) {
    this.station = station;
    this.handle = handle;
    this.isClient = isClient;
    this.attempt = context.attempt;
    this.role = context.role;
    this.beganMs = station.nowMs();
    const { send, rounds, response } = this.role;
    this.#chunk = Math.max(this.role.chunk, Math.ceil((send + rounds * response) / SENDS_MAX));
    this.#setOptions();
    if (this.role.rudeAtMs > 0) station.after(this.role.rudeAtMs, () => this.#beRude());
    if (this.role.readOctets > 0) this.#tick();
  }

  /** Whether the application still cares. */
  get isActive(): boolean {
    return !this.isReleased && !this.hasCrashed;
  }

  get peer(): End | undefined {
    return this.isClient ? this.attempt?.server : this.attempt?.client;
  }

  /** Takes events, and does what they make possible. */
  take(events: number): void {
    if (!this.isActive) return;
    if ((events & Event.CONNECTED) !== 0) this.isConnected = true;
    if ((events & Event.WRITABLE) !== 0) this.#mayWrite = true;
    if ((events & (Event.READABLE | Event.ENDED)) !== 0) this.#mayRead = true;
    if ((events & Event.ENDED) !== 0) {
      const reason = this.station.status(this.handle, StatusField.END_REASON);
      demand(this.reason === EndReason.NONE, "ended-twice", () => this.describe());
      demand(reason !== EndReason.NONE, "ended-without-reason", () => this.describe());
      this.reason = reason;
    }
    this.act();
  }

  act(): void {
    if (!this.isActive) return;
    this.#write();
    this.#read();
    this.#write();
    this.#close();
    this.#release();
  }

  /** The active time is over: no more pauses, everything is read as it comes. */
  hurry(): void {
    // Once only: from then on it has to be told.
    if (this.#isHurried) return;
    this.#isHurried = true;
    this.#isPausing = false;
    this.act();
  }

  /** Gives the handle back, whatever state the connection is in. */
  release(): void {
    if (!this.isActive) return;
    this.isReleased = true;
    this.isSendClosed = true;
    this.isReceiveClosed = true;
    this.releasedMs = this.station.nowMs();
    this.#expect(this.station.call("tcpRelease", this.handle), Status.OK);
    this.station.forget(this);
    this.onDone();
  }

  describe(): string {
    const { attempt, handle, written, consumed } = this;
    const who = attempt === undefined ? "stranger" : `session ${attempt.session}`;
    const side = this.isClient ? "client" : "server";
    return (
      `${who} ${side} at host ${this.station.id}, handle ${handle}: ` +
      `wrote ${written}, read ${consumed}, reason ${this.reason}`
    );
  }

  #setOptions(): void {
    const { options } = this.role;
    const set = (option: number, value: number) => {
      const status = this.station.call("tcpSetOption", this.handle, option, value);
      // A build may leave some out.
      if (status !== Status.NOT_SUPPORTED) this.#expect(status, Status.OK);
    };
    if (options.noDelay) set(Option.NO_DELAY, 1);
    if (options.ackAtOnce) set(Option.DELAYED_ACK, 0);
    if (options.quiet) set(Option.SOFT_ERRORS, 0);
    if (options.userTimeoutMs > 0) set(Option.USER_TIMEOUT_MS, options.userTimeoutMs);
    if (options.keepAliveMs > 0) {
      set(Option.KEEP_ALIVE_IDLE_MS, options.keepAliveMs);
      set(Option.KEEP_ALIVE_INTERVAL_MS, options.keepAliveMs);
      set(Option.KEEP_ALIVE_COUNT, KEEP_ALIVE_COUNT);
      set(Option.KEEP_ALIVE, 1);
    }
  }

  // ── Sending ────────────────────────────────────────────────────────────────────────────────────

  get #stream(): number {
    return this.attempt?.streamOf(this.isClient) ?? 0;
  }

  /** How much is to be written by now, in all. */
  #wanted(): number {
    const { role } = this;
    switch (role.when) {
      case "echo":
        return this.consumed;
      case "after-eof":
        return this.sawEof ? role.send : 0;
      case "respond":
        return Math.floor(this.consumed / role.request) * role.response;
      case "request":
        return this.#wantedRequests() * role.request;
      default:
        return this.#wantedAtOnce();
    }
  }

  #wantedRequests(): number {
    const { role } = this;
    const answered = Math.floor(this.consumed / role.response);
    if (answered >= this.#rounds && this.#rounds < role.rounds && !this.#isPausing) {
      if (this.#rounds > 0 && !this.#isHurried) {
        this.#pause(() => void this.#rounds++);
      } else {
        this.#rounds += 1;
      }
    }
    return this.#rounds;
  }

  #wantedAtOnce(): number {
    const { send, pauseMs } = this.role;
    if (pauseMs === 0 || this.#hasPaused || this.#isHurried) return send;
    const half = send >> 1;
    if (this.written >= half && !this.#isPausing) this.#pause(() => void (this.#hasPaused = true));
    return half;
  }

  #pause(then: () => void): void {
    this.#isPausing = true;
    this.station.after(this.role.pauseMs, () => {
      if (!this.#isPausing) return;
      this.#isPausing = false;
      then();
      this.act();
    });
  }

  #write(): void {
    if (this.isSendClosed || this.reason !== EndReason.NONE || !this.#mayWrite) return;
    for (let left = this.#wanted() - this.written; left > 0;) {
      const room = this.station.call("tcpReserve", this.handle);
      this.#mayWrite = room !== Status.WOULD_BLOCK;
      if (!this.#mayWrite) return;
      if (room === Status.CONNECTION_ENDED) return;
      demand(room > 0, "reserve", () => `${this.describe()}: tcpReserve answered ${room}`);
      const octets = Math.min(room, left, this.#chunk);
      const at = this.station.call("tcpReservedAddress", this.handle);
      this.station.memory.set(streamOctets(this.#stream, this.written, octets), at);
      this.#expect(this.station.call("tcpCommit", this.handle, octets), Status.OK);
      if (this.role.options.urgent && this.written === 0) {
        const status = this.station.call("tcpUrgent", this.handle);
        if (status !== Status.NOT_SUPPORTED) this.#expect(status, Status.OK);
      }
      this.written += octets;
      left -= octets;
    }
  }

  // ── Reading ────────────────────────────────────────────────────────────────────────────────────

  #tick(): void {
    this.station.after(this.role.readEveryMs, () => {
      if (!this.isActive || this.#isHurried) return;
      this.#nextReadMs = 0;
      this.act();
      this.#tick();
    });
  }

  #read(): void {
    if (this.sawEof || this.isReceiveClosed || !this.#mayRead) return;
    const isSlow = this.role.readOctets > 0 && !this.#isHurried;
    let budget = isSlow ? this.role.readOctets : Infinity;
    if (isSlow && this.#nextReadMs > 0) return;
    while (budget > 0) {
      const octets = this.station.call("tcpPeek", this.handle);
      if (octets === 0) return this.#takeEof();
      this.#mayRead = octets !== Status.WOULD_BLOCK;
      if (!this.#mayRead) return;
      if (octets === Status.CONNECTION_ENDED) return this.#judgeRefusal();
      demand(octets > 0, "peek", () => `${this.describe()}: tcpPeek answered ${octets}`);
      const taken = Math.min(octets, budget);
      this.#compare(this.station.call("tcpPeekedAddress", this.handle), taken);
      this.#expect(this.station.call("tcpConsume", this.handle, taken), Status.OK);
      this.consumed += taken;
      budget -= taken;
    }
    if (isSlow) this.#nextReadMs = 1;
  }

  /** Each octet is the one that the peer has written at this place, and it has written it. */
  #compare(at: number, octets: number): void {
    const { attempt, consumed } = this;
    if (attempt === undefined || attempt.isTainted) return;
    const wrote = attempt.writtenBy(!this.isClient);
    demand(consumed + octets <= wrote, "invented", () => {
      return `${this.describe()}: reads up to ${consumed + octets} of ${wrote} that were written`;
    });
    const right = streamOctets(attempt.streamOf(!this.isClient), consumed, octets);
    const got = this.station.memory.subarray(at, at + octets);
    if (Buffer.compare(right, got) === 0) return;
    const index = got.findIndex((octet, i) => octet !== right[i]);
    throw new Violation("wrong-octet", `${this.describe()}: octet ${consumed + index} is wrong`);
  }

  #takeEof(): void {
    this.sawEof = true;
    const { attempt } = this;
    if (attempt === undefined || attempt.isTainted) return;
    const wrote = attempt.writtenBy(!this.isClient);
    demand(this.consumed === wrote, "cut-short", () => {
      return `${this.describe()}: end-of-file after ${this.consumed} of ${wrote} octets`;
    });
    demand(attempt.hasClosed(!this.isClient), "invented-eof", () => {
      return `${this.describe()}: end-of-file, but the peer has not closed`;
    });
  }

  #judgeRefusal(): void {
    const reason = this.station.status(this.handle, StatusField.END_REASON);
    demand(reason !== EndReason.NONE && reason !== EndReason.CLOSED, "unreadable", () => {
      return `${this.describe()}: nothing to read after reason ${reason}`;
    });
  }

  // ── Closing ────────────────────────────────────────────────────────────────────────────────────

  /** Whether everything that the role sends of its own accord is written. */
  get #isSent(): boolean {
    const { role } = this;
    switch (role.when) {
      case "echo":
      case "respond":
        return this.sawEof && this.written >= this.#wanted();
      case "after-eof":
        return this.sawEof && this.written >= role.send;
      case "request":
        return (
          (this.written >= role.rounds * role.request &&
            this.consumed >= role.rounds * role.response) ||
          this.sawEof
        );
      default:
        return this.written >= role.send;
    }
  }

  #close(): void {
    if (this.isSendClosed || this.reason !== EndReason.NONE) return;
    const { closeOn } = this.role;
    if (closeOn !== "sent" && !this.sawEof) return;
    if (closeOn !== "eof" && !this.#isSent) return;
    this.#closeWrite();
  }

  #closeWrite(): void {
    this.isSendClosed = true;
    const status = this.station.call("tcpCloseWrite", this.handle);
    if (status !== Status.CONNECTION_ENDED) this.#expect(status, Status.OK);
    // In SYN-SENT, without anything to send, that is the end of it (RFC 9293 §3.10.4).
    if (!this.isConnected && this.written === 0) this.hasAborted = true;
  }

  #release(): void {
    const isThrough = this.isSendClosed && this.sawEof;
    const isEnded = this.reason !== EndReason.NONE;
    const isLost = isEnded && (this.reason !== EndReason.CLOSED || this.isReceiveClosed);
    if (isLost || (isThrough && (isEnded || this.role.releasesEarly))) this.release();
  }

  #beRude(): void {
    if (!this.isActive || this.reason !== EndReason.NONE) return;
    switch (this.role.rude) {
      case "half-close":
        if (!this.isSendClosed) this.#closeWrite();
        break;
      case "full-close":
        this.hasAborted = true;
        this.isSendClosed = true;
        this.isReceiveClosed = true;
        this.station.call("tcpClose", this.handle);
        break;
      case "release":
        this.hasAborted = true;
        this.release();
        break;
      default:
        this.hasAborted = true;
        this.isSendClosed = true;
        this.isReceiveClosed = true;
        this.station.call("tcpAbort", this.handle);
    }
    this.act();
  }

  #expect(status: number, wanted: number): void {
    demand(status === wanted, "status", () => {
      return `${this.describe()}: a call answered ${status} instead of ${wanted}`;
    });
  }
}

/** What an end is for. */
export interface EndContext {
  attempt: Attempt | undefined;
  role: RolePlan;
}
