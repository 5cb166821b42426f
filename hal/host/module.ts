/**
 * A Linger module: found, checked, instantiated, and its exports behind types.
 *
 * Used by Stack, and by tests and tools that drive the module call by call. Knows the boundary of
 * `hal/README.md`, never what the calls are for.
 */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { Abi, Counter, Limit, Status } from "./abi.ts";
import { LingerError, systemCode } from "./errors.ts";
import { memoryImports } from "./memory-imports.ts";
import { withMorePages } from "./memory-pages.ts";
import { hasMutableGlobals } from "./mutable-globals.ts";
import { readWholeFile } from "./read-file.ts";
import {
  WebAssembly,
  type WasmCall,
  type WasmExports,
  type WasmGlobal,
  type WasmMemory,
  type WasmModule,
} from "./web-assembly.ts";

/** The release modules of the package, by their size (`assembly/config.ts`). */
export type Profile = "tiny" | "default" | "host";

/** The limits of a build, by name (`Limit` in `hal/README.md`). */
export type Limits = { readonly [Name in keyof typeof Limit]: number };

/** The counters, by name (`Counter`). They wrap at 2^32. */
export type Counters = {
  -readonly [Name in keyof typeof Counter as Exclude<Name, "COUNT">]: number;
};

/** What the module imports: what a host must provide. */
export interface HalImports {
  /**
   * Sends a frame, which is a view of the module's memory and valid during the call only. False
   * means BUSY. What is thrown here comes out of the export that was called, once it has returned.
   */
  transmit(frame: Uint8Array): boolean;
  /** 32 unpredictable bits. */
  entropy(): number;
}

/** The imports as the module calls them. */
export interface RawImports {
  /** 0 sent, 1 BUSY. */
  transmit: (address: number, length: number) => number;
  entropy: () => number;
}

/**
 * Sits between a host and an instance, and sees all that crosses the boundary. What it gives back
 * is called instead; it must pass everything on.
 */
export interface InstanceTap {
  /** Pages that the memory shall have behind the module's own: the tap's, and no state. */
  readonly pages: number;
  tapImports(imports: RawImports): RawImports;
  /** Some of them instead, by their names. */
  tapExports(exports: WasmExports): WasmExports;
  /** The instance is complete; so far only calls were made that always answer the same. */
  attach(instance: LingerInstance, module: LingerModule): void;
  /** The call has trapped. */
  trapped(name: string, values: readonly number[]): void;
}

/**
 * The exports that take and give numbers, as `hal/README.md` describes them. Those that answer a
 * u32 which needs all 32 bits (`poll`, `appPoll`) give it as 0 … 2^32 − 1.
 */
export interface LingerCalls {
  abiVersion(): number;
  limit(which: number): number;
  init(nowMs: number, mslMs: number): number;
  setLinkAddress(high: number, low: number): number;
  setAddress(address: number, prefixLength: number, gateway: number): number;
  setParameter(which: number, value: number): number;
  rxSlotAddress(slot: number): number;
  frameReceived(slot: number, length: number, nowMs: number): number;
  poll(nowMs: number): number;
  counterAddress(): number;
  dueAddress(): number;
  tcpListen(localAddress: number, localPort: number, backlog: number): number;
  tcpAccept(listener: number): number;
  tcpConnect(
    remoteAddress: number,
    remotePort: number,
    localAddress: number,
    localPort: number,
  ): number;
  tcpReserve(handle: number): number;
  tcpReservedAddress(handle: number): number;
  tcpCommit(handle: number, octets: number): number;
  tcpPeek(handle: number): number;
  tcpPeekedAddress(handle: number): number;
  tcpConsume(handle: number, octets: number): number;
  tcpCloseWrite(handle: number): number;
  tcpClose(handle: number): number;
  tcpAbort(handle: number): number;
  tcpRelease(handle: number): number;
  tcpSetOption(handle: number, option: number, value: number): number;
  tcpStatus(handle: number): number;
  tcpStatusAt(index: number): number;
  tcpUrgent(handle: number): number;
  tcpLookup(remoteAddress: number, remotePort: number, localPort: number): number;
  nextReady(): number;
  takeEvents(handle: number): number;
  pingSend(remoteAddress: number, sequence: number, octets: number): number;
  pingTake(): number;
  wake(): number;
}

/** What an application module adds. */
export interface ApplicationCalls {
  appInit(): number;
  appPoll(nowMs: number): number;
}

