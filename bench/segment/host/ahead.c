/**
 * Runs a side of the benchmark compiled ahead of time: a module through wasm2c, or lwIP itself.
 *
 *     ahead SCENARIO MODE CONNECTIONS COUNT WARM-UP
 *
 * On a Cortex-M3 in QEMU (-icount shift=7, 128 ns an instruction) SysTick's 25 MHz count what lies
 * between the marks; on the machine at hand callgrind does. Prints the ticks, if there are any, and
 * the errors that the side has found. Started by ../cortex-m3.ts and ../profile.ts.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef __arm__
#include <valgrind/callgrind.h>
#endif
#ifdef OF_MODULE
#include "linger-memory.h"
#include "linger-module.h"
#endif

enum {
  SENT_COUNT = 64,
  PORTS_OFFSET = 34,
  SEQ_OFFSET = 38,
  ENTROPY_FACTOR = 1103515245,
  ENTROPY_STEP = 12345,
  TICKS_MASK = 0xffffff,
};

static uint32_t sent_count, sent_ports[SENT_COUNT], sent_seqs[SENT_COUNT];
static uint32_t seed = 1;

#ifdef __arm__
#define SYSTICK ((volatile uint32_t *)0xe000e010)
static unsigned long long ticks;
static uint32_t started;

static void start_clock(void) {
  SYSTICK[1] = TICKS_MASK;
  SYSTICK[2] = 0;
  SYSTICK[0] = 5;
}

static inline __attribute__((always_inline)) void mark_start(void) { started = SYSTICK[2]; }

static inline __attribute__((always_inline)) void mark_stop(void) {
  ticks += (started - SYSTICK[2]) & TICKS_MASK;
}

/* The vectors of a board that has nothing but memory: the stack, the beginning, faults. */
extern void _start(void);
extern char __stack[];
static void fault(void) {
  printf("fault\n");
  exit(1);
}
__attribute__((section(".vectors"), used)) void *const vectors[16] = {
  __stack, (void *)_start, fault, fault, fault, fault, fault,
};
#else
static unsigned long long ticks;
static int is_counting_wanted;
static void start_clock(void) { is_counting_wanted = 1; }
static void mark_start(void) {
  if (is_counting_wanted) CALLGRIND_TOGGLE_COLLECT;
}
static void mark_stop(void) {
  if (is_counting_wanted) CALLGRIND_TOGGLE_COLLECT;
}
#endif

static uint32_t get32(const void *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}

/** What a MAC's driver would do is not part of the stack: the frame is noted and gone. */
static inline uint32_t note_frame(const uint8_t *frame) {
  uint32_t at = sent_count++ % SENT_COUNT;
  memcpy(&sent_ports[at], frame + PORTS_OFFSET, sizeof sent_ports[at]);
  memcpy(&sent_seqs[at], frame + SEQ_OFFSET, sizeof sent_seqs[at]);
  return 0;
}

#ifdef OF_MODULE
_Alignas(8) uint8_t linger_memory_octets[LINGER_MEMORY_OCTETS]
#ifdef __arm__
  __attribute__((section(".large")))
#endif
  ;
static Z_linger_instance_t instance;

_Noreturn void wasm_rt_trap(wasm_rt_trap_t why) {
  printf("trap %d\n", (int)why);
  exit(1);
}

void Z_envZ_prof_start(struct Z_env_instance_t *env) {
  (void)env;
  mark_start();
}
void Z_envZ_prof_stop(struct Z_env_instance_t *env) {
  (void)env;
  mark_stop();
}
void Z_envZ_arrived(struct Z_env_instance_t *env, u32 frame, u32 octets) {
  (void)env, (void)frame, (void)octets;
}
u32 Z_envZ_sent_count(struct Z_env_instance_t *env) {
  (void)env;
  return sent_count;
}
u32 Z_envZ_sent_ports(struct Z_env_instance_t *env, u32 index) {
  (void)env;
  return get32(&sent_ports[index % SENT_COUNT]);
}
u32 Z_envZ_sent_seq(struct Z_env_instance_t *env, u32 index) {
  (void)env;
  return get32(&sent_seqs[index % SENT_COUNT]);
}
u32 Z_halZ_entropy(struct Z_hal_instance_t *hal) {
  (void)hal;
  return seed = seed * ENTROPY_FACTOR + ENTROPY_STEP;
}
u32 Z_halZ_transmit(struct Z_hal_instance_t *hal, u32 frame, u32 octets) {
  (void)hal, (void)octets;
  return note_frame(linger_memory_octets + frame);
}

static int bench_setup(int scenario, int mode, int connections) {
  Z_linger_init_module();
  Z_linger_instantiate(&instance, NULL, NULL);
  return (int)Z_lingerZ_bench_setup(&instance, (u32)scenario, (u32)mode, (u32)connections);
}
static int bench_run(int count) { return (int)Z_lingerZ_bench_run(&instance, (u32)count); }
#else
int bench_setup(int scenario, int mode, int connections);
int bench_run(int count);

void prof_start(void) { mark_start(); }
void prof_stop(void) { mark_stop(); }
void arrived(const void *frame, uint32_t octets) { (void)frame, (void)octets; }
int hal_transmit(const void *frame, uint32_t octets) {
  (void)octets;
  return (int)note_frame(frame);
}
#endif

int main(int argc, char **argv) {
  int errors, count, warm;
  if (argc != 6) return 2;
  count = atoi(argv[4]);
  warm = atoi(argv[5]);
  errors = bench_setup(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]));
  if (warm > 0) errors += bench_run(warm);
  start_clock();
  ticks = 0;
  errors += bench_run(count);
  printf("ticks %llu errors %d\n", ticks, errors);
  return errors != 0;
}
