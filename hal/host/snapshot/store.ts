/**
 * A file that holds one snapshot until it is taken up, and gives it once.
 *
 * Used by programs around Stack. Every change is one rename of a whole file, so that a power cut
 * leaves a whole snapshot or none, and a snapshot that was given can never be given again.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { LingerError, systemCode } from "../errors.ts";
import type { LingerModule } from "../module.ts";
import { readSnapshot, SPENT } from "./format.ts";

/** What a store asks of a file system. */
export interface SnapshotFiles {
  read(path: string): Uint8Array;
  write(path: string, octets: Uint8Array): void;
  /** Returns when what was written to a file, or renamed in a folder, survives a power cut. */
  sync(path: string): void;
  rename(from: string, to: string): void;
  /** Puts octets in the place of the first ones of a file. */
  overwrite(path: string, octets: Uint8Array): void;
  remove(path: string): void;
}

const NODE_FILES: SnapshotFiles = {
  read: (path) => readFileSync(path),
  write: (path, octets) => writeFileSync(path, octets, { mode: 0o600 }),
  sync(path) {
    const file = openSync(path, "r");
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  },
  rename: (from, to) => renameSync(from, to),
  overwrite(path, octets) {
    const file = openSync(path, "r+");
    try {
      writeSync(file, octets, 0, octets.length, 0);
    } finally {
      closeSync(file);
    }
  },
  remove: (path) => unlinkSync(path),
};

/** One snapshot in a file; beside it `.new` while it is written, and `.used` once it was taken. */
export class SnapshotStore {
  readonly path: string;
  readonly #files: SnapshotFiles;

  constructor(path: string, files: SnapshotFiles = NODE_FILES) {
    this.path = path;
    this.#files = files;
  }

  /**
   * Returns when the snapshot is safe; one that was there before is replaced. After SNAPSHOT_FILE
   * nothing of it is there, so its stack may go on; after SNAPSHOT_DOUBTFUL it may be found there.
   */
  save(snapshot: Uint8Array): void {
    const fresh = `${this.path}.new`;
    this.#attempt("write", () => {
      try {
        this.#files.write(fresh, snapshot);
        this.#files.sync(fresh);
        this.#files.rename(fresh, this.path);
      } catch (error) {
        this.#tryTo(() => this.#files.remove(fresh));
        throw error;
      }
      try {
        this.#files.sync(dirname(this.path));
      } catch (error) {
        this.#withdraw();
        throw error;
      }
    });
  }

  /**
   * Gives back what `take` gave and nothing has restored. Done in place, so that a full disk does
   * not stand against it. SNAPSHOT_FILE.
   */
  putBack(snapshot: Uint8Array): void {
    const used = `${this.path}.used`;
    this.#attempt("put back", () => {
      this.#files.overwrite(used, snapshot.subarray(0, SPENT.length));
      this.#files.sync(used);
      this.#files.rename(used, this.path);
      this.#files.sync(dirname(this.path));
    });
  }

  /** The snapshot as it lies there, not taken; refused and undefined as by `take`. */
  peek(module: LingerModule): Uint8Array | undefined {
    const octets = this.#attempt("read", () => this.#files.read(this.path));
    try {
      if (octets !== undefined) readSnapshot(octets, module);
    } catch (error) {
      if (!(error instanceof LingerError)) throw error;
      throw new LingerError(error.code, `${this.path}: ${error.message}`, { cause: error });
    }
    return octets;
  }

  /**
   * The snapshot, marked as consumed before this returns, or undefined if there is none. What does
   * not fit the module is refused as `Stack.restore` would, and stays. SNAPSHOT_FILE.
   */
  take(module: LingerModule): Uint8Array | undefined {
    const octets = this.peek(module);
    if (octets === undefined) return undefined;
    const used = `${this.path}.used`;
    const taken = this.#attempt("use up", () => {
      this.#files.rename(this.path, used);
      this.#files.sync(dirname(this.path));
      return octets;
    });
    // Who gives it its old name back shall be refused. That it was taken does not depend on it.
    if (taken !== undefined) this.#tryTo(() => this.#files.overwrite(used, SPENT));
    return taken;
  }

  /** What has its name already, and nobody knows for how long, must not be taken up later. */
  #withdraw(): void {
    try {
      this.#files.overwrite(this.path, SPENT);
      this.#files.sync(this.path);
    } catch (error) {
      const text = `nobody knows whether the snapshot ${this.path} is safe: ${whyOf(error)}`;
      throw new LingerError("SNAPSHOT_DOUBTFUL", text, { cause: error });
    }
    this.#tryTo(() => this.#files.remove(this.path));
  }

  /** For what makes things tidier, and no more. */
  #tryTo(act: () => void): void {
    try {
      act();
    } catch {
      // Nothing depends on it.
    }
  }

  /** Undefined if what is asked for is not there, or somebody else has taken it meanwhile. */
  #attempt<T>(what: string, act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      if (error instanceof LingerError) throw error;
      const mayBeMissing = what === "read" || what === "use up";
      if (mayBeMissing && systemCode(error) === "ENOENT") return undefined;
      const text = `cannot ${what} the snapshot ${this.path}: ${whyOf(error)}`;
      throw new LingerError("SNAPSHOT_FILE", text, { cause: error });
    }
  }
}

function whyOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
