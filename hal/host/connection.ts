/**
 * One TCP connection on the host: the module's calls for a handle, its events, and helpers that
 * wait.
 *
 * Given out by `Stack.connect` and by listeners. Never decides anything of TCP: each method is one
 * call of `hal/README.md`, with the copy between its memory and JavaScript's.
 */
import { EventEmitter } from "node:events";
import { Event, Feature, Option, State, Status } from "./abi.ts";
import type { Driver } from "./driver.ts";
import { checkStatus, type EndReasonName, LingerError, statusError } from "./errors.ts";
import { type ConnectionStatus, integerOption, readStatus } from "./names.ts";

/**
 * How a connection was over for its user: the module's reasons (RFC 9293 MUST-12), or released by
 * its user before any, or gone with its stack, which was closed or failed (its wire went away, or
 * its module trapped).
 */
export type ConnectionEnd = EndReasonName | "RELEASED" | "STACK_CLOSED" | "STACK_FAILED";

export type { ConnectionStatus, NegotiatedName, StateName } from "./names.ts";

/** The events of a connection, in the order in which they are told when several come at once. */
export interface ConnectionEvents {
  /** ESTABLISHED is reached. */
  connect: [];
  /** The peer announced urgent data, or more: `status().URGENT_UNREAD` says how much is unread. */
  urgent: [];
  /** There is more to read, or end-of-file is. Read until `undefined`: it is told once. */
  readable: [];
  /** A `write` that took less than all can go on. */
  writable: [];
  /** The peer's FIN came: after the data that is queued `read` gives null. */
  peerClosed: [];
  /** All that was written, and our FIN if we closed, is acknowledged. */
  acknowledged: [];
  /** R1: what was written timed out three times in a row (RFC 9293 §3.8.3). */
  trouble: [];
  /** The network reported an error; `status().SOFT_ERROR` is ICMP's type << 8 | code. */
  softError: [error: number];
  /**
   * The connection is over; told exactly once. With an error unless it was closed normally; when
   * the stack failed it is the stack's.
   */
  ended: [end: ConnectionEnd, error?: LingerError];
}

/** What the IPv4 headers of a connection say to routers. */
export interface Marks {
  /** Time to live, 1 to 255; default the stack's, which is 64 (RFC 9293 MUST-49). */
  ttl?: number;
  /** Differentiated services, 0 to 63; default 0 (RFC 9293 MUST-48). */
  dscp?: number;
}

/** When a silent peer is asked whether it is still there (RFC 9293 §3.8.4). */
export interface KeepAliveOptions {
  /** Silence before the first probe: 1 to 65,535,000 ms, in whole seconds; default 7,200,000. */
  idleMs?: number;
  /** Between probes, likewise; default 75,000. */
  intervalMs?: number;
  /** So many probes without an answer end the connection: 2 to 255; default 9. */
  count?: number;
}

export interface ConnectionOptions extends Marks {
  /**
   * True, the default: as soon as `ended` was told, what is unread moves into JavaScript's memory
   * and the handle goes back to the module. False: the handle, and with it `status()` of a
   * TIME-WAIT, stays until `release()` is called.
   */
  autoRelease?: boolean;
  /** True turns Nagle's algorithm off (RFC 9293 MUST-17). */
  noDelay?: boolean;
  /** R2 in ms, 1,000 to 86,400,000; default 300,000 (RFC 9293 MUST-21). */
  userTimeoutMs?: number;
  /** False sends each acknowledgement at once; default true (RFC 9293 SHLD-18). */
  delayedAck?: boolean;
  /** Keep-alive, off by default: true, or when to ask (RFC 9293 MUST-24). */
  keepAlive?: boolean | KeepAliveOptions;
  /** False: 'trouble' and 'softError' are not told; default true (RFC 9293 SHLD-20). */
  softErrors?: boolean;
}

/** What a connection or a listener needs of its stack. */
export interface HandleOwner {
  readonly driver: Driver;
  /** The handle was given back: no events come for it any more. */
  forget(handle: number): void;
}