/** How many parameters each export has; `u32` marks the results that are read as unsigned. */
const CALLS: Record<keyof LingerCalls, { parameters: number; u32?: true }> = {
  abiVersion: { parameters: 0 },
  limit: { parameters: 1 },
  init: { parameters: 2 },
  setLinkAddress: { parameters: 2 },
  setAddress: { parameters: 3 },
  setParameter: { parameters: 2 },
  rxSlotAddress: { parameters: 1 },
  frameReceived: { parameters: 3 },
  poll: { parameters: 1, u32: true },
  counterAddress: { parameters: 0 },
  dueAddress: { parameters: 0 },
  tcpListen: { parameters: 3 },
  tcpAccept: { parameters: 1 },
  tcpConnect: { parameters: 4 },
  tcpReserve: { parameters: 1 },
  tcpReservedAddress: { parameters: 1 },
  tcpCommit: { parameters: 2 },
  tcpPeek: { parameters: 1 },
  tcpPeekedAddress: { parameters: 1 },
  tcpConsume: { parameters: 2 },
  tcpCloseWrite: { parameters: 1 },
  tcpClose: { parameters: 1 },
  tcpAbort: { parameters: 1 },
  tcpRelease: { parameters: 1 },
  tcpSetOption: { parameters: 3 },
  tcpStatus: { parameters: 1 },
  tcpStatusAt: { parameters: 1 },
  tcpUrgent: { parameters: 1 },
  tcpLookup: { parameters: 3 },
  nextReady: { parameters: 0 },
  takeEvents: { parameters: 1 },
  pingSend: { parameters: 3 },
  pingTake: { parameters: 0 },
  wake: { parameters: 0 },
};

const APPLICATION_CALLS: Record<keyof ApplicationCalls, { parameters: number; u32?: true }> = {
  appInit: { parameters: 0 },
  appPoll: { parameters: 1, u32: true },
};

const IMPORT_MODULE = "hal";
/** The last two only in a module that was built for them. */
const IMPORTS = ["transmit", "entropy", "checksum", "copy"];
const BUSY = 1;
/** Of WebAssembly's memories. */
const PAGE_OCTETS = 65_536;

/** Where a release module lies, the same from `hal/host/` and from `dist/host/`. */
function profileUrl(profile: Profile): URL {
  return new URL(`../../dist/wasm/linger-${profile}.wasm`, import.meta.url);
}

const PROFILES: readonly string[] = ["tiny", "default", "host"] satisfies Profile[];

/** True for "tiny", "default" and "host". */
export function isProfile(name: string): name is Profile {
  return PROFILES.includes(name);
}

/** A compiled module whose imports and exports are those of the boundary. */
export class LingerModule {
  /** Its path, or "the module" for octets. */
  readonly name: string;
  /** True if it brings its own application (`appInit`, `appPoll`). */
  readonly isApplication: boolean;
  /** True if it keeps state in globals: then its memory is not all of it. */
  readonly hasGlobals: boolean;
  readonly #compiled: WasmModule;
  readonly #octets: Uint8Array;
  static readonly #profiles = new Map<Profile, LingerModule>();

  private constructor(compiled: WasmModule, octets: Uint8Array, name: string) {
    this.name = name;
    this.#compiled = compiled;
    this.#octets = octets;
    this.hasGlobals = hasMutableGlobals(octets);
    this.#checkImports();
    this.isApplication = this.#checkExports();
  }

  /**
   * Loads a release module by its profile, or any module by its path, URL or octets. A profile's
   * module is read once per process. MODULE_NOT_FOUND or MODULE_INVALID.
   */
  static load(source: Profile | string | URL | Uint8Array): LingerModule {
    if (typeof source === "string" && isProfile(source)) return LingerModule.#loadProfile(source);
    if (source instanceof Uint8Array) return LingerModule.#compile(source, "the module");
    const path = source instanceof URL ? fileURLToPath(source) : source;
    return LingerModule.#compile(readModule(path, "check the path"), path);
  }

