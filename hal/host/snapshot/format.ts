/**
 * The format of snapshots (`docs/snapshots.md`): a module's memory put away, and checked when it is
 * taken up again.
 *
 * Used by Stack. Knows octets and which module they belong to, never what is in the memory.
 */
import { Abi } from "../abi.ts";
import { LingerError } from "../errors.ts";
import type { LingerCalls, LingerInstance, LingerModule } from "../module.ts";
import { checkRange, type ImageRun, pasteRuns } from "../recording/format.ts";

/** First bit set, both line ends, DOS end-of-file: a copy made as text does not keep it. */
const MAGIC = Uint8Array.of(0x89, 0x4c, 0x53, 0x4e, 0x50, 0x0d, 0x0a, 0x1a);
/** What stands there once it was restored. */
export const SPENT = new Uint8Array(MAGIC.length);
const VERSION = 1;

/** Places in the header, little-endian. */
const HEADER = {
  VERSION: 8,
  LENGTH: 10,
  ABI_VERSION: 12,
  MODULE_SHA256: 16,
  SAVED_MS: 48,
  MODULE_MS: 56,
  IMAGE_OCTETS: 60,
  TOTAL_OCTETS: 64,
  HOST_OCTETS: 68,
  RUN_COUNT: 72,
  LIMIT_COUNT: 76,
  LIMITS: 80,
} as const;

const RUN_HEAD_OCTETS = 8;
const CHECK_OCTETS = 4;
/** Fewer zeros than this do not end a run: its head costs as much. */
const GAP_OCTETS = 16;

export interface Snapshot {
  /** The Unix time when it was taken, in ms; 0 if it is unknown or made up. */
  readonly savedMs: number;
  /** The time of the module then, u32. */
  readonly moduleMs: number;
  /** What the HAL keeps for itself: only the one that wrote it understands it. */
  readonly host: Uint8Array;
}

/** What is put away and filled again: an instance, as far as this needs to know it. */
export interface Imaged extends Pick<LingerInstance, "limits" | "memory" | "imageOctets"> {
  readonly calls: Pick<LingerCalls, "rxSlotAddress">;
}

/** Which build it is of. */
export type Build = Pick<LingerModule, "name" | "sha256">;

interface Run {
  readonly begin: number;
  readonly end: number;
}

/** The whole state of an instance, without the receive slots: what lies there is no state. */
export function writeSnapshot(
  instance: Imaged,
  module: Build,
  { savedMs, moduleMs, host }: Snapshot,
): Uint8Array {
  const limits = Object.values(instance.limits);
  const image = imageOf(instance);
  const runs = runsOf(image);
  const headOctets = HEADER.LIMITS + 4 * limits.length;
  const octets = runs.reduce((sum, { begin, end }) => sum + RUN_HEAD_OCTETS + end - begin, 0);
  const snapshot = new Uint8Array(headOctets + host.length + octets + CHECK_OCTETS);
  const view = new DataView(snapshot.buffer);
  snapshot.set(MAGIC);
  view.setUint16(HEADER.VERSION, VERSION, true);
  view.setUint16(HEADER.LENGTH, headOctets, true);
  view.setUint32(HEADER.ABI_VERSION, Abi.VERSION, true);
  snapshot.set(module.sha256(), HEADER.MODULE_SHA256);
  view.setBigUint64(HEADER.SAVED_MS, BigInt(Math.floor(savedMs)), true);
  view.setUint32(HEADER.MODULE_MS, moduleMs, true);
  view.setUint32(HEADER.IMAGE_OCTETS, instance.imageOctets, true);
  view.setUint32(HEADER.TOTAL_OCTETS, snapshot.length, true);
  view.setUint32(HEADER.HOST_OCTETS, host.length, true);
  view.setUint32(HEADER.RUN_COUNT, runs.length, true);
  view.setUint32(HEADER.LIMIT_COUNT, limits.length, true);
  limits.forEach((limit, index) => view.setUint32(HEADER.LIMITS + 4 * index, limit, true));
  snapshot.set(host, headOctets);
  let at = headOctets + host.length;
  for (const { begin, end } of runs) {
    view.setUint32(at, begin, true);
    view.setUint32(at + 4, end - begin, true);
    snapshot.set(image.subarray(begin, end), at + RUN_HEAD_OCTETS);
    at += RUN_HEAD_OCTETS + end - begin;
  }
  view.setUint32(at, checkRange(view, 0, at), true);
  return snapshot;
}

/**
 * Checks a snapshot against the module that is to go on with it. SNAPSHOT_FORMAT for what is
 * damaged, cut off or none, SNAPSHOT_VERSION, SNAPSHOT_MODULE.
 */
