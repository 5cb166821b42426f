/**
 * A MAC with DMA, as far as a process can be one: it writes frames into the module's receive slots
 * by itself, as many as there are descriptors that it owns, whichever slot the loop asks about. For
 * the linger-ring program, and as a pattern for ports to such a MAC (`linger_port_attach`).
 */
#include <stdbool.h>
#include <stdlib.h>

#include "board.h"
#include "linger-port.h"

#define DESCRIPTORS_MAX 8

static struct {
  uint8_t *slots[DESCRIPTORS_MAX];
  /** Of the frame that a slot has; 0: the slot is the MAC's. */
  uint32_t octets[DESCRIPTORS_MAX];
  uint32_t count;
  uint32_t capacity;
  /** The slot that the MAC writes next, and the one that the loop asks about next. */
  uint32_t written;
  uint32_t read;
  bool is_lent;
} ring;

static uint32_t after(uint32_t descriptor) {
  return descriptor + 1 == ring.count ? 0 : descriptor + 1;
}

/** At each start of the stack: whatever the slots had is gone. */
void linger_port_attach(uint8_t *const *slots, uint32_t count, uint32_t capacity) {
  // Slots that it still has: it would have written into memory that was something else meanwhile.
  if (ring.count != 0 || count == 0 || count > DESCRIPTORS_MAX) abort();
  for (uint32_t i = 0; i < count; ++i) {
    ring.slots[i] = slots[i];
    ring.octets[i] = 0;
  }
  ring.count = count;
  ring.capacity = capacity;
  ring.written = ring.read = 0;
  ring.is_lent = false;
  linger_port_log("the MAC writes into the slots\n");
}

void linger_port_detach(void) {
  ring.count = 0;
  linger_port_log("the MAC has stopped\n");
}

/** What DMA does meanwhile: fills the slots that are the MAC's, in their order. */
static void run_dma(void) {
  while (ring.octets[ring.written] == 0) {
    const uint32_t octets = board_read_frame(ring.slots[ring.written], ring.capacity);
    if (octets == 0) return;
    ring.octets[ring.written] = octets;
    ring.written = after(ring.written);
  }
}

uint32_t linger_port_receive(uint8_t *slot, uint32_t capacity) {
  if (ring.count == 0) return 0;
  if (ring.is_lent) {
    // The loop has done with the frame before: its slot is the MAC's again.
    ring.octets[ring.read] = 0;
    ring.read = after(ring.read);
    ring.is_lent = false;
  }
  run_dma();
  // Another slot than the next one would be read while the MAC writes it.
  if (slot != ring.slots[ring.read] || capacity != ring.capacity) abort();
  ring.is_lent = ring.octets[ring.read] != 0;
  return ring.octets[ring.read];
}
