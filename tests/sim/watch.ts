/**
 * The watch over one host: looks at every TCB after every step, through STATUS, and holds it to
 * what RFC 9293 says of its variables, to the state diagram, to what its application wrote and
 * read, and to what the other end's TCB says at the same moment.
 *
 * Called by the station around each call into its module. What an end means is judged in
 * judge-end.ts, TIME-WAIT in time-wait-watch.ts, forged segments in forgery.ts. A look costs one
 * call and some reads per TCB, since it is taken after each frame.
 */
import { Counter, EndReason, State, StatusField } from "../../hal/host/abi.ts";
import { seqAfter, seqDistance } from "../support/sequence.ts";
import type { Tuple } from "./attempts.ts";
import { AGREED_COUNT, STATE_NAMES } from "./coverage.ts";
import type { End } from "./ends.ts";
import { noteForgery } from "./forgery.ts";
import { judgeEnd } from "./judge-end.ts";
import { Ctl, type Packet } from "./packet.ts";
import type { Station } from "./station.ts";
import { TimeWaitWatch } from "./time-wait-watch.ts";
import { pathBetween } from "./transitions.ts";
import { demand } from "./violation.ts";

/** RFC 6298 §2.5, and what the stack takes. */
const RTO_MAX_MS = 60_000;
/** Beyond the user timeout: a last retransmission after a late poll, with its time-out. */
const OVERDUE_MAX_MS = 3 * RTO_MAX_MS;
/** The longest RTO, a clock that is fast or slow by 2 %, and the questions of ARP. */
const SILENCE_MAX_MS = 80_000;
/** More than a round trip of a perfect network, and less than the least RTO. */
const UNTOLD_MAX_MS = 300;
/** Longer than a question of ARP is repeated, so that none is open any more. */
const ARP_QUIET_MS = 5_000;
const MSS_MAX = 1_460;

/** A TCB as it was last seen. */
export class Slot {
  isLive = false;
  localPort = 0;
  remoteAddress = 0;
  remotePort = 0;
  iss = 0;
  irs = 0;
  state: number = State.CLOSED;
  reason: number = EndReason.NONE;
  una = 0;
  nxt = 0;
  sndWnd = 0;
  sndShift = 0;
  rcvNxt = 0;
  rcvEdge = 0;
  softError = 0;
  negotiated = 0;
  userTimeoutMs = 0;
  keepAlive = 0;
  isSendClosed = false;
  end: End | undefined;
  /** Module time at which it began, or SND.UNA moved last. */
  progressMs = 0;
  /** Module time at which nothing was outstanding, or SND.UNA moved last. */
  waitingMs = 0;
  /** Module time since when it has been waiting longer than it may, or −1. */
  overdueMs = -1;
  /** Module time at which it sent something last. */
  sentMs = 0;
  /** Module time since when there is room that the peer does not know of, or −1. */
  untoldMs = -1;
  /** Its options are in the coverage. */
  isCounted = false;
}

/** What the step that is judged was. */
export interface Cause {
  kind: "frame" | "poll" | "calls";
  packet: Packet | undefined;
}

interface Reset {
  address: number;
  port: number;
  localPort: number;
  slot: Slot | undefined;
  stateBefore: number;
}

/** Whether a TCB is there that has this tuple and began with this number. */
function isOf(slot: Slot, tuple: Omit<Tuple, "localAddress">, iss: number): boolean {
  return (
    slot.isLive &&
    slot.iss === iss &&
    slot.localPort === tuple.localPort &&
    slot.remotePort === tuple.remotePort &&
    slot.remoteAddress === tuple.remoteAddress
  );
}

export class Watch {
  readonly station: Station;
  readonly slots: Slot[] = [];
  readonly timeWaits: TimeWaitWatch;
  /** Indices below have been in use. */
  #used = 0;
  #count = 0;
  #sendRing = 0;
  #receiveRing = 0;
  #arpCount = 0;
  readonly #cause: Cause = { kind: "poll", packet: undefined };
  #lookupBefore = -1;
  /** Module time at which it asked for a neighbour last, or −1. */
  #askedMs = -1;
  readonly #resets: Reset[] = [];
  #cookies = 0;

  constructor(station: Station) {
    this.station = station;
    this.timeWaits = new TimeWaitWatch(station);
  }

