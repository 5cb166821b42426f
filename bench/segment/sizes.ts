/**
 * What Linger and lwIP take of memory: modules, firmware images, and lwIP's own part of its program
 * for the Cortex-M3.
 *
 * Called by main.ts; document.ts has it in words.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Limit } from "../../hal/host/abi.ts";
import { type WasmGlobal, WebAssembly } from "../../hal/host/web-assembly.ts";
import { buildImages } from "../firmware/build.ts";
import { IMAGES } from "../firmware/images.ts";
import {
  FLASH,
  measure,
  type Parts,
  RAM,
  readMap,
  type Section,
  total,
} from "../firmware/parts.ts";
import { buildM3, SMALL_CONNECTIONS } from "./cortex-m3.ts";
import { ROOT } from "./tools.ts";

/** lwIP in the benchmark, in all: connections of its pool, and a few more. */
const LWIP_CONNECTIONS = 1026;

interface ModuleSize {
  octets: number;
  linearMemory: number;
  connections: number;
  /** Octets of a connection without its rings, of its rings, of the two kinds of records. */
  connection: number;
  rings: number;
  halfOpen: number;
  timeWait: number;
}

interface Footprint {
  flash: Parts;
  ram: Parts;
}

interface LwipSize {
  flash: number;
  ram: number;
  connections: number;
  /** Octets of a PCB, which is also what a half-open connection and one in TIME-WAIT takes. */
  connection: number;
}

export interface Sizes {
  modules: Record<string, ModuleSize>;
  images: Record<string, Footprint>;
  /** By how it was compiled. */
  lwip: Record<string, LwipSize>;
}

interface ModuleExports {
  __heap_base: WasmGlobal;
  limit(this: void, which: number): number;
}

function measureModule(profile: string): ModuleSize {
  const path = join(ROOT, `dist/wasm/linger-${profile}.wasm`);
  const none = () => 0;
  const imports = { hal: { transmit: none, entropy: none } };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)), imports);
  const { __heap_base, limit } = instance.exports as unknown as ModuleExports;
  return {
    octets: statSync(path).size,
    linearMemory: __heap_base.value,
    connections: limit(Limit.CONNECTION_COUNT),
    connection: limit(Limit.TCB_SIZE),
    rings: limit(Limit.SEND_RING_SIZE) + limit(Limit.RECEIVE_RING_SIZE),
    halfOpen: limit(Limit.HALF_OPEN_SIZE),
    timeWait: limit(Limit.TIME_WAIT_SIZE),
  };
}

/** lwIP's own sections, and its port's checksum: neither the driver's nor the libc's. */
function isLwip({ file }: Section): boolean {
  return /\/(core|netif|port)\/[\w/]+\.c\.obj$/.test(file);
}

function measureLwip(program: "lwip-native" | "lwip-small", connections: number): LwipSize {
  const map = readMap(readFileSync(`${buildM3(program)}.map`, "utf8"));
  const own = map.sections.filter(isLwip);
  const sum = (outputs: readonly string[]) =>
    own.reduce((all, { output, octets }) => (outputs.includes(output) ? all + octets : all), 0);
  const pool = own.find(({ name }) => name.endsWith("memp_memory_TCP_PCB_base"))!.octets;
  return {
    flash: sum(FLASH),
    ram: sum(RAM),
    connections,
    connection: Math.floor(pool / connections),
  };
}

/** The release modules, by profile. */
export function measureModules(): Record<string, ModuleSize> {
  return Object.fromEntries(["tiny", "default", "host"].map((name) => [name, measureModule(name)]));
}

/** Measures the modules, builds and measures the images and lwIP. */
export function measureSizes(): Sizes {
  return {
    modules: measureModules(),
    images: Object.fromEntries(
      buildImages(IMAGES).map((built) => [built.image.name, measure(built)]),
    ),
    lwip: {
      "-O2": measureLwip("lwip-native", LWIP_CONNECTIONS),
      "-Os": measureLwip("lwip-small", SMALL_CONNECTIONS),
    },
  };
}

function format(octets: number): string {
  return octets.toLocaleString("en-US");
}

function formatRows(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, i) => (i === 0 ? "---" : "---:"));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function formatModules({ modules, lwip }: Sizes): string {
  const rows = Object.entries(modules).map(([name, size]) => [
    `Linger, \`${name}\``,
    ...[size.octets, size.linearMemory, size.connections].map(format),
    ...[size.connection, size.rings, size.halfOpen, size.timeWait].map(format),
  ]);
  const { connections, connection } = lwip["-Os"]!;
  const pcb = format(connection);
  rows.push(["lwIP", "", "", format(connections), pcb, "shared", pcb, pcb]);
  const head = ["", "module", "linear memory", "connections"];
  return formatRows([...head, "connection", "its rings", "half-open", "TIME-WAIT"], rows);
}

function formatParts(parts: Parts): string {
  const shown = Object.entries(parts).filter(([, octets]) => octets > 0);
  return shown.map(([name, octets]) => `${name} ${format(octets)}`).join(", ");
}

function formatImages({ images, lwip }: Sizes): string {
  const rows = Object.entries(images).map(([name, { flash, ram }]) => [
    name,
    ...[format(total(flash)), formatParts(flash), format(total(ram)), formatParts(ram)],
  ]);
  for (const [how, { flash, ram, connections }] of Object.entries(lwip)) {
    const what = `lwIP alone, \`gcc ${how}\`, ${format(connections)} connections`;
    rows.push([what, format(flash), "", format(ram), ""]);
  }
  return formatRows(["image", "flash", "of it", "RAM", "of it"], rows);
}

/** The section of the page. */
export function formatSizes(sizes: Sizes): string {
  return `Octets. What a connection takes without its rings; lwIP has no rings but one heap of 16 KB
for all that is sent, and lets a driver keep what has been received.

${formatModules(sizes)}

The boards' images (\`npm run firmware\`), Linger with everything that firmware has; beside them
lwIP's own files for the same processor in the benchmark's configuration, without a loop, a driver
or a libc. Its RAM is its pools and its heap, 16 pbufs of a full frame among them.

${formatImages(sizes)}`;
}
