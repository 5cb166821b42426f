/**
 * The one network interface: its MAC and IPv4 addresses, and what they say about others' addresses.
 *
 * RFC 1122 §3.2.1.3 (which addresses a host may have and hear), §3.3.1.1 (local or remote
 * decision). Set through `index`, asked by `netif/` and `socket/`. Sends nothing.
 */

import { HAS_STRAIGHT } from "../config";
import { Status } from "../core/abi";
import { swap64 } from "../core/octets";
import { unparkFlows } from "../tcp/pending";
import { forgetTemplates } from "../tcp/template";
import { forgetStation } from "./last-station";
import { forgetHeader } from "./standing-header";

@unmanaged @final class Interface {
  /** Octets in memory order, see `wire/ethernet.ts`, times 2^MAC_SHIFT; 0 until set. */
  mac: u64;
  /** 0 until set. */
  address: u32;
  /** Ones for the prefix. */
  mask: u32;
  /** 0 when there is none. */
  gateway: u32;
  /** 1 from a successful `init` on. */
  isUp: u32;
}
@inline const INTERFACE_OCTETS: usize = 24;
if (offsetof<Interface>() != INTERFACE_OCTETS) ERROR("Interface layout");
@inline const INTERFACE: usize = memory.data(<i32>INTERFACE_OCTETS, 8);

/** The straight way in compares the address with less work when it is on top of its word. */
@inline export const MAC_SHIFT: u64 = HAS_STRAIGHT ? 16 : 0;
@inline const PREFIX_LENGTH_MAX: u32 = 30;
@inline const THIS_NETWORK: u32 = 0; // 0.0.0.0/8: "this network", never on the wire
@inline const LOOPBACK_NET: u32 = 127; // RFC 1122 §3.2.1.3 (g)
@inline const FIRST_CLASS_D_NET: u32 = 224; // multicast, class E and the limited broadcast

@inline function theInterface(): Interface {
  return changetype<Interface>(INTERFACE);
}

/** Forgets all addresses; the interface is down, and nothing can be asked of the stack. */
export function resetInterface(): void {
  memory.fill(INTERFACE, 0, INTERFACE_OCTETS);
  forgetStation();
}

/** Everything else is reset: calls are welcome. */
export function bringInterfaceUp(): void {
  theInterface().isUp = 1;
}

/** Whether `init` has succeeded. */
@inline export function isInterfaceUp(): bool {
  return theInterface().isUp != 0;
}

/** What the straight ways know rests on the addresses. */
@inline function forgetStraight(): void {
  if (!HAS_STRAIGHT) return;
  forgetHeader();
  forgetStation();
  forgetTemplates();
}

/** Sets the MAC address: `high` holds its first two octets, `low` the last four. */
export function setLinkAddress(high: u32, low: u32): Status {
  if (!isInterfaceUp()) return Status.NOT_CONFIGURED;
  if (high > 0xffff) return Status.BAD_ARGUMENT;
  const mac = swap64((<u64>high << 48) | (<u64>low << 16));
  if (mac == 0 || (mac & 1) != 0) return Status.BAD_ADDRESS;
  theInterface().mac = mac << MAC_SHIFT;
  forgetStraight();
  unparkFlows(); // what waited for a way out may have one now
  return Status.OK;
}

/** Sets the IPv4 address, the prefix length (1 … 30) and the gateway on the link, or 0. */
export function setAddress(address: u32, prefixLength: u32, gateway: u32): Status {
  if (!isInterfaceUp()) return Status.NOT_CONFIGURED;
  if (prefixLength - 1 >= PREFIX_LENGTH_MAX) return Status.BAD_ARGUMENT;
  const mask = ~(<u32>0xffff_ffff >> prefixLength);
  if (!isHostAddress(address, mask)) return Status.BAD_ADDRESS;
  if (gateway != 0) {
    if (((gateway ^ address) & mask) != 0 || gateway == address) return Status.BAD_ADDRESS;
    if (!isHostAddress(gateway, mask)) return Status.BAD_ADDRESS;
  }
  const self = theInterface();
  self.address = address;
  self.mask = mask;
  self.gateway = gateway;
  forgetStraight();
  unparkFlows();
  return Status.OK;
}

/** Whether a host in a network with this mask may have the address. */
function isHostAddress(address: u32, mask: u32): bool {
  const host = address & ~mask;
  return isUnicast(address) && host != 0 && host != ~mask;
}

/** Whether the address belongs to classes A to C, but for network 0 and the loopback network. */
@inline function isUnicast(address: u32): bool {
  const net = address >> 24;
  return net != THIS_NETWORK && net != LOOPBACK_NET && net < FIRST_CLASS_D_NET;
}

/** Whether both addresses are set. */
@inline export function isConfigured(): bool {
  return theInterface().mac != 0 && theInterface().address != 0;
}

/** Our MAC address, in memory order. */
@inline export function linkAddress(): u64 {
  return theInterface().mac >> MAC_SHIFT;
}

/** The same, as eight octets that begin with a MAC are when the other two are shifted out. */
@inline export function linkAddressOnTop(): u64 {
  return theInterface().mac;
}

/** Our IPv4 address. */
@inline export function interfaceAddress(): u32 {
  return theInterface().address;
}

/** Whether the address is ours. 0 never is. */
@inline export function isLocalAddress(address: u32): bool {
  return address != 0 && address == theInterface().address;
}

/** Whether the address is a neighbour's: it lies in our network. */
@inline export function isOnLink(address: u32): bool {
  return ((address ^ theInterface().address) & theInterface().mask) == 0;
}

/**
 * Whether another host can have the address, so that a datagram may come from it or go to it (RFC
 * 9293 MUST-46, MUST-63): not unspecified, loopback, multicast, class E or broadcast, not our own.
 */
export function isUsablePeer(address: u32): bool {
  if (!isUnicast(address)) return false;
  if (!isOnLink(address)) return true;
  return isHostAddress(address, theInterface().mask) && address != theInterface().address;
}

/** The neighbour to whom a datagram for `address` is handed: 0 when there is no way. */
@inline export function nextHopOf(address: u32): u32 {
  return isOnLink(address) ? address : theInterface().gateway;
}