  /** The module has just been started. */
  reset(): void {
    this.forget();
    this.#count = this.station.limit("CONNECTION_COUNT");
    this.#sendRing = this.station.limit("SEND_RING_SIZE");
    this.#receiveRing = this.station.limit("RECEIVE_RING_SIZE");
    this.#arpCount = this.station.limit("ARP_COUNT");
  }

  /** The module is gone. */
  forget(): void {
    for (const slot of this.slots) slot.isLive = false;
    this.#used = 0;
    this.#cookies = 0;
    this.#askedMs = -1;
    this.#resets.length = 0;
    this.timeWaits.forget();
  }

  noteJump(byMs: number): void {
    for (const slot of this.slots) slot.overdueMs = -1;
    this.station.world.coverage.impairment(byMs > 3_600_000 ? "clock leap" : "clock jump");
  }

  /** Its host is awake again; time that it does not know of may have passed. */
  noteSleep(byMs: number): void {
    for (const slot of this.slots) slot.overdueMs = -1;
    if (byMs > SILENCE_MAX_MS) this.station.world.coverage.impairment("sleep beyond every RTO");
  }

  /** The slot of a tuple, if it has a TCB. */
  find(remoteAddress: number, remotePort: number, localPort: number): Slot | undefined {
    for (const slot of this.slots) {
      if (!slot.isLive || slot.remotePort !== remotePort || slot.localPort !== localPort) continue;
      if (slot.remoteAddress === remoteAddress && slot.state !== State.CLOSED) return slot;
    }
    return undefined;
  }

  /** The application has got hold of a connection that is there already. */
  bind(end: End, tuple: Tuple, iss: number): void {
    this.#cause.kind = "calls";
    this.#look();
    // One SYN cookie may have made two of the same numbers; the first one has ended then.
    const same = this.slots.filter((slot) => isOf(slot, tuple, iss) && slot.end === undefined);
    const slot = same.find(({ state }) => state !== State.CLOSED) ?? same[0];
    if (slot !== undefined) {
      slot.end = end;
      end.slot = slot;
    }
    demand(end.slot !== undefined, "no-tcb", () => `${end.describe()} has no TCB`);
  }

  /** The application has given a handle back; the TCB may live on. */
  released(end: End): void {
    if (end.slot !== undefined) {
      // The user timeout begins once more.
      end.slot.waitingMs = this.station.nowMs();
      end.slot.overdueMs = -1;
    }
    this.timeWaits.released(end);
  }

  sent(packet: Packet): void {
    // All it sends to everybody are questions of ARP.
    if (packet.isBroadcast) this.#askedMs = this.station.nowMs();
    if (!packet.isTcp) return;
    const { destination: address, destinationPort: port, sourcePort: localPort } = packet;
    const slot = this.find(address, port, localPort);
    if (slot !== undefined) slot.sentMs = this.station.nowMs();
    if (!packet.has(Ctl.RST) || this.#isOfTwin(slot)) return;
    this.#resets.push({ address, port, localPort, slot, stateBefore: slot?.state ?? 0 });
  }

  /** Whether an RST is that of another one of the same SYN cookie, which has ended before. */
  #isOfTwin(slot: Slot | undefined): boolean {
    if (slot === undefined) return false;
    return this.slots.some((one) => one.state === State.CLOSED && isOf(one, slot, slot.iss));
  }

  // ── Steps ──────────────────────────────────────────────────────────────────────────────────────

  beforeFrame(packet: Packet): void {
    this.#lookupBefore = -1;
    const { station } = this;
    if (packet.isHostile) noteForgery(station, packet);
    if (station.isForUs(packet)) this.timeWaits.beforeFrame(packet);
    if (!packet.isTcp || packet.destination !== station.address) return;
    const { source, sourcePort, destinationPort } = packet;
    this.#lookupBefore = station.lookup(source, sourcePort, destinationPort);
  }

