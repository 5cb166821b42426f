/**
 * A Cortex-M3 in QEMU (mps2-an385): instructions, counted by the board's timer, of which QEMU makes
 * the time (-icount): the same count every run.
 *
 * host/ has the programs: lwIP's own code, modules compiled ahead of time, and WAMR's interpreter
 * for boards. Used by engines.ts.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { wamrFolder } from "../firmware/build.ts";
import { buildLinger } from "./linger.ts";
import { buildLwip, lwipFiles } from "./lwip.ts";
import { Mode, type Scenario } from "./scenarios.ts";
import { BenchError, BUILD, makeOnce, ROOT, run, runAsync, SOURCES } from "./tools.ts";
import { Judge } from "./verify.ts";

const HOST = join(SOURCES, "host");
const FOLDER = join(BUILD, "cortex-m3");
/** An instruction takes 2^7 ns of QEMU's time, and a tick of the timer 40. */
const ICOUNT_SHIFT = 7;
const TICKS_PER_INSTRUCTION = 2 ** ICOUNT_SHIFT / 40;
/** Where host/wamr.c looks for its module. */
const MODULE_ADDRESS = 0x20_0000;

export const M3_NEEDS = [
  ...["arm-none-eabi-gcc", "newlib-arm", "qemu-system-arm", "cmake", "ninja", "wasm2c", "cargo"],
];

/** As many as the module `default` has. */
export const SMALL_CONNECTIONS = 8;

/**
 * `ahead-…`: a module by wasm2c; `…-told`: prints each frame; `lwip-small`: for its size, with
 * SMALL_CONNECTIONS.
 */
export type M3Program =
  | "lwip-native"
  | "lwip-native-told"
  | "lwip-small"
  | "ahead-linger"
  | "ahead-linger-told"
  | "ahead-like-lwip"
  | "ahead-boards"
  | "ahead-boards-like-lwip"
  | "ahead-lwip"
  | "wamr";

/** The modules of those that are compiled ahead of time, as host/CMakeLists.txt calls them. */
const MODULES: Readonly<Partial<Record<M3Program, [name: string, build: () => string]>>> = {
  "ahead-linger": ["BENCH_LINGER", () => buildLinger()],
  "ahead-linger-told": ["BENCH_LINGER", () => buildLinger()],
  "ahead-like-lwip": ["BENCH_LIKE_LWIP", () => buildLinger("like-lwip")],
  "ahead-boards": ["BENCH_BOARDS", () => buildLinger("boards")],
  "ahead-boards-like-lwip": ["BENCH_BOARDS_LIKE_LWIP", () => buildLinger("like-lwip-boards")],
  "ahead-lwip": ["BENCH_LWIP", () => buildLwip()],
};

/** Builds one of them; the path of its ELF file. */
export function buildM3(program: M3Program): string {
  const [name, build] = MODULES[program] ?? [];
  const modules = build === undefined ? [] : [build()];
  const { files, folders } = lwipFiles();
  const headers = [...folders, join(SOURCES, "lwip/prof/native")];
  const hal = join(ROOT, "hal/wamr");
  const inputs = [HOST, hal, ...modules, ...files, ...headers];
  return makeOnce(`cortex-m3/${program}`, inputs, () => {
    run("cmake", [
      ...["-G", "Ninja", "-S", HOST, "-B", FOLDER, `-DWAMR_ROOT_DIR=${wamrFolder()}`],
      `-DCMAKE_TOOLCHAIN_FILE=${join(hal, "cmake/arm-none-eabi.cmake")}`,
      `-DBENCH_CONNECTIONS=${SMALL_CONNECTIONS}`,
      `-DBENCH_LWIP_FILES=${files.join(";")}`,
      `-DBENCH_LWIP_FOLDERS=${headers.join(";")}`,
      ...modules.map((path) => `-D${name}=${path}`),
    ]);
    run("ninja", ["-C", FOLDER, program]);
  });
}

/** Runs a program; what it printed. `module` is what an interpreter runs. */
async function runOnM3(program: M3Program, scenario: Scenario, module?: string): Promise<string> {
  const { code, mode, connections, count, warmUp } = scenario;
  const words = ["bench", ...[code, mode, connections, count, warmUp].map(String)];
  const loader: string[] = [];
  if (module !== undefined) {
    words.push(String(statSync(module).size));
    loader.push("-device", `loader,file=${module},addr=${MODULE_ADDRESS},force-raw=on`);
  }
  const semihosting = `enable=on,target=native,${words.map((word) => `arg=${word}`).join(",")}`;
  return runAsync("qemu-system-arm", [
    ...["-M", "mps2-an385", "-icount", `shift=${ICOUNT_SHIFT},sleep=off`, "-display", "none"],
    ...["-monitor", "none", "-serial", "none", "-semihosting-config", semihosting],
    ...[...loader, "-kernel", buildM3(program)],
  ]);
}

/** The timer's ticks; a BenchError if the driver has found errors, or the program did not end. */
function readTicks(program: M3Program, scenario: Scenario, said: string): number {
  const [, ticks, errors] = /ticks (\d+) errors (\d+)/.exec(said) ?? [];
  if (ticks !== undefined && errors === "0") return Number(ticks);
  throw new BenchError(`${program}, ${scenario.name}: ${said.trim().split("\n").at(-1)}`);
}

/** Instructions for all units of a scenario. */
export async function countOnM3(
  program: M3Program,
  scenario: Scenario,
  module?: string,
): Promise<number> {
  const said = await runOnM3(program, scenario, module);
  return readTicks(program, scenario, said) / TICKS_PER_INSTRUCTION;
}

/** Judges each frame of a scenario that a program sends there. */
export async function verifyOnM3(
  program: "lwip-native-told" | "ahead-linger-told",
  scenario: Scenario,
): Promise<Judge> {
  const judged = { ...scenario, mode: scenario.mode | Mode.VERIFY, warmUp: 0 };
  const said = await runOnM3(program, judged);
  readTicks(program, scenario, said);
  const judge = new Judge();
  for (const [, what, hex] of said.matchAll(/^(arrived|sent) ([\da-f]+)$/gm)) {
    const frame = Uint8Array.from(Buffer.from(hex!, "hex"));
    if (what === "sent") judge.sent(frame);
    else judge.arrived(frame);
  }
  return judge;
}
