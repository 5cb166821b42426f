/**
 * Gives a module more memory than it asks for: pages behind its own, for what works beside it.
 *
 * Used by module.ts when there is a tap. Changes nothing else of the module, and only its copy.
 */

/** The binary format: magic and version, then sections, each with its id and length. */
export const PREAMBLE_OCTETS = 8;
const MEMORY_SECTION = 5;
/** In a memory's flags: it has a maximum. */
const HAS_MAXIMUM = 1;

/** A copy of a valid module, its memory larger from the beginning by so many pages. */
export function withMorePages(module: Uint8Array, pages: number): Uint8Array {
  for (let at = PREAMBLE_OCTETS; at < module.length;) {
    const [length, body] = readLeb(module, at + 1);
    if (module[at] !== MEMORY_SECTION) {
      at = body + length;
      continue;
    }
    // One memory: its count, flags, the number of pages, and its maximum if the flags say so.
    const flags = module[body + 1]!;
    const [initial, behind] = readLeb(module, body + 2);
    const section = [1, flags, ...leb(initial + pages)];
    if ((flags & HAS_MAXIMUM) !== 0) section.push(...leb(readLeb(module, behind)[0] + pages));
    const head = module.subarray(0, at + 1);
    return Buffer.concat([
      head,
      Uint8Array.from([...leb(section.length), ...section]),
      module.subarray(body + length),
    ]);
  }
  return module;
}

/** The LEB128 number at a place, and the place behind it. */
export function readLeb(octets: Uint8Array, at: number): [value: number, behind: number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const octet = octets[at++]!;
    value += (octet & 0x7f) * 2 ** shift;
    if (octet < 0x80) return [value, at];
  }
}

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}