const U32_MAX = 2 ** 32 - 1;
const USER_TIMEOUT_MS_MIN = 1000;
const USER_TIMEOUT_MS_MAX = 86_400_000;
const TTL_MAX = 255;
const DSCP_MAX = 63;
const KEEP_ALIVE_MS_MAX = 65_535_000;
const KEEP_ALIVE_COUNT_MIN = 2;
const KEEP_ALIVE_COUNT_MAX = 255;

/** The defaults of the module, kept to put them back after a probe (`hal/README.md`, "Options"). */
const KEEP_ALIVE_DEFAULT = { isOn: false, idleMs: 7_200_000, intervalMs: 75_000, count: 9 };
/** How a peer is asked after a sleep: a second later, then every ten seconds. */
const WAKE_PROBE = { idleMs: 1000, intervalMs: 10_000, count: 9 };

/** What a snapshot keeps of a connection beside the module's memory. */
export interface KeptConnection {
  autoRelease: boolean;
  keepAlive: typeof KEEP_ALIVE_DEFAULT;
  bytesRead: number;
  bytesWritten: number;
}

const END_TEXT: Record<ConnectionEnd, string> = {
  CLOSED: "the connection is closed",
  RESET: "the peer reset the connection",
  REFUSED: "the peer refused the connection: nobody listens there",
  UNREACHABLE: "the peer cannot be reached",
  TIMED_OUT: "the peer did not answer within the user timeout, or to keep-alive",
  ABORTED: "the connection was aborted on this side",
  EVICTED: "the connection got nowhere and had to make room for a new one",
  RELEASED: "the connection was released on this side",
  STACK_CLOSED: "the stack was closed",
  STACK_FAILED: "the stack has failed",
};

/**
 * A connection. Events say that something changed; `read`, `write` and the rest act at once and
 * never wait. The helpers that return promises (`receive`, `writeAll`, `for await`) wait.
 *
 * Once the connection has ended, `closeWrite`, `close`, `abort`, `release` and the options do
 * nothing; `read` still gives what came before a normal end, and throws after any other.
 */
export class Connection extends EventEmitter<ConnectionEvents> {
  readonly handle: number;
  readonly localHost: string;
  readonly localPort: number;
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly #owner: HandleOwner;
  readonly #autoRelease: boolean;
  #bytesRead = 0;
  #bytesWritten = 0;
  #keepAlive = KEEP_ALIVE_DEFAULT;
  /** The clock's time of the probe after a sleep, while it has no answer. */
  #probedAtMs: number | undefined;
  #isConnected = false;
  #isReleased = false;
  #end: ConnectionEnd | undefined;
  #endError: LingerError | undefined;
  /** Event bits taken from the module and not yet told. */
  #events = 0;
  /** After the release: what was unread, and the last answer of STATUS. */
  #unread: Uint8Array[] | undefined;
  #lastStatus: ConnectionStatus | undefined;
  #waiting: (() => void)[] = [];
  /** Settles with the last `writeAll`; undefined while none is at work. */
  #writing: Promise<void> | undefined;
  #connectedPromise: Promise<void> | undefined;
  #endedPromise: Promise<ConnectionEnd> | undefined;

  /** For the library's own use: connections come from `Stack.connect` and from listeners. */
  constructor(owner: HandleOwner, handle: number, options: ConnectionOptions) {
    super();
    this.handle = handle;
    this.#owner = owner;
    this.#autoRelease = options.autoRelease ?? true;
    const status = this.status();
    this.localHost = status.localHost;
    this.localPort = status.LOCAL_PORT;
    this.remoteHost = status.remoteHost;
    this.remotePort = status.REMOTE_PORT;
    if (options.noDelay !== undefined) this.setNoDelay(options.noDelay);
    if (options.userTimeoutMs !== undefined) this.setUserTimeout(options.userTimeoutMs);
    if (options.delayedAck !== undefined) this.setDelayedAck(options.delayedAck);
    for (const [option, value] of marksOf(options)) this.#setOption(option, value);
    const { keepAlive } = options;
    if (typeof keepAlive === "object") this.setKeepAlive(true, keepAlive);
    else if (keepAlive !== undefined) this.setKeepAlive(keepAlive);
    if (options.softErrors !== undefined) this.setSoftErrors(options.softErrors);
  }

