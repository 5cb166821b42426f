/**
 * One transfer, both ways at once, seen from one end of a connection, Linger's or the kernel's.
 *
 * Called by measure.ts and, in the other network, by far-kernel.ts: times are the machine's, so
 * that those of two processes can be compared.
 */
import type { Socket } from "node:net";
import type { Connection } from "../../hal/host/index.ts";
import { octets, receiveHash, sha256 } from "./data.ts";

/** Who sends which octets. */
export const NEAR_SEED = 1;
export const FAR_SEED = 2;

/** Sends all of it and then FIN; gives what comes until the peer's. */
type End = (data: Uint8Array) => AsyncIterable<Uint8Array>;

export function socketEnd(socket: Socket): End {
  return (data) => {
    socket.end(data);
    return socket.iterator({ destroyOnReturn: false });
  };
}

export function lingerEnd(connection: Connection): End {
  return (data) => {
    // If it fails the receiving end never sees all of it, and says so.
    const sent = connection.writeAll(data).then(() => connection.closeWrite());
    sent.catch(() => undefined);
    return connection;
  };
}

/** What one side sends, made once: it takes longer than some transfers. */
const made = new Map<string, { data: Buffer; hash: string }>();

function make(seed: number, length: number): { data: Buffer; hash: string } {
  const key = `${seed} ${length}`;
  let result = made.get(key);
  if (result === undefined) {
    const data = octets(seed, length);
    made.set(key, (result = { data, hash: sha256(data) }));
  }
  return result;
}

/** Makes ready for transfers of so many octets. */
export function prepareTransfers(length: number): void {
  make(NEAR_SEED, length);
  make(FAR_SEED, length);
}

/** When the last octet from the other side had come; rejects if they are not what it sent. */
export async function transfer(end: End, length: number, seed: number): Promise<number> {
  const expected = make(seed === NEAR_SEED ? FAR_SEED : NEAR_SEED, length);
  const received = await receiveHash(end(make(seed, length).data));
  const atMs = nowMs();
  if (received.hash === expected.hash) return atMs;
  throw new Error(`${received.length} octets came that are not the ${length} that were sent`);
}

/** The machine's monotonic time. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
