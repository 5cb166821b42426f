/**
 * An application in C that uses the stack through the module's exports: echo on port 7 (RFC 862),
 * and on port 13 one line that tells how long the board has been up, after which the board closes.
 *
 * Called by the loop in `src/hal.c`. It keeps no list of its connections: the stack says whose turn
 * it is, and the local port says what for.
 */
#include "services.h"

#include <stddef.h>
#include <string.h>

#include "../../src/report.h"
#include "linger-port.h"

#define ECHO_PORT 7
#define UPTIME_PORT 13
#define BACKLOG 4
#define HANDLES_PER_POLL 16
#define PIECES_PER_TURN 8
#define LINE_OCTETS 32

static struct {
  int32_t echo_listener;
  int32_t uptime_listener;
} services;

static uint32_t status_of(int32_t handle, uint32_t field) {
  const int32_t address = linger_tcp_status((uint32_t)handle);
  const uint32_t *const block =
      address < 0 ? NULL : linger_memory((uint32_t)address, 4 * LINGER_STATUS_FIELD_COUNT);
  return block == NULL ? 0 : block[field];
}

/** Moves what was received into the send ring, as far as there is room. */
static void echo(uint32_t handle) {
  for (uint32_t i = 0; i < PIECES_PER_TURN; ++i) {
    const int32_t unread = linger_tcp_peek(handle);
    if (unread == 0) linger_tcp_close_write(handle);
    if (unread <= 0) return;
    const int32_t room = linger_tcp_reserve(handle);
    if (room < 0) return;
    const uint32_t octets = (uint32_t)(unread < room ? unread : room);
    const void *const from = linger_memory(linger_tcp_peeked_address(handle), octets);
    void *const to = linger_memory(linger_tcp_reserved_address(handle), octets);
    if (from == NULL || to == NULL) return;
    memcpy(to, from, octets);
    linger_tcp_commit(handle, octets);
    linger_tcp_consume(handle, octets);
  }
}

static uint32_t put_number(char *to, uint32_t number) {
  uint32_t digits = 1;
  for (uint32_t rest = number; rest >= 10; rest /= 10) ++digits;
  for (uint32_t i = digits; i > 0; number /= 10) to[--i] = (char)('0' + number % 10);
  return digits;
}

static void tell_uptime(uint32_t handle) {
  static const char unit[] = " ms\n";
  const int32_t room = linger_tcp_reserve(handle);
  char *const to = linger_memory(linger_tcp_reserved_address(handle), LINE_OCTETS);
  if (room < LINE_OCTETS || to == NULL) return;
  const uint32_t digits = put_number(to, linger_port_now_ms());
  memcpy(to + digits, unit, sizeof unit - 1);
  linger_tcp_commit(handle, digits + sizeof unit - 1);
  linger_tcp_close_write(handle);
}

/** What comes after our FIN is thrown away. */
static void drain(uint32_t handle) {
  for (int32_t unread = linger_tcp_peek(handle); unread > 0; unread = linger_tcp_peek(handle)) {
    linger_tcp_consume(handle, (uint32_t)unread);
  }
}

static void serve(uint32_t handle) {
  if (status_of((int32_t)handle, LINGER_STATUS_FIELD_LOCAL_PORT) == ECHO_PORT) echo(handle);
  else drain(handle);
}

static void accept_all(int32_t listener) {
  for (uint32_t i = 0; i < BACKLOG; ++i) {
    const int32_t handle = linger_tcp_accept((uint32_t)listener);
    if (handle < 0) return;
    if (listener == services.uptime_listener) tell_uptime((uint32_t)handle);
    else echo((uint32_t)handle);
  }
}

static void take_events(uint32_t handle) {
  const uint32_t events = (uint32_t)linger_take_events(handle);
  if ((events & LINGER_EVENT_ACCEPTABLE) != 0) accept_all((int32_t)handle);
  else if ((events & LINGER_EVENT_ENDED) != 0) linger_tcp_release(handle);
  else serve(handle);
}

static int32_t start(void) {
  services.echo_listener = linger_tcp_listen(0, ECHO_PORT, BACKLOG);
  services.uptime_listener = linger_tcp_listen(0, UPTIME_PORT, BACKLOG);
  if (services.echo_listener < 0) return services.echo_listener;
  return services.uptime_listener < 0 ? services.uptime_listener : 0;
}

static uint32_t poll(uint32_t now_ms) {
  (void)now_ms;
  for (uint32_t i = 0; i < HANDLES_PER_POLL; ++i) {
    const int32_t handle = linger_next_ready();
    if (handle == 0) return LINGER_NEVER_MS;
    take_events((uint32_t)handle);
  }
  return 0;
}

/** A project that has an application of its own defines this itself. */
__attribute__((weak)) const struct linger_application linger_services = {
    start, poll, &services, sizeof services};
