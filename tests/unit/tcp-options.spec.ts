/**
 * Options of every kind and length: MUST-4 to MUST-7, MUST-64, MUST-69 of RFC 9293; RFC 7323 §2.2,
 * §2.3, §3.2; RFC 2018 §2, §3.
 */

import {
  MSS_OPTION_OCTETS,
  SACK_BLOCKS_MAX,
  SACK_BLOCK_OCTETS,
  SACK_HEAD_OCTETS,
  SACK_PERMITTED_OPTION_OCTETS,
  TIMESTAMPS_OPTION_OCTETS,
  TcpOptions,
  WINDOW_SCALE_OPTION_OCTETS,
  emitMss,
  emitSackBlock,
  emitSackHead,
  emitSackPermitted,
  emitTimestamps,
  emitWindowScale,
  parseOptions,
} from "../../assembly/wire/tcp-options";
import { SCRATCH, nextRandom, seed } from "./scratch";

const OPTIONS_OCTETS_MAX: u32 = 40;

/** Writes octets from a list; returns how many. */
function write(octets: StaticArray<u8>): u32 {
  memory.copy(SCRATCH, changetype<usize>(octets), octets.length);
  return octets.length;
}

function mssOf(octets: StaticArray<u8>): u32 {
  return parseOptions(SCRATCH, write(octets)).mss;
}

/** The option of this kind and length alone, its octets 1, 2, 3 …, behind `pad` No-Operations. */
function parseAlone(kind: u32, length: u32, pad: u32 = 0): TcpOptions {
  memory.fill(SCRATCH, 1, OPTIONS_OCTETS_MAX);
  store<u8>(SCRATCH + pad, <u8>kind);
  store<u8>(SCRATCH + pad + 1, <u8>length);
  for (let i: u32 = 2; i < length; ++i) store<u8>(SCRATCH + pad + i, <u8>(i - 1));
  return parseOptions(SCRATCH, OPTIONS_OCTETS_MAX);
}

/** Nothing but an MSS was found. */
function hasNothing(options: TcpOptions): bool {
  return (
    !options.hasWindowScale &&
    !options.hasTimestamps &&
    !options.isSackPermitted &&
    options.sackCount == 0
  );
}

/** The big-endian word at `at`, octet by octet. */
function wordAt(at: usize): u32 {
  return (
    ((<u32>load<u8>(at)) << 24) |
    ((<u32>load<u8>(at, 1)) << 16) |
    ((<u32>load<u8>(at, 2)) << 8) |
    (<u32>load<u8>(at, 3))
  );
}

