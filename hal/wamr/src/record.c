/**
 * Writes down every input of the module, in the format of `docs/recording.md`: calls with the
 * octets that come with them, times, entropy, what `transmit` answered, and now and then a hash of
 * the state. `linger replay` runs it again on a host.
 *
 * Called in the place of each export, which it passes on to the engine, and by `hal.c`. Must cost
 * little where calls are machine code: what a server calls for each segment is written in line, and
 * what a replay finds out by itself is left out, most answers too. A port may have it written where
 * it stays. No check of the file: it would have to be known from its beginning.
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
/** So many octets, or fewer, are copied in line, by blocks of so many. */
#define COPIED_OCTETS_MAX 127u
#define BLOCK_OCTETS 32u
/** Written at once to align what follows. */
#define WORD_OCTETS 4u
/** What may still be written where a record can begin: the longest, and the end of a turn. */
#define MARGIN_OCTETS (RECORD_OCTETS_MAX + COPIED_OCTETS_MAX + 2 * BLOCK_OCTETS + 1u)
/** Here ends the word of a frame that tells it from others: a segment's window and checksum. */
#define FRAME_WORD_END 52u
#define PAGE_OCTETS 4096u
/** An image is written in such pieces, those left out that are 0. */
#define PIECE_OCTETS 256u
/** So many slots are not looked for again. */
#define SLOTS_MAX 8u
/** What the usual form of a frame has room for: its length, and the time that has passed. */
#define FRAME_OCTETS_MAX 0x3fffu
#define PASSED_MAX 127u
/** Number of a slot to time: both are compared at once. SLOTS_MAX becomes PASSED_MAX + 1. */
#define SLOT_SHIFT 4
/** A frame lies so far behind a word, that its IP header may be at one. */
#define SLOT_SKEW 2u

#define ALWAYS_INLINE __attribute__((always_inline)) static inline
#define COLD __attribute__((noinline, cold))
#define LIKELY(condition) __builtin_expect(condition, 1)
#define UNLIKELY(condition) __builtin_expect(condition, 0)

/** Kinds of records beside the calls. */
enum kind {
  /** Added to a call's: its first argument is the last answer of `nextReady`, or the last time. */
  KIND_OF_KNOWN = 32,
  KIND_TRAP = 66,
  KIND_ENTROPY = 69,
  KIND_HASH = 70,
  KIND_END = 72,
  KIND_IMAGE = 75,
  KIND_RETURN_WORD = 76,
  KIND_SENT_WORD = 77,
  KIND_BUSY_WORD = 78,
  /** Frequent calls: their arguments in one word or less, and their octets aligned as in memory. */
  KIND_FRAME = 79,
  KIND_COMMIT = 80,
  KIND_CONSUME = 81,
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
  /** Each two octets before its frame, at a word; NULL: it is not there. */
  const uint8_t *slots[SLOTS_MAX];
  /** Where the next record goes: aligned as its place in the recording is. */
  uint8_t *at;
  /** From here on there may be no room for a call's record, or for an import's. NULL: it is off. */
  const uint8_t *limit;
  /** What `nextReady` has answered last, or 0: a call's record need not name it. */
  uint32_t ready;
  uint32_t last_ms;
  /** For which handle SEND's room was asked for last, and where it is: there are its octets. */
  uint32_t room_handle;
  uint32_t room;
  /** Where it may be at most for a few octets to be copied. */
  uint32_t room_last;
  const uint8_t *image;
  /** Until the next hash; 1 while it is off, so that each turn asks. */
  uint32_t turns_left;
  /** From here to `at` are octets that the port has not been given. */
  uint8_t *begin;
  /** The buffer of our own, for a port that has no memory for the recording; NULL: it has. */
  uint8_t *home;
  uint8_t *end;
  uint32_t slots_begin;
  uint32_t slots_end;
  uint32_t slot_octets;
  uint32_t image_octets;
} recorder = {.turns_left = 1};

ALWAYS_INLINE void switch_off(void) {
  recorder.limit = NULL;
  recorder.turns_left = 1;
}

/** A port whose recording is to lie in memory has that written where it is to be. */
__attribute__((weak)) uint8_t *linger_port_record_room(uint32_t *octets) {
  (void)octets;
  return NULL;
}

ALWAYS_INLINE uint32_t skew_of(const uint8_t *octets) {
  return (uint32_t)(uintptr_t)octets % 4;
}

static void set_room(uint8_t *octets, uint32_t count) {
  recorder.at = recorder.begin = octets;
  recorder.end = octets + count;
  recorder.limit = recorder.end - MARGIN_OCTETS;
}

