/**
 * The flash for snapshots of the board that is a process: a file that behaves like NOR flash. What
 * is programmed is on the disk when the call returns.
 */
#define _GNU_SOURCE
#include "linger-store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "board.h"
#include "linger-port.h"

#define SLOT_OCTETS (128u << 10)
#define SLOTS 2
#define WORDS_MAX 16u

static int store = -1;
static uint32_t slept_ms;

uint32_t linger_port_store_octets(void) {
  return store < 0 ? 0 : SLOT_OCTETS;
}

static off_t place(uint32_t slot, uint32_t at) {
  return (off_t)slot * SLOT_OCTETS + at;
}

bool linger_port_store_erase(uint32_t slot) {
  uint32_t ones[WORDS_MAX];
  memset(ones, 0xff, sizeof ones);
  for (uint32_t at = 0; at < SLOT_OCTETS; at += sizeof ones) {
    if (pwrite(store, ones, sizeof ones, place(slot, at)) != (ssize_t)sizeof ones) return false;
  }
  return fsync(store) == 0;
}

bool linger_port_store_read(uint32_t slot, uint32_t at, uint32_t *words, uint32_t count) {
  return pread(store, words, 4 * count, place(slot, at)) == (ssize_t)(4 * count);
}

bool linger_port_store_program(uint32_t slot, uint32_t at, const uint32_t *words, uint32_t count) {
  uint32_t there[WORDS_MAX];
  if (count > WORDS_MAX || !linger_port_store_read(slot, at, there, count)) return false;
  for (uint32_t i = 0; i < count; ++i) there[i] &= words[i];
  if (pwrite(store, there, 4 * count, place(slot, at)) != (ssize_t)(4 * count)) return false;
  return fdatasync(store) == 0;
}

/** Since something was written last; 0 if the clock was set back meanwhile. */
static uint32_t age_ms(void) {
  struct stat file;
  struct timespec now;
  if (fstat(store, &file) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0) return 0;
  const int64_t seconds = (int64_t)now.tv_sec - file.st_mtim.tv_sec;
  const int64_t ms = 1000 * seconds + (now.tv_nsec - file.st_mtim.tv_nsec) / 1000000;
  if (ms < 0) return 0;
  return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

uint32_t linger_port_slept_ms(void) {
  return slept_ms;
}

const char *board_open_store(const char *path) {
  store = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (store < 0) return strerror(errno);
  slept_ms = age_ms();
  if (lseek(store, 0, SEEK_END) == (off_t)SLOTS * SLOT_OCTETS) return NULL;
  for (uint32_t slot = 0; slot < SLOTS; ++slot) {
    if (!linger_port_store_erase(slot)) return strerror(errno);
  }
  return NULL;
}
