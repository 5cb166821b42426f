/**
 * What a hostile or broken station may send, at every layer: most of it nearly right, so that it
 * gets far.
 *
 * Each function puts one frame into the scene's buffer and hands it over; a datagram may go in
 * fragments. What exactly is chosen by the scene's dice alone.
 * Called by the fuzzer with each frame that it wants.
 */
import { Flag } from "../../../hal/host/packet/index.ts";
import { EVERYBODY, FRAME_OCTETS_MAX, IP, noiseAt, TRANSPORT } from "./frames.ts";
import { stamp } from "./innocent.ts";
import { damage, sendInFragments } from "./mutations.ts";
import {
  type Flow,
  INNOCENT_ADDRESS,
  LISTEN_PORT,
  NETWORK,
  OUR_ADDRESS,
  OUR_STATION,
  type Said,
  type Scene,
  VICTIM_ADDRESS,
} from "./scene.ts";

const { SYN, FIN, RST, ACK, PSH, URG, ECE, CWR } = Flag;

/** More than any ring holds is no flight. */
const FLIGHT_MAX = 0xffff;

/** How wild a case is: of ten segments so many carry exactly the right numbers. */
export interface Temper {
  sane: number;
  /** One frame in so many is damaged after it was built. */
  damage: number;
}

/** Kinds of frames with their shares of a thousand. */
const KINDS: readonly (readonly [number, (scene: Scene, temper: Temper) => void])[] = [
  [560, sendSegment],
  [80, sendSyn],
  [60, sendFragments],
  [60, sendIcmpError],
  [40, sendEcho],
  [60, sendArp],
  [60, sendBlind],
  [30, sendStray],
  [40, sendHeaderNoise],
  [10, answerEcho],
];

/** Sends one frame, or the fragments of one datagram. */
export function sendFrame(scene: Scene, temper: Temper): void {
  let dice = scene.random.below(1_000);
  for (const [share, send] of KINDS) {
    if (dice < share) return send(scene, temper);
    dice -= share;
  }
}

/** Seals what the buffer holds, damages it at times, and hands it over. */
function finish(scene: Scene, temper: Temper): void {
  scene.frame.seal();
  if (scene.random.oneIn(temper.damage)) damage(scene);
  scene.deliver();
}

function chooseFlow(scene: Scene): Flow {
  const { flows, random } = scene;
  return random.below(10) < 7 ? flows[0]! : random.pick(flows);
}

/** A number near another one, or far from it. */
function near(scene: Scene, center: number, window: number): number {
  const { random } = scene;
  switch (random.below(9)) {
    case 0:
      return (center + 1) >>> 0;
    case 1:
      return (center - 1) >>> 0;
    case 2:
      return (center + random.below(window + 2)) >>> 0;
    case 3:
      return (center - random.below(3_000)) >>> 0;
    case 4:
      return (center + window + random.below(3) - 1) >>> 0;
    case 5:
      return (center + 0x8000_0000 + random.below(5) - 2) >>> 0;
    case 6:
      return random.next();
    default:
      return center;
  }
}

/** Lengths that matter: none, little, about a segment, about a ring. */
function chooseLength(scene: Scene): number {
  const { random } = scene;
  const dice = random.below(16);
  if (dice < 6) return 0;
  if (dice < 10) return random.between(1, 20);
  if (dice < 13) return random.between(1, 300);
  if (dice < 15) return random.between(500, 1_400);
  return 1_448;
}

function chooseWindow(scene: Scene): number {
  const { random } = scene;
  const dice = random.below(12);
  if (dice === 0) return 0;
  if (dice === 1) return random.below(3_000);
  if (dice === 2) return random.below(65_536);
  return 65_535;
}

function chooseFlags(scene: Scene): number {
  const { random } = scene;
  const dice = random.below(100);
  if (dice < 62) return ACK | (dice & 1 ? PSH : 0);
  if (dice < 72) return FIN | ACK;
  if (dice < 76) return RST;
  if (dice < 79) return RST | ACK;
  if (dice < 83) return SYN;
  if (dice < 87) return SYN | ACK;
  if (dice < 90) return ACK | URG;
  if (dice < 93) return ACK | (random.below(4) * ECE);
  if (dice < 94) return 0;
  return random.below(256);
}

