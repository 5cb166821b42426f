/**
 * The module's numbers and JavaScript's names: states, reasons, status blocks, addresses.
 *
 * Used by Stack, Connection and Listener.
 */
import { EndReason, Negotiated, State, StatusField } from "./abi.ts";
import { type EndReasonName, LingerError } from "./errors.ts";
import type { LingerInstance } from "./module.ts";
import { formatIpv4Address, parseIpv4Address } from "./packet/address.ts";

/** A state of RFC 9293 §3.3.2: "ESTABLISHED", "TIME_WAIT", … */
export type StateName = keyof typeof State;

/** What both SYNs agreed on: "TIMESTAMPS", "SACK", … */
export type NegotiatedName = keyof typeof Negotiated;

/** The numbers of the status block; what each says, and its unit, stands at `StatusField`. */
type StatusNumbers = {
  readonly [Name in keyof typeof StatusField as Exclude<Name, "COUNT">]: number;
};

/**
 * What STATUS answers (RFC 9293 §3.10.6; `StatusField` in `hal/README.md`), with names beside
 * numbers.
 */
export interface ConnectionStatus extends StatusNumbers {
  readonly stateName: StateName;
  /** "NONE" while the connection has not ended. */
  readonly endReasonName: EndReasonName | "NONE";
  readonly localHost: string;
  readonly remoteHost: string;
  /** What NEGOTIATED says. */
  readonly negotiatedNames: readonly NegotiatedName[];
}

function nameIn<Names extends Record<string, number>>(
  names: Names,
  value: number,
  what: string,
): keyof Names {
  for (const [name, number] of Object.entries(names)) if (number === value) return name;
  throw new LingerError("MODULE_INVALID", `the module answered ${value}, which is no ${what}`);
}

export function stateName(state: number): StateName {
  return nameIn(State, state, "state");
}

function endReasonName(reason: number): EndReasonName | "NONE" {
  return nameIn(EndReason, reason, "reason of an end");
}

/** Reads the status block at an address that `tcpStatus` gave. */
export function readStatus(instance: LingerInstance, address: number): ConnectionStatus {
  const fields: Record<string, number> = {};
  for (const [name, index] of Object.entries(StatusField)) {
    if (name !== "COUNT") fields[name] = instance.readU32(address + 4 * index);
  }
  const numbers = fields as StatusNumbers;
  return {
    ...numbers,
    stateName: stateName(numbers.STATE),
    endReasonName: endReasonName(numbers.END_REASON),
    localHost: formatIpv4Address(numbers.LOCAL_ADDRESS),
    remoteHost: formatIpv4Address(numbers.REMOTE_ADDRESS),
    negotiatedNames: negotiatedNames(numbers.NEGOTIATED),
  };
}

function negotiatedNames(bits: number): NegotiatedName[] {
  const names = Object.keys(Negotiated) as NegotiatedName[];
  return names.filter((name) => (bits & Negotiated[name]) !== 0);
}

/** "10.9.0.2" as a number. BAD_OPTION for anything else, `what` says which option. */
export function addressOption(text: string, what: string): number {
  const address = parseIpv4Address(text);
  if (address !== undefined) return address;
  throw new LingerError("BAD_OPTION", `${what}: "${text}" is not an IPv4 address`);
}

/** Checks a port, or any other integer within limits. BAD_OPTION if it is not. */
export function integerOption(value: number, low: number, high: number, what: string): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  const range = `an integer from ${low} to ${high}`;
  throw new LingerError("BAD_OPTION", `${what}: ${value} is not ${range}`);
}
