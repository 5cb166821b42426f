/**
 * A port for the loop in `hal/wamr/src/hal.c` that is the network too: a station that opens
 * connections and sends segments, of which the firmware's application echoes each before the next
 * one comes. Its time is made up, so all goes the same way every run.
 *
 * Counts the instructions that the firmware takes between this port's calls, so of everything but
 * the port; what takes the octets of a recording is counted. The linker puts it in the place of the
 * board's port (`--wrap`); firmware.ts writes the order into flash, and reads the figures.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../hal/wamr/boards/cortex-m/cortex-m.h"
#include "../../hal/wamr/boards/mps2-an385/lan9118.h"
#include "../../hal/wamr/src/report.h"
#include "linger-port.h"
#include "linger-record.h"
#include "linger.h"

/* The board's timer 0 counts down at 25 MHz. QEMU's -icount makes the time of instructions. */
#define TIMER_CONTROL REGISTER(0x40000000)
#define TIMER_VALUE REGISTER(0x40000004)
#define TIMER_RELOAD REGISTER(0x40000008)

/* The board's MAC, and what its driver says to the PHY (hal/wamr/boards/mps2-an385/lan9118.c). */
#define TX_STATUS_FIFO REGISTER(0x40200048)
#define MAC_CSR_CMD REGISTER(0x402000a4)
#define MAC_CSR_DATA REGISTER(0x402000a8)
#define CSR_BUSY (1u << 31)
#define MII_ACC 6u
#define MII_DATA 7u
#define PHY_CONTROL_WRITE 0x803u
#define PHY_NEGOTIATES 0x1200u
#define PHY_LOOPS_BACK 0x4000u

/** The board's PSRAM, behind what store.c has. */
#define FIFO ((uint8_t *)0x21800000)
#define FIFO_OCTETS (1u << 20)
/** The recorder gets so much of it at a time, as of a ring that a small board may have. */
#define ROOM_OCTETS 8192u

#define FRAME_OCTETS_MAX 1514u
#define OUR_ADDRESS 0x0a090001u
#define BOARD_ADDRESS 0x0a090002u
#define ECHO_PORT 7u
#define FIRST_PORT 40000u
#define FIRST_SEQ 0x10000000u
#define WINDOW 65535u
#define CONNECTIONS_MAX 8u
/** A board that has nothing to say for so long will say no more. */
#define QUIET_TURNS_MAX 100u
#define QUIET_MS_MAX 1000u

#define IPV4 0x0800u
#define ARP 0x0806u
#define ETHER 14u
#define IP 20u
#define TCP 20u
#define MSS_OPTION 4u
#define SYN 2u
#define PSH 8u
#define ACK 16u

/** What is asked for: words in flash, where the settings end. */
struct order {
  uint32_t connections;
  /** A segment's octets; so many segments before those that count, and so many of them. */
  uint32_t octets;
  uint32_t warm_up;
  uint32_t count;
  uint32_t ending;
  uint32_t sink;
  /** The MAC is busy at each transmission of so many; 0: at none. */
  uint32_t busy_every;
};
enum ending { END_WHEN_DONE, END_ASLEEP, END_AWAKE };
enum sink { SINK_NONE, SINK_FIFO, SINK_UART };
#define ORDER ((volatile const struct order *)0x3f800)

struct connection {
  uint32_t seq;
  uint32_t ack;
  bool is_open;
};

static struct {
  struct connection connections[CONNECTIONS_MAX];
  /** Behind two octets that make what follows the Ethernet header aligned. */
  uint32_t frame[(2 + FRAME_OCTETS_MAX + 3) / 4];
  uint32_t opened;
  uint32_t segments;
  /** What the board owes of the segment before. */
  uint32_t owed;
  uint32_t quiet_turns;
  bool is_known;
  bool has_sent;
  bool is_done;
} station;

static struct {
  uint32_t started;
  uint32_t ticks;
  uint32_t asked_at;
  uint32_t detached_at;
  bool is_on;
  bool is_detached;
} counter;

static uint32_t now_ms;
static uint32_t fifo_octets;

