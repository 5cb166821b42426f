/**
 * A module, the stations around it, and what they know of its connections: enough to send what is
 * nearly right.
 *
 *     station 1    10.9.0.2      the module
 *     station 3    10.9.0.3      the victim's peer; 4 … 9 others that are fuzzed from
 *     station 2    10.9.0.1      where the innocents live
 *     station 254  10.9.0.254    the router
 *
 * A flow is what frames have shown of a tuple: the numbers that its next segment should carry.
 * Everything here can be saved and restored with the module's memory.
 * Called by openings.ts, grammar.ts, innocent.ts and the fuzzer.
 */
import { Flag } from "../../../hal/host/packet/index.ts";
import { Random } from "../random.ts";
import { FrameBuffer, IP, TRANSPORT } from "./frames.ts";
import { Innocent } from "./innocent.ts";
import { Judge } from "./judge.ts";
import { Finding, Machine, type FuzzedProfile } from "./machine.ts";

export const NETWORK = 0x0a09_0000;
export const OUR_ADDRESS = NETWORK + 2;
export const OUR_STATION = 1;
export const INNOCENT_ADDRESS = NETWORK + 1;
export const VICTIM_ADDRESS = NETWORK + 3;
const ROUTER_STATION = 254;
export const LISTEN_PORT = 80;
/** Flows that are remembered; the first is the victim's. */
const FLOW_COUNT = 12;
const TYPE_ARP = 0x0806;
const ECHO_REQUEST = 8;
const TYPE_IPV4 = 0x0800;

/** What is known of a tuple, from the peer's side. */
export interface Flow {
  address: number;
  peerPort: number;
  localPort: number;
  /** Our ISS as the peer has seen it, and the number after the last one seen. */
  iss: number;
  nxt: number;
  /** How far the peer has acknowledged that. */
  acked: number;
  /** The peer's: its ISS, the next number that the module expects, and the next to send. */
  irs: number;
  rcv: number;
  sent: number;
  /** The window that the module offers. */
  window: number;
  /** TSval of its last segment; 0 without timestamps. */
  tsVal: number;
}

/** What a segment says beside its numbers. */
export interface Said {
  seq?: number;
  ack?: number;
  /** Octets of text. */
  text?: number;
  window?: number;
  options?: Uint8Array;
  urgent?: number;
}

interface Saved {
  memory: Uint8Array;
  clock: number;
  flows: Flow[];
  handles: number[];
  innocents: Innocent[];
  listener: number;
  questions: number[];
}

export class Scene {
  readonly machine: Machine;
  readonly frame = new FrameBuffer();
  readonly random = new Random(1);
  readonly judge = new Judge(OUR_ADDRESS);
  flows: Flow[] = [];
  innocents: Innocent[] = [];
  listener = 0;
  /** Addresses that the module has asked for by ARP. */
  questions: number[] = [];
  /** The last echo request that left, or none. */
  echo = new Uint8Array(0);
  #nextFlow = 1;

  constructor(profile: FuzzedProfile) {
    this.machine = new Machine(profile);
    this.machine.outlet = (at, length) => this.#see(at, length);
  }

  /** What the user holds, but for the innocents' and the listener. */
  get handles(): number[] {
    return this.machine.handles;
  }

  /** A station of a number that is its address's last octet; beyond the network, the router's. */
  stationOf(address: number): number {
    if (address === INNOCENT_ADDRESS) return 2;
    return (address & 0xffff_ff00) >>> 0 === NETWORK ? address & 0xff : ROUTER_STATION;
  }

  save(): Saved {
    const { machine } = this;
    return {
      memory: machine.octets.slice(0, machine.stateOctets),
      clock: machine.clock,
      flows: this.flows.map((flow) => ({ ...flow })),
      handles: [...machine.handles],
      innocents: this.innocents.map((innocent) => innocent.clone()),
      listener: this.listener,
      questions: [...this.questions],
    };
  }

