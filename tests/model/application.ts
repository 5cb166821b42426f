/**
 * The application of one host: what it has called, written and read, and what it was told. Which
 * call comes when is the search's choice; what a call does, and what it must find, stands here.
 *
 * Each octet that is written follows from its place in the stream, so that whoever reads knows
 * which one it must be. Called by machine.ts.
 */
import { EndReason, Event, Status, StatusField } from "../../hal/host/abi.ts";
import type { ModuleExports } from "../support/modules.ts";

/** The calls among which the search chooses, in the words of the RFC where it has one. */
export const CALLS = [
  "OPEN",
  "SEND",
  "RECEIVE",
  "CLOSE",
  "full close",
  "ABORT",
  "release",
  "accept",
  "stop listening",
] as const;
export type Call = (typeof CALLS)[number];

/** Both hosts talk over one tuple. */
export const PORTS = [40_001, 40_002] as const;
const STATUS_WORD_OCTETS = 4;

export interface App {
  /** Bits of CALLS: what was called. */
  called: number;
  written: number;
  read: number;
  /** Octets that the stack had received in order, read or not. */
  arrived: number;
  /** Handles, 0 where there is none; not part of the state, since they hold generations. */
  handle: number;
  listener: number;
  hasAccepted: boolean;
  /** RECEIVE has given the end-of-file. */
  hasReadAll: boolean;
  isTold: boolean;
  /** The EndReason of which it was told. */
  reason: number;
  /** The connection ended by a long time-out. */
  hasLapsed: boolean;
}

export const FRESH: Readonly<App> = {
  called: 0,
  written: 0,
  read: 0,
  arrived: 0,
  handle: 0,
  listener: 0,
  hasAccepted: false,
  hasReadAll: false,
  isTold: false,
  reason: EndReason.NONE,
  hasLapsed: false,
};

export function hasCalled(app: Readonly<App>, call: Call): boolean {
  return (app.called & (1 << CALLS.indexOf(call))) !== 0;
}

/** What of it belongs to the state, as text. */
export function keyOfApp(app: Readonly<App>): string {
  const flags =
    (app.handle !== 0 ? 1 : 0) |
    (app.listener !== 0 ? 2 : 0) |
    (app.hasAccepted ? 4 : 0) |
    (app.isTold ? 8 : 0) |
    (app.hasLapsed ? 16 : 0) |
    (app.hasReadAll ? 32 : 0);
  const { called, written, read, arrived, reason } = app;
  return String.fromCharCode(called, written, read, arrived, reason, flags);
}

/** The octet at a place of the stream that a side sends. */
function octetAt(side: number, place: number): number {
  return (side * 101 + place * 7 + 1) & 0xff;
}

/** What one side may do, and to whom. */
export interface Script {
  readonly side: 0 | 1;
  /** Once the search calls OPEN, by listening, or with an OPEN before all else. */
  readonly opens: "actively" | "passively" | "at once";
  readonly writes: number;
  readonly octets: number;
  readonly calls: readonly Call[];
  /** Whether it may release a handle whose connection lives, which is a full close. */
  readonly releasesEarly: boolean;
  readonly remoteAddress: number;
}

/** A call that answers something that it never should. */
export class Misbehaviour extends Error {}

/**
 * Makes a call; false if there is nothing to call it for in this state. Once the user knows that
 * the connection is over, all that is left is to read the rest and release the handle.
 */
export function makeCall(exports: ModuleExports, script: Script, app: App, call: Call): boolean {
  if (app.isTold && call !== "release" && call !== "stop listening") return false;
  const done = calls[call](exports, script, app);
  if (done) app.called |= 1 << CALLS.indexOf(call);
  return done;
}

type Make = (exports: ModuleExports, script: Script, app: App) => boolean;

