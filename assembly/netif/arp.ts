/**
 * The neighbours' MAC addresses: RFC 826, with RFC 1122 §2.3.2 (ageing, rate) and RFC 5227
 * (conflicts).
 *
 *     FREE → ASKING → REACHABLE → STALE → FREE     nobody used it for long
 *              ↓ 3 requests         ↓ used again
 *            FAILED → FREE       CONFIRMING → REACHABLE, or ASKING when 2 polls stay unanswered
 *
 * No packet waits here: `resolve` says "not yet", egress parks the flow, and when something changes
 * `unparkFlows` lets all of them ask again. Requests are owed, and sent by egress within `poll`;
 * replies are the stateless replies of ingress. Called by ingress, egress and, at ARP_DEADLINE, by
 * index. Never sends more than one request per second for an address (RFC 1122 §2.3.2.1).
 */

import { ARP_COUNT } from "../config";
import { disturb } from "../core/due";
import { Counter } from "../core/abi";
import { isBefore, now } from "../core/clock";
import { count } from "../core/counters";
import { ARP_DEADLINE, armDeadline } from "../core/deadlines";
import { unparkFlows } from "../tcp/pending";
import {
  ARP_OCTETS,
  ArpOperation,
  arpOperation,
  arpSenderAddress,
  arpSenderMac,
  arpTargetAddress,
  emitArp,
  emitArpSender,
  emitArpTarget,
  isArpForIpv4,
} from "../wire/arp";
import { EtherType, MAC_BROADCAST, isGroupMac } from "../wire/ethernet";
import { interfaceAddress, isLocalAddress, isOnLink, isUsablePeer, linkAddress } from "./interface";
import { forgetHeader } from "./standing-header";
import { PACKET, sendPacket } from "./transmitter";

/** Between requests for one address (RFC 1122 §2.3.2.1: at most one per second). */
@inline const REQUEST_INTERVAL_MS: u32 = 1_000;
/** Broadcast requests before an address counts as unreachable. */
@inline const REQUEST_COUNT_MAX: u32 = 3;
/** Unicast requests that confirm an aged entry (RFC 1122 §2.3.2.1 method 2: "typically N is 2"). */
@inline const POLL_COUNT_MAX: u32 = 2;
/** How long an answer is believed unasked: RFC 1122 §2.3.2.1 wants "on the order of a minute". */
@inline const REACHABLE_MS: u32 = 60_000;
/** How long an entry that nobody uses stays for the next time; 20 min is BSD's customary age. */
@inline const STALE_MS: u32 = 1_200_000;
/**
 * How long a silent address is not asked again; below TCP's second and third RTO of 2 s and 4 s.
 */
@inline const FAILED_MS: u32 = 3_000;
/** Between two defences of our address (RFC 5227 §2.4: DEFEND_INTERVAL). */
@inline const DEFEND_INTERVAL_MS: u32 = 10_000;

const enum Neighbour {
  FREE = 0,
  ASKING = 1,
  REACHABLE = 2,
  STALE = 3,
  CONFIRMING = 4,
  FAILED = 5,
}

@unmanaged @final class Entry {
  /** In memory order; meaningful in REACHABLE, STALE and CONFIRMING. */
  mac: u64;
  address: u32;
  /** When the state ends; meaningless while `owed`. */
  deadline: u32;
  /** When `resolve` answered with it last; orders eviction. */
  usedAt: u32;
  /**
   * When a request for it left last; kept within REQUEST_INTERVAL_MS of the past at every change.
   */
  askedAt: u32;
  state: u8;
  /** Requests sent in this state. */
  tries: u8;
  /** 1 while a request is to be sent. */
  owed: u8;
  /** 1 once `resolve` answered with it: entries that only others wanted are evicted first. */
  wanted: u8;
  reserved: u32;
}
@inline const ENTRY_OCTETS: usize = 32;
if (offsetof<Entry>() != ENTRY_OCTETS) ERROR("Entry layout");

