/**
 * Writes down every input of the module, in the format of `docs/recording.md`: calls with the
 * octets that come with them, times, entropy, what `transmit` answered, and now and then a hash of
 * the state. `linger replay` runs it again on a host.
 *
 * Called around each call of an export, which it passes on to the engine, and by `hal.c`. Leaves out
 * what changes nothing, and the check of the file, which must be known from its beginning.
 */
#include "record.h"

#include <stddef.h>
#include <string.h>

#include "engine.h"
#include "linger-record.h"

#ifndef LINGER_RECORD_HASH_STEPS
#error "LINGER_RECORD_HASH_STEPS: so many steps lie between two hashes of the state"
#endif

#define FORMAT_VERSION 1u
#define LIMIT_COUNT (LINGER_LIMIT_FEATURES + 1u)
#define DIGEST_OCTETS 32u
#define HEADER_OCTETS (72u + 4u * LIMIT_COUNT)
#define BUFFER_OCTETS 64u
/** What no record is longer than, but for its octets. */
#define RECORD_OCTETS_MAX 32u
/** So many octets of a frame that left are checked: all its headers. */
#define FRAME_CHECK_OCTETS 64u
#define PAGE_WORDS 1024u

/** Kinds of records beside the calls. */
enum kind {
  KIND_RETURN_ZERO = 64,
  KIND_RETURN = 65,
  KIND_TRAP = 66,
  KIND_SENT = 67,
  KIND_BUSY = 68,
  KIND_ENTROPY = 69,
  KIND_HASH = 70,
  KIND_END = 72,
};

/** The calls by their numbers in the format; 0 for those that always answer the same. */
enum number {
  NUMBER_abiVersion = 0,
  NUMBER_limit = 0,
  NUMBER_rxSlotAddress = 0,
  NUMBER_counterAddress = 0,
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
  uint32_t last_ms;
  uint32_t steps;
  uint32_t slots_begin;
  uint32_t slots_end;
  /** What SEND was offered last, for which handle, and where: its octets are to be found there. */
  uint32_t room_handle;
  uint32_t room_octets;
  uint32_t room_address;
  uint32_t used;
  bool is_on;
  uint8_t octets[BUFFER_OCTETS];
} recorder;

void linger_record_flush(void) {
  if (recorder.used == 0) return;
  linger_port_record(recorder.octets, recorder.used);
  recorder.used = 0;
}

/** Begins a record, which finds room for all but its octets. */
static void begin(uint32_t kind) {
  if (recorder.used > BUFFER_OCTETS - RECORD_OCTETS_MAX) linger_record_flush();
  recorder.octets[recorder.used++] = (uint8_t)kind;
}

static void put_octets(const uint8_t *octets, uint32_t count) {
  linger_record_flush();
  if (count != 0) linger_port_record(octets, count);
}

/** Little-endian, as the processors are that this runs on. */
static void put_word(uint32_t word) {
  memcpy(recorder.octets + recorder.used, &word, 4);
  recorder.used += 4;
}

/** LEB128. */
static void put_varint(uint32_t value) {
  uint8_t *to = recorder.octets + recorder.used;
  for (; value > 0x7f; value >>= 7) *to++ = (uint8_t)(value | 0x80);
  *to++ = (uint8_t)value;
  recorder.used = (uint32_t)(to - recorder.octets);
}

/** A word of the header, which is longer than the buffer. */
static void put_header(uint32_t word) {
  put_word(word);
  linger_record_flush();
}

static uint32_t mix(uint32_t sum, uint32_t word, uint32_t factor, uint32_t shift) {
  const uint32_t product = (sum ^ word) * factor;
  return product ^ product >> shift;
}

static uint32_t mix_low(uint32_t sum, uint32_t word) {
  return mix(sum, word, 0x9e3779b1u, 15);
}

/** Up to four octets, filled up with zeros. */
static uint32_t word_at(const uint8_t *octets, uint32_t at, uint32_t end) {
  uint32_t word = 0;
  // A length that the compiler knows is a load, not a call.
  if (at + 4 <= end) memcpy(&word, octets + at, 4);
  else if (at < end) memcpy(&word, octets + at, end - at);
  return word;
}

