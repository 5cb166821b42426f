/**
 * lwIP's side of `npm run bench`: a peer, a driver and an application around its raw API (NO_SYS=1).
 *
 * The scenarios are those of ../linger/driver.ts, under the same numbers (../scenarios.ts). One
 * source for WebAssembly and for native code. Only what lies between PROF_START and PROF_STOP is
 * counted: the peer's frames, with their checksums, are built before, in batches. The driver copies
 * nothing: its buffer itself is the pbuf. What leaves is judged by ../verify.ts, in a run of its
 * own.
 */
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

#include "prof.h"

enum {
  FULL_OCTETS = 1460,
  SMALL_OCTETS = 64,
  ACKED_OCTETS = 80,
  FULL_SLOT_OCTETS = 1536,
  SMALL_SLOT_OCTETS = 192,
  BATCH_FULL = 32,
  BATCH_SMALL = 256,
  BATCH_NEW_ACKS = 8,
  BATCH_PASSIVE = 16,
  BATCH_ACTIVE = 8,
  BATCH_TICKS = 400,
  PEERS_MAX = 1024,
  BUFFERS = 8,
  PEER_WINDOW = 65535,
  PORT = 7,
  SERVER_PORT = 80,
  ISN_FIRST = 100000,
  ISN_STEP = 64000,
  FRAME_OCTETS_MAX = 1600,
};

/* The mode of a run. */
enum { APPLICATION_COPIES = 2, VERIFY = 8 };

enum {
  CALIBRATION,
  RECEIVE_FULL,
  RECEIVE_SMALL,
  SEND_FULL,
  PURE_ACK,
  ACK_NEW,
  ECHO,
  PASSIVE,
  ACTIVE,
  EXPIRY,
  TICK_IDLE,
  TICK_TIME_WAIT,
  /* What no stack can go below: one copy, one checksum of a full segment. */
  LIMIT_COPY = 30,
  LIMIT_CHECKSUM = 31,
  LIMIT_LWIP_CHECKSUM = 32,
};

struct peer {
  u16_t lport, rport;
  u32_t seq; /* the peer's next number */
  u32_t ack; /* the next one expected of the stack */
  struct tcp_pcb *pcb;
};

static struct netif interface;
static struct peer peers[PEERS_MAX];
static int scenario, mode, peer_count, turn;
static u32_t isn_next = ISN_FIRST;
static u16_t port_next = 0xc001;
static u32_t received, sent, errors, closed, accepted, connected;
static u8_t frames[BATCH_FULL * FULL_SLOT_OCTETS] __attribute__((aligned(16)));
static u8_t payload[FULL_OCTETS] __attribute__((aligned(16)));
static u8_t app_buffer[FULL_OCTETS] __attribute__((aligned(16)));
static u8_t tx_buffer[FRAME_OCTETS_MAX] __attribute__((aligned(16)));
static int lengths[BATCH_SMALL];
static u32_t now_ms;
static int reply_octets, closes_after_read;
static struct tcp_pcb *accepted_pcb;

static const u8_t OUR_MAC[6] = {2, 0, 0, 0, 0, 1}, PEER_MAC[6] = {2, 0, 0, 0, 0, 2};

u32_t sys_now(void) { return now_ms; }

/** A counter, so that the peer's frames can be built before. RFC 6528's hash would cost more. */
u32_t segbench_isn(void) {
  u32_t isn = isn_next;
  isn_next += ISN_STEP;
  return isn;
}

static void expect(int is_right) {
  if (!is_right) errors++;
}

/* ── The peer's frames ──────────────────────────────────────────────────────────────────────── */

static u32_t sum16(const u8_t *at, int octets, u32_t sum) {
  int i;
  for (i = 0; i + 1 < octets; i += 2) sum += ((u32_t)at[i] << 8) | at[i + 1];
  if (octets & 1) sum += (u32_t)at[octets - 1] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

static u32_t payload_sum(int octets) {
  static u32_t sum;
  static int summed = -1;
  if (octets != summed) {
    sum = sum16(payload, octets, 0);
    summed = octets;
  }
  return sum;
}

static void put16(u8_t *at, u32_t value) {
  at[0] = (u8_t)(value >> 8);
  at[1] = (u8_t)value;
}

static void put32(u8_t *at, u32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value);
}

