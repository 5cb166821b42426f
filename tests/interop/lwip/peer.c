/**
 * lwIP as Linger's peer: Debian's build of it, with a network interface that carries its frames
 * over a unix socket in QEMU's stream framing, and applications that do what stdin tells them.
 *
 *     peer SOCKET ADDRESS FOLDER
 *
 * Compiled and started by lwip.ts, which knows the orders and reports below. Everything that
 * touches lwIP, and stdout, happens under lwIP's core lock: in its own thread, or in ours. Any
 * failure of the machine around it (a short read, a full disk) ends the process with a message.
 *
 * Orders: `listen PORT`, `connect ID ADDRESS PORT`, `send ID FILE`, `shutdown ID`, `close ID`,
 * `abort ID`, `hold ID`, `take ID`, `state TAG LOCALPORT REMOTEPORT`.
 * Reports: `listening PORT`, `accepted ID LOCALPORT REMOTEPORT`, `connected ID LOCALPORT
 * REMOTEPORT`, `held ID`, `eof ID`, `ended ID CODE`, `state TAG NAME`.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include <lwip/tcpip.h>
#include <netif/ethernet.h>

enum {
  LENGTH_OCTETS = 4,
  FRAME_OCTETS_MAX = 1514,
  CONNECTIONS_MAX = 256,
  /* Accepted connections are numbered from here; those below are named by the test. */
  ACCEPTED_FIRST = 128,
  LINE_OCTETS_MAX = 512,
  /* tcp_poll counts half seconds. */
  RETRY_TICKS = 1,
};

/** One connection, from its opening to the end of the process: its number is never used again. */
struct connection {
  struct tcp_pcb *pcb; /* NULL before, and when lwIP has taken it back */
  FILE *received;      /* FOLDER/ID */
  char *data;          /* what `send` told, and how far it has come */
  size_t length, written;
  size_t owed;         /* octets received and held back from tcp_recved */
  int is_holding, is_shut, wants_shutdown, wants_close;
};

static struct connection connections[CONNECTIONS_MAX];
static int next_accepted = ACCEPTED_FIRST;
static int wire;
static const char *folder;
static struct netif interface;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void report(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  if (fflush(stdout) != 0) exit(1);
}

static int number_of(struct connection *c) { return (int)(c - connections); }

/* ---- The network interface ---- */

static void write_all(const unsigned char *octets, size_t length) {
  for (size_t at = 0; at < length;) {
    ssize_t count = write(wire, octets + at, length - at);
    if (count <= 0) exit(0); /* the test has closed the wire */
    at += (size_t)count;
  }
}

static err_t send_frame(struct netif *netif, struct pbuf *p) {
  unsigned char packet[LENGTH_OCTETS + FRAME_OCTETS_MAX];
  uint32_t length = htonl(p->tot_len);
  (void)netif;
  if (p->tot_len > FRAME_OCTETS_MAX) return ERR_BUF;
  memcpy(packet, &length, LENGTH_OCTETS);
  pbuf_copy_partial(p, packet + LENGTH_OCTETS, p->tot_len, 0);
  write_all(packet, LENGTH_OCTETS + (size_t)p->tot_len);
  return ERR_OK;
}

static err_t set_up_interface(struct netif *netif) {
  static const unsigned char mac[6] = {0x02, 0, 0, 0x6c, 0x77, 0x01};
  netif->name[0] = 'w';
  netif->name[1] = '0';
  netif->mtu = 1500;
  netif->hwaddr_len = sizeof mac;
  memcpy(netif->hwaddr, mac, sizeof mac);
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_LINK_UP;
  netif->output = etharp_output;
  netif->linkoutput = send_frame;
  return ERR_OK;
}

static void take_frame(const unsigned char *frame, size_t length) {
  /* Not PBUF_POOL: the elements of that pool are shorter in Debian's build than its pbufs. */
  struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
  if (p == NULL) fail("pbuf_alloc");
  pbuf_take(p, frame, (u16_t)length);
  LOCK_TCPIP_CORE();
  if (interface.input(p, &interface) != ERR_OK) pbuf_free(p);
  UNLOCK_TCPIP_CORE();
}

/** Whole frames out of whatever the stream brings. */
static void read_wire(void) {
  static unsigned char buffer[1 << 16];
  static size_t held;
  ssize_t count = read(wire, buffer + held, sizeof buffer - held);
  size_t at = 0;
  if (count <= 0) exit(0);
  held += (size_t)count;
  while (held - at >= LENGTH_OCTETS) {
    uint32_t length;
    memcpy(&length, buffer + at, LENGTH_OCTETS);
    length = ntohl(length);
    if (length == 0 || length > FRAME_OCTETS_MAX) fail("frame length");
    if (held - at < LENGTH_OCTETS + length) break;
    take_frame(buffer + at + LENGTH_OCTETS, length);
    at += LENGTH_OCTETS + length;
  }
  memmove(buffer, buffer + at, held - at);
  held -= at;
}

