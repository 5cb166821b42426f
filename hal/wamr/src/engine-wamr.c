/**
 * The engine that interprets the module: WAMR, fast or classic, allocating from one pool.
 *
 * The fast interpreter translates the module while loading and leaves the original where it is, in
 * flash. The classic one changes the module in place, so it gets a copy in the pool. Linear memory
 * lies in the pool too (`platform/platform.c`, `pool.c`).
 */
#include <stddef.h>
#include <string.h>

#include "engine.h"
#include "pool.h"
#include "record.h"
#include "report.h"
#include "sha256.h"
#include "wasm_export.h"

#ifndef LINGER_WASM_STACK_OCTETS
#define LINGER_WASM_STACK_OCTETS 4096
#endif

#define ERROR_OCTETS 128
#define PARAMETERS_MAX 4
/* Of a module's binary format. */
#define MODULE_HEAD_OCTETS 8
#define SECTION_GLOBALS 6
#define OPERATION_F32 0x43
#define OPERATION_F64 0x44

#define INDEX_OF(type, name, ours) FUNCTION_##name,
enum function {
  LINGER_EXPORTS(INDEX_OF, INDEX_OF, INDEX_OF, INDEX_OF, INDEX_OF)
  LINGER_APPLICATION_EXPORTS(INDEX_OF, INDEX_OF)
  FUNCTION_COUNT
};
#define NAME_OF(type, name, ours) #name,
static const char *const names[FUNCTION_COUNT] = {
    LINGER_EXPORTS(NAME_OF, NAME_OF, NAME_OF, NAME_OF, NAME_OF)
    LINGER_APPLICATION_EXPORTS(NAME_OF, NAME_OF)};

static struct {
  wasm_module_t module;
  wasm_module_inst_t instance;
  wasm_exec_env_t environment;
  wasm_function_inst_t functions[FUNCTION_COUNT];
} engine;

/* WAMR has translated the pointer and checked that the frame lies in linear memory: "(*~)i". */
static int32_t native_transmit(wasm_exec_env_t environment, const uint8_t *frame, uint32_t octets) {
  (void)environment;
  return (int32_t)linger_hal_transmit(frame, octets);
}

static int32_t native_entropy(wasm_exec_env_t environment) {
  (void)environment;
  return (int32_t)linger_hal_entropy();
}

static int32_t native_checksum(wasm_exec_env_t environment, const uint8_t *from, uint32_t octets) {
  (void)environment;
  return (int32_t)linger_hal_checksum(from, octets);
}

/* WAMR checks one block of a call, "*~"; the other one here, with an exception if it is outside. */
static int32_t native_copy(wasm_exec_env_t environment, uint32_t to, const uint8_t *from,
                           uint32_t octets) {
  const wasm_module_inst_t instance = wasm_runtime_get_module_inst(environment);
  if (wasm_runtime_validate_app_addr(instance, to, octets)) {
    linger_hal_copy(wasm_runtime_addr_app_to_native(instance, to), from, octets);
  }
  return 0;
}

/* WAMR's tables hold functions as pointers to data, as POSIX has it and ISO C does not. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
static const MemAllocOption allocator = {
    .allocator = {.malloc_func = (void *)linger_pool_allocate,
                  .realloc_func = (void *)linger_pool_reallocate,
                  .free_func = (void *)linger_pool_free}};
static NativeSymbol natives[] = {
    {"transmit", (void *)native_transmit, "(*~)i", NULL},
    {"entropy", (void *)native_entropy, "()i", NULL},
    {"checksum", (void *)native_checksum, "(*~)i", NULL},
    {"copy", (void *)native_copy, "(i*~)i", NULL},
};
#pragma GCC diagnostic pop

/* The loader's code mentions it for modules that use WAMR's C API, which none of ours does. */
void wasm_trap_delete(void *trap);
void wasm_trap_delete(void *trap) {
  (void)trap;
}

