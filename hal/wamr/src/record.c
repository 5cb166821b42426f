/**
 * Writes down every input of the module, in the format of `docs/recording.md`: calls with the
 * octets that come with them, times, entropy, what `transmit` answered, and now and then a hash of
 * the state. `linger replay` runs it again on a host.
 *
 * Called in the place of each export, which it passes on to the engine, and by `hal.c`. Must cost
 * little where calls are machine code: what a server calls for each segment is written in line, and
 * what a replay finds out by itself is left out, most answers too. No check of the file: it would
 * have to be known from its beginning.
 */
#include "record.h"

#include <stddef.h>
#include <string.h>

#include "engine.h"
#include "linger-record.h"
#ifdef LINGER_ENGINE_WASM2C
#include "wasm2c-calls.h"
#endif

#ifndef LINGER_RECORD_HASH_TURNS
#error "LINGER_RECORD_HASH_TURNS: so many turns of the loop lie between two hashes of the state"
#endif

#define FORMAT_VERSION 1u
/** Of a recording that begins with an image. */
#define FORMAT_VERSION_AWAKE 2u
#define LIMIT_COUNT (LINGER_LIMIT_FEATURES + 1u)
#define DIGEST_OCTETS 32u
#define HEADER_OCTETS (72u + 4u * LIMIT_COUNT)
/** What no record is longer than, but for its octets. */
#define RECORD_OCTETS_MAX 32u
/** So many octets, or fewer, are copied into the buffer. */
#define COPIED_OCTETS_MAX 127u
#define BUFFER_OCTETS 512u
/** Here ends the word of a frame that tells it from others: a segment's window and checksum. */
#define FRAME_WORD_END 52u
#define PAGE_OCTETS 4096u
/** An image is written in such pieces, those left out that are 0. */
#define PIECE_OCTETS 256u
/** So many slots are not looked for again. */
#define SLOTS_MAX 8u

#define ALWAYS_INLINE __attribute__((always_inline)) static inline
#define COLD __attribute__((noinline, cold))
#define LIKELY(condition) __builtin_expect(condition, 1)
#define UNLIKELY(condition) __builtin_expect(condition, 0)

/** Kinds of records beside the calls. */
enum kind {
  /** Added to a call's: its first argument is the last answer of `nextReady`. */
  KIND_OF_READY = 32,
  KIND_TRAP = 66,
  KIND_ENTROPY = 69,
  KIND_HASH = 70,
  KIND_END = 72,
  KIND_IMAGE = 75,
  KIND_RETURN_WORD = 76,
  KIND_SENT_WORD = 77,
  KIND_BUSY_WORD = 78,
};

/** The calls by their numbers in the format; 0 for those that always answer the same. */
enum number {
  NUMBER_abiVersion = 0,
  NUMBER_limit = 0,
  NUMBER_rxSlotAddress = 0,
  NUMBER_counterAddress = 0,
  NUMBER_dueAddress = 0,
  NUMBER_init = 1,
  NUMBER_setLinkAddress,
  NUMBER_setAddress,
  NUMBER_setParameter,
  NUMBER_frameReceived,
  NUMBER_poll,
  NUMBER_tcpListen,
  NUMBER_tcpAccept,
  NUMBER_tcpConnect,
  NUMBER_tcpReserve,
  NUMBER_tcpReservedAddress,
  NUMBER_tcpCommit,
  NUMBER_tcpUrgent,
  NUMBER_tcpPeek,
  NUMBER_tcpPeekedAddress,
  NUMBER_tcpConsume,
  NUMBER_tcpCloseWrite,
  NUMBER_tcpClose,
  NUMBER_tcpAbort,
  NUMBER_tcpRelease,
  NUMBER_tcpSetOption,
  NUMBER_tcpStatus,
  NUMBER_tcpStatusAt,
  NUMBER_tcpLookup,
  NUMBER_nextReady,
  NUMBER_takeEvents,
  NUMBER_pingSend,
  NUMBER_pingTake,
  NUMBER_appInit,
  NUMBER_appPoll,
  NUMBER_wake,
};

