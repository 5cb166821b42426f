/**
 * One transfer frame by frame: a line for each, with what the sender thought of the network then.
 *
 * Called by the command for `--trace`. Numbers of octets are relative, so that both streams begin
 * at 0 with their SYN.
 */
import {
  Flag,
  formatFrame,
  formatSegment,
  parseFrame,
  type TcpSegment,
} from "../../hal/host/packet/index.ts";
import type { SeenFrame } from "./transfer.ts";

/** A frame as the trace's data has it. */
export interface TracedFrame extends Omit<SeenFrame, "frame"> {
  segment: string;
}

export class Tracer {
  /** ISS by sender. */
  readonly #bases = new Map<string, number>();

  describe(seen: SeenFrame): TracedFrame {
    const { frame, ...rest } = seen;
    const parsed = parseFrame(frame);
    const segment =
      parsed.tcp === undefined ? formatFrame(parsed) : this.#format(seen.from, parsed.tcp);
    return { ...rest, segment };
  }

  #format(from: SeenFrame["from"], segment: TcpSegment): string {
    if ((segment.flags & Flag.SYN) !== 0) this.#bases.set(from, segment.seq);
    const peer = from === "sender" ? "receiver" : "sender";
    const options = segment.options.filter(({ kind }) => kind !== "timestamps");
    return formatSegment(
      { ...segment, options },
      {
        seqBase: this.#bases.get(from) ?? 0,
        ackBase: this.#bases.get(peer) ?? 0,
        window: (segment.flags & Flag.ACK) !== 0,
      },
    );
  }
}

/** Data goes to the right, acknowledgements come back. */
export function formatTraced(traced: TracedFrame): string {
  const { atMs, from, segment, isLost, isRepeated, isSpurious } = traced;
  const arrow = from === "sender" ? "─►" : "◄─";
  const again = isSpurious ? "again, needlessly" : isRepeated ? "again" : "";
  const notes = [again, isLost ? "lost" : ""].filter((note) => note !== "").join(", ");
  const state = `cwnd ${traced.cwnd} ssthresh ${traced.ssthresh} rto ${traced.rtoMs}`;
  return `${String(atMs).padStart(9)} ${arrow} ${segment.padEnd(60)} ${notes.padEnd(12)} ${state}`;
}
