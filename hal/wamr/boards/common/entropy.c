/**
 * Random words for boards without a random number generator: a mixture of the seed in the settings
 * partition and of what the board's free-running counter shows at each call.
 *
 * What it is worth: the seed is as good as whoever flashes it makes it, and it must differ from
 * board to board. The counter adds little: a few bits on real hardware, where oscillators start
 * unevenly, and none in an emulator. With the same seed and the same counter a board draws the same
 * keys after each start, so who has seen one start may know the next. A product takes words from a
 * generator of its chip, or keeps a seed in flash that each start replaces.
 */
#include "entropy.h"

#include "settings.h"

#define ROUNDS 8

static uint32_t state[2];

/** SplitMix's finaliser on 32 bits (public domain): every bit of the input reaches every bit. */
static uint32_t mix(uint32_t x) {
  x = (x ^ x >> 16) * 0x7feb352du;
  x = (x ^ x >> 15) * 0x846ca68bu;
  return x ^ x >> 16;
}

uint32_t linger_mix_entropy(uint32_t noise) {
  state[0] ^= noise;
  state[1] ^= linger_settings_seed();
  for (uint32_t i = 0; i < ROUNDS; ++i) {
    state[0] = mix(state[0] + 0x9e3779b9u + state[1]);
    state[1] = mix(state[1] ^ state[0]);
  }
  return state[1];
}