static struct {
  /** Where the next record goes. */
  uint8_t *at;
  /** From here on there may be no room for a call's record, or for an import's. NULL: it is off. */
  const uint8_t *limit;
  uint32_t last_ms;
  /** Octets that the port has had. */
  uint32_t total;
  /** What `nextReady` has answered last, or 0: a call's record need not name it. */
  uint32_t ready;
  /** What SEND was offered last, for which handle, and where: its octets are to be found there. */
  uint32_t room_handle;
  uint32_t room_octets;
  const uint8_t *room;
  uint32_t turns;
  uint32_t slots_begin;
  uint32_t slots_end;
  uint32_t slot_octets;
  uint32_t image_octets;
  const uint8_t *image;
  const uint8_t *slots[SLOTS_MAX];
  uint8_t octets[BUFFER_OCTETS];
} recorder;

static void flush(void) {
  const uint32_t used = (uint32_t)(recorder.at - recorder.octets);
  recorder.at = recorder.octets;
  recorder.total += used;
  if (used != 0) linger_port_record(recorder.octets, used);
}

/** The port is slow compared with this: not in line. False: the recorder is off. */
COLD static bool make_room(void) {
  if (recorder.limit == NULL) return false;
  flush();
  return true;
}

/** Whether a record can be written: whatever it is, but for its octets, there is room for it. */
ALWAYS_INLINE bool can_begin(void) {
  return LIKELY(recorder.at < recorder.limit) || make_room();
}

/** Little-endian, as the processors are that this runs on. */
ALWAYS_INLINE uint8_t *put_word(uint8_t *to, uint32_t word) {
  memcpy(to, &word, 4);
  return to + 4;
}

/** LEB128. */
COLD static uint8_t *put_varint(uint8_t *to, uint32_t value) {
  for (; value > 0x7f; value >>= 7) *to++ = (uint8_t)(value | 0x80);
  *to++ = (uint8_t)value;
  return to;
}

/** The same for what has 14 bits at most. */
ALWAYS_INLINE uint8_t *put_short(uint8_t *to, uint32_t value) {
  to[0] = (uint8_t)value;
  if (value <= 0x7f) return to + 1;
  to[0] = (uint8_t)(value | 0x80);
  to[1] = (uint8_t)(value >> 7);
  return to + 2;
}

/** Octets go to the port from where they are, behind what is in the buffer. */
static void put_octets(const uint8_t *octets, uint32_t count) {
  flush();
  recorder.total += count;
  linger_port_record(octets, count);
}

/**
 * Many octets, behind their number, which is written with as many empty septets as bring them to a
 * place in the recording that is aligned as they are: a port that copies them copies whole words.
 */
__attribute__((noinline)) static void put_many(uint8_t *to, const uint8_t *octets, uint32_t count) {
  uint8_t *const end = count <= 0x3fff ? put_short(to, count) : put_varint(to, count);
  const uint32_t place = recorder.total + (uint32_t)(end - recorder.octets);
  const uint32_t missing = ((uint32_t)(uintptr_t)octets - place) % 4;
  if (missing != 0) end[-1] |= 0x80;
  // As many less one that say that another follows, and one of zeros.
  put_word(end, 0x8080u >> 8 * (3 - missing));
  recorder.at = end + missing;
  put_octets(octets, count);
}

static uint32_t mix(uint32_t sum, uint32_t word, uint32_t factor, uint32_t shift) {
  const uint32_t product = (sum ^ word) * factor;
  return product ^ product >> shift;
}

static uint32_t mix_low(uint32_t sum, uint32_t word) {
  return mix(sum, word, 0x9e3779b1u, 15);
}

static uint32_t mix_high(uint32_t sum, uint32_t word) {
  return mix(sum, word, 0x85ebca6bu, 13);
}

