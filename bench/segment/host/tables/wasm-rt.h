/**
 * hal/wamr/wasm2c/wasm-rt.h with tables of functions, which no Linger module has and lwIP's has, for
 * its callbacks. Stands before that one in the path of include files.
 */
#ifndef BENCH_WASM_RT_H
#define BENCH_WASM_RT_H

#include "../../../../hal/wamr/wasm2c/wasm-rt.h"

enum { WASM_RT_TRAP_CALL_INDIRECT = WASM_RT_TRAP_UNREACHABLE + 1, BENCH_TABLE_MAX = 64 };

typedef void (*wasm_rt_function_ptr_t)(void);

/** A function in a table: what it takes and returns, by number, and what to call. */
typedef struct {
  uint32_t func_type;
  wasm_rt_function_ptr_t func;
  void *module_instance;
} wasm_rt_funcref_t;

typedef struct {
  uint32_t size;
  wasm_rt_funcref_t data[BENCH_TABLE_MAX];
} wasm_rt_funcref_table_t;

#endif
