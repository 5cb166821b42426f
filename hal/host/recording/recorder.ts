/**
 * Writes down every input of a module at work, in the format of `docs/recording.md`: calls with
 * what the host wrote for them, times, entropy, and what `transmit` answered.
 *
 * Made by Stack for its option `record`; sits between the host and the instance (`InstanceTap`),
 * so that neither notices. Never throws into either: a file that cannot be written is told once.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { crc32 } from "node:zlib";
import { Abi } from "../abi.ts";
import { LingerError } from "../errors.ts";
import type { InstanceTap, LingerInstance, LingerModule, RawImports } from "../module.ts";
import type { WasmCall } from "../web-assembly.ts";
import {
  callNumber,
  callShape,
  checkRange,
  FRAME_CHECK_OCTETS,
  HEADER,
  Kind,
  MAGIC,
  SHA256_OCTETS,
  VERSION,
} from "./format.ts";
import { type ImageExtent, ImageHash } from "./image-hash.ts";

/** The path of a file, which is created or emptied, or who takes the octets as they come. */
export type RecordingSink = string | ((octets: Uint8Array) => void);

export interface RecorderOptions {
  /** The Unix time of the first call, in ms; 0 if it is made up. */
  startMs: number;
  /** Steps between two state hashes; 0 for none but the last. Default: so that they cost little. */
  hashEvery?: number;
  /** Told once when the file cannot be written any more. Default: a process warning. */
  onError?: (error: LingerError) => void;
}

/** Holds any record: the longest is a SEND of a whole ring, 65,535 octets. */
const CHUNK_OCTETS = 128 * 1024;
/** What no varint, and no head of a record, is longer than. */
const HEAD_OCTETS_MAX = 32;
/** How long a record may wait in memory before it is in the file. */
const FLUSH_MS = 100;
/** A hash goes through the whole image: so many steps per hash, for 64 octets each, but … */
const IMAGE_OCTETS_PER_STEP = 64;
const HASH_EVERY_MIN = 256;

/** The recorders with a file open; one handler on `exit` serves them all. */
const openRecorders = new Set<Recorder>();
const closeRecorders = () => openRecorders.forEach((recorder) => recorder.close());

export class Recorder implements InstanceTap {
  /** Calls recorded so far. */
  stepCount = 0;
  readonly #options: RecorderOptions;
  readonly #take: ((octets: Uint8Array) => void) | undefined;
  #file: number | undefined;
  readonly #path: string = "";
  readonly #chunk = new Uint8Array(CHUNK_OCTETS);
  readonly #view = new DataView(this.#chunk.buffer);
  #at = 0;
  #flushing: NodeJS.Timeout | undefined;
  #memory: Uint8Array = new Uint8Array(0);
  #memoryView: DataView = this.#view;
  #slots: number[] = [];
  #slotOctets = 0;
  #hash: ImageHash | undefined;
  #hashEvery = 0;
  #lastMs = 0;
  /** The calls behind SEND, to find its octets: asked again they answer the same. */
  #reserve: WasmCall = () => 0;
  #reservedAddress: WasmCall = () => 0;
  #isClosed = false;

  /** RECORDING_FILE if the file cannot be made. */
  constructor(sink: RecordingSink, options: RecorderOptions) {
    this.#options = options;
    if (typeof sink === "string") {
      this.#path = sink;
      try {
        this.#file = openSync(sink, "w");
      } catch (error) {
        throw this.#fileError(error);
      }
      if (openRecorders.size === 0) process.on("exit", closeRecorders);
      openRecorders.add(this);
    } else {
      this.#take = sink;
    }
  }

  attach(instance: LingerInstance, module: LingerModule): void {
    this.#memory = instance.memory;
    this.#memoryView = new DataView(instance.memory.buffer);
    const octets = instance.imageOctets;
    const { RX_SLOT_COUNT, RX_SLOT_SIZE } = instance.limits;
    for (let slot = 0; slot < RX_SLOT_COUNT; slot++) {
      this.#slots.push(instance.calls.rxSlotAddress(slot));
    }
    this.#slotOctets = RX_SLOT_SIZE;
    const skipBegin = this.#slots[0]! - 2;
    const skipEnd = this.#slots.at(-1)! + RX_SLOT_SIZE;
    this.#hash = new ImageHash(instance.memory, { octets, skipBegin, skipEnd });
    const seldom = Math.max(HASH_EVERY_MIN, Math.ceil(octets / IMAGE_OCTETS_PER_STEP));
    this.#hashEvery = this.#options.hashEvery ?? seldom;
    this.#octets(this.#header(instance, module, { octets, skipBegin, skipEnd }));
  }

