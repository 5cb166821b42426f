/**
 * One cell of the grid: the same transfer between the kernel and Linger, and between the kernel and
 * another kernel, over the same wire.
 *
 * Called by main.ts, inside the private network. Connections open while the wire is still clean;
 * what was agreed on is read from the SYNs.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  type Connection,
  type ImpairedWire,
  impair,
  openTap,
  RealClock,
  Stack,
} from "../../hal/host/index.ts";
import { FAR_ADDRESS, FAR_PORT, type FarKernel } from "./far.ts";
import {
  type GridWire,
  impairmentOf,
  lingerParameters,
  setKernelSwitches,
  type Switches,
} from "./grid.ts";
import { lingerEnd, NEAR_SEED, FAR_SEED, nowMs, socketEnd, transfer } from "./transfer.ts";
import { agreement, Watch, watchWire } from "./watch.ts";

const LINGER_ADDRESS = "10.9.0.2";
const LINGER_PORT = 7000;
const TAP = "tap0";

/** Octets per second, from the far side's application to the near kernel's, and back. */
export interface Goodput {
  toNear: number;
  toFar: number;
}

export interface Cell {
  wire: GridWire;
  switches: Switches;
  linger: Goodput;
  kernel: Goodput;
}

export interface Extent {
  length: number;
  /** How long one transfer may take. */
  limitMs: number;
}

/** Measures a cell: Linger and the kernel in turns, as often as the wire asks for. */
export async function measureCell(
  wire: GridWire,
  switches: Switches,
  { far, length, limitMs }: Extent & { far: FarKernel },
): Promise<Cell> {
  const extent = { length, limitMs };
  setKernelSwitches(switches);
  await far.setSwitches(switches);
  const linger: Goodput[] = [];
  const kernel: Goodput[] = [];
  for (let round = 0; round < wire.rounds; round++) {
    linger.push(await measureLinger(wire, switches, extent));
    kernel.push(await measureKernel(wire, switches, { far, ...extent }));
  }
  return { wire, switches, linger: medianOf(linger), kernel: medianOf(kernel) };
}

function medianOf(rounds: readonly Goodput[]): Goodput {
  const middle = (direction: keyof Goodput) =>
    rounds.map((goodput) => goodput[direction]).sort((a, b) => a - b)[rounds.length >> 1]!;
  return { toNear: middle("toNear"), toFar: middle("toFar") };
}

async function measureLinger(wire: GridWire, switches: Switches, extent: Extent): Promise<Goodput> {
  const { near, watch } = await openNear();
  const stack = Stack.create({
    wire: near,
    address: `${LINGER_ADDRESS}/24`,
    mslMs: 500,
    parameters: lingerParameters(switches),
  });
  try {
    const accepted = once(stack.listen(LINGER_PORT, { noDelay: true }), "connection");
    const socket = await open(LINGER_ADDRESS, LINGER_PORT);
    const [connection] = (await accepted) as [Connection];
    assert.deepEqual(agreed(watch, socket), switches, "what the SYNs agree on");
    const atFar = () => transfer(lingerEnd(connection), extent.length, FAR_SEED);
    return await run(atFar, { near, wire, socket, extent });
  } finally {
    stack.close();
  }
}

async function measureKernel(
  wire: GridWire,
  switches: Switches,
  { far, ...extent }: Extent & { far: FarKernel },
): Promise<Goodput> {
  const { near, watch } = await openNear();
  // No impairment: only the queue for frames that the interface does not take at once.
  const other = impair(far.wire, { clock: new RealClock() });
  near.onFrame((frame) => void other.send(frame));
  other.onFrame((frame) => void near.send(frame));
  try {
    const socket = await open(FAR_ADDRESS, FAR_PORT);
    assert.deepEqual(agreed(watch, socket), switches, "what the SYNs agree on");
    return await run(() => far.transfer(extent.length), { near, wire, socket, extent });
  } finally {
    near.close();
  }
}

/** The kernel's side of the wire, still clean, and the handshakes that pass it. */
async function openNear(): Promise<{ near: ImpairedWire; watch: Watch }> {
  const watch = new Watch();
  const tap = watchWire(await openTap(TAP), (frame) => watch.seeSyn(frame));
  return { near: impair(tap, { clock: new RealClock() }), watch };
}

async function open(host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  await once(socket, "connect");
  return socket.pause();
}

function agreed(watch: Watch, { localPort, remotePort }: Socket): Switches {
  const first = watch.carried(localPort!, remotePort!);
  return agreement(first, watch.carried(remotePort!, localPort!));
}

/** The transfer itself: both ends start now, over the wire as it is meant to be. */
async function run(
  far: () => Promise<number>,
  { near, wire, socket, extent }: Run,
): Promise<Goodput> {
  const { length, limitMs } = extent;
  near.setImpairment({ outbound: impairmentOf(wire), inbound: impairmentOf(wire) });
  socket.on("error", () => undefined);
  const fromMs = nowMs();
  const ends = Promise.all([transfer(socketEnd(socket), length, NEAR_SEED), far()]);
  const timer = setTimeout(() => socket.resetAndDestroy(), limitMs);
  try {
    const [nearMs, farMs] = await ends;
    const perSecond = (untilMs: number) => (length * 1000) / (untilMs - fromMs);
    return { toNear: perSecond(nearMs), toFar: perSecond(farMs) };
  } catch (error) {
    if (nowMs() - fromMs < limitMs) throw error;
    throw new Error(`a transfer took longer than ${limitMs / 1000} s`, { cause: error });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

interface Run {
  near: ImpairedWire;
  wire: GridWire;
  socket: Socket;
  extent: Extent;
}
