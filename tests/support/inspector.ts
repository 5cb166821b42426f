/**
 * The judge of every frame that a module emits: whatever a test is about, no frame may ever break
 * these rules. Reads frames with hal/host/packet, which was written apart from the stack.
 *
 *     Ethernet  from our MAC, to one station (ARP requests to all), no longer than MTU + 14
 *     ARP       our addresses, 28 octets
 *     IPv4      length, checksum, source, destination, no fragments, no options; TTL 64 and DSCP 0
 *               unless the test has set others
 *     TCP       checksum, reserved bits, options and their padding; MSS with SYN only; ACK in all
 *               but SYN and RST; SEG.ACK at most what the peer sent, never going back; the right
 *               edge of the window never going left; nothing beyond the peer's window but probes of
 *               one octet; no segment above the peer's MSS; what is sent again is what was sent
 *               before; URG with a pointer on whatever begins before the end of urgent data, which
 *               only moves on; nothing behind FIN; nothing of a connection that we reset; no option
 *               that both SYNs did not agree on, and none without the timestamps that they did;
 *               TSval never going back; ECT, ECE and CWR only where ECN was agreed on, and ECT on
 *               all text that is sent for the first time
 *
 * Called by device.ts with each frame in the order of the wire. Throws AssertionError.
 */
import assert from "node:assert/strict";
import {
  ArpOperation,
  BROADCAST_MAC,
  ETHERNET_HEADER_OCTETS,
  EtherType,
  Flag,
  findOption,
  formatFrame,
  formatIpv4Address,
  type Frame,
  IPV4_HEADER_OCTETS,
  IpProtocol,
  parseFrame,
  segmentLength,
  TCP_HEADER_OCTETS,
  type TcpSegment,
} from "../../hal/host/packet/index.ts";
import { seqAfter, seqDistance, seqMax } from "./sequence.ts";

/** Who the module under test is. */
export interface Identity {
  mac: string;
  address: number;
  formerAddresses: readonly number[];
  /** Virtual ms since it started. */
  nowMs: number;
}

/** What a SYN proposes (RFC 7323 §1.3, RFC 2018 §2, RFC 3168 §6.1.1). */
interface Offer {
  ecn: boolean;
  /** As the SYN alone had it. */
  askedEcn: boolean;
  /** Shift of the window scale, undefined without that option. */
  shift: number | undefined;
  sack: boolean;
  timestamps: boolean;
}

/** A SYN that the peer sent, and how far its numbers went since. */
interface PeerSyn {
  seq: number;
  /** Without ACK. */
  isBare: boolean;
  mss: number;
  offer: Offer;
  /** The number after the last octet that arrived, SYN and FIN counted. */
  end: number;
}

/** One incarnation of a connection, as its emitted segments show it. */
interface Incarnation {
  iss: number;
  /** The number after the last one sent. */
  sndMax: number;
  fin: number | undefined;
  /** The number after the last urgent octet. */
  urgentEnd: number | undefined;
  isReset: boolean;
  peer: PeerSyn | undefined;
  /** What that proposed when it was answered. */
  peerOffer: Offer | undefined;
  /** Our last SYN was acknowledged, as far as is known here; something else of ours has left. */
  isBound: boolean;
  isSettled: boolean;
  /** What our SYN proposed, or what our SYN and ACK agreed to. */
  offer: Offer;
  /** TSval of the segment before, and when it left. */
  tsVal: number | undefined;
  tsValAtMs: number;
  /** What the peer's SYN said. */
  mss: number | undefined;
  ack: number | undefined;
  /** SEG.ACK + SEG.WND as last sent. */
  rightEdge: number;
  /** The farthest right edge that the peer has offered, and all that he has. */
  peerEdge: number;
  edges: Set<number>;
  /** The octets sent, by SEG.SEQ − ISS − 1. */
  stream: Uint8Array;
  streamEnd: number;
}

