/**
 * What the loop tells the recorder of, in firmware that is built with RECORDING; in other firmware
 * nothing of it is left. See `record.c`.
 *
 * The recorder stands between everybody and the engine: then the engine defines its calls under
 * other names, LINGER_RAW, and `record.c` those of `linger.h`.
 */
#ifndef LINGER_RECORDER_H
#define LINGER_RECORDER_H

#include "linger.h"

#ifdef LINGER_RECORDING

#define LINGER_RAW(ours) raw_##ours
#ifndef LINGER_ENGINE_WASM2C
#define LINGER_RAW_0(type, name, ours) type LINGER_RAW(ours)(void);
#define LINGER_RAW_1(type, name, ours) type LINGER_RAW(ours)(uint32_t a);
#define LINGER_RAW_2(type, name, ours) type LINGER_RAW(ours)(uint32_t a, uint32_t b);
#define LINGER_RAW_3(type, name, ours) type LINGER_RAW(ours)(uint32_t a, uint32_t b, uint32_t c);
#define LINGER_RAW_4(type, name, ours) \
  type LINGER_RAW(ours)(uint32_t a, uint32_t b, uint32_t c, uint32_t d);
LINGER_EXPORTS(LINGER_RAW_0, LINGER_RAW_1, LINGER_RAW_2, LINGER_RAW_3, LINGER_RAW_4)
LINGER_APPLICATION_EXPORTS(LINGER_RAW_0, LINGER_RAW_1)
#endif
/**
 * Begins: before `init`, of a module whose memory is as it was loaded, or before the first call of
 * one that is awake again, whose memory then comes first.
 */
void linger_record_start(const struct linger_module *module, bool is_awake);

/** What an import has answered, in the middle of a call: `transmit`, 0 or BUSY. */
void linger_record_sent(const uint8_t *frame, uint32_t octets);
void linger_record_busy(const uint8_t *frame, uint32_t octets);
void linger_record_entropy(uint32_t word);

/** The call at work has trapped: the recording ends. */
void linger_record_trap(void);

/** A turn of the loop is over: the port gets all there is. */
void linger_record_turn(void);

/** The stack is put away: whoever takes it up begins another recording. */
void linger_record_end(void);

#else

#define LINGER_RAW(ours) ours

static inline void linger_record_start(const struct linger_module *module, bool is_awake) {
  (void)module;
  (void)is_awake;
}

static inline void linger_record_sent(const uint8_t *frame, uint32_t octets) {
  (void)frame;
  (void)octets;
}

static inline void linger_record_busy(const uint8_t *frame, uint32_t octets) {
  (void)frame;
  (void)octets;
}

static inline void linger_record_entropy(uint32_t word) {
  (void)word;
}

static inline void linger_record_trap(void) {}
static inline void linger_record_turn(void) {}
static inline void linger_record_end(void) {}

#endif
#endif
