/**
 * The words that cross the module's boundary: status codes, states, events, reasons, options,
 * limits, counters and the layout of the status block. `hal/README.md` explains them; the build
 * generates `hal/host/abi.ts` from this file, so no number is written twice.
 *
 * Called by every layer. Holds enumerations only: no code, no state. A number, once released, never
 * changes its meaning within one ABI_VERSION; new ones are added at the end.
 */

/** The version of the contract in `hal/README.md`. A HAL refuses a module with another one. */
export const enum Abi {
  VERSION = 1,
}

/** What a call returns when it did not do what was asked. Zero and above is success. */
export const enum Status {
  OK = 0,
  /** The handle was never given out, was released, or is of the other kind. */
  BAD_HANDLE = -1,
  /** An argument lies outside its documented range. */
  BAD_ARGUMENT = -2,
  /** Nothing can be done now: no data, no room, nobody to accept. Wait for an event. */
  WOULD_BLOCK = -3,
  /** CLOSE was called before: no more SENDs ("error: connection closing", RFC 9293 §3.10). */
  CONNECTION_CLOSING = -4,
  /** The connection has ended, or was closed for reading; the status block tells the reason. */
  CONNECTION_ENDED = -5,
  /** A pool is empty: "error: insufficient resources" (RFC 9293 §3.10.1). */
  NO_RESOURCES = -6,
  /** The local port, or the whole tuple, is taken ("error: connection already exists"). */
  ADDRESS_IN_USE = -7,
  /** The address cannot be a peer's or is not ours (RFC 9293 §3.9.1.1, MUST-46). */
  BAD_ADDRESS = -8,
  /** `init` or the addresses are missing. */
  NOT_CONFIGURED = -9,
  /** No answer came to what was asked of the network, or there is no way to the address. */
  UNREACHABLE = -10,
  /** This build has no such feature: see `Limit.FEATURES`. */
  NOT_SUPPORTED = -11,
}

/** What a frame asks for that was taken. */
export const enum Work {
  /** Nothing: it has changed what the stack knows, and that is all. */
  NONE = 0,
  /** There may be events to take, and something to be sent: `nextReady` and `poll` are due. */
  ASKED = 1,
}

/** The eleven states of RFC 9293 §3.3.2. */
export const enum State {
  CLOSED = 0,
  LISTEN = 1,
  SYN_SENT = 2,
  SYN_RECEIVED = 3,
  ESTABLISHED = 4,
  FIN_WAIT_1 = 5,
  FIN_WAIT_2 = 6,
  CLOSE_WAIT = 7,
  CLOSING = 8,
  LAST_ACK = 9,
  TIME_WAIT = 10,
}

/** How a connection ended (RFC 9293 MUST-12; RFC 1122 §4.2.2.13). */
export const enum EndReason {
  /** It has not ended. */
  NONE = 0,
  /** Both sides closed and both FINs were acknowledged. */
  CLOSED = 1,
  /** The peer sent RST. */
  RESET = 2,
  /** The peer answered our SYN with RST, or said that nobody listens there. */
  REFUSED = 3,
  /** As TIMED_OUT, and the network had reported the peer as unreachable. */
  UNREACHABLE = 4,
  /** The user timeout ran out, or the peer left all keep-alive probes unanswered. */
  TIMED_OUT = 5,
  /** We sent RST: ABORT, or a full close that lost data. */
  ABORTED = 6,
  /** It got nowhere for a minute or more, and a new connection needed its place. */
  EVICTED = 7,
}

/** Bits of the event mask that `takeEvents` returns and clears. */
export const enum Event {
  /** The connection reached ESTABLISHED. */
  CONNECTED = 1,
  /** There is more to RECEIVE: data, or the end-of-file after it. */
  READABLE = 2,
  /** A SEND that was refused or cut short can go on: there is room in the send ring. */
  WRITABLE = 4,
  /** The peer's FIN came: after the queued data RECEIVE returns end-of-file. */
  PEER_CLOSED = 8,
  /** Everything sent so far, our FIN included if CLOSE was called, is acknowledged. */
  ALL_ACKNOWLEDGED = 16,
  /** The connection is over; the status block tells the reason. In TIME-WAIT already. */
  ENDED = 32,
  /** A listener has a connection to accept. */
  ACCEPTABLE = 64,
  /** The peer announced urgent data, or more of it; the status block tells how much is unread. */
  URGENT = 128,
  /** R1: what was sent timed out three times in a row (RFC 9293 §3.8.3). Once, until progress. */
  TROUBLE = 256,
  /** The network reported an error (RFC 9293 §3.9.1.8); the status block tells which. */
  SOFT_ERROR = 512,
}

