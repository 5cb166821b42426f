/**
 * The octets that are sent, and the proof that just these arrive, in this order.
 *
 * Called by transfer.ts. A block of noise over and over; its length is a prime, so that a piece
 * out of place, or out of the ring's other half, is never the right one.
 */
import { SeededEntropy } from "../../hal/host/entropy.ts";

const PERIOD = 65_521;

/** Twice the block, so that any piece of up to PERIOD octets lies in it as a whole. */
const NOISE = makeNoise();

function makeNoise(): Uint8Array {
  const entropy = new SeededEntropy(PERIOD);
  const block = Uint8Array.from({ length: PERIOD }, () => entropy.below(256));
  const twice = new Uint8Array(2 * PERIOD);
  twice.set(block);
  twice.set(block, PERIOD);
  return twice;
}

/** The stream from `offset` on; at most PERIOD octets. */
export function streamAt(offset: number, octets: number): Uint8Array {
  const start = offset % PERIOD;
  return NOISE.subarray(start, start + octets);
}

/** Whether these are the stream's octets from `offset` on. */
export function isStreamAt(offset: number, octets: Uint8Array): boolean {
  return Buffer.compare(octets, streamAt(offset, octets.length)) === 0;
}
