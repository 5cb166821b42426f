/**
 * STATUS (RFC 9293 §3.10.6): what a connection's TCB says, as a block of u32 in the order of
 * StatusField, at one fixed place. Called by socket/tcp. Changes nothing but the block.
 */
import {
  HAS_ECN, HAS_KEEP_ALIVE, HAS_PMTUD, HAS_SACK, HAS_TIMESTAMPS, HAS_TROUBLE, HAS_URGENT,
  HAS_WINDOW_SCALE,
} from "../config";
import { Negotiated, State, StatusField } from "../core/abi";
import { isEcnAgreed } from "../tcp/ecn";
import { Listener } from "../tcp/listener";
import { receiveWindow } from "../tcp/receive";
import { currentRto } from "../tcp/rtt";
import { keepAliveStatus, silenceMs } from "../tcp/keep-alive";
import { softErrorOf } from "../tcp/trouble";
import {
  Flag,
  Tcb,
  has,
  queuedOctets,
  readableOctets,
  stateOfTcb,
  usesSack,
  usesTimestamps,
} from "../tcp/tcb";
import { urgentUnread } from "../tcp/urgent";

@inline const BLOCK_OCTETS: u32 = <u32>StatusField.COUNT * 4;
const BLOCK: usize = memory.data(BLOCK_OCTETS, 8);

/** Whether this build has anything to agree on. */
@inline const IS_NEGOTIATING: bool = HAS_ECN || HAS_SACK || HAS_TIMESTAMPS || HAS_WINDOW_SCALE;

@inline function put(field: StatusField, value: u32): void {
  store<u32>(BLOCK + (<usize>field << 2), value);
}

/** What this build leaves out is 0, since nothing ever writes it. */
export function statusOfTcb(tcb: Tcb): usize {
  put(StatusField.STATE, stateOfTcb(tcb));
  put(StatusField.END_REASON, tcb.endReason);
  put(StatusField.LOCAL_ADDRESS, tcb.localAddress);
  put(StatusField.LOCAL_PORT, tcb.localPort);
  put(StatusField.REMOTE_ADDRESS, tcb.remoteAddress);
  put(StatusField.REMOTE_PORT, tcb.remotePort);
  put(StatusField.ISS, tcb.iss);
  put(StatusField.SND_UNA, tcb.sndUna);
  put(StatusField.SND_NXT, tcb.sndNxt);
  put(StatusField.SND_WND, tcb.sndWnd);
  put(StatusField.SND_MSS, tcb.sndMss);
  put(StatusField.IRS, tcb.irs);
  put(StatusField.RCV_NXT, tcb.rcvNxt);
  put(StatusField.RCV_WND, receiveWindow(tcb));
  put(StatusField.SEND_QUEUED, queuedOctets(tcb));
  put(StatusField.RECEIVE_QUEUED, has(tcb, Flag.FLUSHED) ? 0 : readableOctets(tcb));
  put(StatusField.CWND, tcb.cwnd);
  put(StatusField.SSTHRESH, tcb.ssthresh);
  put(StatusField.SRTT_MS, tcb.srtt8 >> 3);
  put(StatusField.RTTVAR_MS, tcb.rttvar4 >> 2);
  put(StatusField.RTO_MS, currentRto(tcb));
  put(StatusField.RETRANSMITS, tcb.retransmits);
  if (HAS_TROUBLE) put(StatusField.SOFT_ERROR, softErrorOf(tcb));
  put(StatusField.SEND_CLOSED, has(tcb, Flag.SEND_CLOSED) ? 1 : 0);
  if (HAS_URGENT) put(StatusField.URGENT_UNREAD, urgentUnread(tcb));
  if (HAS_TROUBLE || HAS_PMTUD) put(StatusField.EXPIRIES, tcb.expiries);
  put(StatusField.USER_TIMEOUT_MS, tcb.userTimeoutMs);
  if (HAS_KEEP_ALIVE) {
    put(StatusField.KEEP_ALIVE, keepAliveStatus(tcb));
    put(StatusField.SILENCE_MS, silenceMs(tcb));
  }
  put(StatusField.RCV_MSS, tcb.rcvMss);
  if (HAS_WINDOW_SCALE) put(StatusField.SND_SHIFT, tcb.sndShift);
  put(StatusField.WRITE_BLOCKED, has(tcb, Flag.WRITE_BLOCKED) ? 1 : 0);
  put(StatusField.PERSISTING, has(tcb, Flag.PERSISTING) ? 1 : 0);
  if (IS_NEGOTIATING) put(StatusField.NEGOTIATED, negotiated(tcb));
  return BLOCK;
}

function negotiated(tcb: Tcb): u32 {
  return (
    (usesTimestamps(tcb) ? Negotiated.TIMESTAMPS : 0) |
    (has(tcb, Flag.WINDOW_SCALE) ? Negotiated.WINDOW_SCALE : 0) |
    (usesSack(tcb) ? Negotiated.SACK : 0) |
    (isEcnAgreed(tcb) ? Negotiated.ECN : 0)
  );
}

export function statusOfListener(listener: Listener): usize {
  memory.fill(BLOCK, 0, BLOCK_OCTETS);
  put(StatusField.STATE, State.LISTEN);
  put(StatusField.LOCAL_ADDRESS, listener.localAddress);
  put(StatusField.LOCAL_PORT, listener.localPort);
  return BLOCK;
}