bool __real_linger_port_init(uint8_t link_address[6]);
bool __real_linger_port_transmit(const uint8_t *frame, uint32_t octets);
uint32_t __real_linger_port_now_ms(void);
void __real_linger_port_log(const char *text);
void __real_linger_port_record(const uint8_t *octets, uint32_t count);

// ── The end ──────────────────────────────────────────────────────────────────────────────────────

/** Semihosting's SYS_EXIT: QEMU ends. */
_Noreturn static void leave(void) {
  register uint32_t operation __asm__("r0") = 0x18;
  register uint32_t reason __asm__("r1") = 0x20026;
  __asm__ volatile("bkpt 0xab" ::"r"(operation), "r"(reason) : "memory");
  for (;;) continue;
}

_Noreturn static void end(void) {
  if (ORDER->sink == SINK_FIFO) __real_linger_port_record(FIFO, fifo_octets);
  linger_report("ticks %u, %u octets recorded", (unsigned)counter.ticks, (unsigned)fifo_octets);
  leave();
}

_Noreturn static void fail(const char *why) {
  linger_report("failed: %s", why);
  leave();
}

// ── Counting ─────────────────────────────────────────────────────────────────────────────────────

static void pause_counting(void) {
  if (counter.is_on) counter.ticks += counter.started - TIMER_VALUE;
}

static void go_on_counting(void) {
  counter.started = TIMER_VALUE;
}

// ── Frames ───────────────────────────────────────────────────────────────────────────────────────

static void put_16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void put_32(uint8_t *at, uint32_t value) {
  put_16(at, value >> 16);
  put_16(at + 2, value);
}

