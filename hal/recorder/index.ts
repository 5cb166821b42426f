/**
 * The host's recorder: a module that stands between the host and the module that is recorded, and
 * writes down every input in the format of `docs/recording.md`.
 *
 * It exports what that module exports, but for what changes nothing, and passes each call on. It
 * works in that module's memory: its buffer lies behind what is the module's own, where the host
 * has made room, so that frames and SEND's octets are copied once. Made by
 * `hal/host/recording/recorder.ts`, which takes what is in the buffer. A recorder in JavaScript
 * took more than half as many instructions as the stack and all around it; this one a twentieth.
 */
import * as host from "./host";
import * as module from "./module";

/** Kinds of records beside the calls. */
const enum Kind {
  RETURN_ZERO = 64,
  RETURN = 65,
  SENT = 67,
  BUSY = 68,
  ENTROPY = 69,
  HASH = 70,
  SUM = 74,
}

/** The calls by their numbers. */
const enum Call {
  INIT = 1,
  SET_LINK_ADDRESS,
  SET_ADDRESS,
  SET_PARAMETER,
  FRAME_RECEIVED,
  POLL,
  TCP_LISTEN,
  TCP_ACCEPT,
  TCP_CONNECT,
  TCP_RESERVE,
  TCP_RESERVED_ADDRESS,
  TCP_COMMIT,
  TCP_URGENT,
  TCP_CONSUME = 16,
  TCP_CLOSE_WRITE,
  TCP_CLOSE,
  TCP_ABORT,
  TCP_RELEASE,
  TCP_SET_OPTION,
  TCP_STATUS,
  TCP_STATUS_AT,
  NEXT_READY = 25,
  TAKE_EVENTS,
  PING_SEND,
  PING_TAKE,
  APP_INIT,
  APP_POLL,
  WAKE,
}

/** What no record is longer than, with its answer and what the sum wants behind, but its octets. */
const HEAD_OCTETS_MAX: usize = 192;
/** Of the sum. */
const ROW_OCTETS: usize = 64;
const BLOCK_OCTETS: usize = 16_384;
/** Copied here; what is longer, by the engine. */
const SHORT_OCTETS: u32 = 96;
/** So many octets of a frame that left are checked: all its headers. */
const FRAME_CHECK_OCTETS: u32 = 64;
const MIX: i32 = 0x9e3779b1;

/** The buffer, and where the next octet goes. */
let begin: usize = 0;
let end: usize = 0;
let at: usize = 0;
/** The receive slots: the first, from one to the next, how many. */
let slotAddress: usize = 0;
let slotStride: u32 = 0;
let slotCount: u32 = 0;
let slotOctets: u32 = 0;
let lastMs: u32 = 0;
let hashEvery: u32 = 0;
let untilHash: u32 = 0;
/** What SEND was offered last, for which handle, and where: its octets are to be found there. */
let roomHandle: u32 = 0;
let roomOctets: u32 = 0;
let roomAddress: u32 = 0;

/** To be called once: where the buffer is, how many steps make a hash. */
export function start(from: usize, to: usize, steps: u32): void {
  begin = at = from;
  end = to - HEAD_OCTETS_MAX;
  hashEvery = untilHash = steps;
}

/** The receive slots: how many, and how long. They lie in a row. */
export function setSlots(count: u32, octets: u32): void {
  slotAddress = module.rxSlotAddress(0);
  slotStride = count > 1 ? module.rxSlotAddress(1) - <u32>slotAddress : 0;
  slotCount = count;
  slotOctets = octets;
}

/** Makes room for octets of the host's own, the header of the file; answers where they go. */
export function reserve(octets: u32): usize {
  const to = room(octets);
  at = to + octets;
  return to;
}

/** Gives the host all that is in the buffer, with its check. */
export function flush(): void {
  if (at == begin) return;
  const sum = sumOf(begin, <u32>(at - begin));
  store<u8>(at, Kind.SUM);
  store<u32>(at, sum, 1);
  const octets = <u32>(at + 5 - begin);
  at = begin;
  host.take(octets);
}

/** In the place of the host's. */
export function transmit(frame: usize, octets: u32): i32 {
  const answer = host.transmit(frame, octets);
  let to = room(0);
  store<u8>(to, answer == 0 ? Kind.SENT : Kind.BUSY);
  to = varint(to + 1, octets);
  store<u32>(to, octets < FRAME_CHECK_OCTETS ? checkOf(frame, octets) : checkOfHeaders(frame));
  at = to + 4;
  return answer;
}

/** In the place of the host's. */
export function entropy(): u32 {
  const word = host.entropy();
  const to = room(0);
  store<u8>(to, Kind.ENTROPY);
  store<u32>(to, word, 1);
  at = to + 5;
  return word;
}