  /** Octets read so far. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Octets that `write` has taken so far. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /** How it ended, or undefined while it has not. */
  get end(): ConnectionEnd | undefined {
    return this.#end;
  }

  /** True once the handle was given back to the module. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** Settles with ESTABLISHED, or rejects if the connection ends before it. */
  get connected(): Promise<void> {
    this.#connectedPromise ??= this.#until(() => {
      if (this.#isConnected) return true;
      if (this.#end !== undefined) throw this.#endedError();
      return false;
    });
    return this.#connectedPromise;
  }

  /** Settles with how the connection ended; never rejects. */
  get ended(): Promise<ConnectionEnd> {
    this.#endedPromise ??= this.#until(() => this.#end !== undefined).then(() => this.#end!);
    return this.#endedPromise;
  }

  /**
   * RECEIVE: everything that has come, at most `max` octets, in memory of its own. **undefined**
   * when there is nothing yet, **null** at end-of-file: the peer has closed and all is read.
   *
   * Throws CONNECTION_RESET, CONNECTION_TIMED_OUT … after such an end, which discards what was
   * unread; CONNECTION_ENDED after `close()` on this side; the stack's error once that is dead.
   */
  read(max: number = Infinity): Uint8Array | null | undefined {
    if (!(max >= 1)) throw new LingerError("BAD_OPTION", `read: max must be 1 or more, not ${max}`);
    const chunk = this.#isReleased ? this.#takeUnread(max) : this.#takeReceived(max);
    if (chunk) this.#bytesRead += chunk.length;
    return chunk;
  }