  restore(saved: Saved): void {
    const { machine } = this;
    machine.octets.set(saved.memory);
    machine.clock = saved.clock;
    machine.setBusy(false);
    this.flows = saved.flows.map((flow) => ({ ...flow }));
    machine.handles = [...saved.handles];
    this.innocents = saved.innocents.map((innocent) => innocent.clone());
    this.listener = saved.listener;
    this.questions = [...saved.questions];
    this.echo = new Uint8Array(0);
    this.#nextFlow = 1;
  }

  /** Forgets everything; a flow for the victim is there. */
  clear(): void {
    this.flows = [newFlow(VICTIM_ADDRESS, 5_000, LISTEN_PORT)];
    this.innocents = [];
    this.listener = 0;
    this.questions = [];
    this.#nextFlow = 1;
  }

  /** A segment of a flow's peer: its next numbers, unless said otherwise. */
  say(flow: Flow, flags: number, said: Said = {}): void {
    const { seq = flow.sent, text = 0 } = said;
    this.build(flow, flags, said);
    this.frame.seal();
    this.deliver();
    const end = (seq + text + ((flags & Flag.SYN) !== 0 ? 1 : 0) + (flags & Flag.FIN)) >>> 0;
    if (((end - flow.sent) | 0) > 0) flow.sent = end;
    if ((flags & Flag.ACK) !== 0) this.acknowledged(flow, said.ack ?? flow.nxt);
  }

  /** The peer has sent this acknowledgement. */
  acknowledged(flow: Flow, ack: number): void {
    if (((ack - flow.acked) | 0) > 0 && ((ack - flow.nxt) | 0) <= 0) flow.acked = ack;
  }

  /** Puts such a segment into the buffer, unsealed. */
  build(flow: Flow, flags: number, said: Said): void {
    const { frame } = this;
    const { seq = flow.sent, text = 0, window = 65_535, options, urgent = 0 } = said;
    const { ack = (flags & Flag.ACK) !== 0 ? flow.nxt : 0 } = said;
    frame.ethernet(OUR_STATION, this.stationOf(flow.address), TYPE_IPV4);
    frame.ipv4(flow.address, OUR_ADDRESS, 6);
    frame.u16(TRANSPORT, flow.peerPort);
    frame.u16(TRANSPORT + 2, flow.localPort);
    frame.u32(TRANSPORT + 4, seq);
    frame.u32(TRANSPORT + 8, ack);
    const optionOctets = options === undefined ? 0 : options.length;
    frame.octets[TRANSPORT + 12] = (5 + (optionOctets >>> 2)) << 4;
    frame.octets[TRANSPORT + 13] = flags;
    frame.u16(TRANSPORT + 14, window);
    frame.u16(TRANSPORT + 18, urgent);
    if (options !== undefined) frame.octets.set(options, TRANSPORT + 20);
    const at = TRANSPORT + 20 + optionOctets;
    if (text > 0) frame.fill(at, seq + (flags & Flag.SYN ? 1 : 0), text);
    frame.length = at + text;
  }

  /** Hands over what the buffer holds. */
  deliver(): void {
    const { frame, machine } = this;
    const count = Math.min(frame.length, 1_514);
    machine.octets.set(frame.octets.subarray(0, count), machine.slot);
    machine.deliver(frame.length);
  }

  /** Polls, and answers what the module asks the link, until it asks no more. */
  settle(): number {
    for (let round = 0; round < 10; round++) {
      const sleepMs = this.machine.poll();
      if (!this.answer()) return sleepMs;
    }
    return 1;
  }

  /** Answers the ARP requests that are open; whether there were any. */
  answer(): boolean {
    const asked = this.questions;
    this.questions = [];
    for (const address of asked) this.tell(address);
    return asked.length > 0;
  }

  /** The station of an address says by ARP that it is there. */
  tell(address: number): void {
    this.arp(2, address, OUR_ADDRESS);
    this.deliver();
  }

  arp(operation: number, sender: number, target: number): void {
    const { frame } = this;
    const station = this.stationOf(sender);
    frame.ethernet(OUR_STATION, station, TYPE_ARP);
    frame.u32(IP, 0x0001_0800);
    frame.u16(IP + 4, 0x0604);
    frame.u16(IP + 6, operation);
    frame.octets.copyWithin(IP + 8, 6, 12);
    frame.u32(IP + 14, sender);
    frame.octets.copyWithin(IP + 18, 0, 6);
    frame.u32(IP + 24, target);
    frame.length = IP + 28;
  }

