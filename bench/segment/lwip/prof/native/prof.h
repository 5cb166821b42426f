/* Compiled for the Cortex-M3 the marks, and what leaves, are the host's: the same as a module's. */
#include "host.h"
#define PROF_START() mark_start()
#define PROF_STOP() mark_stop()
#define EXPORT(name)
static inline void arrived(const void *frame, u32_t octets) {
  host_tell("arrived", frame, octets);
}
static inline int hal_transmit(const void *frame, u32_t octets) {
  note_frame(frame, octets);
  return 0;
}
