/** A small application in C, for modules that bring none. See `services.c`. */
#ifndef LINGER_SERVICES_H
#define LINGER_SERVICES_H

#include "linger.h"

extern const struct linger_application linger_services;

#endif
