/**
 * A side of the benchmark that is a module compiled ahead of time: C by wasm2c, with the operations
 * of hal/wamr/wasm2c, as the boards' firmware has it.
 */
#include <stddef.h>

#include "host.h"
#include "linger-module-facts.h"
#include "linger-module.h"

_Alignas(8) uint8_t linger_memory_octets[LINGER_MEMORY_OCTETS + LINGER_GUARD_OCTETS]
    __attribute__((section(".large")));
static Z_linger_instance_t instance;

_Noreturn void wasm_rt_trap(wasm_rt_trap_t why) {
  (void)why;
  host_fail("the module", "a trap");
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
  (void)env;
  host_tell("arrived", linger_memory_octets + frame, octets);
}

u32 Z_envZ_sent_count(struct Z_env_instance_t *env) {
  (void)env;
  return host_sent_count;
}

u32 Z_envZ_sent_ports(struct Z_env_instance_t *env, u32 index) {
  (void)env;
  return noted(host_sent_ports, index);
}

u32 Z_envZ_sent_seq(struct Z_env_instance_t *env, u32 index) {
  (void)env;
  return noted(host_sent_seqs, index);
}

u32 Z_envZ_sent_stamp(struct Z_env_instance_t *env, u32 index) {
  (void)env;
  return noted(host_sent_stamps, index);
}

u32 Z_halZ_entropy(struct Z_hal_instance_t *hal) {
  (void)hal;
  return host_entropy();
}

/** The bounds are checked, as an engine does: hal/wamr/src/engine-wasm2c.c. */
u32 Z_halZ_transmit(struct Z_hal_instance_t *hal, u32 frame, u32 octets) {
  (void)hal;
  if (octets > LINGER_MEMORY_OCTETS || frame > LINGER_MEMORY_OCTETS - octets) {
    wasm_rt_trap(WASM_RT_TRAP_OOB);
  }
  note_frame(linger_memory_octets + frame, octets);
  return 0;
}

void side_load(const char *module) {
  (void)module; // compiled in
  Z_linger_init_module();
  Z_linger_instantiate(&instance, NULL, NULL);
}

int bench_setup(int scenario, int mode, int connections) {
  return (int)Z_lingerZ_bench_setup(&instance, (u32)scenario, (u32)mode, (u32)connections);
}

int bench_run(int count) { return (int)Z_lingerZ_bench_run(&instance, (u32)count); }
