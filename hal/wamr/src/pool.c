/**
 * An allocator that is made for what WAMR does while it loads a module: a thousand small tables that
 * stay, and between them some that are soon freed.
 *
 * A block is a header of 16 bits and what the caller gets, which is aligned to a grain: a pointer's
 * size. (WAMR's structures with 64-bit members need no more on a 32-bit machine: a Cortex-M reads
 * two words from any word's address.) WAMR's own allocator has a header of 4 octets, grains of 8,
 * and no block below 16: two thirds more for the tables of a function.
 *
 * Allocating takes the lowest free block that is large enough, so that holes fill with what comes
 * next. Neighbours that are free become one when they are passed. Above the blocks nothing is
 * written down; from the top come linear memory and the classic interpreter's copy of the module, so
 * that the loader works where linear memory comes to lie afterwards.
 */
#include "pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifndef LINGER_POOL_OCTETS
#error "LINGER_POOL_OCTETS: what WAMR may allocate, linear memory included"
#endif

#define GRAIN ((uint32_t)sizeof(void *))
#define HEADER ((uint32_t)sizeof(uint16_t))
#define USED 1u
#define GRAINS_SHIFT 1
#define GRAINS_MAX 0x7fffu
/** The first header lies so that what comes after it is aligned. */
#define BOTTOM (GRAIN - HEADER)
/** For linear memory. */
#define TOP_ALIGNMENT 8u

static struct {
  uint64_t octets[LINGER_POOL_OCTETS / sizeof(uint64_t)];
  /* Offsets into it; 0 before the first use. */
  uint32_t lowest_free;
  uint32_t end;
  uint32_t taken;
  uint32_t least_free;
} pool;

static uint16_t *header_at(uint32_t offset) {
  return (uint16_t *)(void *)((uint8_t *)pool.octets + offset);
}

static uint32_t octets_at(uint32_t offset) {
  return (uint32_t)(*header_at(offset) >> GRAINS_SHIFT) * GRAIN;
}

static bool is_used(uint32_t offset) {
  return (*header_at(offset) & USED) != 0;
}

static void write_header(uint32_t offset, uint32_t octets, uint32_t used) {
  *header_at(offset) = (uint16_t)(octets / GRAIN << GRAINS_SHIFT | used);
}

static uint32_t offset_of(const void *block) {
  return (uint32_t)((const uint8_t *)block - (const uint8_t *)pool.octets) - HEADER;
}

static uint32_t between(void) {
  return (uint32_t)sizeof pool.octets - pool.taken - pool.end;
}

static void note_least(void) {
  if (pool.least_free == 0 || between() < pool.least_free) pool.least_free = between();
}

/** To the alignment of what is taken from the top. */
static uint32_t round_up(uint32_t octets) {
  return (octets + TOP_ALIGNMENT - 1) & ~(TOP_ALIGNMENT - 1);
}

static void *taken_last(void) {
  return (uint8_t *)pool.octets + sizeof pool.octets - pool.taken;
}

static void begin(void) {
  if (pool.end == 0) pool.end = pool.lowest_free = BOTTOM;
}

/** Makes one of a free block and those behind it that are free too; true if they were the last. */
static bool join(uint32_t offset) {
  uint32_t octets = octets_at(offset);
  for (uint32_t next = offset + octets; next < pool.end && !is_used(next);) {
    if (octets + octets_at(next) > GRAINS_MAX * GRAIN) break;
    octets += octets_at(next);
    next = offset + octets;
  }
  if (offset + octets == pool.end) {
    pool.end = offset;
    return true;
  }
  write_header(offset, octets, 0);
  return false;
}

/** The lowest free block of so many octets, or the end. */
static uint32_t find(uint32_t octets) {
  uint32_t at = pool.lowest_free;
  bool is_first = true;
  while (at < pool.end) {
    if (!is_used(at)) {
      if (join(at)) break;
      if (octets_at(at) >= octets) break;
      is_first = false;
    } else if (is_first) {
      pool.lowest_free = at + octets_at(at);
    }
    at += octets_at(at);
  }
  return at;
}

void *linger_pool_allocate(unsigned wanted) {
  begin();
  if (wanted > GRAINS_MAX * GRAIN - HEADER) return NULL;
  const uint32_t octets = (wanted + HEADER + GRAIN - 1) / GRAIN * GRAIN;
  const uint32_t at = find(octets);
  if (at < pool.end) {
    const uint32_t rest = octets_at(at) - octets;
    if (rest > 0) write_header(at + octets, rest, 0);
  } else {
    if (octets > between()) return NULL;
    pool.end = at + octets;
    note_least();
  }
  write_header(at, octets, USED);
  return (uint8_t *)pool.octets + at + HEADER;
}

void linger_pool_free(void *block) {
  if (block == NULL) return;
  const uint32_t at = offset_of(block);
  write_header(at, octets_at(at), 0);
  if (at < pool.lowest_free) pool.lowest_free = at;
  (void)join(at);
}

void *linger_pool_reallocate(void *block, unsigned octets) {
  if (block == NULL) return linger_pool_allocate(octets);
  const uint32_t had = octets_at(offset_of(block)) - HEADER;
  if (octets <= had) return block;
  void *const larger = linger_pool_allocate(octets);
  if (larger == NULL) return NULL;
  memcpy(larger, block, had);
  linger_pool_free(block);
  return larger;
}

void *linger_pool_take(uint32_t wanted) {
  begin();
  (void)find(UINT32_MAX); // what is free at the end becomes room
  const uint32_t octets = round_up(wanted);
  if (octets < wanted || octets > between()) return NULL;
  pool.taken += octets;
  note_least();
  return taken_last();
}

void linger_pool_give_back(const void *block, uint32_t octets) {
  if (block == taken_last()) pool.taken -= round_up(octets);
}

struct linger_pool_state linger_pool_state(void) {
  return (struct linger_pool_state){sizeof pool.octets, pool.least_free};
}
