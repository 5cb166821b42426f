/**
 * A "board" that is a process on Linux, for people who develop the HAL: the same loop and engines,
 * with a debugger, valgrind and sanitizers at hand. The port of `linger-port.h`.
 *
 * Its MAC is a TAP device (`tap:NAME`) or UDP, a datagram for each frame (`udp:LOCALPORT:REMOTEPORT`
 * on 127.0.0.1). Random words come from the kernel, and are as good as its.
 */
#define _GNU_SOURCE
#include "board.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "linger-port.h"
#include "linger-record.h"

#define TUN "/dev/net/tun"
#define FRAME_OCTETS_MIN 14
/** The stack is put away. Any other key asks for the counters. */
#define SLEEP_KEY 'z'

static struct {
  int wire;
  int recording;
  uint8_t link_address[6];
  bool is_status_asked;
  bool is_sleep_asked;
  bool is_terminal_gone;
} board = {.wire = -1, .recording = -1, .link_address = {2, 0, 0, 0x0a, 9, 2}};

static const char *open_tap(const char *name) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  if (strlen(name) >= sizeof request.ifr_name) return "the device's name is too long";
  memcpy(request.ifr_name, name, strlen(name));
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  board.wire = open(TUN, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (board.wire < 0) return strerror(errno);
  return ioctl(board.wire, TUNSETIFF, &request) < 0 ? strerror(errno) : NULL;
}

static const char *open_udp(const char *ports) {
  char *end;
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  board.wire = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (board.wire < 0) return strerror(errno);
  address.sin_port = htons((uint16_t)strtoul(ports, &end, 10));
  if (*end != ':') return "it is udp:LOCALPORT:REMOTEPORT";
  if (bind(board.wire, (struct sockaddr *)&address, sizeof address) < 0) return strerror(errno);
  address.sin_port = htons((uint16_t)strtoul(end + 1, &end, 10));
  if (*end != '\0') return "it is udp:LOCALPORT:REMOTEPORT";
  const int connected = connect(board.wire, (struct sockaddr *)&address, sizeof address);
  return connected < 0 ? strerror(errno) : NULL;
}

const char *board_open_wire(const char *wire) {
  if (strncmp(wire, "tap:", 4) == 0) return open_tap(wire + 4);
  if (strncmp(wire, "udp:", 4) == 0) return open_udp(wire + 4);
  return "it is tap:NAME or udp:LOCALPORT:REMOTEPORT";
}

const char *board_open_recording(const char *path) {
  board.recording = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  return board.recording < 0 ? strerror(errno) : NULL;
}

void linger_port_record(const uint8_t *octets, uint32_t count) {
  while (board.recording >= 0 && count > 0) {
    const ssize_t written = write(board.recording, octets, count);
    if (written <= 0) abort();
    octets += written;
    count -= (uint32_t)written;
  }
}

bool linger_port_init(uint8_t link_address[6]) {
  memcpy(link_address, board.link_address, sizeof board.link_address);
  return true;
}

uint32_t board_read_frame(uint8_t *to, uint32_t capacity) {
  for (;;) {
    // What a frame has beyond the room is cut off by the kernel, and counts as a longer one.
    struct iovec parts[2];
    uint8_t beyond;
    parts[0].iov_base = to;
    parts[0].iov_len = capacity;
    parts[1].iov_base = &beyond;
    parts[1].iov_len = 1;
    const ssize_t octets = readv(board.wire, parts, 2);
    if (octets < 0 && errno == ECONNREFUSED) continue; // nobody at the other end of UDP yet
    if (octets < 0) return 0;
    if (octets >= FRAME_OCTETS_MIN && octets <= (ssize_t)capacity) return (uint32_t)octets;
  }
}

#ifndef LINGER_LINUX_RING
uint32_t linger_port_receive(uint8_t *slot, uint32_t capacity) {
  return board_read_frame(slot, capacity);
}
#endif

bool linger_port_transmit(const uint8_t *frame, uint32_t octets) {
  const ssize_t sent = write(board.wire, frame, octets);
  return sent >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

uint32_t linger_port_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)now.tv_sec * 1000u + (uint32_t)(now.tv_nsec / 1000000);
}

uint32_t linger_port_entropy(void) {
  uint32_t word = 0;
  if (getrandom(&word, sizeof word, 0) != (ssize_t)sizeof word) abort();
  return word;
}

void linger_port_idle(uint32_t ms) {
  char key;
  struct pollfd ends[2] = {{board.wire, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  poll(ends, board.is_terminal_gone ? 1 : 2, ms > INT32_MAX ? -1 : (int)ms);
  if (board.is_terminal_gone || ends[1].revents == 0) return;
  if (read(STDIN_FILENO, &key, 1) != 1) board.is_terminal_gone = true;
  else if (key == SLEEP_KEY) board.is_sleep_asked = true;
  else board.is_status_asked = true;
}

bool linger_port_link_is_up(void) {
  return true;
}

bool linger_port_status_is_asked(void) {
  const bool is_asked = board.is_status_asked;
  board.is_status_asked = false;
  return is_asked;
}

bool linger_port_sleep_is_asked(void) {
  const bool is_asked = board.is_sleep_asked;
  board.is_sleep_asked = false;
  return is_asked;
}

void linger_port_log(const char *text) {
  fputs(text, stdout);
  fflush(stdout);
}
