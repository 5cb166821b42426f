/** SHA-256. See `sha256.c`. */
#ifndef LINGER_SHA256_H
#define LINGER_SHA256_H

#include <stdint.h>

#define LINGER_SHA256_OCTETS 32

void linger_sha256(const uint8_t *octets, uint32_t length, uint8_t digest[LINGER_SHA256_OCTETS]);

#endif
