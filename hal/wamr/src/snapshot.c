/**
 * Writes the module's memory into a slot of the store and takes it up again: the format of
 * `docs/snapshots.md`, word by word, so that no copy of it is ever in RAM.
 *
 * Called by the loop in `hal.c`. All numbers of the format are little-endian, as is the memory of a
 * module and of every processor that this HAL runs on.
 */
#include "snapshot.h"

#include <stddef.h>
#include <string.h>

#include "engine.h"
#include "linger-store.h"
#include "sha256.h"
#include "store.h"

#define MAGIC_FIRST 0x4e534c89u
#define MAGIC_SECOND 0x1a0a0d50u
#define FORMAT_VERSION 1u
#define LIMIT_COUNT (LINGER_LIMIT_FEATURES + 1u)
#define DIGEST_WORDS (LINGER_SHA256_OCTETS / 4)
#define HEADER_OCTETS (80u + 4u * LIMIT_COUNT)
/** This HAL's own part begins with "WAMR" and what the application keeps, in octets. */
#define OWN_MARK 0x524d4157u
#define OWN_HEAD_OCTETS 8u
#define RUN_HEAD_OCTETS 8u
#define CHECK_OCTETS 4u
/** More zeros than this end a run: its head costs as much. */
#define GAP_WORDS 4u
#define BUFFER_WORDS 16u

/** A snapshot that is being written or read, from its first word to its last. */
struct stream {
  uint32_t slot;
  /** The place of the next word. */
  uint32_t at;
  uint32_t lanes[4];
  uint32_t words[BUFFER_WORDS];
  bool is_well;
};

/** The memory that counts. What lies in the receive slots is no state, and counts as zeros. */
struct image {
  uint8_t *octets;
  uint32_t size;
  uint32_t slots_begin;
  uint32_t slots_end;
};

static uint32_t mix(uint32_t lane, uint32_t word) {
  lane = (lane ^ word) * 0x9e3779b1u;
  return lane ^ lane >> 15;
}

static void begin(struct stream *stream, uint32_t slot, uint32_t octets) {
  memset(stream, 0, sizeof *stream);
  stream->slot = slot;
  stream->lanes[0] = octets - CHECK_OCTETS;
  stream->is_well = true;
}

static uint32_t check_of(const struct stream *stream) {
  uint32_t check = stream->lanes[0];
  for (uint32_t i = 1; i < 4; ++i) check = mix(check, stream->lanes[i]);
  return check;
}

/** Programs what the buffer holds. */
static void flush(struct stream *stream) {
  const uint32_t index = stream->at / 4 % BUFFER_WORDS;
  const uint32_t count = index == 0 ? BUFFER_WORDS : index;
  const uint32_t to = LINGER_STORE_HEAD_OCTETS + stream->at - 4 * count;
  if (!linger_port_store_program(stream->slot, to, stream->words, count)) stream->is_well = false;
}

static void put(struct stream *stream, uint32_t word) {
  const uint32_t index = stream->at / 4;
  stream->words[index % BUFFER_WORDS] = word;
  stream->lanes[index % 4] = mix(stream->lanes[index % 4], word);
  stream->at += 4;
  if (stream->at / 4 % BUFFER_WORDS == 0) flush(stream);
}

static uint32_t get(struct stream *stream) {
  const uint32_t index = stream->at / 4;
  if (index % BUFFER_WORDS == 0) {
    const uint32_t from = LINGER_STORE_HEAD_OCTETS + stream->at;
    const uint32_t left = (linger_port_store_octets() - from) / 4;
    const uint32_t count = left < BUFFER_WORDS ? left : BUFFER_WORDS;
    if (!linger_port_store_read(stream->slot, from, stream->words, count)) stream->is_well = false;
  }
  const uint32_t word = stream->words[index % BUFFER_WORDS];
  stream->lanes[index % 4] = mix(stream->lanes[index % 4], word);
  stream->at += 4;
  return word;
}

static struct image find_image(void) {
  struct image image;
  const uint32_t last = (uint32_t)linger_limit(LINGER_LIMIT_RX_SLOT_COUNT) - 1;
  const uint32_t slot_octets = (uint32_t)linger_limit(LINGER_LIMIT_RX_SLOT_SIZE);
  image.size = linger_engine_image_octets();
  image.octets = linger_memory(0, image.size);
  // A slot begins at 2 mod 4, and the two octets in front of it are no state either.
  image.slots_begin = (uint32_t)linger_rx_slot_address(0) - 2;
  image.slots_end = ((uint32_t)linger_rx_slot_address(last) + slot_octets + 3) & ~UINT32_C(3);
  return image;
}

