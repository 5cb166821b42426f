/**
 * The board's flash for snapshots (`docs/snapshots.md`): what a port implements beside
 * `linger-port.h` if the firmware is built with SNAPSHOTS. NOR flash, or what behaves like it.
 *
 * There are two slots, 0 and 1, of which no erased sector is in both. `at` is a place in a slot, a
 * multiple of 4. False: the flash has failed.
 */
#ifndef LINGER_STORE_H
#define LINGER_STORE_H

#include <stdbool.h>
#include <stdint.h>

/** Octets of a slot. */
uint32_t linger_port_store_octets(void);

/** All bits of the slot are 1 afterwards. */
bool linger_port_store_erase(uint32_t slot);

/**
 * Clears the bits that are 0 in `words`, and returns when that survives a power cut. Each place is
 * programmed once after it was erased, and the first six words of a slot a second time, with zeros.
 */
bool linger_port_store_program(uint32_t slot, uint32_t at, const uint32_t *words, uint32_t count);

bool linger_port_store_read(uint32_t slot, uint32_t at, uint32_t *words, uint32_t count);

#endif
