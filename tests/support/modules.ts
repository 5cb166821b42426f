/**
 * The release modules for the protocol tests: read and compiled once per process, instances lent
 * out and used again, since `init` forgets everything.
 *
 * Called by device.ts. Never looks into a module beyond its exports.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { WebAssembly, type WasmMemory, type WasmModule } from "../../hal/host/web-assembly.ts";

export const PROFILES = ["tiny", "default", "host"] as const;
export type Profile = (typeof PROFILES)[number];

/** The exports of `hal/README.md`, as JavaScript sees them: every number is an i32. */
export interface ModuleExports {
  readonly memory: WasmMemory;
  abiVersion(): number;
  limit(which: number): number;
  init(nowMs: number, mslMs: number): number;
  setLinkAddress(high: number, low: number): number;
  setAddress(address: number, prefixLength: number, gateway: number): number;
  setParameter(which: number, value: number): number;
  rxSlotAddress(slot: number): number;
  frameReceived(slot: number, length: number, nowMs: number): number;
  poll(nowMs: number): number;
  counterAddress(): number;
  tcpListen(localAddress: number, localPort: number, backlog: number): number;
  tcpAccept(listener: number): number;
  tcpConnect(
    remoteAddress: number,
    remotePort: number,
    localAddress: number,
    localPort: number,
  ): number;
  tcpReserve(handle: number): number;
  tcpReservedAddress(handle: number): number;
  tcpCommit(handle: number, octets: number): number;
  tcpPeek(handle: number): number;
  tcpPeekedAddress(handle: number): number;
  tcpConsume(handle: number, octets: number): number;
  tcpCloseWrite(handle: number): number;
  tcpClose(handle: number): number;
  tcpAbort(handle: number): number;
  tcpRelease(handle: number): number;
  tcpSetOption(handle: number, option: number, value: number): number;
  tcpStatus(handle: number): number;
  tcpStatusAt(index: number): number;
  tcpUrgent(handle: number): number;
  tcpLookup(remoteAddress: number, remotePort: number, localPort: number): number;
  nextReady(): number;
  takeEvents(handle: number): number;
  pingSend(remoteAddress: number, sequence: number, octets: number): number;
  pingTake(): number;
  wake(): number;
}

/** Who holds an instance: what its imports call. */
export interface Holder {
  transmit(frame: number, length: number): number;
  entropy(): number;
}

/** An instance on loan. */
export interface Loan {
  readonly exports: ModuleExports;
  /** Changes when the shelf has gone round: the one before must not call the exports any more. */
  holder: Holder;
}

/** Instances kept per profile: more than any test uses at once. Those of `host` are big. */
const SHELF_COUNT = 4;

const compiled = new Map<Profile, WasmModule>();
const shelves = new Map<Profile, Loan[]>();

function compile(profile: Profile): WasmModule {
  const known = compiled.get(profile);
  if (known !== undefined) return known;
  const path = fileURLToPath(new URL(`../../dist/wasm/linger-${profile}.wasm`, import.meta.url));
  if (!existsSync(path)) throw new Error(`${path} is missing: npm run build:wasm makes it`);
  const module = new WebAssembly.Module(readFileSync(path));
  compiled.set(profile, module);
  return module;
}

/** Lends an instance of a profile; the one lent longest ago is taken from its holder. */
export function borrow(profile: Profile, holder: Holder): Loan {
  const shelf = shelves.get(profile) ?? [];
  shelves.set(profile, shelf);
  const oldest = shelf.length < SHELF_COUNT ? undefined : shelf.shift();
  const loan = oldest ?? instantiate(profile, holder);
  loan.holder = holder;
  shelf.push(loan);
  return loan;
}

/** Takes an instance that trapped or threw out of use. */
export function discard(profile: Profile, loan: Loan): void {
  const shelf = shelves.get(profile);
  if (shelf !== undefined)
    shelves.set(
      profile,
      shelf.filter((other) => other !== loan),
    );
}

/** An instance of its own, which never goes to anybody else. */
export function instantiate(profile: Profile, holder: Holder): Loan {
  const loan: { exports?: ModuleExports; holder: Holder } = { holder };
  const hal = {
    transmit: (frame: number, length: number) => loan.holder.transmit(frame >>> 0, length >>> 0),
    entropy: () => loan.holder.entropy() | 0,
  };
  const instance = new WebAssembly.Instance(compile(profile), { hal });
  loan.exports = instance.exports as unknown as ModuleExports;
  return loan as Loan;
}