@unmanaged @final class Arp {
  /** Address of the entry that `resolve` found last, or 0. */
  lastHit: usize;
  /** How many entries are `owed`. */
  owedCount: u32;
  /** 1 while a defence of our address is to be sent. */
  defenceOwed: u32;
  /** 1 once our address was defended, at `defendedAt`. */
  defended: u32;
  defendedAt: u32;
  /** 1 while `resolve` had to refuse because no entry could be evicted, until `fullUntil`. */
  full: u32;
  fullUntil: u32;
  private padding: u32;
}
@inline const ARP_STATE_OCTETS: usize = 32;
if (offsetof<Arp>() != ARP_STATE_OCTETS) ERROR("Arp layout");
/** The state, and behind it the entries. */
@inline const TABLE_OCTETS: usize = ARP_STATE_OCTETS + ENTRY_OCTETS * ARP_COUNT;
const ARP_STATE: usize = memory.data(<i32>TABLE_OCTETS, 8);
@inline const ENTRIES: usize = ARP_STATE + ARP_STATE_OCTETS;
@inline const ENTRIES_END: usize = ENTRIES + ENTRY_OCTETS * ARP_COUNT;

/** What `resolve` answers for an address that lately did not answer. */
@inline export const NEIGHBOUR_FAILED: usize = 1;

@inline function arp(): Arp {
  return changetype<Arp>(ARP_STATE);
}

/** Forgets all neighbours. */
export function resetArp(): void {
  memory.fill(ARP_STATE, 0, TABLE_OCTETS);
}

// ── Asked by egress ──────────────────────────────────────────────────────────────────────────────

/**
 * The entry of a neighbour whose MAC is known, to be passed to `neighbourMac`; NEIGHBOUR_FAILED
 * when it lately did not answer; 0 while it is being asked: `unparkFlows` will be called.
 */
export function resolve(address: u32): usize {
  let entry = changetype<Entry>(arp().lastHit);
  // An entry at address 0 is all zeros, and 0 is nobody's address.
  if (arp().lastHit == 0 || entry.address != address) {
    const found = find(address);
    if (found == 0) return ask(address);
    entry = changetype<Entry>(found);
    arp().lastHit = found;
    forgetHeader();
  }
  entry.usedAt = now();
  entry.wanted = 1;
  const state = <u32>entry.state;
  if (state == Neighbour.REACHABLE || state == Neighbour.CONFIRMING) {
    return changetype<usize>(entry);
  }
  if (state == Neighbour.FAILED) return NEIGHBOUR_FAILED;
  if (state == Neighbour.ASKING) return 0;
  enter(entry, Neighbour.CONFIRMING);
  return changetype<usize>(entry);
}

/** The neighbour that was resolved last is used once more; it is known to be there (`enter`). */
@inline export function useNeighbourAgain(time: u32): void {
  changetype<Entry>(arp().lastHit).usedAt = time;
}

/** The MAC address of an entry that `resolve` returned. */
@inline export function neighbourMac(entry: usize): u64 {
  return changetype<Entry>(entry).mac;
}

/**
 * Segments to a neighbour that `resolve` found stay without an answer: it is asked whether it is
 * there, unless it was asked within the last second (RFC 1122 §2.3.2.1 method 4, §3.3.1.4).
 */
export function doubtNeighbour(at: usize): void {
  const entry = changetype<Entry>(at);
  if (<u32>entry.state != Neighbour.REACHABLE) return;
  if (!isBefore(now(), entry.askedAt + REQUEST_INTERVAL_MS)) enter(entry, Neighbour.CONFIRMING);
}

/** The entry of an address, or 0. */
function find(address: u32): usize {
  for (let at = ENTRIES; at < ENTRIES_END; at += ENTRY_OCTETS) {
    const entry = changetype<Entry>(at);
    if (entry.address == address && entry.state != Neighbour.FREE) return at;
  }
  return 0;
}

/** Begins to ask for an address that has no entry. Always 0: it is not resolved yet. */
function ask(address: u32): usize {
  const at = evict(true);
  if (at == 0) {
    // Every entry was asked within the last second, so until then none can make room.
    arp().full = 1;
    arp().fullUntil = now() + REQUEST_INTERVAL_MS;
    armDeadline(ARP_DEADLINE, arp().fullUntil);
    return 0;
  }
  const entry = changetype<Entry>(at);
  claim(entry, address);
  entry.wanted = 1;
  enter(entry, Neighbour.ASKING);
  return 0;
}

// ── The table ────────────────────────────────────────────────────────────────────────────────────

/**
 * An entry that is free, or that can be given up: the least recently used, those that we never used
 * first. An entry asked for within the last second stays, so that eviction cannot make us ask more
 * often. Neighbours that only told us something (`used` false) push nobody out whom we use.
 */
