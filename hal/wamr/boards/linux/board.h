/** The wire of the board that is a process. See `board.c`. */
#ifndef LINGER_LINUX_BOARD_H
#define LINGER_LINUX_BOARD_H

/** Opens the wire by its name; what is wrong with it, or NULL. */
const char *board_open_wire(const char *wire);

#endif