/** The hash of the state as it is now. */
export function putHash(low: u32, high: u32): void {
  const to = room(0);
  store<u8>(to, Kind.HASH);
  store<u32>(to, low, 1);
  store<u32>(to, high, 5);
  at = to + 9;
}

/** A record of one octet, or the beginning of a call that only the host knows to be one. */
export function putKind(kind: u32): void {
  const to = room(0);
  store<u8>(to, kind);
  at = to + 1;
}

/** An argument of such a call. */
export function putArgument(value: u32): void {
  at = varint(room(0), value);
}

/** Where the next record goes, which has so many octets beside its head. */
// @ts-ignore: decorator
@inline
function room(more: usize): usize {
  if (at + more > end) flush();
  return at;
}

/** LEB128. Answers where it ends. */
// @ts-ignore: decorator
@inline
function varint(to: usize, value: u32): usize {
  if (value < 0x80) {
    store<u8>(to, value);
    return to + 1;
  }
  // Most of what is longer is a handle.
  if (value >= 1 << 28) {
    const low = (value & 0x7f) | ((value << 1) & 0x7f00);
    const all = low | ((value << 2) & 0x7f_0000) | ((value << 3) & 0x7f00_0000);
    store<u32>(to, all | 0x8080_8080);
    store<u8>(to, value >> 28, 4);
    return to + 5;
  }
  return longVarint(to, value);
}

function longVarint(to: usize, value: u32): usize {
  const low = (value & 0x7f) | ((value << 1) & 0x7f00);
  if (value < 1 << 14) {
    store<u16>(to, low | 0x80);
    return to + 2;
  }
  const all = low | ((value << 2) & 0x7f_0000) | ((value << 3) & 0x7f00_0000);
  if (value < 1 << 21) {
    store<u32>(to, all | 0x8080);
    return to + 3;
  }
  store<u32>(to, all | 0x80_8080);
  return to + 4;
}

/** Begins a call, written before it is made: it may trap, or ask the host for something. */
// @ts-ignore: decorator
@inline
function call(number: u32): usize {
  return callWith(number, 0);
}

// @ts-ignore: decorator
@inline
function callWith(number: u32, octets: u32): usize {
  const to = room(octets);
  store<u8>(to, number);
  return to + 1;
}

/** A time is written as the difference to the one before. */
// @ts-ignore: decorator
@inline
function time(to: usize, nowMs: u32): usize {
  const sinceMs = nowMs - lastMs;
  lastMs = nowMs;
  return varint(to, sinceMs);
}

/** The octets that the host wrote for a call. */
// @ts-ignore: decorator
@inline
function written(to: usize, from: usize, octets: u32): usize {
  const data = varint(to, octets);
  if (octets > SHORT_OCTETS) {
    memory.copy(data, from, octets);
  } else {
    // Up to fifteen octets too many, which the next record replaces.
    for (let i: usize = 0; i < octets; i += 16) v128.store(data + i, v128.load(from + i));
  }
  return data + octets;
}

/** Ends a step. */
// @ts-ignore: decorator
@inline
function answered(result: i32): i32 {
  // Whatever was written before has left enough of HEAD_OCTETS_MAX.
  const to = at;
  if (result == 0) {
    store<u8>(to, Kind.RETURN_ZERO);
    at = to + 1;
  } else {
    store<u8>(to, Kind.RETURN);
    at = varint(to + 1, (result << 1) ^ (result >> 31));
  }
  if (--untilHash == 0) {
    untilHash = hashEvery;
    host.hash();
  }
  return result;
}

export function init(nowMs: u32, mslMs: u32): i32 {
  at = varint(time(call(Call.INIT), nowMs), mslMs);
  return answered(module.init(nowMs, mslMs));
}

export function setLinkAddress(high: u32, low: u32): i32 {
  at = varint(varint(call(Call.SET_LINK_ADDRESS), high), low);
  return answered(module.setLinkAddress(high, low));
}

export function setAddress(address: u32, prefixLength: u32, gateway: u32): i32 {
  at = varint(varint(varint(call(Call.SET_ADDRESS), address), prefixLength), gateway);
  return answered(module.setAddress(address, prefixLength, gateway));
}

export function setParameter(which: u32, value: u32): i32 {
  at = varint(varint(call(Call.SET_PARAMETER), which), value);
  return answered(module.setParameter(which, value));
}

export function frameReceived(slot: u32, octets: u32, nowMs: u32): i32 {
  const from = slotAddress + slot * slotStride;
  const count = slot < slotCount ? min(octets, slotOctets) : 0;
  const to = varint(varint(callWith(Call.FRAME_RECEIVED, count), slot), octets);
  at = written(time(to, nowMs), from, count);
  return answered(module.frameReceived(slot, octets, nowMs));
}

