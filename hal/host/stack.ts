/**
 * A TCP/IP stack on the host: a module, its clock, entropy and wire, and the connections on it.
 *
 * The entry point of the library. All of it is synchronous underneath: under a virtual clock a run
 * is the same every time. Protocol is the module's; this file only passes calls and events on.
 */
import { EventEmitter } from "node:events";
import { Parameter, Status } from "./abi.ts";
import { type Clock, RealClock, type TimerHandle } from "./clock.ts";
import { Connection, type ConnectionOptions, type KeptConnection, marksOf } from "./connection.ts";
import { CALL_GAP_MS_MAX, Driver } from "./driver.ts";
import { type Entropy, SystemEntropy } from "./entropy.ts";
import { checkStatus, LingerError, statusError } from "./errors.ts";
import { Listener, type ListenerOwner, type ListenOptions } from "./listener.ts";
import { type Counters, type Limits, LingerModule, type Profile } from "./module.ts";
import {
  addressOption,
  type ConnectionStatus,
  integerOption,
  readStatus,
  stateName,
  type StateName,
} from "./names.ts";
import { formatIpv4Address, formatMacAddress, parseMacAddress } from "./packet/address.ts";
import { Recorder, type RecorderOptions, type RecordingSink } from "./recording/recorder.ts";
import { pasteSnapshot, readSnapshot, runsIn, writeSnapshot } from "./snapshot/format.ts";
import type { Wire } from "./wire.ts";

export type { Counters, Limits, Profile } from "./module.ts";

/** The values of Parameter.ECN. */
const ECN_POLICIES = { never: 0, agree: 1, ask: 2 } as const;

/** What holds for all connections of a stack. What is left out stays as it is. */
export interface StackParameters {
  /** The least retransmission timeout, 10 to 60,000 ms; default 1,000 (RFC 6298 §2.4). */
  rtoMinMs?: number;
  /** ECN (RFC 3168): never, the default; if the peer asks; or our SYNs ask for it too. */
  ecn?: keyof typeof ECN_POLICIES;
  /** Time to live of all that has no other one, 1 to 255; default 64 (RFC 9293 MUST-49). */
  ttl?: number;
}

export interface StackOptions {
  /** The stack owns it from now on, and closes it. */
  wire: Wire;
  /** Address and prefix length: "10.9.0.2/24". */
  address: string;
  /** A router on the link, for everything off it. */
  gateway?: string;
  /** "02:00:00:aa:bb:01", or six octets. Default: a locally administered one from `entropy`. */
  mac?: string | Uint8Array;
  /** Which release module; default "host". */
  profile?: Profile;
  /** Another module instead, by path, URL or octets, or loaded before. */
  module?: string | URL | Uint8Array | LingerModule;
  /** Maximum segment lifetime: 100 … 120,000; default 30,000. TIME-WAIT lasts twice as long. */
  mslMs?: number;
  /** What other defaults than RFC 9293's hold; see `setParameters`. */
  parameters?: StackParameters;
  /** Default: a `RealClock`. */
  clock?: Clock;
  /** Default: the system's. A predictable one makes connections easy to forge. */
  entropy?: Entropy;
  /**
   * Records every input of the module (`docs/recording.md`) into a file, or gives the octets to a
   * function as they come. `hashEvery`: steps between two hashes of the state. RECORDING_FILE.
   * After `restore` it begins with what was in the snapshot, and is as secret as that.
   */
  record?: RecordingSink | { to: RecordingSink; hashEvery?: number };
  /** Told if the module traps, which is a bug in it; the stack is closed then. */
  onTrap?: (error: LingerError) => void;
}

/** What a stack that is taken up again needs anew: all else is in the snapshot. */
export interface RestoreOptions extends Pick<
  StackOptions,
  "wire" | "profile" | "module" | "clock" | "entropy" | "record" | "onTrap"
> {
  /**
   * How long it slept, in ms, ten years at most. Default: the difference of the Unix times; 0 where
   * one of them is not known or cannot be right, as the difference is below 0 or above that.
   */
  sleptMs?: number;
}

