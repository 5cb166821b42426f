/**
 * The application's side: the loop that runs a Linger module on a board, and the module's exports
 * as C functions.
 *
 * `hal/README.md` says what each export does; `linger-abi.h` has its numbers (`LINGER_STATUS_…`,
 * `LINGER_EVENT_…`). An address in the module's memory becomes a pointer by `linger_memory`. The
 * calls may be made from the application's functions below, and from nowhere else: not from an
 * interrupt, not from another thread, not from the port.
 */
#ifndef LINGER_H
#define LINGER_H

#include <stdbool.h>
#include <stdint.h>

#include "linger-abi.h"
#include "linger-exports.h"
#include "linger-time.h"

/** An application in C. A module that brings its own leaves no room for one. */
struct linger_application {
  /** Called once after each start of the stack; below 0 is a refusal. */
  int32_t (*start)(void);
  /**
   * Called after each `poll` of the stack; takes events with `linger_next_ready`. Returns the
   * longest time to the next call in ms, or LINGER_NEVER_MS.
   */
  uint32_t (*poll)(uint32_t now_ms);
  /**
   * What it keeps beside the module's memory, plain octets without a pointer: saved with a snapshot
   * and put back in the place of `start` (`docs/snapshots.md`). NULL and 0 if that is nothing.
   */
  void *kept;
  uint32_t kept_octets;
};

/** A module as it lies in flash. Firmware that was compiled ahead of time has none. */
struct linger_module {
  const uint8_t *octets;
  uint32_t length;
};

struct linger_settings {
  struct linger_module module;
  /** IPv4: 10.9.0.2 is 0x0a090002. A gateway of 0 is none. */
  uint32_t address;
  uint32_t prefix_length;
  uint32_t gateway;
  /** Maximum segment lifetime; 0 is the stack's default, 30 s. */
  uint32_t msl_ms;
  /** For a module without an application of its own; may be NULL. */
  const struct linger_application *application;
};

/** What the loop has counted since power-on; restarts of the stack do not clear it. */
struct linger_counters {
  uint32_t frames_received;
  uint32_t frames_sent;
  /** The MAC was BUSY. */
  uint32_t transmit_busy;
  /** Frames that would have left while the link was down. */
  uint32_t dropped_link_down;
  uint32_t link_changes;
  /** Rounds of the loop: how often the board woke up. */
  uint32_t wakes;
  /** How often the module trapped and was started again. */
  uint32_t traps;
};

/**
 * Starts the module, or takes up its snapshot, and runs it. Returns 0 once the stack is put away
 * (`linger_sleep`), and 1 if it cannot be started, which was reported by `linger_port_log` then. A
 * trap is reported and counted, and the stack begins anew.
 */
int linger_run(const struct linger_settings *settings);

/**
 * Asks for the stack to be put away at the end of this turn, for the next start of the board to go
 * on with; then `linger_run` returns 0. If that fails, it is reported, and the stack goes on. Only
 * firmware that is built with SNAPSHOTS can.
 */
void linger_sleep(void);

const struct linger_counters *linger_counters(void);

/** What lies at an address in the module's memory, or NULL if `octets` do not. */
void *linger_memory(uint32_t address, uint32_t octets);

#define LINGER_PROTOTYPE_0(type, name, ours) type ours(void);
#define LINGER_PROTOTYPE_1(type, name, ours) type ours(uint32_t a);
#define LINGER_PROTOTYPE_2(type, name, ours) type ours(uint32_t a, uint32_t b);
#define LINGER_PROTOTYPE_3(type, name, ours) type ours(uint32_t a, uint32_t b, uint32_t c);
#define LINGER_PROTOTYPE_4(type, name, ours) \
  type ours(uint32_t a, uint32_t b, uint32_t c, uint32_t d);
LINGER_EXPORTS(LINGER_PROTOTYPE_0, LINGER_PROTOTYPE_1, LINGER_PROTOTYPE_2, LINGER_PROTOTYPE_3,
               LINGER_PROTOTYPE_4)

#endif