/** Builds the peer's segment; a SYN carries an MSS option. Returns the frame's octets. */
static int build(u8_t *frame, const struct peer *peer, u8_t flags, int octets) {
  int header = flags & TCP_SYN ? 24 : 20, total = 20 + header + octets;
  u8_t *ip = frame + 14, *tcp = frame + 34;
  u32_t sum;
  memcpy(frame, OUR_MAC, 6);
  memcpy(frame + 6, PEER_MAC, 6);
  put16(frame + 12, 0x0800);
  memset(ip, 0, 40);
  ip[0] = 0x45;
  put16(ip + 2, (u32_t)total);
  put16(ip + 6, 0x4000);
  ip[8] = 64;
  ip[9] = 6;
  ip[12] = ip[16] = 10;
  ip[15] = 2;
  ip[19] = 1;
  put16(ip + 10, 0xffff ^ sum16(ip, 20, 0));
  put16(tcp, peer->rport);
  put16(tcp + 2, peer->lport);
  put32(tcp + 4, peer->seq);
  put32(tcp + 8, flags & TCP_ACK ? peer->ack : 0);
  tcp[12] = (u8_t)(header << 2);
  tcp[13] = flags;
  put16(tcp + 14, PEER_WINDOW);
  if (flags & TCP_SYN) put32(tcp + 20, 0x02040000 | FULL_OCTETS);
  if (octets) memcpy(tcp + header, payload, (size_t)octets);
  sum = sum16(ip + 12, 8, (u32_t)(6 + header + octets));
  sum = sum16(tcp, header, sum) + payload_sum(octets);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  put16(tcp + 16, 0xffff ^ sum);
  return 14 + total;
}

/* ── The driver ─────────────────────────────────────────────────────────────────────────────── */

struct rx_buffer {
  struct pbuf_custom pbuf;
  int is_used;
};
static struct rx_buffer rx_buffers[BUFFERS];
static int rx_next;

static void free_rx(struct pbuf *p) { ((struct rx_buffer *)(void *)p)->is_used = 0; }

/** Hands over a frame where it lies: the driver's DMA buffer is the pbuf. */
static void feed(u8_t *frame, int octets) {
  struct rx_buffer *buffer = &rx_buffers[rx_next];
  struct pbuf *p;
  if (mode & VERIFY) arrived(frame, (u32_t)octets);
  rx_next = (rx_next + 1) & (BUFFERS - 1);
  if (buffer->is_used) {
    errors++;
    return;
  }
  buffer->is_used = 1;
  buffer->pbuf.custom_free_function = free_rx;
  p = pbuf_alloced_custom(PBUF_RAW, (u16_t)octets, PBUF_REF, &buffer->pbuf, frame, (u16_t)octets);
  if (interface.input(p, &interface) != ERR_OK) {
    errors++;
    pbuf_free(p);
  }
}

static void feed_all(int count, int slot_octets) {
  int i;
  PROF_START();
  for (i = 0; i < count; i++) feed(frames + i * slot_octets, lengths[i]);
  PROF_STOP();
}

/** A chain is gathered, as a MAC with one buffer wants it; a single pbuf goes as it is. */
static err_t send_frame(struct netif *netif, struct pbuf *p) {
  u8_t *frame = p->payload;
  (void)netif;
  sent++;
  if (p->next != NULL) {
    pbuf_copy_partial(p, tx_buffer, p->tot_len, 0);
    frame = tx_buffer;
  }
  hal_transmit(frame, p->tot_len);
  return ERR_OK;
}

static err_t init_interface(struct netif *netif) {
  netif->hwaddr_len = 6;
  memcpy(netif->hwaddr, OUR_MAC, 6);
  netif->mtu = 1500;
  netif->name[0] = 'e';
  netif->name[1] = '0';
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_LINK_UP;
  netif->output = etharp_output;
  netif->linkoutput = send_frame;
  return ERR_OK;
}