/** What the host keeps in a snapshot beside the module's memory, as JSON. */
interface KeptStack {
  address: string;
  mac: string;
  listeners: { handle: number; port: number; options: ListenOptions }[];
  connections: ({ handle: number } & KeptConnection)[];
  /** The program's own. */
  program?: unknown;
}

/** An application that is compiled with the stack may keep state elsewhere. */
export function checkMemoryIsAll({ name, hasGlobals }: LingerModule): void {
  if (!hasGlobals) return;
  const text = `${name} keeps state in globals, which no snapshot holds`;
  throw new LingerError("SNAPSHOT_MODULE", text);
}

/** The host's part of a snapshot. */
function readKept(host: Uint8Array): KeptStack {
  try {
    const kept: unknown = JSON.parse(new TextDecoder().decode(host));
    if (isKeptStack(kept)) return kept;
  } catch {
    // It is no JSON.
  }
  throw new LingerError("SNAPSHOT_FORMAT", "the snapshot was made by another HAL");
}

function isKeptStack(kept: unknown): kept is KeptStack {
  if (!isObject(kept)) return false;
  const { address, mac, listeners, connections } = kept;
  if (typeof address !== "string" || typeof mac !== "string") return false;
  if (!Array.isArray(listeners) || !Array.isArray(connections)) return false;
  const isListener = (one: unknown): boolean =>
    isObject(one) && areNumbers([one["handle"], one["port"]]) && isObject(one["options"]);
  return listeners.every(isListener) && connections.every(isKeptConnection);
}

