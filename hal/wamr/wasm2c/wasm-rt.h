/**
 * What code made by wabt's `wasm2c` (1.0.3x) needs of a runtime, cut down to what a Linger module
 * uses: one linear memory of a fixed size in static memory, and traps. Takes the place of wabt's
 * header of the same name.
 *
 * Included by the generated header and code, and by the engine (`src/engine-wasm2c.c`). The
 * operations are in `operations.h`. There is no allocation, no signal handler, no table.
 */
#ifndef LINGER_WASM_RT_H
#define LINGER_WASM_RT_H

#include <stdbool.h>
#include <stdint.h>

/** Why a module trapped. The names end as the generated code's TRAP() has them. */
typedef enum {
  WASM_RT_TRAP_OOB = 1,
  WASM_RT_TRAP_INT_OVERFLOW,
  WASM_RT_TRAP_DIV_BY_ZERO,
  WASM_RT_TRAP_UNREACHABLE,
} wasm_rt_trap_t;

/** The generated code keeps one of these; the memory's place and size are constants here. */
typedef struct {
  uint8_t unused;
} wasm_rt_memory_t;

/**
 * Linear memory: LINGER_MEMORY_OCTETS of it and LINGER_GUARD_OCTETS behind, aligned for every access
 * that the module makes.
 */
extern uint8_t linger_memory_octets[];

/** Whoever builds the module in supplies this: it reports, and does not come back. */
_Noreturn void wasm_rt_trap(wasm_rt_trap_t why);

/** The generated code asserts that the runtime is initialised, and nothing else. */
#define assert(condition) ((void)(condition))
static inline bool wasm_rt_is_initialized(void) {
  return true;
}

#endif
