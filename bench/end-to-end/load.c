/**
 * The kernel's side of `npm run bench -- --end-to-end`: loads a station on the TAP, and prints how
 * many seconds that took.
 *
 *     load ADDRESS send CONNECTIONS OCTETS        to its port 9, until it has closed as well
 *     load ADDRESS receive CONNECTIONS OCTETS     from its port 19
 *     load ADDRESS open CONNECTIONS COUNT         open and close, so many at a time
 *     load ADDRESS frames WINDOW COUNT            datagrams to its port 7, that come back
 *
 * Built and started by run.ts. Fails when something does not come back: nothing is lost here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  CONNECTIONS_MAX = 64,
  DATAGRAM_OCTETS = 1472,
  PATIENCE_MS = 20000,
  SINK_PORT = 9,
  SOURCE_PORT = 19,
  ECHO_PORT = 7,
  SOCKET_OCTETS = 4 << 20,
};

static struct sockaddr_in station;
static char buffer[1 << 16];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static int open_socket(int type, int port) {
  int file = socket(AF_INET, type | SOCK_NONBLOCK, 0);
  station.sin_port = htons((uint16_t)port);
  if (file < 0) fail("socket");
  if (connect(file, (struct sockaddr *)&station, sizeof station) < 0 && errno != EINPROGRESS) {
    fail("connect");
  }
  return file;
}

static void wait_for(struct pollfd *files, int count) {
  if (poll(files, (nfds_t)count, PATIENCE_MS) <= 0) {
    fprintf(stderr, "nothing has happened for %d s\n", PATIENCE_MS / 1000);
    exit(1);
  }
}

/** Reads what there is; the octets, or -1 at the end. */
static long take(int file) {
  ssize_t count = read(file, buffer, sizeof buffer);
  if (count == 0) return -1;
  if (count > 0) return count;
  if (errno != EAGAIN) fail("read");
  return 0;
}

static void send_all(int connections, long each) {
  struct pollfd files[CONNECTIONS_MAX];
  long left[CONNECTIONS_MAX];
  int open = connections;
  for (int i = 0; i < connections; i++) {
    files[i] = (struct pollfd){open_socket(SOCK_STREAM, SINK_PORT), POLLOUT, 0};
    left[i] = each;
  }
  while (open > 0) {
    wait_for(files, connections);
    for (int i = 0; i < connections; i++) {
      if (files[i].revents & POLLOUT && left[i] > 0) {
        size_t octets = left[i] < (long)sizeof buffer ? (size_t)left[i] : sizeof buffer;
        ssize_t count = write(files[i].fd, buffer, octets);
        if (count < 0 && errno != EAGAIN) fail("write");
        if (count > 0) left[i] -= count;
        if (left[i] == 0) {
          shutdown(files[i].fd, SHUT_WR);
          files[i].events = POLLIN;
        }
      } else if (files[i].revents != 0 && take(files[i].fd) < 0) {
        close(files[i].fd);
        files[i].fd = -1;
        open--;
      }
    }
  }
}

static void receive_all(int connections, long each) {
  struct pollfd files[CONNECTIONS_MAX];
  long left[CONNECTIONS_MAX];
  int open = connections;
  for (int i = 0; i < connections; i++) {
    files[i] = (struct pollfd){open_socket(SOCK_STREAM, SOURCE_PORT), POLLIN, 0};
    left[i] = each;
  }
  while (open > 0) {
    wait_for(files, connections);
    for (int i = 0; i < connections; i++) {
      if (files[i].revents == 0) continue;
      long count = take(files[i].fd);
      if (count < 0) {
        fprintf(stderr, "the station has closed\n");
        exit(1);
      }
      left[i] -= count;
      if (left[i] > 0) continue;
      close(files[i].fd); /* it sends on: a reset tells it to stop */
      files[i].fd = -1;
      open--;
    }
  }
}

static void open_all(int connections, long count) {
  struct pollfd files[CONNECTIONS_MAX];
  long started = 0, ended = 0;
  for (int i = 0; i < connections; i++) files[i].fd = -1;
  while (ended < count) {
    for (int i = 0; i < connections && started < count; i++) {
      if (files[i].fd >= 0) continue;
      files[i] = (struct pollfd){open_socket(SOCK_STREAM, SINK_PORT), POLLOUT, 0};
      started++;
    }
    wait_for(files, connections);
    for (int i = 0; i < connections; i++) {
      if (files[i].fd < 0 || files[i].revents == 0) continue;
      if (files[i].events == POLLOUT) {
        if (shutdown(files[i].fd, SHUT_WR) < 0) fail("shutdown");
        files[i].events = POLLIN;
      } else if (take(files[i].fd) < 0) {
        close(files[i].fd);
        files[i].fd = -1;
        ended++;
      }
    }
  }
}

static void echo_frames(int window, long count) {
  int octets = SOCKET_OCTETS;
  struct pollfd file = {open_socket(SOCK_DGRAM, ECHO_PORT), POLLIN, 0};
  long sent = 0, came = 0;
  setsockopt(file.fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets);
  setsockopt(file.fd, SOL_SOCKET, SO_SNDBUFFORCE, &octets, sizeof octets);
  while (came < count) {
    while (sent < count && sent - came < window) {
      if (send(file.fd, buffer, DATAGRAM_OCTETS, 0) != DATAGRAM_OCTETS) fail("send");
      sent++;
    }
    wait_for(&file, 1);
    while (recv(file.fd, buffer, sizeof buffer, 0) == DATAGRAM_OCTETS) came++;
  }
}

int main(int argc, char **argv) {
  const char *what = argc == 5 ? argv[2] : "";
  int connections = argc == 5 ? atoi(argv[3]) : 0;
  long amount = argc == 5 ? atol(argv[4]) : 0;
  double from = now();
  signal(SIGPIPE, SIG_IGN);
  station.sin_family = AF_INET;
  if (connections < 1 || connections > CONNECTIONS_MAX || amount < 1 ||
      inet_pton(AF_INET, argv[1], &station.sin_addr) != 1) {
    fprintf(stderr, "usage: load ADDRESS send|receive|open|frames CONNECTIONS AMOUNT\n");
    return 2;
  }
  if (strcmp(what, "send") == 0) send_all(connections, amount / connections);
  else if (strcmp(what, "receive") == 0) receive_all(connections, amount / connections);
  else if (strcmp(what, "open") == 0) open_all(connections, amount);
  else if (strcmp(what, "frames") == 0) echo_frames(connections, amount);
  else return 2;
  printf("seconds %.6f\n", now() - from);
  return 0;
}
