/**
 * lwIP's checksum for this port: words of 32 bits into a 64-bit sum, 16 octets a step, at any
 * alignment. The best that was found for lwIP in every engine of the benchmark.
 */
#include "lwip/arch.h"

typedef u32_t __attribute__((aligned(1), may_alias)) word_t;
typedef u16_t __attribute__((aligned(1), may_alias)) half_t;

u16_t port_chksum(const void *from, int octets) {
  const u8_t *at = from;
  unsigned long long sum = 0;
  u32_t folded;
#ifdef NATIVE_CHECKSUM
  /* From this length on a call out of the module is cheaper than the loop. */
  if (octets >= NATIVE_CHECKSUM_OCTETS_MIN) return native_checksum(from, (u32_t)octets);
#endif
  for (; octets >= 16; octets -= 16, at += 16) {
    const word_t *word = (const word_t *)at;
    sum += (unsigned long long)word[0];
    sum += word[1];
    sum += word[2];
    sum += word[3];
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
