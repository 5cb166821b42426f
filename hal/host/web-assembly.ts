/**
 * The part of the WebAssembly interface that the emulator uses. TypeScript declares it only
 * together with a browser's DOM, which this library neither has nor wants.
 *
 * Used by module.ts.
 */

/** A compiled module. */
export interface WasmModule {
  readonly [brand]: "module";
}
declare const brand: unique symbol;

/** What an instance exports, and what a call of a number-only function looks like. */
export type WasmExports = Readonly<Record<string, unknown>>;
export type WasmCall = (...parameters: number[]) => number;

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** A table of functions. */
export interface WasmTable {
  set(index: number, value: unknown): void;
}

/** An exported number, which never changes. */
export interface WasmGlobal {
  readonly value: number;
}

interface WasmInterface {
  Module: {
    new (octets: Uint8Array): WasmModule;
    imports(module: WasmModule): { module: string; name: string; kind: string }[];
    exports(module: WasmModule): { name: string; kind: string }[];
  };
  Table: new (type: { element: "anyfunc"; initial: number }) => WasmTable;
  Instance: new (
    module: WasmModule,
    imports: Record<string, Record<string, unknown>>,
  ) => { exports: WasmExports };
}

export const { WebAssembly } = globalThis as unknown as { WebAssembly: WasmInterface };
