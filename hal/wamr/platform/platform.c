/**
 * What WAMR asks of the machine, for one without an operating system. WAMR allocates from the pool
 * of the engine (`src/pool.c`), linear memory included, so there is no other heap.
 *
 * Called by WAMR only. Never blocks: there is one thread, so a lock is always free.
 */
#include "platform_api_extension.h"
#include "platform_api_vmcore.h"

#include "bh_platform.h"
#include "linger-port.h"
#include "../src/pool.h"

#define MESSAGE_OCTETS 160

int bh_platform_init(void) {
  return 0;
}

void bh_platform_destroy(void) {}

/* Only a runtime without an allocator of its own would come here. */
void *os_malloc(unsigned size) {
  (void)size;
  return NULL;
}

void *os_realloc(void *ptr, unsigned size) {
  (void)ptr;
  (void)size;
  return NULL;
}

void os_free(void *ptr) {
  (void)ptr;
}

/* Linear memory: from the pool's top, and zero as WebAssembly has it. */
void *os_mmap(void *hint, size_t size, int prot, int flags, os_file_handle file) {
  (void)hint;
  (void)prot;
  (void)flags;
  (void)file;
  void *const memory = linger_pool_take((uint32_t)size);
  if (memory != NULL) memset(memory, 0, size);
  return memory;
}

void os_munmap(void *addr, size_t size) {
  linger_pool_give_back(addr, (uint32_t)size);
}

void *os_mremap(void *old_addr, size_t old_size, size_t new_size) {
  return os_mremap_slow(old_addr, old_size, new_size);
}

int os_mprotect(void *addr, size_t size, int prot) {
  (void)addr;
  (void)size;
  (void)prot;
  return 0;
}

void os_dcache_flush(void) {}

void os_icache_flush(void *start, size_t len) {
  (void)start;
  (void)len;
}

int os_vprintf(const char *format, va_list arguments) {
  char message[MESSAGE_OCTETS];
  const int length = vsnprintf(message, sizeof message, format, arguments);
  if (length > 0) linger_port_log(message);
  return length;
}

int os_printf(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int length = os_vprintf(format, arguments);
  va_end(arguments);
  return length;
}

int os_dumps_proc_mem_info(char *out, unsigned size) {
  (void)out;
  (void)size;
  return -1;
}

uint64 os_time_get_boot_us(void) {
  return (uint64)linger_port_now_ms() * 1000;
}

uint64 os_time_thread_cputime_us(void) {
  return os_time_get_boot_us();
}

korp_tid os_self_thread(void) {
  return 0;
}

/* The place below which the native stack must not grow, if the port knows it. */
uint8 *os_thread_get_stack_boundary(void) {
  return linger_port_stack_limit();
}

void os_thread_jit_write_protect_np(bool enabled) {
  (void)enabled;
}

int os_mutex_init(korp_mutex *mutex) {
  *mutex = 0;
  return BHT_OK;
}

int os_mutex_destroy(korp_mutex *mutex) {
  (void)mutex;
  return BHT_OK;
}

int os_mutex_lock(korp_mutex *mutex) {
  (void)mutex;
  return BHT_OK;
}

int os_mutex_unlock(korp_mutex *mutex) {
  (void)mutex;
  return BHT_OK;
}

int os_cond_init(korp_cond *cond) {
  *cond = 0;
  return BHT_OK;
}

int os_cond_destroy(korp_cond *cond) {
  (void)cond;
  return BHT_OK;
}
