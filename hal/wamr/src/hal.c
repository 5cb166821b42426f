/**
 * The loop around a Linger module on a board: all queued frames in, `poll`, the application, sleep
 * until the deadline that came back (`hal/README.md`). Independent of the engine that executes the
 * module and of the board; calls both through `engine.h` and `linger-port.h`.
 *
 * A frame is copied twice in its life here: by the port from the MAC into a receive slot, and by
 * the port from the module's memory into the MAC.
 */
#include <setjmp.h>
#include <stddef.h>
#include <string.h>

#include "engine.h"
#include "linger-port.h"
#include "record.h"
#include "report.h"
#include "snapshot.h"

#define ABI_VERSION LINGER_ABI_VERSION
/** So many frames are handed over before the stack is polled: in a flood its timers go on. */
#define FRAMES_PER_TURN 32
/** At `dueAddress`. */
#define DUE_OCTETS 8
/** Rounds of an application and its stack within one turn, while they keep each other busy. */
#define ROUNDS_PER_TURN 16
#define BUSY_RETRY_MS 1
/** Two calls must not lie more than 2^30 ms apart (`hal/README.md`), however idle all is. */
#define IDLE_MS_MAX (UINT32_C(1) << 29)
/** A module that traps at once is not started again at full speed. */
#define RESTART_MS 1000
#define RX_SLOTS_MAX 8

static struct {
  const struct linger_settings *settings;
  struct linger_counters counters;
  jmp_buf restart;
  const char *trap;
  uint8_t *slots[RX_SLOTS_MAX];
  /** `dueAddress`, where the module says whether a poll would send anything. */
  const uint8_t *due;
  /** So far the module's time is ahead of the port's: it goes on after a snapshot. */
  uint32_t ahead_ms;
  uint16_t slot_size;
  uint8_t slot_count;
  uint8_t next_slot;
  uint8_t link_address[6];
  bool link_is_up;
  bool was_busy;
  bool is_sleep_asked;
  bool is_asleep;
} hal;

/** Ports without DMA into the slots, without a limit of the stack or keys have nothing to do. */
__attribute__((weak)) void linger_port_attach(uint8_t *const *slots, uint32_t count,
                                              uint32_t capacity) {
  (void)slots;
  (void)count;
  (void)capacity;
}

__attribute__((weak)) void linger_port_detach(void) {}

__attribute__((weak)) uint8_t *linger_port_stack_limit(void) {
  return NULL;
}

__attribute__((weak)) bool linger_port_status_is_asked(void) {
  return false;
}

__attribute__((weak)) bool linger_port_sleep_is_asked(void) {
  return false;
}

__attribute__((weak)) uint32_t linger_port_slept_ms(void) {
  return 0;
}

/** Firmware without SNAPSHOTS has none. */
__attribute__((weak)) enum linger_snapshot
linger_snapshot_save(const struct linger_settings *settings, uint32_t module_ms, uint32_t *octets) {
  (void)settings;
  (void)module_ms;
  (void)octets;
  return LINGER_SNAPSHOT_NONE;
}

__attribute__((weak)) enum linger_snapshot
linger_snapshot_take(const struct linger_settings *settings, uint32_t *module_ms) {
  (void)settings;
  (void)module_ms;
  return LINGER_SNAPSHOT_NONE;
}

void linger_sleep(void) {
  hal.is_sleep_asked = true;
}

static uint32_t module_now_ms(void) {
  return linger_port_now_ms() + hal.ahead_ms;
}

uint32_t linger_hal_entropy(void) {
  const uint32_t word = linger_port_entropy();
  linger_record_entropy(word);
  return word;
}

uint32_t linger_hal_transmit(const uint8_t *frame, uint32_t octets) {
  if (!hal.link_is_up) {
    ++hal.counters.dropped_link_down;
  } else if (linger_port_transmit(frame, octets)) {
    ++hal.counters.frames_sent;
  } else {
    ++hal.counters.transmit_busy;
    hal.was_busy = true;
    linger_record_busy(frame, octets);
    return 1;
  }
  linger_record_sent(frame, octets);
  return 0;
}

_Noreturn void linger_trapped(const char *why) {
  linger_record_trap();
  hal.trap = why;
  longjmp(hal.restart, 1);
}

const struct linger_counters *linger_counters(void) {
  return &hal.counters;
}

static bool succeeds(const char *what, int32_t status) {
  if (status >= 0) return true;
  linger_report("%s was refused: status -%u", what, (unsigned)-status);
  return false;
}

static bool check_version(void) {
  if (!linger_engine_has_version()) return false;
  const uint32_t version = linger_abi_version();
  if (version == ABI_VERSION) return linger_engine_has_exports();
  linger_report("the module has ABI version %u, this firmware has %u", (unsigned)version,
                (unsigned)ABI_VERSION);
  return false;
}

