/**
 * The one queue of deadlines that every layer arms: a hierarchical timing wheel in fixed memory.
 *
 *     level 0:  32 slots of 1 ms          a slot heads a doubly linked list of entries
 *     level 1:  32 slots of 32 ms         a bit per slot says whether its list is empty
 *     level 4:  32 slots of 17.5 minutes  (32^5 ms = 9.3 hours; what lies farther fires early)
 *
 * An entry fires when the wheel reaches the start of its slot: never late, but on the upper levels
 * early. Its owner then looks at its own deadlines, or at the one that the entry was armed for, and
 * arms the rest again, which moves the entry to a finer level. That one rule replaces cascading
 * between levels, and it makes pushing a deadline back free: the owner only writes its own field.
 * By the same rule nothing is ever taken off the wheel before it fires: an owner that waits for
 * nothing any more is woken once, for nothing, and most often is armed again before.
 * Arming, firing and finding the next slot cost the same with 1 entry and with 1,000.
 *
 * Armed by tcp/, netif/arp and netif/reassembly; `index` asks for what is due and calls the owner.
 * Reads no clock.
 */
import { CONNECTION_COUNT, HALF_OPEN_COUNT, HAS_STRAIGHT, REASSEMBLY_COUNT } from "../config";

/** Who owns which entry. 0 is "no entry". */
@inline export const ARP_DEADLINE: u32 = 1;
@inline export const TIME_WAIT_DEADLINE: u32 = 2;
@inline export const REASSEMBLY_DEADLINE: u32 = 3;
@inline export const FIRST_CONNECTION_DEADLINE: u32 = REASSEMBLY_COUNT == 0 ? 3 : 4;
@inline export const FIRST_HALF_OPEN_DEADLINE: u32 = FIRST_CONNECTION_DEADLINE + CONNECTION_COUNT;
@inline const ENTRY_COUNT: u32 = FIRST_HALF_OPEN_DEADLINE + HALF_OPEN_COUNT;

/** What `nextDeadline` returns when nothing is armed. */
@inline export const NEVER: u32 = 0xffffffff;

@inline const LEVEL_COUNT: u32 = 5;
@inline const SLOT_BITS: u32 = 5;
@inline const SLOT_COUNT: u32 = 32; // a power of two that fills one u32 of occupancy bits

/** What lies farther is put here, and fires early. */
@inline const HORIZON_MS: u32 = (SLOT_COUNT - 1) << (SLOT_BITS * (LEVEL_COUNT - 1));

if (ENTRY_COUNT > 0x7fff) ERROR("deadlines: an entry number has 15 bits");

/** An entry is armed exactly when `previous` is not 0. */
@unmanaged @final class Entry {
  /** What it was armed for. Its slot, at the start of which it fires, may be an earlier one. */
  dueAt: u32;
  next: u16;
  /** The entry before, or HEAD + slot for the first one in a slot. */
  previous: u16;
}
@inline const HEAD: u32 = 0x8000;
@inline export const DEADLINE_ENTRY_SIZE: u32 = 8;
if (offsetof<Entry>() != DEADLINE_ENTRY_SIZE) ERROR("Entry layout");

const ENTRIES: usize = memory.data(DEADLINE_ENTRY_SIZE * ENTRY_COUNT, 8);
const HEADS: usize = memory.data(2 * SLOT_COUNT * LEVEL_COUNT, 8);
const OCCUPIED: usize = memory.data(4 * LEVEL_COUNT, 8);
/** The wheel has handled everything up to and including this millisecond. */
const WHEEL_TIME: usize = memory.data(4, 4);
/**
 * u32: the start of the first occupied slot, or earlier. While that is not reached nothing fires,
 * and nobody needs to look at the wheel.
 */
const WAKE_AT: usize = HAS_STRAIGHT ? memory.data(4, 4) : 0;
/** u32: 0 if nothing is armed; WAKE_AT then says for how long that is believed. */
const IS_ARMED: usize = HAS_STRAIGHT ? memory.data(4, 4) : 0;
/** As long as two calls may lie apart. */
@inline const BELIEF_MS: u32 = 1 << 30;