describe("TCP options", () => {
  test("no options: no MSS", () => {
    emitMss(SCRATCH, 1460);
    expect<u32>(parseOptions(SCRATCH, 0).mss).toBe(0);
  });

  test("reads the MSS that it writes, at any alignment", () => {
    for (let alignment: u32 = 0; alignment < 8; ++alignment) {
      emitMss(SCRATCH + alignment, 0xfedc);
      expect<u32>(load<u8>(SCRATCH + alignment)).toBe(2);
      expect<u32>(load<u8>(SCRATCH + alignment + 1)).toBe(4);
      expect<u32>(parseOptions(SCRATCH + alignment, MSS_OPTION_OCTETS).mss).toBe(0xfedc);
    }
  });

  test("MSS behind any number of No-Operations, so at any alignment (MUST-64)", () => {
    for (let pad: u32 = 0; pad <= 36; ++pad) {
      memory.fill(SCRATCH, 1, OPTIONS_OCTETS_MAX);
      emitMss(SCRATCH + pad, 536 + pad);
      expect<u32>(parseOptions(SCRATCH, OPTIONS_OCTETS_MAX).mss).toBe(536 + pad);
    }
  });

  test("unknown kinds of every legal length are skipped (MUST-6)", () => {
    for (let kind: u32 = 6; kind < 256; ++kind) {
      if (kind == 8) continue;
      for (let length: u32 = 2; length <= 36; ++length) {
        // Twos, which would be taken for an MSS if they were not skipped.
        memory.fill(SCRATCH, 2, OPTIONS_OCTETS_MAX);
        store<u8>(SCRATCH, <u8>kind);
        store<u8>(SCRATCH + 1, <u8>length);
        emitMss(SCRATCH + length, 1000);
        const options = parseOptions(SCRATCH, length + 4);
        expect<u32>(options.mss).toBe(1000);
        expect<bool>(hasNothing(options)).toBe(true);
      }
    }
  });

  test("illegal lengths end the parsing and keep what was read (MUST-7)", () => {
    for (let length: u32 = 0; length < 256; ++length) {
      if (length >= 2 && length <= 36) continue;
      memory.fill(SCRATCH, 1, OPTIONS_OCTETS_MAX);
      emitMss(SCRATCH, 1200);
      store<u8>(SCRATCH + 4, 254);
      store<u8>(SCRATCH + 5, <u8>length);
      emitMss(SCRATCH + 6, 700);
      expect<u32>(parseOptions(SCRATCH, OPTIONS_OCTETS_MAX).mss).toBe(1200);
    }
  });

  test("an MSS of another length than 4 is skipped", () => {
    for (let length: u32 = 2; length <= 36; ++length) {
      memory.fill(SCRATCH, 1, OPTIONS_OCTETS_MAX);
      store<u8>(SCRATCH, 2);
      store<u8>(SCRATCH + 1, <u8>length);
      expect<u32>(parseOptions(SCRATCH, OPTIONS_OCTETS_MAX).mss).toBe(length == 4 ? 0x0101 : 0);
    }
  });

  test("every truncation of an MSS is no MSS, and nothing behind is read", () => {
    emitMss(SCRATCH, 1460);
    for (let octets: u32 = 0; octets < 4; ++octets) {
      expect<u32>(parseOptions(SCRATCH, octets).mss).toBe(0);
    }
  });

  test("a kind without room for its length ends the parsing", () => {
    expect<u32>(mssOf([2, 4, 5, 0, 254])).toBe(0x0500);
    expect<u32>(mssOf([1, 1, 1, 2])).toBe(0);
  });

  test("what is behind End of Option List is padding (MUST-69)", () => {
    expect<u32>(mssOf([0, 2, 4, 5, 180])).toBe(0);
    expect<u32>(mssOf([2, 4, 5, 180, 0, 2, 4, 1, 1])).toBe(1460);
  });

  test("the last MSS counts, and a new call forgets the one before", () => {
    expect<u32>(mssOf([2, 4, 5, 180, 2, 4, 2, 24])).toBe(536);
    expect<u32>(mssOf([1, 1, 1, 1])).toBe(0);
  });

  test("the options that Linux sends with a SYN", () => {
    // MSS, SACK permitted, timestamps, No-Operation, window scale.
    const octets = write([2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 5, 1, 3, 3, 7]);
    const options = parseOptions(SCRATCH, octets);
    expect<u32>(options.mss).toBe(1460);
    expect<bool>(options.isSackPermitted).toBe(true);
    expect<bool>(options.hasTimestamps).toBe(true);
    expect<u32>(options.tsVal).toBe(0x0102_0304);
    expect<u32>(options.tsEcr).toBe(5);
    expect<bool>(options.hasWindowScale).toBe(true);
    expect<u32>(options.windowShift).toBe(7);
    expect<u32>(options.sackCount).toBe(0);
    // And the next call forgets them all.
    expect<bool>(hasNothing(parseOptions(SCRATCH, 4))).toBe(true);
  });

  test("any octets end without a trap, for every length", () => {
    seed(5);
    let sum: u32 = 0;
    for (let round = 0; round < 2000; ++round) {
      for (let i: u32 = 0; i < OPTIONS_OCTETS_MAX; ++i) {
        const word = nextRandom();
        store<u8>(SCRATCH + i, <u8>(word & 0x100 ? word % 6 : word));
      }
      for (let octets: u32 = 0; octets <= OPTIONS_OCTETS_MAX; ++octets) {
        sum += parseOptions(SCRATCH, octets).mss;
      }
    }
    expect<bool>(sum != 0).toBe(true);
  });

  test("window scale: every shift, above 14 taken for 14 (RFC 7323 §2.3)", () => {
    for (let shift: u32 = 0; shift < 256; ++shift) {
      const options = parseOptions(SCRATCH, write([3, 3, <u8>shift, 0]));
      expect<bool>(options.hasWindowScale).toBe(true);
      expect<u32>(options.windowShift).toBe(min<u32>(shift, 14));
    }
  });

  test("an option of another length than its own is skipped, whatever the kind", () => {
    for (let length: u32 = 2; length <= 38; ++length) {
      for (let pad: u32 = 0; pad + length <= OPTIONS_OCTETS_MAX; ++pad) {
        expect<bool>(parseAlone(3, length, pad).hasWindowScale).toBe(length == 3);
        expect<bool>(parseAlone(4, length, pad).isSackPermitted).toBe(length == 2);
        expect<bool>(parseAlone(8, length, pad).hasTimestamps).toBe(length == 10);
        // 8·n + 2 (RFC 2018 §3); without blocks it says nothing.
        const isSack = length % 8 == 2 && length > 2;
        expect<u32>(parseAlone(5, length, pad).sackCount).toBe(isSack ? (length - 2) / 8 : 0);
        for (let kind: u32 = 3; kind <= 5; ++kind) {
          expect<u32>(parseAlone(kind, length, pad).mss).toBe(0);
        }
      }
    }
  });

  test("lengths 0, 1 and beyond the header end the parsing for each kind (MUST-7)", () => {
    for (let kind: u32 = 2; kind <= 8; ++kind) {
      for (let length: u32 = 0; length < 256; ++length) {
        if (length >= 2 && length <= 36) continue;
        memory.fill(SCRATCH, 1, OPTIONS_OCTETS_MAX);
        emitMss(SCRATCH, 1200);
        store<u8>(SCRATCH + 4, <u8>kind);
        store<u8>(SCRATCH + 5, <u8>length);
        emitWindowScale(SCRATCH + 8, 7);
        const options = parseOptions(SCRATCH, OPTIONS_OCTETS_MAX);
        expect<u32>(options.mss).toBe(1200);
        expect<bool>(hasNothing(options)).toBe(true);
      }
    }
  });

  test("every truncation of an option is no option", () => {
    for (let octets: u32 = 0; octets < 3; ++octets) {
      write([3, 3, 7]);
      expect<bool>(hasNothing(parseOptions(SCRATCH, octets))).toBe(true);
    }
    for (let octets: u32 = 0; octets < 2; ++octets) {
      write([4, 2]);
      expect<bool>(hasNothing(parseOptions(SCRATCH, octets))).toBe(true);
    }
    for (let octets: u32 = 0; octets < 10; ++octets) {
      write([8, 10, 1, 2, 3, 4, 5, 6, 7, 8]);
      expect<bool>(hasNothing(parseOptions(SCRATCH, octets))).toBe(true);
      write([5, 10, 1, 2, 3, 4, 5, 6, 7, 8]);
      expect<bool>(hasNothing(parseOptions(SCRATCH, octets))).toBe(true);
    }
    // As Appendix A of RFC 7323 writes it, but cut short.
    for (let octets: u32 = 0; octets < TIMESTAMPS_OPTION_OCTETS; ++octets) {
      emitTimestamps(SCRATCH, 1, 2);
      expect<bool>(hasNothing(parseOptions(SCRATCH, octets))).toBe(true);
    }
  });

  test("timestamps alone and aligned mean what they mean anywhere else", () => {
    seed(6);
    for (let round = 0; round < 20; ++round) {
      const value = nextRandom();
      const echo = nextRandom();
      for (let pad: u32 = 0; pad + TIMESTAMPS_OPTION_OCTETS <= OPTIONS_OCTETS_MAX; ++pad) {
        memory.fill(SCRATCH, 1, OPTIONS_OCTETS_MAX);
        emitTimestamps(SCRATCH + pad, value, echo);
        // Alone, it takes the short way at pad 0; with what is behind it, never.
        const alone = parseOptions(SCRATCH, pad + TIMESTAMPS_OPTION_OCTETS);
        expect<bool>(alone.hasTimestamps).toBe(true);
        expect<u32>(alone.tsVal).toBe(value);
        expect<u32>(alone.tsEcr).toBe(echo);
        expect<u32>(alone.mss).toBe(0);
        const among = parseOptions(SCRATCH, OPTIONS_OCTETS_MAX);
        expect<bool>(among.hasTimestamps).toBe(true);
        expect<u32>(among.tsVal).toBe(value);
        expect<u32>(among.tsEcr).toBe(echo);
      }
    }
  });

  test("twelve octets that only begin like aligned timestamps are read one by one", () => {
    let options = parseOptions(SCRATCH, write([1, 1, 8, 9, 1, 2, 3, 4, 5, 6, 7, 1]));
    expect<bool>(options.hasTimestamps).toBe(false);
    options = parseOptions(SCRATCH, write([1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2]));
    expect<bool>(options.hasTimestamps).toBe(false);
    expect<u32>(options.sackCount).toBe(1);
    // The short way forgets what the call before has found.
    write([2, 4, 5, 180, 3, 3, 7, 4, 2, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    options = parseOptions(SCRATCH, 20);
    expect<bool>(options.hasWindowScale && options.isSackPermitted).toBe(true);
    emitTimestamps(SCRATCH, 3, 4);
    options = parseOptions(SCRATCH, TIMESTAMPS_OPTION_OCTETS);
    expect<u32>(options.mss).toBe(0);
    expect<u32>(options.sackCount).toBe(0);
    expect<bool>(options.hasWindowScale || options.isSackPermitted).toBe(false);
    expect<bool>(options.hasTimestamps).toBe(true);
  });

  test("reads the options that it writes, at any alignment, padded to words", () => {
    for (let alignment: u32 = 0; alignment < 8; ++alignment) {
      const at = SCRATCH + alignment;
      emitWindowScale(at, 14);
      expect<u32>(wordAt(at)).toBe(0x0103_030e);
      expect<u32>(parseOptions(at, WINDOW_SCALE_OPTION_OCTETS).windowShift).toBe(14);
      emitSackPermitted(at);
      expect<u32>(wordAt(at)).toBe(0x0101_0402);
      expect<bool>(parseOptions(at, SACK_PERMITTED_OPTION_OCTETS).isSackPermitted).toBe(true);
      emitTimestamps(at, 0x0102_0304, 0xf0e0_d0c0);
      expect<u32>(wordAt(at)).toBe(0x0101_080a);
      expect<u32>(wordAt(at + 4)).toBe(0x0102_0304);
      expect<u32>(wordAt(at + 8)).toBe(0xf0e0_d0c0);
      for (let blocks: u32 = 1; blocks <= SACK_BLOCKS_MAX; ++blocks) {
        emitSackHead(at, blocks);
        for (let i: u32 = 0; i < blocks; ++i) {
          emitSackBlock(
            at + SACK_HEAD_OCTETS + i * SACK_BLOCK_OCTETS,
            0x1000_0000 + i,
            0xffff_fff0 + i,
          );
        }
        const octets = SACK_HEAD_OCTETS + blocks * SACK_BLOCK_OCTETS;
        expect<bool>(octets <= OPTIONS_OCTETS_MAX).toBe(true);
        const options = parseOptions(at, octets);
        expect<u32>(options.sackCount).toBe(blocks);
        for (let i: u32 = 0; i < blocks; ++i) {
          const block = options.sackBlocks + i * SACK_BLOCK_OCTETS;
          expect<u32>(wordAt(block)).toBe(0x1000_0000 + i);
          expect<u32>(wordAt(block + 4)).toBe(0xffff_fff0 + i);
        }
      }
    }
  });

  test("whatever is said of SACK blocks lies within the options", () => {
    seed(7);
    let found: u32 = 0;
    for (let round = 0; round < 1500; ++round) {
      for (let i: u32 = 0; i < OPTIONS_OCTETS_MAX; ++i) {
        const word = nextRandom();
        store<u8>(
          SCRATCH + i,
          word & 0x100 ? (word & 0x200 ? 5 : <u8>(2 + 8 * (word % 6))) : <u8>word,
        );
      }
      const octets = nextRandom() % (OPTIONS_OCTETS_MAX + 1);
      const options = parseOptions(SCRATCH, octets);
      if (options.sackCount == 0) continue;
      ++found;
      const end = options.sackBlocks + <u32>options.sackCount * SACK_BLOCK_OCTETS;
      expect<bool>(options.sackBlocks >= SCRATCH + 2 && end <= SCRATCH + octets).toBe(true);
    }
    expect<bool>(found > 20).toBe(true);
  });
});
