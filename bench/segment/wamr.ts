/**
 * WAMR 2.4.3's fast interpreter on this machine, counted by callgrind: the same count every run.
 *
 * With software bounds checks, as on a microcontroller, and without what one would leave out.
 * host/wamr.c runs a module and says where counting starts and stops.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { wamrFolder } from "../firmware/build.ts";
import type { Scenario } from "./scenarios.ts";
import { BenchError, BUILD, makeOnce, ROOT, run, runAsync, SOURCES } from "./tools.ts";

const SETTINGS = [
  ...["WAMR_BUILD_INTERP=1", "WAMR_BUILD_FAST_INTERP=1", "WAMR_BUILD_AOT=0"],
  ...["WAMR_BUILD_LIBC_WASI=0", "WAMR_BUILD_LIBC_BUILTIN=0", "WAMR_BUILD_SIMD=0"],
  ...["WAMR_BUILD_REF_TYPES=0", "WAMR_BUILD_BULK_MEMORY=1", "WAMR_DISABLE_WRITE_GS_BASE=1"],
  ...["WAMR_DISABLE_HW_BOUND_CHECK=1", "WAMR_DISABLE_STACK_HW_BOUND_CHECK=1"],
];

export const WAMR_NEEDS = ["valgrind", "cmake", "cargo", "cc"];

/** The host that runs a module in WAMR. */
export function buildWamrHost(): string {
  const host = join(SOURCES, "host");
  const hal = join(ROOT, "hal/wamr");
  const root = wamrFolder();
  return makeOnce("wamr", [host, join(hal, "src/natives.c"), root, ...SETTINGS], () => {
    const folder = join(BUILD, "wamr-objects");
    rmSync(folder, { recursive: true, force: true });
    const settings = SETTINGS.map((setting) => `-D${setting}`);
    run("cmake", ["-S", root, "-B", folder, "-DCMAKE_BUILD_TYPE=Release", ...settings]);
    run("cmake", ["--build", folder, "-j", "2"]);
    const headers = [
      host,
      join(hal, "src"),
      join(hal, "include"),
      join(root, "core/iwasm/include"),
    ];
    run("cc", [
      ...["-O2", ...headers.flatMap((header) => ["-I", header])],
      ...[join(host, "main.c"), join(host, "wamr.c"), join(hal, "src/natives.c")],
      ...[join(folder, "libiwasm.a"), "-lm", "-lpthread", "-ldl", "-o", join(BUILD, "wamr")],
    ]);
  });
}

/** Instructions for all units of a scenario. */
export async function countInWamr(
  host: string,
  module: string,
  scenario: Scenario,
): Promise<number> {
  const { code, mode, connections, count, warmUp } = scenario;
  const said = await runAsync("valgrind", [
    ...["--tool=callgrind", "--collect-atstart=no", "--callgrind-out-file=/dev/null", host],
    ...[code, mode, connections, count, warmUp].map(String),
    module,
  ]);
  const collected = /Collected *: *(\d+)/.exec(said)?.[1];
  if (collected === undefined) throw new BenchError(`callgrind said nothing:\n${said}`);
  return Number(collected);
}
