/**
 * Linger's module of the benchmark: the stack as the release module `host` has it, with every
 * feature and with its assertions, other pools, and linger/driver.ts around it.
 *
 * The pools: 256 receive slots, so that a batch of frames lies ready as in a MAC's ring; 1,024
 * connections; and rings of four segments, as lwIP's windows are.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WASM_FEATURES, WASM_OPTIMIZATIONS } from "../../scripts/wasm-optimizations.mjs";
import { BUILD, makeOnce, ROOT, runTool, SOURCES } from "./tools.ts";

const PRESET = join(ROOT, "asconfig.app.json");
const TRANSFORM = join(ROOT, "scripts/asc-transform.mjs");

/** What is compiled for speed, and what boards have, compiled for size. */
type Profile = "host" | "default";

const POOLS = [
  ...["RX_SLOT_COUNT=256", "CONNECTION_COUNT=1024", "TIME_WAIT_COUNT=1024", "DEMUX_BITS=13"],
  ...["SEND_RING_OCTETS=5840", "RECEIVE_RING_OCTETS=5840"],
];

/**
 * What lwIP has not, or has switched off here. Path MTU discovery stays: without it datagrams may
 * be fragmented, and the straight way out is for those that may not.
 */
const WITHOUT = ["TIMESTAMPS=0", "SACK=0", "ECN=0", "URGENT=0", "SYN_COOKIES=0"];
const LWIP_LIKE = [...WITHOUT, "KEEP_ALIVE=0", "REASSEMBLY_COUNT=0"];

interface Target {
  use?: string[];
}

/** The preset of applications with other pools, as a file that asc reads. */
function writeConfig(path: string, profile: Profile, settings: readonly string[]): void {
  const preset = JSON.parse(readFileSync(PRESET, "utf8")) as {
    targets: Record<string, Target>;
    options: { transform: string[] };
  };
  const names = new Set(settings.map((setting) => setting.split("=")[0]));
  const target = preset.targets[profile]!;
  const kept = (target.use ?? []).filter((use) => !names.has(use.split("=")[0]));
  target.use = [...kept, ...settings];
  preset.options.transform = [TRANSFORM];
  writeFileSync(path, JSON.stringify(preset));
}

/**
 * `named`: with the names of its functions, the code is the same. `like-lwip`: without the features
 * that lwIP lacks in this benchmark. `native-checksum`: the host sums what is long. `boards`: the
 * profile `default` instead of `host`.
 */
type Variant =
  | "whole"
  | "named"
  | "native-checksum"
  | "like-lwip"
  | "like-lwip-native-checksum"
  | "boards"
  | "like-lwip-boards";

/** Builds it. */
export function buildLinger(variant: Variant = "whole"): string {
  const name = `linger-${variant}.wasm`;
  const named = variant === "named";
  const profile = variant.endsWith("boards") ? "default" : "host";
  const settings = [
    ...[...POOLS, ...(variant.startsWith("like-lwip") ? LWIP_LIKE : [])],
    ...(variant.endsWith("native-checksum") ? ["NATIVE_CHECKSUM=1"] : []),
  ].map((one) => `CONFIG_${one}`);
  const driver = join(SOURCES, "linger");
  const inputs = [
    ...[join(ROOT, "assembly"), driver, PRESET, TRANSFORM, ...settings],
    ...[profile, ...WASM_OPTIMIZATIONS[profile]],
  ];
  return makeOnce(name, inputs, () => {
    const raw = join(BUILD, `raw-${name}`);
    const config = join(BUILD, `${name}.json`);
    writeConfig(config, profile, settings);
    runTool("assemblyscript/bin/asc.js", [
      ...[join(driver, "driver.ts"), "--config", config, "--target", profile],
      ...["--noColors", ...(named ? ["--debug"] : []), "-o", raw],
    ]);
    const output = join(BUILD, name);
    const names = named ? ["-g"] : [];
    const args = [raw, ...WASM_FEATURES, ...names, ...WASM_OPTIMIZATIONS[profile], "-o", output];
    runTool("binaryen/bin/wasm-opt", args);
  });
}
