/**
 * Whether a module keeps state in globals, where neither a snapshot of its memory nor a checkpoint
 * of a replay has it.
 *
 * Used by module.ts. Linger's own modules have none; an application that is compiled with the stack
 * may.
 */
import { PREAMBLE_OCTETS, readLeb } from "./memory-pages.ts";

const GLOBAL_SECTION = 6;

/** The operations that a global begins with, by what follows them. */
const F32_CONST = 0x43;
const F64_CONST = 0x44;
const WITH_A_NUMBER = [0x23, 0x41, 0x42]; // global.get, i32.const, i64.const
const END = 0x0b;

/** True also where it cannot be told. */
export function hasMutableGlobals(module: Uint8Array): boolean {
  for (let at = PREAMBLE_OCTETS; at < module.length;) {
    const [length, body] = readLeb(module, at + 1);
    if (module[at] === GLOBAL_SECTION) return hasMutable(module, body);
    at = body + length;
  }
  return false;
}

/** Each global has a type, whether it is mutable, and how it begins. */
function hasMutable(module: Uint8Array, body: number): boolean {
  const [count, first] = readLeb(module, body);
  for (let left = count, at = first; left > 0; left--) {
    const operation = module[at + 2]!;
    if (module[at + 1] !== 0) return true;
    at += 3;
    if (operation === F32_CONST) at += 4;
    else if (operation === F64_CONST) at += 8;
    else if (WITH_A_NUMBER.includes(operation)) [, at] = readLeb(module, at);
    if (module[at++] !== END) return true;
  }
  return false;
}
