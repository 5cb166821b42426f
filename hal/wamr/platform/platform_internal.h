/**
 * The types and limits that WAMR asks of a platform, for one without an operating system: one
 * thread, no files, no sockets.
 *
 * Included by WAMR's own headers; the names are WAMR's. The functions are in `platform.c`.
 */
#ifndef LINGER_PLATFORM_INTERNAL_H
#define LINGER_PLATFORM_INTERNAL_H

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef BH_PLATFORM_LINGER
#define BH_PLATFORM_LINGER
#endif

/** newlib's printf would pull in a heap; `platform.c` writes through the HAL's log instead. */
#define BH_APPLET_PRESERVED_STACK_SIZE 512
#define BH_THREAD_DEFAULT_PRIORITY 0

typedef int korp_tid;
typedef int korp_mutex;
typedef int korp_cond;
typedef int korp_thread;
typedef int korp_rwlock;
typedef int korp_sem;

#define OS_THREAD_MUTEX_INITIALIZER 0

typedef int os_file_handle;
typedef int os_raw_file_handle;
typedef void *os_dir_stream;
typedef int os_poll_file_handle;
typedef unsigned os_nfds_t;
typedef int os_timespec;
typedef int bh_socket_t;

static inline os_file_handle os_get_invalid_handle(void) {
  return -1;
}

/**
 * Linear memory is rounded up to this. A board has no pages, so it is what WAMR's alignment needs:
 * a module takes no more memory than it uses.
 */
static inline int os_getpagesize(void) {
  return 16;
}

#endif
