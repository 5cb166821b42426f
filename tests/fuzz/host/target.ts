/**
 * What the fuzzers of the host library have in common: an input is one line of text, so that one
 * that finds something can be kept and played again.
 *
 * Implemented by the other files here; used by the command and the tests.
 */
import { LingerError } from "../../../hal/host/errors.ts";
import type { Random } from "../random.ts";

export interface HostTarget {
  name: string;
  /** How many of its inputs go with a million frames. */
  perMillion: number;
  make(random: Random): string;
  /** What is wrong with how the input is taken, in one line, or nothing. */
  attempt(input: string): Promise<string | undefined>;
}

/** A refusal is right if it has a code and one line to say; anything else thrown is a finding. */
export function judgeRefusal(error: unknown, codes: readonly string[]): string | undefined {
  if (!(error instanceof LingerError)) return `threw ${describe(error)}`;
  if (!codes.includes(error.code)) return `refused with the code ${error.code}`;
  return /\n/.test(error.message) ? `says more than a line: ${error.message}` : undefined;
}

export function describe(error: unknown): string {
  return (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).split(
    "\n",
  )[0]!;
}

/** Flips, overwrites, cuts out or repeats some of the octets. */
export function mutate(octets: Uint8Array, random: Random): Uint8Array {
  let result: Uint8Array = Uint8Array.from(octets);
  for (let i = random.below(6); i > 0 && result.length > 0; i--) {
    const at = random.below(result.length);
    const count = random.below(Math.min(40, result.length - at) + 1);
    switch (random.below(5)) {
      case 0:
        result[at] = result[at]! ^ (1 << random.below(8));
        break;
      case 1:
        result[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
        break;
      case 2:
        result = splice(result, at, count, new Uint8Array(0));
        break;
      case 3:
        result = splice(result, at, 0, result.slice(at, at + count));
        break;
      default:
        if (random.oneIn(4)) result = result.slice(0, at);
        else result.fill(random.pick([0, 0xff]), at, at + Math.min(count, 4));
    }
  }
  return result;
}

function splice(octets: Uint8Array, at: number, count: number, put: Uint8Array): Uint8Array {
  const result = new Uint8Array(octets.length - count + put.length);
  result.set(octets.subarray(0, at));
  result.set(put, at);
  result.set(octets.subarray(at + count), at + put.length);
  return result;
}
