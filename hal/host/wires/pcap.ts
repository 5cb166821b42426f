/**
 * Capture files in the classic pcap format: writing them, reading them, a wire that records what
 * passes, and a wire that plays a file's frames.
 *
 * Used for `--pcap FILE` and `linger trace`, and by tests. pcapng is refused with a hint; frames
 * are never changed.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import type { Clock } from "../clock.ts";
import { LingerError } from "../errors.ts";
import { readWholeFile } from "../read-file.ts";
import { type Wire, WireEnds } from "../wire.ts";

// The format: a file header of 24 octets, then for each packet a header of 16 and its octets. The
// magic number tells the octet order and whether fractions of a second are micro- or nanoseconds.
const FILE_HEADER_OCTETS = 24;
const PACKET_HEADER_OCTETS = 16;
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const MAGIC_PCAPNG = 0x0a0d0d0a;
const VERSION_MAJOR = 2;
const VERSION_MINOR = 4;
const SNAPLEN = 262_144;
/** LINKTYPE_ETHERNET: frames without FCS. */
export const LINKTYPE_ETHERNET = 1;

/** Octets gathered before they are written even within one turn of the event loop. */
const BUFFER_OCTETS = 64 * 1024;

export interface PcapWriterOptions {
  clock: Clock;
  /** Default "nanosecond". Some old tools read only "microsecond". */
  precision?: "nanosecond" | "microsecond";
  /**
   * Told once when the file cannot be written to any more (a full disk, say); recording stops then,
   * the wire goes on. Default: a process warning.
   */
  onError?: (error: LingerError) => void;
}

/** The writers that have a file open; one handler on `exit` serves them all. */
const openWriters = new Set<PcapWriter>();
const closeWriters = () => openWriters.forEach((writer) => writer.close());

/**
 * Writes a capture file. What was recorded is in the file at the end of each turn of the event
 * loop, on `close`, and when the process exits.
 */
export class PcapWriter {
  readonly path: string;
  /** Frames recorded so far. */
  packetCount = 0;
  readonly #clock: Clock;
  readonly #unitsPerMs: number;
  #file: number | undefined;
  #buffered: Buffer[] = [];
  #bufferedOctets = 0;
  #flushing: NodeJS.Immediate | undefined;
  readonly #onError: (error: LingerError) => void;

  /** Creates or empties the file. PCAP_FILE if that cannot be done. */
  constructor(path: string, options: PcapWriterOptions) {
    const nanoseconds = (options.precision ?? "nanosecond") === "nanosecond";
    this.path = path;
    this.#clock = options.clock;
    this.#onError = options.onError ?? ((error) => process.emitWarning(error.message));
    this.#unitsPerMs = nanoseconds ? 1e6 : 1e3;
    this.#file = open(path, "w");
    const header = Buffer.alloc(FILE_HEADER_OCTETS);
    header.writeUInt32LE(nanoseconds ? MAGIC_NANOSECONDS : MAGIC_MICROSECONDS, 0);
    header.writeUInt16LE(VERSION_MAJOR, 4);
    header.writeUInt16LE(VERSION_MINOR, 6);
    header.writeUInt32LE(SNAPLEN, 16);
    header.writeUInt32LE(LINKTYPE_ETHERNET, 20);
    this.#append(header);
    if (openWriters.size === 0) process.on("exit", closeWriters);
    openWriters.add(this);
  }

