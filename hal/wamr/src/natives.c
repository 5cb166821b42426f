/**
 * What a module may have the firmware do for it, when it was built for that: sums and copies of long
 * blocks (`hal/README.md`, "Imports on request"). Called by both engines, which check the bounds.
 *
 * A board that sums or copies otherwise, by DMA, defines these functions itself: they are weak.
 */
#include <string.h>

#include "engine.h"

__attribute__((weak)) uint32_t linger_hal_checksum(const uint8_t *from, uint32_t octets) {
  uint64_t total = 0;
  for (; octets >= sizeof(uint32_t); octets -= sizeof(uint32_t)) {
    uint32_t word;
    memcpy(&word, from, sizeof word);
    total += word;
    from += sizeof word;
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
