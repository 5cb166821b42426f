/**
 * What the module imports: everything a board must provide (`hal/README.md`, "Imports").
 *
 * Imported only where the outside is really touched: `netif/` transmits, `core/random.ts` seeds.
 * Declares nothing else.
 */

/** Sends `length` octets of one Ethernet frame at `frame`: 0 sent, 1 BUSY (nothing was taken). */
@external("hal", "transmit")
export declare function transmit(frame: usize, length: u32): i32;

/** 32 unpredictable bits. Drawn eight times, by `seedRandom` alone. */
@external("hal", "entropy")
export declare function entropy(): u32;
