/**
 * What the loop in `hal.c` needs of whatever executes the module. There are two: `engine-wamr.c`
 * interprets it, `engine-wasm2c.c` was compiled with it. Both also define the functions of
 * `linger.h` that call an export, and `linger_memory`.
 *
 * A trap inside a call does not return: it ends in `linger_trapped`.
 */
#ifndef LINGER_ENGINE_H
#define LINGER_ENGINE_H

#include "linger.h"

/** Loads the module and checks that it is one. Called once. False after a report. */
bool linger_engine_load(const struct linger_module *module);

/** Makes a fresh instance, in the place of the one before. False after a report. */
bool linger_engine_instantiate(void);

/**
 * Whether it can tell its version, and whether it has all exports of ours: in this order, since
 * another version may have others. False after a report.
 */
bool linger_engine_has_version(void);
bool linger_engine_has_exports(void);

/** Reports how much memory all this takes. Called after the first start. */
void linger_engine_report_memory(void);

/** Whether the module has an application of its own; then these may be called. */
bool linger_engine_has_application(void);
LINGER_APPLICATION_EXPORTS(LINGER_PROTOTYPE_0, LINGER_PROTOTYPE_1)

/** For snapshots: how much of linear memory is in use, from 0 on; SHA-256 of the module. */
uint32_t linger_engine_image_octets(void);
void linger_engine_digest(const struct linger_module *module, uint8_t digest[32]);

/** Whether the module has mutable globals: state that a snapshot of its memory would lose. */
bool linger_engine_has_globals(const struct linger_module *module);

/** The module's imports, for the engine to link. The frame is in bounds: the engine has checked. */
uint32_t linger_hal_transmit(const uint8_t *frame, uint32_t octets);
uint32_t linger_hal_entropy(void);

/** Those that a module imports only if it was built for them. The blocks are in bounds. */
uint32_t linger_hal_checksum(const uint8_t *from, uint32_t octets);
void linger_hal_copy(uint8_t *to, const uint8_t *from, uint32_t octets);

/** Reports a trap and goes back to the loop, which starts the stack again. */
_Noreturn void linger_trapped(const char *why);

#endif
