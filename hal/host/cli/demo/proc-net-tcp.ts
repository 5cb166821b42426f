/**
 * The true states of the Linux kernel's connections, from /proc/net/tcp: half-open ones and those
 * in TIME-WAIT stand there as well.
 *
 * Used by kernel-end.ts and tests. Reads one file, changes nothing.
 */
import { readFileSync } from "node:fs";
import { parseIpv4Address } from "../../packet/index.ts";
import type { StateName } from "../../ladder/index.ts";

/** The kernel's numbers (include/net/tcp_states.h). */
const KERNEL_STATES: readonly StateName[] = [
  "?",
  "ESTABLISHED",
  "SYN-SENT",
  "SYN-RECEIVED",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "TIME-WAIT",
  "CLOSED",
  "CLOSE-WAIT",
  "LAST-ACK",
  "LISTEN",
  "CLOSING",
  "SYN-RECEIVED",
];

export interface KernelConnection {
  localAddress: number;
  localPort: number;
  remoteAddress: number;
  remotePort: number;
  state: StateName;
}

/** Reads the table's text; lines that are none of a connection are left out. */
export function parseProcNetTcp(text: string): KernelConnection[] {
  const found: KernelConnection[] = [];
  for (const line of text.split("\n").slice(1)) {
    const [, local = "", remote = "", state = ""] = line.trim().split(/\s+/);
    const here = parseEndpoint(local);
    const there = parseEndpoint(remote);
    if (here === undefined || there === undefined) continue;
    found.push({
      localAddress: here.address,
      localPort: here.port,
      remoteAddress: there.address,
      remotePort: there.port,
      state: KERNEL_STATES[parseInt(state, 16)] ?? "?",
    });
  }
  return found;
}

/** The state of one tuple; LISTEN if nothing but a listener holds the port, CLOSED if nothing. */
export function kernelState(
  table: readonly KernelConnection[],
  localPort: number,
  remoteHost: string,
  remotePort: number,
): StateName {
  const remoteAddress = parseIpv4Address(remoteHost);
  const exact = table.find(
    (entry) =>
      entry.localPort === localPort &&
      entry.remotePort === remotePort &&
      entry.remoteAddress === remoteAddress,
  );
  if (exact !== undefined) return exact.state;
  const listens = table.some((entry) => entry.localPort === localPort && entry.state === "LISTEN");
  return listens ? "LISTEN" : "CLOSED";
}

export function readKernelTable(): KernelConnection[] {
  return parseProcNetTcp(readFileSync("/proc/net/tcp", "latin1"));
}

/** "0100090A:0050": the address is a number in this machine's octet order, printed in hex. */
function parseEndpoint(text: string): { address: number; port: number } | undefined {
  const [, address, port] = /^([0-9A-F]{8}):([0-9A-F]{4})$/i.exec(text) ?? [];
  if (address === undefined || port === undefined) return undefined;
  const octets = Buffer.from(address, "hex");
  const value = isLittleEndian ? octets.readUInt32LE(0) : octets.readUInt32BE(0);
  return { address: value, port: parseInt(port, 16) };
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
