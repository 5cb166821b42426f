/**
 * IPv4 and MAC addresses between their text and the numbers and octets used everywhere else:
 * 10.9.0.2 is 0x0a090002, a MAC address is six octets.
 *
 * Called by the command line, the ladder printer and tests. Never resolves names.
 */

/** Reads dotted-quad text, decimal only, no leading zeros; undefined if it is anything else. */
export function parseIpv4Address(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    address = address * 256 + Number(part);
  }
  return address;
}

/** 0x0a090002 → "10.9.0.2". */
export function formatIpv4Address(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".");
}

/** Reads "02:00:00:aa:bb:01" (or with dashes); undefined if it is anything else. */
export function parseMacAddress(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(/[:-]/), (part) => parseInt(part, 16));
}

/** Six octets → "02:00:00:aa:bb:01". */
export function formatMacAddress(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(":");
}