/** Switches and values of one connection, for `tcpSetOption`. */
export const enum Option {
  /** 1 turns Nagle's algorithm off, 0 on (the default). RFC 9293 MUST-17. */
  NO_DELAY = 0,
  /** R2 in milliseconds, 1,000 to 86,400,000; default 300,000. RFC 9293 MUST-21. */
  USER_TIMEOUT_MS = 1,
  /** 1 turns keep-alive on, 0 off (the default). RFC 9293 MUST-24, MUST-25. */
  KEEP_ALIVE = 2,
  /**
   * Silence before the first probe: 1 to 65,535,000 ms, kept in whole seconds, rounded up; default
   * 7,200,000. RFC 9293 MUST-27, MUST-28.
   */
  KEEP_ALIVE_IDLE_MS = 3,
  /** Between probes: as above; default 75,000. */
  KEEP_ALIVE_INTERVAL_MS = 4,
  /** Probes without an answer that end the connection: 2 to 255; default 9. RFC 9293 MUST-29. */
  KEEP_ALIVE_COUNT = 5,
  /** 1 delays acknowledgements (the default), 0 sends each at once. RFC 9293 SHLD-18. */
  DELAYED_ACK = 6,
  /** Time to live, 1 to 255; default Parameter.TTL. Listeners pass it on (MUST-49). */
  TTL = 7,
  /** Differentiated services, 0 to 63; default 0. Listeners pass it on (MUST-48). */
  DSCP = 8,
  /** 1 tells of SOFT_ERROR and TROUBLE (the default), 0 does not. RFC 9293 SHLD-20. */
  SOFT_ERRORS = 9,
}

/** What StatusField.SOFT_ERROR says besides ICMP's type << 8 | code. */
export const enum SoftError {
  NONE = 0,
  /** Nobody answers ARP for the next hop. */
  NO_NEIGHBOUR = 256,
}

/** What `setParameter` sets for the whole stack. `init` brings the defaults back. */
export const enum Parameter {
  /** The least retransmission timeout in ms, 10 to 60,000; default 1,000 (RFC 6298 §2.4). */
  RTO_MIN_MS = 0,
  /** ECN (RFC 3168): 0 never (the default), 1 if the peer asks for it, 2 our SYNs ask too. */
  ECN = 1,
  /** Time to live of all that has no other one, 1 to 255; default 64. RFC 9293 MUST-49. */
  TTL = 2,
  COUNT = 3,
}

/** What a build may leave out (`asc --use CONFIG_…=0`); a mask in `Limit.FEATURES`. */
export const enum Feature {
  /** RFC 7323 timestamps and PAWS, RFC 6191. */
  TIMESTAMPS = 1,
  /** RFC 2018, 2883, 6675, 8985. */
  SACK = 2,
  /** RFC 9293 §3.8.4. */
  KEEP_ALIVE = 4,
  /** RFC 9293 §3.8.5, RFC 6093. */
  URGENT = 8,
  /** RFC 4987 §3.6. */
  SYN_COOKIES = 16,
  /** RFC 1191, RFC 2923. */
  PATH_MTU = 32,
  /** RFC 3168, where `Parameter.ECN` allows it. */
  ECN = 64,
  /** RFC 7323 §2: the peer's window may be scaled. */
  WINDOW_SCALE = 128,
  /** RFC 9293 SHLD-31: text ahead of a hole is kept; else it is dropped and asked for again. */
  OUT_OF_ORDER = 256,
  /** RFC 5681 §3.2, RFC 6582, RFC 3042; without, all that is lost waits for its time-out. */
  FAST_RETRANSMIT = 512,
  /** `EndReason.EVICTED` of what has got nowhere, when TCBs run out. */
  EVICTION = 1024,
  /** `pingSend` and `pingTake`. */
  PING = 2048,
  /** `Option.TTL` and `Option.DSCP`; without, `Parameter.TTL` holds for all. */
  MARKS = 4096,
  /** `Event.TROUBLE` and `Event.SOFT_ERROR`, RFC 9293 §3.8.3 and §3.9.2.2. */
  TROUBLE = 8192,
}

