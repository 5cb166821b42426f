/**
 * A link with Linger on it and stations that are made up: frames in, frames out, time by hand.
 *
 * Called by the tests of this folder. Answers nothing on its own.
 */
import assert from "node:assert/strict";
import { Status } from "../../hal/host/abi.ts";
import {
  ArpOperation,
  buildFrame,
  type FrameInput,
  formatFrame,
  IcmpType,
} from "../../hal/host/packet/index.ts";
import {
  type CounterName,
  Device,
  type DeviceOptions,
  type Emitted,
  LINGER_ADDRESS,
  LINGER_MAC,
  NEVER_MS,
} from "../support/device.ts";

/** Another station: its MAC and IPv4 addresses. */
export interface Station {
  readonly mac: string;
  readonly address: number;
}

export const LINGER: Station = { mac: LINGER_MAC, address: LINGER_ADDRESS };
export const GATEWAY_ADDRESS = 0x0a09_00fe;
/** A host behind the gateway. */
export const FAR_ADDRESS = 0xc633_6407;

const PEER_PORT = 80;

/** The station with this number, 1 to 253 but 2, in Linger's network 10.9.0.0/24. */
export function station(number: number): Station {
  return {
    mac: `02:00:00:00:01:${number.toString(16).padStart(2, "0")}`,
    address: 0x0a09_0000 | number,
  };
}

export class Link {
  readonly device: Device;

  constructor(options: DeviceOptions) {
    this.device = new Device({ gateway: GATEWAY_ADDRESS, ...options });
  }

  /** Hands over a frame; what came out at once. */
  receive(frame: Uint8Array): Emitted[] {
    assert.ok(this.device.receive(frame) >= 0, "the frame was refused");
    return this.device.emitted.splice(0);
  }

  /** Polls once and lets that much time pass before; what came out. */
  poll(afterMs = 0): Emitted[] {
    this.device.nowMs += afterMs;
    this.device.pollAll();
    return this.device.emitted.splice(0);
  }

  /** Sleeps as `poll` says until `ms` have passed; what came out meanwhile. */
  run(ms: number): Emitted[] {
    const end = this.device.nowMs + ms;
    const emitted: Emitted[] = [];
    for (;;) {
      const sleepMs = this.device.pollAll();
      emitted.push(...this.device.emitted.splice(0));
      const next = sleepMs === NEVER_MS ? end : this.device.nowMs + sleepMs;
      if (next > end || this.device.nowMs >= end) break;
      this.device.nowMs = next;
    }
    this.device.nowMs = end;
    return emitted;
  }

  /** An ARP request of a station for an address, ours unless given. */
  arpRequest(from: Station, targetAddress = LINGER.address, input: FrameInput = {}): Emitted[] {
    return this.receive(
      buildFrame({
        ethernet: { source: from.mac, ...input.ethernet },
        arp: { senderMac: from.mac, senderAddress: from.address, targetAddress, ...input.arp },
      }),
    );
  }

  /** An ARP reply of a station to us. */
  arpReply(from: Station, input: FrameInput = {}): Emitted[] {
    return this.receive(
      buildFrame({
        ethernet: { source: from.mac, destination: LINGER.mac, ...input.ethernet },
        arp: {
          operation: ArpOperation.REPLY,
          senderMac: from.mac,
          senderAddress: from.address,
          targetMac: LINGER.mac,
          targetAddress: LINGER.address,
          ...input.arp,
        },
      }),
    );
  }

  /** A datagram of a station to us, an echo request unless said otherwise. */
  datagram(from: Station, input: FrameInput = {}): Emitted[] {
    return this.receive(datagramFrame(from, input));
  }

  /** Runs something and says by how much it raised a counter. */
  counted(name: CounterName, run: () => void): number {
    const before = this.device.counter(name);
    run();
    return this.device.counter(name) - before;
  }

  ping(address: number, sequence = 1, octets = 32): number {
    return this.device.call("pingSend", address, sequence, octets);
  }

  pingTake(): number {
    return this.device.call("pingTake");
  }

  /** Has something to send to an address, in every build: the SYN of a connection. */
  connect(address: number): number {
    const handle = this.device.call("tcpConnect", address, PEER_PORT, 0, 0);
    assert.ok(handle > 0, `tcpConnect: ${handle}`);
    return handle;
  }

  /** Has no more to send there. */
  drop(handle: number): void {
    assert.equal(this.device.call("tcpAbort", handle), Status.OK);
    assert.equal(this.device.call("tcpRelease", handle), Status.OK);
  }
}

/** An echo request of a station to us, or what `input` makes of it. */
export function datagramFrame(from: Station, input: FrameInput = {}): Uint8Array {
  const transport = input.tcp === undefined ? { icmp: ECHO_REQUEST } : {};
  return buildFrame({
    ...transport,
    ...input,
    ethernet: { source: from.mac, destination: LINGER.mac, ...input.ethernet },
    ipv4: { source: from.address, destination: LINGER.address, ...input.ipv4 },
  });
}

/** The stations to which a SYN went. */
export function synsOf(emitted: readonly Emitted[]): string[] {
  return emitted
    .filter(({ frame }) => frame.tcp !== undefined)
    .map(({ frame }) => frame.ethernet!.destination);
}

const ECHO_REQUEST = { type: IcmpType.ECHO_REQUEST, identifier: 7, sequence: 1, payload: "abc" };

/** The ARP packets among frames, in words: who asks or tells what, and whom. */
export function arpOf(emitted: readonly Emitted[]): string[] {
  return emitted
    .filter(({ frame }) => frame.arp !== undefined)
    .map(({ frame: { arp, ethernet } }) => {
      const verb = arp!.operation === ArpOperation.REQUEST ? "asks for" : "tells";
      return `${verb} ${format(arp!.targetAddress)} to ${ethernet!.destination}`;
    });
}

function format(address: number): string {
  return address === LINGER.address ? "Linger" : `.${address & 0xff}`;
}

/** All frames in words, for messages. */
export function describeFrames(emitted: readonly Emitted[]): string {
  return emitted.map(({ frame }) => formatFrame(frame)).join("\n");
}