/* ── The application ────────────────────────────────────────────────────────────────────────── */

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  (void)arg, (void)error;
  if (p == NULL) {
    closed++;
    expect(tcp_close(pcb) == ERR_OK);
    return ERR_OK;
  }
  received += p->tot_len;
  if (mode & APPLICATION_COPIES) pbuf_copy_partial(p, app_buffer, p->tot_len, 0);
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  if (reply_octets) {
    expect(tcp_write(pcb, payload, (u16_t)reply_octets, TCP_WRITE_FLAG_COPY) == ERR_OK);
  }
  if (closes_after_read) expect(tcp_close(pcb) == ERR_OK);
  return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error) {
  (void)arg, (void)error;
  accepted++;
  accepted_pcb = pcb;
  tcp_recv(pcb, on_receive);
  return ERR_OK;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error) {
  (void)arg, (void)error;
  connected++;
  expect(tcp_write(pcb, payload, SMALL_OCTETS, TCP_WRITE_FLAG_COPY) == ERR_OK);
  return ERR_OK;
}

static void connect_peer(void) {
  struct tcp_pcb *pcb = tcp_new();
  ip4_addr_t address;
  IP4_ADDR(&address, 10, 0, 0, 2);
  if (pcb == NULL) {
    errors++;
    return;
  }
  tcp_recv(pcb, on_receive);
  expect(tcp_connect(pcb, &address, SERVER_PORT, on_connected) == ERR_OK);
}

/* ── Setting up ─────────────────────────────────────────────────────────────────────────────── */

static void feed_arp(void) {
  u8_t *frame = frames;
  memset(frame, 0, 60);
  memcpy(frame, OUR_MAC, 6);
  memcpy(frame + 6, PEER_MAC, 6);
  put16(frame + 12, 0x0806);
  put32(frame + 14, 0x00010800);
  put32(frame + 18, 0x06040001);
  memcpy(frame + 22, PEER_MAC, 6);
  frame[28] = frame[38] = 10;
  frame[31] = 2;
  frame[41] = 1;
  feed(frame, 60);
}

static void open_passive(struct peer *peer, u16_t rport) {
  u32_t iss = isn_next;
  peer->lport = PORT;
  peer->rport = rport;
  peer->seq = 5000 + rport * 7919u;
  feed(frames, build(frames, peer, TCP_SYN, 0));
  peer->seq++;
  peer->ack = iss + 1;
  accepted_pcb = NULL;
  feed(frames, build(frames, peer, TCP_ACK, 0));
  peer->pcb = accepted_pcb;
  expect(accepted_pcb != NULL && accepted_pcb->state == ESTABLISHED);
}

/** One connection to TIME-WAIT, not counted. */
static void pass_active(struct peer *peer) {
  u32_t iss = isn_next - 1; /* lwIP's SYN has the number before */
  connect_peer();
  peer->lport = tcp_active_pcbs == NULL ? 0 : tcp_active_pcbs->local_port;
  peer->rport = SERVER_PORT;
  peer->seq = 9000;
  peer->ack = iss + 1;
  feed(frames, build(frames, peer, TCP_SYN | TCP_ACK, 0));
  peer->seq++;
  peer->ack += SMALL_OCTETS;
  feed(frames, build(frames, peer, TCP_ACK | TCP_PSH, SMALL_OCTETS));
  peer->seq += SMALL_OCTETS;
  peer->ack++;
  feed(frames, build(frames, peer, TCP_ACK | TCP_FIN, 0));
  peer->seq++;
}

EXPORT("bench_setup") int bench_setup(int which, int how, int count) {
  ip4_addr_t address, mask, gateway;
  struct tcp_pcb *listener;
  int i, is_tick = which == TICK_IDLE || which == TICK_TIME_WAIT;
  scenario = which;
  mode = how;
  peer_count = count < 1 && !is_tick ? 1 : count;
  for (i = 0; i < FULL_OCTETS; i++) payload[i] = (u8_t)(i * 7 + (i >> 8));
  lwip_init();
  IP4_ADDR(&address, 10, 0, 0, 1);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gateway, 10, 0, 0, 254);
  netif_add(&interface, &address, &mask, &gateway, NULL, init_interface, ethernet_input);
  netif_set_default(&interface);
  netif_set_up(&interface);
  feed_arp();
  for (i = 0; i < 20; i++) tcp_tmr(); /* tcp_ticks != 0: round trips are measured */
  listener = tcp_new();
  tcp_bind(listener, IP_ADDR_ANY, PORT);
  listener = tcp_listen(listener);
  tcp_accept(listener, on_accept);
  if (which <= ECHO || which == TICK_IDLE) {
    for (i = 0; i < peer_count; i++) open_passive(&peers[i], (u16_t)(20000 + i));
  }
  if (which == ECHO) reply_octets = 1;
  if (which == ACK_NEW) tcp_nagle_disable(peers[0].pcb);
  closes_after_read = which == ACTIVE || which == EXPIRY || which == TICK_TIME_WAIT;
  if (which == TICK_TIME_WAIT) {
    for (i = 0; i < peer_count; i++) pass_active(&peers[i]);
  }
  return (int)errors;
}

