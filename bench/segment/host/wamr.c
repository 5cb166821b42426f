/**
 * A side of the benchmark that is a module in WAMR.
 *
 * On this machine MODULE is its file, and WAMR allocates as any program does. On the board the
 * module lies at MODULE_ADDRESS, where QEMU has put it, and MODULE says how long it is; WAMR
 * allocates from the firmware's pool (hal/wamr/src/pool.c), here in the board's large memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "host.h"
#include "pool.h"
#include "wasm_export.h"

enum { STACK_OCTETS = 64 * 1024, ERROR_OCTETS = 128 };

static wasm_module_inst_t instance;
static wasm_exec_env_t environment;

static void prof_start(wasm_exec_env_t env) {
  (void)env;
  mark_start();
}

static void prof_stop(wasm_exec_env_t env) {
  (void)env;
  mark_stop();
}

static void arrived(wasm_exec_env_t env, uint8_t *frame, uint32_t octets) {
  (void)env;
  host_tell("arrived", frame, octets);
}

static int32_t transmit(wasm_exec_env_t env, uint8_t *frame, uint32_t octets) {
  (void)env;
  note_frame(frame, octets);
  return 0;
}

static uint32_t entropy(wasm_exec_env_t env) {
  (void)env;
  return host_entropy();
}

/** The same for both sides, and the boards' own: hal/wamr/src/natives.c. */
static uint32_t checksum(wasm_exec_env_t env, const uint8_t *from, uint32_t octets) {
  (void)env;
  return linger_hal_checksum(from, octets);
}

static uint32_t get_sent_count(wasm_exec_env_t env) {
  (void)env;
  return host_sent_count;
}

static uint32_t get_sent_ports(wasm_exec_env_t env, uint32_t index) {
  (void)env;
  return noted(host_sent_ports, index);
}

static uint32_t get_sent_seq(wasm_exec_env_t env, uint32_t index) {
  (void)env;
  return noted(host_sent_seqs, index);
}

static uint32_t get_sent_stamp(wasm_exec_env_t env, uint32_t index) {
  (void)env;
  return noted(host_sent_stamps, index);
}

static NativeSymbol env_symbols[] = {
    {"prof_start", (void *)prof_start, "()", NULL},
    {"prof_stop", (void *)prof_stop, "()", NULL},
    {"arrived", (void *)arrived, "(*~)", NULL},
    {"sent_count", (void *)get_sent_count, "()i", NULL},
    {"sent_ports", (void *)get_sent_ports, "(i)i", NULL},
    {"sent_seq", (void *)get_sent_seq, "(i)i", NULL},
    {"sent_stamp", (void *)get_sent_stamp, "(i)i", NULL},
};
static NativeSymbol hal_symbols[] = {
    {"transmit", (void *)transmit, "(*~)i", NULL},
    {"entropy", (void *)entropy, "()i", NULL},
    {"checksum", (void *)checksum, "(*~)i", NULL},
};

#ifdef __arm__
enum { MODULE_ADDRESS = 0x200000 };

static void set_memory(RuntimeInitArgs *args) {
  args->mem_alloc_type = Alloc_With_Allocator;
  args->mem_alloc_option.allocator.malloc_func = (void *)linger_pool_allocate;
  args->mem_alloc_option.allocator.realloc_func = (void *)linger_pool_reallocate;
  args->mem_alloc_option.allocator.free_func = (void *)linger_pool_free;
}

static uint8_t *find_module(const char *module, uint32_t *octets) {
  *octets = (uint32_t)atoi(module);
  return (uint8_t *)MODULE_ADDRESS;
}

/* What WAMR's platform for boards asks of a port (hal/wamr/platform/platform.c). */
void linger_port_log(const char *text) { fputs(text, stdout); }
uint32_t linger_port_now_ms(void) { return 0; }
uint8_t *linger_port_stack_limit(void) { return NULL; }
void wasm_trap_delete(void *trap) { (void)trap; }
#else
static void set_memory(RuntimeInitArgs *args) { args->mem_alloc_type = Alloc_With_System_Allocator; }

static uint8_t *find_module(const char *module, uint32_t *octets) {
  FILE *file = fopen(module, "rb");
  long size;
  void *content;
  if (file == NULL) host_fail("cannot open", module);
  fseek(file, 0, SEEK_END);
  size = ftell(file);
  rewind(file);
  content = malloc((size_t)size);
  if (content == NULL || fread(content, 1, (size_t)size, file) != (size_t)size) {
    host_fail("cannot read", module);
  }
  fclose(file);
  *octets = (uint32_t)size;
  return content;
}
#endif

void side_load(const char *module) {
  char error[ERROR_OCTETS];
  uint32_t octets;
  uint8_t *content = find_module(module, &octets);
  RuntimeInitArgs args;
  wasm_module_t loaded;
  memset(&args, 0, sizeof args);
  set_memory(&args);
  if (!wasm_runtime_full_init(&args)) host_fail("WAMR", "does not start");
  wasm_runtime_register_natives("env", env_symbols, sizeof env_symbols / sizeof *env_symbols);
  wasm_runtime_register_natives("hal", hal_symbols, sizeof hal_symbols / sizeof *hal_symbols);
  loaded = wasm_runtime_load(content, octets, error, sizeof error);
  if (loaded == NULL) host_fail(module, error);
  instance = wasm_runtime_instantiate(loaded, STACK_OCTETS, 0, error, sizeof error);
  if (instance == NULL) host_fail(module, error);
  environment = wasm_runtime_create_exec_env(instance, STACK_OCTETS);
  if (environment == NULL) host_fail(module, "no room to run");
}

static int call(const char *name, uint32_t count, uint32_t *arguments) {
  wasm_function_inst_t function = wasm_runtime_lookup_function(instance, name);
  if (function == NULL) host_fail("no such export", name);
  if (!wasm_runtime_call_wasm(environment, function, count, arguments)) {
    host_fail(name, wasm_runtime_get_exception(instance));
  }
  return (int)arguments[0];
}

int bench_setup(int scenario, int mode, int connections) {
  uint32_t arguments[] = {(uint32_t)scenario, (uint32_t)mode, (uint32_t)connections};
  return call("bench_setup", 3, arguments);
}

int bench_run(int count) {
  uint32_t arguments[] = {(uint32_t)count};
  return call("bench_run", 1, arguments);
}
