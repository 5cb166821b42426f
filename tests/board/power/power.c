/**
 * Snapshots on a flash whose power is cut at every single operation, what was being done left half
 * done: the store and the format of `hal/wamr/src`, with a module that is only memory.
 *
 * Built and run by `everywhere/power.test.ts`. Ends with status 1 and the first thing that is wrong.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "linger-store.h"
#include "sha256.h"
#include "snapshot.h"

#define IMAGE_OCTETS 4096u
#define SLOT_AT 1026u
#define SLOT_OCTETS 590u
#define FLASH_WORDS 1024u
#define SLOTS 2
#define SECOND_WORDS 6u
#define UNLIMITED UINT32_MAX
#define DIGESTS 200u

static uint8_t image[IMAGE_OCTETS];
static uint32_t kept[5];
static uint32_t flash[SLOTS][FLASH_WORDS];
/** So often each slot was erased. */
static uint32_t erasures[SLOTS];
/** Operations until the power is cut. */
static uint32_t budget;
static jmp_buf cut;
static uint32_t seed = 1;

static const struct linger_application application = {NULL, NULL, kept, sizeof kept};
static const struct linger_settings settings = {.application = &application};

static uint32_t random_word(void) {
  seed = seed * 1664525u + 1013904223u;
  return seed ^ seed >> 15;
}

static void fail(const char *why, uint32_t at) {
  fprintf(stderr, "%s, cut at %u\n", why, (unsigned)at);
  exit(1);
}

/* The module. */

int32_t linger_limit(uint32_t which) {
  if (which == LINGER_LIMIT_RX_SLOT_COUNT) return 1;
  return which == LINGER_LIMIT_RX_SLOT_SIZE ? (int32_t)SLOT_OCTETS : 7;
}

int32_t linger_rx_slot_address(uint32_t slot) {
  return slot == 0 ? (int32_t)SLOT_AT : LINGER_STATUS_BAD_ARGUMENT;
}

void *linger_memory(uint32_t address, uint32_t octets) {
  return address + octets <= IMAGE_OCTETS ? image + address : NULL;
}

uint32_t linger_engine_image_octets(void) {
  return IMAGE_OCTETS;
}

void linger_engine_digest(const struct linger_module *module, uint8_t digest[32]) {
  (void)module;
  memset(digest, 0x5a, 32);
}

bool linger_engine_has_globals(const struct linger_module *module) {
  (void)module;
  return false;
}

bool linger_engine_has_application(void) {
  return false;
}

/* The flash. */

uint32_t linger_port_store_octets(void) {
  return 4 * FLASH_WORDS;
}

bool linger_port_store_read(uint32_t slot, uint32_t at, uint32_t *words, uint32_t count) {
  if (at % 4 != 0 || at / 4 + count > FLASH_WORDS) fail("a read outside of the slot", at);
  memcpy(words, &flash[slot][at / 4], 4 * count);
  if (budget != UNLIMITED && budget-- == 0) longjmp(cut, 1);
  return true;
}

bool linger_port_store_erase(uint32_t slot) {
  ++erasures[slot];
  for (uint32_t i = 0; i < FLASH_WORDS; ++i) {
    if (budget == 0) flash[slot][i] |= random_word() | random_word();
    else flash[slot][i] = UINT32_MAX;
  }
  if (budget != UNLIMITED && budget-- == 0) longjmp(cut, 1);
  return true;
}

bool linger_port_store_program(uint32_t slot, uint32_t at, const uint32_t *words, uint32_t count) {
  if (at % 4 != 0 || at / 4 + count > FLASH_WORDS) fail("a write outside of the slot", at);
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t *const place = &flash[slot][at / 4 + i];
    const bool is_second = *place != UINT32_MAX;
    if (is_second && (words[i] != 0 || at / 4 + i >= SECOND_WORDS)) fail("programmed twice", at);
    if (budget != UNLIMITED && budget-- == 0) {
      *place &= words[i] | random_word();
      longjmp(cut, 1);
    }
    *place &= words[i];
  }
  return true;
}

/* What is tried. */

/** A state by its number: sparse, dense and empty parts; what a slot holds does not count. */
static void be(uint32_t generation) {
  memset(image, 0, sizeof image);
  for (uint32_t i = 0; i < 700; ++i) image[i] = (uint8_t)(i * generation + 1);
  for (uint32_t i = 2000; i < IMAGE_OCTETS; i += 97) image[i] = (uint8_t)generation;
  for (uint32_t i = 0; i < 5; ++i) kept[i] = generation * 1000 + i;
}

static bool is(uint32_t generation) {
  static uint8_t here[IMAGE_OCTETS];
  uint32_t kept_here[5];
  memcpy(here, image, sizeof here);
  memcpy(kept_here, kept, sizeof kept);
  be(generation);
  const bool is_same = memcmp(here, image, sizeof here) == 0 &&
                       memcmp(kept_here, kept, sizeof kept) == 0;
  memcpy(image, here, sizeof here);
  memcpy(kept, kept_here, sizeof kept);
  return is_same;
}

