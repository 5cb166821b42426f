/**
 * Sorts the frames of a trace into TCP connections: by tuple, and by incarnation of the tuple.
 *
 * Called by `linger trace` and tests. Never judges states: that is infer-states.ts.
 */
import { Flag, type Frame, parseFrame, type TcpSegment } from "../packet/index.ts";
import type { SequenceBases } from "./rows.ts";
import type { Side } from "./states.ts";

/** A frame and when it was seen, in milliseconds; fractions are kept. */
export interface TimedFrame {
  timeMs: number;
  octets: Uint8Array;
}

export interface Endpoint {
  address: number;
  port: number;
}

/** A segment of a connection as it stood in the trace. */
export interface TracedSegment {
  timeMs: number;
  /** Number of the frame in the trace, from 1 as in tshark. */
  frameNumber: number;
  from: Side;
  segment: TcpSegment;
}

export interface TracedConnection {
  /** The end that sent the first SYN, or the first segment if the trace begins later. */
  left: Endpoint;
  right: Endpoint;
  segments: TracedSegment[];
}

export interface TraceContents {
  connections: TracedConnection[];
  /** Frames that are no TCP: ARP, ICMP, fragments and the like. */
  otherCount: number;
  /** Frames that could not be read, with the first reason. */
  brokenCount: number;
  brokenReason?: string;
}

export function findConnections(frames: Iterable<TimedFrame>): TraceContents {
  const contents: TraceContents = { connections: [], otherCount: 0, brokenCount: 0 };
  const current = new Map<string, TracedConnection>();
  let frameNumber = 0;
  for (const { timeMs, octets } of frames) {
    frameNumber += 1;
    const frame = parseFrame(octets);
    if (frame.tcp !== undefined && frame.ipv4 !== undefined) {
      addSegment(contents, current, { frame, timeMs, frameNumber });
    } else if (frame.error !== undefined) {
      contents.brokenCount += 1;
      contents.brokenReason ??= `frame ${frameNumber}: ${frame.error}`;
    } else {
      contents.otherCount += 1;
    }
  }
  return contents;
}

interface SeenFrame {
  frame: Frame;
  timeMs: number;
  frameNumber: number;
}

function addSegment(
  contents: TraceContents,
  current: Map<string, TracedConnection>,
  seen: SeenFrame,
): void {
  const segment = seen.frame.tcp!;
  const ipv4 = seen.frame.ipv4!;
  const source: Endpoint = { address: ipv4.source, port: segment.sourcePort };
  const destination: Endpoint = { address: ipv4.destination, port: segment.destinationPort };
  const key = tupleKey(source, destination);
  let connection = current.get(key);
  if (connection === undefined || startsAnew(connection, sideOf(connection, source), segment)) {
    connection = beginConnection(source, destination, segment);
    current.set(key, connection);
    contents.connections.push(connection);
  }
  const { timeMs, frameNumber } = seen;
  connection.segments.push({ timeMs, frameNumber, from: sideOf(connection, source), segment });
}

/** A trace that begins with SYN,ACK was cut: the one who opened is the receiver. */
function beginConnection(
  source: Endpoint,
  destination: Endpoint,
  segment: TcpSegment,
): TracedConnection {
  const synAck = Flag.SYN | Flag.ACK;
  return (segment.flags & synAck) === synAck
    ? { left: destination, right: source, segments: [] }
    : { left: source, right: destination, segments: [] };
}

/**
 * A SYN with another ISS than that end's first one, once something else has passed, begins a new
 * incarnation. Only a repeated SYN, or the other half of a simultaneous open, belongs to the old.
 */
function startsAnew(connection: TracedConnection, from: Side, segment: TcpSegment): boolean {
  if ((segment.flags & Flag.SYN) === 0 || (segment.flags & Flag.ACK) !== 0) return false;
  const own = connection.segments.find(
    (traced) => traced.from === from && (traced.segment.flags & Flag.SYN) !== 0,
  );
  if (own !== undefined) return own.segment.seq !== segment.seq;
  return connection.segments.some((traced) => (traced.segment.flags & Flag.SYN) === 0);
}

/**
 * The numbers to print relative to: each end's ISS; where its SYN is not in the trace, the first
 * number seen of it.
 */
export function sequenceBases(segments: readonly TracedSegment[]): SequenceBases {
  return { left: baseOf(segments, "left"), right: baseOf(segments, "right") };
}

function baseOf(segments: readonly TracedSegment[], side: Side): number {
  const syn = segments.find(
    ({ from, segment }) => from === side && (segment.flags & Flag.SYN) !== 0,
  );
  if (syn !== undefined) return syn.segment.seq;
  for (const { from, segment } of segments) {
    if (from === side) return segment.seq;
    if ((segment.flags & Flag.ACK) !== 0) return segment.ack;
  }
  return 0;
}

function tupleKey(a: Endpoint, b: Endpoint): string {
  const first = `${a.address}:${a.port}`;
  const second = `${b.address}:${b.port}`;
  return first < second ? `${first} ${second}` : `${second} ${first}`;
}

function sideOf(connection: TracedConnection, source: Endpoint): Side {
  const { address, port } = connection.left;
  return source.address === address && source.port === port ? "left" : "right";
}
