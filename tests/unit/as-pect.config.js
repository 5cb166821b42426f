/**
 * as-pect's settings for the unit tests: which files, and what stands in for the HAL.
 *
 * Read by `scripts/test-unit.mjs` through as-pect's command line.
 */
export default {
  include: ["tests/unit/**/*.include.ts"],
  disclude: [/node_modules/],
  outputBinary: false,
  async instantiate(memory, createImports, instantiate, binary) {
    let words = 0;
    const hal = {
      transmit: () => 0,
      // Words that tests can foresee: 1, 2, 3 …
      entropy: () => ++words,
    };
    return instantiate(binary, createImports({ env: { memory }, hal }));
  },
};
