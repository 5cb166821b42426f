/**
 * Linger's side of `npm run bench`: a peer, a driver and an application around the exports of
 * hal/README.md, compiled into one module with the stack, as an application's module is.
 *
 * The scenarios are those of ../lwip/segbench.c, under the same numbers (../scenarios.ts). Only
 * what lies between `profStart` and `profStop` is counted: the peer's frames are put into the
 * receive slots before, a batch at a time, as a MAC with as many buffers would. Nothing here is
 * shared with assembly/ but the calls and the numbers of the boundary: the peer makes its frames
 * and checksums itself. What leaves is judged by ../verify.ts, in a run of its own.
 */
import { Event, Feature, Limit, Option, Work } from "../../../assembly/core/abi";
import {
  dueAddress, frameReceived, init, limit, nextReady, poll, rxSlotAddress, setAddress,
  setLinkAddress, takeEvents, tcpAccept, tcpConnect, tcpListen, tcpRelease, tcpSetOption,
} from "../../../assembly/index";
import { tcpReceive, tcpSend } from "../../../assembly/socket/copying";

export * from "../../../assembly/index";

@external("env", "prof_start")
declare function profStart(): void;
@external("env", "prof_stop")
declare function profStop(): void;
/** Tells ../verify.ts of a frame that is handed over. */
@external("env", "arrived")
declare function arrived(frame: usize, octets: u32): void;
/** How many frames have left. */
@external("env", "sent_count")
declare function sentCount(): u32;
/** Ports and sequence number of a frame that has left, of the last 64. */
@external("env", "sent_ports")
declare function sentPorts(index: u32): u32;
@external("env", "sent_seq")
declare function sentSeq(index: u32): u32;
/** The timestamp of a SYN that has left, where it has all that Mode.OPTIONS stands for. */
@external("env", "sent_stamp")
declare function sentStamp(index: u32): u32;

const enum Scenario {
  CALIBRATION = 0,
  RECEIVE_FULL = 1,
  RECEIVE_SMALL = 2,
  SEND_FULL = 3,
  ACK = 4,
  ACK_NEW = 5,
  ECHO = 6,
  PASSIVE = 7,
  ACTIVE = 8,
  EXPIRY = 9,
  TICK_IDLE = 10,
  TICK_TIME_WAIT = 11,
}
const enum Mode {
  /** The peer asks for SACK, timestamps and a window scale, as Linux does. */
  OPTIONS = 4,
  VERIFY = 8,
}
const enum Ctl {
  FIN = 1,
  SYN = 2,
  PSH = 8,
  ACK = 16,
}

@inline const OUR_ADDRESS: u32 = 0x0a00_0001;
@inline const PEER_ADDRESS: u32 = 0x0a00_0002;
@inline const PORT: u32 = 7;
@inline const SERVER_PORT: u32 = 80;
@inline const FULL_OCTETS: u32 = 1460;
@inline const SMALL_OCTETS: u32 = 64;
/** What a timestamp takes from each segment, with two No-Operations; and those and its head. */
@inline const STAMP_OCTETS: u32 = 12;
@inline const STAMP_HEAD: u32 = 0x0101_080a;
@inline const SYN_OPTION_OCTETS: u32 = 20;
/** Divides the ring, so that each SEND finds its room in one piece. */
@inline const ACKED_OCTETS: u32 = 80;
@inline const PEER_WINDOW: u32 = 65_535;
@inline const BATCH_FULL: u32 = 32;
@inline const BATCH_SMALL: u32 = 256;
@inline const BATCH_CONNECTIONS: u32 = 8;
@inline const PEER_COUNT: u32 = 1024;
/** lwIP calls tcp_tmr four times a second. */
@inline const TICK_MS: u32 = 250;
@inline const BATCH_TICKS: u32 = 400;
/** lwIP's TCP_MSL; the longest, so that nothing ends while ticks are counted. */
@inline const MSL_MS: u32 = 60_000;
@inline const MSL_MAX_MS: u32 = 120_000;

/** The far end of a connection. */
@unmanaged @final class Peer {
  remotePort: u32;
  localPort: u32;
  /** The peer's next number, and the next one that it expects of the stack. */
  seq: u32;
  ack: u32;
  handle: i32;
  /** What the stack's clock for this connection is ahead of `Run.nowMs`. */
  stampOffset: u32;
}
@inline const PEER_SIZE: usize = 24;

