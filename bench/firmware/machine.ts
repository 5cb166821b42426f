/**
 * A board in QEMU: its flash as files, its network as a wire, its UART.
 *
 * Used by `npm run board`, which gives it the terminal, and by tests, which read its log. What it
 * writes lies in a folder of its own and is gone with it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BuiltImage } from "./build.ts";
import { makeSettings, type Settings } from "./partitions.ts";

export const QEMU = "qemu-system-arm";

/** How the board's network interface is connected, in QEMU's words: `-netdev VALUE`, without id. */
export type Netdev = string;

export interface BoardOptions {
  built: BuiltImage;
  /** The octets of the module's partition; none leaves flash erased. Not for wasm2c. */
  module: Uint8Array | undefined;
  settings: Settings;
  netdev: Netdev;
  mac: string;
  /** A file for what is kept without power: the PSRAM, where a sleeper has its snapshots. */
  store?: string;
  /** A file for what the second UART says: a recorder's recording. */
  recording?: string;
}

/** Octets of the board's PSRAM. */
const STORE_OCTETS = 16 * 1024 * 1024;

/** The command line that starts the board; `discard` removes its files. */
export interface BoardCommand {
  args: string[];
  /** Where QEMU's monitor listens (QMP), a unix socket. */
  monitor: string;
  discard: () => void;
}

export function prepareBoard(options: BoardOptions): BoardCommand {
  const { built, module, settings, netdev, mac, store, recording } = options;
  const { board, engine } = built.image;
  const folder = mkdtempSync(join(tmpdir(), "linger-board-"));
  const load = (name: string, octets: Uint8Array, address: number): string[] => {
    writeFileSync(join(folder, name), octets);
    const at = `addr=0x${address.toString(16)},force-raw=on`;
    return ["-device", `loader,file=${join(folder, name)},${at}`];
  };
  const monitor = join(folder, "monitor");
  const args = [
    ...["-M", store === undefined ? board.machine : `${board.machine},memory-backend=psram`],
    ...(store === undefined ? [] : keptIn(store)),
    ...["-display", "none", "-serial", "stdio"],
    ...(recording === undefined ? [] : ["-serial", `file:${recording}`]),
    ...["-monitor", "none", "-qmp", `unix:${monitor},server=on,wait=off`],
    ...["-kernel", built.elf],
    ...load("settings", makeSettings(settings), board.settingsAddress),
    ...(module === undefined || engine === "wasm2c"
      ? []
      : load("module", module, board.moduleAddress)),
    ...["-netdev", `${netdev},id=wire`],
    ...["-net", `nic,netdev=wire,model=${board.nic},macaddr=${mac}`],
  ];
  return { args, monitor, discard: () => rmSync(folder, { recursive: true, force: true }) };
}

/** What is written there is in the file at once, however QEMU ends. */
function keptIn(store: string): string[] {
  const where = `size=${STORE_OCTETS},mem-path=${store},share=on`;
  return ["-object", `memory-backend-file,id=psram,${where}`];
}
