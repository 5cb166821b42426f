/**
 * Runs a recording again: the same calls, answered as they were, on the same module or another,
 * forwards and backwards, and compares all that the module does with what it did.
 *
 * Used by `linger replay` and by programs. All state is in the module's memory, so going back is a
 * copy of that, taken on the way (a checkpoint), and the steps from there on.
 */
import { StatusField } from "../abi.ts";
import { LingerError } from "../errors.ts";
import type { Counters, LingerInstance, LingerModule } from "../module.ts";
import { type ConnectionStatus, readStatus } from "../names.ts";
import {
  type CallName,
  callNumber,
  callShape,
  checkOf,
  FRAME_CHECK_OCTETS,
  frameWord,
  pasteRuns,
} from "./format.ts";
import { ImageHash } from "./image-hash.ts";
import type { RecordedImport, RecordedStep, Recording } from "./read-recording.ts";

/** A frame that passed, in the order in which the module had it. */
export interface ReplayedFrame {
  /** Which step it belongs to, from 1 on. */
  readonly step: number;
  readonly timeMs: number;
  readonly direction: "in" | "out";
  /** False: the wire was BUSY. */
  readonly sent: boolean;
  readonly octets: Uint8Array;
}

/** Where a run first differs from what was recorded. */
export interface Divergence {
  readonly step: number;
  readonly call: CallName;
  /** One line: "it answers 0 instead of 3". */
  readonly what: string;
  /** The frame that the module sent instead, if it is about one. */
  readonly frame: Uint8Array | undefined;
}

interface Checkpoint {
  readonly position: number;
  readonly frameCount: number;
  readonly divergence: Divergence | undefined;
  /** The blocks that are not all zeros, by their place. */
  readonly blocks: Map<number, Uint8Array>;
}

/** Any call, by its name. */
type Exports = Record<CallName, (...numbers: number[]) => number>;

const BLOCK_OCTETS = 64 * 1024;
const STATUS_OCTETS = 4 * StatusField.COUNT;
const ZEROS = new Uint8Array(BLOCK_OCTETS);
/** Steps between two checkpoints at first; doubled when there are too many. */
const CHECKPOINT_STEPS = 256;
const CHECKPOINTS_MAX = 64;

export class Replay {
  readonly recording: Recording;
  readonly module: LingerModule;
  /** True if the module is the very build that was recorded: then states must be the same too. */
  readonly isSameModule: boolean;
  #instance: LingerInstance;
  #hash: ImageHash;
  #position = 0;
  #frames: ReplayedFrame[] = [];
  #divergence: Divergence | undefined;
  #checkpoints: Checkpoint[] = [];
  #checkpointSteps = CHECKPOINT_STEPS;
  #hasTrapped = false;
  /** Where `tcpStatusAt` writes, once it is known. */
  #statusAddress: number | undefined;
  /** What the step at work is still to be answered. */
  #expected: RecordedImport[] = [];

