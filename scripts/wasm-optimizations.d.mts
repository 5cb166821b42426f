/** The types of wasm-optimizations.mjs, for the benchmarks and tests that are TypeScript. */
export const WASM_FEATURES: readonly string[];
export const WASM_OPTIMIZATIONS: Readonly<Record<"tiny" | "default" | "host", readonly string[]>>;