/** The two sums of a page, and its words in one. */
struct page {
  uint32_t low;
  uint32_t high;
  uint32_t all;
};

static void add_words(struct page *to, const uint8_t *octets, uint32_t count) {
  struct page page = *to;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < count; i += 4) {
    uint32_t word;
    memcpy(&word, octets + i, sizeof word);
    page.low = mix_low(page.low, word);
    page.high = mix_high(page.high, word);
    page.all |= word;
  }
  *to = page;
}

static void add_zeros(struct page *to, uint32_t count) {
  for (uint32_t i = 0; i < count; i += 4) {
    to->low = mix_low(to->low, 0);
    to->high = mix_high(to->high, 0);
  }
}

static uint32_t clamp(uint32_t value, uint32_t least, uint32_t most) {
  return value < least ? least : value > most ? most : value;
}

/** The sums of a page are 0 if all of it is. What lies in the slots counts as 0. */
static void add_page(const uint8_t *image, uint32_t size, uint32_t begin, uint32_t sums[2]) {
  // `__heap_base` is a multiple of 16.
  const uint32_t end = begin + PAGE_OCTETS;
  const uint32_t image_end = size < end ? size : end;
  const uint32_t slots_begin = clamp((recorder.slots_begin + 3) & ~3u, begin, image_end);
  const uint32_t slots_end = clamp((recorder.slots_end + 3) & ~3u, slots_begin, image_end);
  const uint32_t first = 2 * (begin / PAGE_OCTETS) + 1;
  struct page page = {first, first, 0};
  add_words(&page, image + begin, slots_begin - begin);
  add_zeros(&page, slots_end - slots_begin);
  add_words(&page, image + slots_end, image_end - slots_end);
  add_zeros(&page, end - image_end);
  if (page.all == 0) return;
  sums[0] += page.low;
  sums[1] += page.high;
}

__attribute__((noinline)) static void put_hash(void) {
  const uint32_t size = recorder.image_octets;
  const uint8_t *const image = recorder.image;
  uint32_t sums[2] = {0, 0};
  for (uint32_t begin = 0; begin < size; begin += PAGE_OCTETS) add_page(image, size, begin, sums);
  if (!can_begin()) return;
  *recorder.at++ = KIND_HASH;
  recorder.at = put_word(put_word(recorder.at, sums[0]), sums[1]);
}

static void put_header(uint32_t word) {
  put_octets((const uint8_t *)&word, sizeof word);
}

static bool is_zero(const uint8_t *octets, uint32_t count) {
  uint8_t any = 0;
  for (uint32_t i = 0; i < count; ++i) any |= octets[i];
  return any == 0;
}

/** What the memory begins with after a sleep. In the slots there is nothing yet. */
static void put_image(void) {
  const uint32_t size = linger_engine_image_octets();
  const uint8_t *const image = linger_memory(0, size);
  for (uint32_t at = 0; at < size; at += PIECE_OCTETS) {
    const uint32_t octets = size - at < PIECE_OCTETS ? size - at : PIECE_OCTETS;
    if (is_zero(image + at, octets)) continue;
    *recorder.at++ = KIND_IMAGE;
    put_many(put_varint(recorder.at, at), image + at, octets);
  }
}