export function poll(nowMs: u32): i32 {
  at = time(call(Call.POLL), nowMs);
  return answered(module.poll(nowMs));
}

export function tcpListen(address: u32, port: u32, backlog: u32): i32 {
  at = varint(varint(varint(call(Call.TCP_LISTEN), address), port), backlog);
  return answered(module.tcpListen(address, port, backlog));
}

export function tcpAccept(listener: u32): i32 {
  at = varint(call(Call.TCP_ACCEPT), listener);
  return answered(module.tcpAccept(listener));
}

export function tcpConnect(remote: u32, port: u32, local: u32, localPort: u32): i32 {
  const to = varint(varint(call(Call.TCP_CONNECT), remote), port);
  at = varint(varint(to, local), localPort);
  return answered(module.tcpConnect(remote, port, local, localPort));
}

export function tcpReserve(handle: u32): i32 {
  const result = module.tcpReserve(handle);
  roomHandle = handle;
  roomOctets = max(result, 0);
  roomAddress = 0;
  if (result > 0) return result;
  at = varint(call(Call.TCP_RESERVE), handle);
  return answered(result);
}

export function tcpReservedAddress(handle: u32): i32 {
  const result = module.tcpReservedAddress(handle);
  if (roomHandle == handle) roomAddress = result;
  if (result > 0) return result;
  at = varint(call(Call.TCP_RESERVED_ADDRESS), handle);
  return answered(result);
}

export function tcpCommit(handle: u32, octets: u32): i32 {
  let count: u32 = 0;
  if (roomHandle == handle && <i32>roomAddress > 0) count = min(octets, roomOctets);
  const from = roomAddress;
  roomOctets -= count;
  roomAddress += count;
  const to = callWith(Call.TCP_COMMIT, count);
  at = written(varint(varint(to, handle), octets), from, count);
  return answered(module.tcpCommit(handle, octets));
}

export function tcpUrgent(handle: u32): i32 {
  at = varint(call(Call.TCP_URGENT), handle);
  return answered(module.tcpUrgent(handle));
}

export function tcpConsume(handle: u32, octets: u32): i32 {
  at = varint(varint(call(Call.TCP_CONSUME), handle), octets);
  return answered(module.tcpConsume(handle, octets));
}

export function tcpCloseWrite(handle: u32): i32 {
  at = varint(call(Call.TCP_CLOSE_WRITE), handle);
  return answered(module.tcpCloseWrite(handle));
}

export function tcpClose(handle: u32): i32 {
  at = varint(call(Call.TCP_CLOSE), handle);
  return answered(module.tcpClose(handle));
}

export function tcpAbort(handle: u32): i32 {
  at = varint(call(Call.TCP_ABORT), handle);
  return answered(module.tcpAbort(handle));
}

export function tcpRelease(handle: u32): i32 {
  at = varint(call(Call.TCP_RELEASE), handle);
  return answered(module.tcpRelease(handle));
}

export function tcpSetOption(handle: u32, option: u32, value: u32): i32 {
  at = varint(varint(varint(call(Call.TCP_SET_OPTION), handle), option), value);
  return answered(module.tcpSetOption(handle, option, value));
}

export function tcpStatus(handle: u32): i32 {
  at = varint(call(Call.TCP_STATUS), handle);
  return answered(module.tcpStatus(handle));
}

export function tcpStatusAt(index: u32): i32 {
  at = varint(call(Call.TCP_STATUS_AT), index);
  return answered(module.tcpStatusAt(index));
}

export function nextReady(): i32 {
  const result = module.nextReady();
  if (result == 0) return 0;
  at = call(Call.NEXT_READY);
  return answered(result);
}

export function takeEvents(handle: u32): i32 {
  at = varint(call(Call.TAKE_EVENTS), handle);
  return answered(module.takeEvents(handle));
}

export function pingSend(remote: u32, sequence: u32, octets: u32): i32 {
  at = varint(varint(varint(call(Call.PING_SEND), remote), sequence), octets);
  return answered(module.pingSend(remote, sequence, octets));
}

export function pingTake(): i32 {
  at = call(Call.PING_TAKE);
  return answered(module.pingTake());
}

export function wake(): i32 {
  at = call(Call.WAKE);
  return answered(module.wake());
}

export function appInit(): i32 {
  at = call(Call.APP_INIT);
  return answered(module.appInit());
}

export function appPoll(nowMs: u32): i32 {
  at = time(call(Call.APP_POLL), nowMs);
  return answered(module.appPoll(nowMs));
}

/**
 * The format's check: four lanes, each with every fourth word, the last word filled up with zeros.
 * Sixteen octets a step, all four lanes at once.
 */
