/**
 * Snapshots of the whole stack in the board's flash (`docs/snapshots.md`). Called by the loop in
 * `hal.c`, which has empty ones for firmware that is built without SNAPSHOTS.
 */
#ifndef LINGER_SNAPSHOT_H
#define LINGER_SNAPSHOT_H

#include <stdint.h>

#include "linger.h"

/** The names are those of the host's errors. */
enum linger_snapshot {
  LINGER_SNAPSHOT_OK = 0,
  /** There is no snapshot, or nowhere to put one. */
  LINGER_SNAPSHOT_NONE,
  /** What is there is damaged. */
  LINGER_SNAPSHOT_FORMAT,
  /** It has another version of the format or of the boundary. */
  LINGER_SNAPSHOT_VERSION,
  /** It belongs to another module, or to a firmware whose application keeps something else. */
  LINGER_SNAPSHOT_MODULE,
  /** The flash has failed. */
  LINGER_SNAPSHOT_STORE,
  /** It is larger than a slot. */
  LINGER_SNAPSHOT_SIZE,
  /** The module keeps state in globals, outside of its memory. */
  LINGER_SNAPSHOT_GLOBALS
};

/** Writes the module's memory away, and what the application keeps; `octets`: how much that was. */
enum linger_snapshot linger_snapshot_save(const struct linger_settings *settings,
                                          uint32_t module_ms, uint32_t *octets);

/**
 * Puts the newest snapshot into a fresh instance. It is marked as consumed before the first octet
 * is used; what is refused stays. After STORE the instance must not be used.
 */
enum linger_snapshot linger_snapshot_take(const struct linger_settings *settings,
                                          uint32_t *module_ms);

#endif
