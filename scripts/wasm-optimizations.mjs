/**
 * How wasm-opt is called for each profile: by scripts/build.mjs for the release modules, and by the
 * benchmark and the tests for modules that shall be like them.
 */

/** asc's output carries no list of the features it uses. */
export const WASM_FEATURES = [
  "--mvp-features",
  "--enable-bulk-memory",
  "--enable-sign-ext",
  "--enable-mutable-globals",
  "--enable-nontrapping-float-to-int",
];

/**
 * Chosen by measuring: octets of the tiny and the host module, and nanoseconds in V8 per frame (two
 * host modules exchange full segments and their acknowledgements; the least of 1,200 runs).
 *
 *     asc                   wasm-opt                    tiny    host    ns
 *     -O3 --shrinkLevel 1   none                        24,445  25,231   992
 *     -O3 --shrinkLevel 1   -Os                         24,154  24,941   947
 *     -O3 --shrinkLevel 1   -O3                         25,050  25,831   886
 *     -O3 --shrinkLevel 1   -O4                         25,125  25,906   855
 *     -O3 --shrinkLevel 1   inlining up to 400, -O3     40,448  42,012   793
 *     -O3 --shrinkLevel 0   -O3                         36,267  37,596   840
 *
 * asc's and wasm-opt's --converge change next to nothing there. On a board code is memory, in
 * WAMR's fast interpreter three octets for one, so there the smallest wins: asc's shrink level 2,
 * at which scripts/asc-transform.mjs takes `@inline` off functions, and -Oz. That took a `default`
 * of 35,989 octets to 31,974. Today that has level 1, at which functions that are called often are
 * inlined. The host has the room: its target has level 0; inlining yet more makes it larger for
 * little.
 */
const FOR_SIZE = ["-Oz", "--converge"];
/**
 * Functions up to this size are inlined wherever they are called: octets of wasm-opt's count. In
 * WAMR a function takes about 80 octets of RAM whatever its size, so fewer are less RAM in spite
 * of more code (WAMR's pool for `default`, classic: 131.8 KB with 3, 125.3 KB with 10), and a call
 * costs an interpreter as much as twenty instructions. `tiny` has to be small as a file.
 */
const inlineUpTo = (octets) => `--always-inline-max-function-size=${octets}`;
/**
 * A set and a get in the place of each tee: WAMR's fast interpreter has an operation compute right
 * into a local that is set, but copies what is teed. 3 to 4 % fewer instructions, 3 % more octets.
 */
const WITHOUT_TEES = "--untee";
export const WASM_OPTIMIZATIONS = {
  tiny: [inlineUpTo(3), ...FOR_SIZE],
  default: [inlineUpTo(10), ...FOR_SIZE],
  host: ["--low-memory-unused", "-O3", WITHOUT_TEES],
};