static uint32_t word_of(const struct image *image, uint32_t at) {
  uint32_t word;
  if (at >= image->slots_begin && at < image->slots_end) return 0;
  memcpy(&word, image->octets + at, sizeof word);
  return word;
}

/** The first run from `*from` on; false if there is none any more. Short gaps are part of a run. */
static bool next_run(const struct image *image, uint32_t *from, uint32_t *end) {
  uint32_t zeros = 0;
  while (*from < image->size && word_of(image, *from) == 0) *from += 4;
  if (*from >= image->size) return false;
  *end = *from + 4;
  for (uint32_t at = *end; at < image->size && zeros <= GAP_WORDS; at += 4) {
    if (word_of(image, at) == 0) {
      ++zeros;
    } else {
      *end = at + 4;
      zeros = 0;
    }
  }
  return true;
}

/** What the application in C keeps, if there is one. */
static const struct linger_application *application_of(const struct linger_settings *settings) {
  return linger_engine_has_application() ? NULL : settings->application;
}

static uint32_t kept_octets(const struct linger_settings *settings) {
  const struct linger_application *const application = application_of(settings);
  return application == NULL ? 0 : application->kept_octets;
}

static uint32_t own_octets(const struct linger_settings *settings) {
  return OWN_HEAD_OCTETS + ((kept_octets(settings) + 3) & ~UINT32_C(3));
}

static void put_header(struct stream *stream, const struct linger_settings *settings,
                       const uint32_t numbers[4]) {
  uint32_t digest[DIGEST_WORDS];
  linger_engine_digest(&settings->module, (uint8_t *)digest);
  put(stream, MAGIC_FIRST);
  put(stream, MAGIC_SECOND);
  put(stream, FORMAT_VERSION | HEADER_OCTETS << 16);
  put(stream, LINGER_ABI_VERSION);
  for (uint32_t i = 0; i < DIGEST_WORDS; ++i) put(stream, digest[i]);
  put(stream, 0); // no board here knows the time of day
  put(stream, 0);
  put(stream, numbers[0]);
  put(stream, numbers[1]);
  put(stream, numbers[2]);
  put(stream, own_octets(settings));
  put(stream, numbers[3]);
  put(stream, LIMIT_COUNT);
  for (uint32_t i = 0; i < LIMIT_COUNT; ++i) put(stream, (uint32_t)linger_limit(i));
}

static void put_kept(struct stream *stream, const struct linger_settings *settings) {
  const uint32_t octets = kept_octets(settings);
  put(stream, OWN_MARK);
  put(stream, octets);
  for (uint32_t at = 0; at < octets; at += 4) {
    uint32_t word = 0;
    const uint32_t count = octets - at < 4 ? octets - at : 4;
    memcpy(&word, (const uint8_t *)application_of(settings)->kept + at, count);
    put(stream, word);
  }
}

static void put_runs(struct stream *stream, const struct image *image) {
  uint32_t end;
  for (uint32_t from = 0; next_run(image, &from, &end); from = end) {
    put(stream, from);
    put(stream, end - from);
    for (uint32_t at = from; at < end; at += 4) put(stream, word_of(image, at));
  }
}

enum linger_snapshot linger_snapshot_save(const struct linger_settings *settings,
                                          uint32_t module_ms, uint32_t *octets) {
  struct stream stream;
  uint32_t slot;
  uint32_t end;
  uint32_t runs = 0;
  if (linger_engine_has_globals(&settings->module)) return LINGER_SNAPSHOT_GLOBALS;
  const struct image image = find_image();
  *octets = HEADER_OCTETS + own_octets(settings) + CHECK_OCTETS;
  for (uint32_t from = 0; next_run(&image, &from, &end); from = end) {
    ++runs;
    *octets += RUN_HEAD_OCTETS + end - from;
  }
  if (LINGER_STORE_HEAD_OCTETS + *octets > linger_port_store_octets()) return LINGER_SNAPSHOT_SIZE;
  if (!linger_store_begin(&slot)) return LINGER_SNAPSHOT_STORE;
  const uint32_t numbers[4] = {module_ms, image.size, *octets, runs};
  begin(&stream, slot, *octets);
  put_header(&stream, settings, numbers);
  put_kept(&stream, settings);
  put_runs(&stream, &image);
  put(&stream, check_of(&stream));
  if (stream.at / 4 % BUFFER_WORDS != 0) flush(&stream);
  if (stream.is_well && linger_store_finish(slot)) return LINGER_SNAPSHOT_OK;
  linger_store_consume(); // the stack goes on, so nothing may be taken up any more
  return LINGER_SNAPSHOT_STORE;
}