void linger_record_start(const struct linger_module *module, bool is_awake) {
  static const uint8_t magic[] = {0x89, 0x4c, 0x52, 0x45, 0x43, 0x0d, 0x0a, 0x1a};
  uint8_t digest[DIGEST_OCTETS];
  const uint32_t last = (uint32_t)linger_limit(LINGER_LIMIT_RX_SLOT_COUNT) - 1;
  const uint32_t slot_octets = (uint32_t)linger_limit(LINGER_LIMIT_RX_SLOT_SIZE);
  for (uint32_t i = 0; i < SLOTS_MAX && i <= last; ++i) {
    recorder.slots[i] = linger_memory((uint32_t)linger_rx_slot_address(i), slot_octets);
  }
  recorder.slot_octets = slot_octets;
  recorder.image_octets = linger_engine_image_octets();
  recorder.image = linger_memory(0, recorder.image_octets);
  recorder.slots_begin = (uint32_t)linger_rx_slot_address(0) - 2;
  recorder.slots_end = (uint32_t)linger_rx_slot_address(last) + slot_octets;
  linger_engine_digest(module, digest);
  recorder.at = recorder.octets;
  recorder.limit = recorder.octets + BUFFER_OCTETS - COPIED_OCTETS_MAX - RECORD_OCTETS_MAX;
  put_octets(magic, sizeof magic);
  put_header((is_awake ? FORMAT_VERSION_AWAKE : FORMAT_VERSION) | HEADER_OCTETS << 16);
  put_header(LINGER_ABI_VERSION);
  put_octets(digest, DIGEST_OCTETS);
  put_header(0); // no board here knows the time of day
  put_header(0);
  put_header(linger_engine_image_octets());
  put_header(recorder.slots_begin);
  put_header(recorder.slots_end);
  put_header(LIMIT_COUNT); // and a name without octets
  for (uint32_t i = 0; i < LIMIT_COUNT; ++i) put_header((uint32_t)linger_limit(i));
  if (is_awake) put_image();
}

static void put_frame(enum kind kind, const uint8_t *frame, uint32_t octets);

COLD static void put_frame_with_room(enum kind kind, const uint8_t *frame, uint32_t octets) {
  if (make_room()) put_frame(kind, frame, octets);
}

/** What became of a frame. */
static void put_frame(enum kind kind, const uint8_t *frame, uint32_t octets) {
  uint8_t *const to = recorder.at;
  if (UNLIKELY(to >= recorder.limit)) {
    put_frame_with_room(kind, frame, octets);
    return;
  }
  const uint32_t end = octets < FRAME_WORD_END ? octets : FRAME_WORD_END;
  to[0] = (uint8_t)kind;
  to[1] = (uint8_t)octets;
  to[2] = (uint8_t)(octets >> 8);
  memcpy(to + 3, frame + end - 4, 4);
  recorder.at = to + 7;
}

void linger_record_sent(const uint8_t *frame, uint32_t octets) {
  put_frame(KIND_SENT_WORD, frame, octets);
}

void linger_record_busy(const uint8_t *frame, uint32_t octets) {
  put_frame(KIND_BUSY_WORD, frame, octets);
}

void linger_record_entropy(uint32_t word) {
  if (!can_begin()) return;
  *recorder.at++ = KIND_ENTROPY;
  recorder.at = put_word(recorder.at, word);
}

void linger_record_trap(void) {
  if (!can_begin()) return;
  *recorder.at++ = KIND_TRAP;
  *recorder.at++ = KIND_END;
  flush();
  recorder.limit = NULL;
}

void linger_record_turn(void) {
  if (recorder.limit == NULL) return;
  if (++recorder.turns % LINGER_RECORD_HASH_TURNS == 0) put_hash();
  flush();
}

/** Which parameter is a time; none: -1. */
ALWAYS_INLINE int32_t time_of(enum number number) {
  if (number == NUMBER_frameReceived) return 2;
  const bool is_first = number == NUMBER_init || number == NUMBER_poll || number == NUMBER_appPoll;
  return is_first ? 0 : -1;
}

/** The octets that the caller has written for this call: few are copied. */
ALWAYS_INLINE void put_written(uint8_t *to, const uint8_t *from, uint32_t octets) {
  if (LIKELY(octets <= COPIED_OCTETS_MAX)) {
    *to++ = (uint8_t)octets;
    recorder.at = to + octets;
    memcpy(to, from, octets);
  } else {
    put_many(to, from, octets);
  }
}

