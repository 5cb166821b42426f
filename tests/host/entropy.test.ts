/** Entropy: repeatable by seed, and spread over all 32 bits. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SeededEntropy, SystemEntropy, type Entropy } from "../../hal/host/entropy.ts";

function words(entropy: Entropy, count: number): number[] {
  return Array.from({ length: count }, () => entropy.word());
}

/** For each bit, the fraction of words that have it set. */
function bitShares(drawn: number[]): number[] {
  return Array.from({ length: 32 }, (_, bit) => {
    return drawn.filter((word) => (word >>> bit) & 1).length / drawn.length;
  });
}

describe("SeededEntropy", () => {
  test("the same seed gives the same words, another one others", () => {
    assert.deepEqual(words(new SeededEntropy(7), 50), words(new SeededEntropy(7), 50));
    assert.notDeepEqual(words(new SeededEntropy(7), 50), words(new SeededEntropy(8), 50));
  });

  test("the words of a seed never change: recorded runs depend on them", () => {
    assert.deepEqual(words(new SeededEntropy(1), 3), [1580013426, 350525680, 3524174333]);
  });

  test("every bit is set in about half of the words, and neighbours differ", () => {
    for (const seed of [0, 1, 0xffffffff]) {
      const drawn = words(new SeededEntropy(seed), 20_000);
      for (const share of bitShares(drawn)) assert.ok(share > 0.48 && share < 0.52, `${share}`);
      assert.ok(new Set(drawn).size > 19_980);
    }
  });

  test("below and fraction stay in their ranges; a drawn seed can be used again", () => {
    const entropy = new SeededEntropy();
    for (let round = 0; round < 1000; round++) {
      assert.ok(entropy.below(3) < 3);
      const fraction = entropy.fraction();
      assert.ok(fraction >= 0 && fraction < 1);
    }
    const seed = entropy.seed;
    assert.deepEqual(words(new SeededEntropy(seed), 9), words(new SeededEntropy(seed), 9));
  });
});

test("SystemEntropy gives u32 words that do not repeat", () => {
  const drawn = words(new SystemEntropy(), 4000);
  assert.ok(drawn.every((word) => Number.isInteger(word) && word >= 0 && word <= 0xffffffff));
  assert.ok(new Set(drawn).size > 3990);
  for (const share of bitShares(drawn)) assert.ok(share > 0.4 && share < 0.6, `${share}`);
});
