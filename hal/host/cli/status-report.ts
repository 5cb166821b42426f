/**
 * What a stack says of itself: each connection's TCB and the counters that are not zero, as text.
 *
 * Called by serve, connect and run, on `--status` and on SIGUSR2, and by replay. Reads, and changes
 * nothing.
 */
import { SoftError } from "../abi.ts";
import type { Connection } from "../connection.ts";
import type { Counters } from "../module.ts";
import type { ConnectionStatus } from "../names.ts";
import type { Stack } from "../stack.ts";

/** Says on demand what a stack is doing, until it is disposed of. */
export interface StatusReporter {
  /** Writes it, if it was asked for at the end (`--status`). */
  atEnd(): void;
  dispose(): void;
}

/** The option of the commands that know this report. */
export const STATUS_OPTION = { status: { type: "boolean" } } as const;

export const STATUS_HELP =
  "  --status             say on stderr at the end what SIGUSR2 shows at any time: each\n" +
  "                       connection's TCB, and all counters that are not 0";

/**
 * Reports on SIGUSR2 from now on; Node keeps SIGUSR1 for its debugger. `connection` is shown even
 * when the module does not hold it any more.
 */
export function watchStatus(
  stack: Stack,
  isAskedAtEnd: boolean,
  connection?: Connection,
): StatusReporter {
  const report = (): void => {
    // What a dead stack's memory says is not to be trusted.
    if (stack.isClosed) return;
    const ended = connection?.isReleased === true ? [connection.status()] : [];
    process.stderr.write(formatReport(stack, ended));
  };
  process.on("SIGUSR2", report);
  return {
    atEnd: () => (isAskedAtEnd ? report() : undefined),
    dispose: () => void process.off("SIGUSR2", report),
  };
}

/** All connections, then all counters that are not 0. */
function formatReport(stack: Stack, ended: readonly ConnectionStatus[]): string {
  const statuses = [...stack.statuses(), ...ended];
  const count = `${statuses.length} connection${statuses.length === 1 ? "" : "s"}`;
  const lines = [
    `status of ${stack.address}: ${count}`,
    ...statuses.flatMap(formatTcb),
    `counters of ${stack.address}`,
    ...formatCounters(stack.counters()),
  ];
  return `${lines.join("\n")}\n`;
}

/** Those that are not 0. */
export function formatCounters(counters: Counters): string[] {
  const counted = Object.entries(counters).filter(([, value]) => value > 0);
  const width = Math.max(0, ...counted.map(([name]) => name.length));
  return counted.map(([name, value]) => `  ${name.padEnd(width)} ${value}`);
}

/** One connection, sequence numbers relative to their first, which stand beside them. */
export function formatTcb(tcb: ConnectionStatus): string[] {
  const sent = (value: number): number => (value - tcb.ISS) >>> 0;
  const received = (value: number): number => (value - tcb.IRS) >>> 0;
  const local = `${tcb.localHost}:${tcb.LOCAL_PORT}`;
  return [
    `  ${local} - ${tcb.remoteHost}:${tcb.REMOTE_PORT} ${tcb.stateName.replaceAll("_", "-")}`,
    `    SND.UNA=ISS+${sent(tcb.SND_UNA)} SND.NXT=ISS+${sent(tcb.SND_NXT)} ` +
      `SND.WND=${tcb.SND_WND} SND.MSS=${tcb.SND_MSS} ISS=${tcb.ISS} queued=${tcb.SEND_QUEUED}`,
    `    RCV.NXT=IRS+${received(tcb.RCV_NXT)} RCV.WND=${tcb.RCV_WND} ` +
      `RCV.MSS=${tcb.RCV_MSS} IRS=${tcb.IRS} queued=${tcb.RECEIVE_QUEUED}`,
    `    CWND=${tcb.CWND} SSTHRESH=${tcb.SSTHRESH} SRTT=${tcb.SRTT_MS}ms ` +
      `RTTVAR=${tcb.RTTVAR_MS}ms RTO=${tcb.RTO_MS}ms retransmits=${tcb.RETRANSMITS} ` +
      `expiries=${tcb.EXPIRIES}`,
    `    ${formatConditions(tcb).join(", ")}`,
  ];
}

function formatConditions(tcb: ConnectionStatus): string[] {
  const said = [`user timeout ${tcb.USER_TIMEOUT_MS} ms`];
  const agreed = tcb.negotiatedNames.map((name) => name.toLowerCase().replace("_", " "));
  said.push(agreed.length === 0 ? "no extensions" : `with ${agreed.join(" + ")}`);
  if (tcb.SND_SHIFT > 0) said.push(`Snd.Wind.Shift ${tcb.SND_SHIFT}`);
  if (tcb.KEEP_ALIVE > 0) {
    said.push(`keep-alive on, silent for ${tcb.SILENCE_MS} ms, ${tcb.KEEP_ALIVE - 1} probes out`);
  }
  if (tcb.SEND_CLOSED > 0) said.push("closed for sending");
  if (tcb.WRITE_BLOCKED > 0) said.push("waits for room to send");
  if (tcb.PERSISTING > 0) said.push("probes a closed window");
  if (tcb.URGENT_UNREAD > 0) said.push(`${tcb.URGENT_UNREAD} octets urgent`);
  if (tcb.SOFT_ERROR > 0) said.push(formatSoftError(tcb.SOFT_ERROR));
  if (tcb.endReasonName !== "NONE") said.push(`ended: ${tcb.endReasonName}`);
  return said;
}

function formatSoftError(error: number): string {
  if (error === SoftError.NO_NEIGHBOUR) return "the next hop does not answer ARP";
  return `ICMP type ${error >> 8} code ${error & 0xff}`;
}