  afterFrame(packet: Packet): void {
    this.#noteCookie(packet);
    if (this.#lookupBefore >= 0) this.#noteFlow(packet);
    this.#cause.packet = packet;
    this.#judge("frame");
    this.#cause.packet = undefined;
  }

  afterPoll(): void {
    this.#judge("poll");
  }

  afterCalls(): void {
    this.#judge("calls");
  }

  #judge(kind: Cause["kind"]): void {
    this.#cause.kind = kind;
    this.#look();
    this.timeWaits.judge(this.#cause);
    if (this.#resets.length > 0) this.#judgeResets();
  }

  /** A SYN cookie may be taken twice, which makes a second connection of the same numbers. */
  #noteCookie(packet: Packet): void {
    const taken = this.station.counter(Counter.SYN_COOKIES_ACCEPTED);
    if (taken === this.#cookies) return;
    this.#cookies = taken;
    if (!packet.isTcp) return;
    const { source, sourcePort, destinationPort, ack } = packet;
    this.station.inspector.cookieTaken(source, sourcePort, destinationPort, (ack - 1) >>> 0);
  }

  /** Records without a TCB show in what the tuple is looked up as. */
  #noteFlow(packet: Packet): void {
    const { station } = this;
    const before = this.#lookupBefore;
    if (before !== State.LISTEN && before !== State.SYN_RECEIVED && before !== State.TIME_WAIT) {
      return;
    }
    const { source, sourcePort, destinationPort } = packet;
    if (this.find(source, sourcePort, destinationPort) !== undefined) return;
    const after = station.lookup(source, sourcePort, destinationPort);
    if (after === before || (before === State.TIME_WAIT && after !== State.SYN_RECEIVED)) return;
    // What the rest of the segment made of the new connection is the TCB's matter.
    const isOpened = after !== State.LISTEN && after !== State.SYN_RECEIVED;
    if (isOpened && after === State.TIME_WAIT) return;
    const to = isOpened ? State.ESTABLISHED : after;
    station.world.coverage.transition(STATE_NAMES[before]!, STATE_NAMES[to]!);
  }

  #look(): void {
    const { station } = this;
    const nowMs = station.nowMs();
    for (let i = 0; i <= this.#used && i < this.#count; i++) {
      const block = station.blockAt(i);
      const slot = (this.slots[i] ??= new Slot());
      if (block === 0) {
        if (slot.isLive) this.#freed(slot);
        continue;
      }
      if (i === this.#used) this.#used += 1;
      this.#inspect(slot, block, nowMs);
    }
  }

  #inspect(slot: Slot, block: number, nowMs: number): void {
    const { words } = this.station;
    if (!isSame(slot, block, words)) {
      if (slot.isLive) this.#freed(slot);
      this.#begin(slot, block, nowMs);
    }
    const state = words[block + StatusField.STATE]!;
    const reason = words[block + StatusField.END_REASON]!;
    const stateBefore = slot.state;
    if (state !== slot.state) this.#go(slot, state);
    if (state !== State.CLOSED) this.#judgeNumbers(slot, block, nowMs);
    if (reason !== slot.reason) {
      slot.reason = reason;
      judgeEnd({ slot, reason, stateBefore, cause: this.#cause, station: this.station });
      if (state === State.TIME_WAIT) this.timeWaits.begin(slot, this.#cause);
    }
    this.#remember(slot, block);
    if (slot.end?.attempt !== undefined && state !== State.CLOSED) this.#compareEnds(slot);
  }

  /** A TCB that was not there before: of an active OPEN, or of a handshake that is complete. */
  #begin(slot: Slot, block: number, nowMs: number): void {
    const { words, world } = this.station;
    slot.isLive = true;
    slot.localPort = words[block + StatusField.LOCAL_PORT]!;
    slot.remoteAddress = words[block + StatusField.REMOTE_ADDRESS]!;
    slot.remotePort = words[block + StatusField.REMOTE_PORT]!;
    slot.iss = words[block + StatusField.ISS]!;
    slot.reason = EndReason.NONE;
    slot.end = undefined;
    slot.progressMs = nowMs;
    slot.waitingMs = nowMs;
    slot.overdueMs = -1;
    slot.sentMs = nowMs;
    slot.untoldMs = -1;
    slot.isCounted = false;
    slot.una = slot.iss;
    slot.nxt = slot.iss;
    slot.irs = words[block + StatusField.IRS]!;
    slot.rcvNxt = (slot.irs + 1) >>> 0;
    slot.rcvEdge = slot.rcvNxt;
    slot.isSendClosed = false;
    slot.softError = 0;
    slot.negotiated = 0;
    slot.keepAlive = 0;
    slot.state = State.ESTABLISHED;
    if (this.#cause.kind !== "frame") {
      slot.state = State.SYN_SENT;
      world.coverage.transition("CLOSED", "SYN_SENT");
    }
  }

  /** A change of state, along the arrows of the diagram. */
  #go(slot: Slot, state: number): void {
    const path = pathBetween(slot.state, state);
    demand(path !== undefined, "illegal-transition", () => {
      return `${this.describe(slot)} to ${STATE_NAMES[state]}`;
    });
    for (let i = 1; i < path!.length; i++) {
      this.station.world.coverage.transition(path![i - 1]!, path![i]!);
    }
    slot.state = state;
  }

  /** A TCB that is there no more. */
  #freed(slot: Slot): void {
    slot.isLive = false;
    const { end } = slot;
    if (end !== undefined) {
      demand(end.isReleased, "handle-lost", () => `${this.describe(slot)} is gone, not released`);
      end.slot = undefined;
      slot.end = undefined;
    }
    if (slot.state === State.CLOSED || slot.state === State.TIME_WAIT) return;
    const { remoteAddress, remotePort, localPort } = slot;
    const left = this.station.lookup(remoteAddress, remotePort, localPort);
    const stateBefore = slot.state;
    if (left === State.TIME_WAIT) {
      this.#go(slot, State.TIME_WAIT);
      this.timeWaits.begin(slot, this.#cause);
      return;
    }
    this.#go(slot, State.CLOSED);
    this.station.world.coverage.end(STATE_NAMES[stateBefore]!, EndReason.NONE);
  }

  // ── Numbers ────────────────────────────────────────────────────────────────────────────────────

  #judgeNumbers(slot: Slot, block: number, nowMs: number): void {
    const { words } = this.station;
    const una = words[block + StatusField.SND_UNA]!;
    const nxt = words[block + StatusField.SND_NXT]!;
    const queued = words[block + StatusField.SEND_QUEUED]!;
    const isSendClosed = words[block + StatusField.SEND_CLOSED] === 1;
    const complain = (what: string) => () => `${this.describe(slot)}: ${what}`;
    demand(!seqAfter(una, nxt), "una-nxt", complain(`SND.UNA ${una} beyond SND.NXT ${nxt}`));
    demand(!seqAfter(slot.una, una), "una-back", complain(`SND.UNA from ${slot.una} to ${una}`));
    demand(!seqAfter(slot.nxt, nxt), "nxt-back", complain(`SND.NXT from ${slot.nxt} to ${nxt}`));
    demand(queued <= this.#sendRing, "send-ring", complain(`${queued} octets in the send ring`));
    const syn = una === slot.iss ? 1 : 0;
    const limit = (una + syn + queued + (isSendClosed ? 1 : 0)) >>> 0;
    demand(!seqAfter(nxt, limit), "nxt-limit", complain(`SND.NXT ${nxt} beyond what was sent`));
    const mss = words[block + StatusField.SND_MSS]!;
    demand(mss >= 40 && mss <= 1_460, "snd-mss", complain(`SND.MSS ${mss}`));
    const cwnd = words[block + StatusField.CWND]!;
    const isSmall = slot.state >= State.ESTABLISHED && cwnd < mss;
    demand(!isSmall, "cwnd", complain(`cwnd ${cwnd} below a segment of ${mss}`));
    const rto = words[block + StatusField.RTO_MS]!;
    demand(rto >= 10 && rto <= RTO_MAX_MS, "rto", complain(`RTO ${rto} ms`));
    this.#judgeProgress(slot, { una, limit, nowMs, block });
    if (slot.state !== State.SYN_SENT) this.#judgeReceiver(slot, block);
    if (slot.end === undefined) return;
    const text = syn === 1 ? 0 : seqDistance(slot.iss, una) - 1;
    const acked = slot.end.written - queued;
    const isFinAcked = isSendClosed && queued === 0 && text === acked + 1;
    demand(text === acked || isFinAcked, "acked", complain(`${text} acknowledged, ${acked} gone`));
  }

  #judgeReceiver(slot: Slot, block: number): void {
    const { words } = this.station;
    const irs = words[block + StatusField.IRS]!;
    const rcvNxt = words[block + StatusField.RCV_NXT]!;
    const window = words[block + StatusField.RCV_WND]!;
    const queued = words[block + StatusField.RECEIVE_QUEUED]!;
    const edge = (rcvNxt + window) >>> 0;
    const complain = (what: string) => () => `${this.describe(slot)}: ${what}`;
    if (slot.irs !== irs) {
      // SYN-SENT did not know it yet.
      slot.irs = irs;
      slot.rcvNxt = (irs + 1) >>> 0;
      slot.rcvEdge = slot.rcvNxt;
    }
    demand(!seqAfter(slot.rcvNxt, rcvNxt), "rcv-back", complain("RCV.NXT went back"));
    demand(!seqAfter(slot.rcvEdge, edge), "edge-left", complain("the right edge went left"));
    const used = window + queued;
    this.#judgeRoom(slot, window, queued);
    demand(used <= this.#receiveRing, "receive-ring", complain(`${used} octets promised and held`));
    const { end } = slot;
    if (end === undefined || end.isReceiveClosed) return;
    const fin = slot.state >= State.CLOSE_WAIT ? 1 : 0;
    const came = seqDistance(irs, rcvNxt) - 1;
    const held = end.consumed + queued + fin;
    demand(came === held, "received", complain(`${came} octets came, ${held} are there or read`));
  }

  /** Nothing waits longer for its peer than the user timeout. */
  #judgeProgress(slot: Slot, seen: Progress): void {
    const { words } = this.station;
    const { una, limit, nowMs, block } = seen;
    // In FIN-WAIT-2 all is acknowledged, the FIN too.
    const isAllAcked = una === limit || slot.state === State.FIN_WAIT_2;
    const isWaiting = !isAllAcked && words[block + StatusField.PERSISTING] === 0;
    const timeout = words[block + StatusField.USER_TIMEOUT_MS]!;
    const hasMoved = una !== slot.una;
    if (hasMoved) slot.progressMs = nowMs;
    if (hasMoved || !isWaiting) {
      slot.waitingMs = nowMs;
      slot.overdueMs = -1;
      return;
    }
    this.#judgeSilence(slot, nowMs);
    if (this.#cause.kind !== "poll" || (nowMs - slot.waitingMs) >>> 0 <= timeout) return;
    if (slot.overdueMs < 0) slot.overdueMs = nowMs;
    const overdue = (nowMs - slot.overdueMs) >>> 0;
    demand(overdue <= OVERDUE_MAX_MS, "outlives", () => {
      return `${this.describe(slot)} waits ${overdue} ms longer than its user timeout`;
    });
  }

  /** On a perfect network what is outstanding goes again, in an RTO at the latest. */
  #judgeSilence(slot: Slot, nowMs: number): void {
    const { world } = this.station;
    if (this.#cause.kind !== "poll" || world.settledMs < SILENCE_MAX_MS) return;
    const silence = Math.min((nowMs - slot.sentMs) >>> 0, (nowMs - slot.waitingMs) >>> 0);
    demand(silence <= SILENCE_MAX_MS, "mute", () => {
      return `${this.describe(slot)} has something outstanding, and says nothing for ${silence} ms`;
    });
  }

  /**
   * A reader that drains lets the sender go on at once. Only asked while nothing disturbs, and
   * where the neighbour is surely known, since an answer may have to wait for ARP otherwise: the
   * table may be full of questions for those whom a SYN flood has made up.
   */
  #judgeRoom(slot: Slot, window: number, queued: number): void {
    const { world } = this.station;
    const nowMs = this.station.nowMs();
    const isOpen = slot.state >= State.ESTABLISHED && slot.state <= State.FIN_WAIT_2;
    const isTold = queued > 0 || window >= Math.min(this.#receiveRing >> 1, MSS_MAX);
    if (!isOpen || isTold || !world.isSettling || slot.end?.peer?.slot === undefined) {
      slot.untoldMs = -1;
      return;
    }
    if (slot.untoldMs < 0) slot.untoldMs = nowMs;
    const untold = (nowMs - slot.untoldMs) >>> 0;
    const isAsking = this.#askedMs >= 0 && (nowMs - this.#askedMs) >>> 0 < ARP_QUIET_MS;
    const wasKnown = this.#arpCount >= 8 && (nowMs - slot.sentMs) >>> 0 < 3_000;
    const isNeighbourKnown = wasKnown && !isAsking;
    demand(untold <= UNTOLD_MAX_MS || !isNeighbourKnown, "room-untold", () => {
      return `${this.describe(slot)}: all is read, and the peer does not hear of it`;
    });
  }

  #remember(slot: Slot, block: number): void {
    const { words, world } = this.station;
    slot.una = words[block + StatusField.SND_UNA]!;
    slot.nxt = words[block + StatusField.SND_NXT]!;
    slot.sndWnd = words[block + StatusField.SND_WND]!;
    slot.sndShift = words[block + StatusField.SND_SHIFT]!;
    slot.rcvNxt = words[block + StatusField.RCV_NXT]!;
    slot.rcvEdge = (slot.rcvNxt + words[block + StatusField.RCV_WND]!) >>> 0;
    slot.softError = words[block + StatusField.SOFT_ERROR]!;
    slot.userTimeoutMs = words[block + StatusField.USER_TIMEOUT_MS]!;
    slot.keepAlive = words[block + StatusField.KEEP_ALIVE]!;
    slot.isSendClosed = words[block + StatusField.SEND_CLOSED] === 1;
    slot.negotiated = words[block + StatusField.NEGOTIATED]!;
    if (slot.isCounted || slot.end === undefined || slot.state < State.ESTABLISHED) return;
    slot.isCounted = true;
    world.coverage.options(slot.negotiated | (optionBits(slot.end) << AGREED_COUNT));
  }

