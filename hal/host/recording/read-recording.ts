/**
 * Reads a recording: its header, and its steps with all that was answered to them.
 *
 * Used by the replay and the command line. Nothing in a file can make it throw but RECORDING_FILE
 * and RECORDING_FORMAT, which say what is wrong and how far the file is sound.
 */
import { crc32 } from "node:zlib";
import { Limit } from "../abi.ts";
import { LingerError } from "../errors.ts";
import type { Limits } from "../module.ts";
import { readWholeFile } from "../read-file.ts";
import {
  type CallName,
  callShape,
  checkOf,
  HEADER,
  type ImageRun,
  Kind,
  MAGIC,
  SHA256_OCTETS,
  sumOf,
  VERSION,
  VERSION_WITH_IMAGE,
} from "./format.ts";

/** The kinds of checks of the file. */
const CHECKS = new Map<number, (octets: Uint8Array) => number>([
  [Kind.CHECK, checkOf],
  [Kind.CRC, (octets) => crc32(octets)],
  [Kind.SUM, sumOf],
]);

/** What the module asked of the host during a call, and was answered. */
export type RecordedImport =
  | {
      readonly kind: "transmit";
      readonly sent: boolean;
      readonly length: number;
      /** Of its beginning, or one word of it. */
      readonly by: "check" | "word";
      readonly check: number;
    }
  | { readonly kind: "entropy"; readonly word: number };

/** One call of an export. */
export interface RecordedStep {
  readonly call: CallName;
  readonly arguments: readonly number[];
  /** The octets that the host wrote for it: a frame, or SEND's. */
  readonly data: Uint8Array | undefined;
  readonly imports: RecordedImport[];
  /** i32; undefined if the call trapped, or nobody wrote it down. */
  result: number | undefined;
  hasTrapped: boolean;
  /** Milliseconds since the first call. */
  readonly timeMs: number;
  /** Of the state after it, where the recorder took one. */
  hash: string | undefined;
}

export interface Recording {
  /** Its path, or "the recording". */
  readonly name: string;
  readonly abiVersion: number;
  /** The file name of the module that was recorded, for people. */
  readonly moduleName: string;
  /** Which build it was: hexadecimal, all zeros if nobody knew. */
  readonly moduleSha256: string;
  /** The Unix time of the first call, in ms; 0 if unknown or made up. */
  readonly startMs: number;
  readonly imageOctets: number;
  readonly limits: Partial<Limits>;
  /** What the memory began with; undefined if it was as the module is loaded. */
  readonly image: readonly ImageRun[] | undefined;
  readonly steps: readonly RecordedStep[];
  /** One line, if the recording was not brought to its end: all whole steps are there. */
  readonly truncated: string | undefined;
}

/** Reads a recording, given its path or its octets. */
export function readRecording(source: string | Uint8Array): Recording {
  const name = typeof source === "string" ? source : "the recording";
  const octets = typeof source === "string" ? readWhole(source) : source;
  return new Reader(octets, name).read();
}

/** Thrown where the octets end too early. */
class EndOfOctets extends Error {}

class Reader {
  readonly #octets: Uint8Array;
  readonly #view: DataView;
  readonly #name: string;
  readonly #steps: RecordedStep[] = [];
  #image: ImageRun[] | undefined;
  #imageOctets = 0;
  #at = 0;
  /** Where the octets begin that the next check covers, and how many steps came before. */
  #uncheckedFrom = 0;
  #checkedSteps = 0;
  #open: RecordedStep | undefined;
  /** The last answer of `nextReady`, as a handle. */
  #ready = 0;
  /** So far all steps are whole. */
  #wholeUntil = 0;
  #lastMs: number | undefined;
  #timeMs = 0;
  #hasEnded = false;

  constructor(octets: Uint8Array, name: string) {
    this.#octets = octets;
    this.#view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
    this.#name = name;
  }