function checkOf(from: usize, octets: u32): u32 {
  let lanes = i32x4(octets, 0, 0, 0);
  const factor = i32x4.splat(MIX);
  const rows = from + (octets & ~15);
  let place = from;
  for (; place < rows; place += 16) lanes = mixed(lanes, v128.load(place), factor);
  const rest = octets & 15;
  let a = i32x4.extract_lane(lanes, 0);
  let b = i32x4.extract_lane(lanes, 1);
  let c = i32x4.extract_lane(lanes, 2);
  let d = i32x4.extract_lane(lanes, 3);
  if (rest > 0) a = mix(a, wordAt(place, rest));
  if (rest > 4) b = mix(b, wordAt(place + 4, rest - 4));
  if (rest > 8) c = mix(c, wordAt(place + 8, rest - 8));
  if (rest > 12) d = mix(d, wordAt(place + 12, rest - 12));
  return mix(mix(mix(a, b), c), d);
}

/** The same of FRAME_CHECK_OCTETS. */
function checkOfHeaders(frame: usize): u32 {
  const factor = i32x4.splat(MIX);
  let lanes = mixed(i32x4(FRAME_CHECK_OCTETS, 0, 0, 0), v128.load(frame), factor);
  lanes = mixed(lanes, v128.load(frame, 16), factor);
  lanes = mixed(lanes, v128.load(frame, 32), factor);
  lanes = mixed(lanes, v128.load(frame, 48), factor);
  return mixLanes(lanes);
}

// @ts-ignore: decorator
@inline
function mixLanes(lanes: v128): u32 {
  const first = mix(i32x4.extract_lane(lanes, 0), i32x4.extract_lane(lanes, 1));
  return mix(mix(first, i32x4.extract_lane(lanes, 2)), i32x4.extract_lane(lanes, 3));
}

/**
 * The format's sum: of each block sixteen sums, of every sixteenth word, mixed into what is there.
 * The last row is filled up where it stands, in the room behind the octets.
 */
function sumOf(from: usize, octets: u32): u32 {
  const behind = from + octets;
  memory.fill(behind, 0, ROW_OCTETS);
  let sum: i32 = octets;
  for (let block = from; block < behind; block += BLOCK_OCTETS) {
    sum = mixBlock(sum, block, min(block + BLOCK_OCTETS, behind));
  }
  return sum;
}

function mixBlock(sum: i32, from: usize, behind: usize): i32 {
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let place = from;
  // Four rows at once.
  for (; place + 3 * ROW_OCTETS < behind; place += 4 * ROW_OCTETS) {
    a = added(added(a, place, 0), place, 2 * ROW_OCTETS);
    b = added(added(b, place, 16), place, 2 * ROW_OCTETS + 16);
    c = added(added(c, place, 32), place, 2 * ROW_OCTETS + 32);
    d = added(added(d, place, 48), place, 2 * ROW_OCTETS + 48);
  }
  for (; place < behind; place += ROW_OCTETS) {
    a = i32x4.add(a, v128.load(place));
    b = i32x4.add(b, v128.load(place, 16));
    c = i32x4.add(c, v128.load(place, 32));
    d = i32x4.add(d, v128.load(place, 48));
  }
  return mixAll(mixAll(mixAll(mixAll(sum, a), b), c), d);
}

/** Adds what lies at a place and one row behind it. */
// @ts-ignore: decorator
@inline
function added(lanes: v128, place: usize, row: usize): v128 {
  const first = i32x4.add(lanes, v128.load(place + row));
  return i32x4.add(first, v128.load(place + row + ROW_OCTETS));
}

function mixAll(sum: i32, lanes: v128): i32 {
  const first = mix(mix(sum, i32x4.extract_lane(lanes, 0)), i32x4.extract_lane(lanes, 1));
  return mix(mix(first, i32x4.extract_lane(lanes, 2)), i32x4.extract_lane(lanes, 3));
}

// @ts-ignore: decorator
@inline
function mixed(lanes: v128, words: v128, factor: v128): v128 {
  const product = i32x4.mul(v128.xor(lanes, words), factor);
  return v128.xor(product, i32x4.shr_u(product, 15));
}

// @ts-ignore: decorator
@inline
function mix(sum: i32, word: i32): i32 {
  const product = (sum ^ word) * MIX;
  return product ^ <i32>(<u32>product >> 15);
}

/** Filled up with zeros behind so many octets. */
function wordAt(place: usize, octets: u32): u32 {
  if (octets >= 4) return load<u32>(place);
  let word: u32 = load<u8>(place);
  if (octets > 1) word |= <u32>load<u8>(place, 1) << 8;
  if (octets > 2) word |= <u32>load<u8>(place, 2) << 16;
  return word;
}