  /** What one end says the other must be able to bear out. */
  #compareEnds(slot: Slot): void {
    const attempt = slot.end!.attempt!;
    const peer = slot.end!.peer?.slot;
    if (attempt.isTainted || peer === undefined || !peer.isLive) return;
    if (peer.iss !== slot.irs || peer.irs !== slot.iss) return;
    if (peer.state < State.ESTABLISHED || slot.state < State.ESTABLISHED) return;
    demand(!seqAfter(slot.una, peer.rcvNxt), "acked-unseen", () => {
      return `${this.describe(slot)}: SND.UNA ${slot.una}, the peer's RCV.NXT ${peer.rcvNxt}`;
    });
    demand(!seqAfter(slot.rcvNxt, peer.nxt), "received-unsent", () => {
      return `${this.describe(slot)}: RCV.NXT ${slot.rcvNxt}, the peer's SND.NXT ${peer.nxt}`;
    });
  }

  /** Nobody resets a connection that is well and goes on. */
  #judgeResets(): void {
    for (const { slot, stateBefore } of this.#resets) {
      if (slot === undefined || stateBefore < State.ESTABLISHED) continue;
      const isWell = slot.isLive && slot.state >= State.ESTABLISHED;
      const isOpening = slot.una === slot.iss;
      demand(!isWell || isOpening, "reset-of-living", () => {
        return `${this.describe(slot)} lives on after an RST of ours`;
      });
    }
    this.#resets.length = 0;
  }

  describe(slot: Slot): string {
    const { remoteAddress, remotePort, localPort, state, end } = slot;
    const who = end === undefined ? "" : `, ${end.describe()}`;
    const tuple = `:${localPort} to ${remoteAddress & 255}:${remotePort}`;
    return `host ${this.station.id}${tuple} in ${STATE_NAMES[state]}${who}`;
  }
}

interface Progress {
  una: number;
  limit: number;
  nowMs: number;
  block: number;
}

/** Whether the TCB is the one that was here before: a later one has another ISS. */
function isSame(slot: Slot, block: number, words: Uint32Array): boolean {
  return (
    slot.isLive &&
    slot.iss === words[block + StatusField.ISS] &&
    slot.localPort === words[block + StatusField.LOCAL_PORT] &&
    slot.remotePort === words[block + StatusField.REMOTE_PORT] &&
    slot.remoteAddress === words[block + StatusField.REMOTE_ADDRESS]
  );
}

/** The options that the application has set, in the order of OPTION_NAMES behind the agreed. */
function optionBits(end: End): number {
  const { noDelay, keepAliveMs, ackAtOnce, quiet, userTimeoutMs, urgent } = end.role.options;
  const set = [noDelay, keepAliveMs > 0, ackAtOnce, quiet, userTimeoutMs > 0, urgent];
  return set.reduce((bits, isSet, index) => bits | (isSet ? 1 << index : 0), 0);
}