/* ── The scenarios ──────────────────────────────────────────────────────────────────────────── */

static struct peer *next_peer(void) {
  struct peer *peer = &peers[turn];
  if (++turn >= peer_count) turn = 0;
  return peer;
}

/** S1, S2: text in order. */
static void run_receive(int octets, int count) {
  int is_full = octets > SMALL_OCTETS, batch = is_full ? BATCH_FULL : BATCH_SMALL;
  int slot = is_full ? FULL_SLOT_OCTETS : SMALL_SLOT_OCTETS, i;
  for (; count > 0; count -= batch) {
    u32_t received_before = received, sent_before = sent;
    for (i = 0; i < batch; i++) {
      struct peer *peer = next_peer();
      lengths[i] = build(frames + i * slot, peer, TCP_ACK | TCP_PSH, octets);
      peer->seq += (u32_t)octets;
    }
    feed_all(batch, slot);
    expect(received - received_before == (u32_t)(batch * octets));
    expect(sent - sent_before == (u32_t)batch / 2);
  }
}

/** S3: SENDs of a full segment, one ACK for two. */
static void run_send(int count) {
  struct peer *peer = &peers[0];
  int i, k;
  for (; count > 0; count -= BATCH_FULL) {
    u32_t sent_before = sent;
    for (i = 0; i < BATCH_FULL / 2; i++) {
      peer->ack += 2 * FULL_OCTETS;
      lengths[i] = build(frames + i * SMALL_SLOT_OCTETS, peer, TCP_ACK, 0);
    }
    PROF_START();
    for (i = 0; i < BATCH_FULL / 2; i++) {
      for (k = 0; k < 2; k++) {
        expect(tcp_write(peer->pcb, payload, FULL_OCTETS, TCP_WRITE_FLAG_COPY) == ERR_OK);
        tcp_output(peer->pcb);
      }
      feed(frames + i * SMALL_SLOT_OCTETS, lengths[i]);
    }
    PROF_STOP();
    expect(sent - sent_before == BATCH_FULL && peer->pcb->unacked == NULL);
  }
}

/** S4: pure ACKs of nothing new. */
static void run_ack(int count) {
  int i;
  for (; count > 0; count -= BATCH_SMALL) {
    u32_t sent_before = sent;
    for (i = 0; i < BATCH_SMALL; i++) {
      lengths[i] = build(frames + i * SMALL_SLOT_OCTETS, next_peer(), TCP_ACK, 0);
    }
    feed_all(BATCH_SMALL, SMALL_SLOT_OCTETS);
    expect(sent == sent_before);
  }
}

/** S4n: pure ACKs, each of one more segment. */
static void run_ack_new(int count) {
  struct peer *peer = &peers[0];
  int i;
  for (; count > 0; count -= BATCH_NEW_ACKS) {
    u32_t sent_before = sent;
    for (i = 0; i < BATCH_NEW_ACKS; i++) {
      expect(tcp_write(peer->pcb, payload, ACKED_OCTETS, TCP_WRITE_FLAG_COPY) == ERR_OK);
      tcp_output(peer->pcb);
      peer->ack += ACKED_OCTETS;
      lengths[i] = build(frames + i * SMALL_SLOT_OCTETS, peer, TCP_ACK, 0);
    }
    expect(sent - sent_before == BATCH_NEW_ACKS);
    feed_all(BATCH_NEW_ACKS, SMALL_SLOT_OCTETS);
    expect(sent - sent_before == BATCH_NEW_ACKS && peer->pcb->unacked == NULL);
  }
}

