/**
 * The application's TCP calls: `hal/README.md`, "Exports: TCP", where each is specified.
 *
 * Here handles, addresses and ranges are checked, so that a mistake gets a named Status; the calls
 * themselves are RFC 9293 §3.10 in tcp/calls. Called by `index`, and by applications in the module.
 */
import { CONNECTION_COUNT, HAS_KEEP_ALIVE, HAS_MARKS, HAS_TROUBLE } from "../config";
import { Option, State, Status } from "../core/abi";
import {
  interfaceAddress,
  isConfigured,
  isInterfaceUp,
  isLocalAddress,
  isUsablePeer,
  nextHopOf,
} from "../netif/interface";
import { forgetHeader } from "../netif/standing-header";
import * as calls from "../tcp/calls";
import { findFlow } from "../tcp/demux";
import { FlowKind } from "../tcp/flow";
import { setKeepAlive } from "../tcp/keep-alive";
import {
  allocateListener,
  findBound,
  findListener,
  indexOfListener,
  listenerAt,
} from "../tcp/listener";
import {
  FIRST_LISTENER_ENTRY,
  connectionEntry,
  isAnyReady,
  listenerEntry,
  takeReady,
  withdrawReady,
} from "../tcp/ready";
import { withDscp, withTtl } from "../tcp/marks";
import { wantOutput } from "../tcp/pending";
import { hastenAck } from "../tcp/receive";
import { Flag, Tcb, clearFlag, indexOfTcb, raiseFlag, tcbAt } from "../tcp/tcb";
import { setUserTimeout } from "../tcp/timers";
import {
  forgetHandle, handleOf, handleOfListener, handleOfTcb, indexOfHandle, listenerOf, tcbOf,
} from "./handles";
import { TTL_MAX } from "./parameters";
import { statusOfListener, statusOfTcb } from "./status";

@inline const PORT_MAX: u32 = 65535;
@inline const BACKLOG_MAX: u32 = 255;
/** RFC 2474 §3: six bits. */
@inline const DSCP_MAX: u32 = 63;
/** Range of the user timeout: below a second it would beat the first retransmission. */
@inline const USER_TIMEOUT_MIN_MS: u32 = 1_000;
@inline const USER_TIMEOUT_MAX_MS: u32 = 86_400_000;

/**
 * Passive OPEN (RFC 9293 §3.10.1): `localAddress` or 0 for any, `localPort` 1 to 65,535, `backlog`
 * 1 to 255 half-open and not yet accepted connections. A listener's handle, or NOT_CONFIGURED,
 * BAD_ARGUMENT, BAD_ADDRESS, ADDRESS_IN_USE, NO_RESOURCES.
 */
export function tcpListen(localAddress: u32, localPort: u32, backlog: u32): i32 {
  if (!isInterfaceUp()) return Status.NOT_CONFIGURED;
  if (localPort - 1 >= PORT_MAX || backlog - 1 >= BACKLOG_MAX) return Status.BAD_ARGUMENT;
  if (localAddress != 0 && !isLocalAddress(localAddress)) return Status.BAD_ADDRESS;
  if (findBound(localAddress, localPort) != null) return Status.ADDRESS_IN_USE;
  const listener = allocateListener(localAddress, localPort, backlog);
  return listener == null ? Status.NO_RESOURCES : handleOfListener(listener);
}

/**
 * The handle of the oldest connection that completed its handshake, to be released by the caller.
 * WOULD_BLOCK when there is none: `Event.ACCEPTABLE` tells of the next one.
 */
export function tcpAccept(listener: i32): i32 {
  const record = listenerOf(listener);
  if (record == null) return Status.BAD_HANDLE;
  const tcb = calls.accept(record);
  return tcb == null ? Status.WOULD_BLOCK : handleOfTcb(tcb);
}

/**
 * Active OPEN (RFC 9293 §3.10.1): `remotePort` 1 to 65,535; `localAddress` and `localPort` may be
 * 0, and a port is chosen then (RFC 6056). A connection's handle in SYN-SENT, which
 * `Event.CONNECTED` or `Event.ENDED` follows; or NOT_CONFIGURED, BAD_ARGUMENT, BAD_ADDRESS,
 * UNREACHABLE, ADDRESS_IN_USE, NO_RESOURCES.
 */