/** Nobody can have written anything. */
ALWAYS_INLINE void put_nothing(uint8_t *to) {
  *to = 0;
  recorder.at = to + 1;
}

/** A frame is in its slot. */
ALWAYS_INLINE void put_received(uint8_t *to, uint32_t slot, uint32_t octets) {
  const uint8_t *from = NULL;
  if (LIKELY(slot < SLOTS_MAX)) {
    from = recorder.slots[slot];
  } else {
    const int32_t at = LINGER_RAW(linger_rx_slot_address)(slot);
    if (at > 0) from = linger_memory((uint32_t)at, octets);
  }
  if (from != NULL && octets <= recorder.slot_octets) put_written(to, from, octets);
  else put_nothing(to);
}

/** SEND's octets are in their room, of which less is left then. */
ALWAYS_INLINE void put_committed(uint8_t *to, uint32_t handle, uint32_t octets) {
  const uint8_t *const from = recorder.room;
  if (from != NULL && recorder.room_handle == handle && octets <= recorder.room_octets) {
    recorder.room_octets -= octets;
    recorder.room = from + octets;
    put_written(to, from, octets);
  } else {
    put_nothing(to);
  }
}

/** Ends a call's record with what the caller has written for it, if it is such a call. */
ALWAYS_INLINE void end_call(enum number number, uint8_t *to, const uint32_t *values) {
  if (number == NUMBER_frameReceived) {
    put_received(to, values[0], values[1]);
  } else if (number == NUMBER_tcpCommit) {
    put_committed(to, values[0], values[1]);
  } else {
    recorder.at = to;
  }
}

/** Writes down a call, whatever it is. */
COLD static void put_call(enum number number, uint32_t count, const uint32_t *values) {
  if (!can_begin()) return;
  const int32_t time = time_of(number);
  uint8_t *to = recorder.at;
  *to++ = (uint8_t)number;
  for (uint32_t i = 0; i < count; ++i) {
    const bool is_time = (int32_t)i == time;
    to = put_varint(to, is_time ? values[i] - recorder.last_ms : values[i]);
    if (is_time) recorder.last_ms = values[i];
  }
  end_call(number, to, values);
}

/** What a server calls for each segment. */
ALWAYS_INLINE bool is_frequent(enum number number) {
  return number == NUMBER_frameReceived || number == NUMBER_poll || number == NUMBER_appPoll ||
         number == NUMBER_takeEvents || number == NUMBER_tcpStatus || number == NUMBER_tcpCommit ||
         number == NUMBER_tcpConsume;
}

/** The same for a frequent call as it mostly is, in line; false: it is another. */
ALWAYS_INLINE bool put_frequent(enum number number, uint32_t count, const uint32_t *values) {
  const int32_t time = time_of(number);
  const uint32_t passed = time < 0 ? 0 : values[time] - recorder.last_ms;
  uint8_t *to = recorder.at;
  if (!is_frequent(number) || UNLIKELY(to >= recorder.limit || passed > 0x7f)) return false;
  if (time < 0 && UNLIKELY(values[0] != recorder.ready)) return false;
  if (time == 2 && UNLIKELY(values[0] > 0x7f)) return false;
  if (count > 1 && UNLIKELY(values[1] > 0x3fff)) return false;
  *to++ = (uint8_t)(time < 0 ? number + KIND_OF_READY : number);
  if (time == 2) *to++ = (uint8_t)values[0];
  if (count > 1) to = put_short(to, values[1]);
  if (time >= 0) {
    *to++ = (uint8_t)passed;
    recorder.last_ms = values[time];
  }
  end_call(number, to, values);
  return true;
}

/** Whether a call is an input only if it answers something that changes the state. */
ALWAYS_INLINE bool may_be_question(enum number number) {
  return number == NUMBER_tcpReserve || number == NUMBER_tcpReservedAddress ||
         number == NUMBER_tcpPeek || number == NUMBER_tcpPeekedAddress ||
         number == NUMBER_tcpLookup || number == NUMBER_nextReady;
}

