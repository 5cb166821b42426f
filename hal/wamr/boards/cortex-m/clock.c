/**
 * Time from SysTick without a tick: the counter is read, not counted by interrupts, and while the
 * board sleeps it runs to the deadline.
 *
 * SysTick counts 24 bits down and begins again at its reload value, which it tells once. So somebody
 * must look at least once a period (0.6 s at 25 MHz): the longest sleep sees to that, and a module
 * that takes longer loses time, no more.
 */
#include "cortex-m.h"

#define SYST_CSR REGISTER(0xe000e010)
#define SYST_RVR REGISTER(0xe000e014)
#define SYST_CVR REGISTER(0xe000e018)
#define ICSR REGISTER(0xe000ed04)
#define NVIC_ISER(line) REGISTER(0xe000e100 + 4 * ((line) / 32))
#define NVIC_ICPR(line) REGISTER(0xe000e280 + 4 * ((line) / 32))

#define CSR_ENABLE_INTERRUPT_CORE 7u
/** Reading it clears it. */
#define CSR_COUNTED_TO_ZERO (1u << 16)
#define ICSR_CLEAR_SYSTICK (1u << 25)
#define RELOAD_MAX 0xffffffu
#define LINE_WORDS 2

static struct {
  uint32_t ticks_per_ms;
  uint32_t reload;
  uint32_t last;
  uint32_t ms;
  /** Beyond whole milliseconds. */
  uint32_t ticks;
  /** All since the start; wraps. */
  uint32_t total;
} cortex_clock;

static void look(void) {
  uint32_t counter = SYST_CVR;
  uint32_t passed = cortex_clock.last;
  const bool is_over = (SYST_CSR & CSR_COUNTED_TO_ZERO) != 0;
  if (is_over) {
    counter = SYST_CVR;
    passed += cortex_clock.reload + 1;
  }
  // 0 is the last tick of a period, and what a counter that was just written shows until the first.
  const uint32_t value = counter == 0 ? cortex_clock.reload : counter;
  passed -= value;
  cortex_clock.last = value;
  cortex_clock.total += passed;
  cortex_clock.ticks += passed;
  cortex_clock.ms += cortex_clock.ticks / cortex_clock.ticks_per_ms;
  cortex_clock.ticks %= cortex_clock.ticks_per_ms;
}

/** Begins a period of `ticks`. What it takes to do so is lost: a few ticks for each sleep. */
static void begin_period(uint32_t ticks) {
  cortex_clock.reload = ticks - 1;
  SYST_RVR = cortex_clock.reload;
  SYST_CVR = 0;
  cortex_clock.last = cortex_clock.reload;
  ICSR = ICSR_CLEAR_SYSTICK;
}

void cortex_m_start_clock(uint32_t hz) {
  cortex_clock.ticks_per_ms = hz / 1000;
  SYST_RVR = RELOAD_MAX;
  SYST_CSR = CSR_ENABLE_INTERRUPT_CORE;
  begin_period(RELOAD_MAX + 1);
}

uint32_t cortex_m_now_ms(void) {
  look();
  return cortex_clock.ms;
}

uint32_t cortex_m_ticks(void) {
  look();
  return cortex_clock.total;
}

void cortex_m_enable(uint32_t line) {
  NVIC_ISER(line) = 1u << line % 32;
}

void cortex_m_idle(uint32_t ms) {
  const uint32_t longest_ms = RELOAD_MAX / cortex_clock.ticks_per_ms;
  look();
  begin_period(ms < longest_ms ? ms * cortex_clock.ticks_per_ms : RELOAD_MAX + 1);
  __asm__ volatile("dsb\n\twfi" ::: "memory");
  look();
  // Pending lines that are still up will be so again; the others were this wake-up.
  for (uint32_t i = 0; i < LINE_WORDS; ++i) NVIC_ICPR(32 * i) = UINT32_MAX;
  begin_period(RELOAD_MAX + 1);
}
