/**
 * Modules for the tests: the examples, compiled with the stack as their users do it, one that does
 * what a module must not, and some that are no Linger module at all.
 *
 * Used by the tests of this folder.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Profile } from "../../bench/firmware/images.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ASC = join(ROOT, "node_modules/assemblyscript/bin/asc.js");

/**
 * Echoes, until it gets one of these letters: t traps, r reads and w writes beyond linear memory, f
 * fills beyond it, d recurses for ever, l loops for ever; c has the firmware copy to, m copy from,
 * and s sum what lies beyond.
 */
const SABOTEUR = `
export * from "linger-tcp/assembly";
import {
  nextReady, takeEvents, tcpAccept, tcpCloseWrite, tcpCommit, tcpConsume, tcpListen, tcpPeek,
  tcpPeekedAddress, tcpRelease, tcpReserve, tcpReservedAddress,
} from "linger-tcp/assembly";
@external("hal", "checksum") declare function checksum(from: usize, octets: u32): u32;
@external("hal", "copy") declare function copy(to: usize, from: usize, octets: u32): i32;
const BEYOND: usize = 0x7ffffff0;

export function appInit(): i32 { return min(tcpListen(0, 7, 2), 0); }

function recurse(depth: u32): u32 {
  const below = recurse(depth + 1);
  return (below ^ rotl(below, depth & 31)) + load<u32>(16);
}

function loop(): void { while (load<u32>(BEYOND & 0) != 0xdeadbeef) store<u32>(16, 1); }

function obey(letter: u32): void {
  switch (letter) {
    case 0x74: unreachable();
    case 0x72: { store<u32>(16, load<u32>(BEYOND + letter)); return; }
    case 0x77: { store<u32>(BEYOND + letter, letter); return; }
    case 0x66: { memory.fill(16, 0, 0x7fffffff + letter); return; }
    case 0x64: { store<u32>(16, recurse(letter)); return; }
    case 0x63: { copy(BEYOND + letter, 16, 200); return; }
    case 0x6d: { copy(16, BEYOND + letter, 200); return; }
    case 0x73: { store<u32>(16, checksum(BEYOND + letter, 200)); return; }
    case 0x6c: { loop(); return; }
  }
}

export function appPoll(nowMs: u32): u32 {
  for (let handle = nextReady(); handle != 0; handle = nextReady()) {
    const events = takeEvents(handle);
    if (events & 64) { tcpAccept(handle); continue; }
    if (events & 32) { tcpRelease(handle); continue; }
    const unread = tcpPeek(handle);
    if (unread == 0) tcpCloseWrite(handle);
    if (unread <= 0) continue;
    obey(load<u8>(tcpPeekedAddress(handle)));
    const octets = min(unread, tcpReserve(handle));
    if (octets <= 0) continue;
    memory.copy(tcpReservedAddress(handle), tcpPeekedAddress(handle), octets);
    tcpCommit(handle, octets);
    tcpConsume(handle, octets);
  }
  return 0xffffffff;
}
`;

/** Compiled modules, in a folder that is gone after `discard`. */
export class Applications {
  readonly #folder = mkdtempSync(join(tmpdir(), "linger-applications-"));
  readonly #examples = new Map<string, string>();
  readonly #saboteurs: Partial<Record<Profile, string>> = {};

  constructor() {
    mkdirSync(join(this.#folder, "node_modules"));
    symlinkSync(ROOT, join(this.#folder, "node_modules/linger-tcp"));
  }

  /** The path of an example's module. */
  example(name: "echo" | "http", profile: Profile): string {
    const known = this.#examples.get(`${name} ${profile}`);
    if (known !== undefined) return known;
    const folder = join(this.#folder, name);
    cpSync(join(ROOT, "examples", name), folder, { recursive: true });
    const path = this.#compile(folder, `${name}.ts`, profile);
    this.#examples.set(`${name} ${profile}`, path);
    return path;
  }

  saboteur(profile: Profile): string {
    return (this.#saboteurs[profile] ??= this.#makeSaboteur(profile));
  }

  #makeSaboteur(profile: Profile): string {
    const folder = join(this.#folder, "saboteur");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "saboteur.ts"), SABOTEUR);
    const config = { extends: "linger-tcp/asconfig.app.json" };
    writeFileSync(join(folder, "asconfig.json"), JSON.stringify(config));
    return this.#compile(folder, "saboteur.ts", profile);
  }

  /** A module from its text. */
  assemble(text: string): Uint8Array {
    const path = join(this.#folder, "text");
    writeFileSync(`${path}.wat`, text);
    const { status, stderr } = spawnSync("wat2wasm", [`${path}.wat`, "-o", `${path}.wasm`]);
    assert.equal(status, 0, `${stderr}`);
    return readFileSync(`${path}.wasm`);
  }

  /** Why a module, from its text, is not translated to C. */
  refusal(text: string): string {
    this.assemble(text);
    const script = join(ROOT, "hal/wamr/cmake/wasm2c.cmake");
    const variables = [`WASM=${join(this.#folder, "text.wasm")}`, `OUTPUT=${this.#folder}/text-c`];
    const args = [...variables.flatMap((variable) => ["-D", variable]), "-P", script];
    const { status, stderr } = spawnSync("cmake", args, { encoding: "utf8" });
    assert.notEqual(status, 0, "it was translated");
    return stderr.replaceAll(/\s+/g, " ");
  }

  discard(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #compile(folder: string, entry: string, profile: Profile): string {
    const path = join(folder, `${entry.replace(/\.ts$/, "")}-${profile}.wasm`);
    const args = [ASC, entry, "--target", profile, "--outFile", path, "--noColors"];
    const options = { cwd: folder, encoding: "utf8" } as const;
    const { status, stderr } = spawnSync(process.execPath, args, options);
    assert.equal(status, 0, stderr);
    return path;
  }
}