/** Forgets every deadline; the wheel stands at `nowMs`. */
export function resetDeadlines(nowMs: u32): void {
  memory.fill(ENTRIES, 0, DEADLINE_ENTRY_SIZE * ENTRY_COUNT);
  memory.fill(HEADS, 0, 2 * SLOT_COUNT * LEVEL_COUNT);
  memory.fill(OCCUPIED, 0, 4 * LEVEL_COUNT);
  store<u32>(WHEEL_TIME, nowMs);
  forgetWake();
}

/** Something was taken off the wheel: when the next slot starts is to be found out. */
function forgetWake(): void {
  if (!HAS_STRAIGHT) return;
  store<u32>(WAKE_AT, load<u32>(WHEEL_TIME));
  store<u32>(IS_ARMED, 1);
}

/** A slot that starts then is occupied. */
function noteWake(start: u32): void {
  if (load<u32>(IS_ARMED) != 0 && <i32>(start - load<u32>(WAKE_AT)) >= 0) return;
  store<u32>(WAKE_AT, start);
  store<u32>(IS_ARMED, 1);
}

/** Whether it is known that nothing fires at `nowMs` or before. */
@inline export function isQuiet(nowMs: u32): bool {
  return <i32>(load<u32>(WAKE_AT) - nowMs) > 0;
}

/** The wheel stands at `nowMs` from now on, where `isQuiet`: for what is armed then. */
@inline export function moveWheel(nowMs: u32): void {
  store<u32>(WHEEL_TIME, nowMs);
}

/** What `nextDeadline` would say then, or less. */
@inline export function quietTime(nowMs: u32): u32 {
  return load<u32>(IS_ARMED) ? load<u32>(WAKE_AT) - nowMs : NEVER;
}

/** Makes sure that `id` fires no later than `deadline`; an earlier one that stands is kept. */
@inline export function armDeadline(id: u32, deadline: u32): void {
  const entry = changetype<Entry>(ENTRIES + id * DEADLINE_ENTRY_SIZE);
  if (entry.previous == 0 || <i32>(entry.dueAt - deadline) > 0) moveDeadline(id, deadline);
}

/** The same for an owner without a time of its own: `dueTime` says `deadline` from now on. */
export function armDeadlineFor(id: u32, deadline: u32): void {
  armDeadline(id, deadline);
  entryAt(id).dueAt = deadline;
}

/** Puts an entry, on the wheel or not, where `deadline` is. */
function moveDeadline(id: u32, deadline: u32): void {
  const entry = entryAt(id);
  if (entry.previous != 0) unlink(entry);
  link(id, entry, deadline);
}

/** What `id` was armed for: an owner without a time of its own asks when it fires early. */
export function dueTime(id: u32): u32 {
  return entryAt(id).dueAt;
}

/** Returns one entry that fires at `nowMs` or before, disarmed, or 0 when there is none. */
export function takeDueDeadline(nowMs: u32): u32 {
  const level = earliestLevel();
  const earliest = level == LEVEL_COUNT ? nowMs + 1 : nextSlotTime(level);
  if (<i32>(earliest - nowMs) > 0) {
    store<u32>(WHEEL_TIME, nowMs);
    if (HAS_STRAIGHT) {
      const isEmpty = level == LEVEL_COUNT;
      store<u32>(WAKE_AT, isEmpty ? nowMs + BELIEF_MS : earliest);
      store<u32>(IS_ARMED, isEmpty ? 0 : 1);
    }
    return 0;
  }
  // The wheel stops just before this slot until its list is empty, so that the rest stays due.
  store<u32>(WHEEL_TIME, earliest - 1);
  forgetWake();
  const slot = slotIndex(level, earliest);
  const id = <u32>load<u16>(HEADS + (slot << 1));
  unlink(entryAt(id));
  return id;
}