  read(): Recording {
    const header = this.#header();
    this.#wholeUntil = this.#at;
    let truncated: string | undefined;
    try {
      while (this.#at < this.#octets.length) {
        this.#record();
        if (this.#open === undefined) this.#wholeUntil = this.#at;
      }
      if (!this.#hasEnded) truncated = `${this.#name} has no end`;
    } catch (error) {
      if (!(error instanceof EndOfOctets)) throw error;
      truncated = `${this.#name} is cut off, or damaged, at octet ${this.#wholeUntil}`;
    }
    if (truncated !== undefined && this.#image !== undefined && this.#steps.length === 0) {
      // Nobody knows whether the image is whole.
      throw unreadable(`${truncated}, in what it begins with: it holds no step`);
    }
    if (truncated !== undefined) truncated += `: it goes as far as step ${this.#steps.length}`;
    return { ...header, image: this.#image, steps: this.#steps, truncated };
  }

  #header(): Omit<Recording, "image" | "steps" | "truncated"> {
    const octets = this.#octets;
    const name = this.#name;
    if (octets.length === 0) throw unreadable(`${name} is empty`);
    const magic = octets.subarray(0, MAGIC.length);
    if (magic.some((octet, index) => octet !== MAGIC[index]) || octets.length < 10) {
      throw unreadable(`${name} is not a recording of Linger`);
    }
    const version = this.#view.getUint16(HEADER.VERSION, true);
    if (version < VERSION || version > VERSION_WITH_IMAGE) {
      const known = `and this reads ${VERSION} and ${VERSION_WITH_IMAGE}`;
      throw unreadable(`${name} is a recording of version ${version}, ${known}`);
    }
    if (version === VERSION_WITH_IMAGE) this.#image = [];
    const length = octets.length < HEADER.LIMITS ? 0 : this.#view.getUint16(HEADER.LENGTH, true);
    const limitCount = length === 0 ? 0 : octets[HEADER.LIMIT_COUNT]!;
    const nameOctets = length === 0 ? 0 : octets[HEADER.NAME_OCTETS]!;
    const namePlace = HEADER.LIMITS + 4 * limitCount;
    if (length === 0 || octets.length < length || length < namePlace + nameOctets) {
      throw unreadable(`${name} is cut off, or damaged, in its header: it holds no step`);
    }
    this.#at = length;
    this.#imageOctets = this.#view.getUint32(HEADER.IMAGE_OCTETS, true);
    const limits: Partial<Record<keyof Limits, number>> = {};
    Object.keys(Limit).forEach((limit, index) => {
      if (index >= limitCount) return;
      limits[limit as keyof Limits] = this.#view.getUint32(HEADER.LIMITS + 4 * index, true);
    });
    const sha256 = octets.subarray(HEADER.MODULE_SHA256, HEADER.MODULE_SHA256 + SHA256_OCTETS);
    return {
      name,
      abiVersion: this.#view.getUint32(HEADER.ABI_VERSION, true),
      moduleName: Buffer.from(octets.subarray(namePlace, namePlace + nameOctets)).toString(),
      moduleSha256: Buffer.from(sha256).toString("hex"),
      startMs: Number(this.#view.getBigUint64(HEADER.START_MS, true)),
      imageOctets: this.#imageOctets,
      limits,
    };
  }

  #record(): void {
    const begin = this.#at;
    const kind = this.#octet();
    const checkOfKind = CHECKS.get(kind);
    if (checkOfKind !== undefined) return this.#check(checkOfKind, begin);
    if (kind === Kind.NOTHING) return;
    if (this.#hasEnded) throw this.#damaged();
    if (kind === Kind.IMAGE) return this.#imageRun();
    const isFrequent = kind >= Kind.FRAME && kind <= Kind.CONSUME;
    if (kind < Kind.RETURN_ZERO || isFrequent || kind === Kind.HASH || kind === Kind.END) {
      // An answer may have been left out.
      if (this.#open !== undefined) this.#close(this.#open, begin);
      if (kind === Kind.HASH) this.#hash();
      else if (kind === Kind.END) this.#hasEnded = true;
      else if (isFrequent) this.#frequentCall(kind);
      else this.#call(kind);
    } else {
      if (this.#open === undefined) throw this.#damaged();
      this.#answer(kind, this.#open);
    }
  }

  #close(step: RecordedStep, end: number): void {
    this.#steps.push(step);
    this.#open = undefined;
    this.#wholeUntil = end;
    if (step.call === "nextReady" && step.result !== undefined) this.#ready = step.result >>> 0;
  }

  #check(checkOfKind: (octets: Uint8Array) => number, begin: number): void {
    const check = this.#word();
    const octets = this.#octets.subarray(this.#uncheckedFrom, begin);
    if (check !== checkOfKind(octets)) throw this.#damaged();
    this.#uncheckedFrom = this.#at;
    this.#checkedSteps = this.#steps.length;
  }

  #call(kind: number): void {
    const isOfKnown = kind > Kind.OF_KNOWN;
    const shape = callShape(isOfKnown ? kind - Kind.OF_KNOWN : kind);
    if (shape === undefined || (isOfKnown && shape.parameters === 0)) throw this.#damaged();
    const values: number[] = [];
    if (isOfKnown) values.push(shape.time === 0 ? this.#laterBy(0) : this.#ready);
    for (let index = values.length; index < shape.parameters; index++) {
      values.push(index === shape.time ? this.#time() : this.#varint());
    }
    const data = shape.data === undefined ? undefined : this.#take(this.#varint());
    this.#begin(shape.name, values, data);
  }

  /** A frame, a SEND or a RECEIVE in the form that costs a HAL least. */
  #frequentCall(kind: number): void {
    if (kind === Kind.CONSUME) return this.#begin("tcpConsume", [this.#ready, this.#half()]);
    const fields = this.#octet() | (this.#half() << 8);
    if (kind === Kind.FRAME) {
      const [slot, octets, passed] = [fields & 7, (fields >> 3) & 0x3fff, fields >> 17];
      this.#take(2);
      this.#begin("frameReceived", [slot, octets, this.#laterBy(passed)], this.#take(octets));
    } else {
      const octets = fields >> 8;
      this.#take(fields & 0xff);
      this.#begin("tcpCommit", [this.#ready, octets], this.#take(octets));
    }
  }

  #begin(call: CallName, values: readonly number[], data?: Uint8Array): void {
    if (this.#image?.length === 0) throw this.#damaged(); // it is what comes first
    this.#open = {
      call,
      arguments: values,
      data,
      imports: [],
      result: undefined,
      hasTrapped: false,
      timeMs: this.#timeMs,
      hash: undefined,
    };
  }

  /** The first time is where the recording's own begins; u32 values wrap. */
  #time(): number {
    return this.#laterBy(this.#varint());
  }

  #laterBy(difference: number): number {
    if (this.#lastMs === undefined) this.#lastMs = difference;
    else {
      this.#lastMs = (this.#lastMs + difference) >>> 0;
      this.#timeMs += difference;
    }
    return this.#lastMs;
  }

  #answer(kind: number, step: RecordedStep): void {
    switch (kind) {
      case Kind.SENT:
      case Kind.BUSY: {
        const length = this.#varint();
        const sent = kind === Kind.SENT;
        const check = this.#word();
        step.imports.push({ kind: "transmit", sent, length, by: "check", check });
        return;
      }
      case Kind.SENT_WORD:
      case Kind.BUSY_WORD: {
        const length = this.#half();
        const sent = kind === Kind.SENT_WORD;
        const check = this.#word();
        step.imports.push({ kind: "transmit", sent, length, by: "word", check });
        return;
      }
      case Kind.ENTROPY:
        step.imports.push({ kind: "entropy", word: this.#word() });
        return;
      case Kind.RETURN_ZERO:
        step.result = 0;
        break;
      case Kind.RETURN: {
        const coded = this.#varint();
        step.result = (coded >>> 1) ^ -(coded & 1);
        break;
      }
      case Kind.RETURN_WORD:
        step.result = this.#word() | 0;
        break;
      case Kind.TRAP:
        step.hasTrapped = true;
        break;
      default:
        throw this.#damaged();
    }
    this.#close(step, this.#at);
  }

  #imageRun(): void {
    const image = this.#image;
    if (image === undefined || this.#open !== undefined || this.#steps.length > 0) {
      throw this.#damaged();
    }
    const begin = this.#varint();
    const octets = this.#take(this.#varint());
    if (begin + octets.length > this.#imageOctets) throw this.#damaged();
    image.push({ begin, octets });
  }

  #hash(): void {
    const low = this.#word();
    const high = this.#word();
    const last = this.#steps.at(-1);
    const isOfImage = last === undefined && this.#image !== undefined && this.#image.length > 0;
    if (isOfImage) return; // that is in the recording itself
    if (last === undefined) throw this.#damaged();
    last.hash = [high, low].map((word) => word.toString(16).padStart(8, "0")).join("");
  }

  #damaged(): LingerError {
    const text = `${this.#name} is damaged behind step ${this.#checkedSteps}`;
    return unreadable(`${text}: octets ${this.#uncheckedFrom} on do not hold together`);
  }

  #octet(): number {
    const octet = this.#octets[this.#at];
    if (octet === undefined) throw new EndOfOctets();
    this.#at++;
    return octet;
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const octet = this.#octet();
      value += (octet & 0x7f) * 2 ** shift;
      if (octet < 0x80) return value >>> 0;
    }
    throw this.#damaged();
  }

  #half(): number {
    return this.#octet() | (this.#octet() << 8);
  }

  #word(): number {
    const octets = this.#take(4);
    return (octets[0]! | (octets[1]! << 8) | (octets[2]! << 16) | (octets[3]! << 24)) >>> 0;
  }

  #take(length: number): Uint8Array {
    if (this.#at + length > this.#octets.length) throw new EndOfOctets();
    this.#at += length;
    return this.#octets.subarray(this.#at - length, this.#at);
  }
}

function readWhole(path: string): Uint8Array {
  try {
    return readWholeFile(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new LingerError("RECORDING_FILE", `cannot read ${path}: ${why}`, { cause: error });
  }
}

function unreadable(text: string): LingerError {
  return new LingerError("RECORDING_FORMAT", text);
}
