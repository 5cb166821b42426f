/**
 * The memory of an interpreter: WAMR's tables and translated code from the bottom, large blocks from
 * the top. Called by `engine-wamr.c`, by WAMR through its allocator's functions, and by
 * `platform/platform.c` for linear memory.
 */
#ifndef LINGER_POOL_H
#define LINGER_POOL_H

#include <stdint.h>

/** For WAMR: from the bottom, up to 128 KB at once (twice that with 64 bits). NULL: no room. */
void *linger_pool_allocate(unsigned octets);
void *linger_pool_reallocate(void *block, unsigned octets);
void linger_pool_free(void *block);

/** From the top, of any size; NULL: no room. Only the one that was taken last can be given back. */
void *linger_pool_take(uint32_t octets);
void linger_pool_give_back(const void *block, uint32_t octets);

/** Octets of the pool, and how many have lain free between bottom and top at least. */
struct linger_pool_state {
  uint32_t octets;
  uint32_t least_free;
};
struct linger_pool_state linger_pool_state(void);

#endif
