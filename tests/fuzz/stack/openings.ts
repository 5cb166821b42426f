/**
 * Where a case begins: each of the eleven states, each kind of record, and what fills a pool,
 * reached by the segments and calls that lead there.
 *
 *     plain   ordinary numbers
 *     clock   the clock and the peer's numbers are about to wrap
 *     iss     our numbers and the peer's are
 *
 * Called by the fuzzer, which keeps an image of each. Beside the opening's own connection two
 * innocent ones are ESTABLISHED, but where the module has no address yet.
 */
import { Limit, Option, Parameter, Status } from "../../../hal/host/abi.ts";
import { Flag } from "../../../hal/host/packet/index.ts";
import { IP, noiseAt, TRANSPORT } from "./frames.ts";
import { Innocent, stamp } from "./innocent.ts";
import { Finding } from "./machine.ts";
import {
  type Flow,
  INNOCENT_ADDRESS,
  LISTEN_PORT,
  NETWORK,
  OUR_ADDRESS,
  type Scene,
  VICTIM_ADDRESS,
} from "./scene.ts";

export const NUMBERS = ["plain", "clock", "iss"] as const;
export type Numbers = (typeof NUMBERS)[number];

const { SYN, FIN, RST, ACK, PSH, URG, ECE, CWR } = Flag;
const CLOCK_PLAIN = 10_000;
const CLOCK_BEFORE_WRAP_MS = 3_000;
const IRS_PLAIN = 0x1234_5678;
const IRS_BEFORE_WRAP = 7;
const ISS_BEFORE_WRAP = 20;
/** The clock of RFC 9293 §3.4.1. */
const ISN_STEPS_PER_MS = 250;
const LOCAL_PORT = 4_000;
const BACKLOG = 4;
const SECOND_MS = 1_000;

/** MSS 1460, SACK permitted, timestamps, window scale 3, as Linux orders them. */
const SYN_OPTIONS = Uint8Array.of(
  ...[2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 3],
);
/** The same with an MSS of 112, of which timestamps leave 100. */
const SMALL_MSS_OPTIONS = Uint8Array.of(2, 4, 0, 112, ...SYN_OPTIONS.subarray(4));
const MSS_OPTION = Uint8Array.of(2, 4, 0x05, 0xb4);

type Opening = (scene: Scene, victim: Flow) => void;