/* ---- What lwIP calls, and what follows from it ---- */

/** lwIP's connection lives on without us, until it has ended by itself. */
static void let_go(struct connection *c) {
  struct tcp_pcb *pcb = c->pcb;
  c->pcb = NULL;
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_err(pcb, NULL);
  tcp_poll(pcb, NULL, 0);
}

/** Hands over as much as lwIP takes; then the close that was waiting for it. */
static void push(struct connection *c) {
  while (c->pcb != NULL && c->written < c->length) {
    size_t count = c->length - c->written;
    if (count > tcp_sndbuf(c->pcb)) count = tcp_sndbuf(c->pcb);
    if (count > TCP_MSS) count = TCP_MSS;
    if (count == 0) break;
    if (tcp_write(c->pcb, c->data + c->written, (u16_t)count, TCP_WRITE_FLAG_COPY) != ERR_OK) break;
    c->written += count;
  }
  if (c->pcb == NULL) return;
  tcp_output(c->pcb);
  if (c->written < c->length) return;
  if (c->wants_shutdown && !c->is_shut) c->is_shut = tcp_shutdown(c->pcb, 0, 1) == ERR_OK;
  if (c->wants_close) {
    struct tcp_pcb *pcb = c->pcb;
    let_go(c);
    if (tcp_close(pcb) != ERR_OK) fail("tcp_close");
  }
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t length) {
  (void)pcb;
  (void)length;
  push(arg);
  return ERR_OK;
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb) {
  (void)pcb;
  if (arg != NULL) push(arg);
  return ERR_OK;
}

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
  struct connection *c = arg;
  (void)err;
  if (p == NULL) {
    if (fclose(c->received) != 0) fail("received");
    report("eof %d", number_of(c));
    /* Both sides have closed: lwIP wants the block back, in TIME-WAIT or on its way there. */
    if (c->is_shut) {
      let_go(c);
      tcp_close(pcb);
      report("ended %d CLOSED", number_of(c));
    }
    return ERR_OK;
  }
  for (struct pbuf *part = p; part != NULL; part = part->next) {
    if (fwrite(part->payload, 1, part->len, c->received) != part->len) fail("received");
  }
  if (c->is_holding) c->owed += p->tot_len;
  else tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

static void on_error(void *arg, err_t err) {
  struct connection *c = arg;
  if (c == NULL) return;
  c->pcb = NULL;
  report("ended %d %s", number_of(c),
         err == ERR_RST ? "RESET" : err == ERR_ABRT ? "ABORTED" : err == ERR_CLSD ? "CLOSED" : "?");
}

static void adopt(struct connection *c, struct tcp_pcb *pcb) {
  char path[LINE_OCTETS_MAX];
  snprintf(path, sizeof path, "%s/%d", folder, number_of(c));
  c->received = fopen(path, "w");
  if (c->received == NULL) fail(path);
  c->pcb = pcb;
  tcp_arg(pcb, c);
  tcp_recv(pcb, on_received);
  tcp_sent(pcb, on_sent);
  tcp_err(pcb, on_error);
  tcp_poll(pcb, on_poll, RETRY_TICKS);
  tcp_nagle_disable(pcb);
}

static err_t on_accepted(void *arg, struct tcp_pcb *pcb, err_t err) {
  (void)arg;
  if (err != ERR_OK || pcb == NULL || next_accepted == CONNECTIONS_MAX) return ERR_MEM;
  struct connection *c = &connections[next_accepted++];
  adopt(c, pcb);
  report("accepted %d %d %d", number_of(c), pcb->local_port, pcb->remote_port);
  return ERR_OK;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err) {
  (void)err; /* always ERR_OK: a failure is told to on_error */
  report("connected %d %d %d", number_of(arg), pcb->local_port, pcb->remote_port);
  return ERR_OK;
}

/* ---- What the test orders ---- */

static void order_listen(int port) {
  struct tcp_pcb *pcb = tcp_new();
  if (pcb == NULL || tcp_bind(pcb, IP4_ADDR_ANY, (u16_t)port) != ERR_OK) fail("tcp_bind");
  pcb = tcp_listen(pcb);
  if (pcb == NULL) fail("tcp_listen");
  tcp_accept(pcb, on_accepted);
  report("listening %d", port);
}

