/**
 * What boards with a Cortex-M share: start-up, a clock that sleeps, protected memory, faults.
 *
 * No interrupt handler ever runs. PRIMASK stays set, so an interrupt only ends WFI, and the loop
 * finds out what happened by asking: there is nothing that could race with it. A driver enables its
 * line with `cortex_m_enable`; a level that stays up until the driver has served it wakes again.
 */
#ifndef LINGER_CORTEX_M_H
#define LINGER_CORTEX_M_H

#include <stdbool.h>
#include <stdint.h>

/** A register of a peripheral. */
#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/** Starts the clock. `hz`: what SysTick counts, the core's clock. */
void cortex_m_start_clock(uint32_t hz);
uint32_t cortex_m_now_ms(void);

/** Sleeps until an enabled interrupt is pending or `ms` have passed, at most about a second. */
void cortex_m_idle(uint32_t ms);

/** Lets an interrupt line end `cortex_m_idle`. */
void cortex_m_enable(uint32_t line);

/** The free-running counter, for what little its lowest bits are worth as noise. */
uint32_t cortex_m_ticks(void);

/**
 * Makes flash read-only, RAM not executable, and the place below the stack forbidden, so that a
 * write to flash or a stack that is too deep is a fault on a real board and in an emulator alike.
 * Sizes are powers of two.
 */
void cortex_m_protect(uint32_t flash_octets, uint32_t ram_octets);

/** How often the board was restarted by a fault since power-on. */
uint32_t cortex_m_fault_count(void);

_Noreturn void cortex_m_reset(void);

#endif