@unmanaged @final class Run {
  scenario: u32;
  mode: u32;
  peerCount: u32;
  nowMs: u32;
  /** Whose turn it is, round robin. */
  turn: u32;
  nextPort: u32;
  /** What the application does with what it has read: answer with so much, close. */
  replyOctets: u32;
  closesAfterRead: bool;
  received: u32;
  accepted: u32;
  acceptedHandle: i32;
  closed: u32;
  errors: u32;
  payloadSum: u32;
  payloadSumOctets: u32;
  /** Octets of a full segment, less with timestamps. */
  fullOctets: u32;
  hasStamps: bool;
}

const PEERS: usize = memory.data(24 * 1024, 8);
const RUN: usize = memory.data(72, 8);
const LENGTHS: usize = memory.data(4 * 256, 4);
const PAYLOAD: usize = memory.data(1460, 8);
@inline const BUFFER_OCTETS: i32 = 2920;
const BUFFER: usize = memory.data(2920, 8);

@inline function run(): Run {
  return changetype<Run>(RUN);
}

@inline function peerAt(index: u32): Peer {
  return changetype<Peer>(PEERS + <usize>index * PEER_SIZE);
}

@inline function expect(isRight: bool): void {
  if (!isRight) run().errors += 1;
}

// ── The peer's frames ────────────────────────────────────────────────────────────────────────────

@inline function put16(at: usize, value: u32): void {
  store<u8>(at, <u8>(value >> 8));
  store<u8>(at, <u8>value, 1);
}

@inline function put32(at: usize, value: u32): void {
  put16(at, value >> 16);
  put16(at + 2, value);
}

/** The sum over octets in network order, halfword by halfword, folded. */
function sum16(at: usize, octets: u32, total: u32): u32 {
  for (let i: u32 = 0; i + 1 < octets; i += 2) {
    total += (<u32>load<u8>(at + i) << 8) | <u32>load<u8>(at + i + 1);
  }
  if (octets & 1) total += <u32>load<u8>(at + octets - 1) << 8;
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return total;
}

function payloadSum(octets: u32): u32 {
  if (run().payloadSumOctets != octets) {
    run().payloadSum = sum16(PAYLOAD, octets, 0);
    run().payloadSumOctets = octets;
  }
  return run().payloadSum;
}

/** How many octets of options the peer's segments have. A SYN has an MSS, as for lwIP. */
function optionOctets(flags: u32): u32 {
  if (flags & Ctl.SYN) return run().mode & Mode.OPTIONS ? SYN_OPTION_OCTETS : 4;
  return run().hasStamps ? STAMP_OCTETS : 0;
}

/** Those of Linux, in its order: MSS, SACK permitted, timestamps, a window scale of 7. */
function buildOptions(at: usize, peer: Peer, flags: u32): void {
  let stamp = at;
  if (flags & Ctl.SYN) {
    put32(at, 0x0204_0000 | FULL_OCTETS);
    if ((run().mode & Mode.OPTIONS) == 0) return;
    put32(at + 4, 0x0402_080a);
    put32(at + 16, 0x0103_0307);
    stamp = at + 4;
  } else {
    put32(at, STAMP_HEAD);
  }
  put32(stamp + 4, run().nowMs);
  put32(stamp + 8, flags & Ctl.ACK ? run().nowMs + peer.stampOffset : 0);
}

/** Puts the peer's next segment into a slot. */
function build(slot: u32, peer: Peer, flags: u32, octets: u32): void {
  const frame = <usize>rxSlotAddress(slot);
  const headerOctets = 20 + optionOctets(flags);
  const ip = frame + 14;
  const tcp = ip + 20;
  memory.fill(frame, 0, 54);
  store<u64>(frame, 0x0002_0100_0000_0002); // to 02:00:00:00:00:01
  store<u32>(frame, 0x0200_0000, 8); // from 02:00:00:00:00:02
  store<u16>(frame, 0x0002, 6);
  store<u32>(frame, 0x0008_0200, 10);
  put16(ip, 0x4500);
  put16(ip + 2, 20 + headerOctets + octets);
  put16(ip + 6, 0x4000);
  put16(ip + 8, 0x4006);
  put32(ip + 12, PEER_ADDRESS);
  put32(ip + 16, OUR_ADDRESS);
  put16(ip + 10, 0xffff ^ sum16(ip, 20, 0));
  put32(tcp, (peer.remotePort << 16) | peer.localPort);
  put32(tcp + 4, peer.seq);
  put32(tcp + 8, flags & Ctl.ACK ? peer.ack : 0);
  put16(tcp + 12, (headerOctets << 10) | flags);
  put16(tcp + 14, PEER_WINDOW);
  if (headerOctets != 20) buildOptions(tcp + 20, peer, flags);
  if (octets != 0) memory.copy(tcp + headerOctets, PAYLOAD, octets);
  let total = sum16(ip + 12, 8, 6 + headerOctets + octets);
  total = sum16(tcp, headerOctets, total) + payloadSum(octets);
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  put16(tcp + 16, 0xffff ^ total);
  store<u32>(LENGTHS + (slot << 2), 34 + headerOctets + octets);
  peer.seq += octets + (flags & Ctl.FIN) + ((flags >> 1) & 1);
}