/** Every opening by its name. */
export const OPENINGS: Readonly<Record<string, Opening>> = {
  uninitialised: () => undefined,
  unaddressed: (s) => expectOk(s.machine.call("init", s.machine.clock, 0), "init"),
  listen: () => undefined,
  "syn-sent": (s, v) => connect(s, v),
  "syn-sent unresolved": (s, v) => {
    v.address = NETWORK + 200;
    s.machine.call("tcpConnect", v.address, v.peerPort, 0, LOCAL_PORT);
    s.machine.poll();
  },
  "syn-received passive": (s, v) => saySyn(s, v, MSS_OPTION),
  "syn-received active": (s, v) => {
    connect(s, v);
    saySyn(s, v, MSS_OPTION);
  },
  unaccepted: (s, v) => {
    saySyn(s, v, MSS_OPTION);
    ack(s, v);
  },
  "established passive": (s, v) => establish(s, v),
  "established active": (s, v) => establishActively(s, v, MSS_OPTION),
  "established options": (s, v) => establishActively(s, v, SYN_OPTIONS),
  "established options passive": (s, v) => establish(s, v, SYN_OPTIONS),
  "established ecn": (s, v) => {
    s.machine.call("setParameter", Parameter.ECN, 1);
    s.say(v, SYN | ECE | CWR, { options: stamped(s, SYN_OPTIONS, 0) });
    s.settle();
    finishOpening(s, v);
  },
  "in flight": (s, v) => {
    establishActively(s, v, SYN_OPTIONS);
    write(s, v, 2_000);
  },
  "many in flight": (s, v) => {
    establish(s, v, SMALL_MSS_OPTIONS);
    for (let i = 0; i < 4; i++) {
      write(s, v, 400);
      ack(s, v);
    }
    for (let i = 0; i < 10; i++) {
      write(s, v, 150);
      later(s, 2);
    }
  },
  "many in flight, none selective": (s, v) => {
    establish(s, v, Uint8Array.of(2, 4, 0, 100));
    write(s, v, 1_500);
    for (let i = 0; i < 3; i++) ack(s, v, { ack: (v.iss + 1) >>> 0 });
  },
  "out of order": (s, v) => {
    establish(s, v, SYN_OPTIONS);
    for (const gap of [100, 300, 500]) text(s, v, { seq: (v.rcv + gap) >>> 0, text: 50 });
    s.settle();
  },
  "window closed": (s, v) => {
    establish(s, v);
    ack(s, v, { window: 0 });
    write(s, v, 500);
    later(s, 5 * SECOND_MS);
  },
  "ring full": (s, v) => {
    establish(s, v);
    for (let i = 0; i < 20 && v.window > 0; i++) {
      text(s, v, { seq: v.rcv, text: Math.min(v.window, 1_000) });
      s.settle();
    }
  },
  recovery: (s, v) => {
    establishActively(s, v, SYN_OPTIONS);
    for (let i = 0; i < 3; i++) {
      write(s, v, 1_000);
      ack(s, v);
    }
    const una = v.nxt;
    write(s, v, 2_900);
    for (let i = 0; i < 4; i++) ack(s, v, { ack: una });
  },
  "backed off": (s, v) => {
    establish(s, v);
    write(s, v, 700);
    later(s, 20 * SECOND_MS);
  },
  "keep-alive": (s, v) => {
    establish(s, v, SYN_OPTIONS);
    const [handle = 0] = s.handles;
    s.machine.call("tcpSetOption", handle, Option.KEEP_ALIVE_IDLE_MS, SECOND_MS);
    s.machine.call("tcpSetOption", handle, Option.KEEP_ALIVE_INTERVAL_MS, SECOND_MS);
    s.machine.call("tcpSetOption", handle, Option.KEEP_ALIVE, 1);
    later(s, 3 * SECOND_MS);
  },
  urgent: (s, v) => {
    establish(s, v);
    s.say(v, ACK | URG, { text: 20, urgent: 30 });
    s.machine.call("tcpUrgent", s.handles[0]!);
    write(s, v, 10);
  },
  "fin-wait-1": (s, v) => closeFirst(s, v),
  "fin-wait-2": (s, v) => {
    closeFirst(s, v);
    ack(s, v);
  },
  "close-wait": (s, v) => hearFin(s, v),
  closing: (s, v) => {
    closeFirst(s, v);
    s.say(v, FIN | ACK, { ack: (v.nxt - 1) >>> 0 });
    s.settle();
  },
  "last-ack": (s, v) => {
    hearFin(s, v);
    s.machine.call("tcpCloseWrite", s.handles[0]!);
    s.settle();
  },
  "time-wait": (s, v) => timeWait(s, v),
  "time-wait options": (s, v) => {
    establish(s, v, SYN_OPTIONS);
    s.machine.call("tcpCloseWrite", s.handles[0]!);
    s.settle();
    s.say(v, FIN | ACK, { options: stamp(s.machine.clock, v.tsVal) });
    s.settle();
  },
  "time-wait released": (s, v) => {
    timeWait(s, v);
    release(s);
  },
  orphan: (s, v) => {
    establish(s, v);
    write(s, v, 600);
    release(s);
  },
  "reset by the peer": (s, v) => {
    establish(s, v);
    s.say(v, RST);
    s.settle();
  },
  "half-open full": (s) => manySyns(s, s.machine.call("limit", Limit.HALF_OPEN_COUNT) + 1),
  "connections full": (s) => {
    for (let i = 0; i < s.machine.call("limit", Limit.CONNECTION_COUNT); i++) {
      const flow = s.addFlow(VICTIM_ADDRESS, 7_000 + i, LISTEN_PORT);
      flow.irs = flow.rcv = flow.sent = (IRS_PLAIN + i) >>> 0;
      establish(s, flow, MSS_OPTION);
    }
  },
  "time-wait full": (s) => {
    for (let i = 0; i < s.machine.call("limit", Limit.TIME_WAIT_COUNT); i++) {
      const flow = s.addFlow(VICTIM_ADDRESS, 7_000 + i, LISTEN_PORT);
      timeWait(s, flow);
      release(s);
    }
  },
  fragments: (s, v) => {
    for (const [id, offset] of [
      [1, 0],
      [2, 3],
    ] as const) {
      s.build(v, ACK, { text: 700 });
      s.frame.length = TRANSPORT + 160;
      s.frame.u16(IP + 4, id);
      s.frame.u16(IP + 6, 0x2000 | offset);
      s.frame.u16(IP + 2, s.frame.length - IP);
      s.frame.sealIpv4();
      s.deliver();
    }
  },
  "neighbours full": (s) => {
    for (let i = 0; i < s.machine.call("limit", Limit.ARP_COUNT) + 2; i++) {
      s.machine.call("tcpConnect", NETWORK + 100 + i, 9, 0, 0);
      s.machine.poll();
    }
  },
};

