/**
 * Runs a module of the benchmark in WAMR:
 *
 *     wamr FILE.wasm SCENARIO MODE CONNECTIONS COUNT WARM-UP
 *
 * Under callgrind (--collect-atstart=no) only what lies between the module's prof_start and
 * prof_stop is counted. Prints the errors that the module has found. Started by ../wamr.ts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "wasm_export.h"

enum {
  STACK_OCTETS = 64 * 1024,
  ERROR_OCTETS = 128,
  /* How many frames that have left are remembered, and where their ports and numbers stand. */
  SENT_COUNT = 64,
  PORTS_OFFSET = 34,
  SEQ_OFFSET = 38,
  /* From this length on the sum is worth a call out of the module. */
  ENTROPY_FACTOR = 1103515245,
  ENTROPY_STEP = 12345,
};

static int is_counting_wanted;
static uint32_t sent_count, sent_ports[SENT_COUNT], sent_seqs[SENT_COUNT];
static uint32_t seed = 1;
static wasm_module_inst_t instance;
static wasm_exec_env_t environment;

static void prof_start(wasm_exec_env_t env) {
  (void)env;
  if (is_counting_wanted) CALLGRIND_TOGGLE_COLLECT;
}

static void prof_stop(wasm_exec_env_t env) {
  (void)env;
  if (is_counting_wanted) CALLGRIND_TOGGLE_COLLECT;
}

static void arrived(wasm_exec_env_t env, uint8_t *frame, uint32_t octets) {
  (void)env, (void)frame, (void)octets;
}

static uint32_t get32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/** What a MAC's driver would do is not part of the stack: the frame is noted and gone. */
static int32_t transmit(wasm_exec_env_t env, uint8_t *frame, uint32_t octets) {
  uint32_t at = sent_count++ % SENT_COUNT;
  (void)env, (void)octets;
  memcpy(&sent_ports[at], frame + PORTS_OFFSET, sizeof sent_ports[at]);
  memcpy(&sent_seqs[at], frame + SEQ_OFFSET, sizeof sent_seqs[at]);
  return 0;
}

static uint32_t entropy(wasm_exec_env_t env) {
  (void)env;
  return seed = seed * ENTROPY_FACTOR + ENTROPY_STEP;
}

static uint32_t get_sent_count(wasm_exec_env_t env) {
  (void)env;
  return sent_count;
}

static uint32_t get_sent_ports(wasm_exec_env_t env, uint32_t index) {
  (void)env;
  return get32((uint8_t *)&sent_ports[index % SENT_COUNT]);
}

static uint32_t get_sent_seq(wasm_exec_env_t env, uint32_t index) {
  (void)env;
  return get32((uint8_t *)&sent_seqs[index % SENT_COUNT]);
}

static NativeSymbol env_symbols[] = {
  {"prof_start", prof_start, "()", NULL},
  {"prof_stop", prof_stop, "()", NULL},
  {"arrived", arrived, "(*~)", NULL},
  {"sent_count", get_sent_count, "()i", NULL},
  {"sent_ports", get_sent_ports, "(i)i", NULL},
  {"sent_seq", get_sent_seq, "(i)i", NULL},
};
static NativeSymbol hal_symbols[] = {
  {"transmit", transmit, "(*~)i", NULL},
  {"entropy", entropy, "()i", NULL},
};

static void fail(const char *what, const char *why) {
  fprintf(stderr, "wamr: %s: %s\n", what, why);
  exit(1);
}

static void *read_file(const char *path, uint32_t *octets) {
  FILE *file = fopen(path, "rb");
  long size;
  void *content;
  if (file == NULL) fail("cannot open", path);
  fseek(file, 0, SEEK_END);
  size = ftell(file);
  rewind(file);
  content = malloc((size_t)size);
  if (content == NULL || fread(content, 1, (size_t)size, file) != (size_t)size) {
    fail("cannot read", path);
  }
  fclose(file);
  *octets = (uint32_t)size;
  return content;
}

static int call(const char *name, uint32_t count, uint32_t *arguments) {
  wasm_function_inst_t function = wasm_runtime_lookup_function(instance, name);
  if (function == NULL) fail("no such export", name);
  if (!wasm_runtime_call_wasm(environment, function, count, arguments)) {
    fail(name, wasm_runtime_get_exception(instance));
  }
  return (int)arguments[0];
}

static void load(const char *path) {
  char error[ERROR_OCTETS];
  uint32_t octets;
  void *content = read_file(path, &octets);
  RuntimeInitArgs args;
  wasm_module_t module;
  memset(&args, 0, sizeof args);
  args.mem_alloc_type = Alloc_With_System_Allocator;
  if (!wasm_runtime_full_init(&args)) fail("WAMR", "does not start");
  wasm_runtime_register_natives("env", env_symbols, sizeof env_symbols / sizeof *env_symbols);
  wasm_runtime_register_natives("hal", hal_symbols, sizeof hal_symbols / sizeof *hal_symbols);
  module = wasm_runtime_load(content, octets, error, sizeof error);
  if (module == NULL) fail(path, error);
  instance = wasm_runtime_instantiate(module, STACK_OCTETS, 0, error, sizeof error);
  if (instance == NULL) fail(path, error);
  environment = wasm_runtime_create_exec_env(instance, STACK_OCTETS);
  if (environment == NULL) fail(path, "no room to run");
}

static int run(int count) {
  uint32_t arguments[1] = {(uint32_t)count};
  return call("bench_run", 1, arguments);
}

int main(int argc, char **argv) {
  uint32_t arguments[3];
  int errors, count, warm;
  if (argc != 7) fail("usage", "wamr FILE.wasm SCENARIO MODE CONNECTIONS COUNT WARM-UP");
  load(argv[1]);
  arguments[0] = (uint32_t)atoi(argv[2]);
  arguments[1] = (uint32_t)atoi(argv[3]);
  arguments[2] = (uint32_t)atoi(argv[4]);
  count = atoi(argv[5]);
  warm = atoi(argv[6]);
  errors = call("bench_setup", 3, arguments);
  if (warm > 0) errors += run(warm);
  is_counting_wanted = 1;
  errors += run(count);
  is_counting_wanted = 0;
  printf("errors %d\n", errors);
  return errors != 0;
}
