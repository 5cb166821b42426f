/**
 * mps2-an385's firmware in QEMU with counted instructions: a station inside the port (port.c) opens
 * connections and sends segments, which the firmware's application echoes. Runs count the same.
 *
 * Used by `npm run recording -- --board`, `npm run snapshots -- --board` and by tests.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modulePath, wamrFolder } from "../firmware/build.ts";
import { findImage } from "../firmware/images.ts";
import { QEMU } from "../firmware/machine.ts";
import { makeModulePartition } from "../firmware/partitions.ts";
import { FOLDER as FIRMWARE, ROOT, run } from "../firmware/tools.ts";

export const COUNTED_NEEDS = [
  ...["arm-none-eabi-gcc", "newlib-arm", "qemu-system-arm", "cmake", "ninja", "wasm2c", "cargo"],
  "flock",
];

export type CountedEngine = "wasm2c" | "fast";
/** Without recorder; with one, that takes no hash of the state, or some; with snapshots. */
type Kind = "plain" | "recorder" | "hasher" | "sleeper";

/** What port.c does: its words in flash, in this order. */
export interface Order {
  readonly connections: number;
  /** Of each segment that is echoed. */
  readonly octets: number;
  /** Segments before those that count, and those. */
  readonly warmUp: number;
  readonly count: number;
  readonly ending: (typeof ENDINGS)[number];
  /** Where a recording goes: nowhere, into RAM, out of the UART. */
  readonly sink: (typeof SINKS)[number];
  /** The MAC is busy at each transmission of so many. */
  readonly busyEvery?: number;
}

const ENDINGS = ["when done", "asleep", "awake"] as const;
const SINKS = ["none", "memory", "uart"] as const;
const ORDER_ADDRESS = 0x3f800;
/** An instruction takes 2^7 ns of QEMU's time, and a tick of the timer 40. */
const ICOUNT_SHIFT = 7;
const TICKS_PER_INSTRUCTION = 2 ** ICOUNT_SHIFT / 40;
const FOLDER = join(FIRMWARE, "counted");
const STORE_OCTETS = 16 * 1024 * 1024;
const TIMEOUT_MS = 120_000;

export interface Counted {
  readonly instructions: number;
  /** All that the board has said. */
  readonly said: string;
  /** What came out of its second UART. */
  readonly recording: Uint8Array;
}

/** Builds such firmware; the path of its ELF file. */
export function buildCounted(engine: CountedEngine, kind: Kind): string {
  const name = `${engine}-${kind}`;
  run("cmake", [
    ...["-G", "Ninja", "-S", join(ROOT, "bench/counted"), "-B", FOLDER],
    `-DCMAKE_TOOLCHAIN_FILE=${join(ROOT, "hal/wamr/cmake/arm-none-eabi.cmake")}`,
    `-DWAMR_ROOT_DIR=${wamrFolder()}`,
    `-DLINGER_MODULE_DEFAULT=${modulePath("default")}`,
  ]);
  run("ninja", ["-C", FOLDER, name]);
  return join(FOLDER, `${name}.elf`);
}

/** Runs such firmware to the end of its order. `store`: a file for what is kept without power. */
export function runCounted(
  engine: CountedEngine,
  kind: Kind,
  order: Order,
  store?: string,
): Counted {
  const elf = buildCounted(engine, kind);
  const folder = mkdtempSync(join(tmpdir(), "linger-counted-"));
  const recording = join(folder, "recording");
  try {
    const args = [
      ...["-M", store === undefined ? "mps2-an385" : "mps2-an385,memory-backend=psram"],
      ...(store === undefined ? [] : ["-object", keptIn(store)]),
      ...["-icount", `shift=${ICOUNT_SHIFT},sleep=off`, "-display", "none", "-monitor", "none"],
      ...["-serial", "stdio", "-serial", `file:${recording}`],
      ...["-semihosting-config", "enable=on,target=native"],
      ...["-netdev", "hubport,hubid=0,id=wire"],
      ...["-net", "nic,netdev=wire,model=lan9118,macaddr=02:00:00:0a:09:02"],
      ...[...writeOrder(order), ...(engine === "fast" ? writeModule(folder) : [])],
      ...["-kernel", elf],
    ];
    const ran = spawnSync(QEMU, args, { encoding: "latin1", timeout: TIMEOUT_MS });
    if (ran.error !== undefined) throw new Error(`${QEMU}: ${ran.error.message}`);
    const ticks = /ticks (\d+)/.exec(ran.stdout)?.[1];
    if (ticks === undefined) {
      const last = (ran.stdout + ran.stderr).trim().split("\n").at(-1);
      throw new Error(`${engine}-${kind} counted nothing: ${last}`);
    }
    const instructions = Math.round(Number(ticks) / TICKS_PER_INSTRUCTION);
    return { instructions, said: ran.stdout, recording: readFileSync(recording) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function keptIn(store: string): string {
  return `memory-backend-file,id=psram,size=${STORE_OCTETS},mem-path=${store},share=on`;
}

function writeOrder(order: Order): string[] {
  const { connections, octets, warmUp, count, ending, sink, busyEvery = 0 } = order;
  const ways = [ENDINGS.indexOf(ending), SINKS.indexOf(sink), busyEvery];
  const words = [connections, octets, warmUp, count, ...ways];
  return words.flatMap((word, index) => {
    const address = ORDER_ADDRESS + 4 * index;
    return ["-device", `loader,addr=${address},data=${word},data-len=4`];
  });
}

/** An interpreter's module lies in flash beside the firmware. */
function writeModule(folder: string): string[] {
  const path = join(folder, "module");
  const { moduleAddress } = findImage("mps2-an385", "fast")!.board;
  writeFileSync(path, makeModulePartition(readFileSync(modulePath("default"))));
  return ["-device", `loader,file=${path},addr=${moduleAddress},force-raw=on`];
}
