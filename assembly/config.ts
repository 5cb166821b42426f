/**
 * Every limit of the stack: its unit, the reason for its value, and what must hold between limits.
 *
 * A profile is an asconfig target that overrides these defaults with asc's `--use NAME=integer`.
 * Imported by every layer, imports nothing. All pools are static: what stands here is all the
 * memory there will ever be. `npm run build` prints the sums.
 */

// ── Ethernet and IPv4 ────────────────────────────────────────────────────────────────────────────

/** Octets of an IPv4 datagram; Ethernet has 1,500 (RFC 894), and a link may have less. */
@inline export const MTU_OCTETS: u32 = isDefined(CONFIG_MTU_OCTETS) ? CONFIG_MTU_OCTETS : 1500;
/** Ethernet header + MTU. The MAC adds padding and FCS. */
@inline export const FRAME_OCTETS_MAX: u32 = MTU_OCTETS + 14;
/** Receive slots: one is enough for a MAC with its own FIFO, a DMA ring wants more. */
@inline export const RX_SLOT_COUNT: u32 =
  isDefined(CONFIG_RX_SLOT_COUNT) ? CONFIG_RX_SLOT_COUNT : 2;
/** Neighbours on the link that are remembered; the least recently used is evicted. */
@inline export const ARP_COUNT: u32 = isDefined(CONFIG_ARP_COUNT) ? CONFIG_ARP_COUNT : 8;
/** Datagrams in fragments that are put together at a time; with 0 fragments are dropped. */
@inline export const REASSEMBLY_COUNT: u32 =
  isDefined(CONFIG_REASSEMBLY_COUNT) ? CONFIG_REASSEMBLY_COUNT : 2;

// ── TCP pools ────────────────────────────────────────────────────────────────────────────────────

/** Connections that have a TCB: everything but LISTEN, half-open and released TIME-WAIT. */
@inline export const CONNECTION_COUNT: u32 =
  isDefined(CONFIG_CONNECTION_COUNT) ? CONFIG_CONNECTION_COUNT : 8;
/** Octets of the send ring. 2·MSS lets the peer's delayed ACK answer every second segment. */
@inline export const SEND_RING_OCTETS: u32 =
  isDefined(CONFIG_SEND_RING_OCTETS) ? CONFIG_SEND_RING_OCTETS : 2920;
/** Octets of the receive ring; its free part is the window, so at most 65,535 without scaling. */
@inline export const RECEIVE_RING_OCTETS: u32 =
  isDefined(CONFIG_RECEIVE_RING_OCTETS) ? CONFIG_RECEIVE_RING_OCTETS : 2920;
/** Ranges remembered per connection and direction: one hole in the stream makes one. */
@inline export const RANGE_COUNT: u32 = isDefined(CONFIG_RANGE_COUNT) ? CONFIG_RANGE_COUNT : 4;
/** Runs of octets in flight that tcp/flight tells apart by the time they were sent. */
@inline export const RUN_COUNT: u32 = isDefined(CONFIG_RUN_COUNT) ? CONFIG_RUN_COUNT : 6;
/** Passive opens between SYN and the ACK of our SYN. */
@inline export const HALF_OPEN_COUNT: u32 =
  isDefined(CONFIG_HALF_OPEN_COUNT) ? CONFIG_HALF_OPEN_COUNT : 8;
/** Records in TIME-WAIT; the oldest is recycled when all are taken. */
@inline export const TIME_WAIT_COUNT: u32 =
  isDefined(CONFIG_TIME_WAIT_COUNT) ? CONFIG_TIME_WAIT_COUNT : 16;
/** Ports that can listen at once. */
@inline export const LISTENER_COUNT: u32 =
  isDefined(CONFIG_LISTENER_COUNT) ? CONFIG_LISTENER_COUNT : 4;
/** Buckets of the tuple table, as a power of two: at least one for two entries. */
@inline export const DEMUX_BITS: u32 = isDefined(CONFIG_DEMUX_BITS) ? CONFIG_DEMUX_BITS : 5;

