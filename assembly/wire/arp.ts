/**
 * ARP for IPv4 over Ethernet (RFC 826): 28 octets after the Ethernet header.
 *
 * Called by `netif/arp.ts` and `netif/ingress.ts`. Holds no state.
 */

import { get32, put32, swap16 } from "../core/octets";
import { macAt, putMac } from "./ethernet";

@inline const HARDWARE_AND_PROTOCOL: usize = 0;
@inline const LENGTHS: usize = 4;
@inline const OPERATION: usize = 6;
@inline const SENDER_MAC: usize = 8;
@inline const SENDER_ADDRESS: usize = 14;
@inline const TARGET_MAC: usize = 18;
@inline const TARGET_ADDRESS: usize = 24;
@inline export const ARP_OCTETS: u32 = 28;

/** Ethernet (1) and IPv4 (0x0800), as the four octets lie in memory. */
@inline const ETHERNET_IPV4: u32 = 0x0008_0100;
/** Address lengths 6 and 4, likewise. */
@inline const LENGTHS_6_4: u16 = 0x0406;

export const enum ArpOperation {
  REQUEST = 1,
  REPLY = 2,
}

/**
 * Whether the packet of `octets` octets is long enough, for Ethernet and IPv4, and asks or tells.
 */
export function isArpForIpv4(at: usize, octets: u32): bool {
  if (octets < ARP_OCTETS) return false;
  if (load<u32>(at, HARDWARE_AND_PROTOCOL) != ETHERNET_IPV4) return false;
  if (load<u16>(at, LENGTHS) != LENGTHS_6_4) return false;
  const operation = arpOperation(at);
  return operation == ArpOperation.REQUEST || operation == ArpOperation.REPLY;
}

/** `ArpOperation`, once the packet has been checked. */
@inline export function arpOperation(at: usize): u32 {
  return swap16(load<u16>(at, OPERATION));
}

/** Whose address the packet tells. */
@inline export function arpSenderMac(at: usize): u64 {
  return macAt(at + SENDER_MAC);
}

/** The address that the sender says is its own. */
@inline export function arpSenderAddress(at: usize): u32 {
  return get32(at, SENDER_ADDRESS);
}

/** The address that is asked for. */
@inline export function arpTargetAddress(at: usize): u32 {
  return get32(at, TARGET_ADDRESS);
}

/** Writes operation and fixed fields; `emitArpSender` and `emitArpTarget` complete the packet. */
export function emitArp(at: usize, operation: ArpOperation): void {
  store<u32>(at, ETHERNET_IPV4, HARDWARE_AND_PROTOCOL);
  store<u16>(at, LENGTHS_6_4, LENGTHS);
  store<u16>(at, swap16(operation), OPERATION);
}

/** Writes who sends. */
export function emitArpSender(at: usize, mac: u64, address: u32): void {
  putMac(at + SENDER_MAC, mac);
  put32(at, SENDER_ADDRESS, address);
}

/** Writes who is asked or told; the MAC of a request is 0. */
export function emitArpTarget(at: usize, mac: u64, address: u32): void {
  putMac(at + TARGET_MAC, mac);
  put32(at, TARGET_ADDRESS, address);
}