  tapImports({ transmit, entropy }: RawImports): RawImports {
    return {
      transmit: (address, length) => {
        const answer = transmit(address, length);
        if (this.#isClosed) return answer;
        this.#begin(answer === 0 ? Kind.SENT : Kind.BUSY);
        this.#varint(length);
        const checked = Math.min(length, FRAME_CHECK_OCTETS);
        this.#word(checkRange(this.#memoryView, address >>> 0, checked));
        return answer;
      },
      entropy: () => {
        const word = entropy();
        if (this.#isClosed) return word;
        this.#begin(Kind.ENTROPY);
        this.#word(word);
        return word;
      },
    };
  }

  tapCall(name: string, call: WasmCall): WasmCall {
    const number = callNumber(name);
    const shape = number === undefined ? undefined : callShape(number);
    if (number === undefined || shape === undefined) return call;
    if (name === "tcpReserve") this.#reserve = call;
    if (name === "tcpReservedAddress") this.#reservedAddress = call;
    const { parameters, time, data, isQuestion } = shape;
    const write = (a: number, b: number, c: number, d: number): void => {
      const written = data === undefined ? undefined : this.#written(name, a, b);
      this.#begin(number, written?.length);
      if (parameters > 0) this.#argument(a, time === 0);
      if (parameters > 1) this.#argument(b, time === 1);
      if (parameters > 2) this.#argument(c, time === 2);
      if (parameters > 3) this.#argument(d, time === 3);
      if (written === undefined) return;
      this.#varint(written.length);
      this.#octets(written);
    };
    return (a = 0, b = 0, c = 0, d = 0): number => {
      if (this.#isClosed) return call(a, b, c, d);
      // An input is written before the call: it may trap, or ask the host for something.
      if (isQuestion === undefined) write(a, b, c, d);
      let result: number;
      try {
        result = call(a, b, c, d);
      } catch (error) {
        if (isQuestion !== undefined) write(a, b, c, d);
        this.#trapped();
        throw error;
      }
      if (isQuestion !== undefined) {
        if (isQuestion(result)) return result;
        write(a, b, c, d);
      }
      this.#returned(result);
      return result;
    };
  }

  /** Writes the last hash and the end; may be called again. What comes later is not recorded. */
  close(): void {
    if (this.#isClosed) return;
    if (this.#hash !== undefined) {
      this.#writeHash();
      this.#begin(Kind.END);
    }
    this.#finish();
  }

  /** What is in memory goes to the file, with its check. */
  flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    if (this.#at === 0) return;
    const check = crc32(this.#chunk.subarray(0, this.#at));
    this.#chunk[this.#at++] = Kind.CRC;
    this.#word(check);
    const octets = this.#chunk.subarray(0, this.#at);
    this.#at = 0;
    if (this.#take !== undefined) this.#take(octets.slice());
    else this.#writeFile(octets);
  }

  #header(instance: LingerInstance, module: LingerModule, extent: ImageExtent): Uint8Array {
    const limits = Object.values(instance.limits);
    const name = new TextEncoder().encode(basename(module.name)).subarray(0, 255);
    const header = new Uint8Array(HEADER.LIMITS + 4 * limits.length + name.length);
    const view = new DataView(header.buffer);
    header.set(MAGIC);
    view.setUint16(HEADER.VERSION, VERSION, true);
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

  /** After a trap the memory means nothing: no hash, but the recording is whole. */
  #trapped(): void {
    this.#begin(Kind.TRAP);
    this.#begin(Kind.END);
    this.#finish();
  }

  #finish(): void {
    this.flush();
    this.#isClosed = true;
    this.#closeFile();
  }

  /** The octets that the host wrote for this call: a frame in its slot, or SEND's in their room. */
  #written(name: string, first: number, octets: number): Uint8Array {
    const isFrame = name === "frameReceived";
    const begin = isFrame ? (this.#slots[first] ?? 0) : this.#reservedAddress(first);
    const room = isFrame ? this.#slotOctets : this.#reserve(first);
    if (begin <= 0 || room <= 0) return this.#memory.subarray(0, 0);
    return this.#memory.subarray(begin, begin + Math.min(octets >>> 0, room));
  }

  #returned(result: number): void {
    if (result === 0) {
      this.#begin(Kind.RETURN_ZERO);
    } else {
      this.#begin(Kind.RETURN);
      this.#varint((result << 1) ^ (result >> 31));
    }
    this.stepCount++;
    if (this.#hashEvery > 0 && this.stepCount % this.#hashEvery === 0) this.#writeHash();
  }

  #writeHash(): void {
    const hash = this.#hash!.current();
    this.#begin(Kind.HASH);
    this.#word(Number.parseInt(hash.slice(8), 16));
    this.#word(Number.parseInt(hash.slice(0, 8), 16));
  }

  #argument(value: number, isTime: boolean): void {
    if (!isTime) return this.#varint(value);
    this.#varint(value - this.#lastMs);
    this.#lastMs = value;
  }

  /** Begins a record: its head fits in, and so many octets more. */
  #begin(kind: number, more = 0): void {
    if (this.#at + HEAD_OCTETS_MAX + more > CHUNK_OCTETS) this.flush();
    this.#chunk[this.#at++] = kind;
    if (this.#file !== undefined) this.#flushing ??= this.#flushLater();
  }

  #flushLater(): NodeJS.Timeout {
    return setTimeout(() => this.flush(), FLUSH_MS).unref();
  }

  /** LEB128 of the low 32 bits. */
  #varint(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.#chunk[this.#at++] = rest | 0x80;
      rest >>>= 7;
    }
    this.#chunk[this.#at++] = rest;
  }

  #word(value: number): void {
    this.#chunk[this.#at++] = value;
    this.#chunk[this.#at++] = value >>> 8;
    this.#chunk[this.#at++] = value >>> 16;
    this.#chunk[this.#at++] = value >>> 24;
  }

  #octets(octets: Uint8Array): void {
    this.#chunk.set(octets, this.#at);
    this.#at += octets.length;
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
