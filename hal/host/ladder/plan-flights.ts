/**
 * When did the segments that change states arrive? A trace shows when a SYN or FIN passed one
 * place. But every acknowledgement tells what its sender had received when it left: from that
 * follows which SYN, FIN or last ACK was lost, and which one crossed with something else.
 *
 * Called by infer-states.ts. Other segments are taken to arrive as soon as they were seen.
 */
import { Flag, segmentLength, type TcpSegment } from "../packet/index.ts";
import type { TracedSegment } from "./connections.ts";
import type { Flight } from "./rows.ts";
import { otherSide, type Side } from "./states.ts";

/** How far ahead an acknowledgement is looked for: a bound on the work that a trace can cause. */
const LOOK_AHEAD_COUNT_MAX = 1000;

/** A segment leaving, arriving, or both at once, in the order of a ladder's rows. */
interface FlightEvent {
  traced: TracedSegment;
  flight: Flight;
  /** For a SYN: whether its receiver answered it with a SYN of its own. */
  synAnswered: boolean;
}

/** `believed`: the senders whose bad checksums are the capture's doing, not the wire's. */
export function planFlights(
  segments: readonly TracedSegment[],
  believed: Record<Side, boolean>,
): FlightEvent[] {
  const events: FlightEvent[] = [];
  const late = new Map<number, FlightEvent[]>();
  const sentEnds: Partial<Record<Side, number>> = {};
  const fins: Partial<Record<Side, TcpSegment>> = {};
  segments.forEach((traced, index) => {
    const { segment, from } = traced;
    const sound = segment.checksumOk || believed[from];
    let way: Way = sound ? wayOf(segments, index, sentEnds[from]) : { flight: "lost" };
    if (isAckOfFinLost(segments, index, fins[otherSide(from)])) way = { flight: "lost" };
    if ((segment.flags & Flag.FIN) !== 0) fins[from] = segment;
    const end = (segment.seq + segmentLength(segment)) >>> 0;
    if (((end - (sentEnds[from] ?? end)) | 0) >= 0) sentEnds[from] = end;
    const synAnswered = isSynAnswered(segments, index);
    events.push({ traced, flight: way.flight, synAnswered });
    if (way.arrivesAfter !== undefined) {
      const arrivals = late.get(way.arrivesAfter) ?? [];
      arrivals.push({ traced, flight: "arrives", synAnswered });
      late.set(way.arrivesAfter, arrivals);
    }
    events.push(...(late.get(index) ?? []));
  });
  return events;
}

interface Way {
  flight: Flight;
  /** Index of the other end's segment that it crossed with. */
  arrivesAfter?: number;
}

/** `sentEnd`: the sequence number after all that its sender had sent before. */
function wayOf(segments: readonly TracedSegment[], index: number, sentEnd?: number): Way {
  const { from, segment } = segments[index]!;
  const control = segment.flags & (Flag.SYN | Flag.FIN | Flag.RST);
  if (control !== Flag.SYN && control !== Flag.FIN) return { flight: "whole" };
  // What follows a hole is kept but not acknowledged: nothing can be told from the ACKs.
  if (sentEnd !== undefined && ((segment.seq - sentEnd) | 0) > 0) return { flight: "whole" };
  const end = (segment.seq + segmentLength(segment)) >>> 0;
  const last = Math.min(segments.length, index + LOOK_AHEAD_COUNT_MAX);
  let crossedWith: number | undefined;
  for (let at = index + 1; at < last; at++) {
    const later = segments[at]!;
    if (later.from === from) {
      if (repeats(later.segment, segment)) return { flight: "lost" };
    } else if (showsReceipt(later.segment, end)) {
      if (crossedWith === undefined) return { flight: "whole" };
      return { flight: "departs", arrivesAfter: crossedWith };
    } else {
      crossedWith = at;
    }
  }
  // The trace ends first: nothing speaks against its arrival unless something crossed with it.
  return { flight: crossedWith === undefined ? "whole" : "departs" };
}

/** An acknowledgement of the other end's FIN, after which that end sends its FIN again. */
function isAckOfFinLost(
  segments: readonly TracedSegment[],
  index: number,
  fin: TcpSegment | undefined,
): boolean {
  const { from, segment } = segments[index]!;
  if (fin === undefined || segmentLength(segment) > 0) return false;
  if (!showsReceipt(segment, (fin.seq + segmentLength(fin)) >>> 0)) return false;
  const next = segments
    .slice(index + 1, index + LOOK_AHEAD_COUNT_MAX)
    .find((later) => later.from !== from);
  return next !== undefined && (next.segment.flags & Flag.FIN) !== 0 && repeats(next.segment, fin);
}

/** Whether this is the same SYN or FIN sent again. */
function repeats(later: TcpSegment, earlier: TcpSegment): boolean {
  const control = Flag.SYN | Flag.FIN | Flag.ACK;
  const end = later.seq + segmentLength(later);
  const sameEnd = ((end - earlier.seq - segmentLength(earlier)) | 0) === 0;
  return sameEnd && (later.flags & control) === (earlier.flags & control);
}

/** Whether the sender of this segment had received everything up to `end`. */
function showsReceipt(segment: TcpSegment, end: number): boolean {
  if ((segment.flags & Flag.RST) !== 0) return true;
  return (segment.flags & Flag.ACK) !== 0 && ((segment.ack - end) | 0) >= 0;
}

function isSynAnswered(segments: readonly TracedSegment[], index: number): boolean {
  const { from, segment } = segments[index]!;
  if ((segment.flags & Flag.SYN) === 0) return false;
  return segments
    .slice(index + 1, index + LOOK_AHEAD_COUNT_MAX)
    .some((later) => later.from !== from && (later.segment.flags & Flag.SYN) !== 0);
}