static void attach(void) {
  hal.next_slot = 0;
  linger_port_attach(hal.slots, hal.slot_count, hal.slot_size);
}

static bool attach_slots(void) {
  const int32_t count = linger_limit(LINGER_LIMIT_RX_SLOT_COUNT);
  const int32_t size = linger_limit(LINGER_LIMIT_RX_SLOT_SIZE);
  hal.slot_count = (uint8_t)(count > RX_SLOTS_MAX ? RX_SLOTS_MAX : count);
  hal.slot_size = (uint16_t)size;
  for (uint32_t i = 0; i < hal.slot_count; ++i) {
    hal.slots[i] = linger_memory((uint32_t)linger_rx_slot_address(i), hal.slot_size);
    if (hal.slots[i] == NULL) {
      linger_report("receive slot %u lies outside of the module's memory", (unsigned)i);
      return false;
    }
  }
  hal.due = linger_memory(linger_due_address(), DUE_OCTETS);
  if (hal.due == NULL) {
    linger_report("what is due lies outside of the module's memory");
    return false;
  }
  attach();
  return true;
}

static bool start_application(void) {
  if (linger_engine_has_application()) {
    return succeeds("the module's application", linger_app_init());
  }
  const struct linger_application *const application = hal.settings->application;
  return application == NULL || succeeds("the application", application->start());
}

static const char *why_not(enum linger_snapshot verdict) {
  switch (verdict) {
    case LINGER_SNAPSHOT_FORMAT:
      return "it is damaged";
    case LINGER_SNAPSHOT_VERSION:
      return "it has another version";
    case LINGER_SNAPSHOT_MODULE:
      return "it is of another module or firmware";
    case LINGER_SNAPSHOT_STORE:
      return "the flash has failed";
    case LINGER_SNAPSHOT_SIZE:
      return "it is too large";
    case LINGER_SNAPSHOT_GLOBALS:
      return "the module has mutable globals";
    default:
      return "there is none";
  }
}

/** Puts the stack away; from then on nothing may use its sequence numbers. */
static void fall_asleep(void) {
  uint32_t octets = 0;
  const uint32_t began = linger_port_now_ms();
  linger_port_detach();
  const enum linger_snapshot verdict =
      linger_snapshot_save(hal.settings, module_now_ms(), &octets);
  hal.is_sleep_asked = false;
  hal.is_asleep = verdict == LINGER_SNAPSHOT_OK;
  if (!hal.is_asleep) {
    linger_report("no snapshot is made: %s", why_not(verdict));
    attach();
  } else {
    linger_record_end();
    linger_report("asleep: a snapshot of %u octets, made in %u ms", (unsigned)octets,
                  (unsigned)(linger_port_now_ms() - began));
  }
}

/** Time passes in the module, then its peers are asked. Two calls must not lie too far apart. */
static void catch_up(uint32_t slept_ms) {
  for (uint32_t left = slept_ms; left > IDLE_MS_MAX; left -= IDLE_MS_MAX) {
    linger_poll(module_now_ms() - left + IDLE_MS_MAX);
  }
  linger_poll(module_now_ms());
  linger_wake();
}

/** Takes up the snapshot, if there is one. Only after power-on: a trap must not come again. */
static bool wake_up(void) {
  uint32_t module_ms;
  if (hal.counters.traps != 0) return false;
  const uint32_t began = linger_port_now_ms();
  const enum linger_snapshot verdict = linger_snapshot_take(hal.settings, &module_ms);
  if (verdict == LINGER_SNAPSHOT_NONE) return false;
  if (verdict != LINGER_SNAPSHOT_OK || !attach_slots()) {
    linger_report("the snapshot is not taken up: %s", why_not(verdict));
    return false;
  }
  const uint32_t slept_ms = linger_port_slept_ms();
  hal.ahead_ms = module_ms + slept_ms - began;
  linger_report("awake: the snapshot was taken up in %u ms, after %u ms of sleep",
                (unsigned)(linger_port_now_ms() - began), (unsigned)slept_ms);
  linger_record_start(&hal.settings->module, true);
  catch_up(slept_ms);
  return true;
}

static bool start_stack(void) {
  const struct linger_settings *const settings = hal.settings;
  const uint8_t *const link = hal.link_address;
  if (!check_version()) return false;
  if (wake_up()) return true;
  // A recording ends with a trap.
  if (hal.counters.traps == 0) linger_record_start(&settings->module, false);
  if (!succeeds("init", linger_init(module_now_ms(), settings->msl_ms))) return false;
  const uint32_t high = (uint32_t)link[0] << 8 | link[1];
  const uint32_t low =
      (uint32_t)link[2] << 24 | (uint32_t)link[3] << 16 | (uint32_t)link[4] << 8 | link[5];
  if (!succeeds("the link address", linger_set_link_address(high, low))) return false;
  const int32_t status =
      linger_set_address(settings->address, settings->prefix_length, settings->gateway);
  return succeeds("the IPv4 address", status) && attach_slots() && start_application();
}

