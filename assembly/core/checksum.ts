/**
 * The Internet checksum (RFC 1071), over memory as it lies there.
 *
 * The halfwords are summed in the machine's (little-endian) order, which gives the octets of the
 * checksum in the order in which they are stored (RFC 1071 §2 (B)): sums and checksums are never
 * swapped, only a number in host order that joins them is.
 *
 * Called by `wire/` and `netif/`. Knows no header format, and changes nothing but a copy.
 */

import {
  HAS_NATIVE_CHECKSUM, HAS_STRAIGHT, HAS_WIDE_CHECKSUM, NATIVE_OCTETS_MIN,
} from "../config";
import { checksum } from "../hal";
import { copyOctets, swap16 } from "./octets";

/** Low seven octets of a word of eight. */
@inline const SEVEN_OCTETS: u64 = 0x00ff_ffff_ffff_ffff;
@inline const LOWER_HALF: u64 = 0xffff_ffff;
/** Octets that one round of the wide loop sums: 16 words of seven. */
@inline const BLOCK_OCTETS: u32 = 112;

/**
 * The sum over `octets` octets at `at`, any alignment, at most 3,584: not folded, below 2^63. Sums
 * of parts may be added if every part but the last has an even length. An odd last octet counts as
 * if a zero followed.
 */
export function sum(at: usize, octets: u32): u64 {
  if (HAS_NATIVE_CHECKSUM && octets >= NATIVE_OCTETS_MIN) return <u64>checksum(at, octets);
  let total: u64 = 0;
  let left = octets;
  if (HAS_WIDE_CHECKSUM && left > BLOCK_OCTETS) {
    const blocks = blocksOf(octets);
    total = sumBlocks(at, at + blocks);
    at += blocks;
    left -= blocks;
  }
  while (left >= 20) {
    total +=
      <u64>load<u32>(at, 16) + <u64>load<u32>(at) + <u64>load<u32>(at, 4) + <u64>load<u32>(at, 8) +
      <u64>load<u32>(at, 12);
    at += 20;
    left -= 20;
  }
  while (left >= 4) {
    total += <u64>load<u32>(at);
    at += 4;
    left -= 4;
  }
  if (left & 2) {
    total += <u64>load<u16>(at);
    at += 2;
  }
  if (left & 1) total += <u64>load<u8>(at);
  return total;
}

/**
 * How many of `octets` octets, at least one, are whole blocks: without the last octet, because the
 * last load of a block reads one beyond it.
 */
@inline function blocksOf(octets: u32): u32 {
  return (octets - 1) / BLOCK_OCTETS * BLOCK_OCTETS;
}

/**
 * The same over blocks, one or more, up to `end`, where an octet more is read; below 2^57.
 *
 * What counts in an interpreter is how many operations there are, so words of eight octets are
 * added as they are, although of each only seven are new: its highest octet is the lowest one of
 * the next word, and the sums overflow. That is set right at the end. Modulo 256, the highest
 * octets of all even words are together the lowest octets of all odd ones, that is, of `odd`. Taken
 * off the highest octet of `even`, they leave there what the seven octets below have carried, which
 * is less than 256 since there are at most 256 even words. It is the same with `odd`, but the first
 * even word lies before all odd ones, and behind the last of them lies the octet at `end`. A carry
 * out of seven octets weighs as much as one out of a single octet (2^16 counts as 1).
 *
 * Every second word begins at an odd octet, therefore there are two sums, and one is swapped. The
 * highest offset comes first, so that a compiler can drop the other bounds checks of the round. In
 * pairs, because V8 takes 5 % less for them than for a chain.
 */
@inline function sumBlocks(at: usize, end: usize): u64 {
  const first = load<u8>(at);
  let even: u64 = 0;
  let odd: u64 = 0;
  do {
    odd +=
      (load<u64>(at, 105) + load<u64>(at, 7)) + (load<u64>(at, 21) + load<u64>(at, 35)) +
      (load<u64>(at, 49) + load<u64>(at, 63)) + (load<u64>(at, 77) + load<u64>(at, 91));
    even +=
      (load<u64>(at) + load<u64>(at, 14)) + (load<u64>(at, 28) + load<u64>(at, 42)) +
      (load<u64>(at, 56) + load<u64>(at, 70)) + (load<u64>(at, 84) + load<u64>(at, 98));
    at += BLOCK_OCTETS;
  } while (at != end);
  const evenCarries = ((even >> 56) - odd) & 0xff;
  const oddCarries = ((odd >> 56) - even + <u64>first - <u64>load<u8>(end)) & 0xff;
  const swapped = <u64>swap16(fold((odd & SEVEN_OCTETS) + (oddCarries << 8)));
  return (even & SEVEN_OCTETS) + (evenCarries << 8) + swapped;
}