/** Octets of the snapshot that was saved last. */
static uint32_t octets;

static enum linger_snapshot save(uint32_t generation) {
  be(generation);
  memset(image + SLOT_AT, 0xee, SLOT_OCTETS);
  return linger_snapshot_save(&settings, generation * 7, &octets);
}

/** The generation that a start of the board takes up; 0 if it begins anew. */
static uint32_t start(uint32_t at) {
  uint32_t module_ms = 0;
  memset(image, 0xdd, sizeof image);
  memset(kept, 0, sizeof kept);
  if (linger_snapshot_take(&settings, &module_ms) != LINGER_SNAPSHOT_OK) return 0;
  const uint32_t generation = module_ms / 7;
  if (!is(generation)) fail("a state that never was", at);
  return generation;
}

enum before { NOTHING, UNUSED, USED, BEFORES };

/** Generation 1 is there or not, and whether a start has used it. */
static void prepare(enum before before) {
  budget = UNLIMITED;
  memset(flash, 0, sizeof flash);
  if (before == NOTHING) return;
  if (save(1) != LINGER_SNAPSHOT_OK) fail("it is not saved", 0);
  if (before == USED && start(0) != 1) fail("it is not taken up", 0);
}

/** False once the save came to its end before the cut. */
static bool cut_save(enum before before, uint32_t at) {
  volatile bool is_saved = false;
  prepare(before);
  budget = at;
  if (setjmp(cut) == 0) is_saved = save(2) == LINGER_SNAPSHOT_OK;
  budget = UNLIMITED;
  const uint32_t first = start(at);
  if (first == 1 && before != UNUSED) fail("a used snapshot came back", at);
  if (first == 0 && before == UNUSED) fail("both are lost", at);
  if (is_saved && first != 2) fail("a saved snapshot is lost", at);
  if (start(at) != 0) fail("taken up twice", at);
  return !is_saved;
}

static bool is_untouched(void) {
  for (uint32_t i = 0; i < IMAGE_OCTETS; ++i) {
    if (image[i] != 0xdd) return false;
  }
  return true;
}

/** False once the start, with an older snapshot beside the newest, came to its end before the cut. */
static bool cut_start(uint32_t at) {
  volatile uint32_t given = 0;
  prepare(UNUSED);
  if (save(2) != LINGER_SNAPSHOT_OK) fail("it is not saved", at);
  budget = at;
  if (setjmp(cut) == 0) given = start(at);
  budget = UNLIMITED;
  const bool was_touched = !is_untouched();
  const uint32_t second = start(at);
  if (given == 1 || second == 1) fail("the older one came back", at);
  if (was_touched && second != 0) fail("used before it was consumed", at);
  if (start(at) != 0) fail("taken up twice", at);
  return given == 0;
}

/** Any bit of a snapshot that is wrong has it refused. */
static void damage(void) {
  prepare(UNUSED);
  for (uint32_t at = 16; at < 16 + octets; ++at) {
    prepare(UNUSED);
    ((uint8_t *)flash[0])[at] ^= (uint8_t)(1u << at % 8);
    if (start(at) != 0) fail("a damaged snapshot is taken up", at);
  }
}

/** A board that sleeps and wakes, again and again, wears both slots alike. */
static void wear(void) {
  prepare(NOTHING);
  erasures[0] = erasures[1] = 0;
  for (uint32_t generation = 1; generation <= 100; ++generation) {
    if (save(generation) != LINGER_SNAPSHOT_OK) fail("it is not saved", generation);
    if (start(generation) != generation) fail("it is not taken up", generation);
  }
  if (erasures[0] != 50 || erasures[1] != 50) fail("one slot wears more", erasures[0]);
}

static void print_digests(void) {
  uint8_t text[DIGESTS];
  uint8_t digest[LINGER_SHA256_OCTETS];
  for (uint32_t length = 0; length < DIGESTS; ++length) {
    text[length] = (uint8_t)(length * 37);
    linger_sha256(text, length, digest);
    for (uint32_t i = 0; i < LINGER_SHA256_OCTETS; ++i) printf("%02x", digest[i]);
    printf("\n");
  }
}

int main(void) {
  uint32_t cuts = 0;
  for (uint32_t round = 0; round < 20; ++round) {
    for (enum before before = NOTHING; before < BEFORES; ++before) {
      for (uint32_t at = 0; cut_save(before, at); ++at) ++cuts;
    }
    for (uint32_t at = 0; cut_start(at); ++at) ++cuts;
  }
  damage();
  wear();
  print_digests();
  printf("%u cuts\n", (unsigned)cuts);
  return 0;
}
