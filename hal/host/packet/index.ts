/**
 * Parsers and builders for what travels on Linger's wires, independent of the stack itself.
 *
 * Used by the ladder, the command line and tests; users may import it to look at frames.
 */
export * from "./address.ts";
export * from "./arp.ts";
export * from "./checksum.ts";
export * from "./ethernet.ts";
export * from "./frame.ts";
export * from "./icmpv4.ts";
export * from "./ipv4.ts";
export * from "./notation.ts";
export { joinOctets, type Parsed } from "./octets.ts";
export * from "./tcp-options.ts";
export * from "./tcp.ts";