interface TupleRecord {
  syns: PeerSyn[];
  incarnations: Incarnation[];
}

/** What MTU 1,500 leaves for TCP's data. */
const SEND_MSS_MAX = 1460;
const SEND_MSS_DEFAULT = 536;
const FRAME_OCTETS_MAX = 1514;
const WINDOW_SHIFT_MAX = 14;
const WINDOW_MAX = 65_535;
/** The timestamps option and its padding (RFC 7323 Appendix A). */
const TIMESTAMPS_OCTETS = 12;
const ECN_SETUP = Flag.ECE | Flag.CWR;
const ECT_0 = 2;
const TIMESTAMP_VALID_MS = 24 * 86_400_000;

/** What the IPv4 header says of TTL and differentiated services (RFC 9293 MUST-48, MUST-49). */
export interface Marks {
  ttl: number;
  dscp: number;
}

export class Inspector {
  /** What every frame must carry from now on. A test that sets others in the module says so. */
  marks: Marks = { ttl: 64, dscp: 0 };
  readonly #identity: Identity;
  readonly #tuples = new Map<string, TupleRecord>();
  #isReply = false;
  /** Whether a connection may send keep-alive probes, which begin one before the next number. */
  allowsKeepAlive = false;

  constructor(identity: Identity) {
    this.#identity = identity;
  }

  /** Sees a frame that the module is about to receive. Bad ones teach nothing. */
  received(octets: Uint8Array): void {
    const frame = parseFrame(octets);
    const { tcp, ipv4 } = frame;
    if (tcp === undefined || ipv4 === undefined || !tcp.checksumOk || !ipv4.checksumOk) return;
    const record = this.#record(ipv4.source, tcp.sourcePort, tcp.destinationPort);
    learnPeer(record, tcp);
  }

  /**
   * The module has taken a SYN cookie: the ACK of it, come twice, makes two connections of the same
   * numbers, one after the other (RFC 4987 §3.6). The window of the ACK is not known here.
   */
  cookieTaken(remoteAddress: number, remotePort: number, localPort: number, iss: number): void {
    const record = this.#record(remoteAddress, remotePort, localPort);
    const before = record.incarnations.findLast((one) => one.iss === iss);
    const none = { ecn: false, askedEcn: false, shift: undefined, sack: false, timestamps: false };
    const incarnation = newIncarnation(iss, none);
    incarnation.sndMax = (iss + 1) >>> 0;
    if (before === undefined) {
      // A peer that acknowledges more than the cookie's number has chosen another MSS for itself.
      incarnation.mss = SEND_MSS_MAX;
      incarnation.peerEdge = (iss + 1 + WINDOW_MAX) >>> 0;
    }
    for (const edge of before?.edges ?? []) {
      incarnation.edges.add(edge);
      incarnation.peerEdge = seqMax(incarnation.peerEdge, edge);
    }
    record.incarnations.push(incarnation);
  }

  /**
   * Judges a frame that the module emits, and returns it taken apart. `isReply`: it leaves from
   * `frameReceived`, so it is no connection's own.
   */
  sent(octets: Uint8Array, isReply = false): Frame {
    const frame = parseFrame(octets);
    this.#isReply = isReply;
    try {
      this.#judge(octets, frame);
    } catch (error) {
      if (error instanceof Error) error.message += `\n  in the frame: ${formatFrame(frame)}`;
      throw error;
    }
    return frame;
  }

  #judge(octets: Uint8Array, frame: Frame): void {
    assert.equal(frame.error, undefined, "an emitted frame cannot be parsed");
    assert.ok(octets.length <= FRAME_OCTETS_MAX, `${octets.length} octets exceed the MTU`);
    const { ethernet, arp, ipv4, tcp, icmp } = frame;
    assert.equal(ethernet?.source, this.#identity.mac, "source MAC");
    if (arp !== undefined) {
      this.#judgeArp(octets, frame);
      return;
    }
    assert.notEqual(ipv4, undefined, "neither ARP nor IPv4");
    this.#judgeIpv4(octets, frame);
    if (tcp !== undefined) this.#judgeTcp(frame, tcp);
    else assert.equal(icmp?.checksumOk, true, "ICMP checksum");
  }

