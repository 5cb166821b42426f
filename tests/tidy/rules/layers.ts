/**
 * Who may import whom: the layers of the stack, and what the host library may know.
 *
 * RULES of `docs/architecture.md`, "Layers". A new folder must be given its place here.
 */
import { importsOf, place, type Project, resolveImport, type Rule } from "../project.ts";

/** Each imports only from those before it and from its own. tcp and udp never meet. */
const ASSEMBLY_LAYERS = ["config", "core", "wire", "tcp", "udp", "netif", "socket", "index"];
const STRANGERS: readonly string[] = ["tcp udp", "udp tcp"];
/** Where the outside is really touched, or has a long block worked on for a build that asks. */
const HAL_USERS = [
  "assembly/core/checksum.ts",
  "assembly/core/octets.ts",
  "assembly/core/random.ts",
  "assembly/netif/transmitter.ts",
];

function assemblyLayer(path: string): string {
  return path.replace(/^assembly\//, "").replace(/(\/.*|\.ts)$/, "");
}

function checkAssembly(project: Project): string[] {
  const complaints: string[] = [];
  for (const path of project.code("assembly")) {
    const own = assemblyLayer(path);
    if (own === "hal") continue;
    if (!ASSEMBLY_LAYERS.includes(own)) {
      complaints.push(`${path}:1: this folder has no place among the layers`);
      continue;
    }
    for (const { specifier, statement } of importsOf(project.tree(path))) {
      const target = resolveImport(project, path, specifier);
      const wrong = judgeAssemblyImport(path, own, target);
      if (wrong !== undefined) complaints.push(`${place(statement)}: ${specifier}: ${wrong}`);
    }
  }
  return complaints;
}

function judgeAssemblyImport(path: string, own: string, target?: string): string | undefined {
  if (target === undefined || !target.startsWith("assembly/")) return "not a file of assembly/";
  const other = assemblyLayer(target);
  if (other === "hal") {
    return HAL_USERS.includes(path) ? undefined : `only ${HAL_USERS.join(" and ")} may`;
  }
  if (STRANGERS.includes(`${own} ${other}`)) return `${own} must not know ${other}`;
  if (ASSEMBLY_LAYERS.indexOf(other) <= ASSEMBLY_LAYERS.indexOf(own)) return undefined;
  return `${own} lies below ${other}`;
}

export const assemblyLayers: Rule = {
  title: `assembly/ imports run leftwards only: ${ASSEMBLY_LAYERS.join(" ← ")}`,
  check: checkAssembly,
  broken: {
    "wire imports tcp": {
      "assembly/wire/ipv4.ts": 'import { seqLt } from "../tcp/seq";',
      "assembly/tcp/seq.ts": "export function seqLt(): void {}",
    },
    "a re-export upwards": {
      "assembly/core/abi.ts": 'export * from "../index";',
      "assembly/index.ts": "",
    },
    "tcp imports udp": {
      "assembly/udp/udp.ts": 'import { a } from "../tcp/seq";',
      "assembly/tcp/seq.ts": "export function a(): void {}",
    },
    "hal where nothing leaves": {
      "assembly/tcp/output.ts": 'import { transmit } from "../hal";',
      "assembly/hal.ts": "export declare function transmit(): void;",
    },
    "an import that leaves assembly/": {
      "assembly/tcp/output.ts": 'import { x } from "../../hal/host/abi";',
      "hal/host/abi.ts": "export const x = 1;",
    },
    "a folder without a layer": { "assembly/misc/a.ts": "" },
  },
};

/**
 * Parts of the host library that must not know the rest: folder → what it may import of hal/host.
 */
const HOST_PARTS: Readonly<Record<string, RegExp>> = {
  "hal/host/packet/": /^hal\/host\/packet\//,
  "hal/host/ladder/": /^hal\/host\/(ladder|packet)\//,
  "hal/host/wires/": /^hal\/host\/(wires\/|packet\/|(wire|clock|entropy|errors|read-file)\.ts$)/,
  "hal/host/apps/": /^hal\/host\/(?!cli\/)/,
};
const PACKAGES = /^(node:[a-z_/]+|koffi)$/;

function checkHost(project: Project): string[] {
  const complaints: string[] = [];
  for (const path of project.code("hal/host")) {
    for (const { specifier, statement } of importsOf(project.tree(path))) {
      const wrong = judgeHostImport(project, path, specifier);
      if (wrong !== undefined) complaints.push(`${place(statement)}: ${specifier}: ${wrong}`);
    }
  }
  return complaints;
}

function judgeHostImport(project: Project, path: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) {
    return PACKAGES.test(specifier) ? undefined : "only Node and koffi are depended on";
  }
  // The generated copy of the ABI is not tracked; it always lies in the same place.
  const target = resolveImport(project, path, specifier) ?? generated(path, specifier);
  if (target === undefined || !target.startsWith("hal/host/")) {
    return "hal/host sees the built module and its ABI only";
  }
  if (target.startsWith("hal/host/cli/") && !path.startsWith("hal/host/cli/")) {
    return "the library must not know its command line";
  }
  const part = Object.keys(HOST_PARTS).find((folder) => path.startsWith(folder));
  if (part === undefined || HOST_PARTS[part]!.test(target)) return undefined;
  return `${part} must not know this`;
}

function generated(path: string, specifier: string): string | undefined {
  const folder = path.replace(/[^/]*$/, "");
  return new URL(specifier, `file:///${folder}`).pathname === "/hal/host/abi.ts"
    ? "hal/host/abi.ts"
    : undefined;
}

export const hostLayers: Rule = {
  title: "hal/host never imports assembly/, and its parts know only what they need",
  check: checkHost,
  broken: {
    "a source of assembly/": {
      "hal/host/stack.ts": 'import { Status } from "../../assembly/core/abi.ts";',
      "assembly/core/abi.ts": "export const enum Status {}",
    },
    "the library imports the command line": {
      "hal/host/stack.ts": 'import { run } from "./cli/main.ts";',
      "hal/host/cli/main.ts": "export function run() {}",
    },
    "a wire that knows the stack": {
      "hal/host/wires/tap.ts": 'import type { Stack } from "../stack.ts";',
      "hal/host/stack.ts": "export class Stack {}",
    },
    "another package": { "hal/host/stack.ts": 'import _ from "lodash";' },
  },
};
