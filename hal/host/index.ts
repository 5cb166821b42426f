/**
 * The host emulator: Linger's module driven from Node, its wires, and frames taken apart.
 *
 * This is the whole public interface of the package's JavaScript side.
 */
export * from "./abi.ts";
export * from "./clock.ts";
export * from "./connection.ts";
export * from "./entropy.ts";
export * from "./errors.ts";
export * from "./listener.ts";
export * from "./module.ts";
export * from "./packet/index.ts";
export * from "./recording/index.ts";
export * from "./snapshot/store.ts";
export * from "./stack.ts";
export * from "./wire.ts";
export * from "./wires/index.ts";
