/**
 * What is sent, and how it is compared: octets that a seed gives, and their hashes.
 *
 * Used by `npm run interop` and by tests/interop, on both sides of a wire.
 */
import { createCipheriv, createHash } from "node:crypto";

/** Octets that look random and are the same for a seed. */
export function octets(seed: number, length: number): Buffer {
  const key = Buffer.alloc(16, seed);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

export function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Everything that comes until the peer's FIN, as its hash and length. */
export async function receiveHash(
  source: AsyncIterable<Uint8Array>,
): Promise<{ hash: string; length: number }> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    length += chunk.length;
  }
  return { hash: hash.digest("hex"), length };
}