/** More of the port's memory; if there is none, the recording is cut off here. */
static bool take_room(void) {
  uint32_t count = 0;
  uint8_t *const octets = linger_port_record_room(&count);
  if (octets == NULL || count < LINGER_RECORD_ROOM_MIN) {
    switch_off();
    return false;
  }
  set_room(octets, count);
  return true;
}

static void find_room(void) {
  static uint32_t own[LINGER_RECORD_ROOM_MIN / 4];
  recorder.home = NULL;
  if (take_room()) return;
  recorder.home = (uint8_t *)own;
  set_room(recorder.home, sizeof own);
}

ALWAYS_INLINE void flush(void) {
  uint8_t *const begin = recorder.begin;
  uint8_t *const home = recorder.home;
  uint8_t *const at = recorder.at;
  recorder.at = recorder.begin = home == NULL ? at : home + skew_of(at);
  linger_port_record(begin, (uint32_t)(at - begin));
}

/** The port is slow compared with this: not in line. False: the recorder is off. */
COLD static bool make_room(void) {
  if (recorder.limit == NULL) return false;
  if (recorder.home == NULL && recorder.at != recorder.end) {
    // Zeros are no record.
    memset(recorder.at, 0, (size_t)(recorder.end - recorder.at));
    recorder.at = recorder.end;
  }
  flush();
  return recorder.home != NULL || take_room();
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

ALWAYS_INLINE uint8_t *put_half(uint8_t *to, uint32_t half) {
  const uint16_t value = (uint16_t)half;
  memcpy(to, &value, 2);
  return to + 2;
}

/** To the next word, over zeros, which are no record. */
ALWAYS_INLINE uint8_t *align(uint8_t *to) {
  put_word(to, 0);
  return (uint8_t *)(((uintptr_t)to + 3) & ~(uintptr_t)3);
}

/** Few octets, one at least, and some of what is behind them: both begin at a word. */
ALWAYS_INLINE void copy_blocks(uint8_t *to, const uint8_t *from, uint32_t octets) {
#ifdef __thumb2__
  // The compiler would not move eight registers at once.
  __asm__ volatile("1: ldmia %[from]!, {r3-r6, r8-r10, r12}\n"
                   "stmia %[to]!, {r3-r6, r8-r10, r12}\n"
                   "subs %[octets], #32\n"
                   "bhi 1b"
                   : [to] "+r"(to), [from] "+r"(from), [octets] "+r"(octets)
                   :
                   : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "cc", "memory");
#else
  memcpy(to, from, octets);
#endif
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

/** Octets go to the port from where they are, behind what is in our buffer. */
COLD static void put_through(const uint8_t *octets, uint32_t count) {
  if (recorder.at != recorder.begin) flush();
  recorder.at = recorder.begin = recorder.home + (skew_of(recorder.at) + count) % 4;
  linger_port_record(octets, count);
}

/** From one room of the port's into the next; a word is left in it. */
COLD static void put_across(const uint8_t *octets, uint32_t count) {
  for (uint32_t left = count;;) {
    const uint32_t room = (uint32_t)(recorder.end - recorder.at);
    const uint32_t piece = left < room ? left : room;
    memcpy(recorder.at, octets + (count - left), piece);
    recorder.at += piece;
    left -= piece;
    if (left == 0 && room - piece >= WORD_OCTETS) return;
    if (!make_room() || left == 0) return;
  }
}

static void put_octets(const uint8_t *octets, uint32_t count) {
  uint8_t *const to = recorder.at;
  if (recorder.home != NULL) {
    put_through(octets, count);
  } else if (count + WORD_OCTETS <= (uint32_t)(recorder.end - to)) {
    recorder.at = to + count;
    memcpy(to, octets, count);
  } else {
    put_across(octets, count);
  }
}

/**
 * Many octets, behind their number, which is written with as many empty septets as bring them to a
 * place in the recording that is aligned as they are: who copies them copies whole words.
 */
__attribute__((noinline)) static void put_many(uint8_t *to, const uint8_t *octets, uint32_t count) {
  uint8_t *const end = count <= 0x3fff ? put_short(to, count) : put_varint(to, count);
  const uint32_t missing = (skew_of(octets) - skew_of(end)) % 4;
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
    if (is_zero(image + at, octets) || !can_begin()) continue;
    *recorder.at++ = KIND_IMAGE;
    put_many(put_varint(recorder.at, at), image + at, octets);
  }
}

/** Where the module has what is written down with a call, and what a hash is taken of. */
static void find_memory(void) {
  const uint32_t last = (uint32_t)linger_limit(LINGER_LIMIT_RX_SLOT_COUNT) - 1;
  const uint32_t slot_octets = (uint32_t)linger_limit(LINGER_LIMIT_RX_SLOT_SIZE);
  const bool has_usual_length = slot_octets >= MARGIN_OCTETS && slot_octets <= FRAME_OCTETS_MAX;
  for (uint32_t i = 0; i < SLOTS_MAX && i <= last; ++i) {
    const uint8_t *const slot = linger_memory((uint32_t)linger_rx_slot_address(i), slot_octets);
    const bool is_usual = slot != NULL && skew_of(slot) == SLOT_SKEW && has_usual_length;
    recorder.slots[i] = is_usual ? slot - SLOT_SKEW : NULL;
  }
  recorder.slot_octets = slot_octets;
  recorder.image_octets = linger_engine_image_octets();
  recorder.image = linger_memory(0, recorder.image_octets);
  const bool is_aligned = skew_of(recorder.image) == 0;
  recorder.room_last = is_aligned ? recorder.image_octets - MARGIN_OCTETS : 0;
  recorder.slots_begin = (uint32_t)linger_rx_slot_address(0) - SLOT_SKEW;
  recorder.slots_end = (uint32_t)linger_rx_slot_address(last) + slot_octets;
  recorder.turns_left = LINGER_RECORD_HASH_TURNS;
}

void linger_record_start(const struct linger_module *module, bool is_awake) {
  static const uint8_t magic[] = {0x89, 0x4c, 0x52, 0x45, 0x43, 0x0d, 0x0a, 0x1a};
  uint8_t digest[DIGEST_OCTETS];
  find_room();
  find_memory();
  linger_engine_digest(module, digest);
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

/** The same for a short frame, or where there is no room. */
COLD static void put_unusual_frame(enum kind kind, const uint8_t *frame, uint32_t octets) {
  if (!can_begin()) return;
  const uint32_t end = octets < FRAME_WORD_END ? octets : FRAME_WORD_END;
  *recorder.at = (uint8_t)kind;
  memcpy(put_half(recorder.at + 1, octets), frame + end - 4, 4);
  recorder.at += 7;
}

/** What became of a frame. */
ALWAYS_INLINE void put_frame(enum kind kind, const uint8_t *frame, uint32_t octets) {
  uint8_t *const to = recorder.at;
  if (UNLIKELY(to >= recorder.limit || octets < FRAME_WORD_END)) {
    put_unusual_frame(kind, frame, octets);
    return;
  }
  *to = (uint8_t)kind;
  memcpy(put_half(to + 1, octets), frame + FRAME_WORD_END - 4, 4);
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

void linger_record_end(void) {
  if (!can_begin()) return;
  *recorder.at++ = KIND_END;
  flush();
  switch_off();
}

void linger_record_trap(void) {
  if (!can_begin()) return;
  *recorder.at++ = KIND_TRAP;
  linger_record_end();
}

ALWAYS_INLINE void end_turn(void) {
  // A received frame mostly comes next, and wants to be aligned.
  recorder.at = align(recorder.at);
  flush();
}

/** The recorder is off, or it is time for a hash, which may have no room. */
__attribute__((noinline)) static void end_turn_with_hash(void) {
  recorder.turns_left = recorder.limit == NULL ? 1 : LINGER_RECORD_HASH_TURNS;
  if (recorder.limit != NULL) put_hash();
  if (recorder.limit != NULL) end_turn();
}

void linger_record_turn(void) {
  if (UNLIKELY(--recorder.turns_left == 0)) end_turn_with_hash();
  else end_turn();
}

/** Which parameter is a time; none: -1. */
ALWAYS_INLINE int32_t time_of(enum number number) {
  if (number == NUMBER_frameReceived) return 2;
  const bool is_first = number == NUMBER_init || number == NUMBER_poll || number == NUMBER_appPoll;
  return is_first ? 0 : -1;
}

/** Nobody can have written anything. */
ALWAYS_INLINE void put_nothing(uint8_t *to) {
  *to = 0;
  recorder.at = to + 1;
}

/** A frame is in its slot. */
ALWAYS_INLINE void put_received(uint8_t *to, uint32_t slot, uint32_t octets) {
  const uint8_t *from = NULL;
  if (LIKELY(slot < SLOTS_MAX && recorder.slots[slot] != NULL)) {
    from = recorder.slots[slot] + SLOT_SKEW;
  } else {
    const int32_t at = LINGER_RAW(linger_rx_slot_address)(slot);
    if (at > 0) from = linger_memory((uint32_t)at, octets);
  }
  if (from != NULL && octets <= recorder.slot_octets) put_many(to, from, octets);
  else put_nothing(to);
}

/** SEND's octets are in their room. */
ALWAYS_INLINE void put_committed(uint8_t *to, uint32_t handle, uint32_t octets) {
  const uint32_t size = recorder.image_octets;
  const uint32_t room = recorder.room;
  if (recorder.room_handle == handle && room <= size && octets <= size - room) {
    recorder.room = room + octets;
    put_many(to, recorder.image + room, octets);
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

/** Behind what is written at a word already, a long part of memory, from a word on. */
__attribute__((noinline)) static void put_long(uint8_t *to, const uint8_t *from, uint32_t octets) {
  recorder.at = to;
  put_octets(from, octets);
}

/** From word to word behind what is written: in line where that is shorter than the call. */
ALWAYS_INLINE void put_block(uint8_t *to, const uint8_t *from, uint32_t octets, bool is_long) {
  if (is_long) {
    put_long(to, from, octets);
  } else {
    recorder.at = to + octets;
    copy_blocks(to, from, octets);
  }
}

/** A frame as most are, a moment later. False: it is another. */
ALWAYS_INLINE bool put_usual_frame(uint32_t slot, uint32_t octets, uint32_t now_ms) {
  uint8_t *to = recorder.at;
  const uint32_t passed = now_ms - recorder.last_ms;
  if (UNLIKELY(to >= recorder.limit || (passed | slot << SLOT_SHIFT) > PASSED_MAX)) return false;
  const uint8_t *const from = recorder.slots[slot];
  const bool is_long = octets > COPIED_OCTETS_MAX;
  if (UNLIKELY(from == NULL || (is_long && octets > recorder.slot_octets))) return false;
  recorder.last_ms = now_ms;
  to = put_word(align(to), KIND_FRAME | slot << 8 | octets << 11 | passed << 25);
  put_block(to, from, SLOT_SKEW + octets, is_long);
  return true;
}

/** SEND's octets, which are in line where they are few. */
ALWAYS_INLINE void put_room(uint8_t *to, uint32_t room, uint32_t octets, bool is_long) {
  const uint32_t skew = room % 4;
  const uint8_t *const from = recorder.image + (room - skew);
  recorder.room = room + octets;
  to = put_word(align(to), KIND_COMMIT | skew << 8 | octets << 16);
  put_block(to, from, skew + octets, is_long);
}

/** The same for the connection that is being served. False: it is otherwise. */
ALWAYS_INLINE bool put_usual_commit(uint32_t handle, uint32_t octets) {
  uint8_t *const to = recorder.at;
  const uint32_t room = recorder.room;
  if (UNLIKELY(to >= recorder.limit || room > recorder.room_last)) return false;
  if (UNLIKELY(handle != recorder.ready || handle != recorder.room_handle)) return false;
  if (octets <= COPIED_OCTETS_MAX) {
    put_room(to, room, octets, false);
    return true;
  }
  if (UNLIKELY(octets > UINT16_MAX || octets > recorder.image_octets - room)) return false;
  put_room(to, room, octets, true);
  return true;
}

ALWAYS_INLINE bool put_consumed(uint32_t handle, uint32_t octets) {
  uint8_t *const to = recorder.at;
  if (UNLIKELY(to >= recorder.limit || handle != recorder.ready)) return false;
  if (UNLIKELY(octets > UINT16_MAX)) return false;
  *to = KIND_CONSUME;
  recorder.at = put_half(to + 1, octets);
  return true;
}

/** A call of which all is known but that it was made: its argument is this one. */
ALWAYS_INLINE bool put_known(enum number number, uint32_t value, const uint32_t *known) {
  uint8_t *const to = recorder.at;
  if (UNLIKELY(to >= recorder.limit || value != *known)) return false;
  *to = (uint8_t)(number + KIND_OF_KNOWN);
  recorder.at = to + 1;
  return true;
}

/** What a server calls for each segment, as it mostly is, in line; false: it is another call. */
ALWAYS_INLINE bool put_frequent(enum number number, const uint32_t *values) {
  switch (number) {
    case NUMBER_frameReceived:
      return put_usual_frame(values[0], values[1], values[2]);
    case NUMBER_tcpCommit:
      return put_usual_commit(values[0], values[1]);
    case NUMBER_tcpConsume:
      return put_consumed(values[0], values[1]);
    case NUMBER_poll:
    case NUMBER_appPoll:
      return put_known(number, values[0], &recorder.last_ms);
    case NUMBER_takeEvents:
    case NUMBER_tcpStatus:
      return put_known(number, values[0], &recorder.ready);
    default:
      return false;
  }
}

/** Whether a call is an input only if it answers something that changes the state. */
ALWAYS_INLINE bool may_be_question(enum number number) {
  return number == NUMBER_tcpReserve || number == NUMBER_tcpReservedAddress ||
         number == NUMBER_tcpPeek || number == NUMBER_tcpPeekedAddress ||
         number == NUMBER_tcpLookup || number == NUMBER_nextReady;
}

/** An input is written before the call: it may trap, or ask for something. False: it is not yet. */
ALWAYS_INLINE bool is_written(enum number number, const uint32_t *values) {
  return number == 0 || may_be_question(number) || put_frequent(number, values);
}

static uint32_t put_ready(uint32_t handle);

COLD static uint32_t put_ready_with_room(uint32_t handle) {
  return make_room() ? put_ready(handle) : handle;
}

/** `nextReady` has answered with a handle, which is returned. */
ALWAYS_INLINE uint32_t put_ready(uint32_t handle) {
  uint8_t *const to = recorder.at;
  if (UNLIKELY(to >= recorder.limit)) return put_ready_with_room(handle);
  recorder.at = put_word(put_half(to, NUMBER_nextReady | KIND_RETURN_WORD << 8), handle);
  recorder.ready = handle;
  return handle;
}

COLD static uint32_t put_refusal(enum number number, uint32_t handle, uint32_t status) {
  put_call(number, 1, &handle);
  if (recorder.limit == NULL) return status;
  *recorder.at++ = KIND_RETURN_WORD;
  recorder.at = put_word(recorder.at, status);
  return status;
}

/** Of what may be a question, and was none. Other answers are left out: a replay knows them. */
ALWAYS_INLINE uint32_t answered(enum number number, const uint32_t *values, uint32_t result) {
  const bool is_refused = (int32_t)result <= 0;
  if (number == NUMBER_nextReady) return result == 0 ? 0 : put_ready(result);
  if (number != NUMBER_tcpReserve && number != NUMBER_tcpReservedAddress) return result;
  if (UNLIKELY(is_refused)) return put_refusal(number, values[0], result);
  if (number == NUMBER_tcpReservedAddress) {
    recorder.room_handle = values[0];
    recorder.room = result;
  }
  return result;
}

/** The last argument of a call that is written as it mostly is: a frame's time need not be kept. */
ALWAYS_INLINE uint32_t kept(enum number number, uint32_t value) {
  return number == NUMBER_frameReceived ? recorder.last_ms : value;
}

/*
 * Each call twice: as it mostly is, which ends with the engine's call and need keep nothing on the
 * stack, and apart from it the long way.
 */
#define RECORDED(type, name, ours, count, values, parameters, arguments, usual)     \
  COLD static type slow_##name parameters {                                         \
    put_call(NUMBER_##name, count, values);                                         \
    return LINGER_RAW(ours) arguments;                                              \
  }                                                                                 \
  type ours parameters {                                                            \
    if (!is_written(NUMBER_##name, values)) return slow_##name arguments;           \
    return (type)answered(NUMBER_##name, values, (uint32_t)LINGER_RAW(ours) usual); \
  }
#define VALUES(...) ((const uint32_t[]){__VA_ARGS__})
#define RECORDED_0(type, name, ours) RECORDED(type, name, ours, 0, NULL, (void), (), ())
#define RECORDED_1(type, name, ours) \
  RECORDED(type, name, ours, 1, VALUES(a), (uint32_t a), (a), (a))
#define RECORDED_2(type, name, ours) \
  RECORDED(type, name, ours, 2, VALUES(a, b), (uint32_t a, uint32_t b), (a, b), (a, b))
#define RECORDED_3(type, name, ours)                                                    \
  RECORDED(type, name, ours, 3, VALUES(a, b, c), (uint32_t a, uint32_t b, uint32_t c), \
           (a, b, c), (a, b, kept(NUMBER_##name, c)))
#define RECORDED_4(type, name, ours)                 \
  RECORDED(type, name, ours, 4, VALUES(a, b, c, d),  \
           (uint32_t a, uint32_t b, uint32_t c, uint32_t d), (a, b, c, d), (a, b, c, d))
LINGER_EXPORTS(RECORDED_0, RECORDED_1, RECORDED_2, RECORDED_3, RECORDED_4)
LINGER_APPLICATION_EXPORTS(RECORDED_0, RECORDED_1)