  /** Records a frame with the present time. Does nothing once the file is closed. */
  record(frame: Uint8Array): void {
    if (this.#file === undefined) return;
    const unitsPerSecond = this.#unitsPerMs * 1000;
    // Seconds apart from the fraction: nanoseconds since 1970 do not fit into a double.
    const originSeconds = Math.floor(this.#clock.originMs / 1000);
    const restMs = this.#clock.originMs - originSeconds * 1000 + this.#clock.now();
    const units = Math.round(restMs * this.#unitsPerMs);
    const header = Buffer.alloc(PACKET_HEADER_OCTETS);
    header.writeUInt32LE((originSeconds + Math.floor(units / unitsPerSecond)) >>> 0, 0);
    header.writeUInt32LE(units % unitsPerSecond, 4);
    header.writeUInt32LE(frame.length, 8);
    header.writeUInt32LE(frame.length, 12);
    this.packetCount++;
    this.#append(header, Buffer.from(frame));
  }

  /** Writes out what is buffered. */
  flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    const octets = Buffer.concat(this.#buffered.splice(0));
    this.#bufferedOctets = 0;
    try {
      for (let at = 0; this.#file !== undefined && at < octets.length;) {
        at += writeSync(this.#file, octets, at);
      }
    } catch (error) {
      this.#closeFile();
      this.#onError(fileError(error, "write", this.path));
    }
  }

  /** Flushes and closes the file; may be called again. */
  close(): void {
    this.flush();
    this.#closeFile();
  }

  #closeFile(): void {
    if (this.#file === undefined) return;
    closeSync(this.#file);
    this.#file = undefined;
    openWriters.delete(this);
    if (openWriters.size === 0) process.off("exit", closeWriters);
  }

  #append(...parts: Buffer[]): void {
    this.#buffered.push(...parts);
    for (const part of parts) this.#bufferedOctets += part.length;
    if (this.#bufferedOctets >= BUFFER_OCTETS) this.flush();
    else this.#flushing ??= setImmediate(() => this.flush());
  }
}

/**
 * Puts a recorder around a wire: both directions go into the writer, which closes with the wire.
 */
export function recordWire(inner: Wire, writer: PcapWriter): Wire {
  const wire: Wire = {
    send(frame) {
      const sent = inner.send(frame);
      if (sent) writer.record(frame);
      return sent;
    },
    onFrame(callback) {
      inner.onFrame((frame) => {
        writer.record(frame);
        callback(frame);
      });
    },
    onClose(callback) {
      inner.onClose((error) => {
        writer.close();
        callback(error);
      });
    },
    close() {
      inner.close();
      writer.close();
    },
  };
  if (inner.onDrain !== undefined) wire.onDrain = (callback) => inner.onDrain?.(callback);
  return wire;
}

/** One packet of a capture file. */
export interface PcapPacket {
  /** Since 1970, in nanoseconds. */
  readonly timestampNs: bigint;
  readonly frame: Uint8Array;
  /** Octets on the wire; more than `frame.length` if the capture cut it. */
  readonly originalLength: number;
}

/** What a capture file holds. */
export interface PcapFile {
  readonly precision: "nanosecond" | "microsecond";
  readonly linkType: number;
  readonly packets: readonly PcapPacket[];
  /** One line, if the file ends in the middle of a packet: the packets before it are there. */
  readonly truncated: string | undefined;
}

/**
 * Reads a capture file, given its path or its octets. PCAP_FILE if it cannot be read, PCAP_FORMAT
 * if it is not a pcap file. A file that ends too early is not an error: see `truncated`.
 */
export function readPcap(source: string | Uint8Array): PcapFile {
  const name = typeof source === "string" ? source : "the capture";
  const octets = typeof source === "string" ? readWhole(source) : source;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const { littleEndian, nanoseconds } = readMagic(view, name);
  const linkType = view.getUint32(20, littleEndian) & 0x0fffffff;
  const packets: PcapPacket[] = [];
  let truncated: string | undefined;
  for (let at = FILE_HEADER_OCTETS; at < octets.length;) {
    const number = packets.length + 1;
    const left = octets.length - at;
    if (left < PACKET_HEADER_OCTETS) {
      truncated = `${name} ends in the middle of the header of packet ${number}`;
      break;
    }
    const length = view.getUint32(at + 8, littleEndian);
    if (length > left - PACKET_HEADER_OCTETS) {
      truncated = `${name} ends in the middle of packet ${number}, or its length is corrupt`;
      break;
    }
    const fraction = BigInt(view.getUint32(at + 4, littleEndian));
    const seconds = BigInt(view.getUint32(at, littleEndian));
    const end = at + PACKET_HEADER_OCTETS + length;
    packets.push({
      timestampNs: seconds * 1_000_000_000n + (nanoseconds ? fraction : fraction * 1000n),
      frame: new Uint8Array(octets.subarray(at + PACKET_HEADER_OCTETS, end)),
      originalLength: view.getUint32(at + 12, littleEndian),
    });
    at = end;
  }
  const precision = nanoseconds ? "nanosecond" : "microsecond";
  return { precision, linkType, packets, truncated };
}

function readMagic(view: DataView, name: string): { littleEndian: boolean; nanoseconds: boolean } {
  if (view.byteLength === 0) throw new LingerError("PCAP_FORMAT", `${name} is empty`);
  if (view.byteLength >= 4) {
    for (const littleEndian of [true, false]) {
      const magic = view.getUint32(0, littleEndian);
      const nanoseconds = magic === MAGIC_NANOSECONDS;
      if (magic === MAGIC_PCAPNG) {
        const text = `${name} is in the pcapng format: convert it with "editcap -F pcap IN OUT"`;
        throw new LingerError("PCAP_FORMAT", text);
      }
      if (!nanoseconds && magic !== MAGIC_MICROSECONDS) continue;
      if (view.byteLength < FILE_HEADER_OCTETS) {
        throw new LingerError("PCAP_FORMAT", `${name} ends in the middle of the file's header`);
      }
      return { littleEndian, nanoseconds };
    }
  }
  throw new LingerError("PCAP_FORMAT", `${name} is not a pcap capture file`);
}

export interface ReplayOptions {
  clock: Clock;
  /** Which frames to play; default all. Frames sent by the station under test are best left out. */
  select?: (frame: Uint8Array) => boolean;
  /** Factor on the file's pace; default 1. Infinity plays everything at once. */
  speed?: number;
}

/** A wire whose received frames come from a capture. What is sent into it is only counted. */
export interface ReplayWire extends Wire {
  readonly sentCount: number;
  /** Resolves when the last frame was delivered. The wire stays open. */
  readonly finished: Promise<void>;
}

/** Plays a capture: it begins when `onFrame` is called, at the file's own intervals. */
export function replayPcap(file: PcapFile, options: ReplayOptions): ReplayWire {
  const { clock, select = () => true, speed = 1 } = options;
  if (!(speed > 0)) throw new LingerError("BAD_OPTION", "speed must be above 0");
  const packets = file.packets.filter((packet) => select(packet.frame));
  const firstNs = packets[0]?.timestampNs ?? 0n;
  const ends = new WireEnds();
  let sentCount = 0;
  let begun = false;
  let finish = () => {};
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const startMs = () => clock.now();
  const play = (index: number, beganMs: number): void => {
    const packet = packets[index];
    if (packet === undefined || ends.isClosed) return finish();
    const dueMs = beganMs + Number(packet.timestampNs - firstNs) / 1e6 / speed;
    clock.setTimer(dueMs - clock.now(), () => {
      ends.frame(new Uint8Array(packet.frame));
      play(index + 1, beganMs);
    });
  };
  return {
    get sentCount() {
      return sentCount;
    },
    finished,
    send() {
      sentCount++;
      return true;
    },
    onFrame(callback) {
      ends.setFrame(callback);
      if (!begun) play(0, startMs());
      begun = true;
    },
    onClose: (callback) => ends.setClose(callback),
    close() {
      if (ends.closed()) finish();
    },
  };
}

function open(path: string, flags: "r" | "w"): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    throw fileError(error, flags === "r" ? "read" : "write", path);
  }
}

function readWhole(path: string): Uint8Array {
  try {
    return readWholeFile(path);
  } catch (error) {
    throw fileError(error, "read", path);
  }
}

function fileError(error: unknown, verb: "read" | "write", path: string): LingerError {
  const why = error instanceof Error ? error.message : String(error);
  return new LingerError("PCAP_FILE", `cannot ${verb} ${path}: ${why}`, { cause: error });
}