  /**
   * MODULE_ABI if the recording speaks another version of the boundary than the module,
   * SNAPSHOT_MODULE if it begins with a snapshot, and that of another module, RECORDING_FORMAT if
   * that does not fit its own.
   */
  constructor(recording: Recording, module: LingerModule) {
    this.recording = recording;
    this.module = module;
    this.isSameModule = Buffer.from(module.sha256()).toString("hex") === recording.moduleSha256;
    if (!module.isApplication && recording.steps.some(({ call }) => call.startsWith("app"))) {
      const text = `${module.name} has no application, and the module of ${recording.name} had`;
      throw new LingerError("MODULE_INVALID", text);
    }
    if (recording.image !== undefined && !this.isSameModule) {
      const text = `${recording.name} begins with a snapshot of another module than ${module.name}`;
      throw new LingerError("SNAPSHOT_MODULE", `${text}: only the recorded one can go on from it`);
    }
    this.#instance = this.#instantiate();
    this.#hash = this.#newHash();
    const version = this.#instance.calls.abiVersion();
    if (version !== recording.abiVersion) {
      const text = `${recording.name} is of version ${recording.abiVersion} of the boundary`;
      throw new LingerError("MODULE_ABI", `${text}, ${module.name} of version ${version}`);
    }
    if (recording.image !== undefined) {
      const { imageOctets } = this.#instance;
      if (recording.imageOctets !== imageOctets) {
        const text = `${recording.name} is damaged: its image has ${recording.imageOctets} octets`;
        throw new LingerError("RECORDING_FORMAT", `${text}, and its module ${imageOctets}`);
      }
      pasteRuns(this.#image(), recording.image);
    }
    this.#checkpoint();
  }

  /** Steps done: 0 before the first call. */
  get position(): number {
    return this.#position;
  }

  get stepCount(): number {
    return this.recording.steps.length;
  }

  /** The first difference so far. What comes after it means little. */
  get divergence(): Divergence | undefined {
    return this.#divergence;
  }

  /** True after a step in which the module trapped: its memory means nothing. */
  get hasTrapped(): boolean {
    return this.#hasTrapped;
  }

  /** All frames so far. */
  get frames(): readonly ReplayedFrame[] {
    return this.#frames;
  }

  /** The step that was done last. */
  get lastStep(): RecordedStep | undefined {
    return this.recording.steps[this.#position - 1];
  }

  /** Does the next step. False at the end, and after a trap. */
  forward(): boolean {
    const step = this.recording.steps[this.#position];
    if (step === undefined || this.#hasTrapped) return false;
    this.#position++;
    this.#expected = [...step.imports];
    const result = this.#call(step);
    this.#compare(step, result);
    if (this.#position % this.#checkpointSteps === 0 && !this.#hasTrapped) this.#checkpoint();
    return true;
  }

  /** Goes to the moment after so many steps, back or forth; no further than the recording. */
  seek(position: number): void {
    if (position < this.#position) this.#restore(position);
    while (this.#position < position && this.forward());
  }

  /** The hash of the present state (`docs/recording.md`). */
  stateHash(): string {
    return this.#hash.current();
  }

  /** STATUS of every connection at this moment. The block that it is written into is put back. */
  statuses(): ConnectionStatus[] {
    const { memory, calls, limits } = this.#instance;
    const begin = this.#statusAddress;
    const saved = begin === undefined ? copyBlocks(this.#image()) : undefined;
    const block = memory.slice(begin ?? 0, (begin ?? 0) + STATUS_OCTETS);
    const found: ConnectionStatus[] = [];
    for (let index = 0; index < limits.CONNECTION_COUNT; index++) {
      const address = calls.tcpStatusAt(index);
      if (address <= 0) continue;
      this.#statusAddress = address;
      found.push(readStatus(this.#instance, address));
    }
    if (saved === undefined) memory.set(block, begin);
    else pasteBlocks(this.#image(), saved);
    return found;
  }

  counters(): Counters {
    return this.#instance.readCounters();
  }

  #instantiate(): LingerInstance {
    return this.module.instantiate({
      transmit: (frame) => this.#transmitted(frame),
      entropy: () => this.#drawn(),
    });
  }

  #newHash(): ImageHash {
    const { memory, imageOctets, limits, calls } = this.#instance;
    return new ImageHash(memory, {
      octets: imageOctets,
      skipBegin: calls.rxSlotAddress(0) - 2,
      skipEnd: calls.rxSlotAddress(limits.RX_SLOT_COUNT - 1) + limits.RX_SLOT_SIZE,
    });
  }

  /** The answer, or undefined if it trapped. */
  #call(step: RecordedStep): number | undefined {
    const { calls, application, memory, limits } = this.#instance;
    const values = step.arguments;
    const [a = 0, b = 0, c = 0, d = 0] = values;
    if (step.call === "frameReceived" && step.data !== undefined) {
      const address = calls.rxSlotAddress(a);
      const room = limits.RX_SLOT_SIZE;
      if (step.data.length > room) {
        this.#differs(`its slots hold ${room} octets, and this frame has ${step.data.length}`);
      }
      if (address > 0) memory.set(step.data.subarray(0, room), address);
      this.#note("in", step.data, true);
    } else if (step.data !== undefined) {
      const address = calls.tcpReservedAddress(a);
      const room = address > 0 ? calls.tcpReserve(a) : 0;
      memory.set(step.data.subarray(0, Math.max(room, 0)), Math.max(address, 0));
    }
    const exports = (step.call.startsWith("app") ? application : calls) as unknown as Exports;
    try {
      return exports[step.call](a, b, c, d) | 0;
    } catch (error) {
      if (!(error instanceof LingerError) || error.code !== "MODULE_TRAP") throw error;
      this.#hasTrapped = true;
      return undefined;
    }
  }

  #note(direction: "in" | "out", octets: Uint8Array, sent: boolean): void {
    const timeMs = this.recording.steps[this.#position - 1]!.timeMs;
    const copy = new Uint8Array(octets);
    this.#frames.push({ step: this.#position, timeMs, direction, sent, octets: copy });
  }

  #transmitted(frame: Uint8Array): boolean {
    const expected = this.#expected.shift();
    const sent = expected?.kind === "transmit" ? expected.sent : true;
    this.#note("out", frame, sent);
    if (expected?.kind !== "transmit") {
      const instead = expected === undefined ? "nothing" : "asking for entropy";
      this.#differs(`it sends a frame of ${frame.length} octets instead of ${instead}`, frame);
    } else if (expected.length !== frame.length) {
      const text = `it sends ${frame.length} octets instead of ${expected.length}`;
      this.#differs(text, frame);
    } else if (expected.check !== checkFrame(expected.by, frame)) {
      this.#differs(`it sends another frame, of ${frame.length} octets too`, frame);
    }
    return sent;
  }

  #drawn(): number {
    const expected = this.#expected.shift();
    if (expected?.kind === "entropy") return expected.word;
    const instead = expected === undefined ? "nothing" : "sending a frame";
    this.#differs(`it asks for entropy instead of ${instead}`);
    return 0;
  }

  #compare(step: RecordedStep, result: number | undefined): void {
    const { hasTrapped } = step;
    if (hasTrapped !== (result === undefined)) {
      // A trap ends what is open, and questions are not recorded.
      const instead = `it answers ${result}, and this call or a question after it should trap`;
      this.#differs(hasTrapped ? instead : "it traps");
    }
    const [missing] = this.#expected;
    if (missing?.kind === "transmit") {
      this.#differs(`it sends nothing instead of a frame of ${missing.length} octets`);
    } else if (missing !== undefined) {
      this.#differs("it asks for no entropy");
    }
    if (!isSameResult(step, result)) {
      this.#differs(`it answers ${result} instead of ${step.result}`);
    }
    if (step.hash === undefined || !this.isSameModule || this.#hasTrapped) return;
    const hash = this.#hash.current();
    if (hash !== step.hash) this.#differs(`its state is ${hash} instead of ${step.hash}`);
  }

  #differs(what: string, frame?: Uint8Array): void {
    if (this.#divergence !== undefined) return;
    const step = this.#position;
    const { call } = this.recording.steps[step - 1]!;
    this.#divergence = { step, call, what, frame: frame && new Uint8Array(frame) };
  }

  #checkpoint(): void {
    if (this.#position > 0 && this.module.hasGlobals) return; // memory is not all of its state
    if (this.#checkpoints.some(({ position }) => position === this.#position)) return;
    this.#checkpoints.push({
      position: this.#position,
      frameCount: this.#frames.length,
      divergence: this.#divergence,
      blocks: copyBlocks(this.#image()),
    });
    if (this.#checkpoints.length <= CHECKPOINTS_MAX) return;
    this.#checkpointSteps *= 2;
    this.#checkpoints = this.#checkpoints.filter(
      ({ position }) => position % this.#checkpointSteps === 0,
    );
  }

  #restore(position: number): void {
    const before = this.#checkpoints.filter((candidate) => candidate.position <= position);
    const found = before.reduce((last, next) => (next.position > last.position ? next : last));
    if (this.#hasTrapped || this.module.hasGlobals) {
      this.#instance = this.#instantiate();
      this.#hash = this.#newHash();
      this.#hasTrapped = false;
    }
    pasteBlocks(this.#image(), found.blocks);
    this.#position = found.position;
    this.#frames.length = found.frameCount;
    this.#divergence = found.divergence;
  }

  #image(): Uint8Array {
    return this.#instance.memory.subarray(0, this.#instance.imageOctets);
  }
}

function checkFrame(by: "check" | "word", frame: Uint8Array): number {
  return by === "word" ? frameWord(frame) : checkOf(frame.subarray(0, FRAME_CHECK_OCTETS));
}

/** Places in memory are the module's own affair; that there is one is not. */
function isSameResult(step: RecordedStep, result: number | undefined): boolean {
  if (step.result === undefined || result === undefined) return true;
  const number = callNumber(step.call) ?? 0;
  if (callShape(number)?.isAddress !== true) return step.result === result;
  return step.result > 0 ? result > 0 : step.result === result;
}

function copyBlocks(image: Uint8Array): Map<number, Uint8Array> {
  const blocks = new Map<number, Uint8Array>();
  for (let at = 0; at < image.length; at += BLOCK_OCTETS) {
    const block = image.subarray(at, at + BLOCK_OCTETS);
    if (!isZero(block)) blocks.set(at, new Uint8Array(block));
  }
  return blocks;
}

function pasteBlocks(image: Uint8Array, blocks: ReadonlyMap<number, Uint8Array>): void {
  for (let at = 0; at < image.length; at += BLOCK_OCTETS) {
    const block = image.subarray(at, at + BLOCK_OCTETS);
    const copy = blocks.get(at);
    if (copy !== undefined) block.set(copy);
    else if (!isZero(block)) block.fill(0);
  }
}

function isZero(block: Uint8Array): boolean {
  return Buffer.compare(block, ZEROS.subarray(0, block.length)) === 0;
}
