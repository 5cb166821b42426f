/**
 * Where a recording goes (`docs/recording.md`): what a port implements beside `linger-port.h` if the
 * firmware is built with RECORDING. A file, a UART, a ring in memory: the octets come in order, and
 * none may be lost.
 */
#ifndef LINGER_RECORD_H
#define LINGER_RECORD_H

#include <stdint.h>

/**
 * Takes all of it before it returns. Many octets at once are aligned as their place in the recording
 * is: where that begins at a word, and a ring has whole words, memcpy copies words. What lies in the
 * port's own room is in its place already: the port only learns how far it goes.
 */
void linger_port_record(const uint8_t *octets, uint32_t count);

#define LINGER_RECORD_ROOM_MIN 512u

/**
 * For a port whose recording lies in memory: where it goes on, to be written there, and so nothing
 * is copied twice. So many octets, LINGER_RECORD_ROOM_MIN at least, whole words from a word on;
 * called at first and whenever all of the room before was given to `linger_port_record`. NULL at
 * first: the port has none, and gets the octets out of the recorder's own buffer (so it is for a
 * port that has no such function). NULL later: all is full, and the recording ends.
 */
uint8_t *linger_port_record_room(uint32_t *octets);

#endif
