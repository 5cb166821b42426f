/**
 * A native station on the TAP for `npm run bench -- --end-to-end`: lwIP with a sink and a source, or
 * no stack at all, which gives back each datagram: the limit of the wire.
 *
 *     station TAP lwip|wire
 *
 * Built and started by run.ts; prints `ready`, ends when it is killed. The descriptor never blocks,
 * and is waited for by poll: a read that blocks on a TAP could not be ended.
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

enum {
  FRAME_OCTETS_MAX = 1514,
  BLOCK_OCTETS = 4 * 1460,
  /* Frames taken before timers are looked at. */
  BURST = 64,
  SINK_PORT = 9,
  SOURCE_PORT = 19,
  NEVER_MS = 1000,
};

static int tap;
static struct netif interface;
static u8_t block[BLOCK_OCTETS];
static const u8_t MAC[6] = {2, 0, 0, 10, 9, 2};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

u32_t sys_now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (u32_t)at.tv_sec * 1000u + (u32_t)(at.tv_nsec / 1000000);
}

/** As the kernel does, a clock: numbers of a connection that was before are not reused. */
u32_t segbench_isn(void) { return sys_now() * 250u; }

static void open_tap(const char *name) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (tap < 0) fail("/dev/net/tun");
  if (ioctl(tap, TUNSETIFF, &request) < 0) fail(name);
}

/** Waits for a frame, but not beyond `ms`; its octets, or 0. */
static int read_frame(u8_t *frame, int ms) {
  ssize_t count = read(tap, frame, FRAME_OCTETS_MAX);
  if (count > 0) return (int)count;
  if (ms > 0) {
    struct pollfd file = {tap, POLLIN, 0};
    poll(&file, 1, ms);
  }
  return 0;
}

/* ── No stack ───────────────────────────────────────────────────────────────────────────────── */

static void swap(u8_t *one, u8_t *other, size_t octets) {
  u8_t kept[6];
  memcpy(kept, one, octets);
  memcpy(one, other, octets);
  memcpy(other, kept, octets);
}

/** Source and destination change places everywhere, which leaves the sums as they are. */
static void echo_for_ever(void) {
  u8_t frame[FRAME_OCTETS_MAX];
  for (;;) {
    int octets = read_frame(frame, NEVER_MS);
    if (octets < 42 || frame[12] != 8 || frame[13] != 0 || frame[23] != 17) continue;
    swap(frame, frame + 6, 6);
    swap(frame + 26, frame + 30, 4);
    swap(frame + 34, frame + 36, 2);
    if (write(tap, frame, (size_t)octets) != octets) fail("write");
  }
}

/* ── lwIP ───────────────────────────────────────────────────────────────────────────────────── */

static err_t send_frame(struct netif *netif, struct pbuf *p) {
  static u8_t frame[FRAME_OCTETS_MAX];
  (void)netif;
  pbuf_copy_partial(p, frame, p->tot_len, 0);
  return write(tap, frame, p->tot_len) == p->tot_len ? ERR_OK : ERR_IF;
}

static err_t init_interface(struct netif *netif) {
  netif->hwaddr_len = sizeof MAC;
  memcpy(netif->hwaddr, MAC, sizeof MAC);
  netif->mtu = 1500;
  netif->name[0] = 't';
  netif->name[1] = '0';
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_LINK_UP;
  netif->output = etharp_output;
  netif->linkoutput = send_frame;
  return ERR_OK;
}

static err_t on_sunk(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  (void)arg, (void)error;
  if (p == NULL) return tcp_close(pcb);
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

static err_t accept_sink(void *arg, struct tcp_pcb *pcb, err_t error) {
  (void)arg, (void)error;
  tcp_recv(pcb, on_sunk);
  return ERR_OK;
}

static err_t fill(void *arg, struct tcp_pcb *pcb, u16_t acknowledged) {
  (void)arg, (void)acknowledged;
  while (tcp_sndbuf(pcb) > 0) {
    u16_t octets = tcp_sndbuf(pcb) < BLOCK_OCTETS ? tcp_sndbuf(pcb) : BLOCK_OCTETS;
    if (tcp_write(pcb, block, octets, TCP_WRITE_FLAG_COPY) != ERR_OK) break;
  }
  return tcp_output(pcb);
}

static err_t accept_source(void *arg, struct tcp_pcb *pcb, err_t error) {
  (void)error;
  tcp_recv(pcb, on_sunk);
  tcp_sent(pcb, fill);
  return fill(arg, pcb, 0);
}

static void listen_on(u16_t port, tcp_accept_fn accept) {
  struct tcp_pcb *pcb = tcp_new();
  if (pcb == NULL || tcp_bind(pcb, IP_ADDR_ANY, port) != ERR_OK) fail("bind");
  tcp_accept(tcp_listen(pcb), accept);
}

static void take_frame(const u8_t *frame, int octets) {
  struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)octets, PBUF_POOL);
  if (p == NULL) return; /* lost, as with a MAC that has no buffer left */
  pbuf_take(p, frame, (u16_t)octets);
  if (interface.input(p, &interface) != ERR_OK) pbuf_free(p);
}

static void run_lwip(void) {
  ip4_addr_t address, mask, gateway;
  u8_t frame[FRAME_OCTETS_MAX];
  lwip_init();
  IP4_ADDR(&address, 10, 9, 0, 2);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gateway, 10, 9, 0, 1);
  netif_add(&interface, &address, &mask, &gateway, NULL, init_interface, ethernet_input);
  netif_set_default(&interface);
  netif_set_up(&interface);
  listen_on(SINK_PORT, accept_sink);
  listen_on(SOURCE_PORT, accept_source);
  for (;;) {
    u32_t left = sys_timeouts_sleeptime();
    int octets = read_frame(frame, left > NEVER_MS ? NEVER_MS : (int)left);
    for (int i = 0; octets > 0 && i < BURST; i++) {
      take_frame(frame, octets);
      octets = read_frame(frame, 0);
    }
    if (octets > 0) take_frame(frame, octets);
    sys_check_timeouts();
  }
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: station TAP lwip|wire\n");
    return 2;
  }
  open_tap(argv[1]);
  printf("ready\n");
  fflush(stdout);
  if (strcmp(argv[2], "wire") == 0) echo_for_ever();
  run_lwip();
}
