/**
 * Datagrams in pieces, and what a receiver must make of them: a reference for the reassembly of
 * RFC 791 that keeps octet after octet in a list, and shares no code or idea with the stack's.
 *
 * Called by reassembly.test.ts.
 */
import { buildFrame, IpProtocol, type Ipv4Input } from "../../hal/host/packet/index.ts";
import { LINGER, type Station } from "./link.ts";

/** A piece of a datagram: `payload` belongs at `offset`, and `more` follows or not. */
export interface Piece {
  id: number;
  offset: number;
  more: boolean;
  payload: Uint8Array;
  protocol?: number;
}

/** The frame of a fragment from a station to us. */
export function pieceFrame(from: Station, piece: Piece, ipv4: Ipv4Input = {}): Uint8Array {
  return buildFrame({
    ethernet: { source: from.mac, destination: LINGER.mac },
    ipv4: {
      source: from.address,
      destination: LINGER.address,
      protocol: piece.protocol ?? IpProtocol.ICMP,
      identification: piece.id,
      fragmentOffset: piece.offset,
      moreFragments: piece.more,
      dontFragment: false,
      payload: piece.payload,
      ...ipv4,
    },
  });
}

/** The payload of a datagram, cut at these octets, which are multiples of 8. */
export function cut(id: number, payload: Uint8Array, at: readonly number[]): Piece[] {
  const edges = [0, ...at, payload.length];
  return edges.slice(0, -1).map((offset, i) => {
    const end = edges[i + 1]!;
    return { id, offset, more: end !== payload.length, payload: payload.subarray(offset, end) };
  });
}

/** What becomes of a fragment: the counter that is raised, and the payload of the whole. */
export interface Outcome {
  counters: string[];
  whole?: Uint8Array;
}

interface Heap {
  id: number;
  octets: Map<number, number>;
  total: number | undefined;
  isVoid: boolean;
  sinceMs: number;
}

const LIFETIME_MS = 15_000;
const PAYLOAD_MAX = 1_480;

/** A receiver of ICMP fragments from one station. */
export class Reference {
  readonly #places: number;
  #heaps: Heap[] = [];

  constructor(places: number) {
    this.#places = places;
  }

  /** Lets time come to `nowMs`; the counters that this raises. */
  expire(nowMs: number): string[] {
    const old = this.#heaps.filter(({ sinceMs }) => nowMs - sinceMs >= LIFETIME_MS);
    this.#heaps = this.#heaps.filter((heap) => !old.includes(heap));
    return old.filter(({ isVoid }) => !isVoid).map(() => "REASSEMBLY_TIMEOUTS");
  }

  take(piece: Piece, nowMs: number): Outcome {
    const { id, offset, more, payload } = piece;
    const end = offset + payload.length;
    if (offset === 0 && !more) return { counters: [], whole: payload }; // no fragment at all
    if (payload.length === 0 || (more && payload.length % 8 !== 0)) {
      return { counters: ["DROP_IP_FRAGMENT"] };
    }
    let heap = this.#heaps.find((other) => other.id === id);
    if (end > PAYLOAD_MAX) {
      this.#heaps = this.#heaps.filter((other) => other !== heap);
      return { counters: ["DROP_FRAGMENT_SIZE"] };
    }
    const counters: string[] = [];
    if (heap === undefined) {
      if (this.#makeRoom()) counters.push("REASSEMBLY_EVICTED");
      heap = { id, octets: new Map(), total: undefined, isVoid: false, sinceMs: nowMs };
      this.#heaps.push(heap);
    }
    const verdict = heap.isVoid ? "CONFLICT" : compare(heap, piece);
    if (verdict !== "NEW") {
      heap.isVoid ||= verdict === "CONFLICT";
      return { counters: [...counters, `DROP_FRAGMENT_${verdict}`] };
    }
    payload.forEach((octet, i) => heap.octets.set(offset + i, octet));
    if (!more) heap.total = end;
    if (heap.octets.size !== heap.total) return { counters };
    this.#heaps = this.#heaps.filter((other) => other !== heap);
    const whole = Uint8Array.from({ length: heap.total }, (_, i) => heap.octets.get(i)!);
    return { counters: [...counters, "DATAGRAMS_REASSEMBLED"], whole };
  }

  /** Gives up a datagram if all places are taken; true if it might have become whole. */
  #makeRoom(): boolean {
    if (this.#heaps.length < this.#places) return false;
    const oldestFirst = [...this.#heaps].sort((a, b) => a.sinceMs - b.sinceMs);
    const victim = oldestFirst.find(({ isVoid }) => isVoid) ?? oldestFirst[0]!;
    this.#heaps = this.#heaps.filter((other) => other !== victim);
    return !victim.isVoid;
  }
}

function compare(heap: Heap, { offset, more, payload }: Piece): "NEW" | "DUPLICATE" | "CONFLICT" {
  const end = offset + payload.length;
  const seenEnd = Math.max(0, ...[...heap.octets.keys()].map((at) => at + 1));
  if (!more && heap.total !== undefined && heap.total !== end) return "CONFLICT";
  if (!more && heap.total === undefined && seenEnd >= end) return "CONFLICT";
  if (more && heap.total !== undefined && end >= heap.total) return "CONFLICT";
  const places = [...payload.keys()].map((i) => offset + i);
  const there = places.filter((at) => heap.octets.has(at));
  if (there.length === 0) return "NEW";
  const isCopy = places.every((at, i) => heap.octets.get(at) === payload[i]);
  return isCopy ? "DUPLICATE" : "CONFLICT";
}