/** Lets the stack learn the peer's link address. */
function feedArp(): void {
  const frame = <usize>rxSlotAddress(0);
  memory.fill(frame, 0, 60);
  store<u64>(frame, 0x0002_0100_0000_0002);
  store<u64>(frame, 0x0608_0200_0000_0002, 6);
  put32(frame + 14, 0x0001_0800);
  put32(frame + 18, 0x0604_0001);
  store<u64>(frame, 0x0200_0000_0002, 22);
  put32(frame + 28, PEER_ADDRESS);
  put32(frame + 38, OUR_ADDRESS);
  store<u32>(LENGTHS, 60);
  feed(0);
}

// ── The application ──────────────────────────────────────────────────────────────────────────────

/** All that is due to the application. */
function serve(): void {
  for (let handle = nextReady(); handle != 0; handle = nextReady()) {
    const events = <u32>takeEvents(handle);
    if (events & Event.READABLE) read(handle);
    else if (events & Event.ACCEPTABLE) accept(handle);
    else if (events & Event.CONNECTED && run().closesAfterRead) write(handle, SMALL_OCTETS);
  }
}

/** Reads all there is, and then does as the scenario asks. */
function read(handle: i32): void {
  let octets: i32;
  do {
    octets = tcpReceive(handle, BUFFER, BUFFER_OCTETS);
    if (octets == 0) {
      run().closed += 1;
      tcpRelease(handle);
      return;
    }
    run().received += octets;
  } while (octets == BUFFER_OCTETS);
  if (run().replyOctets != 0) write(handle, run().replyOctets);
  if (run().closesAfterRead) tcpRelease(handle);
}

function write(handle: i32, octets: u32): void {
  expect(tcpSend(handle, PAYLOAD, octets) == <i32>octets);
}

function accept(listener: i32): void {
  for (let handle = tcpAccept(listener); handle > 0; handle = tcpAccept(listener)) {
    run().accepted += 1;
    run().acceptedHandle = handle;
  }
}

// ── The driver ───────────────────────────────────────────────────────────────────────────────────

/**
 * Hands over the frames in some slots; where one asks for it, lets the application have what came,
 * and where something is due then, the stack answer.
 */
function handOver(first: u32, count: u32): void {
  const nowMs = run().nowMs;
  const end = first + count;
  for (let slot = first; slot < end; ++slot) {
    const octets = load<u32>(LENGTHS + (slot << 2));
    if (frameReceived(slot, octets, nowMs) == Work.NONE) continue;
    serve();
    if (load<u64>(dueAddress()) != 0) poll(nowMs);
  }
}

/** One frame, of which a verifying run is told. */
function feed(slot: u32): void {
  if (run().mode & Mode.VERIFY) {
    arrived(<usize>rxSlotAddress(slot), load<u32>(LENGTHS + (slot << 2)));
  }
  handOver(slot, 1);
}

/** Before a driver sleeps it polls, to learn for how long. */
function feedAll(count: u32): void {
  profStart();
  if (run().mode & Mode.VERIFY) for (let i: u32 = 0; i < count; ++i) feed(i);
  else handOver(0, count);
  poll(run().nowMs);
  profStop();
}

// ── Setting up ───────────────────────────────────────────────────────────────────────────────────