/** Where the module cannot have a connection yet. */
export function isBare(opening: string): boolean {
  return opening === "uninitialised" || opening === "unaddressed";
}

/** Brings the scene to an opening, from nothing. */
export function open(scene: Scene, name: string, numbers: Numbers): void {
  const clock = numbers === "clock" ? 2 ** 32 - CLOCK_BEFORE_WRAP_MS : CLOCK_PLAIN;
  const irs = numbers === "plain" ? IRS_PLAIN : 2 ** 32 - IRS_BEFORE_WRAP;
  play(scene, name, { clock, irs });
  const { iss } = scene.flows[0]!;
  if (numbers !== "iss" || iss === 0) return;
  // The same again, at the time at which our ISS is about to wrap.
  const steps = (2 ** 32 - ISS_BEFORE_WRAP - iss) >>> 0;
  play(scene, name, { clock: clock + Math.floor(steps / ISN_STEPS_PER_MS), irs });
}

function play(scene: Scene, name: string, { clock, irs }: { clock: number; irs: number }): void {
  const { machine } = scene;
  machine.reset(clock);
  scene.clear();
  const victim = scene.flows[0]!;
  victim.irs = victim.rcv = victim.sent = irs;
  if (!isBare(name)) begin(scene);
  OPENINGS[name]!(scene, victim);
  scene.settle();
}

/** Addresses, a listener, neighbours, and the two innocents. */
function begin(scene: Scene): void {
  const { machine } = scene;
  expectOk(machine.call("init", machine.clock, 0), "init");
  expectOk(machine.call("setLinkAddress", 0x0200, 1), "setLinkAddress");
  expectOk(machine.call("setAddress", OUR_ADDRESS, 24, NETWORK + 254), "setAddress");
  scene.listener = machine.call("tcpListen", 0, LISTEN_PORT, BACKLOG);
  scene.handles.pop();
  for (const address of [INNOCENT_ADDRESS, VICTIM_ADDRESS, NETWORK + 254]) scene.tell(address);
  const called = scene.addFlow(INNOCENT_ADDRESS, 6_001, LISTEN_PORT);
  establish(scene, called, MSS_OPTION);
  innocent(scene, called);
  machine.call("tcpConnect", INNOCENT_ADDRESS, 7, 0, 6_002);
  scene.settle();
  const calling = scene.findFlow(INNOCENT_ADDRESS, 7, 6_002)!;
  answerSyn(scene, calling, SYN_OPTIONS);
  innocent(scene, calling);
  for (const one of scene.innocents) one.exchange(scene);
}

/** The flow's connection is an innocent's from now on. */
function innocent(scene: Scene, flow: Flow): void {
  const handle = scene.handles.pop()!;
  scene.innocents.push(new Innocent(flow, handle, flow.tsVal !== 0));
  scene.flows.splice(scene.flows.indexOf(flow), 1);
}

