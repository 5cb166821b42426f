/**
 * Reads the partitions that are flashed beside the firmware. Called by `main` once, before anything
 * else runs; never writes flash.
 */
#include "settings.h"

#include <stddef.h>
#include <string.h>

#include "../../src/report.h"

#define MAGIC 0x52474e4cu /* "LNGR" */
#define HEADER_OCTETS 12
#define CRC32_POLYNOMIAL 0xedb88320u /* ISO 3309, reflected */
#define FNV_OFFSET 2166136261u       /* FNV-1a, 32 bits */
#define FNV_PRIME 16777619u

static uint32_t seed;

struct text {
  const char *at;
  const char *end;
};

static bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/** Flash that was erased, or never written, ends the text as its end does. */
static bool is_over(const struct text *text) {
  return text->at == text->end || *text->at == '\0' || (*text->at & 0x80) != 0;
}

static bool take(struct text *text, const char *wanted) {
  const size_t length = strlen(wanted);
  if ((size_t)(text->end - text->at) < length) return false;
  if (memcmp(text->at, wanted, length) != 0) return false;
  text->at += length;
  return true;
}

static bool take_number(struct text *text, uint32_t most, uint32_t *number) {
  const char *const start = text->at;
  *number = 0;
  while (!is_over(text) && *text->at >= '0' && *text->at <= '9' && *number <= most) {
    *number = 10 * *number + (uint32_t)(*text->at++ - '0');
  }
  return text->at != start && *number <= most;
}

static bool take_address(struct text *text, uint32_t *address) {
  uint32_t part = 0;
  *address = 0;
  for (uint32_t i = 0; i < 4; ++i) {
    if (i > 0 && !take(text, ".")) return false;
    if (!take_number(text, 255, &part)) return false;
    *address = *address << 8 | part;
  }
  return true;
}

static void take_seed(struct text *text) {
  seed = FNV_OFFSET;
  while (!is_over(text) && !is_blank(*text->at)) {
    seed = (seed ^ (uint8_t)*text->at++) * FNV_PRIME;
  }
}

static bool take_setting(struct text *text, struct linger_settings *to) {
  if (take(text, "ip=")) {
    return take_address(text, &to->address) && take(text, "/") &&
           take_number(text, 30, &to->prefix_length);
  }
  if (take(text, "gateway=")) return take_address(text, &to->gateway);
  if (take(text, "msl=")) return take_number(text, 120000, &to->msl_ms);
  if (!take(text, "seed=")) return false;
  take_seed(text);
  return true;
}

const char *linger_read_settings(const char *from, uint32_t length, struct linger_settings *to) {
  struct text text = {from, from + length};
  for (;;) {
    while (!is_over(&text) && is_blank(*text.at)) ++text.at;
    if (is_over(&text)) return NULL;
    const char *const word = text.at;
    if (!take_setting(&text, to) || (!is_over(&text) && !is_blank(*text.at))) return word;
  }
}

uint32_t linger_settings_seed(void) {
  return seed;
}

static uint32_t read_u32(const uint8_t *at) {
  return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static uint32_t crc32(const uint8_t *octets, uint32_t length) {
  uint32_t crc = UINT32_MAX;
  for (uint32_t i = 0; i < length; ++i) {
    crc ^= octets[i];
    for (uint32_t bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (CRC32_POLYNOMIAL & -(crc & 1));
  }
  return ~crc;
}

bool linger_find_module(const uint8_t *partition, uint32_t octets, struct linger_module *module) {
  const uint32_t length = read_u32(partition + 4);
  if (read_u32(partition) != MAGIC) {
    linger_report("there is no module at %x: flash one", (unsigned)(uintptr_t)partition);
    return false;
  }
  if (length > octets - HEADER_OCTETS) {
    linger_report("a module of %u octets is larger than its partition", (unsigned)length);
    return false;
  }
  module->octets = partition + HEADER_OCTETS;
  module->length = length;
  if (crc32(module->octets, length) == read_u32(partition + 8)) return true;
  linger_report("the module at %x is damaged: its CRC-32 is wrong", (unsigned)(uintptr_t)partition);
  return false;
}