/** A segment of a flow, by its own numbers or near them. */
function sendSegment(scene: Scene, temper: Temper): void {
  const { random } = scene;
  const flow = chooseFlow(scene);
  const isSane = random.below(10) < temper.sane;
  const flags = isSane && !random.oneIn(40) ? ACK | PSH : chooseFlags(scene);
  const text = chooseLength(scene);
  const said: Said = { text, window: chooseWindow(scene) };
  if (isSane) {
    said.seq = random.oneIn(8) ? flow.rcv : flow.sent;
    said.ack = chooseAck(scene, flow);
    if (said.ack !== flow.nxt && random.oneIn(2)) said.text = 0; // it counts as a duplicate
  } else {
    said.seq = near(scene, random.oneIn(2) ? flow.rcv : flow.sent, flow.window);
    said.ack = near(scene, flow.nxt, 3_000);
  }
  const options = chooseOptions(scene, flow, flags);
  if (options !== undefined) said.options = options;
  said.text = Math.min(said.text ?? 0, 1_460 - (options?.length ?? 0));
  if ((flags & URG) !== 0) said.urgent = random.oneIn(3) ? random.below(65_536) : random.below(90);
  scene.build(flow, flags, said);
  if (random.oneIn(40)) scene.frame.octets[IP + 1] = random.below(256);
  finish(scene, temper);
  if (!isSane) return;
  scene.acknowledged(flow, said.ack);
  const end = (said.seq + said.text + (flags & FIN)) >>> 0;
  if (((end - flow.sent) | 0) > 0) flow.sent = end;
}

/** All of what is in flight, nothing new, or a part. */
function chooseAck(scene: Scene, flow: Flow): number {
  const { random } = scene;
  const flight = (flow.nxt - flow.acked) >>> 0;
  const dice = random.below(10);
  if (dice < 5 || flight > FLIGHT_MAX) return flow.nxt;
  return dice < 8 ? flow.acked : (flow.acked + random.below(flight + 1)) >>> 0;
}

/** A SYN for a listener or elsewhere, with options of all kinds. */
function sendSyn(scene: Scene, temper: Temper): void {
  const { random } = scene;
  const peerPort = 7_000 + random.below(24);
  const localPort = random.oneIn(8) ? random.below(65_536) : LISTEN_PORT;
  const address = random.oneIn(6) ? random.next() : VICTIM_ADDRESS + random.below(3);
  const flow = random.oneIn(6)
    ? random.pick(scene.flows) // above what it had, the tuple may be opened again
    : (scene.findFlow(address >>> 0, peerPort, localPort) ??
      scene.addFlow(address >>> 0, peerPort, localPort));
  flow.irs = random.oneIn(2) ? random.next() : (flow.irs + 64_000 + random.below(99)) >>> 0;
  flow.sent = flow.irs;
  const flags = random.oneIn(6) ? SYN | ECE | CWR : SYN;
  const said: Said = { seq: flow.irs, options: synOptions(scene), text: 0 };
  if (random.oneIn(10)) said.text = random.below(40);
  scene.build(flow, flags, said);
  finish(scene, temper);
}

/** MSS, window scale, SACK permitted and timestamps, in any order and with any value. */
function synOptions(scene: Scene): Uint8Array {
  const { random, machine } = scene;
  const octets: number[] = [];
  const mss = random.pick([1_460, 536, 64, 1, 0, 65_535, 1_000]);
  if (random.below(8) > 0) octets.push(2, 4, mss >>> 8, mss & 255);
  if (random.below(2) > 0) octets.push(1, 3, 3, random.oneIn(4) ? random.below(256) : 7);
  if (random.below(2) > 0) octets.push(4, 2);
  if (random.below(2) > 0) octets.push(8, 10, ...u32Octets(machine.clock), 0, 0, 0, 0);
  if (random.oneIn(12)) octets.push(random.below(256), random.below(12), random.below(256));
  if (random.oneIn(12)) octets.push(0);
  return padded(octets);
}

