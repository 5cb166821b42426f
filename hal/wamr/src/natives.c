/**
 * What a module may have the firmware do for it, when it was built for that: sums and copies of long
 * blocks (`hal/README.md`, "Imports on request"). Called by both engines, which check the bounds.
 *
 * A board that sums or copies otherwise, by DMA, defines these functions itself: they are weak.
 */
#include <string.h>

#include "engine.h"

/** The word at an address, which need not be aligned. */
static inline uint32_t word_at(const uint8_t *from) {
  uint32_t word;
  memcpy(&word, from, sizeof word);
  return word;
}

/** Eight words a step: half the instructions of one word a step (929 for 1,460 octets on x86-64). */
__attribute__((weak)) uint32_t linger_hal_checksum(const uint8_t *from, uint32_t octets) {
  uint64_t total = 0;
  for (; octets >= 32; octets -= 32) {
    total += word_at(from);
    total += word_at(from + 4);
    total += word_at(from + 8);
    total += word_at(from + 12);
    total += word_at(from + 16);
    total += word_at(from + 20);
    total += word_at(from + 24);
    total += word_at(from + 28);
    from += 32;
  }
  for (; octets >= 4; octets -= 4) {
    total += word_at(from);
    from += 4;
  }
  uint32_t rest = 0;
  memcpy(&rest, from, octets);
  total += rest;
  while (total > UINT16_MAX) total = (total & UINT16_MAX) + (total >> 16);
  return (uint32_t)total;
}

__attribute__((weak)) void linger_hal_copy(uint8_t *to, const uint8_t *from, uint32_t octets) {
  memmove(to, from, octets);
}
