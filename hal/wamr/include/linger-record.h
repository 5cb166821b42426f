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
 * is: where that begins at a word, and a ring has whole words, memcpy copies words.
 */
void linger_port_record(const uint8_t *octets, uint32_t count);

#endif
