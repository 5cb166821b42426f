/**
 * Writes down every input of a module at work, in the format of `docs/recording.md`: calls with
 * what the host wrote for them, times, entropy, and what `transmit` answered.
 *
 * Made by Stack for its option `record`. The work is done by a module of its own between the host
 * and the instance (`hal/recorder`); this file plugs it in, hashes the state and keeps the file.
 * Never throws into either: a file that cannot be written is told once.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { Abi } from "../abi.ts";
import { LingerError, systemCode } from "../errors.ts";
import type { InstanceTap, LingerInstance, LingerModule, RawImports } from "../module.ts";
import {
  WebAssembly,
  type WasmExports,
  type WasmMemory,
  type WasmModule,
  type WasmTable,
} from "../web-assembly.ts";
import {
  callNumber,
  callShape,
  HEADER,
  type ImageRun,
  Kind,
  MAGIC,
  SHA256_OCTETS,
  VERSION,
  VERSION_WITH_IMAGE,
} from "./format.ts";
import { type ImageExtent, ImageHash } from "./image-hash.ts";

/** The path of a file, which is created or emptied, or who takes the octets as they come. */
export type RecordingSink = string | ((octets: Uint8Array) => void);

export interface RecorderOptions {
  /** The Unix time of the first call, in ms; 0 if it is made up. */
  startMs: number;
  /** Steps between two state hashes; 0 for none but the last. Default: so that they cost little. */
  hashEvery?: number;
  /** What the memory begins with, if not as it was loaded: of a stack that is taken up again. */
  image?: readonly ImageRun[];
  /** Told once when the file cannot be written any more. Default: a process warning. */
  onError?: (error: LingerError) => void;
}

/** The recorder's exports beside those that it puts in the place of the module's. */
interface Writer {
  start(from: number, to: number, hashEvery: number): void;
  setSlots(count: number, octets: number): void;
  reserve(octets: number): number;
  flush(): void;
  putHash(low: number, high: number): void;
  putKind(kind: number): void;
  putArgument(value: number): void;
}

/** Any record fits: the longest is a SEND of a whole ring, 65,535 octets. And seldom is it full. */
const BUFFER_PAGES = 8;
const PAGE_OCTETS = 65_536;
/** A longer run of an image is cut into pieces, so that each fits. */
const PIECE_OCTETS_MAX = 65_536;
/** The entropy of keys is in a recording: it is for its owner alone. */
const SECRET = 0o600;
/** How long a record may wait in memory before it is in the file. */
const FLUSH_MS = 100;
/** A hash goes through the whole image: one step for so many octets, and no fewer than … */
const IMAGE_OCTETS_PER_STEP = 16;
const HASH_EVERY_MIN = 2 ** 16;
/** Where a module without an application has none. */
const NO_APPLICATION = { appInit: () => 0, appPoll: () => 0 };

let recording: WasmModule | undefined;
let forwarding: WasmModule | undefined;

/** The recorders with a file open; one handler on `exit` serves them all. */
const openRecorders = new Set<Recorder>();
const closeRecorders = () => openRecorders.forEach((recorder) => recorder.close());

export class Recorder implements InstanceTap {
  readonly pages = BUFFER_PAGES;
  readonly #options: Omit<RecorderOptions, "image">;
  readonly #take: ((octets: Uint8Array) => void) | undefined;
  #file: number | undefined;
  readonly #path: string = "";
  #flushing: NodeJS.Timeout | undefined;
  #writer: Writer | undefined;
  /** Until it is written. */
  #image: readonly ImageRun[] | undefined;
  #imports: RawImports | undefined;
  readonly #table: WasmTable = new WebAssembly.Table({ element: "anyfunc", initial: 2 });
  #buffer = new Uint8Array(0);
  #hash: ImageHash | undefined;
  #isClosed = false;