/** What `limit` can be asked. Counts are of pool entries, sizes in octets. */
export const enum Limit {
  RX_SLOT_COUNT = 0,
  RX_SLOT_SIZE = 1,
  CONNECTION_COUNT = 2,
  SEND_RING_SIZE = 3,
  RECEIVE_RING_SIZE = 4,
  HALF_OPEN_COUNT = 5,
  TIME_WAIT_COUNT = 6,
  LISTENER_COUNT = 7,
  ARP_COUNT = 8,
  /** Octets of one TCB with its entries in other tables (deadlines, events), without its rings. */
  TCB_SIZE = 9,
  TIME_WAIT_SIZE = 10,
  /** Octets of one half-open record with its deadline entry. */
  HALF_OPEN_SIZE = 11,
  COUNTER_COUNT = 12,
  /** Datagrams that are put together from fragments at a time; 0 without reassembly. */
  REASSEMBLY_COUNT = 13,
  /** Mask of Feature: what this build can do. */
  FEATURES = 14,
}

/** Index of each u32 in the status block of `tcpStatus`. */
export const enum StatusField {
  /** A State. */
  STATE = 0,
  /** An EndReason. */
  END_REASON = 1,
  /** 10.9.0.2 is 0x0a090002; so is each address. */
  LOCAL_ADDRESS = 2,
  LOCAL_PORT = 3,
  REMOTE_ADDRESS = 4,
  REMOTE_PORT = 5,
  /** The initial sequence number that we sent (RFC 9293 §3.3.1), as on the wire; so is each. */
  ISS = 6,
  /** The oldest sequence number that is not acknowledged. */
  SND_UNA = 7,
  /** The next one to be sent. */
  SND_NXT = 8,
  /** The peer's window in octets, scaled. */
  SND_WND = 9,
  /** The most octets of data in a segment that we send. */
  SND_MSS = 10,
  /** The initial sequence number that the peer sent. */
  IRS = 11,
  /** The next one that is expected. */
  RCV_NXT = 12,
  /** The window that we offer, in octets. */
  RCV_WND = 13,
  /** Octets in the send ring, sent and unsent. */
  SEND_QUEUED = 14,
  /** Octets that RECEIVE could take now. */
  RECEIVE_QUEUED = 15,
  /** The congestion window in octets (RFC 5681). */
  CWND = 16,
  /** The slow start threshold in octets; 2^30 until the first loss. */
  SSTHRESH = 17,
  /** The smoothed round-trip time (RFC 6298); 0 until the first sample. */
  SRTT_MS = 18,
  /** Likewise. */
  RTTVAR_MS = 19,
  /** The retransmission timeout as it is now, backed off. */
  RTO_MS = 20,
  /** Segments sent again over the connection's life. */
  RETRANSMITS = 21,
  /** The last error that no progress has disproved: ICMP's type << 8 | code, or a SoftError. */
  SOFT_ERROR = 22,
  /** 1 after CLOSE (our FIN is queued or sent). */
  SEND_CLOSED = 23,
  /** Octets up to the end of urgent data that are to be read, or to come; 0 if none is pending. */
  URGENT_UNREAD = 24,
  /** Time-outs in a row without an answer. */
  EXPIRIES = 25,
  /** R2: the value of Option.USER_TIMEOUT_MS. */
  USER_TIMEOUT_MS = 26,
  /** 0 while keep-alive is off, else 1 more than the probes that wait for an answer. */
  KEEP_ALIVE = 27,
  /** Since the last segment of the peer that passed all checks; 0 without keep-alive. */
  SILENCE_MS = 28,
  /** The most octets that the peer has sent in a segment, at least 536; 0 before its SYN. */
  RCV_MSS = 29,
  /** Snd.Wind.Shift (RFC 7323 §2.2). */
  SND_SHIFT = 30,
  /** 1 while the user waits for WRITABLE. */
  WRITE_BLOCKED = 31,
  /** 1 while the peer's window is probed. */
  PERSISTING = 32,
  /** Bits of Negotiated. */
  NEGOTIATED = 33,
  COUNT = 34,
}

/** What both SYNs agreed on. */
export const enum Negotiated {
  TIMESTAMPS = 1,
  WINDOW_SCALE = 2,
  SACK = 4,
  ECN = 8,
}

