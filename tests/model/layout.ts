/**
 * Where everything lies in the memory of a `check` module: what `layout-transform.mjs` has left in
 * it, typed. Called by meaning.ts and image.ts. A name that is not there is an error, so that a
 * field which was renamed cannot be read as something else.
 */
import { WebAssembly, type WasmModule } from "../../hal/host/web-assembly.ts";

export interface Span {
  readonly address: number;
  readonly octets: number;
}

export interface Field {
  readonly offset: number;
  readonly octets: number;
}

interface ClassLayout {
  readonly octets: number;
  readonly fields: Readonly<Record<string, Field>>;
}

interface Described {
  readonly regions: Readonly<Record<string, Span>>;
  readonly tables: readonly Span[];
  readonly classes: Readonly<Record<string, ClassLayout>>;
  readonly constants: Readonly<Record<string, number>>;
}

const SECTION = "linger.layout";

type WithSections = { customSections(module: WasmModule, name: string): ArrayBuffer[] };

export class Layout {
  readonly #described: Described;

  constructor(module: WasmModule) {
    const find = (WebAssembly.Module as unknown as WithSections).customSections;
    const [section] = find(module, SECTION);
    if (section === undefined) {
      throw new Error(`the module has no section ${SECTION}: it is no build of the profile check`);
    }
    this.#described = JSON.parse(new TextDecoder().decode(section)) as Described;
  }

  get regions(): Readonly<Record<string, Span>> {
    return this.#described.regions;
  }

  /** What has a value from the start. */
  get tables(): readonly Span[] {
    return this.#described.tables;
  }

  region(name: string): Span {
    return known(this.#described.regions, name, "region");
  }

  fields(className: string): Readonly<Record<string, Field>> {
    return known(this.#described.classes, className, "class").fields;
  }

  constant(name: string): number {
    return known(this.#described.constants, name, "constant");
  }
}

function known<T>(all: Readonly<Record<string, T>>, name: string, kind: string): T {
  const found = all[name];
  if (found === undefined) throw new Error(`the module's layout has no ${kind} ${name}`);
  return found;
}