function expectOk(status: number, what: string): void {
  if (status !== Status.OK) throw new Finding(`${what} answered ${status} in an opening`);
}

function connect(scene: Scene, flow: Flow): void {
  flow.localPort = LOCAL_PORT;
  scene.machine.call("tcpConnect", flow.address, flow.peerPort, 0, LOCAL_PORT);
  scene.settle();
  // What the SYN taught does not include the peer's own numbers.
  flow.sent = flow.rcv = flow.irs;
}

function saySyn(scene: Scene, flow: Flow, options: Uint8Array): void {
  flow.rcv = flow.sent = flow.irs;
  scene.say(flow, SYN, { options: stamped(scene, options, 0) });
  scene.settle();
}

function answerSyn(scene: Scene, flow: Flow, options: Uint8Array): void {
  flow.rcv = flow.sent = flow.irs;
  scene.say(flow, SYN | ACK, { options: stamped(scene, options, flow.tsVal) });
  scene.settle();
}

/** Options of a SYN with the peer's timestamp, which is its clock, and the echo of ours. */
function stamped(scene: Scene, options: Uint8Array, tsVal: number): Uint8Array {
  if (options.length < 16) return options;
  const copy = options.slice();
  const view = new DataView(copy.buffer);
  view.setUint32(8, scene.machine.clock);
  view.setUint32(12, tsVal);
  return copy;
}

function establish(scene: Scene, flow: Flow, options = MSS_OPTION): void {
  saySyn(scene, flow, options);
  finishOpening(scene, flow);
}

function finishOpening(scene: Scene, flow: Flow): void {
  ack(scene, flow);
  scene.machine.call("tcpAccept", scene.listener);
}

function establishActively(scene: Scene, flow: Flow, options: Uint8Array): void {
  connect(scene, flow);
  answerSyn(scene, flow, options);
}

/** An empty ACK, with timestamps where the module sends them. */
function ack(scene: Scene, flow: Flow, said: { ack?: number; window?: number } = {}): void {
  text(scene, flow, { text: 0, ...said });
  scene.settle();
}

function text(
  scene: Scene,
  flow: Flow,
  said: { seq?: number; text: number; ack?: number; window?: number },
): void {
  const options = flow.tsVal === 0 ? undefined : stamp(scene.machine.clock, flow.tsVal);
  scene.say(flow, ACK | PSH, options === undefined ? said : { ...said, options });
}

/** The user writes, and the module sends what it may. */
function write(scene: Scene, flow: Flow, octets: number): void {
  const handle = scene.handles.at(-1)!;
  scene.machine.write(handle, octets, (i) => noiseAt(flow.nxt + i));
  scene.settle();
}

function closeFirst(scene: Scene, flow: Flow): void {
  establish(scene, flow);
  scene.machine.call("tcpCloseWrite", scene.handles.at(-1)!);
  scene.settle();
}

function hearFin(scene: Scene, flow: Flow): void {
  establish(scene, flow);
  scene.say(flow, FIN | ACK);
  scene.settle();
}

function timeWait(scene: Scene, flow: Flow): void {
  closeFirst(scene, flow);
  scene.say(flow, FIN | ACK);
  scene.settle();
}

function release(scene: Scene): void {
  scene.machine.call("tcpRelease", scene.handles.at(-1)!);
  scene.settle();
}

function manySyns(scene: Scene, count: number): void {
  for (let i = 0; i < count; i++) {
    saySyn(scene, scene.addFlow(VICTIM_ADDRESS, 7_000 + i, LISTEN_PORT), MSS_OPTION);
  }
}

/** Time passes, and the module does at each moment what it asked to be woken for. */
function later(scene: Scene, ms: number): void {
  for (let left = ms; left > 0;) {
    const sleepMs = Math.min(scene.settle(), left);
    scene.machine.advance(sleepMs);
    left -= sleepMs;
  }
  scene.settle();
}
