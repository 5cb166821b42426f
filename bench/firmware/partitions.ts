/**
 * What is flashed beside the firmware: the settings, as text, and the module behind its length and
 * CRC-32. `hal/wamr/boards/common/settings.c` reads both.
 *
 * Used by `npm run board` and by tests.
 */
import { crc32 } from "./crc32.ts";

export interface Settings {
  /** "10.9.0.2/24" */
  ip: string;
  gateway?: string;
  mslMs?: number;
  /** Letters and digits, different for each board. */
  seed?: string;
}

/** Reads as erased flash behind the text. */
const SETTINGS_OCTETS = 256;
const ERASED = 0xff;
const HEADER_OCTETS = 12;

/** The text that `linger_read_settings` reads. */
export function formatSettings({ ip, gateway, mslMs, seed }: Settings): string {
  const words = [`ip=${ip}`];
  if (gateway !== undefined) words.push(`gateway=${gateway}`);
  if (mslMs !== undefined) words.push(`msl=${mslMs}`);
  if (seed !== undefined) words.push(`seed=${seed}`);
  return `${words.join(" ")}\n`;
}

export function makeSettings(settings: Settings): Uint8Array {
  const partition = new Uint8Array(SETTINGS_OCTETS).fill(ERASED);
  partition.set(Buffer.from(formatSettings(settings), "latin1"));
  return partition;
}

export function makeModulePartition(module: Uint8Array): Uint8Array {
  const partition = Buffer.alloc(HEADER_OCTETS + module.length);
  partition.write("LNGR", "latin1");
  partition.writeUInt32LE(module.length, 4);
  partition.writeUInt32LE(crc32(module), 8);
  partition.set(module, HEADER_OCTETS);
  return partition;
}