  static #loadProfile(profile: Profile): LingerModule {
    let module = LingerModule.#profiles.get(profile);
    if (module === undefined) {
      const path = fileURLToPath(profileUrl(profile));
      module = LingerModule.#compile(readModule(path, 'run "npm run build" first'), path);
      LingerModule.#profiles.set(profile, module);
    }
    return module;
  }

  static #compile(source: Uint8Array, name: string): LingerModule {
    const octets = new Uint8Array(source);
    let compiled: WasmModule;
    try {
      compiled = new WebAssembly.Module(octets);
    } catch (error) {
      const text = `${name} is not a WebAssembly module that Node can load: ${reasonOf(error)}`;
      throw new LingerError("MODULE_INVALID", text, { cause: error });
    }
    return new LingerModule(compiled, octets, name);
  }

  /** The SHA-256 of its octets: which build it is. */
  sha256(): Uint8Array {
    return createHash("sha256").update(this.#octets).digest();
  }

  /** A new instance, with memory of its own. MODULE_ABI if it speaks another version. */
  instantiate(imports: HalImports, tap?: InstanceTap): LingerInstance {
    const compiled =
      tap === undefined
        ? this.#compiled
        : new WebAssembly.Module(withMorePages(this.#octets, tap.pages));
    const instance = new LingerInstance(compiled, { imports, tap }, this.name);
    tap?.attach(instance, this);
    return instance;
  }

  #checkImports(): void {
    for (const { module, name, kind } of WebAssembly.Module.imports(this.#compiled)) {
      const known = module === IMPORT_MODULE && IMPORTS.includes(name);
      if (known && kind === "function") continue;
      const text = `${this.name} imports the ${kind} "${module}.${name}", which no HAL provides`;
      throw new LingerError("MODULE_INVALID", text);
    }
  }

  #checkExports(): boolean {
    const kinds = new Map<string, string>();
    for (const { name, kind } of WebAssembly.Module.exports(this.#compiled)) kinds.set(name, kind);
    const missing = Object.keys(CALLS).filter((name) => kinds.get(name) !== "function");
    if (kinds.get("memory") !== "memory") missing.unshift("memory");
    const application = Object.keys(APPLICATION_CALLS);
    const present = application.filter((name) => kinds.get(name) === "function");
    if (present.length === 1)
      missing.push(...application.filter((name) => !present.includes(name)));
    if (missing.length === 0) return present.length > 0;
    const more = missing.length > 3 ? ` and ${missing.length - 3} more` : "";
    const named = missing.slice(0, 3).join(", ");
    const text = `${this.name} is no Linger module: export ${named}${more} missing`;
    throw new LingerError("MODULE_INVALID", text);
  }
}

/**
 * One module at work: its calls, its memory, and what a host needs around them.
 *
 * A call that traps throws MODULE_TRAP, and so does every call after it. A call made from within
 * an import throws MODULE_REENTERED.
 */
export class LingerInstance {
  readonly calls: LingerCalls;
  /** Set if the module brings its own application. */
  readonly application: ApplicationCalls | undefined;
  /** All of the module's linear memory; it never grows, so this view stays valid. */
  readonly memory: Uint8Array;
  readonly limits: Limits;
  /** So many octets from 0 on hold all state: `__heap_base`. */
  readonly imageOctets: number;
  /** Called with the error of the first trap, before it is thrown. */
  onTrap: ((error: LingerError) => void) | undefined;
  readonly #name: string;
  readonly #view: DataView;
  readonly #tap: InstanceTap | undefined;
  #inside = false;
  #trap: LingerError | undefined;
  #importError: { error: unknown } | undefined;

  /** Use `LingerModule.instantiate`. */
  constructor(
    compiled: WasmModule,
    { imports, tap }: { imports: HalImports; tap: InstanceTap | undefined },
    name: string,
  ) {
    this.#name = name;
    this.#tap = tap;
    const raw: RawImports = {
      transmit: (address: number, length: number) =>
        this.#guard(BUSY, () => {
          const begin = address >>> 0;
          const frame = this.memory.subarray(begin, begin + (length >>> 0));
          return imports.transmit(frame) ? 0 : BUSY;
        }),
      entropy: () => this.#guard(0, () => imports.entropy()),
    };
    const { transmit, entropy } = tap?.tapImports(raw) ?? raw;
    const { exports: own } = new WebAssembly.Instance(compiled, {
      [IMPORT_MODULE]: { transmit, entropy, ...memoryImports(() => this.memory) },
    });
    const { buffer } = own["memory"] as WasmMemory;
    const ownOctets = buffer.byteLength - PAGE_OCTETS * (tap?.pages ?? 0);
    this.memory = new Uint8Array(buffer, 0, ownOctets);
    this.#view = new DataView(buffer, 0, ownOctets);
    this.imageOctets = (own["__heap_base"] as WasmGlobal | undefined)?.value ?? ownOctets;
    const exports = tap === undefined ? own : { ...own, ...tap.tapExports(own) };
    this.calls = this.#wrapAll<LingerCalls>(exports, CALLS);
    this.application =
      "appPoll" in own ? this.#wrapAll<ApplicationCalls>(exports, APPLICATION_CALLS) : undefined;
    this.#checkVersion();
    this.limits = this.#readLimits();
  }

  /** Reads a little-endian u32 from the module's memory. */
  readU32(address: number): number {
    return this.#view.getUint32(address, true);
  }

  /**
   * Copies a frame into a receive slot and hands it over. A frame too long for the slot is refused
   * with BAD_ARGUMENT, before the module sees it.
   */
  receive(slot: number, frame: Uint8Array, nowMs: number): number {
    const address = this.calls.rxSlotAddress(slot);
    if (address < 0) return address;
    if (frame.length > this.limits.RX_SLOT_SIZE) return Status.BAD_ARGUMENT;
    this.memory.set(frame, address);
    return this.calls.frameReceived(slot, frame.length, nowMs);
  }

  /** All counters, by name. */
  readCounters(): Counters {
    const base = this.calls.counterAddress();
    const counters: Partial<Counters> = {};
    for (const [name, index] of Object.entries(Counter)) {
      if (name !== "COUNT") counters[name as keyof Counters] = this.readU32(base + 4 * index);
    }
    return counters as Counters;
  }

  #checkVersion(): void {
    const version = this.calls.abiVersion();
    if (version === Abi.VERSION) return;
    const versions = `version ${version} of the boundary, this host ${Abi.VERSION}`;
    const text = `${this.#name} speaks ${versions}: build both from the same release`;
    throw new LingerError("MODULE_ABI", text);
  }

  #readLimits(): Limits {
    const limits: Partial<Record<keyof Limits, number>> = {};
    for (const [name, which] of Object.entries(Limit)) {
      limits[name as keyof Limits] = this.calls.limit(which);
    }
    return limits as Limits;
  }

  #wrapAll<Calls extends object>(
    exports: WasmExports,
    shapes: Record<keyof Calls, { parameters: number; u32?: true }>,
  ): Calls {
    const calls: Partial<Record<keyof Calls, WasmCall>> = {};
    for (const name of Object.keys(shapes) as (keyof Calls & string)[]) {
      const raw = exports[name] as WasmCall;
      const { parameters, u32 } = shapes[name];
      if (raw.length !== parameters) {
        const text = `${this.#name}: export ${name} takes ${raw.length} parameters`;
        throw new LingerError("MODULE_INVALID", `${text} instead of ${parameters}`);
      }
      const call = this.#wrap(raw, name);
      calls[name] = u32 ? (...values) => call(...values) >>> 0 : call;
    }
    return calls as Calls;
  }

  #wrap(raw: WasmCall, name: string): WasmCall {
    // Written out, since rest parameters cost more than most of the calls.
    return (a = 0, b = 0, c = 0, d = 0): number => {
      this.#enter(name);
      let result: number;
      try {
        result = raw(a, b, c, d);
      } catch (error) {
        this.#tap?.trapped(name, [a, b, c, d]);
        throw this.#trapped(error, name);
      } finally {
        this.#inside = false;
      }
      if (this.#importError !== undefined) this.#rethrow();
      return result;
    };
  }

  #enter(name: string): void {
    if (this.#trap !== undefined) throw this.#trap;
    if (this.#inside) {
      throw new LingerError("MODULE_REENTERED", `${name} was called from within an import`);
    }
    this.#inside = true;
  }

  #trapped(error: unknown, name: string): LingerError {
    const text = `the module trapped in ${name} (${reasonOf(error)}): this is a bug in it`;
    this.#trap = new LingerError("MODULE_TRAP", text, { cause: error });
    this.onTrap?.(this.#trap);
    return this.#trap;
  }

  /** An exception must not unwind the module, which would stay half-way through its work. */
  #guard(otherwise: number, call: () => number): number {
    try {
      return call();
    } catch (error) {
      this.#importError ??= { error };
      return otherwise;
    }
  }

  #rethrow(): never {
    const thrown = this.#importError;
    this.#importError = undefined;
    throw thrown?.error;
  }
}

function readModule(path: string, hint: string): Uint8Array {
  try {
    return readWholeFile(path);
  } catch (error) {
    const why = systemCode(error) === "ENOENT" ? "no such file" : reasonOf(error);
    throw new LingerError("MODULE_NOT_FOUND", `cannot read ${path}: ${why}; ${hint}`, {
      cause: error,
    });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