  #judgeArp(octets: Uint8Array, { ethernet, arp }: Frame): void {
    assert.equal(octets.length, ETHERNET_HEADER_OCTETS + 28, "ARP: frame length");
    assert.deepEqual(
      [arp!.hardwareType, arp!.protocolType, arp!.hardwareLength, arp!.protocolLength],
      [1, EtherType.IPV4, 6, 4],
      "ARP: types and lengths",
    );
    assert.equal(arp!.senderMac, this.#identity.mac, "ARP: sender MAC");
    assert.equal(arp!.senderAddress, this.#identity.address, "ARP: sender address");
    if (arp!.operation === ArpOperation.REPLY) {
      assert.equal(ethernet!.destination, arp!.targetMac, "ARP: a reply goes to who asked");
    } else {
      assert.equal(arp!.operation, ArpOperation.REQUEST, "ARP: operation");
    }
  }

  #judgeIpv4(octets: Uint8Array, { ethernet, ipv4 }: Frame): void {
    assert.notEqual(ethernet!.destination, BROADCAST_MAC, "IPv4 to everybody");
    const firstOctet = parseInt(ethernet!.destination.slice(0, 2), 16);
    assert.equal(firstOctet & 1, 0, "IPv4 to a group MAC");
    assert.equal(ipv4!.totalLength, octets.length - ETHERNET_HEADER_OCTETS, "IPv4: total length");
    assert.equal(ipv4!.headerLength, IPV4_HEADER_OCTETS, "IPv4: no options");
    assert.equal(ipv4!.checksumOk, true, "IPv4: checksum");
    const { address, formerAddresses } = this.#identity;
    assert.ok([address, ...formerAddresses].includes(ipv4!.source), "IPv4: source");
    assert.equal(ipv4!.ttl, this.marks.ttl, "IPv4: TTL");
    assert.equal(ipv4!.moreFragments || ipv4!.fragmentOffset !== 0, false, "IPv4: a fragment");
    assert.equal(octets[20]! & 0x80, 0, "IPv4: reserved bit");
    assert.equal(ipv4!.typeOfService >> 2, this.marks.dscp, "IPv4: DSCP");
    if (ipv4!.protocol !== IpProtocol.TCP) assert.equal(ipv4!.typeOfService & 3, 0, "IPv4: ECN");
    assert.ok([IpProtocol.TCP, IpProtocol.ICMP].includes(ipv4!.protocol as 1), "IPv4: protocol");
  }

  #judgeTcp({ ipv4 }: Frame, tcp: TcpSegment): void {
    assert.equal(tcp.checksumOk, true, "TCP: checksum");
    assert.equal(tcp.reserved, 0, "TCP: reserved bits");
    judgeOptions(tcp, ipv4!.payload);
    judgeControl(tcp);
    const record = this.#record(ipv4!.destination, tcp.destinationPort, tcp.sourcePort);
    const ecn = ipv4!.typeOfService & 3;
    if ((tcp.flags & Flag.RST) !== 0) {
      judgeReset(record, tcp, this.#isReply);
      assert.equal(ecn, 0, "IPv4: ECT with RST");
      return;
    }
    const incarnation = incarnationOf(record, tcp);
    const isFirst = tcp.seq === incarnation.sndMax;
    judgeSegment(incarnation, record, tcp, this.allowsKeepAlive);
    judgeEcn(incarnation, tcp, ecn, isFirst);
    judgeTimestamps(incarnation, tcp, this.#identity.nowMs);
  }

  #record(remoteAddress: number, remotePort: number, localPort: number): TupleRecord {
    const key = `${formatIpv4Address(remoteAddress)}:${remotePort}:${localPort}`;
    let record = this.#tuples.get(key);
    if (record === undefined) {
      record = { syns: [], incarnations: [] };
      this.#tuples.set(key, record);
    }
    return record;
  }
}

