/**
 * The exports of a Linger module, as a list to be expanded: X and the number of parameters, which
 * are all u32; then the result's type, the module's name and ours. `hal/README.md` says what each
 * does. The engines make their tables of it and `linger.h` the prototypes, so that no call is
 * written twice.
 */
#ifndef LINGER_EXPORTS_H
#define LINGER_EXPORTS_H

#define LINGER_EXPORTS(X0, X1, X2, X3, X4)                          \
  X0(uint32_t, abiVersion, linger_abi_version)                      \
  X1(int32_t, limit, linger_limit)                                  \
  X2(int32_t, init, linger_init)                                    \
  X2(int32_t, setLinkAddress, linger_set_link_address)              \
  X3(int32_t, setAddress, linger_set_address)                       \
  X2(int32_t, setParameter, linger_set_parameter)                   \
  X1(int32_t, rxSlotAddress, linger_rx_slot_address)                \
  X3(int32_t, frameReceived, linger_frame_received)                 \
  X1(uint32_t, poll, linger_poll)                                   \
  X0(uint32_t, counterAddress, linger_counter_address)              \
  X0(uint32_t, dueAddress, linger_due_address)                      \
  X3(int32_t, tcpListen, linger_tcp_listen)                         \
  X1(int32_t, tcpAccept, linger_tcp_accept)                         \
  X4(int32_t, tcpConnect, linger_tcp_connect)                       \
  X1(int32_t, tcpReserve, linger_tcp_reserve)                       \
  X1(uint32_t, tcpReservedAddress, linger_tcp_reserved_address)     \
  X2(int32_t, tcpCommit, linger_tcp_commit)                         \
  X1(int32_t, tcpUrgent, linger_tcp_urgent)                         \
  X1(int32_t, tcpPeek, linger_tcp_peek)                             \
  X1(uint32_t, tcpPeekedAddress, linger_tcp_peeked_address)         \
  X2(int32_t, tcpConsume, linger_tcp_consume)                       \
  X1(int32_t, tcpCloseWrite, linger_tcp_close_write)                \
  X1(int32_t, tcpClose, linger_tcp_close)                           \
  X1(int32_t, tcpAbort, linger_tcp_abort)                           \
  X1(int32_t, tcpRelease, linger_tcp_release)                       \
  X3(int32_t, tcpSetOption, linger_tcp_set_option)                  \
  X1(int32_t, tcpStatus, linger_tcp_status)                         \
  X1(int32_t, tcpStatusAt, linger_tcp_status_at)                    \
  X3(int32_t, tcpLookup, linger_tcp_lookup)                         \
  X0(int32_t, nextReady, linger_next_ready)                         \
  X1(int32_t, takeEvents, linger_take_events)                       \
  X3(int32_t, pingSend, linger_ping_send)                           \
  X0(int32_t, pingTake, linger_ping_take)                           \
  X0(int32_t, wake, linger_wake)

/** What a module with an application inside adds. Both are there, or neither. */
#define LINGER_APPLICATION_EXPORTS(X0, X1)   \
  X0(int32_t, appInit, linger_app_init)      \
  X1(uint32_t, appPoll, linger_app_poll)

#endif
