/**
 * From the 4-tuple to the TCB, half-open or TIME-WAIT record that holds it: a hash table in fixed
 * memory whose cost does not depend on the number of connections.
 *
 * The hash is keyed with a secret, so that nobody outside can choose ports that share a bucket: a
 * product with a random odd factor, of which the top bits are the most mixed (multiply-shift: two
 * given tuples share one of n buckets for at most two in n of the factors).
 * A tuple in TIME-WAIT that a fresh SYN reopens has two entries until the handshake is done; the
 * newer one, the half-open record, is found first.
 * Called by tcp/arrives, tcp/icmp-error and the pools. Listeners are found in tcp/listener.
 */
import { DEMUX_BITS } from "../config";
import { swap64 } from "../core/octets";
import { demuxMultiplier } from "../core/random";
import { Flow, flowAt, linkTo } from "./flow";

@inline const BUCKET_COUNT: u32 = 1 << DEMUX_BITS;
/** Where a flow has the link to the next one of its bucket. */
@inline const HASH_NEXT: usize = offsetof<Flow>("hashNext");
const BUCKETS: usize = memory.data(2 * BUCKET_COUNT, 8);

export function resetDemux(): void {
  memory.fill(BUCKETS, 0, 2 * BUCKET_COUNT);
}

/** The newest flow with this tuple, or null. `ports`: as in a Flow. */
@inline export function findFlow(localAddress: u32, remoteAddress: u32, ports: u32): Flow | null {
  const link = <u32>load<u16>(bucketOf(remoteAddress, ports));
  return findInChain(link, localAddress, remoteAddress, ports);
}

/** The flow with the same tuple that `flow` covers, or null: a TIME-WAIT that is being reopened. */
export function findOlderFlow(flow: Flow): Flow | null {
  return findInChain(flow.hashNext, flow.localAddress, flow.remoteAddress, flow.ports);
}

@inline function findInChain(
  link: u32,
  localAddress: u32,
  remoteAddress: u32,
  ports: u32,
): Flow | null {
  while (link != 0) {
    const flow = flowAt(link);
    if (
      flow.ports == ports &&
      flow.remoteAddress == remoteAddress &&
      flow.localAddress == localAddress
    ) {
      return flow;
    }
    link = <u32>flow.hashNext;
  }
  return null;
}

/** Enters a flow under its tuple, before older ones. */
export function insertFlow(flow: Flow): void {
  const bucket = bucketOf(flow.remoteAddress, flow.ports);
  flow.hashNext = load<u16>(bucket);
  store<u16>(bucket, <u16>linkTo(flow));
}

/** Takes a flow out; it must be in. */
export function removeFlow(flow: Flow): void {
  store<u16>(placeOf(flow), flow.hashNext);
  flow.hashNext = 0;
}

/** Puts a flow with the same tuple in the place of one that is in. */
export function replaceFlow(flow: Flow, by: Flow): void {
  store<u16>(placeOf(flow), <u16>linkTo(by));
  by.hashNext = flow.hashNext;
  flow.hashNext = 0;
}

/** Where the link that leads to a flow stands: in its bucket, or in the flow before it. */
function placeOf(flow: Flow): usize {
  const link = linkTo(flow);
  let place = bucketOf(flow.remoteAddress, flow.ports);
  for (let at = load<u16>(place); <u32>at != link; at = load<u16>(place)) {
    assert(at != 0);
    place = changetype<usize>(flowAt(at)) + HASH_NEXT;
  }
  return place;
}

/**
 * Our own address is left out of the hash: a host has few, so it would not spread anything. What is
 * hashed is the tuple as it lies in a frame, so that nothing needs to be swapped on arrival.
 */
function bucketOf(remoteAddress: u32, ports: u32): usize {
  return bucketOfRaw(swap64((<u64>remoteAddress << 32) | ports));
}

/** The bucket of a tuple in network order: the peer's address in the lower half, then ports. */
@inline export function bucketOfRaw(tuple: u64): usize {
  const hash = tuple * demuxMultiplier();
  return BUCKETS + <usize>(hash >> (64 - DEMUX_BITS)) * 2;
}