/** An input is written before the call: it may trap, or ask for something. False: it is not yet. */
ALWAYS_INLINE bool is_written(enum number number, uint32_t count, const uint32_t *values) {
  return number == 0 || may_be_question(number) || put_frequent(number, count, values);
}

/** `nextReady` has answered with a handle. */
ALWAYS_INLINE void put_ready(uint32_t handle) {
  if (!can_begin()) return;
  uint8_t *const to = recorder.at;
  to[0] = NUMBER_nextReady;
  to[1] = KIND_RETURN_WORD;
  recorder.at = put_word(to + 2, handle);
  recorder.ready = handle;
}

COLD static void put_refusal(enum number number, uint32_t handle, uint32_t status) {
  put_call(number, 1, &handle);
  if (recorder.limit == NULL) return;
  *recorder.at++ = KIND_RETURN_WORD;
  recorder.at = put_word(recorder.at, status);
}

/** Where SEND's octets lie, if that is memory. */
ALWAYS_INLINE void note_room(uint32_t at) {
  const uint32_t size = recorder.image_octets;
  const uint32_t octets = recorder.room_octets;
  recorder.room = at <= size && octets <= size - at ? recorder.image + at : NULL;
}

/** Of what may be a question, and was none. Other answers are left out: a replay knows them. */
ALWAYS_INLINE uint32_t answered(enum number number, const uint32_t *values, uint32_t result) {
  const bool is_refused = (int32_t)result <= 0;
  if (number == NUMBER_nextReady) {
    if (result != 0) put_ready(result);
  } else if (number == NUMBER_tcpReserve) {
    recorder.room_handle = values[0];
    recorder.room_octets = is_refused ? 0 : result;
    recorder.room = NULL;
    if (UNLIKELY(is_refused)) put_refusal(number, values[0], result);
  } else if (number == NUMBER_tcpReservedAddress) {
    if (UNLIKELY(is_refused)) put_refusal(number, values[0], result);
    else if (recorder.room_handle == values[0]) note_room(result);
  }
  return result;
}

/*
 * Each call twice: as it mostly is, which ends with the engine's call and need keep nothing on the
 * stack, and apart from it the long way.
 */
#define RECORDED(type, name, ours, count, values, parameters, arguments)                \
  COLD static type slow_##name parameters {                                             \
    put_call(NUMBER_##name, count, values);                                             \
    return LINGER_RAW(ours) arguments;                                                  \
  }                                                                                     \
  type ours parameters {                                                                \
    if (!is_written(NUMBER_##name, count, values)) return slow_##name arguments;        \
    return (type)answered(NUMBER_##name, values, (uint32_t)LINGER_RAW(ours) arguments); \
  }
#define VALUES(...) ((const uint32_t[]){__VA_ARGS__})
#define RECORDED_0(type, name, ours) RECORDED(type, name, ours, 0, NULL, (void), ())
#define RECORDED_1(type, name, ours) \
  RECORDED(type, name, ours, 1, VALUES(a), (uint32_t a), (a))
#define RECORDED_2(type, name, ours) \
  RECORDED(type, name, ours, 2, VALUES(a, b), (uint32_t a, uint32_t b), (a, b))
#define RECORDED_3(type, name, ours)                                                      \
  RECORDED(type, name, ours, 3, VALUES(a, b, c), (uint32_t a, uint32_t b, uint32_t c), \
           (a, b, c))
#define RECORDED_4(type, name, ours)                 \
  RECORDED(type, name, ours, 4, VALUES(a, b, c, d),  \
           (uint32_t a, uint32_t b, uint32_t c, uint32_t d), (a, b, c, d))
LINGER_EXPORTS(RECORDED_0, RECORDED_1, RECORDED_2, RECORDED_3, RECORDED_4)
LINGER_APPLICATION_EXPORTS(RECORDED_0, RECORDED_1)