// ── Features: 1 compiled in, 0 left out ──────────────────────────────────────────────────────────

/** RFC 7323: timestamps, PAWS, round trips from them. */
@inline export const HAS_TIMESTAMPS: bool =
  (isDefined(CONFIG_TIMESTAMPS) ? CONFIG_TIMESTAMPS : 1) != 0;
/** RFC 2018, 2883, 6675, 8985: selective acknowledgements, and the recovery that uses them. */
@inline export const HAS_SACK: bool = (isDefined(CONFIG_SACK) ? CONFIG_SACK : 1) != 0;
/** RFC 9293 §3.8.4: probes of a peer that is silent. */
@inline export const HAS_KEEP_ALIVE: bool =
  (isDefined(CONFIG_KEEP_ALIVE) ? CONFIG_KEEP_ALIVE : 1) != 0;

/** RFC 3168: explicit congestion notification; whether it is spoken is Parameter.ECN. */
@inline export const HAS_ECN: bool = (isDefined(CONFIG_ECN) ? CONFIG_ECN : 1) != 0;
/** RFC 9293 §3.8.5: urgent data, its notification and its pointer. */
@inline export const HAS_URGENT: bool = (isDefined(CONFIG_URGENT) ? CONFIG_URGENT : 1) != 0;
/** RFC 4987: SYN cookies where half-open records or the backlog run out. */
@inline export const HAS_SYN_COOKIES: bool =
  (isDefined(CONFIG_SYN_COOKIES) ? CONFIG_SYN_COOKIES : 1) != 0;

/**
 * RFC 7323 §2: windows beyond 65,535 octets. Ours never is (RECEIVE_RING_OCTETS), the peer's needs
 * a scale only for a send ring as large.
 */
@inline export const HAS_WINDOW_SCALE: bool =
  (isDefined(CONFIG_WINDOW_SCALE) ? CONFIG_WINDOW_SCALE : 1) != 0;
/** RFC 9293 SHLD-31: text ahead of a hole is kept. A ring of a segment or two has no use for it. */
@inline export const HAS_OUT_OF_ORDER: bool = RANGE_COUNT != 0;
/**
 * RFC 5681 §3.2, RFC 6582, RFC 3042. It takes three segments behind the lost one, which a ring of
 * 1,024 octets seldom holds.
 */
@inline export const HAS_FAST_RETRANSMIT: bool =
  (isDefined(CONFIG_FAST_RETRANSMIT) ? CONFIG_FAST_RETRANSMIT : 1) != 0;
/** What got nowhere for long makes room for a new connection when TCBs run out. */
@inline export const HAS_EVICTION: bool = (isDefined(CONFIG_EVICTION) ? CONFIG_EVICTION : 1) != 0;
/** Echo requests of our own; others' are always answered. */
@inline export const HAS_PING: bool = (isDefined(CONFIG_PING) ? CONFIG_PING : 1) != 0;
/** The checksum in steps of 112 octets, which saves a long segment a third of its cost. */
@inline export const HAS_WIDE_CHECKSUM: bool =
  (isDefined(CONFIG_WIDE_CHECKSUM) ? CONFIG_WIDE_CHECKSUM : 1) != 0;
/** RFC 9293 §3.9.1.9: TTL and DSCP for each connection; without, `Parameter.TTL` holds for all. */
@inline export const HAS_MARKS: bool = (isDefined(CONFIG_MARKS) ? CONFIG_MARKS : 1) != 0;
/** RFC 9293 §3.8.3 (R1), SHLD-25: the user, and ARP, hear of a connection that is in trouble. */
@inline export const HAS_TROUBLE: bool = (isDefined(CONFIG_TROUBLE) ? CONFIG_TROUBLE : 1) != 0;
/** RFC 1191, RFC 2923: path MTU discovery; without it routers may fragment what TCP sends. */
@inline export const HAS_PMTUD: bool = (isDefined(CONFIG_PMTUD) ? CONFIG_PMTUD : 1) != 0;

