/**
 * hal/wamr/wasm2c/operations.h with calls through a table of functions: the index and the type are
 * checked, as WebAssembly has it. The names and the order of parameters are wasm2c's.
 */
#include "../../../../hal/wamr/wasm2c/operations.h"

/** Types are told apart by their numbers: wasm-opt leaves no two that are the same. */
#undef wasm_rt_register_func_type
#define wasm_rt_register_func_type(parameters, results, ...) (++bench_type_count)
static uint32_t bench_type_count;

#define CALL_INDIRECT(table, type, number, index, ...)                                \
  ((void)(((index) < (table).size && (table).data[index].func_type == func_types[number]) || \
          TRAP(CALL_INDIRECT)),                                                       \
   ((type)(table).data[index].func)(__VA_ARGS__))

/** What the module says of an entry. */
typedef struct {
  uint32_t type;
  wasm_rt_function_ptr_t func;
  uint32_t instance_offset;
} wasm_elem_segment_expr_t;

/** Entries that are not filled have type 0, which is none. */
#define wasm_rt_allocate_funcref_table(table, octets, most)       \
  do {                                                            \
    if ((octets) > BENCH_TABLE_MAX) TRAP(OOB);                    \
    memset((table), 0, sizeof *(table));                          \
    (table)->size = (octets);                                     \
  } while (0)
#define wasm_rt_free_funcref_table(table) ((void)(table))

#define funcref_table_init(table, entries, entry_count, to, from, count, instance, types) \
  do {                                                                                    \
    for (uint32_t i = 0; i < (count); ++i) {                                              \
      const wasm_elem_segment_expr_t *const entry = &(entries)[(from) + i];               \
      (table)->data[(to) + i].func_type = (types)[entry->type];                           \
      (table)->data[(to) + i].func = entry->func;                                         \
      (table)->data[(to) + i].module_instance = (instance);                               \
    }                                                                                     \
  } while (0)