function isKeptConnection(kept: unknown): boolean {
  if (!isObject(kept) || typeof kept["autoRelease"] !== "boolean") return false;
  const { handle, bytesRead, bytesWritten, keepAlive } = kept;
  if (!isObject(keepAlive) || typeof keepAlive["isOn"] !== "boolean") return false;
  const { idleMs, intervalMs, count } = keepAlive;
  return areNumbers([handle, bytesRead, bytesWritten, idleMs, intervalMs, count]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function areNumbers(values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === "number");
}

/** Of the stack that was put away: address with its prefix length, MAC, `kept`. SNAPSHOT_… */
export function contentsOf(
  snapshot: Uint8Array,
  module: LingerModule,
): { address: string; mac: string; kept: unknown } {
  const { address, mac, program } = readKept(readSnapshot(snapshot, module).host);
  return { address, mac, kept: program };
}

interface Resumption {
  octets: Uint8Array;
  kept: KeptStack;
  moduleMs: number;
  sleptMs: number;
}

export interface ConnectOptions extends ConnectionOptions {
  /** 1 … 65,535; default an ephemeral one (RFC 6056). */
  localPort?: number;
  localAddress?: string;
}

export interface PingOptions {
  /** Octets of payload, 0 … 1,472; default 56. */
  octets?: number;
  /** How long to wait for the answer; default 5,000. */
  timeoutMs?: number;
}

export interface StackEvents {
  /**
   * The wire went away, and the stack closes when this was told: the last moment for `snapshot`,
   * after which the connections can go on when there is a wire again.
   */
  unplugged: [error: LingerError];
  /** The stack is closed; with an error unless `close()` was called. */
  close: [error?: LingerError];
}

const BACKLOG_DEFAULT = 16;
const PORT_MAX = 65_535;
/** Ten years: time is caught up with in steps of six days. */
const SLEPT_MS_MAX = 10 * 366 * 86_400_000;
const U32_MAX = 2 ** 32 - 1;
const PING_OCTETS_DEFAULT = 56;
const PING_OCTETS_MAX = 1472;
const PING_TIMEOUT_DEFAULT_MS = 5000;

interface Ping {
  /** Sends it. False while the one before has not left: its address is still being resolved. */
  readonly send: () => boolean;
  isSent: boolean;
  readonly sequence: number;
  readonly sentAtMs: number;
  readonly resolve: (rttMs: number) => void;
  readonly reject: (error: LingerError) => void;
  readonly timeout: TimerHandle;
}

/**
 * One host on a wire. Create it with `Stack.create`, and `close` it: its wire and its timers keep
 * the process alive.
 */
export class Stack extends EventEmitter<StackEvents> {
  /** "10.9.0.2" */
  readonly address: string;
  readonly prefixLength: number;
  /** "02:00:00:aa:bb:01" */
  readonly mac: string;
  /** True if the module brings its own application: then connections are its own. */
  readonly isApplication: boolean;
  /** After `restore`: what the program gave to `snapshot`. */
  readonly kept: unknown;
  readonly #module: LingerModule;
  readonly #clock: Clock;
  readonly #driver: Driver;
  readonly #recorder: Recorder | undefined;
  readonly #onTrap: ((error: LingerError) => void) | undefined;
  readonly #handles = new Map<number, Connection | Listener>();
  /** Those whose peers have not answered since the stack woke up. */
  #probed = new Set<Connection>();
  #undelivered: (Connection | Listener)[] = [];
  #isClosed = false;
  #isClosing = false;
  #error: LingerError | undefined;
  #closedPromise: Promise<LingerError | undefined> | undefined;
  #ping: Ping | undefined;
  #pingQueue: Promise<void> = Promise.resolve();
  #pingSequence = 0;
  readonly #owner: ListenerOwner;

  /**
   * Loads the module, sets the addresses, starts the application if the module has one, and plugs
   * the wire in. Throws BAD_OPTION, BAD_ADDRESS, MODULE_… for what is wrong; the wire is closed
   * then.
   */
  static create(options: StackOptions): Stack {
    let recorder: Recorder | undefined;
    try {
      recorder = recorderOf(options.record, { startMs: unixNow(options.clock ?? new RealClock()) });
      return new Stack(options, recorder);
    } catch (error) {
      recorder?.close();
      options.wire.close();
      throw error;
    }
  }

  /**
   * Takes up a stack that `snapshot` put away, connections and listeners with it, and has every
   * peer asked at once (`docs/snapshots.md`). A snapshot may be restored only once, or its sequence
   * numbers would be used twice: `octets` are used up, so that a second attempt is refused, and
   * `SnapshotStore` sees to files. Throws SNAPSHOT_… for what does not fit, RECORDING_FILE,
   * BAD_OPTION; the wire is closed then.
   */
  static restore(octets: Uint8Array, options: RestoreOptions): Stack {
    let recorder: Recorder | undefined;
    try {
      const { clock = new RealClock() } = options;
      const module = moduleOf(options);
      const { savedMs, moduleMs, host } = readSnapshot(octets, module);
      const kept = readKept(host);
      const sinceMs = sleptSince(savedMs, unixNow(clock));
      const sleptMs = integerOption(options.sleptMs ?? sinceMs, 0, SLEPT_MS_MAX, "sleptMs");
      const { address, mac } = kept;
      const resumption = { octets, kept, moduleMs, sleptMs };
      recorder = recorderOf(options.record, {
        // The first call comes when so much of the sleep is still to be caught up with.
        startMs: Math.max(0, unixNow(clock) - Math.max(0, sleptMs - CALL_GAP_MS_MAX)),
        image: runsIn(octets),
      });
      return new Stack({ ...options, clock, module, address, mac }, recorder, resumption);
    } catch (error) {
      recorder?.close();
      options.wire.close();
      throw error;
    }
  }

  private constructor(
    options: StackOptions,
    recorder: Recorder | undefined,
    resumption?: Resumption,
  ) {
    super();
    const { clock = new RealClock(), entropy = new SystemEntropy() } = options;
    const { address, prefixLength } = parseInterface(options.address);
    const module = moduleOf(options);
    const mac = linkAddress(options.mac, entropy);
    this.address = formatIpv4Address(address);
    this.prefixLength = prefixLength;
    this.mac = formatMacAddress(mac);
    this.isApplication = module.isApplication;
    this.kept = resumption?.kept.program;
    this.#module = module;
    this.#clock = clock;
    this.#onTrap = options.onTrap;
    this.#recorder = recorder;
    this.#driver = new Driver({
      module,
      wire: options.wire,
      clock,
      entropy,
      tap: recorder,
      onStep: () => this.#takeEvents(),
      onUnplugged: (error) => void (this.#isClosing || this.emit("unplugged", error)),
      onFailure: (error) => this.#die(error),
      resume: resumption,
    });
    this.#owner = {
      driver: this.#driver,
      forget: (handle) => void this.#handles.delete(handle),
      adopt: (handle, connectionOptions) => this.#adopt(handle, connectionOptions),
    };
    if (resumption === undefined) this.#configure(options, { address, prefixLength, mac });
    else pasteSnapshot(resumption.octets, this.#driver.instance);
    this.#driver.start();
    if (resumption !== undefined) this.#resume(resumption.kept);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Settles when the stack is closed, with the error if there was one; never rejects. */
  get closed(): Promise<LingerError | undefined> {
    this.#closedPromise ??= this.#isClosed
      ? Promise.resolve(this.#error)
      : new Promise((resolve) => this.once("close", resolve));
    return this.#closedPromise;
  }

  /** The compile-time limits of this build. */
  get limits(): Limits {
    return this.#driver.instance.limits;
  }

  /** Received frames that were too long for any receive slot, and dropped by this host. */
  get oversizedFrames(): number {
    return this.#driver.oversizedCount;
  }

  /** Passive OPEN. Throws ADDRESS_IN_USE, BAD_ADDRESS, NO_RESOURCES, BAD_OPTION. */
  listen(port: number, options: ListenOptions = {}): Listener {
    const { calls } = this.#userInstance();
    integerOption(port, 1, PORT_MAX, "port");
    const backlog = integerOption(options.backlog ?? BACKLOG_DEFAULT, 1, 255, "backlog");
    const address =
      options.address === undefined ? 0 : addressOption(options.address, "listen address");
    marksOf(options); // checked before anything is opened
    const handle = checkStatus(calls.tcpListen(address, port, backlog), `listen on port ${port}`);
    const listener = new Listener(this.#owner, handle, port, options);
    listener.setMarks(options); // for the handshake; later a Connection has its own
    this.#handles.set(handle, listener);
    this.#driver.pollSoon();
    return listener;
  }

  /**
   * Active OPEN. Returns at once with a connection in SYN-SENT; await its `connected`. Data written
   * meanwhile follows the handshake. Throws ADDRESS_IN_USE, BAD_ADDRESS, NO_RESOURCES, BAD_OPTION.
   */
  connect(host: string, port: number, options: ConnectOptions = {}): Connection {
    const { calls } = this.#userInstance();
    const remote = addressOption(host, "host");
    integerOption(port, 1, PORT_MAX, "port");
    const localPort = integerOption(options.localPort ?? 0, 0, PORT_MAX, "localPort");
    const local =
      options.localAddress === undefined ? 0 : addressOption(options.localAddress, "localAddress");
    const handle = calls.tcpConnect(remote, port, local, localPort);
    checkStatus(handle, `connect to ${host}:${port}`);
    const connection = this.#adopt(handle, options);
    this.#driver.pollSoon();
    return connection;
  }

  /**
   * Sends an ICMP echo request and gives the round-trip time in ms, address resolution included.
   * Pings wait for one another. Rejects with PING_TIMEOUT, UNREACHABLE, BAD_ADDRESS, STACK_CLOSED.
   */
  async ping(host: string, options: PingOptions = {}): Promise<number> {
    const address = addressOption(host, "host");
    const octets = options.octets ?? PING_OCTETS_DEFAULT;
    const timeoutMs = options.timeoutMs ?? PING_TIMEOUT_DEFAULT_MS;
    integerOption(octets, 0, PING_OCTETS_MAX, "octets");
    if (!(timeoutMs > 0))
      throw new LingerError("BAD_OPTION", `timeoutMs: ${timeoutMs} is not above 0`);
    const answered = this.#pingQueue.then(() => this.#pingOnce(address, octets, timeoutMs));
    this.#pingQueue = answered.then(
      () => undefined,
      () => undefined,
    );
    return answered;
  }

  /** Sets what holds for all connections, open ones included. Throws BAD_ARGUMENT. */
  setParameters({ rtoMinMs, ecn, ttl }: StackParameters): void {
    if (rtoMinMs !== undefined) this.#setParameter(Parameter.RTO_MIN_MS, rtoMinMs, "rtoMinMs");
    if (ecn !== undefined) this.#setParameter(Parameter.ECN, ECN_POLICIES[ecn], "ecn");
    if (ttl !== undefined) this.#setParameter(Parameter.TTL, ttl, "ttl");
  }

  /** All counters of the module, by name. Throws STACK_CLOSED once the stack is dead. */
  counters(): Counters {
    return this.#instance().readCounters();
  }

  /**
   * STATUS of every connection in the module, in no order: those of this program or of the
   * application in the module, those not accepted yet, and those whose handle was released while
   * they still close. TIME-WAIT records are none. Throws STACK_CLOSED once the stack is dead.
   */
  statuses(): ConnectionStatus[] {
    const instance = this.#instance();
    const found: ConnectionStatus[] = [];
    for (let index = 0; index < instance.limits.CONNECTION_COUNT; index++) {
      const address = checkStatus(instance.calls.tcpStatusAt(index), "statuses");
      if (address !== 0) found.push(readStatus(instance, address));
    }
    return found;
  }

  /**
   * The state of whatever holds this tuple: a connection, a half-open or a TIME-WAIT record, else
   * LISTEN or CLOSED. Works after the connection's handle was released.
   */
  lookup(remoteHost: string, remotePort: number, localPort: number): StateName {
    const remote = addressOption(remoteHost, "remoteHost");
    return stateName(this.#instance().calls.tcpLookup(remote, remotePort, localPort));
  }

  /** The connections that this program holds, in no order: after `restore`, those of before. */
  openConnections(): Connection[] {
    return [...this.#handles.values()].filter((entry) => entry instanceof Connection);
  }

  /** The listeners of this program, in no order. */
  openListeners(): Listener[] {
    return [...this.#handles.values()].filter((entry) => entry instanceof Listener);
  }

  /**
   * Puts the whole stack away, open connections included, for `Stack.restore`. This stack is closed
   * then, and its peers are not told: nothing may use its sequence numbers but what is restored.
   * Not to be called from within a wire's `send`. What the program keeps beside the stack goes with
   * it, as JSON, and is `kept` of the restored one. Throws STACK_CLOSED, and SNAPSHOT_MODULE if the
   * module has state that is not in its memory: then the stack goes on.
   *
   * It goes on, too, if `save` throws, which gets the octets before anything is closed: what cannot
   * be saved is not lost. It must be done when it returns, and call nothing of this stack. Only
   * after a SNAPSHOT_DOUBTFUL of `SnapshotStore` the stack is closed: they may be safe.
   */
  snapshot(program?: unknown, save?: (octets: Uint8Array) => void): Uint8Array {
    const octets = this.#image(program);
    try {
      save?.(octets);
    } catch (error) {
      if (error instanceof LingerError && error.code === "SNAPSHOT_DOUBTFUL") this.#die(undefined);
      throw error;
    }
    this.#die(undefined);
    return octets;
  }

  #image(program: unknown): Uint8Array {
    const instance = this.#instance();
    checkMemoryIsAll(this.#module);
    const listeners: KeptStack["listeners"] = [];
    const connections: KeptStack["connections"] = [];
    for (const [handle, entry] of this.#handles) {
      if (entry instanceof Listener) listeners.push({ handle, ...entry.kept() });
      else connections.push({ handle, ...entry.kept() });
    }
    const address = `${this.address}/${this.prefixLength}`;
    const kept: KeptStack = { address, mac: this.mac, listeners, connections, program };
    return writeSnapshot(instance, this.#module, {
      savedMs: unixNow(this.#clock),
      moduleMs: this.#driver.moduleNow(),
      host: new TextEncoder().encode(JSON.stringify(kept)),
    });
  }

  /**
   * Aborts what is open, which tells the peers as far as the wire takes it, and closes the wire.
   * All connections end as STACK_CLOSED then. May be called again.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosing = true;
    for (const entry of this.#handles.values()) {
      if (entry instanceof Connection) entry.abort();
    }
    this.#driver.flush();
    this.#die(undefined);
  }

  /** First time passes in the module, so that what is asked below counts from now on. */
  #resume({ listeners, connections }: KeptStack): void {
    const nowMs = this.#clock.now();
    this.#driver.instance.calls.poll(this.#driver.moduleNow());
    for (const { handle, port, options } of listeners) {
      const listener = new Listener(this.#owner, handle, port, options);
      this.#handles.set(handle, listener);
    }
    for (const { handle, ...kept } of connections) {
      const { autoRelease } = kept;
      const connection = this.#adopt(handle, { autoRelease });
      connection.wake(kept, nowMs);
      this.#probed.add(connection);
      this.#undelivered.push(connection);
    }
    checkStatus(this.#driver.instance.calls.wake(), "wake");
    this.#driver.pollSoon();
  }

  #configure(
    options: StackOptions,
    { address, prefixLength, mac }: { address: number; prefixLength: number; mac: Uint8Array },
  ): void {
    const { calls, application } = this.#driver.instance;
    const mslMs = options.mslMs ?? 0;
    checkStatus(calls.init(this.#driver.moduleNow(), mslMs), `mslMs ${mslMs}`);
    const view = new DataView(mac.buffer, mac.byteOffset, mac.byteLength);
    const high = view.getUint16(0);
    checkStatus(calls.setLinkAddress(high, view.getUint32(2)), `MAC address ${this.mac}`);
    const { gateway } = options;
    const router = gateway === undefined ? 0 : addressOption(gateway, "gateway");
    const what = `address ${options.address}${gateway === undefined ? "" : `, gateway ${gateway}`}`;
    checkStatus(calls.setAddress(address, prefixLength, router), what);
    this.setParameters(options.parameters ?? {});
    const refusal = application?.appInit() ?? 0;
    if (refusal < 0) {
      throw new LingerError("MODULE_REFUSED", `the application refused to start (${refusal})`);
    }
  }

  #setParameter(which: Parameter, value: number, name: string): void {
    const u32 = integerOption(value, 0, U32_MAX, name);
    checkStatus(this.#instance().calls.setParameter(which, u32), `${name} ${value}`);
    this.#driver.pollSoon();
  }

  #instance(): Driver["instance"] {
    if (this.#isClosed) throw this.#closedError();
    return this.#driver.instance;
  }

  #userInstance(): Driver["instance"] {
    if (this.isApplication) {
      const text = "the module's own application owns the connections of this stack";
      throw new LingerError("STACK_IN_MODULE", text);
    }
    return this.#instance();
  }

  #closedError(): LingerError {
    return this.#error ?? new LingerError("STACK_CLOSED", "the stack was closed");
  }

  #adopt(handle: number, options: ConnectionOptions): Connection {
    let connection: Connection;
    try {
      connection = new Connection(this.#owner, handle, options);
    } catch (error) {
      // An option was refused: nobody will ever hold this handle.
      const { calls } = this.#driver.instance;
      calls.tcpAbort(handle);
      calls.tcpRelease(handle);
      throw error;
    }
    this.#handles.set(handle, connection);
    return connection;
  }

  /** After each step. An exception of a listener leaves the rest to the next one. */
  #takeEvents(): void {
    this.#takePing();
    if (this.isApplication) return;
    const { calls } = this.#driver.instance;
    for (const entry of this.#undelivered.splice(0)) this.#deliver(entry, 0);
    while (!this.#isClosed) {
      const handle = calls.nextReady();
      if (handle === 0) break;
      const mask = calls.takeEvents(handle);
      const entry = this.#handles.get(handle);
      if (entry !== undefined && mask > 0) this.#deliver(entry, mask);
    }
    for (const connection of this.#isClosed ? [] : this.#probed) {
      if (connection.settleProbe(this.#clock.now())) this.#probed.delete(connection);
    }
  }

  #deliver(entry: Connection | Listener, mask: number): void {
    try {
      entry.deliver(mask);
    } catch (error) {
      if (entry.hasUndelivered) this.#undelivered.push(entry);
      this.#driver.pollSoon();
      throw error;
    }
  }

  #pingOnce(address: number, octets: number, timeoutMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const { calls } = this.#userInstance();
      const what = `ping ${formatIpv4Address(address)}`;
      const sequence = this.#pingSequence;
      this.#pingSequence = (sequence + 1) & 0xffff;
      const send = () => {
        const status = calls.pingSend(address, sequence, octets);
        if (status === Status.WOULD_BLOCK) return false;
        checkStatus(status, what);
        this.#driver.pollSoon();
        return true;
      };
      const isSent = send();
      const timeout = this.#clock.setTimer(timeoutMs, () => {
        const text = `${what}: no answer within ${timeoutMs} ms`;
        this.#endPing()?.reject(new LingerError("PING_TIMEOUT", text));
      });
      const sentAtMs = this.#clock.now();
      this.#ping = { send, isSent, sequence, sentAtMs, resolve, reject, timeout };
    });
  }

  #takePing(): void {
    const ping = this.#ping;
    if (ping === undefined) return;
    if (!ping.isSent) {
      ping.isSent = ping.send();
      return;
    }
    const answer = this.#driver.instance.calls.pingTake();
    if (answer === Status.WOULD_BLOCK) return;
    if (answer < 0) this.#endPing()?.reject(statusError(answer, "ping"));
    else if (answer === ping.sequence) {
      this.#endPing()?.resolve(this.#clock.now() - ping.sentAtMs);
    }
  }

  #endPing(): Ping | undefined {
    const ping = this.#ping;
    if (ping !== undefined) this.#clock.clearTimer(ping.timeout);
    this.#ping = undefined;
    return ping;
  }

  /** The one way into the grave: everything that waits is told. */
  #die(error: LingerError | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#error = error;
    this.#driver.stop();
    this.#recorder?.close();
    const told = this.#closedError();
    this.#endPing()?.reject(told);
    const entries = [...this.#handles.values()];
    this.#handles.clear();
    try {
      for (const entry of entries) entry.die(told);
      if (error?.code === "MODULE_TRAP") this.#onTrap?.(error);
    } finally {
      this.emit("close", error);
    }
  }
}