/** Index of each u32 counter at `counterAddress`. They wrap at 2^32 and start at 0 with `init`. */
export const enum Counter {
  /** Each segment comes in a frame and leaves in one: two counters side by side (core/counters). */
  FRAMES_IN = 0,
  SEGMENTS_IN = 1,
  FRAMES_OUT = 2,
  SEGMENTS_OUT = 3,
  /**
   * A frame that `transmit` answered with BUSY. A connection's segment is kept, a reply dropped.
   */
  TRANSMIT_BUSY = 4,
  DROP_NOT_CONFIGURED = 5,
  DROP_ETHERNET_LENGTH = 6,
  /** Addressed to another station, or sent by a group address. */
  DROP_ETHERNET_ADDRESS = 7,
  DROP_ETHERTYPE = 8,
  DROP_ARP_MALFORMED = 9,
  /** Another station claims our address (RFC 5227). */
  ARP_CONFLICT = 10,
  DROP_IP_HEADER = 11,
  DROP_IP_CHECKSUM = 12,
  DROP_IP_SOURCE = 13,
  DROP_IP_DESTINATION = 14,
  /** A fragment without payload or of a wrong length; any, where reassembly is left out. */
  DROP_IP_FRAGMENT = 15,
  DROP_IP_PROTOCOL = 16,
  DROP_ICMP_MALFORMED = 17,
  DROP_ICMP_TYPE = 18,
  /** Echo requests beyond the rate that is answered. */
  DROP_ICMP_RATE = 19,
  ICMP_ERRORS_IN = 20,
  /** An ICMP error that quotes no segment of ours in flight (RFC 5927). */
  DROP_ICMP_QUOTE = 21,
  DROP_TCP_HEADER = 22,
  DROP_TCP_CHECKSUM = 23,
  /** A segment without the flag that its state needs: an ACK, or a SYN where nothing is open. */
  DROP_TCP_FLAGS = 24,
  DROP_SYN_BACKLOG = 25,
  /** A completed handshake that waits because no TCB is free, or too many are to be accepted. */
  DROP_NO_TCB = 26,
  /** A segment that fell outside the receive window. */
  DROP_OUT_OF_WINDOW = 27,
  /** An acknowledgement of what was never sent, or too old to be true (RFC 5961 §5). */
  DROP_ACK_INVALID = 28,
  /** Out-of-order data for which the reassembly list had no entry. */
  DROP_OUT_OF_ORDER = 29,
  CHALLENGE_ACKS_OUT = 30,
  RESETS_IN = 31,
  RESETS_OUT = 32,
  RETRANSMITS = 33,
  FAST_RETRANSMITS = 34,
  WINDOW_PROBES = 35,
  TIME_WAIT_RECYCLED = 36,
  TIME_WAIT_REOPENED = 37,
  ARP_REQUESTS_OUT = 38,
  ARP_FAILURES = 39,
  /** An old duplicate by its timestamp, or a segment without the agreed option (RFC 7323 §5). */
  DROP_TIMESTAMP = 40,
  DATAGRAMS_REASSEMBLED = 41,
  /** A fragment of a datagram larger than is put together; what was there of it goes too. */
  DROP_FRAGMENT_SIZE = 42,
  /** A first fragment without the whole TCP header, or one that aims at it (RFC 1858). */
  DROP_FRAGMENT_TINY = 43,
  /** A copy of what is there already. */
  DROP_FRAGMENT_DUPLICATE = 44,
  /** A fragment that contradicts others, or follows such a one: its datagram is void. */
  DROP_FRAGMENT_CONFLICT = 45,
  /** A datagram whose rest did not come in time, or that made room for a newer one. */
  REASSEMBLY_TIMEOUTS = 46,
  REASSEMBLY_EVICTED = 47,
  /** The peer reported that something came twice (RFC 2883). */
  SPURIOUS_RETRANSMITS = 48,
  /** Tail loss probes (RFC 8985 §7). */
  LOSS_PROBES = 49,
  /** Retransmission time-outs that expired. */
  RETRANSMISSION_TIMEOUTS = 50,
  KEEP_ALIVE_PROBES = 51,
  /** A smaller MTU of the path was learned: a router said so. */
  PMTU_LOWERED = 52,
  /** Full-sized segments vanished, and another size was tried. */
  PMTU_BLACK_HOLES = 53,
  /** Larger segments were tried again. */
  PMTU_RAISED = 54,
  /** A SYN that was answered without a record, and a connection that came of it (RFC 4987). */
  SYN_COOKIES_OUT = 55,
  SYN_COOKIES_ACCEPTED = 56,
  /** Text that the network had marked (RFC 3168), on connections that speak ECN. */
  ECN_CE_IN = 57,
  /** Congestion windows cut because the peer echoed a mark. */
  ECN_CUTS = 58,
  /** Connections that had to make room for a new one, or that nobody accepted in time. */
  EVICTED = 59,
  COUNT = 60,
}
