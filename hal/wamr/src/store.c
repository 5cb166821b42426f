/**
 * Which of the two slots holds a snapshot that may be taken up, wherever the power was cut.
 *
 * A slot begins with a mark, a sequence number and its complement, programmed in this order:
 * snapshot, numbers, mark. So a mark stands only before a whole snapshot. Consumed means that the
 * mark and the first words of the snapshot are zeros: an erasure that is cut off in the middle can
 * bring neither back. Called by `snapshot.c`.
 */
#include "store.h"

#include "linger-store.h"

#define MARK 0x504c534cu /* "LSLP" */
#define CONSUMED 0u
#define SLOTS 2u
#define SEQUENCE_AT 4u
#define MAGIC_WORDS 2u

/** False if it does not hold what has this mark: a whole snapshot, or one that was consumed. */
static bool read_sequence(uint32_t slot, uint32_t mark, uint32_t *sequence) {
  uint32_t head[3];
  if (!linger_port_store_read(slot, 0, head, 3)) return false;
  *sequence = head[1];
  return head[0] == mark && head[2] == ~head[1];
}

/** The newest with this mark: sequence numbers wrap. */
static bool find(uint32_t mark, uint32_t *slot, uint32_t *sequence) {
  uint32_t numbers[SLOTS] = {0};
  bool has_mark[SLOTS];
  for (uint32_t i = 0; i < SLOTS; ++i) has_mark[i] = read_sequence(i, mark, &numbers[i]);
  *slot = has_mark[1] && (!has_mark[0] || (int32_t)(numbers[1] - numbers[0]) > 0) ? 1 : 0;
  *sequence = numbers[*slot];
  return has_mark[*slot];
}

/** The slot that was written last. Where no snapshot is whole it matters for wear alone. */
static bool find_last(uint32_t *slot, uint32_t *sequence) {
  return find(MARK, slot, sequence) || find(CONSUMED, slot, sequence);
}

static bool consume(uint32_t slot) {
  static const uint32_t zeros[MAGIC_WORDS];
  return linger_port_store_program(slot, 0, zeros, 1) &&
         linger_port_store_program(slot, LINGER_STORE_HEAD_OCTETS, zeros, MAGIC_WORDS);
}

bool linger_store_find(uint32_t *slot) {
  uint32_t sequence;
  return find(MARK, slot, &sequence);
}

bool linger_store_begin(uint32_t *slot) {
  uint32_t sequence;
  *slot = find_last(slot, &sequence) ? 1 - *slot : 0;
  return linger_port_store_erase(*slot);
}

bool linger_store_finish(uint32_t slot) {
  uint32_t other;
  uint32_t sequence;
  const uint32_t mark = MARK;
  if (!find_last(&other, &sequence)) sequence = 0;
  const uint32_t numbers[2] = {sequence + 1, ~(sequence + 1)};
  return linger_port_store_program(slot, SEQUENCE_AT, numbers, 2) &&
         linger_port_store_program(slot, 0, &mark, 1);
}

bool linger_store_consume(void) {
  uint32_t newest;
  uint32_t sequence;
  if (!linger_store_find(&newest)) return false;
  if (read_sequence(1 - newest, MARK, &sequence) && !consume(1 - newest)) return false;
  return consume(newest);
}