const calls: Readonly<Record<Call, Make>> = {
  OPEN: (exports, { opens, remoteAddress, side }, app) => {
    if (opens === "passively" || hasCalled(app, "OPEN")) return false;
    const [own, other] = side === 0 ? PORTS : [PORTS[1], PORTS[0]];
    app.handle = exports.tcpConnect(remoteAddress, other, 0, own);
    if (app.handle < 0) throw new Misbehaviour(`tcpConnect answers ${app.handle}`);
    return true;
  },
  accept: (exports, _script, app) => {
    if (app.listener === 0 || app.hasAccepted) return false;
    const handle = exports.tcpAccept(app.listener);
    if (handle === Status.WOULD_BLOCK) return false;
    if (handle < 0) throw new Misbehaviour(`tcpAccept answers ${handle}`);
    app.handle = handle;
    app.hasAccepted = true;
    return true;
  },
  SEND: (exports, script, app) => {
    if (app.handle === 0 || app.written >= script.writes * script.octets) return false;
    const room = exports.tcpReserve(app.handle);
    if (!isPossible("tcpReserve", room)) return false;
    const octets = Math.min(room, script.octets);
    const address = exports.tcpReservedAddress(app.handle);
    const memory = new Uint8Array(exports.memory.buffer);
    for (let i = 0; i < octets; i++) memory[address + i] = octetAt(script.side, app.written + i);
    const status = exports.tcpCommit(app.handle, octets);
    if (status !== Status.OK) throw new Misbehaviour(`tcpCommit answers ${status}`);
    app.written += octets;
    return true;
  },
  RECEIVE: (exports, script, app) => {
    if (app.handle === 0 || app.hasReadAll) return false;
    return receive(exports, script.side, app);
  },
  CLOSE: (exports, _script, app) =>
    app.handle !== 0 && isPossible("tcpCloseWrite", exports.tcpCloseWrite(app.handle)),
  "full close": (exports, _script, app) =>
    app.handle !== 0 && isPossible("tcpClose", exports.tcpClose(app.handle)),
  ABORT: (exports, _script, app) =>
    app.handle !== 0 && isPossible("tcpAbort", exports.tcpAbort(app.handle)),
  release: (exports, script, app) => {
    if (app.handle === 0 || !(app.isTold || script.releasesEarly)) return false;
    if (app.isTold && !app.hasReadAll) readRest(exports, script.side, app);
    release(exports, app);
    return true;
  },
  "stop listening": (exports, _script, app) => {
    if (app.listener === 0) return false;
    const status = exports.tcpClose(app.listener);
    if (status !== Status.OK) throw new Misbehaviour(`tcpClose answers ${status}`);
    app.listener = 0;
    return true;
  },
};

/** What a call may answer when it comes at the wrong time. */
function isPossible(name: string, answer: number): boolean {
  if (answer >= 0) return true;
  const refusals: readonly number[] = [
    Status.WOULD_BLOCK,
    Status.CONNECTION_CLOSING,
    Status.CONNECTION_ENDED,
  ];
  if (!refusals.includes(answer)) throw new Misbehaviour(`${name} answers ${answer}`);
  return false;
}

function release(exports: ModuleExports, app: App): void {
  const status = exports.tcpRelease(app.handle);
  if (status !== Status.OK) throw new Misbehaviour(`tcpRelease answers ${status}`);
  app.handle = 0;
}

/** After a normal end all can still be read, up to the end-of-file, unless the user gave it up. */
function readRest(exports: ModuleExports, side: number, app: App): void {
  receive(exports, side, app);
  if (!hasCalled(app, "full close")) receive(exports, side, app);
  if (hasCalled(app, "full close") || app.hasReadAll) return;
  throw new Misbehaviour("after a normal end there is no end-of-file");
}

/** Reads all that is there; true if that was something, or the end-of-file. */
function receive(exports: ModuleExports, side: number, app: App): boolean {
  let octets = exports.tcpPeek(app.handle);
  if (!isPossible("tcpPeek", octets)) return false;
  app.hasReadAll = octets === 0;
  for (; octets > 0; octets = exports.tcpPeek(app.handle)) {
    const address = exports.tcpPeekedAddress(app.handle);
    const memory = new Uint8Array(exports.memory.buffer);
    for (let i = 0; i < octets; i++) {
      if (memory[address + i] === octetAt(1 - side, app.read + i)) continue;
      throw new Misbehaviour(`octet ${app.read + i} that was read is not the one written`);
    }
    const status = exports.tcpConsume(app.handle, octets);
    if (status !== Status.OK) throw new Misbehaviour(`tcpConsume answers ${status}`);
    app.read += octets;
  }
  return true;
}

/**
 * Takes all events that wait, as an application does after each poll. A handle whose connection has
 * ended otherwise than by two FINs is of no use, and released at once.
 */
export function takeEvents(exports: ModuleExports, app: App): void {
  for (let handle = exports.nextReady(); handle !== 0; handle = exports.nextReady()) {
    const events = exports.takeEvents(handle);
    if (events < 0) throw new Misbehaviour(`takeEvents answers ${events}`);
    if (handle !== app.handle || (events & Event.ENDED) === 0) continue;
    if (app.isTold) throw new Misbehaviour("ENDED comes twice");
    app.isTold = true;
    app.reason = statusOf(exports, app.handle, StatusField.END_REASON);
    if (app.reason === EndReason.NONE) throw new Misbehaviour("ENDED comes without a reason");
    if (app.reason !== EndReason.CLOSED) release(exports, app);
  }
}

function statusOf(exports: ModuleExports, handle: number, field: number): number {
  const address = exports.tcpStatus(handle);
  if (address < 0) throw new Misbehaviour(`tcpStatus answers ${address}`);
  const view = new DataView(exports.memory.buffer);
  return view.getUint32(address + STATUS_WORD_OCTETS * field, true);
}