/** "10.9.0.2/24" */
function parseInterface(text: string): { address: number; prefixLength: number } {
  const [host = "", prefix, ...rest] = text.split("/");
  if (prefix === undefined || rest.length > 0 || !/^[0-9]{1,2}$/.test(prefix)) {
    const hint = "address and prefix length look like 10.9.0.2/24";
    throw new LingerError("BAD_OPTION", `address: "${text}" is not valid: ${hint}`);
  }
  const prefixLength = integerOption(Number(prefix), 1, 30, "prefix length");
  return { address: addressOption(host, "address"), prefixLength };
}

function moduleOf({ module, profile }: Pick<StackOptions, "module" | "profile">): LingerModule {
  const source = module ?? profile ?? "host";
  return source instanceof LingerModule ? source : LingerModule.load(source);
}

/** 0 where one of the times cannot be right: a machine without a battery may begin in 1970. */
function sleptSince(savedMs: number, nowMs: number): number {
  const sinceMs = Math.floor(nowMs - savedMs);
  return savedMs === 0 || sinceMs < 0 || sinceMs > SLEPT_MS_MAX ? 0 : sinceMs;
}

/** Made-up time begins at 0: then it is unknown, which is 0 too. */
function unixNow(clock: Clock): number {
  return clock.originMs === 0 ? 0 : clock.originMs + clock.now();
}

function recorderOf(
  record: StackOptions["record"],
  options: RecorderOptions,
): Recorder | undefined {
  if (record === undefined) return undefined;
  const { to, hashEvery } = typeof record === "object" ? record : { to: record };
  return new Recorder(to, hashEvery === undefined ? options : { ...options, hashEvery });
}

function linkAddress(mac: string | Uint8Array | undefined, entropy: Entropy): Uint8Array {
  if (mac === undefined) {
    const drawn = entropy.word();
    // 02: locally administered, not a group (IEEE 802).
    return Uint8Array.of(0x02, 0x4c, drawn >>> 24, drawn >>> 16, drawn >>> 8, drawn);
  }
  const octets = typeof mac === "string" ? parseMacAddress(mac) : mac;
  if (octets?.length === 6) return new Uint8Array(octets);
  throw new LingerError("BAD_OPTION", `mac: "${String(mac)}" is not a MAC address`);
}
