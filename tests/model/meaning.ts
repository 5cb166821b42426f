/**
 * What each part of the stack's memory means for its behaviour: the one place where it is said
 * which words are times, and which nothing depends on. From this the search knows which states are
 * the same.
 *
 * Nothing may be missing: `checkMeanings` compares the tables with the layout of the module, and a
 * region or a field that is new, or gone, is an error. That what stands here is true is tested too:
 * two images that count as the same state must behave alike (locals.ts, `checkTwins`).
 */
import type { Layout } from "./layout.ts";

/** Of a region as a whole. */
export type RegionMeaning =
  /** Each octet counts. */
  | "plain"
  /** Written before it is read within one call. */
  | "scratch"
  /** Counts what happened; nothing is decided by it. */
  | "statistics"
  /**
   * Wakes its owners, never late, and early without effect: follows from the owners' own times.
   */
  | "wheel"
  /** Neighbours and ping: the environment here answers ARP at once, and never pings. */
  | "link"
  /** Read by image.ts, field by field. */
  | "special";

export const REGIONS: Readonly<Record<string, RegionMeaning>> = {
  "index/RX_SLOTS": "scratch",
  "core/clock/NOW_MS": "special",
  "core/counters/COUNTERS": "statistics",
  "core/deadlines/ENTRIES": "special",
  "core/deadlines/HEADS": "wheel",
  "core/deadlines/OCCUPIED": "wheel",
  "core/deadlines/WHEEL_TIME": "wheel",
  "core/due/DUE": "plain",
  "core/random/SECRETS": "plain",
  "netif/arp/ARP_STATE": "link",
  "netif/icmp/ICMP_STATE": "link",
  "netif/interface/INTERFACE": "plain",
  "netif/transmitter/FRAME": "scratch",
  "netif/transmitter/IDENTIFICATION": "statistics",
  "tcp/calls/NEXT_EPHEMERAL": "plain",
  "tcp/demux/BUCKETS": "plain",
  // Asked only when TCBs run out for longer than a minute, which no search here lasts.
  "tcp/eviction/WALKED_AT": "statistics",
  "tcp/flow/FLOW_POOL": "special",
  "tcp/half-open/FREE_HALF_OPENS": "plain",
  // Asked only when two ISNs are chosen in a millisecond, and here time passes before each.
  "tcp/isn/LAST_M": "statistics",
  "tcp/listener/LISTENERS": "plain",
  "tcp/parameters/VALUES": "plain",
  "tcp/pending/PARKED": "plain",
  "tcp/syn-cookies/COOKIES": "plain",
  "tcp/syn-cookies/RECALLED": "scratch",
  "tcp/ready/LINKS": "special",
  "tcp/tcb/sendRings": "special",
  "tcp/tcb/receiveRings": "special",
  "tcp/tcb/FREE_TCBS": "plain",
  "tcp/time-wait/QUEUE": "plain",
  "tcp/segment/ARRIVED": "scratch",
  "tcp/segment/OUT": "special",
  "tcp/segment/SACK_BLOCKS": "scratch",
  "wire/tcp-options/OPTIONS": "scratch",
  "tcp/rack/FORWARD_ACK": "scratch",
  "socket/status/BLOCK": "scratch",
  "tcp/flight/DRAFT": "scratch",
  "tcp/recovery/HOLE": "scratch",
};

/** Of a field of a record that is in use. */
export type FieldMeaning =
  | "plain"
  /** Only while the connection is not over: neither CLOSED nor in TIME-WAIT. */
  | "alive"
  /** As `alive`, but only the bits that are asked for afterwards are left then. */
  | "flags"
  /** Only while it is on a list. */
  | "listed"
  /** Only while the flag or the timer behind the colon is on; of times, how far from now. */
  | `flag:${string}`
  | `time-of-flag:${string}`
  | `time-of-timer:${string}`
  | "time"
  /** The time since something was sent, while cwnd is above what an idle time leaves. */
  | "idle-time"
  /** Limits that no search here reaches: challenge ACKs in a second, minutes without progress. */
  | "limiter"
  | "statistics";

/** What a TCB begins with, like the records. */
const FLOW = {
  remoteAddress: "plain",
  ports: "plain",
  localAddress: "plain",
  hashNext: "plain",
  stateAndKind: "plain",
  listener: "plain",
} as const;

const LISTED = {
  listNext: "listed",
  listPrevious: "listed",
  isListed: "plain",
  challengesSent: "limiter",
  challengeSecond: "limiter",
} as const;