static bool start_runtime(void) {
  RuntimeInitArgs arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.mem_alloc_type = Alloc_With_Allocator;
  arguments.mem_alloc_option = allocator;
  arguments.native_module_name = "hal";
  arguments.native_symbols = natives;
  arguments.n_native_symbols = sizeof natives / sizeof natives[0];
  if (wasm_runtime_full_init(&arguments)) return true;
  linger_report("WAMR does not start with a pool of %u octets",
                (unsigned)linger_pool_state().octets);
  return false;
}

#ifdef LINGER_ENGINE_FAST
static uint8_t *place_module(const struct linger_module *module) {
  return (uint8_t *)(uintptr_t)module->octets; // read only: the interpreter makes its own code
}
#else
static uint8_t *place_module(const struct linger_module *module) {
  uint8_t *const copy = linger_pool_take(module->length);
  if (copy == NULL) linger_report("no room for a module of %u octets", (unsigned)module->length);
  else memcpy(copy, module->octets, module->length);
  return copy;
}
#endif

static bool check_imports(void) {
  const int32_t count = wasm_runtime_get_import_count(engine.module);
  for (int32_t i = 0; i < count; ++i) {
    wasm_import_t import;
    wasm_runtime_get_import_type(engine.module, i, &import);
    if (import.linked) continue;
    linger_report("the module imports %s.%s, which this firmware does not have",
                  import.module_name, import.name);
    return false;
  }
  return true;
}

bool linger_engine_load(const struct linger_module *module) {
  char error[ERROR_OCTETS] = "";
  if (!start_runtime()) return false;
  uint8_t *const octets = place_module(module);
  if (octets == NULL) return false;
  LoadArgs arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.name = (char *)(uintptr_t) "";
#ifdef LINGER_ENGINE_FAST
  arguments.wasm_binary_freeable = true;
#endif
  engine.module = wasm_runtime_load_ex(octets, module->length, &arguments, error, sizeof error);
  if (engine.module == NULL) {
    linger_report("the module does not load: %s", error);
    return false;
  }
  return check_imports();
}

/** Ends what an instance before has left. */
static void drop_instance(void) {
  if (engine.environment != NULL) wasm_runtime_destroy_exec_env(engine.environment);
  if (engine.instance != NULL) wasm_runtime_deinstantiate(engine.instance);
  engine.environment = NULL;
  engine.instance = NULL;
}

static void find_functions(void) {
  for (uint32_t i = 0; i < FUNCTION_COUNT; ++i) {
    engine.functions[i] = wasm_runtime_lookup_function(engine.instance, names[i]);
  }
}

static bool has_function(enum function function) {
  if (engine.functions[function] != NULL) return true;
  linger_report("the module is no Linger module: it does not export %s", names[function]);
  return false;
}

bool linger_engine_has_version(void) {
  return has_function(FUNCTION_abiVersion);
}

bool linger_engine_has_exports(void) {
  for (uint32_t i = 0; i < FUNCTION_appInit; ++i) {
    if (!has_function((enum function)i)) return false;
  }
  return true;
}

bool linger_engine_instantiate(void) {
  char error[ERROR_OCTETS] = "";
  drop_instance();
  engine.instance = wasm_runtime_instantiate(engine.module, LINGER_WASM_STACK_OCTETS, 0, error,
                                             sizeof error);
  if (engine.instance == NULL) {
    linger_report("the module cannot be instantiated: %s", error);
    return false;
  }
  engine.environment = wasm_runtime_create_exec_env(engine.instance, LINGER_WASM_STACK_OCTETS);
  if (engine.environment == NULL) {
    linger_report("no room for a stack of %u octets", LINGER_WASM_STACK_OCTETS);
    return false;
  }
  find_functions();
  return true;
}

void linger_engine_report_memory(void) {
  const struct linger_pool_state pool = linger_pool_state();
  linger_report("WAMR's pool: %u octets, %u of them never used", (unsigned)pool.octets,
                (unsigned)pool.least_free);
}

bool linger_engine_has_application(void) {
  return engine.functions[FUNCTION_appInit] != NULL && engine.functions[FUNCTION_appPoll] != NULL;
}