function evict(used: bool): usize {
  let best: usize = 0;
  for (let at = ENTRIES; at < ENTRIES_END; at += ENTRY_OCTETS) {
    const entry = changetype<Entry>(at);
    if (entry.state == Neighbour.FREE) return at;
    if (entry.owed || isBefore(now(), entry.askedAt + REQUEST_INTERVAL_MS)) continue;
    if (entry.wanted && !used) continue;
    if (best == 0 || isBetterVictim(entry, changetype<Entry>(best))) best = at;
  }
  if (best != 0) release(changetype<Entry>(best));
  return best;
}

function isBetterVictim(entry: Entry, than: Entry): bool {
  if (entry.wanted != than.wanted) return entry.wanted == 0;
  return isBefore(entry.usedAt, than.usedAt);
}

/** Gives a free entry to an address. */
function claim(entry: Entry, address: u32): void {
  entry.address = address;
  entry.usedAt = now();
  entry.askedAt = now() - REQUEST_INTERVAL_MS;
  entry.wanted = 0;
}

/** Empties an entry. */
function release(entry: Entry): void {
  entry.state = <u8>Neighbour.FREE;
  setOwed(entry, 0);
  if (arp().lastHit == changetype<usize>(entry)) arp().lastHit = 0;
  forgetHeader();
}

/** Changes the state, and sets what begins with it. */
function enter(entry: Entry, state: Neighbour): void {
  forgetHeader();
  entry.state = <u8>state;
  entry.tries = 0;
  const asks = state == Neighbour.ASKING || state == Neighbour.CONFIRMING;
  setOwed(entry, asks ? 1 : 0);
  // The time of the last request must not fall so far back that it seems to lie ahead.
  const longAgo = now() - REQUEST_INTERVAL_MS;
  if (isBefore(entry.askedAt, longAgo)) entry.askedAt = longAgo;
  if (asks) {
    disturb();
    return;
  }
  let lifetime = REACHABLE_MS;
  if (state == Neighbour.STALE) lifetime = STALE_MS;
  else if (state == Neighbour.FAILED) lifetime = FAILED_MS;
  entry.deadline = now() + lifetime;
  armDeadline(ARP_DEADLINE, entry.deadline);
}

@inline function setOwed(entry: Entry, owed: u8): void {
  arp().owedCount += <u32>owed - <u32>entry.owed;
  entry.owed = owed;
}

// ── Time ─────────────────────────────────────────────────────────────────────────────────────────

/** Ends every state whose time has come and arms the deadline for the earliest one left. */
export function arpDeadlineReached(): void {
  let wake = false;
  for (let at = ENTRIES; at < ENTRIES_END; at += ENTRY_OCTETS) {
    const entry = changetype<Entry>(at);
    if (entry.state == Neighbour.FREE || entry.owed) continue;
    if (!isBefore(now(), entry.deadline) && expire(entry)) wake = true;
    if (entry.state != Neighbour.FREE && !entry.owed) armDeadline(ARP_DEADLINE, entry.deadline);
  }
  const self = arp();
  if (self.full) {
    if (isBefore(now(), self.fullUntil)) {
      armDeadline(ARP_DEADLINE, self.fullUntil);
    } else {
      self.full = 0;
      wake = true;
    }
  }
  if (wake) unparkFlows();
}

/** What the end of a state means. True when those who wait for the address may ask again. */
function expire(entry: Entry): bool {
  switch (<u32>entry.state) {
    case Neighbour.ASKING: {
      if (entry.tries < REQUEST_COUNT_MAX) {
        setOwed(entry, 1);
        return false;
      }
      count(Counter.ARP_FAILURES);
      enter(entry, Neighbour.FAILED);
      return true;
    }
    case Neighbour.CONFIRMING: {
      // The station may have got another MAC address: ask everybody.
      if (entry.tries < POLL_COUNT_MAX) setOwed(entry, 1);
      else enter(entry, Neighbour.ASKING);
      return false;
    }
    case Neighbour.REACHABLE: {
      enter(entry, Neighbour.STALE);
      return false;
    }
    default: {
      // STALE and FAILED.
      const failed = <u32>entry.state == Neighbour.FAILED;
      release(entry);
      return failed;
    }
  }
}

// ── What egress sends ────────────────────────────────────────────────────────────────────────────