/** Remembers SYNs, and how far the peer's numbers and windows reach. */
function learnPeer(record: TupleRecord, tcp: TcpSegment): void {
  const end = (tcp.seq + segmentLength(tcp)) >>> 0;
  if ((tcp.flags & Flag.SYN) !== 0) learnSyn(record, tcp, end);
  for (const syn of record.syns) {
    if (seqAfter(end, syn.seq)) syn.end = seqMax(syn.end, end);
  }
  if ((tcp.flags & Flag.ACK) === 0) return;
  for (const incarnation of record.incarnations) {
    const acked = seqDistance(incarnation.iss, tcp.ack);
    if (acked > seqDistance(incarnation.iss, incarnation.sndMax)) continue;
    // With the acknowledgement of our SYN its SYN has said what it wants, though it may come again.
    if (acked > 0 && (tcp.flags & Flag.SYN) === 0) incarnation.isBound = true;
    const window = tcp.window * 2 ** windowShift(incarnation, tcp);
    const edge = (tcp.ack + window) >>> 0;
    incarnation.edges.add(edge);
    incarnation.peerEdge = seqMax(incarnation.peerEdge, edge);
  }
}

/**
 * What a SYN proposes. One that is sent again may have changed its mind, about ECN for one: the
 * last one counts. A SYN and ACK behind a SYN can only take ECN back.
 */
function learnSyn(record: TupleRecord, tcp: TcpSegment, end: number): void {
  const isBare = (tcp.flags & Flag.ACK) === 0;
  // An MSS of 0 says nothing.
  const mss = findOption(tcp, "mss")?.value || SEND_MSS_DEFAULT;
  const known = record.syns.find(({ seq }) => seq === tcp.seq);
  if (known === undefined) {
    record.syns.push({ seq: tcp.seq, isBare, mss, end, offer: offerOf(tcp) });
  } else if (isBare || !known.isBare) {
    Object.assign(known, { isBare, mss, offer: offerOf(tcp) });
  } else {
    // Unless both have opened it takes back nothing: a half-open record does not know it.
    known.offer = { ...known.offer, ecn: offersEcn(tcp) };
  }
}

/** How far the window of the peer's segment is to be shifted; that of a SYN never is. */
function windowShift({ offer, peerOffer }: Incarnation, tcp: TcpSegment): number {
  if ((tcp.flags & Flag.SYN) !== 0 || offer.shift === undefined) return 0;
  return Math.min(peerOffer?.shift ?? 0, WINDOW_SHIFT_MAX);
}

/** A SYN offers ECN with both bits, a SYN and ACK agrees with ECE alone. */
function offersEcn({ flags }: TcpSegment): boolean {
  return (flags & ECN_SETUP) === ((flags & Flag.ACK) !== 0 ? Flag.ECE : ECN_SETUP);
}

function offerOf(tcp: TcpSegment): Offer {
  return {
    ecn: offersEcn(tcp),
    askedEcn: offersEcn(tcp),
    shift: findOption(tcp, "window-scale")?.shift,
    sack: findOption(tcp, "sack-permitted") !== undefined,
    timestamps: findOption(tcp, "timestamps") !== undefined,
  };
}

/** Lengths are right, what stands behind END is zero, MSS goes with SYN (MUST-65, MUST-69). */
function judgeOptions(tcp: TcpSegment, octets: Uint8Array): void {
  assert.equal(tcp.optionsError, undefined, "TCP: options");
  const area = octets.subarray(TCP_HEADER_OCTETS, tcp.headerLength);
  for (let at = 0; at < area.length;) {
    const kind = area[at]!;
    if (kind === 0) {
      assert.ok(
        area.subarray(at).every((octet) => octet === 0),
        "TCP: padding is not zero",
      );
      break;
    }
    at += kind === 1 ? 1 : area[at + 1]!;
  }
  const isSyn = (tcp.flags & Flag.SYN) !== 0;
  assert.equal(findOption(tcp, "mss") !== undefined, isSyn, "TCP: MSS with SYN and only there");
  if (isSyn) assert.equal(findOption(tcp, "mss")?.value, SEND_MSS_MAX, "TCP: our MSS");
}

