/** Random words for boards without a generator. See `entropy.c` for what they are worth. */
#ifndef LINGER_ENTROPY_H
#define LINGER_ENTROPY_H

#include <stdint.h>

uint32_t linger_mix_entropy(uint32_t noise);

#endif