/** S5: one octet in, the same out. */
static void run_echo(int count) {
  struct peer *peer = &peers[0];
  int i;
  for (; count > 0; count -= BATCH_SMALL) {
    u32_t received_before = received, sent_before = sent;
    for (i = 0; i < BATCH_SMALL; i++) {
      lengths[i] = build(frames + i * SMALL_SLOT_OCTETS, peer, TCP_ACK | TCP_PSH, 1);
      peer->seq++;
      peer->ack++;
    }
    feed_all(BATCH_SMALL, SMALL_SLOT_OCTETS);
    expect(received - received_before == BATCH_SMALL && sent - sent_before == BATCH_SMALL);
  }
}

/** The next frame of a batch. */
static void add(int index, struct peer *peer, u8_t flags, int octets) {
  lengths[index] = build(frames + index * SMALL_SLOT_OCTETS, peer, flags, octets);
  peer->seq += (u32_t)octets + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0);
}

/** S6: SYN, ACK, 64 octets each way, the peer closes, we close. */
static void run_passive(int count) {
  static u16_t rport = 1000;
  int i;
  reply_octets = SMALL_OCTETS;
  for (; count > 0; count -= BATCH_PASSIVE) {
    u32_t sent_before = sent, accepted_before = accepted, closed_before = closed;
    for (i = 0; i < BATCH_PASSIVE; i++) {
      struct peer peer = {PORT, rport, 7000 + rport * 7919u, 0, NULL};
      if (++rport > 60000) rport = 1000;
      add(i * 5, &peer, TCP_SYN, 0);
      peer.ack = isn_next + (u32_t)i * ISN_STEP + 1;
      add(i * 5 + 1, &peer, TCP_ACK, 0);
      add(i * 5 + 2, &peer, TCP_ACK | TCP_PSH, SMALL_OCTETS);
      peer.ack += SMALL_OCTETS;
      add(i * 5 + 3, &peer, TCP_ACK | TCP_FIN, 0);
      peer.ack++;
      add(i * 5 + 4, &peer, TCP_ACK, 0);
    }
    feed_all(BATCH_PASSIVE * 5, SMALL_SLOT_OCTETS);
    expect(sent - sent_before == BATCH_PASSIVE * 3);
    expect(accepted - accepted_before == BATCH_PASSIVE && closed - closed_before == BATCH_PASSIVE);
    expect(tcp_active_pcbs == NULL && tcp_tw_pcbs == NULL);
  }
}

static void tick_away_time_wait(void) {
  int i;
  for (i = 0; i < 2 * (2 * TCP_MSL / TCP_SLOW_INTERVAL + 1); i++) tcp_tmr();
}

/** S6: OPEN, 64 octets each way, we close, TIME-WAIT; or what its end costs. */
static void run_active(int count) {
  int i, k;
  for (; count > 0; count -= BATCH_ACTIVE) {
    u32_t sent_before = sent, connected_before = connected;
    for (i = 0; i < BATCH_ACTIVE; i++) {
      struct peer peer = {port_next, SERVER_PORT, 9000 + port_next * 7919u, 0, NULL};
      if (++port_next == 0xffff) port_next = 0xc000;
      peer.ack = isn_next + (u32_t)i * ISN_STEP; /* lwIP's SYN has the number before */
      add(i * 4, &peer, TCP_SYN | TCP_ACK, 0);
      peer.ack += SMALL_OCTETS;
      add(i * 4 + 1, &peer, TCP_ACK | TCP_PSH, SMALL_OCTETS);
      peer.ack++;
      add(i * 4 + 2, &peer, TCP_ACK, 0);
      add(i * 4 + 3, &peer, TCP_ACK | TCP_FIN, 0);
    }
    if (scenario == ACTIVE) PROF_START();
    for (i = 0; i < BATCH_ACTIVE; i++) {
      connect_peer();
      for (k = i * 4; k < i * 4 + 4; k++) feed(frames + k * SMALL_SLOT_OCTETS, lengths[k]);
    }
    if (scenario == ACTIVE) PROF_STOP();
    /* SYN, text with the ACK, FIN with the ACK of text, ACK of the FIN */
    expect(sent - sent_before == BATCH_ACTIVE * 4 && connected - connected_before == BATCH_ACTIVE);
    expect(tcp_active_pcbs == NULL && tcp_tw_pcbs != NULL);
    if (scenario == EXPIRY) PROF_START();
    tick_away_time_wait();
    if (scenario == EXPIRY) PROF_STOP();
    expect(tcp_tw_pcbs == NULL);
  }
}

