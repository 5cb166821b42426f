/**
 * Reads files that a user has named, which may be anything.
 *
 * Used by the readers of modules, captures and recordings.
 */
import { readFileSync, statSync } from "node:fs";

/** All of a file, or of a pipe. A device is refused: it may have no end. */
export function readWholeFile(path: string): Uint8Array {
  if (statSync(path).isCharacterDevice()) throw new Error("it is a device, and no file");
  return readFileSync(path);
}
