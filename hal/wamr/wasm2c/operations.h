/**
 * The operations of code made by `wasm2c`, in the place of those that it brings along: they check
 * addresses in 32 bits against a constant. `cmake/wasm2c.cmake` puts this file there.
 *
 * Memory is the module's up to its __heap_base, and a guard behind that, which nothing uses: where
 * a field lies less than the guard behind the beginning of its record, it is enough that the record
 * begins below __heap_base. That test is the same for all its fields, and made once. The guard lies
 * within the module's pages, so nothing is let through that WebAssembly would not let through.
 * For a larger offset, an access is in bounds when base + offset + width does not exceed the memory:
 * comparing the base with (memory − offset − width), a constant, is the same test and cannot
 * overflow; where that constant would be below zero the access always traps. The generated code
 * writes an address as `(u64)(base)` or `(u64)(base) + offset`; BASE_AND_OFFSET takes that apart
 * without 64-bit arithmetic, which costs a Cortex-M three times as much.
 *
 * Memory accesses go through memcpy, which compilers turn into single loads and stores.
 */
#include <stddef.h>
#include <string.h>

#ifndef LINGER_MEMORY_OCTETS
#error "LINGER_MEMORY_OCTETS: the module's __heap_base; and LINGER_GUARD_OCTETS behind it"
#endif

#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ALWAYS_INLINE static inline __attribute__((always_inline, unused))

#define TRAP(why) (wasm_rt_trap(WASM_RT_TRAP_##why), 0)
#define UNREACHABLE TRAP(UNREACHABLE)
/* The native stack is bounded by its place in memory, not by counting calls: see hal/wamr. */
#define FUNC_PROLOGUE
#define FUNC_EPILOGUE

/* `(u64)(base) + offset` → `base, 0 + offset`: the cast is read as a call of a macro. */
#define BASE_AND_OFFSET(cast) BASE_THEN
#define BASE_THEN(base) (base), 0

ALWAYS_INLINE uint8_t *linger_at(uint32_t base, uint32_t offset, uint32_t width) {
  if (offset < LINGER_GUARD_OCTETS && offset + width <= LINGER_GUARD_OCTETS) {
    if (UNLIKELY(base >= LINGER_MEMORY_OCTETS)) TRAP(OOB);
  } else {
    if (offset > LINGER_MEMORY_OCTETS - width) TRAP(OOB);
    if (UNLIKELY(base > LINGER_MEMORY_OCTETS - width - offset)) TRAP(OOB);
  }
  // Step by step: in one expression gcc would add the offset to the memory's own address, and load
  // that sum as a constant for each field, 2 to 9 % more instructions.
  uint8_t *const memory = linger_memory_octets;
  uint8_t *const record = (uint8_t *)((uintptr_t)memory + base);
  return record + offset;
}

#define DEFINE_LOAD(name, stored, extended, result)                      \
  ALWAYS_INLINE result name##_at(uint32_t base, uint32_t offset) {       \
    stored value;                                                        \
    memcpy(&value, linger_at(base, offset, sizeof value), sizeof value); \
    return (result)(extended)value;                                      \
  }

#define DEFINE_STORE(name, stored, given)                                      \
  ALWAYS_INLINE void name##_at(uint32_t base, uint32_t offset, given value) {  \
    const stored wrapped = (stored)value;                                      \
    memcpy(linger_at(base, offset, sizeof wrapped), &wrapped, sizeof wrapped); \
  }

DEFINE_LOAD(i32_load, u32, u32, u32)
DEFINE_LOAD(i64_load, u64, u64, u64)
DEFINE_LOAD(i32_load8_s, s8, s32, u32)
DEFINE_LOAD(i64_load8_s, s8, s64, u64)
DEFINE_LOAD(i32_load8_u, u8, u32, u32)
DEFINE_LOAD(i64_load8_u, u8, u64, u64)
DEFINE_LOAD(i32_load16_s, s16, s32, u32)
DEFINE_LOAD(i64_load16_s, s16, s64, u64)
DEFINE_LOAD(i32_load16_u, u16, u32, u32)
DEFINE_LOAD(i64_load16_u, u16, u64, u64)
DEFINE_LOAD(i64_load32_s, s32, s64, u64)
DEFINE_LOAD(i64_load32_u, u32, u64, u64)
DEFINE_STORE(i32_store, u32, u32)
DEFINE_STORE(i64_store, u64, u64)
DEFINE_STORE(i32_store8, u8, u32)
DEFINE_STORE(i32_store16, u16, u32)
DEFINE_STORE(i64_store8, u8, u64)
DEFINE_STORE(i64_store16, u16, u64)
DEFINE_STORE(i64_store32, u32, u64)

