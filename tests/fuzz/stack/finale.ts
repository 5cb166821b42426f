/**
 * How a case ends: everything is closed, time passes, and then all has to be as before. Every pool
 * is full again but for the innocents, who have lost nothing.
 *
 * Called by the fuzzer after the last step of a case, and of one that is played again.
 */
import { Counter, Limit, State, Status } from "../../../hal/host/abi.ts";
import { Flag } from "../../../hal/host/packet/index.ts";
import { Finding, isNever } from "./machine.ts";
import { type Flow, type Scene, VICTIM_ADDRESS } from "./scene.ts";
import { release, takeAllEvents } from "./user.ts";

const { SYN, FIN, RST, ACK } = Flag;
/**
 * Beyond two user timeouts of 10 min each, the age of a neighbour that nobody uses, and the longest
 * that the wheel holds a deadline which nobody waits for any more (9.3 hours).
 */
const QUIET_MS_MAX = 40_000_000;
const POLLS_MAX = 5_000;
const PROBE_PORT = 4_242;
const PROBE_BACKLOG = 255;

/** Closes, waits, and looks. `isDeep` also fills every pool once. */
export function endCase(scene: Scene, isDeep: boolean): void {
  const { machine } = scene;
  machine.setBusy(false);
  exchangeAll(scene);
  letGo(scene);
  growQuiet(scene);
  exchangeAll(scene);
  growQuiet(scene);
  takeAllEvents(scene);
  judgePools(scene);
  if (isDeep) fillPools(scene);
}

function exchangeAll(scene: Scene): void {
  for (const innocent of scene.innocents) innocent.exchange(scene);
}

/** The user gives everything back, and what waits to be accepted too. */
function letGo(scene: Scene): void {
  const { machine, listener } = scene;
  for (let i = 0; i < 1_000; i++) {
    while (scene.handles.length > 0) release(scene, 0);
    if (listener === 0 || machine.call("tcpAccept", listener) <= 0) return;
  }
  throw new Finding("tcpAccept never ends");
}

/** Lets time pass until nothing is due any more. */
function growQuiet(scene: Scene): void {
  const { machine, listener } = scene;
  let ms = 0;
  for (let polls = 0; polls < POLLS_MAX && ms < QUIET_MS_MAX; polls++) {
    const sleepMs = scene.settle();
    if (isNever(sleepMs)) return;
    if (listener !== 0 && machine.call("tcpAccept", listener) > 0) release(scene, 0);
    machine.advance(sleepMs);
    ms += sleepMs;
  }
  throw new Finding(`something is due for ever: after ${ms} ms the module is not quiet`);
}

/** No connection but the innocents', no record of any flow, no handle. */
function judgePools(scene: Scene): void {
  const { machine, innocents } = scene;
  const found: number[] = [];
  for (let i = 0; i < machine.call("limit", Limit.CONNECTION_COUNT); i++) {
    const at = machine.call("tcpStatusAt", i);
    if (at !== 0) found.push(machine.view.getUint32(at, true));
  }
  if (found.length !== innocents.length || found.some((state) => state !== State.ESTABLISHED)) {
    throw new Finding(`connections are left in the states ${found.join(", ")}`);
  }
  for (const { address, peerPort, localPort } of scene.flows) {
    const state = machine.call("tcpLookup", address | 0, peerPort, localPort);
    if (state === State.CLOSED || state === State.LISTEN) continue;
    throw new Finding(`a tuple is left in state ${state}`);
  }
}

/**
 * As many listeners, half-open records, connections and TIME-WAIT records as there should be:
 * opened, used and given back.
 */
function fillPools(scene: Scene): void {
  const { machine, innocents } = scene;
  if (innocents.length === 0) return;
  const listener = fillListeners(scene);
  const connections = machine.call("limit", Limit.CONNECTION_COUNT) - innocents.length;
  const timeWaits = machine.call("limit", Limit.TIME_WAIT_COUNT);
  const recycled = machine.counter(Counter.TIME_WAIT_RECYCLED);
  let port = 20_000;
  for (let left = timeWaits; left > 0;) {
    const flows = fillHalfOpens(scene, (port += 100));
    const count = Math.min(connections, left, flows.length);
    const handles = completeSome(scene, listener, flows.slice(0, count));
    for (const flow of flows.slice(count)) scene.say(flow, RST, { seq: flow.rcv });
    for (const [i, handle] of handles.entries()) closeFirst(scene, flows[i]!, handle);
    left -= count;
  }
  if (machine.counter(Counter.TIME_WAIT_RECYCLED) !== recycled) {
    throw new Finding(`TIME-WAIT records are missing: fewer than ${timeWaits}`);
  }
  machine.call("tcpClose", listener);
  growQuiet(scene);
  judgePools(scene);
}

/** Opens every listener that should be there; one is left open. */
function fillListeners(scene: Scene): number {
  const { machine } = scene;
  const listeners: number[] = [];
  for (let i = 1; i < machine.call("limit", Limit.LISTENER_COUNT); i++) {
    const listener = machine.call("tcpListen", 0, PROBE_PORT + i - 1, PROBE_BACKLOG);
    if (listener <= 0) throw new Finding(`a listener is missing: ${listener}`);
    listeners.push(listener);
  }
  for (const listener of listeners.slice(1)) machine.call("tcpClose", listener);
  return listeners[0]!;
}

function fillHalfOpens(scene: Scene, port: number): Flow[] {
  const { machine } = scene;
  const cookies = machine.counter(Counter.SYN_COOKIES_OUT);
  const flows: Flow[] = [];
  for (let i = 0; i < machine.call("limit", Limit.HALF_OPEN_COUNT); i++) {
    const flow = scene.addFlow(VICTIM_ADDRESS, port + i, PROBE_PORT);
    scene.say(flow, SYN);
    if (flow.iss === 0) throw new Finding(`a SYN remains unanswered: the ${i + 1}th`);
    flows.push(flow);
  }
  if (machine.counter(Counter.SYN_COOKIES_OUT) !== cookies) {
    throw new Finding("half-open records are missing: a SYN was answered by a cookie");
  }
  return flows;
}

/** Completes handshakes; each must give a connection. */
function completeSome(scene: Scene, listener: number, flows: readonly Flow[]): number[] {
  for (const flow of flows) scene.say(flow, ACK);
  scene.settle();
  return flows.map((_, i) => {
    const handle = scene.machine.call("tcpAccept", listener);
    if (handle <= 0) throw new Finding(`a connection is missing: the ${i + 1}th, ${handle}`);
    return handle;
  });
}

/** A normal close by the module's user, up to TIME-WAIT. */
function closeFirst(scene: Scene, flow: Flow, handle: number): void {
  const { machine } = scene;
  if (machine.call("tcpCloseWrite", handle) !== Status.OK) throw new Finding("no CLOSE");
  scene.settle();
  scene.say(flow, FIN | ACK);
  scene.settle();
  machine.call("tcpRelease", handle);
  const state = machine.call("tcpLookup", flow.address | 0, flow.peerPort, flow.localPort);
  if (state !== State.TIME_WAIT) throw new Finding(`a normal close led to state ${state}`);
}
