/**
 * Ethernet II framing (RFC 894): 14 octets, no FCS.
 *
 * A MAC address is a u64 whose low 48 bits are the six octets as they lie in memory, the first
 * octet lowest: it is loaded, compared and stored without a swap. Called by `netif/`. Holds no
 * state.
 */
import { swap16 } from "../core/octets";

@inline const DESTINATION: usize = 0;
@inline const SOURCE: usize = 6;
@inline const TYPE: usize = 12;
@inline export const ETHERNET_HEADER_OCTETS: u32 = 14;

@inline const MAC_MASK: u64 = 0xffff_ffff_ffff;
@inline export const MAC_BROADCAST: u64 = 0xffff_ffff_ffff;
/** The lowest bit of the first octet tells groups from stations. */
@inline const GROUP_BIT: u64 = 1;

/** Values of the type field. Anything below 1,536 would be an IEEE 802.3 length. */
export const enum EtherType {
  IPV4 = 0x0800,
  ARP = 0x0806,
}

/** The station or group that the frame is for. */
@inline export function ethernetDestination(frame: usize): u64 {
  return load<u64>(frame, DESTINATION) & MAC_MASK;
}

/** The station that sent the frame. */
@inline export function ethernetSource(frame: usize): u64 {
  return load<u64>(frame, SOURCE) & MAC_MASK;
}

/** The type field. */
@inline export function ethernetType(frame: usize): u32 {
  return swap16(load<u16>(frame, TYPE));
}

/** The MAC address at any six octets. Reads no octet beyond them. */
@inline export function macAt(at: usize): u64 {
  return <u64>load<u32>(at) | (<u64>load<u16>(at, 4) << 32);
}

/** Stores a MAC address in the six octets at `at`. */
@inline export function putMac(at: usize, mac: u64): void {
  store<u32>(at, <u32>mac);
  store<u16>(at, <u16>(mac >> 32), 4);
}

/** Whether the address names a group (multicast or broadcast) and so can be no sender's. */
@inline export function isGroupMac(mac: u64): bool {
  return (mac & GROUP_BIT) != 0;
}

/** Writes the header: two stores of eight octets, the second over the tail of the first. */
@inline export function emitEthernet(
  frame: usize,
  destination: u64,
  source: u64,
  type: EtherType,
): void {
  store<u64>(frame, destination, DESTINATION);
  store<u64>(frame, source | (<u64>swap16(type) << 48), SOURCE);
}
