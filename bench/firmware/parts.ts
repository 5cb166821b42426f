/**
 * What an image takes of flash and RAM, by part, out of the linker's map.
 *
 * Used by `npm run firmware`, by `npm run bench` and by tests. Every octet of the output sections
 * is counted once: what no part claims is "other", alignment included, so that the sums are those
 * of the image.
 */
import { readFileSync, statSync } from "node:fs";
import { WebAssembly } from "../../hal/host/web-assembly.ts";
import type { BuiltImage } from "./build.ts";
import type { Engine } from "./images.ts";

/** Octets by part. */
export type Parts = Record<string, number>;

export interface Footprint {
  flash: Parts;
  ram: Parts;
}

/** An input section: where it went, where it came from. */
export interface Section {
  output: string;
  name: string;
  octets: number;
  file: string;
}

interface Map {
  /** Octets of each output section. */
  outputs: Record<string, number>;
  sections: Section[];
}

/** What of an output section is flash, and what RAM: initialised data is both. */
export const FLASH = [".text", ".ARM.exidx", ".data"];
export const RAM = [".stack", ".noinit", ".data", ".bss"];

const OUTPUT = /^(\.[\w.]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)/;
const INPUT = /^ (\.[\w.$-]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$/;

/** Reads the part of a map that says what went where. */
export function readMap(text: string): Map {
  const [, body = ""] = text.split("Linker script and memory map");
  // A long name stands alone, and its numbers on the next line.
  const lines = body.replace(/^( ?\.\S+)\n\s+0x/gm, "$1 0x").split("\n");
  const map: Map = { outputs: {}, sections: [] };
  let output = "";
  for (const line of lines) {
    const opened = OUTPUT.exec(line);
    if (opened !== null) {
      output = opened[1]!;
      map.outputs[output] = parseInt(opened[3]!, 16);
      continue;
    }
    const [, name, , octets, file] = INPUT.exec(line) ?? [];
    if (name === undefined || file === undefined || octets === undefined) continue;
    map.sections.push({ output, name, octets: parseInt(octets, 16), file });
  }
  return map;
}

function flashPart({ file }: Section): string {
  if (file.includes("liblinger-wamr-")) return "WAMR";
  if (file.includes("linger-module.c")) return "module";
  if (/\/(libc|libm|libgcc|libg)[\w-]*\.a/.test(file)) return "libc";
  return file.includes("CMakeFiles/") ? "HAL" : "other";
}

function ramPart(section: Section): string {
  if (section.name === ".bss.pool") return "pool";
  if (section.name === ".bss.linger_memory_octets") return "linear memory";
  if (section.output.endsWith("stack")) return "stacks";
  return flashPart(section);
}

function sum(map: Map, outputs: readonly string[], partOf: (section: Section) => string): Parts {
  const parts: Parts = {};
  for (const output of outputs) {
    let left = map.outputs[output] ?? 0;
    for (const section of map.sections.filter((one) => one.output === output)) {
      const part = partOf(section);
      parts[part] = (parts[part] ?? 0) + section.octets;
      left -= section.octets;
    }
    // Fewer octets than the sections had: equal strings were merged. More: alignment.
    const rest = output === ".stack" ? "stacks" : left < 0 ? largest(parts) : "other";
    parts[rest] = (parts[rest] ?? 0) + left;
  }
  return parts;
}

function largest(parts: Parts): string {
  return Object.entries(parts).reduce((most, one) => (one[1] > most[1] ? one : most))[0];
}

/** An interpreter's pool holds linear memory and, for the classic one, a copy of the module. */
function dividePool(ram: Parts, engine: Engine, module: string): Parts {
  const { pool = 0, ...others } = ram;
  const octets = readFileSync(module);
  const linear = heapBase(octets);
  const copy = engine === "classic" ? octets.length : 0;
  const shares = { "linear memory": linear, "module's copy": copy, pool: pool - linear - copy };
  return { ...others, ...shares };
}

function heapBase(octets: Uint8Array): number {
  const none = () => 0;
  const hal = { transmit: none, entropy: none, checksum: none, copy: none };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(octets), { hal });
  return (exports["__heap_base"] as { value: number }).value;
}

/** What a built image takes; a module that is flashed beside it counts as flash. */
export function measure({ image, map, module }: BuiltImage): Footprint {
  const read = readMap(readFileSync(map, "utf8"));
  const flash = sum(read, FLASH, flashPart);
  const ram = sum(read, RAM, ramPart);
  if (image.engine === "wasm2c") return { flash, ram };
  flash["module"] = statSync(module).size;
  return { flash, ram: dividePool(ram, image.engine, module) };
}

export function total(parts: Parts): number {
  return Object.values(parts).reduce((all, octets) => all + octets, 0);
}
