/** The wire and the flash of the board that is a process. See `board.c` and `store.c`. */
#ifndef LINGER_LINUX_BOARD_H
#define LINGER_LINUX_BOARD_H

/** Opens the wire by its name; what is wrong with it, or NULL. */
const char *board_open_wire(const char *wire);

/** Opens the file that is the flash for snapshots, or makes an erased one; NULL, or what is wrong. */
const char *board_open_store(const char *path);

/** Makes or empties the file that a recording goes to; NULL, or what is wrong. */
const char *board_open_recording(const char *path);

#endif