/** Whether a request or a defence is to be sent. */
@inline export function isArpOwed(): bool {
  return (arp().owedCount | arp().defenceOwed) != 0;
}

/** Sends one request or the defence, when `isArpOwed`. False when the transmitter is BUSY. */
export function sendOwedArp(): bool {
  if (arp().defenceOwed) return sendDefence();
  for (let at = ENTRIES; at < ENTRIES_END; at += ENTRY_OCTETS) {
    const entry = changetype<Entry>(at);
    if (entry.owed) return sendRequest(entry);
  }
  assert(false); // owedCount counts the entries that are owed
  return true;
}

/** Asks for an entry's address: everybody, or in CONFIRMING the station itself. */
function sendRequest(entry: Entry): bool {
  const mac = <u32>entry.state == Neighbour.CONFIRMING ? entry.mac : MAC_BROADCAST;
  if (!sendArp(mac, ArpOperation.REQUEST, 0, entry.address)) return false;
  count(Counter.ARP_REQUESTS_OUT);
  entry.askedAt = now();
  ++entry.tries;
  setOwed(entry, 0);
  entry.deadline = now() + REQUEST_INTERVAL_MS;
  armDeadline(ARP_DEADLINE, entry.deadline);
  return true;
}

/** Tells everybody that our address is ours: an ARP announcement (RFC 5227 §2.4 (b)). */
function sendDefence(): bool {
  if (!sendArp(MAC_BROADCAST, ArpOperation.REQUEST, 0, interfaceAddress())) return false;
  const self = arp();
  self.defenceOwed = 0;
  self.defended = 1;
  self.defendedAt = now();
  return true;
}

// ── What ingress hears ───────────────────────────────────────────────────────────────────────────

/** Takes the ARP packet of `octets` octets at `at`; answers it at once when it asks for us. */
export function arpArrives(at: usize, octets: u32): void {
  const mac = octets < ARP_OCTETS ? 0 : arpSenderMac(at);
  if (!isArpForIpv4(at, octets) || isGroupMac(mac) || mac == 0) {
    count(Counter.DROP_ARP_MALFORMED);
    return;
  }
  const sender = arpSenderAddress(at);
  if (isLocalAddress(sender)) {
    if (mac != linkAddress()) conflictArises();
    return;
  }
  // Address 0 asks whether an address is free (an ARP probe, RFC 5227 §2.1.1): answered, not
  // learned. Nobody else has our MAC address: what went to him would come to us.
  if (mac == linkAddress() || (sender != 0 && !isUsablePeer(sender))) {
    count(Counter.DROP_ARP_MALFORMED);
    return;
  }
  const isForUs = isLocalAddress(arpTargetAddress(at));
  if (sender != 0 && isOnLink(sender)) learn(sender, mac, isForUs);
  if (isForUs && arpOperation(at) == ArpOperation.REQUEST) {
    sendArp(mac, ArpOperation.REPLY, mac, sender);
  }
}

/** RFC 826: an entry that is there is brought up to date, a new one made only if it was for us. */
function learn(address: u32, mac: u64, isForUs: bool): void {
  let at = find(address);
  if (at == 0) {
    if (!isForUs) return;
    at = evict(false);
    if (at == 0) return;
    claim(changetype<Entry>(at), address);
  }
  const entry = changetype<Entry>(at);
  const wasAwaited = <u32>entry.state == Neighbour.ASKING || <u32>entry.state == Neighbour.FAILED;
  entry.mac = mac;
  enter(entry, Neighbour.REACHABLE);
  if (wasAwaited) unparkFlows();
}

/** Another station claims our address: counted, and defended at most every 10 s (RFC 5227 §2.4). */
function conflictArises(): void {
  count(Counter.ARP_CONFLICT);
  const self = arp();
  // Once more than 2^31 ms have passed the comparison may err, which costs one defence at most.
  if (self.defended && isBefore(now(), self.defendedAt + DEFEND_INTERVAL_MS)) return;
  self.defenceOwed = 1;
}

/** Sends an ARP packet of ours to a station. False when the transmitter is BUSY. */
function sendArp(to: u64, operation: ArpOperation, targetMac: u64, targetAddress: u32): bool {
  emitArp(PACKET, operation);
  emitArpSender(PACKET, linkAddress(), interfaceAddress());
  emitArpTarget(PACKET, targetMac, targetAddress);
  return sendPacket(to, EtherType.ARP, ARP_OCTETS);
}
