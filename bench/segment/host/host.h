/**
 * What runs a side of the benchmark: where counting starts and stops, and what is kept of the frames
 * that leave. For this machine, where callgrind counts, and for a Cortex-M3 in QEMU, where a timer
 * does.
 *
 * Used by wamr.c, ahead.c and main.c, and by lwIP compiled for the Cortex-M3.
 */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include <stdint.h>
#include <string.h>

#ifdef __arm__
/* The MPS2 board's timer 0 counts down at 25 MHz. QEMU's -icount makes the time of instructions. */
#define TIMER ((volatile uint32_t *)0x40000000)
enum { TIMER_CONTROL, TIMER_VALUE, TIMER_RELOAD };
extern uint64_t host_ticks;
extern uint32_t host_started_at;

static inline __attribute__((always_inline)) void mark_start(void) {
  host_started_at = TIMER[TIMER_VALUE];
}
static inline __attribute__((always_inline)) void mark_stop(void) {
  host_ticks += host_started_at - TIMER[TIMER_VALUE];
}
#else
#include <valgrind/callgrind.h>
extern int host_is_counting;

static inline __attribute__((always_inline)) void mark_start(void) {
  if (host_is_counting) CALLGRIND_TOGGLE_COLLECT;
}
static inline __attribute__((always_inline)) void mark_stop(void) {
  if (host_is_counting) CALLGRIND_TOGGLE_COLLECT;
}
#endif

enum {
  /* How many frames that have left are remembered, and where their ports and numbers stand. */
  SENT_COUNT = 64,
  PORTS_OFFSET = 34,
  SEQ_OFFSET = 38,
  /* In a SYN and ACK behind MSS, window scale and SACK; with less options it means nothing. */
  STAMP_OFFSET = 70,
};

extern uint32_t host_sent_count, host_sent_ports[SENT_COUNT], host_sent_seqs[SENT_COUNT];
extern uint32_t host_sent_stamps[SENT_COUNT];

/** Programs whose frames are judged (../cortex-m3.ts) tell of each; those that count do not. */
#ifdef BENCH_TELLS
void host_tell(const char *what, const uint8_t *frame, uint32_t octets);
#else
static inline void host_tell(const char *what, const uint8_t *frame, uint32_t octets) {
  (void)what, (void)frame, (void)octets;
}
#endif

/** What a MAC's driver would do is not part of the stack: the frame is noted and gone. */
static inline void note_frame(const uint8_t *frame, uint32_t octets) {
  host_tell("sent", frame, octets);
  const uint32_t at = host_sent_count++ % SENT_COUNT;
  memcpy(&host_sent_ports[at], frame + PORTS_OFFSET, sizeof host_sent_ports[at]);
  memcpy(&host_sent_seqs[at], frame + SEQ_OFFSET, sizeof host_sent_seqs[at]);
  memcpy(&host_sent_stamps[at], frame + STAMP_OFFSET, sizeof host_sent_stamps[at]);
}

/** Of a frame that was noted, its ports, its number or its timestamp. */
static inline uint32_t noted(const uint32_t *notes, uint32_t index) {
  return __builtin_bswap32(notes[index % SENT_COUNT]);
}

/** The next number of a sequence that is the same in each run. */
uint32_t host_entropy(void);

/** Ends the program with a line. */
_Noreturn void host_fail(const char *what, const char *why);

/* What a side has: `module` is the last word of the command line, for a side that needs it. */
void side_load(const char *module);
int bench_setup(int scenario, int mode, int connections);
int bench_run(int count);

#endif