  /**
   * SEND: takes as many octets as there is room for and returns their number, 0 included;
   * 'writable' tells when to go on. Text is sent as UTF-8, and counted in octets. Allowed before
   * the handshake is complete. Throws CONNECTION_CLOSING after `closeWrite()`, and after an end as
   * `read` does.
   */
  write(data: Uint8Array | string): number {
    if (this.#isReleased) throw this.#endedError();
    const octets = toOctets(data);
    let taken = 0;
    while (taken < octets.length) {
      const room = this.reserve();
      if (room === undefined) break;
      const part = octets.subarray(taken, taken + room.length);
      room.set(part);
      this.commit(part.length);
      taken += part.length;
    }
    return taken;
  }

  /**
   * SEND without a copy, first half: contiguous room in the module's own memory; there may be more
   * behind the end of the ring. **undefined** while there is none: 'writable' tells when to go on.
   * Fill its beginning and `commit`; any other call for this connection ends the view. Throws as
   * `write` does.
   */
  reserve(): Uint8Array | undefined {
    if (this.#isReleased) throw this.#endedError();
    const { calls, memory } = this.#owner.driver.instance;
    const room = calls.tcpReserve(this.handle);
    if (room === Status.WOULD_BLOCK) return undefined;
    if (room < 0) throw this.#refused(room, "write");
    const address = checkStatus(calls.tcpReservedAddress(this.handle), "write");
    return memory.subarray(address, address + room);
  }

  /**
   * SEND, second half: the first `octets` of the room that `reserve` gave are sent. Throws
   * BAD_ARGUMENT beyond that room, and as `write` does.
   */
  commit(octets: number): void {
    if (this.#isReleased) throw this.#endedError();
    integerOption(octets, 0, U32_MAX, "octets");
    const { driver } = this.#owner;
    const result = driver.instance.calls.tcpCommit(this.handle, octets);
    if (result < 0) throw this.#refused(result, "commit");
    this.#bytesWritten += octets;
    driver.pollSoon();
  }

  /**
   * RECEIVE without a copy, first half: what has come, as far as it is contiguous in the module's
   * own memory. **undefined** and **null** as of `read`, and it throws as `read` does. `consume`,
   * or any call that closes or releases, ends the view.
   */
  peek(): Uint8Array | null | undefined {
    if (this.#isReleased) return this.#peekUnread();
    const { calls, memory } = this.#owner.driver.instance;
    const available = calls.tcpPeek(this.handle);
    if (available === 0) return null;
    if (available === Status.WOULD_BLOCK) return undefined;
    if (available < 0) throw this.#refused(available, "read");
    const address = checkStatus(calls.tcpPeekedAddress(this.handle), "read");
    return memory.subarray(address, address + available);
  }

  /**
   * RECEIVE, second half: done with the first `octets` of what `peek` gave; the peer's window opens
   * by as much. Throws BAD_ARGUMENT beyond what can be peeked, and as `read` does.
   */
  consume(octets: number): void {
    integerOption(octets, 0, U32_MAX, "octets");
    if (this.#isReleased) {
      const unread = this.#peekUnread()?.length ?? 0;
      if (octets > unread) throw statusError(Status.BAD_ARGUMENT, `consume ${this.#name()}`);
      if (octets > 0) this.#takeUnread(octets);
    } else {
      const { driver } = this.#owner;
      const result = driver.instance.calls.tcpConsume(this.handle, octets);
      if (result < 0) throw this.#refused(result, "consume");
      driver.pollSoon();
    }
    this.#bytesRead += octets;
  }

  /**
   * SEND's urgent flag: all that `write` has taken so far is urgent, and the peer is told soon. New
   * protocols should not need it (RFC 6093 §6). Throws as `write` does.
   */
  sendUrgent(): void {
    if (this.#isReleased) throw this.#endedError();
    const { driver } = this.#owner;
    const result = driver.instance.calls.tcpUrgent(this.handle);
    if (result < 0) throw this.#refused(result, "sendUrgent");
    driver.pollSoon();
  }

  /** CLOSE: FIN after all that was written; reading goes on. The second time nothing happens. */
  closeWrite(): void {
    this.#command("closeWrite", (calls) => calls.tcpCloseWrite(this.handle));
  }

  /**
   * Full close: FIN after all that was written, and no more reading. What is unread, or comes
   * later, is answered by RST, so that the peer learns that it was lost (RFC 1122 §4.2.2.13).
   */
  close(): void {
    this.#command("close", (calls) => calls.tcpClose(this.handle));
  }

  /** ABORT: RST to the peer, and everything queued is lost. */
  abort(): void {
    this.#command("abort", (calls) => calls.tcpAbort(this.handle));
  }

  /**
   * Gives the handle back. An open connection is closed in full, and ends by itself; for this
   * object it is over at once, as RELEASED. Only needed with `autoRelease: false`, or to let go
   * early.
   */
  release(): void {
    if (this.#isReleased) return;
    this.#giveBack();
    this.#finish("RELEASED");
  }

  /**
   * STATUS. After the release it is the last answer before. Throws STACK_CLOSED when the stack is
   * dead and nothing was kept.
   */
  status(): ConnectionStatus {
    if (this.#isReleased) {
      if (this.#lastStatus === undefined) throw this.#endedError();
      return this.#lastStatus;
    }
    const { instance } = this.#owner.driver;
    const address = checkStatus(instance.calls.tcpStatus(this.handle), "status");
    return readStatus(instance, address);
  }

  /** True turns Nagle's algorithm off. */
  setNoDelay(on: boolean): void {
    this.#setOption(Option.NO_DELAY, on ? 1 : 0);
  }

  /** R2: after so many ms without an answer the connection ends as TIMED_OUT or UNREACHABLE. */
  setUserTimeout(ms: number): void {
    integerOption(ms, USER_TIMEOUT_MS_MIN, USER_TIMEOUT_MS_MAX, "userTimeoutMs");
    this.#setOption(Option.USER_TIMEOUT_MS, ms);
  }

  /** Keep-alive on or off; what `options` does not name stays as it is. */
  setKeepAlive(on: boolean, options: KeepAliveOptions = {}): void {
    const { idleMs, intervalMs, count } = options;
    const [min, max] = [KEEP_ALIVE_COUNT_MIN, KEEP_ALIVE_COUNT_MAX];
    if (idleMs !== undefined) integerOption(idleMs, 1, KEEP_ALIVE_MS_MAX, "idleMs");
    if (intervalMs !== undefined) integerOption(intervalMs, 1, KEEP_ALIVE_MS_MAX, "intervalMs");
    if (count !== undefined) integerOption(count, min, max, "count");
    this.#setKeepAlive(on, options);
    const was = this.#keepAlive;
    this.#keepAlive = {
      isOn: on,
      idleMs: idleMs ?? was.idleMs,
      intervalMs: intervalMs ?? was.intervalMs,
      count: count ?? was.count,
    };
    this.#probedAtMs = undefined;
  }

  #setKeepAlive(on: boolean, { idleMs, intervalMs, count }: KeepAliveOptions): void {
    const set = (option: Option, value: number | undefined): void => {
      if (value !== undefined) this.#setOption(option, value);
    };
    set(Option.KEEP_ALIVE_IDLE_MS, idleMs);
    set(Option.KEEP_ALIVE_INTERVAL_MS, intervalMs);
    set(Option.KEEP_ALIVE_COUNT, count);
    set(Option.KEEP_ALIVE, on ? 1 : 0);
  }

  /** False sends each acknowledgement at once, true lets them wait for a while. */
  setDelayedAck(on: boolean): void {
    this.#setOption(Option.DELAYED_ACK, on ? 1 : 0);
  }

  /** False: 'trouble' and 'softError' are not told any more; true tells the next ones. */
  setSoftErrors(on: boolean): void {
    this.#setOption(Option.SOFT_ERRORS, on ? 1 : 0);
  }

  /** Time to live and differentiated services of what is sent from now on. */
  setMarks(marks: Marks): void {
    for (const [option, value] of marksOf(marks)) this.#setOption(option, value);
  }

  /**
   * Waits for the next chunk, at most `max` octets; null at end-of-file. Rejects as `read` throws.
   */
  async receive(max?: number): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = this.read(max);
      if (chunk !== undefined) return chunk;
      await this.changed();
    }
  }

  /**
   * Waits for the next event, whichever it is: for programs that `peek` or `reserve`, and have to
   * try again then.
   */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Waits for everything up to end-of-file. */
  async receiveAll(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this) chunks.push(chunk);
    return joinChunks(chunks);
  }

  /**
   * Writes all of it, waiting for room as often as needed; what fits is taken at once. Calls are
   * served one after the other. Rejects as `write` throws; then an unknown part was taken.
   */
  writeAll(data: Uint8Array | string): Promise<void> {
    const octets = toOctets(data);
    const written = this.#writing
      ? this.#writing.then(() => this.#writeOut(octets))
      : this.#writeOut(octets);
    const settled = written.then(ignore, ignore).then(() => {
      if (this.#writing === settled) this.#writing = undefined;
    });
    this.#writing = settled;
    return written;
  }

  /**
   * Waits until all that was written, `writeAll` included, is acknowledged, and our FIN if we
   * closed.
   */
  async acknowledged(): Promise<void> {
    await this.#writing;
    return this.#until(() => {
      if (this.#end !== undefined && this.#end !== "CLOSED") throw this.#endedError();
      return this.#end === "CLOSED" || isAcknowledged(this.status());
    });
  }

  /** Chunks until end-of-file. Leaving the loop early leaves the connection as it is. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (;;) {
      const chunk = await this.receive();
      if (chunk === null) return;
      yield chunk;
    }
  }

  /** For the stack: events are left over from a `deliver` that an exception cut short. */
  get hasUndelivered(): boolean {
    return this.#events !== 0;
  }

  /**
   * For the stack: tells the events of a mask. A listener's exception leaves the rest for later.
   */
  deliver(mask: number): void {
    this.#events |= mask;
    while (this.#events !== 0) {
      // Urgent data is worth telling only before it is read.
      const event = this.#events & Event.URGENT || this.#events & -this.#events;
      this.#events &= ~event;
      if (this.#end === undefined) this.#tell(event);
    }
  }

  /** For the stack: what a snapshot keeps. */
  kept(): KeptConnection {
    return {
      autoRelease: this.#autoRelease,
      keepAlive: this.#keepAlive,
      bytesRead: this.#bytesRead,
      bytesWritten: this.#bytesWritten,
    };
  }

  /**
   * For the stack, after a sleep: tells again what the present state stands for, since edges that
   * were told before the snapshot are not known to this program, and asks the peer.
   */
  wake({ keepAlive, bytesRead, bytesWritten }: KeptConnection, nowMs: number): void {
    this.#keepAlive = keepAlive;
    this.#bytesRead = bytesRead;
    this.#bytesWritten = bytesWritten;
    const status = this.status();
    const { END_REASON, STATE } = status;
    if (STATE >= State.ESTABLISHED && END_REASON === 0) this.#events |= Event.CONNECTED;
    this.#events |= Event.READABLE | Event.WRITABLE;
    if (END_REASON !== 0) this.#events |= Event.ENDED;
    const { driver } = this.#owner;
    if (END_REASON !== 0 || !(driver.instance.limits.FEATURES & Feature.KEEP_ALIVE)) return;
    this.#setKeepAlive(true, WAKE_PROBE);
    this.#probedAtMs = Math.floor(nowMs);
  }

  /** For the stack, after each step: the peer has answered, so keep-alive is as it was. */
  settleProbe(nowMs: number): boolean {
    if (this.#probedAtMs === undefined || this.#isReleased) return true;
    if (this.status().SILENCE_MS >= Math.floor(nowMs) - this.#probedAtMs) return false;
    const { isOn, ...options } = this.#keepAlive;
    this.#probedAtMs = undefined;
    this.#setKeepAlive(isOn, options);
    return true;
  }

  /** For the stack: it is dead, and the module must not be asked any more. */
  die(error: LingerError): void {
    this.#isReleased = true;
    this.#events = 0;
    this.#finish(error.code === "STACK_CLOSED" ? "STACK_CLOSED" : "STACK_FAILED", error);
  }

  #tell(event: number): void {
    if (event === Event.CONNECTED) this.#isConnected = true;
    if (event === Event.ENDED) return this.#finishNormally();
    this.#wake();
    if (event === Event.CONNECTED) this.emit("connect");
    else if (event === Event.READABLE) this.emit("readable");
    else if (event === Event.WRITABLE) this.emit("writable");
    else if (event === Event.PEER_CLOSED) this.emit("peerClosed");
    else if (event === Event.ALL_ACKNOWLEDGED) this.emit("acknowledged");
    else if (event === Event.URGENT) this.emit("urgent");
    else if (event === Event.TROUBLE) this.emit("trouble");
    else if (event === Event.SOFT_ERROR) this.emit("softError", this.status().SOFT_ERROR);
  }

  #finishNormally(): void {
    const reason = this.status().endReasonName;
    try {
      this.#finish(reason === "NONE" ? "CLOSED" : reason);
    } finally {
      if (this.#autoRelease && !this.#isReleased) this.#giveBack();
    }
  }

  #finish(end: ConnectionEnd, error?: LingerError): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    if (end !== "CLOSED") this.#endError = error ?? this.#makeEndError(end);
    this.#wake();
    this.emit("ended", end, this.#endError);
  }

  /** The module forgets the connection; what its user may still ask for is kept here. */
  #giveBack(): void {
    const { driver } = this.#owner;
    this.#lastStatus = this.status();
    this.#unread = this.#drain();
    this.#isReleased = true;
    this.#owner.forget(this.handle);
    checkStatus(driver.instance.calls.tcpRelease(this.handle), "release");
    driver.pollSoon();
  }

  /**
   * What came before a normal end: at most a receive ring's size. Undefined after any other end.
   */
  #drain(): Uint8Array[] | undefined {
    if (this.#end !== "CLOSED") return undefined;
    const { calls } = this.#owner.driver.instance;
    const chunks: Uint8Array[] = [];
    for (;;) {
      const available = calls.tcpPeek(this.handle);
      if (available === 0) return chunks;
      if (available < 0) return undefined;
      chunks.push(this.#takePeeked(available));
    }
  }

  #takeReceived(max: number): Uint8Array | null | undefined {
    const { calls } = this.#owner.driver.instance;
    const chunks: Uint8Array[] = [];
    let total = 0;
    // The ring's end cuts what has come into two at most.
    while (total < max) {
      const available = calls.tcpPeek(this.handle);
      if (available <= 0) {
        if (total > 0) break;
        if (available === 0) return null;
        if (available === Status.WOULD_BLOCK) return undefined;
        throw this.#refused(available, "read");
      }
      const chunk = this.#takePeeked(Math.min(available, max - total));
      chunks.push(chunk);
      total += chunk.length;
    }
    this.#owner.driver.pollSoon();
    return joinChunks(chunks);
  }

  #takePeeked(octets: number): Uint8Array {
    const { calls, memory } = this.#owner.driver.instance;
    const address = checkStatus(calls.tcpPeekedAddress(this.handle), "read");
    const chunk = memory.slice(address, address + octets);
    checkStatus(calls.tcpConsume(this.handle, octets), "read");
    return chunk;
  }

  #takeUnread(max: number): Uint8Array | null {
    const all = this.#peekUnread();
    if (all === null) return null;
    this.#unread = [all.subarray(max)];
    return all.slice(0, max);
  }

  /** What was unread when the handle went back; null when that is read too. */
  #peekUnread(): Uint8Array | null {
    if (this.#unread === undefined) throw this.#endedError();
    const all = joinChunks(this.#unread);
    this.#unread = [all];
    return all.length === 0 ? null : all;
  }

  /** A call that an ended connection may ignore, and that may give the module something to send. */
  #command(what: string, call: (calls: Driver["instance"]["calls"]) => number): void {
    if (this.#isReleased) return;
    const { driver } = this.#owner;
    const result = call(driver.instance.calls);
    driver.pollSoon();
    if (result === Status.CONNECTION_ENDED || result === Status.CONNECTION_CLOSING) return;
    checkStatus(result, what);
  }

  #setOption(option: Option, value: number): void {
    this.#command("tcpSetOption", (calls) => calls.tcpSetOption(this.handle, option, value));
  }

  /** The error for a status below 0: how the connection ended, if it did. */
  #refused(status: number, what: string): LingerError {
    if (status !== Status.CONNECTION_ENDED) return statusError(status, `${what} ${this.#name()}`);
    if (this.#end !== undefined) return this.#endedError();
    const reason = this.status().endReasonName;
    if (reason === "NONE") return statusError(status, `${what} ${this.#name()}`);
    return this.#makeEndError(reason);
  }

  #endedError(): LingerError {
    return this.#endError ?? this.#makeEndError(this.#end ?? "CLOSED");
  }

