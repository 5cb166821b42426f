/** The wire and the flash of the board that is a process. See `board.c`, `ring.c` and `store.c`. */
#ifndef LINGER_LINUX_BOARD_H
#define LINGER_LINUX_BOARD_H

#include <stdint.h>

/** Opens the wire by its name; what is wrong with it, or NULL. */
const char *board_open_wire(const char *wire);

/** Reads the next frame off the wire; its octets, or 0 if there is none that is sound and fits. */
uint32_t board_read_frame(uint8_t *to, uint32_t capacity);

/** Opens the file that is the flash for snapshots, or makes an erased one; NULL, or what is wrong. */
const char *board_open_store(const char *path);

/** Makes or empties the file that a recording goes to; NULL, or what is wrong. */
const char *board_open_recording(const char *path);

#endif