void *linger_memory(uint32_t address, uint32_t octets) {
  if (!wasm_runtime_validate_app_addr(engine.instance, address, octets)) {
    wasm_runtime_clear_exception(engine.instance);
    return NULL;
  }
  return wasm_runtime_addr_app_to_native(engine.instance, address);
}

/* The loader has cut linear memory off at __heap_base. */
uint32_t linger_engine_image_octets(void) {
  const wasm_memory_inst_t memory = wasm_runtime_get_default_memory(engine.instance);
  return (uint32_t)(wasm_memory_get_cur_page_count(memory) *
                    wasm_memory_get_bytes_per_page(memory));
}

/* Of the module in flash, which no interpreter changes. */
void linger_engine_digest(const struct linger_module *module, uint8_t digest[32]) {
  linger_sha256(module->octets, module->length, digest);
}

/** A number of the module's binary format: LEB128, of which only small ones matter here. */
static uint32_t take_number(const uint8_t **at) {
  uint32_t number = 0;
  uint32_t shift = 0;
  do {
    if (shift < 32) number |= (uint32_t)(**at & 0x7f) << shift;
    shift += 7;
  } while ((*(*at)++ & 0x80) != 0);
  return number;
}

/** The section of globals; each has a type, whether it is mutable, and how it begins. */
static bool has_mutable(const uint8_t *at) {
  for (uint32_t left = take_number(&at); left > 0; --left) {
    if (at[1] != 0) return true;
    const uint8_t operation = at[2];
    at += 3;
    if (operation == OPERATION_F32) at += 4;
    else if (operation == OPERATION_F64) at += 8;
    else take_number(&at);
    ++at; // the end of its expression
  }
  return false;
}

/* The loader has found the module to be well-formed. */
bool linger_engine_has_globals(const struct linger_module *module) {
  const uint8_t *at = module->octets + MODULE_HEAD_OCTETS;
  while (at < module->octets + module->length) {
    const uint8_t section = *at++;
    const uint32_t octets = take_number(&at);
    if (section == SECTION_GLOBALS) return has_mutable(at);
    at += octets;
  }
  return false;
}

/** The result comes back in the place of the first parameter. */
static uint32_t call(enum function function, uint32_t count, uint32_t *values) {
#ifdef LINGER_WATCHDOG_INSTRUCTIONS
  wasm_runtime_set_instruction_count_limit(engine.environment, LINGER_WATCHDOG_INSTRUCTIONS);
#endif
  if (wasm_runtime_call_wasm(engine.environment, engine.functions[function], count, values)) {
    return values[0];
  }
  linger_trapped(wasm_runtime_get_exception(engine.instance));
}

#define DEFINE_0(type, name, ours)             \
  type LINGER_RAW(ours)(void) {                            \
    uint32_t values[PARAMETERS_MAX] = {0};     \
    return (type)call(FUNCTION_##name, 0, values); \
  }
#define DEFINE_1(type, name, ours)             \
  type LINGER_RAW(ours)(uint32_t a) {                      \
    uint32_t values[PARAMETERS_MAX] = {a};     \
    return (type)call(FUNCTION_##name, 1, values); \
  }
#define DEFINE_2(type, name, ours)             \
  type LINGER_RAW(ours)(uint32_t a, uint32_t b) {          \
    uint32_t values[PARAMETERS_MAX] = {a, b};  \
    return (type)call(FUNCTION_##name, 2, values); \
  }
#define DEFINE_3(type, name, ours)                     \
  type LINGER_RAW(ours)(uint32_t a, uint32_t b, uint32_t c) {      \
    uint32_t values[PARAMETERS_MAX] = {a, b, c};       \
    return (type)call(FUNCTION_##name, 3, values);     \
  }
#define DEFINE_4(type, name, ours)                             \
  type LINGER_RAW(ours)(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {  \
    uint32_t values[PARAMETERS_MAX] = {a, b, c, d};            \
    return (type)call(FUNCTION_##name, 4, values);             \
  }
LINGER_EXPORTS(DEFINE_0, DEFINE_1, DEFINE_2, DEFINE_3, DEFINE_4)
LINGER_APPLICATION_EXPORTS(DEFINE_0, DEFINE_1)
