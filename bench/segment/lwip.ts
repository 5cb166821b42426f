/**
 * lwIP's module of the benchmark: lwIP from Debian's source package at its best as WebAssembly.
 *
 * The source comes by `apt-get source` with a list of its own, so that nobody's apt is changed; or
 * from a folder named by LWIP_DIR. Compiled by clang 19 with -O3 -flto and a checksum of its own
 * (port/port_chksum.c), then by wasm-opt -O3. cortex-m3.ts compiles the same files natively.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { BenchError, BUILD, makeOnce, ROOT, run, runTool, SOURCES } from "./tools.ts";

const HERE = join(SOURCES, "lwip");

/** The files of lwIP that a TCP over Ethernet needs. */
const LWIP_FILES = [
  ...["core/def.c", "core/inet_chksum.c", "core/init.c", "core/ip.c", "core/mem.c", "core/memp.c"],
  ...["core/netif.c", "core/pbuf.c", "core/stats.c", "core/sys.c", "core/tcp.c", "core/tcp_in.c"],
  ...["core/tcp_out.c", "core/timeouts.c", "core/ipv4/etharp.c", "core/ipv4/icmp.c"],
  ...["core/ipv4/ip4.c", "core/ipv4/ip4_addr.c", "core/ipv4/ip4_frag.c", "netif/ethernet.c"],
];

const WASM_FLAGS = [
  ...["--target=wasm32", "-nostdlib", "-mbulk-memory", "-mno-sign-ext", "-mno-nontrapping-fptoint"],
  ...["-mno-reference-types", "-mno-multivalue", "-w", "-O3", "-flto"],
  ...["-isystem", join(HERE, "port/wasmlibc"), "-I", join(HERE, "prof/wasm")],
];
const LINK_FLAGS = [
  ...["--no-entry", "--gc-sections", "-O2", "--strip-debug", "--allow-undefined"],
  ...["-z", "stack-size=16384", "--lto-O3"],
  // Where linear memory ends that is used, as Linger's modules say it, for what comes after.
  ...["--export=__heap_base", "--export=__data_end"],
];
export const LWIP_NEEDS = ["clang-19", "wasm-ld-19", "dpkg-source"];

/** `native-checksum`: calls the HAL's `checksum`, from the length on from which Linger does. */
export type LwipVariant = "plain" | "native-checksum";

/** lwIP's folder `src`. */
function lwipSources(): string {
  const given = process.env["LWIP_DIR"];
  const folder = given ?? fetchLwip();
  for (const path of [folder, join(folder, "src")]) {
    if (existsSync(join(path, "core/tcp_in.c"))) return path;
  }
  throw new BenchError(`LWIP_DIR: there is no lwIP in ${folder}`);
}

/** Fetches and unpacks Debian's source package; apt's own lists and settings stay as they are. */
function fetchLwip(): string {
  const folder = join(BUILD, "lwip-source");
  const isSource = (name: string) => existsSync(join(folder, name, "src/core/tcp_in.c"));
  if (!existsSync(folder) || !readdirSync(folder).some(isSource)) {
    rmSync(folder, { recursive: true, force: true });
    for (const name of ["lists/partial", "cache/archives/partial"]) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    const list = join(folder, "sources.list");
    writeFileSync(list, sourceLines());
    const options = [
      ...["-qq", "-o", `Dir::Etc::sourcelist=${list}`, "-o", "Dir::Etc::sourceparts=-"],
      ...["-o", `Dir::State::lists=${join(folder, "lists")}`],
      ...["-o", `Dir::Cache=${join(folder, "cache")}`, "-o", "APT::Sandbox::User=root"],
    ];
    run("apt-get", [...options, "update"], { cwd: folder });
    run("apt-get", [...options, "source", "--download-only", "lwip"], { cwd: folder });
    const description = readdirSync(folder).find((name) => name.endsWith(".dsc"));
    if (description === undefined) throw new BenchError("apt-get source lwip left no .dsc");
    run("dpkg-source", ["-x", description, "lwip"], { cwd: folder });
    rmSync(join(folder, "lists"), { recursive: true });
  }
  return join(folder, readdirSync(folder).find(isSource)!);
}

/** A deb-src line for each Debian suite that this machine takes its packages from. */
function sourceLines(): string {
  const format = "$(ORIGIN) deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)";
  const lines = run("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]);
  const debian = lines.split("\n").filter((line) => line.startsWith("Debian "));
  if (debian.length === 0) {
    throw new BenchError("apt-get knows no Debian suite here: name lwIP's source by LWIP_DIR");
  }
  return `${debian.map((line) => line.slice("Debian ".length)).join("\n")}\n`;
}

/** lwIP's own files with the driver and the port, and the folders of their headers. */
export function lwipFiles(): { files: string[]; folders: string[] } {
  const source = lwipSources();
  const own = ["segbench.c", "port/port_chksum.c"];
  return {
    files: [
      ...LWIP_FILES.map((file) => join(source, file)),
      ...own.map((file) => join(HERE, file)),
    ],
    folders: [join(HERE, "port"), join(source, "include")],
  };
}

/** From how many octets on Linger lets its host sum. */
function nativeOctetsMin(): string {
  const config = readFileSync(join(ROOT, "assembly/config.ts"), "utf8");
  const found = /NATIVE_OCTETS_MIN: u32 = (\d+);/.exec(config)?.[1];
  if (found === undefined) throw new BenchError("assembly/config.ts has no NATIVE_OCTETS_MIN");
  return found;
}

/** Builds it, and returns where it is. */
export function buildLwip(variant: LwipVariant = "plain"): string {
  const { files, folders } = lwipFiles();
  const isPlain = variant === "plain";
  const name = isPlain ? "lwip" : `lwip-${variant}`;
  const defined = isPlain ? [] : [`-DNATIVE_CHECKSUM_OCTETS_MIN=${nativeOctetsMin()}`];
  const flags = [...WASM_FLAGS, ...folders.flatMap((folder) => ["-I", folder])];
  const inputs = [HERE, ...flags, ...defined, ...LINK_FLAGS, ...files, ...folders];
  return makeOnce(`${name}.wasm`, inputs, () => {
    const checksum = files.at(-1)!;
    const objects = [
      ...compileCommon([...files.slice(0, -1), join(HERE, "port/wasmlibc/libc.c")], flags),
      compile(checksum, [...flags, ...defined], `${name}-checksum`),
    ];
    const linked = join(BUILD, `raw-${name}.wasm`);
    run("wasm-ld-19", [...LINK_FLAGS, ...objects, "-o", linked]);
    const args = [linked, "-O3", "--enable-bulk-memory", "-o", join(BUILD, `${name}.wasm`)];
    runTool("binaryen/bin/wasm-opt", args);
  });
}

function objectOf(name: string): string {
  return join(BUILD, "lwip-objects", `${name}.o`);
}

function compile(file: string, flags: readonly string[], name: string): string {
  const noBuiltin = file.endsWith("libc.c") ? ["-fno-builtin"] : [];
  run("clang-19", [...flags, ...noBuiltin, "-c", file, "-o", objectOf(name)]);
  return objectOf(name);
}

/** What all variants have in common, compiled once. */
function compileCommon(files: readonly string[], flags: readonly string[]): string[] {
  const names = files.map((file) => basename(file, ".c"));
  const last = names.at(-1)!;
  makeOnce(`lwip-objects/${last}.o`, [HERE, ...flags, ...files], () => {
    mkdirSync(join(BUILD, "lwip-objects"), { recursive: true });
    files.forEach((file, i) => compile(file, flags, names[i]!));
  });
  return names.map(objectOf);
}
