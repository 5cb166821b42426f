/**
 * WAMR 2.4.3's fast interpreter on this machine, counted by callgrind: the same count every run.
 *
 * With software bounds checks, as on a microcontroller, and without what one would leave out.
 * host/wamr.c runs a module and says where counting starts and stops.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Scenario } from "./scenarios.ts";
import { BenchError, BUILD, makeOnce, ROOT, run, SOURCES } from "./tools.ts";

const SETTINGS = [
  ...["WAMR_BUILD_INTERP=1", "WAMR_BUILD_FAST_INTERP=1", "WAMR_BUILD_AOT=0"],
  ...["WAMR_BUILD_LIBC_WASI=0", "WAMR_BUILD_LIBC_BUILTIN=0", "WAMR_BUILD_SIMD=0"],
  ...["WAMR_BUILD_REF_TYPES=0", "WAMR_BUILD_BULK_MEMORY=1", "WAMR_DISABLE_WRITE_GS_BASE=1"],
  ...["WAMR_DISABLE_HW_BOUND_CHECK=1", "WAMR_DISABLE_STACK_HW_BOUND_CHECK=1"],
];

/** WAMR's sources: those of WAMR_ROOT_DIR, or fetched as for the boards. */
function wamrRoot(): string {
  const given = process.env["WAMR_ROOT_DIR"];
  if (given !== undefined) {
    if (!existsSync(join(given, "core/iwasm"))) throw new BenchError(`no WAMR in ${given}`);
    return given;
  }
  const folder = join(ROOT, "build/wamr");
  const script = join(ROOT, "hal/wamr/cmake/fetch-wamr.cmake");
  run("cmake", ["-D", `DESTINATION=${folder}`, "-P", script]);
  return folder;
}

/** The host that runs a module in WAMR. */
export function buildWamrHost(): string {
  const source = join(SOURCES, "host/wamr.c");
  const root = wamrRoot();
  return makeOnce("wamr", [source, root, ...SETTINGS], () => {
    const folder = join(BUILD, "wamr-objects");
    rmSync(folder, { recursive: true, force: true });
    const settings = SETTINGS.map((setting) => `-D${setting}`);
    run("cmake", ["-S", root, "-B", folder, "-DCMAKE_BUILD_TYPE=Release", ...settings]);
    run("cmake", ["--build", folder, "-j", "2"]);
    run("gcc", [
      ...["-O2", "-I", join(root, "core/iwasm/include"), source, join(folder, "libiwasm.a")],
      ...["-lm", "-lpthread", "-ldl", "-o", join(BUILD, "wamr")],
    ]);
  });
}

/** Instructions for all units of a scenario. */
export function countInWamr(host: string, module: string, scenario: Scenario): number {
  const { code, mode, connections, count, warmUp } = scenario;
  const said = run("valgrind", [
    ...["--tool=callgrind", "--collect-atstart=no", "--callgrind-out-file=/dev/null", host, module],
    ...[code, mode, connections, count, warmUp].map(String),
  ]);
  const collected = /Collected *: *(\d+)/.exec(said)?.[1];
  if (collected === undefined) throw new BenchError(`callgrind said nothing:\n${said}`);
  return Number(collected);
}
