/**
 * Big-endian reads and writes on a Uint8Array, and the result type of every parser here.
 *
 * Called by the parsers and builders of this folder. Never checks bounds: its callers did.
 */

/** What a parser returns: a value, or the reason why the octets hold none. Parsers never throw. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; reason: string };

export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function malformed<T>(reason: string): Parsed<T> {
  return { ok: false, reason };
}

export function readU16(octets: Uint8Array, at: number): number {
  return (octets[at]! << 8) | octets[at + 1]!;
}

export function readU32(octets: Uint8Array, at: number): number {
  return ((readU16(octets, at) << 16) | readU16(octets, at + 2)) >>> 0;
}

export function writeU16(octets: Uint8Array, at: number, value: number): void {
  octets[at] = (value >>> 8) & 0xff;
  octets[at + 1] = value & 0xff;
}

export function writeU32(octets: Uint8Array, at: number, value: number): void {
  writeU16(octets, at, value >>> 16);
  writeU16(octets, at + 2, value & 0xffff);
}

/** One array holding the given ones back to back. */
export function joinOctets(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Text as ISO 8859-1 octets, octets as they are, nothing as none. */
export function toOctets(data: Uint8Array | string | undefined): Uint8Array {
  if (data === undefined) return new Uint8Array(0);
  return typeof data === "string" ? Uint8Array.from(Buffer.from(data, "latin1")) : data;
}
