/** The wires that come with the emulator. Exported by `hal/host/index.ts`; holds no code. */
export * from "./datagram.ts";
export * from "./impairment.ts";
export * from "./memory.ts";
export * from "./pcap.ts";
export * from "./stream.ts";
export * from "./tap.ts";