/** Which control bits go together. */
function judgeControl(tcp: TcpSegment): void {
  const has = (flag: number): boolean => (tcp.flags & flag) !== 0;
  assert.equal(has(Flag.URG), tcp.urgentPointer !== 0, "TCP: URG with a pointer, or neither");
  if (has(Flag.SYN) || has(Flag.RST)) {
    assert.equal(tcp.payload.length, 0, "TCP: SYN or RST with data");
    assert.equal(has(Flag.FIN) || has(Flag.PSH), false, "TCP: SYN or RST with FIN or PSH");
    assert.equal(has(Flag.URG), false, "TCP: SYN or RST with URG");
    assert.equal(has(Flag.RST) && (has(Flag.ECE) || has(Flag.CWR)), false, "TCP: RST with ECN");
    assert.equal(has(Flag.SYN) && has(Flag.RST), false, "TCP: SYN with RST");
  } else {
    assert.ok(has(Flag.ACK), "TCP: no ACK");
  }
  if (!has(Flag.ACK)) assert.equal(tcp.ack, 0, "TCP: SEG.ACK without ACK");
}

/** The incarnation that a segment belongs to; a SYN with another number begins one. */
function incarnationOf(record: TupleRecord, tcp: TcpSegment): Incarnation {
  const known = record.incarnations.findLast(
    ({ iss, sndMax }) => seqDistance(iss, tcp.seq) <= seqDistance(iss, sndMax),
  );
  if ((tcp.flags & Flag.SYN) === 0) {
    assert.notEqual(known, undefined, "TCP: SEG.SEQ belongs to no connection");
    return known!;
  }
  // Within one ms the clock of the ISN stands still: another SYN,ACK may begin with the same one.
  const isKnown = known?.iss === tcp.seq && (known.ack ?? tcp.ack) === tcp.ack;
  if (isKnown && !known.isReset) return known;
  const incarnation = newIncarnation(tcp.seq, offerOf(tcp));
  record.incarnations.push(incarnation);
  return incarnation;
}

function newIncarnation(iss: number, offer: Offer): Incarnation {
  return {
    iss,
    sndMax: iss,
    fin: undefined,
    urgentEnd: undefined,
    isReset: false,
    peer: undefined,
    peerOffer: undefined,
    isBound: false,
    isSettled: false,
    offer,
    tsVal: undefined,
    tsValAtMs: 0,
    mss: undefined,
    ack: undefined,
    rightEdge: 0,
    peerEdge: (iss + 1) >>> 0,
    edges: new Set(),
    stream: new Uint8Array(4096),
    streamEnd: 0,
  };
}

/** An RST ends its connection; a stateless one only has to have one of the two forms. */
function judgeReset(record: TupleRecord, tcp: TcpSegment, isReply: boolean): void {
  if ((tcp.flags & Flag.ACK) !== 0) {
    assert.equal(tcp.seq, 0, "TCP: RST,ACK has SEG.SEQ 0 (RFC 9293 §3.10.7.1)");
    assert.ok(isReply, "TCP: RST,ACK is an answer");
  } else if (!isReply) {
    const last = record.incarnations.findLast((one) => isNextNumber(one, tcp.seq));
    assert.notEqual(last, undefined, "TCP: RST without the number of any connection");
    // Of two that one SYN cookie has made, the first one's RST may leave when the second one lives.
    const isFirst = ({ iss, isReset }: Incarnation) => iss === last!.iss && !isReset;
    const of = record.incarnations.find((one) => isFirst(one) && isNextNumber(one, tcp.seq));
    (of ?? last!).isReset = true;
  }
}