/** S7: ticks. What is in TIME-WAIT has its time set back before each batch. */
static void run_ticks(int count) {
  for (; count > 0; count -= BATCH_TICKS) {
    int i, waiting = 0;
    u32_t sent_before = sent;
    struct tcp_pcb *pcb;
    for (pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) {
      pcb->tmr = tcp_ticks;
      waiting++;
    }
    if (scenario == TICK_TIME_WAIT) expect(waiting == peer_count);
    PROF_START();
    for (i = 0; i < BATCH_TICKS; i++) tcp_tmr();
    PROF_STOP();
    expect(sent == sent_before);
  }
}

/* ── The physical limits ────────────────────────────────────────────────────────────────────── */

typedef u32_t __attribute__((aligned(1), may_alias)) word_t;
static u8_t *volatile limit_source = payload;
static volatile int limit_octets = FULL_OCTETS;
static volatile u32_t limit_sink;

#ifdef __clang__
#define NO_UNROLL _Pragma("clang loop unroll(disable) vectorize(disable) interleave(disable)")
#else
#define NO_UNROLL _Pragma("GCC unroll 1")
#endif
#define ADD4(o) \
  sum += ((const word_t *)at)[o]; \
  sum += ((const word_t *)at)[o + 1]; \
  sum += ((const word_t *)at)[o + 2]; \
  sum += ((const word_t *)at)[o + 3];

/** 64 octets a step, in words of 32 bits: the best that was found for most engines. */
static __attribute__((noinline)) u32_t checksum(const u8_t *at, int octets) {
  unsigned long long sum = 0;
  NO_UNROLL
  for (; octets >= 64; octets -= 64, at += 64) {
    ADD4(0) ADD4(4) ADD4(8) ADD4(12)
  }
  NO_UNROLL
  for (; octets >= 4; octets -= 4, at += 4) sum += *(const word_t *)at;
  sum = (sum & 0xffffffffu) + (sum >> 32);
  sum = (sum & 0xffffffffu) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  return (u32_t)((sum & 0xffff) + (sum >> 16));
}

static __attribute__((noinline)) void copy(u8_t *to, const u8_t *from, int octets) {
  memcpy(to, from, (size_t)octets);
}

static void run_limit(int count) {
  int i;
  u32_t sum = sum16(payload, FULL_OCTETS, 0);
  u32_t right = (u32_t)__builtin_bswap16((u16_t)sum), result = right;
  for (; count > 0; count -= BATCH_FULL) {
    u8_t *from = limit_source;
    int octets = limit_octets;
    PROF_START();
    for (i = 0; i < BATCH_FULL; i++) {
      if (scenario == LIMIT_COPY) copy(app_buffer, from, octets);
      else if (scenario == LIMIT_CHECKSUM) limit_sink = result = checksum(from, octets);
      else limit_sink = result = LWIP_CHKSUM(from, octets);
    }
    PROF_STOP();
    expect(result == right);
    if (scenario == LIMIT_COPY) expect(memcmp(app_buffer, payload, FULL_OCTETS) == 0);
  }
}

/** Keeps what the application has copied alive under link-time optimisation. */
EXPORT("bench_buffer") void *bench_buffer(void) { return app_buffer; }

EXPORT("bench_run") int bench_run(int count) {
  switch (scenario) {
    case CALIBRATION:
      for (; count > 0; count -= BATCH_FULL) {
        PROF_START();
        PROF_STOP();
      }
      break;
    case RECEIVE_FULL: run_receive(FULL_OCTETS, count); break;
    case RECEIVE_SMALL: run_receive(SMALL_OCTETS, count); break;
    case SEND_FULL: run_send(count); break;
    case PURE_ACK: run_ack(count); break;
    case ACK_NEW: run_ack_new(count); break;
    case ECHO: run_echo(count); break;
    case PASSIVE: run_passive(count); break;
    case ACTIVE:
    case EXPIRY: run_active(count); break;
    case TICK_IDLE:
    case TICK_TIME_WAIT: run_ticks(count); break;
    case LIMIT_COPY:
    case LIMIT_CHECKSUM:
    case LIMIT_LWIP_CHECKSUM: run_limit(count); break;
    default: expect(0);
  }
  return (int)errors;
}
