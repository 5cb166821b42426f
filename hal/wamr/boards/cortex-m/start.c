/**
 * From reset to `main`: the vector table, initialised memory, the stack of calls, and what happens
 * when something goes wrong below everything else.
 *
 * `main` runs on the process stack, which lies at the bottom of RAM. A handler only runs when `main`
 * is lost, reports it and never returns: so its stack is the same memory, from the top again, and a
 * stack that has grown too deep ends in a handler that still works.
 */
#include <stddef.h>

#include "../../src/report.h"
#include "cortex-m.h"
#include "linger-port.h"

#define VECTOR_COUNT 16
#define NOINIT_MAGIC 0x4c4e4752u

#define CFSR REGISTER(0xe000ed28)
#define MMFAR REGISTER(0xe000ed34)
#define AIRCR REGISTER(0xe000ed0c)
#define AIRCR_RESET 0x05fa0004u
#define MPU_CTRL REGISTER(0xe000ed94)
#define MPU_RBAR REGISTER(0xe000ed9c)
#define MPU_RASR REGISTER(0xe000eda0)
#define MPU_ENABLE_WITH_DEFAULT_MAP 5u
#define RBAR_VALID 16u
#define RASR_ENABLE 1u
#define RASR_READ_ONLY (6u << 24)
#define RASR_READ_WRITE (3u << 24)
#define RASR_NO_EXECUTE (1u << 28)
/** Normal memory, write-through. */
#define RASR_NORMAL (1u << 17)
#define RAM_START 0x20000000u
#define GUARD_OCTETS 4096u
#define STACKED_PC_OFFSET 24

extern uint32_t __data_load[], __data_start[], __data_end_[], __bss_start[], __bss_end[];
extern uint32_t __stack_limit[], __stack_top[];

int main(void);

/** Survives a reset: not cleared at start-up. */
static struct {
  uint32_t magic;
  uint32_t faults;
} kept __attribute__((section(".noinit")));

uint32_t cortex_m_fault_count(void) {
  return kept.faults;
}

_Noreturn void cortex_m_reset(void) {
  __asm__ volatile("dsb");
  AIRCR = AIRCR_RESET;
  for (;;) continue;
}

uint8_t *linger_port_stack_limit(void) {
  return (uint8_t *)__stack_limit;
}

_Noreturn static void report_fault(const uint32_t *frame, uint32_t address) {
  const uint32_t why = CFSR;
  const bool is_stack = frame < __stack_limit;
  ++kept.faults;
  linger_report("fault %u: %s at %x, status %x, address %x; the board starts again",
                (unsigned)kept.faults, is_stack ? "the stack is too deep" : "bad access",
                (unsigned)address, (unsigned)why, (unsigned)MMFAR);
  cortex_m_reset();
}

/* Where it happened is read, if the stack has it, before the handler's own calls overwrite that. */
__attribute__((naked)) static void handle_fault(void) {
  __asm__ volatile(
      "mrs r0, psp\n\t"
      "ldr r2, =__stack_limit\n\t"
      "movs r1, #0\n\t"
      "cmp r0, r2\n\t"
      "it hs\n\t"
      "ldrhs r1, [r0, %c0]\n\t"
      "b %c1" ::"i"(STACKED_PC_OFFSET),
      "i"(report_fault));
}

static void start_program(void) {
  const uint32_t *from = __data_load;
  for (uint32_t *to = __data_start; to < __data_end_;) *to++ = *from++;
  for (uint32_t *to = __bss_start; to < __bss_end;) *to++ = 0;
  if (kept.magic != NOINIT_MAGIC) kept.faults = 0;
  kept.magic = NOINIT_MAGIC;
  main();
  linger_report("halted");
  for (;;) __asm__ volatile("wfi");
}

__attribute__((naked, noreturn)) static void start(void) {
  __asm__ volatile(
      "cpsid i\n\t"
      "ldr r0, =__stack_top\n\t"
      "msr psp, r0\n\t"
      "movs r0, #2\n\t"
      "msr control, r0\n\t"
      "isb\n\t"
      "b %c0" ::"i"(start_program));
}

static void set_region(uint32_t region, uint32_t start_address, uint32_t octets, uint32_t rights) {
  const uint32_t size = 31u - (uint32_t)__builtin_clz(octets) - 1u;
  MPU_RBAR = start_address | RBAR_VALID | region;
  MPU_RASR = rights | RASR_NORMAL | size << 1 | RASR_ENABLE;
}

void cortex_m_protect(uint32_t flash_octets, uint32_t ram_octets) {
  set_region(0, 0, flash_octets, RASR_READ_ONLY);
  set_region(1, RAM_START, ram_octets, RASR_READ_WRITE | RASR_NO_EXECUTE);
  set_region(2, RAM_START - GUARD_OCTETS, GUARD_OCTETS, RASR_NO_EXECUTE);
  MPU_CTRL = MPU_ENABLE_WITH_DEFAULT_MAP;
  __asm__ volatile("dsb\n\tisb");
}

typedef void (*handler)(void);
/** Data and code in one table, as the processor has it. */
union vector {
  const uint32_t *stack;
  handler run;
};

/* Lines of peripherals have no entry: they are masked, and only end a sleep. */
const union vector vectors[VECTOR_COUNT] __attribute__((section(".vectors"), used)) = {
    [0] = {.stack = __stack_top},
    [1] = {.run = start},
    [2] = {.run = handle_fault},  // NMI
    [3] = {.run = handle_fault},  // HardFault
    [4] = {.run = handle_fault},  // MemManage
    [5] = {.run = handle_fault},  // BusFault
    [6] = {.run = handle_fault},  // UsageFault
    [11] = {.run = handle_fault}, // SVCall
    [12] = {.run = handle_fault}, // DebugMonitor
    [14] = {.run = handle_fault}, // PendSV
    [15] = {.run = handle_fault}, // SysTick
};
