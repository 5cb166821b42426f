/**
 * What both straight ways do with single words, inlined wherever it stands: a call would cost more.
 *
 * Used by netif/straight-in and netif/straight-out only.
 */
import { Counter } from "../core/abi";
import { COUNTERS } from "../core/counters";

/** Adds one to a counter. */
@hot @inline export function count(which: Counter): void {
  store<u32>(COUNTERS + (which << 2), load<u32>(COUNTERS + (which << 2)) + 1);
}

/** The lower 16 bits in the other order of octets. */
@hot @inline export function swap16(value: u32): u32 {
  return ((value & 0xff) << 8) | ((value >> 8) & 0xff);
}

/** A word in the other order of octets. */
@hot @inline export function swap32(value: u32): u32 {
  return (rotl<u32>(value, 8) & 0x00ff_00ff) | (rotl<u32>(value, 24) & 0xff00_ff00);
}