/**
 * SND.NXT. Where the peer's window ends before it, by shrinking or because a probe went beyond, he
 * would refuse SND.NXT: the last number that he can take is right as well.
 */
function isNextNumber({ sndMax, edges }: Incarnation, seq: number): boolean {
  return seq === sndMax || edges.has(seq);
}

function judgeSegment(
  incarnation: Incarnation,
  record: TupleRecord,
  tcp: TcpSegment,
  allowsKeepAlive: boolean,
): void {
  assert.equal(incarnation.isReset, false, "TCP: a segment after our RST");
  const end = (tcp.seq + segmentLength(tcp)) >>> 0;
  if ((tcp.flags & Flag.ACK) !== 0) judgeAck(incarnation, record, tcp);
  judgeNegotiated(incarnation, tcp);
  const isEmpty = end === tcp.seq;
  const isKeepAlive = isEmpty && allowsKeepAlive && isNextNumber(incarnation, (tcp.seq + 1) >>> 0);
  // That repeats a number which has been acknowledged, urgent or not; and SYN knows no URG.
  if (!isKeepAlive && (tcp.flags & Flag.SYN) === 0) judgeUrgent(incarnation, tcp);
  if (isEmpty) {
    assert.ok(
      isKeepAlive || isNextNumber(incarnation, tcp.seq),
      "TCP: an empty segment's SEG.SEQ is not SND.NXT",
    );
    return;
  }
  if ((tcp.flags & Flag.SYN) === 0) {
    const mss = Math.min(incarnation.mss ?? SEND_MSS_DEFAULT, SEND_MSS_MAX);
    // A peer that offers next to nothing is given at least 64 octets.
    const optionOctets = findOption(tcp, "timestamps") === undefined ? 0 : TIMESTAMPS_OCTETS;
    const octets = tcp.payload.length + optionOctets;
    assert.ok(octets <= Math.max(mss, 64), `TCP: ${octets} above the MSS (MUST-16)`);
    const isProbe = segmentLength(tcp) === 1;
    assert.ok(
      isProbe || !seqAfter(end, incarnation.peerEdge),
      `TCP: ends ${seqDistance(incarnation.peerEdge, end)} beyond the peer's window`,
    );
  }
  judgeStream(incarnation, tcp, end);
  incarnation.sndMax = seqMax(incarnation.sndMax, end);
}

/**
 * ECE and CWR only as a SYN may have them, or where both SYNs agreed. Then ECT(0) stands on text
 * that is sent for the first time, and CWR only there; on probes, FIN alone, ACKs and what is sent
 * again neither (RFC 3168 §6.1.4 to §6.1.6).
 */
function judgeEcn(incarnation: Incarnation, tcp: TcpSegment, ecn: number, isFirst: boolean): void {
  const { offer, peerOffer, peerEdge } = incarnation;
  const bits = tcp.flags & ECN_SETUP;
  if ((tcp.flags & Flag.SYN) !== 0) {
    assert.equal(ecn, 0, "IPv4: ECT with SYN");
    if ((tcp.flags & Flag.ACK) === 0) {
      assert.ok(bits === 0 || bits === ECN_SETUP, "TCP: SYN, ECN");
    } else if (bits !== 0) {
      assert.ok(bits === Flag.ECE && peerOffer!.askedEcn, "TCP: SYN,ACK with ECN");
    }
    return;
  }
  const isAgreed = offer.ecn && peerOffer!.ecn;
  if (!isAgreed) assert.equal(bits, 0, "TCP: ECE or CWR without agreement");
  const octets = tcp.payload.length;
  const isNewText = isFirst && octets > 0;
  if ((bits & Flag.CWR) !== 0) assert.ok(isNewText, "TCP: CWR on what is no new text");
  const isProbe = octets === 1 && seqAfter((tcp.seq + 1) >>> 0, peerEdge);
  const ect = isAgreed && isNewText && !isProbe ? ECT_0 : 0;
  // One octet may be a probe of a window that has shrunk: that cannot be seen from here.
  if (octets !== 1 || ecn !== 0) assert.equal(ecn, ect, "IPv4: ECN");
}

