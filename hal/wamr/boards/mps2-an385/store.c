/**
 * The flash for snapshots. The board has none that a program can write: its 16 MB of PSRAM take that
 * place, which QEMU keeps in a file, and which behave like NOR flash here.
 */
#include "linger-store.h"

#include "../cortex-m/cortex-m.h"

#define PSRAM 0x21000000u
#define SLOT_OCTETS (128u << 10)

static volatile uint32_t *place(uint32_t slot, uint32_t at) {
  return &REGISTER(PSRAM + slot * SLOT_OCTETS + at);
}

uint32_t linger_port_store_octets(void) {
  return SLOT_OCTETS;
}

bool linger_port_store_erase(uint32_t slot) {
  for (uint32_t at = 0; at < SLOT_OCTETS; at += 4) *place(slot, at) = UINT32_MAX;
  return true;
}

bool linger_port_store_program(uint32_t slot, uint32_t at, const uint32_t *words, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) *place(slot, at + 4 * i) &= words[i];
  return true;
}

bool linger_port_store_read(uint32_t slot, uint32_t at, uint32_t *words, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) words[i] = *place(slot, at + 4 * i);
  return true;
}
