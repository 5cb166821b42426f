/** The fuzzers of the host library: what `npm run fuzz` and the tests play beside the stack's. */
import { commandLineTarget } from "./command-line.ts";
import { datagramTarget } from "./datagram.ts";
import { framingTarget } from "./framing.ts";
import { pcapTarget } from "./pcap.ts";
import { recordingTarget } from "./recording.ts";
import { snapshotTarget } from "./snapshot.ts";
import type { HostTarget } from "./target.ts";

export const HOST_TARGETS: readonly HostTarget[] = [
  pcapTarget,
  framingTarget,
  commandLineTarget,
  datagramTarget,
  recordingTarget,
  snapshotTarget,
];