export function tcpConnect(
  remoteAddress: u32,
  remotePort: u32,
  localAddress: u32,
  localPort: u32,
): i32 {
  if (!isConfigured()) return Status.NOT_CONFIGURED;
  if (remotePort - 1 >= PORT_MAX || localPort > PORT_MAX) return Status.BAD_ARGUMENT;
  if (!isUsablePeer(remoteAddress)) return Status.BAD_ADDRESS;
  if (nextHopOf(remoteAddress) == 0) return Status.UNREACHABLE;
  if (localAddress != 0 && !isLocalAddress(localAddress)) return Status.BAD_ADDRESS;
  const local = interfaceAddress();
  let port = localPort;
  if (port == 0) {
    port = calls.chooseLocalPort(local, remoteAddress, remotePort);
    if (port == 0) return Status.NO_RESOURCES;
  } else if (findFlow(local, remoteAddress, (remotePort << 16) | port) != null) {
    return Status.ADDRESS_IN_USE;
  }
  const tcb = calls.openActive(local, remoteAddress, (remotePort << 16) | port);
  return tcb == null ? Status.NO_RESOURCES : handleOfTcb(tcb);
}

/**
 * SEND (RFC 9293 §3.10.2), first part: octets of contiguous room, above 0; there may be more behind
 * the end of the ring. WOULD_BLOCK while it is full, and `Event.WRITABLE` follows;
 * CONNECTION_CLOSING after CLOSE, CONNECTION_ENDED.
 */
export function tcpReserve(handle: i32): i32 {
  const tcb = tcbOf(handle);
  return tcb == null ? Status.BAD_HANDLE : calls.reserve(tcb);
}

/**
 * Where the room is that `tcpReserve` found: to be filled from its beginning, and valid until the
 * next call for this handle. Refuses as `tcpReserve` does.
 */
export function tcpReservedAddress(handle: i32): i32 {
  const tcb = tcbOf(handle);
  if (tcb == null) return Status.BAD_HANDLE;
  const room = calls.reserve(tcb);
  return room < 0 ? room : <i32>calls.reservedAddress(tcb);
}

/**
 * SEND, second part: the first `octets` of the room are the connection's, and leave with a later
 * `poll`. BAD_ARGUMENT beyond the room; else refuses as `tcpReserve` does.
 */
export function tcpCommit(handle: i32, octets: u32): i32 {
  const tcb = tcbOf(handle);
  return tcb == null ? Status.BAD_HANDLE : calls.commit(tcb, octets);
}

/**
 * SEND's urgent flag, for all that was committed so far (RFC 9293 §3.8.5). CONNECTION_CLOSING after
 * CLOSE, CONNECTION_ENDED; NOT_SUPPORTED where urgent data is left out.
 */
export function tcpUrgent(handle: i32): i32 {
  const tcb = tcbOf(handle);
  return tcb == null ? Status.BAD_HANDLE : calls.sendUrgent(tcb);
}

/**
 * RECEIVE (RFC 9293 §3.10.3), first part: octets of contiguous data; 0 is end-of-file: the peer has
 * closed and all is read. WOULD_BLOCK while there is none, and `Event.READABLE` follows;
 * CONNECTION_ENDED after a reset, a timeout or a full close.
 */
export function tcpPeek(handle: i32): i32 {
  const tcb = tcbOf(handle);
  return tcb == null ? Status.BAD_HANDLE : calls.peek(tcb);
}

/**
 * Where the data is that `tcpPeek` found, valid until it is consumed or the connection is closed,
 * aborted or released. Refuses as `tcpPeek` does.
 */
export function tcpPeekedAddress(handle: i32): i32 {
  const tcb = tcbOf(handle);
  if (tcb == null) return Status.BAD_HANDLE;
  const octets = calls.peek(tcb);
  return octets < 0 ? octets : <i32>calls.peekedAddress(tcb);
}

/**
 * RECEIVE, second part: done with the first `octets` of the data; the window opens by as much.
 * BAD_ARGUMENT beyond what was peeked; else refuses as `tcpPeek` does.
 */
