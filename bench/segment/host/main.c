/**
 * Runs a side of the benchmark:
 *
 *     PROGRAM SCENARIO MODE CONNECTIONS COUNT WARM-UP [MODULE]
 *
 * Only what lies between the side's marks is counted, and only in the COUNT units behind WARM-UP:
 * by callgrind (--collect-atstart=no), or by the board's timer. Prints the timer's ticks, and the
 * errors that the side has found. Started by ../wamr.ts and ../cortex-m3.ts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "host.h"

enum { ARGUMENTS_MIN = 6, ENTROPY_FACTOR = 1103515245, ENTROPY_STEP = 12345 };

uint32_t host_sent_count, host_sent_ports[SENT_COUNT], host_sent_seqs[SENT_COUNT];
uint32_t host_sent_stamps[SENT_COUNT];
static uint32_t seed = 1;

uint32_t host_entropy(void) { return seed = seed * ENTROPY_FACTOR + ENTROPY_STEP; }

void host_fail(const char *what, const char *why) {
  printf("%s: %s\n", what, why);
  exit(1);
}

#ifdef BENCH_TELLS
void host_tell(const char *what, const uint8_t *frame, uint32_t octets) {
  printf("%s ", what);
  for (uint32_t i = 0; i < octets; i++) printf("%02x", frame[i]);
  printf("\n");
}
#endif

/** lwIP's own code is there already. */
__attribute__((weak)) void side_load(const char *module) { (void)module; }

#ifdef __arm__
uint64_t host_ticks;
uint32_t host_started_at;

static void set_counting(int is_wanted) {
  TIMER[TIMER_CONTROL] = 0;
  TIMER[TIMER_RELOAD] = TIMER[TIMER_VALUE] = UINT32_MAX;
  TIMER[TIMER_CONTROL] = 1;
  if (is_wanted) host_ticks = 0;
}
static unsigned long long counted(void) { return host_ticks; }

/* The vectors of a board that has nothing but memory: the stack, the beginning, faults. */
extern void _start(void);
extern char __stack[];
static void fault(void) { host_fail("Cortex-M3", "fault"); }
__attribute__((section(".vectors"), used)) void *const vectors[16] = {
    __stack, (void *)_start, fault, fault, fault, fault, fault,
};
#else
int host_is_counting;
static void set_counting(int is_wanted) { host_is_counting = is_wanted; }
static unsigned long long counted(void) { return 0; }
#endif

int main(int argc, char **argv) {
  int errors, count, warm;
  unsigned long long ticks;
  if (argc < ARGUMENTS_MIN) host_fail("usage", "SCENARIO MODE CONNECTIONS COUNT WARM-UP [MODULE]");
  side_load(argc > ARGUMENTS_MIN ? argv[ARGUMENTS_MIN] : "");
  count = atoi(argv[4]);
  warm = atoi(argv[5]);
  set_counting(0);
  errors = bench_setup(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]));
  if (warm > 0) errors += bench_run(warm);
  set_counting(1);
  errors += bench_run(count);
  ticks = counted();
  set_counting(0);
  printf("ticks %llu errors %d\n", ticks, errors);
  return errors != 0;
}