export function bench_setup(scenario: u32, mode: u32, connections: u32): i32 {
  const r = run();
  r.scenario = scenario;
  r.mode = mode;
  r.nextPort = 20_000;
  r.nowMs = 5_000;
  r.hasStamps = (mode & Mode.OPTIONS) != 0 && (limit(Limit.FEATURES) & Feature.TIMESTAMPS) != 0;
  r.fullOctets = r.hasStamps ? FULL_OCTETS - STAMP_OCTETS : FULL_OCTETS;
  const isTick = scenario >= <u32>Scenario.TICK_IDLE;
  r.peerCount = connections == 0 && !isTick ? 1 : connections;
  for (let i: u32 = 0; i < FULL_OCTETS; ++i) store<u8>(PAYLOAD + i, <u8>(i * 7 + (i >> 8)));
  expect(init(r.nowMs, scenario == Scenario.TICK_TIME_WAIT ? MSL_MAX_MS : MSL_MS) == 0);
  expect(setLinkAddress(0x0200, 1) == 0);
  expect(setAddress(OUR_ADDRESS, 24, 0) == 0);
  feedArp();
  expect(tcpListen(0, PORT, 255) > 0);
  if (scenario <= <u32>Scenario.ECHO || scenario == Scenario.TICK_IDLE) {
    for (let i: u32 = 0; i < r.peerCount; ++i) openPassive(peerAt(i));
  }
  if (scenario == Scenario.ECHO) r.replyOctets = 1;
  if (scenario == Scenario.PASSIVE) r.replyOctets = SMALL_OCTETS;
  if (scenario == Scenario.ACK_NEW) expect(tcpSetOption(peerAt(0).handle, Option.NO_DELAY, 1) == 0);
  r.closesAfterRead = scenario >= <u32>Scenario.ACTIVE;
  if (scenario == Scenario.TICK_TIME_WAIT) {
    for (let i: u32 = 0; i < r.peerCount; i += BATCH_CONNECTIONS) runActiveTo(i);
  }
  r.nowMs += 60_000; // no timer of the handshakes is left
  for (let i = 0; i < 100; ++i) poll(r.nowMs);
  feedArp();
  return <i32>r.errors;
}

function startPeer(peer: Peer): void {
  const r = run();
  peer.localPort = PORT;
  peer.remotePort = r.nextPort;
  if (++r.nextPort == 60_000) r.nextPort = 1_000;
  peer.seq = 5_000 + peer.remotePort * 7_919;
}

/** The peer learns of our SYN, the frame of which was the one of this number to leave. */
function meetSyn(peer: Peer, index: u32): void {
  peer.ack = sentSeq(index) + 1;
  peer.stampOffset = sentStamp(index) - run().nowMs;
}

function openPassive(peer: Peer): void {
  startPeer(peer);
  build(0, peer, Ctl.SYN, 0);
  feed(0);
  meetSyn(peer, sentCount() - 1);
  build(0, peer, Ctl.ACK, 0);
  run().acceptedHandle = 0;
  feed(0);
  peer.handle = run().acceptedHandle;
  expect(peer.handle != 0);
}

// ── The scenarios ────────────────────────────────────────────────────────────────────────────────

@inline function nextPeer(): Peer {
  const r = run();
  const peer = peerAt(r.turn);
  if (++r.turn >= r.peerCount) r.turn = 0;
  return peer;
}

/** S1, S2: text in order. */
function runReceive(octets: u32, count: u32): void {
  const batch = octets > SMALL_OCTETS ? BATCH_FULL : BATCH_SMALL;
  for (let done: u32 = 0; done < count; done += batch) {
    for (let i: u32 = 0; i < batch; ++i) build(i, nextPeer(), Ctl.ACK | Ctl.PSH, octets);
    const received = run().received;
    const sent = sentCount();
    feedAll(batch);
    expect(run().received - received == batch * octets);
    if (octets > SMALL_OCTETS) expect(sentCount() - sent == batch / 2);
    run().nowMs += 1;
  }
}

/** S3: SENDs of a full segment, one ACK for two. */
function runSend(count: u32): void {
  const peer = peerAt(0);
  const octets = run().fullOctets;
  for (let done: u32 = 0; done < count; done += BATCH_FULL) {
    for (let i: u32 = 0; i < BATCH_FULL / 2; ++i) {
      peer.ack += 2 * octets;
      build(i, peer, Ctl.ACK, 0);
    }
    const sent = sentCount();
    const handle = peer.handle;
    const nowMs = run().nowMs;
    profStart();
    for (let i: u32 = 0; i < BATCH_FULL / 2; ++i) {
      write(handle, octets);
      poll(nowMs);
      write(handle, octets);
      poll(nowMs);
      feed(i);
    }
    profStop();
    expect(sentCount() - sent == BATCH_FULL);
    run().nowMs += 1;
  }
}

/** S4: pure ACKs of nothing new. */
function runAck(count: u32): void {
  for (let done: u32 = 0; done < count; done += BATCH_SMALL) {
    for (let i: u32 = 0; i < BATCH_SMALL; ++i) build(i, nextPeer(), Ctl.ACK, 0);
    const sent = sentCount();
    feedAll(BATCH_SMALL);
    expect(sentCount() == sent);
    run().nowMs += 1;
  }
}