  /** RECORDING_FILE if the file cannot be made. */
  constructor(sink: RecordingSink, { image, ...options }: RecorderOptions) {
    this.#options = options;
    this.#image = image;
    if (typeof sink === "string") {
      this.#path = sink;
      try {
        this.#file = openSync(sink, "w", SECRET);
      } catch (error) {
        throw this.#fileError(error);
      }
      if (openRecorders.size === 0) process.on("exit", closeRecorders);
      openRecorders.add(this);
      this.#flushing = setInterval(() => this.flush(), FLUSH_MS).unref();
    } else {
      this.#take = sink;
    }
  }

  tapImports(imports: RawImports): RawImports {
    this.#imports = imports;
    forwarding ??= compile("recorder-imports");
    const { exports } = new WebAssembly.Instance(forwarding, { env: { table: this.#table } });
    return exports as unknown as RawImports;
  }

  tapExports(exports: WasmExports): WasmExports {
    const { buffer } = exports["memory"] as WasmMemory;
    const octets = BUFFER_PAGES * PAGE_OCTETS;
    this.#buffer = new Uint8Array(buffer, buffer.byteLength - octets);
    recording ??= compile("recorder");
    const { exports: own } = new WebAssembly.Instance(recording, {
      env: { memory: exports["memory"] },
      module: { ...NO_APPLICATION, ...exports },
      host: {
        ...this.#imports,
        take: (count: number) => this.#write(this.#buffer.subarray(0, count)),
        hash: () => this.#writeHash(),
      },
    });
    this.#table.set(0, own["transmit"]);
    this.#table.set(1, own["entropy"]);
    this.#writer = own as unknown as Writer;
    return own;
  }

  attach(instance: LingerInstance, module: LingerModule): void {
    const octets = instance.imageOctets;
    const { RX_SLOT_COUNT, RX_SLOT_SIZE } = instance.limits;
    const skipBegin = instance.calls.rxSlotAddress(0) - 2;
    const skipEnd = instance.calls.rxSlotAddress(RX_SLOT_COUNT - 1) + RX_SLOT_SIZE;
    this.#hash = new ImageHash(instance.memory, { octets, skipBegin, skipEnd });
    const { byteOffset: from, length } = this.#buffer;
    const writer = this.#writer!;
    const seldom = Math.max(HASH_EVERY_MIN, Math.ceil(octets / IMAGE_OCTETS_PER_STEP));
    writer.start(from, from + length, this.#options.hashEvery ?? seldom);
    writer.setSlots(RX_SLOT_COUNT, RX_SLOT_SIZE);
    const header = this.#header(instance, module, { octets, skipBegin, skipEnd });
    this.#put(header);
    for (const run of this.#image ?? []) this.#putRun(run);
    this.#image = undefined;
  }

  /** After a trap the memory means nothing: no hash, but the recording is whole. */
  trapped(name: string, values: readonly number[]): void {
    const number = callNumber(name);
    const writer = this.#writer;
    if (this.#isClosed || number === undefined || writer === undefined) return;
    const { parameters, isQuestion } = callShape(number)!;
    if (isQuestion !== undefined) {
      // It was not written before, since it would have changed nothing. No check may fall into it.
      writer.flush();
      writer.putKind(number);
      for (const value of values.slice(0, parameters)) writer.putArgument(value);
    }
    writer.putKind(Kind.TRAP);
    writer.putKind(Kind.END);
    this.#finish();
  }

  /** Writes the last hash and the end; may be called again. What comes later is not recorded. */
  close(): void {
    if (this.#isClosed) return;
    if (this.#hash !== undefined) {
      this.#writeHash();
      this.#writer?.putKind(Kind.END);
    }
    this.#finish();
  }

  /** What is in memory goes to the file, with its check. */
  flush(): void {
    this.#writer?.flush();
  }

  #header(instance: LingerInstance, module: LingerModule, extent: ImageExtent): Uint8Array {
    const limits = Object.values(instance.limits);
    const name = new TextEncoder().encode(basename(module.name)).subarray(0, 255);
    const header = new Uint8Array(HEADER.LIMITS + 4 * limits.length + name.length);
    const view = new DataView(header.buffer);
    header.set(MAGIC);
    const version = this.#image === undefined ? VERSION : VERSION_WITH_IMAGE;
    view.setUint16(HEADER.VERSION, version, true);
    view.setUint16(HEADER.LENGTH, header.length, true);
    view.setUint32(HEADER.ABI_VERSION, Abi.VERSION, true);
    header.set(module.sha256().subarray(0, SHA256_OCTETS), HEADER.MODULE_SHA256);
    view.setBigUint64(HEADER.START_MS, BigInt(Math.floor(this.#options.startMs)), true);
    view.setUint32(HEADER.IMAGE_OCTETS, extent.octets, true);
    view.setUint32(HEADER.SKIP_BEGIN, extent.skipBegin, true);
    view.setUint32(HEADER.SKIP_END, extent.skipEnd, true);
    view.setUint8(HEADER.LIMIT_COUNT, limits.length);
    view.setUint8(HEADER.NAME_OCTETS, name.length);
    limits.forEach((limit, index) => view.setUint32(HEADER.LIMITS + 4 * index, limit, true));
    header.set(name, HEADER.LIMITS + 4 * limits.length);
    return header;
  }

  #putRun({ begin, octets }: ImageRun): void {
    for (let at = 0; at < octets.length; at += PIECE_OCTETS_MAX) {
      const piece = octets.subarray(at, at + PIECE_OCTETS_MAX);
      const head = [Kind.IMAGE, ...varint(begin + at), ...varint(piece.length)];
      this.#put(Buffer.concat([Uint8Array.from(head), piece]));
    }
  }

  /** Octets of the host's own, whole: a check comes before them or behind. */
  #put(octets: Uint8Array): void {
    this.#buffer.set(octets, this.#writer!.reserve(octets.length) - this.#buffer.byteOffset);
  }

  #finish(): void {
    this.flush();
    this.#isClosed = true;
    this.#closeFile();
  }

  #writeHash(): void {
    if (this.#isClosed) return;
    const hash = this.#hash!.current();
    const [low, high] = [hash.slice(8), hash.slice(0, 8)].map((word) => Number.parseInt(word, 16));
    this.#writer!.putHash(low!, high!);
  }

  #write(octets: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#take !== undefined) this.#take(octets.slice());
    else this.#writeFile(octets);
  }

  #writeFile(octets: Uint8Array): void {
    try {
      for (let at = 0; this.#file !== undefined && at < octets.length;) {
        at += writeSync(this.#file, octets, at);
      }
    } catch (error) {
      this.#isClosed = true;
      this.#closeFile();
      const { onError = (told) => process.emitWarning(told.message) } = this.#options;
      onError(this.#fileError(error));
    }
  }

  #closeFile(): void {
    clearInterval(this.#flushing);
    if (this.#file === undefined) return;
    closeSync(this.#file);
    this.#file = undefined;
    openRecorders.delete(this);
    if (openRecorders.size === 0) process.off("exit", closeRecorders);
  }

  #fileError(error: unknown): LingerError {
    const why = error instanceof Error ? error.message : String(error);
    return new LingerError("RECORDING_FILE", `cannot write ${this.#path}: ${why}`, {
      cause: error,
    });
  }
}

/** LEB128 of a u32. */
function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function compile(name: string): WasmModule {
  const path = fileURLToPath(new URL(`../../../dist/wasm/${name}.wasm`, import.meta.url));
  try {
    return new WebAssembly.Module(readFileSync(path));
  } catch (error) {
    const hint = systemCode(error) === "ENOENT" ? 'run "npm run build" first' : String(error);
    throw new LingerError("MODULE_NOT_FOUND", `cannot load ${path}: ${hint}`, { cause: error });
  }
}