/**
 * The straight ways (netif/straight-*): common segments take a tenth to two thirds of the
 * instructions that the general way takes, and do the same. Left out unless asked for: they add
 * 7 KB to `default`, and WAMR keeps three octets of RAM for each of Wasm.
 */
@inline export const HAS_STRAIGHT: bool = (isDefined(CONFIG_STRAIGHT) ? CONFIG_STRAIGHT : 0) != 0;

/** The module knows whether a poll is due (core/due); without it always says so. */
@inline export const HAS_DUE: bool = (isDefined(CONFIG_DUE) ? CONFIG_DUE : 1) != 0;
if (HAS_STRAIGHT && !HAS_DUE) ERROR("the straight ways ask what is due: CONFIG_DUE");

/**
 * Long blocks are summed, or copied, by the HAL (`hal/README.md`, "Imports on request"): for an
 * interpreter, or a machine that copies by DMA. Left out unless asked for: not every HAL has them.
 */
@inline export const HAS_NATIVE_CHECKSUM: bool =
  (isDefined(CONFIG_NATIVE_CHECKSUM) ? CONFIG_NATIVE_CHECKSUM : 0) != 0;
@inline export const HAS_NATIVE_COPY: bool =
  (isDefined(CONFIG_NATIVE_COPY) ? CONFIG_NATIVE_COPY : 0) != 0;
/**
 * Octets from which on the HAL is asked: calling it costs an interpreter about 500 instructions,
 * and from 50 octets on our own checksum takes more (`hal/wamr/README.md`).
 */
@inline export const NATIVE_OCTETS_MIN: u32 = 128;

// ── Bounds of the work in one poll ───────────────────────────────────────────────────────────────

/** Segments transmitted per poll; more makes poll return 0, so that frames are read in between. */
@inline export const EGRESS_BUDGET: u32 = 32;
/** Deadlines handled per poll, likewise. */
@inline export const EXPIRY_BUDGET: u32 = 64;

// ── Static checks ────────────────────────────────────────────────────────────────────────────────

if (MTU_OCTETS > 1500) ERROR("MTU_OCTETS: more than Ethernet's");
if (MTU_OCTETS < 576) ERROR("MTU_OCTETS: every host takes 576 (RFC 791 §3.1)");
if (RECEIVE_RING_OCTETS > 65535) ERROR("RECEIVE_RING_OCTETS: the window field has 16 bits");
// One number is the FIN's: what is in flight has 16 bits too (tcp/ranges).
if (SEND_RING_OCTETS > 65534) ERROR("SEND_RING_OCTETS: ring offsets have 16 bits");
if (SEND_RING_OCTETS < 536) ERROR("SEND_RING_OCTETS: below the default MSS (RFC 9293 §3.7.1)");
if (RECEIVE_RING_OCTETS < 536) ERROR("RECEIVE_RING_OCTETS: below the default MSS");
if (HAS_SACK && !HAS_OUT_OF_ORDER) ERROR("SACK reports what is out of order: RANGE_COUNT");
if (HAS_SACK && !HAS_FAST_RETRANSMIT) ERROR("SACK without recovery: FAST_RETRANSMIT");
if (RUN_COUNT < 2) ERROR("RUN_COUNT: what is sent again must be told from what is not");
if (CONNECTION_COUNT > 4095) ERROR("CONNECTION_COUNT: a handle has 12 bits for the index");
if (LISTENER_COUNT > 255) ERROR("LISTENER_COUNT: half-open records hold it in 8 bits");
if (RX_SLOT_COUNT < 1) ERROR("RX_SLOT_COUNT: at least one");
if (DEMUX_BITS > 16) ERROR("DEMUX_BITS: at most 65,536 buckets");
if (
  CONNECTION_COUNT + HALF_OPEN_COUNT + TIME_WAIT_COUNT > (<u32>2 << DEMUX_BITS)
) ERROR("DEMUX_BITS: fewer than one bucket for two entries");
