/**
 * Whether what a segment acknowledges was in the capture before it: a second opinion where tshark
 * has doubts. It loses count when a retransmission also brings new data, and then takes the data
 * that follows for unseen.
 *
 * Called by capture.ts.
 */
import {
  Flag,
  parseFrame,
  readPcap,
  segmentLength,
  type TcpSegment,
} from "../../hal/host/index.ts";

/** The numbers, counted from 1, of those frames that acknowledge what was never captured. */
export function findUnseen(path: string, numbers: readonly number[]): number[] {
  if (numbers.length === 0) return [];
  const segments = readPcap(path).packets.map(({ frame }) => parseFrame(frame).tcp);
  return numbers.filter((number) => {
    const judged = segments[number - 1];
    return judged === undefined || !isSeen(judged, segments.slice(0, number - 1));
  });
}

/** Whether the other side's octets reach from its SYN to SEG.ACK without a hole. */
function isSeen(judged: TcpSegment, before: readonly (TcpSegment | undefined)[]): boolean {
  const sent = before.filter(
    (segment): segment is TcpSegment =>
      segment?.sourcePort === judged.destinationPort &&
      segment.destinationPort === judged.sourcePort,
  );
  const opening = sent.findLastIndex(({ flags }) => (flags & Flag.SYN) !== 0);
  if (opening < 0) return false;
  const origin = sent[opening]!.seq;
  const offset = (seq: number) => (seq - origin) >>> 0;
  const ranges = sent
    .slice(opening)
    .map((segment) => ({
      from: offset(segment.seq),
      to: offset(segment.seq) + segmentLength(segment),
    }))
    .sort((a, b) => a.from - b.from);
  let reached = 0;
  for (const { from, to } of ranges) if (from <= reached) reached = Math.max(reached, to);
  return offset(judged.ack) <= reached;
}