/** S4n: pure ACKs, each of one more segment. */
function runAckNew(count: u32): void {
  const peer = peerAt(0);
  for (let done: u32 = 0; done < count; done += BATCH_CONNECTIONS) {
    const sent = sentCount();
    for (let i: u32 = 0; i < BATCH_CONNECTIONS; ++i) {
      write(peer.handle, ACKED_OCTETS);
      poll(run().nowMs);
      peer.ack += ACKED_OCTETS;
      build(i, peer, Ctl.ACK, 0);
    }
    expect(sentCount() - sent == BATCH_CONNECTIONS);
    feedAll(BATCH_CONNECTIONS);
    expect(sentCount() - sent == BATCH_CONNECTIONS);
    run().nowMs += 1;
  }
}

/** S5: one octet in, the same out. */
function runEcho(count: u32): void {
  const peer = peerAt(0);
  for (let done: u32 = 0; done < count; done += BATCH_SMALL) {
    for (let i: u32 = 0; i < BATCH_SMALL; ++i) {
      build(i, peer, Ctl.ACK | Ctl.PSH, 1);
      peer.ack += 1;
    }
    const received = run().received;
    const sent = sentCount();
    feedAll(BATCH_SMALL);
    expect(run().received - received == BATCH_SMALL);
    expect(sentCount() - sent == BATCH_SMALL);
    run().nowMs += 1;
  }
}

/** S6: SYN, ACK, 64 octets each way, the peer closes, we close. */
function runPassive(count: u32): void {
  for (let done: u32 = 0; done < count; done += BATCH_CONNECTIONS) {
    const accepted = run().accepted;
    const closed = run().closed;
    const first = sentCount();
    for (let i: u32 = 0; i < BATCH_CONNECTIONS; ++i) {
      startPeer(peerAt(i));
      build(i, peerAt(i), Ctl.SYN, 0);
    }
    feedAll(BATCH_CONNECTIONS);
    for (let i: u32 = 0; i < BATCH_CONNECTIONS; ++i) meetSyn(peerAt(i), first + i);
    buildAndFeed(Ctl.ACK, 0, 0);
    buildAndFeed(Ctl.ACK | Ctl.PSH, SMALL_OCTETS, 0);
    buildAndFeed(Ctl.ACK | Ctl.FIN, 0, SMALL_OCTETS);
    buildAndFeed(Ctl.ACK, 0, 1);
    expect(run().accepted - accepted == BATCH_CONNECTIONS);
    expect(run().closed - closed == BATCH_CONNECTIONS);
    expect(sentCount() - first == 3 * BATCH_CONNECTIONS);
    run().nowMs += 1;
  }
}

/** One frame for each connection of the batch, which acknowledges so many octets more. */
function buildAndFeed(flags: u32, octets: u32, acknowledged: u32): void {
  for (let i: u32 = 0; i < BATCH_CONNECTIONS; ++i) {
    peerAt(i).ack += acknowledged;
    build(i, peerAt(i), flags, octets);
  }
  feedAll(BATCH_CONNECTIONS);
}

/** The same, not counted, for the peers from `first` on. */
function buildAndPass(first: u32, flags: u32, octets: u32, acknowledged: u32): void {
  for (let i = first; i < first + BATCH_CONNECTIONS; ++i) {
    peerAt(i).ack += acknowledged;
    build(0, peerAt(i), flags, octets);
    feed(0);
  }
}

/** OPENs a batch; the peers learn of it by our SYNs. */
function connectAll(): void {
  for (let i: u32 = 0; i < BATCH_CONNECTIONS; ++i) {
    expect(tcpConnect(PEER_ADDRESS, SERVER_PORT, 0, 0) > 0);
    poll(run().nowMs);
  }
}

function meetConnections(peers: u32, frames: u32): void {
  for (let i: u32 = 0; i < BATCH_CONNECTIONS; ++i) {
    const peer = peerAt(peers + i);
    peer.localPort = sentPorts(frames + i) >> 16;
    peer.remotePort = SERVER_PORT;
    peer.seq = 9_000 + peer.localPort * 7_919;
    meetSyn(peer, frames + i);
  }
}

