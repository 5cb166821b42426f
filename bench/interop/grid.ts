/**
 * The grid: SACK, timestamps, window scaling and ECN, each on and off on the kernel's side, which
 * makes 16 combinations, and the wires over which each of them is tried.
 *
 * Used by `npm run interop` and by tests/interop/kernel. The kernel's switches are those of the
 * private network that the caller runs in, and count for the connections that open while they
 * stand so.
 */
import { writeFileSync } from "node:fs";
import {
  type FrameFate,
  type Impairment,
  internetChecksum,
  type StackParameters,
} from "../../hal/host/index.ts";

/**
 * What the two ends may agree on: what of it the kernel wants. Linger offers all of it, and ECN
 * where the kernel wants it.
 */
export interface Switches {
  sack: boolean;
  timestamps: boolean;
  windowScaling: boolean;
  ecn: boolean;
}

const NAMES: Readonly<Record<keyof Switches, string>> = {
  sack: "SACK",
  timestamps: "timestamps",
  windowScaling: "window scaling",
  ecn: "ECN",
};
const KEYS = Object.keys(NAMES) as (keyof Switches)[];

/** All 16, from nothing to everything: each switch is a bit of a number. */
const COMBINATIONS: readonly Switches[] = Array.from({ length: 16 }, (_, bits) => ({
  sack: (bits & 1) !== 0,
  timestamps: (bits & 2) !== 0,
  windowScaling: (bits & 4) !== 0,
  ecn: (bits & 8) !== 0,
}));

/** "SACK, ECN", or "no option". */
export function describeSwitches(switches: Switches): string {
  return (
    KEYS.filter((key) => switches[key])
      .map((key) => NAMES[key])
      .join(", ") || "no option"
  );
}

const SYSCTLS: Readonly<Record<keyof Switches, string>> = {
  sack: "tcp_sack",
  timestamps: "tcp_timestamps",
  windowScaling: "tcp_window_scaling",
  ecn: "tcp_ecn",
};

/** How the kernel opens connections from now on. */
export function setKernelSwitches(switches: Switches): void {
  for (const key of KEYS) setKernel(SYSCTLS[key], switches[key] ? "1" : "0");
}

function setKernel(name: string, value: string): void {
  writeFileSync(`/proc/sys/net/ipv4/${name}`, value);
}

/** What must not differ from one kernel, or one connection, to the next. Call it once. */
export function prepareKernel(): void {
  setKernel("tcp_congestion_control", "reno");
  // Receive buffers that are large from the start: only a scaled window shows them.
  setKernel("tcp_rmem", "4096 1000000 6291456");
  // Nothing of an earlier connection is remembered for the next one.
  setKernel("tcp_no_metrics_save", "1");
}

/** The kernel's least retransmission timeout, which Linger takes too. */
export const RTO_MIN_MS = 200;

/** How Linger opens connections from now on. The rest it always offers. */
export function lingerParameters({ ecn }: Switches): StackParameters {
  return { rtoMinMs: RTO_MIN_MS, ecn: ecn ? "ask" : "never" };
}

/** A wire of the grid. Probabilities are per frame and direction. */
export interface GridWire {
  name: string;
  /** For tables. */
  short: string;
  loss: number;
  reorder: number;
  /** For frames that can carry it: congestion experienced (RFC 3168 §5), where others are lost. */
  mark: number;
  combinations: readonly Switches[];
  /** How often goodput is measured, for the median; odd. */
  rounds: number;
}

const NOTHING = COMBINATIONS[0]!;
const EVERYTHING = COMBINATIONS.at(-1)!;

export const GRID: readonly GridWire[] = [
  {
    name: "a clean wire",
    short: "clean",
    loss: 0,
    reorder: 0,
    mark: 0,
    combinations: COMBINATIONS,
    rounds: 5,
  },
  {
    name: "a wire that loses 1 % and reorders 5 %",
    short: "1 % lost, 5 % reordered",
    loss: 0.01,
    reorder: 0.05,
    mark: 0.01,
    combinations: COMBINATIONS,
    rounds: 1,
  },
  {
    name: "a wire that loses 5 % and reorders 5 %",
    short: "5 % lost, 5 % reordered",
    loss: 0.05,
    reorder: 0.05,
    mark: 0.01,
    combinations: [NOTHING, EVERYTHING],
    rounds: 1,
  },
];

/** One direction of a wire of the grid. Only the bad ones delay, so that frames can overtake. */
export function impairmentOf({ loss, reorder, mark }: GridWire): Impairment {
  if (loss === 0) return {};
  return { loss, reorder, reorderMs: 3, delayMs: 1, choose: markCongestion(mark) };
}

const IP_HEADER = 14;
const ECN_MASK = 3;

/**
 * What a congested router does to the frames of those who understand ECN. Counted, and for each
 * connection: of chance, one of many would be left out now and then.
 */
function markCongestion(share: number): (frame: Uint8Array) => FrameFate {
  const passed = new Map<string, number>();
  return (frame) => {
    const isIpv4 = frame[12] === 0x08 && frame[13] === 0x00;
    if (!isIpv4 || (frame[IP_HEADER + 1]! & ECN_MASK) === 0) return "pass";
    const header = frame.subarray(IP_HEADER, IP_HEADER + 4 * (frame[IP_HEADER]! & 15));
    const ports = frame.subarray(IP_HEADER + header.length, IP_HEADER + header.length + 4).join();
    const count = (passed.get(ports) ?? 0) + 1;
    passed.set(ports, count);
    if (count % Math.round(1 / share) === 0) markFrame(header);
    return "pass";
  };
}

function markFrame(header: Uint8Array): void {
  header[1]! |= ECN_MASK;
  header.fill(0, 10, 12);
  const checksum = internetChecksum(header);
  header.set([checksum >> 8, checksum & 0xff], 10);
}
