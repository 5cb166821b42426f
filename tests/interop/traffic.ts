/**
 * What the interop tests send, how they follow it, and how they wait for what must happen.
 *
 * Used on both sides of a wire: with sockets of the host, and with connections of Linger.
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { octets, receiveHash, sha256 } from "../../bench/interop/data.ts";
import type { Connection } from "../../hal/host/index.ts";

export { octets, receiveHash, sha256 } from "../../bench/interop/data.ts";

/** A promise, and what resolves it. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

/** How long anything that must happen may take before the test gives up. Far more than needed. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 5;

/** Looks again and again until what is seen pleases; fails with what was seen last. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  pleases: (seen: T) => boolean,
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let seen = await look(); !pleases(seen); seen = await look()) {
    if (performance.now() > deadline) assert.fail(`waited in vain for ${what}, saw ${seen}`);
    await sleep(LOOK_MS);
  }
}

/** How a socket ends: "CLOSED", or the error's code. Call it before it can end. */
export function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let end = "CLOSED";
    socket.once("error", (error: NodeJS.ErrnoException) => (end = error.code ?? error.message));
    socket.once("close", () => resolve(end));
  });
}

/** Everything that a socket gets until the peer's FIN; leaves the socket open. */
export function receiveAll(socket: Socket): AsyncIterable<Uint8Array> {
  return socket.iterator({ destroyOnReturn: false });
}

/**
 * So many octets each way at once between Linger and a socket of the host, each side closing when
 * it is done; both must get every octet, and Linger be told of a normal end.
 */
export async function exchange(linger: Connection, host: Socket, length: number): Promise<void> {
  const fromLinger = octets(1, length);
  const fromHost = octets(2, length);
  const sent = linger.writeAll(fromLinger).then(() => linger.closeWrite());
  host.end(fromHost);
  const [atLinger, atHost] = await Promise.all([
    receiveHash(linger),
    receiveHash(receiveAll(host)),
    sent,
  ]);
  assert.deepEqual(atLinger, { hash: sha256(fromHost), length });
  assert.deepEqual(atHost, { hash: sha256(fromLinger), length });
  assert.equal(await linger.ended, "CLOSED");
}