static uint32_t get_16(const uint8_t *at) {
  return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get_32(const uint8_t *at) {
  return get_16(at) << 16 | get_16(at + 2);
}

/** The Internet checksum of some octets and of what was summed before. */
static uint32_t checksum(const uint8_t *octets, uint32_t count, uint32_t sum) {
  for (uint32_t i = 0; i < count; ++i) sum += i % 2 == 0 ? (uint32_t)octets[i] << 8 : octets[i];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

/** What the stream has at a place. */
static uint8_t text_at(uint32_t seq) {
  return (uint8_t)(seq * 31 + (seq >> 8));
}

static uint8_t *begin_frame(uint32_t type) {
  static const uint8_t addresses[] = {2, 0, 0, 10, 9, 2, 2, 0, 0, 10, 9, 1};
  uint8_t *const frame = (uint8_t *)station.frame + 2;
  memset(station.frame, 0, sizeof station.frame);
  memcpy(frame, addresses, sizeof addresses);
  put_16(frame + sizeof addresses, type);
  return frame + ETHER;
}

static void set_phy(uint32_t control) {
  MAC_CSR_DATA = control;
  MAC_CSR_CMD = CSR_BUSY | MII_DATA;
  MAC_CSR_DATA = PHY_CONTROL_WRITE;
  MAC_CSR_CMD = CSR_BUSY | MII_ACC;
}

/** By way of the board's own PHY, which loops it back: so the board's driver receives it. */
static void send_frame(uint32_t octets) {
  set_phy(PHY_LOOPS_BACK);
  if (!lan9118_transmit((const uint8_t *)station.frame + 2, octets)) fail("the MAC is busy");
  set_phy(PHY_NEGOTIATES);
  (void)TX_STATUS_FIFO;
  station.has_sent = true;
}

/** Asks the board for its address, and tells it ours. */
static void send_arp(void) {
  static const uint8_t link[] = {2, 0, 0, 10, 9, 1};
  uint8_t *const arp = begin_frame(ARP);
  put_32(arp, 0x00010800);
  put_32(arp + 4, 0x06040001);
  memcpy(arp + 8, link, sizeof link);
  put_32(arp + 14, OUR_ADDRESS);
  put_32(arp + 24, BOARD_ADDRESS);
  send_frame(ETHER + 28);
}

static void send_segment(uint32_t index, uint32_t control, uint32_t octets) {
  struct connection *const connection = &station.connections[index];
  const uint32_t header = TCP + (control == SYN ? MSS_OPTION : 0);
  uint8_t *const ip = begin_frame(IPV4);
  uint8_t *const tcp = ip + IP;
  put_16(ip, 0x4500);
  put_16(ip + 2, IP + header + octets);
  put_16(ip + 8, 0x4006);
  put_32(ip + 12, OUR_ADDRESS);
  put_32(ip + 16, BOARD_ADDRESS);
  put_16(ip + 10, checksum(ip, IP, 0));
  put_16(tcp, FIRST_PORT + index);
  put_16(tcp + 2, ECHO_PORT);
  put_32(tcp + 4, connection->seq);
  put_32(tcp + 8, connection->ack);
  put_16(tcp + 12, header << 10 | control);
  put_16(tcp + 14, WINDOW);
  if (control == SYN) put_32(tcp + TCP, 0x02040000 | 1460);
  for (uint32_t i = 0; i < octets; ++i) tcp[header + i] = text_at(connection->seq + i);
  const uint32_t pseudo = ~checksum(ip + 12, 8, 6 + header + octets) & 0xffff;
  put_16(tcp + 16, checksum(tcp, header + octets, pseudo));
  connection->seq += octets + (control == SYN);
  send_frame(ETHER + IP + header + octets);
}

/** A segment of the board: of a handshake, or a part of an echo. */
static void take_segment(const uint8_t *ip) {
  const uint8_t *const tcp = ip + IP;
  const uint32_t index = get_16(tcp + 2) - FIRST_PORT;
  const uint32_t header = (uint32_t)tcp[12] >> 4 << 2;
  const uint32_t octets = get_16(ip + 2) - IP - header;
  if (index >= station.opened) fail("a segment for nobody");
  struct connection *const connection = &station.connections[index];
  if ((tcp[13] & ~(SYN | ACK | PSH)) != 0) fail("a connection has ended");
  if ((tcp[13] & SYN) != 0) {
    connection->ack = get_32(tcp + 4) + 1;
    connection->is_open = true;
    send_segment(index, ACK, 0);
    return;
  }
  if (octets == 0) return;
  if (get_32(tcp + 4) != connection->ack || octets > station.owed) fail("not the next octets");
  for (uint32_t i = 0; i < octets; ++i) {
    if (tcp[header + i] != text_at(connection->seq - station.owed + i)) fail("other octets");
  }
  connection->ack += octets;
  station.owed -= octets;
}

// ── What happens next ────────────────────────────────────────────────────────────────────────────

/** All is echoed: what the board has queued is acknowledged, then it may sleep. */
static void finish(void) {
  static uint32_t acknowledged;
  if (acknowledged < station.opened) {
    send_segment(acknowledged++, ACK, 0);
    return;
  }
  station.is_done = true;
  if (ORDER->ending == END_WHEN_DONE) end();
  linger_sleep();
}

/** The board has nothing more to do, and nothing is on its way. */
static void step(void) {
  const uint32_t total = ORDER->warm_up + ORDER->count;
  if (!station.is_known) {
    station.is_known = true;
    send_arp();
  } else if (station.opened < ORDER->connections) {
    station.connections[station.opened].seq = FIRST_SEQ * (station.opened + 1);
    send_segment(station.opened++, SYN, 0);
  } else if (station.segments < total) {
    counter.is_on = station.segments >= ORDER->warm_up;
    station.owed = ORDER->octets;
    send_segment(station.segments++ % station.opened, ACK, ORDER->octets);
  } else {
    counter.is_on = false;
    finish();
  }
}

static bool is_waiting(void) {
  const bool is_opening = station.opened != 0 && !station.connections[station.opened - 1].is_open;
  return station.owed != 0 || is_opening;
}

static void pass_time(uint32_t ms) {
  // What a handshake ends with is still in the MAC.
  const bool has_sent = station.has_sent;
  station.has_sent = false;
  if (!is_waiting()) station.quiet_turns = 0;
  if (has_sent || station.is_done) {
    ++now_ms;
  } else if (is_waiting()) {
    now_ms += ms < QUIET_MS_MAX ? ms : QUIET_MS_MAX;
    if (++station.quiet_turns > QUIET_TURNS_MAX) fail("the board does not answer");
  } else {
    ++now_ms;
    step();
    station.has_sent = false;
  }
}

// ── Around the board's port ──────────────────────────────────────────────────────────────────────

bool __wrap_linger_port_init(uint8_t link_address[6]);
bool __wrap_linger_port_init(uint8_t link_address[6]) {
  TIMER_RELOAD = UINT32_MAX;
  TIMER_VALUE = UINT32_MAX;
  TIMER_CONTROL = 1;
  if (ORDER->connections > CONNECTIONS_MAX) fail("too many connections");
  return __real_linger_port_init(link_address);
}

void __wrap_linger_port_idle(uint32_t ms);
void __wrap_linger_port_idle(uint32_t ms) {
  if (!lan9118_may_sleep()) return;
  pause_counting();
  pass_time(ms);
  go_on_counting();
}

bool __wrap_linger_port_transmit(const uint8_t *frame, uint32_t octets);
bool __wrap_linger_port_transmit(const uint8_t *frame, uint32_t octets) {
  static uint32_t transmissions;
  const uint32_t every = ORDER->busy_every;
  if (every != 0 && ++transmissions % every == 0) return false;
  const bool is_taken = __real_linger_port_transmit(frame, octets);
  pause_counting();
  if (!is_taken) fail("the MAC is busy");
  if (octets >= ETHER + IP + TCP && get_16(frame + 12) == IPV4) take_segment(frame + ETHER);
  go_on_counting();
  return true;
}

uint32_t __wrap_linger_port_now_ms(void);
uint32_t __wrap_linger_port_now_ms(void) {
  (void)__real_linger_port_now_ms();
  counter.asked_at = TIMER_VALUE;
  return now_ms;
}

/** A sequence that is the same in each run. */
uint32_t __wrap_linger_port_entropy(void);
uint32_t __wrap_linger_port_entropy(void) {
  static uint32_t seed = 1;
  return seed = seed * 1103515245u + 12345u;
}

/** Before a snapshot is made; the time is asked for before and after. */
void linger_port_detach(void) {
  counter.detached_at = TIMER_VALUE;
  counter.is_detached = true;
}

/** Just after a snapshot was taken up, before which the time was asked for. */
void linger_port_attach(uint8_t *const *slots, uint32_t count, uint32_t capacity) {
  (void)slots;
  (void)count;
  (void)capacity;
  if (ORDER->ending == END_AWAKE) counter.ticks = counter.asked_at - TIMER_VALUE;
}

void __wrap_linger_port_log(const char *text);
void __wrap_linger_port_log(const char *text) {
  const uint32_t saved = counter.detached_at - counter.asked_at;
  __real_linger_port_log(text);
  if (ORDER->ending == END_ASLEEP && counter.is_detached) {
    counter.is_detached = false;
    counter.ticks = saved;
    end();
  }
  if (ORDER->ending == END_AWAKE && counter.ticks != 0) {
    const uint32_t ticks = counter.ticks;
    counter.ticks = 0;
    linger_report("ticks %u", (unsigned)ticks);
    leave();
  }
}

/** A recording in memory is written there by the recorder itself, from one room into the next. */
uint8_t *linger_port_record_room(uint32_t *octets) {
  static uint32_t given;
  if (ORDER->sink != SINK_FIFO || given == FIFO_OCTETS) return NULL;
  uint8_t *const room = FIFO + given;
  given += ROOM_OCTETS;
  *octets = ROOM_OCTETS;
  return room;
}

/** What a driver would send on, of a recording: counted, unless it goes to the board's UART. */
void __wrap_linger_port_record(const uint8_t *octets, uint32_t count);
void __wrap_linger_port_record(const uint8_t *octets, uint32_t count) {
  const uint32_t sink = ORDER->sink;
  if (sink == SINK_UART) __real_linger_port_record(octets, count);
  else if (sink == SINK_FIFO) fifo_octets += count;
}