  #makeEndError(end: ConnectionEnd): LingerError {
    const isStack = end === "STACK_CLOSED" || end === "STACK_FAILED";
    const code = isStack ? "STACK_CLOSED" : (`CONNECTION_${end}` as const);
    return new LingerError(code, `${this.#name()}: ${END_TEXT[end]}`);
  }

  #name(): string {
    return `${this.remoteHost}:${this.remotePort}`;
  }

  async #writeOut(octets: Uint8Array): Promise<void> {
    let at = this.write(octets);
    while (at < octets.length) {
      await this.changed();
      at += this.write(octets.subarray(at));
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.changed();
  }
}

/** The options of the module that marks are, with their values. Throws BAD_OPTION. */
export function marksOf({ ttl, dscp }: Marks): [Option, number][] {
  const options: [Option, number][] = [];
  if (ttl !== undefined) options.push([Option.TTL, integerOption(ttl, 1, TTL_MAX, "ttl")]);
  if (dscp !== undefined) options.push([Option.DSCP, integerOption(dscp, 0, DSCP_MAX, "dscp")]);
  return options;
}

function ignore(): void {}

function isAcknowledged(status: ConnectionStatus): boolean {
  if (status.SEND_QUEUED > 0) return false;
  if (status.SEND_CLOSED === 0) return true;
  return status.stateName === "FIN_WAIT_2" || status.stateName === "TIME_WAIT";
}

function toOctets(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? new TextEncoder().encode(data) : data;
}

function joinChunks(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const joined = new Uint8Array(chunks.reduce((total, chunk) => total + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}