  /** A peer's port that no flow has yet becomes one. */
  addFlow(address: number, peerPort: number, localPort: number): Flow {
    const flow = newFlow(address, peerPort, localPort);
    if (this.flows.length < FLOW_COUNT) this.flows.push(flow);
    else {
      this.flows[this.#nextFlow] = flow;
      this.#nextFlow = (this.#nextFlow % (FLOW_COUNT - 1)) + 1;
    }
    return flow;
  }

  /** Sees a frame leave. */
  #see(at: number, length: number): boolean {
    const { octets, view } = this.machine;
    const fault = this.judge.judge(octets, at, length);
    if (fault !== undefined) this.machine.report(new Finding(`a frame that left: ${fault}`));
    if (view.getUint16(at + 12) === TYPE_ARP) {
      if (octets[at + 21] === 1) this.questions.push(view.getUint32(at + 38));
    } else if (octets[at + 23] === 6) this.#learn(at, length);
    else if (octets[at + TRANSPORT] === ECHO_REQUEST) this.echo = octets.slice(at, at + length);
    return true;
  }

  #learn(at: number, length: number): void {
    const { octets, view } = this.machine;
    const tcp = at + TRANSPORT;
    const address = view.getUint32(at + IP + 16);
    const peerPort = view.getUint16(tcp + 2);
    const localPort = view.getUint16(tcp);
    for (const innocent of this.innocents) {
      if (innocent.owns(address, peerPort, localPort)) return innocent.hear(this, at, length);
    }
    const flags = octets[tcp + 13]!;
    if ((flags & Flag.RST) !== 0) return;
    const flow =
      this.findFlow(address, peerPort, localPort) ?? this.addFlow(address, peerPort, localPort);
    const seq = view.getUint32(tcp + 4);
    const header = (octets[tcp + 12]! >>> 4) * 4;
    const isSyn = (flags & Flag.SYN) !== 0;
    const end = seq + length - TRANSPORT - header + (isSyn ? 1 : 0) + (flags & Flag.FIN);
    if (isSyn) {
      flow.iss = seq;
      flow.acked = seq;
      flow.nxt = end >>> 0;
    } else if (((end - flow.nxt) | 0) > 0) flow.nxt = end >>> 0;
    if ((flags & Flag.ACK) !== 0) {
      flow.rcv = view.getUint32(tcp + 8);
      if (isSyn || ((flow.rcv - flow.sent) | 0) > 0) flow.sent = flow.rcv;
    }
    flow.window = view.getUint16(tcp + 14);
    flow.tsVal = header >= 32 ? findTsVal(octets, tcp, header) : 0;
  }

  findFlow(address: number, peerPort: number, localPort: number): Flow | undefined {
    for (const flow of this.flows) {
      if (flow.peerPort === peerPort && flow.localPort === localPort && flow.address === address) {
        return flow;
      }
    }
    return undefined;
  }
}

function newFlow(address: number, peerPort: number, localPort: number): Flow {
  const irs = 0x1234_5678;
  const numbers = { iss: 0, nxt: 0, acked: 0, irs, rcv: irs, sent: irs };
  return { address, peerPort, localPort, ...numbers, window: 0, tsVal: 0 };
}

/** TSval of a segment at `tcp`, or 0. */
function findTsVal(octets: Uint8Array, tcp: number, header: number): number {
  for (let at = tcp + 20; at < tcp + header;) {
    const kind = octets[at]!;
    if (kind === 8) {
      const high = (octets[at + 2]! << 24) | (octets[at + 3]! << 16);
      return (high | (octets[at + 4]! << 8) | octets[at + 5]!) >>> 0;
    }
    if (kind === 0) return 0;
    at += kind === 1 ? 1 : Math.max(2, octets[at + 1]!);
  }
  return 0;
}
