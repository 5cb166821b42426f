/**
 * What the recorder asks of the host emulator (`hal/host/recording/recorder.ts`).
 *
 * Imported by index.ts.
 */

/** What the module imports, as the host would have given it. */
export declare function transmit(frame: usize, octets: u32): i32;
export declare function entropy(): u32;
/** Takes so many octets of the recording from the buffer, which is used again when it returns. */
export declare function take(octets: u32): void;
/** It is time for a hash of the state: to be written with `putHash`. */
export declare function hash(): void;