/**
 * Urgent mode ends with the acknowledgement of its last octet, so that what begins before it always
 * says so; its end is never taken back, and never lies beyond what one ring holds.
 */
function judgeUrgent(incarnation: Incarnation, tcp: TcpSegment): void {
  const known = incarnation.urgentEnd;
  if ((tcp.flags & Flag.URG) === 0) {
    assert.ok(known === undefined || !seqAfter(known, tcp.seq), "TCP: urgent data without URG");
    return;
  }
  const end = (tcp.seq + tcp.urgentPointer) >>> 0;
  assert.ok(known === undefined || !seqAfter(known, end), "TCP: the urgent pointer went back");
  incarnation.urgentEnd = end;
}

/**
 * The options of RFC 7323 and RFC 2018, where they may be and must be; the ACK is judged already.
 */
function judgeNegotiated(incarnation: Incarnation, tcp: TcpSegment): void {
  const { offer, peerOffer } = incarnation;
  const has = offerOf(tcp);
  if ((tcp.flags & Flag.SYN) !== 0) {
    assert.equal(findOption(tcp, "sack"), undefined, "TCP: SACK blocks with SYN");
    assert.ok((has.shift ?? 0) <= WINDOW_SHIFT_MAX, "TCP: window scale above 14");
    if ((tcp.flags & Flag.ACK) !== 0) {
      const { shift, sack, timestamps } = peerOffer!;
      assert.ok(has.shift === undefined || shift !== undefined, "TCP: window scale unasked");
      assert.ok(!has.sack || sack, "TCP: SACK-permitted unasked");
      assert.ok(!has.timestamps || timestamps, "TCP: timestamps unasked");
    }
    incarnation.offer = has;
  } else {
    assert.equal(has.shift, undefined, "TCP: window scale without SYN");
    assert.equal(has.sack, false, "TCP: SACK-permitted without SYN");
    const agreed = offer.timestamps && peerOffer!.timestamps;
    assert.equal(has.timestamps, agreed, "TCP: timestamps in each segment or in none");
    judgeSack(incarnation, tcp);
  }
}

/** TSval never goes back; TSecr needs the ACK bit (RFC 7323 §3.2). */
function judgeTimestamps(incarnation: Incarnation, tcp: TcpSegment, nowMs: number): void {
  const stamp = findOption(tcp, "timestamps");
  if (stamp === undefined) return;
  if ((tcp.flags & Flag.ACK) === 0) assert.equal(stamp.echo, 0, "TCP: TSecr without ACK");
  // After 24 days a clock of 1 ms may have gone half way round, and nothing can be compared.
  if (incarnation.tsVal !== undefined && nowMs - incarnation.tsValAtMs < TIMESTAMP_VALID_MS) {
    assert.ok(!seqAfter(incarnation.tsVal, stamp.value), "TCP: TSval went back");
  }
  incarnation.tsVal = stamp.value;
  incarnation.tsValAtMs = nowMs;
}

/** Blocks only if agreed, not empty, within what the peer sent; only the first below SEG.ACK. */
function judgeSack({ offer, peer, peerOffer }: Incarnation, tcp: TcpSegment): void {
  const blocks = findOption(tcp, "sack")?.blocks;
  if (blocks === undefined) return;
  assert.ok(offer.sack && peerOffer!.sack, "TCP: SACK blocks without agreement");
  assert.ok(blocks.length > 0, "TCP: SACK without a block");
  const { seq: irs, end } = peer!;
  for (const [i, { left, right }] of blocks.entries()) {
    assert.ok(seqAfter(right, left), "TCP: an empty SACK block");
    // The first one may report any old segment (RFC 2883), one from before the connection too.
    const isOld = i === 0 && !seqAfter(right, tcp.ack);
    const hasCome = seqDistance(irs, right) <= seqDistance(irs, end);
    assert.ok(isOld || hasCome, "TCP: SACK of what never came");
    if (i > 0) assert.ok(seqAfter(left, tcp.ack), "TCP: a SACK block at or below SEG.ACK");
  }
}

