/** A time that port, loop and application share. */
#ifndef LINGER_TIME_H
#define LINGER_TIME_H

#include <stdint.h>

/** Nothing is due: idle until an interrupt comes. */
#define LINGER_NEVER_MS UINT32_C(0xffffffff)

#endif
