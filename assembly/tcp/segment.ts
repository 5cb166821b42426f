/**
 * The two segments at hand: the one that arrived, parsed once, and the one to be sent next.
 *
 * RFC 9293 §3.3.1 (SEG.* variables). Filled by `parseSegment` from a verified TCP header, and by
 * tcp/output and tcp/half-open, for netif/egress to emit, or by tcp/reply for netif/ingress. Both
 * live at fixed places: one segment is handled at a time.
 */
import {
  HAS_ECN, HAS_FAST_RETRANSMIT, HAS_MARKS, HAS_SACK, HAS_TIMESTAMPS, HAS_URGENT,
} from "../config";
import {
  Ctl,
  TCP_HEADER_OCTETS,
  tcpAck,
  tcpDataOffset,
  tcpFlags,
  tcpPorts,
  tcpSeq,
  tcpUrgentPointer,
  tcpWindow,
} from "../wire/tcp";
import {
  SACK_BLOCKS_MAX, SACK_BLOCK_OCTETS, TcpOptions, parseOptions, parsedOptions,
} from "../wire/tcp-options";

/** The segment that arrived, in host order. Trimming to the window changes it in place. */
@unmanaged @final export class Segment {
  remoteAddress: u32;
  /** Our address: the destination of the datagram. */
  localAddress: u32;
  /** Remote port in the upper half, local port in the lower, as in a Flow. */
  ports: u32;
  seq: u32;
  ack: u32;
  wnd: u32;
  /** SEG.UP as a sequence number, of the octet after the last urgent one, where URG is set. */
  urgentEnd: u32;
  /** Bits of Ctl. */
  flags: u32;
  /** Address and length of the data. */
  text: usize;
  textOctets: u32;
  /** Address and length of the options. */
  options: usize;
  optionsOctets: u32;
  /** TSval and TSecr (RFC 7323 §3.2), where `hasTimestamps`. */
  tsVal: u32;
  tsEcr: u32;
  hasTimestamps: bool;
  /** The blocks of a SACK option, as they stand in the frame. */
  sackBlocks: usize;
  sackCount: u32;
  /** The network has marked it: CE in the IPv4 header (RFC 3168 §5). */
  isCe: bool;
  /** It came without text, SYN or FIN, whatever trimming has left of it. */
  isBare: bool;
  /** TTL and TOS of what answers it (tcp/marks). */
  answerMarks: u16;

  /** SEG.LEN: data plus one each for SYN and FIN. */
  @inline get length(): u32 {
    return this.textOctets + ((this.flags >> 1) & 1) + (this.flags & 1);
  }

  @inline has(flag: Ctl): bool {
    return (this.flags & flag) != 0;
  }
}
const ARRIVED: usize = memory.data(offsetof<Segment>(), 8);

/**
 * Parses a TCP header whose checksum and data offset netif/ingress has verified.
 *
 * @param header address of the TCP header
 * @param octets header and data, at least the data offset
 */
export function parseSegment(header: usize, octets: u32): Segment {
  const segment = changetype<Segment>(ARRIVED);
  const headerOctets = tcpDataOffset(header);
  // Values that are asked for again stay in locals, where an interpreter has them for nothing.
  const seq = tcpSeq(header);
  const flags = tcpFlags(header);
  const textOctets = octets - headerOctets;
  segment.ports = tcpPorts(header);
  segment.seq = seq;
  segment.ack = tcpAck(header);
  segment.flags = flags;
  segment.wnd = tcpWindow(header);
  if (HAS_URGENT) segment.urgentEnd = seq + tcpUrgentPointer(header);
  segment.text = header + headerOctets;
  segment.textOctets = textOctets;
  segment.options = header + TCP_HEADER_OCTETS;
  segment.optionsOctets = headerOctets - TCP_HEADER_OCTETS;
  if (HAS_TIMESTAMPS) segment.hasTimestamps = false;
  if (HAS_SACK) segment.sackCount = 0;
  if ((HAS_TIMESTAMPS || HAS_SACK) && headerOctets != TCP_HEADER_OCTETS) {
    const options = parseOptions(segment.options, segment.optionsOctets);
    segment.hasTimestamps = options.hasTimestamps;
    segment.tsVal = options.tsVal;
    segment.tsEcr = options.tsEcr;
    segment.sackBlocks = options.sackBlocks;
    segment.sackCount = options.sackCount;
  }
  if (HAS_TIMESTAMPS || HAS_FAST_RETRANSMIT) {
    segment.isBare = textOctets == 0 && (flags & (Ctl.SYN | Ctl.FIN)) == 0;
  }
  return segment;
}

