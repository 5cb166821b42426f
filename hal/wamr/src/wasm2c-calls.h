/**
 * Calls the exports of a module that was compiled with the firmware. Included once: by
 * `engine-wasm2c.c`, or by `record.c`, which stands between everybody and them, and then has them in
 * line.
 */
#ifndef LINGER_WASM2C_CALLS_H
#define LINGER_WASM2C_CALLS_H

#include "engine.h"
#include "linger-module-facts.h"
#include "linger-module.h"
#include "record.h"

#ifdef LINGER_RECORDING
#define LINGER_CALL(type) static inline type
#else
#define LINGER_CALL(type) type
#endif

extern Z_linger_instance_t linger_instance;

#define DEFINE_0(type, name, ours)                    \
  LINGER_CALL(type) LINGER_RAW(ours)(void) {          \
    return (type)Z_lingerZ_##name(&linger_instance);  \
  }
#define DEFINE_1(type, name, ours)                       \
  LINGER_CALL(type) LINGER_RAW(ours)(uint32_t a) {       \
    return (type)Z_lingerZ_##name(&linger_instance, a);  \
  }
#define DEFINE_2(type, name, ours)                            \
  LINGER_CALL(type) LINGER_RAW(ours)(uint32_t a, uint32_t b) { \
    return (type)Z_lingerZ_##name(&linger_instance, a, b);    \
  }
#define DEFINE_3(type, name, ours)                                        \
  LINGER_CALL(type) LINGER_RAW(ours)(uint32_t a, uint32_t b, uint32_t c) { \
    return (type)Z_lingerZ_##name(&linger_instance, a, b, c);             \
  }
#define DEFINE_4(type, name, ours)                                                    \
  LINGER_CALL(type) LINGER_RAW(ours)(uint32_t a, uint32_t b, uint32_t c, uint32_t d) { \
    return (type)Z_lingerZ_##name(&linger_instance, a, b, c, d);                      \
  }
LINGER_EXPORTS(DEFINE_0, DEFINE_1, DEFINE_2, DEFINE_3, DEFINE_4)

#ifdef LINGER_HAS_APPLICATION
LINGER_APPLICATION_EXPORTS(DEFINE_0, DEFINE_1)
#else
LINGER_CALL(int32_t) LINGER_RAW(linger_app_init)(void) {
  return 0;
}

LINGER_CALL(uint32_t) LINGER_RAW(linger_app_poll)(uint32_t now_ms) {
  (void)now_ms;
  return UINT32_MAX;
}
#endif

#endif