export function tcpConsume(handle: i32, octets: u32): i32 {
  const tcb = tcbOf(handle);
  return tcb == null ? Status.BAD_HANDLE : calls.consume(tcb, octets);
}

/**
 * CLOSE (RFC 9293 §3.10.4), the half-close: FIN after all that was committed; RECEIVE goes on.
 * `Event.ALL_ACKNOWLEDGED` tells when the peer has all of it. CONNECTION_CLOSING the second time,
 * CONNECTION_ENDED.
 */
export function tcpCloseWrite(handle: i32): i32 {
  const tcb = tcbOf(handle);
  return tcb == null ? Status.BAD_HANDLE : calls.closeWrite(tcb);
}

/**
 * Full close: CLOSE, and no more RECEIVE; what is unread or comes later is answered by RST (RFC
 * 1122 §4.2.2.13). A listener stops listening: half-open records go, unaccepted connections are
 * reset.
 */
export function tcpClose(handle: i32): i32 {
  const tcb = tcbOf(handle);
  if (tcb != null) return calls.closeFully(tcb);
  const listener = listenerOf(handle);
  if (listener == null) return Status.BAD_HANDLE;
  calls.closeListener(listener);
  return Status.OK;
}

/**
 * ABORT (RFC 9293 §3.10.5): RST where the state asks for it; all that is queued is lost.
 */
export function tcpAbort(handle: i32): i32 {
  const tcb = tcbOf(handle);
  return tcb == null ? Status.BAD_HANDLE : calls.abortConnection(tcb);
}

/**
 * Gives a handle back, which each one needs, since it holds its TCB until then. An open connection
 * is closed in full first and ends by itself. A listener's: as `tcpClose`.
 */
export function tcpRelease(handle: i32): i32 {
  const tcb = tcbOf(handle);
  if (tcb == null) return tcpClose(handle);
  forgetHandle();
  calls.release(tcb);
  return Status.OK;
}

/**
 * Sets an `Option` of a connection, from now on, or TTL and DSCP of those that will come of a
 * listener. Units and ranges stand at `Option`. BAD_ARGUMENT for an unknown option or a value out
 * of range; BAD_HANDLE for a listener and another option; NOT_SUPPORTED where it is left out.
 */
export function tcpSetOption(handle: i32, option: u32, value: u32): i32 {
  const tcb = tcbOf(handle);
  if (tcb != null) return setOptionOf(tcb, option, value);
  const listener = listenerOf(handle);
  if (listener == null) return Status.BAD_HANDLE;
  if (option != Option.TTL && option != Option.DSCP) return Status.BAD_HANDLE;
  if (!HAS_MARKS) return Status.NOT_SUPPORTED;
  if (!areMarksRight(option, value)) return Status.BAD_ARGUMENT;
  listener.marks = marked(listener.marks, option, value);
  return Status.OK;
}

function setOptionOf(tcb: Tcb, option: u32, value: u32): i32 {
  switch (option) {
    case Option.NO_DELAY:
      return setSwitch(tcb, Flag.NO_DELAY, value);
    case Option.USER_TIMEOUT_MS:
      return setUserTimeoutOf(tcb, value);
    case Option.SOFT_ERRORS:
      if (!HAS_TROUBLE) return Status.NOT_SUPPORTED;
      // The flags of these two say the opposite.
      return setSwitch(tcb, Flag.QUIET, value ^ 1);
    case Option.KEEP_ALIVE:
    case Option.KEEP_ALIVE_IDLE_MS:
    case Option.KEEP_ALIVE_INTERVAL_MS:
    case Option.KEEP_ALIVE_COUNT:
      if (!HAS_KEEP_ALIVE) return Status.NOT_SUPPORTED;
      return setKeepAlive(tcb, <Option>option, value) ? Status.OK : Status.BAD_ARGUMENT;
    case Option.DELAYED_ACK:
      return setSwitch(tcb, Flag.NO_DELAYED_ACK, value ^ 1);
    case Option.TTL:
    case Option.DSCP:
      if (!HAS_MARKS) return Status.NOT_SUPPORTED;
      if (!areMarksRight(option, value)) return Status.BAD_ARGUMENT;
      tcb.marks = marked(tcb.marks, option, value);
      forgetHeader();
      return Status.OK;
    default:
      return Status.BAD_ARGUMENT;
  }
}