/** Milliseconds from `nowMs` to the next firing, 0 when one is due, or NEVER. */
export function nextDeadline(nowMs: u32): u32 {
  const level = earliestLevel();
  if (level == LEVEL_COUNT) return NEVER;
  const ahead = <i32>(nextSlotTime(level) - nowMs);
  return ahead <= 0 ? 0 : ahead;
}

/** The level whose next occupied slot comes first, or LEVEL_COUNT when nothing is armed. */
function earliestLevel(): u32 {
  const wheelTime = load<u32>(WHEEL_TIME);
  let earliest: u32 = LEVEL_COUNT;
  let wait: u32 = NEVER;
  for (let level: u32 = 0; level < LEVEL_COUNT; ++level) {
    if (load<u32>(OCCUPIED + (level << 2)) == 0) continue;
    const ahead = nextSlotTime(level) - wheelTime;
    if (ahead >= wait) continue;
    earliest = level;
    wait = ahead;
  }
  return earliest;
}

@inline function entryAt(id: u32): Entry {
  assert(id - 1 < ENTRY_COUNT - 1);
  return changetype<Entry>(ENTRIES + id * DEADLINE_ENTRY_SIZE);
}

@inline function slotIndex(level: u32, time: u32): u32 {
  return level * SLOT_COUNT + ((time >> (level * SLOT_BITS)) & (SLOT_COUNT - 1));
}

/** When the next occupied slot of a level that has one starts. */
function nextSlotTime(level: u32): u32 {
  const shift = level * SLOT_BITS;
  const position = load<u32>(WHEEL_TIME) >> shift;
  // Bit 0 of the rotated word is the slot after the present one.
  const bits = rotr<u32>(load<u32>(OCCUPIED + (level << 2)), (position + 1) & (SLOT_COUNT - 1));
  return (position + 1 + ctz<u32>(bits)) << shift;
}

function link(id: u32, entry: Entry, deadline: u32): void {
  // Counted from the next millisecond, the earliest that can still fire. While the slot that starts
  // then is being emptied, an entry of it that is armed again thus finds a finer level.
  const soonest = load<u32>(WHEEL_TIME) + 1;
  const ahead = <i32>(deadline - soonest) < 0 ? 0 : min(deadline - soonest, HORIZON_MS);
  // By its highest bit: HORIZON_MS has LEVEL_COUNT times SLOT_BITS.
  const level = (31 - clz<u32>(ahead | 1)) / SLOT_BITS;
  const shift = level * SLOT_BITS;
  const position = (soonest + ahead) >> shift;
  const slot = level * SLOT_COUNT + (position & (SLOT_COUNT - 1));
  const first = <u32>load<u16>(HEADS + (slot << 1));
  if (HAS_STRAIGHT) noteWake(position << shift);
  entry.dueAt = deadline;
  entry.next = <u16>first;
  entry.previous = <u16>(HEAD + slot);
  if (first != 0) entryAt(first).previous = <u16>id;
  store<u16>(HEADS + (slot << 1), <u16>id);
  const occupied = OCCUPIED + (level << 2);
  store<u32>(occupied, load<u32>(occupied) | (<u32>1 << (position & (SLOT_COUNT - 1))));
}

@inline function unlink(entry: Entry): void {
  const previous = <u32>entry.previous;
  const next = <u32>entry.next;
  if (next != 0) entryAt(next).previous = <u16>previous;
  if (previous & HEAD) {
    const slot = previous & ~HEAD;
    store<u16>(HEADS + (slot << 1), <u16>next);
    if (next == 0) {
      const occupied = OCCUPIED + ((slot / SLOT_COUNT) << 2);
      store<u32>(occupied, load<u32>(occupied) & ~(<u32>1 << (slot % SLOT_COUNT)));
    }
  } else {
    entryAt(previous).next = <u16>next;
  }
  entry.previous = 0;
}
