/**
 * lwIP's checksum for this port: words of 32 bits into a 64-bit sum, at any alignment. The best that
 * was found for lwIP in C, in every engine of the benchmark: 16 octets a step, and on a Cortex-M3
 * 64, where a longer loop costs nothing more at its start.
 */
#include "lwip/arch.h"

typedef u32_t __attribute__((aligned(1), may_alias)) word_t;
typedef u16_t __attribute__((aligned(1), may_alias)) half_t;

#ifdef NATIVE_CHECKSUM_OCTETS_MIN
/* The HAL's, from the length on from which Linger calls it. */
__attribute__((import_module("hal"), import_name("checksum"))) u32_t native_checksum(
    const void *from, u32_t octets);
#endif

#define ADD4(o) \
  sum += word[o]; \
  sum += word[o + 1]; \
  sum += word[o + 2]; \
  sum += word[o + 3];

u16_t port_chksum(const void *from, int octets) {
  const u8_t *at = from;
  unsigned long long sum = 0;
  u32_t folded;
#ifdef NATIVE_CHECKSUM_OCTETS_MIN
  if (octets >= NATIVE_CHECKSUM_OCTETS_MIN) return (u16_t)native_checksum(from, (u32_t)octets);
#endif
#ifdef __arm__
  for (; octets >= 64; octets -= 64, at += 64) {
    const word_t *word = (const word_t *)at;
    ADD4(0) ADD4(4) ADD4(8) ADD4(12)
  }
#endif
  for (; octets >= 16; octets -= 16, at += 16) {
    const word_t *word = (const word_t *)at;
    ADD4(0)
  }
  for (; octets >= 4; octets -= 4, at += 4) sum += *(const word_t *)at;
  if (octets >= 2) {
    sum += *(const half_t *)at;
    at += 2;
    octets -= 2;
  }
  if (octets) sum += *at;
  sum = (sum & 0xffffffffu) + (sum >> 32);
  sum = (sum & 0xffffffffu) + (sum >> 32);
  folded = (u32_t)sum;
  folded = (folded & 0xffff) + (folded >> 16);
  return (u16_t)((folded & 0xffff) + (folded >> 16));
}
