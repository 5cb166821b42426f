/**
 * The engine for firmware that was compiled ahead of time: the module is C, made by `wasm2c`
 * (`cmake/wasm2c.cmake`), and runs without any runtime. Its sandbox holds: each access is checked
 * against linear memory, and one beyond it is a trap (`wasm2c/operations.h`).
 */
#include <stddef.h>
#include <string.h>

#include "engine.h"
#include "linger-module-facts.h"
#include "linger-module.h"
#include "record.h"
#include "report.h"

/** Aligned for 64-bit accesses, as WebAssembly's own alignment is relative to address 0. */
_Alignas(8) uint8_t linger_memory_octets[LINGER_MEMORY_OCTETS + LINGER_GUARD_OCTETS];

Z_linger_instance_t linger_instance;

_Noreturn void wasm_rt_trap(wasm_rt_trap_t why) {
  switch (why) {
    case WASM_RT_TRAP_OOB:
      linger_trapped("out of bounds memory access");
    case WASM_RT_TRAP_INT_OVERFLOW:
      linger_trapped("integer overflow");
    case WASM_RT_TRAP_DIV_BY_ZERO:
      linger_trapped("integer divide by zero");
    case WASM_RT_TRAP_UNREACHABLE:
      break;
  }
  linger_trapped("unreachable");
}

bool linger_engine_load(const struct linger_module *module) {
  (void)module; // compiled in
  Z_linger_init_module();
  return true;
}

bool linger_engine_instantiate(void) {
  Z_linger_instantiate(&linger_instance, NULL);
  return true;
}

/* What is missing does not link. */
bool linger_engine_has_version(void) {
  return true;
}

bool linger_engine_has_exports(void) {
  return true;
}

void linger_engine_report_memory(void) {
  linger_report("linear memory: %u octets", (unsigned)LINGER_MEMORY_OCTETS);
}

void *linger_memory(uint32_t address, uint32_t octets) {
  if (octets > LINGER_MEMORY_OCTETS || address > LINGER_MEMORY_OCTETS - octets) return NULL;
  return linger_memory_octets + address;
}

uint32_t linger_engine_image_octets(void) {
  return LINGER_MEMORY_OCTETS;
}

void linger_engine_digest(const struct linger_module *module, uint8_t digest[32]) {
  static const uint8_t of_module[32] = LINGER_MODULE_SHA256;
  (void)module;
  memcpy(digest, of_module, sizeof of_module);
}

bool linger_engine_has_globals(const struct linger_module *module) {
  (void)module;
#ifdef LINGER_HAS_GLOBALS
  return true;
#else
  return false;
#endif
}

u32 Z_halZ_transmit(struct Z_hal_instance_t *hal, u32 frame, u32 octets) {
  (void)hal;
  const uint8_t *const at = linger_memory(frame, octets);
  if (at == NULL) wasm_rt_trap(WASM_RT_TRAP_OOB);
  return linger_hal_transmit(at, octets);
}

u32 Z_halZ_entropy(struct Z_hal_instance_t *hal) {
  (void)hal;
  return linger_hal_entropy();
}

/* Called by modules that were built for it, and left out by the linker for others. */
u32 Z_halZ_checksum(struct Z_hal_instance_t *hal, u32 from, u32 octets) {
  (void)hal;
  const uint8_t *const at = linger_memory(from, octets);
  if (at == NULL) wasm_rt_trap(WASM_RT_TRAP_OOB);
  return linger_hal_checksum(at, octets);
}

u32 Z_halZ_copy(struct Z_hal_instance_t *hal, u32 to, u32 from, u32 octets) {
  (void)hal;
  uint8_t *const target = linger_memory(to, octets);
  const uint8_t *const source = linger_memory(from, octets);
  if (target == NULL || source == NULL) wasm_rt_trap(WASM_RT_TRAP_OOB);
  linger_hal_copy(target, source, octets);
  return 0;
}

#ifndef LINGER_RECORDING
#include "wasm2c-calls.h"
#endif

bool linger_engine_has_application(void) {
#ifdef LINGER_HAS_APPLICATION
  return true;
#else
  return false;
#endif
}