/** Whether a TTL or a DSCP is within its range. */
function areMarksRight(option: u32, value: u32): bool {
  return option == Option.TTL ? value - 1 < TTL_MAX : value <= DSCP_MAX;
}

@inline function marked(marks: u16, option: u32, value: u32): u16 {
  return option == Option.TTL ? withTtl(marks, value) : withDscp(marks, value);
}

function setSwitch(tcb: Tcb, flag: Flag, value: u32): i32 {
  if (value > 1) return Status.BAD_ARGUMENT;
  if (value) raiseFlag(tcb, flag);
  else clearFlag(tcb, flag);
  hastenAck(tcb);
  wantOutput(tcb); // what Nagle's algorithm held back may go now
  return Status.OK;
}

function setUserTimeoutOf(tcb: Tcb, value: u32): i32 {
  if (value < USER_TIMEOUT_MIN_MS || value > USER_TIMEOUT_MAX_MS) return Status.BAD_ARGUMENT;
  setUserTimeout(tcb, value);
  wantOutput(tcb); // nothing to say, but the next poll may have to tell of a shorter sleep
  return Status.OK;
}

/**
 * STATUS (RFC 9293 §3.10.6): the address of StatusField.COUNT u32, valid until the next call of it
 * or of `tcpStatusAt`. Of a listener only STATE, LOCAL_ADDRESS and LOCAL_PORT are set.
 */
export function tcpStatus(handle: i32): i32 {
  const tcb = tcbOf(handle);
  if (tcb != null) return <i32>statusOfTcb(tcb);
  const listener = listenerOf(handle);
  return listener == null ? Status.BAD_HANDLE : <i32>statusOfListener(listener);
}

/**
 * STATUS of the connection at an index of the pool, whoever holds it: the application, a backlog,
 * or nobody since its handle went back. 0 where there is none.
 */
export function tcpStatusAt(index: u32): i32 {
  if (index >= CONNECTION_COUNT) return Status.BAD_ARGUMENT;
  const tcb = tcbAt(index);
  return tcb.kind == FlowKind.CONNECTION ? <i32>statusOfTcb(tcb) : 0;
}

/**
 * The `State` of whatever holds this tuple, handle or not: a connection, a half-open or TIME-WAIT
 * record, else LISTEN or CLOSED. BAD_ARGUMENT for a port above 65,535.
 */
export function tcpLookup(remoteAddress: u32, remotePort: u32, localPort: u32): i32 {
  if (remotePort > PORT_MAX || localPort > PORT_MAX) return Status.BAD_ARGUMENT;
  const local = interfaceAddress();
  const flow = findFlow(local, remoteAddress, (remotePort << 16) | localPort);
  if (flow != null) return <i32>flow.state;
  return findListener(local, localPort) != null ? State.LISTEN : State.CLOSED;
}

/**
 * The next handle with events to take (`takeEvents`), or 0.
 */
@inline export function nextReady(): i32 {
  if (!isAnyReady()) return 0;
  const entry = takeReady();
  if (entry < FIRST_LISTENER_ENTRY) {
    const index = entry - connectionEntry(0);
    return handleOf(tcbAt(index), index);
  }
  return handleOfListener(listenerAt(entry - FIRST_LISTENER_ENTRY));
}

/**
 * Returns and clears a handle's events, a mask of `Event`. They are edges: what `tcpPeek` and
 * `tcpReserve` say is the level.
 */
@inline export function takeEvents(handle: i32): i32 {
  const tcb = tcbOf(handle);
  if (tcb != null) {
    const events = tcb.events;
    tcb.events = 0;
    withdrawReady(connectionEntry(indexOfHandle(handle)));
    return <i32>events;
  }
  const listener = listenerOf(handle);
  if (listener == null) return Status.BAD_HANDLE;
  const events = listener.events;
  listener.events = 0;
  withdrawReady(listenerEntry(indexOfListener(listener)));
  return <i32>events;
}