/** The format's check of a frame's beginning. */
static uint32_t check_of(const uint8_t *octets, uint32_t count) {
  uint32_t lanes[4] = {count, 0, 0, 0};
  uint32_t at = 0;
  // Whole rows in registers.
  for (; at + 16 <= count; at += 16) {
    uint32_t row[4];
    memcpy(row, octets + at, sizeof row);
    lanes[0] = mix_low(lanes[0], row[0]);
    lanes[1] = mix_low(lanes[1], row[1]);
    lanes[2] = mix_low(lanes[2], row[2]);
    lanes[3] = mix_low(lanes[3], row[3]);
  }
  for (; at < count; at += 4) {
    uint32_t *const lane = &lanes[at / 4 % 4];
    *lane = mix_low(*lane, word_at(octets, at, count));
  }
  return mix_low(mix_low(mix_low(lanes[0], lanes[1]), lanes[2]), lanes[3]);
}

/** The two sums of a page, which are 0 if all of it is. What lies in the slots counts as 0. */
static void add_page(const uint8_t *image, uint32_t size, uint32_t page, uint32_t sums[2]) {
  uint32_t low = 2 * page + 1;
  uint32_t high = low;
  uint32_t all = 0;
  for (uint32_t i = 0; i < PAGE_WORDS; ++i) {
    const uint32_t at = 4 * (page * PAGE_WORDS + i);
    const bool is_slot = at >= recorder.slots_begin && at < recorder.slots_end;
    const uint32_t word = is_slot ? 0 : word_at(image, at, size);
    low = mix_low(low, word);
    high = mix(high, word, 0x85ebca6bu, 13);
    all |= word;
  }
  if (all == 0) return;
  sums[0] += low;
  sums[1] += high;
}

static void put_hash(void) {
  const uint32_t size = linger_engine_image_octets();
  const uint8_t *const image = linger_memory(0, size);
  uint32_t sums[2] = {0, 0};
  for (uint32_t page = 0; page * PAGE_WORDS * 4 < size; ++page) add_page(image, size, page, sums);
  begin(KIND_HASH);
  put_word(sums[0]);
  put_word(sums[1]);
}

void linger_record_start(const struct linger_module *module) {
  static const uint8_t magic[] = {0x89, 0x4c, 0x52, 0x45, 0x43, 0x0d, 0x0a, 0x1a};
  uint8_t digest[DIGEST_OCTETS];
  const uint32_t last = (uint32_t)linger_limit(LINGER_LIMIT_RX_SLOT_COUNT) - 1;
  const uint32_t slot_octets = (uint32_t)linger_limit(LINGER_LIMIT_RX_SLOT_SIZE);
  recorder.slots_begin = (uint32_t)linger_rx_slot_address(0) - 2;
  recorder.slots_end = (uint32_t)linger_rx_slot_address(last) + slot_octets;
  linger_engine_digest(module, digest);
  put_octets(magic, sizeof magic);
  put_header(FORMAT_VERSION | HEADER_OCTETS << 16);
  put_header(LINGER_ABI_VERSION);
  put_octets(digest, DIGEST_OCTETS);
  put_header(0); // no board here knows the time of day
  put_header(0);
  put_header(linger_engine_image_octets());
  put_header(recorder.slots_begin);
  put_header(recorder.slots_end);
  put_header(LIMIT_COUNT); // and a name without octets
  for (uint32_t i = 0; i < LIMIT_COUNT; ++i) put_header((uint32_t)linger_limit(i));
  recorder.is_on = true;
}

void linger_record_transmit(const uint8_t *frame, uint32_t octets, uint32_t answer) {
  if (!recorder.is_on) return;
  begin(answer == 0 ? KIND_SENT : KIND_BUSY);
  put_varint(octets);
  put_word(check_of(frame, octets < FRAME_CHECK_OCTETS ? octets : FRAME_CHECK_OCTETS));
}

void linger_record_entropy(uint32_t word) {
  if (!recorder.is_on) return;
  begin(KIND_ENTROPY);
  put_word(word);
}

void linger_record_trap(void) {
  if (!recorder.is_on) return;
  begin(KIND_TRAP);
  begin(KIND_END);
  linger_record_flush();
  recorder.is_on = false;
}

/** Which parameter is a time; none: -1. */
static int32_t time_of(enum number number) {
  switch (number) {
    case NUMBER_init:
    case NUMBER_poll:
    case NUMBER_appPoll:
      return 0;
    case NUMBER_frameReceived:
      return 2;
    default:
      return -1;
  }
}

/** What the caller has written for this call: a frame in its slot, SEND's octets in their room. */
static void put_written(enum number number, uint32_t which, uint32_t octets) {
  uint32_t at = recorder.room_address;
  if (number == NUMBER_frameReceived) {
    at = (uint32_t)LINGER_RAW(linger_rx_slot_address)(which);
  } else if (recorder.room_handle != which || at == 0) {
    octets = 0; // nobody can have written anything
  } else if (octets > recorder.room_octets) {
    octets = recorder.room_octets;
  }
  put_varint(octets);
  put_octets(octets == 0 ? NULL : linger_memory(at, octets), octets);
}