#define i32_load(memory, address) i32_load_at(BASE_AND_OFFSET address)
#define i64_load(memory, address) i64_load_at(BASE_AND_OFFSET address)
#define i32_load8_s(memory, address) i32_load8_s_at(BASE_AND_OFFSET address)
#define i64_load8_s(memory, address) i64_load8_s_at(BASE_AND_OFFSET address)
#define i32_load8_u(memory, address) i32_load8_u_at(BASE_AND_OFFSET address)
#define i64_load8_u(memory, address) i64_load8_u_at(BASE_AND_OFFSET address)
#define i32_load16_s(memory, address) i32_load16_s_at(BASE_AND_OFFSET address)
#define i64_load16_s(memory, address) i64_load16_s_at(BASE_AND_OFFSET address)
#define i32_load16_u(memory, address) i32_load16_u_at(BASE_AND_OFFSET address)
#define i64_load16_u(memory, address) i64_load16_u_at(BASE_AND_OFFSET address)
#define i64_load32_s(memory, address) i64_load32_s_at(BASE_AND_OFFSET address)
#define i64_load32_u(memory, address) i64_load32_u_at(BASE_AND_OFFSET address)
#define i32_store(memory, address, value) i32_store_at(BASE_AND_OFFSET address, value)
#define i64_store(memory, address, value) i64_store_at(BASE_AND_OFFSET address, value)
#define i32_store8(memory, address, value) i32_store8_at(BASE_AND_OFFSET address, value)
#define i32_store16(memory, address, value) i32_store16_at(BASE_AND_OFFSET address, value)
#define i64_store8(memory, address, value) i64_store8_at(BASE_AND_OFFSET address, value)
#define i64_store16(memory, address, value) i64_store16_at(BASE_AND_OFFSET address, value)
#define i64_store32(memory, address, value) i64_store32_at(BASE_AND_OFFSET address, value)

/** Where `octets` from `address` on are; a length that may be anything, so without overflow. */
ALWAYS_INLINE uint8_t *linger_range(uint32_t address, uint32_t octets) {
  if (UNLIKELY(octets > LINGER_MEMORY_OCTETS)) TRAP(OOB);
  if (UNLIKELY(address > LINGER_MEMORY_OCTETS - octets)) TRAP(OOB);
  return linger_memory_octets + address;
}

/* A libc's memmove is slow where memcpy is not, on Cortex-M by a factor of five. */
ALWAYS_INLINE void linger_copy(uint32_t to, uint32_t from, uint32_t octets) {
  uint8_t *const target = linger_range(to, octets);
  const uint8_t *const source = linger_range(from, octets);
  if (to - from >= octets && from - to >= octets) memcpy(target, source, octets);
  else memmove(target, source, octets);
}

ALWAYS_INLINE void linger_fill(uint32_t at, uint32_t octet, uint32_t octets) {
  memset(linger_range(at, octets), (int)octet, octets);
}

#define memory_copy(to_memory, from_memory, to, from, octets) linger_copy(to, from, octets)
#define memory_fill(memory, at, octet, octets) linger_fill(at, octet, octets)

/** A data segment; all of linear memory is zero before the first one. */
#define LOAD_DATA(memory, at, data, octets) memcpy(linger_range(at, octets), data, octets)
#define wasm_rt_allocate_memory(memory, pages, pages_max) \
  memset(linger_memory_octets, 0, LINGER_MEMORY_OCTETS + LINGER_GUARD_OCTETS)
#define wasm_rt_free_memory(memory) ((void)(memory))
/* Types of functions matter to indirect calls only, and a Linger module has none. */
#define wasm_rt_register_func_type(parameters, results, ...) 0

#define I32_CLZ(x) ((x) ? (u32)__builtin_clz(x) : 32u)
#define I64_CLZ(x) ((x) ? (u64)__builtin_clzll(x) : 64u)
#define I32_CTZ(x) ((x) ? (u32)__builtin_ctz(x) : 32u)
#define I64_CTZ(x) ((x) ? (u64)__builtin_ctzll(x) : 64u)
#define I32_POPCNT(x) ((u32)__builtin_popcount(x))
#define I64_POPCNT(x) ((u64)__builtin_popcountll(x))

#define DIV_U(x, y) (UNLIKELY((y) == 0) ? TRAP(DIV_BY_ZERO) : (x) / (y))
#define REM_U(x, y) (UNLIKELY((y) == 0) ? TRAP(DIV_BY_ZERO) : (x) % (y))
#define DIV_S(unsigned_type, least, x, y)                                \
  (UNLIKELY((y) == 0)                      ? TRAP(DIV_BY_ZERO)           \
   : UNLIKELY((x) == (least) && (y) == -1) ? TRAP(INT_OVERFLOW)          \
                                           : (unsigned_type)((x) / (y)))
#define REM_S(unsigned_type, least, x, y)                       \
  (UNLIKELY((y) == 0)                      ? TRAP(DIV_BY_ZERO)  \
   : UNLIKELY((x) == (least) && (y) == -1) ? 0                  \
                                           : (unsigned_type)((x) % (y)))
#define I32_DIV_S(x, y) DIV_S(u32, INT32_MIN, (s32)(x), (s32)(y))
#define I64_DIV_S(x, y) DIV_S(u64, INT64_MIN, (s64)(x), (s64)(y))
#define I32_REM_S(x, y) REM_S(u32, INT32_MIN, (s32)(x), (s32)(y))
#define I64_REM_S(x, y) REM_S(u64, INT64_MIN, (s64)(x), (s64)(y))

#define ROTATE(x, left, right) (((x) << (left)) | ((x) >> (right)))
#define I32_ROTL(x, y) ROTATE(x, (y) & 31, (32 - ((y) & 31)) & 31)
#define I64_ROTL(x, y) ROTATE(x, (y) & 63, (64 - ((y) & 63)) & 63)
#define I32_ROTR(x, y) ROTATE(x, (32 - ((y) & 31)) & 31, (y) & 31)
#define I64_ROTR(x, y) ROTATE(x, (64 - ((y) & 63)) & 63, (y) & 63)