export const TCB: Readonly<Record<string, FieldMeaning>> = {
  ...FLOW,
  ...LISTED,
  iss: "alive",
  sndUna: "alive",
  sndCursor: "alive",
  sndNxt: "alive",
  sndEnd: "alive",
  sndWnd: "alive",
  sndWl1: "alive",
  sndWndMax: "alive",
  irs: "alive",
  rcvNxt: "plain",
  rcvAdv: "alive",
  rcvRead: "plain",
  rcvFin: "flag:FIN_SEEN",
  rcvAcked: "alive",
  cwnd: "alive",
  bytesAcked: "alive",
  ssthresh: "alive",
  recover: "alive",
  rttSeq: "flag:TIMING",
  rttStart: "time-of-flag:TIMING",
  srtt8: "alive",
  rttvar4: "alive",
  rto: "alive",
  lastSentAt: "idle-time",
  retransmissionAt: "time-of-timer:RETRANSMISSION",
  delayedAckAt: "time-of-timer:DELAYED_ACK",
  userTimeoutAt: "time-of-timer:USER_TIMEOUT",
  userTimeoutMs: "alive",
  flags: "flags",
  retransmits: "statistics",
  sndMss: "alive",
  rcvMss: "alive",
  sendOffset: "alive",
  receiveOffset: "plain",
  generation: "plain",
  acceptNext: "plain",
  timeWait: "plain",
  events: "plain",
  marks: "alive",
  stalledAt: "limiter",
  timers: "plain",
  endReason: "plain",
  duplicateAcks: "alive",
  backoff: "alive",
  expiries: "alive",
  softError: "alive",
  acksDue: "alive",
  sndShift: "alive",
};

export const HALF_OPEN: Readonly<Record<string, FieldMeaning>> = {
  ...FLOW,
  irs: "plain",
  iss: "plain",
  tsRecent: "plain",
  sndMss: "plain",
  triesAndAnswers: "plain",
  agreed: "plain",
};

export const TIME_WAIT: Readonly<Record<string, FieldMeaning>> = {
  ...FLOW,
  ...LISTED,
  listNext: "plain",
  listPrevious: "plain",
  sndNxt: "plain",
  rcvNxt: "plain",
  expiresAt: "time",
  tsRecent: "plain",
  rcvWnd: "plain",
  owner: "plain",
  marks: "plain",
  hasTimestamps: "plain",
};

/** The classes whose fields image.ts knows by name, and all that they may have. */
const CLASSES: Readonly<Record<string, readonly string[]>> = {
  "tcp/tcb/Tcb": Object.keys(TCB),
  "tcp/half-open/HalfOpen": Object.keys(HALF_OPEN),
  "tcp/time-wait/TimeWait": Object.keys(TIME_WAIT),
  "tcp/ranges/RangeList": ["base", "count"],
  "tcp/ranges/Range": ["start", "end"],
  "tcp/ready/Link": ["next", "previous", "isListed"],
  "core/deadlines/Entry": ["dueAt", "next", "previous"],
};

/** Throws unless the tables name everything that the module has, and nothing else. */
export function checkMeanings(layout: Pick<Layout, "regions" | "fields" | "constant">): void {
  compare("regions of memory", Object.keys(layout.regions), Object.keys(REGIONS));
  for (const [name, fields] of Object.entries(CLASSES)) {
    compare(`fields of ${name}`, Object.keys(layout.fields(name)), fields);
  }
  // The parts of a TCB that features add have no meaning here.
  const parts = layout.constant("tcp/tcb-layout/TCB_SIZE");
  const known =
    layout.constant("tcp/tcb-layout/TCB_FIELDS_SIZE") +
    layout.constant("tcp/ranges/RANGE_LIST_SIZE");
  const whole = Math.ceil(known / 8) * 8; // a multiple of the unit of links
  if (parts !== whole) throw new Error(`a TCB of ${parts} octets has parts without a meaning`);
}

function compare(what: string, actual: readonly string[], expected: readonly string[]): void {
  const fresh = actual.filter((name) => !expected.includes(name));
  const gone = expected.filter((name) => !actual.includes(name));
  if (fresh.length === 0 && gone.length === 0) return;
  const parts = [
    ...(fresh.length > 0 ? [`without a meaning: ${fresh.join(", ")}`] : []),
    ...(gone.length > 0 ? [`not there any more: ${gone.join(", ")}`] : []),
  ];
  throw new Error(`${what}: ${parts.join("; ")} (tests/model/meaning.ts)`);
}
