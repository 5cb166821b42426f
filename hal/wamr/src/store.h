/** Two slots of flash that give a snapshot once. See `store.c`. */
#ifndef LINGER_STORE_SLOTS_H
#define LINGER_STORE_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

/** In front of the snapshot: mark, sequence, its complement, nothing. */
#define LINGER_STORE_HEAD_OCTETS 16

/** The slot with the newest snapshot; false if there is none. */
bool linger_store_find(uint32_t *slot);

/** Erases the slot that does not hold the newest one. False if the flash has failed. */
bool linger_store_begin(uint32_t *slot);

/** The snapshot is written: from now on it is the newest. */
bool linger_store_finish(uint32_t slot);

/** Marks all as consumed, the newest last. False if the flash has failed. */
bool linger_store_consume(void);

#endif