static void order_connect(struct connection *c, const char *address, int port) {
  struct tcp_pcb *pcb = tcp_new();
  ip_addr_t remote;
  if (pcb == NULL || !ipaddr_aton(address, &remote)) fail("connect");
  adopt(c, pcb);
  if (tcp_connect(pcb, &remote, (u16_t)port, on_connected) != ERR_OK) fail("tcp_connect");
}

static void order_send(struct connection *c, const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) fail(path);
  c->length = (size_t)ftell(file);
  c->data = malloc(c->length);
  rewind(file);
  if (c->data == NULL || fread(c->data, 1, c->length, file) != c->length) fail(path);
  fclose(file);
  push(c);
}

static const char *state_in(struct tcp_pcb *pcb, int local, int remote) {
  for (; pcb != NULL; pcb = pcb->next) {
    if (pcb->local_port == local && pcb->remote_port == remote) {
      return tcp_debug_state_str(pcb->state);
    }
  }
  return NULL;
}

static void order_state(int tag, int local, int remote) {
  const char *name = state_in(tcp_active_pcbs, local, remote);
  if (name == NULL) name = state_in(tcp_tw_pcbs, local, remote);
  report("state %d %s", tag, name == NULL ? "CLOSED" : name);
}

static void order_abort(struct connection *c) {
  struct tcp_pcb *pcb = c->pcb;
  if (pcb == NULL) return;
  let_go(c);
  tcp_abort(pcb);
}

static void order_take(struct connection *c) {
  c->is_holding = 0;
  for (; c->pcb != NULL && c->owed > 0;) {
    u16_t count = c->owed > 0xffff ? 0xffff : (u16_t)c->owed;
    tcp_recved(c->pcb, count);
    c->owed -= count;
  }
}

static void obey(const char *line) {
  char word[16] = "", text[LINE_OCTETS_MAX] = "";
  int a = 0, b = 0, c = 0;
  sscanf(line, "%15s %d", word, &a);
  if (strcmp(word, "listen") == 0) return order_listen(a);
  if (strcmp(word, "state") == 0) {
    sscanf(line, "%*s %*d %d %d", &b, &c);
    return order_state(a, b, c);
  }
  if (a < 0 || a >= CONNECTIONS_MAX) fail(line);
  struct connection *named = &connections[a];
  sscanf(line, "%*s %*d %511s %d", text, &b);
  if (strcmp(word, "connect") == 0) order_connect(named, text, b);
  else if (strcmp(word, "send") == 0) order_send(named, text);
  else if (strcmp(word, "abort") == 0) order_abort(named);
  else if (strcmp(word, "hold") == 0) named->is_holding = 1, report("held %d", a);
  else if (strcmp(word, "take") == 0) order_take(named);
  else if (strcmp(word, "shutdown") == 0) named->wants_shutdown = 1, push(named);
  else if (strcmp(word, "close") == 0) named->wants_close = 1, push(named);
  else fail(line);
}

static void read_orders(void) {
  static char buffer[1 << 14];
  static size_t held;
  ssize_t count = read(STDIN_FILENO, buffer + held, sizeof buffer - held - 1);
  char *line = buffer;
  if (count <= 0) exit(0);
  held += (size_t)count;
  buffer[held] = '\0';
  for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    *end = '\0';
    LOCK_TCPIP_CORE();
    obey(line);
    UNLOCK_TCPIP_CORE();
  }
  held -= (size_t)(line - buffer);
  memmove(buffer, line, held);
}

static void join_network(const char *socket_path, const char *address) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  ip4_addr_t own, mask, gateway;
  if (strlen(socket_path) >= sizeof name.sun_path) fail(socket_path);
  strcpy(name.sun_path, socket_path);
  wire = socket(AF_UNIX, SOCK_STREAM, 0);
  if (wire < 0 || connect(wire, (struct sockaddr *)&name, sizeof name) != 0) fail(socket_path);
  ip4addr_aton(address, &own);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  ip4_addr_set_zero(&gateway);
  tcpip_init(NULL, NULL);
  LOCK_TCPIP_CORE();
  if (!netif_add(&interface, &own, &mask, &gateway, NULL, set_up_interface, ethernet_input)) {
    fail("netif_add");
  }
  netif_set_default(&interface);
  netif_set_up(&interface);
  UNLOCK_TCPIP_CORE();
}

int main(int count, char **arguments) {
  if (count != 4) {
    fprintf(stderr, "usage: peer SOCKET ADDRESS FOLDER\n");
    return 2;
  }
  folder = arguments[3];
  join_network(arguments[1], arguments[2]);
  for (;;) {
    struct pollfd files[] = {{STDIN_FILENO, POLLIN, 0}, {wire, POLLIN, 0}};
    if (poll(files, 2, -1) < 0) fail("poll");
    if (files[1].revents != 0) read_wire();
    if (files[0].revents != 0) read_orders();
  }
}