/** As `sum` over more than a block, without a call, and with the last octets in one access. */
@inline function sumLong(at: usize, octets: u32): u64 {
  const blocks = blocksOf(octets);
  const end = at + octets;
  let total = sumBlocks(at, at + blocks);
  let left = octets - blocks;
  for (; left >= 8; left -= 8) {
    const word = load<u64>(end - left);
    total += (word & LOWER_HALF) + (word >> 32);
  }
  // With some of those before them they are a word.
  const rest = load<u64>(end - 8) >> (<u64>(8 - left) << 3);
  return left == 0 ? total : total + (rest & LOWER_HALF) + (rest >> 32);
}

/**
 * Copies the text of a segment and returns what `sum` says of it. What is short is copied word by
 * word, as it is summed, without a call: compilers make a call of each `memory.copy`, which takes
 * V8 5 ns.
 */
@inline export function copyAndSum(to: usize, from: usize, octets: u32): u64 {
  if (HAS_NATIVE_CHECKSUM && octets >= NATIVE_OCTETS_MIN) {
    copyOctets(to, from, octets);
    return <u64>checksum(from, octets);
  }
  if (octets > BLOCK_OCTETS) {
    const total = HAS_WIDE_CHECKSUM ? sumLong(from, octets) : sum(from, octets);
    copyOctets(to, from, octets);
    return total;
  }
  let total: u64 = 0;
  let left = octets;
  if (left >= 8) {
    // Whole words modulo 2^64, of which the upper halves count 2^32 - 1 too much each.
    let words: u64 = 0;
    let upper: u64 = 0;
    for (; left >= 32; left -= 32) {
      const first = load<u64>(from);
      const second = load<u64>(from, 8);
      const third = load<u64>(from, 16);
      const fourth = load<u64>(from, 24);
      store<u64>(to, first);
      store<u64>(to, second, 8);
      store<u64>(to, third, 16);
      store<u64>(to, fourth, 24);
      words += first + second + third + fourth;
      upper += (first >> 32) + (second >> 32) + (third >> 32) + (fourth >> 32);
      to += 32;
      from += 32;
    }
    for (; left >= 8; left -= 8) {
      const word = load<u64>(from);
      store<u64>(to, word);
      words += word;
      upper += word >> 32;
      to += 8;
      from += 8;
    }
    total += words - upper * LOWER_HALF;
  }
  return left == 0 ? total : total + copyRest(to, from, left);
}

/** The last octets, up to seven. */
@inline function copyRest(to: usize, from: usize, left: u32): u64 {
  let total: u64 = 0;
  if (left & 4) {
    const word = load<u32>(from);
    store<u32>(to, word);
    total = <u64>word;
    to += 4;
    from += 4;
  }
  if (left & 2) {
    const half = load<u16>(from);
    store<u16>(to, half);
    total += <u64>half;
    to += 2;
    from += 2;
  }
  if (left & 1) {
    const octet = load<u8>(from);
    store<u8>(to, octet);
    total += <u64>octet;
  }
  return total;
}

/**
 * The sum over a header of 20 octets and what follows it. Most often nothing does: then there is
 * neither a call nor a loop, which saves an interpreter about 450 instructions.
 */
@inline export function sumHeader(at: usize, octets: u32): u64 {
  if (!HAS_STRAIGHT) return sum(at, octets);
  const total =
    <u64>load<u32>(at, 16) + <u64>load<u32>(at) + <u64>load<u32>(at, 4) + <u64>load<u32>(at, 8) +
    <u64>load<u32>(at, 12);
  return octets == 20 ? total : total + sum(at + 20, octets - 20);
}

/** A sum folded to 16 bits with its carries added: 0xffff over data that holds its own checksum. */
@inline export function fold(total: u64): u32 {
  const half = <u32>((total + rotl<u64>(total, 32)) >> 32);
  return (half + rotl<u32>(half, 16)) >> 16;
}

/** The checksum of a sum, to be stored with `store<u16>` as it is. */
@inline export function checksumOf(total: u64): u32 {
  return fold(total) ^ 0xffff;
}
