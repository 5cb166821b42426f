/**
 * What the module imports: everything a board must provide (`hal/README.md`, "Imports").
 *
 * Imported only where the outside is really touched: `netif/` transmits, `core/random.ts` seeds.
 * `checksum` and `copy` are imports only of a module that was built to ask for them (`config.ts`).
 * Declares nothing else.
 */

/** Sends `length` octets of one Ethernet frame at `frame`: 0 sent, 1 BUSY (nothing was taken). */
@external("hal", "transmit")
export declare function transmit(frame: usize, length: u32): i32;

/** 32 unpredictable bits. Drawn eight times, by `seedRandom` alone. */
@external("hal", "entropy")
export declare function entropy(): u32;

/** The folded sum over `octets` octets at `from`, as `sum` of `core/checksum.ts` has it. */
@external("hal", "checksum")
export declare function checksum(from: usize, octets: u32): u32;

/** Copies `octets` octets, which may overlap, and returns 0. */
@external("hal", "copy")
export declare function copy(to: usize, from: usize, octets: u32): i32;