export function readSnapshot(octets: Uint8Array, module: Build): Snapshot {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  if (octets.length < HEADER.LIMITS || MAGIC.some((octet, index) => octets[index] !== octet)) {
    const text = "this is no snapshot, or one that was restored already";
    throw new LingerError("SNAPSHOT_FORMAT", text);
  }
  const version = view.getUint16(HEADER.VERSION, true);
  if (version !== VERSION) {
    const text = `this snapshot has version ${version} of the format, this host reads ${VERSION}`;
    throw new LingerError("SNAPSHOT_VERSION", text);
  }
  const total = view.getUint32(HEADER.TOTAL_OCTETS, true);
  if (octets.length !== total) {
    const text = `the snapshot is damaged: ${octets.length} octets of ${total}`;
    throw new LingerError("SNAPSHOT_FORMAT", text);
  }
  const end = total - CHECK_OCTETS;
  if (view.getUint32(end, true) !== checkRange(view, 0, end)) {
    throw new LingerError("SNAPSHOT_FORMAT", "the snapshot is damaged: its check does not hold");
  }
  checkModule(octets, view, module);
  checkPlaces(view, end);
  const hostBegin = view.getUint16(HEADER.LENGTH, true);
  return {
    savedMs: Number(view.getBigUint64(HEADER.SAVED_MS, true)),
    moduleMs: view.getUint32(HEADER.MODULE_MS, true),
    host: octets.slice(hostBegin, hostBegin + view.getUint32(HEADER.HOST_OCTETS, true)),
  };
}

/**
 * Puts the memory of a snapshot that `readSnapshot` has checked into a fresh instance, and uses it
 * up: these octets are no snapshot any more. SNAPSHOT_FORMAT if it is none of this memory.
 */
export function pasteSnapshot(octets: Uint8Array, instance: Imaged): void {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  if (view.getUint32(HEADER.IMAGE_OCTETS, true) !== instance.imageOctets) throw misplaced();
  octets.set(SPENT);
  pasteRuns(instance.memory.subarray(0, instance.imageOctets), runsIn(octets));
}

/** Whether octets that were a snapshot have been restored. */
export function isSpent(octets: Uint8Array): boolean {
  return SPENT.every((octet, index) => octets[index] === octet);
}

/** The memory in a snapshot that `readSnapshot` has checked: views of it, in order. */
export function runsIn(octets: Uint8Array): ImageRun[] {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const runs: ImageRun[] = [];
  let at = view.getUint16(HEADER.LENGTH, true) + view.getUint32(HEADER.HOST_OCTETS, true);
  for (let count = view.getUint32(HEADER.RUN_COUNT, true); count > 0; count--) {
    const begin = at + RUN_HEAD_OCTETS;
    const end = begin + view.getUint32(at + 4, true);
    runs.push({ begin: view.getUint32(at, true), octets: octets.subarray(begin, end) });
    at = end;
  }
  return runs;
}

function checkModule(octets: Uint8Array, view: DataView, module: Build): void {
  const abi = view.getUint32(HEADER.ABI_VERSION, true);
  if (abi !== Abi.VERSION) {
    const text = `the snapshot has version ${abi} of the boundary, this host ${Abi.VERSION}`;
    throw new LingerError("SNAPSHOT_VERSION", text);
  }
  const begin = HEADER.MODULE_SHA256;
  const sha256 = module.sha256();
  if (Buffer.compare(octets.subarray(begin, begin + sha256.length), sha256) !== 0) {
    const text = `the snapshot is of another module or profile than ${module.name}`;
    throw new LingerError("SNAPSHOT_MODULE", text);
  }
}

/** The check holds, so whoever wrote the snapshot did not know the format. */
function checkPlaces(view: DataView, end: number): void {
  const headOctets = view.getUint16(HEADER.LENGTH, true);
  if (headOctets < HEADER.LIMITS) throw misplaced();
  let at = headOctets + view.getUint32(HEADER.HOST_OCTETS, true);
  const imageOctets = view.getUint32(HEADER.IMAGE_OCTETS, true);
  for (let count = view.getUint32(HEADER.RUN_COUNT, true); count > 0; count--) {
    if (at + RUN_HEAD_OCTETS > end) throw misplaced();
    const length = view.getUint32(at + 4, true);
    if (view.getUint32(at, true) + length > imageOctets) throw misplaced();
    at += RUN_HEAD_OCTETS + length;
  }
  if (at > end) throw misplaced();
}

function misplaced(): LingerError {
  const text = "the snapshot is damaged: what is in it does not fit together";
  return new LingerError("SNAPSHOT_FORMAT", text);
}

/** A copy of the memory that counts, the receive slots zeroed. */
function imageOf(instance: Imaged): Uint8Array {
  const image = instance.memory.slice(0, instance.imageOctets);
  const { RX_SLOT_COUNT, RX_SLOT_SIZE } = instance.limits;
  for (let slot = 0; slot < RX_SLOT_COUNT; slot++) {
    const begin = instance.calls.rxSlotAddress(slot);
    image.fill(0, begin - 2, begin + RX_SLOT_SIZE);
  }
  return image;
}

/** Where an image is not zero, short gaps included. */
function runsOf(image: Uint8Array): Run[] {
  const runs: Run[] = [];
  let begin = -1;
  let end = -1;
  for (let at = 0; at < image.length; at++) {
    if (image[at] === 0) continue;
    if (begin >= 0 && at - end > GAP_OCTETS) {
      runs.push({ begin, end });
      begin = -1;
    }
    if (begin < 0) begin = at;
    end = at + 1;
  }
  if (begin >= 0) runs.push({ begin, end });
  return runs;
}
