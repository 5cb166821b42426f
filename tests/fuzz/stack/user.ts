/**
 * What the module's user may do, rightly and wrongly, to every handle but the innocents'.
 *
 * Called by the fuzzer between frames. What it must not do by the contract it does not: there is no
 * call from within an import, and time never runs backwards.
 */
import { Event, Option, Parameter, Status } from "../../../hal/host/abi.ts";
import { noiseAt } from "./frames.ts";
import { type CallName, Finding } from "./machine.ts";
import { LISTEN_PORT, NETWORK, OUR_ADDRESS, type Scene, VICTIM_ADDRESS } from "./scene.ts";

/** Handles that a user keeps; the oldest are released beyond it. */
const HANDLES_MAX = 6;
const EVENTS_MAX = Object.values(Event).reduce((mask, bit) => mask | bit, 0);
const PORTS = [LISTEN_PORT, 4_000, 4_001, 0, 65_535, 81];

const USER_TIMEOUT_MAX_MS = 600_000;
const USER_TIMEOUT_LEGAL_MAX_MS = 86_400_000;

/** Calls that take a handle alone. */
const ON_HANDLE: readonly CallName[] = [
  "tcpReserve",
  "tcpReservedAddress",
  "tcpPeek",
  "tcpPeekedAddress",
  "tcpStatus",
  "tcpUrgent",
  "takeEvents",
  "tcpAccept",
];
/** Those that end something. */
const ENDING: readonly CallName[] = ["tcpCloseWrite", "tcpCloseWrite", "tcpClose", "tcpAbort"];

/** One thing that a user does. */
export function act(scene: Scene): void {
  const { random, machine } = scene;
  const dice = random.below(100);
  const handle = scene.handles.length === 0 ? 0 : random.pick(scene.handles);
  if (dice < 22) machine.write(handle, random.pick([1, 10, 300, 3_000]), (i) => noiseAt(i));
  else if (dice < 42) machine.read(handle, random.pick([1, 50, 3_000]), () => undefined);
  else if (dice < 50) takeAllEvents(scene);
  else if (dice < 56) machine.call("tcpAccept", scene.listener);
  else if (dice < 61) connect(scene);
  else if (dice < 66) machine.call(random.pick(ENDING), handle);
  else if (dice < 69) release(scene, random.below(scene.handles.length));
  else if (dice < 76) machine.call(random.pick(ON_HANDLE), handle);
  else if (dice < 82) setOption(scene, handle);
  else if (dice < 84) ping(scene);
  else if (dice < 86) listen(scene);
  else misuse(scene);
  if (scene.handles.length > HANDLES_MAX) release(scene, 0);
}

/** Takes all events, as an application's loop does. */
export function takeAllEvents(scene: Scene): void {
  const { machine } = scene;
  for (let i = 0; ; i++) {
    const handle = machine.call("nextReady");
    if (handle === 0) return;
    const mask = machine.call("takeEvents", handle);
    if (mask <= 0 || mask > EVENTS_MAX) throw new Finding(`takeEvents answered ${mask}`);
    if (i > 5_000) throw new Finding("nextReady never ends");
  }
}

function connect(scene: Scene): void {
  const { random, machine } = scene;
  const remote = random.oneIn(4)
    ? random.pick([0, OUR_ADDRESS, 0xffff_ffff, NETWORK + 255, 0x0808_0808, NETWORK + 200])
    : VICTIM_ADDRESS;
  const port = random.oneIn(3) ? random.pick(PORTS) : 5_000;
  const local = random.oneIn(3) ? 0 : random.pick(PORTS);
  const handle = machine.call("tcpConnect", remote, port, random.oneIn(8) ? remote : 0, local);
  if (handle <= 0) return;
  const address = machine.call("tcpStatus", handle);
  if (address <= 0) throw new Finding(`no status of a new connection: ${address}`);
}

/** Gives a handle back; the module has to take it. */
export function release(scene: Scene, index: number): void {
  const handle = scene.handles[index];
  if (handle === undefined) return;
  const status = scene.machine.call("tcpRelease", handle);
  if (status !== Status.OK) throw new Finding(`tcpRelease of a handle answered ${status}`);
}

function listen(scene: Scene): void {
  const { random, machine } = scene;
  const local = random.oneIn(4) ? OUR_ADDRESS : 0;
  machine.call("tcpListen", local, random.pick(PORTS), random.below(6));
}

function setOption(scene: Scene, handle: number): void {
  const { random, machine } = scene;
  const option = random.oneIn(9) ? random.below(20) : random.pick(Object.values(Option));
  const value = random.pick([0, 1, 2, 63, 255, 1_000, 1_500, 60_000, 600_000, random.next()]);
  machine.call("tcpSetOption", handle, option, bounded(option, value));
}

/** A day's user timeout would keep the finale waiting. */
function bounded(option: number, value: number): number {
  if (option !== Option.USER_TIMEOUT_MS || value > USER_TIMEOUT_LEGAL_MAX_MS) return value;
  return Math.min(value, USER_TIMEOUT_MAX_MS);
}

function ping(scene: Scene): void {
  const { random, machine } = scene;
  if (random.oneIn(2)) machine.call("pingTake");
  else {
    const whom = random.oneIn(3) ? NETWORK + 200 + random.below(3) : VICTIM_ADDRESS;
    machine.call("pingSend", whom, random.below(70_000), random.below(1_600));
  }
}

/** Numbers that no user should hand over, but for those that would hit an innocent connection. */
function misuse(scene: Scene): void {
  const { random, machine } = scene;
  const odd = (): number =>
    random.pick([0, 1, 2, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff, random.next(), random.below(99)]);
  const isSpared = (handle: number): boolean =>
    (handle | 0) === scene.listener ||
    scene.innocents.some((innocent) => innocent.handle === (handle | 0));
  const handle = random.oneIn(2) && scene.handles.length > 0 ? random.pick(scene.handles) : odd();
  if (isSpared(handle)) return;
  switch (random.below(12)) {
    case 0:
      machine.call(random.pick([...ON_HANDLE, ...ENDING]), handle);
      break;
    case 1:
      machine.call(random.pick(["tcpCommit", "tcpConsume"]), handle, odd());
      break;
    case 2:
      setOption(scene, handle);
      break;
    case 3:
      machine.call("tcpListen", odd(), odd(), odd());
      break;
    case 4:
      machine.call("limit", odd());
      break;
    case 5:
      machine.call("tcpStatusAt", odd());
      break;
    case 6:
      machine.call("tcpLookup", odd(), odd(), odd());
      break;
    case 7:
      machine.call("pingSend", odd(), odd(), odd());
      break;
    case 8:
      machine.call("setAddress", random.pick([0, 0xffff_ffff, 0x7f00_0001]), odd(), odd());
      machine.call("setAddress", OUR_ADDRESS, 24, random.pick([OUR_ADDRESS, 0xffff_ffff, 1]));
      break;
    case 9:
      machine.call("setLinkAddress", random.pick([0x0100, 0xffff]), odd());
      break;
    case 10:
      setParameter(scene);
      break;
    default:
      machine.call("rxSlotAddress", odd());
  }
}

function setParameter(scene: Scene): void {
  const { random, machine } = scene;
  const which = random.oneIn(4) ? random.next() : random.pick(Object.values(Parameter));
  machine.call("setParameter", which, random.pick([0, 1, 2, 10, 64, 200, 1_000, random.next()]));
}
