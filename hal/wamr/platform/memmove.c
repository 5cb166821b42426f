/**
 * A memmove for boards. newlib's copies octet by octet unless both ends are word-aligned (6,186
 * instructions for 1,458 octets on a Cortex-M3); nearly all that a stack moves does not overlap, and
 * goes through memcpy (1,201).
 *
 * Called by everything that is linked with it, in the place of the libc's. Its loop must stay one:
 * it is compiled with -fno-tree-loop-distribute-patterns, or it would call itself.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

void *memmove(void *to, const void *from, size_t octets) {
  const uintptr_t distance = (uintptr_t)to - (uintptr_t)from;
  if (distance >= octets && (uintptr_t)0 - distance >= octets) return memcpy(to, from, octets);
  unsigned char *const target = to;
  const unsigned char *const source = from;
  if (distance < octets) {
    for (size_t left = octets; left > 0; --left) target[left - 1] = source[left - 1];
  } else {
    for (size_t i = 0; i < octets; ++i) target[i] = source[i];
  }
  return to;
}
