/**
 * What a module may have its host do for it, when it was built for that: sums and copies of long
 * blocks (`hal/README.md`, "Imports on request").
 *
 * Called by module.ts. They read and write the module's memory and nothing else, so nobody outside
 * needs to see them: the same inputs still make the same image.
 */

/** The two imports over a memory, which exists once the module is instantiated. */
export function memoryImports(memory: () => Uint8Array) {
  return {
    checksum: (from: number, octets: number): number => sum(blockOf(memory(), from, octets)),
    copy: (to: number, from: number, octets: number): number => {
      blockOf(memory(), to, octets).set(blockOf(memory(), from, octets));
      return 0;
    },
  };
}

/** Beyond the memory's end it throws, which unwinds the module: a trap, as its own access would. */
function blockOf(memory: Uint8Array, address: number, length: number): Uint8Array {
  const begin = address >>> 0;
  const end = begin + (length >>> 0);
  if (end > memory.length) throw new RangeError("out of bounds memory access");
  return memory.subarray(begin, end);
}

/** The one's complement sum of little-endian halfwords (RFC 1071), folded to 16 bits. */
function sum(block: Uint8Array): number {
  let total = 0;
  for (let i = 0; i + 1 < block.length; i += 2) total += block[i]! | (block[i + 1]! << 8);
  if (block.length % 2 === 1) total += block[block.length - 1]!;
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x1_0000);
  return total;
}
