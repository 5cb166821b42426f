/**
 * An application of a stranger's, in the place of the board's own: who sends it an octet on port 7
 * has it write where the module is flashed, which no firmware may.
 */
#include <stddef.h>

#include "linger.h"

#define PORT 7
#define BACKLOG 2

extern volatile uint8_t linger_module_partition[];

static int32_t start(void) {
  const int32_t listener = linger_tcp_listen(0, PORT, BACKLOG);
  return listener < 0 ? listener : 0;
}

static uint32_t vandal_poll(uint32_t now_ms) {
  (void)now_ms;
  for (int32_t handle = linger_next_ready(); handle != 0; handle = linger_next_ready()) {
    const uint32_t events = (uint32_t)linger_take_events((uint32_t)handle);
    if ((events & LINGER_EVENT_ACCEPTABLE) != 0) linger_tcp_accept((uint32_t)handle);
    else if ((events & LINGER_EVENT_ENDED) != 0) linger_tcp_release((uint32_t)handle);
    else if (linger_tcp_peek((uint32_t)handle) > 0) linger_module_partition[0] ^= 1;
  }
  return LINGER_NEVER_MS;
}

const struct linger_application linger_services = {start, vandal_poll, NULL, 0};