static void put_call(enum number number, uint32_t count, const uint32_t *values) {
  const int32_t time = time_of(number);
  begin(number);
  for (uint32_t i = 0; i < count; ++i) {
    put_varint((int32_t)i == time ? values[i] - recorder.last_ms : values[i]);
    if ((int32_t)i == time) recorder.last_ms = values[i];
  }
  if (number == NUMBER_frameReceived || number == NUMBER_tcpCommit) {
    put_written(number, values[0], values[1]);
  }
}

/** Follows where SEND's octets lie. */
static void note_room(enum number number, const uint32_t *values, uint32_t result) {
  const uint32_t octets = number == NUMBER_tcpCommit ? values[1] : 0;
  if (number == NUMBER_tcpReserve) {
    recorder.room_handle = values[0];
    recorder.room_octets = (int32_t)result > 0 ? result : 0;
    recorder.room_address = 0;
  } else if (number == NUMBER_tcpReservedAddress) {
    if (recorder.room_handle == values[0]) recorder.room_address = result;
  } else if (number == NUMBER_tcpCommit && octets <= recorder.room_octets) {
    recorder.room_octets -= octets;
    recorder.room_address += octets;
  }
}

static bool may_be_question(enum number number) {
  switch (number) {
    case NUMBER_tcpReserve:
    case NUMBER_tcpReservedAddress:
    case NUMBER_tcpPeek:
    case NUMBER_tcpPeekedAddress:
    case NUMBER_tcpLookup:
    case NUMBER_nextReady:
      return true;
    default:
      return false;
  }
}

/** Whether what may be a question has changed something. */
static bool is_input(enum number number, int32_t result) {
  if (number == NUMBER_nextReady) return result != 0;
  return (number == NUMBER_tcpReserve || number == NUMBER_tcpReservedAddress) && result <= 0;
}

/** An input is written before the call: it may trap, or ask for something. */
static void before(enum number number, uint32_t count, const uint32_t *values) {
  if (!recorder.is_on || number == 0 || may_be_question(number)) return;
  put_call(number, count, values);
}

static void after(enum number number, uint32_t count, const uint32_t *values, uint32_t result) {
  if (!recorder.is_on || number == 0) return;
  note_room(number, values, result);
  if (may_be_question(number)) {
    if (!is_input(number, (int32_t)result)) return;
    put_call(number, count, values);
  }
  if (result == 0) {
    begin(KIND_RETURN_ZERO);
  } else {
    begin(KIND_RETURN);
    put_varint(result << 1 ^ (result >> 31 == 0 ? 0 : UINT32_MAX));
  }
  if (++recorder.steps % LINGER_RECORD_HASH_STEPS == 0) put_hash();
}

#define RECORDED(name, count, ...)              \
  before(NUMBER_##name, count, values);         \
  const uint32_t result = (uint32_t)__VA_ARGS__; \
  after(NUMBER_##name, count, values, result);
#define RECORDED_0(type, name, ours)                \
  type ours(void) {                                 \
    const uint32_t *const values = NULL;            \
    RECORDED(name, 0, LINGER_RAW(ours)())           \
    return (type)result;                            \
  }
#define RECORDED_1(type, name, ours)                \
  type ours(uint32_t a) {                           \
    const uint32_t values[] = {a};                  \
    RECORDED(name, 1, LINGER_RAW(ours)(a))          \
    return (type)result;                            \
  }
#define RECORDED_2(type, name, ours)                \
  type ours(uint32_t a, uint32_t b) {               \
    const uint32_t values[] = {a, b};               \
    RECORDED(name, 2, LINGER_RAW(ours)(a, b))       \
    return (type)result;                            \
  }
#define RECORDED_3(type, name, ours)                \
  type ours(uint32_t a, uint32_t b, uint32_t c) {   \
    const uint32_t values[] = {a, b, c};            \
    RECORDED(name, 3, LINGER_RAW(ours)(a, b, c))    \
    return (type)result;                            \
  }
#define RECORDED_4(type, name, ours)                            \
  type ours(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {   \
    const uint32_t values[] = {a, b, c, d};                     \
    RECORDED(name, 4, LINGER_RAW(ours)(a, b, c, d))             \
    return (type)result;                                        \
  }
LINGER_EXPORTS(RECORDED_0, RECORDED_1, RECORDED_2, RECORDED_3, RECORDED_4)
LINGER_APPLICATION_EXPORTS(RECORDED_0, RECORDED_1)
