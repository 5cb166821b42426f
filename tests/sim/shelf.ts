/**
 * The modules of a run, copies that count their work: compiled once, instances used again from run
 * to run, since `init` forgets everything.
 *
 * Called by world.ts. A folder may hold some of the profiles only; others are not played then.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Limit } from "../../hal/host/abi.ts";
import type { Limits } from "../../hal/host/module.ts";
import type { Build, Imaged } from "../../hal/host/snapshot/format.ts";
import { WebAssembly, type WasmGlobal } from "../../hal/host/web-assembly.ts";
import { type Instrumented, instrument, Tank } from "../support/counted-module.ts";
import { type Holder, type ModuleExports, type Profile, PROFILES } from "../support/modules.ts";

/** Where `npm run build` leaves the release modules. */
export const RELEASE_FOLDER = fileURLToPath(new URL("../../dist/wasm", import.meta.url));

/** A module at work, lent to one host. */
export interface Loan {
  readonly exports: ModuleExports;
  readonly memory: Uint8Array;
  /** The same memory as u32. */
  readonly words: Uint32Array;
  /** The work that its calls may do, and do. */
  readonly tank: Tank;
  /** What a snapshot of it is made of, and says that it is of. */
  readonly imaged: Imaged;
  readonly build: Build;
  holder: Holder;
}

interface Compiled extends Instrumented {
  build: Build;
}

export class Shelf {
  readonly profiles: readonly Profile[];
  readonly #compiled = new Map<Profile, Compiled>();
  readonly #idle = new Map<Profile, Loan[]>();

  /** Error if the folder has no module named as a release is: `linger-PROFILE.wasm`. */
  constructor(folder = RELEASE_FOLDER, profiles: readonly Profile[] = PROFILES) {
    const path = (profile: Profile) => join(folder, `linger-${profile}.wasm`);
    this.profiles = profiles.filter((profile) => existsSync(path(profile)));
    if (this.profiles.length === 0) {
      throw new Error(`${folder} holds no linger-{${profiles.join(",")}}.wasm`);
    }
    for (const profile of this.profiles) {
      const octets = readFileSync(path(profile));
      const sha256 = createHash("sha256").update(octets).digest();
      const build = { name: profile, sha256: () => sha256 };
      this.#compiled.set(profile, { ...instrument(octets), build });
    }
  }

  borrow(profile: Profile, holder: Holder): Loan {
    const loan = this.#idle.get(profile)?.pop() ?? this.#instantiate(profile, holder);
    loan.holder = holder;
    return loan;
  }

  /** Takes an instance back that has not trapped. */
  giveBack(profile: Profile, loan: Loan): void {
    const idle = this.#idle.get(profile) ?? [];
    this.#idle.set(profile, idle);
    idle.push(loan);
  }

  #instantiate(profile: Profile, holder: Holder): Loan {
    const compiled = this.#compiled.get(profile);
    if (compiled === undefined) throw new Error(`no module of the profile ${profile}`);
    const loan: Partial<Loan> & { holder: Holder } = { holder };
    const hal = {
      transmit: (at: number, length: number) => loan.holder.transmit(at >>> 0, length >>> 0),
      entropy: () => loan.holder.entropy() | 0,
    };
    const instance = new WebAssembly.Instance(compiled.module, { hal });
    const exports = instance.exports as unknown as ModuleExports;
    const { buffer } = exports.memory;
    const views = { memory: new Uint8Array(buffer), words: new Uint32Array(buffer) };
    const { value: imageOctets } = instance.exports["__heap_base"] as WasmGlobal;
    const limits = limitsOf(exports);
    return Object.assign(loan, {
      exports,
      ...views,
      tank: new Tank(buffer, compiled),
      imaged: { limits, memory: views.memory, imageOctets, calls: exports },
      build: compiled.build,
    });
  }
}

function limitsOf(exports: ModuleExports): Limits {
  const limits = Object.entries(Limit).map(([name, which]) => [name, exports.limit(which)]);
  return Object.fromEntries(limits) as Limits;
}