/** SEG.ACK lies within what the peer sent and never goes back; the right edge never goes left. */
function judgeAck(incarnation: Incarnation, record: TupleRecord, tcp: TcpSegment): void {
  const syn = acknowledgedSyn(record, tcp);
  assert.notEqual(syn, undefined, `TCP: SEG.ACK ${tcp.ack} of what never came`);
  incarnation.mss ??= syn!.mss;
  // The one that our SYN has acknowledged, if it has.
  if ((tcp.flags & Flag.SYN) !== 0) {
    incarnation.peer = syn;
    incarnation.isBound = false; // that acknowledgement has not arrived
  }
  incarnation.peer ??= syn;
  // Once something other than SYN has left, no SYN of the peer's changes anything any more.
  const { isBound, isSettled, peerOffer } = incarnation;
  if (!isSettled && !(isBound && peerOffer)) incarnation.peerOffer = incarnation.peer!.offer;
  incarnation.isSettled ||= (tcp.flags & Flag.SYN) === 0;
  const rightEdge = (tcp.ack + tcp.window) >>> 0;
  if (incarnation.ack !== undefined) {
    assert.ok(!seqAfter(incarnation.ack, tcp.ack), "TCP: SEG.ACK went back");
    assert.ok(!seqAfter(incarnation.rightEdge, rightEdge), "TCP: the right edge went left");
  }
  incarnation.ack = tcp.ack;
  incarnation.rightEdge = rightEdge;
}

/**
 * The SYN of the peer that SEG.ACK is about: the very one, or one from which numbers lead there.
 */
function acknowledgedSyn(record: TupleRecord, tcp: TcpSegment): PeerSyn | undefined {
  const distance = ({ seq }: PeerSyn): number => seqDistance(seq, tcp.ack);
  return (
    record.syns.findLast((syn) => distance(syn) === 1) ??
    record.syns.findLast(
      (syn) => distance(syn) > 0 && distance(syn) <= seqDistance(syn.seq, syn.end),
    )
  );
}

/** An octet keeps its number for ever, and FIN is the last one. */
function judgeStream(incarnation: Incarnation, tcp: TcpSegment, end: number): void {
  const isFin = (tcp.flags & Flag.FIN) !== 0;
  const last = (end - 1) >>> 0;
  if (isFin && incarnation.fin === undefined) incarnation.fin = last;
  if (incarnation.fin !== undefined) {
    if (isFin) assert.equal(last, incarnation.fin, "TCP: FIN has got another number");
    else assert.ok(!seqAfter(end, incarnation.fin), "TCP: data behind our FIN");
  }
  if (tcp.payload.length === 0) return;
  const from = seqDistance((incarnation.iss + 1) >>> 0, tcp.seq);
  const until = from + tcp.payload.length;
  const known = incarnation.stream.subarray(from, Math.min(until, incarnation.streamEnd));
  if (known.length > 0) {
    const again = tcp.payload.subarray(0, known.length);
    assert.ok(Buffer.compare(known, again) === 0, "TCP: other octets under the same numbers");
  }
  assert.ok(from <= incarnation.streamEnd, "TCP: left out octets");
  if (until > incarnation.stream.length) {
    const larger = new Uint8Array(2 * until);
    larger.set(incarnation.stream);
    incarnation.stream = larger;
  }
  incarnation.stream.set(tcp.payload, from);
  incarnation.streamEnd = Math.max(incarnation.streamEnd, until);
}
