/**
 * What applications send: octets that tell their stream and their place in it, so that one in the
 * wrong place, or of another connection, shows.
 *
 * A table of random octets of prime length is read from another place for each stream; no size of
 * a ring or a segment divides it. Called by ends.ts.
 */
import { SeededEntropy } from "../../hal/host/entropy.ts";

const PERIOD = 65_521;
/** The longest run that is asked for at once. */
const RUN_MAX = 65_536;
const STEP = 7_919;

const TABLE = (() => {
  const entropy = new SeededEntropy(0x5eed);
  const table = new Uint8Array(PERIOD + RUN_MAX);
  for (let i = 0; i < PERIOD; i++) table[i] = entropy.word();
  table.copyWithin(PERIOD, 0, RUN_MAX);
  return table;
})();

/** The octets of a stream from a place on. */
export function streamOctets(stream: number, from: number, octets: number): Uint8Array {
  const at = (stream * STEP + from) % PERIOD;
  return TABLE.subarray(at, at + octets);
}