function u32Octets(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** In whole words, at most 40 octets. */
function padded(octets: number[]): Uint8Array {
  const kept = octets.slice(0, 40);
  while (kept.length % 4 !== 0) kept.push(1);
  return Uint8Array.from(kept);
}

/** What a segment of this flow carries: timestamps where they are spoken, and more at times. */
function chooseOptions(scene: Scene, flow: Flow, flags: number): Uint8Array | undefined {
  const { random, machine } = scene;
  if ((flags & SYN) !== 0 && random.below(4) > 0) return synOptions(scene);
  const dice = random.below(16);
  if (dice < 8 || (dice < 13 && flow.tsVal === 0)) {
    return flow.tsVal === 0 ? undefined : stamp(machine.clock, flow.tsVal);
  }
  if (dice < 10) return stamp(near(scene, machine.clock, 1_000), near(scene, flow.tsVal, 1_000));
  if (dice < 14) return sackBlocks(scene, flow);
  if (dice === 14) return undefined;
  const octets: number[] = [];
  for (let i = random.below(41); i > 0; i--) octets.push(random.below(random.oneIn(3) ? 256 : 12));
  return padded(octets);
}

/** Blocks of what the module has sent, or near that. */
function sackBlocks(scene: Scene, flow: Flow): Uint8Array {
  const { random, machine } = scene;
  const stamped = flow.tsVal !== 0;
  const count = 1 + random.below(stamped ? 3 : 4);
  const octets = stamped ? [...stamp(machine.clock, flow.tsVal)] : [];
  octets.push(1, 1, 5, 2 + 8 * count);
  const flight = Math.min((flow.nxt - flow.acked) >>> 0, FLIGHT_MAX);
  for (let i = 0; i < count; i++) {
    const inside = flow.acked + random.below(flight + 1);
    const left = random.oneIn(8) ? near(scene, flow.nxt, 3_000) : inside;
    const rest = Math.max(1, (flow.nxt - left) & 0xffff);
    const right = random.oneIn(8) ? near(scene, left >>> 0, 1_500) : left + random.below(rest + 1);
    octets.push(...u32Octets(left >>> 0), ...u32Octets(right >>> 0));
  }
  return padded(octets);
}

/** A segment or an echo request that comes in pieces, not all of them honest. */
function sendFragments(scene: Scene, temper: Temper): void {
  const { random } = scene;
  if (random.oneIn(4)) buildEcho(scene, 8 + random.below(1_400));
  else {
    const flow = chooseFlow(scene);
    const options = chooseOptions(scene, flow, ACK);
    const said: Said = { text: random.below(1_400), seq: flow.sent };
    if (options !== undefined) said.options = options;
    scene.build(flow, chooseFlags(scene), said);
  }
  scene.frame.seal();
  sendInFragments(scene, temper.damage);
}

function buildEcho(scene: Scene, octets: number): void {
  const { frame, random } = scene;
  const source = random.oneIn(6) ? random.next() : VICTIM_ADDRESS;
  frame.ethernet(OUR_STATION, scene.stationOf(source >>> 0), 0x0800);
  frame.ipv4(source, OUR_ADDRESS, 1);
  frame.u32(TRANSPORT, (random.oneIn(5) ? random.below(65_536) : 0x0800) << 16);
  frame.u32(TRANSPORT + 4, random.next());
  frame.fill(TRANSPORT + 8, 0, octets - 8);
  frame.length = TRANSPORT + octets;
}

function sendEcho(scene: Scene, temper: Temper): void {
  buildEcho(scene, scene.random.oneIn(4) ? 1_480 : 8 + scene.random.below(100));
  finish(scene, temper);
}

/** What answers the module's last echo request, or nearly does. */
function answerEcho(scene: Scene, temper: Temper): void {
  const { frame, random, echo } = scene;
  if (echo.length === 0) return sendEcho(scene, temper);
  frame.octets.set(echo);
  frame.length = echo.length;
  const asked = frame.readU32(IP + 16);
  frame.ethernet(OUR_STATION, scene.stationOf(asked), 0x0800);
  frame.ipv4(asked, OUR_ADDRESS, 1);
  frame.octets[TRANSPORT] = 0;
  if (random.oneIn(4)) frame.octets[TRANSPORT + 4 + random.below(8)] = random.below(256);
  finish(scene, temper);
}

/** An ICMP error that quotes a segment: of a flow, of an innocent connection, or of nobody. */
function sendIcmpError(scene: Scene, temper: Temper): void {
  const { frame, random, innocents } = scene;
  const quoted =
    innocents.length > 0 && random.oneIn(4) ? random.pick(innocents).flow : chooseFlow(scene);
  const length = random.between(0, 60);
  // What is quoted went the other way: build the peer's segment, then turn it round in place.
  frame.ipv4(OUR_ADDRESS, quoted.address, random.oneIn(9) ? 1 : 6);
  frame.u16(IP + 2, 40 + random.below(1_461));
  frame.sealIpv4();
  const at = TRANSPORT + 8;
  frame.octets.copyWithin(at, IP, TRANSPORT);
  frame.u16(at + 20, random.oneIn(20) ? random.below(65_536) : quoted.localPort);
  frame.u16(at + 22, random.oneIn(20) ? random.below(65_536) : quoted.peerPort);
  const flight = Math.min((quoted.nxt - quoted.acked) >>> 0, FLIGHT_MAX);
  const inside = quoted.acked + random.below(flight + 1);
  const seq = random.below(3) > 0 ? inside : near(scene, quoted.nxt, 3_000);
  frame.u32(at + 24, seq);
  for (let i = 28; i < 40; i++) frame.octets[at + i] = noiseAt(i);
  frame.ethernet(OUR_STATION, scene.stationOf(quoted.address), 0x0800);
  frame.ipv4(random.oneIn(2) ? quoted.address : NETWORK + 254, OUR_ADDRESS, 1);
  const [type, code] = random.pick(ICMP_ERRORS);
  frame.octets[TRANSPORT] = type!;
  frame.octets[TRANSPORT + 1] = random.oneIn(10) ? random.below(256) : code!;
  frame.u16(TRANSPORT + 4, random.below(65_536));
  frame.u16(TRANSPORT + 6, random.oneIn(2) ? 576 + random.below(1_000) : random.below(65_536));
  frame.length = random.oneIn(4) ? at + length : at + 40;
  finish(scene, temper);
}

/** Types and codes: unreachable, too big, source quench, redirect, time exceeded, parameters. */
const ICMP_ERRORS: readonly (readonly number[])[] = [
  [3, 0],
  [3, 1],
  [3, 2],
  [3, 3],
  [3, 4],
  [3, 4],
  [4, 0],
  [5, 1],
  [11, 0],
  [12, 0],
];

/** ARP of every kind: questions, answers, claims to our address, and what is neither. */
function sendArp(scene: Scene, temper: Temper): void {
  const { frame, random } = scene;
  const address = () =>
    random.pick([
      VICTIM_ADDRESS,
      INNOCENT_ADDRESS,
      OUR_ADDRESS,
      NETWORK + random.below(256),
      random.next(),
      0,
    ]);
  scene.arp(random.oneIn(9) ? random.below(65_536) : 1 + random.below(2), address(), address());
  if (random.oneIn(3)) frame.ethernet(EVERYBODY, frame.octets[11]!, 0x0806);
  if (random.oneIn(temper.damage)) damage(scene);
  scene.deliver();
}

/**
 * Blind attacks on an innocent connection: what must be challenged or dropped, since its numbers
 * are not those that count.
 */
function sendBlind(scene: Scene, _temper: Temper): void {
  const { random, innocents } = scene;
  if (innocents.length === 0) return;
  const innocent = random.pick(innocents);
  const flow = { ...innocent.flow, sent: innocent.acked, nxt: innocent.got };
  const inside = (flow.sent + 1 + random.below(1_000)) >>> 0;
  const outside = (flow.sent + 70_000 + random.below(0x7000_0000)) >>> 0;
  const options = innocent.hasTimestamps
    ? stamp(scene.machine.clock - random.below(3), flow.tsVal)
    : undefined;
  const said: Said = options === undefined ? {} : { options };
  const [flags, extra] = random.pick<readonly [number, Said]>([
    [RST, { seq: inside }],
    [RST, { seq: outside }],
    [RST | ACK, { seq: inside, ack: random.next() }],
    [SYN, { seq: random.next() }],
    [SYN, { seq: inside }],
    [SYN | ACK, { seq: inside }],
    [FIN | ACK, { seq: outside }],
    [ACK, { seq: outside, text: random.below(200) }],
    [ACK, { seq: flow.sent, ack: (flow.nxt + 1 + random.below(9_999)) >>> 0, text: 10 }],
    [ACK, { seq: flow.sent, ack: (flow.nxt - 0x4000_0000) >>> 0, text: 10 }],
    [URG, { seq: flow.sent, text: 10, urgent: 99 }],
  ]);
  scene.build(flow, flags, { ...said, ...extra });
  scene.frame.seal();
  scene.deliver();
}

/** A segment for a tuple that nobody has. */
function sendStray(scene: Scene, temper: Temper): void {
  const { random } = scene;
  const stray = { ...scene.flows[0]!, peerPort: random.below(65_536) };
  if (random.oneIn(2)) stray.localPort = random.below(65_536);
  if (random.oneIn(4)) stray.address = random.next();
  if (stray.address === INNOCENT_ADDRESS) stray.address = VICTIM_ADDRESS;
  scene.build(stray, chooseFlags(scene), { seq: random.next(), ack: random.next() });
  finish(scene, temper);
}

/** Other types, lengths and headers than anybody sends. */
function sendHeaderNoise(scene: Scene, _temper: Temper): void {
  const { frame, random } = scene;
  scene.build(chooseFlow(scene), ACK, { text: random.below(100) });
  frame.seal();
  switch (random.below(6)) {
    case 0:
      frame.u16(12, random.below(65_536));
      break;
    case 1:
      frame.octets[random.below(12)] = random.below(256);
      break;
    case 2:
      frame.octets[IP] = random.below(256);
      break;
    case 3:
      frame.u16(IP + 2, random.below(1_600));
      break;
    case 4:
      frame.u32(IP + 12, random.pick([0, 0x7f00_0001, 0xe000_0001, 0xffff_ffff, OUR_ADDRESS]));
      break;
    default:
      frame.length = random.pick([0, 1, 13, 14, 15, 33, 34, 53, FRAME_OCTETS_MAX, 1_515, 3_000]);
  }
  if (frame.length >= TRANSPORT) frame.sealIpv4();
  if (random.oneIn(4) && frame.length > 34 && frame.length <= FRAME_OCTETS_MAX) {
    frame.sealTransport(TRANSPORT);
  }
  scene.deliver();
}
