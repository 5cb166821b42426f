/**
 * What differs from board to board, and is flashed beside the firmware: addresses and a seed in the
 * settings partition, the module in its own.
 */
#ifndef LINGER_SETTINGS_H
#define LINGER_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "linger.h"

/**
 * Reads `ip=10.9.0.2/24 gateway=10.9.0.1 msl=30000 seed=…`, in any order, separated by blanks or
 * newlines, as far as the first octet that is not ASCII or `length`. What is missing keeps its
 * value. Returns the word that it does not understand, or NULL.
 */
const char *linger_read_settings(const char *text, uint32_t length, struct linger_settings *to);

/** The seed of `linger_read_settings`, hashed; differs from board to board if the seed does. */
uint32_t linger_settings_seed(void);

/**
 * Finds the module in its partition: "LNGR", its length and its CRC-32, little endian, then the
 * octets. False after a report.
 */
bool linger_find_module(const uint8_t *partition, uint32_t octets, struct linger_module *module);

#endif
