/**
 * Boards that are put away and taken up again, with the file that is their flash.
 *
 * Used by the tests of this folder. What lies in the flash is read by the host's own reader.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSleeper, modulePath } from "../../bench/firmware/build.ts";
import { Status, StatusField } from "../../hal/host/abi.ts";
import { LingerModule } from "../../hal/host/module.ts";
import { pasteSnapshot, readSnapshot } from "../../hal/host/snapshot/format.ts";
import { WASM_FEATURES } from "../../scripts/wasm-optimizations.mjs";
import { BoardMachine } from "./board.ts";

/** The board that is a process, and mps2-an385 with each engine. */
export const SLEEPERS = ["process", "fast", "classic", "wasm2c"] as const;
export type Sleeper = (typeof SLEEPERS)[number];

const SLOT_OCTETS = 128 * 1024;
const HEAD_OCTETS = 16;
const MARK = "LSLP";
/** Where a snapshot has its length. */
const TOTAL_AT = 64;

/** A flash in a file, and how the board is started on it. */
export class Flash {
  readonly #folder = mkdtempSync(join(tmpdir(), "linger-flash-"));
  readonly path = join(this.#folder, "flash");

  /** `wire` for the process, `netdev` for QEMU. */
  start(sleeper: Sleeper, { wire, netdev }: { wire: string; netdev: string }): BoardMachine {
    if (sleeper === "process") {
      return BoardMachine.asProcess("fast", modulePath("default"), wire, this.path);
    }
    return BoardMachine.inQemu(buildSleeper(sleeper), { netdev, store: this.path });
  }

  /** The snapshots that may be taken up, by slot. */
  snapshots(): Uint8Array[] {
    const flash = readFileSync(this.path);
    return [0, 1].flatMap((slot) => {
      const head = flash.subarray(slot * SLOT_OCTETS, (slot + 1) * SLOT_OCTETS);
      if (head.toString("latin1", 0, MARK.length) !== MARK) return [];
      const total = head.readUInt32LE(HEAD_OCTETS + TOTAL_AT);
      return [new Uint8Array(head.subarray(HEAD_OCTETS, HEAD_OCTETS + total))];
    });
  }

  /** Damages an octet, or mends it. */
  flip(place: number): void {
    const flash = readFileSync(this.path);
    flash[place]! ^= 0x10;
    writeFileSync(this.path, flash);
  }

  /** A module that keeps something in a global, which none of ours does, by path. */
  globalModule(): string {
    const [text, path] = ["global.wat", "global.wasm"].map((name) => join(this.#folder, name));
    binaryen("wasm-dis", [modulePath("default"), "-o", text!]);
    writeFileSync(text!, withGlobal(readFileSync(text!, "utf8")));
    binaryen("wasm-as", [text!, "-o", path!]);
    return path!;
  }

  /** As if what is in the flash had been written so long ago. */
  age(ms: number): void {
    const then = new Date(Date.now() - ms);
    utimesSync(this.path, then, then);
  }

  discard(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The text of a module with one more global, which a function sets. */
function withGlobal(text: string): string {
  const end = text.lastIndexOf(")");
  return `${text.slice(0, end)}
    (global $kept (mut i32) (i32.const 0))
    (func (export "keep") (param i32) (global.set $kept (local.get 0))))`;
}

/** Binaryen's tools, which npm installs with the compiler. */
function binaryen(program: string, args: readonly string[]): void {
  const path = fileURLToPath(
    new URL(`../../node_modules/binaryen/bin/${program}`, import.meta.url),
  );
  execFileSync(process.execPath, [path, ...WASM_FEATURES, ...args]);
}

/** What the first connection of a snapshot has in its rings. */
export function queuedIn(snapshot: Uint8Array): { toSend: number; toRead: number } {
  const module = LingerModule.load("default");
  readSnapshot(snapshot, module);
  const instance = module.instantiate({ transmit: () => true, entropy: () => 0 });
  pasteSnapshot(snapshot, instance);
  const address = instance.calls.tcpStatusAt(0);
  if (address <= Status.OK) return { toSend: 0, toRead: 0 };
  const field = (which: number): number => instance.readU32(address + 4 * which);
  return { toSend: field(StatusField.SEND_QUEUED), toRead: field(StatusField.RECEIVE_QUEUED) };
}
