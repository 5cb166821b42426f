/**
 * A replay as text: steps, frames, connections, and what differs.
 *
 * Called by the command and by the browser. Formats only.
 */
import { statusName } from "../../errors.ts";
import { formatFrame, formatIpv4Address, parseFrame } from "../../packet/index.ts";
import type { RecordedStep, Replay, ReplayedFrame } from "../../recording/index.ts";
import { formatTcb } from "../status-report.ts";

/** Which arguments are IPv4 addresses. */
const ADDRESSES: Readonly<Record<string, readonly number[]>> = {
  setAddress: [0, 2],
  tcpListen: [0],
  tcpConnect: [0, 2],
  tcpLookup: [0],
  pingSend: [0],
};

export function formatSeconds(timeMs: number): string {
  return (timeMs / 1000).toFixed(3);
}

/** `   12     0.205 tcpCommit(65537, 100) 100 octets → OK` */
export function formatStep(number: number, step: RecordedStep): string {
  const isAddress = (index: number): boolean => ADDRESSES[step.call]?.includes(index) === true;
  const values = step.arguments.map((value, index) =>
    isAddress(index) ? formatIpv4Address(value) : String(value),
  );
  const octets = step.data === undefined ? "" : ` ${step.data.length} octets`;
  const place = `${String(number).padStart(7)} ${formatSeconds(step.timeMs).padStart(10)}`;
  return `${place} ${step.call}(${values.join(", ")})${octets}${formatResult(step)}`;
}

/** Nothing for an answer that was not written down. */
function formatResult({ call, result, hasTrapped }: RecordedStep): string {
  if (hasTrapped) return " → trap";
  if (result === undefined) return "";
  if (call === "poll" || call === "appPoll") {
    return result === -1 ? " → never" : ` → ${result >>> 0} ms`;
  }
  return ` → ${statusName(result) ?? result}`;
}

/** `◄─ 10.9.0.1:40000 → 10.9.0.2:7 <SEQ=100><CTL=SYN>`: into the module, or out of it. */
export function formatReplayed(frame: ReplayedFrame): string {
  const arrow = frame.direction === "in" ? "◄─" : "─►";
  const busy = frame.sent ? "" : " (BUSY)";
  return `${arrow} ${formatFrame(parseFrame(frame.octets))}${busy}`;
}

/** The step that was done last, and what passed in it. */
export function formatPosition(replay: Replay): string[] {
  const { lastStep, position } = replay;
  if (lastStep === undefined) return ["before the first step"];
  const passed = replay.frames.filter(({ step }) => step === position);
  const indent = " ".repeat(19);
  return [
    formatStep(position, lastStep),
    ...passed.map((frame) => `${indent}${formatReplayed(frame)}`),
  ];
}

/** The connections at this moment; a module that has trapped has nothing to say. */
export function formatTcbs(replay: Replay): string[] {
  if (replay.hasTrapped) return ["the module has trapped: its connections are gone"];
  const tcbs = replay.statuses();
  if (tcbs.length === 0) return ["no connection"];
  return tcbs.flatMap(formatTcb);
}

/**
 * What differs first, and how; `original` is the recorded module at the same step, if it is there.
 */
export function formatDivergence(replay: Replay, original: Replay | undefined): string[] {
  const { divergence } = replay;
  if (divergence === undefined) return [];
  const lines = [`step ${divergence.step} (${divergence.call}) differs: ${divergence.what}`];
  const recorded = original?.frames.filter(({ step }) => step === divergence.step) ?? [];
  if (divergence.frame !== undefined) {
    lines.push(`  replayed: ─► ${formatFrame(parseFrame(divergence.frame))}`);
    const out = replay.frames.filter(({ step }) => step === divergence.step);
    const at = out.findIndex(({ octets }) => sameOctets(octets, divergence.frame!));
    const other = recorded[at]?.octets;
    if (other !== undefined) lines.push(`  ${firstDifference(divergence.frame, other)}`);
  }
  for (const frame of recorded) lines.push(`  recorded: ${formatReplayed(frame)}`);
  return lines;
}

function sameOctets(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function firstDifference(replayed: Uint8Array, recorded: Uint8Array): string {
  const hex = (octet: number | undefined): string =>
    octet === undefined ? "nothing" : octet.toString(16).padStart(2, "0");
  const count = Math.max(replayed.length, recorded.length);
  let at = 0;
  while (at < count && replayed[at] === recorded[at]) at++;
  return `octet ${at} of the frame is ${hex(replayed[at])} instead of ${hex(recorded[at])}`;
}