/** S6: OPEN, 64 octets each way, we close, TIME-WAIT. */
function runActive(count: u32): void {
  for (let done: u32 = 0; done < count; done += BATCH_CONNECTIONS) {
    feedArp();
    const first = sentCount();
    profStart();
    connectAll();
    profStop();
    meetConnections(0, first);
    buildAndFeed(Ctl.SYN | Ctl.ACK, 0, 0);
    buildAndFeed(Ctl.ACK | Ctl.PSH, SMALL_OCTETS, SMALL_OCTETS);
    buildAndFeed(Ctl.ACK, 0, 1);
    buildAndFeed(Ctl.ACK | Ctl.FIN, 0, 0);
    // SYN, text with the ACK, FIN with the ACK of text, ACK of the FIN
    expect(sentCount() - first == 4 * BATCH_CONNECTIONS);
    tickAwayTimeWait();
  }
}

/** The same, not counted. */
function runActiveTo(peers: u32): void {
  feedArp();
  const first = sentCount();
  connectAll();
  meetConnections(peers, first);
  buildAndPass(peers, Ctl.SYN | Ctl.ACK, 0, 0);
  buildAndPass(peers, Ctl.ACK | Ctl.PSH, SMALL_OCTETS, SMALL_OCTETS);
  buildAndPass(peers, Ctl.ACK, 0, 1);
  buildAndPass(peers, Ctl.ACK | Ctl.FIN, 0, 0);
  expect(sentCount() - first == 4 * BATCH_CONNECTIONS);
}

/** As many ticks as 2·MSL has, and one more. */
function tickAwayTimeWait(): void {
  for (let i: u32 = 0; i < 2 * MSL_MS / TICK_MS + 2; ++i) tick();
}

@inline function tick(): void {
  run().nowMs += TICK_MS;
  poll(run().nowMs);
}

/** S6: what the ticks cost at the end of which a batch has left TIME-WAIT. */
function runExpiry(count: u32): void {
  for (let done: u32 = 0; done < count; done += BATCH_CONNECTIONS) {
    runActiveTo(0);
    profStart();
    tickAwayTimeWait();
    profStop();
    // The tuples are free: a segment to one of them is answered by an RST, which counts as one.
    feedArp();
    const sent = sentCount();
    buildAndPass(0, Ctl.ACK, 0, 0);
    expect(sentCount() - sent == BATCH_CONNECTIONS);
  }
}

/** S7: ticks. In TIME-WAIT the peer sends its FIN again before each batch: 2·MSL begins anew. */
function runTicks(count: u32): void {
  const isTimeWait = run().scenario == Scenario.TICK_TIME_WAIT;
  for (let done: u32 = 0; done < count; done += BATCH_TICKS) {
    feedArp();
    let sent = sentCount();
    for (let i: u32 = 0; isTimeWait && i < run().peerCount; ++i) {
      peerAt(i).seq -= 1;
      build(0, peerAt(i), Ctl.ACK | Ctl.FIN, 0);
      feed(0);
    }
    if (isTimeWait) expect(sentCount() - sent == run().peerCount);
    sent = sentCount();
    profStart();
    for (let i: u32 = 0; i < BATCH_TICKS; ++i) tick();
    profStop();
    expect(sentCount() == sent);
  }
}

/** What starting and stopping the count takes by itself. */
function runNothing(count: u32): void {
  for (let done: u32 = 0; done < count; done += BATCH_FULL) {
    profStart();
    profStop();
  }
}

/** Runs a scenario `count` times, rounded up to whole batches. Returns the errors so far. */
export function bench_run(count: u32): i32 {
  feedArp(); // what is known of a neighbour is asked for again after a while
  switch (<Scenario>run().scenario) {
    case Scenario.CALIBRATION:
      runNothing(count);
      break;
    case Scenario.RECEIVE_FULL:
      runReceive(run().fullOctets, count);
      break;
    case Scenario.RECEIVE_SMALL:
      runReceive(SMALL_OCTETS, count);
      break;
    case Scenario.SEND_FULL:
      runSend(count);
      break;
    case Scenario.ACK:
      runAck(count);
      break;
    case Scenario.ACK_NEW:
      runAckNew(count);
      break;
    case Scenario.ECHO:
      runEcho(count);
      break;
    case Scenario.PASSIVE:
      runPassive(count);
      break;
    case Scenario.ACTIVE:
      runActive(count);
      break;
    case Scenario.EXPIRY:
      runExpiry(count);
      break;
    case Scenario.TICK_IDLE:
    case Scenario.TICK_TIME_WAIT:
      runTicks(count);
      break;
    default:
      expect(false);
  }
  return <i32>run().errors;
}
