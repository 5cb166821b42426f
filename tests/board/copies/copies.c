/**
 * The boards' memcpy and memmove on a Cortex-M3, for every alignment and many lengths: the octets
 * that are asked for arrive, none beside them changes, and `to` is returned. Prints "N copies" or
 * the first that is wrong.
 *
 * Compiled and run in QEMU by ../everywhere/copies.test.ts.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENTS = 8, LENGTH_MAX = 340, LONG_FROM = 1440, LONG_TO = 1540, EDGE = 16, SHIFT_MAX = 40 };
enum { OCTETS = LONG_TO + 2 * (EDGE + ALIGNMENTS) };

static _Alignas(8) uint8_t source[OCTETS], target[OCTETS], wanted[OCTETS];
static uint32_t copies;

static void fill(uint8_t *octets, uint32_t factor) {
  for (uint32_t i = 0; i < OCTETS; ++i) octets[i] = (uint8_t)(i * factor + (i >> 8));
}

/** Octet by octet, volatile: the compiler must not make a call of memcpy of it. */
static void move_plainly(volatile uint8_t *to, const volatile uint8_t *from, uint32_t octets) {
  if (to < from) {
    for (uint32_t i = 0; i < octets; ++i) to[i] = from[i];
  } else {
    for (uint32_t i = octets; i > 0; --i) to[i - 1] = from[i - 1];
  }
}

static void judge(const char *what, const void *returned, const void *to, uint32_t from, uint32_t at,
                  uint32_t octets) {
  copies += 1;
  for (uint32_t i = 0; i < OCTETS; ++i) {
    if (target[i] == wanted[i] && returned == to) continue;
    printf("%s of %lu octets from %lu to %lu: wrong at %lu\n", what, (unsigned long)octets,
           (unsigned long)from, (unsigned long)at, (unsigned long)i);
    exit(1);
  }
}

static void copy(uint32_t from, uint32_t at, uint32_t octets) {
  fill(target, 5);
  fill(wanted, 5);
  move_plainly(wanted + at, source + from, octets);
  judge("memcpy", memcpy(target + at, source + from, octets), target + at, from, at, octets);
}

static void move(uint32_t from, uint32_t at, uint32_t octets) {
  fill(target, 5);
  fill(wanted, 5);
  move_plainly(wanted + at, wanted + from, octets);
  judge("memmove", memmove(target + at, target + from, octets), target + at, from, at, octets);
}

int main(void) {
  fill(source, 37);
  for (uint32_t from = EDGE; from < EDGE + ALIGNMENTS; ++from) {
    for (uint32_t to = EDGE; to < EDGE + ALIGNMENTS; ++to) {
      for (uint32_t octets = 0; octets <= LENGTH_MAX; ++octets) copy(from, to, octets);
      for (uint32_t octets = LONG_FROM; octets <= LONG_TO; octets += 7) copy(from, to, octets);
    }
  }
  for (uint32_t shift = 1; shift <= SHIFT_MAX; ++shift) {
    for (uint32_t octets = 1; octets <= LENGTH_MAX; octets += 3) {
      move(EDGE, EDGE + shift, octets);
      move(EDGE + shift, EDGE, octets);
    }
  }
  printf("%lu copies\n", (unsigned long)copies);
  return 0;
}

/* The vectors of a board that has nothing but memory: the stack, the beginning, faults. */
extern void _start(void);
extern char __stack[];
static void fault(void) {
  puts("a fault");
  exit(1);
}
__attribute__((section(".vectors"), used)) void *const vectors[16] = {
    __stack, (void *)_start, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
};