/** The options of the segment that `parseSegment` has parsed last, all of them. */
@inline export function optionsOf(segment: Segment): TcpOptions {
  // It has parsed them already, unless there are none, or none that it looks for.
  if ((HAS_TIMESTAMPS || HAS_SACK) && segment.optionsOctets != 0) return parsedOptions();
  return parseOptions(segment.options, segment.optionsOctets);
}

/** What a planned segment is for: its commitment differs. */
export const enum Plan {
  /** From the cursor on: SYN, text, FIN. */
  TEXT = 0,
  /** A bare acknowledgement. */
  ACK = 1,
  /** The first unacknowledged segment again, the cursor stays. */
  RETRANSMIT = 2,
  /** One octet or FIN into a closed window, the cursor stays. */
  PROBE = 3,
  RESET = 4,
  /** The end of what was sent before a loss, once more (RFC 6675 §4, NextSeg rule 4). */
  RESCUE = 5,
  /** The last octets once more, because nothing was heard of them (RFC 8985 §7.3). */
  LOSS_PROBE = 6,
  /** An acknowledgement that asks for one (RFC 9293 §3.8.4). */
  KEEP_ALIVE = 7,
}

/** The segment to be sent next: a plan that only `commitSegment` turns into a fact. */
@unmanaged @final export class OutSegment {
  localAddress: u32;
  remoteAddress: u32;
  ports: u32;
  seq: u32;
  ack: u32;
  flags: u32;
  wnd: u32;
  tsVal: u32;
  tsEcr: u32;
  /** A value of Plan. */
  plan: u32;
  /** The data, in two spans because a ring wraps; the second is mostly empty. */
  text: usize;
  moreText: usize;

  // What few segments have, in three words that `beginSegment` clears.
  /** Value of the MSS option, 0 for none (RFC 9293 MUST-65: only with SYN). */
  mss: u32;
  /** 0 without URG. */
  urgentPointer: u32;
  /** Whether the segment carries a window scale (only with SYN) and a timestamps option. */
  hasWindowScale: bool;
  hasTimestamps: bool;
  isSackPermitted: bool;
  /** How many blocks of `sackBlockAt` go with it. */
  sackCount: u8;
  textOctets: u32;
  moreTextOctets: u32;
  /** Routers may cut the datagram into fragments (tcp/pmtud). */
  mayFragment: bool;
  /** It answers the frame at hand (tcp/reply). */
  isReply: bool;
  private padding: u16;

  /** TTL and TOS (tcp/marks). */
  marks: u16;
}
@inline const CLEARED: usize = offsetof<OutSegment>("mss");
if (CLEARED % 8 != 0 || offsetof<OutSegment>("marks") != CLEARED + 24) ERROR("OutSegment layout");
const OUT: usize = memory.data(offsetof<OutSegment>(), 8);

@inline export function outSegment(): OutSegment {
  return changetype<OutSegment>(OUT);
}

/** An OutSegment without options and text. `ports` and `marks`: as in a Flow and in tcp/marks. */
export function beginSegment(
  localAddress: u32,
  remoteAddress: u32,
  ports: u32,
  marks: u16,
): OutSegment {
  const out = outSegment();
  out.localAddress = localAddress;
  out.remoteAddress = remoteAddress;
  out.ports = ports;
  if (HAS_MARKS || HAS_ECN) out.marks = marks;
  store<u64>(OUT + CLEARED, 0);
  store<u64>(OUT + CLEARED + 8, 0);
  store<u64>(OUT + CLEARED + 16, 0);
  return out;
}

/** One block of a SACK option to be sent: from `start` up to, not including, `end`. */
@unmanaged @final export class SackBlock {
  start: u32;
  end: u32;
}
const SACK_BLOCKS: usize = memory.data(SACK_BLOCKS_MAX * SACK_BLOCK_OCTETS, 8);

@inline export function sackBlockAt(index: u32): SackBlock {
  return changetype<SackBlock>(SACK_BLOCKS + index * SACK_BLOCK_OCTETS);
}