static void report_status(void) {
  const struct linger_counters *const now = &hal.counters;
  linger_report("up %u ms, %u wakes, %u frames in, %u out, %u busy, %u link changes, "
                "%u dropped while it was down, %u traps",
                (unsigned)linger_port_now_ms(), (unsigned)now->wakes,
                (unsigned)now->frames_received, (unsigned)now->frames_sent,
                (unsigned)now->transmit_busy, (unsigned)now->link_changes,
                (unsigned)now->dropped_link_down, (unsigned)now->traps);
}

static void watch_link(void) {
  const bool is_up = linger_port_link_is_up();
  if (is_up == hal.link_is_up) return;
  hal.link_is_up = is_up;
  ++hal.counters.link_changes;
  linger_report("the link is %s", is_up ? "up" : "down");
}

/** False if there may be more. */
static bool hand_over_frames(uint32_t now_ms) {
  for (uint32_t i = 0; i < FRAMES_PER_TURN; ++i) {
    const uint32_t slot = hal.next_slot;
    const uint32_t octets = linger_port_receive(hal.slots[slot], hal.slot_size);
    if (octets == 0) return true;
    hal.next_slot = (uint8_t)(slot + 1 == hal.slot_count ? 0 : slot + 1);
    ++hal.counters.frames_received;
    linger_frame_received(slot, octets, now_ms);
  }
  return false;
}

static uint32_t poll_application(uint32_t now_ms) {
  if (linger_engine_has_application()) return linger_app_poll(now_ms);
  const struct linger_application *const application = hal.settings->application;
  return application == NULL ? LINGER_NEVER_MS : application->poll(now_ms);
}

static bool is_due(void) {
  static const uint8_t nothing[DUE_OCTETS];
  return memcmp(hal.due, nothing, DUE_OCTETS) != 0;
}

/**
 * The stack, then the application, then the stack again if it has something to send now, while
 * frames leave. Returns how long to sleep.
 */
static uint32_t poll_all(uint32_t now_ms) {
  for (uint32_t round = 0; round < ROUNDS_PER_TURN; ++round) {
    const uint32_t sent = hal.counters.frames_sent;
    const uint32_t stack_ms = linger_poll(now_ms);
    const uint32_t application_ms = poll_application(now_ms);
    const uint32_t least_ms = stack_ms < application_ms ? stack_ms : application_ms;
    if (!is_due() || (round > 0 && sent == hal.counters.frames_sent)) return least_ms;
  }
  return 0;
}

static void turn(void) {
  ++hal.counters.wakes;
  hal.was_busy = false;
  const uint32_t now_ms = module_now_ms();
  watch_link();
  if (linger_port_status_is_asked()) report_status();
  const bool is_drained = hand_over_frames(now_ms);
  uint32_t sleep_ms = poll_all(now_ms);
  linger_record_turn();
  if (linger_port_sleep_is_asked() || hal.is_sleep_asked) {
    fall_asleep();
    return;
  }
  if (!is_drained) return;
  if (hal.was_busy && sleep_ms < BUSY_RETRY_MS) sleep_ms = BUSY_RETRY_MS;
  if (sleep_ms > IDLE_MS_MAX) sleep_ms = IDLE_MS_MAX;
  // What the work itself took is part of the time to the deadline.
  const uint32_t worked_ms = module_now_ms() - now_ms;
  if (worked_ms < sleep_ms) linger_port_idle(sleep_ms - worked_ms);
}

static bool bring_up(void) {
  if (!linger_port_init(hal.link_address)) return false;
  hal.link_is_up = linger_port_link_is_up();
  linger_report("the link is %s", hal.link_is_up ? "up" : "down");
  return linger_engine_load(&hal.settings->module);
}

int linger_run(const struct linger_settings *settings) {
  hal.settings = settings;
  if (!bring_up()) return 1;
  if (setjmp(hal.restart) != 0) {
    linger_port_detach();
    ++hal.counters.traps;
    linger_report("trap %u: %s; the stack starts again", (unsigned)hal.counters.traps, hal.trap);
    linger_port_idle(RESTART_MS);
  }
  if (!linger_engine_instantiate() || !start_stack()) return 1;
  if (hal.counters.traps == 0) linger_engine_report_memory();
  linger_report("ready");
  while (!hal.is_asleep) turn();
  return 0;
}