/** What the header says; the check has been made. */
static enum linger_snapshot read_header(struct stream *stream,
                                        const struct linger_settings *settings,
                                        uint32_t numbers[4]) {
  uint32_t digest[DIGEST_WORDS];
  bool is_ours = true;
  linger_engine_digest(&settings->module, (uint8_t *)digest);
  if (get(stream) != MAGIC_FIRST || get(stream) != MAGIC_SECOND) return LINGER_SNAPSHOT_FORMAT;
  if (get(stream) != (FORMAT_VERSION | HEADER_OCTETS << 16)) return LINGER_SNAPSHOT_VERSION;
  if (get(stream) != LINGER_ABI_VERSION) return LINGER_SNAPSHOT_VERSION;
  for (uint32_t i = 0; i < DIGEST_WORDS; ++i) is_ours &= get(stream) == digest[i];
  get(stream);
  get(stream);
  for (uint32_t i = 0; i < 3; ++i) numbers[i] = get(stream);
  is_ours &= get(stream) == own_octets(settings);
  numbers[3] = get(stream);
  get(stream);
  for (uint32_t i = 0; i < LIMIT_COUNT; ++i) get(stream);
  is_ours &= numbers[1] == linger_engine_image_octets();
  is_ours &= get(stream) == OWN_MARK && get(stream) == kept_octets(settings);
  return is_ours ? LINGER_SNAPSHOT_OK : LINGER_SNAPSHOT_MODULE;
}

/** Whether the octets of a slot are those that were written. */
static bool is_whole(uint32_t slot) {
  struct stream stream;
  const uint32_t room = linger_port_store_octets() - LINGER_STORE_HEAD_OCTETS;
  uint32_t total;
  if (!linger_port_store_read(slot, LINGER_STORE_HEAD_OCTETS + 64, &total, 1)) return false;
  if (total % 4 != 0 || total < HEADER_OCTETS + CHECK_OCTETS || total > room) return false;
  begin(&stream, slot, total);
  while (stream.at < total - CHECK_OCTETS) get(&stream);
  const uint32_t check = check_of(&stream);
  return get(&stream) == check && stream.is_well;
}

static void get_kept(struct stream *stream, const struct linger_settings *settings) {
  const uint32_t octets = kept_octets(settings);
  for (uint32_t at = 0; at < octets; at += 4) {
    const uint32_t word = get(stream);
    const uint32_t count = octets - at < 4 ? octets - at : 4;
    memcpy((uint8_t *)application_of(settings)->kept + at, &word, count);
  }
}

/** False if a run lies outside of the image, which the check should have found. */
static bool get_runs(struct stream *stream, const struct image *image, uint32_t runs) {
  memset(image->octets, 0, image->size);
  for (uint32_t i = 0; i < runs; ++i) {
    const uint32_t from = get(stream);
    const uint32_t octets = get(stream);
    if (from > image->size || octets > image->size - from || octets % 4 != 0) return false;
    for (uint32_t at = from; at < from + octets; at += 4) {
      const uint32_t word = get(stream);
      memcpy(image->octets + at, &word, sizeof word);
    }
  }
  return stream->is_well;
}

enum linger_snapshot linger_snapshot_take(const struct linger_settings *settings,
                                          uint32_t *module_ms) {
  struct stream stream;
  uint32_t slot;
  uint32_t numbers[4] = {0};
  if (!linger_store_find(&slot)) return LINGER_SNAPSHOT_NONE;
  if (!is_whole(slot)) return LINGER_SNAPSHOT_FORMAT;
  begin(&stream, slot, 0);
  const enum linger_snapshot verdict = read_header(&stream, settings, numbers);
  if (verdict != LINGER_SNAPSHOT_OK) return verdict;
  if (!linger_store_consume()) return LINGER_SNAPSHOT_STORE;
  const struct image image = find_image();
  get_kept(&stream, settings);
  *module_ms = numbers[0];
  return get_runs(&stream, &image, numbers[3]) ? LINGER_SNAPSHOT_OK : LINGER_SNAPSHOT_STORE;
}
